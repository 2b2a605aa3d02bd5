"""Several handlers with configurations of their own share one store.

No process may judge another's work by its own configuration, the store is one
whatever path leads to it, and each process takes up messages of its own
connectors only.
"""

import json
import os
import time

import pytest

from events import message, of
from several import SOON, post, post_all
from site_folder import wait_until
from standin import Receiver


def times(receiver):
    """{message id: how often it was handed over}"""
    ids = [o["im"]["message_id"] for o in receiver.objects]
    return {i: ids.count(i) for i in ids}


def order(receiver, chat):
    """The ids of that chat's messages, as they came."""
    return [o["im"]["message_id"] for o in receiver.objects
            if o["chat"]["id"] == chat]


def settled(server, ids, deadline=30):
    """Waits until all of these are acknowledged."""
    wanted = dict.fromkeys(ids, "acknowledged")
    wait_until(lambda: {i: server.site.states().get(i) for i in ids} ==
               wanted, deadline, "all acknowledged")


def sharing(start, first, path=None, front="fcgi", **config):
    """One more handler, on the store of the first (by that path)."""
    url = f"sqlite:{path or first.site.store}"
    return start(front, **{"retry": SOON, "store": {"url": url}, **config})


def counts_as(answer, states=(200, 202)):
    """The answer promises that it is stored."""
    assert answer.status in states, answer
    return answer


def proves_it_scans(server, portal, receiver, n, **of_event):
    """Has that server try something again: whatever else was due, it saw."""
    receiver.script("status:503", "status:503")
    assert post(server, of(portal, message(n, chat=f"proof-{n}"),
                           **of_event)).status == 202
    wait_until(lambda: times(receiver).get(n, 0) >= 3, 30, "its retries")


@pytest.fixture
def slow():
    """A channel that takes its time."""
    with Receiver() as r:
        r.always("slow:2")
        yield r


def test_a_shorter_timeout_elsewhere_voids_no_claim(start, portals, slow,
                                                    channel):
    """The second process would have given up on such calls long ago."""
    portal = portals()
    quick = {"connector quick": {"url": channel.url}}
    first = start("fcgi", retry=SOON, channel={"url": slow.url},
                  server={"answer_within": 1}, **quick)
    second = sharing(start, first, channel={"url": slow.url, "timeout": 15},
                     portal={"timeout": 3}, **quick)
    values = [of(portal, message(i, chat=f"c{i}")) for i in range(1, 6)]
    # and one chat whose order must be kept
    values += [of(portal, message(i, chat="one")) for i in (11, 12, 13)]
    for answer in post_all(first, values, 8):
        counts_as(answer.response)
    proves_it_scans(second, portal, channel, 21, connector="quick")
    settled(first, [*range(1, 6), 11, 12, 13, 21])
    assert set(times(slow).values()) == {1}, times(slow)


def test_a_shorter_timeout_elsewhere_and_a_slow_portal(start, portals,
                                                       channel):
    """A status call on its way, with its slot: the second calls no more than
    the portal bears, and tells nothing twice."""
    portal = portals()
    portal.always("slow:2")
    limits = {"calls_in_flight": 1, "status_batch": 100}
    first = start("fcgi", retry=SOON, channel={"url": channel.url},
                  server={"answer_within": 1}, portal=limits)
    second = sharing(start, first, channel={"url": channel.url, "timeout": 10},
                     portal={**limits, "timeout": 8},
                     server={"answer_within": 1})
    counts_as(post(first, of(portal, message(1, chat="a"))))
    portal.wait(lambda: portal.deliveries or portal.calls, 10)
    counts_as(post(second, of(portal, message(2, chat="b"))))
    settled(first, [1, 2], 40)
    told = [m["im"]["message_id"] for c in portal.deliveries
            for m in c.params["MESSAGES"]]
    assert sorted(told) == ["1", "2"] or sorted(told) == [1, 2], told
    assert set(times(channel).values()) == {1}


def other_paths(site):
    """Other ways to the store: links to it, to its folder, to a link."""
    links = {site.var / "link.db": site.store,
             site.folder / "elsewhere": site.var,
             site.var / "second.db": site.var / "link.db"}
    for name, target in links.items():
        os.symlink(target, name)
    return [site.var / "link.db", site.folder / "elsewhere" / site.store.name,
            site.var / "second.db",
            site.var / ".." / site.var.name / site.store.name]


def test_one_store_by_several_paths(start, portals, slow):
    """Whatever path leads to it: who has a message is known to all."""
    portal = portals()
    config = {"channel": {"url": slow.url}, "server": {"answer_within": 1}}
    first = start("fcgi", retry=SOON, **config)
    counts_as(post(first, of(portal, message(1))))      # it is made now
    servers = [first] + [sharing(start, first, path, **config)
                         for path in other_paths(first.site)]
    values = [of(portal, message(i, chat=f"c{i % 6}")) for i in range(2, 14)]
    for i, value in enumerate(values):
        counts_as(post(servers[i % len(servers)], value))
    settled(first, range(1, 14), 60)
    assert times(slow) == dict.fromkeys(range(1, 14), 1)
    for c in range(6):
        ids = order(slow, f"c{c}")
        assert ids == sorted(ids)


def test_the_tool_by_another_path(start, portals, slow):
    """The operator's pass over a link leaves alone what a handler has."""
    portal = portals()
    first = start("fcgi", retry=SOON, channel={"url": slow.url},
                  server={"answer_within": 1})
    counts_as(post(first, of(portal, message(1))))
    path = other_paths(first.site)[0]
    tool = sharing(start, first, path, "cgi", channel={"url": slow.url})
    counts_as(post(first, of(portal, message(2, chat="b"))), (202,))
    done = tool.site.ctl("retry", "--json")
    assert done.returncode == 0, done.stderr
    settled(first, [1, 2])
    assert times(slow) == {1: 1, 2: 1}


# -- whose messages

@pytest.fixture
def theirs():
    """The other handler's channel."""
    with Receiver() as r:
        yield r


@pytest.fixture
def two(start, portals, channel, theirs):
    """Two handlers for a connector each, on one store, and whom they tell:
    (ours, theirs, our portal, their portal, more of their kind)."""
    here, there = portals(), portals()

    def config(connector, receiver, portal):
        return {"app": {"connectors": [connector],
                        "client_endpoint": portal.endpoint},
                "channel": {"url": receiver.url}}
    first = start("fcgi", retry=SOON, **config("ours", channel, here))

    def more(front="fcgi", **extra):
        return sharing(start, first, front=front,
                       **config("theirs", theirs, there), **extra)
    return first, more(), here, there, more


def their_share_of_ours(theirs, there):
    """What the other handler did with messages of ours: must be nothing."""
    taken = [o for o in theirs.objects if o["connector"] == "ours"]
    told = [c for c in there.deliveries if c.params["CONNECTOR"] == "ours"]
    return taken + told


def test_each_hands_over_its_own(two, channel, theirs):
    """Ours fails for a while; the other one never takes it."""
    first, second, here, there, _ = two
    channel.always("status:503")
    for i in range(1, 6):
        counts_as(post(first, of(here, message(i, chat=f"c{i % 2}"),
                                 connector="ours")), (202,))
    proves_it_scans(second, there, theirs, 21, connector="theirs")
    assert set(first.site.states()[i] for i in range(1, 6)) == {"received"}
    channel.always(None)
    settled(first, [*range(1, 6), 21])
    assert their_share_of_ours(theirs, there) == []
    assert all(o["connector"] == "ours" for o in channel.objects)


def test_each_tells_its_own(two, theirs):
    """Ours waits for our portal; the other one does not tell it."""
    first, second, here, there, _ = two
    here.always("status:500")
    for i in range(1, 4):
        counts_as(post(first, of(here, message(i, chat=f"c{i}"),
                                 connector="ours")), (202,))
    # the same portal for Bitrix24, by another address
    proves_it_scans(second, there, theirs, 21, connector="theirs",
                    member_id=here.member_id)
    here.always(None)
    settled(first, [1, 2, 3])
    assert their_share_of_ours(theirs, there) == []


def named_as_uncovered(server, n):
    """The tool says that so many messages have nobody who takes them up."""
    def stats():
        return json.loads(server.site.ctl("stats", "--json").stdout)
    wait_until(lambda: stats()["uncovered"] == n)
    held = [m for m in json.loads(server.site.ctl(
        "queue", "list", "--json").stdout) if m["hold"] ==
            "no handler takes up this connector"]
    assert len(held) == n and all(m["connector"] == "ours" for m in held)
    said = server.site.ctl("check").stderr
    assert ("no running handler takes up" in said) == (n != 0), said


def test_who_is_gone_is_waited_for(two, channel, theirs, start):
    """What a dead process leaves waits for one with that connector."""
    first, second, here, there, _ = two
    channel.always("slow:5")
    first.site.write_config({**first.site.config, "server": {
        "answer_within": 1}})
    counts_as(post(first, of(here, message(1), connector="ours")))
    counts_as(post(first, of(here, message(2), connector="ours")))
    process = first.processes.pop("handler")
    process.kill()
    process.wait()
    wait_until(lambda: not first.site.handlers())
    channel.always(None)
    try:
        proves_it_scans(second, there, theirs, 21, connector="theirs")
        # neither does the timer's pass
        done = second.site.ctl("retry", "--json")
        assert (done.returncode, json.loads(done.stdout)["moved"]) == (0, 0)
        assert their_share_of_ours(theirs, there) == []
        named_as_uncovered(second, 1)   # the other is behind it
    finally:
        first.start()
    settled(first, [1, 2], 20)
    named_as_uncovered(second, 0)


def test_the_share_of_plain_cgi_is_its_own(two, channel, theirs):
    """Behind its answer it takes up what is due, of its connector."""
    first, _, here, there, more = two
    channel.always("status:503")
    counts_as(post(first, of(here, message(1), connector="ours")), (202,))
    cgi = more("cgi")
    began = time.monotonic()
    n = 30
    while time.monotonic() - began < 2 * SOON["longest"]:   # it is due soon
        n += 1
        counts_as(post(cgi, of(there, message(n, chat=f"c{n}"),
                               connector="theirs")))
        cgi.settle()
    assert their_share_of_ours(theirs, there) == []
    channel.always(None)
    settled(first, [1])


def test_without_connectors_all_are_taken_up(start, portals, channel,
                                             theirs):
    """An empty list covers every connector, also those of a dead process."""
    portal = portals()
    channel.always("status:503")
    first = start("fcgi", retry=SOON, app={"connectors": ["ours"]},
                  channel={"url": channel.url})
    counts_as(post(first, of(portal, message(1), connector="ours")), (202,))
    first.processes["handler"].kill()
    first.processes.pop("handler").wait()
    wait_until(lambda: not first.site.handlers())
    sharing(start, first, channel={"url": theirs.url})
    settled(first, [1])
    assert times(theirs) == {1: 1}
    first.start()
