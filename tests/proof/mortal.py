"""Handlers that die by SIGKILL and are started again.

    Life         one handler process on a Unix socket
    MortalFcgi   one of them, spoken to by FastCGI
    MortalNginx  several of them behind nginx, in one upstream
    MortalCgi    a process for each request

The sockets are the harness's own, as with systemd's socket units: they
outlive the processes, and who connects meanwhile waits. An answer that a dead
handler did not give has the status 0, or is nginx's 502.
"""

import os
import signal
import socket
import subprocess
import threading

import direct
import fcgi_client
import servers
from direct import Response
from site_folder import (STOP_WITHIN, as_ini, as_user, merged, wait_until,
                         web_user)

NO_ANSWER = Response(0, {}, b"")


class Life:
    """One process at a time. `server` is whose site and log are used; `more`
    is what its configuration has beside the site's."""

    def __init__(self, server, path, more=None):
        self.server, self.path, self.own = server, str(path), {}
        if more:
            file = server.site.config_file.with_name(f"{path.stem}.conf")
            file.write_text(as_ini(merged(server.site.config, more)))
            self.own = {"IMCONNECTOR_CONFIG": str(file)}
        self.process = None
        self.lock = threading.Lock()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(1024)
        os.chmod(self.path, 0o660)
        if user := web_user():
            os.chown(self.path, 0, user[1])

    def start(self, **env):
        """A new process; `env` is added to its environment."""
        with open(self.server.log_file, "ab") as log:
            self.process = subprocess.Popen(
                [self.server.site.handler], stdin=self.listener,
                stdout=subprocess.DEVNULL, stderr=log,
                cwd=self.server.site.folder, start_new_session=True,
                env={**self.server.site.environment, **self.own, **env},
                **as_user())

    def kill(self):
        """SIGKILL, and its end."""
        self.process.kill()
        self.process.wait()

    def wait_killed(self, within=15.0):
        """Waits until it has died by SIGKILL, whoever sent it."""
        try:
            status = self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"no death within {within} s") from None
        assert status == -signal.SIGKILL, f"ended with {status}"

    def end(self):
        """SIGTERM; it must end with 0, and in time."""
        self.process.terminate()
        try:
            status = self.process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"a handler is still there {STOP_WITHIN} s "
                                 "after SIGTERM") from None
        assert status == 0, f"a handler ended with {status}"

    def close(self):
        """Ends what is left, without any judgement."""
        if self.process and self.process.poll() is None:
            self.kill()
        self.listener.close()


class MortalFcgi(direct.Fcgi):
    """start(**env) starts it, and again after its death."""

    def __init__(self, config):
        super().__init__(config)
        self.life = Life(self, self.site.socket)

    def start(self, **env):
        self.life.start(**env)
        return self

    def post(self, *args, **options):
        """As everywhere; NO_ANSWER if the process went away."""
        try:
            return super().post(*args, **options)
        except (fcgi_client.Broken, ConnectionError):
            return NO_ANSWER

    def _stop(self):
        try:
            if self.life.process:
                self.life.end()
        finally:
            self.life.close()


class MortalNginx(servers.Nginx):
    """`lives` are the handlers; each has a socket of its own."""

    def __init__(self, config, more=({}, {})):
        """A handler for each of `more`: see Life."""
        super().__init__(config)
        folder = self.site.socket.parent
        self.lives = [Life(self, folder / f"{i}.sock", own)
                      for i, own in enumerate(more)]

    def run(self):
        """In place of spawn-fcgi: all of them."""
        for life in self.lives:
            life.start()
        self.site.socket.touch()        # what Fcgi.start() waits for
        return self.lives[0].process

    def _configure(self, conf):
        super()._configure(conf)
        site = conf.parent / "site.conf"
        site.write_text(
            "upstream handlers {\n" +
            "".join(f"    server unix:{life.path} max_fails=0;\n"
                    for life in self.lives) + "}\n" +
            servers.replaced(site.read_text(), {
                "fastcgi_pass imconnector;": "fastcgi_pass handlers;"}))

    def _stop(self):
        try:
            self._end("nginx")
            for life in self.lives:
                life.end()
        finally:
            for life in self.lives:
                life.close()


class MortalCgi(direct.Cgi):
    """env is added to what the next processes see; `deaths` counts those
    that died by SIGKILL."""

    def __init__(self, config):
        super().__init__(config)
        self.deaths = 0

    def post(self, *args, env=None, **options):
        """As everywhere; NO_ANSWER if the process went away before."""
        try:
            return super().post(*args, params=env, **options)
        except AssertionError as e:
            if "no CGI answer" not in str(e):
                raise
            return NO_ANSWER

    def _reap(self):
        for process in self.running:
            status = process.poll()
            assert status in (None, 0, -signal.SIGKILL), f"ended with {status}"
            self.deaths += status == -signal.SIGKILL
        self.running = [p for p in self.running if p.returncode is None]

    def wait_killed(self, within=15.0):
        """Waits until a process has died by SIGKILL."""
        wait_until(lambda: self._reap() or self.deaths, within, "a death")
