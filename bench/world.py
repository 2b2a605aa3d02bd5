"""What is measured, and everything around it: programs, processes, folders.

    HANDLERS                            name: what it is and how it is set up
    with World(["ours", "go"]) as world: ...

builds the C and Go programs of this folder, starts the stand-in portal, those
handlers and the web servers before them, and ends them by their ids. They live
in a temporary folder, on Unix sockets and free ports of loopback. As root
everything but this script runs as the web server's user.
"""

import contextlib
import glob
import json
import os
import pathlib
import pwd
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("IMCONNECTOR_BUILD") or
                     HERE.parent / "build").resolve()
TOKEN = "831c76b092f9f135d9b6b36c3a720757"
PLAIN = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:"
                 "/bin", "LC_ALL": "C.UTF-8"}
NGINX_WORKERS = len(os.sched_getaffinity(0))
CHILDREN = 64           # of PHP-FPM; the C floor's threads
APACHE_CHILDREN = 32    # of mod_fcgid, and of PHP-FPM behind Apache
WARN = ("-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes "
        "-Wmissing-prototypes -Wvla -Wwrite-strings -Wold-style-definition "
        "-Werror").split()
PROGRAMS = {"portal": ["-lssl", "-lcrypto"], "load": [],
            "floor": ["-lfcgi", "-lcurl", "-lsqlite3", "-lpthread"]}
MEMBER = "bac1cd5c8940947a75e0d71b1a84e348"
TEXT = ("[b]Samantha Johnson:[/b] [br]Good afternoon, how can I help you?\n"
        "Добрый день! ")
LIMITS = {"burst": 50, "rate": 2}       # Bitrix24's own, and our default

# Without "kind" it is ours: then "portal" and others are its configuration.
HANDLERS = {
    "ours": {"title": "imconnector.fcgi"},
    "logged": {"title": "imconnector.fcgi, info log to a file",
            "level": "info"},
    "batch": {"title": "imconnector.fcgi, status_batch 500",
              "portal": {"status_batch": 500}},
    "calls8": {"title": "imconnector.fcgi, calls_in_flight 8",
               "portal": {"calls_in_flight": 8}},
    "limit": {"title": "imconnector.fcgi", "portal": LIMITS},
    "spool": {"title": "imconnector.fcgi, spool:", "channel": "spool:{var}/s"},
    "channel": {"title": "imconnector.fcgi, http channel 150 ms away",
                "channel": "{portal}/d150g9/\nin_flight = 256"},
    "two": {"title": "imconnector.fcgi, 2 processes", "processes": 2},
    "four": {"title": "imconnector.fcgi, 4 processes", "processes": 4},
    "waiting": {"title": "imconnector.fcgi, long queue",
                "more": "[retry]\nfirst = 3600\nlongest = 3600\n"},
    "old": {"title": "imconnector.fcgi before"},
    "fcgid": {"title": "imconnector.fcgi, mod_fcgid", "front": "fcgid"},
    "proxy": {"title": "imconnector.fcgi, mod_proxy_fcgi", "front": "proxy"},
    "go": {"title": "Go, net/http", "kind": "go"},
    "node": {"title": "Node, undici", "kind": "node"},
    "php": {"title": "PHP-FPM, small CA file", "kind": "php", "ca": "ca.pem"},
    "php-debian": {"title": "PHP-FPM, Debian's CA bundle", "kind": "php",
                   "ca": "bundle.pem"},
    "php-apache": {"title": "PHP-FPM, small CA file", "kind": "php",
                   "ca": "ca.pem", "front": "proxy"},
    "floor": {"title": "C floor: nothing but a call", "kind": "floor",
              "threads": CHILDREN},
    "floor2": {"title": "C floor: two commits and a call", "kind": "floor",
               "threads": 1, "store": True},
    "floor-fcgid": {"title": "C floor: two commits and a call", "store": True,
                    "kind": "floor", "threads": 1, "front": "fcgid"},
}


def wait_until(true, what, seconds=20.0):
    """Waits until true() gives something, and returns it."""
    end = time.monotonic() + seconds
    while not (value := true()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.02)
    return value


def web_user():
    """As whom handlers run, or None for ourselves."""
    return pwd.getpwnam("www-data") if os.getuid() == 0 else None


def as_web_user():
    """The same, as subprocess wants it."""
    user = web_user()
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} \
        if user else {}


def compile_all(to):
    """Builds the programs that are older than their source."""
    to.mkdir(parents=True, exist_ok=True)

    def stale(target, *sources):
        return not target.exists() or any(
            s.stat().st_mtime > target.stat().st_mtime for s in sources)
    for name, libraries in PROGRAMS.items():
        source = HERE / f"{name}.c"
        if stale(to / name, source, HERE / "common.h"):
            subprocess.run(
                [*os.environ.get("CC", "cc").split(), "-std=c11", "-O2", "-g",
                 "-D_GNU_SOURCE", *WARN, "-o", to / name, source, *libraries],
                check=True)
    if stale(to / "handler-go", source := HERE / "peers" / "handler.go"):
        subprocess.run(
            ["go", "build", "-o", to / "handler-go", source], check=True,
            cwd=to, env={**os.environ, "GO111MODULE": "off", "GOFLAGS": "",
                         "GOCACHE": str(to / "gocache"), "GOPROXY": "off"})


class World:
    """See the head of this file."""

    def __init__(self, names, folder=None, old=None):
        self.names = names
        self.old = old                  # a handler of another version
        self.folder = pathlib.Path(
            tempfile.mkdtemp(prefix="imconnector-bench-", dir=folder))
        self.bin, self.etc, self.log, self.run = (
            self.folder / n for n in ("bin", "etc", "log", "run"))
        self.processes = {}             # name: [Popen], in order of start
        self.listeners = {}
        self.nginx, self.apache = [], []        # what their sites have
        self.ports = {}                 # of web servers, by "front"
        self.portal_ports = (0, 0)
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
        resource.setrlimit(resource.RLIMIT_NOFILE, (
            16384 if hard == resource.RLIM_INFINITY else min(16384, hard),
            hard))
        self.folder.chmod(0o755)
        for path in (self.bin, self.etc, self.log, self.run):
            path.mkdir()
        self.own(self.run)
        compile_all(BUILD / "bench")
        for path in (BUILD / "imconnector.fcgi",
                     *(BUILD / "bench" / n for n in
                       (*PROGRAMS, "handler-go")),
                     *(HERE / "peers").glob("handler.*")):
            shutil.copy(path, self.bin)
        if self.old:
            shutil.copy(self.old, self.bin / "old")
        self._certificates()
        self.spawn("portal", [self.bin / "portal", self.etc / "portal.pem",
                              self.etc / "portal.key"])
        text = self.log / "portal.log"
        wait_until(lambda: text.read_text().endswith("\n"), "the portal")
        self.portal_ports = [int(w) for w in text.read_text().split()]
        for name in self.names:
            getattr(self, "start_" + HANDLERS[name].get("kind", "ours"))(name)
        if self.nginx:
            self._start_nginx()
        if self.apache:
            self._start_apache()

    def own(self, path):
        """Gives a folder to the handlers' user."""
        if user := web_user():
            os.chown(path, user.pw_uid, user.pw_gid)
        return path

    def spawn(self, name, command, stdin=subprocess.DEVNULL, env=None,
              as_root=False):
        """Starts a process; its output goes to a log of its own."""
        with open(self.log / f"{name}.log", "ab") as log:
            self.processes.setdefault(name, []).append(subprocess.Popen(
                [str(c) for c in command], stdin=stdin, stdout=log,
                stderr=log, cwd=self.folder, env={**PLAIN, **(env or {})},
                **({} if as_root else as_web_user())))

    def _listener(self, name):
        """A Unix socket to hand over as descriptor 0."""
        if name not in self.listeners:
            path = self.run / f"{name}.sock"
            self.listeners[name] = sock = socket.socket(socket.AF_UNIX)
            sock.bind(str(path))
            path.chmod(0o666)
            sock.listen(4096)
        return self.listeners[name]

    def _site(self, name, script="", http=False):
        """How the web server reaches a handler; fcgid starts `script`."""
        front = HANDLERS[name].get("front", "nginx")
        sock = f"unix:{self.run}/{name}.sock"
        if front == "nginx":
            to = f"            proxy_pass http://{sock}:/;" if http else \
                "            include /etc/nginx/fastcgi_params;\n" \
                f"            fastcgi_pass {sock};"
            if script:
                to += f"\n            fastcgi_param SCRIPT_FILENAME {script};"
            self.nginx.append(f"        location = /{name} {{\n{to}\n"
                              "        }\n")
            return
        handler = "fcgid-script" if front == "fcgid" else \
            f'"proxy:{sock}|fcgi://localhost/"'
        alias = f"Alias /{name} {script}\n" if script else ""
        self.apache.append(f"{alias}<Location /{name}>\nSetHandler {handler}\n"
                           "Options +ExecCGI\n</Location>\n")

    def _certificates(self):
        """An authority and a certificate for the portal, P-256."""
        (self.etc / "san").write_text(
            "subjectAltName=IP:127.0.0.1,DNS:*.bench.localhost\n"
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
            subprocess.run(command, check=True, cwd=self.etc,
                           capture_output=True)
        (self.etc / "portal.key").chmod(0o644)
        # what Debian's curl reads, and one certificate more
        (self.etc / "bundle.pem").write_bytes(
            pathlib.Path("/etc/ssl/certs/ca-certificates.crt").read_bytes() +
            (self.etc / "ca.pem").read_bytes())

    def endpoint(self, scheme, path="", host="127.0.0.1"):
        """Where the portal is; `path` as portal.c explains it."""
        port = self.portal_ports[scheme == "https"]
        return f"{scheme}://{host}:{port}" + (path and f"/{path}/rest/")

    def configure(self, name):
        """A configuration of our handler with a store of its own."""
        what, var = HANDLERS.get(name, {}), self.folder / name
        if not var.exists():
            var.mkdir()
            self.own(var)
        portal = {"burst": 1000000, "rate": 100000, **what.get("portal", {})}
        channel = what.get("channel", "null:").format(
            var=var, portal=self.endpoint("http"))
        config = self.etc / f"{name}.conf"
        config.write_text(
            f"[app]\napplication_token = {TOKEN}\ninsecure_http = yes\n"
            f"portals = 127.0.0.1 *.localhost\nca_file = {self.etc}/ca.pem\n"
            f"[store]\nurl = sqlite:{var}/queue.db\n"
            f"[channel]\nurl = {channel}\n[portal]\n" +
            "".join(f"{k} = {v}\n" for k, v in portal.items()) +
            f"[log]\nlevel = {what.get('level', 'warning')}\n" +
            what.get("more", ""))
        return config

    def start_ours(self, name):
        """One handler of ours, or several processes of it."""
        program = self.bin / ("old" if name == "old" else "imconnector.fcgi")
        env = {"IMCONNECTOR_CONFIG": str(self.configure(name)),
               "IMCONNECTOR_CORE": "1"}         # or pss() sees nothing
        if HANDLERS[name].get("front") == "fcgid":
            self._site(name, program)
            self.apache += [f"FcgidInitialEnv {k} {v}\n" for k, v in
                            env.items()]
            return
        for _ in range(HANDLERS[name].get("processes", 1)):
            self.spawn(name, [program], stdin=self._listener(name), env=env)
        self._site(name)

    def start_floor(self, name):
        """The C floor, perhaps with a store of ours."""
        what = HANDLERS[name]
        command = [self.bin / "floor", self.etc / "ca.pem", what["threads"]]
        if what.get("store"):
            command.append(self._empty_store(name))
        if what.get("front") == "fcgid":
            script = self.bin / name
            script.write_text("#!/bin/sh\nexec " +
                              " ".join(str(c) for c in command) + "\n")
            script.chmod(0o755)
            self._site(name, script)
            return
        self.spawn(name, command, stdin=self._listener(name))
        self._site(name)

    def _empty_store(self, name):
        """With our schema, and in our journal's mode."""
        made = self.configure(name).parent.parent / name / "queue.db"
        subprocess.run(
            [self.bin / "imconnector.fcgi"], check=True, capture_output=True,
            input="", text=True, **as_web_user(), env={
                **PLAIN, "IMCONNECTOR_CONFIG": str(self.etc / f"{name}.conf"),
                "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "GET",
                "SERVER_PROTOCOL": "HTTP/1.1"})
        with contextlib.closing(sqlite3.connect(made)) as db:
            db.execute("PRAGMA journal_mode=WAL")
        for path in made.parent.iterdir():
            self.own(path)
        return made

    def start_go(self, name):
        """A peer that speaks HTTP."""
        program = [self.bin / "handler-go"] if name == "go" else \
            ["node", self.bin / "handler.js"]
        ca = self.etc / "ca.pem"
        self.spawn(name, [*program, self.run / f"{name}.sock", ca], env={
            "NODE_PATH": "/usr/share/nodejs"})
        self._site(name, http=True)

    start_node = start_go

    def start_php(self, name):
        """PHP-FPM with a pool of its own."""
        what, user = HANDLERS[name], web_user()
        conf = self.etc / f"{name}.conf"
        who = f"user = {user.pw_uid}\ngroup = {user.pw_gid}\n" if user else ""
        children = APACHE_CHILDREN if "front" in what else CHILDREN
        conf.write_text(
            f"[global]\nerror_log = {self.log}/{name}-fpm.log\n[{name}]\n"
            f"{who}listen = {self.run}/{name}.sock\nlisten.mode = 0666\n"
            "listen.backlog = 4096\npm = static\n"
            f"pm.max_children = {children}\n"
            f"php_admin_value[curl.cainfo] = {self.etc}/{what['ca']}\n")
        self.spawn(name, [sorted(glob.glob("/usr/sbin/php-fpm*"))[-1],
                          "--nodaemonize", "--fpm-config", conf],
                   as_root=True)
        self._site(name, self.bin / "handler.php")

    def _start_nginx(self):
        conf, user = self.etc / "nginx.conf", web_user()
        temp = "".join(f"    {n}_temp_path {self.run}/{n};\n" for n in
                       ("client_body", "fastcgi", "proxy", "uwsgi", "scgi"))
        port = self._free_port("nginx")
        conf.write_text(
            (f"user {user.pw_name};\n" if user else "") +
            f"daemon off;\nworker_processes {NGINX_WORKERS};\n"
            f"pid {self.run}/nginx.pid;\n"
            f"error_log {self.log}/nginx-error.log warn;\n"
            "worker_rlimit_nofile 16384;\n"
            "events { worker_connections 8192; }\nhttp {\n"
            f"    access_log off;\n{temp}"
            "    keepalive_requests 100000000;\n"
            "    client_body_buffer_size 64k;\n"
            "    fastcgi_read_timeout 120s;\n    proxy_read_timeout 120s;\n"
            "    server {\n"
            f"        listen 127.0.0.1:{port} backlog=4096;\n" +
            "".join(self.nginx) + "    }\n}\n")
        self.spawn("nginx", ["nginx", "-p", self.folder, "-c", conf, "-e",
                             self.log / "nginx-error.log"], as_root=True)
        self._wait_for("nginx", port)

    def _start_apache(self):
        conf, user = self.etc / "apache.conf", web_user()
        port = self.ports["fcgid"] = self.ports["proxy"] = \
            self._free_port("apache")
        lines = [f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so"
                 for m in ("mpm_event", "authz_core", "alias", "env", "proxy",
                           "proxy_fcgi", "fcgid")]
        lines += [f"User {user.pw_name}", f"Group #{user.pw_gid}"] \
            if user else []
        lines += [
            "ServerName localhost", f"Listen 127.0.0.1:{port}",
            f"PidFile {self.run}/apache.pid", f"DefaultRuntimeDir {self.run}",
            f"Mutex file:{self.run} default", "KeepAlive On",
            "MaxKeepAliveRequests 0", "ListenBacklog 4096",
            "StartServers 2", "ThreadsPerChild 64", "MaxRequestWorkers 128",
            f"ErrorLog {self.log}/apache-error.log", "LogLevel warn",
            f"<Directory {self.bin}>", "Require all granted", "</Directory>",
            f"FcgidIPCDir {self.run}", "FcgidMaxRequestLen 2097152",
            f"FcgidProcessTableFile {self.run}/fcgid.shm",
            "FcgidIOTimeout 120", "FcgidMaxRequestsPerProcess 0",
            "FcgidSpawnScore 0", "FcgidIdleTimeout 0",
            f"FcgidMaxProcessesPerClass {APACHE_CHILDREN}", *self.apache]
        conf.write_text("\n".join(lines) + "\n")
        self.spawn("apache", ["apache2", "-d", self.folder, "-f", conf,
                              "-DFOREGROUND"], as_root=True)
        self._wait_for("apache", port)

    def _free_port(self, front):
        with socket.create_server(("127.0.0.1", 0)) as s:
            self.ports[front] = s.getsockname()[1]
        return self.ports[front]

    def _wait_for(self, name, port):
        def listens():
            if self.processes[name][0].poll() is not None:
                raise RuntimeError((self.log / f"{name}.log").read_text())
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", port)) == 0
        wait_until(listens, name)
        for path in self.names:
            if HANDLERS[path].get("front") != "fcgid":
                wait_until((self.run / f"{path}.sock").exists, path)

    # -- what can be seen

    def dead(self):
        """Names of processes that ended by themselves."""
        return [n for n, all_ in self.processes.items()
                if any(p.poll() is not None for p in all_)]

    def pids(self, name):
        """The processes of a handler."""
        fcgid = HANDLERS.get(name, {}).get("front") == "fcgid"
        todo = [p.pid for p in self.processes["apache" if fcgid else name]]
        found = []
        while todo:
            pid = todo.pop()
            with contextlib.suppress(OSError):
                text = pathlib.Path(f"/proc/{pid}/comm").read_text()
                if not fcgid or text.startswith(
                        "floor" if "floor" in name else "imconnector"):
                    found.append(pid)
                for path in glob.glob(f"/proc/{pid}/task/*/children"):
                    todo += [int(w) for w in
                             pathlib.Path(path).read_text().split()]
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

    def stats(self, group=None):
        """What the portal has seen so far, in all or of one group."""
        url = self.endpoint("http") + "/stats"
        with urllib.request.urlopen(url, timeout=20) as answer:
            all_ = json.load(answer)
        return all_ if group is None else all_["groups"][group]

    def load(self, name, endpoint, member=MEMBER, **options):
        """Starts the load generator on one handler; load.c explains "#" and
        "@@", which endpoint and member may have."""
        body = urllib.parse.urlencode({
            "event": "ONIMCONNECTORMESSAGEADD", "event_handler_id": 555,
            "data[CONNECTOR]": "myconnector", "data[LINE]": 107,
            **{f"data[MESSAGES][0]{key}": value for key, value in (
                ("[im][chat_id]", "#"), ("[im][message_id]", "#"),
                ("[message][user_id]", 27), ("[message][text]", TEXT),
                ("[chat][id]", "channel-#"))},
            "ts": 1773759161, **{f"auth[{key}]": value for key, value in (
                ("access_token", "c978b990071b0008440001b0895f697a"),
                ("expires", 1773762761), ("expires_in", 3600),
                ("scope", "imconnector, imopenlines"),
                ("domain", "some-domain.bitrix24.com"),
                ("server_endpoint", "https://oauth.bitrix24.tech/rest/"),
                ("status", "F"), ("client_endpoint", endpoint),
                ("member_id", member), ("user_id", 27),
                ("application_token", TOKEN))}}, safe="@#")
        if HANDLERS[name].get("kind") == "floor":
            name += "?" + endpoint + "imconnector.send.status.delivery"
        front = HANDLERS[name.partition("?")[0]].get("front", "nginx")
        return subprocess.Popen(
            [self.bin / "load", f"port={self.ports[front]}", f"path=/{name}",
             f"body={body}", f"first={self.next_id}",
             *(f"{k}={v}" for k, v in options.items())],
            stdout=subprocess.PIPE, text=True)
