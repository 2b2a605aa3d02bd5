"""A place for one handler: folder, configuration, store, spool, processes.

Everything a test needs of the handler but the web server in front of it (that
is servers.py). As root the handler runs as the web server's user, as it would
in the field; else as whoever runs the tests. The built programs come from
$IMCONNECTOR_BUILD, or build/ of this repository, and are copied into the
folder: other users can run them there, and /proc/PID/exe tells them apart.
"""

import contextlib
import datetime
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time

REPO = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("IMCONNECTOR_BUILD") or
                     REPO / "build").resolve()
HANDLER, TOOL = "imconnector.fcgi", "imconnectorctl"
STOP_WITHIN = 8         # seconds; mod_fcgid kills after that
SANITIZER = re.compile(r"ERROR: AddressSanitizer|runtime error:|"
                       r"LeakSanitizer|ThreadSanitizer")


def wait_until(true, deadline=60.0, what="a condition"):
    """Waits until true() gives something, and returns it. The deadline only
    ends a test that hangs: it says nothing about how fast something is."""
    end = time.monotonic() + deadline
    while True:
        value = true()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {deadline} s")
        time.sleep(0.01)


def unix_time(text):
    """The seconds of a time as the operator's tool writes it for programs,
    which is UTC."""
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp()


def web_user():
    """Whose rights the handler gets: (name, group), or None for our own."""
    if os.getuid() != 0:
        return None
    for name in ("www-data", "apache", "nginx", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return name, entry.pw_gid
    raise RuntimeError("no user to run the handler as")


def as_user():
    """The arguments with which subprocess becomes that user."""
    user = web_user()
    return {"user": user[0], "group": user[1], "extra_groups": []} \
        if user else {}


def merged(*configs):
    """Configurations on top of each other: {section: {option: value}}."""
    out = {}
    for config in configs:
        for section, options in config.items():
            out.setdefault(section, {}).update(options)
    return out


def as_ini(config):
    """The file's text; a value may be a list, None leaves the option out."""
    lines = []
    for section, options in config.items():
        lines.append(f"[{section}]")
        for name, value in options.items():
            if isinstance(value, (list, tuple)):
                value = "\n    ".join(value)
            if value is not None:
                lines.append(f"{name} = {value}")
    return "\n".join(lines) + "\n"


class Site:
    """See above."""

    def __init__(self, config):
        if not (BUILD / HANDLER).exists():
            raise RuntimeError(f"{BUILD / HANDLER} is not built")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="imconnector-"))
        self.folder.chmod(0o755)
        for name in ("bin", "etc", "run", "log"):
            (self.folder / name).mkdir()
        self.var = self._own(self.folder / "var")
        self.spool = self.var / "spool"
        self.store = self.var / "queue.db"
        self.socket = self._own(self.folder / "socket") / "imconnector.sock"
        for name in (HANDLER, TOOL):
            if (BUILD / name).exists():
                shutil.copy(BUILD / name, self.folder / "bin" / name)
        self.handler = self.folder / "bin" / HANDLER
        self.certificate = None     # of the web server: (PEM file, its key)
        self.config_file = self.folder / "etc" / "imconnector.conf"
        self.write_config(config)

    def _own(self, path):
        """A folder of the handler's user."""
        path.mkdir(mode=0o755)
        if user := web_user():
            os.chown(path, pwd.getpwnam(user[0]).pw_uid, user[1])
        return path

    def write_config(self, config):
        """Writes the file; store and channel are this folder's by default."""
        self.config = merged({"store": {"url": f"sqlite:{self.store}"},
                              "channel": {"url": f"spool:{self.spool}"}},
                             config)
        self.config_file.write_text(as_ini(self.config))

    @property
    def environment(self):
        """What the handler sees: its configuration, and sanitizer options."""
        kept = {k: v for k, v in os.environ.items()
                if k.endswith("SAN_OPTIONS")}
        return {"PATH": "/usr/bin:/bin",
                "IMCONNECTOR_CONFIG": str(self.config_file), **kept}

    # -- what the handler did

    def spooled(self):
        """The files that the spool channel published, by age."""
        new = self.spool / "new"
        return sorted(new.iterdir()) if new.exists() else []

    def objects(self):
        """The channel objects in them."""
        return [json.loads(p.read_bytes()) for p in self.spooled()]

    def ctl(self, *args, timeout=30, env=None):
        """Runs the operator's tool on this site."""
        done = subprocess.run(
            [self.folder / "bin" / TOOL, *args], capture_output=True,
            text=True, timeout=timeout, check=False, cwd=self.folder,
            env={**self.environment, **(env or {})})
        assert not SANITIZER.search(done.stderr), done.stderr
        assert done.returncode >= 0, f"killed by {-done.returncode}"
        return done

    def queue(self):
        """Every stored message, as the operator's tool lists them."""
        if not self.store.exists():
            return []
        done = self.ctl("queue", "list", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def states(self):
        """{message_id: state} of what is stored."""
        return {int(m["message_id"] or 0): m["state"]
                for m in self.queue()}

    def wait_states(self, wanted, deadline=60.0):
        """Waits until the store holds exactly these states."""
        try:
            wait_until(lambda: self.states() == wanted, deadline)
        except TimeoutError:
            raise AssertionError(f"states are {self.states()}, "
                                 f"not {wanted}") from None

    # -- processes

    def handlers(self):
        """The process ids of running handlers."""
        return self._running(str(self.handler))

    def _running(self, prefix):
        found = []
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                try:
                    exe = self._program(entry.name)
                    state = pathlib.Path(f"/proc/{entry.name}/stat") \
                        .read_text().rpartition(")")[2].split()[0]
                except OSError:
                    continue
                if exe.startswith(prefix) and state != "Z":
                    found.append(int(entry.name))
        return found

    @staticmethod
    def _program(pid):
        """The program that a process runs. Who is not root may not see that
        of a handler, for want of core dumps, but may see its command."""
        try:
            return os.readlink(f"/proc/{pid}/exe")
        except PermissionError:
            return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() \
                .split(b"\0")[0].decode()

    def stop_handlers(self):
        """SIGTERM to each; they must be gone in time."""
        for pid in self.handlers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        try:
            wait_until(lambda: not self.handlers(), STOP_WITHIN)
        except TimeoutError:
            raise AssertionError("a handler is still there "
                                 f"{STOP_WITHIN} s after SIGTERM") from None

    def remove(self):
        """Kills what is left, which is an error, and removes the folder."""
        left = self._running(str(self.folder))
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)
        assert not left, "processes were left behind"
