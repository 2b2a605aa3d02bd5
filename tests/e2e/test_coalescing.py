"""Status calls that many messages share, and the portal's limits.

An idle portal is called at once. While enough calls are on their way, or its
bucket is empty, delivered messages wait in the store, and whoever may call
next takes them along, in whatever process that is. A request that waits holds
no worker.
"""

import concurrent.futures
import contextlib
import signal
import time

import pytest

import events
from direct import parse_cgi
from events import FORM, as_form, message, of
from several import (APP, SOON, Group, expire, installed, next_life, post,
                     post_all)
from site_folder import wait_until
from standin.limits import Bucket


def in_chats(portal, ids, **more):
    """One event for each message, each with a chat of its own."""
    return [of(portal, message(i, chat=f"c{i}"), **more) for i in ids]


def told(portal):
    """The message ids of each good call, in order."""
    return [[m["im"]["message_id"] for m in c.params["MESSAGES"]]
            for c in portal.deliveries if not c.error]


def told_once(portal, ids):
    """Each of these messages was told, and once."""
    assert sorted(i for call in told(portal) for i in call) == sorted(ids)


def delivered(server):
    """How many messages the channel took and Bitrix24 was not told of."""
    return list(server.site.states().values()).count("delivered")


@contextlib.contextmanager
def sending(server, values):
    """Posts these side by side, while the body goes on; their futures."""
    with concurrent.futures.ThreadPoolExecutor(len(values)) as pool:
        yield [pool.submit(post, server, v) for v in values]


PATIENT = {"answer_within": 60}         # no answer but the last one
LIMITED = {"burst": 50, "rate": 2}      # Bitrix24's, and the default


@pytest.fixture(params=["fcgi", "group"])
def server(request, start):
    """One process, or four on one socket."""
    config = {"app": APP, "retry": SOON, "portal": LIMITED,
              "server": {"workers": 8, **PATIENT}}
    if request.param == "group":
        return start.group(4, **config)
    return start("fcgi", **config)


def test_one_event_is_told_at_once(server, portals):
    """Nothing is waited for: each is answered before one whose call takes a
    second, on the same machine at the same time."""
    portal = portals()
    fast = [post_all(server, in_chats(portal, [i]))[0] for i in range(1, 6)]
    portal.script("slow:1:ok")
    slow, = post_all(server, in_chats(portal, [6]))
    assert [a.response.status for a in fast] == [200] * 5
    assert min(a.seconds for a in fast) < slow.seconds / 2
    assert told(portal) == [[i] for i in range(1, 7)]


def test_a_slow_portal_gets_few_calls(server, portals):
    """40 events at once: those that come while its calls take their time go
    along with the next ones, and are answered with them."""
    portal = portals()
    portal.always("held:ok")
    with sending(server, in_chats(portal, range(1, 41))) as answers:
        wait_until(lambda: delivered(server) == 40 and
                   len(portal.deliveries) == 2)     # calls_in_flight
        portal.release()
    assert [a.result().status for a in answers] == [200] * 40
    assert len(portal.deliveries) <= 10      # one at a time: 40
    told_once(portal, range(1, 41))


def test_calls_in_flight(start, portals):
    """Never more than that, from all processes together."""
    portal = portals()
    portal.always("slow:0.3:ok")
    server = start.group(4, app=APP, retry=SOON, server={"workers": 8},
                         portal={"calls_in_flight": 2})
    post_all(server, in_chats(portal, range(1, 61)), 60)
    wait_until(lambda: len(portal.first_ids) == 60 or None)
    calls = sorted(c.time for c in portal.deliveries)
    for first, third in zip(calls, calls[2:]):
        assert third - first > 0.25, calls      # the first has ended


def test_the_bucket_is_kept(server, portals):
    """Bitrix24's own limit, scaled: never refused, and all are told."""
    portal = portals()
    # it begins to leak when the first call arrives, which may take a second
    # or two on a busy machine: that much the portal lets through
    portal.bucket = Bucket(burst=54, rate=2.0)
    began = time.monotonic()
    answers = post_all(server, in_chats(portal, range(1, 201)), 64)
    assert {a.response.status for a in answers} <= {200, 202}
    wait_until(lambda: len(portal.first_ids) == 200)
    took = time.monotonic() - began
    assert not [c for c in portal.deliveries if c.error]
    assert len(portal.deliveries) <= 50 + 2 * took


@pytest.mark.parametrize("workers", [1, 4])
def test_waiting_for_the_bucket_holds_no_worker(start, portals, workers):
    """While one portal's messages wait, another's is told at once: on twelve
    lines each needs a call of its own, and there is one a second."""
    full, other = portals(), portals()
    server = start("fcgi", app=APP, retry=SOON,
                   server={"workers": workers, **PATIENT},
                   portal={"burst": 1, "rate": 1})
    assert post(server, in_chats(full, [1])[0]).status == 200
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for _ in range(12)]
        for i, c in enumerate(clients):
            body = as_form(in_chats(full, [i + 2], line=200 + i)[0])
            c.begin(server.params(FORM, "POST", len(body)))
            c.send(body)
            c.end()
        assert post(server, in_chats(other, [1])[0]).status == 200
        # a worker that waits would be free after its call, or never
        assert len(full.deliveries) < 8
        statuses = [parse_cgi(c.output()).status for c in clients]
    assert statuses == [200] * 12
    told_once(full, range(1, 14))


def test_the_answer_does_not_wait_for_the_bucket(start, portals):
    """answer_within is over: 202, and it is told when it may be."""
    portal = portals()
    server = start("fcgi", app=APP, retry=SOON,
                   server={"answer_within": 4},
                   portal={"burst": 4, "rate": 1})
    answers = post_all(server, in_chats(portal, range(1, 4)), 1)
    assert [a.response.status for a in answers] == [200] * 3
    portal.bucket = Bucket(burst=1, rate=0.001)
    portal.bucket.take()            # somebody else has filled it
    assert post(server, in_chats(portal, [4])[0]).status == 202
    assert len(portal.first_ids) == 3
    portal.bucket = None
    wait_until(lambda: len(portal.first_ids) == 4)


def test_a_refusal_empties_the_bucket(start, portals):
    """QUERY_LIMIT_EXCEEDED: the next message waits, too."""
    portal = portals()
    server = start("fcgi", app=APP, retry=SOON,
                   portal={"burst": 50, "rate": 1})
    portal.script("error:QUERY_LIMIT_EXCEEDED")
    assert post(server, in_chats(portal, [1])[0]).status == 202
    post(server, in_chats(portal, [2])[0])
    wait_until(lambda: len(portal.first_ids) == 2)
    refused, first = portal.deliveries[:2]
    assert first.time - refused.time > 0.9      # one call a second


def calls_for(messages, seconds):
    """How many calls tell so many messages of one event at the most, if they
    come over so many seconds: full ones, and a few each second besides."""
    return messages / 100 + 10 + 3 * seconds


@pytest.mark.parametrize("front", ["fcgi", "cgi"])
def test_an_event_of_5000_messages(start, portals, front):
    """In batches of status_batch, each message told once, in order."""
    portal = portals()
    server = start(front, app=APP, retry=SOON, channel={"url": "null:"},
                   server={"body_max": 8 * 1024 * 1024})
    value = of(portal, *(message(i, "a text") for i in range(1, 5001)))
    began = time.monotonic()
    answer = server.post(as_form(value), timeout=60)
    assert answer.status in (200, 202), answer
    assert answer.json["messages"] == 5000

    passes = []

    def all_told():
        if front == "cgi" and not server.site.handlers():
            # what its process left, on a busy machine
            passes.append(server.site.ctl("retry"))
        return len(portal.first_ids) == 5000
    wait_until(all_told, 300)
    told_once(portal, range(1, 5001))
    assert max(len(c) for c in told(portal)) <= 100
    took = time.monotonic() - began
    # a pass does not wait for calls to fill
    assert passes or len(portal.deliveries) <= calls_for(5000, took)


def test_calls_fill_while_an_event_is_handed_over(start, portals, channel):
    """A slow channel: its messages are not told one by one meanwhile, nor
    does the first wait for the last."""
    portal = portals()
    channel.always("slow:0.01:ok")
    portal.always("slow:0.03:ok")
    server = start("fcgi", app=APP, retry=SOON, channel={"url": channel.url},
                   portal={"burst": 1000, "rate": 250})
    began = time.monotonic()
    post(server, of(portal, *(message(i) for i in range(1, 401))))
    wait_until(lambda: len(portal.first_ids) == 400 or None, 60)
    took = time.monotonic() - began
    told_once(portal, range(1, 401))
    assert len(portal.deliveries) <= calls_for(400, took)
    assert portal.deliveries[0].time < channel.calls[-1].time


WEB_SERVER = 1 << 20        # what nginx takes unless it is told otherwise


def told_in_bounds(portal, n):
    """All of them, each once, and no call larger than web servers take."""
    wait_until(lambda: len(portal.first_ids) == n or None, 60)
    told_once(portal, range(1, n + 1))
    assert max(len(c.body) for c in portal.deliveries) <= WEB_SERVER


def test_long_ids_cut_a_batch(start, portals, channel):
    """The channel gives as long ids as it may, status_batch is the most."""
    portal = portals()
    long_id = "i" * 60000
    channel.always(f'json:{{"id":"{long_id}"}}')
    server = start("fcgi", app=APP, retry=SOON,
                   channel={"url": channel.url},
                   portal={"status_batch": 1000, "burst": 1000, "rate": 250})
    post(server, of(portal, *(message(i) for i in range(1, 301))))
    told_in_bounds(portal, 300)
    assert all(ids == [long_id] for ids in portal.first_ids.values())
    # but a call takes what it can
    assert max(len(c) for c in told(portal)) >= 4


def test_long_chat_ids_cut_a_batch(start, portals):
    """They come to wait while the one call is on its way."""
    portal = portals()
    portal.script("slow:3:ok")
    server = start("fcgi", app=APP, retry=SOON, channel={"url": "null:"},
                   portal={"status_batch": 1000, "burst": 1000, "rate": 250,
                           "calls_in_flight": 1})
    post_all(server, [of(portal, message(i, chat=f"{i}" + "c" * 200000))
                      for i in range(1, 91)], 8)
    told_in_bounds(portal, 90)


def test_an_event_of_200_messages_is_answered_200(start, portals):
    portal = portals()
    server = start("fcgi", app=APP, channel={"url": "null:"}, server=PATIENT)
    value = of(portal, *(message(i) for i in range(1, 201)))
    answer, = post_all(server, [value])
    assert (answer.response.status, answer.response.json["acknowledged"]) == \
        (200, 200)
    assert len(portal.deliveries) <= 2 + 3 * int(answer.seconds)
    told_once(portal, range(1, 201))


def test_a_batch_is_refused_for_one_message(start, portals):
    """The others are told, one by one; that one is refused."""
    portal = portals()
    portal.unwanted.add(3)
    server = start("fcgi", app=APP, retry=SOON)
    value = of(portal, *(message(i) for i in range(1, 6)))
    assert post(server, value).status == 202
    server.site.wait_states({i: "refused" if i == 3 else "acknowledged"
                             for i in range(1, 6)})
    assert told(portal) == [[i] for i in (1, 2, 4, 5)]


def test_a_batch_goes_with_its_own_token(start, portals):
    """An event's own token first, also for several messages."""
    portal = portals()
    server = start("fcgi", app=APP, retry=SOON)
    stored, _ = installed(server, portal)
    assert post(server, of(portal, message(1), message(2))).status == 200
    expire(portal, events.ACCESS)
    assert post(server, of(portal, message(3), message(4))).status == 200
    assert [c.token for c in portal.deliveries] == [
        events.ACCESS, events.ACCESS, stored]


def test_a_refused_token_does_not_fail_the_batch(start, portals):
    """Nothing is stored, and the newest event's token is no good."""
    portal = portals()
    server = start.group(2, app=APP, retry=SOON, server=PATIENT)
    portal.script("slow:1:ok", "slow:1:ok")
    values = in_chats(portal, [1, 2]) + in_chats(portal, range(3, 9)) + \
        in_chats(portal, range(9, 11), access_token="nobody's")
    answers = post_all(server, values, 10)
    wait_until(lambda: len(portal.first_ids) >= 8)
    assert sum(a.response.status == 200 for a in answers) >= 8
    told_once(portal, [i for i in range(1, 11) if (
        "myconnector", 107, 1807, i) in portal.first_ids])


def test_another_process_tells_it(start, portals):
    """The one that was answered waits in a process that makes no call."""
    portal = portals()
    server = start.group(2, app=APP, retry=SOON, server=PATIENT,
                         portal={"calls_in_flight": 1})
    portal.always("held:ok")
    with sending(server, in_chats(portal, range(1, 25))) as answers:
        wait_until(lambda: delivered(server) == 24 and
                   len(portal.deliveries) == 1)
        portal.release()
    assert [a.result().status for a in answers] == [200] * 24
    assert len(portal.deliveries) <= 6       # one at a time: 24
    told_once(portal, range(1, 25))


def test_a_kept_connection_holds_no_worker(start, portals):
    """One worker, ten kept connections, each with several requests."""
    portal = portals()
    server = start("fcgi", app=APP, server={"workers": 1})
    with contextlib.ExitStack() as stack:
        kept = [stack.enter_context(server.client()) for _ in range(10)]
        for turn in range(3):
            for i, c in enumerate(kept):
                body = as_form(in_chats(portal, [turn * 10 + i + 1])[0])
                c.begin(server.params(FORM, "POST", len(body)), keep=True)
                c.send(body)
                assert parse_cgi(c.finish()).status == 200
        # and one that says nothing
        stack.enter_context(server.client())
        assert post(server, in_chats(portal, [31])[0]).status == 200
    told_once(portal, range(1, 32))


def test_kept_connections_and_a_stop(start, portals):
    """They are closed, and it ends as soon as without them."""
    portal = portals()
    server = start("fcgi", app=APP)
    began = time.monotonic()
    next_life(server, signal.SIGTERM)
    plain = time.monotonic() - began
    with server.client() as c:
        body = as_form(in_chats(portal, [1])[0])
        c.begin(server.params(FORM, "POST", len(body)), keep=True)
        c.send(body)
        assert parse_cgi(c.finish()).status == 200
        began = time.monotonic()
        next_life(server, signal.SIGTERM)
        # what is on its way would be given five seconds
        assert time.monotonic() - began < 4 * plain + 3
        c.sock.settimeout(60)
        assert c.sock.recv(1) == b""
    assert post(server, in_chats(portal, [2])[0]).status == 200


def test_group_is_what_it_says(start, portals):
    """So that the tests above mean something: several processes answer."""
    portal = portals()
    server = start.group(4, app=APP)
    assert isinstance(server, Group) and len(server.site.handlers()) == 4
    post_all(server, in_chats(portal, range(1, 41)), 40)
    told_once(portal, range(1, 41))
    assert events.ACCESS not in server.log()
