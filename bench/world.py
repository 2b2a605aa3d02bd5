"""What is measured, and everything around it: programs, processes, folders.

    with World(options) as world: ...

builds the small C and Go programs of this folder, starts the stand-in portal,
all handlers and one nginx in front of them, and ends them by their ids. They
live in a temporary folder, on Unix sockets and free ports of loopback. As root
everything but this script runs as the web server's user.
"""

import glob
import json
import os
import pathlib
import pwd
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
REPO = HERE.parent
BUILD = pathlib.Path(os.environ.get("IMCONNECTOR_BUILD") or
                     REPO / "build").resolve()
TOKEN = "831c76b092f9f135d9b6b36c3a720757"
WARN = ("-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes "
        "-Wmissing-prototypes -Wvla -Wwrite-strings -Wold-style-definition "
        "-Werror").split()
# what each is linked with
PROGRAMS = {
    "portal": ["-lssl", "-lcrypto"],
    "load": [],
    "floor": ["-lfcgi", "-lcurl", "-lpthread"],
    "readers": [str(HERE / "bodies.c"), str(BUILD / "core.a"), "-lyajl",
                "-lcrypto", "-lpthread"],
}
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
    "ours": "imconnector.fcgi",
    "php": "PHP-FPM, curl, Debian's CA bundle",
    "php1": "PHP-FPM, curl, CA file of one certificate",
    "node": "Node, https.Agent keepAlive",
    "go": "Go net/http",
    "floor": "C floor: one kept curl handle a thread",
    "nothing": "C floor: answers 200, does nothing",
}


def web_user():
    """As whom handlers run: (name, uid, gid), or None for ourselves."""
    if os.getuid() != 0:
        return None
    for name in ("www-data", "nginx", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return name, entry.pw_uid, entry.pw_gid
    raise RuntimeError("no user to run handlers as")


def wait_until(true, what, seconds=20.0):
    """Waits until true() gives something, and returns it."""
    end = time.monotonic() + seconds
    while not (value := true()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.02)
    return value


def compile_all(to, wanted):
    """Builds the programs that are older than their source."""
    to.mkdir(parents=True, exist_ok=True)
    for name, libraries in PROGRAMS.items():
        source, target = HERE / f"{name}.c", to / name
        parts = [source] + [pathlib.Path(p) for p in libraries
                            if p.endswith((".c", ".a"))]
        if target.exists() and all(
                p.stat().st_mtime < target.stat().st_mtime for p in parts):
            continue
        subprocess.run(
            [os.environ.get("CC", "cc"), "-std=c11", "-D_GNU_SOURCE", "-O2",
             "-g", *WARN, f"-I{REPO / 'src'}", "-o", target, source,
             *libraries], check=True)
    if "go" in wanted:
        source, target = HERE / "peers" / "handler.go", to / "handler-go"
        if not target.exists() or \
                source.stat().st_mtime > target.stat().st_mtime:
            subprocess.run(
                ["go", "build", "-o", target, source], check=True, cwd=to,
                env={**os.environ, "GO111MODULE": "off", "GOFLAGS": "",
                     "GOCACHE": str(to / "gocache"), "GOPROXY": "off"})


def php_fpm():
    """The newest PHP-FPM there is."""
    found = sorted(glob.glob("/usr/sbin/php-fpm*") +
                   glob.glob("/usr/local/sbin/php-fpm*"))
    if not found:
        raise RuntimeError("no php-fpm here (deploy/deps.sh bench)")
    return found[-1]


class World:
    """See the head of this file."""

    def __init__(self, wanted, in_flight, folder=None, limits=None):
        self.wanted = wanted            # names of TITLES
        self.in_flight = in_flight      # how many handlers are set up for
        self.limits = {"burst": 1000000, "rate": 1000000,
                       "calls_in_flight": 64, **(limits or {})}
        self.programs = BUILD / "bench"
        self.folder = pathlib.Path(
            tempfile.mkdtemp(prefix="imconnector-bench-", dir=folder))
        self.processes = {}             # name: Popen, in order of start
        self.sockets = []
        self.locations = []
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
                                ("portal", "load", "floor", "handler-go"))):
            if path.exists():
                shutil.copy(path, self.folder / "bin")
        for path in (HERE / "peers").iterdir():
            if path.is_file():
                shutil.copy(path, self.folder / "bin")
        self._certificates()
        self._start_portal()
        if "ours" in self.wanted:
            self._start_ours("ours")
        for name in ("php", "php1"):
            if name in self.wanted:
                self._start_php(name)
        for name, program, script in (
                ("node", "node", [self.folder / "bin" / "handler.js"]),
                ("go", self.folder / "bin" / "handler-go", [])):
            if name in self.wanted:
                sock = self.folder / "run" / f"{name}.sock"
                self.spawn(name, [program, *script, sock, self.ca])
                self._proxied(name, sock)
        for name in ("floor", "nothing"):
            if name in self.wanted:
                self.spawn(name, [
                    self.folder / "bin" / "floor", self.endpoint("http"),
                    self.endpoint("https"), self.ca, "64"],
                    stdin=self._listener(name))
                self._fastcgi(name, name)
        self._start_nginx()

    def own(self, path):
        """Gives a folder to the handlers' user."""
        if user := web_user():
            os.chown(path, user[1], user[2])
        return path

    def spawn(self, name, command, stdin=subprocess.DEVNULL, env=None,
              as_root=False):
        """Starts a process; its output goes to a log of its own."""
        user = web_user()
        who = {"user": user[1], "group": user[2], "extra_groups": []} \
            if user and not as_root else {}
        with open(self.folder / "log" / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(
                [str(c) for c in command], stdin=stdin, stdout=log,
                stderr=log, cwd=self.folder, env={
                    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:"
                            "/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                    **(env or {})}, **who)
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
        self.locations.append(
            f"        location = /{name} {{{FASTCGI}{more}\n"
            f"            fastcgi_pass unix:{self.folder}/run/{sock}.sock;\n"
            "        }\n")

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

    def _start_ours(self, name):
        """The handler, with a store of its own."""
        var = self.folder / name
        var.mkdir()
        self.own(var)
        config = self.folder / "etc" / f"{name}.conf"
        config.write_text(
            f"[app]\napplication_token = {TOKEN}\ninsecure_http = yes\n"
            f"portals = 127.0.0.1\nca_file = {self.ca}\n"
            f"[server]\nworkers = {self.in_flight}\n"
            f"[store]\nurl = sqlite:{var}/queue.db\n"
            "[channel]\nurl = null:\n[portal]\n" +
            "".join(f"{k} = {v}\n" for k, v in self.limits.items()) +
            "[log]\nlevel = warning\n")
        self.spawn(name, [self.folder / "bin" / "imconnector.fcgi"],
                   stdin=self._listener(name),
                   env={"IMCONNECTOR_CONFIG": str(config)})
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
            f"pm = static\npm.max_children = {min(self.in_flight, 64)}\n"
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
            "daemon off;\nworker_processes auto;\n"
            f"pid {self.folder}/run/nginx.pid;\n"
            f"error_log {self.folder}/log/nginx-error.log warn;\n"
            "worker_rlimit_nofile 8192;\n"
            "events { worker_connections 4096; }\nhttp {\n"
            f"    access_log off;\n{temp}"
            "    keepalive_requests 100000000;\n"
            "    client_body_buffer_size 64k;\n"
            "    fastcgi_read_timeout 120s;\n    proxy_read_timeout 120s;\n"
            "    server {\n"
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

    def load(self, handler, endpoint, *, in_flight, messages, seconds,
             query="", **more):
        """Starts the load generator on one handler."""
        command = [self.folder / "bin" / "load", "--port", self.port,
                   "--path", f"/{handler}{query and '?' + query}",
                   "--endpoint", endpoint, "--in-flight", in_flight,
                   "--messages", messages, "--seconds", seconds,
                   "--first", self.next_id]
        for option, value in more.items():
            command += [f"--{option}", value]
        return subprocess.Popen([str(c) for c in command],
                                stdout=subprocess.PIPE, text=True)
