"""The ledger itself: it sees each wrong, and nothing in a good journey."""

import json
import pathlib
import sys
import time

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "proof"), str(TESTS / "e2e")]

# pylint: disable=wrong-import-position
import events  # noqa: E402
from ledger import Ledger, ids_given  # noqa: E402


class Story:
    """Messages 1, 2, ... of one chat, each step as it is called."""

    def __init__(self):
        self.ledger = Ledger()
        self.stored = {}
        self.done = {}              # what the portal has accepted

    def send(self, *numbers, status=200, fates=None):
        """One event, answered at once."""
        event = events.event(*(events.message(n) for n in numbers))
        idents = self.ledger.sending(event, fates)
        for n in numbers:
            self.stored.setdefault(n, "acknowledged")
        if status is not None:
            self.ledger.answered(idents, status)

    def hand(self, n, key=None, ids=("x",), whole=True):
        """A hand-over."""
        time.sleep(0.001)
        now = time.monotonic()
        self.ledger.handed_over(
            {"member_id": events.MEMBER, "connector": "myconnector",
             "line": 107, "im": {"chat_id": 1807, "message_id": n},
             "key": key or f"key-{n}"}, ids, whole, now, now)

    def tell(self, *numbers, ids=("x",), accepted=True):
        """A delivery status."""
        time.sleep(0.001)
        for n in numbers if accepted else ():
            self.done["myconnector", 107, 1807, n] = ids
        self.ledger.told(events.MEMBER, {
            "CONNECTOR": "myconnector", "LINE": 107, "MESSAGES": [
                {"im": {"chat_id": 1807, "message_id": n},
                 "message": {"id": list(ids)}} for n in numbers]},
            time.monotonic(), self.done)
        time.sleep(0.001)

    @staticmethod
    def row(n, state):
        """As the tool lists it: no more than that of what is done."""
        row = {"member_id": "", "connector": "", "line": 0, "chat_id": 0,
               "message_id": n, "state": state, "key": f"key-{n}"}
        if state != "acknowledged":
            row |= {"member_id": events.MEMBER, "connector": "myconnector",
                    "line": 107, "chat_id": 1807}
        return row

    def wrong(self):
        """The names of the wrongs."""
        queue = [self.row(n, s) for n, s in self.stored.items() if s]
        return {k for k, v in self.ledger.wrongs(queue).items() if v}


@pytest.fixture
def story():
    """An empty one."""
    return Story()


def test_good_journeys(story):
    story.send(1, status=202)
    story.hand(1, whole=False)
    story.send(2, status=202)
    story.hand(1)
    story.hand(2, ids=("a", "b"))
    story.tell(1, accepted=False)
    story.tell(1)
    story.tell(2, ids=("a", "b"))
    story.send(1, 2)                        # a repeat
    assert not story.wrong() and not story.ledger.twice()
    assert story.ledger.open() == 0
    assert len(story.ledger.story(next(iter(story.ledger.messages)))) > 3


def test_lost(story):
    story.send(1, status=202)
    assert story.wrong() == {"lost"} and story.ledger.open() == 1
    story.hand(1)
    story.tell(1, accepted=False)
    assert story.wrong() == {"lost"}        # the store says acknowledged
    story.tell(1)
    assert not story.wrong()
    story.stored[1] = "delivered"
    assert story.wrong() == {"lost"}
    story.stored[1] = None
    assert story.wrong() == {"lost"}


def test_not_accepted_is_not_lost_but_stored_is(story):
    story.send(1, status=502)
    story.stored[1] = None
    assert not story.wrong()
    story.stored[1] = "received"
    assert story.wrong() == {"lost"}


def test_fates(story):
    story.send(1, status=202, fates={1: "refused"})
    assert story.wrong() == {"fate"}
    story.stored[1] = "refused"
    assert not story.wrong()
    story.send(2, status=202)
    story.stored[2] = "refused"
    assert story.wrong() == {"fate"}


def test_untaken_and_other_ids(story):
    story.send(1, status=202)
    story.tell(1)
    assert story.wrong() == {"untaken"}
    story.send(2, status=202)
    story.hand(2, whole=False)
    story.tell(2)
    story.send(3, status=202)
    story.hand(3)
    story.tell(3, ids=("y",))
    assert story.wrong() == {"untaken", "ids"}


def test_ids_of_the_last_answer_and_no_others_later(story):
    story.send(1, status=202)
    story.hand(1, ids=("x",))
    story.hand(1, ids=("y",))
    story.tell(1, ids=("y",))
    assert not story.wrong() and list(story.ledger.twice().values()) == [1]
    story.tell(1, ids=("x",))
    assert story.wrong() == {"ids"}


def test_a_repeat_needs_a_death(story):
    before = time.monotonic() - 1.0
    story.send(1, status=202)
    story.hand(1, whole=False)
    story.hand(1)
    assert not story.ledger.baseless([])
    death = time.monotonic()
    story.hand(1)
    assert not story.ledger.baseless([(death, death)])
    assert len(story.ledger.baseless([(before, before)])) == 1
    assert len(story.ledger.baseless([])) == 1


def test_keys_and_late_repeats(story):
    story.send(1, status=202)
    story.hand(1)
    story.hand(1, key="another")
    assert "keys" in story.wrong()
    story.tell(1)
    story.hand(1)
    assert story.wrong() == {"keys", "too-late"}


def test_too_early_and_strange_answers(story):
    story.send(1)                   # 200
    story.hand(1)
    story.tell(1)
    assert story.wrong() == {"too-early"}
    story.send(2, status=503)
    story.stored[2] = None
    assert story.wrong() == {"too-early", "answers"}


def test_disorder(story):
    story.send(1, status=202)
    story.send(2, status=202)
    story.hand(2)
    story.hand(1)
    story.tell(1, 2)
    assert story.wrong() == {"disorder"}


def test_disorder_within_an_event_and_by_a_repeat(story):
    story.send(1, 2, status=202)
    story.hand(1)
    story.hand(2)
    assert "disorder" not in story.wrong()
    story.hand(1)
    assert "disorder" in story.wrong()


def test_no_order_without_an_answer(story):
    story.send(1, status=502)
    story.send(2, status=202)
    story.hand(2)
    story.hand(1)
    story.tell(1, 2)
    assert not story.wrong()


@pytest.mark.parametrize("body,ids", [
    ('{"id": 5}', ("5",)), ('{"ids": ["a", 1]}', ("a", "1")),
    ('{"id": ""}', ("k",)), ("[]", ("k",)), ("no json", ("k",)),
    ("", ("k",)), (json.dumps({"ids": []}), ("k",))])
def test_ids_given(body, ids):
    assert ids_given(body, "k") == ids
