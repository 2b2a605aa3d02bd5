"""A small threaded HTTP/1.1 server that can misbehave on purpose.

The floor under Portal and Receiver: a thread per connection, kept
connections, lengths and chunks, TLS. A subclass gives respond(request) ->
Answer; the peer plays delays, silence and cut connections. It listens on
loopback, on a port that the kernel chooses.
"""

import email.utils
import http
import socket
import threading
import time
from urllib.parse import urlsplit

from .answers import Answer

HEAD_MAX = 64 << 10
BODY_MAX = 64 << 20


class Hangup(Exception):
    """The other side went away, or sent what is no HTTP."""


class Request:
    """One request as it came: method, path, query, headers, body."""

    def __init__(self, head, client):
        lines = head.decode("latin-1").split("\r\n")
        try:
            self.method, target, self.version = lines[0].split(" ")
        except ValueError:
            raise Hangup(lines[0]) from None
        parts = urlsplit(target)
        self.path, self.query = parts.path, parts.query
        self.headers = {}               # names in lower case
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.strip().lower()] = value.strip()
        self.body = b""
        self.client = client            # (address, port)
        self.time = time.time()

    @property
    def keep(self):
        """Whether the connection stays open afterwards."""
        return (self.version == "HTTP/1.1" and
                self.headers.get("connection", "").lower() != "close")


class Connection:
    """Buffered reading of requests from one socket."""

    def __init__(self, sock):
        self.sock, self.rest = sock, b""

    def _more(self):
        piece = self.sock.recv(65536)
        if not piece:
            raise Hangup
        self.rest += piece

    def _line(self, end, most):
        while end not in self.rest:
            if len(self.rest) > most:
                raise Hangup
            self._more()
        line, _, self.rest = self.rest.partition(end)
        return line

    def _take(self, n):
        if n > BODY_MAX:
            raise Hangup
        while len(self.rest) < n:
            self._more()
        data, self.rest = self.rest[:n], self.rest[n:]
        return data

    def request(self, client):
        """The next whole request; Hangup at the end."""
        rq = Request(self._line(b"\r\n\r\n", HEAD_MAX), client)
        if rq.headers.get("expect", "").lower() == "100-continue":
            self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if rq.headers.get("transfer-encoding", "").lower() == "chunked":
            while size := int(self._line(b"\r\n", 100).split(b";")[0], 16):
                rq.body += self._take(size + 2)[:-2]
            while self._line(b"\r\n", HEAD_MAX):
                pass
        else:
            rq.body = self._take(int(rq.headers.get("content-length") or 0))
        return rq


class Peer:
    """An HTTP server in threads of this process."""

    def __init__(self, tls=None, host="127.0.0.1", port=0):
        self.tls = tls                  # an ssl.SSLContext, or None
        self.host = host
        self.port = port
        self.connections = 0            # how many were accepted so far
        self.clock_ahead = 0            # seconds, in the header Date
        self.changed = threading.Condition()
        self._closing = threading.Event()
        self._released = threading.Event()
        self._open = set()
        self._threads = []

    def respond(self, request):
        """What to answer; runs in the connection's thread."""
        raise NotImplementedError

    # -- life

    def start(self):
        """Listens, and serves in the background; again, if it was stopped."""
        self._closing.clear()
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._listener = socket.create_server(
            (self.host, self.port), family=family, backlog=1024)
        self.port = self._listener.getsockname()[1]
        self._spawn(self._accept)
        return self

    def stop(self):
        """Cuts every connection and ends every thread."""
        self._closing.set()
        for sock in [self._listener, *list(self._open)]:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._listener.close()
        for thread in list(self._threads):
            thread.join(5)

    __enter__ = start

    def __exit__(self, *_):
        self.stop()

    @property
    def url(self):
        """Where it listens, with a slash at the end."""
        scheme = "https" if self.tls else "http"
        name = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{name}:{self.port}/"

    def release(self):
        """Answers what was held, and holds nothing more."""
        self._released.set()

    def wait(self, true, deadline=60.0, what="a condition"):
        """Waits until true() is; it is asked again after each call."""
        with self.changed:
            if not self.changed.wait_for(true, deadline):
                raise TimeoutError(f"{what}: not within {deadline} s")

    # -- threads

    def _spawn(self, target, *args):
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while not self._closing.is_set():
            try:
                sock, client = self._listener.accept()
            except OSError:
                return
            self._threads = [t for t in self._threads if t.is_alive()]
            self.connections += 1
            self._spawn(self._serve, sock, client)

    def _serve(self, sock, client):
        self._open.add(sock)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                plain = sock
                sock = self.tls.wrap_socket(plain, server_side=True)
                self._open.add(sock)
                self._open.discard(plain)
            connection = Connection(sock)
            while not self._closing.is_set():
                request = connection.request(client)
                if not self._play(sock, request):
                    break
        except (Hangup, OSError, ValueError):
            pass                        # a peer that left, a failed handshake
        finally:
            self._open.discard(sock)
            sock.close()

    def _play(self, sock, request):
        """Answers one request; False ends the connection."""
        answer = self.respond(request)
        with self.changed:
            self.changed.notify_all()
        if answer.delay and self._closing.wait(answer.delay):
            return False
        while answer.held and not self._released.wait(0.05):
            if self._closing.is_set():
                return False
        if answer.cut == "silence":
            self._closing.wait()
        if answer.cut in ("silence", "before"):
            return False
        wire = render(answer, request, self.clock_ahead)
        if answer.cut == "middle":
            wire = wire[:-max(1, len(answer.body) // 2)]
        sock.sendall(wire)
        return request.keep and answer.cut == ""


def render(answer: Answer, request, clock_ahead=0):
    """The bytes of an answer."""
    try:
        reason = http.HTTPStatus(answer.status).phrase
    except ValueError:
        reason = "Unknown"
    headers = dict(answer.headers)
    if answer.moved:
        headers["Location"] = answer.moved.rstrip("/") + request.path
    headers["Date"] = email.utils.formatdate(time.time() + clock_ahead,
                                             usegmt=True)
    headers["Content-Length"] = len(answer.body)
    if not request.keep:
        headers["Connection"] = "close"
    head = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    return (f"HTTP/1.1 {answer.status} {reason}\r\n{head}\r\n".encode() +
            answer.body)
