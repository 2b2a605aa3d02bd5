"""The pages of a handler: health, metrics, status; and what they say.

    get       one page, from an address
    Metrics   a parsed page of figures: m["name", "label=value", ...]
    LOCAL     a [status] section that allows this machine
"""

import re
import subprocess

from direct import URL

LOCAL = {"allow": "127.0.0.1 ::1", "alert_age": 300}
PROMETHEUS, OPEN_METRICS = "text/plain", "application/openmetrics-text"
SAMPLE = re.compile(r'^(?P<name>[a-z_]+)(?:\{(?P<labels>.*)\})? '
                    r'(?P<value>\S+)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def get(server, page, accept="*/*", address="127.0.0.1", method="GET"):
    """One page of a handler that is spoken to without a web server."""
    return server.post(b"", None, method, {"Accept": accept}, length=None,
                       params={"SCRIPT_NAME": f"{URL}/{page}",
                               "REQUEST_URI": f"{URL}/{page}?x=/y",
                               "REMOTE_ADDR": address})


def status(server):
    """The figures of the status page."""
    answer = get(server, "status", "application/json")
    assert answer.status == 200, answer
    return answer.json


class Metrics(dict):
    """Sample by its name and labels."""

    def __init__(self, text):
        super().__init__()
        for line in text.splitlines():
            if line.startswith("#"):
                continue
            found = SAMPLE.match(line)
            assert found, line
            labels = [f"{n}={v}" for n, v in
                      LABEL.findall(found["labels"] or "")]
            key = (found["name"], *labels)
            assert key not in self, f"twice: {line}"
            self[key] = float(found["value"])

    def get(self, name, *labels):
        """That sample (0 if there is none): labels may be left out."""
        return sum(v for k, v in self.items()
                   if k[0] == name and set(labels) <= set(k[1:]))


def metrics(server):
    """The figures, which promtool finds right."""
    answer = get(server, "metrics")
    assert answer.status == 200, answer
    assert answer.headers["content-type"].startswith(PROMETHEUS)
    checked(answer.body)
    return Metrics(answer.body.decode())


def checked(text):
    """promtool has nothing to say of it."""
    done = subprocess.run(["promtool", "check", "metrics"], input=text,
                          capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), \
        (done, text.decode())
