"""The benchmark: our handler beside those that people use today.

    make bench                          all cells, medians of 5 (15 minutes)
    make bench CELLS="https64 many"     some of them; cells.py lists them all
    make bench SHORT=1                  each once and for a moment: to try it
    make bench OLD=REVISION             that version of ours beside this one,
                                        in the cell "memory"

or bench/run.py [CELL]... [--short] [--old PROGRAM] [--folder DIR]; stores are
in DIR, so on the disk that is to be measured.

In a cell all handlers run behind the same web server, against the same
stand-in portal, one after the other in an order that rotates, and that so many
times. What is shown is the median. Raw figures, the page and the pictures go
to build/bench; a run of all cells that is not short puts page and pictures in
bench/ as well. Ends with 1 if a cell failed; the others are run nevertheless.
"""

import argparse
import collections
import heapq
import json
import signal
import sys
import time
import traceback

import report
from cells import CELLS, HANDLERS, LIMITS, PORTALS
from world import BUILD, FIRST_ID, HERE, MEMBER, World

import fill as tables   # the only module that knows them; found by world.py

RATE = 240      # events a second in "limit": more than the limit lets through


def path(cell, world, name):
    """The portal's path for a handler, which has a group of its own."""
    return f"d{cell.ms}g{world.names.index(name)}"


def finish(process, world):
    """What the load generator found; its ids are used up."""
    text, _ = process.communicate()
    if process.returncode != 0:
        raise RuntimeError("the load generator failed")
    seconds, *lines = text.split("\n")[:-1]
    ends = [line.split() for line in lines]
    times = sorted(int(us) for status, us in ends if status != "0") or [0]
    world.next_id += len(ends)
    return {"begun": len(ends), "seconds": float(seconds),
            "p50": times[len(times) // 2],
            "p99": times[len(times) * 99 // 100],
            "status": collections.Counter(status for status, _ in ends)}


def settle(world, group, before, messages, seconds=10):
    """Waits until the portal heard of so many, or of nothing more."""
    end, seen, since = time.monotonic() + seconds, -1, 0
    while (now := time.monotonic()) < end:
        told = world.stats()[group]["messages"] - before["messages"]
        if told >= messages or (told == seen and now - since > 1.0):
            return
        if told != seen:
            seen, since = told, now
        time.sleep(0.02)


def begin(cell, world, name, turn, **options):
    """Starts the load of one run."""
    where = path(cell, world, name)
    if cell.kind != "many":
        endpoint = world.endpoint(cell.scheme, where)
    else:       # new portals, whose buckets are empty
        endpoint = world.endpoint(
            cell.scheme, f"{where}b{10 * turn + world.names.index(name)}@@@@",
            "p@@@@.bench.localhost")
        options.update(member=f"{MEMBER[:-6]}{turn:02}@@@@", portals=PORTALS)
    return world.load(name, endpoint, in_flight=cell.in_flight, **options)


def measure(cell, world, name, seconds, turn):
    """One run of one handler; the first half second is to warm up."""
    kind, group = HANDLERS[name].kind, world.names.index(name)
    before = world.stats()[group]
    # the floor's threads keep a connection each, and PHP keeps nothing
    warm = finish(begin(cell, world, name, 99, seconds=0.5,
                        limit=2 if kind == "php" else 512), world)
    if kind == "ours":
        settle(world, group, before, warm["begun"])
    before, used = world.stats()[group], world.used(name)
    start = time.monotonic()
    process, pss = begin(cell, world, name, turn, seconds=seconds), []
    for part in (0.5, 0.8):
        time.sleep(max(0, start + part * seconds - time.monotonic()))
        pss.append(world.pss(name))
    result = finish(process, world)
    lasted, begun = result["seconds"], result["begun"]
    if kind == "ours":
        settle(world, group, before, begun)
        if result["status"]["202"]:             # not done when it answered
            lasted = max(lasted, time.monotonic() - start)
    used = {k: (v - used[k]) / begun for k, v in world.used(name).items()}
    seen = {k: v - before[k] for k, v in world.stats()[group].items()}
    # the floor tells of one message only, again and again
    told = seen["calls" if kind == "floor" else "distinct"]
    return {**result, **used, "rate": told / lasted, "pss": max(pss),
            "calls": seen["calls"] / begun, "refused": seen["refused"],
            "untold": begun - told}


def limit(cell, world, seconds, turn):
    """All handlers at once, each with a portal's bucket: it is no load."""
    loads, before = {}, world.stats()
    for group, name in enumerate(world.names):
        loads[name] = world.load(
            name, world.endpoint(cell.scheme, path(cell, world, name) +
                                 f"b{10 * turn + group}"),
            in_flight=cell.in_flight, seconds=seconds, rate=RATE,
            member=f"{MEMBER[:-2]}{turn:02}")
        world.next_id += int(seconds * RATE) + 100
    looks = []      # what is left of the burst is gone after a quarter
    for part in (0.25, 0.75):
        time.sleep(part * seconds)
        looks.append((time.monotonic(), world.stats()))
    (early, some), (late, all_) = looks
    for group, name in enumerate(world.names):
        result = finish(loads[name], world)
        if name == "limit":
            settle(world, group, before[group], result["begun"], 20)
        seen = {k: v - before[group][k] for k, v in
                world.stats()[group].items()}
        yield name, {
            **result, "rate": (all_[group]["distinct"] -
                               some[group]["distinct"]) / (late - early),
            "refused": seen["refused"],
            "calls": seen["calls"] / max(1, seen["distinct"]),
            "untold": result["begun"] - seen["distinct"]}


def allowed(seconds, in_flight, ms):
    """Messages a second that the limits of many portals allow: to a handler
    that costs no time, has two calls to a portal on their way, as by default,
    and calls as soon as it may, with all that waits."""
    deal = [(k + 1, k) for k in range(PORTALS)]         # who is next
    empty, waits, on = [0.0] * PORTALS, [0] * PORTALS, [0] * PORTALS
    leak = 1 / LIMITS["rate"]           # until a call has left its bucket
    # (when, portal, messages answered, or 0: look at it); one for the start
    todo, told, last = [(0.0, 0, in_flight)], -in_flight, 0.0
    on[0] = 1
    while todo:
        now, k, answered = heapq.heappop(todo)
        if answered:
            on[k], told, last = on[k] - 1, told + answered, now
            heapq.heappush(todo, (now, k, 0))
            for _ in range(answered if now < seconds else 0):
                at, k = deal[0]
                heapq.heapreplace(deal, (at + k + 1, k))
                waits[k] += 1
                heapq.heappush(todo, (now, k, 0))
        elif waits[k] and on[k] < 2:
            when = empty[k] - (LIMITS["burst"] - 1) * leak
            if when <= now:
                n = min(waits[k], 100)
                waits[k], on[k] = waits[k] - n, on[k] + 1
                empty[k] = max(empty[k], now) + leak
                heapq.heappush(todo, (now + ms / 1000, k, n))
            heapq.heappush(todo, (max(now, when), k, 0))
    return told / last


def fill(world, name, n):
    """So many messages wait in its store for a portal that is down."""
    dead = "http://127.0.0.1:1/d0/rest/"
    finish(world.load(name, dead, member="0" * 32, limit=1), world)
    began, world.store = time.monotonic(), world.folder / name / "queue.db"
    tables.many(world, FIRST_ID + world.next_id - 1, n)
    tables.shrink(world)
    print(f"  {n:,} messages wait, made in {time.monotonic() - began:.0f} s")


def run_cell(name, o, result):
    """All runs of a cell: {handler: [run, ...]} is added to the result."""
    cell, found = CELLS[name], result["cells"].setdefault(name, {})
    seconds = cell.seconds / 4 if o.short else cell.seconds
    names = [n for n in cell.handlers if n != "old" or o.old]
    with World(names, o.folder, o.old) as world:
        if cell.kind == "million":
            fill(world, "waiting", 20000 if o.short else 1000000)
        for turn in range(result["runs"]):
            if cell.kind == "limit":
                runs = limit(cell, world, seconds, turn)
            else:
                shift = turn % len(names)
                runs = ((n, measure(cell, world, n, seconds, turn))
                        for n in names[shift:] + names[:shift])
            for handler, run in runs:
                found.setdefault(handler, []).append(run)
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
    parser.add_argument("--old")
    parser.add_argument("--folder")
    o = parser.parse_args()
    if unknown := set(o.cells) - set(CELLS):
        parser.error(f"no such cell: {unknown.pop()}; there are: "
                     f"{' '.join(CELLS)}")
    return o


def main():
    """Runs what was asked for and writes the report."""
    o = arguments()
    result = {"machine": report.machine(o.folder), "runs": 1 if o.short else 5,
              "short": o.short, "errors": {}, "cells": {}}
    started, out = time.monotonic(), BUILD / "bench"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
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
        (out / "results.json").write_text(json.dumps(result, indent=1) + "\n")
        report.write(result, [out] if o.cells or o.short else [out, HERE])
    print("\n".join(report.targets(result)))
    return 1 if result["errors"] else 0


if __name__ == "__main__":
    sys.exit(main())
