"""The web servers in front of a handler, set up from the examples we ship.

    Nginx      nginx.conf.example, with the spawn-fcgi command in its comment
    Apache     apache.conf.example with mod_fcgid
    ApacheCgi  apache.conf.example without it: plain CGI through mod_cgid
    Fcgi       spawn-fcgi only, spoken to by fcgi_client
    Cgi        the program executed for each request, as a CGI script

All of them start() on a Site, post() an event and stop(). In the examples
only paths, ports and users are replaced, and each must be found there. Used
by conftest.py and tests/demo.py.
"""

import http.client
import json
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import typing

import events
from fcgi_client import Client
from site_folder import (REPO, SANITIZER, STOP_WITHIN, Site, as_user,
                         wait_until, web_user)

# What is the same everywhere: the stand-in for Bitrix24 is on loopback and
# speaks plain http; nothing waits for our own rate limit or for a second try.
CONFIG = {
    "app": {"application_token": events.TOKEN, "insecure_http": "yes",
            "portals": ["127.0.0.1", "localhost"]},
    "portal": {"burst": 10000, "rate": 10000},
    "retry": {"first": 600, "longest": 600},
    "log": {"level": "debug"},
}

URL = "/bitrix24/handler"
MODULES = pathlib.Path("/usr/lib/apache2/modules")


class Response(typing.NamedTuple):
    """An answer; header names are in lower case."""

    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        """The body as JSON, which every answer of the handler is."""
        assert self.headers["content-type"].split(";")[0] == \
            "application/json", self
        return json.loads(self.body)


def replaced(text, changes):
    """text with every key replaced by its value; each must occur."""
    for old, new in changes.items():
        assert old in text, f"the example has no {old!r} any more"
        text = text.replace(old, new)
    return text


def example(name):
    """The text of an example configuration."""
    return (REPO / name).read_text()


def free_port():
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Server:
    """What all of them have in common."""

    def __init__(self, config):
        self.site = Site(config)
        self.log_file = self.site.folder / "log" / "handler.log"
        self.log_file.touch()
        self.processes = {}     # name -> Popen

    def start(self):
        """Starts what there is to start, and waits until it serves."""
        return self

    def log(self):
        """The handler's stderr."""
        return self.log_file.read_text(errors="replace")

    def post(self, body, content_type="application/x-www-form-urlencoded",
             method="POST", headers=None, timeout=60):
        """Sends one request and returns its Response."""
        raise NotImplementedError

    def stop(self):
        """Ends everything, in order; complains about whatever went wrong."""
        try:
            self._stop()
            found = SANITIZER.search(self.log())
            assert not found, self.log()[max(0, found.start() - 200):][:6000]
        finally:
            for process in self.processes.values():
                if process.poll() is None:
                    process.kill()
                    process.wait()
            self.site.remove()

    def _stop(self):
        self.site.stop_handlers()

    def _run(self, name, command, log, **options):
        with open(log, "ab") as out:
            self.processes[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                cwd=self.site.folder, start_new_session=True, **options)
        return self.processes[name]

    def _end(self, name, within=15):
        """SIGTERM to one of our processes; its exit status."""
        process = self.processes[name]
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            return process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{name} is still there {within} s after "
                                 "SIGTERM") from None


class Fcgi(Server):
    """spawn-fcgi as the comment in nginx.conf.example says."""

    def spawn_command(self):
        """That command, for this site, and its environment."""
        text = ""
        for line in example("nginx.conf.example").splitlines():
            if text or line.startswith("#   exec "):
                text += line.lstrip("# ").rstrip("\\")
                if not line.endswith("\\"):
                    break
        words = shlex.split(text)
        assert words[:2] == ["exec", "env"], text
        user = web_user()
        if user is None:        # only root can give anything away
            for option in ("-u", "-g", "-U", "-G"):
                i = words.index(option)
                del words[i:i + 2]
        else:
            group = str(user[1])
            for option, value in (("-u", user[0]), ("-U", user[0]),
                                  ("-g", group), ("-G", group)):
                words[words.index(option) + 1] = value
        return shlex.split(replaced(shlex.join(words[2:]), {
            "/etc/imconnector/imconnector.conf": str(self.site.config_file),
            "/run/imconnector/imconnector.sock": str(self.site.socket),
            "/usr/local/lib/imconnector/imconnector.fcgi":
                str(self.site.handler)}))

    def run(self):
        """Executes that command; its process, which becomes the handler."""
        env = {**self.site.environment}
        del env["IMCONNECTOR_CONFIG"]       # the command sets it
        return self._run("handler", ["/usr/bin/env", *self.spawn_command()],
                         self.log_file, env=env)

    def start(self):
        handler = self.run()

        def listens():
            assert handler.poll() is None, self.log()
            return self.site.socket.exists() and self.site.handlers()
        wait_until(listens, what="the handler's socket")
        return self

    def params(self, content_type, method, length, headers=None):
        """The parameters that a web server would send."""
        return cgi_variables(content_type, method, length, headers)

    def client(self, timeout=60):
        """A FastCGI client connected to the handler."""
        return Client(str(self.site.socket), timeout)

    def post(self, body, content_type="application/x-www-form-urlencoded",
             method="POST", headers=None, timeout=60, length=..., params=None):
        """As everywhere; length overrides CONTENT_LENGTH (None: none)."""
        if length is ...:
            length = len(body)
        with self.client(timeout) as client:
            client.begin({**self.params(content_type, method, length,
                                        headers), **(params or {})})
            try:
                client.send(body)
            except (BrokenPipeError, ConnectionResetError):
                pass            # it answered before it read everything
            return parse_cgi(client.finish())

    def _stop(self):
        status = self._end("handler", STOP_WITHIN)
        assert status == 0, f"the handler ended with {status}: {self.log()}"
        super()._stop()


class Http(Server):
    """Those that are spoken to by HTTP."""

    port = 0
    url = URL

    def connect(self, timeout=60):
        """A plain connection to the web server."""
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def post(self, body, content_type="application/x-www-form-urlencoded",
             method="POST", headers=None, timeout=60):
        connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                timeout=timeout)
        sent = {"Content-Type": content_type} if content_type else {}
        try:
            connection.request(method, self.url, body,
                               {**sent, "Connection": "close",
                                **(headers or {})})
            answer = connection.getresponse()
            return Response(answer.status,
                            {k.lower(): v for k, v in answer.getheaders()},
                            answer.read())
        finally:
            connection.close()

    def _start_http(self, name, write_config, command):
        """Starts it on a free port; another one if it was just taken."""
        for _ in range(5):
            self.port = free_port()
            write_config()
            process = self._run(name, command, self.web_log, env={
                **self.site.environment, "LC_ALL": "C"})
            if wait_until(lambda: self._serves(process), 30, name) == "yes":
                return
        raise AssertionError(self.web_log.read_text())

    def _serves(self, process):
        if process.poll() is not None:
            if "Address already in use" in self.web_log.read_text():
                return "no"
            raise AssertionError(self.web_log.read_text())
        try:
            self.connect().close()
        except OSError:
            return None
        return "yes"


class Nginx(Http, Fcgi):
    """nginx in front of spawn-fcgi."""

    def start(self):
        Fcgi.start(self)
        folder = self.site.folder
        self.web_log = folder / "log" / "nginx.log"
        conf = folder / "etc" / "nginx.conf"
        program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/"
                               "sbin:/usr/local/nginx/sbin")
        assert program, "nginx is not installed"
        for known in ("/etc/nginx", "/usr/local/nginx/conf"):
            if os.path.exists(f"{known}/fastcgi_params"):
                shutil.copy(f"{known}/fastcgi_params", conf.parent)
        self._start_http("nginx", lambda: self._configure(conf),
                         [program, "-p", folder, "-c", conf, "-e",
                          self.web_log])
        return self

    def _configure(self, conf):
        folder = self.site.folder
        (conf.parent / "site.conf").write_text(
            replaced(example("nginx.conf.example"), {
                "listen 80;": f"listen 127.0.0.1:{self.port};",
                "unix:/run/imconnector/imconnector.sock;":
                    f"unix:{self.site.socket};"}))
        user = web_user()
        temp = "".join(f"{n}_temp_path {folder}/run/{n};\n" for n in
                       ("client_body", "fastcgi", "proxy", "uwsgi", "scgi"))
        conf.write_text(
            (f"user {user[0]};\n" if user else "") +
            f"daemon off;\nworker_processes 1;\npid {folder}/run/nginx.pid;\n"
            f"error_log {self.web_log} info;\nevents {{ }}\n"
            f"http {{\naccess_log off;\n{temp}include site.conf;\n}}\n")

    def _stop(self):
        self._end("nginx")
        Fcgi._stop(self)


class Apache(Http):
    """Apache with the mod_fcgid part of the example."""

    modules = ("mpm_event", "authz_core", "alias", "env", "fcgid")

    def start(self):
        folder = self.site.folder
        self.web_log = self.log_file        # one log: the error log
        if user := web_user():
            shutil.chown(folder / "run", *user)
        conf = folder / "etc" / "apache.conf"
        program = shutil.which("apache2", path="/usr/sbin:/usr/bin") or \
            shutil.which("httpd", path="/usr/sbin:/usr/bin")
        assert program, "apache2 is not installed"
        self._start_http("apache", lambda: self._configure(conf),
                         [program, "-d", folder, "-f", conf, "-DFOREGROUND"])
        return self

    def _configure(self, conf):
        folder = self.site.folder
        (conf.parent / "site.conf").write_text(
            replaced(example("apache.conf.example"), {
                "/etc/imconnector/imconnector.conf":
                    str(self.site.config_file),
                "/usr/local/lib/imconnector": str(self.site.handler.parent)}))
        user = web_user()
        lines = [f"LoadModule {m}_module {MODULES}/mod_{m}.so"
                 for m in self.modules]
        lines += [f"User {user[0]}", f"Group #{user[1]}"] if user else []
        lines += [
            "ServerName localhost", f"Listen 127.0.0.1:{self.port}",
            f"PidFile {folder}/run/apache.pid",
            f"DefaultRuntimeDir {folder}/run",
            f"Mutex file:{folder}/run default",
            f"ErrorLog {self.log_file}", "LogLevel info",
            "StartServers 1", "GracefulShutdownTimeout 1",
            *self._module_lines(folder), f"Include {conf.parent}/site.conf"]
        conf.write_text("\n".join(lines) + "\n")

    def _module_lines(self, folder):
        lines = [f"FcgidIPCDir {folder}/run", "FcgidConnectTimeout 20",
                 f"FcgidProcessTableFile {folder}/run/fcgid.shm"]
        return lines + [f'FcgidInitialEnv {k} "{v}"' for k, v in
                        self.site.environment.items()
                        if k.endswith("SAN_OPTIONS")]

    def _stop(self):
        super()._stop()         # by itself, before Apache sees to it
        self._end("apache")


class ApacheCgi(Apache):
    """Apache with the plain CGI part of the example."""

    modules = ("mpm_event", "authz_core", "alias", "env", "cgid")

    def _module_lines(self, folder):
        return [f"ScriptSock {folder}/run/cgid.sock"] + [
            f'PassEnv {k}' for k in self.site.environment
            if k.endswith("SAN_OPTIONS")]


class Cgi(Server):
    """The program as a CGI script, without any web server."""

    def __init__(self, config):
        super().__init__(config)
        self.running = []

    def post(self, body, content_type="application/x-www-form-urlencoded",
             method="POST", headers=None, timeout=60, length=..., params=None,
             args=()):
        """As everywhere; length overrides CONTENT_LENGTH (None: none).
        Returns when the output is closed; the process may go on."""
        if length is ...:
            length = len(body)
        variables = cgi_variables(content_type, method, length, headers)
        with open(self.log_file, "ab") as log:
            process = subprocess.Popen(
                [self.site.handler, *args], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=log, cwd=self.site.folder,
                env={**self.site.environment, **variables,
                     **(params or {})}, **as_user())
        self.running.append(process)
        try:
            process.stdin.write(body)
            process.stdin.close()
        except BrokenPipeError:
            pass                # it answered before it read everything
        with process.stdout:
            out = process.stdout.read()
        self._reap()
        return parse_cgi(out)

    def _reap(self):
        for process in self.running:
            status = process.poll()
            assert status is None or status >= 0, \
                f"killed by signal {-status}: {self.log()}"
        self.running = [p for p in self.running if p.returncode is None]

    def settle(self, within=30):
        """Waits until every process has ended."""
        wait_until(lambda: self._reap() or not self.running, within,
                   "the end of a CGI process")

    def _stop(self):
        super()._stop()
        self._reap()


def cgi_variables(content_type, method, length, headers=None):
    """The meta-variables of RFC 3875 for a request."""
    out = {"GATEWAY_INTERFACE": "CGI/1.1", "SERVER_PROTOCOL": "HTTP/1.1",
           "SERVER_SOFTWARE": "test", "SERVER_NAME": "localhost",
           "SERVER_PORT": "80", "REMOTE_ADDR": "127.0.0.1",
           "REQUEST_METHOD": method, "SCRIPT_NAME": URL,
           "REQUEST_URI": URL, "QUERY_STRING": ""}
    if content_type is not None:
        out["CONTENT_TYPE"] = content_type
    if length is not None:
        out["CONTENT_LENGTH"] = str(length)
    for name, value in (headers or {}).items():
        out["HTTP_" + name.upper().replace("-", "_")] = value
    return out


def parse_cgi(out):
    """A CGI program's output as a Response."""
    head, blank, body = out.partition(b"\r\n\r\n")
    assert blank, f"no CGI answer: {out[:500]!r}"
    headers = {}
    for line in head.decode("latin-1").split("\r\n"):
        name, colon, value = line.partition(":")
        assert colon, f"no header: {line!r}"
        headers[name.strip().lower()] = value.strip()
    status = int(headers.pop("status", "200").split()[0])
    return Response(status, headers, body)


SERVERS = {"nginx": Nginx, "apache": Apache, "apachecgi": ApacheCgi,
           "fcgi": Fcgi, "cgi": Cgi}
