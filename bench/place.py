"""A handler whose store is filled, for bench/long_queue.py.

    with Place(folder, more, channel) as place: ...

is a World with one handler of ours; `more` is added to its configuration.
The only part of the benchmark that knows tests/e2e/fill.py, which makes the
queue with SQL.
"""

import contextlib
import http.client
import json
import pathlib
import socket
import sqlite3
import subprocess
import sys
import threading
import time

from world import BUILD, HERE, PLAIN, TOKEN, World

sys.path[:0] = [str(HERE.parent / "tests"), str(HERE.parent / "tests/e2e")]
# pylint: disable=wrong-import-position,import-error
import events  # noqa: E402
import fill  # noqa: E402

OTHER = "0" * 32        # a portal, not that of load.c's events


class Place(World):
    """A handler in a world, with a store to be filled."""

    def __init__(self, folder, more="", channel="null:"):
        super().__init__(["ours"], folder)
        self.more, self.channel = more, channel
        self.store = self.shadow = None

    def configure(self, name):
        config = super().configure(name)
        self.store = self.folder / name / "queue.db"
        self.shadow = config.read_text() + \
            "[server]\nanswer_within = 1\n" + self.more
        config.write_text(self.shadow.replace(
            "url = null:", f"url = {self.channel}"))
        return config

    def quit(self, name="ours"):
        """Ends a handler, if it runs."""
        if name in self.processes:
            self.end(name)

    def handler(self, name="ours", channel=None):
        """One (more) process on the socket; the one of that name ends."""
        self.quit(name)
        self.channel = channel or self.channel
        config = self.folder / "etc" / "ours.conf"
        config.write_text(self.shadow.replace("url = null:",
                                              f"url = {self.channel}"))
        self.spawn(name, [self.bin / "imconnector.fcgi"],
                   stdin=self.listeners["ours"], env={
                       "IMCONNECTOR_CONFIG": str(config),
                       "IMCONNECTOR_CORE": "1"})

    def post(self, endpoint, message_id, member=OTHER, chat="template"):
        """One event by hand; what was answered."""
        value = events.event(
            events.message(message_id, chat=chat), endpoint=endpoint,
            member_id=member, application_token=TOKEN)
        c = http.client.HTTPConnection("127.0.0.1", self.ports["nginx"],
                                       timeout=60)
        c.request("POST", "/ours", events.as_form(value),
                  {"Content-Type": events.FORM})
        status = c.getresponse().status
        c.close()
        return status

    def measure(self, seconds, endpoint=None, **options):
        """The load generator, to its end: what it prints."""
        return self.printed(self.begin(seconds, endpoint, **options))

    def begin(self, seconds, endpoint=None, **options):
        """The same, in the background."""
        options = {"in_flight": 64, **options}
        process = self.load("ours", endpoint or self.endpoint("http", "d0"),
                            seconds=seconds, **options)
        self.next_id += 1000000
        return process

    @staticmethod
    def printed(process):
        """What it prints."""
        r = json.loads(process.communicate()[0])
        return {**r, "answered": sum(r["status"].values())}

    def fill(self, message_id, n, chats=None):
        """So many like that one; a new handler finds them."""
        began = time.monotonic()
        self.quit()
        if n > 1:
            fill.many(self, message_id, n, chats)
        with contextlib.closing(sqlite3.connect(self.store)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.handler()
        print(f"{n:8} waiting, made in {time.monotonic() - began:.0f} s:",
              end=" ", flush=True)

    def ctl(self, *words):
        """The operator's tool, begun."""
        return subprocess.Popen(
            [BUILD / "imconnectorctl", "--config",
             self.folder / "etc" / "ours.conf", *words], text=True,
            stdout=subprocess.PIPE, env=PLAIN)


def free_port():
    """One where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def nowhere(port=None):
    """The endpoint of a portal that is down."""
    return f"http://127.0.0.1:{port or free_port()}/d0/rest/"


class Log(threading.Thread):
    """Watches how large the write-ahead log gets."""

    def __init__(self, store):
        super().__init__(daemon=True)
        self.path = pathlib.Path(f"{store}-wal")
        self.most, self.over = 0, threading.Event()

    def run(self):
        while not self.over.wait(0.02):
            try:
                self.most = max(self.most, self.path.stat().st_size)
            except FileNotFoundError:
                pass

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()
