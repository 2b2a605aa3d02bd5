"""A Debian where nothing is installed yet, to type README's commands in.

    debian.py demo|alone|apache CACHE FOLDER

Run by test_fresh.py as root, in namespaces of its own for mounts and
processes. CACHE/base is what debootstrap made, and stays as it is: an overlay
in FOLDER, in memory, takes all that is written. Commands run in a chroot
there, as they stand: apt-get installs, adduser adds, service starts. Only
systemd is not there, so README's way without it is taken.

The machine has a network of its own, so that it can have ports 80 and 443. Its
one door is a proxy for apt, a thread that stayed outside.
"""

import ctypes
import http.server
import os
import pathlib
import queue
import shutil
import sys
import threading
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[1] / "e2e")]

# pylint: disable=wrong-import-position
import events  # noqa: E402
from chapter import World, alone, apache, logs  # noqa: E402
from machine import (Shell, born, kill_all, loopback,  # noqa: E402
                     overlay, run)
from site_folder import REPO  # noqa: E402
from standin import Authority, Portal  # noqa: E402
from standin.tls import HOST  # noqa: E402

CLONE_NEWNET = 0x40000000
SOURCE = "/root/imconnector-fcgi"
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
                       "/sbin:/bin",
               "HOME": "/root", "LANG": "C.UTF-8",
               "DEBIAN_FRONTEND": "noninteractive"}


class Proxy(http.server.BaseHTTPRequestHandler):
    """Fetches what apt asks for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """The path is a whole URL."""
        try:
            with urllib.request.urlopen(self.path, timeout=60) as answer:
                body = answer.read()
        except urllib.error.HTTPError as error:
            return self.send_error(error.code)
        except OSError as error:
            return self.send_error(502, str(error))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return None

    def log_message(self, *_):
        """Nobody reads it."""


def leave_network():
    """A network of our own, for us and what we start; the port of the proxy
    in it, which serves from outside."""
    inside = queue.Queue()
    threading.Thread(target=lambda: inside.get().serve_forever(),
                     daemon=True).start()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    inside.put(proxy)
    return proxy.server_port


class Debian(Shell):
    """See the head of this file."""

    def __init__(self, cache, folder):
        super().__init__()
        self.root = folder / "root"
        self.source = self.root / SOURCE.lstrip("/")
        run("mount", "-t", "tmpfs", "-o", "mode=755", "none", folder)
        self.root.mkdir()
        overlay(self.root, cache / "base", folder / "written")
        run("mount", "-t", "proc", "none", self.root / "proc")
        run("mount", "--rbind", "/dev", self.root / "dev")
        (cache / "archives" / "partial").mkdir(parents=True, exist_ok=True)
        run("mount", "--bind", cache / "archives",
            self.root / "var/cache/apt/archives")
        shutil.copytree(REPO, self.source, ignore=shutil.ignore_patterns(
            "build", ".git", "__pycache__"))
        hosts = self.root / "etc/hosts"
        hosts.write_text("127.0.0.1 localhost\n")
        port = leave_network()
        loopback(hosts, HOST)
        run("mount", "--bind", hosts, "/etc/hosts")     # for us, outside
        (self.root / "etc/apt/apt.conf.d/99proxy").write_text(
            f'Acquire::http::Proxy "http://127.0.0.1:{port}";\n')

    def command(self, command):
        return run("chroot", str(self.root), "sh", "-euc",
                   f"cd {SOURCE}\n{command}",
                   env={**ENVIRONMENT, **self.variables})


def follow(which, machine, folder):
    """Two of chapter.py's ways."""
    authority = Authority(folder / "certificates")
    with Portal(tls=authority.context()) as portal:
        portal.add_token(events.ACCESS)
        world = World(machine, portal, authority)
        if which == "alone":
            alone(world)
        else:
            apache(world, "without systemd")
        assert portal.violations == []


def main(which, cache, folder):
    """See the head of this file."""
    born()
    machine = Debian(pathlib.Path(cache), pathlib.Path(folder))
    try:
        if which == "demo":
            machine.do("apt-get update && apt-get install -y make")
            said = machine.do("make demo")
            print(said)
            assert "All of it happened" in said
        else:
            follow(which, machine, pathlib.Path(folder))
    except Exception:
        logs(machine)
        raise
    finally:
        kill_all()


if __name__ == "__main__":
    main(*sys.argv[1:])
