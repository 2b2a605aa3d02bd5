"""mod_fcgid: Apache is restarted under load, and nothing is lost.

Several senders post events through Apache while it is restarted gracefully
(SIGUSR1), hard (SIGHUP), or stopped and started; mod_fcgid ends the handlers
by SIGTERM, and by SIGKILL if they take long. Afterwards the queue is emptied
by what runs and by passes of `imconnectorctl retry`, since mod_fcgid starts a
process for an event only, and the ledger is read: nothing lost, nothing out of
order, nothing acknowledged that was not taken. What Apache answered with an
error may be lost only if it was not stored.
"""

import signal
import threading

import pytest

import events
import servers
from ledger import Ledger
from peers import Bitrix, Channel
from poster import Poster
from site_folder import merged, wait_until

SENDERS, RESTARTS = 4, 3
BETWEEN = 40                # events answered between two restarts
DONE_WITHIN = 90.0          # seconds
RESUMED = "resuming normal operations"
# Apache's own while its handlers go; 0: nobody listened
ALLOWED = (200, 202, 500, 502, 503, 504)


class Load:
    """Senders, each with a chat of its own and events one by one."""

    def __init__(self, poster, portal):
        self.poster, self.portal = poster, portal
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.number = 0
        self.threads = [threading.Thread(target=self.run, args=(i,))
                        for i in range(1, SENDERS + 1)]

    def run(self, chat_id):
        """One sender."""
        while not self.stop.is_set():
            with self.lock:
                first = self.number + 1
                self.number += 2 if first % 7 == 0 else 1
                numbers = range(first, self.number + 1)
            status = self.poster.send(events.event(*(
                events.message(n, chat_id=chat_id, chat=f"chat-{chat_id}")
                for n in numbers), **self.portal.auth()))
            if status == 0:
                self.stop.wait(0.05)        # nobody listens

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()


def graceful(server):
    """apachectl graceful."""
    signalled(server, signal.SIGUSR1)


def hard(server):
    """apachectl restart."""
    signalled(server, signal.SIGHUP)


def stop_and_start(server):
    """apachectl stop, apachectl start."""
    server.processes["apache"].send_signal(signal.SIGTERM)
    server.processes["apache"].wait(20)
    wait_until(lambda: not server.site.handlers(), 20, "the handlers' end")
    server.start()


def signalled(server, number):
    """A restart by a signal, until Apache says that it was done."""
    before = server.log().count(RESUMED)
    server.processes["apache"].send_signal(number)
    wait_until(lambda: server.log().count(RESUMED) > before, 20, RESUMED)


def answered(ledger):
    """How many events were accepted so far."""
    return ledger.answers[200] + ledger.answers[202]


@pytest.mark.parametrize("restart", [graceful, hard, stop_and_start])
def test_restarts_under_load(restart):
    """See the head of this file."""
    ledger = Ledger()
    channel, portal = Channel(ledger), Bitrix(ledger)
    with channel, portal:
        channel.always("slow:0.03")         # so that there is work in hand
        server = servers.Apache(merged(servers.CONFIG, {
            "app": {"application_token": portal.application_token},
            "channel": {"url": channel.url, "timeout": 5},
            "portal": {"timeout": 5},
            "server": {"answer_within": 1},
            "retry": {"first": 1, "longest": 2}}))
        try:
            ended = play(server, ledger, portal, restart)
            drain(server, ledger)
            judge(server, ledger, portal, ended)
        finally:
            server.stop()


def play(server, ledger, portal, restart):
    """Load and restarts; how many handlers were ended meanwhile."""
    ended = 0
    server.start()
    with Load(Poster(server, ledger, ALLOWED), portal):
        for _ in range(RESTARTS):
            enough(ledger)
            ended += len(server.site.handlers())
            restart(server)
        enough(ledger)
    return ended


def enough(ledger):
    """Waits for more events to be accepted."""
    wanted = answered(ledger) + BETWEEN
    wait_until(lambda: answered(ledger) >= wanted, 30, "more answers")


def drain(server, ledger):
    """Empties the queue."""
    def empty():
        done = server.site.ctl("retry")
        assert done.returncode == 0, done.stderr
        return not ledger.open() and \
            set(server.site.states().values()) <= {"acknowledged"}
    try:
        wait_until(empty, DONE_WITHIN)
    except TimeoutError:
        pass                    # the ledger says what is left


def judge(server, ledger, portal, ended):
    """The ledger, and that hand-overs were repeated only by an end."""
    print(dict(ledger.answers), "handlers ended:", ended, "handed over twice:",
          ledger.twice())
    wrongs = {k: v for k, v in ledger.wrongs(server.site.queue()).items() if v}
    assert not wrongs, (wrongs, server.log()[-3000:])
    assert sum(ledger.twice().values()) <= ended, ledger.twice()
    assert not portal.violations, portal.violations
