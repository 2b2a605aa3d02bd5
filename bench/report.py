"""What the benchmark found: a page in Markdown, plots, and the raw figures.

    machine(folder)         what this machine is
    write(result, folder)   RESULTS.md, results.json, *.svg; returns the page
"""

import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess

import plot

SHORT = {"ours": "imconnector.fcgi", "php": "PHP", "php1": "PHP, 1-cert CA",
         "node": "Node", "go": "Go", "floor": "C floor",
         "nothing": "C, answers 200"}
COLOURS = {SHORT[k]: c for k, c in zip(SHORT, plot.COLOURS)}
COLUMNS = ["rate", "p50", "p99", "cpu", "pss", "calls", "connections",
           "queued", "bad", "portal_share"]


# -- the machine

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


def machine(folder):
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
        ("nice", str(os.nice(0))),
        ("load before", " ".join(f"{n:.2f}" for n in os.getloadavg())),
        ("nginx", _output("nginx", "-v").rpartition("/")[2]),
        ("PHP", php.partition(" (")[0].replace("PHP ", "")),
        ("Node", _output("node", "--version")),
        ("Go", _output("go", "version").replace("go version ", "")),
        ("libcurl", _output("pkg-config", "--modversion", "libcurl")),
        ("SQLite", _output("pkg-config", "--modversion", "sqlite3")),
        ("C compiler", _output(os.environ.get("CC", "cc"), "--version")),
    ]


# -- figures

def cells(runs):
    """{(scheme, ms, in_flight, messages): {handler: medians}}"""
    groups = {}
    for run in runs:
        key = (run["scheme"], run["ms"], run["in_flight"], run["messages"])
        groups.setdefault(key, {}).setdefault(run["handler"], []).append(run)
    return {key: {h: _medians(r) for h, r in handlers.items()}
            for key, handlers in groups.items()}


def _medians(runs):
    out = {c: statistics.median(r[c] for r in runs)
           for c in COLUMNS + ["sent", "told"]}
    out["low"] = min(r["rate"] for r in runs)
    out["high"] = max(r["rate"] for r in runs)
    for name in ("begun", "queued", "bad", "sent", "told", "connections"):
        out["all_" + name] = sum(r[name] for r in runs)
    out["lost"] = sum(r["sent"] - r["distinct"] for r in runs)
    return out


def _number(value):
    """Three figures are enough."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _ms(microseconds):
    return _number(microseconds / 1000)


def _mb(size):
    return _number(size / 1e6)


def _table(head, rows):
    lines = ["| " + " | ".join(head) + " |",
             "|" + "|".join(["---"] + ["---:"] * (len(head) - 1)) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return lines + [""]


def _row(name, m, in_flight):
    messages = m["all_sent"] or 1
    return [
        SHORT[name], _number(m["rate"]),
        f"{_number(m['low'])} - {_number(m['high'])}", _ms(m["p50"]),
        _ms(m["p99"]), _number(m["cpu"] * 1000), _mb(m["pss"]),
        _number(m["pss"] / in_flight / 1e6),
        f"{m['calls']:.2f}" if name != "nothing" else "-",
        _number(m["all_connections"] / messages),
        f"{m['all_queued']:,}", f"{m['all_bad']:,} of {m['all_begun']:,}",
        f"{m['lost']:,}" if name not in ("floor", "nothing") else "-",
    ]


HEAD = ["handler", "events/s", "slowest - fastest run", "p50 ms", "p99 ms",
        "CPU ms/event", "PSS MB", "PSS MB/request", "calls/message",
        "connections/message", "of it 202", "failed", "messages not told"]


def _load(result):
    found = cells(result["load"])
    lines = [
        "## Load", "",
        f"Medians of {result['runs']} runs of {result['seconds']:g} s each. "
        "All handlers run at once and are idle but for the one that is "
        "measured; runs are interleaved: a round goes through all cells, "
        "within a cell one handler after the other, in rotating order. Every "
        "run is preceded by a short warm-up of the same kind. "
        "Everything - load generator, nginx, handler, portal - shares "
        "the processors, so events/s is what one machine does with all "
        "of it; CPU per event is the handler's processes alone.", ""]
    busiest = max((m["portal_share"] for handlers in found.values()
                   for m in handlers.values()), default=0)
    lines += [f"The stand-in portal is one thread; it was busy for "
              f"{busiest:.0%} of the time at the most (median of a cell's "
              "runs).", ""]
    for scheme in ("http", "https"):
        for ms in (0, 20, 150):
            keys = [k for k in found if k[:2] == (scheme, ms)]
            if keys:
                lines += [f"### {scheme}, the portal answers after {ms} ms",
                          ""]
            for key in keys:
                lines += [f"{key[2]} in flight, {key[3]} message"
                          f"{'s' if key[3] > 1 else ''} an event:", ""]
                lines += _table(HEAD, [_row(n, found[key][n], key[2])
                                       for n in SHORT if n in found[key]])
    return lines


def _bucket(bucket):
    lines = [
        "## A portal with Bitrix24's limit", "",
        f"{bucket['rate']:g} events a second of one message each, for "
        f"{bucket['seconds']:g} s; the portal refuses calls past 50, of which "
        "2 leak a second. At most "
        f"{50 + 2 * bucket['seconds']:.0f} calls can succeed while the events "
        f"come. Handlers run at once, each with a bucket of its own; watched "
        f"for {bucket['seconds'] * 1.5:g} s.", ""]
    rows = []
    for name in bucket["names"]:
        h = bucket["handlers"][name]
        at_end = [s for s in bucket["series"] if s[0] <= bucket["seconds"]]
        place = bucket["names"].index(name) + 1
        rows.append([
            SHORT[name], f"{h['begun']:,}",
            ", ".join(f"{n:,} x {s}" for s, n in h["status"].items()) or "-",
            f"{h['failed']:,}", _ms(h["p50"]), _ms(h["p99"]),
            f"{h['calls']:,}", f"{h['refused']:,}",
            f"{at_end[-1][place] if at_end else 0:,}", f"{h['distinct']:,}",
            f"{h['begun'] - h['distinct']:,}"])
    return lines + _table(
        ["handler", "events", "answers", "failed", "p50 ms", "p99 ms",
         "REST calls", "of it refused", "told when the load ended",
         "told in the end", "not told"], rows)


def _readers(rows):
    yajl = {r["size"]: r["median"] for r in rows if r["reader"] == "yajl"}
    lines = [
        "## Readers", "",
        "MB/s (10^6 bytes a second of processor time) of bodies fed in "
        "chunks of 16 KiB. `event` is what the handler does: reader, grammar, "
        "per-message callback; `sax` the reader alone, `yajl` yajl alone, "
        "`lax` yajl without its check of UTF-8, all with calls that do "
        "nothing; `memcpy` a copy of each chunk. The form has the same "
        "messages as the JSON in more bytes, so compare messages.", ""]
    return lines + _table(
        ["body", "reader", "MB/s", "slowest - fastest run", "of yajl",
         "messages/s", "events", "MB"],
        [[f"{r['syntax']}, {r['size']}", r["reader"], _number(r["median"]),
          f"{_number(r['min'])} - {_number(r['max'])}",
          f"{r['median'] / yajl[r['size']]:.0%}" if r["syntax"] == "JSON"
          else "", _number(r["messages_s"]), f"{r['events']:,}",
          _mb(r["bytes"])] for r in rows])


METHOD = """\
## What is compared

- One nginx with the same settings for all: no kept connections to handlers,
  requests buffered. FastCGI for imconnector.fcgi, PHP and the C floors; HTTP
  for Node and Go, which speak FastCGI rarely or never in the field. Unix
  sockets throughout.
- Every event is a form, as Bitrix24 sends it, with a chat and message ids of
  its own. Its client_endpoint names the stand-in portal.
- **imconnector.fcgi** keeps its promises: each message is durable in SQLite
  before it is handed over, and its state is recorded after each step. Channel
  `null:`; as many workers as requests; portal.burst and rate out of the way,
  except in the part about the limit. Nobody else stores anything.
- **PHP**: PHP-FPM, 64 static children, OPcache as Debian has it, a call for
  each message and a new curl handle for each call, as in the vendor's
  examples. Over https with Debian's CA bundle (and one certificate more), and
  with a CA file of one certificate.
- **Node**: one process, http/https.Agent with keepAlive. **Go**: net/http, as
  many kept connections as there are requests. Both are spared the call for
  each message: one for all of an event.
- **C floor**: libfcgi, 64 threads, a kept curl handle each, nothing parsed, a
  canned call; the other one answers 200 and does nothing.
- The portal: one thread with epoll, TLS with a P-256 certificate. It never
  closes a connection.
- "messages not told": the portal did not hear of them within seconds after
  the last answer. CPU is user and system time of all processes of a
  handler (their process clocks: /proc counts in steps of 10 ms), memory their
  PSS from smaps_rollup while the load runs; pages that two handlers share (C
  libraries) count half for each.
- At one request in flight and 150 ms a run has few events: p99 is then the
  slowest one.
"""


# -- plots

def _panels(found, value, text, keep):
    panels = []
    for key in found:
        if not keep(key):
            continue
        rows = [(SHORT[n], value(found[key][n], key),
                 text(value(found[key][n], key)))
                for n in SHORT if n in found[key]]
        panels.append((f"{key[0]}, portal {key[1]} ms, {key[2]} in flight, "
                       f"{key[3]} message{'s' if key[3] > 1 else ''} "
                       "an event", rows))
    return panels


def _plots(result):
    files = {}
    if result.get("load"):
        found = cells(result["load"])

        def one(key):
            return key[2] >= 64 and key[3] == 1
        for name, title, value, text in (
                ("events", "Events a second (more is better)",
                 lambda m, k: m["rate"], _number),
                ("p99", "99th percentile of the answer, ms (less is better)",
                 lambda m, k: m["p99"] / 1000, _number),
                ("cpu", "CPU of the handler, ms an event (less is better)",
                 lambda m, k: m["cpu"] * 1000, _number),
                ("memory", "PSS for each request in flight, MB "
                 "(less is better)",
                 lambda m, k: m["pss"] / k[2] / 1e6, _number)):
            if panels := _panels(found, value, text, one):
                files[name] = plot.bars(title, panels, COLOURS)
        if panels := _panels(found, lambda m, k: m["rate"] * k[3], _number,
                             lambda k: k[2] == 64 and k[3] == 20):
            files["messages"] = plot.bars(
                "Messages a second, 20 an event (more is better)", panels,
                COLOURS)
    if bucket := result.get("bucket"):
        series = [(SHORT[n], [(0, 0)] + [(s[0], s[at]) for s in
                                         bucket["series"]])
                  for at, n in enumerate(bucket["names"], 1)]
        sent = [("sent", [(0, 0), (bucket["seconds"], bucket["seconds"] *
                                   bucket["rate"])])]
        files["bucket"] = plot.lines(
            "Messages that the portal was told of, under its limit",
            "seconds", "messages", series + sent,
            {**COLOURS, "sent": "#999"})
    if result.get("readers"):
        names = ["event", "sax", "yajl"]
        colours = dict(zip(names, ("#0b6e4f", "#2f6690", "#8d99ae")))
        panels = {}
        for r in result["readers"]:
            if r["reader"] in names:
                panels.setdefault(f"{r['syntax']}, {r['size']}", []).append(
                    (r["reader"], r["median"], _number(r["median"])))
        files["readers"] = plot.bars("Readers, MB/s (more is better)",
                                     list(panels.items()), colours)
    return files


def write(result, folder):
    """See the head of this file."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    plots = _plots(result)
    page = ["# Benchmark", "",
            "Written by `make bench`; the head of bench/run.py says how to run "
            "a part of it.", ""]
    page += _table(["machine", ""], [list(row) for row in result["machine"]])
    page += [f"It took {result['took'] / 60:.1f} minutes.", "",
             METHOD.rstrip(), ""]
    if result.get("load"):
        page += _load(result)
    if result.get("bucket"):
        page += _bucket(result["bucket"])
    if result.get("readers"):
        page += _readers(result["readers"])
    page += ["## Plots", ""] + [f"![{n}]({n}.svg)" for n in plots] + [""]
    for old in folder.glob("*.svg"):
        old.unlink()
    for name, text in plots.items():
        (folder / f"{name}.svg").write_text(text)
    (folder / "RESULTS.md").write_text("\n".join(page))
    (folder / "results.json").write_text(json.dumps(result, indent=1) + "\n")
    return "\n".join(page)
