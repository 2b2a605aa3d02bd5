"""A Debian where nothing is installed yet, to type README's commands in.

    debian.py demo|alone|cron|nginx|apache|... CACHE FOLDER

Run by test_fresh.py as root, in namespaces of its own for mounts and
processes. CACHE/base is what debootstrap made, and stays as it is: an overlay
in FOLDER, in memory, takes all that is written. Commands run there as they
stand: apt-get installs, adduser adds, service starts.

    demo, alone, cron   in a chroot, without systemd: `make demo`; ten
                        minutes; Apache, with cron for its timer
    nginx, apache, ...  in a container that systemd has booted, and boots
                        again: ten minutes; the other web servers

The machine has a network of its own, so that it can have ports 80 and 443. Its
one door is a proxy for apt, a thread that stayed outside.
"""

import ctypes
import http.server
import pathlib
import queue
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[1] / "e2e")]

# pylint: disable=wrong-import-position
import events  # noqa: E402
from chapter import alone, apache, caddy, lighttpd, nginx  # noqa: E402
from chapter import proxy  # noqa: E402
from follow import World, logs  # noqa: E402
from shell import (Shell, born, empty_run, kill_all,  # noqa: E402
                   loopback, overlay, pids, run)
from site_folder import REPO, wait_until  # noqa: E402
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
        self.enter = self.begin()

    def begin(self):
        """Makes it ready; what leads a command into it."""
        run("mount", "-t", "proc", "none", self.root / "proc")
        run("mount", "--rbind", "/dev", self.root / "dev")
        return ["chroot", str(self.root)]

    def command(self, command):
        return run(*self.enter, "sh", "-euc", f"cd {SOURCE}\n{command}",
                   env={**ENVIRONMENT, **self.variables})


class Booted(Debian):
    """With systemd."""

    def begin(self):
        self.enter = super().begin()
        self.command("apt-get update\n"
                     "apt-get install -y systemd-sysv dbus")
        run("umount", "--recursive", self.root / "dev", self.root / "proc")
        empty_run()     # systemd-nspawn notes things there
        return self.boot()

    def boot(self):
        """Leads into the container, as soon as all of it is up."""
        self.container = subprocess.Popen(
            ["systemd-nspawn", "--boot", "--register=no", "--keep-unit",
             "--console=pipe", "-D", self.root, "--bind",
             self.root / "var/cache/apt/archives"], stdin=subprocess.DEVNULL)
        first = wait_until(lambda: [pid for pid in pids("systemd") if
                                    parent(pid) == self.container.pid], 60)
        enter = ["nsenter", "-a", "-t", str(first[0])]
        wait_until(lambda: subprocess.run(
            [*enter, "systemctl", "is-system-running", "--wait"], check=False,
            capture_output=True, text=True).stdout.strip() in
            ("running", "degraded"), 120, "systemd")
        return enter

    def revive(self, _):
        """systemd does that."""

    def reboot(self):
        """As an administrator does."""
        self.command("systemctl reboot")
        self.container.wait(60)
        self.enter = self.boot()


def parent(pid):
    """Of a process; 0 if it is gone."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[1])


def follow(which, machine, folder):
    """One of chapter.py's ways."""
    authority = Authority(folder / "certificates")
    with Portal(tls=authority.context()) as portal:
        portal.add_token(events.ACCESS)
        {"alone": alone, "cron": lambda w: apache(w, "without systemd"),
         "nginx": nginx, "apache": apache, "proxy": proxy,
         "lighttpd": lighttpd, "caddy": caddy}[which](
             World(machine, portal, authority))
        assert portal.violations == []


def demo(machine):
    """README's first command."""
    machine.do("apt-get update\napt-get install -y make")
    assert "All of it happened" in machine.do("make demo")


def main(which, cache, folder):
    """See the head of this file."""
    born()
    folder = pathlib.Path(folder)
    kind = Debian if which in ("demo", "alone", "cron") else Booted
    machine = kind(pathlib.Path(cache), folder)
    try:
        if which == "demo":
            demo(machine)
        else:
            follow(which, machine, folder)
    except Exception:
        logs(machine)
        raise
    finally:
        kill_all()


if __name__ == "__main__":
    main(*sys.argv[1:])
