"""The main job: an event in, the message handed over, Bitrix24 told, 200.

Through every kind of web server, from the documented event to its siblings
and repeats. The channel is the spool.
"""

import json
import re

import pytest

import events
from events import FORM, JSON, as_form, as_json, event, message

KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
SPELLINGS = {FORM: as_form, JSON: as_json}


def good(n=1):
    """The answer when everything worked."""
    return {"result": "acknowledged", "messages": n, "acknowledged": n}


def spooled_text(value, m, key, name=events.ADD):
    """The exact bytes that the spool must hold for a plain message."""
    text = json.dumps(m["message"]["text"], ensure_ascii=False)
    return (
        f'{{"key":"{key}","event":"{name}","member_id":"{events.MEMBER}",'
        f'"domain":"some-domain.bitrix24.com","connector":"myconnector",'
        f'"line":107,"im":{{"chat_id":{m["im"]["chat_id"]},'
        f'"message_id":{m["im"]["message_id"]}}},'
        f'"message":{{"user_id":27,"text":{text}}},'
        f'"chat":{{"id":"channel-123"}},"ts":{value["ts"]}}}').encode()


@pytest.mark.parametrize("media", [FORM, JSON])
def test_documented_event(start, front, portal, media):
    server = start(front)
    value = event(endpoint=portal.endpoint)
    answer = server.post(SPELLINGS[media](value), media)
    assert (answer.status, answer.json) == (200, good())

    path, = server.site.spooled()
    body = path.read_bytes()
    key = json.loads(body)["key"]
    assert KEY.fullmatch(key) and key in path.name
    assert body.rstrip(b"\n") == \
        spooled_text(value, message(), key).replace(b'\\/', b'/')
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.parent.stat().st_mode & 0o777 == 0o750
    assert not list((server.site.spool / "tmp").iterdir())

    call, = portal.calls
    assert call.path.removesuffix(".json") == \
        "/rest/imconnector.send.status.delivery"
    assert call.headers["user-agent"].startswith("imconnector-fcgi/")
    assert call.token == events.ACCESS
    element, = call.params["MESSAGES"]
    assert (call.params["CONNECTOR"], call.params["LINE"]) == \
        ("myconnector", 107)
    assert element["im"] == {"chat_id": 1807, "message_id": 86497}
    assert element["message"]["id"] == [path.name]
    assert element["chat"] == {"id": "channel-123"}
    server.site.wait_states({86497: "acknowledged"})


@pytest.mark.parametrize("media", [
    "application/x-www-form-urlencoded; charset=UTF-8",
    "Application/X-WWW-Form-Urlencoded;charset=utf-8",
    'application/x-www-form-urlencoded; charset="utf-8"'])
def test_media_type_parameters(start, portal, media):
    answer = start().post(as_form(event(endpoint=portal.endpoint)), media)
    assert answer.status == 200
    assert start().post(as_json(event(endpoint=portal.endpoint)),
                        media.lower().replace(FORM, JSON)).status == 200


def test_messages_of_one_event_go_in_one_call(start, front, portal):
    server = start(front)
    value = event(*(message(i, f"text {i}", chat=f"c{i}")
                    for i in range(1, 8)), endpoint=portal.endpoint)
    answer = server.post(as_form(value))
    assert (answer.status, answer.json) == (200, good(7))
    call, = portal.deliveries
    ids = {m["im"]["message_id"]: m["message"]["id"][0]
           for m in call.params["MESSAGES"]}
    assert set(ids) == set(range(1, 8))
    for path in server.site.spooled():
        body = json.loads(path.read_bytes())
        assert ids[body["im"]["message_id"]] == path.name


def test_messages_of_one_chat_keep_their_order(start, portal, channel):
    server = start("fcgi", channel={"url": channel.url})
    value = event(*(message(i) for i in (9, 3, 5, 4)),
                  endpoint=portal.endpoint)
    server.post(as_json(value), JSON)
    server.site.wait_states({i: "acknowledged" for i in (3, 4, 5, 9)})
    assert [o["im"]["message_id"] for o in channel.objects] == [3, 4, 5, 9]


def test_sparse_indexes(start, portal):
    server = start()
    body = as_form(event(message(1, "a"), message(2, "b"),
                         endpoint=portal.endpoint))
    body = body.replace(b"MESSAGES%5D%5B0%5D", b"MESSAGES%5D%5B10%5D") \
        .replace(b"MESSAGES%5D%5B1%5D", b"MESSAGES%5D%5B2%5D")
    assert b"%5B10%5D" in body
    assert server.post(body).json == good(2)
    assert sorted(o["message"]["text"] for o in server.site.objects()) == \
        ["a", "b"]


def test_files_and_unknown_keys_travel(start, front, portal):
    files = [{"name": "Счёт №17.pdf", "type": "file", "size": 20481,
              "link": "https://some-domain.bitrix24.com/~dEf34",
              "mime": "application/pdf", "sizef": "20 КБ"},
             {"name": "p.jpg", "type": "image", "width": 1280, "height": 720}]
    m = message(5, "", files=files, params={"a": {"b": [True, None, 1.5]}})
    m["new"] = {"nested": {"deep": "ü 😀"}, "flag": False}
    server = start(front)
    value = event(m, endpoint=portal.endpoint)
    value["future"] = {"x": [1, 2, {"y": "z"}]}
    value["data"]["EXTRA"] = {"MESSAGES": [{"im": 5}]}
    assert server.post(as_form(value)).json == good()
    got, = server.site.objects()
    assert got["message"]["files"] == \
        [{k: str(v) for k, v in f.items()} for f in files]
    assert got["message"]["params"] == {"a": {"b": ["1", "1.5"]}}
    assert got["message"]["text"] == ""
    assert got["new"] == {"nested": {"deep": "ü 😀"}, "flag": "0"}
    assert "future" not in got and "EXTRA" not in got
    assert got["ts"] == value["ts"]


def test_update(start, front, portal):
    server = start(front)
    assert server.post(as_form(events.update(
        ids=("a", "b"), endpoint=portal.endpoint))).json == good()
    got, = server.site.objects()
    assert got["event"] == events.UPDATE
    assert got["message"]["id"] == ["a", "b"]
    call, = portal.deliveries
    assert call.params["MESSAGES"][0]["im"]["message_id"] == 86497


def test_update_with_one_bare_id(start, portal):
    server = start()
    value = events.update(endpoint=portal.endpoint)
    value["data"]["MESSAGES"][0]["message"]["id"] = "ext-1"
    assert server.post(as_form(value)).json == good()
    assert len(portal.deliveries) == 1


def test_another_update_is_a_new_revision(start, portal):
    server = start("fcgi")
    texts = ["one", "two", "two", "one"]
    for text in texts:
        answer = server.post(as_form(events.update(
            text=text, endpoint=portal.endpoint)))
        assert answer.status == 200
    assert [o["message"]["text"] for o in server.site.objects()] == \
        ["one", "two", "one"]
    assert len({o["key"] for o in server.site.objects()}) == 3


@pytest.mark.parametrize("key", ["MESSAGES", "DATA"])
def test_delete_is_handed_over_without_status(start, front, portal, key):
    server = start(front)
    answer = server.post(as_form(events.delete(
        11, 12, key=key, endpoint=portal.endpoint)))
    assert (answer.status, answer.json) == (200, good(2))
    assert {(o["event"], o["message"]["id"]) for o in server.site.objects()} \
        == {(events.DELETE, "ext-11"), (events.DELETE, "ext-12")}
    assert portal.calls == []
    server.site.wait_states({11: "acknowledged", 12: "acknowledged"})


OTHERS = {
    "ONIMCONNECTORDIALOGSTART": {"CONNECTOR": "myconnector", "LINE": 107,
                                 "DATA": [{"session": {"id": 1},
                                           "chat": {"id": 8}}]},
    "ONIMCONNECTORDIALOGFINISH": {"CONNECTOR": "myconnector", "LINE": 107,
                                  "DATA": [{"im": {"chat_id": 1,
                                                   "message_id": 2},
                                            "chat": {"id": "8"}}]},
    "ONIMCONNECTORSTATUSDELETE": {"connector": "myconnector", "line": 107},
    "ONIMCONNECTORLINEDELETE": 107,
    "ONAPPTEST": {"QUERY": ""},
    "ONCRMDEALADD": {"FIELDS": {"ID": 5}},
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("media", [FORM, JSON])
def test_other_events_are_ignored(start, portal, name, media):
    server = start()
    value = event(name=name, endpoint=portal.endpoint)
    value["data"] = OTHERS[name]
    answer = server.post(SPELLINGS[media](value), media)
    assert answer.status == 200
    assert answer.json["result"] == "ignored" and answer.json["reason"]
    assert not server.site.spooled() and not portal.calls
    assert server.site.queue() == []


def test_another_connector_is_ignored(start, front, portal):
    server = start(front, app={"connectors": ["first", "second"]})
    answer = server.post(as_form(event(endpoint=portal.endpoint)))
    assert (answer.status, answer.json["result"]) == (200, "ignored")
    assert answer.json["reason"]
    assert not server.site.spooled() and not portal.calls
    answer = server.post(as_form(event(connector="Second",
                                       endpoint=portal.endpoint)))
    assert answer.json == good()


def test_event_name_without_regard_to_case(start, portal):
    server = start()
    value = event(name="OnImConnectorMessageAdd", endpoint=portal.endpoint)
    assert server.post(as_json(value), JSON).json == good()
    assert server.site.objects()[0]["event"] == events.ADD


def test_useless_numbers_count_as_absent(start, portal):
    server = start()
    value = event(message(user_id="undefined"), endpoint=portal.endpoint,
                  expires="undefined", expires_in="", user_id="undefined")
    value["ts"] = value["event_handler_id"] = "undefined"
    assert server.post(as_form(value)).json == good()
    got, = server.site.objects()
    assert "ts" not in got and "user_id" not in got["message"]


def test_repeat(start, front, portal):
    server = start(front)
    value = event(endpoint=portal.endpoint)
    assert server.post(as_form(value)).json == good()
    server.site.wait_states({86497: "acknowledged"})
    value["event_handler_id"], value["ts"] = 556, value["ts"] + 1
    answer = server.post(as_json(value), JSON)
    assert (answer.status, answer.json) == (200, good())
    assert len(server.site.spooled()) == 1 and len(portal.calls) == 1


def test_bare_and_sorted_form(start, portal):
    server = start("fcgi")
    value = event(message(1), endpoint=portal.endpoint)
    assert server.post(as_form(value, bare=True)).json == good()
    value = events.reordered(event(message(2), endpoint=portal.endpoint))
    assert server.post(as_form(value)).json == good()
    assert server.post(as_json(events.reordered(
        event(message(3), endpoint=portal.endpoint),
        lambda o: sorted(o, reverse=True))), JSON).json == good()
    assert len(server.site.spooled()) == 3


def test_large_text(start, front, portal):
    text = "😀" * 19999 + "я"
    server = start(front)
    body = as_form(event(message(1, text), endpoint=portal.endpoint))
    assert len(body) > 239000
    assert server.post(body).json == good()
    assert server.site.objects()[0]["message"]["text"] == text


def test_good_and_bad_elements(start, portal):
    server = start()
    bad = message(2)
    del bad["chat"]
    answer = server.post(as_json(event(message(1), bad, message(3),
                                       endpoint=portal.endpoint)), JSON)
    assert answer.status == 202 and answer.json["result"] == "queued"
    assert (answer.json["messages"], answer.json["acknowledged"]) == (3, 2)
    assert [o["im"]["message_id"] for o in server.site.objects()] == [1, 3]
    refused, = [m for m in server.site.queue() if m["state"] == "refused"]
    shown = server.site.ctl("queue", "show", refused["key"])
    assert "chat.id" in shown.stdout


def test_many_events_at_once(start, portal):
    """Sixteen senders, each its own chat: all taken, none twice."""
    import concurrent.futures
    server = start("nginx")

    def send(i):
        return server.post(as_form(event(
            message(i, chat=f"c{i}"), endpoint=portal.endpoint))).status
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(send, range(1, 101)))
    assert set(answers) <= {200, 202}
    server.site.wait_states({i: "acknowledged" for i in range(1, 101)})
    assert len(server.site.spooled()) == 100
    assert len(portal.first_ids) == 100
