"""Many messages wait for a portal that is down: nobody else feels them.

What an event costs is counted as the processor time that the handler spends
on it, which does not depend on how busy the machine is, and compared within
one run.
"""

import os
import pathlib

from events import ACCESS, message, of
from several import APP, post, post_all

NEVER = {"first": 600, "longest": 600}      # no probe within the test


def spent(server):
    """Seconds of processor time that the handler has used."""
    fields = [int(n) for pid in server.site.handlers() for n in
              pathlib.Path(f"/proc/{pid}/stat").read_text()
              .rpartition(")")[2].split()[11:13]]
    return sum(fields) / os.sysconf("SC_CLK_TCK")


class Flow:
    """Events for one portal, one message each, in chats of their own."""

    def __init__(self, server, portal):
        self.server, self.portal, self.next = server, portal, 1

    def ids(self, n):
        """As many fresh message ids."""
        self.next += n
        return range(self.next - n, self.next)

    def fill(self, n, events=8):
        """So many more messages wait."""
        post_all(self.server, [
            of(self.portal, *(message(i, "x", chat=f"c{i}")
                              for i in self.ids(n // events)))
            for _ in range(events)], events)

    def cost(self, n=400):
        """Processor time of that many events, which must be answered 202."""
        values = [of(self.portal, message(i, "x", chat=f"c{i}"))
                  for i in self.ids(n)]
        before = spent(self.server)
        answers = post_all(self.server, values, 4)
        assert {a.response.status for a in answers} <= {200, 202}
        return spent(self.server) - before


def test_an_event_costs_the_same(start, portals):
    """A portal that is down, with few and with many messages waiting."""
    down = portals()
    server = start("fcgi", app=APP, retry=NEVER, channel={"url": "null:"},
                   server={"body_max": 8 * 1024 * 1024})
    flow = Flow(server, down)
    down.stop()
    assert post(server, of(down, message(999999))).status == 202
    flow.cost(20)
    few = flow.cost()
    flow.fill(16000)
    many = flow.cost()
    assert many < 3 * few + 0.1, f"{few} s with few, {many} s with many"
