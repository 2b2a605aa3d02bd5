"""The handler without a web server, and what all servers have in common.

    Fcgi  started by spawn-fcgi as deploy/imconnector.run says,
          spoken to by fcgi_client
    Cgi   executed for each request, as a CGI script

servers.py puts web servers in front; tests use all of them through that file.
"""

import json
import pathlib
import shlex
import signal
import subprocess
import typing

from fcgi_client import Client
from site_folder import (REPO, SANITIZER, STOP_WITHIN, Site, as_user,
                         wait_until, web_user)

URL = "/bitrix24/handler"
FORM = "application/x-www-form-urlencoded"


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

    def post(self, body, content_type=FORM,
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
        options = {"stdin": subprocess.DEVNULL, **options}
        with open(log, "ab") as out:
            self.processes[name] = subprocess.Popen(
                command, stdout=out, stderr=out, cwd=self.site.folder,
                start_new_session=True, **options)
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


def minds_stops(pid):
    """It has begun: SIGTERM is a stop, and not the end of any program."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    blocked = int(status.split("SigBlk:", 1)[1].split()[0], 16)
    return bool(blocked & 1 << signal.SIGTERM - 1)


class Fcgi(Server):
    """spawn-fcgi as deploy/imconnector.run says, but without the loop."""

    def spawn_command(self):
        """That command, for this site, and its environment."""
        text = ""
        for line in example("deploy/imconnector.run").splitlines():
            if text or line.startswith("exec "):
                text += line.rstrip("\\")
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
            "/usr/local/lib/imconnector/imconnector.loop ": "",
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
            return self.site.socket.exists() and minds_stops(handler.pid)
        wait_until(listens, what="the handler's socket")
        return self

    def params(self, content_type, method, length, headers=None):
        """The parameters that a web server would send."""
        return cgi_variables(content_type, method, length, headers)

    def client(self, timeout=60):
        """A FastCGI client connected to the handler."""
        return Client(str(self.site.socket), timeout)

    def post(self, body, content_type=FORM,
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


class Cgi(Server):
    """The program as a CGI script, without any web server."""

    def __init__(self, config):
        super().__init__(config)
        self.running = []

    def post(self, body, content_type=FORM,
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
