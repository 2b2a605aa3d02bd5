"""The beginning of a process: closed descriptors, and core dumps.

A descriptor of 0 to 2 that is closed must not become the store's: nothing
may hang, and nothing that is printed may end up there. Memory holds tokens,
so there is no core dump unless somebody asks for it.
"""

import os
import pathlib
import sqlite3
import subprocess

import pytest

import events
from direct import cgi_variables
from several import Group
from servers import CONFIG
from site_folder import as_user, wait_until

# far less than the minute for which a CGI process waits for its body
SOON = 30
CLOSED = {"input": "<&-", "output": ">&-", "errors": "2>&-",
          "output and errors": ">&- 2>&-", "all": "<&- >&- 2>&-"}


def without(closed):
    """The words before a command that runs it so."""
    return ["/bin/sh", "-c", f'exec "$0" "$@" {CLOSED[closed]}']


def run(site, closed, program, *args, env=None, **options):
    """Runs a program so; its exit status and output."""
    done = subprocess.run(
        [*without(closed), str(program), *args],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SOON,
        check=False, cwd=site.folder,
        env={**site.environment, **(env or {})}, **options)
    return done.returncode, done.stdout


def assert_well(site, messages):
    """The store holds so many messages and nothing that it should not."""
    with sqlite3.connect(f"file:{site.store}?mode=ro", uri=True) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert len(site.queue()) == messages
    for path in site.store.parent.glob("queue.db*"):
        content = path.read_bytes()
        assert b"Status: " not in content and b"level=" not in content


@pytest.mark.parametrize("closed", CLOSED)
def test_plain_cgi(start, closed):
    server = start("cgi")
    body = events.as_json(events.event())
    status, out = run(server.site, closed, server.site.handler,
                      env=cgi_variables(events.JSON, "POST", len(body)),
                      input=body, **as_user())
    assert status == 0
    if "output" not in closed and closed != "all":
        assert out.startswith(b"Status: ")
    # without its input there is no body
    taken = closed not in ("input", "all")
    assert len(server.site.queue()) == taken
    assert_well(server.site, taken)


@pytest.mark.parametrize("closed", ["output", "errors", "output and errors"])
def test_fastcgi(start, closed):
    group = start.group(0)
    group.add("closed", without(closed))
    for i in range(1, 6):
        answer = group.post(events.as_json(events.event(events.message(i))),
                            events.JSON)
        assert answer.status == 202
    assert_well(group.site, 5)


def test_neither(start):
    """With nothing on descriptor 0, and no request, it is a wrong use."""
    site = start("cgi").site
    assert run(site, "all", site.handler, **as_user()) == (64, b"")


@pytest.mark.parametrize("closed", CLOSED)
def test_the_operators_tool(start, closed):
    server = start("cgi")
    assert server.post(events.as_json(events.event()),
                       events.JSON).status == 202
    server.settle()
    for words in (["queue", "list"], ["stats"], ["check"], ["portals"]):
        status, _ = run(server.site, closed,
                        server.site.folder / "bin" / "imconnectorctl", *words)
        assert status == 0
    assert_well(server.site, 1)


def core_limits(pid):
    """The soft and the hard limit of that process's core dumps."""
    for line in pathlib.Path(f"/proc/{pid}/limits").read_text().splitlines():
        if line.startswith("Max core file size"):
            return line.split()[4:6]
    raise AssertionError("no such limit")


def owner(pid):
    """Whose its files in /proc are: root's if it may not be dumped."""
    return os.stat(f"/proc/{pid}/limits").st_uid


def test_no_core_dump(start):
    group = start.group(0)
    pid = group.add("plain").pid
    wait_until(lambda: owner(pid) == 0 and core_limits(pid) == ["0", "0"])
    assert group.post(events.as_json(events.event()), events.JSON).status == \
        202


def test_a_core_dump_that_was_asked_for(start):
    group = start.group(0)
    pid = group.add("asked", IMCONNECTOR_CORE="1").pid
    assert group.post(events.as_json(events.event()), events.JSON).status == \
        202
    assert core_limits(pid) == core_limits("self")
    assert owner(pid) == os.stat(f"/proc/{pid}").st_uid
