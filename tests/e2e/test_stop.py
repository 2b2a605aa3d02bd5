"""The end of a process: SIGTERM, SIGUSR1 (what Apache sends), SIGKILL.

An idle one goes at once, whatever its workers are at; a busy one answers
what it has begun; none takes longer than mod_fcgid waits; and whatever was
answered is in the queue for the next one.
"""

import concurrent.futures
import signal
import socket
import threading
import time

import pytest

import events
from events import message, of
from fcgi_client import Broken
from several import (APP, SOON, expire, installed, next_life, post,
                     post_all)
from site_folder import STOP_WITHIN, wait_until
from standin import Receiver

SIGNALS = [signal.SIGTERM, signal.SIGUSR1]


def seconds_to_end(process, sig):
    """Sends the signal; how long it took to end well."""
    began = time.monotonic()
    process.send_signal(sig)
    assert process.wait(STOP_WITHIN) == 0
    return time.monotonic() - began


def try_to_post(server, value):
    """The status that it was answered, or None if it was cut off."""
    try:
        return post(server, value).status
    except (Broken, OSError):
        return None


def thread(target, *args):
    """Runs it beside us."""
    t = threading.Thread(target=target, args=args)
    t.start()
    return t


def test_an_idle_one_goes_at_once(start, portals):
    """Thirty of them, at all moments around an accept: while it starts,
    just after an answer, while connections come and go."""
    portal = portals()
    group = start.group(0)
    busy = one_that_is_busy(start, portals())
    counter = iter(range(1, 1000))

    def one(i):
        process = group.add(f"idle-{i}")
        wait_until(lambda: started(process.pid))
        if i % 3 == 1:
            assert try_to_post(group, of(portal, message(
                next(counter), chat=f"c{i}"))) in (200, 202, None)
        if i % 3 == 2:              # connects, and says nothing more
            for _ in range(3):
                with socket.socket(socket.AF_UNIX) as s:
                    s.connect(str(group.site.socket))
        took = seconds_to_end(process, SIGNALS[i % 2])
        del group.processes[f"idle-{i}"]
        return took

    # the one that is always there serves who comes to a dying one
    group.add("always")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        busy = pool.submit(seconds_to_end, busy, signal.SIGTERM)
        took = list(pool.map(one, range(30)))
    # who has a call on its way gives it some seconds
    assert max(took) < busy.result(), took


def one_that_is_busy(start, portal):
    """A process whose call is never answered."""
    portal.script("silence")
    group = start.group(1, server={"answer_within": 1})
    assert post(group, of(portal)).status == 202
    return group.processes.pop("0")


def started(pid):
    """Whether that process blocks signals: from then on they are obeyed.
    (Those that it waits for do not show as blocked.)"""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            blocked = [line for line in f if line.startswith("SigBlk")][0]
    except OSError:
        return False
    return int(blocked.split()[1], 16) >> (signal.SIGHUP - 1) & 1


@pytest.mark.parametrize("sig", SIGNALS)
def test_running_requests_are_answered(start, portals, sig):
    """At once, whatever they wait for: stored they are. What was on its way
    goes on, or the next process does it."""
    portal = portals()
    with Receiver() as channel:
        channel.always("held")
        server = start("fcgi", channel={"url": channel.url},
                       server={"answer_within": 60})
        process = server.processes["handler"]
        with concurrent.futures.ThreadPoolExecutor(9) as pool:
            sent = [pool.submit(post, server, of(portal, message(
                i, chat=f"c{i}"))) for i in range(1, 9)]
            channel.wait_for_calls(8)
            ending = pool.submit(seconds_to_end, process, sig)
            # the channel holds them yet
            assert [f.result().status for f in sent] == [202] * 8
            channel.release()
            ending.result()
        next_life_after(server)
        server.site.wait_states({i: "acknowledged" for i in range(1, 9)})
        assert len(channel.calls) == 8
    assert len(portal.first_ids) == 8


def test_a_body_that_is_on_its_way_is_taken(start, portals):
    """The signal comes between two pieces of a body."""
    portal = portals()
    server = start("fcgi")
    body = events.as_form(of(portal))
    with server.client() as client:
        client.begin(server.params(events.FORM, "POST", len(body)))
        client.send(body[:100])
        # it is in the worker's hands as soon as nobody else can take it
        wait_until(lambda: accepted(server))
        ending = thread(seconds_to_end, server.processes["handler"],
                        signal.SIGTERM)
        wait_until(lambda: "stopping" in server.log())
        client.send(body[100:])
        assert b"acknowledged" in client.finish()
        ending.join()


def test_who_has_just_connected_is_served(start, portals):
    """The signal comes between its connection and its first byte."""
    portal = portals()
    server = start("fcgi")
    body = events.as_form(of(portal))
    with server.client() as client:
        wait_until(lambda: accepted(server))
        ending = thread(seconds_to_end, server.processes["handler"],
                        signal.SIGTERM)
        wait_until(lambda: "stopping" in server.log())
        client.begin(server.params(events.FORM, "POST", len(body)))
        client.send(body)
        assert client.finish().startswith(b"Status: 202")
        ending.join()
    next_life_after(server)
    server.site.wait_states({86497: "acknowledged"})


def next_life_after(server):
    """It has ended by itself: the next one on the same site."""
    del server.processes["handler"]
    wait_until(lambda: not server.site.handlers(), STOP_WITHIN)
    server.start()


def accepted(server):
    """Whether no connection waits at the handler's socket."""
    path = str(server.site.socket)
    with open("/proc/net/unix", encoding="utf-8") as f:
        flags = [line.split() for line in f if line.strip().endswith(path)]
    # state 2 is "connecting": not accepted yet
    return not any(fields[5] == "02" for fields in flags)


def end_of_a_hung_call(start, portals, hangs, waited):
    """See the test below."""
    portal = portals()
    with Receiver() as channel:
        server = start("fcgi", app=APP, channel={"url": channel.url},
                       retry=SOON, server={"answer_within":
                                           60 if waited else 1})
        installed(server, portal)
        if hangs == "channel":
            channel.script("silence")
        elif hangs == "portal":
            portal.script("silence")
        else:
            expire(portal)
            portal.script("silence", to="oauth")
        sender = thread(try_to_post, server, of(portal))
        if not waited:
            sender.join()
        wait_until({"channel": lambda: channel.calls,
                    "portal": lambda: portal.deliveries,
                    "oauth": lambda: len(portal.refreshes) > 1}[hangs])
        next_life(server, signal.SIGTERM)
        sender.join()
        server.site.wait_states({86497: "acknowledged"})


HUNG = [(hangs, waited) for hangs in ("channel", "portal", "oauth")
        for waited in (True, False)]


@pytest.fixture(scope="module", autouse=True)
def hung(start_once, portals_once):
    """All of them, side by side and beside the first test."""
    with concurrent.futures.ThreadPoolExecutor(len(HUNG)) as pool:
        yield {h: pool.submit(end_of_a_hung_call, start_once, portals_once,
                              *h) for h in HUNG}


@pytest.mark.parametrize("hangs, waited", HUNG)
def test_a_hung_call_does_not_hold_it(hung, hangs, waited):
    """Exit 0 in time though a call hangs, with somebody waiting for its
    answer or not; the next process does the work."""
    hung[hangs, waited].result()


def test_the_retry_is_stopped_too(start, portals):
    """Hundreds wait for their next try; the next process goes on."""
    portal = portals()
    portal.always("status:500")
    server = start("fcgi", retry=SOON, channel={"url": "null:"})
    post_all(server, [of(portal, *(message(i, chat=f"c{i}") for i in
                                   range(k, k + 50)))
                      for k in range(1, 301, 50)])
    portal.always("slow:0.3")
    next_life(server, signal.SIGTERM)
    portal.always(None)
    server.site.wait_states({i: "acknowledged" for i in range(1, 301)})


@pytest.mark.parametrize("sig", [*SIGNALS, signal.SIGKILL])
def test_nothing_that_was_answered_is_lost(start, portals, sig):
    """Ended three times under load; the last life drains the queue."""
    portal = portals()
    with Receiver() as channel:
        channel.always("slow:0.05")
        server = start("fcgi", retry=SOON, channel={"url": channel.url})
        over = threading.Event()
        answered = []

        def send(k):
            i = k * 1000
            while not over.is_set():
                i += 1
                if try_to_post(server, of(portal, message(
                        i, chat=f"chat-{k}"))) is not None:
                    answered.append(i)
        senders = [thread(send, k) for k in range(1, 7)]
        try:
            for n in (20, 60, 100):
                wait_until(lambda n=n: len(answered) >= n)
                next_life(server, sig)
            wait_until(lambda: len(answered) >= 140)
        finally:
            over.set()
            for t in senders:
                t.join()
        wait_until(lambda: set(server.site.states().values()) ==
                   {"acknowledged"})
        assert set(answered) <= set(server.site.states())
        for k in range(1, 7):
            ids = [o["im"]["message_id"] for o in channel.objects
                   if o["chat"]["id"] == f"chat-{k}"]
            assert list(dict.fromkeys(ids)) == sorted(set(ids))
            if sig != signal.SIGKILL:       # each of them once
                assert len(ids) == len(set(ids))


def test_two_on_one_socket_restart_without_a_gap(start, portals):
    """One after the other is replaced under load: every event is answered."""
    portal = portals()
    group = start.group(2)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(try_to_post, group, of(portal, message(
            i, chat=f"c{i}"))) for i in range(1, 301)]
        for name in ("0", "1"):
            wait_until(lambda n=name: started(group.processes[n].pid))
            group.add(f"new-{name}")
            group.end(name)
        answers = {f.result() for f in sent}
    assert answers <= {200, 202}
    group.site.wait_states({i: "acknowledged" for i in range(1, 301)})
