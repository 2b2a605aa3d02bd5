"""Bodies by the thousand, from a seed: the same ones on every machine.

A Speller spells events, whole or broken, as a form or as JSON: few keys, so
that places are entered again and again; every kind of number, text and escape;
keys in any order. Nothing here knows what is right.
"""

import json
import random
import urllib.parse

KEYS = ["a", "b", "text", "id", "user_id", "files", "0", "1", "2", "7", "-5",
        "00", "-0", "1.5", " x", "a b", "c.d", "ключ", "😀", "k" * 40, "x[y",
        "key", "line", "im", "é"]
JSON_KEYS = KEYS + ["", " ", "x]", "[]", "\n", "9223372036854775807",
                    "-9223372036854775808", "9223372036854775808"]
TEXTS = ["", "x", "0", "1", "true", "null", "5 ", "-0", "007", "1e3", "a b",
         "Привет", "😀\u200d\ufeff", "\x01\x1f\x7f", "\b\f\n\r\t", '"\\/',
         "&=+%", "[b]x[/b] [br]", "\u2028\u0085", "<a href='x'>&amp;</a>",
         "x" * 300, "undefined", "\ud7ff\ue000\uffff\U0010ffff"]
NUMBERS = ["0", "-0", "1", "-1", "27", "1.0e3", "1E-2", "1.50", "-0.0",
           "1e999", "9223372036854775807", "9223372036854775808",
           "-9223372036854775808", "12345678901234567890123", "0.1e+05"]
IDS = ["1", "845", "9223372036854775807", "0", "-1", "x", "", "1.0", "01",
       "9223372036854775808"]
TIMES = [n for n in NUMBERS if n != "-0"]  # PHP's integer 0 has no sign
BYTES = [b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u", b"\\ud83d",
         b"\\u0000", b"0", b"-", b".", b"e5", b"nul", b"true", b" ", b"\n",
         b"\f", b"\v", b"\t", b"\0", b"\xc3", b"\xff", b"\xef\xbb\xbf", b"&",
         b"=", b"%", b"%00", b"%5B", b"%5D", b"%C3", b"+", b"/", b"'", b"[]",
         b"//", b"\xc2\xa0", b"&&", b"=&", b"\r"]


class Speller(random.Random):
    """See above."""

    def few(self, most):
        """Small numbers mostly."""
        return min(int(self.expovariate(0.6)), most)

    def odds(self, chance):
        """Whether something that rarely happens does."""
        return self.random() < chance

    def id(self):
        """An identifier, nearly always a good one."""
        return self.choice(IDS) if self.odds(0.04) else str(
            self.randint(1, 10**6))

    # -- forms

    def escaped(self, text, keep=""):
        """A part of a name or a value, in one of its spellings."""
        how = self.random()
        if how < 0.4:
            return urllib.parse.quote_plus(text, safe=keep)
        if how < 0.7:
            return "".join(c if c.isalnum() or c in keep else
                           urllib.parse.quote(c, safe="") for c in text)
        return urllib.parse.quote_plus(text, safe=keep + "/:.,;'() ").lower() \
            if text.isascii() and text.islower() else \
            urllib.parse.quote_plus(text, safe=keep)

    def name(self, path):
        """A name, its brackets bare or escaped."""
        head, *rest = path
        left, right = self.choice(["[]", ("%5B", "%5D"), ("%5b", "%5d")])
        return self.escaped(head) + "".join(
            left + self.escaped(key) + right for key in rest)

    def pair(self, path, value):
        """One pair of a form."""
        return self.name(path) + "=" + self.escaped(value, "[]=")

    def scalar(self):
        """A value, as a form spells it."""
        return self.choice(self.choice([TEXTS, NUMBERS]))

    def places(self):
        """Pairs of the free part of an element; many meet each other."""
        pool = self.sample(KEYS, 4)
        for _ in range(self.few(12)):
            way = [self.choice(["message", "message", "files", "chat", "im",
                                self.choice(pool)])]
            while self.odds(0.6) and len(way) < 8:
                way.append("" if self.odds(0.2) else self.choice(pool))
            if way[0] in ("chat", "im") and len(way) == 1 or \
                    way[:2] in (["chat", "id"], ["message", "id"]):
                continue        # an identifier, a second time
            yield way, self.scalar()

    def element_form(self, index):
        """An element's pairs."""
        here = ["data", "MESSAGES", index]
        pairs = [(["im", "chat_id"], self.id()),
                 (["im", "message_id"], self.id()),
                 (["chat", "id"], "c" if self.odds(0.95) else ""),
                 (["message", "user_id"], self.id()),
                 (["message", "text"], self.choice(TEXTS)), *self.places()]
        if self.odds(0.1):
            del pairs[self.randrange(4)]
        if self.odds(0.5):
            self.shuffle(pairs)
        return [self.pair(here + way, value) for way, value in pairs]

    def form(self):
        """A whole event."""
        parts = [[self.pair(["event"], "ONIMCONNECTORMESSAGEADD")],
                 [self.pair(["data", "CONNECTOR"], "my")],
                 [self.pair(["data", "LINE"], "107")],
                 [self.pair(["auth", "member_id"], "m")],
                 [self.pair(["auth", "domain"], "a.b")],
                 [self.pair(["ts"], self.choice(TIMES))],
                 [self.pair(["auth", "application_token"], "t")],
                 *[self.element_form(str(i)) for i in
                   self.sample(range(12), 1 + self.few(3))]]
        if self.odds(0.5):
            self.shuffle(parts)
        body = "&".join(pair for part in parts for pair in part)
        return ("&" * self.few(2) + body).encode()

    # -- JSON

    def blank(self):
        """What may stand between two tokens."""
        return "".join(self.choice(" \t\r\n") for _ in range(self.few(3))) \
            if self.odds(0.2) else ""

    def string(self, text):
        """A string, in one of its spellings."""
        out = json.dumps(text, ensure_ascii=self.odds(0.5))
        if self.odds(0.2):
            out = out.replace("/", r"\/")
        if self.odds(0.1):
            out = '"' + "".join(
                f"\\u{unit:04x}" for unit in memoryview(
                    text.encode("utf-16-le")).cast("H")) + '"'
        return out

    def value(self, depth=0):
        """Any value."""
        what = self.random()
        if what < 0.35 and depth < 6:
            pool = self.sample(JSON_KEYS, 4)
            return self.container([(self.choice(pool), self.value(depth + 1))
                                   for _ in range(self.few(6))])
        if what < 0.5 and depth < 6:
            return self.array([self.value(depth + 1)
                               for _ in range(self.few(6))])
        if what < 0.65:
            return self.choice(NUMBERS)
        if what < 0.8:
            return self.choice(["true", "false", "null"])
        return self.string(self.choice(TEXTS))

    def container(self, members):
        """An object; its keys are spelled, its values are."""
        b = self.blank
        return "{" + ",".join(
            f"{b()}{self.string(key)}{b()}:{b()}{value}{b()}"
            for key, value in members) + b() + "}"

    def array(self, items):
        """A list."""
        b = self.blank
        return "[" + ",".join(b() + item + b() for item in items) + b() + "]"

    def id_json(self):
        """An identifier: a number, or a text that spells one."""
        value = self.id()
        plain = value.isascii() and value.isdigit() and \
            (value[0] != "0" or value == "0")
        return value if plain and self.odds(0.7) else self.string(value)

    def element_json(self):
        """An element, with more than it needs."""
        im = [("chat_id", self.id_json()), ("message_id", self.id_json())]
        if self.odds(0.2):
            im.append(("more", self.string(self.choice(TEXTS))))
        parts = [("im", self.container(im)),
                 ("chat", self.container([("id", self.string("c"))])),
                 ("message", self.container([
                     ("user_id", self.id_json()),
                     ("text", self.string(self.choice(TEXTS))),
                     *[(self.choice(KEYS[5:]), self.value(2))
                       for _ in range(self.few(4))]])),
                 *[(key, self.value(1)) for key in
                   self.sample(JSON_KEYS, self.few(3)) if key != "im"]]
        if self.odds(0.1):
            del parts[self.randrange(3)]
        if self.odds(0.5):
            self.shuffle(parts)
        return self.container(parts)

    def json(self):
        """A whole event."""
        items = [self.element_json() for _ in range(1 + self.few(3))]
        messages = self.array(items) if self.odds(0.7) else self.container(
            zip(map(str, self.sample(range(12), len(items))), items))
        data = [("CONNECTOR", '"my"'), ("LINE", "107"), ("MESSAGES", messages)]
        auth = [("member_id", '"m"'), ("domain", '"a.b"'),
                ("application_token", '"t"')]
        parts = [("event", '"ONIMCONNECTORMESSAGEADD"'),
                 ("ts", self.choice(TIMES))]
        for key, inside in ("data", data), ("auth", auth):
            if self.odds(0.5):
                self.shuffle(inside)
            parts.append((key, self.container(inside)))
        if self.odds(0.5):
            self.shuffle(parts)
        return (self.blank() + self.container(parts) + self.blank()).encode()

    # -- and what is broken

    def broken(self, body):
        """A body with a few bytes too many, too little, or others."""
        for _ in range(1 + self.few(3)):
            i = self.randrange(len(body) + 1)
            j = min(len(body), i + self.randrange(6))
            what = self.randrange(5)
            if what == 0:
                body = body[:i] + body[j:]
            elif what == 1:
                body = body[:i] + body[i:j] + body[i:]
            elif what == 2 and self.odds(0.2):
                body = body[:i]
            else:
                body = body[:i] + self.choice(BYTES) + \
                    body[j if what == 3 else i:]
        return body
