"""The load part: the matrix, one run of one handler, the rounds.

    Cell, CELLS, QUICK      the rows of the matrix; select() takes some
    measure(world, ...)     one run
    part_load(...)          all of it, interleaved
"""

import dataclasses
import json
import subprocess
import sys
import time

from world import TITLES, World

SETTLE = 5.0            # seconds that a handler has to finish behind answers
GRACE = 60              # seconds for the last answers
KEPT_GRACE = 5


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

    def __str__(self):
        return (f"{self.scheme}, {self.ms} ms, {self.in_flight} in flight, "
                f"{self.messages} message{'s' if self.messages > 1 else ''}")

    def handlers(self):
        """Who is measured in this cell."""
        if self.in_flight > 64:
            return ["ours", "ours2", "go"]
        names = ["ours", "php", "node", "go", "floor"]
        if self.scheme == "https":      # the CA file matters there only
            names.append("php1")
        elif self.ms == 0:              # it never sees the portal
            names.append("nothing")
        if self.in_flight == 64:
            names.append("ours2")
            if (self.scheme, self.messages) == ("https", 20) and self.ms > 0:
                # half a minute a run for 1,280 TLS contexts, whatever the
                # latency; the cell of 0 ms shows it
                names.remove("php")
        elif self.ms == 0:
            names.append("floor2")
        return [n for n in TITLES if n in names]


CELLS = [Cell(s, ms, n, m) for s in ("http", "https") for ms in (0, 20, 150)
         for n in (1, 64) for m in (1, 20)] + \
        [Cell(s, 150, 512, 1) for s in ("http", "https")]
QUICK = [Cell("http", 0, 64, 1), Cell("https", 20, 64, 1)]


def select(cells, words):
    """The cells and handlers that the words of --only ask for."""
    known = {w: kind for c in CELLS for kind, w in c.words().items()}
    known.update({h: "handler" for h in TITLES})
    asked = {}
    for word in words:
        if word not in known:
            sys.exit(f"run.py: --only knows no {word!r}")
        asked.setdefault(known[word], set()).add(word)
    handlers = asked.pop("handler", set(TITLES))
    return [c for c in cells if all(c.words()[k] in v
                                    for k, v in asked.items())], handlers


def difference(after, before):
    """What the portal saw in between."""
    return {"connections": after["connections"] - before["connections"],
            **{k: after["buckets"][0][k] - before["buckets"][0][k]
               for k in ("calls", "messages", "distinct")}}


def ours(name):
    """Whether a handler is one of ours, which work on behind an answer."""
    return name.startswith("ours")


def finish(process, world, messages):
    """The load generator's line; its ids are used up."""
    text, _ = process.communicate()
    if process.returncode != 0:
        raise RuntimeError("the load generator failed")
    result = json.loads(text)
    world.next_id += result["begun"] * messages
    return result


def settle(world, before, messages, seconds=SETTLE):
    """Waits until the portal heard of so many, or of nothing more."""
    end = time.monotonic() + seconds
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


def start_load(world, name, cell, seconds, *, kept=False, **more):
    """One handler under the load of a cell."""
    path = f"d{cell.ms}"
    query = f"?{cell.scheme}/{path}/{cell.messages}" \
        if name in ("floor", "floor2") else ""
    return world.load(
        name + ("-kept" if kept else "") + query,
        world.endpoint(cell.scheme, path), in_flight=cell.in_flight,
        messages=cell.messages, seconds=seconds, **more,
        # a kept connection that nobody serves stays silent for as long
        grace=KEPT_GRACE if kept else GRACE)


def warm_up(world, name, cell, kept):
    """What a handler keeps from one event to the next is there afterwards."""
    before, limit = world.stats(), cell.in_flight * 2
    if name.startswith("php"):      # it keeps nothing
        limit = 2
    elif name == "floor":           # each thread keeps a connection
        cell, limit = dataclasses.replace(cell, in_flight=64), 512
    result = finish(start_load(world, name, cell, 0.3 if name == "floor" else
                               0.1, kept=kept, limit=limit),
                    world, cell.messages)
    if ours(name):
        settle(world, before, result["begun"] * cell.messages)


def measure(world, name, cell, seconds, kept=False):
    """One run."""
    warm_up(world, name, cell, kept)
    before, cpu = world.stats(), world.cpu(name)
    portal_cpu, start = world.cpu("portal"), time.monotonic()
    process = start_load(world, name, cell, seconds, kept=kept)
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
    lasted = result["seconds"]
    if ours(name):
        settle(world, before, sent)
        if result["status"].get("202"):     # not done when it answered
            lasted = max(lasted, time.monotonic() - start)
    cpu = world.cpu(name) - cpu
    seen = difference(world.stats(), before)
    good = sum(n for status, n in result["status"].items()
               if status in ("200", "202"))
    return {
        **result, "handler": name, "kept": kept, **dataclasses.asdict(cell),
        "rate": good / lasted if good else 0.0,
        "bad": result["begun"] - good,
        "queued": result["status"].get("202", 0),
        "cpu": cpu / result["begun"] if result["begun"] else 0.0,
        "pss": max(pss, default=0),
        "calls": seen["calls"] / sent if sent else 0.0,
        "told": seen["messages"], "sent": sent,
        "distinct": seen["distinct"],
        "connections": seen["connections"],
        "portal_share": portal_share,
    }


def rounds(options, world, group, used, save):
    """Every cell once a round, in a round one handler after the other."""
    for turn in range(options.runs):
        started = time.monotonic()
        for at, cell in enumerate(group):
            order = [h for h in cell.handlers() if h in used]
            shift = (turn + at) % len(order) if order else 0
            for name in order[shift:] + order[:shift]:
                yield {**measure(world, name, cell, options.seconds),
                       "turn": turn}
            if dead := world.dead():
                raise RuntimeError(f"ended by itself: {dead}")
            print(f"  {cell}: {time.monotonic() - started:.0f} s",
                  flush=True)
        save()
        print(f"round {turn + 1} of {options.runs} took "
              f"{time.monotonic() - started:.0f} s", flush=True)


def part_load(options, cells, handlers, runs, save):
    """Every cell, in rounds; what was measured is added to `runs`."""
    names = {h for c in cells for h in c.handlers()} & handlers
    for group in ([c for c in cells if c.in_flight <= 64],
                  [c for c in cells if c.in_flight > 64]):
        used = [h for h in TITLES if h in names and
                any(h in c.handlers() for c in group)]
        if not used:
            continue
        with World(used, options.folder) as world:
            for name in used:
                if name != "nothing":   # the first of all is the slowest
                    measure(world, name, dataclasses.replace(
                        group[0], in_flight=min(8, group[0].in_flight)), 0.2)
            for run in rounds(options, world, group, used, save):
                runs.append(run)
