"""Connections without a request: silent, cut within a head, kept.

They hold neither a worker nor, when descriptors run short, a place that an
event needs. The handler gets a low `ulimit -n`, so that few of them are many.
"""

import concurrent.futures
import resource
import socket
import struct

import pytest

import direct
import events
from events import message, of
from fcgi_client import BEGIN, PARAMS, STDIN, encode_params, record
from several import Group, post
from servers import CONFIG
from site_folder import merged, wait_until

DESCRIPTORS = 64
MANY = 300              # connections: far more than that
WORKERS = 2


class Limited(Group):
    """One process with few descriptors."""

    def _run(self, name, command, log, **options):
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE,
                               (DESCRIPTORS, DESCRIPTORS))
        return super()._run(name, command, log, preexec_fn=limit, **options)

    def connect(self, said=b""):
        """A connection on which nothing more is said."""
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(60)
        s.connect(str(self.site.socket))
        s.sendall(said)
        return s

    def head(self, body, keep=False):
        """The head of a request with that body."""
        params = encode_params(self.params(events.FORM, "POST", len(body)))
        return (record(BEGIN, struct.pack("!HB5x", 1, int(keep))) +
                record(PARAMS, params) + record(PARAMS))


@pytest.fixture
def limited():
    """limited(**config): such a server, started."""
    servers = []

    def start(**config):
        server = Limited(merged(CONFIG, {"server": {"workers": WORKERS}},
                                config), 1)
        servers.append(server)
        return server.start()
    yield start
    for server in servers:
        server.stop()


def is_closed(s):
    """Whether the handler has closed that connection."""
    s.setblocking(False)
    try:
        return s.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True
    finally:
        s.settimeout(60)


def send_kept(server, client, value):
    """One event on a connection that is kept; the status."""
    body = events.as_form(value)
    client.begin(server.params(events.FORM, "POST", len(body)), keep=True)
    client.send(body)
    return direct.parse_cgi(client.finish()).status


BEGUN = record(BEGIN, struct.pack("!HB5x", 1, 0))
CUT = {"silent": b"", "cut in a record": BEGUN[:5], "begun": BEGUN,
       "cut in the parameters": BEGUN + record(PARAMS, b"\1" * 50)[:30]}


@pytest.mark.parametrize("said", CUT.values(), ids=CUT.keys())
def test_intake_goes_on(limited, portals, said):
    """More of them than descriptors, and than workers: every event is
    answered as if there were none. The oldest are closed for it."""
    portal = portals()
    server = limited()
    assert post(server, of(portal, message(1))).status == 200
    silent = []
    try:
        for i in range(MANY):
            silent.append(server.connect(said))
            if i % 50 == 49:
                answer = post(server, of(portal, message(i, chat=f"c{i}")))
                assert answer.status == 200
        wait_until(lambda: is_closed(silent[0]), 20)
        open_ = [s for s in silent if not is_closed(s)]
        assert open_ and open_ == silent[-len(open_):]
        assert "descriptors-short" in server.log()
    finally:
        for s in silent:
            s.close()
    assert post(server, of(portal, message(1000))).status == 200


def test_a_late_word_is_heard(limited, portals):
    """Who connects early, and speaks piece by piece, is served all the same:
    half a head holds no worker, and costs nothing by itself."""
    portal = portals()
    server = limited()
    early = [server.connect() for _ in range(2 * WORKERS)]
    body = events.as_form(of(portal, message(1)))
    head = server.head(body)
    cuts = [0, 4, 8, 16, 20, 24, 60, len(head) - 8, len(head) - 1, len(head)]
    for i, s in enumerate(early, 1):
        s.sendall(head[:cuts[i]])
    for n, (a, b) in enumerate(zip(cuts[i:], cuts[i + 1:]), 2):
        answer = post(server, of(portal, message(n, chat=f"c{n}")))
        assert answer.status == 200
        early[-1].sendall(head[a:b])
    early[-1].sendall(record(STDIN, body) + record(STDIN))
    assert b"acknowledged" in early[-1].recv(65536)
    assert not any(is_closed(s) for s in early[:-1])
    for s in early:
        s.close()


def test_requests_under_way_stay(limited, portals):
    """They wait for a slow portal while hundreds of silent ones come; a kept
    connection that is idle may go, and one that is in use may not."""
    portal = portals()
    server = limited(portal={"calls_in_flight": 1})
    with server.client() as idle, server.client() as busy:
        for i, client in enumerate((idle, busy), 1):
            assert send_kept(server, client, of(portal, message(
                i, chat=f"k{i}"))) == 200
        portal.always("slow:1")
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            sent = [pool.submit(send_kept, server, busy,
                                of(portal, message(100, chat="busy")))]
            sent += [pool.submit(post, server, of(portal, message(
                i, chat=f"c{i}"))) for i in range(10, 20)]
            wait_until(lambda: len(server.site.queue()) == 13, 20)
            silent = [server.connect() for _ in range(MANY)]
            assert sent[0].result() == 200
            assert {f.result().status for f in sent[1:]} == {200}
        portal.always(None)
        wait_until(lambda: is_closed(idle.sock), 20)
        for s in silent:
            s.close()


def test_more_requests_than_descriptors(limited, portals):
    """Nothing can be closed for the last of them: they wait for the first,
    and all are answered."""
    portal = portals()
    server = limited(portal={"calls_in_flight": 1})
    portal.always("slow:1")
    with concurrent.futures.ThreadPoolExecutor(2 * DESCRIPTORS) as pool:
        sent = [pool.submit(post, server, of(portal, message(
            i, chat=f"c{i}"))) for i in range(1, 2 * DESCRIPTORS)]
        assert {f.result().status for f in sent} <= {200, 202}
    assert "new ones must wait" in server.log()
    portal.always(None)
    assert post(server, of(portal, message(1000))).status == 200


def test_a_port_is_warned_of(limited):
    """Who can connect to it can stop the handler; a Unix socket is fine."""
    server = limited()
    with socket.create_server(("127.0.0.1", 0)) as port:
        server.listener, private = port, server.listener
        server.add("public")
        wait_until(lambda: server.log().count("event=started") == 2)
        try:
            wait_until(lambda: "tcp-socket" in server.log(), 5)
        finally:
            server.end("public")
            server.listener = private
    warned, = [line for line in server.log().splitlines()
               if "event=tcp-socket" in line]
    assert "level=warning" in warned and "Unix socket" in warned
