"""A web server with files to fetch, as portals have them, and what can go
wrong with them.

files[path] is an Answer, or a function of the request that returns one.
Beside those of answers.py, an Answer's `cut` may be "endless": the answer
announces ten gigabytes and goes on until the other side has had enough.
"""

import dataclasses

from .answers import Answer
from .peer import Peer

ENDLESS = 10 << 30


@dataclasses.dataclass
class Get:
    """One request for a file."""

    method: str
    path: str
    query: str
    headers: dict

    @property
    def token(self):
        """What came as the bearer of a token, or ""."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")


class Files(Peer):
    """See above."""

    def __init__(self, tls=None, host="127.0.0.1", port=0):
        super().__init__(tls, host, port)
        self.files = {}
        self.gets = []
        self.sent = 0               # bytes of endless answers

    def put(self, path, body, media="application/octet-stream", status=200,
            **more):
        """Makes a file; returns its path."""
        self.files[path] = Answer(status, body, {"Content-Type": media},
                                  **more)
        return path

    def move(self, path, to, status=302):
        """Makes a redirect."""
        self.files[path] = Answer(status, b"", {"Location": to})
        return path

    def secret(self, path, body, token, otherwise):
        """Makes a file that only who has the token gets."""
        good = Answer(200, body, {"Content-Type": "application/pdf"})
        self.files[path] = lambda request: good if \
            request.headers.get("authorization") == f"Bearer {token}" \
            else otherwise
        return path

    def wait_for_gets(self, n, deadline=60.0):
        """The first n requests, as soon as there are as many."""
        self.wait(lambda: len(self.gets) >= n, deadline, f"{n} requests")
        return self.gets[:n]

    def respond(self, request):
        with self.changed:
            self.gets.append(Get(request.method, request.path, request.query,
                                 request.headers))
            found = self.files.get(request.path, Answer(404, b"no"))
        return found(request) if callable(found) else found

    def _play(self, sock, request):
        if getattr(self.files.get(request.path), "cut", "") != "endless":
            return super()._play(sock, request)
        self.respond(request)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n"
                     b"Content-Length: %d\r\n\r\n" % ENDLESS)
        while not self._closing.is_set():
            sock.sendall(b"x" * 65536)
            self.sent += 65536
        return False
