"""Order within a chat, one hand-over of each message, and isolation.

What one destination does must not be felt by others: a channel that hangs, a
portal that never answers, a first message that nobody takes.
"""

import collections
import concurrent.futures
import json
import threading

import pytest

from events import delete, message, of
from several import SOON, message_of, next_life, post, post_all
from site_folder import wait_until
from standin import Receiver, answer_from


class Picky(Receiver):
    """Answers some messages (by id) in a way of their own."""

    def __init__(self, **options):
        super().__init__(**options)
        self.status = {}                # message id -> an answer's spelling

    def respond(self, request):
        answer = super().respond(request)
        value = json.loads(request.body)
        spoilt = self.status.get(value["im"]["message_id"])
        return answer_from(spoilt) if spoilt else answer

    def order(self, chat):
        """The message ids of that chat, as they came, repeats left out."""
        ids = [o["im"]["message_id"] for o in self.objects
               if o["chat"]["id"] == chat]
        return list(dict.fromkeys(ids))

    def times(self, message_id):
        """How often that message came."""
        return [o["im"]["message_id"] for o in
                self.objects].count(message_id)


@pytest.fixture
def picky():
    """A channel with opinions about single messages."""
    with Picky() as p:
        yield p


def wait_all(server, ids, state="acknowledged", deadline=60):
    """Waits until these messages have this state."""
    wanted = {i: state for i in ids}

    def there():
        states = server.site.states()
        return {i: states.get(i) for i in ids} == wanted
    wait_until(there, deadline, f"{len(wanted)} {state}")


def test_order_over_events_and_processes(start, portals, picky):
    """Each event is sent when the one before is stored; while the chat is
    busy the rest come in any order, by their ids."""
    portal = portals()
    servers = start.group(3, channel={"url": picky.url}, retry=SOON)
    picky.script("held")
    chats = [f"chat-{c}" for c in range(8)]
    first = threading.Thread(target=post, args=(
        servers, of(portal, message(1, chat=chats[0]))))
    first.start()
    picky.wait_for_calls(1)
    # behind it, from many senders, in disorder
    values = [of(portal, message(i, chat=chats[0]))
              for i in (9, 4, 7, 2, 8, 3, 6, 5)]
    answers = post_all(servers, values, 8)
    assert [a.response.status for a in answers] == [202] * 8
    assert len(picky.calls) == 1
    picky.release()
    first.join()
    # one sender for each chat, one event after the other
    def send(c):
        for i in range(c * 100 + 1, c * 100 + 11):
            post(servers, of(portal, message(i, chat=chats[c])))
    senders = [threading.Thread(target=send, args=(c,))
               for c in range(1, 8)]
    for t in senders:
        t.start()
    for t in senders:
        t.join()
    wait_all(servers, [*range(1, 10)] + [c * 100 + i for c in range(1, 8)
                                         for i in range(1, 11)])
    assert picky.order(chats[0]) == list(range(1, 10))
    for c in range(1, 8):
        assert picky.order(chats[c]) == \
            list(range(c * 100 + 1, c * 100 + 11))
    assert len(picky.calls) == 79           # each of them once


def test_those_behind_wait_for_a_failing_first(start, portals, picky):
    portal = portals()
    server = start("fcgi", channel={"url": picky.url}, retry=SOON)
    picky.status[5] = "status:500"
    assert post(server, of(portal, message(5))).status == 202
    for i in (7, 6, 8):
        assert post(server, of(portal, message(i))).status == 202
    picky.wait(lambda: picky.times(5) >= 3)
    assert picky.order("channel-123") == [5]
    # an older one that comes late goes first, and is not held by it
    assert post(server, of(portal, message(4))).status == 202
    wait_all(server, [4])
    assert server.site.states()[6] == "received"
    del picky.status[5]
    wait_all(server, [4, 5, 6, 7, 8])
    assert picky.order("channel-123") == [5, 4, 6, 7, 8]


def test_a_poisoned_message_blocks_its_chat_only(start, portals, picky):
    portal = portals()
    server = start("fcgi", channel={"url": picky.url}, retry=SOON)
    picky.status[1] = "status:500"
    assert post(server, of(portal, message(1, chat="bad"))).status == 202
    assert post(server, of(portal, message(2, chat="bad"))).status == 202
    answers = post_all(server, [of(portal, message(i, chat=f"c{i}"))
                                for i in range(10, 40)])
    assert {a.response.status for a in answers} == {200}
    # the same name of a chat on another line, connector or portal
    for i, more in ((50, {"line": 108}), (51, {"connector": "other"})):
        assert post(server, of(portal, message(i, chat="bad"), **more)) \
            .status == 200
    assert post(server, of(portals(), message(52, chat="bad"))).status == 200
    states = server.site.states()
    assert (states[1], states[2]) == ("received", "received")
    # a person drops it: the next one goes
    key = message_of(server, 1)["key"]
    wait_until(lambda: server.site.ctl("queue", "drop", "--", key)
               .returncode == 0)
    wait_all(server, [2])


@pytest.mark.parametrize("together", [True, False])
def test_a_refused_first_holds_nobody_back(start, portals, picky, together):
    portal = portals()
    server = start("fcgi", channel={"url": picky.url}, retry=SOON)
    picky.status[1] = "status:422"
    messages = [message(i) for i in (1, 2, 3)]
    for value in ([of(portal, *messages)] if together else
                  [of(portal, m) for m in messages]):
        post(server, value)
    wait_all(server, [2, 3])
    m = message_of(server, 1)
    assert (m["state"], m["step"]) == ("refused", "hand-over")
    assert picky.order("channel-123") == [1, 2, 3] and picky.times(1) == 1


def test_repeats_from_two_bindings_at_once(start, portals, picky):
    """Two handlers' URLs, two processes, the same event at the same time."""
    portal = portals()
    servers = start.group(2, channel={"url": picky.url}, retry=SOON)
    values = [of(portal, message(i, chat=f"c{i}")) for i in range(1, 41)]
    picky.script(*["slow:0.2"] * 10)
    answers = post_all(servers, [v for v in values for _ in (1, 2)])
    assert {a.response.status for a in answers} <= {200, 202}
    wait_all(servers, range(1, 41))
    assert len(picky.calls) == 40
    told = [c.params["MESSAGES"][0] for c in portal.deliveries]
    for m in told:
        key = ("myconnector", 107, 1807, m["im"]["message_id"])
        assert m["message"]["id"] == portal.first_ids[key]
    for value in values[:3]:
        assert post(servers, value).status == 200
    assert len(picky.calls) == 40


def test_deletes_and_updates_keep_the_order_too(start, portals, picky):
    portal = portals()
    server = start("fcgi", channel={"url": picky.url}, retry=SOON)
    picky.status[1] = "status:500"
    post(server, of(portal, message(1)))
    value = delete(2, endpoint=portal.endpoint, member_id=portal.member_id)
    assert post(server, value).status == 202
    picky.wait(lambda: picky.times(1) >= 2)
    assert picky.times(2) == 0
    del picky.status[1]
    wait_all(server, [1, 2])


# -- isolation

def in_chats(portal, first, end):
    """One event for each message, each with a chat of its own."""
    return [of(portal, message(i, chat=f"c{i}")) for i in range(first, end)]


def slowest(answers):
    """What the slowest of them took. It is compared with what others took in
    the same run, for the machine may be busy."""
    return max(a.seconds for a in answers)


def test_a_channel_that_hangs_is_felt_by_nobody_else(start, portals, picky):
    """Thirty events for a silent channel: all are answered when their time
    is over, and the others in their usual way."""
    portal, other = portals(), portals()
    with Receiver() as hangs:
        hangs.always("silence")
        server = start("fcgi", retry=SOON, channel={"url": picky.url},
                       server={"answer_within": 3}, **{
                           "connector hangs": {"url": hangs.url,
                                               "timeout": 4}})
        usual = [of(p, message(i, chat=f"c{i}")) for p, i in
                 zip((portal, other) * 10, range(101, 121))]
        silent = [of(portal, message(i, chat=f"c{i}"), connector="hangs")
                  for i in range(1, 31)]
        alone = post_all(server, silent[:1], 1)[0].seconds
        answers = post_all(server, silent[1:] + usual, 50)
        assert [a.response.status for a in answers] == [202] * 29 + [200] * 20
        # those wait for answer_within once, side by side; these do not
        assert slowest(answers[:29]) < 1.5 * alone
        assert slowest(answers[29:]) < 0.5 * alone
        answers = post_all(server, in_chats(other, 201, 211), 1)
        assert [a.response.status for a in answers] == [200] * 10
        assert slowest(answers) < 0.5 * alone
        hangs.always(None)
        wait_all(server, [*range(1, 31), *range(101, 121)])
        assert {o["im"]["message_id"] for o in hangs.objects} == \
            set(range(1, 31))


def test_a_portal_that_never_answers(start, portals, picky):
    hangs, good = portals(), portals()
    hangs.always("silence")
    server = start("fcgi", retry=SOON, channel={"url": picky.url},
                   server={"workers": 8, "answer_within": 1},
                   portal={"timeout": 3})
    usual = slowest(post_all(server, in_chats(portals(), 301, 341), 40))
    answers = post_all(server, [of(p, message(i, chat=f"c{i}")) for p, i in
                                zip((hangs, good) * 20, range(1, 41))], 40)
    assert slowest(answers) < 1 + 5 * usual + 2
    assert [a.response.status for a in answers[::2]] == [202] * 20
    wait_all(server, range(2, 41, 2))
    assert len(picky.calls) == 80
    # it is known to be down now: 202 at once, without another call
    wait_until(lambda: '"destinations_down":1' in
               server.site.ctl("stats", "--json").stdout)
    calls = len(hangs.calls)
    answers = post_all(server, [of(hangs, message(i, chat=f"c{i}"))
                                for i in range(101, 111)], 1)
    # answer_within is a second: most did not wait for it
    assert sorted(a.seconds for a in answers)[5] < 0.9
    assert len(hangs.calls) <= calls + 2    # a probe at most
    hangs.always(None)
    wait_all(server, [*range(1, 41), *range(101, 111)])
    assert len(picky.calls) == 90


def a_channel_that_is_down_and_comes_back(start, portals):
    """202 at once while it is down; a probe finds it up, and all of it
    drains, in order, other lines of the same channel as well."""
    portal = portals()
    channel = Receiver().start()
    url, port = channel.url, channel.port
    channel.stop()
    server = start("fcgi", retry={"first": 1, "longest": 600},
                   channel={"url": url})
    post(server, of(portal, message(1, chat="a")))
    answers = post_all(server, [
        of(portal, message(i, chat="ab"[i % 2]), line=107 + i // 10)
        for i in range(2, 31)])
    assert [a.response.status for a in answers] == [202] * 29
    assert set(server.site.states().values()) == {"received"}
    with Receiver(port=port) as channel:
        wait_all(server, range(1, 31))
        chats = collections.defaultdict(list)
        for o in channel.objects:
            chats[o["line"], o["chat"]["id"]].append(o["im"]["message_id"])
    assert all(ids == sorted(ids) for ids in chats.values())
    assert sum(map(len, chats.values())) == 30
    assert "down" in server.log() and "up" in server.log()


def what_comes_while_a_probe_hangs_is_not_forgotten(start, portals):
    """The probe waits for a silent channel; meanwhile another line's message
    comes. When the channel is well it must not wait for long."""
    portal = portals()
    with Receiver() as channel:
        channel.always("silence")
        server = start("fcgi", retry={"first": 1, "longest": 600},
                       channel={"url": channel.url, "timeout": 2},
                       server={"answer_within": 1})
        assert post(server, of(portal, message(1))).status == 202
        channel.wait_for_calls(2)       # the second is the probe
        assert post(server, of(portal, message(2), line=108)).status == 202
        channel.always(None)
        wait_all(server, [1, 2])


def the_crash_of_a_probing_process_is_no_delay(start, portals):
    portal = portals()
    with Receiver() as channel:
        channel.always("silence")
        server = start("fcgi", retry={"first": 1, "longest": 600},
                       channel={"url": channel.url, "timeout": 2},
                       server={"answer_within": 1})
        assert post(server, of(portal, message(1))).status == 202
        channel.wait_for_calls(2)
        assert post(server, of(portal, message(2, chat="c2"))).status == 202
        channel.always(None)
        next_life(server)
        wait_all(server, [1, 2])


def a_large_event_for_a_channel_that_hangs(start, portals):
    """Its messages do not wait for their timeouts one after the other."""
    portal = portals()
    with Receiver() as channel:
        channel.always("silence")
        server = start("fcgi", retry=SOON,
                       channel={"url": channel.url, "timeout": 1},
                       server={"answer_within": 60})
        answers = post_all(server, [of(portal, *(
            message(i, chat=f"c{i}") for i in range(1, 21)))])
        assert answers[0].response.status == 202
        assert answers[0].seconds < 20 / 2
        channel.always(None)
        wait_all(server, range(1, 21))


SIDE_BY_SIDE = [a_channel_that_is_down_and_comes_back,
                what_comes_while_a_probe_hangs_is_not_forgotten,
                the_crash_of_a_probing_process_is_no_delay,
                a_large_event_for_a_channel_that_hangs]


@pytest.fixture(scope="module")
def side_by_side(start_once, portals_once):
    """These mostly wait, so they do it together."""
    with concurrent.futures.ThreadPoolExecutor(len(SIDE_BY_SIDE)) as pool:
        yield {f: pool.submit(f, start_once, portals_once)
               for f in SIDE_BY_SIDE}


@pytest.mark.parametrize("what", SIDE_BY_SIDE, ids=lambda f: f.__name__)
def test_destinations_that_were_down(side_by_side, what):
    side_by_side[what].result()
