"""Which token is used, and the one refresh at a time.

An event's own token first, refused or expired the stored one, and only the
stored one's end causes a refresh: one, however many events and processes
want it. A refresh token that is worth nothing parks the portal's messages
until the application is installed anew.
"""


import pytest

import events
from events import install, message, of, tokenless
from several import (APP, SOON, expire, installed, message_of, post,
                     post_all)
from site_folder import wait_until


def used(portal):
    """The tokens of the status calls, in order."""
    return [c.token for c in portal.deliveries]


@pytest.fixture
def server(start):
    """One process that retries soon."""
    return start("fcgi", app=APP, retry=SOON)


@pytest.mark.parametrize("trouble", [
    "expired", "unknown", "error:user_access_error", "error:ACCESS_DENIED",
    "error:INVALID_CREDENTIALS", "error:NO_AUTH_FOUND",
    "error:expired_token:200"])
def test_the_own_token_first_then_the_stored(server, portals, trouble):
    portal = portals()
    stored, _ = installed(server, portal)
    if trouble == "expired":
        expire(portal, events.ACCESS)
    elif trouble == "unknown":
        del portal.tokens[events.ACCESS]
    else:
        portal.script(trouble)
    assert post(server, of(portal)).status == 200
    assert used(portal) == [events.ACCESS, stored]
    assert len(portal.refreshes) == 1       # the proof of installation


def test_the_own_token_is_enough(server, portals):
    """Whatever `expires` says; the stored one is left alone."""
    portal = portals()
    installed(server, portal)
    assert post(server, of(portal, expires=1)).status == 200
    assert used(portal) == [events.ACCESS]


@pytest.mark.parametrize("token", [..., "", "undefined"])
def test_without_a_token_the_stored_one(server, portals, token):
    portal = portals()
    stored, _ = installed(server, portal)
    value = tokenless(portal)
    if token is not ...:
        value = of(portal, access_token=token)
    assert post(server, value).status == 200
    assert used(portal) == [stored]


def test_a_stored_token_that_is_over_is_refreshed_once(server, portals):
    portal = portals()
    stored, refresh = installed(server, portal)
    expire(portal)
    assert post(server, of(portal)).status == 200
    new = used(portal)[-1]
    assert used(portal) == [events.ACCESS, stored, new]
    assert new not in (events.ACCESS, stored)
    assert portal.refreshes[-1].params == {
        "grant_type": "refresh_token", "client_id": portal.client_id,
        "client_secret": portal.client_secret, "refresh_token": refresh}
    # the new pair is stored, and a second refresh spends its other half
    assert post(server, tokenless(portal, message(2))).status == 200
    assert used(portal)[-1] == new and len(portal.refreshes) == 2
    expire(portal)
    assert post(server, tokenless(portal, message(3))).status == 200
    assert len(portal.refreshes) == 3


def test_the_stored_token_may_not_either(server, portals):
    """Access is a person's business: no refresh, refused with its reason."""
    portal = portals()
    installed(server, portal)
    portal.always("error:ACCESS_DENIED")
    answer = post(server, of(portal))
    assert (answer.status, answer.json["refused"]) == (202, 1)
    m = message_of(server, 86497)
    assert (m["state"], m["step"]) == ("refused", "status")
    assert len(portal.deliveries) == 2 and len(portal.refreshes) == 1


def test_a_fresh_token_that_is_refused_causes_no_storm(server, portals):
    """Refreshed once, refused again: parked, not refreshed for ever."""
    portal = portals()
    installed(server, portal)
    portal.always("error:invalid_token")
    assert post(server, of(portal)).status == 202
    m = message_of(server, 86497)
    assert (m["state"], m["hold"]) == ("delivered", "portal lost")
    assert len(portal.refreshes) == 2 and len(portal.deliveries) == 3


@pytest.mark.parametrize("dead", ["expired", "unknown"])
def test_one_dead_token_does_not_park_its_batch(server, portals, dead):
    """No installation: each message has its own token only. When the retry
    takes several along, a good one must not suffer from a bad one."""
    portal = portals()
    old, good = portal.add_token(), portal.add_token()
    portal.always("status:503")
    for i, token in enumerate((old, good, old), 1):
        assert post(server, of(portal, message(i, chat=f"c{i}"),
                               access_token=token)).status == 202
    expire(portal, old)
    if dead == "unknown":
        del portal.tokens[old]
    portal.always(None)
    wait_until(lambda: server.site.states()[2] == "acknowledged")
    # the others went along, or wait for a person
    wait_until(lambda: all(m["state"] == "acknowledged" or
                           m["hold"] == "portal lost"
                           for m in server.site.queue()))


def parked(server, *ids):
    """Whether these messages wait for a token."""
    holds = {m["message_id"]: m["hold"] for m in server.site.queue()}
    return all(holds[i] == "portal lost" for i in ids)


@pytest.mark.parametrize("front", ["fcgi", "group", "cgi"])
def test_a_newer_event_brings_a_token(start, portals, front):
    """No installation: what waits for a token, on whatever line, is told
    with that of the next event of its portal."""
    portal = portals()
    config = {"app": APP, "retry": SOON}
    server = start.group(3, **config) if front == "group" else \
        start(front, **config)
    old, good = portal.add_token(), portal.add_token()
    expire(portal, old)
    for i, line in ((1, 107), (2, 108), (3, 109), (4, 109)):
        assert post(server, of(portal, message(i, chat=f"c{i}"), line=line,
                               access_token=old)).status == 202
    assert post(server, tokenless(portal, message(5), line=110)).status == 202
    wait_until(lambda: parked(server, 1, 2, 3, 4, 5))
    assert post(server, of(portal, message(6, chat="c6"),
                           access_token=good)).status == 200
    if front == "cgi":      # what its process left, its timer brings
        server.site.ctl("retry")
    server.site.wait_states({i: "acknowledged" for i in range(1, 7)})
    log = server.log()
    assert old not in log and good not in log
    # each was told once with that token
    assert sorted(i["im"]["message_id"] for c in portal.deliveries
                  if not c.error for i in c.params["MESSAGES"]) == [
                      1, 2, 3, 4, 5, 6]


def test_a_parked_portal_and_the_calls_of_others(start, portals):
    """No installation, and one call at a time: whoever brings a good token
    waits for that, whichever process makes it."""
    portal = portals()
    server = start.group(3, app=APP, portal={"calls_in_flight": 1})
    for i in range(1, 13):      # each process learns that it is parked
        assert post(server, tokenless(portal, message(i, chat=f"c{i}"))
                    ).status == 202
    wait_until(lambda: parked(server, *range(1, 13)))
    portal.script(*["slow:0.3"] * 3)
    good = portal.add_token()
    answers = post_all(server, [of(portal, message(i, chat=f"c{i}"),
                                   access_token=good)
                                for i in range(20, 28)])
    assert [a.response.status for a in answers] == [200] * 8


def test_the_token_of_an_event_that_was_told_already(server, portals):
    """It came after the message whose own token is over."""
    portal = portals()
    old, good = portal.add_token(), portal.add_token()
    portal.script("error:INTERNAL_SERVER_ERROR")
    assert post(server, of(portal, message(1, chat="c1"), line=108,
                           access_token=old)).status == 202
    expire(portal, old)
    assert post(server, of(portal, message(2, chat="c2"),
                           access_token=good)).status == 200
    server.site.wait_states({1: "acknowledged", 2: "acknowledged"})
    assert used(portal) == [old, good, old, good]


def test_a_newer_events_token_goes_before_the_stored(server, portals):
    portal = portals()
    installed(server, portal)
    old, good = portal.add_token(), portal.add_token()
    assert post(server, of(portal, message(1), access_token=old)).status == \
        200
    assert post(server, of(portal, message(2), access_token=good)).status == \
        200
    portal.script("error:INTERNAL_SERVER_ERROR")
    assert post(server, of(portal, message(3, chat="c3"), line=108,
                           access_token=old)).status == 202
    newest = portal.add_token()
    assert post(server, of(portal, message(4),
                           access_token=newest)).status == 200
    expire(portal, old)
    server.site.wait_states({i: "acknowledged" for i in (1, 2, 3, 4)})
    assert used(portal)[-2:] == [old, newest]
    assert len(portal.refreshes) == 1       # the proof of installation


def test_two_hundred_events_refresh_once(start, portals):
    """Over four processes, all tokens over: one refresh, none lost."""
    portal = portals()
    servers = start.group(4, app=APP, retry=SOON)
    installed(servers, portal)
    expire(portal)
    answers = post_all(servers, [of(portal, message(i, chat=f"c{i}"))
                                 for i in range(1, 201)], 64)
    assert {a.response.status for a in answers} <= {200, 202}
    servers.site.wait_states({i: "acknowledged" for i in range(1, 201)})
    assert len(portal.refreshes) == 2
    assert len(portal.first_ids) == 200


def test_a_rejected_refresh_token(server, portals):
    """Loud, shown, parked; a new installation brings all of them through."""
    portal = portals()
    installed(server, portal)
    expire(portal)
    portal.refresh_tokens.clear()
    for i in (1, 2, 3):
        assert post(server, of(portal, message(i, chat=f"c{i}"))).status == \
            202
    assert "refresh-rejected" in server.log()
    assert len(portal.refreshes) == 2       # it is not asked in vain again
    stats = server.site.ctl("stats", "--json").stdout
    assert '"refresh_rejected":1' in stats and '"parked":3' in stats
    assert '"refresh_rejected":true' in \
        server.site.ctl("portals", "--json").stdout
    assert "install again" in server.site.ctl("portals").stdout
    assert {m["hold"] for m in server.site.queue()} == {"portal lost"}
    assert post(server, install(portal, ts=1773769999)).status == 200
    server.site.wait_states({i: "acknowledged" for i in (1, 2, 3)})
    assert '"refresh_rejected":0' in server.site.ctl("stats", "--json").stdout


@pytest.mark.parametrize("word", ["wrong_client", "invalid_client",
                                  "invalid_request"])
def test_a_wrong_secret_is_not_for_good(server, portals, word):
    """A mistake in the configuration must not cost the portal."""
    portal = portals()
    installed(server, portal)
    expire(portal)
    portal.always(f"error:{word}", to="oauth")
    assert post(server, of(portal)).status == 202
    assert '"refresh_rejected":0' in server.site.ctl("stats", "--json").stdout
    assert message_of(server, 86497)["hold"] == ""
    portal.always(None, to="oauth")
    server.site.wait_states({86497: "acknowledged"})


@pytest.mark.parametrize("trouble", ["status:500", "garbage", "empty",
                                     "silence", "oversize:20000000"])
def test_an_oauth_server_that_fails(start, portals, trouble):
    portal = portals()
    server = start("fcgi", app=APP, retry=SOON, portal={"timeout": 1})
    installed(server, portal)
    expire(portal)
    portal.script(trouble, to="oauth")
    assert post(server, of(portal)).status == 202
    server.site.wait_states({86497: "acknowledged"})
    assert len(portal.refreshes) == 3


def test_a_refresh_has_its_own_connection(server, portals):
    """On a kept one that is dead the POST could be sent twice."""
    portal = portals()
    installed(server, portal)
    for i in (1, 2):
        expire(portal)
        assert post(server, of(portal, message(i))).status == 200
    refreshes = [c.connection for c in portal.refreshes]
    others = {c.connection for c in portal.deliveries}
    assert len(set(refreshes)) == 3 and not others & set(refreshes)


def test_a_refresh_whose_answer_is_lost_is_sent_once(start, portals):
    portal = portals()
    server = start("fcgi", app=APP)         # no second try within the test
    installed(server, portal)
    expire(portal)
    portal.script("cut", to="oauth")
    assert post(server, of(portal)).status == 202
    assert len(portal.refreshes) == 2


def test_the_crash_of_a_refreshing_process_blocks_nobody(start, portals):
    portal = portals()
    servers = start.group(1, app=APP, retry=SOON,
                          server={"answer_within": 30})
    installed(servers, portal)
    expire(portal)
    portal.script("silence", to="oauth")    # it was not spent
    value = of(portal, message(1))
    with servers.client() as client:
        body = events.as_form(value)
        client.begin(servers.params(events.FORM, "POST", len(body)))
        client.send(body)
        client.sock.sendall(b"\1\5\0\1\0\0\0\0")        # the body's end
        portal.wait(lambda: len(portal.refreshes) == 2)
        servers.add("other")
        servers.kill("0")
    # a claim that lasted would last longer than the longest call
    assert post(servers, of(portal, message(2, chat="c2"))).status == 200
    servers.site.wait_states({1: "acknowledged", 2: "acknowledged"})
    assert len(portal.refreshes) == 3


def test_who_waits_for_a_refresh_uses_its_pair(start, portals):
    """A slow refresh: the others wait for it and answer in time."""
    portal = portals()
    servers = start.group(2, app=APP, retry=SOON,
                          server={"answer_within": 1})
    installed(servers, portal)
    expire(portal)
    portal.script("held", to="oauth")
    answers = post_all(servers, [of(portal, message(i, chat=f"c{i}"))
                                 for i in range(1, 11)])
    assert [a.response.status for a in answers] == [202] * 10
    portal.release()
    servers.site.wait_states({i: "acknowledged" for i in range(1, 11)})
    assert len(portal.refreshes) == 2
