"""The table of bad inputs: (name, status, media type, body).

Bodies that are malformed (400), too large in some way (413), not authentic
(403) or of no use (422). Used by test_bad_input.py; bad methods, media types
and lengths are there.
"""

import copy

from events import FORM, JSON, TOKEN, as_form, as_json, auth, event, message

GOOD_JSON = as_json(event())
GOOD_FORM = as_form(event())


def changed(path, value):
    """The documented event with the value at that path changed; ... removes
    it."""
    out = copy.deepcopy(event())
    at = out
    *way, last = path.split(".")
    for key in way:
        at = at[int(key)] if isinstance(at, list) else at[key]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return out


def both(name, status, value):
    """The same structure in both spellings."""
    yield name + ", JSON", status, JSON, as_json(value)
    yield name + ", form", status, FORM, as_form(value)


def in_json(name, status, raw):
    """A JSON value, as raw bytes, in the place of the text."""
    body = as_json(event(message(text="@")))
    assert body.count(b'"@"') == 1
    yield name, status, JSON, body.replace(b'"@"', raw)


def json_syntax():
    """Bodies that are no JSON."""
    for name, body in {
            "empty": b"", "blank": b" \n", "a word": b"hello",
            "two values": GOOD_JSON + b"{}", "garbage behind": GOOD_JSON + b"x",
            "comma behind": GOOD_JSON[:-1] + b",}",
            "single quotes": b"{'event':'x'}", "no quotes": b"{event:1}",
            "comment": b"/* */" + GOOD_JSON, "form as JSON": GOOD_FORM,
            "brackets crossed": b'{"a":[}]',
            "form feed in front": b"\f" + GOOD_JSON,
            "form feed between": GOOD_JSON.replace(b":", b":\f", 1),
            "vertical tab between": GOOD_JSON.replace(b",", b"\v,", 1),
            "vertical tab behind": GOOD_JSON + b"\n\v", "UTF-16":
            GOOD_JSON.decode().encode("utf-16")}.items():
        yield "JSON: " + name, 400, JSON, body
    for name, raw in {
            "NaN": b"NaN", "leading zero": b"01", "plus": b"+1",
            "hex": b"0x1", "bare dot": b"1.", "TRUE": b"TRUE",
            "newline in a string": b'"a\nb"', "tab in a string": b'"a\tb"',
            "bad escape": rb'"\x41"', "short escape": rb'"\u12"',
            "missing value": b""}.items():
        yield from in_json("JSON: " + name, 400, raw)


BAD_UTF8 = {
    "lone continuation": b"\x80", "overlong slash": b"\xc0\xaf",
    "overlong, 3 bytes": b"\xe0\x80\x80", "overlong, 4 bytes":
    b"\xf0\x80\x80\x80", "surrogate": b"\xed\xa0\x80",
    "surrogate pair": b"\xed\xa0\xbd\xed\xb8\x80",
    "above 10FFFF": b"\xf4\x90\x80\x80", "FE": b"\xfe", "cut short": b"\xc3",
    "cut by ASCII": b"\xe2\x82A", "latin-1": b"caf\xe9"}


def utf8():
    """Bad UTF-8, raw and percent-encoded, in values and keys."""
    for name, raw in BAD_UTF8.items():
        escaped = b"".join(b"%%%02X" % b for b in raw)
        yield from in_json(f"UTF-8 {name}: JSON value", 400, b'"' + raw + b'"')
        yield from in_json(f"UTF-8 {name}: JSON key", 400,
                           b'{"' + raw + b'":1}')
        for spelling, text in ("raw", raw), ("escaped", escaped):
            yield (f"UTF-8 {name}: form value, {spelling}", 400, FORM,
                   GOOD_FORM + b"&x=" + text)
            yield (f"UTF-8 {name}: form key, {spelling}", 400, FORM,
                   GOOD_FORM + b"&x[" + text + b"]=1")
    for name, raw in {
            "lone high": rb'"\ud83d"', "lone low": rb'"\ude00"',
            "high and letter": rb'"\ud83d\u0041"', "high and text":
            rb'"\ud83dabc"', "two highs": rb'"\ud83d\ud83d"',
            "reversed": rb'"\ude00\ud83d"', "in a key":
            rb'{"\ud83d":1}'}.items():
        yield from in_json("surrogate escape: " + name, 400, raw)


def nul():
    """NUL bytes in every spelling."""
    yield "NUL: form value", 400, FORM, GOOD_FORM + b"&x=a\0b"
    yield "NUL: form key", 400, FORM, GOOD_FORM + b"&x\0=1"
    yield "NUL: escaped value", 400, FORM, GOOD_FORM + b"&x=%00"
    yield "NUL: escaped key", 400, FORM, GOOD_FORM + b"&x[%00]=1"
    yield "NUL: behind the token", 400, FORM, GOOD_FORM.replace(
        TOKEN.encode(), TOKEN.encode() + b"%00x")
    yield from in_json("NUL: in JSON", 400, b'"a\0b"')
    yield from in_json("NUL: JSON escape", 400, rb'"a\u0000b"')
    yield from in_json("NUL: JSON escape in a key", 400, rb'{"\u0000":1}')
    yield "NUL: behind the JSON", 400, JSON, GOOD_JSON + b"\0"


def form_syntax():
    """Escapes and brackets."""
    for bad in (b"%", b"%4", b"%zz", b"%4g", b"%%41", b"%u0041", b"% 41"):
        yield f"escape {bad!r} in a value", 400, FORM, GOOD_FORM + b"&x=" + bad
        yield (f"escape {bad!r} in a key", 400, FORM,
               GOOD_FORM + b"&x[" + bad + b"]=1")
    for bad in (b"x[", b"x[a", b"x]", b"x[a]b", b"[a]", b"x[a]]", b"]x[",
                b"x%5Ba", b"%5Ba%5D", b""):
        yield f"name {bad!r}", 400, FORM, GOOD_FORM + b"&" + bad + b"=1"


def repeats():
    """Second values of what identifies, and returns to closed elements."""
    yield ("token twice, form", 400, FORM, GOOD_FORM +
           b"&auth[application_token]=" + TOKEN.encode())
    yield ("token twice, other spelling", 400, FORM,
           b"auth%5Bapplication_token%5D=x&" + GOOD_FORM)
    yield ("token twice, JSON", 400, JSON, GOOD_JSON.replace(
        b'"application_token"', b'"application_token":"x","application_token"'))
    yield ("token twice, auth twice", 400, JSON, GOOD_JSON[:-1] +
           b',"auth":' + as_json(auth()) + b"}")
    yield ("member_id twice", 400, FORM, GOOD_FORM + b"&auth[member_id]=x")
    yield ("access_token twice", 400, FORM,
           GOOD_FORM + b"&auth[access_token]=x")
    yield ("message_id twice", 400, JSON, GOOD_JSON.replace(
        b'"message_id":', b'"message_id":1,"message_id":'))
    yield ("LINE twice", 400, FORM, GOOD_FORM.replace(
        b"&data%5BLINE%5D=", b"&data%5BLINE%5D=1&data%5BLINE%5D="))
    yield ("event twice", 400, FORM, b"event=ONAPPTEST&" + GOOD_FORM)
    two = as_form(event(message(1), message(2)))
    yield ("back to a closed element, form", 400, FORM,
           two + b"&data%5BMESSAGES%5D%5B0%5D%5Bx%5D=1")
    elements = as_json(event()["data"]["MESSAGES"])
    yield ("back to a closed element, JSON", 400, JSON, GOOD_JSON.replace(
        elements, elements + b',"MESSAGES":' + elements))


def too_large():
    """Caps on size, depth, number and length."""
    for n in (65, 100, 20000):
        yield from in_json(f"{n} deep, JSON lists", 413, b"[" * n + b"]" * n)
        yield from in_json(f"{n} deep, JSON objects", 413,
                           b'{"a":' * n + b"1" + b"}" * n)
        yield f"{n} deep, form", 413, FORM, GOOD_FORM + b"&x" + b"[a]" * n + \
            b"=1"
    yield "never closed brackets", 413, JSON, b"[" * 500000
    yield "key of 257", 413, JSON, as_json({**event(), "k" * 257: 1})
    yield "key of 257, form", 413, FORM, GOOD_FORM + b"&x[" + b"k" * 257 + \
        b"]=1"
    yield "name of 257, form", 413, FORM, GOOD_FORM + b"&" + b"k" * 257 + b"=1"
    yield "name of 900000, form", 413, FORM, b"k" * 900000 + b"=1"
    yield from in_json("value of 300000", 413, b'"' + b"x" * 300000 + b'"')
    yield "value of 300000, form", 413, FORM, GOOD_FORM + b"&x=" + \
        b"x" * 300000
    yield from in_json("5000 values in an element", 413,
                       b"[" + b"1," * 4999 + b"1]")
    yield "400000 values", 413, JSON, GOOD_JSON[:-1] + b',"x":[' + \
        b"1," * 399999 + b"1]}"
    yield "20000 elements", 413, JSON, as_json(event()).replace(
        as_json(event()["data"]["MESSAGES"]), b"[" + b"{}," * 19999 + b"{}]")


def not_authentic():
    """Well formed, but the token is missing or wrong."""
    for name, token in {
            "missing": ..., "empty": "", "wrong": "x" * 32, "null": None,
            "a prefix": TOKEN[:-1], "longer": TOKEN + "0",
            "in capitals": TOKEN.upper(), "a list": [TOKEN],
            "an object": {"x": TOKEN}, "with a blank": TOKEN + " ",
            "true": True}.items():
        value = changed("auth.application_token", token)
        yield from both(f"token {name}", 403, value)
    yield from both("no auth", 403, changed("auth", ...))
    yield from both("auth is text", 403, changed("auth", TOKEN))
    yield from both("token outside auth", 403,
                    {**changed("auth", ...), "application_token": TOKEN})
    yield "JSON list", 403, JSON, b"[" + GOOD_JSON + b"]"
    yield "JSON number", 403, JSON, b"5"
    yield "JSON null", 403, JSON, b"null"
    yield "empty object", 403, JSON, b"{}"
    yield "a form without any field", 403, FORM, b"x=1"
    yield from both("wrong token and no LINE", 403, {
        **changed("data.LINE", ...), "auth": auth(application_token="x")})


NUMBERS = {"missing": ..., "null": None, "empty": "", "zero": 0,
           "negative": -1, "2^63": 2**63, "2^64 + 1": 2**64 + 1,
           "10^40": 10**40, "a fraction": 1.5, "a word": "undefined",
           "hex": "0x10", "a sign": "+5", "blanks": " 5", "a list": [5],
           "an object": {"a": 5}}


def of_no_use():
    """Authentic and well formed, but nothing can be done with it."""
    element = "data.MESSAGES.0."
    for field, path in {"LINE": "data.LINE", "chat_id": element + "im.chat_id",
                        "message_id": element + "im.message_id"}.items():
        for name, value in NUMBERS.items():
            yield from both(f"{field}: {name}", 422, changed(path, value))
    for field, path in {"CONNECTOR": "data.CONNECTOR", "member_id":
                        "auth.member_id", "chat.id": element + "chat.id",
                        "event": "event"}.items():
        for name, value in {"missing": ..., "null": None, "empty": "",
                            "a list": ["x"]}.items():
            yield from both(f"{field}: {name}", 422, changed(path, value))
    for name, value in {"missing": ..., "null": None, "empty": [],
                        "text": "x", "of texts": ["a", "b"],
                        "no list": {"a": {"b": "c"}}}.items():
        yield from both(f"MESSAGES: {name}", 422,
                        changed("data.MESSAGES", value))
    for part in ("im", "chat"):
        yield from both(f"no {part}", 422, changed(element + part, ...))
        yield from both(f"{part} is text", 422, changed(element + part, "x"))
    yield from both("no data", 422, changed("data", ...))
    yield from both("data is text", 422, changed("data", "107"))


BODIES = [case for group in (json_syntax, utf8, nul, form_syntax, repeats,
                             too_large, not_authentic, of_no_use)
          for case in group()]
