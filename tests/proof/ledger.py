"""The ledger of a proof: what was sent, taken and told, and what was wrong.

The load writes down every event and its answer, the channels (peers.py) every
hand-over, the portals every delivery status; wrongs() holds them against each
other and against the queue as the operator's tool lists it. All times are of
time.monotonic(). Every wrong is a line of text under one of these names:

    lost        answered 200 or 202, or stored, but not acknowledged at the end
    fate        refused though nobody refused it, or the other way round
    untaken     told to Bitrix24 before the channel had taken it
    ids         told with other ids than the channel's last answer gave, or
                with different ids in two calls
    keys        one message handed over under two keys
    disorder    see below
    too-late    handed over again after it was told to Bitrix24
    too-early   answered 200 before Bitrix24 had accepted the status
    answers     answered with a status that nobody should have seen

disorder: A and B are messages of one chat, A with the smaller number. They
were waiting at the same time, A first, if both came in one event, or if the
client had A's answer (200 or 202) before it sent B. Then every hand-over of A
must come before the first hand-over of B. Messages whose answer was lost with
the handler have no place in that order, nor have refused ones.

Handed over twice is no wrong by itself: twice() counts the hand-overs that
followed one which the channel had taken and answered in full. But between the
two a handler must have died: baseless() lists those where none did.
"""

import collections
import dataclasses
import json
import threading
import time
import typing

TAKEN = (200, 202)              # the statuses of an event that was accepted
LAG = 0.3       # seconds that a request may wait in a channel's socket: whoever
                # sent it can be dead when the channel writes it down


class Ident(typing.NamedTuple):
    """A message as Bitrix24 knows it."""

    member: str
    connector: str
    line: int
    chat_id: int
    message_id: int


@dataclasses.dataclass
class Message:
    """A message of an event that was sent."""

    ident: Ident
    chat: tuple                 # what binds the order
    event: int                  # the number of its event
    fate: str                   # the state in which it must end
    sent: float
    answered: float = 0.0       # the first 200 or 202; 0: none
    at_200: float = 0.0         # the first 200; 0: none


@dataclasses.dataclass
class HandOver:
    """One hand-over of a message, and how the channel answered it."""

    key: str
    at: float
    until: float                # when the answer was on its way
    whole: bool                 # taken, and the answer went out in full
    ids: tuple


@dataclasses.dataclass
class Told:
    """A message in a delivery-status call."""

    at: float
    ids: tuple


class Ledger:
    """See above. Any thread may write."""

    def __init__(self):
        self.lock = threading.RLock()
        self.messages = {}      # Ident -> Message
        self.hand_overs = collections.defaultdict(list)
        self.told_calls = collections.defaultdict(list)
        self.accepted = {}      # Ident -> when Bitrix24 accepted the status
        self.events = 0
        self.answers = collections.Counter()    # status, 0: none -> events
        self.strange = []       # answers that nobody should have seen

    # -- writing

    def sending(self, event, fates=None):
        """An event of events.py is about to be sent; its Idents. `fates`
        says {message_id: state} of those that must not be acknowledged."""
        data = event["data"]
        found = []
        with self.lock:
            self.events += 1
            for m in data["MESSAGES"]:
                ident = Ident(event["auth"]["member_id"], data["CONNECTOR"],
                              data["LINE"], m["im"]["chat_id"],
                              m["im"]["message_id"])
                found.append(ident)
                if ident not in self.messages:      # else it is a repeat
                    self.messages[ident] = Message(
                        ident, (*ident[:3], m["chat"]["id"]), self.events,
                        (fates or {}).get(ident.message_id, "acknowledged"),
                        time.monotonic())
        return found

    def answered(self, idents, status, text="", allowed=(200, 202, 502)):
        """Its answer came; status 0: the connection broke."""
        now = time.monotonic()
        with self.lock:
            self.answers[status] += 1
            if status and status not in allowed:
                self.strange.append(f"{status}: {text}")
            for ident in idents:
                m = self.messages[ident]
                if status in TAKEN:
                    m.answered = m.answered or now
                if status == 200:
                    m.at_200 = m.at_200 or now

    def handed_over(self, thing, ids, whole, at, until):
        """A channel got `thing`, the object that channels get."""
        ident = Ident(thing["member_id"], thing["connector"], thing["line"],
                      thing["im"]["chat_id"], thing["im"]["message_id"])
        with self.lock:
            self.hand_overs[ident].append(
                HandOver(thing["key"], at, until, whole, tuple(ids)))

    def told(self, member, params, at, accepted):
        """A delivery status came to that member's portal; `accepted` are the
        (connector, line, chat_id, message_id) it has accepted by now."""
        with self.lock:
            for m in params.get("MESSAGES", []):
                short = (params["CONNECTOR"], params["LINE"],
                         m["im"]["chat_id"], m["im"]["message_id"])
                ident = Ident(member, *short)
                self.told_calls[ident].append(
                    Told(at, tuple(m["message"]["id"])))
                if short in accepted:
                    self.accepted.setdefault(ident, at)

    # -- reading

    def open(self):
        """How many sent messages still wait for their end."""
        with self.lock:
            return sum(1 for i, m in self.messages.items() if m.answered and
                       m.fate == "acknowledged" and i not in self.accepted)

    def twice(self):
        """{Ident: hand-overs too many}: after a full answer."""
        found = {}
        with self.lock:
            for ident, all_of_it in self.hand_overs.items():
                whole = [i for i, h in enumerate(all_of_it) if h.whole]
                again = len(all_of_it) - 1 - whole[0] if whole else 0
                if again:
                    found[ident] = again
        return found

    def baseless(self, deaths):
        """[text]: hand-overs after a full answer though no handler died in
        between; `deaths` are (begin, end) of each, in monotonic time."""
        found = []
        with self.lock:
            for ident, all_of_it in self.hand_overs.items():
                for one, two in zip(all_of_it, all_of_it[1:]):
                    if one.whole and not any(
                            begin <= two.at and end + LAG >= one.at
                            for begin, end in deaths):
                        found.append(f"{ident}: {two.at - one.at:.3f} s "
                                     "after it was taken")
        return found

    def story(self, ident):
        """All that is known of a message, as lines; times in seconds from
        its sending."""
        with self.lock:
            m = self.messages.get(ident)
            if m is None:
                return [f"{ident} was never sent"]
            what = [(m.sent, f"sent in event {m.event}")]
            if m.answered:
                what.append((m.answered, "answered 200 or 202"))
            for h in self.hand_overs.get(ident, ()):
                what.append((h.at, f"handed over as {h.key}, " + (
                    f"took it: {h.ids}" if h.whole else "not taken")))
            for t in self.told_calls.get(ident, ()):
                what.append((t.at, f"told with {t.ids}"))
            if ident in self.accepted:
                what.append((self.accepted[ident], "accepted by Bitrix24"))
            return [f"{at - m.sent:8.3f} {text}" for at, text in
                    sorted(what)]

    def wrongs(self, queue):
        """{name: [text]} of everything that was wrong; `queue` is the list
        of `imconnectorctl queue list --json` at the end."""
        found = {"answers": list(self.strange)}
        with self.lock:
            found["lost"], found["fate"] = self._ends(queue)
            found["untaken"], found["ids"] = self._tellings()
            found["keys"] = [
                f"{i}: {sorted({h.key for h in hs})}" for i, hs in
                self.hand_overs.items() if len({h.key for h in hs}) > 1]
            found["disorder"] = list(self._disorder())
            found["too-late"] = [
                f"{i}" for i, hs in self.hand_overs.items()
                if i in self.told_calls and
                hs[-1].at > self.told_calls[i][0].at]
            found["too-early"] = [
                f"{i}" for i, m in self.messages.items() if m.at_200 and
                self.accepted.get(i, m.at_200) >= m.at_200]
        return found

    def _ends(self, queue):
        lost, fate = [], []
        by_key = {h.key: i for i, hs in self.hand_overs.items() for h in hs}
        by_number = {i.message_id: i for i in self.messages}
        states = {ident_of(m, by_key, by_number): m for m in queue}
        for ident in self.messages.keys() | states.keys():
            stored = states.get(ident)
            sent = self.messages.get(ident)
            state = stored["state"] if stored else "not stored"
            wanted = sent.fate if sent else "acknowledged"
            if not stored and not sent.answered:
                continue            # the handler died before it stored it
            why = f"{ident}: {state} {(stored or {}).get('reason', '')}"
            if state == wanted == "refused":
                continue
            if "refused" in (state, wanted):
                fate.append(why)
            elif state != "acknowledged" or ident not in self.accepted:
                lost.append(why + ("" if ident in self.accepted else
                                   ", and Bitrix24 does not know"))
        return lost, fate

    def _tellings(self):
        untaken, ids = [], []
        for ident, calls in self.told_calls.items():
            taken = [h for h in self.hand_overs.get(ident, ())
                     if h.whole and h.until <= calls[0].at]
            told = {c.ids for c in calls}
            if not taken:
                untaken.append(f"{ident}: {sorted(told)}")
            elif told != {taken[-1].ids}:
                ids.append(f"{ident}: told {sorted(told)}, given "
                           f"{[h.ids for h in taken]}")
        return untaken, ids

    def _disorder(self):
        chats = collections.defaultdict(list)
        for ident, m in self.messages.items():
            if m.answered and ident in self.hand_overs and \
                    m.fate == "acknowledged":
                chats[m.chat].append(m)
        for messages in chats.values():
            messages.sort(key=lambda m: m.ident.message_id)
            for i, b in enumerate(messages):
                first = self.hand_overs[b.ident][0].at
                for a in messages[:i]:
                    last = self.hand_overs[a.ident][-1].at
                    if last > first and (a.event == b.event or
                                         a.answered < b.sent):
                        yield (f"{a.ident} after message "
                               f"{b.ident.message_id} by "
                               f"{last - first:.3f} s")


def ident_of(stored, by_key, by_number):
    """Whose row of the queue that is. Of what is acknowledged only its key
    and its number are left."""
    if stored["member_id"]:
        return Ident(stored["member_id"], stored["connector"],
                     stored["line"], stored["chat_id"], stored["message_id"])
    number = stored["message_id"]
    return by_key.get(stored["key"]) or by_number.get(number) or \
        Ident("", stored["key"], 0, 0, number)


def ids_given(body, key):
    """The ids in a channel's good answer; the key if there are none."""
    try:
        value = json.loads(body)
    except ValueError:
        return (key,)
    if not isinstance(value, dict):
        return (key,)
    ids = value.get("ids") or [value.get("id")]
    ids = tuple(str(i) for i in ids if i not in (None, ""))
    return ids or (key,)
