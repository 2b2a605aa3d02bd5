"""A peer that echoes secrets: nothing of it is told on.

Bitrix24, the OAuth server, or the channel answers with the very token, secret
or text that it was sent. It must not turn up in the log, in the queue, in
what the operator's tool prints, or in our own answers.
"""

import json

import pytest

import events
from events import install, of, tokenless
from several import APP, SECRET, expire, post
from site_folder import wait_until
from standin import Receiver
from standin.answers import json_answer

NOT_SOON = {"first": 600, "longest": 600}
LIKE_A_WORD = "c1ient_secret_that_looks_like_an_error_word"


def echo(secret, status):
    """An error whose word and description are that secret."""
    return json_answer({"error": secret,
                        "error_description": f"{secret} is wrong"}, status)


def everything_told(server, *answers):
    """Log, answers, and what the tool prints of all that is stored."""
    site = server.site
    told = [server.log(), *(a.body.decode() for a in answers)]
    for command in (["queue", "list"], ["queue", "list", "--all"],
                    ["queue", "list", "--json"],
                    ["portals"], ["portals", "--json"], ["stats"]):
        done = site.ctl(*command)
        assert done.returncode == 0, done.stderr
        told.append(done.stdout + done.stderr)
    for m in site.queue():
        told.append(site.ctl("queue", "show", m["key"], "--json").stdout)
    return "\n".join(told)


@pytest.fixture
def server(start):
    """One whose client_secret could be an error's word."""
    return start("fcgi", app={**APP, "client_secret": LIKE_A_WORD},
                 retry=NOT_SOON)


@pytest.fixture
def portal(portals):
    """A portal that knows that secret."""
    p = portals()
    p.client_secret = LIKE_A_WORD
    return p


@pytest.mark.parametrize("status", [200, 400, 401, 403, 500, 503])
def test_the_portal_echoes_a_token(server, portal, status):
    portal.always(echo(events.ACCESS, status))
    answer = post(server, of(portal))
    assert answer.status == 202
    told = everything_told(server, answer)
    assert f"unknown error (HTTP status {status})" in told
    assert events.ACCESS not in told and events.TOKEN not in told


def test_a_known_word_beside_a_token(server, portal):
    """The word is told in our own spelling, the rest never."""
    portal.always(json_answer(
        {"error": "query_limit_exceeded",
         "error_description": f"for {events.ACCESS}"}, 503))
    answer = post(server, of(portal))
    told = everything_told(server, answer)
    assert "QUERY_LIMIT_EXCEEDED (HTTP status 503)" in told
    assert events.ACCESS not in told


@pytest.mark.parametrize("status", [200, 400, 401])
@pytest.mark.parametrize("what", ["client_secret", "refresh_token"])
def test_the_oauth_server_echoes(server, portal, what, status):
    """While an installation is proven, and in a refresh."""
    value = install(portal)
    secret = portal.client_secret if what == "client_secret" else \
        value["auth"]["refresh_token"]
    portal.script(echo(secret, status), to="oauth")
    proof = post(server, value)
    assert proof.status == 202
    assert post(server, install(portal)).status == 200
    refresh, = portal.refresh_tokens - {value["auth"]["refresh_token"]}
    if what != "client_secret":
        secret = refresh
    expire(portal)
    portal.always(echo(secret, status), to="oauth")
    answer = post(server, tokenless(portal))
    assert answer.status == 202
    told = everything_told(server, proof, answer)
    assert told.count(f"unknown error (HTTP status {status})") >= 2
    for one in (secret, portal.client_secret, refresh,
                value["auth"]["refresh_token"], events.TOKEN):
        assert one not in told


def test_a_new_address_that_holds_a_token(server, portal, portals):
    """Of where a portal says that it has moved only the host is told."""
    home = portals()
    portal.script(f"moved:{home.url}rest/{events.ACCESS}")
    post(server, of(portal))
    assert "event=moved" in server.log() and home.calls
    assert events.ACCESS not in server.log()


@pytest.mark.parametrize("status", [200, 400, 500])
def test_the_channel_echoes(start, portals, status):
    """Its URL's secrets, and the message."""
    portal = portals()
    with Receiver() as channel:
        channel.always(json_answer({"error": "the-hook-secret",
                                    "message": "Good afternoon"}, status))
        server = start("fcgi", retry=NOT_SOON, channel={
            "url": f"{channel.url}?key=the-hook-secret"})
        answer = post(server, of(portal))
        done = server.site.ctl("check")
        assert done.returncode == 0
        told = json.dumps([server.log(), answer.body.decode(),
                           server.site.ctl("queue", "list").stdout,
                           server.site.ctl("queue", "list", "--all").stdout,
                           done.stdout, done.stderr])
        assert wait_until(lambda: channel.calls)
    assert "the-hook-secret" not in told
    assert "Good afternoon" not in told
    assert SECRET not in told
