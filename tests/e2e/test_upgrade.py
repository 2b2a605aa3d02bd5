"""A store of the version before, taken over while it is in use.

The older processes are played (tests/lib/older.py): they hold their locks,
claim, and write their tables, as the real ones do for an hour under
mod_fcgid.
"""

import contextlib
import os
import sqlite3

import pytest

import events
import older
from direct import FORM
from events import as_form, message, of
from site_folder import wait_until, web_user
from several import SOON

CHAT = "chat-1"


def body_of(message_id, chat):
    """What an event's element became in the store."""
    return (f'"im":{{"chat_id":1807,"message_id":{message_id}}},'
            f'"message":{{"user_id":27,"text":"Hello"}},'
            f'"chat":{{"id":"{chat}"}}')


class Old:
    """An older process at a site's store, for one portal."""

    def __init__(self, site, portal):
        self.portal = portal
        self.process = older.Process(site.store)
        if user := web_user():
            for path in site.var.iterdir():
                os.chown(path, site.var.stat().st_uid, user[1])

    def store(self, message_id, chat=CHAT, **columns):
        """It stores a message; its number."""
        return self.process.store(
            message_id, member_id=self.portal.member_id, chat=chat, **{
                "body": body_of(message_id, chat),
                "token": events.ACCESS, "endpoint": self.portal.endpoint,
                **columns})

    def done(self, message_id, **columns):
        """The same, of one that was acknowledged long ago."""
        return self.store(message_id, state=older.ACKNOWLEDGED, body=None,
                          token=None, endpoint=None, ids='["old"]', **columns)


@pytest.fixture
def begin(start, portals, channel):
    """begin(fill) -> (server, portal, old): a handler at a store which
    fill(old) has filled.  The older process lives until it is closed."""
    with contextlib.ExitStack() as stack:
        def begin_at(fill, front="fcgi"):
            portal = portals()
            made = []

            def prepare(site):
                older.make(site.store).close()
                made.append(Old(site, portal))
                stack.callback(made[0].process.close)
                fill(made[0])
            server = start(front, prepare=prepare, retry=SOON,
                           channel={"url": channel.url})
            return server, portal, made[0]
        yield begin_at


def version(server):
    """The schema of the store."""
    with contextlib.closing(sqlite3.connect(server.site.store)) as db:
        return db.execute("PRAGMA user_version").fetchone()[0]


def handed_over(channel, chat=None):
    """The ids of the messages that the channel got, as they came."""
    return [o["im"]["message_id"] for o in channel.objects
            if chat in (None, o["chat"]["id"])]


def wait_version(server, wanted):
    """Waits until the old tables are gone, and no earlier is well."""
    wait_until(lambda: version(server) == wanted, 20, "the upgrade")


def test_each_state_goes_on(begin, channel):
    """Nobody else lives: all is taken over, and goes on where it stood."""
    keys = {}

    def fill(old):
        for i in range(1, 6):
            old.store(i, key=f"key-{i}")
        old.store(10, chat="told", state=older.DELIVERED, ids='["ext-10"]')
        old.done(20, chat="done")
        old.store(30, chat="refused", state=older.REFUSED, step=2,
                  reason="HTTP 422", next_ms=None)
        old.process.close()
    server, portal, _ = begin(fill)
    server.post(as_form(of(portal, message(40, chat="new"))))
    wait_version(server, 3)
    server.site.wait_states({
        **{i: "acknowledged" for i in (1, 2, 3, 4, 5, 10, 20, 40)},
        30: "refused"}, 20)
    assert handed_over(channel, CHAT) == [1, 2, 3, 4, 5]
    assert sorted(handed_over(channel)) == [1, 2, 3, 4, 5, 40]
    keys = {o["im"]["message_id"]: o["key"] for o in channel.objects}
    assert [keys[i] for i in range(1, 6)] == [f"key-{i}" for i in range(1, 6)]


def test_repeats_of_what_an_older_process_stored(begin, channel):
    """In whatever state it is there, and whether that one lives or not."""
    def fill(old):
        old.done(1, chat="done")
        old.store(2, chat="claimed", claim=True)
    server, portal, old = begin(fill)

    def post(i, chat):
        return server.post(as_form(of(portal, message(i, chat=chat))), FORM)
    assert post(1, "done").status == 200
    assert post(2, "claimed").status == 202
    old.process.close()
    wait_version(server, 3)
    server.site.wait_states({1: "acknowledged", 2: "acknowledged"}, 20)
    assert post(1, "done").status == 200
    assert post(2, "claimed").status == 200
    assert handed_over(channel) == [2]


def test_beside_an_older_process(begin, channel):
    """What it has claimed is its own, and so is the chat; all else goes on,
    and what it lets go is taken over, in order."""
    at = {}

    def fill(old):
        at["first"] = old.store(1, claim=True)
        old.store(3, next_ms=None)
        old.store(50, chat="free")
    server, portal, old = begin(fill)
    assert server.post(as_form(of(portal, message(2, chat=CHAT)))
                       ).status == 202
    answer = server.post(as_form(of(portal, message(60, chat="new"))))
    assert answer.status == 200
    channel.wait(lambda: {50, 60} <= set(handed_over(channel)), 20,
                 "the others")
    assert old.process.state(at["first"]) == older.RECEIVED
    assert version(server) == 2
    old.process.move(at["first"], older.DELIVERED)
    channel.wait(lambda: set(handed_over(channel, CHAT)) >= {2, 3}, 20,
                 "what was behind it")
    assert handed_over(channel, CHAT) == [2, 3]
    assert version(server) == 2
    # it goes on to store
    old.store(70, chat="later")
    old.store(4)
    channel.wait(lambda: {70, 4} <= set(handed_over(channel)), 20,
                 "what it stored since")
    old.process.close()
    wait_version(server, 3)
    server.site.wait_states({i: "acknowledged" for i in
                             (1, 2, 3, 4, 50, 60, 70)}, 20)
    assert sorted(handed_over(channel)) == [2, 3, 4, 50, 60, 70]


def test_each_by_one_of_them(begin, channel):
    """Both store and work at the same time: nothing is lost, nothing comes
    twice."""
    server, portal, old = begin(lambda old: None)
    own = []
    for i in range(1, 61):
        chat = f"chat-{i % 7}"
        if i % 3 == 0:
            server.post(as_form(of(portal, message(i, chat=chat))))
        elif i % 3 == 1:
            old.store(i, chat=chat)
        else:
            own.append(old.store(i, chat=f"own-{i}", claim=True))
        if i % 10 == 0:
            for number in own:
                old.process.move(number, older.ACKNOWLEDGED)
            own.clear()
    old.process.close()
    wait_version(server, 3)
    server.site.wait_states({i: "acknowledged" for i in range(1, 61)}, 30)
    assert sorted(handed_over(channel)) == [i for i in range(1, 61)
                                            if i % 3 != 2]
