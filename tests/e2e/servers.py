"""The web servers in front of a handler, set up from the examples we ship.

    Nginx      nginx.conf.example, with deploy/imconnector.run behind it
    Apache     apache.conf.example with mod_fcgid
    ApacheCgi  apache.conf.example without it: plain CGI through mod_cgid
    Fcgi, Cgi  no web server at all (direct.py)

All of them start(), post() an event and stop(). In the examples only paths,
ports and users are replaced, and TLS is left out (but for nginx where
site.certificate is set); each must be found there. (test_chapters.py takes them
as they are.) Used by conftest.py and
tests/demo.py.
"""

import http.client
import os
import pathlib
import shutil
import socket

import events
from direct import (FORM, URL, Cgi, Fcgi, Response, Server, example, replaced)
from site_folder import wait_until, web_user

# What is the same everywhere: the stand-in for Bitrix24 is on loopback and
# speaks plain http; nothing waits for our own rate limit or for a second try.
CONFIG = {
    "app": {"application_token": events.TOKEN, "insecure_http": "yes",
            "portals": ["127.0.0.1", "localhost"]},
    "portal": {"burst": 10000, "rate": 10000},
    "retry": {"first": 600, "longest": 600},
    "log": {"level": "debug"},
}

MODULES = pathlib.Path("/usr/lib/apache2/modules")


def free_port():
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Http(Server):
    """Those that are spoken to by HTTP."""

    port = 0
    url = URL

    def connect(self, timeout=60):
        """A plain connection to the web server."""
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def post(self, body, content_type=FORM,
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
        secure = self.site.certificate
        (conf.parent / "site.conf").write_text(
            replaced(example("nginx.conf.example"), {
                "listen 80;": f"listen unix:{folder}/run/plain.sock;",
                "listen 443 ssl;": f"listen 127.0.0.1:{self.port}"
                                   f"{' ssl' if secure else ''};",
                **({"/etc/ssl/certs/handler.example.org.pem": secure[0],
                    "/etc/ssl/private/handler.example.org.key": secure[1]}
                   if secure else
                   {"ssl_certificate ": "# ", "ssl_certificate_key ": "# "}),
                "unix:/run/imconnector/imconnector.sock ":
                    f"unix:{self.site.socket} "}))
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

    modules = ("mpm_event", "authz_core", "authz_host", "alias", "env", "fcgid")

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
                "<VirtualHost *:443>": f"<VirtualHost 127.0.0.1:{self.port}>",
                "SSLEngine ": "# ", "SSLCertificateFile ": "# ",
                "SSLCertificateKeyFile ": "# ",
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

    modules = ("mpm_event", "authz_core", "authz_host", "alias", "env", "cgid")

    def start(self):
        super().start()
        # it listens before its daemon does, and says 503 meanwhile
        wait_until(lambda: list((self.site.folder / "run").glob(
            "cgid.sock*")))
        return self

    def _module_lines(self, folder):
        return [f"ScriptSock {folder}/run/cgid.sock"] + [
            f'PassEnv {k}' for k in self.site.environment
            if k.endswith("SAN_OPTIONS")]


SERVERS = {"nginx": Nginx, "apache": Apache, "apachecgi": ApacheCgi,
           "fcgi": Fcgi, "cgi": Cgi}
