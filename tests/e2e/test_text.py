"""What a channel's options make of a message's text: the same bytes whatever
syntax the event came in, and on every attempt.
"""

import json

import pytest

from events import FORM, JSON, as_form, as_json, event, message, update
from site_folder import wait_until

SIGNED = "[b]Samantha Johnson:[/b] [br]"
TEXT = SIGNED + "[i]See[/i] <[url=https://a.example/?b&c]there[/url]>"


def objects(server, *messages, **more):
    """What is spooled of an event, from its form and from its JSON: the
    same bytes."""
    seen = []
    for spell, media in (as_form, FORM), (as_json, JSON):
        for path in server.site.spooled():
            path.unlink()
        value = event(*messages, **more)
        for m in value["data"]["MESSAGES"]:     # else it is a repeat
            m["im"]["message_id"] += len(seen)
        assert server.post(spell(value), media).status == 200
        path, = server.site.spooled()
        seen.append(path.read_bytes())
    one, two = map(json.loads, seen)
    assert one.pop("key") != two.pop("key")
    assert one["im"].pop("message_id") + 1 == two["im"].pop("message_id")
    assert list(one.items()) == list(two.items())
    return json.loads(seen[0])


CASES = [       # text, signature, author, text
    (None, None, None, TEXT),
    ("bbcode", "keep", None, TEXT),
    ("bbcode", "split", "Samantha Johnson", TEXT.removeprefix(SIGNED)),
    ("bbcode", "drop", None, TEXT.removeprefix(SIGNED)),
    ("plain", "keep", None, "Samantha Johnson: \nSee <there "
     "(https://a.example/?b&c)>"),
    ("plain", "split", "Samantha Johnson",
     "See <there (https://a.example/?b&c)>"),
    ("html", "keep", None, "<b>Samantha Johnson:</b> <br><i>See</i> &lt;"
     '<a href="https://a.example/?b&amp;c">there</a>&gt;'),
    ("html", "drop", None, "<i>See</i> &lt;"
     '<a href="https://a.example/?b&amp;c">there</a>&gt;'),
    ("markdown", "split", "Samantha Johnson",
     "*See* \\<[there](https://a.example/?b&c)\\>"),
]


@pytest.mark.parametrize("text, signature, author, want", CASES)
def test_text(start, portal, text, signature, author, want):
    server = start(channel={"text": text, "signature": signature})
    got = objects(server, message(5, TEXT), endpoint=portal.endpoint)
    assert got["message"] == {"user_id": 27, "text": want}
    assert got.get("author") == author
    assert list(got) == ["key", "event", "member_id", "domain", "connector",
                         "line", *(["author"] if author else []), "im",
                         "message", "chat", "ts"]


def test_an_update_as_well(start, portal):
    server = start(channel={"text": "plain", "signature": "split"})
    value = update(endpoint=portal.endpoint)
    assert server.post(as_form(value)).status == 200
    got, = server.site.objects()
    assert got["author"] == "Samantha Johnson"
    assert got["message"] == {"id": ["ext-1"], "text": "Good evening!"}


def test_each_line_its_own(start, portal):
    """Also where they share a folder; what a section leaves out is as in
    [channel]."""
    server = start()
    url = {"url": f"spool:{server.site.spool}"}
    server.site.write_config({
        **server.site.config, "channel": {**url, "text": "html"},
        "connector myconnector": {**url, "text": "plain"},
        "connector myconnector/7": {**url, "text": "markdown",
                                    "signature": "split"},
        "connector other": url})
    for i, (name, line) in enumerate([("myconnector", 1), ("myconnector", 7),
                                      ("other", 1), ("third", 1)]):
        value = event(message(i + 1, TEXT), connector=name, line=line,
                      endpoint=portal.endpoint)
        assert server.post(as_form(value)).status == 200
    assert {(o["connector"], o["line"]): o["message"]["text"][:3]
            for o in server.site.objects()} == {
        ("myconnector", 1): "Sam", ("myconnector", 7): "*Se",
        ("other", 1): "<b>", ("third", 1): "<b>"}


def test_every_attempt_the_same(start, portal, channel):
    """Also of a process that only reads it from the store."""
    channel.script("status:500", "status:500")
    server = start(channel={"url": channel.url, "text": "html",
                            "signature": "split"},
                   retry={"first": 1, "longest": 1})
    value = event(message(5, TEXT, files=[{"link": "/a", "name": "ж"}]),
                  endpoint=portal.endpoint)
    assert server.post(as_form(value)).status == 202

    def retried():
        assert server.site.ctl("retry").returncode == 0
        return len(channel.calls) == 3
    wait_until(retried, 60, "three attempts")
    assert len({c.body for c in channel.calls}) == 1
    base = portal.endpoint.removesuffix("rest/")
    assert channel.objects[0]["message"]["files"] == [
        {"link": base + "a", "name": "ж"}]


def test_the_longest_text(start, portal):
    """20,000 characters, each of them as long as can be."""
    server = start(channel={"text": "html"})
    got = objects(server, message(5, "[b]" + "\"" * 19997),
                  endpoint=portal.endpoint)
    assert got["message"]["text"] == "<b>" + "&quot;" * 19997 + "</b>"
