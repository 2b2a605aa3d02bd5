"""Thousands of bodies: our readers against PHP.

For each, the objects that a channel gets must be what the rules (rules.py)
make of PHP's reading. rules.py lists all that PHP does otherwise. A seed gives
the same bodies again: IMCONNECTOR_SEED; else it is always the same.
"""

import collections
import json
import os

import pytest

import rules
from readers import FORM, JSON, Array, Php, ours
from spell import Speller

MANY = 3000
ADD = "ONIMCONNECTORMESSAGEADD"
SEED = os.environ.get("IMCONNECTOR_SEED", "1")
# reasons that no text alone tells: PHP takes the last of several
REPEATS = ("is given twice", "goes back to an element that is closed")


@pytest.fixture(scope="module")
def php():
    """PHP's server, for all of them."""
    with Php() as server:
        yield server


def same(want, got):
    """Equal, with the order of members, and with no number for a text."""
    if isinstance(want, dict):
        return isinstance(got, dict) and list(want) == list(got) and \
            all(same(want[k], got[k]) for k in want)
    if isinstance(want, list):
        return isinstance(got, list) and len(want) == len(got) and \
            all(map(same, want, got))
    if isinstance(want, rules.Spelled):
        return want == got
    return type(want) is type(got) and want == got


def unique(pairs):
    """A JSON object, no key of which comes twice."""
    out = dict(pairs)
    assert len(out) == len(pairs), pairs
    return out


def php_reads_json_otherwise(body):
    """Whether in some object a container follows one of the same name, or
    what may be a number is -0."""
    found = set()

    def look(pairs):
        last = {}
        for key, value in pairs:
            if isinstance(value, (dict, list)) and \
                    isinstance(last.get(key), (dict, list)):
                found.add("merged")
            if value == "-0" and key in ("ts", "user_id", "chat_id"):
                found.add("minus zero")
            last[key] = value
        return last
    json.loads(body, object_pairs_hook=look, parse_int=str)
    return " and ".join(sorted(found))


def check_objects(event, answer):
    """What our readers made of it is what the rules make of PHP's."""
    want = rules.objects_of(event)
    got = sorted(answer.messages, key=lambda m: m.arrival)
    assert [bad for bad, _ in want] == [m.bad for m in got]
    for (_, told), message in zip(want, got):
        given = json.loads(message.object, object_pairs_hook=unique)
        assert same(told, given), f"{list(told.items())}\n{given}"
    check_order(got, answer)


def check_order(arrived, answer):
    """Those of use are handed over by message_id, then by arrival."""
    def key(m):
        return json.loads(m.object)["im"]["message_id"], m.arrival
    good = [m for m in answer.messages if m.bad == "-"]
    assert good == sorted([m for m in arrived if m.bad == "-"], key=key)


def check_unusable(event, answer):
    """Something is missing indeed."""
    line = rules.number(rules.at(event, "data", "LINE"))
    texts = [rules.at(event, *way) for way in
             (("auth", "member_id"), ("data", "CONNECTOR"))]
    assert answer.error == "UNUSABLE_FIELD" and (
        line is None or line < 1 or not rules.elements(event) or
        str(rules.at(event, "event")).upper() != ADD or
        any(t in (None, "") or isinstance(t, Array) for t in texts)), answer


def check_form(body, read, answer):
    """Returns what came of it, for the count."""
    if answer.error == "TOO_LARGE":
        return "limits"
    if answer.error == "MALFORMED":
        if any(r in answer.why for r in REPEATS):
            return "repeats"
        assert rules.is_refused(body), answer
        return "refused"
    assert not rules.is_refused(body), answer
    if rules.php_reads_names_otherwise(body):
        return "other names"
    return compare(read.value, answer)


def check_json(body, read, answer):
    """Returns what came of it, for the count."""
    if answer.error == "TOO_LARGE":
        return "limits"
    if answer.error == "MALFORMED":
        if any(r in answer.why for r in REPEATS):
            return "repeats"
        assert not read.ok or "NUL" in answer.why, answer
        return "refused"
    if body.startswith(b"\xef\xbb\xbf"):
        return "BOM"
    assert read.ok, answer
    return php_reads_json_otherwise(body) or compare(read.value, answer)


def compare(event, answer):
    """Whether there are objects or not, both say so."""
    event = event if isinstance(event, Array) else Array()
    if answer.error:
        check_unusable(event, answer)
        return "unusable"
    check_objects(event, answer)
    return "equal"


def run(php, media, spell, check):
    """Compares many; how often what came of it."""
    speller = Speller(f"{SEED} {media} {spell.__name__}")
    bodies = [(media, spell(speller), speller.choice([1, 7, 31, 1 << 16]))
              for _ in range(MANY)]
    count = collections.Counter()
    answers = ours(bodies)
    assert len(answers) == MANY
    for (_, body, _), answer in zip(bodies, answers):
        try:
            count[check(body, php.read(media, body), answer)] += 1
        except AssertionError as e:
            raise AssertionError(f"{body!r}\n{answer}\n{e}") from e
    return count


def a_form(speller):
    """Whole or, now and then, with useless identifiers."""
    return speller.form()


def a_broken_form(speller):
    """Most of them are refused."""
    return speller.broken(speller.form())


def a_json(speller):
    """The same as JSON."""
    return speller.json()


def a_broken_json(speller):
    """And most of these."""
    return speller.broken(speller.json())


def test_forms(php):
    count = run(php, FORM, a_form, check_form)
    assert count["equal"] > MANY * 0.9, count


def test_broken_forms(php):
    count = run(php, FORM, a_broken_form, check_form)
    assert count["equal"] > MANY * 0.2 < count["refused"], count


def test_json(php):
    count = run(php, JSON, a_json, check_json)
    assert count["equal"] > MANY * 0.8, count


def test_broken_json(php):
    count = run(php, JSON, a_broken_json, check_json)
    assert count["equal"] > MANY * 0.02 < count["refused"], count
