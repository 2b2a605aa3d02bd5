"""The stand-ins of tests/standin, writing the ledger of a proof.

    Channel  an HTTP channel
    Bitrix   a portal and its OAuth server, for one member_id
    Spool    looks at a spool folder, which is a channel that answers nobody

`plan`, where there is one, is asked about every request and says how it is
answered (a spelling of standin/answers.py, an Answer, or None: as usual).
"""

import ctypes
import itertools
import json
import os
import struct
import threading
import time

from ledger import ids_given
from standin import Portal, Receiver
from standin.limits import OperatingTime
from standin.portal import DELIVERY

numbers = itertools.count(1)    # no two things here get the same name


class Channel(Receiver):
    """plan(thing): `thing` is what was posted. `patience` is the handler's
    channel.timeout: who is answered later than that has gone."""

    def __init__(self, ledger, plan=None, patience=30.0):
        super().__init__()
        self.ledger, self.plan, self.patience = ledger, plan, patience
        self.one = threading.Lock()     # a plan meets its own request

    def respond(self, request):
        if request.path.startswith("/standin/"):
            return super().respond(request)
        thing = json.loads(request.body)
        with self.one:
            plan = self.plan(thing) if self.plan else None
            if plan is not None:
                self.script(plan)
            at = time.monotonic()
            answer = super().respond(request)
        whole = not answer.cut and 200 <= answer.status < 300 and \
            answer.delay < self.patience
        self.ledger.handed_over(thing, ids_given(answer.body, thing["key"]),
                                whole, at, at + answer.delay)
        return answer


class ShortOperating(OperatingTime):
    """Operating time whose block is over in two seconds, not in minutes."""

    def add(self):
        total, _ = super().add()
        return min(total, 1.0), int(self.clock()) + 2

    def exceeded(self):
        return False


class Bitrix(Portal):
    """plan(portal, call): call is "rest" or the token, "oauth" or the form.

    look() is called before a delivery status is judged."""

    def __init__(self, ledger, plan=None, look=None):
        super().__init__()
        self.ledger, self.plan, self.look = ledger, plan, look
        self.one = threading.Lock()
        self.operating = ShortOperating()
        self.application_token = f"application-token-{next(numbers):04}-" + \
            "0" * 8
        self.own = set()                # access tokens that events carry

    def respond(self, request):
        if request.path.startswith("/standin/"):
            return super().respond(request)
        if self.look:
            self.look()
        to = "oauth" if request.path == "/oauth/token/" else "rest"
        with self.one:
            plan = self.plan(self, to, request) if self.plan else None
            if plan is not None:
                self.script(plan, to=to)
            at = time.monotonic()
            answer = super().respond(request)
            call = self.calls[-1]
            if call.rest == DELIVERY:
                self.ledger.told(self.member_id, call.params, at,
                                 self.first_ids)
        return answer

    def event_token(self):
        """A good access token for an event, as Bitrix24 puts one in."""
        token = self.add_token()
        self.own.add(token)
        return token

    def expire(self):
        """Every access token given so far has expired."""
        for token in list(self.tokens.values()):
            token.expires = 0.0

    def auth(self, **more):
        """The auth part of this portal's events."""
        return {"endpoint": self.endpoint, "member_id": self.member_id,
                "server_endpoint": self.endpoint,
                "application_token": self.application_token,
                "access_token": self.event_token(), **more}

    def install(self):
        """An ONAPPINSTALL of now, with a new refresh token."""
        auth = self.auth(refresh_token=self.add_refresh_token())
        auth["client_endpoint"] = auth.pop("endpoint")
        auth.update(domain="portal.example", expires_in=3600, status="L",
                    scope="imconnector,imopenlines", user_id=1)
        return {"event": "ONAPPINSTALL", "data": {
            "VERSION": 1, "ACTIVE": "Y", "INSTALLED": "Y",
            "LANGUAGE_ID": "en"}, "ts": self._later(), "auth": auth}

    def _later(self):
        """The time in seconds, later each time it is asked for."""
        self.last_ts = max(getattr(self, "last_ts", 0) + 1, int(time.time()))
        return self.last_ts


class Spool:
    """look() writes down what has come into the folder since the last one.

    The kernel tells of each file that is moved there, so that one which
    replaced its own name counts as handed over again. The time is that of the
    writing, by the kernel's coarse clock; a writing that was replaced before
    anybody looked gets the time of the one before it, which keeps the order.
    """

    MOVED_FROM, MOVED_TO, OVERFLOW = 0x40, 0x80, 0x4000     # inotify(7)
    FIELDS = struct.Struct("iIII")

    def __init__(self, ledger, folder):
        self.ledger, self.folder = ledger, folder / "new"
        self.lock = threading.Lock()
        self.offset = time.time() - time.monotonic()
        self.last = 0.0
        owner = folder.parent.stat()
        for path in (folder, folder / "tmp", folder / "new"):
            path.mkdir(mode=0o750)          # as the handler makes them
            os.chown(path, owner.st_uid, owner.st_gid)
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self.libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self._watch(folder / "new", self.MOVED_TO)
        # between two of the same name, or the kernel makes them one
        self._watch(folder / "tmp", self.MOVED_FROM)

    def _watch(self, folder, what):
        done = self.libc.inotify_add_watch(self.fd, os.fsencode(folder), what)
        assert done >= 0, os.strerror(ctypes.get_errno())

    def look(self):
        """See above."""
        with self.lock:
            names = list(self._names())
            for i, name in enumerate(names):
                self._write_down(name, name not in names[i + 1:])

    def close(self):
        """Looks no more."""
        os.close(self.fd)

    def _names(self):
        """The names of the files that were moved there, in their order."""
        while True:
            try:
                data = os.read(self.fd, 1 << 16)
            except BlockingIOError:
                return
            at = 0
            while at < len(data):
                _, mask, _, size = self.FIELDS.unpack_from(data, at)
                at += self.FIELDS.size
                assert not mask & self.OVERFLOW, "too many files at once"
                if mask & self.MOVED_TO:
                    yield data[at:at + size].rstrip(b"\0").decode()
                at += size

    def _write_down(self, name, lasts):
        path = self.folder / name
        if lasts:
            written = path.stat().st_mtime_ns / 1e9 - self.offset
            self.last = max(self.last, written)
        self.ledger.handed_over(json.loads(path.read_bytes()), (name,), True,
                                self.last, self.last)
