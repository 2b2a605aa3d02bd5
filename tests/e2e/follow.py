"""The one who follows README on some machine, and Bitrix24: for chapter.py.

World types the commands, as somebody would whose machine has another name than
README's. It fills in what README leaves to the reader, and posts events by
https, with a certificate by a CA that only this machine trusts.
"""

import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import sys
import threading

import events
from machine import JOURNAL
from readme import commands
from shell import pids
from site_folder import HANDLER, wait_until
from standin.tls import HOST

URL = "/bitrix24/handler"
CONF = "/etc/imconnector/imconnector.conf"
NEW = "var/spool/imconnector/new"
SOCKET = "/run/imconnector/imconnector.sock"
TEN = "Ten minutes to a running handler"
LOGS = (JOURNAL, "/var/log/imconnector.log", "/var/log/nginx/error.log",
        "/var/log/apache2/error.log", "/var/log/lighttpd/error.log")


class World:
    """The one who follows README, and Bitrix24."""

    def __init__(self, machine, portal, authority):
        self.machine = machine
        self.portal = portal
        self.authority = authority
        self.number = 0
        self.context = ssl.create_default_context(cafile=authority.ca_file)
        self.trust()

    def trust(self):
        """Our CA is one of those that this machine trusts, and so does
        Bitrix24; the certificate is where README takes it from."""
        folder = self.machine.root / "usr/local/share/ca-certificates"
        folder.mkdir(parents=True, exist_ok=True)
        authority = pathlib.Path(self.authority.ca_file).read_text()
        (folder / "standin.crt").write_text(authority)
        made = self.authority.folder
        for name, text in (
                ("fullchain", (made / "good.pem").read_text() + authority),
                ("privkey", (made / "good.key").read_text())):
            (self.machine.source / f"{name}.pem").write_text(text)

    def follow(self, title, *steps):
        """Types those steps of a chapter, or all of one that has none."""
        for command in (c for step in steps or ("",)
                        for c in commands(title, step)):
            self.type(command)

    def type(self, command):
        """One command, as the name of this machine is."""
        print("#", command, flush=True)
        said = self.machine.do(command.replace("=handler.example.org",
                                               f"={HOST}"))
        if command == "make install" and not self.number:
            self.edit()
            self.machine.do("update-ca-certificates")
        if re.fullmatch("(service|systemctl) .*restart.*", command):
            self.check()
        if command.startswith("curl "):
            assert "WRONG_TOKEN" in said, said

    def curl(self):
        """What the chapters of other web servers go on with."""
        self.type(commands(TEN, "Step 5: nginx")[-1])

    def edit(self):
        """Fills the token in, and lets it talk to our Bitrix24."""
        path = self.machine.root / CONF.lstrip("/")
        text = path.read_text()
        assert "PUT-THE-TOKEN-HERE" in text and \
            path.stat().st_mode & 0o777 == 0o640
        text = text.replace("PUT-THE-TOKEN-HERE", events.TOKEN)
        path.write_text(text.replace("[app]\n", "[app]\nportals = 127.0.0.1\n"))

    def event(self):
        """The next one, of a chat of its own."""
        self.number += 1
        return events.as_form(events.event(
            events.message(self.number, chat=f"chat-{self.number}"),
            endpoint=self.portal.endpoint))

    def post(self, body=None, chunked=False):
        """An event by https; the status and the answer."""
        connection = http.client.HTTPSConnection(HOST, timeout=60,
                                                 context=self.context)
        body = self.event() if body is None else body
        # http.client sends what has no length in chunks
        connection.request("POST", URL, iter([body]) if chunked else body,
                           {"Content-Type": events.FORM})
        answer = connection.getresponse()
        return answer.status, answer.read()

    def messages(self):
        """How many the channel has got."""
        return len(list((self.machine.root / NEW).iterdir()))

    def check(self):
        """An event goes through; plain http was sent on."""
        wait_until(self.serves, 30, "the web server")
        self.check_acknowledged(self.post())

    def check_acknowledged(self, answer):
        """It says so, and there is one message more."""
        assert (answer[0], json.loads(answer[1])["result"]) == \
            (200, "acknowledged"), answer
        assert self.messages() == self.number

    def serves(self):
        """Whether our certificate is shown and plain http is sent to https:
        after a restart old processes may still answer."""
        plain = http.client.HTTPConnection(HOST, timeout=60)
        try:
            with socket.create_connection((HOST, 443), 10) as s, \
                    self.context.wrap_socket(s, server_hostname=HOST):
                plain.request("GET", URL)
                answer = plain.getresponse()
        except OSError:
            return False
        finally:
            plain.close()
        return answer.status in (301, 308) and \
            answer.getheader("Location") == f"https://{HOST}{URL}"

    def check_bodies(self, chunks=200):
        """A body of a megabyte passes, a longer one does not. One in chunks
        is answered with that status; what was cut is nobody's message."""
        body = self.event()
        body += b"&more=" + b"x" * (1048576 - len(body) - len("&more="))
        # a value that long is the handler's own 413
        assert json.loads(self.post(body)[1])["error"] == "TOO_LARGE"
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            assert self.post(body + b"x" * 1048576)[0] == 413
        self.take_back()
        before = self.messages()
        status, said = self.post(chunked=True)
        assert status == chunks, (status, said)
        if status == 200:
            self.check_acknowledged((status, said))
        else:
            self.take_back()
        whole = self.event()
        self.take_back()
        self.cut(f"Content-Length: {len(whole) + 1}", whole)
        self.cut("Transfer-Encoding: chunked",
                 b"%x\r\n%s\r\n" % (len(whole), whole))
        self.check()
        assert self.messages() == before + 1 + (status == 200)

    def cut(self, header, body):
        """An event whose sender hangs up before its end."""
        with socket.create_connection((HOST, 443), 30) as raw, \
                self.context.wrap_socket(raw, server_hostname=HOST) as s:
            s.sendall((f"POST {URL} HTTP/1.1\r\nHost: {HOST}\r\n"
                       f"Content-Type: {events.FORM}\r\n{header}\r\n\r\n")
                      .encode() + body)
            s.settimeout(5)
            with contextlib.suppress(OSError):
                s.unwrap()      # says the end, may wait for the other's

    def check_restart(self, start, again=True):
        """The handler dies with an event in its hands. nginx sends it once
        more, it waits at the socket, and the next one, which start() starts,
        recognises it. Others tell the sender (again=False)."""
        calls, got = len(self.portal.calls), []
        self.portal.script("slow:5")
        sender = threading.Thread(target=lambda: got.append(self.post()))
        sender.start()
        wait_until(lambda: len(self.portal.calls) > calls, 30, "a call")
        os.kill(pids(HANDLER)[0], signal.SIGKILL)
        start()
        sender.join()
        assert got[0][0] in ((200, 202) if again else (500, 502, 503)), got
        wait_until(lambda: self.states() == {"acknowledged"}, 60, "the rest")

    def check_away(self):
        """Where nobody listened a moment ago, the web server asks again;
        lighttpd takes a second for it."""
        self.machine.do(f"mv {SOCKET} {SOCKET}.away")
        assert self.post()[0] in (500, 502, 503)
        self.take_back()
        self.machine.do(f"mv {SOCKET}.away {SOCKET}")
        wait_until(lambda: self.post()[0] == 200 or self.take_back(), 30)
        assert self.messages() == self.number

    def take_back(self):
        """The last event was refused: its number is free again."""
        self.number -= 1

    def states(self):
        """Of all that is stored."""
        return {m["state"] for m in json.loads(self.machine.do(
            "imconnectorctl queue list --json"))}


def logs(machine):
    """Shows what may say why."""
    for log in LOGS:
        path = machine.root / log.lstrip("/")
        if path.exists():
            print(f"--- {log}\n", path.read_text(errors="replace")[-3000:],
                  file=sys.stderr)
