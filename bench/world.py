"""Everything around what is measured: programs, processes, folders.

    with World(["ours", "go"]) as world: ...

starts the stand-in portal, those handlers (cells.py) and the web servers
before them, and ends them by their ids. They live in a temporary folder, on
Unix sockets and free ports of loopback. As root everything but this script
runs as the web server's user.
"""

import contextlib
import getpass
import glob
import json
import os
import pathlib
import resource
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from cells import HANDLERS

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests"), str(HERE.parent / "tests/e2e")]

# pylint: disable=wrong-import-position,import-error
import events  # noqa: E402
from servers import free_port  # noqa: E402
from site_folder import (BUILD, as_ini, as_user, merged,  # noqa: E402
                         wait_until, web_user)
from standin import Authority  # noqa: E402

TOKEN = "831c76b092f9f135d9b6b36c3a720757"      # the peers know it
MEMBER = "bac1cd5c8940947a75e0d71b1a84e348"
TEXT = ("[b]Samantha Johnson:[/b] [br]Good afternoon, how can I help you?\n"
        "Добрый день! ")
FIRST_ID, ID = 100000000000, "#" * 12   # load.c puts its ids there
PLAIN = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:"
                 "/bin", "LC_ALL": "C.UTF-8"}
PROGRAMS = ("portal", "load", "floor", "handler-go")
CHILDREN = {"nginx": 64, "proxy": 32}   # of PHP-FPM behind it
NGINX = """\
user {w.user};
daemon off;
worker_processes {workers};
pid {w.run}/nginx.pid;
error_log {w.log}/nginx-error.log warn;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {w.run}/body;
    fastcgi_temp_path {w.run}/fastcgi;
    proxy_temp_path {w.run}/proxy;
    uwsgi_temp_path {w.run}/uwsgi;
    scgi_temp_path {w.run}/scgi;
    keepalive_requests 100000000;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
{sites}
    }}
}}
"""
APACHE = "".join(
    f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so\n" for m in
    "mpm_event authz_core alias env proxy proxy_fcgi fcgid".split()) + """\
User {w.user}
Group #{w.group}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {w.run}/apache.pid
DefaultRuntimeDir {w.run}
Mutex file:{w.run} default
MaxKeepAliveRequests 0
ListenBacklog 4096
StartServers 2
ThreadsPerChild 64
MaxRequestWorkers 128
ErrorLog {w.log}/apache-error.log
<Directory {w.bin}>
    Options +ExecCGI
    Require all granted
</Directory>
FcgidIPCDir {w.run}
FcgidProcessTableFile {w.run}/fcgid.shm
FcgidSpawnScore 0
FcgidMaxProcessesPerClass 32
{sites}
"""
FPM = """\
[global]
error_log = {w.log}/{name}-fpm.log
[{name}]
user = {w.user}
group = {w.group}
listen = {w.run}/{name}.sock
listen.mode = 0666
listen.backlog = 4096
pm = static
pm.max_children = {children}
php_admin_value[curl.cainfo] = {w.etc}/{ca}
"""


class World:
    """See the head of this file."""

    def __init__(self, names, folder=None, old=None):
        self.names = names
        self.old = old                  # a handler of another version
        self.folder = pathlib.Path(
            tempfile.mkdtemp(prefix="imconnector-bench-", dir=folder))
        self.bin, self.etc, self.log, self.run = (
            self.folder / n for n in ("bin", "etc", "log", "run"))
        # ours if we are not root: then servers do not look at it
        self.user, self.group = web_user() or (getpass.getuser(), os.getgid())
        self.processes = {}             # name: [Popen], in order of start
        self.listeners = {}
        self.nginx, self.apache = [], []        # what their sites have
        self.ports = {}                 # of web servers, and of the portal
        self.next_id = 1

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in reversed(list(self.processes)):
            self.end(name)
        for s in self.listeners.values():
            s.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def end(self, name):
        """Ends the processes of that name."""
        for process in (ended := self.processes.pop(name)):
            process.send_signal(signal.SIGTERM)
        for process in ended:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                print(f"{name} had to be killed")
                process.kill()
                process.wait()

    # -- start

    def _start(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(16384, hard), hard))
        self.folder.chmod(0o755)
        for path in (self.bin, self.etc, self.log, self.run):
            path.mkdir()
        shutil.chown(self.run, self.user, self.group)
        subprocess.run(["make", "-s", "-C", HERE.parent, f"B={BUILD}",
                        "bench-programs"], check=True)
        for path in (BUILD / "imconnector.fcgi", *(
                BUILD / "bench" / n for n in PROGRAMS),
                *(HERE / "peers").glob("handler.*")):
            shutil.copy(path, self.bin)
        if self.old:
            shutil.copy(self.old, self.bin / "old")
        self._start_portal()
        for name in self.names:
            kind = HANDLERS[name].kind
            getattr(self, f"_start_{kind}")(name, HANDLERS[name])
        if self.nginx:
            self._start_web("nginx", ["nginx"], NGINX, self.nginx,
                            "-p", self.folder, "-e",
                            self.log / "nginx-error.log", "-c")
        if self.apache:
            self._start_web("apache2", ["fcgid", "proxy"], APACHE, self.apache,
                            "-d", self.folder, "-DFOREGROUND", "-f")

    def spawn(self, name, command, env=None, as_root=False, **options):
        """Starts a process, in a session of its own, with a log of its own."""
        options = {"stdin": subprocess.DEVNULL, **options}
        with open(self.log / f"{name}.log", "ab") as log:
            self.processes.setdefault(name, []).append(subprocess.Popen(
                [str(c) for c in command], stdout=log, stderr=log,
                cwd=self.folder, env={**PLAIN, **(env or {})},
                start_new_session=True, **options,
                **({} if as_root else as_user())))

    def _start_portal(self):
        """With a certificate that both CA files trust, Debian's with it."""
        authority = Authority(self.etc)
        certificate, key = authority.files()
        os.chmod(key, 0o644)
        with open(self.etc / "bundle.pem", "wb") as bundle:
            for path in ("/etc/ssl/certs/ca-certificates.crt",
                         authority.ca_file):
                bundle.write(pathlib.Path(path).read_bytes())
        for scheme in ("http", "https"):
            self.listeners[scheme] = s = socket.create_server(
                ("127.0.0.1", 0), backlog=4096)
            s.setblocking(False)
            self.ports[scheme] = s.getsockname()[1]
        fds = [s.fileno() for s in self.listeners.values()]
        self.spawn("portal", [self.bin / "portal", certificate, key, *fds],
                   pass_fds=fds)

    def _site(self, name, script="", http=False):
        """How the web server reaches a handler; fcgid starts `script`."""
        front = HANDLERS[name].front
        sock = f"unix:{self.run}/{name}.sock"
        if front == "nginx":
            to = [f"proxy_pass http://{sock}:/;"] if http else [
                f"fastcgi_pass {sock};", "include /etc/nginx/fastcgi_params;"]
            if script:
                to.append(f"fastcgi_param SCRIPT_FILENAME {script};")
            self.nginx += [f"location = /{name} {{", *to, "}"]
            return
        to = "SetHandler fcgid-script"
        if front == "proxy" and script:
            to = f'SetHandler "proxy:{sock}|fcgi://localhost/"'
        elif front == "proxy":          # as apache-proxy.conf.example
            to = f'ProxyPass "{sock}|fcgi://{name}/" retry=0 timeout=60'
        self.apache += [f"<Location /{name}>", to, "</Location>"]
        if script:
            self.apache.append(f"Alias /{name} {script}")

    def configure(self, name):
        """A configuration of our handler with a store of its own; how its
        environment names it."""
        var, config = self.folder / name, self.etc / f"{name}.conf"
        var.mkdir()
        shutil.chown(var, self.user, self.group)
        text = as_ini(merged({
            "app": {"application_token": TOKEN, "insecure_http": "yes",
                    "portals": "127.0.0.1 *.localhost",
                    "ca_file": self.etc / "ca.pem"},
            "store": {"url": "sqlite:{var}/queue.db"},
            "channel": {"url": "null:"},
            "portal": {"burst": 1000000, "rate": 100000},
            "log": {"level": "warning"}}, HANDLERS[name].config))
        config.write_text(text.replace("{var}", str(var)).replace(
            "{portal}", self.endpoint("http")))
        return {"IMCONNECTOR_CONFIG": str(config),
                "IMCONNECTOR_CORE": "1"}        # or pss() sees nothing

    def _start_ours(self, name, what):
        program = "old" if name == "old" else "imconnector.fcgi"
        self._start_fcgi(name, what, [self.bin / program],
                         self.configure(name))

    def _start_floor(self, name, what):
        command = [self.bin / "floor", self.etc / "ca.pem"]
        if what.store:
            command.append(self.folder / name / "queue.db")
            self._make_store(self.configure(name))
        self._start_fcgi(name, what, command, {})

    def _start_fcgi(self, name, what, command, env):
        """On a socket, or by a script that mod_fcgid starts."""
        if what.front == "fcgid":
            script = self.bin / f"{name}.sh"
            script.write_text("#!/bin/sh\nexec /usr/bin/env " + shlex.join(
                [f"{k}={v}" for k, v in env.items()] +
                [str(c) for c in command]) + "\n")
            script.chmod(0o755)
            self._site(name, script)
            return
        path = self.run / f"{name}.sock"
        self.listeners[name] = listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        path.chmod(0o666)
        listener.listen(4096)
        for _ in range(what.processes):
            self.spawn(name, command, env, stdin=listener)
        self._site(name)

    def _make_store(self, env):
        """As our handler makes it, when it is asked for anything."""
        subprocess.run(
            [self.bin / "imconnector.fcgi"], check=True, capture_output=True,
            stdin=subprocess.DEVNULL, **as_user(), env={
                **PLAIN, **env, "GATEWAY_INTERFACE": "CGI/1.1",
                "REQUEST_METHOD": "GET", "SERVER_PROTOCOL": "HTTP/1.1"})

    def _start_go(self, name, what):
        program = [self.bin / "handler-go"] if what.kind == "go" else \
            ["node", self.bin / "handler.js"]
        self.spawn(name, [*program, self.run / f"{name}.sock",
                          self.etc / "ca.pem"],
                   {"NODE_PATH": "/usr/share/nodejs"})
        self._site(name, http=True)

    _start_node = _start_go

    def _start_php(self, name, what):
        conf = self.etc / f"{name}.conf"
        conf.write_text(FPM.format(w=self, name=name, ca=what.ca,
                                   children=CHILDREN[what.front]))
        self.spawn(name, [sorted(glob.glob("/usr/sbin/php-fpm*"))[-1],
                          "--nodaemonize", "--fpm-config", conf],
                   as_root=True)
        self._site(name, self.bin / "handler.php")

    def _start_web(self, name, fronts, text, lines, *options):
        """A web server for those fronts, until it and all that it reaches by
        sockets listen."""
        port, conf = free_port(), self.etc / f"{name}.conf"
        self.ports.update(dict.fromkeys(fronts, port))
        conf.write_text(text.format(w=self, port=port,
                                    workers=len(os.sched_getaffinity(0)),
                                    sites="\n".join(lines)))
        self.spawn(name, [name, *options, conf], as_root=True)

        def listens():
            if self.dead():
                raise RuntimeError((self.log / f"{name}.log").read_text())
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", port)) == 0
        wait_until(listens, what=name)
        for path in self.names:
            if HANDLERS[path].front != "fcgid":
                wait_until((self.run / f"{path}.sock").exists, what=path)

    # -- what can be seen

    def dead(self):
        """Names of processes that ended by themselves."""
        return [n for n, all_ in self.processes.items()
                if any(p.poll() is not None for p in all_)]

    def pids(self, name):
        """The processes of a handler, which are in sessions of their own;
        with mod_fcgid, which starts them, in Apache's."""
        fcgid = HANDLERS[name].front == "fcgid"
        sessions = [p.pid for p in self.processes[
            "apache2" if fcgid else name]]
        program = "" if not fcgid else \
            "floor" if HANDLERS[name].kind == "floor" else "imconnector"
        found = []
        for path in glob.glob("/proc/[0-9]*/stat"):
            with contextlib.suppress(OSError):
                head, _, rest = pathlib.Path(path).read_text().rpartition(")")
                pid, _, command = head.partition(" (")
                if int(rest.split()[3]) in sessions and \
                        command.startswith(program):
                    found.append(int(pid))
        return found

    def _sum(self, name, pattern, *fields):
        """Of those fields in a file of /proc/PID, over a handler."""
        total = 0
        for pid in self.pids(name):
            for path in glob.glob(f"/proc/{pid}/{pattern}"):
                with contextlib.suppress(OSError):
                    for line in pathlib.Path(path).read_text().splitlines():
                        word = line.partition(":")
                        if word[0] in fields:
                            total += int(word[2].split()[0])
        return total

    def used(self, name):
        """CPU seconds, context switches and pages written so far."""
        cpu = 0.0
        for pid in self.pids(name):
            with contextlib.suppress(OSError):
                # the process's clock: utime + stime, not cut to 10 ms
                cpu += time.clock_gettime((~pid << 3) | 2)
        return {"cpu": cpu, "pages": self._written(), "switches": self._sum(
            name, "task/*/status", "voluntary_ctxt_switches",
            "nonvoluntary_ctxt_switches")}

    def _written(self):
        """Pages of 4 KiB that the stores' disk has written. A process's own
        write_bytes counts whole folios, of which some pages are clean."""
        os.sync()
        at = self.folder.stat().st_dev
        fields = pathlib.Path(f"/sys/dev/block/{os.major(at)}:{os.minor(at)}"
                              "/stat").read_text().split()
        return int(fields[6]) * 512 / 4096

    def pss(self, name):
        """Bytes of memory, shared pages by their share."""
        return 1024 * self._sum(name, "smaps_rollup", "Pss")

    def stats(self):
        """What the portal has seen so far, by group."""
        url = self.endpoint("http") + "/stats"
        with urllib.request.urlopen(url, timeout=20) as answer:
            return json.load(answer)

    # -- load

    def endpoint(self, scheme, path="", host="127.0.0.1"):
        """Where the portal is; `path` as portal.c explains it."""
        return f"{scheme}://{host}:{self.ports[scheme]}" + (
            path and f"/{path}/rest/")

    def load(self, name, endpoint, *, member=MEMBER, in_flight=1, seconds=1,
             rate=0, limit=0, portals=1):
        """Starts the load generator on one handler; load.c explains these,
        and "@@", which endpoint and member may have."""
        form = events.as_form(events.event(
            events.message(ID, TEXT, ID, f"channel-{ID}"), endpoint=endpoint,
            member_id=member, application_token=TOKEN)).decode()
        form = form.replace("%23", "#").replace("%40", "@")
        query = f"?{endpoint}imconnector.send.status.delivery" \
            if HANDLERS[name].kind == "floor" else ""
        request = (f"POST /{name}{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                   "User-Agent: Bitrix24 Webhook Engine\r\n"
                   f"Content-Type: {events.FORM}\r\n"
                   f"Content-Length: {len(form)}\r\n\r\n{form}")
        return subprocess.Popen(
            [self.bin / "load"] + [str(word) for word in (
                self.ports[HANDLERS[name].front], request, self.next_id,
                in_flight, seconds, rate, limit, portals)],
            stdout=subprocess.PIPE, text=True)
