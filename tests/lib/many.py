"""Many portals and channels, slow and hanging ones: what is measured.

Each function sets a scene of a size, and returns figures: seconds, or counts.
Times are told beside what the same takes alone, in the same run. Used by
tests/e2e/test_many.py.
"""

import signal
import sqlite3
import statistics
import threading
import time

import crowd
import events
from site_folder import wait_until

QUIET = {"log": {"level": "info"}}
PEER_APP = {"client_id": "local.1", "client_secret": "secret"}


def event(peer, who, number, chat=None, **more):
    """The bytes of an event of this portal, as JSON."""
    messages = more.pop("messages", None) or [events.message(
        number, chat=chat or f"{who}-{number}")]
    return events.as_json(events.event(
        *messages, **{"endpoint": peer.url(who) + "rest/", "member_id": who,
                      **more}))


def alone(server, peer, who, n=7, **more):
    """The middle of some events, one after the other."""
    return statistics.median(
        crowd.send(server, [event(peer, who, 900000 + i, **more)])[0].seconds
        for i in range(n))


def span(sent):
    """From the first one's leaving to the last answer."""
    return max(s.at + s.seconds for s in sent) - min(s.at for s in sent)


def answers(sent):
    """{status: how many}"""
    every = [s.status for s in sent]
    return {status: every.count(status) for status in set(every)}


def handler(start, **config):
    """A FastCGI process, by default with the channel that takes all."""
    return start("fcgi", **{"channel": {"url": "null:"}, **QUIET, **config})


def burst(start, peer, n=400, ms=200, **config):
    """n events of n portals that answer after some ms, at once."""
    server = handler(start, **config)
    one = alone(server, peer, f"d{ms}-alone", 3)
    work = span(crowd.send(server, [event(peer, f"d0-{i}", i)
                                    for i in range(1, n + 1)]))
    sent = crowd.send(server, [event(peer, f"d{ms}-{i}", i)
                               for i in range(1, n + 1)])
    return {"alone": one, "work": work, "all": span(sent),
            "rate": n / span(sent), "answers": answers(sent)}


def slow_channel(start, peer, n=400, ms=200, in_flight=32, **config):
    """n events to a channel that takes some ms, in different chats."""
    server = handler(start, channel={"url": peer.url(f"d{ms}-channel"),
                                     "in_flight": in_flight},
                     **{"connector quick": {"url": "null:"}}, **config)
    one = alone(server, peer, "d0-alone", 3)
    work = span(crowd.send(server, [event(peer, "d0-p", i, connector="quick")
                                    for i in range(1, n + 1)]))
    sent = crowd.send(server, [event(peer, "d0-p", i)
                               for i in range(1, n + 1)])
    return {"alone": one, "work": work, "all": span(sent),
            "waves": -(-n // in_flight), "rate": n / span(sent),
            "answers": answers(sent)}


def wide_channel(start, peer, n=400, ms=6000, within=5, **config):
    """A channel that may have all n calls at once, new, and known to be
    slower than an answer may take: from the first call to the last one of n
    events, both times."""
    who = f"d{ms}-channel"
    server = handler(start, channel={"url": peer.url(who), "in_flight": n},
                     **many_calls(config, within))
    out = {"alone": ms / 1000}
    for name, first in (("new", 1), ("slow", n + 1)):
        crowd.send(server, [event(peer, "d0-p", i)
                            for i in range(first, first + n)])
        wait_until(lambda first=first: len(peer.calls(who)) >= first + n - 1)
        times = peer.calls(who)[first - 1:]
        out[name] = times[-1] - times[0]
        wait_until(lambda first=first: f'"acknowledged":{first + n - 1}' in
                   server.site.ctl("stats", "--json").stdout.replace(" ", ""))
    return out


def many_calls(config, within):
    """The configuration with that answer_within."""
    return {**config, "server": {**config.get("server", {}),
                                 "answer_within": within}}


def beside(server, peer, hung, healthy, seconds, n=40):
    """Sends the hanging ones' events and, for some seconds, n of the healthy
    ones; what those took."""
    mine = [event(peer, healthy[i % len(healthy)], 500000 + i)
            for i in range(n)]
    sent = crowd.send(server, hung + mine, [0] * len(hung) + [
        0.2 + seconds * i / n for i in range(n)])[len(hung):]
    return {"slowest": max(s.seconds for s in sent),
            "middle": statistics.median(s.seconds for s in sent),
            "answers": answers(sent)}


def hung_portals(start, peer, n=120, seconds=10, known=True, well="d0",
                 turned=False, **config):
    """n portals hang, perhaps ones that were well; events of a healthy one,
    known or new."""
    server = handler(start, **config)
    one = alone(server, peer, f"{well}-well", 3)
    who = "turn" if turned else "silent"
    if turned:
        crowd.send(server, [event(peer, f"{who}-{i}", n + i)
                            for i in range(1, n + 1)])
        peer.set("turn", "silent")
    hung = [event(peer, f"{who}-{i}", i) for i in range(1, n + 1)]
    names = [f"{well}-well"] if known else [f"{well}-new{i}"
                                            for i in range(40)]
    return {"alone": one, **beside(server, peer, hung, names, seconds)}


def hung_oauth(start, peer, n=120, seconds=10, well="d0", **config):
    """The OAuth server hangs for n portals with expired tokens."""
    peer.set("oauth", "d0")
    server = handler(start, app={**PEER_APP, "oauth_servers": [
        f"127.0.0.1:{peer.port}"]}, **config)
    home = {"server_endpoint": peer.url("rest")}
    for i in range(1, n + 1):
        who = f"old-{i}"
        value = events.event(endpoint=peer.url(who) + "rest/", member_id=who,
                             access_token=f"a.{who}", refresh_token=who,
                             **home)
        value.update(event="ONAPPINSTALL", data={
            "VERSION": "1", "ACTIVE": "Y", "INSTALLED": "Y",
            "LANGUAGE_ID": "en"})
        status = crowd.send(server, [events.as_json(value)])[0].status
        assert status == 200, status
    peer.set("oauth", "silent")
    one = alone(server, peer, f"{well}-well", 3)
    hung = [event(peer, f"old-{i}", i, access_token=..., **home)
            for i in range(1, n + 1)]
    return {"alone": one, **beside(server, peer, hung, [f"{well}-well"],
                                   seconds)}


def hung_channel(start, peer, n=100, seconds=6, ms=None, chats=None,
                 well="d0", **config):
    """Events for one connector's channel that hangs, or takes some ms (in so
    many chats); another connector's meanwhile."""
    name = "silent-channel" if ms is None else f"d{ms}-channel"
    server = handler(start, **{"connector slow": {"url": peer.url(name)},
                               **config})
    one = alone(server, peer, f"{well}-well", 3)
    hung = [event(peer, "d0-p", i, chat=f"c{i % (chats or n)}",
                  connector="slow") for i in range(1, n + 1)]
    return {"alone": one, **beside(server, peer, hung, [f"{well}-well"],
                                   seconds)}


def retry_in_time(start, peer, hung=60, first=2, **config):
    """A healthy portal's first call fails, while others hang: how long until
    the second, and until it without them."""
    server = handler(start, retry={"first": first, "longest": 600}, **config)

    def waited(who):
        wait_until(lambda: len(peer.calls(who)) > 1)
        a, b = peer.calls(who)[:2]
        return b - a
    crowd.send(server, [event(peer, "fail-alone", 1)])
    one = waited("fail-alone")
    threading.Thread(target=crowd.send, args=(server, [
        event(peer, f"silent-{i}", i) for i in range(1, hung + 1)])).start()
    wait_until(lambda: len(peer.ask("/calls")) > hung)
    crowd.send(server, [event(peer, "fail-late", 1)])
    return {"alone": one, "waited": waited("fail-late")}


def stop(start, peer, n=20, **config):
    """SIGTERM while portals hang and senders wait for an answer."""
    server = handler(start, **{"server": {"answer_within": 60}, **config})
    sent = []
    sender = threading.Thread(target=lambda: sent.extend(crowd.send(
        server, [event(peer, f"silent-{i}", i) for i in range(1, n + 1)])))
    sender.start()
    wait_until(lambda: len(peer.ask("/calls")) >= n)
    process = server.processes["handler"]
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    sender.join()
    answered = time.monotonic() - began
    status = process.wait(20)
    return {"answered": answered, "ended": time.monotonic() - began,
            "status": status, "answers": answers(sent)}


def late(start, peer, within=4, stuck=1.5, **config):
    """The store is stuck for a while, then a portal hangs: when the 202 is
    there, beside when it is without the first."""
    server = handler(start, server={"answer_within": within}, **config)
    crowd.send(server, [event(peer, "d0-first", 1)])    # there is a store
    hangs, = crowd.send(server, [event(peer, "silent-1", 1)])
    db = sqlite3.connect(server.site.store, isolation_level=None, timeout=20,
                         check_same_thread=False)
    db.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(stuck, db.execute, ["ROLLBACK"])
    timer.start()
    both, = crowd.send(server, [event(peer, "silent-2", 1)])
    timer.join()
    db.close()
    return {"hangs": hangs.seconds, "both": both.seconds, "stuck": stuck,
            "answers": answers([hangs, both])}


def trickle(start, peer, n=32, seconds=4, well="d0", **config):
    """n posts that come in small pieces; others do not notice."""
    server = start("fcgi", **{**QUIET, **config})
    one = alone(server, peer, f"{well}-well", 3)

    def slowly(i):
        body = event(peer, f"d0-slow{i}", i)
        pieces = []
        for k in range(0, len(body), 50):
            pieces += [body[k:k + 50], seconds / (len(body) / 50)]
        return pieces
    slow = [slowly(i) for i in range(1, n + 1)]
    return {"alone": one, **beside(server, peer, slow, [f"{well}-well"],
                                   seconds * 0.8)}


def large(start, peer, n=5000, **config):
    """One event of many messages: its status calls."""
    server = handler(start, **config)
    body = event(peer, "d0-large", 0, messages=[
        events.message(i, chat=f"c{i % 500}") for i in range(1, n + 1)])
    sent = crowd.send(server, [body])
    wait_until(lambda: f'"acknowledged":{n}' in server.site.ctl(
        "stats", "--json").stdout.replace(" ", ""))
    return {"calls": len(peer.calls("d0-large")), "answers": answers(sent),
            "seconds": span(sent)}


def fair(start, peer, quiet=900, busy=10, hung=50, slow=40, seconds=20,
         ms=100, **config):
    """A few portals are busy, some hang, some are slow: what each quiet
    one's only event takes."""
    server = handler(start, **config)
    one = alone(server, peer, f"d{ms}-alone", 3)
    sent, after = [], []

    def add(who, k, at):
        sent.append(event(peer, who, k))
        after.append(at)
    for i in range(quiet):
        add(f"d{ms}-quiet{i}", 1, 1 + (seconds - 1) * i / quiet)
    for i in range(hung * 10):
        add(f"silent-{i % hung}", i + 1, seconds * i / hung / 10)
    for i in range(slow * 10):
        add(f"d3000-{i % slow}", i + 1, seconds * i / slow / 10)
    for i in range(busy * 100):
        add(f"d{ms}-busy{i % busy}", i + 1, seconds * i / busy / 100)
    took = [s.seconds for s in crowd.send(server, sent, after)[:quiet]]
    return {"alone": one, "slowest": max(took),
            "p99": sorted(took)[len(took) * 99 // 100],
            "middle": statistics.median(took)}
