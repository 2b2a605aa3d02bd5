"""What goes wrong in a soak: seeded, and over when told.

A Weather changes every second or so between calm, rough and storm, which says
how often anything fails; ChannelTrouble and PortalTrouble say what fails, by
tables of (weight, answer). They are the `plan` of a Channel or a Bitrix
(tests/proof/peers.py). Some messages are marked by the load: a channel or a
portal refuses these for good, whatever the weather.
"""

import collections
import itertools
import json
import random
import time

CHANNEL_REFUSES = "a channel refuses this"      # a message's text
FINAL_STATUS = (400, 410, 413, 415, 422)

CHANNEL = [
    (20, "slow:0.2"), (5, "slow:1"),
    (12, "status:500"), (12, "status:503"), (6, "status:502"),
    (6, "status:429"), (3, "status:404"), (3, "status:401"),
    (3, "status:408"), (2, "status:403"), (2, "moved:http://127.0.0.1:9/"),
    (8, "cut"), (4, "cut-middle"), (3, "silence"),
    (4, "garbage"), (4, "empty"), (8, "two ids"),
]
PORTAL = [
    (15, "slow:0.2"), (5, "slow:1.5"),
    (8, "error:QUERY_LIMIT_EXCEEDED"), (3, "error:QUERY_LIMIT_EXCEEDED:200"),
    (6, "error:OPERATION_TIME_LIMIT"), (2, "error:OVERLOAD_LIMIT"),
    (4, "error:INTERNAL_SERVER_ERROR"), (4, "error:ERROR_UNEXPECTED_ANSWER"),
    (4, "error:CONNECTION_ERROR"), (4, "not-success"),
    (4, "status:502"), (3, "status:404"), (3, "status:204"),
    (4, "garbage"), (4, "empty"), (6, "cut"), (4, "cut-middle"),
    (3, "silence"), (10, "renamed"), (8, "all expired"),
    (3, "gone"),
    # these only for the token of an event: the stored one must help
    (4, "own:expired_token"), (4, "own:invalid_token"),
    (3, "own:NO_AUTH_FOUND"), (3, "own:user_access_error"),
    (3, "own:ACCESS_DENIED"), (2, "own:INVALID_CREDENTIALS"),
    (2, "own:invalid_token:200"),
]
OAUTH = [
    (20, "slow:0.3"), (5, "error:INTERNAL_SERVER_ERROR"), (5, "status:502"),
    (5, "garbage"), (3, "empty"), (3, "cut"), (1, "silence"),
]
FINAL_ERRORS = ("error:ERROR_ARGUMENT",
                "error:IMCONNECTOR_NO_CORRECT_PROVIDER:200")
GONE = ("PORTAL_DELETED", "PAYMENT_REQUIRED", "WRONG_LICENSE",
        "NOT_INSTALLED", "APPLICATION_NOT_FOUND", "ERROR_OAUTH")
SPELLINGS = itertools.count(1)


class Weather:
    """calm, rough, storm."""

    FAILS = (0.02, 0.05, 0.15, 0.3, 0.6)

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.over = False
        self.until, self.fails = 0.0, 0.0
        self.counts = collections.Counter()     # what was done

    def pick(self, table):
        """What happens now; None: nothing."""
        now = time.monotonic()
        if now > self.until:
            self.until = now + self.rng.uniform(0.3, 2.5)
            self.fails = self.rng.choice(self.FAILS)
        if self.over or self.rng.random() >= self.fails:
            return None
        what, = self.rng.choices([t[1] for t in table],
                                 [t[0] for t in table])
        self.counts[what.split(":")[0]] += 1
        return what


class ChannelTrouble:
    """The plan of a Channel."""

    def __init__(self, seed):
        self.weather = Weather(f"{seed} channel")

    def __call__(self, thing):
        if thing["message"].get("text") == CHANNEL_REFUSES:
            return f"status:{self.weather.rng.choice(FINAL_STATUS)}"
        what = self.weather.pick(CHANNEL)
        if what == "two ids":
            n = next(SPELLINGS)
            what = f'json:201:{{"ids":[{n},"second-{n}"]}}'
        return what


class PortalTrouble:
    """The plan of one Bitrix.

    `gone` is since when the portal gives none but errors that are final for
    it: it must be installed again. `refused` are the (chat_id, message_id)
    whose status it never takes."""

    def __init__(self, seed):
        self.weather = Weather(f"{seed} portal")
        self.gone, self.word = 0.0, ""
        self.refused = set()

    def __call__(self, portal, to, request):
        if to == "oauth":
            return self.weather.pick(OAUTH)
        if self.gone:
            return f"error:{self.word}"
        call = json.loads(request.body)
        if any((m["im"]["chat_id"], m["im"]["message_id"]) in self.refused
               for m in call["MESSAGES"]):
            return self.weather.rng.choice(FINAL_ERRORS)
        what = self.weather.pick(PORTAL)
        if what == "all expired":
            portal.expire()
            return None
        if what == "renamed":
            here = request.headers.get("host", "").startswith("localhost")
            name = "127.0.0.1" if here else "localhost"
            return f"moved:http://{name}:{portal.port}/"
        if what == "gone":
            self.word = self.weather.rng.choice(GONE)
            self.gone = time.monotonic()
            return f"error:{self.word}"
        if what and what.startswith("own:"):
            token = call.get("auth") or \
                request.headers.get("authorization", "")[len("Bearer "):]
            return f"error:{what[4:]}" if token in portal.own else None
        return what
