"""Fixtures of the end-to-end tests.

    portal      a fresh stand-in for Bitrix24; it must see no violation
    channel     a fresh HTTP channel
    authority   certificates, made once
    portals     portals() -> one more Bitrix24, on which our application can
                be installed (several.APP)
    start       start(front, **config) -> a running server (servers.py), set
                up to talk to `portal`; everything ends with the test.
                prepare=f: f(site) is called before it starts
                start.group(n, **config): n processes on one socket

Run: /usr/bin/python3 -m pytest tests/e2e (IMCONNECTOR_BUILD names the folder
of the built programs).
"""

import os
import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1]),
                str(pathlib.Path(__file__).resolve().parents[1] / "lib"),
                str(pathlib.Path(__file__).resolve().parent)]

# pylint: disable=wrong-import-position
import events  # noqa: E402
import servers  # noqa: E402
import several  # noqa: E402
from site_folder import merged  # noqa: E402
from standin import Authority, Portal, Receiver  # noqa: E402

@pytest.fixture
def portal():
    """A Bitrix24 that knows the access token of events.py."""
    with Portal() as p:
        p.add_token(events.ACCESS)
        yield p
    assert p.violations == []


@pytest.fixture
def portals():
    """See the head of this file."""
    with several.Portals() as factory:
        yield factory


@pytest.fixture(scope="module")
def portals_once():
    """The same, for what a whole file of tests shares."""
    with several.Portals() as factory:
        yield factory


@pytest.fixture
def channel():
    """The HTTP endpoint of a channel."""
    with Receiver() as r:
        yield r


@pytest.fixture(scope="session")
def authority():
    """A CA and good and bad certificates, readable by the handler's user."""
    folder = tempfile.mkdtemp(prefix="certificates-")
    os.chmod(folder, 0o755)
    yield Authority(folder)
    shutil.rmtree(folder)


class Starter:
    """Starts servers and ends them all, whatever happens."""

    def __init__(self):
        self.servers = []

    def __call__(self, front="cgi", prepare=None, **config):
        server = servers.SERVERS[front](merged(servers.CONFIG, config))
        if prepare:
            prepare(server.site)
        return self._start(server)

    def group(self, n, **config):
        """Several processes on one socket."""
        return self._start(several.Group(merged(servers.CONFIG, config), n))

    def _start(self, server):
        self.servers.append(server)
        return server.start()

    def stop(self):
        """Ends all; the first complaint counts."""
        problem = None
        for server in reversed(self.servers):
            try:
                server.stop()
            except (AssertionError, TimeoutError, OSError) as e:
                problem = problem or e
        if problem:
            raise problem


@pytest.fixture
def start():
    """See the head of this file."""
    starter = Starter()
    yield starter
    starter.stop()


@pytest.fixture(scope="module")
def start_once():
    """The same, for servers that a whole file of tests shares."""
    starter = Starter()
    yield starter
    starter.stop()


@pytest.fixture(params=["nginx", "apache", "cgi"])
def front(request):
    """Every way in."""
    return request.param
