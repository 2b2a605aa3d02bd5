"""Does what README says, on a machine that is thrown away.

    chapter.py nginx|apache FOLDER

Run by test_chapters.py as root, in namespaces of its own for mounts, network
and processes. The folders that commands write to get an overlay, which ends
with the namespaces; so all commands of README run as they stand, but two:

    apt-get     every package it names must be installed already
    systemctl   does what the unit says, as there is no systemd here: makes
                the socket, and runs ExecStart with that user, no
                capabilities, and only the unit's folders writable

FOLDER is empty; it holds the overlays. Events then go through https, and the
machine is "rebooted": /run is emptied, and what was enabled starts again.
"""

import configparser
import contextlib
import fcntl
import grp
import http.client
import json
import os
import pathlib
import pwd
import re
import shlex
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading

HERE = pathlib.Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent)]

# pylint: disable=wrong-import-position
import events  # noqa: E402
from site_folder import HANDLER, REPO, wait_until  # noqa: E402
from standin import Portal  # noqa: E402

HOST, URL = "handler.example.org", "/bitrix24/handler"
CONF = pathlib.Path("/etc/imconnector/imconnector.conf")
JOURNAL = "/var/log/imconnector.journal"
SPOOL = pathlib.Path("/var/spool/imconnector")
UNITS = ("/etc/systemd/system", "/lib/systemd/system")
OVERLAYS = ("/etc", "/var", "/usr/local", str(REPO))
SERVICES = ("nginx", "apache2")         # Debian starts what it installs


def chapter(title):
    """The text of a chapter of README."""
    text = (REPO / "README").read_text()
    found = re.search(rf"^{title}\n-+\n(.*?)(?=^\S[^\n]*\n-{{3,}}\n|\Z)", text,
                      re.M | re.S)
    assert found, f"README has no chapter {title!r}"
    return found[1]


def commands(title):
    """The indented lines of a chapter, continued ones in one piece."""
    lines = [line[4:] for line in chapter(title).splitlines()
             if line.startswith("    ")]
    return re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()


def run(*command, **options):
    """Runs it; what it wrote is the message if it fails."""
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False,
                          stdin=subprocess.DEVNULL, **options)
    assert done.returncode == 0, \
        f"{shlex.join(command)}: {done.returncode}\n{done.stdout}"
    return done.stdout


def isolate(folder):
    """Overlays, an empty /run, and a loopback of our own."""
    run("mount", "-t", "tmpfs", "none", folder)
    for i, path in enumerate(OVERLAYS):
        upper, work = f"{folder}/{i}.upper", f"{folder}/{i}.work"
        os.mkdir(upper)
        os.mkdir(work)
        shutil.copystat(path, upper)
        run("mount", "-t", "overlay", "overlay", "-o",
            f"lowerdir={path},upperdir={upper},workdir={work}", path)
    empty_run()
    os.chdir(REPO)
    with socket.socket() as s:      # lo: IFF_UP | IFF_RUNNING
        fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 0x41))
    with open("/etc/hosts", "a", encoding="ascii") as f:
        f.write(f"127.0.0.1 {HOST}\n")


def empty_run():
    """/run as after a reboot."""
    run("mount", "-t", "tmpfs", "-o", "mode=755", "none", "/run")
    pathlib.Path("/run/lock").mkdir()
    os.chmod("/run/lock", 0o1777)


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


def pids(program):
    """The processes of that program; zombies have none."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            exe = os.readlink(f"/proc/{entry}/exe")
            if pathlib.Path(exe).name == program:
                found.append(int(entry))
    return found


class Machine:
    """What apt-get and systemctl see to."""

    def __init__(self):
        self.sockets, self.processes, self.enabled = {}, {}, []
        self.journal = open(JOURNAL, "ab")

    def do(self, command):
        """One line of README."""
        words = shlex.split(command)
        if words[0] == "apt-get":
            self.apt(words[1:])
        elif words[0] == "systemctl":
            self.systemctl(*[w for w in words[1:] if w != "--now"])
        else:
            run("sh", "-euc", command)

    def apt(self, words):
        """install -y PACKAGE..."""
        if words == ["update"]:
            return
        assert words[:2] == ["install", "-y"], words
        for package in words[2:]:
            state = run("dpkg-query", "-W", "-f", "${db:Status-Status}",
                        package)
            assert state == "installed", f"{package}: {state}"
            if package in SERVICES:
                self.enable(f"{package}.service")

    def systemctl(self, verb, *names):
        """Those verbs that README uses."""
        names = [n if "." in n else f"{n}.service" for n in names]
        if verb == "daemon-reload":
            ours = list(pathlib.Path(UNITS[0]).glob("imconnector*"))
            assert ours
            if shutil.which("systemd-analyze"):
                assert run("systemd-analyze", "verify", *map(str, ours)) == ""
        for name in names:
            {"enable": self.enable, "reload": self.reload,
             "restart": self.restart}[verb](name)

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
                run(*self.as_said(section))
            else:
                self.spawn(name, section)

    @staticmethod
    def as_said(section):
        """ExecStart, confined as the unit says."""
        return ["setpriv", f"--reuid={section['User']}",
                f"--regid={section['Group']}", "--clear-groups",
                "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all",
                "--", *shlex.split(section["ExecStart"])]

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
             "sh", *self.as_said(section)], cwd="/",
            stdin=self.sockets[name.replace(".service", ".socket")],
            stdout=self.journal, stderr=self.journal,
            env={"PATH": os.environ["PATH"]}, umask=int(section["UMask"], 8))

    @staticmethod
    def reload(name):
        """A web server that runs already."""
        run(*shlex.split(unit(name)["Service"]["ExecReload"]))

    def restart(self, name):
        """One that ends before it starts."""
        section = unit(name)["Service"]
        run(*shlex.split(section["ExecStop"].lstrip("-")))
        wait_until(lambda: not pids(name.split(".")[0]), 30, "its end")
        self.start(name)

    def reboot(self, *but):
        """Kills all, empties /run, starts what was enabled."""
        self.kill_all()
        run("umount", "/run")
        empty_run()
        for name in dict.fromkeys(self.enabled):
            if name not in but:
                self.start(name)

    def kill_all(self):
        """Every process but ours, which is the first of this machine."""
        for pid in [int(n) for n in os.listdir("/proc") if n.isdigit()]:
            if pid != os.getpid():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        for process in self.processes.values():
            process.wait()
        for listener in self.sockets.values():
            listener.close()
        wait_until(lambda: not any(map(pids, (HANDLER, *SERVICES))), 30)


class World:
    """The one who follows README, and Bitrix24."""

    def __init__(self, portal):
        self.machine = Machine()
        self.portal = portal
        self.number = 0
        self.certificate = None

    def follow(self, title):
        """Types a chapter, with an event whenever a web server is told to
        look at its configuration."""
        for command in commands(title):
            self.machine.do(command)
            if CONF.exists() and "PUT-THE-TOKEN-HERE" in CONF.read_text():
                self.edit()
            if re.fullmatch("systemctl (reload|restart) (nginx|apache2)",
                            command):
                self.check()

    def edit(self):
        """Fills the token in, and lets it talk to our Bitrix24."""
        text = CONF.read_text().replace("PUT-THE-TOKEN-HERE", events.TOKEN)
        CONF.write_text(text.replace(
            "[app]\n", "[app]\ninsecure_http = yes\nportals = 127.0.0.1\n"))

    def certify(self):
        """Your certificate and its key, where README wants them."""
        text = " ".join(chapter("Build").split())
        found = re.search(r"your certificate .*?as (\S+), its key as (\S+)\.",
                          text)
        assert found, "README does not say where the certificate goes"
        self.certificate, key = found.groups()
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
            "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}",
            "-days", "2", "-keyout", key, "-out", self.certificate)

    def post(self):
        """The next event by https; the status and the answer."""
        self.number += 1
        context = ssl.create_default_context(cafile=self.certificate)
        connection = http.client.HTTPSConnection(HOST, timeout=60,
                                                 context=context)
        connection.request("POST", URL, events.as_form(events.event(
            events.message(self.number, chat=f"chat-{self.number}"),
            endpoint=self.portal.endpoint)),
            {"Content-Type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        return answer.status, answer.read()

    def check(self):
        """An event goes through; plain http was sent on."""
        wait_until(self.serves, 30, "the web server")
        status, body = self.post()
        assert (status, json.loads(body)["result"]) == \
            (200, "acknowledged"), (status, body)
        assert len(list((SPOOL / "new").iterdir())) == self.number

    def serves(self):
        """Whether our certificate is shown and plain http is sent to https:
        after a reload old processes may still answer."""
        context = ssl.create_default_context(cafile=self.certificate)
        plain = http.client.HTTPConnection(HOST, timeout=60)
        try:
            with socket.create_connection((HOST, 443), 10) as s, \
                    context.wrap_socket(s, server_hostname=HOST):
                plain.request("GET", URL)
                answer = plain.getresponse()
        except OSError:
            return False
        finally:
            plain.close()
        return (answer.status, answer.getheader("Location")) == \
            (301, f"https://{HOST}{URL}")

    def check_restart(self, name):
        """The handler dies with an event in its hands: nginx sends it once
        more, it waits at the socket, and the next one recognises it."""
        process = self.machine.processes[name]
        calls, got = len(self.portal.calls), []
        self.portal.script("slow:5")
        sender = threading.Thread(target=lambda: got.append(self.post()))
        sender.start()
        wait_until(lambda: len(self.portal.calls) > calls, 30, "a call")
        os.kill(pids(HANDLER)[0], signal.SIGKILL)
        process.wait()
        path = unit("imconnector.socket")["Socket"]["ListenStream"]
        wait_until(lambda: waits_at(path), 30, "an event at the socket")
        self.machine.start(name)
        sender.join()
        assert got[0][0] in (200, 202), got
        wait_until(lambda: states() == {"acknowledged"}, 60, "the rest")


def states():
    """Of all that is stored."""
    return {m["state"] for m in json.loads(
        run("imconnectorctl", "queue", "list", "--json"))}


def waits_at(path):
    """Whether a connection there is not accepted yet (state 2)."""
    with open("/proc/net/unix", encoding="utf-8") as f:
        return any(line.split()[5] == "02" for line in f
                   if line.strip().endswith(path))


def nginx(world):
    """Its chapter, and the run script for other supervisors."""
    world.follow("Behind nginx")
    group = grp.getgrgid(CONF.stat().st_gid).gr_name
    assert (group, CONF.stat().st_mode & 0o777) == ("imconnector", 0o640)
    world.check_restart("imconnector.service")
    world.machine.reboot()
    world.check()
    world.machine.reboot("imconnector.socket", "imconnector.service")
    with subprocess.Popen([REPO / "deploy" / "imconnector.run"], cwd="/",
                          stdin=subprocess.DEVNULL) as handler:
        wait_until(lambda: pids(HANDLER), 30, "the handler")
        world.check()
        handler.terminate()
        assert handler.wait(30) == 0


def apache(world):
    """Its chapter: a process stays with mod_fcgid only."""
    stays = []
    check = world.check

    def check_and_look():
        check()
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: not pids(HANDLER), 5)
        stays.append(bool(pids(HANDLER)))
    world.check = check_and_look
    world.follow("Behind Apache")
    assert stays == [True, False], stays
    world.machine.reboot()
    check()


def main(which, folder):
    """See the head of this file."""
    assert os.getpid() == 1, "this is no machine of its own"
    isolate(folder)
    with Portal() as portal:
        portal.add_token(events.ACCESS)
        world = World(portal)
        world.follow("Build")
        world.certify()
        {"nginx": nginx, "apache": apache}[which](world)
        assert portal.violations == []
        world.machine.kill_all()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception:
        for log in (JOURNAL, "nginx/error.log", "apache2/error.log"):
            if pathlib.Path("/var/log", log).exists():
                print(f"--- {log}\n", pathlib.Path("/var/log", log)
                      .read_text(errors="replace")[-3000:], file=sys.stderr)
        raise
