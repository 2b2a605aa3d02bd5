#!/usr/bin/python3
"""`make soak SECONDS=30`: load, trouble and death; then the books.

Several handlers behind nginx share one queue. Senders post events of several
portals, connectors and chats; channels, portals and their OAuth server fail at
random in every way of trouble.py; handlers are killed at random moments and
started again. Then the trouble stops, the queue must become empty, and the
ledger (tests/proof/ledger.py says what each line means) is held against the
queue. Ends with 1 if anything of it is wrong; --seed repeats a run's dice, not
its timing.
"""

import argparse
import pathlib
import random
import shutil
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "proof"),
                str(HERE.parent / "e2e")]

# pylint: disable=wrong-import-position
import servers  # noqa: E402
from ledger import Ledger  # noqa: E402
from load import (Installer, Killer, Numbers, Sender,  # noqa: E402
                  guarded)
from mortal import MortalNginx  # noqa: E402
from peers import Bitrix, Channel, Spool  # noqa: E402
from poster import Poster  # noqa: E402
from site_folder import merged, wait_until  # noqa: E402
from trouble import ChannelTrouble, PortalTrouble  # noqa: E402

WORKERS, SENDERS, PORTALS = 8, 6, 4
# what each handler has of its own: none may judge another by it
OWN = [{}, {"portal": {"timeout": 2, "status_batch": 7, "calls_in_flight": 1}},
       {"server": {"answer_within": 2}, "channel": {"in_flight": 2}},
       {"portal": {"calls_in_flight": 3}, "retry": {"longest": 2}}]
CHANNEL_TIMEOUT, PORTAL_TIMEOUT = 2, 3
IN_FLIGHT = 4           # hand-overs of a handler to one channel
DRAIN_WITHIN = 90       # seconds for what is left when the trouble is over
# connectors, and whether their channel can refuse a message: a spool cannot
CONNECTORS = {"alpha": True, "beta": True, "gamma": False}


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--handlers", type=int, default=2,
                        choices=range(1, len(OWN) + 1))
    parser.add_argument("--rate", type=float, default=60,
                        help="events a second, of all senders")
    parser.add_argument("--open", type=int, default=500,
                        help="how many messages may wait before senders do")
    parser.add_argument("--log", help="keep the handlers' log in this file")
    args = parser.parse_args()
    if args.seed is None:
        args.seed = random.SystemRandom().randrange(1 << 31)
    return args


class Soak:
    """Everything that lives during a run."""

    def __init__(self, args):
        self.args = args
        self.ledger = Ledger()
        self.channels = [
            Channel(self.ledger, ChannelTrouble(f"{args.seed} {i}"),
                    CHANNEL_TIMEOUT) for i in range(2)]
        self.portals = [
            Bitrix(self.ledger, PortalTrouble(f"{args.seed} {i}"))
            for i in range(PORTALS)]
        for portal in self.portals[1:]:         # one app, many portals
            portal.client_id = self.portals[0].client_id
            portal.client_secret = self.portals[0].client_secret
        self.server = None

    def __enter__(self):
        for peer in self.channels + self.portals:
            peer.start()
        self.server = MortalNginx(self._config(),
                                  OWN[:self.args.handlers])
        self.spool = Spool(self.ledger, self.server.site.spool)
        for portal in self.portals:
            portal.look = self.spool.look
        self.server.start()
        self.poster = Poster(self.server, self.ledger)
        self.installer = Installer(self.poster, self.portals)
        self.killer = Killer(self.server.lives, self.args.seed)
        numbers = Numbers()
        self.senders = [
            Sender(self.poster, self.portals, CONNECTORS, numbers,
                   seed=f"{self.args.seed} {i}", first_chat=1 + 100 * i,
                   rate=self.args.rate / SENDERS, most_open=self.args.open)
            for i in range(SENDERS)]
        return self

    def _config(self):
        alpha, beta = self.channels
        first = self.portals[0]
        return merged(servers.CONFIG, {
            "app": {"application_token": None, "client_id": first.client_id,
                    "client_secret": first.client_secret,
                    "oauth_servers": [f"127.0.0.1:{p.port}"
                                      for p in self.portals]},
            "server": {"workers": WORKERS, "answer_within": 1},
            "channel": {"timeout": CHANNEL_TIMEOUT,
                        "in_flight": IN_FLIGHT},
            "connector alpha": {"url": alpha.url},
            "connector beta": {"url": beta.url},
            "portal": {"timeout": PORTAL_TIMEOUT},
            "retry": {"first": 1, "longest": 5},
            "log": {"level": "info"}})

    def __exit__(self, *_):
        try:
            if self.args.log:
                shutil.copy(self.server.log_file, self.args.log)
            self.server.stop()
        finally:
            for peer in self.channels + self.portals:
                peer.stop()
            self.spool.close()

    # -- its course

    def run(self):
        """Load and trouble for the wanted time, then none, then the end."""
        self.install_all()
        sending, living = threading.Event(), threading.Event()
        threads = [
            threading.Thread(target=guarded, args=(one, stop), daemon=True)
            for stop, ones in ((sending, self.senders),
                               (living, [self.killer, self.installer]))
            for one in ones]
        for thread in threads:
            thread.start()
        time.sleep(self.args.seconds)
        for stop in (sending, living):
            stop.set()
        for thread in threads:
            thread.join()
        for peer in self.channels + self.portals:
            peer.plan.weather.over = True
        self.install_all()

    def install_all(self):
        """Every portal gets new tokens, as from an administrator."""
        for portal in self.portals:
            try:
                wait_until(lambda p=portal: self.installer.install(p), 30)
            except TimeoutError:
                raise SystemExit("no installation within 30 s; the last "
                                 f"answer: {self.installer.last}") from None

    def drain(self):
        """Waits for the end of the queue; its list, and the seconds."""
        began = time.monotonic()
        site = self.server.site

        def empty():
            time.sleep(0.1)
            return not self.ledger.open() and \
                {m["state"] for m in site.queue()} <= \
                {"acknowledged", "refused"}
        try:
            wait_until(empty, DRAIN_WITHIN, "an empty queue")
        except TimeoutError:
            pass                # the books say what is left
        took = time.monotonic() - began
        self.spool.look()
        return site.queue(), took


TITLES = {
    "lost": "lost", "fate": "refused wrongly, or not refused",
    "untaken": "acknowledged, not taken", "ids": "ids told, not given",
    "keys": "with two keys", "disorder": "out of order in a chat",
    "too-late": "handed over after the status",
    "too-early": "answered 200 before the status",
    "answers": "unexpected answers",
    "baseless": "handed over again, no death",
}


def line(name, value, more=""):
    """One line of the report."""
    print(f"  {name:<34}{value:>8}  {more}".rstrip())


def report(soak, queue, took):
    """Prints the books; whether all is well."""
    ledger, killer = soak.ledger, soak.killer
    print(f"soak: {soak.args.seconds:g} s, seed {soak.args.seed}; "
          f"{soak.args.handlers} handlers of {WORKERS} workers, {PORTALS} portals, "
          f"{len(CONNECTORS)} connectors")
    line("events answered", sum(ledger.answers.values()), ", ".join(
        f"{n} x {status or 'nothing'}" for status, n in
        sorted(ledger.answers.items())))
    line("messages stored", len(queue), f"of {len(ledger.messages)} sent")
    line("handlers killed", killer.kills, f"and {killer.ends} ended softly")
    line("channel faults", *faults(soak.channels))
    line("portal faults", *faults(soak.portals))
    line("token refreshes", sum(len(p.refreshes) for p in soak.portals),
         f"portals installed again: {soak.installer.again}")
    line("seconds until the queue was empty", f"{took:.1f}")
    wrongs = ledger.wrongs(queue)
    for one in (soak.installer, killer, *soak.senders):
        wrongs["answers"] += one.problems
    wrongs["answers"] += [v for p in soak.portals for v in p.violations]
    wrongs["baseless"] = ledger.baseless(killer.deaths)
    for name, title in TITLES.items():
        line(title, len(wrongs[name]), "(must be 0)")
    again = ledger.twice()
    twice = sum(again.values())
    most = killer.kills * len(CONNECTORS) * IN_FLIGHT
    line("handed over twice", twice, f"(at most {most}: what is on its way "
         "when a handler is killed)")
    details(ledger, wrongs)
    return not any(wrongs.values()) and twice <= most


def faults(peers):
    """(how many, which)."""
    total = sum((p.plan.weather.counts for p in peers),
                start=type(peers[0].plan.weather.counts)())
    return sum(total.values()), ", ".join(
        f"{n} {what}" for what, n in total.most_common(6)) + ", ..."


def details(ledger, wrongs):
    """The first of each wrong, with the story of its message."""
    for name, texts in wrongs.items():
        for text in texts[:3]:
            print(f"\n{name}: {text}")
            for ident in ledger.messages:
                if text.startswith(str(ident)):
                    print("\n".join(ledger.story(ident)))


def main():
    """One soak."""
    with Soak(arguments()) as soak:
        soak.run()
        well = report(soak, *soak.drain())
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
