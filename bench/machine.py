"""What this machine is: its processors, disk and programs.

    describe(folder)        [(what, value)]; `folder` is where stores will be
"""

import os
import pathlib
import platform
import re
import shutil
import subprocess
import tempfile
import time


def _output(*command):
    """A command's first line, or "" if there is none."""
    env = {**os.environ, "LC_ALL": "C",
           "PATH": os.environ.get("PATH", "") + ":/usr/sbin"}
    if not shutil.which(command[0], path=env["PATH"]):
        return ""
    done = subprocess.run(command, capture_output=True, text=True, env=env,
                          check=False)
    return (done.stdout or done.stderr).strip().partition("\n")[0]


def _file(path, pattern, default="unknown"):
    try:
        found = re.search(pattern, pathlib.Path(path).read_text(), re.M)
    except OSError:
        found = None
    return found.group(1).strip() if found else default


def _sync(folder):
    """The median and the 90th percentile of 200 synced appends."""
    times, block = [], bytes(4096)
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(200):
            start = time.perf_counter()
            file.write(block)
            file.flush()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - start) * 1e6)
    times.sort()
    return f"{times[100]:.0f} us (90 %: {times[180]:.0f} us)"


def _undici():
    """Debian's, or the one in Node; peers/handler.js takes them so."""
    debian = _file("/usr/share/nodejs/undici/package.json",
                   r'"version": "([^"]*)"', "")
    return f"{debian} (Debian's node-undici)" if debian else _output(
        "node", "-p", "process.versions.undici") + " (built into Node: fetch)"


def describe(folder):
    """[(what, value)]."""
    memory = int(_file("/proc/meminfo", r"^MemTotal:\s+(\d+)", "0"))
    store = _output("stat", "-f", "-c", "%T", folder or
                    os.environ.get("TMPDIR", "/tmp"))
    php = _output("php", "--version") or "unknown"
    return [
        ("processor", _file("/proc/cpuinfo", r"^model name\s*:\s*(.*)",
                            platform.machine())),
        ("processors in use", str(len(os.sched_getaffinity(0)))),
        ("memory", f"{memory / 2**20:.1f} GiB"),
        ("system", _file("/etc/os-release", r'^PRETTY_NAME="?([^"\n]*)') +
         f", Linux {platform.release()}"),
        ("file system of the stores", store),
        ("fdatasync of 4 KiB there", _sync(folder)),
        ("nice", str(os.nice(0))),
        ("load before", " ".join(f"{n:.2f}" for n in os.getloadavg())),
        ("nginx", _output("nginx", "-v").rpartition("/")[2]),
        ("PHP", php.partition(" (")[0].replace("PHP ", "")),
        ("Node", _output("node", "--version")),
        ("undici", _undici()),
        ("Go", _output("go", "version").replace("go version ", "")),
        ("libcurl", _output("pkg-config", "--modversion", "libcurl")),
        ("OpenSSL", _output("openssl", "version")),
        ("SQLite", _output("pkg-config", "--modversion", "sqlite3")),
        ("C compiler", _output(os.environ.get("CC", "cc"), "--version")),
    ]
