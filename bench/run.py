"""The benchmark: our handler beside those that people use today.

    make bench                          all cells, medians of 5 (15 minutes)
    make bench CELLS="https64 many"     some of them; report.py lists them all
    make bench SHORT=1                  each once and for a moment: to try it
    make bench OLD=REVISION             that version of ours beside this one,
                                        in the cell "memory"

or bench/run.py [CELL]... [--short] [--old PROGRAM] [--runs N] [--seconds S]
[--only HANDLER,...] [--folder DIR]; stores are in DIR, so on the disk that is
to be measured.

In a cell all handlers run behind the same web server, against the same
stand-in portal, one after the other in an order that rotates, and that so many
times. What is shown is the median. Raw figures, the page and the pictures go
to build/bench; a run of all cells that is not short puts page and pictures in
bench/ as well. Ends with 1 if a cell failed; the others are run nevertheless.
"""

import argparse
import dataclasses
import heapq
import json
import signal
import sys
import time
import traceback

import report
from world import BUILD, HANDLERS, HERE, LIMITS, MEMBER, World

PORTALS = 1000
RATE = 240      # events a second in "limit": more than the limit lets through


@dataclasses.dataclass
class Cell:
    """What is measured under the same conditions."""

    handlers: list
    scheme: str = "https"
    ms: int = 0
    in_flight: int = 64
    seconds: float = 2.0
    kind: str = "load"


CELLS = {
    "limit": Cell(["limit", "go", "node", "php"], "http", 20, 2000, 20,
                  "limit"),
    "https64": Cell(["ours", "logged", "go", "node", "php", "php-debian",
                     "floor"]),
    "http64": Cell(["ours", "go", "node", "php", "floor"], "http"),
    "https1": Cell(["ours", "go", "floor2"], in_flight=1),
    "http1": Cell(["ours", "go", "floor2"], "http", in_flight=1),
    "away512": Cell(["batch", "calls8", "go"], ms=150, in_flight=512,
                    seconds=3),
    "many": Cell(["limit", "go", "php"], ms=150, in_flight=512, seconds=10,
                 kind="many"),
    "channel": Cell(["channel"], in_flight=256),
    "spool": Cell(["ours", "spool"]),
    "processes": Cell(["ours", "two", "four"]),
    "fcgid": Cell(["fcgid", "floor-fcgid", "php-apache"], in_flight=32),
    "proxy": Cell(["ours", "proxy"]),
    "million": Cell(["ours", "waiting"], kind="million"),
    "memory": Cell(["ours", "old"], ms=150),
}


def path(cell, world, name):
    """The portal's path for a handler, which has a group of its own."""
    return f"d{cell.ms}g{world.names.index(name)}"


def finish(process, world):
    """The load generator's line; its ids are used up."""
    text, _ = process.communicate()
    if process.returncode != 0:
        raise RuntimeError("the load generator failed")
    result = json.loads(text)
    world.next_id += result["begun"]
    return result


def settle(world, group, before, messages, seconds=10):
    """Waits until the portal heard of so many, or of nothing more."""
    end, seen, since = time.monotonic() + seconds, -1, 0
    while (now := time.monotonic()) < end:
        told = world.stats(group)["messages"] - before["messages"]
        if told >= messages or (told == seen and now - since > 1.0):
            return
        if told != seen:
            seen, since = told, now
        time.sleep(0.02)


def measure(cell, world, name, seconds, turn):
    """One run of one handler; the first half second is to warm up."""
    ours = "kind" not in HANDLERS[name]
    group = world.names.index(name)
    options = {"in_flight": cell.in_flight, "grace": 60}

    def begin(turn, **more):
        endpoint = world.endpoint(cell.scheme, path(cell, world, name))
        if cell.kind == "many":     # new portals, whose buckets are empty
            endpoint = world.endpoint(cell.scheme, path(
                cell, world, name) + f"b{10 * turn + group}@@@@",
                "p@@@@.bench.localhost")
            more.update(member=f"{MEMBER[:-6]}{turn:02}@@@@",
                        portals=PORTALS)
        return world.load(name, endpoint, **{**options, **more})
    before = world.stats(group)
    # the floor's threads keep a connection each, and PHP keeps nothing
    warm = finish(begin(99, seconds=0.5, limit=2 if "php" in name else
                        512), world)
    if ours:
        settle(world, group, before, warm["begun"])
    before, used = world.stats(group), world.used(name)
    start = time.monotonic()
    process, pss = begin(turn, seconds=seconds), []
    for part in (0.5, 0.8):
        time.sleep(max(0, start + part * seconds - time.monotonic()))
        pss.append(world.pss(name))
    result = finish(process, world)
    lasted, begun = result["seconds"], result["begun"]
    if ours:
        settle(world, group, before, begun)
        if result["status"].get("202"):     # not done when it answered
            lasted = max(lasted, time.monotonic() - start)
    used = {k: (v - used[k]) / begun for k, v in world.used(name).items()}
    seen = {k: v - before[k] for k, v in world.stats(group).items()}
    # the floor tells of one message only, again and again
    told = "calls" if HANDLERS[name].get("kind") == "floor" else "distinct"
    return {**result, **used, "rate": seen[told] / lasted,
            "pss": max(pss), "calls": seen["calls"] / begun,
            "queued": result["status"].get("202", 0) / begun,
            "refused": seen["refused"], "untold": begun - seen[told]}


def limit(cell, world, seconds, turn):
    """All handlers at once, each with a portal's bucket: it is no load."""
    loads, before = {}, world.stats()["groups"]
    for name in world.names:
        group = world.names.index(name)
        loads[name] = world.load(
            name, world.endpoint(cell.scheme, path(cell, world, name) +
                                 f"b{10 * turn + group}"),
            in_flight=cell.in_flight, seconds=seconds, rate=RATE, grace=60,
            member=f"{MEMBER[:-2]}{turn:02}")
        world.next_id += int(seconds * RATE) + 100
    start, series = time.monotonic(), []
    while (at := time.monotonic() - start) < seconds:
        series.append([at, *(g["distinct"] - b["distinct"] for g, b in zip(
            world.stats()["groups"], before))])
        time.sleep(0.25)
    # what is left of the burst is gone after a quarter
    rows = [r for r in series if r[0] > seconds / 4]
    for at, name in enumerate(world.names):
        result = json.loads(loads[name].communicate()[0])
        if name == "limit":
            settle(world, at, before[at], result["begun"], 20)
        seen = {k: v - before[at][k] for k, v in world.stats(at).items()}
        yield name, {
            **result, "rate": (rows[-1][at + 1] - rows[0][at + 1]) /
            (rows[-1][0] - rows[0][0]), "refused": seen["refused"],
            "calls": seen["calls"] / max(1, seen["distinct"]),
            "untold": result["begun"] - seen["distinct"]}


def allowed(seconds, in_flight, ms):
    """Messages a second that the limits of many portals allow: to a handler
    that costs no time, has two calls to a portal on their way, as by default,
    and calls as soon as it may, with all that waits."""
    share = [1 / (k + 1) for k in range(PORTALS)]
    deal = [(1 / s, k) for k, s in enumerate(share)]    # who is next
    at = [{"level": 0.0, "at": 0.0, "waits": 0, "due": False, "on": 0}
          for _ in share]
    todo, told, last = [], 0, 0.0       # (when, portal, messages answered)

    def due(when, k):
        if at[k]["waits"] and not at[k]["due"]:
            at[k]["due"] = True
            heapq.heappush(todo, (when, k, 0))

    def arrive(now):
        when, k = deal[0]
        heapq.heapreplace(deal, (when + 1 / share[k], k))
        at[k]["waits"] += 1
        due(now, k)
    for _ in range(in_flight):
        arrive(0.0)
    while todo:
        now, k, answered = heapq.heappop(todo)
        p = at[k]
        if answered:
            p["on"], told, last = p["on"] - 1, told + answered, now
            due(now, k)
            for _ in range(answered if now < seconds else 0):
                arrive(now)
            continue
        p["due"] = False
        p["level"] = max(0.0, p["level"] - (now - p["at"]) * LIMITS["rate"])
        p["at"] = now
        if p["on"] == 2:
            continue
        if (over := p["level"] + 1 - LIMITS["burst"]) > 1e-9:
            due(now + over / LIMITS["rate"], k)
            continue
        n = min(p["waits"], 100)
        p["level"], p["waits"], p["on"] = p["level"] + 1, p["waits"] - n, \
            p["on"] + 1
        heapq.heappush(todo, (now + ms / 1000, k, n))
        due(now, k)
    return told / last


def fill(world, name, n):
    """So many messages wait in its store for a portal that is down."""
    sys.path[:0] = [str(HERE.parent / "tests"), str(HERE.parent / "tests/e2e")]
    import fill as tables           # the only module that knows them
    dead = "http://127.0.0.1:1/d0/rest/"
    finish(world.load(name, dead, member="0" * 32, limit=1), world)
    world.end(name)
    world.store = world.folder / name / "queue.db"
    began = time.monotonic()
    tables.many(world, 100000000000 + world.next_id - 1, n)
    tables.shrink(world)
    world.start_ours(name)
    print(f"  {n:,} messages wait, made in {time.monotonic() - began:.0f} s")


def run_cell(name, o, result):
    """All runs of a cell: {handler: [run, ...]} is added to the result."""
    cell, found = CELLS[name], result["cells"].setdefault(name, {})
    seconds = o.seconds or (cell.seconds / 4 if o.short else cell.seconds)
    names = [n for n in cell.handlers if (n != "old" or o.old) and
             (not o.only or n in o.only.split(","))]
    with World(names, o.folder, o.old) as world:
        if cell.kind == "million":
            fill(world, "waiting", 20000 if o.short else 1000000)
        for turn in range(o.runs):
            if cell.kind == "limit":
                for handler, run in limit(cell, world, seconds, turn):
                    found.setdefault(handler, []).append(run)
                continue
            shift = turn % len(names)
            for handler in names[shift:] + names[:shift]:
                found.setdefault(handler, []).append(
                    measure(cell, world, handler, seconds, turn))
                if dead := world.dead():
                    raise RuntimeError(f"ended by itself: {dead}")
        if cell.kind == "many":
            result["allowed"] = allowed(seconds, cell.in_flight, cell.ms)


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cells", nargs="*", metavar="CELL")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--runs", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--only")
    parser.add_argument("--old")
    parser.add_argument("--folder")
    o = parser.parse_args()
    if unknown := set(o.cells) - set(CELLS):
        parser.error(f"no such cell: {unknown.pop()}; there are: "
                     f"{' '.join(CELLS)}")
    o.whole = not (o.cells or o.short)
    o.runs = o.runs or (1 if o.short else 5)
    return o


def main():
    """Runs what was asked for and writes the report."""
    o = arguments()
    result = {"machine": report.machine(o.folder), "runs": o.runs,
              "short": o.short, "errors": {}, "cells": {}}
    started = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    out = BUILD / "bench"
    try:
        for name in o.cells or CELLS:
            print(f"{name}, after {time.monotonic() - started:.0f} s",
                  flush=True)
            try:
                run_cell(name, o, result)
            except Exception as e:      # the other cells can still be run
                traceback.print_exc()
                result["errors"][name] = f"{type(e).__name__}: {e}"
            print("\n".join(report.lines(name, result)), flush=True)
    finally:
        result["took"] = time.monotonic() - started
        out.mkdir(parents=True, exist_ok=True)
        (out / "results.json").write_text(json.dumps(result, indent=1) + "\n")
        report.write(result, [out, HERE] if o.whole else [out])
    print("\n".join(report.targets(result)))
    return 1 if result["errors"] else 0


if __name__ == "__main__":
    sys.exit(main())
