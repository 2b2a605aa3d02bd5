"""Who says nothing is closed after a minute, which is shorter here.

Needs a program built with FAULT=1: $IMCONNECTOR_SILENT_MS is that minute. A
kept connection that is idle is older than any of them, and stays.
"""

import struct

import events
from fcgi_client import BEGIN, record
from site_folder import wait_until
from world import World

SILENT_MS = 2000
BEGUN = record(BEGIN, struct.pack("!HB5x", 1, 0))


def send_kept(world, client):
    """The next event on a connection that is kept."""
    body = events.as_form(world.event())
    client.begin(world.server.params(events.FORM, "POST", len(body)),
                 keep=True)
    client.send(body)
    assert b"acknowledged" in client.finish()


def wait_closed(client):
    """Until the handler has closed it; what it had not read makes a reset."""
    try:
        assert client.sock.recv(1) == b""
    except ConnectionResetError:
        pass
    client.close()


def test_a_minute_of_silence():
    """See the head of this file."""
    with World("fcgi", "spool", "none") as world:
        world.server.start(IMCONNECTOR_SILENT_MS=str(SILENT_MS))
        with world.server.client() as kept:
            send_kept(world, kept)
            others = [world.server.client() for _ in range(4)]
            others[0].sock.sendall(BEGUN[:3])
            # a part of a head, first and after an event
            others.append(world.server.client())
            send_kept(world, others[-1])
            others[-1].sock.sendall(BEGUN)
            for client in others:
                wait_closed(client)
            wait_until(lambda: world.server.log().count("event=closed") == 5)
            send_kept(world, kept)
