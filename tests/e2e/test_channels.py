"""Channels: spool, http and null; what took it, what was refused, what waits;
and which channel serves which connector and line.
"""

import base64
import email.utils
import hmac
import json
import re
import time

import pytest

import events
from events import JSON, as_form, as_json, event, message
from site_folder import wait_until
from standin import Answer, Receiver


def post(server, portal, *messages, **more):
    """One event."""
    return server.post(as_form(event(*messages, endpoint=portal.endpoint,
                                     **more)))


def told_ids(portal):
    """The ids in the last delivery status."""
    element, = portal.deliveries[-1].params["MESSAGES"]
    return element["message"]["id"]


def test_http_gets_the_object(start, front, portal, channel):
    server = start(front, channel={"url": channel.url + "hook/path?x=1"})
    assert post(server, portal).status == 200
    got, = channel.calls
    assert got.method == "POST" and got.path == "/hook/path"
    assert got.headers["content-type"] == JSON
    key = got.object["key"]
    assert got.headers["webhook-id"] == key
    assert got.headers["user-agent"].startswith("imconnector-fcgi/")
    # the very bytes that a spool would hold
    spool = start()
    post(spool, portal)
    path, = spool.site.spooled()
    assert got.body.rstrip(b"\n") == path.read_bytes().rstrip(b"\n")
    # nothing of auth but member_id and domain
    for secret in (events.ACCESS, events.TOKEN):
        assert secret.encode() not in got.body
        assert secret not in json.dumps(got.headers)


def signed(call, key):
    """The signature that Standard Webhooks wants of a post."""
    content = b".".join([call.headers["webhook-id"].encode(),
                         call.headers["webhook-timestamp"].encode(),
                         call.body])
    return "v1," + base64.b64encode(hmac.digest(key, content,
                                                "sha256")).decode()


def test_http_is_signed(start, front, portal, channel):
    """With the secret, and that of before while it is being changed."""
    old, new = b"old key, 24 bytes long..", b"a plain secret"
    server = start(front, channel={
        "url": channel.url, "secret": new.decode(), "secret_previous":
        "whsec_" + base64.b64encode(old).decode()})
    began = int(time.time())
    assert post(server, portal).status == 200
    got, = channel.calls
    assert began <= int(got.headers["webhook-timestamp"]) <= time.time()
    assert got.headers["webhook-signature"] == \
        f"{signed(got, new)} {signed(got, old)}"
    # secrets are in no log and on no page
    shown = server.site.ctl("check")
    assert "; secret is set" in shown.stdout
    for text in (shown.stdout, shown.stderr, server.log()):
        assert new.decode() not in text and "whsec_" not in text


def test_http_repeat_is_signed_anew(start, portal, channel):
    """The same id, and a time that is of now."""
    server = start("fcgi", channel={"url": channel.url, "secret": "x"},
                   retry={"first": 1, "longest": 1})
    channel.script(Answer(503, headers={"Retry-After": "2"}))
    assert post(server, portal).status == 202
    first, second = channel.wait_for_calls(2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] < \
        second.headers["webhook-timestamp"]
    assert second.headers["webhook-signature"] == signed(second, b"x")


@pytest.mark.parametrize("asked,least,most", [
    ("120", 100, 120), ("86400", 599, 600), (300, 200, 300), (-300, 0, 3),
    ("soon", 0, 3)])
def test_http_says_when(start, portal, channel, asked, least, most):
    """Retry-After: seconds or a date, up to retry.longest."""
    if isinstance(asked, int):
        asked = email.utils.formatdate(time.time() + asked, usegmt=True)
    channel.always(Answer(429, headers={"Retry-After": asked}))
    server = start("cgi", channel={"url": channel.url},
                   retry={"first": 2, "longest": 600})
    assert post(server, portal).status == 202
    waits = wait_until(lambda: re.findall(
        r"event=postponed .*seconds=(\d+)", server.log()))
    assert least <= int(waits[0]) <= most
    assert server.site.states() == {86497: "received"}


def test_secret_in_a_file(start, portal, channel):
    server = start("fcgi", channel={"url": channel.url}, prepare=lambda site: (
        (site.folder / "etc" / "secret").write_text("from a file\n"),
        site.write_config({**site.config, "channel": {
            "url": channel.url,
            "secret_file": site.folder / "etc" / "secret"}})))
    assert post(server, portal).status == 200
    got, = channel.calls
    assert got.headers["webhook-signature"] == signed(got, b"from a file")


IDS = {         # the channel's answer -> the ids that Bitrix24 is told
    '{"id":"a"}': ["a"], '{"id":12345678901234567890}':
    ["12345678901234567890"], '{"ids":["a","b"]}': ["a", "b"],
    '{"ids":[1,"b",2]}': ["1", "b", "2"], '{"id":7,"more":{"id":"x"}}': ["7"],
    '{"ids":["a"],"x":[1]}': ["a"],
}
KEY_INSTEAD = ["", "{}", "[]", "null", "garbage", "{", '{"id":""}',
               '{"id":null}', '{"ids":[]}', '{"ids":[""]}', '{"other":1}',
               '"text"', '{"ids":{}}', "<html>ok</html>", '{"id":"a"']


@pytest.mark.parametrize("text", IDS)
@pytest.mark.parametrize("status", [200, 201, 202])
def test_http_took_it_with_ids(start, portal, channel, text, status):
    channel.script(f"json:{status}:{text}")
    server = start(channel={"url": channel.url})
    assert post(server, portal).status == 200
    assert told_ids(portal) == IDS[text]


@pytest.mark.parametrize("text", KEY_INSTEAD)
def test_http_took_it_without_ids(start, portal, channel, text):
    channel.script(f"json:200:{text}" if text else "empty")
    server = start(channel={"url": channel.url})
    assert post(server, portal).status == 200
    assert told_ids(portal) == [channel.objects[0]["key"]]


def test_http_204(start, portal, channel):
    channel.script("status:204")
    server = start(channel={"url": channel.url})
    assert post(server, portal).status == 200
    assert told_ids(portal) == [channel.objects[0]["key"]]


@pytest.mark.parametrize("status", [400, 410, 413, 415, 422])
def test_http_refused_for_good(start, portal, channel, status):
    channel.always(f"status:{status}")
    server = start("fcgi", channel={"url": channel.url})
    answer = post(server, portal)
    assert answer.status == 202 and answer.json["result"] == "queued"
    assert (answer.json["messages"], answer.json["acknowledged"],
            answer.json["refused"]) == (1, 0, 1)
    assert portal.calls == []
    server.site.wait_states({86497: "refused"})
    # a repeat is not handed over either, and the chat goes on
    assert post(server, portal).status == 202
    assert len(channel.calls) == 1
    channel.always(None)
    assert post(server, portal, message(86498)).status == 200


@pytest.mark.parametrize("trouble", [
    "status:301", "status:302", "status:401", "status:403", "status:404",
    "status:408", "status:429", "status:500", "status:503", "cut",
    "cut-middle", "moved:http://127.0.0.1:1"])
def test_http_again_later(start, portal, channel, trouble):
    channel.always(trouble)
    server = start(channel={"url": channel.url})
    answer = post(server, portal)
    assert answer.status == 202
    assert (answer.json["messages"], answer.json["acknowledged"]) == (1, 0)
    assert not answer.json.get("refused")
    assert len(channel.calls) == 1 and portal.calls == []
    assert server.site.states() == {86497: "received"}


def test_http_silence(start, portal, channel):
    channel.always("silence")
    server = start("fcgi", channel={"url": channel.url, "timeout": 1})
    assert post(server, portal).status == 202
    assert portal.calls == []
    assert server.site.states() == {86497: "received"}


def test_http_nobody_listens(start, portal, channel):
    channel.stop()
    server = start(channel={"url": channel.url})
    assert post(server, portal).status == 202
    assert server.site.states() == {86497: "received"}


def test_http_huge_answer(start, portal, channel):
    """Capped: it cannot fill the memory, and it was taken (2xx)."""
    channel.script("oversize:50000000")
    server = start(channel={"url": channel.url})
    assert post(server, portal).status in (200, 202)
    # it may be written behind the answer
    wait_until(lambda: server.site.states()[86497] in (
        "acknowledged", "received"))


def test_http_some_refused(start, portal, channel):
    """One of three is refused: the others are acknowledged, 202 says so."""
    server = start("fcgi", channel={"url": channel.url})
    channel.script("ok", "status:422", "ok")
    value = event(*(message(i) for i in (1, 2, 3)), endpoint=portal.endpoint)
    answer = server.post(as_json(value), JSON)
    assert answer.status == 202
    server.site.wait_states({1: "acknowledged", 2: "refused",
                             3: "acknowledged"})


def test_https_channel_with_unknown_ca(start, portal, authority):
    with Receiver(authority.context()) as receiver:
        server = start(channel={"url": receiver.url})
        assert post(server, portal).status == 202
        assert receiver.calls == []


def test_null(start, front, portal):
    server = start(front, channel={"url": "null:"})
    assert post(server, portal).status == 200
    assert len(portal.deliveries) == 1 and told_ids(portal)
    assert not server.site.spool.exists()


def test_overrides(start, portal, channel):
    """[connector X] and [connector X/LINE] override [channel]."""
    with Receiver() as special:
        server = start("fcgi", **{
            "connector first": {"url": channel.url},
            "connector first/7": {"url": special.url},
            "connector second": {"url": "null:"}})
        calls = [("first", 5), ("first", 7), ("second", 7), ("third", 7),
                 ("FIRST", 7), ("first", 77)]
        for i, (connector, line) in enumerate(calls, 1):
            answer = post(server, portal, message(i), connector=connector,
                          line=line)
            assert answer.status == 200, (connector, line)
        ids = [[o["im"]["message_id"] for o in r.objects]
               for r in (channel, special)]
        assert ids == [[1, 6], [2, 5]]
        assert [o["im"]["message_id"] for o in server.site.objects()] == [4]


def test_spool_folders_may_exist(start, portal):
    server = start("fcgi")
    for i in (1, 2):
        assert post(server, portal, message(i)).status == 200
    first, second = server.site.spooled()
    assert first.name < second.name         # the order of arrival
    assert told_ids(portal) == [second.name]


def test_a_reader_may_take_files_away(start, portal):
    """The channel's reader removes files at once; a repeat is not handed over
    again."""
    server = start("fcgi")
    assert post(server, portal).status == 200
    server.site.spooled()[0].unlink()
    assert post(server, portal).status == 200
    assert server.site.spooled() == []
