"""The benchmark: our handler beside those that people use today.

    bench/run.py                        everything; writes bench/results/
    bench/run.py --quick                one short run of a few cells
    bench/run.py --only https,0ms,64    only what has these words
    bench/run.py --runs 3 --seconds 1   fewer or shorter runs
    bench/run.py --part cold,large      some parts; --quick shortens them, too
    bench/run.py --bucket-rate 100      events a second of the bucket part
    bench/run.py --out DIR              where results go
    bench/run.py --folder DIR           where stores and sockets go; the disk
                                        under it is measured, too

Words of --only: http, https, 0ms, 20ms, 150ms, 1, 64, 512 (in flight), 1msg,
20msg (messages an event), and names of handlers: ours ours2 php php1 node go
floor floor2 nothing. Within one kind they are alternatives.

Parts: "load", every handler behind the same nginx, against the same stand-in
portal, in rounds: each round runs every cell once, within a cell one handler
after the other, in an order that rotates. "keepalive": FastCGI connections
that are kept and that are not. "cold": plain CGI. "bucket": a portal that
enforces Bitrix24's limit. "large": events of many messages. "readers": our
parsers alone.

Without --quick, --only and --part results go to bench/results, else to
build/bench/results. They are written after each part, too, and when the run
is interrupted. Ends with 1 if a part failed; the others are run nevertheless.
"""

import argparse
import signal
import sys
import time
import traceback

import machine
import matrix
import parts
import report
from programs import BUILD, HERE
from world import TITLES

PARTS = ["load", "keepalive", "cold", "bucket", "large", "readers"]


def arguments():
    """The command line, with what --quick means filled in."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--part", default="")
    parser.add_argument("--runs", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--cold-runs", type=int)
    parser.add_argument("--bucket-seconds", type=float)
    parser.add_argument("--bucket-rate", type=float, default=150)
    parser.add_argument("--megabytes", type=int)
    parser.add_argument("--folder")
    parser.add_argument("--out")
    o = parser.parse_args()
    whole = not (o.quick or o.only or o.part)
    o.runs = o.runs or (1 if o.quick else 5)
    o.seconds = o.seconds or (0.4 if o.quick else 1.0)
    o.cold_runs = o.cold_runs or (5 if o.quick else 25)
    o.bucket_seconds = o.bucket_seconds or (6 if o.quick else 60)
    o.megabytes = o.megabytes or (10 if o.quick else 100)
    o.out = o.out or (HERE / "results" if whole
                      else BUILD / "bench" / "results")
    o.parts = o.part.split(",") if o.part else \
        ["load"] if o.only or o.quick else PARTS
    if unknown := set(o.parts) - set(PARTS):
        parser.error(f"no such part: {unknown.pop()}")
    return o


def run_part(name, options, result, save):
    """One part; what it found is added to the result."""
    words = [w for w in options.only.split(",") if w]
    cells, handlers = matrix.select(
        matrix.QUICK if options.quick and not words else matrix.CELLS, words)
    if name == "load":
        matrix.part_load(options, cells, handlers,
                         result.setdefault("load", []), save)
    elif name in ("bucket", "large"):
        result[name] = getattr(parts, name)(options, handlers)
    else:
        result[name] = getattr(parts, name)(options)


def main():
    """Runs what was asked for and writes the report."""
    o = arguments()
    result = {"machine": machine.describe(o.folder), "runs": o.runs,
              "seconds": o.seconds, "titles": TITLES, "errors": {}}
    started = time.monotonic()

    def save():     # half an hour's figures are worth keeping
        result["took"] = time.monotonic() - started
        return report.write(result, o.out)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        for name in (p for p in PARTS if p in o.parts):
            print(f"{name}, after {time.monotonic() - started:.0f} s",
                  flush=True)
            try:
                run_part(name, o, result, save)
            except Exception as e:      # the other parts can still be run
                traceback.print_exc()
                result["errors"][name] = f"{type(e).__name__}: {e}"
            save()
    finally:
        page = save()
    print(page)
    return 1 if result["errors"] else 0


if __name__ == "__main__":
    sys.exit(main())
