"""The settings page of a connector: requests and answers.

Bitrix24 opens it in a frame by a POST; a person presses its buttons. Browsers
look at it in tests/browser.
"""

import base64
import hashlib
import json
import re

import pytest

import events
from events import install, of
from opening import ACT, FORM, opened, page, pressed, settings
from several import APP, SOON
from site_folder import wait_until
from standin.answers import error
from test_setup import NAMED, UNKNOWN, installed, set_up, url_of
from wall_clock import WallClock

EVIL = "\"><script>alert('x')</script>&amp;"
LANGUAGES = {"en": ("en", "Switch on"), "de": ("de", "Einschalten"),
             "ru": ("ru", "Включить"), "la": ("es", "Activar"),
             "es": ("es", "Activar"), "br": ("pt", "Ligar"),
             "pt": ("pt", "Ligar"), "fr": ("en", "Switch on"),
             "": ("en", "Switch on"), "deutsch": ("en", "Switch on")}


def ready(start, where, kind="nginx", **more):
    """A server with the application installed and set up there."""
    server = start(kind, **{"app": {**APP, **UNKNOWN}, "retry": SOON,
                            **NAMED, **more})
    installed(server, where)
    wait_until(lambda: set_up(where, url_of(server)), 60, "the set-up")
    return server


@pytest.fixture
def server(start, portals):
    """Behind nginx; its portal is `server.portal`."""
    portal = portals()
    one = ready(start, portal)
    one.portal = portal
    return one


def works(server, line=107):
    """Whether the connector is on."""
    return server.portal.application.works("myconnector", line)


def test_on_and_off(start, front, portals):
    """By every web server; with the token of who opened the page."""
    portal = portals()
    server = ready(start, portal, {"cgi": "apachecgi"}.get(front, front))
    url, app, value = url_of(server), portal.application, settings(portal)
    shown = opened(url, value)
    assert shown.status == 200 and "off" in shown.classes
    assert shown.buttons == ["on", "look"]
    assert "My connector" in shown.text and "107" in shown.text
    shown = pressed(url, shown, "on")
    assert shown.status == 200 and "good" in shown.classes
    assert "The connector is switched on." in shown.text
    assert shown.buttons == ["off", "look"]
    assert app.lines[107].connectors["myconnector"] == \
        {"ID": "myconnector_107", "NAME": "My connector"}
    shown = pressed(url, shown, "off")
    assert "The connector is switched off." in shown.text
    assert not app.works("myconnector", 107)
    calls = [c for c in portal.calls if c.rest.startswith("imconnector.") and
             c.rest != "imconnector.register"]
    assert {c.token for c in calls} == {value["AUTH_ID"]}
    assert [c.params["ACTIVE"] for c in
            portal.called("imconnector.activate")] == ["1", "0"]
    assert [c.rest for c in calls] == [
        "imconnector.status", "imconnector.activate",
        "imconnector.connector.data.set", "imconnector.status",
        "imconnector.activate", "imconnector.status"]


def test_then_messages_come(server):
    """What it is for."""
    deliver = server.portal.application.deliver
    body = events.as_form(of(server.portal))
    assert deliver(events.ADD, body, "myconnector", 107) == []
    pressed(url_of(server), opened(url_of(server), settings(server.portal)),
            "on")
    (status, _), = deliver(events.ADD, body, "myconnector", 107)
    assert status == 200 and len(server.site.spooled()) == 1


def test_an_older_portal(server):
    """Without APPLICATION_TOKEN the user's token is tried, at home."""
    value = settings(server.portal, APPLICATION_TOKEN=..., REFRESH_ID=...)
    shown = opened(url_of(server), value)
    assert shown.status == 200 and shown.buttons == ["on", "look"]
    assert server.portal.called("app.info")[-1].token == value["AUTH_ID"]
    pressed(url_of(server), shown, "on")
    assert works(server)


def test_who_opens_it_is_asked_first(server, portals):
    """Nothing is shown, done, or called elsewhere for whoever else."""
    portal, attacker, url = server.portal, portals(), url_of(server)
    before = len(attacker.calls)
    for value in (
            settings(portal, APPLICATION_TOKEN="0" * 32),
            settings(portal, APPLICATION_TOKEN=..., AUTH_ID="0" * 32),
            settings(portal, APPLICATION_TOKEN=..., AUTH_ID="undefined"),
            settings(portal, APPLICATION_TOKEN="", AUTH_ID=""),
            settings(portal, AUTH_ID="undefined"),
            settings(attacker, member_id=portal.member_id,
                     APPLICATION_TOKEN=...),
            settings(attacker, member_id=portal.member_id,
                     APPLICATION_TOKEN="0" * 32),
            settings(portal, member_id=...),
            settings(portal, member_id="")):
        shown = opened(url, {**value, ACT: "on", "DOMAIN": "127.0.0.1",
                             "client_endpoint": attacker.endpoint},
                       Host="evil.example.org")
        assert shown.status == 403 and shown.buttons == [], value
        assert "form" not in shown.tags and "myconnector" not in shown.html
    assert len(attacker.calls) == before
    assert not portal.called("imconnector.activate")
    assert not portal.called("imconnector.status")


def test_opening_it_does_nothing(server):
    """Whatever else comes along."""
    shown = opened(url_of(server), {**settings(server.portal), ACT: "on"})
    assert shown.status == 200 and not works(server)
    assert not server.portal.called("imconnector.activate")


def test_an_unknown_portal(server, portals):
    """It cannot be proven, and is told nothing."""
    stranger = portals()
    value = settings(stranger, REFRESH_ID="0" * 32)
    shown = opened(url_of(server), value, "de")
    assert shown.status == 403 and shown.lang == "de"
    assert "nachweisen" in shown.text and shown.buttons == []
    assert shown.headers["content-security-policy"].endswith(
        "frame-ancestors https://127.0.0.1 http://127.0.0.1:* "
        "https://localhost http://localhost:*")
    for secret in (value["AUTH_ID"], value["REFRESH_ID"], events.TOKEN,
                   server.portal.member_id, *server.portal.tokens):
        assert secret not in shown.html
    assert not stranger.application.connectors


# -- the form

def test_the_form_alone_is_enough(server):
    """Nothing but its own fields; and nothing in it can be read."""
    value = settings(server.portal)
    shown = opened(url_of(server), value)
    assert set(shown.fields) == {"PLACEMENT", "member_id", FORM}
    assert re.fullmatch("[0-9a-f]+", shown.fields[FORM])
    for secret in (value["AUTH_ID"], value["REFRESH_ID"], events.TOKEN,
                   APP["client_secret"], *server.portal.tokens,
                   *server.portal.refresh_tokens):
        assert secret not in shown.html
        assert secret not in bytes.fromhex(shown.fields[FORM]).decode(
            "latin-1")
        assert secret not in server.log()
    again = opened(url_of(server), value)
    assert again.fields[FORM] != shown.fields[FORM]
    assert pressed(url_of(server), shown, "on").status == 200


def refused(server, shown, **changes):
    """Whether the form is, and nothing was done."""
    before = len(server.portal.called("imconnector.status"))
    answer = pressed(url_of(server), shown, "on", **changes)
    return answer.status == 403 and answer.buttons == [] and \
        len(server.portal.called("imconnector.status")) == before and \
        not server.portal.called("imconnector.activate")


def test_a_form_that_was_changed(server):
    """Every digit counts."""
    shown = opened(url_of(server), settings(server.portal))
    form = shown.fields[FORM]
    for i in (0, 1, 23, 24, 25, len(form) // 2, -33, -32, -1):
        digit = "0" if form[i] != "0" else "1"
        i %= len(form)
        assert refused(server, shown, **{
            FORM: form[:i] + digit + form[i + 1:]})
    for wrong in ("", "0", "xyz", form[:-1], form[:-2], form + "00",
                  form[2:], "0" * 2104, form * 2, form.upper() + " "):
        assert refused(server, shown, **{FORM: wrong}), wrong


def test_a_form_of_another_portal(server, portals):
    """Both are installed; each has its own."""
    other = portals()
    installed(server, other, application_token="b" * 32)
    wait_until(lambda: set_up(other, url_of(server)), 60)
    theirs = opened(url_of(server), settings(
        other, APPLICATION_TOKEN="b" * 32))
    assert theirs.status == 200
    assert refused(server, theirs, member_id=server.portal.member_id)
    assert refused(server, theirs, member_id="0" * 32)
    assert refused(server, theirs, member_id="")
    assert not other.application.works("myconnector", 107)


def test_a_form_of_another_line(server):
    """It is good for its own line and connector, whatever comes beside."""
    ours = opened(url_of(server), settings(server.portal, "107"))
    other = json.loads(settings(server.portal, "108")["PLACEMENT_OPTIONS"])
    answer = pressed(url_of(server), ours, "on", AUTH_ID="x", LINE="108",
                     PLACEMENT_OPTIONS=json.dumps(other))
    assert answer.status == 200 and "107" in answer.text
    assert works(server, 107) and not works(server, 108)


def test_a_form_of_before(server):
    """Of another installation: its application_token is another one."""
    shown = opened(url_of(server), settings(server.portal))
    installed(server, server.portal, application_token="c" * 32,
              ts=1773760000)
    assert refused(server, shown)


URL = "https://example.org/bitrix24/handler"
DIRECT = {"app": {**APP, **UNKNOWN, "handler_url": URL}, "retry": SOON,
          **NAMED}


def posted(server, value):
    """(status, fields of the form, HTML), without a web server."""
    answer = server.post(events.as_form(value))
    html = answer.body.decode()
    return answer.status, dict(re.findall(
        r'name="(\w+)" value="(\w+)">\n', html)), html


def installed_directly(server, portal):
    """The same, and set up."""
    assert server.post(events.as_form(install(portal))).status == 200
    wait_until(lambda: set_up(portal, URL), 60, "the set-up")


@pytest.fixture
def clock(tmp_path_factory):
    """The wall clock of the handler."""
    return WallClock(tmp_path_factory.mktemp("clock"))


def test_a_form_in_time(start, portals, clock):
    """Fifteen minutes; each page brings a form anew."""
    portal, server = portals(), start.group(0, **DIRECT)
    server.add("0", **clock.environment)
    installed_directly(server, portal)
    _, first, _ = posted(server, settings(portal))
    clock.set(14 * 60)
    status, later, _ = posted(server, {**first, ACT: "look"})
    assert status == 200 and later[FORM] != first[FORM]
    for seconds in (16 * 60, -3600):
        clock.set(seconds)
        status, none, html = posted(server, {**first, ACT: "on"})
        assert (status, none) == (403, {}) and "too long" in html, \
            (seconds, html)
    assert not portal.called("imconnector.activate")
    clock.set(28 * 60)
    assert posted(server, {**later, ACT: "on"})[0] == 200
    assert portal.application.works("myconnector", 107)


def test_any_process_takes_the_form(start, portals):
    """None remembers it."""
    portal, server = portals(), start.group(1, **DIRECT)
    installed_directly(server, portal)
    _, form, _ = posted(server, settings(portal))
    server.kill("0")
    server.add("1")
    assert posted(server, {**form, ACT: "on"})[0] == 200
    assert portal.application.works("myconnector", 107)


# -- what it shows

@pytest.mark.parametrize("lang", LANGUAGES)
def test_languages(server, lang):
    """As Bitrix24 names them; English stands in."""
    code, button = LANGUAGES[lang]
    shown = opened(url_of(server), settings(server.portal), lang)
    assert shown.lang == code and button in shown.text
    again = pressed(url_of(server), shown, "look", lang)
    assert again.lang == code
    refusal = opened(url_of(server), settings(
        server.portal, APPLICATION_TOKEN="x"), lang)
    assert (refusal.status, refusal.lang) == (403, code)


def digest_of(text):
    """As a Content-Security-Policy names it."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(
        text.encode()).digest()).decode() + "'"


def test_headers(server):
    """Only the portal may frame it; nothing from elsewhere is loaded."""
    shown = opened(url_of(server), settings(server.portal))
    style, = re.findall("<style>(.*?)</style>", shown.html, re.S)
    port = server.portal.endpoint.split(":")[2].split("/")[0]
    assert shown.headers["content-security-policy"] == (
        "default-src 'none'; base-uri 'none'; form-action 'self'; "
        f"style-src {digest_of(style)}; "
        f"frame-ancestors http://127.0.0.1:{port}")
    assert shown.headers["cache-control"] == "no-store"
    assert shown.headers["referrer-policy"] == "no-referrer"
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert shown.headers["content-type"] == "text/html; charset=utf-8"
    for tag in ("script", "img", "link", "iframe", "base"):
        assert tag not in shown.tags
    assert "http" not in shown.html.replace("/bitrix24/handler", "")
    assert "style" not in "".join(str(a) for a in
                                  shown.attributes["main"])


def test_the_page_of_an_installation(server):
    """The one script that it needs, and the line that calls it."""
    server.portal.application.installed = False
    shown = opened(url_of(server), page(server.portal))
    policy = shown.headers["content-security-policy"]
    script, = re.findall("<script>(.*?)</script>", shown.html)
    assert script == "BX24.init(function(){BX24.installFinish()})"
    assert f"script-src https://api.bitrix24.com {digest_of(script)};" in \
        policy
    assert shown.attributes["script"][0] == {
        "src": "https://api.bitrix24.com/api/v1/"}


def test_it_can_be_read_aloud(server):
    """Landmarks, one heading, buttons with a text, announced results."""
    shown = opened(url_of(server), settings(server.portal))
    answer = pressed(url_of(server), shown, "on")
    for one in (shown, answer):
        assert one.tags.count("main") == one.tags.count("h1") == 1
        assert one.tags.count("title") == 1 and one.lang == "en"
        assert {"name": "viewport", "content":
                "width=device-width, initial-scale=1"} in \
            one.attributes["meta"]
    assert {"class": "note good", "role": "status"} in \
        answer.attributes["div"]


def test_every_value_is_escaped(start, portals):
    """Names, reasons, ids: whoever wrote them."""
    portal = portals()
    server = ready(start, portal, **{
        "connector myconnector": {"name": "Tom & " + EVIL}})
    server.portal = portal
    url = url_of(server)
    shown = opened(url, settings(portal))
    assert shown.status == 200 and "script" not in shown.tags
    assert "Tom & " + EVIL in shown.text
    portal.always("error:" + EVIL)
    shown = pressed(url, shown, "on")
    assert shown.status == 200 and "script" not in shown.tags
    portal.always(None)
    for value in (settings(portal, connector=EVIL.replace(" ", "")),
                  settings(portal, connector=EVIL),
                  settings(portal, line=EVIL),
                  settings(portal, member_id=EVIL),
                  settings(portal, AUTH_ID=EVIL, APPLICATION_TOKEN=EVIL),
                  settings(portal, PLACEMENT_OPTIONS=EVIL)):
        shown = opened(url, value, EVIL.replace(" ", ""))
        assert "script" not in shown.tags and shown.status in (200, 403,
                                                                422)


@pytest.mark.parametrize("wrong", [
    {"line": "0"}, {"line": "-1"}, {"line": "x"}, {"line": "1e3"},
    {"line": "9223372036854775808"}, {"line": None}, {"connector": ""},
    {"connector": "a b"}, {"connector": "a\nb"}, {"connector": None},
    {"PLACEMENT_OPTIONS": ""}, {"PLACEMENT_OPTIONS": "{"},
    {"PLACEMENT_OPTIONS": "[]"}, {"PLACEMENT_OPTIONS": ...},
    {"PLACEMENT_OPTIONS": "[" * 100}, {"PLACEMENT_OPTIONS": '"x"'}])
def test_options_that_are_none(server, wrong):
    """It says which."""
    shown = opened(url_of(server), settings(server.portal, **wrong))
    assert shown.status == 422 and "PLACEMENT_OPTIONS." in shown.text
    assert shown.buttons == []


def test_values_that_are_too_long(server):
    """Each has its limit."""
    value = settings(server.portal)
    for name in ("AUTH_ID", "PLACEMENT_OPTIONS", FORM, ACT, "member_id"):
        assert opened(url_of(server), {**value, name: "1" * 5000}).status == \
            413
    shown = opened(url_of(server), {**value, "AUTH_ID": "1" * 4000})
    assert shown.status == 200 and shown.buttons == []


def test_a_connector_of_others(start, portals):
    """app.connectors says whose it is."""
    portal = portals()
    server = ready(start, portal, app={
        **APP, **UNKNOWN, "connectors": ["myconnector"]})
    shown = opened(url_of(server), settings(portal, connector="other"))
    assert shown.status == 422 and "app.connectors" in shown.text
    shown = opened(url_of(server), settings(portal, connector="MyConnector"))
    assert shown.status == 200


def test_what_waits_and_what_went_wrong(start, portals):
    """Of this portal only."""
    portal, other = portals(), portals()
    server = ready(start, portal, retry={"first": 600, "longest": 600})
    installed(server, other)
    wait_until(lambda: set_up(other, url_of(server)), 60)
    shown = opened(url_of(server), settings(portal))
    assert "Messages waiting 0" in shown.text
    assert "Messages refused 0" in shown.text
    assert "Last error None" in shown.text and "Set-up Complete" in shown.text
    portal.always("status:500", to="imconnector.send.status.delivery")
    other.always("error:ERROR_ARGUMENT",
                 to="imconnector.send.status.delivery")
    for i in range(3):
        server.post(events.as_form(of(portal, events.message(i + 1))))
    server.post(events.as_form(of(other)))
    wait_until(lambda: server.site.queue() and "refused" in [
        m["state"] for m in server.site.queue()], 60)
    shown = opened(url_of(server), settings(portal))
    assert "Messages waiting 3" in shown.text
    assert "Messages refused 0" in shown.text
    theirs = opened(url_of(server), settings(other))
    assert "Messages waiting 0" in theirs.text
    assert "Messages refused 1" in theirs.text
    assert "ERROR_ARGUMENT" in theirs.text and "UTC)" in theirs.text


def test_a_set_up_that_failed(start, portals):
    """The page says why."""
    portal = portals()
    portal.always("error:insufficient_scope", to="imconnector.register")
    server = start("nginx", app={**APP, **UNKNOWN}, retry=SOON, **NAMED)
    installed(server, portal)
    wait_until(lambda: "set-up-refused" in server.log(), 60)
    shown = opened(url_of(server), settings(portal))
    assert "On its way: imconnector.register" in shown.text
    assert "insufficient_scope" in shown.text
    assert "IMCONNECTOR_NO_CORRECT_PROVIDER" in shown.text
    assert "bad" in shown.classes


# -- trouble

@pytest.mark.parametrize("method", ["imconnector.activate",
                                    "imconnector.connector.data.set",
                                    "imconnector.status"])
@pytest.mark.parametrize("trouble", ["status:500", "garbage",
                                     "error:expired_token",
                                     "error:ACCESS_DENIED",
                                     "error:NOT_ACTIVE_LINE"])
def test_a_call_fails(server, method, trouble):
    """It is shown, and can be tried again; no other token is used."""
    url, value = url_of(server), settings(server.portal)
    shown = opened(url, value)
    server.portal.always(trouble, to=method)
    answer = pressed(url, shown, "on")
    assert answer.status == 200 and "bad" in answer.classes
    assert method in answer.text and "That did not work" in answer.text
    if trouble.startswith("error:"):
        assert trouble[6:] in answer.text
    assert {c.token for c in server.portal.called(method)} == \
        {value["AUTH_ID"]}
    server.portal.always(None, to=method)
    assert "switched on." in pressed(url, answer, "on").text
    assert works(server)


@pytest.mark.parametrize("act,works", [("on", False), ("off", True)])
def test_bitrix24_does_not_do_it(server, act, works):
    """It says that it did, and its own status says no."""
    shown = opened(url_of(server), settings(server.portal))
    server.portal.application.methods["imconnector.status"] = lambda p: {
        "LINE": "107", "CONNECTOR": "myconnector", "ERROR": False,
        "CONFIGURED": works, "STATUS": works}
    answer = pressed(url_of(server), shown, act)
    assert answer.status == 200 and "bad" in answer.classes
    assert "That did not work" in answer.text
    assert "The connector is switched" not in answer.text


def test_bitrix24_reports_an_error(server):
    """It can be switched on again, or off."""
    server.portal.application.methods["imconnector.status"] = lambda p: {
        "LINE": "107", "CONNECTOR": "myconnector", "ERROR": True,
        "CONFIGURED": True, "STATUS": False}
    shown = opened(url_of(server), settings(server.portal))
    assert shown.buttons == ["on", "off", "look"]
    assert "Bitrix24 reports an error" in shown.text


@pytest.mark.parametrize("method", ["app.info", "imconnector.status"])
def test_no_echo(server, method):
    """Whatever an answer repeats, the page and the log do not."""
    value = settings(server.portal, APPLICATION_TOKEN=...)
    token = value["AUTH_ID"]
    server.portal.always(error(token, 400, token), to=method)
    shown = opened(url_of(server), value)
    assert shown.status == (503 if method == "app.info" else 200)
    assert token not in shown.html and token not in server.log()


def test_a_portal_that_takes_its_time(start, portals):
    """The page comes in time, and the switch all the same."""
    portal = portals()
    server = ready(start, portal, server={"answer_within": 1})
    server.portal = portal
    url = url_of(server)
    shown = opened(url, settings(portal))
    portal.script("slow:4", to="imconnector.activate")
    answer = pressed(url, shown, "on")
    assert answer.status == 202 and answer.buttons == ["look"]
    assert "has not answered yet" in answer.text
    wait_until(lambda: works(server), 60)
    answer = pressed(url, answer, "look")
    assert answer.status == 200 and answer.buttons == ["off", "look"]


def test_a_portal_that_hangs(start, portals):
    """Others are served meanwhile; a stop does not wait for it, nor for pages
    that wait for their turn."""
    portal, other = portals(), portals()
    server = ready(start, portal, server={"answer_within": 1},
                   portal={"calls_in_flight": 1})
    installed(server, other)
    wait_until(lambda: set_up(other, url_of(server)), 60)
    portal.always("silence", to="imconnector.status")
    for _ in range(3):
        assert opened(url_of(server), settings(portal)).status == 202
        assert opened(url_of(server), settings(other)).status == 200
    value = settings(portal, APPLICATION_TOKEN=...)
    assert opened(url_of(server), value).status == 503


def test_only_post(server):
    """As for events."""
    answer = server.post(b"", method="GET")
    assert answer.status == 405
