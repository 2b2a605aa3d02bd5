"""imconnectorctl on a queue: looking, retrying, dropping, purging; as JSON;
by root; and while handlers work on the same queue.
"""

import json
import os
import threading
import time

import pytest

import events
import fill
from events import as_json, message, of
from several import APP, SOON, installed, message_of, post, post_all
from site_folder import unix_time, wait_until
from standin import Receiver

USAGE, NO_INPUT, IO_ERROR, CONFIG = 64, 66, 74, 78      # of sysexits.h
NOT_SOON = {"first": 600, "longest": 600}
COMMANDS = [("queue", "list"), ("queue", "list", "--all"), ("retry",),
            ("purge",), ("portals",), ("stats",), ("queue", "flush"),
            ("queue", "retry", "--all-refused")]


def ctl_json(site, *args):
    """What a command prints for programs."""
    done = site.ctl(*args, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Filled:
    """One message for each state and step, of two portals."""

    def __init__(self, start, portals):
        self.portal, self.other = portals(), portals()
        self.portal.unwanted = {5}
        self.other.always("status:500")
        self.channel = portals.enter_context(Receiver())
        self.server = start("fcgi", app=APP, retry=NOT_SOON,
                            channel={"url": self.channel.url})
        self.site = self.server.site
        bad = message(6)                # it is listed without its ids
        bad["im"]["chat_id"] = "none"
        for answer, value in (
                ("ok", of(self.portal, message(1, chat="a"))),
                ("ok", of(self.other, message(2, chat="b"))),
                ("status:500", of(self.portal, message(3, chat="c"))),
                ("status:422", of(self.portal, message(4, chat="a"))),
                ("ok", of(self.portal, message(5, chat="e")))):
            self.channel.script(answer)
            post(self.server, value)
        assert self.server.post(as_json(of(self.portal, bad)),
                                events.JSON).status == 422
        self.site.wait_states({1: "acknowledged", 2: "delivered",
                               3: "received", 4: "refused", 5: "refused",
                               0: "refused"})

    def key(self, message_id):
        """Its key."""
        return message_of(self.server, message_id)["key"]

    def posts(self, message_id):
        """The keys with which the channel got it."""
        return [o["key"] for o in self.channel.objects
                if o["im"]["message_id"] == message_id]


@pytest.fixture
def filled(start, portals):
    """See above."""
    return Filled(start, portals)


def test_filters(filled):
    def ids(*args):
        listed = ctl_json(filled.site, "queue", "list", *args)
        done = filled.site.ctl("queue", "list", "--all", *args)
        assert done.returncode == 0
        assert all(m["key"] in done.stdout for m in listed)
        return [m["message_id"] for m in listed]
    one, two = filled.portal.member_id, filled.other.member_id
    assert ids() == [2, 3, 4, 5, 0, 1]     # what is done, behind the others
    assert ids("--state", "received") == [3]
    assert ids("--state", "delivered") == [2]
    assert ids("--state", "acknowledged") == [1]
    assert ids("--state", "refused") == [4, 5, 0]
    assert ids("--portal", two) == [2]
    assert ids("--portal", one) == [3, 4, 5, 0]
    assert ids("--chat", "a") == [4]
    # of what is done neither is kept
    assert ids("--portal", one, "--state", "acknowledged") == []
    assert ids("--chat", "a", "--state", "refused", "--portal", one) == [4]
    assert ids("--chat", "a", "--portal", two) == []
    assert ids("--portal", "nobody") == []


def test_what_is_shown(filled):
    steps = {m["message_id"]: m["step"] for m in filled.site.queue()}
    assert steps == {1: "", 2: "", 3: "", 4: "hand-over", 5: "status",
                     0: "read"}
    shown = ctl_json(filled.site, "queue", "show", filled.key(4))
    assert "422" in shown["reason"] and shown["message"]
    shown = ctl_json(filled.site, "queue", "show", filled.key(2))
    assert shown["ids"] == ["ext-2"] and "500" in shown["reason"]
    assert unix_time(shown["next"]) > time.time() and shown["tries"] == 1
    stats = ctl_json(filled.site, "stats")
    assert [stats[k] for k in ("received", "delivered", "acknowledged",
                               "refused")] == [1, 1, 1, 3]
    assert time.time() - 60 < unix_time(stats["oldest"]) <= time.time()
    text = filled.site.ctl("stats").stdout
    assert all(name in text for name in stats)


def test_retry_of_what_the_portal_refused(filled):
    """It goes on from the status: the channel never sees it again."""
    filled.portal.unwanted = set()
    key, = {filled.key(5)} & set(filled.posts(5))
    assert ctl_json(filled.site, "queue", "retry", key) == {"retried": 1}
    wait_until(lambda: filled.site.states()[5] == "acknowledged")
    assert filled.posts(5) == [key]
    assert filled.site.ctl("queue", "retry", key).returncode == NO_INPUT


def test_retry_of_what_the_channel_refused(filled):
    """It is handed over again, with the same key."""
    key = filled.key(4)
    assert filled.site.ctl("queue", "retry", key).returncode == 0
    wait_until(lambda: filled.site.states()[4] == "acknowledged")
    assert filled.posts(4) == [key, key]


def test_retry_of_all_refused(filled):
    """But an element that could not be read will not get better."""
    filled.portal.unwanted = set()
    assert filled.site.ctl("queue", "retry", filled.key(0)).returncode == \
        NO_INPUT
    assert ctl_json(filled.site, "queue", "retry", "--all-refused") == \
        {"retried": 2}
    filled.site.wait_states({1: "acknowledged", 2: "delivered",
                             3: "received", 4: "acknowledged",
                             5: "acknowledged", 0: "refused"})


def test_a_key_that_begins_like_an_option(start, channel):
    """One of 64 does; which ones depends on nothing but the messages."""
    channel.always("status:422")
    server = start("fcgi", channel={"url": channel.url})
    site = server.site
    many = events.event(*(message(i, chat=f"c{i}") for i in range(1, 401)))
    assert server.post(as_json(many), events.JSON).status == 202
    wait_until(lambda: ctl_json(site, "stats")["refused"] == 400)
    key = next(m["key"] for m in site.queue() if m["key"].startswith("-"))
    assert ctl_json(site, "queue", "show", key)["state"] == "refused"
    assert ctl_json(site, "queue", "retry", key) == {"retried": 1}
    wait_until(lambda: ctl_json(site, "queue", "show", key)["state"] ==
               "refused")
    assert site.ctl("queue", "--json", "drop", key).stdout == \
        '{"dropped":1}\n'
    assert site.ctl("queue", "drop", "--", key).returncode == NO_INPUT
    assert site.ctl("queue", "drop", "-short").returncode == USAGE


def test_drop(filled):
    for i in (0, 3, 1):
        key = filled.key(i)
        assert ctl_json(filled.site, "queue", "drop", key) == {"dropped": 1}
        assert filled.site.ctl("queue", "drop", key).returncode == NO_INPUT
        assert filled.site.ctl("queue", "show", key).returncode == NO_INPUT
    assert sorted(filled.site.states()) == [2, 4, 5]
    # whoever waited behind the dropped one is free
    assert post(filled.server, of(filled.portal, message(
        7, chat="c"))).status == 200


def test_what_is_worked_on_is_left_alone(start, portals):
    portal = portals()
    with Receiver() as channel:
        server = start("fcgi", channel={"url": channel.url})
        channel.script("slow:2")
        sender = threading.Thread(target=post, args=(server, of(portal)))
        sender.start()
        channel.wait_for_calls(1)
        key = message_of(server, 86497)["key"]
        for command in (("queue", "drop", key), ("queue", "retry", key)):
            assert server.site.ctl(*command).returncode == NO_INPUT
        assert ctl_json(server.site, "retry") == {"moved": 0, "failed": 0}
        sender.join()
        server.site.wait_states({86497: "acknowledged"})
        assert len(channel.calls) == 1


def test_purge(filled):
    """Only what was acknowledged, and only after store.keep_days."""
    assert ctl_json(filled.site, "purge") == {"removed": 0}
    fill.age(filled.site, 7 * 86400 - 60)
    assert ctl_json(filled.site, "purge") == {"removed": 0}
    fill.age(filled.site, 120)
    assert "1" in filled.site.ctl("purge").stdout
    assert sorted(filled.site.states()) == [0, 2, 3, 4, 5]


def test_one_pass_for_a_timer(start, portals):
    """`retry` without any handler: what is due, once, nothing else."""
    portal, broken = portals(), portals()
    for p in (portal, broken):
        p.always("status:500")
    server = start("cgi", retry=SOON)
    for i, p in enumerate((portal, portal, broken), 1):
        assert post(server, of(p, message(i, chat=f"c{i}"))).status == 202
    server.settle()
    portal.always(None)

    def due():
        return all(m["next"] and unix_time(m["next"]) < time.time() - 1
                   for m in server.site.queue())
    wait_until(due)
    assert ctl_json(server.site, "retry")["failed"] == 1
    server.site.wait_states({1: "acknowledged", 2: "acknowledged",
                             3: "delivered"})
    broken.always(None)
    wait_until(lambda: "moved on: 1" in server.site.ctl("retry").stdout)
    assert {p.stat().st_uid for p in server.site.var.rglob("*")} == \
        {server.site.store.stat().st_uid}


def test_while_handlers_work(start, portals):
    """Every command, again and again, during a hundred events."""
    portal = portals()
    with Receiver() as channel:
        servers = start.group(2, app=APP, retry=SOON,
                              channel={"url": channel.url})
        installed(servers, portal)
        channel.script(*["status:500", "ok"] * 20)
        over = threading.Event()
        codes = []

        def ask():
            while not over.is_set():
                codes.extend(servers.site.ctl(*c).returncode
                             for c in COMMANDS)
        asking = threading.Thread(target=ask)
        asking.start()
        try:
            answers = post_all(servers, [of(portal, message(i, chat=f"c{i}"))
                                         for i in range(1, 101)], 8)
            assert {a.response.status for a in answers} <= {200, 202}
            servers.site.wait_states({i: "acknowledged"
                                      for i in range(1, 101)})
        finally:
            over.set()
            asking.join()
        assert codes and set(codes) == {0}
        took = [c.object["key"] for c in channel.calls]
        assert len(took) == 120 and len(set(took)) == 100


@pytest.mark.parametrize("args", [
    (), ("queue",), ("queue", "nonsense"), ("nonsense",), ("queue", "show"),
    ("queue", "retry"), ("queue", "drop"), ("queue", "drop", "a", "b"),
    ("queue", "list", "extra"), ("queue", "list", "--state", "nonsense"),
    ("queue", "list", "--all-refused"), ("queue", "drop", "--all-refused"),
    ("queue", "list", "--limit", "0"), ("queue", "list", "--limit", "x"),
    ("queue", "list", "--limit"), ("queue", "list", "--follow", "--json"),
    ("queue", "drop", "key", "--older-than", "7d"), ("stats", "--all"),
    ("queue", "drop", "--all-refused", "--yes", "--older-than", "7"),
    ("queue", "drop", "--all-refused", "--yes", "--older-than", "d"),
    ("queue", "flush", "key", "--portal", "some"), ("queue", "flush", "a",
    "b"), ("queue", "flush", "--chat", "some"),
    ("queue", "retry", "key", "--all-refused"), ("stats", "extra"),
    ("portals", "--nonsense"), ("retry", "--state"), ("purge", "7"),
    ("queue", "retry", "--all-refused", "--portal", "some"),
    ("queue", "drop", "key", "--chat", "some"), ("stats", "--chat", "some"),
    ("retry", "--state", "refused")])
def test_usage(start, args):
    done = start().site.ctl(*args)
    assert done.returncode == USAGE and not done.stdout
    assert "imconnectorctl: " in done.stderr


def test_a_queue_that_is_not_there_yet(start):
    """No zeros of a store that nobody has made, and no file is made."""
    site = start().site
    for command in [*COMMANDS, *(("queue", c, "key") for c in
                                 ("show", "drop", "retry"))]:
        done = site.ctl(*command)
        assert done.returncode == NO_INPUT and not done.stdout, command
        assert done.stderr.startswith(
            f"imconnectorctl: there is no store {site.store} yet: "), done
    assert list(site.var.iterdir()) == []


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_store_that_cannot_be_read(start, command):
    site = start().site
    site.store.write_bytes(b"this is no store" * 1000)
    before = site.store.read_bytes()
    done = site.ctl(*command)
    assert done.returncode == IO_ERROR
    assert done.stderr.startswith("imconnectorctl: ")
    assert site.store.read_bytes() == before
    site.config_file.write_text("[nonsense]\n")
    assert site.ctl(*command).returncode == CONFIG


def test_root_leaves_everything_to_the_owner(filled):
    """Whatever it does: SQLite's files, the lock, what a retry spools."""
    site = filled.site
    owner = site.store.stat().st_uid
    assert owner != 0 or os.getuid() != 0
    site.write_config({**site.config, "channel": {
        "url": f"spool:{site.spool}"}})
    fill.make_due(site)
    for command in COMMANDS:
        assert site.ctl(*command).returncode == 0
    wait_until(site.spooled)
    files = [site.var, *site.var.rglob("*")]
    assert {p.stat().st_uid for p in files} == {owner}
    assert {p.stat().st_gid for p in files} == {site.store.stat().st_gid}
