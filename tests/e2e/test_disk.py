"""When the disk is full, read-only, or the store is damaged.

503 with a reason, and nothing is handed over: what cannot be made durable is
not accepted. As soon as the cause is gone it goes on by itself; and what a
damaged file holds stays as it is, for whoever can mend it.
"""

import concurrent.futures
import os
import resource
import shutil
import sqlite3
import subprocess

import pytest

import events
from events import message, of
from several import APP, SOON, expire, installed, post, post_all
from site_folder import as_user, wait_until, web_user
from standin import Receiver

GARBAGE = bytes(range(1, 256)) * 400


@pytest.fixture
def channel():
    """The channel is an HTTP endpoint: it needs no disk."""
    with Receiver() as r:
        yield r


def assert_503(answer, word=""):
    """Refused as it must be; the reason has that word."""
    assert answer.status == 503, answer
    assert "retry-after" in answer.headers
    assert word in answer.json["error_description"]


def assert_works(server, portal, message_id):
    """An event goes its whole way."""
    answer = post(server, of(portal, message(message_id,
                                             chat=f"c{message_id}")))
    assert answer.status == 200, (answer, server.log()[-2000:])


class Small:
    """A small file system at a site's var folder; or else (only root can
    mount) limits on the size of the handlers' files."""

    def __init__(self, server):
        self.server, self.site = server, server.site
        self.ballast = self.site.var / "ballast"

    def full(self):
        """From now on nothing can be written."""
        if os.path.ismount(self.site.var):
            with open(self.ballast, "wb", buffering=0) as f:
                try:
                    while f.write(b"x" * 4096):
                        pass
                except OSError:
                    pass
        else:
            self._limit("4096:")

    def room(self):
        """There is room again."""
        if os.path.ismount(self.site.var):
            self.ballast.unlink()
        else:
            self._limit("unlimited:")

    def _limit(self, size):
        for pid in self.site.handlers():
            subprocess.run(["prlimit", f"--pid={pid}", f"--fsize={size}"],
                           check=True, **as_user())


@pytest.fixture(params=["mounted", "limited"])
def small(request, start, channel):
    """A handler whose disk can be filled."""
    server = start("fcgi", retry=SOON, channel={"url": channel.url},
                   app=APP)
    mounted = False
    if request.param == "mounted" and os.getuid() == 0:
        user = web_user()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=512k,mode=755",
             "tmpfs", server.site.var], check=False).returncode == 0
        if mounted:
            shutil.chown(server.site.var, *user)
    yield Small(server)
    if mounted:
        server.site.stop_handlers()
        subprocess.run(["umount", server.site.var], check=True)


def test_a_full_disk(small, portals, channel):
    server, portal = small.server, portals()
    assert_works(server, portal, 1)
    # something is on its way when the disk becomes full
    channel.script("status:500")
    assert post(server, of(portal, message(2, chat="c2"))).status == 202
    small.full()
    # what is stored may still be handed over; what comes now is not
    answers = post_all(server, [of(portal, message(
        i, "long text " * 2000, chat=f"c{i}")) for i in range(10, 20)])
    # the log may have room for a few yet: those are kept
    refused = {i for i, a in zip(range(10, 20), answers)
               if a.response.status != 202}
    assert len(refused) >= 5
    for i in refused:
        assert_503(answers[i - 10].response)
    assert not {o["im"]["message_id"] for o in channel.objects} & refused
    small.room()
    server.site.wait_states(dict.fromkeys(
        {1, 2, *range(10, 20)} - refused, "acknowledged"))
    assert_works(server, portal, 3)
    for i in sorted(refused)[:3]:       # as if Bitrix24 sent them again
        assert_works(server, portal, i)


@pytest.mark.parametrize("small", ["limited"], indirect=True)
def test_a_refresh_that_cannot_be_saved(small, portals):
    """The new pair is lost, which is bad enough: the next may ask at once,
    and a person learns soon that the app must be installed again."""
    server, portal = small.server, portals()
    installed(server, portal)
    expire(portal)
    portal.script("slow:1", to="oauth")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(post, server, of(portal, message(1)))
        portal.wait(lambda: len(portal.refreshes) == 2)
        small.full()
        wait_until(lambda: "tokens-lost" in server.log(), 30)
        small.room()
        assert answer.result().status == 202
    portal.wait(lambda: len(portal.refreshes) == 3, 30)
    wait_until(lambda: "refresh-rejected" in server.log())


def test_a_full_disk_for_plain_cgi(start, portals, channel):
    """A limit of the web server's on the size of files must not kill it."""
    portal = portals()
    server = start("cgi", channel={"url": channel.url})
    assert_works(server, portal, 1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    value = of(portal, message(2, "long text " * 20000, chat="c2"))
    server.log_file.unlink()            # it must be able to speak
    server.log_file.touch()
    resource.setrlimit(resource.RLIMIT_FSIZE, (16384, before[1]))
    try:
        answer = post(server, value)
        server.settle()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert_503(answer)
    assert len(channel.calls) == 1
    assert post(server, value).status == 200


def read_only(path, on=True):
    """Nobody but root may write there."""
    if path.is_dir():
        path.chmod(0o555 if on else 0o755)
    else:
        path.chmod(0o440 if on else 0o640)


def end_handler(server):
    """No process has the store open any more."""
    server.site.stop_handlers()
    if process := server.processes.pop("handler", None):
        process.wait()


@pytest.mark.parametrize("front", ["fcgi", "cgi"])
@pytest.mark.parametrize("what", ["file", "folder", "both"])
def test_a_read_only_store(start, portals, channel, front, what):
    """Found when it starts; healed without a restart."""
    portal = portals()
    first = start("cgi", channel={"url": channel.url})
    assert_works(first, portal, 1)
    first.settle()
    server = start(front, channel={"url": channel.url})
    end_handler(server)
    shutil.copytree(first.site.var, server.site.var, dirs_exist_ok=True)
    if user := web_user():
        for p in (server.site.var, *server.site.var.iterdir()):
            shutil.chown(p, *user)
    paths = {"file": [server.site.store], "folder": [server.site.var],
             "both": [server.site.store, server.site.var]}[what]
    if what == "folder":                # its journal must be made anew
        for p in server.site.var.glob("queue.db-*"):
            p.unlink()
        for p in server.site.var.glob("queue.db.lock"):
            p.unlink()
    for p in paths:
        read_only(p)
    try:
        if front == "fcgi":
            server.start()
        for i in (2, 3):
            assert_503(post(server, of(portal, message(i, chat=f"c{i}"))))
    finally:
        for p in paths:
            read_only(p, on=False)
    assert len(channel.calls) == 1
    assert_works(server, portal, 2)
    assert post(server, of(portal, message(1, chat="c1"))).status == 200
    assert len(channel.calls) == 2      # the first is known


DAMAGES = {
    "garbage": lambda good: GARBAGE,
    "text": lambda good: b"this is no store\n" * 1000,
    "head": lambda good: b"\0" * 100 + good[100:],
    "another program's": None,
    "a newer version's": None,
}


def damage(kind, store):
    """Overwrites the file in place; what it holds then."""
    if DAMAGES[kind] is None:
        other = store.with_name("other.db")
        with sqlite3.connect(other) as db:
            db.execute("CREATE TABLE mine(x)")
            db.execute(f"PRAGMA user_version = {99 if 'new' in kind else 0}")
        db.close()
        data = other.read_bytes()
        other.unlink()
    else:
        data = DAMAGES[kind](store.read_bytes())
    with open(store, "r+b") as f:
        f.write(data)
        f.truncate()
    return data


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize("when", ["running", "before", "cgi"])
def test_a_damaged_store(start, portals, channel, kind, when):
    """503, not one byte of it is changed, and a good copy heals it."""
    portal = portals()
    server = start("cgi" if when == "cgi" else "fcgi", retry=SOON,
                   channel={"url": channel.url})
    assert_works(server, portal, 1)
    if when == "before":
        end_handler(server)
    elif when == "cgi":
        server.settle()
    else:                               # all of it is in the file itself
        log = server.site.store.with_name("queue.db-wal")
        wait_until(lambda: log.stat().st_size == 0)
    good = server.site.store.read_bytes()
    bad = damage(kind, server.site.store)
    if when == "before":
        server.start()
    for i in (2, 3, 4):
        assert_503(post(server, of(portal, message(i, chat=f"c{i}"))),
                   "store")
    if when == "cgi":
        server.settle()
    assert server.site.store.read_bytes() == bad
    assert len(channel.calls) == 1 and len(portal.deliveries) == 1
    with open(server.site.store, "r+b") as f:
        f.write(good)
        f.truncate()
    assert_works(server, portal, 2)
    assert post(server, of(portal, message(1, chat="c1"))).status == 200
    assert len(channel.calls) == 2


def test_the_log_says_why(start, portals, channel):
    """And holds no secret."""
    portal = portals()
    server = start("fcgi", channel={"url": channel.url})
    assert_works(server, portal, 1)
    damage("garbage", server.site.store)
    assert_503(post(server, of(portal, message(2))))
    wait_until(lambda: "not a database" in server.log())
    assert events.TOKEN not in server.log()
    assert events.ACCESS not in server.log()
