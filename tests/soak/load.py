"""The threads of a soak: who sends, who kills, who installs.

Each is run(stop) in a thread of its own until `stop`, a threading.Event, is
set; what goes wrong in one is kept in `problems` (see guarded()). All
randomness comes from the soak's seed.
"""

import itertools
import random
import threading
import time

import events
from trouble import CHANNEL_REFUSES

LINE = 107


def guarded(one, stop):
    """one.run(stop); an exception is a problem, too."""
    try:
        one.run(stop)
    except Exception as e:      # pylint: disable=broad-except
        one.problems.append(f"{type(one).__name__}: {e!r}")


class Numbers:
    """The message ids of each portal, ascending."""

    def __init__(self):
        self.lock = threading.Lock()
        self.next = {}

    def take(self, portal, n):
        """The next n."""
        with self.lock:
            first = self.next.get(portal, 1)
            self.next[portal] = first + n
            return range(first, first + n)


class Sender:
    """Some chats, each of one portal and connector; events one by one, so
    that one chat's messages are sent in the order of their numbers.
    `connectors` are {name: whether its channel can refuse a message}."""

    def __init__(self, poster, portals, connectors, numbers, *, seed, rate,
                 most_open, first_chat):
        self.poster, self.numbers, self.rate = poster, numbers, rate
        self.most_open, self.connectors = most_open, connectors
        self.rng = random.Random(f"{seed} sender")
        self.problems = []
        self.chats = [
            (portal, connector, chat_id, f"chat-{chat_id}")
            for chat_id, (portal, connector) in enumerate(
                itertools.product(portals, connectors), first_chat)]

    def run(self, stop):
        """See above."""
        while not stop.wait(self.rng.expovariate(self.rate)):
            if self.poster.ledger.open() > self.most_open:
                continue
            event, fates = self.event()
            media = self.rng.choice([events.FORM] * 9 + [events.JSON])
            if self.rng.random() < 0.03:        # the handler is bound twice
                twin = threading.Thread(target=self.poster.send,
                                        args=(event, fates))
                twin.start()
                self.poster.send(event, fates, media)
                twin.join()
            else:
                self.poster.send(event, fates, media)
            if self.rng.random() < 0.03:
                self.poster.send(event, fates)

    def event(self):
        """The next event of one of the chats, and the fates in it."""
        portal, connector, chat_id, chat = self.rng.choice(self.chats)
        numbers = self.numbers.take(portal, self.rng.choice((1, 1, 1, 1, 3)))
        fates, texts = {}, {}
        for n in numbers:
            kind = self.rng.random()
            if kind < 0.01 and self.connectors[connector]:
                texts[n] = CHANNEL_REFUSES
            elif kind < 0.02:
                portal.plan.refused.add((chat_id, n))
            if kind < 0.02:
                fates[n] = "refused"
        return events.event(*(
            events.message(n, texts.get(n, f"text {n}"), chat_id, chat)
            for n in numbers), connector=connector, line=LINE,
            **portal.auth()), fates


class Killer:
    """Ends handlers, mostly by SIGKILL, and starts them again. `deaths` are
    the (begin, end) of each end, in monotonic time."""

    def __init__(self, lives, seed):
        self.lives, self.rng = lives, random.Random(f"{seed} killer")
        self.kills = self.ends = 0
        self.deaths, self.problems = [], []

    def run(self, stop):
        """See above."""
        while not stop.wait(self.rng.uniform(0.2, 1.6)):
            life = self.rng.choice(self.lives)
            began = time.monotonic()
            if life.process.poll() is not None:
                self.problems.append("a handler ended by itself with "
                                     f"{life.process.returncode}")
            elif self.rng.random() < 0.9:
                life.kill()
                self.kills += 1
            else:
                try:
                    life.end()
                except AssertionError as e:
                    self.problems.append(str(e))
                self.ends += 1
            self.deaths.append((began, time.monotonic()))
            stop.wait(self.rng.choice((0, 0, 0.3)))
            life.start()


class Installer:
    """Installs portals again: those that are gone, and those whose refresh
    token was used and whose new one went down with a handler."""

    AFTER = 1.0                 # seconds that a portal stays gone

    def __init__(self, poster, portals):
        self.poster, self.portals = poster, portals
        self.seen = {portal: 0 for portal in portals}
        self.again = 0
        self.last = None            # the answer to the last installation
        self.problems = []

    def run(self, stop):
        """See above."""
        while not stop.wait(0.25):
            for portal in self.portals:
                if self.needed(portal):
                    self.again += self.install(portal)

    def needed(self, portal):
        """Whether the portal has no tokens that are any good."""
        lost = sum(1 for c in portal.refreshes if c.error == "invalid_grant")
        gone = portal.plan.gone
        return lost > self.seen[portal] or \
            (gone and time.monotonic() > gone + self.AFTER)

    def install(self, portal):
        """Installs it now; whether that was done."""
        lost = sum(1 for c in portal.refreshes if c.error == "invalid_grant")
        portal.plan.gone = 0.0
        self.last = self.poster.post(portal.install())
        if self.last[0] == 200:
            self.seen[portal] = lost
            return True
        if self.last[0] not in (0, 202, 502):
            self.problems.append(f"installation answered {self.last}")
        return False
