"""The stand-ins themselves, talked to by plain Python clients."""

import http.client
import json
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.parse

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from standin import Authority, Portal, Receiver  # noqa: E402
from standin.answers import ERRORS  # noqa: E402
from standin.limits import Bucket  # noqa: E402

PATH = "/rest/imconnector.send.status.delivery"


def body(token, *, message_id=7, ids=("ext-1",), line=107):
    """A delivery status for one message."""
    return {"CONNECTOR": "myconnector", "LINE": line, "auth": token,
            "MESSAGES": [{"im": {"chat_id": 1, "message_id": message_id},
                          "message": {"id": list(ids), "date": 1773759162},
                          "chat": {"id": "c"}}]}


def call(peer, value, path=PATH, method="POST", context=None, timeout=5,
         **headers):
    """(status, answer, headers) of one request."""
    cls = http.client.HTTPSConnection if context else \
        http.client.HTTPConnection
    more = {"context": context} if context else {}
    connection = cls("127.0.0.1", peer.port, timeout=timeout, **more)
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    try:
        connection.request(method, path, data, {
            "Content-Type": "application/json", "User-Agent": "test/1",
            **{k.replace("_", "-"): v for k, v in headers.items()}})
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, text, dict(answer.getheaders())
    finally:
        connection.close()


@pytest.fixture
def portal():
    """A portal on plain http."""
    with Portal() as p:
        yield p


def test_delivery_is_recorded_and_first_ids_stay(portal):
    token = portal.add_token()
    for ids in (["a"], ["b"]):
        status, text, _ = call(portal, body(token, ids=ids), PATH + ".json")
        assert status == 200
        answer = json.loads(text)
        assert answer["result"] == {"SUCCESS": True, "DATA": []}
        assert answer["time"]["operating_reset_at"] > time.time()
    assert portal.first_ids == {("myconnector", 107, 1, 7): ["a"]}
    first, second = portal.wait_for_calls(2)
    assert first.token == token and first.status == 200
    assert second.params["MESSAGES"][0]["message"]["id"] == ["b"]
    assert portal.violations == []


def test_an_unwanted_message_spoils_its_call(portal):
    portal.unwanted = {7}
    token = portal.add_token()
    status, text, _ = call(portal, body(token, message_id=7))
    assert status == 400 and json.loads(text)["error"] == "ERROR_ARGUMENT"
    assert call(portal, body(token, message_id=8))[0] == 200
    assert portal.violations == [] and len(portal.first_ids) == 1


def test_tokens(portal):
    good, old = portal.add_token(), portal.add_token(expires_in=-1)
    hook = portal.add_token(kind="webhook")
    wanted = [("", "NO_AUTH_FOUND"), ("unknown", "invalid_token"),
              (old, "expired_token"), (hook, "WRONG_AUTH_TYPE")]
    for token, word in wanted:
        status, text, _ = call(portal, body(token))
        assert (status, json.loads(text)["error"]) == (ERRORS[word][0], word)
    value = body("")
    del value["auth"]
    assert call(portal, value, Authorization=f"Bearer {good}")[0] == 200
    assert portal.violations == []
    assert call(portal, value, f"{PATH}?auth={good}")[0] == 401
    assert "query" in portal.violations[0]


@pytest.mark.parametrize("change", [
    {"CONNECTOR": ""}, {"LINE": "107"}, {"LINE": True}, {"MESSAGES": []},
    {"MESSAGES": {"0": {}}}])
def test_wrong_shapes_are_violations(portal, change):
    status, text, _ = call(portal, {**body(portal.add_token()), **change})
    assert status == 400 and json.loads(text)["error"] == "ERROR_ARGUMENT"
    assert len(portal.violations) == 1


@pytest.mark.parametrize("change", [
    lambda m: m["message"].update(id="ext-1"),
    lambda m: m["message"].update(id=[]),
    lambda m: m["message"].update(id=[5]),
    lambda m: m["im"].update(chat_id="1"),
    lambda m: m["im"].pop("message_id"),
    lambda m: m.pop("chat")])
def test_wrong_messages_are_violations(portal, change):
    value = body(portal.add_token())
    change(value["MESSAGES"][0])
    assert call(portal, value)[0] == 400
    assert len(portal.violations) == 1 and not portal.first_ids


def test_headers_are_checked(portal):
    token = portal.add_token()
    assert call(portal, body(token), Content_Type="text/plain")[0] == 400
    assert call(portal, body(token), User_Agent="")[0] == 403
    assert call(portal, body(token), method="PUT")[0] == 405
    assert len(portal.violations) == 3


def test_script(portal):
    token = portal.add_token()
    portal.script("error:QUERY_LIMIT_EXCEEDED", "error:expired_token:200",
                  "not-success", "garbage", "oversize:100000", "status:502",
                  "moved:http://elsewhere/", "slow:0.05:empty")
    answers = [call(portal, body(token)) for _ in range(9)]
    assert [a[0] for a in answers] == \
        [503, 200, 200, 200, 200, 502, 302, 200, 200]
    assert json.loads(answers[1][1])["error"] == "expired_token"
    assert json.loads(answers[2][1])["result"]["SUCCESS"] is False
    assert len(answers[4][1]) > 100000
    assert answers[6][2]["Location"] == "http://elsewhere" + PATH
    assert answers[7][1] == b""
    assert len(portal.first_ids) == 1       # by the last one only
    portal.always("error:OVERLOAD_LIMIT")
    assert call(portal, body(token))[0] == 503
    with pytest.raises(ValueError):
        portal.script("nonsense")


def test_every_error_of_the_table(portal):
    for word, (status, _) in ERRORS.items():
        portal.script(f"error:{word}")
        got, text, _ = call(portal, body("x"))
        assert got == status and json.loads(text)["error"] == word


def test_cut_and_silent_connections(portal):
    token = portal.add_token()
    portal.script("cut", "cut-middle", "silence")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        call(portal, body(token, message_id=1))
    with pytest.raises(http.client.IncompleteRead):
        call(portal, body(token, message_id=2))
    with pytest.raises(TimeoutError):
        call(portal, body(token, message_id=3), timeout=0.2)
    assert {k[3] for k in portal.first_ids} == {1, 2}   # done, answer lost
    assert [c.status for c in portal.calls] == [0, 0, 0]


def test_kept_connection_and_chunks(portal):
    token = portal.add_token()
    data = json.dumps(body(token)).encode()
    head = (f"POST {PATH} HTTP/1.1\r\nHost: x\r\nUser-Agent: t\r\n"
            "Content-Type: application/json\r\n")
    with socket.create_connection(("127.0.0.1", portal.port), 5) as s:
        s.sendall(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
        assert b"200 OK" in s.recv(65536)
        s.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() +
                  b"5\r\n" + data[:5] + b"\r\n" +
                  f"{len(data) - 5:x}\r\n".encode() + data[5:] +
                  b"\r\n0\r\n\r\n")
        assert b"200 OK" in s.recv(65536)
    assert portal.connections == 1 and len(portal.deliveries) == 2


def test_limits(portal):
    now = [0.0]
    portal.bucket = Bucket(burst=3, rate=2, clock=lambda: now[0])
    token = portal.add_token()
    assert [call(portal, body(token))[0] for _ in range(4)] == \
        [200, 200, 200, 503]
    now[0] += 0.5
    assert [call(portal, body(token))[0] for _ in range(2)] == [200, 503]
    portal.bucket = None
    portal.operating.per_call = 480
    assert [call(portal, body(token))[0] for _ in range(2)] == [200, 429]


def refresh(portal, **changes):
    """(status, answer) of a token refresh."""
    form = {"grant_type": "refresh_token", "client_id": portal.client_id,
            "client_secret": portal.client_secret, **changes}
    status, text, _ = call(
        portal, urllib.parse.urlencode(form).encode(), "/oauth/token/",
        Content_Type="application/x-www-form-urlencoded")
    return status, json.loads(text)


def test_refresh_rotates(portal):
    old = portal.add_refresh_token()
    status, pair = refresh(portal, refresh_token=old)
    assert status == 200 and pair["client_endpoint"] == portal.endpoint
    assert pair["member_id"] == portal.member_id
    assert call(portal, body(pair["access_token"]))[0] == 200
    assert refresh(portal, refresh_token=old)[1]["error"] == "invalid_grant"
    assert refresh(portal, refresh_token=pair["refresh_token"])[0] == 200
    wrong = refresh(portal, refresh_token=old, client_secret="x")
    assert (wrong[0], wrong[1]["error"]) == (200, "wrong_client")
    portal.script("error:PAYMENT_REQUIRED", to="oauth")
    assert refresh(portal)[1]["error"] == "PAYMENT_REQUIRED"
    assert len(portal.refreshes) == 5


def test_receiver():
    with Receiver() as channel:
        channel.script('json:{"ids":[1,"b"]}', 'json:202:{"id":5}',
                       "status:410")
        got = [call(channel, {"key": str(i)}, "/hook") for i in range(4)]
        assert [g[0] for g in got] == [200, 202, 410, 200]
        assert got[3][1] == b'{"id": "ext-4"}'
        assert [o["key"] for o in channel.objects] == ["0", "1", "2", "3"]


def test_tls(tmp_path):
    ca = Authority(tmp_path / "ca")
    context = ssl.create_default_context(cafile=ca.ca_file)
    with Portal(ca.context()) as portal:
        assert call(portal, body(portal.add_token()), context=context)[0] == \
            200
    for kind in ("wronghost", "expired", "untrusted"):
        with Portal(ca.context(kind)) as portal:
            with pytest.raises(ssl.SSLCertVerificationError):
                call(portal, body(portal.add_token()), context=context)
            assert portal.calls == []


def test_command_line_and_control():
    program = subprocess.Popen(
        [sys.executable, str(HERE), "portal", "--any-token", "--answer",
         "error:ACCESS_DENIED"], stdout=subprocess.PIPE, text=True)
    try:
        url = program.stdout.readline().strip()
        peer = urllib.parse.urlsplit(url)
        assert call(peer, body("any"))[0] == 403
        assert json.loads(program.stdout.readline())["token"] == "any"
        assert call(peer, b"status:502\n", "/standin/script")[0] == 204
        assert call(peer, b"status:rubbish\n", "/standin/script")[0] == 400
        assert call(peer, body("any"))[0] == 502
        calls = json.loads(call(peer, b"", "/standin/calls", "GET")[1])
        assert [c["status"] for c in calls] == [403, 502]
        program.send_signal(signal.SIGTERM)
        assert program.wait(5) == 0
    finally:
        program.kill()
        program.wait()
        program.stdout.close()
