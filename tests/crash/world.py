"""One handler in one small world, which dies at a named point.

A World is a site with a handler (FastCGI or plain CGI), a channel (HTTP or
spool) and a portal, all writing one ledger. A program that was built with
`make FAULT=1` reads two variables:

    IMCONNECTOR_FAULT=NAME[:N]   dies by SIGKILL at the N-th passing of NAME
    IMCONNECTOR_FAULT_ONCE=PATH  makes that file first; nothing if it exists

so a process that is started again with the same environment lives.
"""

import json
import subprocess
import time

import events
import servers
from ledger import Ledger
from mortal import MortalCgi, MortalFcgi
from peers import Bitrix, Channel, Spool
from site_folder import BUILD, HANDLER, merged, wait_until

DONE_WITHIN = 60.0              # seconds until a new process has done it all
PUSH_EVERY = 0.3                # seconds
CHAT, OTHER = "the-chat", "another-chat"


def fault_points():
    """The names that the built program knows, in its order; [] if it was
    built without them."""
    done = subprocess.run([BUILD / HANDLER, "--fault-points"], text=True,
                          capture_output=True, check=False, timeout=10)
    return done.stdout.split() if done.returncode == 0 else []


class World:
    """See above; a context manager."""

    def __init__(self, front, channel, point, passing=1, /, **config):
        self.cgi = front == "cgi"
        self.ledger = Ledger()
        self.portal = Bitrix(self.ledger)
        self.channel = Channel(self.ledger) if channel == "http" else None
        self.spool = None       # whoever looks at it, if that is the channel
        self.server = None
        self.config, self.point, self.passing = config, point, passing
        self.number = 0         # of the last message

    def __enter__(self):
        self.portal.start()
        if self.channel:
            self.channel.start()
        kind = MortalCgi if self.cgi else MortalFcgi
        to = {"url": self.channel.url} if self.channel else {}
        self.server = kind(merged(servers.CONFIG, {
            "app": {"application_token": self.portal.application_token,
                    "client_id": self.portal.client_id,
                    "client_secret": self.portal.client_secret,
                    "oauth_servers": f"127.0.0.1:{self.portal.port}"},
            "channel": {"timeout": 5, **to}, "portal": {"timeout": 5},
            "server": {"workers": 4},
            "retry": {"first": 1, "longest": 2}}, self.config))
        self.site = self.server.site
        if not self.channel:
            self.spool = Spool(self.ledger, self.site.spool)
            self.portal.look = self.spool.look
        self.once = self.site.var / "died"
        return self

    def __exit__(self, kind, error, trace):
        try:
            if error is not None:
                error.args = (f"{error}\n--- the handler's log\n"
                              f"{self.server.log()[-3000:]}",)
            self.server.stop()
        except AssertionError:
            if error is None:
                raise
        finally:
            self.portal.stop()
            if self.channel:
                self.channel.stop()
            if self.spool:
                self.spool.close()

    # -- the handler's life

    @property
    def armed(self):
        """The environment of a process that dies."""
        return {"IMCONNECTOR_FAULT": f"{self.point}:{self.passing}",
                "IMCONNECTOR_FAULT_ONCE": str(self.once)}

    def start(self, armed=True):
        """A new process (with CGI there is one for each request)."""
        self.env = self.armed if armed else {}
        if not self.cgi:
            self.server.start(**self.env)

    def end(self):
        """A soft end of what runs."""
        if self.cgi:
            self.server.settle()
        else:
            self.server.life.end()

    def wait_killed(self):
        """The point must be reached, and the process dies there."""
        try:
            wait_until(self.once.exists, 15, "the fault point")
        except TimeoutError:
            raise AssertionError(f"{self.point}:{self.passing} was never "
                                 "reached") from None
        if self.cgi:
            self.server.wait_killed()
        else:
            self.server.life.wait_killed()

    # -- what happens in it

    def send(self, messages=1, chat=CHAT, event=None, **more):
        """An event with the next numbers, or this one; its answer."""
        if event is None:
            event = self.event(messages, chat, **more)
        idents = self.ledger.sending(event)
        answer = self.post(event)
        self.ledger.answered(idents, answer.status,
                             answer.body.decode(errors="replace"),
                             allowed=(200, 202))
        return answer

    def event(self, messages=1, chat=CHAT, **more):
        """An event with the next numbers; `more` as in events.event()."""
        self.number += messages
        return events.event(*(
            events.message(n, chat=chat) for n in
            range(self.number - messages + 1, self.number + 1)),
            **self.portal.auth(), **more)

    def post(self, event):
        """Any event, as a form; not for the ledger."""
        more = {"env": self.env} if self.cgi else {}
        return self.server.post(events.as_form(event), **more)

    def done(self):
        """Whether nothing waits any more."""
        return self.ledger.open() == 0 and \
            set(self.site.states().values()) <= {"acknowledged", "refused"}

    def retry_pass(self):
        """`imconnectorctl retry`: what a timer does where only CGI runs."""
        done = self.site.ctl("retry")
        assert done.returncode == 0, done.stderr

    def installed(self):
        """Whether the portal's installation was proven and stored."""
        if not self.site.store.exists():
            return False
        done = self.site.ctl("portals", "--json")
        assert done.returncode == 0, done.stderr
        return [p["member_id"] for p in json.loads(done.stdout)] == \
            [self.portal.member_id]

    def wait(self, true, push=None):
        """Waits until true(); push() is what moves things on where no
        process is running."""
        end = time.monotonic() + DONE_WITHIN
        while True:
            if push:
                push()
            try:
                wait_until(true, PUSH_EVERY if push else DONE_WITHIN)
                return
            except TimeoutError:
                if time.monotonic() < end:
                    continue
            raise AssertionError(
                f"after {DONE_WITHIN} s: " + ", ".join(
                    f"{m['message_id']} {m['state']} {m.get('reason', '')}"
                    for m in self.site.queue() if
                    m["state"] != "acknowledged"))

    def wait_done(self, push=None):
        """Waits until nothing waits any more."""
        self.wait(self.done, push)
