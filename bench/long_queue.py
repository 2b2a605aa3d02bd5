"""What a long queue costs: figures of one mode, by the size of the queue.

    bench/long_queue.py MODE [--sizes 1,100000,1000000] [--chats N]
                        [--seconds S] [--folder DIR]

    store     events for a portal that is down while so many of its wait
    return    another portal's events while one with so many is probed, and
              while it comes back: the longest waits, and the write-ahead log
    channel   so many wait for a channel (of --chats chats, or one each) whose
              URL changes to null: how fast they go, at first and later
    parked    so many wait for a token: an idle second, and an event's wait
    retry     queue retry --all-refused of so many: others' events meanwhile
    list      stats and the first line of queue list
    two       one handler process and two, 64 events in flight

The queue is made with SQL by tests/e2e/fill.py. (A module called queue would
hide Python's own from the others of this folder.)
"""

import argparse
import statistics
import time

from place import Log, Place, fill, free_port, nowhere
from standin import Portal, Receiver

MEMBER = "bac1cd5c8940947a75e0d71b1a84e348"     # of load.c's events
MODEL = 99999999        # message_id of what is copied
SIZES = {"store": [1, 10000, 100000, 1000000], "return": [1, 1000000],
         "channel": [300000, 1000000], "parked": [1, 200000],
         "retry": [1, 200000], "list": [1, 1000000], "two": [0]}
NEVER = "[retry]\nfirst = 3600\nlongest = 3600\n"
OFTEN = "[retry]\nfirst = 1\nlongest = 1\n"


def waits(r):
    """A load's waits for people."""
    return (f"{r['answered']} events {r['status']}, ms: median "
            f"{r['p50'] / 1000:.1f}, 90 % {r['p90'] / 1000:.1f}, 99 % "
            f"{r['p99'] / 1000:.1f}, longest {r['max'] / 1000:.1f}")


def store(o, n):
    """See the head of this file."""
    with Place(o.folder, NEVER) as w:
        w.post(nowhere(), MODEL, MEMBER)
        w.fill(MODEL, n)
        w.measure(1, nowhere())
        r = w.measure(o.seconds, nowhere())
        print(f"{r['answered'] / r['seconds']:.0f} a second; {waits(r)}")


def come_back(o, n):
    """See the head of this file."""
    port = free_port()
    with Place(o.folder, OFTEN) as w:
        w.post(nowhere(port), MODEL)
        w.fill(MODEL, n)
        print()
        w.measure(1)
        with Log(w.store) as log:
            r = w.measure(o.seconds, rate=200)
        print(f"  probed: {waits(r)}; log {log.most >> 20} MiB")
        etc = w.folder / "etc"
        with Log(w.store) as log:
            load = w.begin(o.seconds * 2, rate=200)
            time.sleep(1)
            w.spawn("other", [w.bin / "portal", etc / "portal.pem",
                              etc / "portal.key", port])
            began = time.monotonic()
            r = w.printed(load)
            left = fill.count(w, "delivered")
        took = time.monotonic() - began
        print(f"  comes back: {waits(r)}; log {log.most >> 20} MiB; "
              f"{(n - left) / took:.0f} a second")


def channel(o, n):
    """See the head of this file."""
    old = f"http://127.0.0.1:{free_port()}/"
    with Place(o.folder, OFTEN, old) as w:
        w.post(w.endpoint("http", "d0"), MODEL)
        w.fill(MODEL, n, o.chats)
        w.handler(channel="null:")
        steps, left = [], n
        for _ in range(10):
            began = time.monotonic()
            time.sleep(o.seconds / 2)
            now = fill.count(w, "received") + fill.count(w, "delivered")
            steps.append((left - now) / (time.monotonic() - began))
            left = now
            if not left:
                break
        print("a second: " + " ".join(f"{s:.0f}" for s in steps),
              f"({left} left)")


def parked(o, n):
    """See the head of this file."""
    with Place(o.folder) as w, Portal() as p:
        w.post(p.endpoint, MODEL)
        time.sleep(1)
        w.fill(MODEL, n)
        time.sleep(2)
        before = w.used("ours")["cpu"]
        time.sleep(o.seconds)
        idle = (w.used("ours")["cpu"] - before) / o.seconds
        took = []
        for i in range(50):
            began = time.monotonic()
            w.post(p.endpoint, 10 + i, chat=f"c{i}")
            took.append(time.monotonic() - began)
        print(f"{100 * idle:.1f} % of a core while idle; an event of that "
              f"portal {1000 * statistics.median(took):.1f} ms")


def retry(o, n):
    """See the head of this file."""
    with Receiver() as r:
        with Place(o.folder, NEVER, r.url) as w:
            r.always("status:400")
            w.post(w.endpoint("http", "d0"), MODEL)
            w.channel = "null:"
            w.fill(MODEL, n, o.chats or max(1, n // 100))
            print()
            print(f"  before: {waits(w.measure(o.seconds, rate=200))}")
            load = w.begin(o.seconds * 2, rate=200)
            began = time.monotonic()
            print("  " + w.ctl("queue", "retry", "--all-refused")
                  .communicate()[0].strip(), end=" ")
            print(f"in {time.monotonic() - began:.1f} s")
            print(f"  meanwhile: {waits(w.printed(load))}; "
                  f"{fill.count(w, 'received')} left")


def listing(o, n):
    """See the head of this file."""
    with Place(o.folder, NEVER) as w:
        w.post(nowhere(), MODEL)
        w.fill(MODEL, n)
        began = time.monotonic()
        w.ctl("stats").communicate()
        stats = time.monotonic() - began
        began = time.monotonic()
        tool = w.ctl("queue", "list")
        tool.stdout.readline()
        line = time.monotonic() - began
        tool.stdout.close()
        tool.wait()
        print(f"stats {1000 * stats:.1f} ms, first line of queue list "
              f"{1000 * line:.1f} ms")


def two(o, _):
    """See the head of this file. Pairs of short runs, one after the other:
    whatever else the machine does, it does to both."""
    ratios = []
    with Place(o.folder) as one, Place(o.folder) as both:
        both.handler("second")
        for run in range(11):
            rates = []
            for w in (one, both) if run % 2 else (both, one):
                r = w.measure(o.seconds / 5)
                rates.append(r["answered"] / r["seconds"])
                print(f"{'two' if w is both else 'one'}: "
                      f"{rates[-1]:.0f} a second; {waits(r)}")
            ratios.append(rates[1] / rates[0] if run % 2 else
                          rates[0] / rates[1])
    ratios.sort()
    print(f"two are {statistics.median(ratios):.2f} of one "
          f"({ratios[0]:.2f} to {ratios[-1]:.2f})")


MODES = {"store": store, "return": come_back, "channel": channel,
         "parked": parked, "retry": retry, "list": listing, "two": two}


def main():
    """See the head of this file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("mode", choices=MODES)
    parser.add_argument("--sizes")
    parser.add_argument("--chats", type=int)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--folder")
    o = parser.parse_args()
    sizes = [int(s) for s in o.sizes.split(",")] if o.sizes else SIZES[o.mode]
    for n in sizes:
        MODES[o.mode](o, n)


if __name__ == "__main__":
    main()
