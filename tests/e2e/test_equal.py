"""One event, several spellings, byte-equal objects for the channel.

Each spelling gets a store and a spool of its own, for the same event has the
same key. Nothing is said to Bitrix24: the events carry no access token.
"""

import json

import pytest

import events
from events import as_form, as_json, event, message

FILES = [{"name": "a.jpg", "type": "image", "size": 183245, "width": 1280},
         {"name": "Счёт №17 (копия).pdf", "sizef": "20 КБ"}]


def element(**more):
    """The documented element with more beside its parts."""
    return {**message(), **more}


def in_message(**more):
    """The documented element with more in its message part."""
    return message(**more)


def form_only_text(value):
    """All scalars as text, as a replayed form would spell them in JSON."""
    if isinstance(value, dict):
        return {k: form_only_text(v) for k, v in value.items()}
    if isinstance(value, list):
        return [form_only_text(v) for v in value]
    return str(value) if type(value) is int else value


CASES = {
    "documented": event(),
    "all as text": form_only_text(event()),
    "several": event(message(1), message(2, "b"), message(3, chat="other")),
    "no text": event(in_message(text=None)),
    "empty text": event(in_message(text="")),
    "text zero": event(in_message(text="0")),
    "text is a number": event(in_message(text=12345678901234567890123)),
    "text is a fraction": event(in_message(text=12.5)),
    "text true": event(in_message(text=True)),
    "text false": event(in_message(text=False)),
    "quotes and escapes": event(message(text='"\\/\b\f\n\r\t\x01\x1f\x7f')),
    "html": event(message(text="<script>&amp;' + % = [a][] {b} ;")),
    "cyrillic and emoji": event(message(text="Привет, 😀 \u200d\u2028\ufeff")),
    "edges of UTF-8": event(message(text="\x7f\x80\u07ff\u0800\ud7ff\ue000"
                                         "\ufffd\uffff\U00010000\U0010ffff")),
    "files": event(in_message(files=FILES)),
    "empty files": event(in_message(files=[])),
    "no user": event(in_message(user_id=None)),
    "user zero": event(in_message(user_id=0)),
    "useless user": event(in_message(user_id="undefined")),
    "huge numbers": event(message(2**63 - 1, chat_id=2**63 - 1),
                          line=2**63 - 1),
    "nulls and empties": event(in_message(a=None, b=[], c={}, d=[None],
                                          e={"f": None, "g": [[]]}, h="")),
    "null in a list": event(in_message(a=[None, 1, None, "x"])),
    "nested lists": event(in_message(a=[[1, [2, 3]], [], [{"k": [True]}]])),
    "integer keys": event(in_message(a={"5": "five", "2": "two"})),
    "mixed keys": event(in_message(a={"5": "five", "x": "two"})),
    "keys with blanks": event(in_message(**{"a b": 1, "c.d": 2, "é": 3})),
    "unknown parts": event(element(attachments_old=['{"a":1}', "[]"],
                                   extra={"deep": [{"er": False}]})),
    "envelope names inside": event(element(key="mine", line=5, event="x",
                                           member_id="y", ts=1, domain="d",
                                           connector="z")),
    "im has more": event({**message(), "im": {"chat_id": 1, "message_id": 2,
                                              "more": "3"}}),
    "chat has more": event({**message(), "chat": {"id": "c", "name": "N"}}),
    "only what is required": event({"im": {"chat_id": 1, "message_id": 2},
                                    "chat": {"id": "c"}}),
    "chat id is a number": event(message(chat=12345)),
    "update": events.update(ids=("a", "b")),
    "update, bare id": events.event(
        {**message(), "message": {"id": "a", "text": "t"}},
        name=events.UPDATE),
    "delete": events.delete(1, 2),
    "delete as DATA": events.delete(1, key="DATA"),
    "no domain": event(domain=...),
    "upper-case connector": event(connector="MyConnector"),
}


def without_tokens(value):
    """The same event as robots cause it; the rest of auth stays."""
    value = json.loads(json.dumps(value))
    for name in ("access_token", "expires", "expires_in", "scope", "status"):
        value["auth"].pop(name, None)
    return value


def backwards(keys):
    """Every object upside down, and auth before data."""
    return sorted(keys, reverse=True)


SAME_BYTES = {
    "JSON": as_json,
    "form": as_form,
    "bare brackets": lambda v: as_form(v, bare=True),
    "JSON, ASCII": lambda v: as_json(v, ensure_ascii=True),
    "JSON, indented": lambda v: as_json(v, indent="\t\r\n "),
    "JSON, sorted envelope": lambda v: as_json(events.envelope_reordered(v)),
    "form, sorted envelope": lambda v: as_form(events.envelope_reordered(v)),
}
OTHER_ORDER = {
    "JSON, sorted": lambda v: as_json(events.reordered(v)),
    "form, sorted": lambda v: as_form(events.reordered(v)),
    "JSON, backwards": lambda v: as_json(events.reordered(v, backwards)),
    "form, backwards": lambda v: as_form(events.reordered(v, backwards)),
}


def objects_of(start, value, spellings):
    """{spelling: the channel's objects, in the order of messages}."""
    out = {}
    for name, spell in spellings.items():
        server = start()
        media = events.JSON if name.startswith("JSON") else events.FORM
        answer = server.post(spell(value), media)
        expected = 200 if value["event"] == events.DELETE else 202
        assert answer.status == expected, (name, answer)
        bodies = [p.read_bytes() for p in server.site.spooled()]
        assert len(bodies) == len(value["data"].get("MESSAGES") or
                                  value["data"]["DATA"]), name
        out[name] = sorted(bodies, key=lambda b: json.loads(b)["im"]
                           ["message_id"])
    return out


@pytest.mark.parametrize("name", CASES)
def test_byte_equal(start, name):
    value = without_tokens(CASES[name])
    got = objects_of(start, value, SAME_BYTES)
    for spelling, bodies in got.items():
        assert bodies == got["JSON"], spelling
    for body in got["JSON"]:
        check_object(json.loads(body), value)


@pytest.mark.parametrize("name", ["documented", "files", "mixed keys",
                                  "unknown parts", "update"])
def test_order_of_keys_changes_nothing(start, name):
    value = without_tokens(CASES[name])
    got = objects_of(start, value, OTHER_ORDER)
    assert got["JSON, sorted"] == got["form, sorted"]
    assert got["JSON, backwards"] == got["form, backwards"]
    plain = objects_of(start, value, {"JSON": as_json})["JSON"]
    for bodies in got.values():
        assert [json.loads(b) for b in bodies] == \
            [json.loads(b) for b in plain]


def check_object(got, value):
    """What the contract says about types and about the envelope."""
    assert got["event"] == value["event"]
    assert got["member_id"] == events.MEMBER
    assert got["connector"].lower() == "myconnector"
    assert got["line"] == int(value["data"]["LINE"])
    assert got["ts"] == int(value["ts"])
    assert type(got["im"]["chat_id"]) is type(got["im"]["message_id"]) is int
    assert type(got.get("message", {}).get("user_id", 1)) is int
    assert list(got)[0] == "key" and "auth" not in got
    only_text({k: v for k, v in got.items() if k not in ("line", "ts", "im")},
              numbers=("user_id",))


def only_text(value, numbers=()):
    """Every scalar is text, and nothing is null or empty but texts."""
    assert value not in (None, [], {})
    if isinstance(value, dict):
        for k, v in value.items():
            if k not in numbers:
                only_text(v, numbers)
    elif isinstance(value, list):
        for v in value:
            only_text(v, numbers)
    else:
        assert isinstance(value, str)


RULES = {       # what stands in the message part -> what the channel gets
    "true": (True, "1"), "false": (False, "0"), "zero": (0, "0"),
    "negative": (-5, "-5"), "list": ([3, 1, 2], ["3", "1", "2"]),
    "integer keys": ({"7": "a", "3": "b"}, ["a", "b"]),
    "list with holes": ([None, "a", [], "b"], ["a", "b"]),
    "object": ({"a": {"b": 1}}, {"a": {"b": "1"}}),
}


@pytest.mark.parametrize("name", RULES)
def test_rules(start, name):
    given, wanted = RULES[name]
    value = without_tokens(event(in_message(extra=given)))
    for bodies in objects_of(start, value, {"JSON": as_json,
                                            "form": as_form}).values():
        assert json.loads(bodies[0])["message"]["extra"] == wanted


def extra_of_json(start, raw):
    """What the channel gets for a part that only JSON can spell."""
    server = start()
    body = as_json(without_tokens(event(in_message(extra="@"))))
    server.post(body.replace(b'"@"', raw), events.JSON)
    return server.site.objects()[0]["message"]["extra"]


def test_number_spellings_stay(start):
    """JSON numbers travel as they were spelled."""
    assert extra_of_json(start, b"[1.50,1e3,-0,1E-2,1.0e3]") == \
        ["1.50", "1e3", "-0", "1E-2", "1.0e3"]


def test_empty_key_in_json(start):
    """It is a key like any other: no list, and nothing is lost."""
    assert extra_of_json(start, b'{"":"p","0":"q"}') == {"": "p", "0": "q"}
