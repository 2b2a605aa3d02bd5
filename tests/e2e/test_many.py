"""Many portals, slow and hanging ones, at a small size.

With few places for calls (server.calls) a few dozen portals do what hundreds
do with the usual ones. What something takes is compared with what it takes
alone in the same run: who is in nobody's way takes a call's time, half a
second, and who is in the way of a hanging one takes several.
"""

import concurrent.futures

import pytest

import crowd
import many

FEW = {"server": {"calls": 64}}
WELL = "d500"                   # a healthy portal, half a second away

SCENES = {
    "burst": (many.burst, {"n": 50, "ms": 1000, **FEW}),
    "channel": (many.slow_channel, {"n": 96, "ms": 700}),
    "wide channel": (many.wide_channel, {
        "n": 50, "ms": 2000, "within": 1, **FEW}),
    "known": (many.hung_portals, {
        "n": 90, "seconds": 5, "well": WELL, **FEW}),
    "new": (many.hung_portals, {
        "n": 90, "seconds": 5, "well": WELL, "known": False, **FEW}),
    "oauth": (many.hung_oauth, {
        "n": 40, "seconds": 4, "well": WELL, **FEW}),
    "hung channel": (many.hung_channel, {"seconds": 4, "well": WELL}),
    "slow channel": (many.hung_channel, {
        "n": 400, "ms": 4000, "chats": 40, "seconds": 4, "well": WELL}),
    "retry": (many.retry_in_time, {"hung": 90, "first": 1, **FEW}),
    "late": (many.late, {}),
    "stop": (many.stop, {}),
    "trickle": (many.trickle, {"well": WELL}),
    "large": (many.large, {"n": 2000}),
    "fair": (many.fair, {"quiet": 100, "busy": 4, "hung": 20, "slow": 10,
                         "seconds": 6, "ms": 500, **FEW}),
}


def play(start, scene, sizes):
    """A scene, with a peer of its own."""
    with crowd.Peer() as peer:
        return scene(start, peer, **sizes)


@pytest.fixture(scope="module")
def figures(start_once):
    """What comes out of each: they mostly wait, so some are played side by
    side."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        futures = {name: pool.submit(play, start_once, *scene)
                   for name, scene in SCENES.items()}
        yield lambda name: futures[name].result()


def unfelt(f, status=200):
    """Nobody was felt: a call's time, and what a busy machine makes of it."""
    assert set(f["answers"]) == {status}, f
    assert f["slowest"] < 3 * f["alone"], f


def test_many_portals_at_once(figures):
    """One call's latency, whatever the machine takes for so many, and a
    little: two waves would be two latencies."""
    f = figures("burst")
    assert set(f["answers"]) == {200}
    assert f["all"] < 1.7 * f["alone"] + 3 * f["work"], f


def test_a_slow_channel_is_used_as_it_may(figures):
    """channel.in_flight at once, and so the next ones."""
    f = figures("channel")
    assert set(f["answers"]) == {200}
    assert f["all"] < (f["waves"] + 0.7) * f["alone"] + 3 * f["work"], f


def test_a_channel_gets_its_calls_however_it_is(figures):
    """New, and slower than an answer may take: none waits for another."""
    f = figures("wide channel")
    assert f["new"] < f["alone"] and f["slow"] < f["alone"], f


@pytest.mark.parametrize("name", ["known", "oauth", "hung channel",
                                  "slow channel", "trickle"])
def test_who_hangs_is_not_felt(figures, name):
    """More portals than there are places, an OAuth server, a channel; posts
    that come slowly."""
    unfelt(figures(name))


def test_a_new_portal_finds_a_place(figures):
    """Nobody knows whether it hangs as well: it is told before its answer
    is due."""
    assert set(figures("new")["answers"]) == {200}


def test_a_retry_comes_in_its_time(figures):
    f = figures("retry")
    assert f["waited"] < 3 * f["alone"], f


def test_the_time_to_answer_runs_from_the_start(figures):
    """What the store took is not added to it."""
    f = figures("late")
    assert set(f["answers"]) == {202}
    assert f["both"] < f["hangs"] + f["stuck"] / 2, f


def test_a_stop_answers_at_once(figures):
    """Those who wait for a hanging portal: it takes no part of the time
    that calls on their way are given."""
    f = figures("stop")
    assert set(f["answers"]) == {202}
    assert f["answered"] < f["ended"] / 2, f


def test_a_large_event_makes_few_calls(figures):
    """2,000 messages, 100 in a call."""
    f = figures("large")
    assert f["calls"] <= 2 * 20, f


def test_quiet_portals_wait_for_nobody(figures):
    """Among busy, hanging and slow ones: a call's time, and one more."""
    f = figures("fair")
    assert f["slowest"] < 3 * f["alone"], f
