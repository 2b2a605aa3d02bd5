"""Many portals and channels, slow and hanging ones, at full size.

    python3 bench/many.py [MODE ...]    all of them, or those; --list

What is measured tests/lib/many.py says; tests/e2e/test_many.py has the same at
small sizes. Figures are seconds, counts, or events a second.
"""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "lib"),
                str(ROOT / "tests" / "e2e")]

# pylint: disable=wrong-import-position
import crowd  # noqa: E402
import many  # noqa: E402
from conftest import Starter  # noqa: E402

MODES = {
    "burst": (many.burst, {}),
    "channel-32": (many.slow_channel, {}),
    "channel-400": (many.slow_channel, {"in_flight": 400}),
    "channel-wide": (many.wide_channel, {}),
    "hung-120": (many.hung_portals, {}),
    "hung-600": (many.hung_portals, {"n": 600}),
    "hung-600-new": (many.hung_portals, {"n": 600, "known": False}),
    "hung-600-turned": (many.hung_portals, {"n": 600, "turned": True}),
    "oauth": (many.hung_oauth, {}),
    "channel-hangs": (many.hung_channel, {}),
    "channel-4s": (many.hung_channel, {"n": 400, "ms": 4000, "chats": 40}),
    "retry": (many.retry_in_time, {}),
    "late": (many.late, {}),
    "stop": (many.stop, {}),
    "trickle": (many.trickle, {}),
    "large": (many.large, {}),
    "fair": (many.fair, {}),
}


def spelled(value):
    """A figure for people."""
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def main(modes):
    """See the head of this file."""
    if modes == ["--list"]:
        print(*MODES)
        return
    for mode in modes or MODES:
        scene, sizes = MODES[mode]
        starter = Starter()
        with crowd.Peer() as peer:
            try:
                figures = scene(starter, peer, **sizes)
            finally:
                starter.stop()
        print(f"{mode:15}", *(f"{k} {spelled(v)}" for k, v in
                              figures.items()), sep="  ", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
