"""How long events wait while an older store is taken over.

    bench/upgrade.py [--messages 1000000] [--rate 500] [--seconds 10]
                     [--lives] [--folder DIR] [--program FILE]

Makes a store of the version before with so many messages in every state, and
stores events at that rate while it is taken over; then, for --seconds, into
the store that came of it. Prints both, with the longest an event waited, and
what is left of the old tables. --lives: a process of that version lives until
all is taken over that can be. The program is bench/upgrade.c, built as
build/bench/upgrade by make build/bench/upgrade.
"""

import argparse
import contextlib
import json
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "lib"))

import older  # noqa: E402  pylint: disable=wrong-import-position,import-error


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--messages", type=int, default=1000000)
    parser.add_argument("--rate", type=float, default=500)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--lives", action="store_true")
    parser.add_argument("--folder")
    parser.add_argument("--program", default=HERE.parent / "build" / "bench" /
                        "upgrade")
    return parser.parse_args()


def measure(o, name, path):
    """One run of the program."""
    done = subprocess.run(
        [o.program, path, str(int(1e6 / o.rate)), str(o.seconds)],
        check=True, stdout=subprocess.PIPE, text=True)
    result = json.loads(done.stdout)
    print(f"{name:28} {result['events']:7} events, waits in ms: median "
          f"{result['median_us'] / 1000:.2f}, 99 % "
          f"{result['p99_us'] / 1000:.2f}, longest "
          f"{result['longest_us'] / 1000:.1f}; {result['looks']} looks, "
          f"longest {result['longest_look_us'] / 1000:.1f}; "
          f"opened in {result['open_us'] / 1000:.0f}, taken over in "
          f"{result['took_ms'] / 1000:.1f} s", flush=True)


def look(path):
    """What became of it."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        counts = {t: db.execute(f"SELECT count(*) FROM {t}").fetchone()[0]
                  for t in ("queue", "refused", "seen")}
        tally = dict(db.execute("SELECT name, n FROM tally"))
    print(f"version {version}, rows {counts}, tally {tally}", flush=True)


def main():
    """See the head of this file."""
    o = arguments()
    with tempfile.TemporaryDirectory(dir=o.folder) as folder:
        path = pathlib.Path(folder) / "queue.db"
        begun = time.monotonic()
        with contextlib.closing(older.make(path)) as db:
            older.fill(db, o.messages)
        print(f"{o.messages} messages, {path.stat().st_size >> 20} MiB, made "
              f"in {time.monotonic() - begun:.0f} s", flush=True)
        if o.lives:
            with older.Process(path):
                measure(o, "beside an older process", path)
            look(path)
        measure(o, "while it is taken over", path)
        look(path)
        measure(o, "afterwards", path)


if __name__ == "__main__":
    main()
