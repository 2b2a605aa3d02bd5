"""What is forgotten or given up by its age, and clocks that jump.

Acknowledged messages leave the store after store.keep_days, however many they
are. A clock that is set a year ahead makes nobody forget a repeat and gives
no waiting message up; one that is set back changes nothing.
"""

import pytest

import fill
from events import install, message, of
from several import APP, SOON, installed, post
from site_folder import as_user, wait_until
from wall_clock import WallClock

DAY, YEAR = 86400, 365 * 86400


def until_gone(server, portal):
    """Sends events until what is old was forgotten: some with each."""
    sent = iter(range(1001, 10000))

    def gone():
        i = next(sent)
        assert post(server, of(portal, message(i, chat=f"c{i}"))).status == 200
        return fill.left(server.site) == 0
    wait_until(gone, 300, "the end of the purge")


def test_purge_catches_up(start, portals):
    """More than one step, without a pause of minutes, and events go on."""
    portal = portals()
    server = start("fcgi", channel={"url": "null:"})
    assert post(server, of(portal)).status == 200
    process = server.processes["handler"]
    process.terminate()
    assert process.wait(10) == 0
    wait_until(lambda: not server.site.handlers())
    fill.acknowledged(server.site, 5000)
    server.start()
    until_gone(server, portal)
    assert "acknowledged" in server.site.states().values()


def test_plain_cgi_purges_too(start, portals):
    """Some with each event, and with each `imconnectorctl retry`."""
    portal = portals()
    server = start("cgi", channel={"url": "null:"})
    assert post(server, of(portal)).status == 200
    server.settle()
    fill.acknowledged(server.site, 450)
    left = [450]
    for i in (1, 2):
        assert post(server, of(portal, message(i))).status == 200
        server.settle()
        left.append(fill.left(server.site))
    assert left == sorted(set(left), reverse=True)
    wait_until(lambda: server.site.ctl("retry").returncode == 0 and
               fill.left(server.site) == 0)
    assert len(server.site.states()) == 3


@pytest.fixture
def clock(start, tmp_path_factory):
    """The wall clock of the handler and of the tool."""
    return WallClock(tmp_path_factory.mktemp("clock"))


@pytest.fixture
def begin(start, clock):
    """begin(**config): a handler with that clock."""
    def begin(**config):
        server = start.group(0, **config)
        server.life = 0
        live(server, clock)
        return server
    return begin


def live(server, clock):
    """Starts the next process of it."""
    server.life += 1
    server._run(str(server.life), [
        server.site.handler, "--config", server.site.config_file],
        server.log_file, stdin=server.listener,
        env={**server.site.environment, **clock.environment}, **as_user())


@pytest.mark.parametrize("where", ["handler", "tool"])
def test_a_year_ahead_no_repeat_is_forgotten(begin, portals, clock, where):
    portal = portals()
    server = begin(channel={"url": "null:"})
    for i in (1, 2):
        assert post(server, of(portal, message(i))).status == 200
    server.site.wait_states({1: "acknowledged", 2: "acknowledged"})
    server.end("1")
    clock.set(YEAR)
    if where == "handler":
        fill.acknowledged(server.site, 1)    # when it is gone, purge was there
        live(server, clock)
        until_gone(server, portal)
    else:
        done = server.site.ctl("purge", "--json", env=clock.environment)
        assert (done.returncode, done.stdout) == (0, '{"removed":0}\n')
        live(server, clock)
    assert server.site.states().keys() >= {1, 2}
    before = server.log().count("event=delivered")
    for i in (1, 2):
        assert post(server, of(portal, message(i))).status == 200
    assert server.log().count("event=delivered") == before


TROUBLES = {    # where -> what the channel and the portal answer
    "channel": ("status:500", None),
    "portal": (None, "status:500"),
    "parked": (None, "error:PORTAL_DELETED"),
}


def failures(server):
    """How many attempts have failed, as the log tells."""
    log = server.log()
    return log.count("event=postponed") + log.count("event=held")


@pytest.mark.parametrize("seconds", [YEAR, -DAY])
@pytest.mark.parametrize("where", TROUBLES)
def test_no_jump_gives_a_message_up(begin, portals, channel, clock, where,
                                    seconds):
    portal = portals()
    server = begin(app=APP, retry={**SOON, "give_up_after": 3600},
                   channel={"url": channel.url})
    installed(server, portal)
    bad_channel, bad_portal = TROUBLES[where]
    channel.always(bad_channel)
    portal.always(bad_portal)

    def attempts():
        return len(channel.calls) if bad_channel else len(portal.deliveries)
    assert post(server, of(portal)).status == 202
    wait_until(lambda: attempts() >= (1 if where == "parked" else 2))
    wait_until(lambda: failures(server) >= attempts())
    clock.set(seconds)
    before = attempts()
    if where == "parked":       # there is nothing to try it with
        done = server.site.ctl("retry", env=clock.environment)
        assert done.returncode == 0, done.stderr
    else:   # what is due by either clock is tried, fails, and waits on
        wait_until(lambda: attempts() >= before + 2, 30)
    wait_until(lambda: failures(server) >= attempts())
    assert set(server.site.states().values()) <= {"received", "delivered"}
    assert attempts() < before + 20     # but not again and again
    channel.always(None)
    portal.always(None)
    if where == "parked":
        value = install(portal)
        value["ts"] += 1
        assert post(server, value).status == 200
    server.site.wait_states({86497: "acknowledged"}, 20)


def test_after_a_jump_back_and_forth(begin, portals, channel, clock):
    """Wrong for a while, then right again, while a message waits."""
    portal = portals()
    server = begin(retry={**SOON, "give_up_after": 3600},
                   channel={"url": channel.url})
    channel.always("status:500")
    assert post(server, of(portal)).status == 202
    for shift in (YEAR, 0, -YEAR, 0):
        clock.set(shift)
        before = len(channel.calls)
        wait_until(lambda: len(channel.calls) >= before + 2, 30)
    assert "event=refused" not in server.log()
    channel.always(None)
    server.site.wait_states({86497: "acknowledged"}, 20)


def test_a_long_absence(begin, portals, channel, clock):
    """Whatever the clock says when it comes back: an attempt comes first."""
    portal = portals()
    server = begin(retry={**SOON, "give_up_after": 60},
                   channel={"url": channel.url})
    channel.always("status:500")
    assert post(server, of(portal)).status == 202
    wait_until(lambda: len(channel.calls) >= 2)
    server.end("1")
    clock.set(30 * DAY)
    channel.always(None)
    live(server, clock)
    server.site.wait_states({86497: "acknowledged"}, 20)
