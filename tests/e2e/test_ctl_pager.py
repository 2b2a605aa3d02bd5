"""imconnectorctl whose reader takes his time: a list in a pager.

While it is blocked on a full pipe, events go on, and what they write leaves
the store's log (queue.db-wal) as ever. A reader that goes away ends it.
"""

import fcntl
import subprocess
import sys

import pytest

import events
from events import message, of
from several import APP, installed, post
from site_folder import as_user, wait_until

F_SETPIPE_SZ, FIONREAD = 1031, 0x541B
MANY = 2500         # messages: some pages of the list, each more than a pipe


@pytest.fixture
def portal(portals):
    return portals()


@pytest.fixture
def server(start, portal):
    """A handler with many messages."""
    server = start("fcgi", app={**APP, "application_token": events.TOKEN},
                   channel={"url": "null:"})
    for first in range(1, MANY, 500):
        answer = post(server, of(portal, *(
            message(i, "t", chat=f"c{i}")
            for i in range(first, first + 500))))
        assert answer.status in (200, 202), answer
    server.site.wait_states({i: "acknowledged" for i in range(1, MANY + 1)},
                            60)
    return server


class Blocked:
    """A command that waits for its reader."""

    def __init__(self, site, *args):
        self.process = subprocess.Popen(
            [site.folder / "bin" / "imconnectorctl", *args],
            stdout=subprocess.PIPE, cwd=site.folder, env=site.environment,
            **as_user())
        fcntl.fcntl(self.process.stdout, F_SETPIPE_SZ, 4096)

    def __enter__(self):
        wait_until(self._is_full, 30, "a full pipe")
        return self

    def _is_full(self):
        assert self.process.poll() is None
        waiting = fcntl.ioctl(self.process.stdout, FIONREAD, b"\0" * 4)
        return int.from_bytes(waiting, sys.byteorder) == 4096

    def __exit__(self, *_):
        self.process.stdout.close()
        self.process.wait(30)


def keys(site):
    """Of all that is listed."""
    return {m["key"] for m in site.queue()}


def log_is_emptied(site):
    """What is in the log goes into the file once no event comes."""
    wal = site.store.with_name("queue.db-wal")
    wait_until(lambda: wal.stat().st_size == 0, 20, "an empty log")


@pytest.mark.parametrize("args", [
    ("queue", "list", "--all"), ("queue", "list", "--json"),
    ("queue", "list", "--state", "acknowledged")], ids=" ".join)
def test_a_list_in_a_pager(server, portal, args):
    before = keys(server.site)
    log_is_emptied(server.site)
    with Blocked(server.site, *args) as listing:
        for i in range(MANY + 1, MANY + 31):
            assert post(server, of(portal, message(i))).status == 200
        log_is_emptied(server.site)
        # and it goes on to the end of what there was when it began
        out = listing.process.stdout.read().decode()
        assert listing.process.wait(30) == 0
    assert len(before) == MANY
    assert [key for key in before if out.count(key) != 1] == []
    assert [key for key in keys(server.site) - before if key in out] == []


def test_portals_in_a_pager(server, portals):
    for _ in range(60):
        installed(server, portals())
    log_is_emptied(server.site)
    with Blocked(server.site, "portals", "--json"):
        installed(server, portals())
        log_is_emptied(server.site)


def test_a_reader_that_goes_away(server):
    with Blocked(server.site, "queue", "list", "--all") as listing:
        listing.process.stdout.close()
        assert listing.process.wait(10) != 0
