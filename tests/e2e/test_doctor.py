"""imconnectorctl doctor: everything is well, and each fault that it names.

Most faults are made on one installation, behind nginx with TLS, and taken away
again. What stands between the web server and the handler has servers of its
own.
"""

import contextlib
import copy
import json
import os
import socket
import sqlite3

import pytest

import events
from direct import Fcgi
from events import install, of, uninstall
from several import APP, SOON, expire
from site_folder import STOP_WITHIN, wait_until, web_user
from standin import Binding, Peer
from standin.answers import Answer, answer_from

ADD = events.ADD
UNKNOWN = {"application_token": None}
NAMED = {"connector myconnector": {"name": "My connector"}}
LEVELS = {"ok", "note", "wrong", "not_asked"}


def url_of(server):
    """The handler's URL, by https."""
    return f"https://127.0.0.1:{server.port}{server.url}"


def arrives(server, value):
    """An event as nginx would hand it over, by TLS."""
    host = {"HTTP_HOST": f"127.0.0.1:{server.port}", "HTTPS": "on"}
    return Fcgi.post(server, events.as_form(value), params=host)


def secret_in(text, *portals):
    """Any secret that is in a text."""
    secrets = {events.TOKEN, events.ACCESS, APP["client_secret"]}
    for portal in portals:
        secrets |= {*portal.tokens, *portal.refresh_tokens}
    return [s for s in secrets if s in text]


class Installed:
    """A server that is installed on a portal, and the doctor on it."""

    def __init__(self, server, portal, authority):
        self.server, self.portal = server, portal
        self.app = portal.application
        self.authority = authority
        self.usual = {"--portal": portal.member_id,
                      "--socket": str(server.site.socket),
                      "--ca-file": authority.ca_file}
        if user := web_user():
            self.usual["--web-user"] = user[0]

    def doctor(self, **changes):
        """{question: [(level, is, do)]}, and the exit code."""
        options = {**self.usual, **{
            "--" + k.replace("_", "-"): v for k, v in changes.items()}}
        words = [w for o, v in options.items() if v is not None
                 for w in (o, str(v))]
        done = self.server.site.ctl("doctor", "--json", *words, timeout=120)
        assert not secret_in(done.stdout + done.stderr, self.portal), done
        found = {}
        for f in json.loads(done.stdout):
            assert f["level"] in LEVELS and f["asked"] and f["is"], f
            found.setdefault(f["question"], []).append(
                (f["level"], f["is"], f.get("do", "")))
        assert done.returncode == any(
            level == "wrong" for list_ in found.values()
            for level, *_ in list_), done
        return found, done.returncode

    def finds(self, question, level, *words, **changes):
        """That among the answers to a question, and all of them."""
        found, code = self.doctor(**changes)
        hits = [f for f in found[question] if f[0] == level and
                all(w in f[1] for w in words)]
        assert hits, found
        assert level != "wrong" or (code == 1 and hits[0][2]), found
        return found


def installed(start, portal, authority, app=UNKNOWN, **config):
    """Behind nginx with TLS: installed, set up, and on line 107."""
    def prepare(site):
        site.certificate = authority.files()
    server = start("nginx", prepare, app={**APP, **UNKNOWN, **app},
                   portal={"burst": 20000},     # as check wants it
                   **{"retry": SOON, **NAMED, **config})
    assert arrives(server, install(portal)).status == 200
    wait_until(lambda: "event=set-up " in server.log(), 60, "the set-up")
    assert server.site.ctl("activate", "107", "--portal",
                           portal.member_id).returncode == 0
    return Installed(server, portal, authority)


@pytest.fixture(scope="module")
def shared(start_once, portals_once, authority):
    """One for all tests that take their fault away again."""
    well = installed(start_once, portals_once(), authority)
    assert arrives(well.server, of(well.portal)).status == 200
    return well


@pytest.fixture
def site(shared):
    """That one, as it was."""
    app, portal = shared.app, shared.portal
    kept = {k: copy.deepcopy(v) for k, v in vars(app).items()
            if k not in ("portal", "methods")}
    methods, config = dict(app.methods), shared.server.site.config
    yield shared
    vars(app).update(kept)
    app.methods = methods
    portal.clock_ahead = 0
    for method in [*portal._always]:
        portal.always(None, to=method)
    shared.server.site.write_config(config)


class Web(Peer):
    """Another web server at the handler's URL."""

    def __init__(self, answer, **options):
        super().__init__(**options)
        self.answer = answer
        self.requests = []

    def respond(self, request):
        self.requests.append(request)
        return answer_from(self.answer)


def test_all_is_well(site):
    found, code = site.doctor()
    assert code == 0
    assert {level for list_ in found.values()
            for level, *_ in list_} == {"ok"}, found
    assert list(found) == [
        "configuration", "store", "socket", "listener", "web_user", "portal",
        "handler_url", "set_up", "token", "clock", "installed", "scopes",
        "connectors", "bindings", "lines", "reachable", "test_event",
        "events", "waiting"]
    for question in ("reachable", "test_event"):
        (_, said, _), = found[question]
        for step in ("connected", "TLS", "answer"):
            assert f"{step} " in said and " ms" in said
    assert url_of(site.server) in found["handler_url"][0][1]


def test_as_text(site):
    words = [w for pair in site.usual.items() for w in pair]
    done = site.server.site.ctl("doctor", *words)
    assert done.returncode == 0, done
    lines = done.stdout.splitlines()
    assert len(lines) == 19 and all(li.startswith("ok ") for li in lines)
    site.app.scopes = []
    done = site.server.site.ctl("doctor", *words)
    assert done.returncode == 1
    assert "WRONG  the application's permissions: imopenlines is missing. " \
        in done.stdout


def test_verbose_shows_calls_without_tokens(site):
    words = [w for pair in site.usual.items() for w in pair]
    done = site.server.site.ctl("doctor", "--verbose", *words)
    assert "> app.info" in done.stderr and '"auth":"***"' in done.stderr
    assert not secret_in(done.stdout + done.stderr, site.portal)


def test_it_changes_nothing(site):
    before = len(site.portal.calls)
    site.app.bindings.clear()
    site.doctor()
    assert {c.rest for c in site.portal.calls[before:]} == {
        "app.info", "scope", "imconnector.list", "event.get",
        "imopenlines.config.list.get", "imconnector.status"}
    assert site.app.bindings == [] and len(site.server.site.spooled()) == 1


# -- what is here

def test_a_wrong_configuration(site):
    site.server.site.config_file.write_text("[app]\nnosuch = 1\n")
    found = site.finds("configuration", "wrong", "nosuch", ":2")
    assert found["token"][0][0] == "not_asked"
    assert found["listener"][0][0] == "ok"      # this needs none


def test_a_finding_of_check(site):
    """Is told, and the rest is asked all the same."""
    site.server.site.write_config({
        **site.server.site.config, "channel": {"url": "spool:/proc/none"}})
    found = site.finds("configuration", "wrong", "/proc/none")
    assert found["test_event"][0][0] == "ok"
    site.server.site.write_config({
        **site.server.site.config, "channel": {"url": "null:"},
        "portal": {"burst": 3, "rate": 2}})
    site.finds("configuration", "note", "burst")


def test_no_store(site, tmp_path):
    site.server.site.write_config({
        **site.server.site.config,
        "store": {"url": f"sqlite:{tmp_path}/queue.db"}})
    found = site.finds("store", "wrong", "queue.db")
    for question in ("portal", "events", "waiting"):
        assert found[question][0][:2] == (
            "not_asked", "not asked, for want of a store")


def test_a_store_that_is_none(site, tmp_path):
    (tmp_path / "queue.db").write_bytes(b"this is no database" * 500)
    site.server.site.write_config({
        **site.server.site.config,
        "store": {"url": f"sqlite:{tmp_path}/queue.db"}})
    tmp_path.chmod(0o755)
    site.finds("store", "wrong", "queue.db")


def test_no_socket(site, tmp_path):
    found = site.finds("socket", "wrong", "No such file",
                       socket=tmp_path / "none.sock")
    assert found["listener"][0][0] == "not_asked"


def test_a_file_for_a_socket(site, tmp_path):
    (tmp_path / "file").write_text("")
    site.finds("socket", "wrong", "no socket", socket=tmp_path / "file")


def test_no_socket_is_named(site):
    """As with Apache, where there is none; unless this machine has one."""
    found, _ = site.doctor(socket=None)
    if not os.path.exists("/etc/systemd/system/imconnector.socket") and \
            not os.path.exists("/run/imconnector/imconnector.sock"):
        assert found["socket"][0][0] == "note"


@contextlib.contextmanager
def bound(path, backlog=None):
    """A Unix socket, perhaps listened at, that everybody may connect to."""
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))
        os.chmod(path, 0o666)
        if backlog is not None:
            s.listen(backlog)
        yield s


@pytest.fixture
def folder(site):
    """A folder that everybody may enter."""
    path = site.server.site.folder / "other"
    path.mkdir(exist_ok=True)
    path.chmod(0o755)
    yield path
    for file in path.iterdir():
        file.unlink()


def test_nobody_listens(site, folder):
    with bound(folder / "s"):
        site.finds("listener", "wrong", "nobody listens", socket=folder / "s")


def test_nobody_accepts(site, folder):
    with bound(folder / "s", 0), contextlib.ExitStack() as stack:
        full = False
        while not full:
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.setblocking(False)
            try:
                client.connect(str(folder / "s"))
            except BlockingIOError:
                full = True
        site.finds("listener", "wrong", "nobody takes them",
                   socket=folder / "s")


@pytest.mark.parametrize("what", ["socket", "folder"])
def test_the_web_server_is_kept_out(site, folder, what):
    user = web_user()
    if user is None:
        pytest.skip("only root can give something to somebody else")
    with bound(folder / "s", 1):
        kept = folder / "s" if what == "socket" else folder
        kept.chmod(0o660 if what == "socket" else 0o700)
        site.finds("web_user", "wrong", f"{kept} keeps the user {user[0]} "
                   "out", socket=folder / "s")
        os.chown(kept, -1, user[1])
        kept.chmod(0o660 if what == "socket" else 0o750)
        site.finds("web_user", "ok", user[0], socket=folder / "s")
        os.chown(kept, -1, 0)
        folder.chmod(0o755)


def test_a_web_server_of_an_unknown_user(site):
    site.finds("web_user", "wrong", "no user nosuchuser",
               web_user="nosuchuser")


# -- the installation

def test_no_portal(start, authority, portals):
    well = installed(start, portals(), authority)
    assert arrives(well.server, uninstall(well.portal)).status == 200
    found = well.finds("portal", "wrong", "none", portal=None)
    assert "403" in found["portal"][0][2]
    assert found["token"][0][:2] == (
        "not_asked", "not asked, for want of a portal")
    assert found["handler_url"][0][0] == "wrong"    # it went with the portal
    url = url_of(well.server)
    found = well.finds("test_event", "not_asked", "application token",
                       portal=None, url=url)
    with_app(well, application_token=events.TOKEN)
    found = well.finds("portal", "note", "application_token", portal=None,
                       url=url)
    assert found["test_event"][0][:2] == (
        "wrong", "403 WRONG_TOKEN: the handler does not know the portal's "
        "application token")        # it still has the old configuration
    well.server.processes.pop("handler").terminate()
    wait_until(lambda: not well.server.site.handlers(), STOP_WITHIN)
    Fcgi.start(well.server)
    well.finds("test_event", "ok", portal=None, url=url)


def test_another_portal(site):
    site.finds("portal", "wrong", "not installed on " + "0" * 32,
               portal="0" * 32)


def test_a_portal_by_its_domain(site):
    site.finds("portal", "ok", site.portal.member_id, portal="127.0.0.1")
    done = site.server.site.ctl("lines", "--portal", "127.0.0.1")
    assert done.returncode == 0, done


def test_two_portals(start, authority, portals):
    well = installed(start, portals(), authority)
    assert arrives(well.server, install(portals())).status == 200
    found = well.finds("portal", "wrong", "2 are", portal=None)
    assert "--portal" in found["portal"][0][2]
    assert well.doctor()[0]["portal"][0][0] == "ok"


def test_its_url_is_not_known(start, portals, authority):
    """As nobody told it, and nothing is bound."""
    portal = portals()
    server = start("fcgi", app={**APP, **UNKNOWN}, retry=SOON, **NAMED)
    assert server.post(events.as_form(install(portal))).status == 200
    wait_until(lambda: "set-up-refused" in server.log(), 60)
    well = Installed(server, portal, authority)
    found = well.finds("handler_url", "wrong", "not known")
    assert "handler_url" in found["handler_url"][0][2]
    assert found["set_up"][0][0] == "wrong"
    assert "handler_url" in found["set_up"][0][1]
    assert found["reachable"][0][1] == \
        "not asked, for want of the handler's URL"


def with_app(site, **changes):
    """The doctor's configuration is another than the handler's."""
    config = site.server.site.config
    site.server.site.write_config({**config, "app": {**config["app"],
                                                     **changes}})


def test_its_url_is_not_https(site):
    plain = url_of(site.server).replace("https", "http")
    with_app(site, handler_url=plain)
    site.finds("handler_url", "note", "not https")  # plain http is allowed
    with_app(site, insecure_http="no")
    site.finds("handler_url", "wrong", "not https")


def test_its_url_ends_in_a_slash(site):
    with_app(site, handler_url=url_of(site.server) + "/")
    found = site.finds("handler_url", "note", "slash")
    assert found["bindings"][0][0] == "wrong"


@pytest.fixture
def lost(start, authority, portals):
    """One whose portal may be spoilt for good."""
    return installed(start, portals(), authority)


def test_a_token_that_was_revoked(lost):
    lost.portal.tokens.clear()
    lost.portal.refresh_tokens.clear()
    found = lost.finds("token", "wrong", "app.info")
    assert "again in Bitrix24" in found["token"][0][2]
    assert found["scopes"][0][1] == \
        "not asked, for want of a token that works"


def test_a_token_that_has_expired(lost):
    """Is refreshed."""
    expire(lost.portal)
    assert lost.doctor()[1] == 0
    assert len(lost.portal.refreshes) == 2      # the first: its installation


@pytest.mark.parametrize("trouble", ["status:500", "garbage", "cut"])
def test_a_portal_in_trouble(site, trouble):
    site.portal.always(trouble)
    found = site.finds("token", "wrong", "app.info")
    assert "later" in found["token"][0][2]


def test_a_portal_that_is_gone(lost):
    lost.portal.stop()
    found = lost.finds("token", "wrong", "app.info")
    assert found["clock"][0][0] == "not_asked"
    lost.portal.start()


@pytest.mark.parametrize("ahead, words", [
    (3600, "behind"), (-3600, "ahead of")])
def test_a_wrong_clock(site, ahead, words):
    site.portal.clock_ahead = ahead
    site.finds("clock", "wrong", words + " the portal's")


def test_a_clock_that_is_right_enough(site):
    site.portal.clock_ahead = 20
    site.finds("clock", "ok")


def test_not_installed(site):
    site.app.installed = False
    site.finds("installed", "wrong", "not INSTALLED")


@pytest.mark.parametrize("scope", ["imopenlines", "imconnector"])
def test_a_missing_permission(site, scope):
    site.app.scopes = [s for s in site.app.scopes if s != scope]
    site.finds("scopes", "wrong", f"{scope} is missing")


# -- the connector and its events

def test_not_registered(site):
    site.app.connectors.clear()
    site.finds("connectors", "wrong", "myconnector is not")


def test_not_allowed_to_list(site):
    site.portal.always("error:ACCESS_DENIED", to="imconnector.list")
    site.finds("connectors", "note", "ACCESS_DENIED")


def test_a_connector_s_spelling(site):
    with_app(site, connectors=["myconnector", "MyConnector"])
    site.finds("connectors", "wrong", "MyConnector: edits and deletions")
    with_app(site, connectors=["my.connector"])
    site.finds("configuration", "wrong", "connectors")


def test_no_connector_of_ours(site):
    site.server.site.write_config({**site.server.site.config, "connector "
                                   "myconnector": {"name": None, "url": "null:"}})
    site.finds("connectors", "note", "names none")


def test_an_event_that_is_not_bound(site):
    site.app.bindings = [b for b in site.app.bindings if b.event != ADD]
    site.finds("bindings", "wrong", f"{ADD} is not bound")


def test_an_event_that_matters_less_is_not_bound(site):
    site.app.bindings = [b for b in site.app.bindings
                         if b.event != "ONAPPUPDATE"]
    found = site.finds("bindings", "note", "ONAPPUPDATE is not bound")
    assert site.doctor()[1] == 0, found


@pytest.mark.parametrize("change, words", [
    (lambda url: url + "/", "a slash"),
    (lambda url: url.replace("https", "http"), "http and https"),
    (lambda url: url.replace("127.0.0.1", "old.example.org"),
     "another host")])
def test_bound_to_another_url(site, change, words):
    """Instead of ours, or beside it."""
    url = url_of(site.server)
    site.app.bindings.append(Binding(ADD, change(url)))
    site.finds("bindings", "wrong", change(url), words)
    site.app.bindings = [b for b in site.app.bindings if b.handler != url]
    found = site.finds("bindings", "wrong", change(url), words)
    assert any("not bound" in f[1] for f in found["bindings"])


def test_bound_twice(site):
    site.app.bindings.append(Binding(ADD, url_of(site.server), "27"))
    site.finds("bindings", "wrong", f"{ADD} is bound twice", "user 27")


def test_bound_to_somebody_else_too(site):
    site.app.bindings.append(Binding(ADD, "https://else.example.org/x"))
    site.finds("bindings", "note", "else.example.org/x")


def test_on_no_line(site):
    site.app.lines[107].connectors.clear()
    site.finds("lines", "wrong", "on none")
    site.finds("lines", "wrong", "not on line 107", line=107)


def test_on_two_lines(site):
    site.app.lines[108].active = "Y"
    site.app.lines[108].connectors["myconnector"] = {}
    site.finds("lines", "note", "on 2 lines: 107, 108")
    site.finds("lines", "ok", "on line 107", line=107)


def test_on_a_line_that_is_switched_off(site):
    site.app.lines[108].connectors["myconnector"] = {}
    site.finds("lines", "note", "line 108, which is switched off")


def test_on_a_line_with_an_error(site):
    status = site.app.methods["imconnector.status"]
    site.app.methods["imconnector.status"] = lambda p: {
        **status(p), "ERROR": True, "STATUS": False}
    site.finds("lines", "wrong", "107 is marked with an error")


def test_an_unknown_line(site):
    site.finds("lines", "wrong", "no open line 999", line=999)
    site.app.lines.clear()
    site.finds("lines", "wrong", "no open line")


def test_many_lines(site):
    """Only some are asked; one that is named is, wherever it stands."""
    kind = type(site.app.lines[107])
    site.app.lines.update({i: kind(f"line {i}") for i in range(200, 420)})
    site.app.lines[400].connectors["myconnector"] = {}
    before = len(site.portal.called("imconnector.status"))
    site.finds("lines", "note", "the first 20 lines")
    assert len(site.portal.called("imconnector.status")) == before + 20
    site.finds("lines", "ok", "on line 400", line=400)
    site.finds("lines", "wrong", "not on line 401", line=401)
    found = site.finds("lines", "wrong", line=999)
    assert "imconnector.status" in found["lines"][0][1]
    site.finds("lines", "wrong", "no open line", line="x")


# -- the way from outside

def test_behind_apache(start, portals):
    """Which starts the handler itself: there is no socket to be looked at."""
    portal = portals()
    server = start("apache", app={**APP, **UNKNOWN}, retry=SOON, **NAMED,
                   portal={"burst": 20000})
    assert server.post(events.as_form(install(portal))).status == 200
    wait_until(lambda: "event=set-up " in server.log(), 60, "the set-up")
    assert server.site.ctl("activate", "107").returncode == 0
    assert server.post(events.as_form(of(portal))).status == 200
    done = server.site.ctl("doctor", "--json")
    found = {f["question"]: f["level"] for f in json.loads(done.stdout)}
    assert done.returncode == 0, done
    assert {found["reachable"], found["test_event"], found["bindings"],
            found["lines"], found["waiting"]} == {"ok"}

def test_nobody_serves_its_url(site):
    with Web("ok") as web:
        url = web.url
    site.finds("reachable", "wrong", url=url)


@pytest.mark.parametrize("kind", ["untrusted", "wronghost", "expired",
                                  "unchained"])
def test_a_bad_certificate(site, authority, kind):
    with Web("ok", tls=authority.context(kind)) as web:
        found = site.finds("reachable", "wrong", url=web.url)
        assert "certificate" in found["reachable"][0][2]
        assert web.requests == []


def test_a_certificate_that_the_system_does_not_know(site):
    found = site.finds("reachable", "wrong", ca_file=None)
    assert "chain" in found["reachable"][0][2]
    assert found["test_event"][0][0] == "not_asked"


def test_a_whole_chain(site, authority):
    with Web(Answer(405, ERROR % b"METHOD_NOT_ALLOWED"),
             tls=authority.context("chained")) as web:
        site.finds("reachable", "ok", url=web.url)


ERROR = b'{"error":"%s","error_description":"x"}'


@pytest.mark.parametrize("answer, words, todo", [
    ("moved:https://elsewhere.example.org", "https://elsewhere.example.org/",
     "redirect"),
    ("status:404", "404", "path"), ("status:401", "401", "login"),
    ("status:403", "403", "rule"), ("status:502", "502", "socket"),
    ("status:504", "504", "socket"), ("status:200", "200", "Another"),
    ("status:405", "405", "Another"), ("garbage", "200", "Another"),
    ("empty", "200", "Another"), ("oversize:1000000", "too large", "")])
def test_another_answers(site, authority, answer, words, todo):
    with Web(answer, tls=authority.context()) as web:
        found, code = site.doctor(url=web.url + "hook")
        (level, said, do), = found["reachable"]
        assert (level, code) == ("wrong", 1)
        assert words in said and todo in do
        assert [r.method for r in web.requests] == ["GET"]


def test_a_peer_that_echoes(site, authority):
    """What it says is not repeated, whatever it is (site.doctor() looks)."""
    class Echo(Web):
        def respond(self, request):
            self.requests.append(request)
            if request.method == "GET":
                return Answer(405, ERROR % b"METHOD_NOT_ALLOWED")
            if self.answer == "moved":
                return Answer(302, b"", {"Location": "https://x/?" +
                                         request.body.decode()})
            return Answer(403, ERROR % request.body)
    for kind, status in ("", "403"), ("moved", "302"):
        with Echo(kind, tls=authority.context()) as web:
            site.finds("test_event", "wrong", status, url=web.url)
            assert events.TOKEN.encode() in web.requests[1].body


def test_the_handler_is_dead(start, portals, authority):
    """nginx says so, and the socket."""
    well = installed(start, portals(), authority)
    well.server.site.stop_handlers()
    found = well.finds("reachable", "wrong", "502")
    assert found["listener"][0][0] == "wrong"
    assert found["test_event"][0][1] == \
        "not asked, for want of a handler that is reached"


def test_another_handler_answers(site, start, authority):
    """One with another store: it knows no portal."""
    def prepare(place):
        place.certificate = authority.files()
    other = start("nginx", prepare, app={**APP, **UNKNOWN})
    site.finds("test_event", "wrong", "403 WRONG_TOKEN", url=url_of(other))


# -- what came, and what waits

def test_no_event_came(lost):
    forged = install(lost.portal, server_endpoint="https://x.example.org/")
    assert arrives(lost.server, forged).status == 403
    found = lost.finds("events", "note", "none ever came")
    assert found["test_event"][0][0] == "ok"
    assert arrives(lost.server, of(lost.portal)).status == 200
    came(lost, "ok", "1: 1 acknowledged")       # nor was the doctor's test


def came(well, level, line, todo=""):
    """What came in the last hour is shown, as soon as it is counted."""
    line = "; in the last hour " + line
    wait_until(lambda: well.doctor()[0]["events"][0][1].endswith(line), 60,
               line)
    (shown, said, do), = well.doctor()[0]["events"]
    assert shown == level and said.startswith("last event "), said
    assert todo in do and bool(todo) == bool(do), do


@pytest.fixture
def chosen(start, authority, portals):
    """One that has use for one connector alone."""
    return installed(start, portals(), authority,
                     app={"connectors": ["myconnector"]})


def test_what_came(chosen):
    """By the answers; where none was taken, with what to do."""
    wrong = of(chosen.portal, application_token="f" * 32)
    assert arrives(chosen.server, wrong).status == 403
    came(chosen, "note", "1: 1 refused with 403 (wrong token)",
         "app.application_token")
    assert arrives(chosen.server, of(chosen.portal, connector="other")
                   ).status == 200
    came(chosen, "note", "2: 1 ignored, 1 refused with 403 (wrong token)",
         "log")
    host = {"HTTP_HOST": f"127.0.0.1:{chosen.server.port}", "HTTPS": "on"}
    assert Fcgi.post(chosen.server, b"event=%00", params=host).status == 400
    assert arrives(chosen.server, of(chosen.portal)).status == 200
    came(chosen, "ok", "4: 1 acknowledged, 1 ignored, 1 refused with 403 "
         "(wrong token), 1 refused (400, 413, 415 or 422)")


def test_ignored_ones_came(chosen):
    for i in 1, 2:
        assert arrives(chosen.server, of(chosen.portal, events.message(i),
                                       connector="other")).status == 200
    came(chosen, "note", "2: 2 ignored", "app.connectors")


def test_one_came_that_could_not_be_stored(lost):
    with contextlib.closing(sqlite3.connect(lost.server.site.store)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert arrives(lost.server, of(lost.portal)).status == 503
    came(lost, "note", "1: 1 answered 503", "log")


def test_what_waits_came(start, portals, authority, channel):
    channel.always("status:500")
    well = installed(start, portals(), authority,
                     channel={"url": channel.url}, retry={"first": 600})
    assert arrives(well.server, of(well.portal)).status == 202
    came(well, "ok", "1: 1 queued")


def test_a_channel_that_is_down(start, portals, authority, channel):
    channel.always("status:500")
    well = installed(start, portals(), authority,
                     channel={"url": channel.url}, retry={"first": 600})
    assert arrives(well.server, of(well.portal)).status == 202
    wait_until(lambda: well.server.site.queue()[0].get("reason"), 60)
    well.finds("waiting", "note", "1 to be tried again", "500", "next try")
    channel.stop()
    assert arrives(well.server, of(well.portal, events.message(
        2, chat="other"))).status == 202
    well.finds("waiting", "wrong", "1 held", channel.url, "is down")
    channel.start()


def test_a_refused_message(start, portals, authority, channel):
    channel.always("status:422")
    well = installed(start, portals(), authority,
                     channel={"url": channel.url})
    assert arrives(well.server, of(well.portal)).status == 202
    wait_until(lambda: well.server.site.states() == {86497: "refused"}, 60)
    well.finds("waiting", "wrong", "1 refused", channel.url, "422")


def test_a_lost_token_holds_messages(lost):
    lost.portal.tokens.clear()
    lost.portal.refresh_tokens.clear()
    assert arrives(lost.server, of(lost.portal, access_token="0" * 32)
                   ).status == 202
    wait_until(lambda: lost.server.site.queue()[0]["state"] == "delivered",
               60)
    wait_until(lambda: json.loads(lost.server.site.ctl(
        "stats", "--json").stdout)["parked"] == 1, 60)
    lost.finds("waiting", "wrong", "1 parked", "again")


def test_nobody_takes_them_up(start, portals, authority, channel):
    """The handler that runs now has other connectors."""
    channel.always("status:500")
    well = installed(start, portals(), authority,
                     channel={"url": channel.url}, retry={"first": 600})
    assert arrives(well.server, of(well.portal)).status == 202
    channel.stop()
    assert arrives(well.server, of(well.portal, events.message(
        2, chat="other"))).status == 202
    well.finds("waiting", "wrong", "is down")
    with_app(well, connectors=["other"])
    well.server.processes.pop("handler").terminate()
    wait_until(lambda: not well.server.site.handlers(), STOP_WITHIN)
    Fcgi.start(well.server)
    assert arrives(well.server, of(well.portal, connector="other")
                   ).status == 202
    well.finds("waiting", "wrong", "no running handler")
    channel.start()
