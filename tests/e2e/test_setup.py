"""From an installation to the first message, without a hand's turn.

The application installs itself on the stand-in portal, its connector is
registered and its events are bound, a line is switched on by the operator's
tool, and an operator writes. The handler stands behind a real web server, as
the URLs that are bound are called as they are.
"""

import json

import pytest

import events
import opening
from events import install, of, uninstall
from opening import page
from several import APP, SOON, expire, next_life, post_all
from site_folder import wait_until
from standin import Binding
from standin.application import post

ADD, UPDATE, DELETE = events.ADD, events.UPDATE, events.DELETE
START, FINISH, OFF, GONE = (
    "ONIMCONNECTOR" + end for end in
    ("DIALOGSTART", "DIALOGFINISH", "STATUSDELETE", "LINEDELETE"))
BOUND = {ADD, UPDATE, DELETE, OFF, GONE, "ONAPPUPDATE", "ONAPPUNINSTALL"}
UNKNOWN = {"application_token": None}
NAMED = {"connector myconnector": {"name": "My connector"}}


@pytest.fixture(params=["nginx"])
def server(request, start):
    """Behind a web server."""
    return start(request.param, app={**APP, **UNKNOWN}, retry=SOON, **NAMED)


def url_of(server):
    """Where Bitrix24 finds the handler."""
    return f"http://127.0.0.1:{server.port}{server.url}"


def send(server, value):
    """Posts as Bitrix24 does to the URL that it was told."""
    status, body = post(url_of(server), events.as_form(value))
    return status, body


def installed(server, portal, **more):
    """Installs the application there."""
    status, body = send(server, install(portal, **more))
    assert (status, json.loads(body)["result"]) == (200, "installed")


def set_up(portal, url):
    """Whether all is registered and bound there."""
    app = portal.application
    return "myconnector" in app.connectors and \
        {b.event for b in app.bindings if b.handler == url} == BOUND


def setup_of(server, portal, *more):
    """What `imconnectorctl setup` says of one portal: (exit code, dict)."""
    done = server.site.ctl("setup", "--json", "--portal", portal.member_id,
                           *more)
    one, = json.loads(done.stdout)
    return done.returncode, one


def writes(portal, *messages, **more):
    """An operator writes on line 107: what each handler answered."""
    return portal.application.deliver(
        ADD, events.as_form(of(portal, *messages, **more)), "myconnector",
        107)


def test_the_whole_way(start, front, portals):
    """Installed, set up, switched on, and the first message acknowledged;
    then updated, renamed, its token revoked, and uninstalled."""
    kind = {"cgi": "apachecgi"}.get(front, front)
    server = start(kind, app={**APP, **UNKNOWN}, retry=SOON, **NAMED)
    url, portal = url_of(server), portals()
    app = portal.application
    installed(server, portal)
    wait_until(lambda: set_up(portal, url), 60, "the set-up")
    assert writes(portal) == []             # not on yet
    done = server.site.ctl("activate", "107")
    assert (done.returncode, done.stdout) == \
        (0, "line 107, myconnector: on\n"), done
    assert app.lines[107].connectors["myconnector"] == \
        {"ID": "myconnector_107", "NAME": "My connector"}
    (status, _), = writes(portal)
    assert status == 200
    assert len(server.site.spooled()) == 1 and len(portal.deliveries) == 1

    app.update()                            # its handlers are gone
    assert writes(portal, events.message(2)) == []
    installed(server, portal, ts=1773760000)
    wait_until(lambda: set_up(portal, url), 60, "the second set-up")
    (status, _), = writes(portal, events.message(2))
    assert status == 200

    renamed = portals(host="localhost")
    renamed.tokens, renamed.refresh_tokens = portal.tokens, \
        portal.refresh_tokens
    renamed.application, renamed.member_id = app, portal.member_id
    portal.always(f"moved:{renamed.url}")
    assert setup_of(server, portal)[1]["result"] == "done"
    assert renamed.called("app.info")
    (status, _), = writes(renamed, events.message(3))
    assert status == 200 and len(renamed.deliveries) == 1

    expire(renamed)                         # refreshed, then
    assert setup_of(server, portal)[0] == 0
    renamed.tokens.clear()                  # revoked
    renamed.refresh_tokens.clear()
    portal.refresh_tokens.clear()
    code, one = setup_of(server, portal)
    assert (code, one["result"]) == (69, "refused")
    assert "installed again" in one["reason"]

    (status, _), = app.deliver("ONAPPUNINSTALL",
                               events.as_form(uninstall(renamed)))
    assert status == 200
    assert json.loads(server.site.ctl("portals", "--json").stdout) == []
    assert server.site.ctl("setup").returncode == 66


def test_what_is_registered(start, portals):
    """A name alone is enough; and all of it can be said."""
    icon = "<svg xmlns='http://www.w3.org/2000/svg'>100%</svg>"
    server = start("nginx", app={**APP, **UNKNOWN}, retry=SOON, **NAMED,
                   prepare=lambda site: (site.folder / "icon.svg").write_text(
                       icon), **{"connector other": {
                           "name": 'Other "one"', "color": "#ff0000",
                           "chat_group": "yes", "newsletter": "no",
                           "comment": "ours"}})
    portal = portals()
    server.site.write_config({**server.site.config, "connector other": {
        **server.site.config["connector other"],
        "icon_file": server.site.folder / "icon.svg"}})
    installed(server, portal)
    wait_until(lambda: set_up(portal, url_of(server)), 60)
    assert setup_of(server, portal)[0] == 0
    one, two = (portal.application.connectors[name]
                for name in ("myconnector", "other"))
    assert one["NAME"] == "My connector" and one["ICON"]["COLOR"] == "#2fc6f6"
    assert one["ICON"]["DATA_IMAGE"].startswith("data:image/svg+xml")
    assert one["NEWSLETTER"] is True and one["CHAT_GROUP"] is False
    assert one["PLACEMENT_HANDLER"] == url_of(server)
    assert (two["NAME"], two["COMMENT"]) == ('Other "one"', "ours")
    assert two["NEWSLETTER"] is False and two["CHAT_GROUP"] is True
    assert two["ICON"]["COLOR"] == "#ff0000"
    assert two["ICON"]["DATA_IMAGE"].endswith("%3E100%25%3C%2Fsvg%3E")


def test_a_set_up_may_be_repeated(server, portals):
    portal = portals()
    installed(server, portal)
    wait_until(lambda: set_up(portal, url_of(server)), 60)
    before = list(portal.application.bindings)
    for _ in range(3):
        assert setup_of(server, portal)[1] == {
            "member_id": portal.member_id, "result": "done",
            "handler_url": url_of(server)}
    assert portal.application.bindings == before
    assert len(portal.called("event.bind")) == len(BOUND)
    assert len(portal.application.placements) == 1


def test_events_that_channels_ask_for(start, portals):
    server = start("nginx", app={**APP, **UNKNOWN}, retry=SOON, **NAMED,
                   **{"connector myconnector/7": {"url": "null:",
                                                  "events": "dialogfinish"}})
    portal = portals()
    installed(server, portal)
    wait_until(lambda: FINISH in [b.event for b in
                                  portal.application.bindings], 60)
    assert setup_of(server, portal)[0] == 0
    assert {b.event for b in portal.application.bindings} == \
        {*BOUND, FINISH}


def test_stale_bindings_go(server, portals):
    """Ours at another URL; those of other parts of the application stay."""
    portal, url = portals(), url_of(server)
    stale = [Binding(ADD, url + "/"), Binding(ADD, "https" + url[4:]),
             Binding(DELETE, "https://old.example.org/bitrix24/handler")]
    twice = Binding(ADD, url, "27")
    others = [Binding(ADD, "https://old.example.org/other"),
              Binding("ONAPPTEST", url + "/")]
    portal.application.bindings += [*stale, Binding(ADD, url), twice, *others]
    installed(server, portal)
    wait_until(lambda: set_up(portal, url), 60)
    left = portal.application.bindings
    assert not [b for b in [*stale, twice] if b in left]
    assert all(b in left for b in others)
    assert [b.event for b in left if b.handler == url].count(ADD) == 1


def test_without_the_right_to_unbind(server, portals):
    """What is stale stays; the rest is done."""
    portal, url = portals(), url_of(server)
    portal.application.bindings.append(Binding(ADD, url + "/"))
    portal.always("error:ACCESS_DENIED", to="event.unbind")
    installed(server, portal)
    wait_until(lambda: setup_of(server, portal)[1]["result"] == "done", 60)
    assert set_up(portal, url)


def test_bound_by_another_meanwhile(server, portals):
    """That binding twice is an error harms nobody."""
    portal = portals()
    portal.always("error:ERROR_CORE", to="event.bind")
    installed(server, portal)
    wait_until(lambda: portal.called("event.bind"), 60)
    assert setup_of(server, portal)[1]["result"] == "failed"
    portal.always(None, to="event.bind")
    portal.application.bindings += [Binding(e, url_of(server))
                                    for e in BOUND]
    shown = portal.application.methods["event.get"]
    portal.application.methods["event.get"] = lambda _: []
    assert setup_of(server, portal)[1]["result"] == "done"
    portal.application.methods["event.get"] = shown
    assert [c.error for c in portal.called("event.bind")[-7:]] == \
        ["ERROR_CORE"] * 7


def test_installed_is_waited_for(server, portals):
    """Binding succeeds, but until then Bitrix24 sends no event."""
    portal = portals()
    portal.application.installed = False
    installed(server, portal)
    wait_until(lambda: set_up(portal, url_of(server)), 60)
    code, one = setup_of(server, portal)
    assert (code, one["result"]) == (75, "waits")
    assert "INSTALLED" in one["reason"]
    assert server.site.ctl("activate", "107").returncode == 0
    assert writes(portal) == []
    portal.application.installed = True
    wait_until(lambda: '"set-up"' in server.log() or
               "event=set-up " in server.log(), 60, "the handler's own end")
    (status, _), = writes(portal)
    assert status == 200


METHODS = ["app.info", "imconnector.register", "event.get", "event.bind"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("trouble", [
    "status:500", "garbage", "cut", "error:QUERY_LIMIT_EXCEEDED",
    "error:expired_token", "error:insufficient_scope"])
def test_a_step_fails(server, portals, method, trouble):
    """It goes on from there, by itself where it can."""
    portal = portals()
    portal.script(trouble, to=method)
    installed(server, portal)
    wait_until(lambda: portal.called(method), 60)
    if trouble == "error:insufficient_scope":
        wait_until(lambda: "set-up-refused" in server.log(), 60)
        assert "insufficient_scope" in server.log()
        assert setup_of(server, portal)[0] == 0
    wait_until(lambda: set_up(portal, url_of(server)), 60, "the set-up")


@pytest.mark.parametrize("code", [
    "APPLICATION_REGISTRATION_ERROR", "GENERAL_CONNECTOR_REGISTRATION_ERROR"])
def test_a_failure_with_status_200(server, portals, code):
    portal = portals()
    portal.application.methods["imconnector.register"] = \
        lambda _: {"result": False, "error": code, "error_description": "x"}
    installed(server, portal)
    wait_until(lambda: "set-up-refused" in server.log(), 60)
    exit_code, one = setup_of(server, portal)
    assert (exit_code, one["result"]) == (69, "refused")
    assert "imconnector.register" in one["reason"] and code in one["reason"]
    assert portal.application.bindings == []


def test_a_portal_that_hangs(start, portals):
    """Its set-up is tried again; what others send is acknowledged."""
    server = start("nginx", app={**APP, **UNKNOWN}, retry=SOON, **NAMED,
                   portal={"timeout": 2})
    hanging, well = portals(), portals()
    hanging.script("silence", to="app.info")
    installed(server, hanging)
    installed(server, well)
    wait_until(lambda: set_up(well, url_of(server)), 60)
    wait_until(lambda: set_up(hanging, url_of(server)), 60)


def test_the_answer_does_not_wait(server, portals):
    """For a set-up that hangs; nor does a stop of the handler (stop()
    complains of one that takes long)."""
    portal = portals()
    portal.always("silence", to="app.info")
    installed(server, portal)               # 200, with server.answer_within
    wait_until(lambda: portal.called("app.info"), 60)
    assert not portal.called("imconnector.register")


def test_many_at_once(start, portals):
    """Some never answer. Nobody else is held up, and all others are done."""
    server = start("nginx", app={**APP, **UNKNOWN}, retry=SOON, **NAMED,
                   portal={"timeout": 3})
    busy = portals()
    installed(server, busy)
    wait_until(lambda: set_up(busy, url_of(server)), 60)
    assert server.site.ctl("activate", "107").returncode == 0
    crowd = [portals() for _ in range(60)]
    for portal in crowd[::5]:
        portal.always("silence")
    answers = post_all(server, [install(p) for p in crowd], 16)
    assert {a.response.status for a in answers} <= {200, 202}
    for i in range(1, 20):
        (status, _), = writes(busy, events.message(i, chat=f"c{i}"))
        assert status == 200
    for portal in crowd:
        if portal not in crowd[::5]:
            wait_until(lambda p=portal: set_up(p, url_of(server)), 120)


def test_nobody_told_its_url(start, portals):
    """A person must: then it can be done by hand."""
    portal = portals()
    server = start("fcgi", app={**APP, **UNKNOWN}, retry=SOON, **NAMED)
    assert server.post(events.as_form(install(portal))).status == 200
    wait_until(lambda: "set-up-refused" in server.log(), 60)
    assert "handler_url" in server.log()
    one, = json.loads(server.site.ctl("portals", "--json").stdout)
    assert one["setup"] == "wanted" and "handler_url" in one["setup_reason"]
    url = "https://example.org/bitrix24/handler"
    server.site.write_config({**server.site.config, "app": {
        **server.site.config["app"], "handler_url": url}})
    assert setup_of(server, portal)[0] == 0
    assert set_up(portal, url)
    one, = json.loads(server.site.ctl("portals", "--json").stdout)
    assert one["setup"] == "done"


@pytest.mark.parametrize("method", METHODS)
def test_a_crash_in_the_set_up(start, portals, method):
    """It is stored with the installation: the next process goes on."""
    url = "https://example.org/bitrix24/handler"
    portal = portals()
    server = start("fcgi", retry=SOON, **NAMED,
                   app={**APP, **UNKNOWN, "handler_url": url})
    portal.always("silence", to=method)
    assert server.post(events.as_form(install(portal))).status == 200
    wait_until(lambda: portal.called(method), 60)
    portal.always(None, to=method)
    next_life(server)
    wait_until(lambda: set_up(portal, url), 60, "the set-up")


def test_the_first_url_stays(server, portals):
    """Who sends a later installation or opens a page chooses its Host."""
    portal, url = portals(), url_of(server)
    installed(server, portal)
    wait_until(lambda: set_up(portal, url), 60)
    portal.application.update()
    for value in (install(portal, ts=1773760000), page(portal)):
        assert post(url, events.as_form(value),
                    Host="evil.example.org")[0] == 200
    wait_until(lambda: set_up(portal, url), 60)
    assert {b.handler for b in portal.application.bindings} == {url}


def test_dry_and_verbose(server, portals):
    """Nothing is done, everything is said, and no token is shown."""
    portal = portals()
    portal.application.bindings.append(Binding(ADD, url_of(server) + "/"))
    portal.always("error:QUERY_LIMIT_EXCEEDED")
    installed(server, portal)
    wait_until(lambda: "set-up-postponed" in server.log(), 60)
    portal.always("error:insufficient_scope")
    wait_until(lambda: "set-up-refused" in server.log(), 60)
    portal.always(None)
    done = server.site.ctl("setup", "--dry-run")
    assert done.returncode == 0, done
    for method in ("imconnector.register", "event.unbind", "event.bind"):
        assert f"would call {method} " in done.stderr, done
        assert not [c for c in portal.called(method) if c.status == 200]
    echo = portal.application.methods["event.get"]
    portal.application.methods["event.get"] = lambda p: [
        *echo(p), {"event": p["AUTH"], "handler": "x" + p["AUTH"]}]
    shown = server.site.ctl("setup", "--verbose")
    assert shown.returncode == 0 and "event.bind" in shown.stderr
    assert '"auth":"***"' in shown.stderr and '"count": 1' in shown.stderr
    for secret in (*portal.tokens, *portal.refresh_tokens,
                   APP["client_secret"], events.TOKEN):
        assert secret not in shown.stderr + shown.stdout + done.stderr


def test_lines(server, portals):
    portal = portals()
    assert server.site.ctl("lines").returncode == 66
    installed(server, portal)
    wait_until(lambda: set_up(portal, url_of(server)), 60)
    done = server.site.ctl("lines")
    assert (done.returncode, done.stdout) == (
        0, "107 Sales, myconnector: off\n"
        "108 Support (switched off), myconnector: off\n"), done
    assert server.site.ctl("activate", "107", "--json").stdout == \
        '{"line":107,"connector":"myconnector","state":"on"}\n'
    assert json.loads(server.site.ctl("lines", "--json").stdout) == [
        {"line": 107, "name": "Sales", "active": True,
         "connectors": {"myconnector": "on"}},
        {"line": 108, "name": "Support", "active": False,
         "connectors": {"myconnector": "off"}}]
    assert [c.params["ACTIVE"] for c in
            portal.called("imconnector.activate")] == ["1"]
    done = server.site.ctl("deactivate", "107")
    assert done.stdout == "line 107, myconnector: off\n"
    assert not portal.application.works("myconnector", 107)
    assert portal.called("imconnector.activate")[-1].params["ACTIVE"] == "0"
    done = server.site.ctl("activate", "999")
    assert done.returncode == 69 and "ERROR_ARGUMENT" in done.stderr
    for wrong in ("x", "0", "-1"):
        assert server.site.ctl("activate", wrong).returncode != 0


def test_which_portal_and_which_connector(start, portals):
    server = start("nginx", app={**APP, **UNKNOWN}, retry=SOON, **NAMED,
                   **{"connector second": {"name": "Second"}})
    one, two = portals(), portals()
    for portal in (one, two):
        installed(server, portal)
        wait_until(lambda p=portal: set_up(p, url_of(server)), 60)
    for words in (("lines",), ("activate", "107", "--connector", "second"),
                  ("activate", "107", "--portal", one.member_id),
                  ("lines", "--portal", "0" * 32)):
        assert server.site.ctl(*words).returncode == 66, words
    done = server.site.ctl("activate", "107", "--portal", two.member_id,
                           "--connector", "second")
    assert done.returncode == 0, done
    assert two.application.works("second", 107)
    assert not one.application.works("second", 107)


def test_capitals_are_refused(start):
    """With the line, before anything is called."""
    server = start("cgi", **{"connector MyConnector": {"name": "x"}})
    done = server.site.ctl("check")
    assert done.returncode == 78 and "lower case" in done.stderr
    server.site.write_config({"connector my.connector": {"name": "x"}})
    done = server.site.ctl("check")
    assert done.returncode == 78 and "letters, digits and _" in done.stderr


def test_updated_by_its_event(server, portals):
    """ONAPPUPDATE sets it up again, if it is this application's."""
    portal = portals()
    installed(server, portal)
    wait_until(lambda: set_up(portal, url_of(server)), 60)
    update = {**of(portal), "event": "ONAPPUPDATE",
              "data": {"VERSION": "2", "PREVIOUS_VERSION": "1"}}
    portal.application.update()
    wrong = {**update, "auth": {**update["auth"],
                                "application_token": "wrong"}}
    assert send(server, wrong)[0] == 403
    status, body = send(server, update)
    assert (status, json.loads(body)["result"]) == (200, "installed")
    wait_until(lambda: set_up(portal, url_of(server)), 60)


# -- applications with a page

def opened(server, value):
    """(status, HTML) of the page."""
    shown = opening.opened(url_of(server), value)
    return shown.status, shown.html


def test_installed_by_a_page(server, portals):
    """It says so to Bitrix24, whose events come from then on."""
    portal = portals()
    portal.application.installed = False
    status, html = opened(server, page(portal))
    assert status == 200 and "BX24.installFinish()" in html
    assert set_up(portal, url_of(server))
    portal.application.installed = True     # what that call does
    wait_until(lambda: "event=set-up " in server.log(), 60)
    assert server.site.ctl("activate", "107").returncode == 0
    (status, _), = writes(portal)
    assert status == 200
    for _ in range(2):                      # again, without harm
        before = len(portal.refreshes)
        status, html = opened(server, page(portal))
        assert status == 200 and "BX24" not in html
        assert len(portal.refreshes) == before


def test_an_older_portal_s_page(server, portals):
    """Without APPLICATION_TOKEN and SERVER_ENDPOINT."""
    portal = portals()
    first = page(portal, APPLICATION_TOKEN=...)
    assert opened(server, first)[0] == 200
    wait_until(lambda: set_up(portal, url_of(server)), 60)
    status, _ = opened(server, page(portal, APPLICATION_TOKEN=...,
                                    SERVER_ENDPOINT=...))
    assert status == 200 and len(portal.refreshes) == 1
    assert portal.called("app.info")


def test_a_page_must_be_proven(server, portals):
    """Whoever posts one: nothing is shown, done or called elsewhere."""
    portal, attacker = portals(), portals()
    stranger = page(portal, REFRESH_ID="0" * 32)
    assert opened(server, stranger)[0] == 403
    assert opened(server, page(attacker, member_id=portal.member_id))[0] == \
        403
    assert opened(server, page(portal, member_id=...))[0] == 403
    assert json.loads(server.site.ctl("portals", "--json").stdout) == []
    assert portal.application.connectors == {}
    installed(server, portal)
    wait_until(lambda: set_up(portal, url_of(server)), 60)
    calls = len(attacker.calls)
    for value in (page(attacker, member_id=portal.member_id,
                       APPLICATION_TOKEN=...),
                  page(portal, APPLICATION_TOKEN=..., AUTH_ID="0" * 32),
                  page(portal, APPLICATION_TOKEN=..., AUTH_ID="undefined"),
                  page(portal, APPLICATION_TOKEN="", AUTH_ID="")):
        status, html = opened(server, value)
        assert status == 403 and "BX24" not in html
    assert len(attacker.calls) == calls


def test_a_page_with_another_application_token(server, portals):
    """Of a lie, as long as the installation that is stored works; else of a
    new installation."""
    portal = portals()
    installed(server, portal)
    wait_until(lambda: set_up(portal, url_of(server)), 60)
    assert opened(server, page(portal, APPLICATION_TOKEN="f" * 32))[0] == 403
    assert writes(portal, application_token="f" * 32) == [] and \
        send(server, of(portal, application_token="f" * 32))[0] == 403
    portal.tokens.clear()
    portal.refresh_tokens.clear()           # installed anew
    portal.application.installed = False
    status, html = opened(server, page(portal, APPLICATION_TOKEN="f" * 32))
    assert status == 200 and "BX24" in html
    portal.add_token(events.ACCESS)
    assert send(server, of(portal, application_token="f" * 32))[0] == 200


def test_another_application_s_token(server, portals):
    """It works at the portal, but is not of this application."""
    portal = portals()
    installed(server, portal)
    wait_until(lambda: set_up(portal, url_of(server)), 60)
    portal.client_id = "local.other"
    assert opened(server, page(portal, APPLICATION_TOKEN=...))[0] == 403


def test_a_page_of_a_portal_that_hangs(start, portals):
    server = start("nginx", app={**APP, **UNKNOWN}, retry=SOON, **NAMED,
                   server={"answer_within": 1}, portal={"timeout": 2})
    portal = portals()
    portal.always("silence", to="oauth")
    status, html = opened(server, page(portal))
    assert status == 202 and "BX24" not in html
    portal.always(None, to="oauth")
    wait_until(lambda: set_up(portal, url_of(server)), 60)
    portal.always("silence")
    assert opened(server, page(portal, APPLICATION_TOKEN=...))[0] == 503


def test_a_page_that_shows_what_is_wrong(server, portals):
    portal = portals()
    portal.always("error:insufficient_scope", to="imconnector.register")
    status, html = opened(server, page(portal))
    assert status == 200 and "insufficient_scope" in html
    assert "BX24" not in html
