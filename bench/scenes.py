"""Many portals and channels, slow and hanging ones, at full size.

    /usr/bin/python3 bench/scenes.py [SCENE ...]      all of them, or those

Scenes are functions of tests/lib/many.py, which says what they measure;
tests/e2e/test_many.py has the same at small sizes. Figures are seconds,
counts, or events a second.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] /
                       "tests" / "e2e"))

# pylint: disable=wrong-import-position
from conftest import Starter  # noqa: E402; finds the others of tests/
import crowd  # noqa: E402
import many  # noqa: E402

SCENES = [
    (many.burst, {}), (many.slow_channel, {}),
    (many.slow_channel, {"in_flight": 400}), (many.wide_channel, {}),
    (many.hung_portals, {}), (many.hung_portals, {"n": 600}),
    (many.hung_portals, {"n": 600, "known": False}),
    (many.hung_portals, {"n": 600, "turned": True}),
    (many.hung_oauth, {}), (many.hung_channel, {}),
    (many.hung_channel, {"n": 400, "ms": 4000, "chats": 40}),
    (many.retry_in_time, {}), (many.late, {}), (many.stop, {}),
    (many.trickle, {}), (many.large, {}), (many.fair, {})]


def main(names):
    """See the head of this file."""
    for scene, sizes in SCENES:
        if names and scene.__name__ not in names:
            continue
        starter = Starter()
        with crowd.Peer() as peer:
            try:
                figures = scene(starter, peer, **sizes)
            finally:
                starter.stop()
        print(scene.__name__, *(
            f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}"
            for k, v in {**sizes, **figures}.items()), sep="  ", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
