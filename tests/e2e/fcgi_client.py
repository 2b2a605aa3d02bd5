"""A small FastCGI client: the web server's side, one request a connection.

It can do what no web server does: stop inside the parameters or the body,
lie about lengths, hang up. Used by servers.Fcgi and by tests/demo.py.
"""

import socket
import struct

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR = 1, 2, 3, 4, 5, 6, 7
RESPONDER = 1


class Broken(Exception):
    """The program went away before the end of its answer."""


def record(kind, content=b"", request=1):
    """One record, without padding."""
    return struct.pack("!BBHHBB", 1, kind, request, len(content), 0, 0) + \
        content


def length(n):
    """A name's or value's length as the parameters spell it."""
    return bytes([n]) if n < 128 else struct.pack("!I", n | 1 << 31)


def encode_params(params):
    """Name-value pairs, as bytes."""
    out = b""
    for name, value in params.items():
        name, value = name.encode(), str(value).encode("latin-1")
        out += length(len(name)) + length(len(value)) + name + value
    return out


class Client:
    """One request on a connection of its own."""

    def __init__(self, path, timeout=30.0):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        self.sock.connect(path)
        self.stderr = b""

    def begin(self, params, keep=False):
        """The begin record and all parameters; `keep` the connection."""
        data = encode_params(params)
        out = record(BEGIN, struct.pack("!HB5x", RESPONDER, int(keep)))
        for i in range(0, len(data), 65535):
            out += record(PARAMS, data[i:i + 65535])
        self.sock.sendall(out + record(PARAMS))

    def send(self, body, piece=32768):
        """A part of the body, in records of that size."""
        for i in range(0, len(body), piece):
            self.sock.sendall(record(STDIN, body[i:i + piece]))

    def end(self):
        """Ends the body."""
        try:
            self.sock.sendall(record(STDIN))
        except (BrokenPipeError, ConnectionResetError):
            pass                # it answered before it read everything

    def finish(self):
        """Ends the body and returns the whole output."""
        self.end()
        return self.output()

    def output(self):
        """Everything written to stdout until the end of the request."""
        out = b""
        while True:
            head = self._take(8)
            _, kind, _, size, padding, _ = struct.unpack("!BBHHBB", head)
            content = self._take(size + padding)[:size]
            if kind == STDOUT:
                out += content
            elif kind == STDERR:
                self.stderr += content
            elif kind == END:
                return out

    def _take(self, n):
        data = b""
        while len(data) < n:
            piece = self.sock.recv(n - len(data))
            if not piece:
                raise Broken
            data += piece
        return data

    def close(self):
        """Hangs up."""
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
