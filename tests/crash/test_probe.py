"""The probe of a destination that is down dies, and the next one probes.

The channel keeps silent, so it is down for all; one message probes it, and
its handler is killed while it waits. The claim of the probe dies with it: as
soon as the channel is well, a new process hands everything over, also what
came for another line in the meantime.
"""

import json

from site_folder import wait_until
from world import World


def down(world):
    """How many destinations are down."""
    done = world.site.ctl("stats", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["destinations_down"]


def test_a_dead_probe_holds_nobody():
    """See the head of this file."""
    with World("fcgi", "http", "none", channel={"timeout": 3}) as world:
        world.channel.always("silence")
        world.start(armed=False)
        world.send()
        wait_until(lambda: down(world), what="a channel that is down")
        world.channel.wait_for_calls(2)         # the probe
        world.send(line=108)
        world.server.life.kill()
        world.channel.always("ok")
        world.start(armed=False)
        # a claim that lasted would last longer than the longest call
        world.wait_done()
        assert not any(world.ledger.wrongs(world.site.queue()).values())
