"""What machines are made of that are thrown away (machine.py, tests/fresh).

Each is ours alone: namespaces for mounts, network and processes, begun by
unshare, of which we are the first process. A Shell types README's commands.
"""

import contextlib
import fcntl
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys

from site_folder import HANDLER, REPO, wait_until

SERVERS = ("nginx", "apache2", "lighttpd", "caddy")


def run(*command, **options):
    """Runs it; what it wrote, which is the message if it fails."""
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False,
                          stdin=subprocess.DEVNULL, **options)
    assert done.returncode == 0, \
        f"{shlex.join(command)}: {done.returncode}\n{done.stdout}"
    return done.stdout


def born():
    """Splits us, the first process, in two: one that reaps what others leave
    behind, as an init does, and one that returns."""
    assert os.getpid() == 1, "this is no machine of its own"
    ours = os.fork()
    while ours:
        pid, status = os.wait()
        if pid == ours:
            sys.exit(os.waitstatus_to_exitcode(status))


def loopback(hosts, name):
    """Brings lo up; name leads there, by that hosts file."""
    with socket.socket() as s:      # lo: IFF_UP | IFF_RUNNING
        fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 0x41))
    with open(hosts, "a", encoding="ascii") as f:
        f.write(f"127.0.0.1 {name}\n")


def overlay(path, lower, name):
    """Mounts one at path; what is written there goes to name.*"""
    upper, work = f"{name}.upper", f"{name}.work"
    os.mkdir(upper)
    os.mkdir(work)
    shutil.copystat(lower, upper)
    run("mount", "-t", "overlay", "overlay", "-o",
        f"lowerdir={lower},upperdir={upper},workdir={work}", path)


def empty_run():
    """/run as after a reboot."""
    run("mount", "-t", "tmpfs", "-o", "mode=755", "none", "/run")
    pathlib.Path("/run/lock").mkdir()
    os.chmod("/run/lock", 0o1777)


def pids(program):
    """The processes of that program; zombies have none."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            exe = os.readlink(f"/proc/{entry}/exe")
            if pathlib.Path(exe).name == program:
                found.append(int(entry))
    return found


def kill_all():
    """Every process but ours (see born())."""
    for pid in [int(n) for n in os.listdir("/proc") if n.isdigit()]:
        if pid not in (1, os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(map(pids, (HANDLER, *SERVERS))), 30)


class Shell:
    """The one shell in which all commands are typed."""

    root = pathlib.Path("/")        # of the machine, as we see it
    source = REPO                   # the folder of the source, too

    def __init__(self):
        self.variables = {}

    def do(self, command):
        """One line of README; what it wrote."""
        variable = re.fullmatch(r"(\w+)=(\S+)", command)
        if variable:
            self.variables[variable[1]] = variable[2]
            return ""
        return self.command(command)

    def command(self, command):
        """One that is none of the shell's own."""
        return run("sh", "-euc", command,
                   env={**os.environ, **self.variables})

    def read(self, path):
        """The text of a file of the machine."""
        return (self.root / path.lstrip("/")).read_text()
