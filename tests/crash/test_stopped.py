"""A handler that stands still loses what it has, and learns it when it wakes.

Two handlers share a store. One is stopped (SIGSTOP) in the midst of a call;
its kernel locks stay. The other sees its heartbeat stand still, takes its
messages over and finishes them. Woken (SIGCONT), the first one begins nothing
of what it has lost. One that is merely slow keeps what it has.

A fault build (see world.py) reads IMCONNECTOR_HEARTBEAT_MS: for how long a
heartbeat may stand still.
"""

import concurrent.futures
import json
import signal
import threading

import pytest

import events
import servers
from mortal import MortalFcgi
from several import APP, SOON, Portals, expire, installed, post
from site_folder import merged, wait_until
from standin import Portal, Receiver, answer_from

STILL_MS = 2000


class Gate:
    """Keeps the first request that it is told to, until it is opened."""

    def __init__(self):
        self.kept, self.open = threading.Event(), threading.Event()
        self.armed = False

    def pass_through(self):
        """In the thread of a request; whether it was kept."""
        if not self.armed:
            return False
        self.armed = False
        self.kept.set()
        assert self.open.wait(120)
        return True


class GatedReceiver(Receiver):
    """A channel with a gate."""

    def __init__(self):
        super().__init__()
        self.gate = Gate()

    def respond(self, request):
        answer = super().respond(request)
        self.gate.pass_through()
        return answer

    def times(self):
        """{message id: how often it was handed over}"""
        ids = [o["im"]["message_id"] for o in self.objects]
        return {i: ids.count(i) for i in ids}


class GatedPortal(Portal):
    """A portal with a gate; what was kept behind it is answered that the
    token has expired."""

    def __init__(self, **options):
        super().__init__(**options)
        self.gate = Gate()
        self.asked = 0

    def respond(self, request):
        if "send.status.delivery" in request.path:
            self.asked += 1
            if self.gate.pass_through():
                return answer_from("error:expired_token")
        return super().respond(request)


class Pair:
    """Two handlers on one store."""

    def __init__(self, **config):
        config = merged(servers.CONFIG, {"app": APP, "retry": SOON}, config)
        self.one = MortalFcgi(config)
        self.two = MortalFcgi(merged(config, {"store": {
            "url": f"sqlite:{self.one.site.store}"}}))
        self.pool = concurrent.futures.ThreadPoolExecutor(4)

    def __enter__(self):
        for server in (self.one, self.two):
            server.start(IMCONNECTOR_HEARTBEAT_MS=str(STILL_MS))
        return self

    def __exit__(self, *error):
        if self.one.life.process.poll() is None:
            self.one.life.process.send_signal(signal.SIGCONT)
        try:
            self.one.stop()
        finally:
            self.two.stop()
            self.pool.shutdown(cancel_futures=True)

    def post_one(self, value):
        """Sends it to the first; a future of the answer."""
        return self.pool.submit(post, self.one, value)

    def stop_one(self):
        """SIGSTOP, but not while it writes: nobody could, then."""
        def stopped():
            process = self.one.life.process
            process.send_signal(signal.SIGSTOP)
            wait_until(lambda: state(process.pid) == "T")
            if self.two.site.ctl("purge").returncode == 0:
                return True
            process.send_signal(signal.SIGCONT)
            return False
        wait_until(stopped, 30, "a quiet moment")

    def wake_one(self):
        """SIGCONT."""
        self.one.life.process.send_signal(signal.SIGCONT)

    def settled(self, ids, deadline=40):
        """Waits until all of these are acknowledged."""
        wanted = dict.fromkeys(ids, "acknowledged")

        def there():
            states = self.one.site.states()
            return {i: states.get(i) for i in ids} == wanted
        wait_until(there, deadline, "all acknowledged")

    def goes_on(self, portal, first):
        """The first one works, from reading to telling; then it ends, with
        all that it still had to do."""
        for i in range(first, first + 5):
            answer = post(self.one, events.of(portal, events.message(
                i, chat=f"c{i}")))
            assert answer.status == 200, answer
        self.one.life.end()


def state(pid):
    """A process's state, as the kernel has it."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        return f.read().rpartition(")")[2].split()[0]


@pytest.fixture
def channel():
    """The channel of both."""
    with GatedReceiver() as c:
        yield c
        c.gate.open.set()


@pytest.fixture
def portals():
    """More of Bitrix24."""
    with Portals() as factory:
        yield factory


def told(portal, message_id):
    """How often Bitrix24 was told of it and accepted that."""
    return sum(int(m["im"]["message_id"]) == message_id
               for c in portal.deliveries for m in c.params["MESSAGES"])


def test_nothing_that_was_taken_over_is_handed_over(channel, portals):
    """Stopped in the first hand-over of an event with five messages; the
    channel takes one at a time."""
    portal = portals()
    with Pair(channel={"url": channel.url, "in_flight": 1}) as pair:
        assert post(pair.one, events.of(portal, events.message(
            100, chat="made"))).status == 200
        channel.gate.armed = True
        answer = pair.post_one(events.of(portal, *(events.message(
            i, chat=f"chat-{i}") for i in range(1, 6))))
        assert channel.gate.kept.wait(20)
        pair.stop_one()
        pair.settled(range(1, 6))
        before = len(channel.calls)
        channel.gate.open.set()
        pair.wake_one()
        assert answer.result(30).status in (200, 202)
        pair.goes_on(portal, 101)
        times = channel.times()
        assert [times[i] for i in range(1, 6)] == [2, 1, 1, 1, 1]
        assert len(channel.calls) == before + 5
        assert [told(portal, i) for i in range(1, 6)] == [1] * 5
        pair.settled(range(1, 6))


def test_the_order_of_a_chat_survives(channel, portals):
    """All in one chat, over several events, and more to come."""
    portal = portals()
    with Pair(channel={"url": channel.url},
              server={"answer_within": 1}) as pair:
        channel.gate.armed = True
        answers = [pair.post_one(events.of(portal, events.message(1)))]
        assert channel.gate.kept.wait(20)
        for i in (2, 3):
            assert post(pair.one, events.of(portal, events.message(i))) \
                .status == 202
        pair.stop_one()
        for i in (4, 5):
            assert post(pair.two, events.of(portal, events.message(i))) \
                .status == 202
        pair.settled(range(1, 6))
        channel.gate.open.set()
        pair.wake_one()
        assert [a.result(30).status for a in answers] == [202]
        pair.goes_on(portal, 101)
        ids = [o["im"]["message_id"] for o in channel.objects
               if o["chat"]["id"] == "channel-123"]
        assert ids == [1, 1, 2, 3, 4, 5]


def test_nothing_that_was_taken_over_is_told(channel, portals):
    """Stopped in a status call; the ladder of tokens has a further rung, and
    the only slot of the portal is taken over, too."""
    portal = portals(GatedPortal)
    with Pair(channel={"url": channel.url},
              portal={"calls_in_flight": 1}) as pair:
        installed(pair.one, portal)
        portal.gate.armed = True
        answer = pair.post_one(events.of(portal, events.message(1)))
        assert portal.gate.kept.wait(20)
        pair.stop_one()
        pair.settled([1])
        asked = portal.asked
        portal.gate.open.set()
        pair.wake_one()
        assert answer.result(30).status in (200, 202)
        pair.goes_on(portal, 101)
        assert portal.asked == asked + 5
        assert told(portal, 1) == 1
        assert channel.times()[1] == 1


def test_who_is_slow_keeps_what_it_has(channel, portals):
    """A hand-over that lasts several times as long."""
    portal = portals()
    with Pair(channel={"url": channel.url}, **{
            "connector quick": {"url": channel.url}}) as pair:
        channel.script(f"slow:{2.5 * STILL_MS / 1000}")
        answer = pair.post_one(events.of(portal, events.message(1)))
        channel.wait_for_calls(1)
        for i in (2, 3):
            post(pair.two, events.of(portal, events.message(i)))
        assert answer.result(30).status in (200, 202)
        pair.settled([1, 2, 3])
        assert channel.times() == {1: 1, 2: 1, 3: 1}


def test_a_stopped_refresh_is_taken_over(channel, portals):
    """Stopped while it has the right to refresh: the other one refreshes,
    and the first one does not spoil what it got."""
    portal = portals()
    with Pair(channel={"url": channel.url}) as pair:
        installed(pair.one, portal)
        expire(portal)
        portal.script("silence", to="oauth")
        pair.post_one(events.of(portal, events.message(1)))
        portal.wait(lambda: len(portal.refreshes) == 2, 20, "a refresh")
        pair.stop_one()
        pair.settled([1], 60)
        pair.wake_one()
        rows = json.loads(pair.two.site.ctl("portals", "--json").stdout)
        assert [r["refresh_rejected"] for r in rows] == [False]
