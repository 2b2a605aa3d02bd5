"""Files of a message: links made whole, and files fetched beside the message
of a spool.
"""

import pathlib
import signal
import time

import pytest

import several

from events import (ACCESS, FORM, JSON, as_form, as_json, event,
                    message, of, tokenless)
from several import APP, SOON, expire, installed, next_life
from site_folder import wait_until
from standin import Answer, Files, Portal

PAGE = Answer(200, b"<html>Log in</html>", {"Content-Type":
                                            "text/html; charset=UTF-8"})
ERROR = Answer(200, b'{"error":"expired_token"}', {"Content-Type":
                                                  "application/json"})
FETCH = {"files": "fetch"}


@pytest.fixture
def web():
    """A web server with files, that is no portal."""
    with Files() as f:
        yield f


def home(portal, web):
    """An event's auth for a portal whose own web server `web` is."""
    return {"endpoint": web.url + "rest/", "domain": "portal.example"}


def with_files(*files, message_id=5, **more):
    return message(message_id, "x", files=list(files), **more)


def file(link, name="a.pdf", **more):
    return {"name": name, "link": link, **more}


@pytest.fixture
def fetching(start, portal):
    """fetching(**channel) -> a server that fetches and tells `portal`."""
    def begin(front="cgi", **channel):
        return start(front, channel={**FETCH, **channel},
                     app={"client_endpoint": portal.endpoint})
    return begin


def got(server):
    """The files of the one message that was spooled."""
    one, = server.site.objects()
    return one["message"]["files"]


def post(server, web, *files, **more):
    return server.post(as_form(event(with_files(*files), **home(None, web),
                                     **more)))


# -- links

LINKS = [       # a file as it came, its links as they are given
    ({"link": "/a?b=1"}, {"link": "{}a?b=1"}),
    ({"link": "/a", "downloadLink": "/d"}, {"link": "{}d"}),
    ({"downloadLink": "/d"}, {"link": "{}d"}),
    ({"link": "https://elsewhere.example/x", "downloadLink": ""},
     {"link": "https://elsewhere.example/x"}),
    ({"name": "n"}, {"name": "n"}),
]


@pytest.mark.parametrize("spell, media", [(as_form, FORM), (as_json, JSON)])
def test_links_are_whole(start, portal, channel, spell, media):
    server = start(channel={"url": channel.url})
    value = event(with_files(*(f for f, _ in LINKS)),
                  endpoint=portal.endpoint)
    assert server.post(spell(value), media).status == 200
    base = portal.endpoint.removesuffix("rest/")
    assert channel.objects[0]["message"]["files"] == [
        {k: v.format(base) for k, v in f.items()} for _, f in LINKS]
    assert not portal.violations        # nobody asked for a file


# -- fetching

@pytest.mark.parametrize("front", ["cgi", "nginx", "apache"])
def test_fetched(fetching, web, front):
    server = fetching(front)
    big = bytes(range(256)) * 4096 * 3
    web.put("/a.pdf", b"one")
    web.put("/d", big, "image/png")
    web.put("/empty", b"")
    assert post(server, web, file("/a.pdf"),
                file("/x", "../b: c\n.png", downloadLink="/d?s=1"),
                file("/empty", "")).status == 200
    one, two, three = got(server)
    path, = server.site.spooled()
    folder = server.site.spool / "files" / path.name.removesuffix(".json")
    assert one == {"name": "a.pdf", "link": web.url + "a.pdf",
                   "path": str(folder / "1-a.pdf")}
    assert two["path"] == str(folder / "2-.._b_ c_.png")
    assert three["path"] == str(folder / "3-file")
    assert pathlib.Path(one["path"]).read_bytes() == b"one"
    assert pathlib.Path(two["path"]).read_bytes() == big
    assert pathlib.Path(three["path"]).read_bytes() == b""
    assert pathlib.Path(two["path"]).stat().st_mode & 0o777 == 0o640
    assert [g.method for g in web.gets] == ["GET"] * 3
    assert [g.token for g in web.gets] == [""] * 3      # nobody asked for it
    assert list((server.site.spool / "tmp").iterdir()) == []


def test_no_files_no_folder(fetching, portal):
    server = fetching()
    assert server.post(as_form(event(endpoint=portal.endpoint))).status == 200
    assert not (server.site.spool / "files").exists()


def test_a_file_like_any_other(fetching, web):
    """An HTML file is no login page; and its own words are not ours."""
    server = fetching()
    web.put("/p", b"<html>", "text/html")
    web.put("/j", b"<html>", "application/json")
    assert post(server, web, file("/none", path="/etc/passwd", error="no"),
                file("/p", "page.HTML", path="/etc/passwd"),
                file("/p", "x", mime="text/html"), file("/j", "x.json"),
                file("/j", "x", mime="application/json")).status == 200
    none, *others = got(server)
    assert "path" not in none and none["error"] == "HTTP status 404"
    for other in others:
        assert pathlib.Path(other["path"]).read_bytes() == b"<html>"


NEVER = [       # what a file is -> why there is none
    (Answer(404), "HTTP status 404"), (Answer(410), "HTTP status 410"),
    (Answer(400), "HTTP status 400"),
    (PAGE, "a page or an error came instead of the file"),
    (ERROR, "a page or an error came instead of the file"),
    (Answer(200, b"x" * 1001, {"Content-Type": "image/png"}),
     "it is larger than files_max"),
    (Answer(200, b"x", {"Content-Type": "text/x-sh"}),
     "its media type is none of files_types"),
    (Answer(200, b"x"), "its media type is none of files_types"),
    (Answer(302, b"", {"Location": "ftp://x/y"}),
     "it was redirected to no URL that may be called"),
    (Answer(302), "it was redirected to no URL that may be called"),
    (Answer(200, cut="endless"), "it is larger than files_max"),
]


@pytest.mark.parametrize("answer, why", NEVER)
def test_never(fetching, web, answer, why):
    """The message goes on, with the link and the reason."""
    server = fetching(files_max=1000,
                      files_types="image/* application/pdf")
    web.files["/f"] = answer
    web.put("/g", b"x" * 1000, "IMAGE/png; x=y")
    assert post(server, web, file("/f"), file("/g")).status == 200
    one, two = got(server)
    assert one == {"name": "a.pdf", "link": web.url + "f", "error": why}
    assert pathlib.Path(two["path"]).read_bytes() == b"x" * 1000
    assert web.sent < 64 << 20


@pytest.mark.parametrize("link", ["", "ftp://x/y", "javascript:x",
                                  "http://u:p@127.0.0.1/x", "/" + "x" * 3000])
def test_no_url(fetching, web, link):
    server = fetching()
    assert post(server, web, file(link)).status == 200
    one, = got(server)
    assert one["error"] == "its link is no URL that may be called"


def test_plain_http_only_for_tests(start, portal, web):
    """A link to plain http is not called, whoever names it."""
    server = start(channel=FETCH, app={"insecure_http": "no"})
    value = event(with_files(file(web.url + "a")), endpoint=portal.endpoint)
    assert server.post(as_form(value)).status == 202
    one, = got(server)
    assert one["error"] == "its link is no URL that may be called"
    assert web.gets == []


def test_many(fetching, web):
    """64 of a message, and four messages of a portal at a time."""
    server = fetching()
    web.put("/f", b"x")
    assert post(server, web, *(file("/f", "n") for _ in range(66))).status \
        == 200
    files = got(server)
    assert ["path" in f for f in files] == [True] * 64 + [False] * 2
    assert {f["error"] for f in files[64:]} == {
        "the message has too many files"}
    assert len(web.gets) == 64


LATER = [Answer(500), Answer(503, b"", {"Retry-After": "1"}), Answer(429),
         Answer(408), Answer(cut="before", genuine=True),
         Answer(200, b"x" * 300000, {"Content-Type": "image/png"},
                cut="middle")]


@pytest.mark.parametrize("answer", LATER)
def test_later(start, portal, web, answer):
    """The message is tried again, with all of it, and half a file never
    shows."""
    server = start("nginx", channel=FETCH, retry={"first": 1, "longest": 1},
                   app={"client_endpoint": portal.endpoint})
    web.put("/f", b"first")
    web.files["/g"] = answer
    assert post(server, web, file("/f"), file("/g")).status == 202
    web.wait_for_gets(2)
    wait_until(lambda: "postponed" in server.log(), 60, "a next attempt")
    assert server.site.spooled() == []
    web.put("/g", b"x" * 300001)
    portal.wait_for_calls(1)
    one, two = got(server)
    assert pathlib.Path(one["path"]).read_bytes() == b"first"
    assert pathlib.Path(two["path"]).read_bytes() == b"x" * 300001
    assert list((server.site.spool / "tmp").iterdir()) == []
    folder, = (server.site.spool / "files").iterdir()
    assert len(list(folder.iterdir())) == 2


# -- redirects and tokens

def test_redirects(fetching, web):
    server = fetching()
    with Files() as cdn:
        cdn.put("/z", b"there")
        web.move("/a", "/b", 301)
        web.move("/b", "c?x=%20", 307)
        web.move("/c", cdn.url + "z#part", 303)
        web.move("/4", "/a")
        assert post(server, web, file("/a"), file("/4")).status == 200
        one, two = got(server)
        assert pathlib.Path(one["path"]).read_bytes() == b"there"
        assert two["error"] == "it was redirected too often"
        assert web.gets[2].query == "x=%20"
        assert [g.path for g in cdn.gets] == ["/z"]


@pytest.mark.parametrize("otherwise", [Answer(401), Answer(403), PAGE, ERROR,
                                       Answer(302, b"", {"Location":
                                                         "/login"})])
def test_needs_the_token(start, web, otherwise):
    """First without, then with it, in a header."""
    web.put("/login", PAGE.body, "text/html")
    server = start(channel=FETCH, app={"portals": "127.0.0.1"})
    web.secret("/f", b"secret", ACCESS, otherwise)
    # the handler's calls to this portal fail: it has files only
    assert post(server, web, file("/f")).status == 202
    one, = got(server)
    assert pathlib.Path(one["path"]).read_bytes() == b"secret"
    first, second = [g for g in web.gets if g.path == "/f"]
    assert first.token == "" and second.token == ACCESS
    assert ACCESS not in second.query
    assert ACCESS not in server.log()


def test_the_token_goes_nowhere_else(start, web):
    """Not to other hosts, other ports, and not along with a redirect."""
    server = start(channel=FETCH, app={"portals": "127.0.0.1"})
    with Files() as other:
        other.files["/x"] = Answer(401)
        web.secret("/f", b"", "another token", Answer(403))
        web.files["/to"] = lambda request: Answer(302, b"", {
            "Location": other.url + "x"}) if "authorization" in \
            request.headers else Answer(401)
        localhost = web.url.replace("127.0.0.1", "localhost")
        assert post(server, web, file(other.url + "x"),
                    file(localhost + "f"), file("/f"),
                    file("/to")).status == 202
        assert [f["error"] for f in got(server)] == [
            "HTTP status 401", "HTTP status 403", "HTTP status 403",
            "HTTP status 401"]
        assert [g.token for g in other.gets] == ["", ""]
        assert {g.token for g in web.gets
                if g.headers["host"].startswith("localhost")} == {""}
        assert ACCESS in {g.token for g in web.gets}


def test_untrusted_portals_get_no_token(start, web):
    server = start(channel=FETCH, app={"portals": "*.bitrix24.com"})
    web.files["/f"] = Answer(401)
    assert post(server, web, file("/f")).status == 202
    assert got(server)[0]["error"] == "HTTP status 401"
    assert {g.token for g in web.gets} == {""}


class Home(Portal):
    """A portal that gives its files to who has a token."""

    seen = ()

    def respond(self, request):
        if not request.path.startswith("/f"):
            return super().respond(request)
        token = request.headers.get("authorization", "")[7:]
        self.seen = (*self.seen, token)
        known = self.tokens.get(token)
        if known is None or known.expires <= time.time():
            return Answer(401)
        return Answer(200, b"x", {"Content-Type": "image/png"})


def test_the_stored_token(start, portals):
    """Where the event has none, or one that is over."""
    server = start("fcgi", channel=FETCH, app=APP)
    portal = portals(Home)
    stored, _ = installed(server, portal)
    assert several.post(server, tokenless(
        portal, with_files(file("/f")))).status == 200
    assert portal.seen == ("", stored)
    expire(portal, ACCESS)
    assert several.post(server, of(
        portal, with_files(file("/f"), message_id=6))).status == 200
    assert portal.seen[2:] == ("", ACCESS, stored)
    assert all("path" in o["message"]["files"][0]
               for o in server.site.objects())
    assert len(portal.refreshes) == 1       # the proof of installation


def test_the_stored_token_is_refreshed_when_it_is_over(start, portals):
    server = start("fcgi", channel=FETCH, app=APP)
    portal = portals(Home)
    portal.expires_in = 1
    stored, _ = installed(server, portal)
    portal.expires_in = 3600
    wait_until(lambda: portal.tokens[stored].expires < time.time() - 1, 60,
               "it is over")
    assert several.post(server, tokenless(
        portal, with_files(file("/f")))).status == 200
    first, second, third = portal.seen
    assert (first, second) == ("", stored) and third not in ("", stored)
    assert "path" in got(server)[0]
    assert len(portal.refreshes) == 2


def test_a_good_token_is_not_refreshed(start, portals):
    """A file may be refused to those who have one."""
    server = start("fcgi", channel=FETCH, app=APP)
    portal = portals(Home)
    stored, _ = installed(server, portal)
    portal.respond = lambda request, was=portal.respond: Answer(401) \
        if request.path.startswith("/f") else was(request)
    assert several.post(server, of(portal, with_files(
        file("/f")))).status == 200
    assert got(server)[0]["error"] == "HTTP status 401"
    assert len(portal.refreshes) == 1
    assert stored in portal.tokens


# -- others

def test_a_hanging_server_holds_nobody_else(start, portal, web):
    """More messages than the channel takes at once wait for their files."""
    server = start("nginx", channel={**FETCH, "in_flight": 1},
                   server={"answer_within": 1},
                   app={"client_endpoint": portal.endpoint})
    web.put("/f", b"x", held=True)
    for i in range(6):
        value = event(with_files(file("/f"), message_id=i + 1),
                      **home(portal, web))
        value["data"]["MESSAGES"][0]["chat"]["id"] = f"chat-{i}"
        assert server.post(as_form(value)).status == 202
    web.wait_for_gets(4)
    assert server.post(as_form(event(message(99, chat="other"),
                                     **home(portal, web)))).status == 200
    assert len(web.gets) == 4           # of one portal at the same time
    web.release()
    wait_until(lambda: len(server.site.spooled()) == 7, 60, "all of them")


def test_more_than_may_wait(start, portal, web):
    """Four fetch, 64 wait for that, and others try again later."""
    server = start("fcgi", channel=FETCH, server={"answer_within": 1},
                   retry={"first": 1, "longest": 1},
                   app={"client_endpoint": portal.endpoint})
    web.put("/f", b"x", held=True)
    many = [message(i + 1, chat=f"chat-{i}", files=[file("/f")])
            for i in range(80)]
    assert server.post(as_form(event(*many, **home(portal, web)))).status \
        == 202
    wait_until(lambda: "too many are fetched" in server.log(), 60,
               "one that is put off")
    web.release()
    wait_until(lambda: len(server.site.spooled()) == 80, 60, "all of them")
    assert all("path" in o["message"]["files"][0]
               for o in server.site.objects())


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGTERM])
def test_an_end_in_the_middle(start, portal, web, sig):
    """The next process fetches it anew."""
    server = start("fcgi", channel=FETCH, server={"answer_within": 1},
                   retry=SOON, app={"client_endpoint": portal.endpoint})
    web.put("/f", b"x" * 300000, held=True)
    assert post(server, web, file("/f")).status == 202
    web.wait_for_gets(1)
    next_life(server, sig)
    web.release()
    wait_until(server.site.spooled, 60, "the message")
    one, = got(server)
    assert pathlib.Path(one["path"]).read_bytes() == b"x" * 300000


def test_no_file_is_in_memory(start, portal, web):
    """However large it is, and however fast it comes."""
    size = 64 << 20
    server = start("fcgi", channel={**FETCH, "files_max": size},
                   app={"client_endpoint": portal.endpoint})
    web.put("/small", b"x")
    web.files["/large"] = Answer(cut="endless")
    pid, = server.site.handlers()

    def peak():
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) << 10
    assert post(server, web, file("/small")).status == 200
    before = peak()
    value = event(with_files(file("/large"), message_id=6),
                  **home(portal, web))
    assert server.post(as_form(value)).status in (200, 202)
    wait_until(lambda: len(server.site.spooled()) == 2, 60, "its end")
    assert web.sent > size
    assert peak() - before < size // 2


def test_fetch_needs_a_spool(start, portal):
    server = start()
    url = {"url": "null:"}
    server.site.write_config({"connector x": {**url, **FETCH}})
    done = server.site.ctl("check")
    assert done.returncode != 0
    assert "[connector x] files: fetch needs a spool: URL" in done.stderr
    # what is said for all is meant for those that can
    server.site.write_config({"channel": FETCH, "connector x": url})
    done = server.site.ctl("check")
    assert done.returncode == 0
    assert "files = fetch" in done.stdout and "files = links" in done.stdout
