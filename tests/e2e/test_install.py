"""Installation, its proof, its removal; and portals that were renamed.

Anybody can post an installation. What counts is what the OAuth server says
when the refresh token that came along is traded in.
"""

import concurrent.futures
import json
import os
import signal
import socket

import pytest

import events
from events import ACCESS, install, message, of, tokenless, uninstall
from several import (APP, SOON, expire, installed, message_of, post,
                     post_all)
from site_folder import wait_until
from standin import Receiver

LATER = 1773769999
UNKNOWN = {"application_token": None}   # none in the configuration


@pytest.fixture
def server(start):
    """One process that knows no application_token yet."""
    return start("fcgi", app={**APP, **UNKNOWN}, retry=SOON)


def listed(server):
    """The installed portals, as the operator's tool lists them, but for
    their set-up, which goes on beside."""
    if not server.site.store.exists():
        return []
    done = server.site.ctl("portals", "--json")
    assert done.returncode == 0, done.stderr
    return [{k: v for k, v in portal.items() if not k.startswith("setup")}
            for portal in json.loads(done.stdout)]


def assert_denied(server, value):
    """403, and nothing that is known has changed."""
    before = listed(server)
    answer = post(server, value)
    assert answer.status == 403 and answer.json["error"], answer
    assert listed(server) == before
    return answer.json["error_description"]


def test_installed_then_its_events_are_taken(start, front, portals):
    portal = portals()
    server = start(front, app={**APP, **UNKNOWN})
    assert_denied(server, of(portal))
    assert post(server, install(portal)).json == {"result": "installed"}
    assert [p["member_id"] for p in listed(server)] == [portal.member_id]
    # the stored endpoint, whatever the event says
    assert post(server, of(portal, endpoint="https://b24-x.bitrix24.com/"
                           "rest/")).status == 200
    assert portal.deliveries[0].token == ACCESS
    assert_denied(server, of(portal, message(2), application_token="other"))
    # no secret is shown or logged
    shown = server.site.ctl("portals").stdout + \
        server.site.ctl("portals", "--json").stdout + server.log()
    for secret in (events.TOKEN, ACCESS, APP["client_secret"],
                   *portal.tokens, *portal.refresh_tokens):
        assert secret not in shown


def test_forged_for_another_portal(server, portals):
    """An attacker's own refresh token, another's member_id."""
    victim, attacker = portals(), portals()
    installed(server, victim)
    value = install(attacker, ts=LATER, member_id=victim.member_id,
                    application_token="f" * 32)
    assert_denied(server, value)
    value = install(attacker, ts=LATER, member_id="0" * 32)
    assert_denied(server, value)
    assert post(server, of(victim)).status == 200
    assert_denied(server, of(victim, message(2), application_token="f" * 32))
    assert attacker.deliveries == []


def test_a_foreign_client_endpoint(server, portals):
    portal, attacker = portals(), portals()
    assert_denied(server, install(portal, endpoint=attacker.endpoint))
    assert attacker.calls == [] and listed(server) == []


@pytest.mark.parametrize("host", ["localhost", "oauth.bitrix24.tech",
                                  "127.0.0.1.evil.example", "evil@127.0.0.1"])
def test_the_secret_goes_to_known_hosts_only(server, portals, host):
    portal, attacker = portals(), portals()
    assert_denied(server, install(
        portal, server_endpoint=f"http://{host}:{attacker.port}/rest/"))
    assert portal.calls == [] and attacker.calls == []


def test_the_secret_goes_to_named_ports_only(start, portals):
    """HOST is the scheme's own port, HOST:PORT that one."""
    portal, other = portals(), portals()
    for servers, answers in (
            (["127.0.0.1"], [403, 403]),
            ([f"127.0.0.1:{other.port}", "127.0.0.1"], [403, 200])):
        server = start("fcgi", app={**APP, **UNKNOWN,
                                    "oauth_servers": servers})
        assert [post(server, install(p)).status
                for p in (portal, other)] == answers
    assert portal.calls == [] and len(other.refreshes) == 1
    done = server.site.ctl("check")
    assert f"oauth_servers = 127.0.0.1:{other.port} 127.0.0.1\n" in \
        done.stdout, done
    server.site.write_config({"app": {"oauth_servers": ["127.0.0.1:0"]}})
    assert server.site.ctl("check").returncode != 0


def test_replayed(server, portals):
    portal = portals()
    value = install(portal)
    assert post(server, value).status == 200
    before = listed(server)
    assert post(server, value).json["result"] == "installed"
    value["ts"] -= 1
    assert post(server, value).status == 200
    value["ts"] = LATER                 # its refresh token is spent
    assert_denied(server, value)
    assert listed(server) == before and len(portal.refreshes) == 2
    assert post(server, of(portal)).status == 200


@pytest.mark.parametrize("missing", ["refresh_token", "application_token",
                                     "member_id", "client_endpoint",
                                     "server_endpoint"])
def test_what_an_installation_must_have(server, portals, missing):
    portal = portals()
    value = install(portal)
    del value["auth"][missing]
    assert_denied(server, value)
    assert portal.calls == []


@pytest.mark.parametrize("option", ["client_id", "client_secret"])
def test_without_our_own_name_nothing_is_proven(start, portals, option):
    portal = portals()
    server = start("fcgi", app={**APP, **UNKNOWN, option: None})
    assert option in assert_denied(server, install(portal))
    assert portal.calls == []


@pytest.mark.parametrize("trouble", ["status:503", "silence", "garbage",
                                     "error:wrong_client"])
def test_the_oauth_server_is_away(start, portals, trouble):
    """202, inert, and proven by itself when it is back."""
    portal = portals()
    portal.always(trouble, to="oauth")
    server = start("fcgi", app={**APP, **UNKNOWN}, retry=SOON,
                   server={"answer_within": 1}, portal={"timeout": 2})
    answer = post(server, install(portal))
    assert (answer.status, answer.json["result"]) == (202, "queued")
    assert_denied(server, of(portal))
    assert listed(server) == []
    assert '"installs_waiting":1' in \
        server.site.ctl("stats", "--json").stdout
    portal.always(None, to="oauth")
    wait_until(lambda: listed(server), 15, "the installation's proof")
    assert post(server, of(portal)).status == 200


def waiting(server):
    """How many installations are kept."""
    return json.loads(server.site.ctl("stats", "--json").stdout)[
        "installs_waiting"]


def test_at_most_a_hundred_wait_for_their_proof(start, portals):
    """And no newcomer is refused for it."""
    portal = portals()
    portal.always("status:503", to="oauth")
    server = start("fcgi", app={**APP, **UNKNOWN})
    answers = post_all(server, [install(portal, member_id=f"{i:032x}")
                                for i in range(110)])
    assert {a.response.status for a in answers} == {202}
    assert waiting(server) == 100


def test_one_of_a_portal_waits_for_its_proof(server, portals):
    """The newest, which alone is proven when the OAuth server is back."""
    portal = portals()
    portal.always("status:503", to="oauth")
    for ts, digit in ((5, "1"), (7, "2"), (7, "3")):
        value = install(portal, ts=ts, application_token=digit * 32)
        assert post(server, value).status == 202
        assert waiting(server) == 1
    portal.always(None, to="oauth")
    wait_until(lambda: listed(server), 15, "the installation's proof")
    assert post(server, of(portal, application_token="3" * 32)).status == 200
    assert waiting(server) == 0 and len(portal.refresh_tokens) == 3


# -- hostile ones: anybody can make us call a server that never answers

class Hole:
    """A port where nothing ever answers: it takes each connection and says
    nothing, or (deaf) cannot even be connected to."""

    def __init__(self, deaf):
        self.sock = socket.create_server(("127.0.0.1", 0),
                                         backlog=0 if deaf else 1024)
        self.port = self.sock.getsockname()[1]
        self.callers = [self._call() for _ in range(8)] if deaf else []

    def _call(self):
        """One of those that fill its queue."""
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(("127.0.0.1", self.port))
        return sock

    def hostile(self, number):
        """An installation that leads there."""
        return {"event": "ONAPPINSTALL", "ts": LATER, "auth": {
            "member_id": f"{number:032x}", "application_token": "f" * 32,
            "client_endpoint": "https://b24-x.bitrix24.com/rest/",
            "server_endpoint": f"http://127.0.0.1:{self.port}/rest/",
            "access_token": "a", "refresh_token": f"r{number}"}}

    def close(self):
        """Nobody needs it any more."""
        for sock in (self.sock, *self.callers):
            sock.close()


@pytest.fixture(params=["silent", "deaf"])
def hole(request):
    """See Hole."""
    it = Hole(request.param == "deaf")
    yield it
    it.close()


def test_hostile_ones_hold_up_nobody(start, portals, hole):
    """At most two wait for their proof; what an installed portal sends is
    acknowledged meanwhile, and what is due is tried again."""
    portal = portals()
    server = start("fcgi", retry=SOON, server={"workers": 4}, app={
        **APP, **UNKNOWN, "oauth_servers": [
            *APP["oauth_servers"], f"127.0.0.1:{hole.port}"]})
    installed(server, portal)
    answers = post_all(server, [hole.hostile(i) for i in range(100)])
    assert {a.response.status for a in answers} == {202}
    # server.answer_within is 5 seconds, that of a proof more
    assert sum(a.seconds >= 4.9 for a in answers) <= 2
    assert waiting(server) == 100
    portal.script("status:503")
    assert post(server, of(portal, message(1, chat="due"))).status == 202
    answers = post_all(server, [of(portal, message(i, chat=f"c{i}"))
                                for i in range(2, 31)], 8)
    assert {a.response.status for a in answers} == {200}
    server.site.wait_states({i: "acknowledged" for i in range(1, 31)}, 20)
    assert waiting(server) == 100
    # kept like the others, unless a place has just become free
    assert post(server, install(portal, ts=LATER)).status in (200, 202)


def test_a_pass_tries_messages_first(start, portals, hole):
    """Where a timer retries, hostile installations are behind all else, and
    the pass does not wait for many of them."""
    portal = portals()
    server = start("cgi", retry=SOON, server={"answer_within": 1},
                   portal={"timeout": 1}, app={**APP, "oauth_servers": [
                       f"127.0.0.1:{hole.port}"]})
    answers = post_all(server, [hole.hostile(i) for i in range(5)])
    assert {a.response.status for a in answers} == {202}
    portal.script("status:503")
    assert post(server, of(portal)).status == 202
    server.settle()
    wait_until(lambda: server.site.ctl("retry").returncode == 0 and
               server.site.states() == {86497: "acknowledged"}, 30)
    assert waiting(server) == 5


def test_a_stop_answers_who_waits_for_a_proof(start, hole):
    server = start("fcgi", server={"answer_within": 60}, app={
        **APP, **UNKNOWN, "oauth_servers": [f"127.0.0.1:{hole.port}"]})
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(post, server, hole.hostile(1))
                   for _ in range(2)]       # one and its copy
        wait_until(lambda: waiting(server) == 1)
        for pid in server.site.handlers():
            os.kill(pid, signal.SIGTERM)
        for answer in answers:
            assert answer.result(20).status == 202


# -- two bindings of one handler: each installation comes twice

def copies(server, value):
    """What is answered to two that come at the same moment."""
    first, second = post_all(server, [value, value])
    assert first.response.body == second.response.body
    return first.response


@pytest.fixture(params=["fcgi", "group", "cgi"])
def side_by_side(request, start):
    """A server, of one or of several processes."""
    config = {"app": {**APP, **UNKNOWN}, "retry": SOON,
              "server": {"answer_within": 2}}
    if request.param == "group":
        return start.group(4, **config)
    return start(request.param, **config)


def test_both_copies_are_installed(side_by_side, portals):
    for _ in range(3):
        portal = portals()
        portal.script("slow:0.5", to="oauth")
        answer = copies(side_by_side, install(portal))
        assert (answer.status, answer.json["result"]) == (200, "installed")
        assert len(portal.refreshes) == 1


def test_both_copies_are_denied(side_by_side, portals):
    portal = portals()
    portal.script("slow:0.5", to="oauth")
    value = install(portal)
    portal.refresh_tokens.clear()
    assert copies(side_by_side, value).status == 403
    assert listed(side_by_side) == [] and waiting(side_by_side) == 0


def test_both_copies_are_queued(side_by_side, portals):
    portal = portals()
    portal.always("silence", to="oauth")
    answer = copies(side_by_side, install(portal))
    assert (answer.status, answer.json["result"]) == (202, "queued")
    assert waiting(side_by_side) == 1


def test_an_older_one_does_not_replace_a_newer(start, portals):
    """Also if its proof began before the newer one came."""
    portal = portals()
    server = start("fcgi", app={**APP, **UNKNOWN}, retry=SOON,
                   server={"answer_within": 1})
    portal.script("slow:4", to="oauth")
    older = install(portal, application_token="1" * 32)
    newer = install(portal, ts=LATER, application_token="2" * 32)
    assert post(server, older).status == 202
    assert post(server, newer).status == 200
    wait_until(lambda: "event=install-outdated" in server.log(), 20)
    assert_denied(server, of(portal, application_token="1" * 32))
    assert post(server, of(portal, application_token="2" * 32)).status == 200
    # and of what comes too late not even the tokens are spent
    older = install(portal, application_token="3" * 32)
    assert_denied(server, older)
    assert older["auth"]["refresh_token"] in portal.refresh_tokens
    assert waiting(server) == 0


def test_the_token_of_another_portal(server, portals):
    """Each portal has its own; one in the configuration is for the rest."""
    one, two = portals(), portals()
    installed(server, one, application_token="1" * 32)
    installed(server, two, application_token="2" * 32)
    assert_denied(server, of(one, application_token="2" * 32))
    assert_denied(server, of(one))
    for portal, digit in ((one, "1"), (two, "2")):
        assert post(server, of(portal, application_token=digit * 32)).status \
            == 200
        assert len(portal.deliveries) == 1


def test_uninstalled(server, portals):
    portal, other = portals(), portals()
    installed(server, portal)
    installed(server, other)
    assert_denied(server, uninstall(portal, application_token="wrong"))
    answer = post(server, uninstall(portal))
    assert (answer.status, answer.json["result"]) == (200, "uninstalled")
    assert [p["member_id"] for p in listed(server)] == [other.member_id]
    assert_denied(server, of(portal))
    assert_denied(server, uninstall(portal))
    # and its tokens are no longer in the file
    raw = server.site.store.read_bytes()
    for secret in (*portal.tokens, *portal.refresh_tokens):
        assert secret == ACCESS or secret.encode() not in raw
    assert post(server, install(portal, ts=LATER)).status == 200
    assert post(server, of(portal)).status == 200


# -- renamed portals

def test_renamed_and_trusted(start, portals):
    """The stored endpoint is replaced: the next call goes there at once."""
    old, new = portals(), portals(host="localhost")
    server = start("fcgi", app=APP, retry=SOON)
    installed(server, old)
    new.tokens = old.tokens
    old.always(f"moved:{new.url}")
    assert post(server, of(old, message(1))).status == 200
    assert [len(p.deliveries) for p in (old, new)] == [1, 1]
    assert listed(server)[0]["client_endpoint"] == new.endpoint
    assert post(server, of(old, message(2))).status == 200
    assert [len(p.deliveries) for p in (old, new)] == [1, 2]
    # a refresh keeps it: the OAuth server may still name the old one
    expire(old)
    assert post(server, of(old, message(3))).status == 200
    assert [len(p.deliveries) for p in (old, new)][0] == 1


def test_renamed_and_not_trusted(start, portals):
    """No token ever goes there; the message waits for a better answer."""
    old, new = portals(), portals(host="localhost")
    server = start("fcgi", app={**APP, "portals": ["127.0.0.1"]}, retry=SOON)
    installed(server, old)
    old.script(f"moved:{new.url}", f"moved:{new.url}")
    assert post(server, of(old)).status == 202
    server.site.wait_states({86497: "acknowledged"})
    assert new.calls == [] and len(old.deliveries) == 3
    assert listed(server)[0]["client_endpoint"] == old.endpoint


def test_renamed_for_ever(start, portals):
    """Two that send each other's visitors around: one hop, then later."""
    old, new = portals(), portals(host="localhost")
    server = start("fcgi", app=APP)
    old.always(f"moved:{new.url}")
    new.always(f"moved:{old.url}")
    assert post(server, of(old)).status == 202
    assert [len(p.deliveries) for p in (old, new)] == [1, 1]
    assert message_of(server, 86497)["state"] == "delivered"


def test_a_configured_endpoint_is_kept(start, portals):
    """With a warning each time, until the administrator changes it."""
    old, new = portals(), portals(host="localhost")
    server = start("fcgi", app={"client_endpoint": old.endpoint})
    old.always(f"moved:{new.url}")
    for i in (1, 2):
        assert post(server, of(new, message(i))).status == 200
        assert [len(p.deliveries) for p in (old, new)] == [i, i]
    warnings = [line for line in server.log().splitlines()
                if "moved" in line and "client_endpoint" in line]
    assert len(warnings) == 2


def test_an_endpoint_that_nobody_vouches_for(start, portals):
    """Not installed, not configured, not one of app.portals: handed over,
    202, and the log says why."""
    portal = portals()
    server = start("fcgi", app={"portals": ["*.bitrix24.com"]})
    assert post(server, of(portal)).status == 202
    assert portal.calls == [] and len(server.site.spooled()) == 1
    assert "app.portals" in server.log()


def test_events_of_many_portals_keep_apart(start, portals):
    """Each portal's tokens and statuses go to that portal only."""
    with Receiver() as channel:
        server = start("fcgi", app={**APP, **UNKNOWN},
                       channel={"url": channel.url})
        all_of_them = [portals() for _ in range(5)]
        for i, portal in enumerate(all_of_them, 1):
            installed(server, portal, application_token=f"{i:032}")
            assert post(server, tokenless(
                portal, application_token=f"{i:032}")).status == 200
        assert len(channel.calls) == 5
    for portal in all_of_them:
        assert len(portal.first_ids) == 1
        assert portal.deliveries[0].token in portal.tokens
