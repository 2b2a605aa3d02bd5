"""The two that read the same bodies: PHP, and our own readers.

    Php     PHP's web server with worker.php: what $_POST or json_decode()
            makes of a body, as an Array, text, bool, int, float or None
    ours()  what the handler's readers make of bodies (objects.c)
"""

import contextlib
import http.client
import json
import os
import pathlib
import re
import subprocess
import tempfile
import typing

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("IMCONNECTOR_BUILD") or
                     HERE.parents[1] / "build").resolve()
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


class Array(dict):
    """PHP's array: its keys are int or str, in their order."""


class Read(typing.NamedTuple):
    """What PHP says of a body."""

    ok: bool
    value: object


def _value(told):
    kind, value = told
    if kind == "array":
        return Array((key, _value(v)) for key, v in value)
    return float(value) if kind == "float" else value


class Php(contextlib.ExitStack):
    """See above. -n: whatever php.ini says, all have the same settings."""

    def __enter__(self):
        super().__enter__()
        log = self.enter_context(tempfile.TemporaryFile("w+"))
        process = self.enter_context(subprocess.Popen(
            ["php", "-n", "-d", "max_input_vars=100000", "-d",
             "serialize_precision=17", "-d", "display_errors=0", "-S",
             "127.0.0.1:0", HERE / "worker.php"],
            stdout=subprocess.DEVNULL, stderr=log))
        self.callback(process.terminate)
        self.address = self._started(process, log)
        return self

    @staticmethod
    def _started(process, log):
        """Waits for the line with the port that the kernel chose."""
        while process.poll() is None:
            log.seek(0)
            found = re.search(r"\(http://([\d.]+):(\d+)\) started", log.read())
            if found:
                return found[1], int(found[2])
        log.seek(0)
        raise RuntimeError(f"no PHP: {log.read()}")

    def read(self, media, body):
        """What it makes of one body."""
        connection = http.client.HTTPConnection(*self.address, timeout=60)
        with contextlib.closing(connection):
            connection.request("POST", "/", body, {"Content-Type": media})
            answer = connection.getresponse()
            text = answer.read()
        assert answer.status == 200, (answer.status, text, body)
        told = json.loads(text)
        return Read(told["ok"], _value(told["value"]))


class Message(typing.NamedTuple):
    """One element: the channel's object, or of a useless one what it was."""

    arrival: int
    bad: str        # the field that makes it useless, or "-"
    object: object


class Answer(typing.NamedTuple):
    """What our readers say of a body."""

    error: str      # "" or the answer's code
    why: str
    messages: list  # in the order of hand-overs


def _answers(out):
    lines = iter(out.decode().split("\n")[:-1])
    for line in lines:
        kind, _, rest = line.partition(" ")
        if kind == "error":
            name, _, why = rest.split(" ", 2)
            yield Answer(name, why, [])
            continue
        messages = []
        for _ in range(int(rest)):
            arrival, bad, text = next(lines).split(" ", 2)
            messages.append(Message(int(arrival), bad, text))
        yield Answer("", "", messages)


def ours(bodies):
    """The Answer to each (media, body, piece): all in one process."""
    fed = b"".join(b"%s %d %d\n%s" % (media.encode(), piece, len(body), body)
                   for media, body, piece in bodies)
    done = subprocess.run([BUILD / "php" / "objects"], input=fed, check=True,
                          stdout=subprocess.PIPE, timeout=120)
    return list(_answers(done.stdout))
