"""The events beside messages: a dialog's start and finish, the end of a
connector on a line, the end of a line. They go to channels that ask.
"""

import json

import pytest

import events
from events import JSON, as_form, as_json, event, message, reordered
from site_folder import wait_until
from standin import Answer, Receiver

NAMES = ("DIALOGSTART", "DIALOGFINISH", "STATUSDELETE", "LINEDELETE")


def sibling(name, data, portal, ts=1773759161, event_id=1, **more):
    """An event of that name, as Bitrix24 sends it."""
    value = {"event": "ONIMCONNECTOR" + name, "eventId": event_id,
             "data": data, "ts": ts,
             "auth": events.auth(portal.endpoint, **more)}
    return {k: v for k, v in value.items() if v is not None}


def dialog(session=3282, closed="N", connector="myconnector", line=107,
           chat="8"):
    """An element of DATA."""
    return {"connector": {"connector_id": connector, "line_id": line,
                          "chat_id": chat, "user_id": 0},
            "session": {"id": session, "closed": closed, "parent_id": 0,
                        "close_term": 10},
            "chat": {"id": 4711}, "user": {"id": 0}}


def dialogs(name, portal, *elements, connector="myconnector", line=107,
            **more):
    """A dialog's start or finish."""
    return sibling(name, {"CONNECTOR": connector, "LINE": line,
                          "DATA": list(elements) or [dialog()]}, portal,
                   **more)


def every(portal, line=107):
    """One of each."""
    return {"DIALOGSTART": dialogs("DIALOGSTART", portal),
            "DIALOGFINISH": dialogs("DIALOGFINISH", portal,
                                    dialog(closed="Y")),
            "STATUSDELETE": sibling("STATUSDELETE", {
                "connector": "myconnector", "line": line}, portal),
            "LINEDELETE": sibling("LINEDELETE", line, portal)}


def all_texts(value):
    """As a form spells it: what a channel gets is text."""
    if isinstance(value, dict):
        return {k: all_texts(v) for k, v in value.items()}
    if isinstance(value, list):
        return [all_texts(v) for v in value]
    return str(value)


def lines_off(server):
    """How many lines are marked as off."""
    return json.loads(server.site.ctl("stats", "--json").stdout)["lines_off"]


@pytest.mark.parametrize("name", NAMES)
def test_nobody_asks(start, front, portal, name):
    """Ignored, as ever; but the end of a line is noted."""
    server = start(front)
    answer = server.post(as_form(every(portal)[name]))
    assert answer.status == 200 and answer.json == {
        "result": "ignored", "reason": "no channel asks for this event"}
    assert server.site.queue() == [] and server.site.objects() == []
    assert portal.calls == []
    assert lines_off(server) == (name in ("STATUSDELETE", "LINEDELETE"))
    assert ("event=line-off" in server.log()) == (lines_off(server) != 0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("spelled", ["form", "json", "sorted"])
def test_who_asks_gets_it(start, portal, name, spelled):
    server = start("fcgi", channel={"events": name.lower()})
    value = every(portal)[name]
    if spelled == "sorted":
        value = reordered(value)
    answer = server.post(as_form(value)) if spelled == "form" else \
        server.post(as_json(value), JSON)
    assert answer.status == 200, answer.body
    assert answer.json == {"result": "acknowledged", "messages": 1,
                           "acknowledged": 1}
    got, = server.site.objects()
    want = {"event": "ONIMCONNECTOR" + name, "member_id": events.MEMBER,
            "domain": "some-domain.bitrix24.com", "line": 107,
            "connector": "" if name == "LINEDELETE" else "myconnector",
            "ts": 1773759161}
    if name.startswith("DIALOG"):
        want["data"] = all_texts(value["data"]["DATA"][0])
    key = got.pop("key")
    assert key and got == want
    # Bitrix24 waits for no status, and a second binding says the same
    assert portal.calls == []
    assert server.post(as_form({**value, "eventId": 2})).status == 200
    assert len(server.site.objects()) == 1


def test_the_others_are_ignored(start, portal):
    server = start("fcgi", channel={"events": "DialogFinish"})
    for name, value in every(portal).items():
        result = server.post(as_form(value)).json["result"]
        assert result == ("acknowledged" if name == "DIALOGFINISH" else
                          "ignored")


def test_each_time_has_its_key(start, portal):
    """A line can be taken off more than once; each dialog is its own."""
    server = start("fcgi", channel={"events": ["dialogstart dialogfinish",
                                               "statusdelete"]})
    for value in (every(portal)["STATUSDELETE"],
                  {**every(portal)["STATUSDELETE"], "ts": 1773759162},
                  dialogs("DIALOGSTART", portal, dialog(1), dialog(2)),
                  dialogs("DIALOGFINISH", portal, dialog(1)),
                  dialogs("DIALOGFINISH", portal, dialog(1), ts=None)):
        assert server.post(as_form(value)).status == 200
    assert len({o["key"] for o in server.site.objects()}) == 6


def test_an_element_that_looks_like_a_message(start, portal):
    """It travels whole all the same."""
    element = {**dialog(), "im": {"chat_id": 1, "message_id": 2}}
    server = start("fcgi", channel={"events": "dialogstart"})
    assert server.post(as_form(dialogs("DIALOGSTART", portal,
                                       element))).status == 200
    got, = server.site.objects()
    assert got["data"] == all_texts(element)
    assert got["connector"] == "myconnector"


def test_start_comes_before_finish(start, portal, channel):
    """Of one dialog; another need not wait."""
    server = start("fcgi", channel={
        "url": channel.url, "events": "dialogstart dialogfinish"},
        retry={"first": 1, "longest": 1}, server={"answer_within": 1})
    channel.script(Answer(503))
    assert server.post(as_form(dialogs("DIALOGSTART", portal))).status == 202
    assert server.post(as_form(dialogs("DIALOGFINISH",
                                       portal))).status == 202
    channel.wait_for_calls(3)
    assert [o["event"][13:] for o in channel.objects] == [
        "DIALOGSTART", "DIALOGSTART", "DIALOGFINISH"]


def test_refused_and_retried(start, portal, channel):
    """In the queue it is a message like any other."""
    server = start("fcgi", channel={"url": channel.url,
                                    "events": "statusdelete"})
    channel.script("status:410")
    answer = server.post(as_form(every(portal)["STATUSDELETE"]))
    assert answer.status == 202 and answer.json["refused"] == 1
    refused, = server.site.queue()
    assert refused["state"] == "refused"
    assert server.site.ctl("queue", "retry", refused["key"]).returncode == 0
    server.site.wait_states({0: "acknowledged"})
    assert [o["key"] for o in channel.objects] == [refused["key"]] * 2


def test_the_end_of_a_line_goes_to_every_connector(start, portal, channel):
    """It names none: each channel that asks gets one of its own."""
    with Receiver() as other, Receiver() as third:
        server = start("fcgi", **{
            "channel": {"events": "linedelete"},
            "connector First": {"url": channel.url},
            "connector first/5": {"url": third.url},
            "connector second": {"url": other.url, "events": ""}})
        answer = server.post(as_form(every(portal)["LINEDELETE"]))
        assert answer.json == {"result": "acknowledged", "messages": 2,
                               "acknowledged": 2}
        assert server.post(as_form(every(portal, 5)["LINEDELETE"])) \
            .status == 200
        assert [o["connector"] for o in channel.objects] == ["first"]
        assert [o["line"] for o in third.objects] == [5]
        assert other.calls == []
        assert [(o["connector"], o["line"])
                for o in server.site.objects()] == [("", 107), ("", 5)]
        assert lines_off(server) == 2


def test_the_end_of_a_line_and_app_connectors(start, portal):
    """Then these are all that there are; one of them is down."""
    with Receiver() as first, Receiver() as second:
        first.always("status:500")
        server = start("fcgi", app={"connectors": "first Second"}, **{
            "channel": {"events": "linedelete"},
            "retry": {"first": 1, "longest": 1},
            "connector first": {"url": first.url},
            "connector second": {"url": second.url},
            "connector third": {"url": "null:"}})
        answer = server.post(as_form(every(portal)["LINEDELETE"]))
        assert answer.status == 202 and answer.json == {
            "result": "queued", "messages": 2, "acknowledged": 1,
            "queued": 1}
        assert [o["connector"] for o in second.objects] == ["second"]
        first.always(None)
        first.wait_for_calls(2)
        wait_until(lambda: [m["state"] for m in server.site.queue()] ==
                   ["acknowledged"] * 2)


def test_mark_goes_with_a_message(start, portal):
    """By what comes from the line again; other lines stay off."""
    server = start("cgi")
    for line in (107, 108):
        for name in ("STATUSDELETE", "LINEDELETE"):
            server.post(as_form(every(portal, line)[name]))
    assert lines_off(server) == 4
    assert server.post(as_form(event(message(1), endpoint=portal.endpoint,
                                     connector="MyConnector"))).status == 200
    assert lines_off(server) == 2


def test_of_another_connector(start, portal):
    """Not ours: neither handed over nor marked."""
    server = start("fcgi", app={"connectors": "other"},
                   channel={"events": " ".join(NAMES)})
    for name, value in every(portal).items():
        if name != "LINEDELETE":
            assert server.post(as_form(value)).json["reason"] == \
                "the connector is none of app.connectors"
    assert server.site.objects() == [] and lines_off(server) == 0


@pytest.mark.parametrize("name", NAMES)
def test_not_authentic(start, portal, name):
    """Nothing happens, and nothing is marked."""
    server = start("fcgi", channel={"events": " ".join(NAMES)})
    value = every(portal)[name]
    value["auth"]["application_token"] = "wrong"
    assert server.post(as_form(value)).status == 403
    assert server.site.objects() == [] and lines_off(server) == 0


@pytest.mark.parametrize("name,data,field", [
    ("STATUSDELETE", {"line": 107}, "data.connector"),
    ("STATUSDELETE", {"CONNECTOR": "myconnector", "LINE": 107},
     "data.connector"),
    ("STATUSDELETE", {"connector": "myconnector"}, "data.line"),
    ("STATUSDELETE", {"connector": "myconnector", "line": "x"}, "data.line"),
    ("STATUSDELETE", 107, "data.connector"),
    ("LINEDELETE", "x", "data"), ("LINEDELETE", 0, "data"),
    ("LINEDELETE", None, "data"), ("LINEDELETE", {"LINE": 107}, "data"),
    ("LINEDELETE", "9" * 4000, "data"),
    ("DIALOGSTART", {"LINE": 107, "DATA": [dialog()]}, "data.CONNECTOR"),
    ("DIALOGSTART", {"connector": "myconnector", "LINE": 107,
                     "DATA": [dialog()]}, "data.CONNECTOR"),
    ("DIALOGFINISH", {"CONNECTOR": "myconnector", "DATA": [dialog()]},
     "data.LINE"),
    ("DIALOGSTART", {"CONNECTOR": "myconnector", "LINE": 107}, "data.DATA"),
    ("DIALOGSTART", {"CONNECTOR": "myconnector", "LINE": 107, "DATA": "x"},
     "data.DATA"),
    ("DIALOGSTART", {"CONNECTOR": "myconnector", "LINE": 107,
                     "MESSAGES": [dialog()]}, "data.DATA")])
def test_unusable(start, portal, name, data, field):
    """422 where somebody asks, and no mark; else there was nothing to do."""
    value = sibling(name, data, portal)
    server = start("fcgi", channel={"events": " ".join(NAMES)})
    answer = server.post(as_json(value), JSON)
    assert answer.status == 422, answer.body
    assert answer.json["field"] == field
    assert server.site.objects() == [] and lines_off(server) == 0
    assert server.post(as_form(event(message(9), endpoint=portal.endpoint))) \
        .status == 200
    quiet = start("fcgi")
    assert quiet.post(as_form(value)).json["result"] == "ignored"
    assert lines_off(quiet) == 0
