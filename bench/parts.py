"""The parts beside the load: each returns what it found.

    keepalive   kept FastCGI connections and new ones
    cold        plain CGI, one event a process
    bucket      a portal that enforces Bitrix24's limit
    large       events of many messages
    readers     our parsers alone
"""

import json
import subprocess
import time

import stores
from matrix import Cell, finish, measure, settle
from programs import BUILD, compile_all
from world import NGINX_WORKERS, World

# kept connections hold a worker each, in every nginx worker as many as it
# had in flight at once
KEPT_THREADS = 64 * NGINX_WORKERS + 96
BUCKET_IN_FLIGHT = 512          # answers wait for their turn
BUCKET_WATCH = 1.25             # times the load's length
LARGE = (200, 5000)             # messages in an event


def keepalive(options):
    """The same handlers behind nginx with and without kept connections."""
    cell, runs = Cell("http", 0, 64, 1), []
    with World(["ours", "nothing"], options.folder, kept=True,
               threads=KEPT_THREADS) as world:
        for turn in range(options.runs):
            for name in ("ours", "nothing"):
                for kept in (False, True) if turn % 2 == 0 else (True, False):
                    runs.append({**measure(world, name, cell,
                                           options.seconds, kept),
                                 "turn": turn})
    return runs


def _same_libraries(world):
    """Whether the do-nothing program loads what the handler loads."""
    def loaded(name):
        text = subprocess.run(["ldd", world.folder / "bin" / name],
                              check=True, capture_output=True, text=True)
        return {line.split()[0] for line in text.stdout.splitlines()}
    return loaded("imconnector.fcgi") <= loaded("nothing")


def cold(options):
    """Plain CGI: ours, nothing, and nothing but as many commits as ours."""
    out = {"runs": []}
    with World([], options.folder) as world:
        config = stores.make(world, "cold")
        copy = stores.copy(world, config)
        out["same_libraries"] = _same_libraries(world)

        def handler(scheme):
            return stores.cgi(world, world.endpoint(scheme, "d0"),
                              "imconnector.fcgi", config=config)
        out["commits"] = stores.commits(world, config,
                                        lambda: handler("http"))
        for turn in range(options.cold_runs):
            for scheme in ("http", "https"):
                out["runs"].append({"program": scheme, "turn": turn,
                                    **handler(scheme)})
            for program, more in (("nothing", []),
                                  ("commits", [copy, out["commits"]])):
                out["runs"].append({
                    "program": program, "turn": turn,
                    **stores.cgi(world, "http://127.0.0.1/", "nothing",
                                 *more)})
        told = world.stats()["buckets"][0]["distinct"]
        # two to count the commits, one to make the store
        if told != 2 * options.cold_runs + 3:
            raise RuntimeError(f"the portal was told of {told} messages only")
    return out


def bucket(options, handlers):
    """All handlers at once, each with a bucket of its own: it is no load."""
    names = [h for h in ("ours", "php", "node", "go") if h in handlers]
    seconds, rate = options.bucket_seconds, options.bucket_rate
    limits = {"burst": 50, "rate": 2, "calls_in_flight": 2}
    with World(names, options.folder, portal=limits) as world:
        loads, start = {}, time.monotonic()
        for number, name in enumerate(names, 1):
            loads[name] = world.load(
                name, world.endpoint("http", f"d20b{number}"),
                in_flight=BUCKET_IN_FLIGHT, messages=1, seconds=seconds,
                rate=rate, grace=70)
            world.next_id += int(seconds * rate) + 100
        series = []
        while time.monotonic() - start < seconds * BUCKET_WATCH:
            stats = world.stats()
            series.append([time.monotonic() - start] +
                          [stats["buckets"][n]["distinct"]
                           for n in range(1, len(names) + 1)])
            time.sleep(0.25)
        out = {"seconds": seconds, "rate": rate, "names": names,
               "watched": seconds * BUCKET_WATCH,
               "series": series, "handlers": {}}
        stats = world.stats()
        for number, name in enumerate(names, 1):
            out["handlers"][name] = {**json.loads(loads[name].communicate()[0]),
                                     **stats["buckets"][number]}
    return out


def large(options, handlers):
    """One event of many messages: how many the portal was told of."""
    out, names = [], [h for h in ("ours2", "php") if h in handlers]
    with World(names, options.folder, body_max=64 << 20) as world:
        for name in names:
            for messages in LARGE:
                before = world.stats()
                result = finish(world.load(
                    name, world.endpoint("http", "d0"), in_flight=1,
                    messages=messages, seconds=60, limit=1, grace=60),
                    world, messages)
                settle(world, before, messages, 30)
                now = world.stats()["buckets"][0]
                was = before["buckets"][0]
                out.append({
                    "handler": name, "messages": messages,
                    "ms": result["max"] / 1000, "status": result["status"],
                    **{k: now[k] - was[k] for k in ("calls", "distinct")}})
    return out


def readers(options):
    """The parsers alone."""
    compile_all(BUILD / "bench", [])
    done = subprocess.run(
        [BUILD / "bench" / "readers", str(options.megabytes),
         str(options.runs)], check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]
