"""Several of a kind: portals, handler processes, events at the same time.

    Portals   makes stand-ins for Bitrix24 that our application (APP) belongs
              to; at the end none may have seen a violation
    Group     n handler processes on one listening socket, as spawn-fcgi -F
              and systemd start them
    post_all  sends events side by side
    SOON      a [retry] section for those who wait for the second try

Used by the tests of retries, order, tokens and stopping.
"""

import concurrent.futures
import contextlib
import os
import signal
import socket
import time
import typing

import events
from direct import Fcgi, Response
from site_folder import STOP_WITHIN, as_user, wait_until, web_user
from standin import Portal

CLIENT_ID, SECRET = "local.6a1f", "the client secret of this application"
PORTS = 96      # of portals at the same time
SOON = {"first": 1, "longest": 2}


def reserved():
    """A port that nobody else gets: bound, but not listened at."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    return sock


# our secret goes to named ports only, and a handler may start before portals
RESERVED = [reserved() for _ in range(PORTS)]
FREE = [sock.getsockname()[1] for sock in RESERVED]
APP = {"client_id": CLIENT_ID, "client_secret": SECRET,
       "oauth_servers": [f"127.0.0.1:{port}" for port in FREE]}


class Portals(contextlib.ExitStack):
    """See above: call it for one more."""

    def __init__(self):
        super().__init__()
        self.all = []

    def __call__(self, kind=Portal, **options):
        port = FREE.pop()
        self.callback(FREE.append, port)
        portal = self.enter_context(kind(port=port, **options))
        portal.client_id, portal.client_secret = CLIENT_ID, SECRET
        portal.add_token(events.ACCESS)
        self.all.append(portal)
        return portal

    def __exit__(self, *error):
        super().__exit__(*error)
        assert [p.violations for p in self.all if p.violations] == []


class Group(Fcgi):
    """See above. Processes can be added, stopped and killed one by one."""

    def __init__(self, config, n):
        super().__init__(config)
        self.n = n

    def start(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.site.socket))
        self.listener.listen(1024)
        if user := web_user():
            os.chown(self.site.socket, -1, user[1])
        for i in range(self.n):
            self.add(str(i))
        return self

    def add(self, name, before=(), **env):
        """One more process; words before its command, and what more there is
        in its environment."""
        return self._run(name, [*before, self.site.handler, "--config",
                                self.site.config_file], self.log_file,
                         stdin=self.listener,
                         env={**self.site.environment, **env}, **as_user())

    def kill(self, name):
        """SIGKILL to that process: its life is over without a word."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def end(self, name):
        """SIGTERM to that process; it must end well and in time."""
        status = self._end(name, STOP_WITHIN)
        del self.processes[name]
        assert status == 0, f"{name} ended with {status}: {self.log()}"

    def _stop(self):
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for name in list(self.processes):
            self.end(name)
        self.listener.close()
        self.site.stop_handlers()


class Answered(typing.NamedTuple):
    """An answer, and how long it took."""

    response: Response
    seconds: float


def post_all(server, values, threads=32):
    """Sends the events, that many at a time; what was answered to each."""
    def post(value):
        began = time.monotonic()
        response = server.post(events.as_form(value))
        return Answered(response, time.monotonic() - began)
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        return list(pool.map(post, values))


def post(server, value):
    """Sends one event."""
    return server.post(events.as_form(value))


def installed(server, portal, **of_auth):
    """Installs our application there; the pair of tokens that is stored."""
    answer = post(server, events.install(portal, **of_auth))
    assert (answer.status, answer.json["result"]) == (200, "installed")
    access = [t for t in portal.tokens][-1]
    refresh, = portal.refresh_tokens
    return access, refresh


def expire(portal, *tokens):
    """Their time is over (of all that the portal knows, if none is named)."""
    for token in tokens or portal.tokens:
        portal.tokens[token].expires = 0


def next_life(server, sig=signal.SIGKILL):
    """Ends the handler of an Fcgi and starts it again on the same site."""
    process = server.processes.pop("handler")
    process.send_signal(sig)
    status = process.wait(STOP_WITHIN)
    assert status == (-sig if sig == signal.SIGKILL else 0), f"{status}: {server.log()}"
    wait_until(lambda: not server.site.handlers(), STOP_WITHIN)
    return server.start()


def message_of(server, message_id):
    """What the operator's tool lists of that message."""
    found, = [m for m in server.site.queue()
              if m["message_id"] == message_id]
    return found
