"""Does what README says, on a machine that is thrown away.

    chapter.py nginx|alone|apache|proxy|lighttpd|caddy FOLDER

Run by test_chapters.py as root, in namespaces of its own; machine.py says how.
Follows the chapters for that web server ("alone": nginx, without systemd).
Events then go through https, the handler is killed with one in its hands, and
the machine is "rebooted": /run is emptied, and what was enabled starts again.

tests/fresh does it once more on a Debian where nothing is installed yet.
"""

import contextlib
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent)]

# pylint: disable=wrong-import-position
import events  # noqa: E402
from follow import CONF, TEN, World, logs  # noqa: E402
from machine import Machine, isolate  # noqa: E402
from shell import born, loopback, pids  # noqa: E402
from site_folder import HANDLER, wait_until  # noqa: E402
from standin import Authority, Portal  # noqa: E402
from standin.tls import HOST  # noqa: E402

PID = "/run/imconnector/pid"


def handler(world, how="with systemd"):
    """Steps 1 to 4."""
    world.follow(TEN, "", "Step 1: build", "Step 2: configure",
                 "Step 3: the certificate", "Step 4: the handler",
                 f"Step 4, {how}")


def with_systemd(world, again=True):
    """What all do that run behind systemd's socket."""
    world.check_away()
    world.check_restart(lambda: world.machine.revive(again), again)
    world.machine.reboot()
    world.check()


def nginx(world):
    """With systemd."""
    handler(world)
    world.follow(TEN, "Step 5: nginx")
    assert world.machine.do(f"stat -c '%G %a' {CONF}") == "imconnector 640\n"
    world.check_bodies()
    with_systemd(world)


def alone(world):
    """Without it: what imconnector.run starts is never away."""
    handler(world, "without systemd")
    world.follow(TEN, "Step 5: nginx")
    world.check_restart(lambda: None)
    first = wait_until(lambda: pids(HANDLER), 30, "the handler")
    before = world.machine.read(CONF)
    world.type("make install")      # as for a newer version
    assert world.machine.read(CONF) == before
    world.machine.do(f"kill -HUP $(cat {PID})")
    wait_until(lambda: pids(HANDLER) not in (first, []), 30, "a new handler")
    world.check()
    world.machine.do(f"kill -TERM $(cat {PID})")
    wait_until(lambda: not pids(HANDLER) and not os.path.exists(
        f"/proc/{world.machine.read(PID).strip()}"), 30, "the end")


def apache(world, how="with systemd"):
    """mod_fcgid, and CGI: a process stays with the first only."""
    world.follow(TEN, "", "Step 1: build", "Step 2: configure",
                 "Step 3: the certificate")
    stays = []
    check = world.check

    def check_and_look():
        check()
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: not pids(HANDLER), 5)
        stays.append(bool(pids(HANDLER)))
    world.check = check_and_look
    world.follow("Behind Apache", "Step 4: Apache",
                 f"Step 5: the timer, {how}")
    world.follow("Behind Apache, as plain CGI")
    world.check = check
    assert stays == [True, False], stays
    world.curl()
    world.check_bodies(chunks=411)
    if how == "with systemd":
        world.machine.reboot()
        world.check()


def proxy(world):
    """Apache, with mod_proxy_fcgi."""
    handler(world)
    world.follow("Behind Apache, with mod_proxy_fcgi")
    other(world)


def lighttpd(world):
    """Its chapter."""
    handler(world)
    world.follow("Behind lighttpd")
    other(world)


def caddy(world):
    """With a certificate of ours: it cannot get one here."""
    handler(world)
    world.follow("Behind Caddy")
    other(world, chunks=411)


def other(world, chunks=200):
    """What is asked of all but nginx."""
    world.curl()
    world.check_bodies(chunks)
    with_systemd(world, again=False)


def main(which, folder):
    """See the head of this file."""
    born()
    isolate(folder)
    loopback("/etc/hosts", HOST)
    authority = Authority(f"{folder}/certificates")
    with Portal(tls=authority.context()) as portal:
        portal.add_token(events.ACCESS)
        machine = Machine()
        try:
            {"nginx": nginx, "alone": alone, "apache": apache, "proxy": proxy,
             "lighttpd": lighttpd, "caddy": caddy}[which](
                 World(machine, portal, authority))
            assert portal.violations == []
        except Exception:
            logs(machine)
            raise
        machine.kill_all()


if __name__ == "__main__":
    main(*sys.argv[1:])
