"""What an operator does about a queue: imconnectorctl says where messages
wait and why, makes them due, drops what was refused, and tells a monitor.
"""

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time

import pytest

import events
import fill
from events import as_json, message, of
from several import APP, installed, message_of, next_life, post, post_all
from site_folder import TOOL, as_user, unix_time, wait_until
from standin import Receiver

NO_INPUT = 66
OK, WARNING, CRITICAL = 0, 1, 2
NEVER = {"first": 600, "longest": 600}      # no probe within the test
TIME = r"(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d"
DOMAIN = r"portal some-domain\.bitrix24\.com"


def lines(site, *args):
    """Of queue list."""
    done = site.ctl("queue", "list", *args)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def group(site, word):
    """The only group of that kind; "" where there is none."""
    found = [line for line in lines(site) if f" {word}: " in line]
    assert len(found) <= 1, found
    return found[0] if found else ""


def ctl(site, *args):
    """What a command says, which must do what it is told."""
    done = site.ctl(*args)
    assert done.returncode == 0, done.stderr
    return done.stdout


def check(site):
    """Code and line of stats --check."""
    done = site.ctl("stats", "--check")
    assert done.stdout.count("\n") == 1 and not done.stderr
    return done.returncode, done.stdout


class Screen:
    """A command on a terminal of so many columns; what it prints."""

    def __init__(self, site, *args, columns=60, answer="", **env):
        self.master, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ,
                    struct.pack("HHHH", 24, columns, 0, 0))
        self.process = subprocess.Popen(
            [site.folder / "bin" / TOOL, *args], stdin=terminal,
            stdout=terminal, stderr=terminal, cwd=site.folder,
            env={**site.environment, "TERM": "xterm", **env}, **as_user())
        os.close(terminal)
        if answer:
            os.write(self.master, answer.encode())

    def end(self):
        """Its exit code, and all of it."""
        said = b""
        while True:
            try:
                more = os.read(self.master, 4096)
            except OSError:         # nobody is at the other end
                break
            if not more:
                break
            said += more
        os.close(self.master)
        return self.process.wait(30), said.decode().replace("\r\n", "\n")


@pytest.fixture
def down(start, portals):
    """Three messages wait for a portal that is down; (server, portal)."""
    portal = portals()
    server = start("fcgi", app=APP, retry=NEVER, channel={"url": "null:"})
    portal.stop()
    for i in range(1, 4):
        assert post(server, of(portal, message(i, chat=f"c{i}"))).status \
            == 202
    wait_until(lambda: group(server.site, "held").startswith("3 "))
    return server, portal


@pytest.fixture
def refused(start, portals, channel):
    """Sixty messages of two chats that the channel refused; the server."""
    channel.always("status:422")
    server = start("fcgi", app=APP, retry=NEVER,
                   channel={"url": channel.url})
    many = (message(i, chat=f"c{i % 2}") for i in range(1, 61))
    assert post(server, of(portals(), *many)).status == 202
    wait_until(lambda: group(server.site, "refused").startswith("60 "))
    return server


def test_a_portal_that_is_down(down):
    server, _ = down
    assert re.fullmatch(rf"3 held: {DOMAIN} is down \(.+\), next try {TIME},"
                        rf" since {TIME}", group(server.site, "held"))
    for m in server.site.queue():
        assert m["state"] == "delivered" and m["reason"], m
        assert unix_time(m["next"]) > time.time()


def test_a_chat_behind_a_channel_that_is_down(start):
    with Receiver() as channel:
        url = channel.url
    server = start("fcgi", retry=NEVER, channel={"url": url})
    for i in range(1, 6):
        assert server.post(as_json(events.event(message(i))),
                           events.JSON).status == 202
    wait_until(lambda: group(server.site, "held"))
    assert group(server.site, "held").startswith(
        f"5 held: channel {url} of myconnector is down (")
    listed = server.site.queue()
    assert [m["state"] for m in listed] == ["received"] * 5
    assert all(m["reason"] for m in listed)
    assert listed[1]["reason"] == "behind an earlier message of its chat"
    assert listed[1]["next"] is None


def test_what_a_connector_waits_for(start, channel):
    server = start("fcgi", retry=NEVER, channel={"url": channel.url})
    channel.always("status:500")
    assert server.post(as_json(events.event(message(1))),
                       events.JSON).status == 202
    assert re.fullmatch(rf"1 to be tried again: channel .* of myconnector "
                        rf"\(.*500.*\), next try {TIME}, since {TIME}",
                        group(server.site, "to be tried again"))
    server.site.stop_handlers()
    assert lines(server.site)[-1].startswith("no handler runs")


def test_nothing_waits(start, portals):
    portal = portals()
    server = start("fcgi", app=APP, channel={"url": "null:"})
    assert post(server, of(portal)).status == 200
    wait_until(lambda: set(server.site.states().values()) ==
               {"acknowledged"})
    assert lines(server.site) == ["nothing waits, and nothing was refused"]
    assert lines(server.site, "--json") != ["[]"]   # what was done is there


def test_limits(refused):
    site = refused.site
    assert len(lines(site, "--all", "--limit", "7")) == 1 + 7
    assert len(json.loads(ctl(site, "queue", "list", "--json", "--limit",
                              "7"))) == 7
    assert len(lines(site, "--state", "refused")) == 1 + 60
    assert len(lines(site, "--limit", "1")) == 1


def test_it_fits_the_terminal(down):
    site = down[0].site
    code, text = Screen(site, "queue", "list").end()
    assert code == 0 and "\033[33m3 held\033[0m: portal" in text
    code, plain = Screen(site, "queue", "list", NO_COLOR="1").end()
    assert code == 0 and "\033" not in plain and "3 held: " in plain
    assert max(map(len, plain.splitlines())) <= 60
    assert plain.splitlines()[1].startswith("        ")
    code, text = Screen(site, "queue", "list", "--all", TERM="dumb",
                        columns=72).end()
    assert code == 0 and "\033" not in text
    assert max(map(len, text.splitlines())) <= 72
    assert all(m["key"] in text for m in site.queue())
    assert "\033" not in ctl(site, "queue", "list")


def test_follow(down):
    """Again and again, until nobody looks."""
    server, portal = down
    tool = subprocess.Popen(
        [server.site.folder / "bin" / TOOL, "queue", "list", "--follow"],
        stdout=subprocess.PIPE, text=True, cwd=server.site.folder,
        env=server.site.environment, **as_user())
    assert tool.stdout.readline().startswith("-- ")
    assert tool.stdout.readline().startswith("3 held: ")
    assert post(server, of(portal, message(9, chat="x"))).status == 202
    for line in tool.stdout:
        if line.startswith("4 held: "):
            break
    else:
        raise AssertionError("it ended")
    tool.stdout.close()
    assert tool.wait(30) != 0


def test_flush_probes_a_portal(down):
    server, portal = down
    portal.start()
    assert "portals, " not in ctl(server.site, "queue", "flush",
                                  "--portal", "another")
    assert set(server.site.states().values()) == {"delivered"}
    said = ctl(server.site, "queue", "flush", "--portal",
               portal.member_id)
    assert "down and probed now: 1 portals, 0 channels\n" in said
    server.site.wait_states({i: "acknowledged" for i in (1, 2, 3)})


def test_flush_of_one_message(down):
    server, portal = down
    portal.start()
    key = message_of(server, 2)["key"]
    assert json.loads(ctl(server.site, "queue", "flush", key, "--json")) \
        == {"due": 0, "portals": 1, "channels": 0, "parked": 0}
    server.site.wait_states({i: "acknowledged" for i in (1, 2, 3)})
    done = server.site.ctl("queue", "flush", key)
    assert done.returncode == NO_INPUT and "acknowledged" in done.stderr


def test_flush_by_the_portals_name(down):
    server, portal = down
    portal.start()
    said = ctl(server.site, "queue", "flush", "--portal",
               "Some-Domain.bitrix24.com")
    assert "1 portals" in said
    server.site.wait_states({i: "acknowledged" for i in (1, 2, 3)})


def test_flush_of_what_is_tried_again(start, portals, channel):
    portal = portals()
    server = start("fcgi", app=APP, retry=NEVER,
                   channel={"url": channel.url})
    channel.script("status:500", "status:500")
    for i in (1, 2):
        assert post(server, of(portal, message(i, chat=f"c{i}"))).status \
            == 202
    key = message_of(server, 1)["key"]
    assert "due now: 0\n" in ctl(server.site, "queue", "flush",
                                 "--connector", "another")
    assert "due now: 1\n" in ctl(server.site, "queue", "flush", key)
    server.site.wait_states({1: "acknowledged", 2: "received"})
    assert "due now: 1\n" in ctl(server.site, "queue", "flush",
                                 "--connector", "MyConnector")
    server.site.wait_states({1: "acknowledged", 2: "acknowledged"})
    done = server.site.ctl("queue", "flush", "nosuchkey")
    assert done.returncode == NO_INPUT and "no message" in done.stderr


def test_flush_of_a_channel(start):
    with Receiver() as channel:
        port, url = channel.port, channel.url
    server = start("fcgi", retry=NEVER, channel={"url": url})
    for i in range(1, 4):
        assert server.post(as_json(events.event(message(i))),
                           events.JSON).status == 202
    wait_until(lambda: group(server.site, "held"))
    with Receiver(port=port) as channel:
        assert "0 portals, 1 channels" in ctl(server.site, "queue", "flush")
        channel.wait_for_calls(3)
        assert [o["im"]["message_id"] for o in channel.objects] == [1, 2, 3]


def test_flush_of_what_is_parked(start, portals):
    """The token is known again, and nobody said so."""
    portal = portals()
    server = start("fcgi", app=APP, retry=NEVER, channel={"url": "null:"})
    tokens = dict(portal.tokens)
    portal.tokens.clear()
    for i in range(1, 4):
        assert post(server, of(portal, message(i, chat=f"c{i}"))).status \
            == 202
    wait_until(lambda: group(server.site, "parked").startswith("3 "))
    assert check(server.site)[0] == WARNING
    calls = len(portal.calls)
    assert "tried once more: 1 portals" in ctl(server.site, "queue", "flush")
    # in vain: they are parked again
    portal.wait_for_calls(calls + 1)
    wait_until(lambda: check(server.site)[1].count("3 parked"))
    portal.tokens.update(tokens)
    wait_until(lambda: "once more" in ctl(server.site, "queue", "flush"))
    server.site.wait_states({i: "acknowledged" for i in (1, 2, 3)})
    assert len(portal.calls) - calls < 10


def test_retry_says_the_state(down):
    server, _ = down
    key = message_of(server, 1)["key"]
    done = server.site.ctl("queue", "retry", key)
    assert done.returncode == NO_INPUT
    assert "is delivered, not refused" in done.stderr


def test_retry_keeps_the_order_of_chats(refused, channel):
    before = len(channel.calls)
    channel.always(None)
    assert ctl(refused.site, "queue", "retry", "--all-refused") == \
        "retried: 60\n"
    channel.wait_for_calls(before + 60)
    again = [o for o in channel.objects[before:]]
    for chat in ("c0", "c1"):
        ids = [o["im"]["message_id"] for o in again
               if o["chat"]["id"] == chat]
        assert ids == sorted(ids) and len(ids) == 30
    wait_until(lambda: set(refused.site.states().values()) ==
               {"acknowledged"})


def test_retry_waits_behind_the_chat(refused, channel):
    """Of each chat one message is due, and no more."""
    refused.site.stop_handlers()
    ctl(refused.site, "queue", "retry", "--all-refused")
    behind = [m for m in refused.site.queue()
              if m["reason"].startswith("behind")]
    assert len(behind) == 58
    assert group(refused.site, "waiting").startswith(
        f"60 waiting: for a turn at channel {channel.url} of myconnector")


def test_drop_of_all_refused(refused):
    site = refused.site
    command = ("queue", "drop", "--all-refused")
    done = site.ctl(*command)
    assert done.returncode == 64 and "--yes" in done.stderr
    for answer in ("n\n", "\n", "maybe\n"):
        code, said = Screen(site, *command, answer=answer).end()
        assert code == 0 and "[y/N]" in said and "nothing was" in said
    assert ctl(site, *command, "--yes", "--older-than", "1h") == \
        "dropped: 0\n"
    assert len(site.queue()) == 60
    code, said = Screen(site, *command, "--older-than", "0s",
                        answer="y\n").end()
    assert code == 0 and "older than 0s" in said and "dropped: 60" in said
    assert site.queue() == []
    assert lines(site) == ["nothing waits, and nothing was refused"]
    # the keys went, too: they count as nothing that was done
    stats = json.loads(ctl(site, "stats", "--json"))
    assert stats["acknowledged"] == stats["refused"] == 0


def test_drop_of_what_was_refused_long_ago(refused):
    site = refused.site
    fill.age_refused(site, 8 * 86400, up_to=20)
    assert json.loads(ctl(site, "queue", "drop", "--all-refused", "--yes",
                          "--older-than", "7d", "--json")) == \
        {"dropped": 20}
    assert sorted(site.states()) == list(range(21, 61))


def test_the_shown_message_is_json(down):
    server, _ = down
    shown = ctl(server.site, "queue", "show", message_of(server, 1)["key"])
    fields = dict(line.split(None, 1) for line in shown.splitlines())
    assert json.loads(fields["message"])["im"]["message_id"] == 1
    assert fields["reason"] and re.fullmatch(TIME, fields["received"])


def test_check_of_a_queue_that_is_well(start, portals):
    portal = portals()
    server = start("fcgi", app=APP, channel={"url": "null:"})
    assert post(server, of(portal)).status == 200
    wait_until(lambda: check(server.site)[0] == OK)
    assert check(server.site)[1].startswith("imconnector OK: ")


def test_check_of_refused(refused):
    code, line = check(refused.site)
    assert code == WARNING
    assert line.startswith("imconnector WARNING: 60 refused |")
    assert " refused=60 " in line


def test_check_of_what_is_down_and_old(down):
    site = down[0].site
    assert check(site)[0] == OK             # not for long
    fill.age(site, 290)
    fill.age_down(site, 290)
    assert check(site)[0] == OK
    fill.age(site, 20)
    code, line = check(site)
    assert code == CRITICAL and "the oldest waits for 5 min" in line
    fill.age(site, -1000)
    fill.age_down(site, 20)
    code, line = check(site)
    assert code == CRITICAL and "1 down, the first for 5 min" in line
    assert "oldest waits" not in line
    site.write_config({**site.config, "status": {"alert_age": 7200}})
    assert check(site)[0] == OK


def test_check_of_what_nobody_takes_up(start, portals):
    """Its handler is gone; the one that runs is for another connector."""
    portal = portals()
    server = start("fcgi", app=APP, retry=NEVER, channel={"url": "null:"})
    portal.stop()
    assert post(server, of(portal)).status == 202
    wait_until(lambda: group(server.site, "held"))
    site = server.site
    site.write_config({**site.config, "app": {**site.config["app"],
                                              "connectors": "another"}})
    next_life(server, signal.SIGTERM)
    fill.nothing_is_down(site)
    wait_until(lambda: "uncovered: no running handler takes up connector "
               "myconnector" in "\n".join(lines(site)))
    code, line = check(site)
    assert code == CRITICAL and "1 that no handler takes up" in line


def test_check_of_a_store_that_cannot_be_read(start):
    site = start().site
    site.store.write_bytes(b"this is no store" * 1000)
    done = site.ctl("stats", "--check")
    assert done.returncode == CRITICAL
    assert done.stdout.startswith("imconnector CRITICAL: ")
    assert done.stdout.count("\n") == 1
    site.config_file.write_text("[nonsense]\n")
    done = site.ctl("stats", "--check")
    assert done.returncode == CRITICAL
    assert done.stdout.startswith("imconnector CRITICAL: ")
    assert ":1: " in done.stdout


def test_rows_that_nobody_uses_go(start, portals):
    """By themselves: a handler sees to it when it starts, and later."""
    portal = portals()
    server = start("fcgi", app=APP, channel={"url": "null:"})
    assert post(server, of(portal)).status == 200
    server.site.wait_states({86497: "acknowledged"})
    assert fill.rows(server.site)["room"] == 1
    fill.age_rooms(server.site, 7200)
    fill.leftovers(server.site)
    assert fill.rows(server.site)["process"] > 1
    next_life(server, signal.SIGTERM)
    wait_until(lambda: fill.rows(server.site) ==
               {"room": 0, "place": 0, "slot": 0, "process": 1}, 30, "tidy")
    # and it all works as before
    assert post(server, of(portal, message(2))).status == 200


def test_a_pass_tidies_up(start, portals):
    """Where only CGI runs."""
    portal = portals()
    server = start("cgi", app=APP, channel={"url": "null:"})
    assert post(server, of(portal)).status == 200
    server.settle()
    fill.age_rooms(server.site, 7200)
    fill.leftovers(server.site)
    ctl(server.site, "retry")
    left = fill.rows(server.site)
    assert left.pop("process") <= 1         # its own
    assert left == {"room": 0, "place": 0, "slot": 0}


def test_while_events_come(start, portals):
    """Many messages are made due and dropped in steps: nobody else waits for
    all of it."""
    portal = portals()
    with Receiver() as channel:
        server = start("fcgi", app=APP, retry=NEVER,
                       channel={"url": channel.url})
        installed(server, portal)
        channel.script("status:422")
        post(server, of(portal, message(1, chat="r")))
        wait_until(lambda: server.site.states()[1] == "refused")
        fill.many(server.site, 1, 20000, 100)
        tool = []

        def work():
            tool.append(ctl(server.site, "queue", "drop", "--all-refused",
                            "--yes"))
        thread = threading.Thread(target=work)
        thread.start()
        answers = []
        while thread.is_alive() and len(answers) < 500:
            i = len(answers) + 2
            answers += post_all(server, [of(portal, message(i, chat="x"))],
                                1)
        thread.join()
        assert {a.response.status for a in answers} == {200}
        assert tool == ["dropped: 20001\n"]
