"""Many portals and many senders: a peer and a client that do not get in the
way, in asyncio.

    Peer       everything that is called, in a process of its own: portals,
               channels, the OAuth server. The first part of a path says what
               it does, and whose it is:
                   /d200-NAME/  answers after 200 ms
                   /silent-.../ never answers
                   /fail-.../   fails the first time, then answers
                   /old-.../    says that the token has expired
    send       posts events to a handler by FastCGI, each at its time

    python3 crowd.py    is the peer: it prints its port and serves until its
                        standard input is closed

Used by tests/lib/many.py.
"""

import asyncio
import collections
import contextlib
import http.client
import json
import struct
import subprocess
import sys
import time
import typing

OK = {"result": {"SUCCESS": True, "DATA": []}, "time": {
    "start": 1773759999.5, "finish": 1773760000.5, "duration": 1,
    "processing": 1, "operating_reset_at": 1773760600, "operating": 0.1}}


# -- the peer's process

class Serving:
    """What the peer knows: when it was called by which path."""

    def __init__(self):
        self.calls = collections.defaultdict(list)
        self.oauth = "d0"
        self.port = 0

    async def serve(self, reader, writer):
        """One connection."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].decode()
                length = 0
                for line in head.split(b"\r\n"):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.partition(b":")[2])
                body = await reader.readexactly(length)
                status, value = await self.answer(path, body)
                data = json.dumps(value).encode()
                writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" %
                             (status, len(data)) + data)
        writer.close()

    async def answer(self, path, body):
        """(status, JSON)"""
        who = path.split("/")[1]
        if who == "calls":
            return 200, self.calls
        if who == "set-oauth":
            self.oauth = path.split("/")[2]
            return 200, {}
        self.calls[who].append(time.monotonic())
        kind = self.oauth if who == "oauth" else who.partition("-")[0]
        if kind == "silent":
            await asyncio.sleep(3600)
        if kind == "fail" and len(self.calls[who]) == 1:
            return 500, {}
        if kind == "old":
            return 401, {"error": "expired_token"}
        if kind.startswith("d") and kind != "d0":
            await asyncio.sleep(int(kind[1:]) / 1000)
        return 200, self.pair(body) if who == "oauth" else OK

    def pair(self, body):
        """New tokens: a refresh token names its portal."""
        who = body.decode().rpartition("refresh_token=")[2].split("&")[0]
        return {"access_token": f"a.{who}", "refresh_token": who,
                "expires_in": 3600, "member_id": who,
                "client_endpoint": f"http://127.0.0.1:{self.port}/{who}/rest/",
                "server_endpoint": f"http://127.0.0.1:{self.port}/rest/"}


async def serve():
    """See the head of this file."""
    serving = Serving()
    server = await asyncio.start_server(serving.serve, "127.0.0.1", 0,
                                        backlog=2048)
    serving.port = server.sockets[0].getsockname()[1]
    print(serving.port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


class Peer:
    """See the head of this file."""

    def __enter__(self):
        self.process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def url(self, who):
        """Where this one is called."""
        return f"http://127.0.0.1:{self.port}/{who}/"

    def ask(self, path):
        """The peer itself."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        with contextlib.closing(connection):
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())

    def calls(self, who):
        """When it was called, on the monotonic clock."""
        return self.ask("/calls").get(who, [])


# -- the client

class Sent(typing.NamedTuple):
    """An event that was sent: what was answered (None: nothing), when it was
    sent, and after how many seconds the answer was there."""

    status: typing.Optional[int]
    at: float
    seconds: float


def frame(kind, content=b""):
    """Records of FastCGI."""
    return b"".join(
        struct.pack("!BBHHBB", 1, kind, 1, len(content[i:i + 65528]), 0, 0) +
        content[i:i + 65528] for i in range(0, len(content), 65528))


def head_of(params):
    """The records before the body."""
    text = b""
    for name, value in params.items():
        name, value = name.encode(), str(value).encode()
        for n in (len(name), len(value)):
            text += bytes([n]) if n < 128 else struct.pack("!I", n | 1 << 31)
        text += name + value
    return (frame(1, struct.pack("!HB5x", 1, 0)) + frame(4, text) +
            struct.pack("!BBHHBB", 1, 4, 1, 0, 0, 0))


END = struct.pack("!BBHHBB", 1, 5, 1, 0, 0, 0)


async def connect(path):
    """A full backlog is waited for."""
    while True:
        try:
            return await asyncio.open_unix_connection(path)
        except BlockingIOError:
            await asyncio.sleep(0.002)


async def send_one(path, data, at):
    """One event; `data` may be pieces with pauses (seconds) between."""
    await asyncio.sleep(max(0, at - time.monotonic()))
    began = time.monotonic()
    try:
        reader, writer = await connect(path)
        for piece in data:
            if isinstance(piece, bytes):
                writer.write(piece)
            else:
                await asyncio.sleep(piece)
        out = await reader.read()
        writer.close()
        status = int(out.partition(b"Status: ")[2][:3] or b"200") \
            if out else None
    except OSError:
        status = None
    return Sent(status, began, time.monotonic() - began)


def send(server, events, after=()):
    """Sends these bodies, each so many seconds (`after`) from now; waits for
    all of them."""
    def pieces(body):
        body = body if isinstance(body, list) else [body]
        size = sum(len(b) for b in body if isinstance(b, bytes))
        head = head_of(server.params("application/json", "POST", size))
        return [head, *(frame(5, b) if isinstance(b, bytes) else b
                        for b in body), END]

    async def all_of_them():
        start = time.monotonic() + 0.05
        return await asyncio.gather(*(
            send_one(path, d, start + (after[i] if after else 0))
            for i, d in enumerate(data)))
    path = str(server.site.socket)
    data = [pieces(e) for e in events]
    return asyncio.run(all_of_them())


if __name__ == "__main__":
    asyncio.run(serve())
