"""What is measured, and everything around it: programs, processes, folders.

    with World(["ours", "go"]) as world: ...

builds the small C and Go programs of this folder, starts the stand-in portal,
those handlers and one nginx in front of them, and ends them by their ids. They
live in a temporary folder, on Unix sockets and free ports of loopback. As root
everything but this script runs as the web server's user.
"""

import glob
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

import stores
from programs import (BUILD, HERE, PLAIN, PROGRAMS, TOKEN, as_web_user,
                      compile_all, php_fpm, web_user)

WORKERS = 16            # server.workers of our handler; the default is 4
FLOOR_THREADS = 64      # of the C floors
PHP_CHILDREN = 64
NGINX_WORKERS = len(os.sched_getaffinity(0))
# a portal without a limit bears more: larger calls, or more of them
PORTAL = {"ours": {"status_batch": 500}, "ours2": {"calls_in_flight": 16}}

FASTCGI = """
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_param CONTENT_TYPE $content_type;
            fastcgi_param CONTENT_LENGTH $content_length;
            fastcgi_param SCRIPT_NAME $fastcgi_script_name;
            fastcgi_param REQUEST_URI $request_uri;
            fastcgi_param SERVER_PROTOCOL $server_protocol;
            fastcgi_param GATEWAY_INTERFACE CGI/1.1;
            fastcgi_param REMOTE_ADDR $remote_addr;"""

# The handlers by name: what they are called in the report.
TITLES = {
    "ours": "imconnector.fcgi, portal.status_batch = 500",
    "ours2": "imconnector.fcgi, portal.calls_in_flight = 16",
    "php": "PHP-FPM, curl, Debian's CA bundle",
    "php1": "PHP-FPM, curl, CA file of one certificate",
    "node": "Node, undici",
    "go": "Go net/http",
    "floor": "C floor: one kept curl handle a thread",
    "floor2": "C floor: the same, and two commits before it",
    "nothing": "C floor: answers 200, does nothing",
}


def wait_until(true, what, seconds=20.0):
    """Waits until true() gives something, and returns it."""
    end = time.monotonic() + seconds
    while not (value := true()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.02)
    return value


class World:
    """See the head of this file."""

    def __init__(self, wanted, folder=None, *, portal=None,
                 threads=FLOOR_THREADS, body_max=1048576, kept=False):
        self.wanted = wanted            # names of TITLES
        self.threads = threads
        self.body_max = body_max
        self.kept = kept                # also /NAME-kept, kept connections
        self.portal = {"burst": 1000000, "rate": 1000000, **(portal or {})}
        self.programs = BUILD / "bench"
        self.folder = pathlib.Path(
            tempfile.mkdtemp(prefix="imconnector-bench-", dir=folder))
        self.processes = {}             # name: Popen, in order of start
        self.sockets = []
        self.locations = []
        self.upstreams = []
        self.portal_ports = (0, 0)
        self.port = 0
        self.next_id = 1

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name, process in reversed(self.processes.items()):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    print(f"{name} had to be killed")
                    for pid in self.pids(name):
                        os.kill(pid, signal.SIGKILL)
                    process.wait()
        for s in self.sockets:
            s.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- start

    def _start(self):
        handler = BUILD / "imconnector.fcgi"
        if not handler.exists() or not (BUILD / "core.a").exists():
            raise RuntimeError(f"{handler} is not built (make)")
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < 8192:
            resource.setrlimit(resource.RLIMIT_NOFILE, (
                8192 if hard == resource.RLIM_INFINITY else min(8192, hard),
                hard))
        self.folder.chmod(0o755)
        for name in ("bin", "etc", "log", "run"):
            (self.folder / name).mkdir()
        self.own(self.folder / "run")
        self.own(self.folder / "log")
        compile_all(self.programs, self.wanted)
        for path in (handler, *(self.programs / n for n in
                                (*PROGRAMS, "handler-go"))):
            if path.exists():
                shutil.copy(path, self.folder / "bin")
        for path in (HERE / "peers").iterdir():
            if path.is_file():
                shutil.copy(path, self.folder / "bin")
        self._certificates()
        self._start_portal()
        for name in ("ours", "ours2"):
            if name in self.wanted:
                self._start_ours(name)
        for name in ("php", "php1"):
            if name in self.wanted:
                self._start_php(name)
        for name, program, script in (
                ("node", "node", [self.folder / "bin" / "handler.js"]),
                ("go", self.folder / "bin" / "handler-go", [])):
            if name in self.wanted:
                sock = self.folder / "run" / f"{name}.sock"
                self.spawn(name, [program, *script, sock, self.ca],
                           env={"NODE_PATH": "/usr/share/nodejs",
                                "NODE_EXTRA_CA_CERTS": str(self.ca)})
                self._proxied(name, sock)
        for name in ("floor", "floor2", "nothing"):
            if name in self.wanted:
                self._start_floor(name)
        self._start_nginx()

    def own(self, path):
        """Gives a folder to the handlers' user."""
        if user := web_user():
            os.chown(path, user[1], user[2])
        return path

    def spawn(self, name, command, stdin=subprocess.DEVNULL, env=None,
              as_root=False):
        """Starts a process; its output goes to a log of its own."""
        who = {} if as_root else as_web_user()
        with open(self.folder / "log" / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(
                [str(c) for c in command], stdin=stdin, stdout=log,
                stderr=log, cwd=self.folder,
                env={**PLAIN, **(env or {})}, **who)
        return self.processes[name]

    def _listener(self, name):
        """A Unix socket to hand over as descriptor 0."""
        sock = socket.socket(socket.AF_UNIX)
        path = self.folder / "run" / f"{name}.sock"
        sock.bind(str(path))
        path.chmod(0o666)
        sock.listen(4096)
        self.sockets.append(sock)
        return sock

    def _fastcgi(self, name, sock, more=""):
        path = f"unix:{self.folder}/run/{sock}.sock"
        ways = [(name, path, "")]
        if self.kept:
            # together the nginx workers keep no more than are in flight
            self.upstreams.append(
                f"    upstream {name}_kept {{\n        server {path};\n"
                f"        keepalive {max(1, 64 // NGINX_WORKERS)};\n"
                "        keepalive_requests 100000000;\n    }\n")
            ways.append((f"{name}-kept", f"{name}_kept",
                         "\n            fastcgi_keep_conn on;"))
        for location, to, kept in ways:
            self.locations.append(
                f"        location = /{location} {{{FASTCGI}{more}{kept}\n"
                f"            fastcgi_pass {to};\n        }}\n")

    def _proxied(self, name, sock):
        self.locations.append(
            f"        location = /{name} {{\n"
            f"            proxy_pass http://unix:{sock}:/;\n        }}\n")

    def _certificates(self):
        """An authority and a certificate for the portal, P-256."""
        etc = self.folder / "etc"
        (etc / "san").write_text("subjectAltName=IP:127.0.0.1\n"
                                 "basicConstraints=critical,CA:FALSE\n")
        new = ["openssl", "req", "-newkey", "ec", "-pkeyopt",
               "ec_paramgen_curve:P-256", "-nodes"]
        for command in (
                [*new, "-x509", "-days", "30", "-subj", "/CN=Bench CA",
                 "-keyout", "ca.key", "-out", "ca.pem"],
                [*new, "-subj", "/CN=portal", "-keyout", "portal.key",
                 "-out", "portal.csr"],
                ["openssl", "x509", "-req", "-in", "portal.csr", "-CA",
                 "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days",
                 "30", "-extfile", "san", "-out", "portal.pem"]):
            subprocess.run(command, check=True, cwd=etc, capture_output=True)
        (etc / "portal.key").chmod(0o644)
        self.ca = etc / "ca.pem"
        system = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
        # what Debian's curl reads, and one certificate more
        (etc / "bundle.pem").write_bytes(
            (system.read_bytes() if system.exists() else b"") +
            self.ca.read_bytes())

    def _start_portal(self):
        etc = self.folder / "etc"
        self.spawn("portal", [self.folder / "bin" / "portal",
                              etc / "portal.pem", etc / "portal.key"])
        log = self.folder / "log" / "portal.log"

        def ports():
            words = log.read_text().split()
            if self.processes["portal"].poll() is not None:
                raise RuntimeError(log.read_text())
            return len(words) == 2 and tuple(int(w) for w in words)
        self.portal_ports = wait_until(ports, "the portal")

    def endpoint(self, scheme, path=""):
        """Where the portal is; `path` as portal.c explains it."""
        port = self.portal_ports[scheme == "https"]
        return f"{scheme}://127.0.0.1:{port}" + (path and f"/{path}/rest/")

    def configure(self, name):
        """A configuration of our handler with a store of its own."""
        var = self.folder / name
        var.mkdir()
        self.own(var)
        config = self.folder / "etc" / f"{name}.conf"
        portal = {**PORTAL.get(name, {}), **self.portal}
        config.write_text(
            f"[app]\napplication_token = {TOKEN}\ninsecure_http = yes\n"
            f"portals = 127.0.0.1\nca_file = {self.ca}\n"
            f"[server]\nworkers = {WORKERS}\n"
            f"body_max = {self.body_max}\n"
            f"[store]\nurl = sqlite:{var}/queue.db\n"
            "[channel]\nurl = null:\n[portal]\n" +
            "".join(f"{k} = {v}\n" for k, v in portal.items()) +
            "[log]\nlevel = warning\n")
        return config

    def _start_ours(self, name):
        config = self.configure(name)
        self.spawn(name, [self.folder / "bin" / "imconnector.fcgi"],
                   stdin=self._listener(name),
                   env={"IMCONNECTOR_CONFIG": str(config),
                        "IMCONNECTOR_CORE": "1"})   # or pss() sees nothing
        self._fastcgi(name, name)

    def _start_floor(self, name):
        threads, store = self.threads, []
        if name == "floor2":    # gets one event at a time: one connection
            threads = 1
            store = [stores.copy(self, stores.make(self, "model"))]
        self.spawn(name, [
            self.folder / "bin" / "floor", self.endpoint("http"),
            self.endpoint("https"), self.ca, threads, *store],
            stdin=self._listener(name))
        self._fastcgi(name, name)

    def _start_php(self, name):
        etc, user = self.folder / "etc", web_user()
        conf = etc / f"{name}.conf"
        ca = etc / ("bundle.pem" if name == "php" else "ca.pem")
        who = f"user = {user[0]}\ngroup = {user[2]}\n" if user else ""
        conf.write_text(
            f"[global]\nerror_log = {self.folder}/log/{name}-fpm.log\n"
            f"pid = {self.folder}/run/{name}.pid\n"
            f"[{name}]\n{who}"
            f"listen = {self.folder}/run/{name}.sock\n"
            "listen.mode = 0666\nlisten.backlog = 4096\n"
            f"pm = static\npm.max_children = {PHP_CHILDREN}\n"
            f"php_admin_value[curl.cainfo] = {ca}\n")
        self.spawn(name, [php_fpm(), "--nodaemonize", "--fpm-config", conf],
                   as_root=True)
        self._fastcgi(name, name, "\n            fastcgi_param "
                      "SCRIPT_FILENAME "
                      f"{self.folder}/bin/handler.php;")

    def _start_nginx(self):
        conf, user = self.folder / "etc" / "nginx.conf", web_user()
        program = shutil.which("nginx", path="/usr/sbin:/usr/bin:"
                               "/usr/local/sbin:/usr/local/nginx/sbin")
        if not program:
            raise RuntimeError("no nginx here (deploy/deps.sh bench)")
        with socket.create_server(("127.0.0.1", 0)) as s:
            self.port = s.getsockname()[1]
        temp = "".join(f"    {n}_temp_path {self.folder}/run/{n};\n" for n in
                       ("client_body", "fastcgi", "proxy", "uwsgi", "scgi"))
        conf.write_text(
            (f"user {user[0]};\n" if user else "") +
            f"daemon off;\nworker_processes {NGINX_WORKERS};\n"
            f"pid {self.folder}/run/nginx.pid;\n"
            f"error_log {self.folder}/log/nginx-error.log warn;\n"
            "worker_rlimit_nofile 8192;\n"
            "events { worker_connections 4096; }\nhttp {\n"
            f"    access_log off;\n{temp}"
            "    keepalive_requests 100000000;\n"
            "    client_body_buffer_size 64k;\n"
            "    client_max_body_size 100m;\n"
            "    fastcgi_read_timeout 120s;\n    proxy_read_timeout 120s;\n"
            + "".join(self.upstreams) + "    server {\n"
            f"        listen 127.0.0.1:{self.port} backlog=4096;\n" +
            "".join(self.locations) + "    }\n}\n")
        self.spawn("nginx", [program, "-p", self.folder, "-c", conf, "-e",
                             self.folder / "log" / "nginx-error.log"],
                   as_root=True)
        wait_until(self._nginx_listens, "nginx")
        for name in self.wanted:
            wait_until((self.folder / "run" / f"{name}.sock").exists, name)

    def _nginx_listens(self):
        if self.processes["nginx"].poll() is not None:
            raise RuntimeError(
                (self.folder / "log" / "nginx-error.log").read_text())
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    # -- what can be seen

    def dead(self):
        """Names of processes that ended by themselves."""
        return [n for n, p in self.processes.items() if p.poll() is not None]

    def pids(self, name):
        """A process and its children."""
        found, todo = [], [self.processes[name].pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            for path in glob.glob(f"/proc/{pid}/task/*/children"):
                try:
                    todo += [int(w) for w in
                             pathlib.Path(path).read_text().split()]
                except OSError:
                    pass
        return found

    def cpu(self, name):
        """Seconds of user and system time so far."""
        total = 0.0
        for pid in self.pids(name):
            try:
                # the process's clock: utime + stime, not cut to 10 ms
                total += time.clock_gettime((~pid << 3) | 2)
            except OSError:
                continue        # it is gone
        return total

    def pss(self, name):
        """Bytes of memory, shared pages by their share."""
        total = 0
        for pid in self.pids(name):
            try:
                text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            for line in text.splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        return total

    def stats(self):
        """What the portal has seen so far."""
        url = self.endpoint("http") + "/stats"
        with urllib.request.urlopen(url, timeout=20) as answer:
            return json.load(answer)

    def load(self, path, endpoint, *, in_flight, messages, seconds, **more):
        """Starts the load generator on one handler."""
        command = [self.folder / "bin" / "load", "--port", self.port,
                   "--path", f"/{path}",
                   "--endpoint", endpoint, "--in-flight", in_flight,
                   "--messages", messages, "--seconds", seconds,
                   "--first", self.next_id]
        for option, value in more.items():
            command += [f"--{option}", value]
        return subprocess.Popen([str(c) for c in command],
                                stdout=subprocess.PIPE, text=True)
