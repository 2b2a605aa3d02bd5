"""Bad input: the status it must get, and that nothing comes of it.

Every case goes through plain CGI, and those of bad_bodies.py, cut and hung up
ones through FastCGI and a selection through nginx and Apache as well. Behind
each: nothing stored, nothing handed over, nothing said to Bitrix24, no secret
in the answer or the log.
"""

import pytest

import events
import servers
from bad_bodies import BODIES, GOOD_FORM, GOOD_JSON
from events import FORM, JSON, as_form, event, message
from site_folder import merged

# field that the text of a 422 must name, by the case's first word
FIELD = {"LINE": "LINE", "chat_id": "chat_id", "message_id": "message_id",
         "CONNECTOR": "CONNECTOR", "member_id": "member_id",
         "chat.id": "chat.id", "event": "event", "MESSAGES": "MESSAGES"}


@pytest.fixture(scope="module")
def server(start_once):
    """Gives the one server of a kind that all cases share. What is of no use
    (422) has one of its own: its elements may be kept as refused."""
    made = {}

    def of(kind, status=400):
        key = kind, status == 422
        if key not in made:
            made[key] = start_once(kind)
            made[key].may_keep_refused = status == 422
        return made[key]
    return of


def check(server, answer, status):
    """The right refusal, and no trace of what was refused."""
    assert answer.status == status, answer
    assert set(answer.json) >= {"error", "error_description"}
    assert answer.json["error"] and answer.json["error_description"]
    assert events.TOKEN not in answer.body.decode()
    nothing_came_of_it(server)


def nothing_came_of_it(server):
    """Spool and store are empty, and the log keeps secrets."""
    assert not server.site.spooled()
    kept = {"refused"} if getattr(server, "may_keep_refused", False) else set()
    assert {m["state"] for m in server.site.queue()} <= kept
    assert events.TOKEN not in server.log()
    assert events.ACCESS not in server.log()


@pytest.mark.parametrize("name, status, media, body", BODIES,
                         ids=[b[0] for b in BODIES])
def test_body(server, name, status, media, body):
    cgi = server("cgi", status)
    answer = cgi.post(body, media)
    check(cgi, answer, status)
    word = name.split(":")[0]
    if status == 422 and word in FIELD:
        assert FIELD[word] in answer.json["error_description"]
    assert answer == server("fcgi", status).post(body, media)


def test_fastcgi_kept_nothing_either(server):
    for _, status, media, body in BODIES:
        server("fcgi", status).post(body, media)
    for status in (400, 422):
        nothing_came_of_it(server("fcgi", status))


@pytest.mark.parametrize("kind", ["nginx", "apache", "apachecgi"])
def test_selection_through_web_servers(server, kind):
    for name, status, media, body in BODIES[::9]:
        assert server(kind, status).post(body, media).status == status, name
    for status in (400, 422):
        nothing_came_of_it(server(kind, status))


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH",
                                    "OPTIONS", "post", "PROPFIND"])
def test_method(server, method):
    answer = server("cgi").post(b"", FORM, method, length=None)
    assert answer.status == 405 and answer.headers["allow"] == "POST"
    nothing_came_of_it(server("cgi"))
    if method.isupper():
        for kind in ("nginx", "apache"):
            answer = server(kind).post(None, None, method)
            assert answer.status == 405, (kind, answer)
            assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("media", [
    "text/plain", "multipart/form-data; boundary=x", "application/xml",
    "application/jsonx", "application/json/x", "application", "", None,
    "text/json", "application/x-www-form-urlencoded; charset=windows-1251",
    "application/x-www-form-urlencoded; charset=", "application/json; "
    "charset=utf-16", "application/json;charset=ISO-8859-1",
    "application/octet-stream", ";", "application/json x"])
def test_media_type(server, media):
    for kind in ("cgi", "fcgi"):
        check(server(kind), server(kind).post(GOOD_FORM, media), 415)


def test_first_complaint_counts(server):
    """405 before 415 before 413 before 400 before 403 before 422."""
    cgi, huge = server("cgi"), 99999999
    check(cgi, cgi.post(b"", "text/plain", "PUT", length=huge), 405)
    check(cgi, cgi.post(b"", "text/plain", length=huge), 415)
    check(cgi, cgi.post(b"{", JSON, length=huge), 413)
    wrong = event(application_token="x", connector="")
    check(cgi, cgi.post(events.as_json(wrong)[:-1], JSON), 400)
    check(cgi, cgi.post(events.as_json(wrong), JSON), 403)


@pytest.mark.parametrize("length, status", [
    ("-1", 400), ("abc", 400), ("12abc", 400), ("0x10", 400), ("+5", 400),
    ("1 2", 400), ("1.0", 400), ("9" * 30, 413), (str(2**63), 413),
    (str(2**64), 413), (str(2**64 + 100), 413), ("1048577", 413),
    (len(GOOD_JSON) + 1, 400), (len(GOOD_JSON) - 1, 400), ("0", 400)])
def test_content_length(server, length, status):
    for kind in ("cgi", "fcgi"):
        answer = server(kind).post(GOOD_JSON, JSON, length=length)
        check(server(kind), answer, status)


def test_a_body_of_the_largest_size(start, server, portal):
    """body_max is allowed, one more is not, with and without a length."""
    good = as_form(event(message(1), endpoint=portal.endpoint))
    most = good + b"&x=" + b"&y=".join([b"y" * 200000] * 5)
    most += b"&z=" + b"z" * (1048576 - len(most) - 3)
    assert len(most) == 1048576
    for kind in ("cgi", "fcgi"):
        for options in {}, {"length": None}:
            answer = server(kind).post(most + b"z", FORM, **options)
            check(server(kind), answer, 413)
            assert start(kind).post(most, FORM, **options).status == 200
    for kind in ("nginx", "apache", "apachecgi"):
        assert server(kind).post(most + b"z", FORM).status == 413
        nothing_came_of_it(server(kind))
        assert start(kind).post(most, FORM).status == 200


@pytest.mark.parametrize("kind", ["cgi", "fcgi"])
@pytest.mark.parametrize("length", [None, ""])
def test_no_length_and_a_complete_body(start, portal, kind, length):
    answer = start(kind).post(as_form(event(endpoint=portal.endpoint)),
                              length=length)
    assert answer.status == 200


@pytest.mark.parametrize("kind, status", [("nginx", 200), ("apache", 411),
                                          ("apachecgi", 411)])
def test_chunked(start, portal, kind, status):
    """nginx collects chunks and gives them a length. Apache does not tell a
    broken-off body from a whole one, so there they are not let in."""
    server = start(kind)
    body = as_form(event(endpoint=portal.endpoint))
    pieces = (body[i:i + 100] for i in range(0, len(body), 100))
    assert server.post(pieces).status == status
    assert len(server.site.spooled()) == len(portal.calls) == \
        (status == 200)


def test_json_with_a_byte_order_mark(start, portal):
    body = events.as_json(event(endpoint=portal.endpoint))
    assert start().post(b"\xef\xbb\xbf" + body, JSON).status == 200


@pytest.mark.parametrize("media, body", [(JSON, GOOD_JSON),
                                         (FORM, GOOD_FORM)])
def test_cut_at_every_byte(server, media, body):
    """Cut, with the length of the whole; JSON also with its own length."""
    fcgi = server("fcgi")
    for n in range(len(body)):
        answer = fcgi.post(body[:n], media, length=len(body))
        assert answer.status == 400, (n, answer)
        if media == JSON:
            answer = fcgi.post(body[:n], media)
            assert answer.status == 400, (n, answer)
    nothing_came_of_it(fcgi)
    for n in range(0, len(body), 53):
        answer = server("cgi").post(body[:n], media, length=len(body))
        assert answer.status == 400, (n, answer)
    nothing_came_of_it(server("cgi"))


def test_hang_up_anywhere(start, portal):
    """A FastCGI peer that goes away: inside the parameters, the body, or at
    its end without saying so."""
    server = start("fcgi")
    body = as_form(event(endpoint=portal.endpoint))
    for n in (0, 1, len(body) // 2, len(body) - 1, len(body)):
        with server.client() as client:
            client.begin(server.params(FORM, "POST", len(body)))
            client.send(body[:n])
    with server.client() as client:
        client.sock.sendall(b"\1\1\0\1\0\x08\0\0\0\1\0\0\0\0\0\0"
                            b"\1\4\0\1\0\x20\0\0\x0e\x04REQUEST")
    other = event(message(2, chat="other"), endpoint=portal.endpoint)
    assert server.post(as_form(other)).status == 200
    assert set(server.site.states()) <= {2, 86497}
    halves = [o for o in server.site.objects()
              if o["im"]["message_id"] not in (2, 86497)]
    assert not halves


def hang_up_fcgi(server, body):
    """Says that ten more bytes come, and goes."""
    with server.client() as client:
        client.begin(server.params(FORM, "POST", len(body) + 10))
        client.send(body)


def hang_up_length(server, body):
    """The same by HTTP."""
    with server.connect() as sock:
        sock.sendall(f"POST {server.url} HTTP/1.1\r\nHost: x\r\n"
                     f"Content-Type: {FORM}\r\nContent-Length: "
                     f"{len(body) + 10}\r\n\r\n".encode() + body)


def hang_up_chunked(server, body):
    """By HTTP, in a chunk that is not the last one, with some more."""
    body += b"&x=" + b"y" * 9000
    with server.connect() as sock:
        sock.sendall(f"POST {server.url} HTTP/1.1\r\nHost: x\r\n"
                     f"Content-Type: {FORM}\r\nTransfer-Encoding: chunked"
                     f"\r\n\r\n{len(body):x}\r\n".encode() + body + b"\r\n")


@pytest.mark.parametrize("kind, hang_up", [
    ("fcgi", hang_up_fcgi),
    *((k, h) for k in ("nginx", "apache", "apachecgi")
      for h in (hang_up_length, hang_up_chunked))])
def test_half_a_body_and_hang_up(start, portal, kind, hang_up):
    """What came is a good form, but not the whole: never used."""
    server = start(kind)
    hang_up(server, as_form(event(endpoint=portal.endpoint)))
    for i in (2, 3):
        other = event(message(i, chat="other"), endpoint=portal.endpoint)
        assert server.post(as_form(other)).status == 200
    assert set(server.site.states()) == {2, 3}
    assert len(server.site.spooled()) == len(portal.calls) == 2


def test_no_token_is_known(start, front):
    """An empty configuration refuses every event, and says so."""
    server = start(front, app={"application_token": None})
    for value in (event(), event(application_token=""),
                  event(application_token=...)):
        check(server, server.post(as_form(value)), 403)


def test_broken_configuration(start, portal):
    """Plain CGI answers 500; a FastCGI process ends with 78."""
    broken = {"server": {"workers": "many"}}
    cgi = start("cgi", **broken)
    answer = cgi.post(as_form(event(endpoint=portal.endpoint)))
    assert answer.status == 500 and answer.json["error"]
    assert "workers" in cgi.log()
    assert not cgi.site.spooled() and not portal.calls
    fcgi = servers.Fcgi(merged(servers.CONFIG, broken))
    try:
        assert fcgi.run().wait(60) == 78
        assert "workers" in fcgi.log()
    finally:
        fcgi.site.remove()


def test_old_web_servers_pass_the_query_as_arguments(start, portal):
    """A CGI program never looks at its arguments."""
    server = start()
    answer = server.post(as_form(event(endpoint=portal.endpoint)),
                         args=("--config", "/nonexistent", "--help"))
    assert answer.status == 200


def test_proxy_header_is_not_obeyed(start, portal):
    server = start()
    answer = server.post(as_form(event(endpoint=portal.endpoint)),
                         headers={"Proxy": "http://127.0.0.1:1/"},
                         params={"http_proxy": "http://127.0.0.1:1/",
                                 "ALL_PROXY": "http://127.0.0.1:1/"})
    assert answer.status == 200
