"""A machine that is thrown away, made of the one we run on: for chapter.py.

The folders that commands write to get an overlay, which ends with it. So all
commands of README run as they stand, but:

    apt-get     every package it names must be installed already
    systemctl   does what the unit says, as there is no systemd here: makes
                the socket, and runs ExecStart with that user, no
                capabilities, and only the unit's folders writable
    service     the same, for web servers
"""

import configparser
import grp
import os
import pathlib
import pwd
import shlex
import shutil
import socket
import subprocess

from shell import SERVERS, Shell, empty_run, kill_all, overlay, pids, run
from site_folder import REPO, wait_until

JOURNAL = "/var/log/imconnector.journal"
UNITS = ("/etc/systemd/system", "/usr/local/lib/systemd/system",
         "/lib/systemd/system")
OVERLAYS = ("/etc", "/var", "/usr/local", str(REPO))


def isolate(folder):
    """Overlays, which live in folder, and an empty /run."""
    run("mount", "-t", "tmpfs", "none", folder)
    for i, path in enumerate(OVERLAYS):
        overlay(path, path, f"{folder}/{i}")
    empty_run()
    os.chdir(REPO)


def unit(name):
    """A unit file, by section and option; the last value counts."""
    for folder in UNITS:
        path = pathlib.Path(folder, name)
        if path.exists():
            parser = configparser.ConfigParser(
                strict=False, interpolation=None, delimiters="=",
                comment_prefixes="#")
            parser.optionxform = str
            parser.read(path)
            return parser
    raise AssertionError(f"there is no unit {name}")


def waits_at(path):
    """Whether a connection there is not accepted yet (state 2)."""
    with open("/proc/net/unix", encoding="utf-8") as f:
        return any(line.split()[5] == "02" for line in f
                   if line.strip().endswith(path))


class Machine(Shell):
    """See above."""

    def __init__(self):
        super().__init__()
        self.sockets, self.processes, self.enabled = {}, {}, []
        self.journal = open(JOURNAL, "ab")

    def command(self, command):
        words = shlex.split(command)
        if words[0] == "apt-get":
            self.apt(words[1:])
        elif words[0] == "systemctl":
            self.systemctl(*[w for w in words[1:] if w != "--now"])
        elif words[0] == "service":
            self.systemctl(words[2], words[1])
        else:
            return super().command(command)
        return ""

    def apt(self, words):
        """install -y PACKAGE..."""
        if words == ["update"]:
            return
        assert words[:2] == ["install", "-y"], words
        for package in words[2:]:
            state = run("dpkg-query", "-W", "-f", "${db:Status-Status}",
                        package)
            assert state == "installed", f"{package}: {state}"
            if package in SERVERS:
                self.enable(f"{package}.service")

    def systemctl(self, verb, *names):
        """Those verbs that README uses."""
        names = [n if "." in n else f"{n}.service" for n in names]
        if verb == "daemon-reload":
            ours = [path for folder in UNITS
                    for path in pathlib.Path(folder).glob("imconnector*")]
            assert ours
            if shutil.which("systemd-analyze"):
                assert run("systemd-analyze", "verify", *map(str, ours)) == ""
        for name in names:
            {"enable": self.enable, "restart": self.restart}[verb](name)

    def enable(self, name):
        """With --now."""
        assert unit(name).has_section("Install") or name not in self.enabled
        self.enabled.append(name)
        self.start(name)

    def start(self, name):
        """By the kind of the unit."""
        if name.endswith(".socket"):
            self.open(name)
        elif name.endswith(".timer"):
            self.start(name.replace(".timer", ".service"))
        else:
            section = unit(name)["Service"]
            if section["Type"] == "forking":
                run(*shlex.split(section["ExecStart"]))
            elif section["Type"] == "oneshot":
                run(*as_said(section))
            elif "StandardInput" in section:
                self.spawn(name, section)
            else:
                self.processes[name] = subprocess.Popen(
                    as_said(section), cwd="/", stdin=subprocess.DEVNULL,
                    stdout=self.journal, stderr=self.journal)

    def open(self, name):
        """A socket unit."""
        section = unit(name)["Socket"]
        path = pathlib.Path(section["ListenStream"])
        path.parent.mkdir(int(section["DirectoryMode"], 8), True, True)
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(int(section["Backlog"]))
        os.chmod(path, int(section["SocketMode"], 8))
        os.chown(path, pwd.getpwnam(section["SocketUser"]).pw_uid,
                 grp.getgrnam(section["SocketGroup"]).gr_gid)
        self.sockets[name] = listener

    def spawn(self, name, section):
        """A service that stays, with its socket as descriptor 0."""
        assert section["StandardInput"] == "socket"
        assert section["ProtectSystem"] == "strict"
        assert section["Restart"] == "always"       # see check_restart()
        writable = [f"/var/lib/{section['StateDirectory']}",
                    *section["ReadWritePaths"].split()]
        binds = "".join(f"mount --bind {p} {p}; " for p in writable)
        shuts = "".join(f"mount -o remount,bind,ro {p}; "
                        for p in ("/", "/etc", "/var", "/usr/local"))
        self.processes[name] = subprocess.Popen(
            ["unshare", "--mount", "sh", "-euc", f'{binds}{shuts}exec "$@"',
             "sh", *as_said(section)], cwd="/",
            stdin=self.sockets[name.replace(".service", ".socket")],
            stdout=self.journal, stderr=self.journal,
            env={"PATH": os.environ["PATH"]}, umask=int(section["UMask"], 8))

    def restart(self, name):
        """One that ends before it starts."""
        section = unit(name)["Service"]
        if "ExecStop" in section:
            run(*shlex.split(section["ExecStop"].lstrip("-")))
        else:
            self.processes[name].terminate()
            self.processes[name].wait(30)
        wait_until(lambda: not pids(name.split(".")[0]), 30, "its end")
        self.start(name)

    def revive(self, event):
        """What systemd does when the handler has died; the event, if there is
        one, waits at the socket meanwhile."""
        self.processes["imconnector.service"].wait()
        if event:
            path = unit("imconnector.socket")["Socket"]["ListenStream"]
            wait_until(lambda: waits_at(path), 30, "an event at the socket")
        self.start("imconnector.service")

    def reboot(self):
        """Kills all, empties /run, starts what was enabled."""
        self.kill_all()
        # who was killed may hold it a moment longer
        run("umount", "--lazy", "/run")
        empty_run()
        for name in dict.fromkeys(self.enabled):
            self.start(name)

    def kill_all(self):
        """Nothing runs, nothing listens."""
        kill_all()
        for process in self.processes.values():
            process.wait()
        for listener in self.sockets.values():
            listener.close()


def as_said(section):
    """ExecStart, confined as the unit says."""
    command = shlex.split(section["ExecStart"])
    if "User" not in section:
        return command
    rights = ["--clear-groups", "--no-new-privs", "--inh-caps=-all",
              "--bounding-set=-all"]
    if "AmbientCapabilities" in section:        # Caddy's
        bind = section["AmbientCapabilities"].lower().replace("cap_", "+")
        rights = ["--init-groups", f"--inh-caps={bind}",
                  f"--ambient-caps={bind}"]
    return ["setpriv", f"--reuid={section['User']}",
            f"--regid={section['Group']}", *rights, "--", *command]
