"""The benchmark: our handler beside those that people use today.

    bench/run.py                        everything; writes bench/results/
    bench/run.py --quick                one short run of a few cells
    bench/run.py --only https,0ms,64    only what has these words
    bench/run.py --runs 3 --seconds 1   fewer or shorter runs
    bench/run.py --part load            load, bucket, readers (any of them)
    bench/run.py --out DIR              where results go
    bench/run.py --folder DIR           where stores and sockets go; the disk
                                        under it is measured, too

Words of --only: http, https, 0ms, 20ms, 150ms, 1, 64, 512 (in flight), 1msg,
20msg (messages an event), and names of handlers: ours php php1 node go floor
nothing. Within one kind they are alternatives.

Part "load": every handler behind the same nginx, against the same stand-in
portal, in rounds: each round runs every cell once, within a cell one handler
after the other, in an order that rotates. Part "bucket": a portal that enforces
Bitrix24's limit. Part "readers": our parsers alone.

Without --quick, --only and --part results go to bench/results, else to
build/bench/results.
"""

import argparse
import dataclasses
import json
import subprocess
import sys
import time

import report
from world import BUILD, HERE, TITLES, World, compile_all

HANDLERS = list(TITLES)
SETTLE = 5.0            # seconds that a handler has to finish behind answers


@dataclasses.dataclass(frozen=True)
class Cell:
    """One row of the matrix."""

    scheme: str
    ms: int
    in_flight: int
    messages: int

    def words(self):
        """What --only can ask for: one alternative of each kind."""
        return {"scheme": self.scheme, "ms": f"{self.ms}ms",
                "in_flight": str(self.in_flight),
                "messages": f"{self.messages}msg"}

    def handlers(self):
        """Who is measured in this cell."""
        if self.in_flight > 64:
            return ["ours", "go"]
        names = ["ours", "php", "node", "go", "floor"]
        if self.scheme == "https":      # the CA file matters there only
            names.insert(2, "php1")
        elif self.ms == 0:              # it never sees the portal
            names.append("nothing")
        return names


CELLS = [Cell(s, ms, n, m) for s in ("http", "https") for ms in (0, 20, 150)
         for n in (1, 64) for m in (1, 20)] + \
        [Cell(s, 150, 512, 1) for s in ("http", "https")]
QUICK = [Cell("http", 0, 64, 1), Cell("https", 20, 64, 1)]


def select(cells, words):
    """The cells and handlers that the words of --only ask for."""
    known = {w: kind for c in CELLS for kind, w in c.words().items()}
    known.update({h: "handler" for h in HANDLERS})
    asked = {}
    for word in words:
        if word not in known:
            sys.exit(f"run.py: --only knows no {word!r}")
        asked.setdefault(known[word], set()).add(word)
    handlers = asked.pop("handler", set(HANDLERS))
    return [c for c in cells if all(c.words()[k] in v
                                    for k, v in asked.items())], handlers


def difference(after, before):
    """What the portal saw in between."""
    out = {k: after[k] - before[k]
           for k in ("connections", "handshakes", "broken")}
    out["buckets"] = [{k: a[k] - b[k] for k in a} for a, b in
                      zip(after["buckets"], before["buckets"])]
    return out


def finish(process, world, messages):
    """The load generator's line; its ids are used up."""
    text, _ = process.communicate()
    if process.returncode != 0:
        raise RuntimeError("the load generator failed")
    result = json.loads(text)
    world.next_id += result["begun"] * messages
    return result


def settle(world, before, messages):
    """Waits until the portal heard of so many, or of nothing more."""
    end = time.monotonic() + SETTLE
    seen, since = -1, time.monotonic()
    while time.monotonic() < end:
        now = world.stats()["buckets"][0]["messages"]
        if now - before["buckets"][0]["messages"] >= messages:
            break
        if now != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since > 1.0:
            break
        time.sleep(0.02)


def start_load(world, name, cell, seconds, **more):
    """One handler under the load of a cell."""
    path = f"d{cell.ms}"
    return world.load(
        name, world.endpoint(cell.scheme, path), in_flight=cell.in_flight,
        messages=cell.messages, seconds=seconds, grace=60, **more,
        query=f"{cell.scheme}/{path}/{cell.messages}"
        if name == "floor" else "")


def measure(world, name, cell, seconds):
    """One run."""
    # warms up; PHP keeps nothing from one event to the next
    finish(start_load(world, name, cell, 0.1, limit=8 if name.startswith("php")
                      else cell.in_flight * 2), world, cell.messages)
    if name == "ours":
        time.sleep(0.1)
    before, cpu = world.stats(), world.cpu(name)
    portal_cpu, start = world.cpu("portal"), time.monotonic()
    process = start_load(world, name, cell, seconds)
    pss = []
    for part in (0.5, 0.8):
        try:
            process.wait(max(0, start + part * seconds - time.monotonic()))
        except subprocess.TimeoutExpired:
            pss.append(world.pss(name))
    result = finish(process, world, cell.messages)
    portal_share = (world.cpu("portal") - portal_cpu) / \
        (time.monotonic() - start)
    sent = result["begun"] * cell.messages
    if name == "ours":
        settle(world, before, sent)
    cpu = world.cpu(name) - cpu
    seen = difference(world.stats(), before)
    good = sum(n for status, n in result["status"].items()
               if status in ("200", "202"))
    return {
        **result, "handler": name, **dataclasses.asdict(cell),
        "rate": good / result["seconds"] if good else 0.0,
        "bad": result["begun"] - good,
        "queued": result["status"].get("202", 0),
        "cpu": cpu / result["begun"] if result["begun"] else 0.0,
        "pss": max(pss, default=0),
        "calls": seen["buckets"][0]["calls"] / sent if sent else 0.0,
        "told": seen["buckets"][0]["messages"], "sent": sent,
        "distinct": seen["buckets"][0]["distinct"],
        "connections": seen["connections"],
        "portal_share": portal_share,
    }


def part_load(options, cells, handlers, runs):
    """Every cell, in rounds; what was measured is added to `runs`."""
    started = time.monotonic()
    wide = any(c.in_flight > 64 for c in cells)
    names = {h for c in cells for h in c.handlers()} & handlers
    for group in [[c for c in cells if c.in_flight <= 64]] + \
            ([[c for c in cells if c.in_flight > 64]] if wide else []):
        used = [h for h in HANDLERS if h in names and
                any(h in c.handlers() for c in group)]
        if not group or not used:
            continue
        with World(used, max(c.in_flight for c in group),
                   options.folder) as world:
            for name in used:
                if name != "nothing":   # the first of all is the slowest
                    measure(world, name, dataclasses.replace(
                        group[0], in_flight=min(8, group[0].in_flight)), 0.2)
            for turn in range(options.runs):
                for at, cell in enumerate(group):
                    order = [h for h in cell.handlers() if h in used]
                    shift = (turn + at) % len(order) if order else 0
                    for name in order[shift:] + order[:shift]:
                        runs.append({**measure(world, name, cell,
                                               options.seconds),
                                     "turn": turn})
                    if dead := world.dead():
                        raise RuntimeError(f"ended by itself: {dead}")
                print(f"round {turn + 1} of {options.runs}, "
                      f"{time.monotonic() - started:.0f} s", flush=True)


def part_bucket(options, handlers):
    """All handlers at once, each with a bucket of its own: it is no load."""
    names = [h for h in ("ours", "php", "node", "go") if h in handlers]
    seconds, rate = options.bucket_seconds, options.bucket_rate
    limits = {"burst": 50, "rate": 2, "calls_in_flight": 2}
    with World(names, 64, options.folder, limits) as world:
        loads, start = {}, time.monotonic()
        for number, name in enumerate(names, 1):
            loads[name] = world.load(
                name, world.endpoint("http", f"d20b{number}"), in_flight=64,
                messages=1, seconds=seconds, rate=rate, grace=70)
            world.next_id += int(seconds * rate) + 100
        series = []
        while time.monotonic() - start < seconds * 1.5:
            stats = world.stats()
            series.append([time.monotonic() - start] +
                          [stats["buckets"][n]["distinct"]
                           for n in range(1, len(names) + 1)])
            time.sleep(0.5)
        out = {"seconds": seconds, "rate": rate, "names": names,
               "series": series, "handlers": {}}
        stats = world.stats()
        for number, name in enumerate(names, 1):
            text, _ = loads[name].communicate()
            out["handlers"][name] = {**json.loads(text),
                                     **stats["buckets"][number]}
    return out


def part_readers(options):
    """The parsers alone."""
    compile_all(BUILD / "bench", [])
    done = subprocess.run(
        [BUILD / "bench" / "readers", str(options.megabytes),
         str(options.runs)], check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def arguments():
    """The command line, with what --quick means filled in."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--part", default="")
    parser.add_argument("--runs", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--bucket-seconds", type=float)
    parser.add_argument("--bucket-rate", type=float, default=20)
    parser.add_argument("--megabytes", type=int)
    parser.add_argument("--folder")
    parser.add_argument("--out")
    o = parser.parse_args()
    whole = not (o.quick or o.only or o.part)
    o.runs = o.runs or (1 if o.quick else 5)
    o.seconds = o.seconds or (0.4 if o.quick else 1.2)
    o.bucket_seconds = o.bucket_seconds or (4 if o.quick else 60)
    o.megabytes = o.megabytes or (10 if o.quick else 100)
    o.out = o.out or (HERE / "results" if whole
                      else BUILD / "bench" / "results")
    o.parts = o.part.split(",") if o.part else \
        ["load"] if o.only or o.quick else ["load", "bucket", "readers"]
    if unknown := set(o.parts) - {"load", "bucket", "readers"}:
        parser.error(f"no such part: {unknown.pop()}")
    return o


def main():
    """Runs what was asked for and writes the report."""
    o = arguments()
    words = [w for w in o.only.split(",") if w]
    cells, handlers = select(QUICK if o.quick and not o.only else CELLS,
                             words)
    result = {"machine": report.machine(o.folder), "runs": o.runs,
              "seconds": o.seconds, "titles": TITLES}
    started = time.monotonic()
    try:
        if "load" in o.parts:
            result["load"] = []
            part_load(o, cells, handlers, result["load"])
        if "bucket" in o.parts:
            result["bucket"] = part_bucket(o, handlers)
        if "readers" in o.parts:
            result["readers"] = part_readers(o)
    finally:        # half an hour's figures are worth keeping
        result["took"] = time.monotonic() - started
        page = report.write(result, o.out)
    print(page)


if __name__ == "__main__":
    main()
