"""The exec channel: a program of the administrator's own, behind every web
server, from the operator's tool, and when the handler stops.
"""

import json
import os
import re

import pytest

import events
from events import as_form, event, message
from site_folder import wait_until
from standin import Receiver

TAKES = "cat > {folder}/got.$IMCONNECTOR_KEY; echo first; echo second"


class Program:
    """A shell script as a channel, in a site's folder."""

    def __init__(self, body):
        self.body = body
        self.site = None

    def __call__(self, site):
        """Called with the site before its server starts."""
        self.site = site
        self.write(self.body)
        site.write_config({**site.config, "channel": {
            **site.config["channel"], "url": f"exec:{self.path}"}})

    @property
    def path(self):
        """Where it stands."""
        return self.site.folder / "bin" / "deliver"

    def write(self, body):
        """Replaces it, also while it runs."""
        new = self.path.with_suffix(".new")
        new.write_text("#!/bin/sh\n" + body.format(folder=self.site.var))
        new.chmod(0o755)
        new.rename(self.path)

    def got(self):
        """The objects that it wrote down."""
        return [json.loads(p.read_bytes())
                for p in sorted(self.site.var.glob("got.*"))]


def post(server, portal, *messages, **more):
    """One event."""
    return server.post(as_form(event(*messages, endpoint=portal.endpoint,
                                     **more)))


def told_ids(portal):
    """The ids in the last delivery status."""
    element, = portal.deliveries[-1].params["MESSAGES"]
    return element["message"]["id"]


def test_a_program_takes_it(start, front, portal):
    program = Program(TAKES)
    server = start(front, prepare=program)
    assert post(server, portal).status == 200
    assert told_ids(portal) == ["first", "second"]
    got, = program.got()
    assert got["message"]["text"] == message()["message"]["text"]
    assert got["key"] and got["event"] == events.ADD
    # the very object that other channels get
    with Receiver() as receiver:
        other = start(channel={"url": receiver.url})
        post(other, portal)
        assert receiver.objects == [got]


def test_nothing_of_ours(start, front, portal):
    """No descriptor, no variable, and no child that stays."""
    program = Program("cd /proc/$$/fd; echo * > {folder}/fds; "
                      "cat ../environ > {folder}/env; exit 0")
    server = start(front, prepare=program)
    assert post(server, portal).status == 200
    var = server.site.var
    # 10 is the script, 3 the folder that is being read
    assert (var / "fds").read_text() == "0 1 10 2 3\n"
    names = [v.partition("=")[0] for v in
             (var / "env").read_text().rstrip("\0").split("\0")]
    assert names == ["PATH", "LANG", "IMCONNECTOR_KEY", "IMCONNECTOR_EVENT",
                     "IMCONNECTOR_CONNECTOR", "IMCONNECTOR_LINE"]


@pytest.mark.parametrize("code", [64, 69, 78])
def test_refused_for_good(start, portal, code):
    server = start("fcgi", prepare=Program(f"exit {code}"))
    answer = post(server, portal)
    assert answer.status == 202 and answer.json["refused"] == 1
    shown, = server.site.queue()
    assert shown["state"] == "refused"
    assert portal.calls == []


@pytest.mark.parametrize("end", ["exit 75", "exit 1", "kill -9 $$",
                                 "cat; echo $IMCONNECTOR_KEY >&2; exit 70"])
def test_again_later(start, portal, end):
    """By the operator's tool, too; texts are in no log."""
    program = Program(end)
    server = start("cgi", prepare=program, retry={"first": 1, "longest": 1})
    assert post(server, portal, message(5, text="geheim")).status == 202
    server.settle()
    assert server.site.states() == {5: "received"}
    program.write(TAKES)

    def told():
        server.site.ctl("retry")
        return server.site.states() == {5: "acknowledged"}
    wait_until(told)
    assert told_ids(portal) == ["first", "second"]
    assert "geheim" not in server.log()


def test_not_there(start, portal):
    """Down, as a host that does not answer is; and up when it is there."""
    program = Program(TAKES)
    server = start("fcgi", prepare=program, retry={"first": 1, "longest": 1})
    program.path.rename(program.path.with_suffix(".away"))
    assert post(server, portal, message(1)).status == 202
    assert post(server, portal, message(2, chat="other")).status == 202
    assert "cannot be started" in server.log()
    program.write(TAKES)
    server.site.wait_states({1: "acknowledged", 2: "acknowledged"})


def test_time_is_over(start, portal):
    """It is ended with all that it has started, and tried again."""
    program = Program("trap '' TERM; sleep 1000 & echo $$ $! > "
                      "{folder}/pids; wait; while :; do sleep 1000; done")
    server = start("fcgi", prepare=program, channel={"timeout": 1},
                   retry={"first": 1, "longest": 1})
    assert post(server, portal).status == 202
    pids = [int(p) for p in wait_until(
        lambda: re.fullmatch(r"(\d+) (\d+)\n", read(
            server.site.var / "pids"))).groups()]
    wait_until(lambda: not any(map(lives, pids)))
    program.write(TAKES)
    server.site.wait_states({86497: "acknowledged"})


def test_stop_ends_it(start, portal):
    """Nobody waits for it any more when the handler has gone."""
    program = Program("echo $$ > {folder}/pid; sleep 1000")
    server = start("fcgi", prepare=program, channel={"timeout": 600},
                   server={"answer_within": 1})
    assert post(server, portal).status == 202
    pid = int(wait_until(lambda: read(server.site.var / "pid")))
    assert lives(pid)
    server.site.stop_handlers()
    wait_until(lambda: not lives(pid))
    program.write(TAKES)
    server.start()
    server.site.wait_states({86497: "acknowledged"})


def test_two_hundred(start, portal):
    """Each gets its own object; the handler keeps no descriptor."""
    program = Program("cat > {folder}/got.$IMCONNECTOR_KEY; "
                      "echo $IMCONNECTOR_KEY")
    server = start("fcgi", prepare=program, channel={"in_flight": 200},
                   server={"answer_within": 60})
    assert post(server, portal, message(1000)).status == 200
    pid, = server.site.handlers()
    before = pipes(pid)
    answer = post(server, portal, *(message(i, chat=f"chat-{i}")
                                    for i in range(1, 201)))
    assert answer.status == 200 and answer.json["acknowledged"] == 200
    got = {o["im"]["message_id"]: o["key"] for o in program.got()}
    assert sorted(got) == [*range(1, 201), 1000]
    told = {e["im"]["message_id"]: e["message"]["id"]
            for c in portal.deliveries for e in c.params["MESSAGES"]}
    assert told == {i: [key] for i, key in got.items()}
    wait_until(lambda: pipes(pid) == before)
    assert children(pid) == []


def read(path):
    """A file's text, or nothing."""
    return path.read_text() if path.exists() else ""


def lives(pid):
    """Whether a process is there, and more than a name of a dead one."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def pipes(pid):
    """The descriptors of the kinds that a program takes; who is not root may
    not see them."""
    found = []
    for name in os.listdir(f"/proc/{pid}/fd") if os.getuid() == 0 else []:
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        except FileNotFoundError:
            pass
    return sorted(f for f in found if f.startswith("pipe:") or "pidfd" in f)


def children(pid):
    """The processes that its threads have started, dead ones too."""
    found = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/children",
                  encoding="utf-8") as f:
            found += f.read().split()
    return found
