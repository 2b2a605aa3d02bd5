"""The page that a run leaves: what users ask first, the targets behind.

    machine(folder)         what this machine is: [(what, value)]
    lines(cell, result)     a cell's medians as text, when it is done
    targets(result)         the targets, and whether they were reached
    write(result, folders)  RESULTS.md and the pictures
"""

import html
import os
import statistics
import subprocess
import tempfile
import time

from world import HANDLERS

# cell: its title, and the columns that are of interest
CELLS = {
    "limit": ("Bitrix24's limit (50 calls, then 2 a second), 240 events a "
              "second come", ["rate", "calls", "refused", "untold"]),
    "https64": ("https, 64 in flight", []), "http64": ("http, 64 in flight",
                                                       []),
    "https1": ("https, one at a time", []),
    "http1": ("http, one at a time", []),
    "away512": ("https, 150 ms away, 512 in flight", []),
    "many": ("1,000 portals 150 ms away, a few busy, each with its limit, "
             "512 in flight", ["rate", "p50", "p99", "cpu", "pss", "calls",
                               "refused", "untold"]),
    "channel": ("An http channel 150 ms away, 256 in flight", []),
    "spool": ("The channels spool: and null:, 64 in flight", []),
    "processes": ("1, 2 and 4 processes on one store, 64 in flight", []),
    "fcgid": ("Apache, mod_fcgid, 32 in flight: a process for each", []),
    "proxy": ("nginx and Apache's mod_proxy_fcgi, one process, 64 in flight",
              []),
    "million": ("A queue of 1,000,000 (for another portal, which is down), 64 "
                "in flight", []),
    "memory": ("64 wait for a portal 150 ms away", []),
}
USUAL = ["rate", "p50", "p99", "cpu", "pss", "calls", "switches", "pages",
         "untold"]
COLUMNS = {     # title, factor
    "rate": ("told a second", 1), "p50": ("p50, ms", 1e-3),
    "p99": ("p99, ms", 1e-3), "cpu": ("CPU, us an event", 1e6),
    "pss": ("PSS, MB", 1e-6), "calls": ("calls a message", 1),
    "switches": ("switches an event", 1), "pages": ("pages an event", 1),
    "refused": ("calls refused", 1), "untold": ("never told", 1)}
COLOURS = {None: "#0b6e4f", "go": "#2f6690", "node": "#4f772d",
           "php": "#c1440e", "floor": "#8d99ae"}


def number(value):
    """Three figures are enough."""
    return f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:.3g}"


def medians(result, cell):
    """{handler: {column: median}}."""
    return {h: {c: statistics.median(r[c] for r in runs) for c in COLUMNS
                if c in runs[0]}
            for h, runs in result["cells"].get(cell, {}).items() if runs}


def rows(cell, result):
    """A cell's table, its head first."""
    columns = CELLS[cell][1] or USUAL
    found = medians(result, cell)
    return [["", *(COLUMNS[c][0] for c in columns)]] + [
        [HANDLERS[h]["title"], *(number(m[c] * COLUMNS[c][1]) if c in m
                                 else "-" for c in columns)]
        for h, m in found.items()]


def lines(cell, result):
    """See the head of this file."""
    table = rows(cell, result)
    wide = [max(len(r[i]) for r in table) for i in range(len(table[0]))]
    return ["    " + "  ".join(w.ljust(n) if i == 0 else w.rjust(n)
                               for i, (w, n) in enumerate(zip(r, wide)))
            for r in table]


# -- targets

def _ratio(cell, ours, theirs, least, column="rate"):
    def check(found, _):
        a, b = found(cell, ours)[column], found(cell, theirs)[column]
        factor = COLUMNS[column][1]
        return (f"{a / b:.2f} ({number(a * factor)} / {number(b * factor)})",
                a / b >= least if least > 0 else a / b <= -least)
    return check


def _most(cell, name, column, most):
    def check(found, _):
        value = found(cell, name)[column] * COLUMNS[column][1]
        return number(value), value <= most
    return check


def _of(cell, name, ceiling, least):
    def check(found, result):
        most = ceiling(result)
        rate = found(cell, name)["rate"]
        return f"{rate / most:.2f} of {number(most)}", rate >= least * most
    return check


def _smaller(found, _):
    now, then = (found("memory", h)["pss"] / 1e6 for h in ("ours", "old"))
    return (f"{then - now:.1f} MB less ({number(now)} / {number(then)})",
            then - now >= 2)


def _away(_):
    return 512 / 0.15


# what is asked for, and how it is judged; below 0: at most that
TARGETS = [
    ("a portal with Bitrix24's limit: 0.75 of 200 messages a second",
     _of("limit", "limit", lambda _: 200, 0.75)),
    ("https, 64 in flight: 1.5 times Go",
     _ratio("https64", "ours", "go", 1.5)),
    ("http, 64 in flight: 1.5 times Go", _ratio("http64", "ours", "go", 1.5)),
    ("https, 64 in flight: ahead of the C floor with a call for each",
     _ratio("https64", "ours", "floor", 1)),
    ("https, 64 in flight: 50 us of CPU an event",
     _most("https64", "ours", "cpu", 50)),
    ("http, 64 in flight: 50 us of CPU an event",
     _most("http64", "ours", "cpu", 50)),
    ("the same with an info log to a file: 60 us",
     _most("https64", "logged", "cpu", 60)),
    ("https, 64 in flight: 0.4 switches an event",
     _most("https64", "ours", "switches", 0.4)),
    ("https, 64 in flight: 1 page written an event",
     _most("https64", "ours", "pages", 1)),
    ("https, one at a time: 1.15 times the C floor's time with two commits",
     _ratio("https1", "ours", "floor2", -1.15, "p50")),
    ("http, one at a time: 1.15 times the C floor's time with two commits",
     _ratio("http1", "ours", "floor2", -1.15, "p50")),
    ("150 ms away, calls_in_flight 8: 0.85 of 512 / 150 ms",
     _of("away512", "calls8", _away, 0.85)),
    ("150 ms away, calls_in_flight 2: 0.7 of 512 / 150 ms",
     _of("away512", "batch", _away, 0.7)),
    ("1,000 portals: 0.85 of what their limits allow",
     _of("many", "limit", lambda r: r["allowed"], 0.85)),
    ("spool: 0.4 of null:", _ratio("spool", "spool", "ours", 0.4)),
    ("mod_fcgid: 0.6 of 32 C processes with two commits",
     _ratio("fcgid", "fcgid", "floor-fcgid", 0.6)),
    ("mod_proxy_fcgi: 0.7 of nginx", _ratio("proxy", "proxy", "ours", 0.7)),
    ("a million waiting: 0.9 of none",
     _ratio("million", "waiting", "ours", 0.9)),
    ("64 waiting for 150 ms: 2 MB less than the version before", _smaller),
]


def judged(result):
    """[(target, measured, "yes", "no" or "not measured")]."""
    out = []
    all_ = {cell: medians(result, cell) for cell in CELLS}
    for target, check in TARGETS:
        try:
            measured, reached = check(lambda c, h: all_[c][h], result)
        except (KeyError, ZeroDivisionError):
            out.append((target, "-", "not measured"))
        else:
            out.append((target, measured, "yes" if reached else "no"))
    return out


def targets(result):
    """See the head of this file."""
    return [f"{r:12}  {t}: {m}" for t, m, r in judged(result) if m != "-"]


# -- pictures

def _text(x, y, text, anchor="start", more=""):
    return (f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"{more}>'
            f"{html.escape(text)}</text>")


def picture(title, panels, limit=None):
    """Bars as SVG. panels: [(title, [(handler, value)])]; limit: (value,
    text), a line across them."""
    parts, numbers, y, left, right = [], [], 44, 230, 640
    halo = ' stroke="#fff" stroke-width="4" paint-order="stroke"'
    for name, bars in panels:
        top = max([v for _, v in bars] + ([limit[0]] if limit else []))
        if name:
            parts.append(_text(16, y + 12, name, more=' font-weight="bold"'))
            y += 22
        from_y = y
        for handler, value in bars:
            width = max(1.0, (right - left) * value / top)
            colour = COLOURS[HANDLERS[handler].get("kind")]
            parts += [
                _text(left - 8, y + 13, HANDLERS[handler]["title"], "end"),
                f'<rect x="{left}" y="{y}" width="{width:.1f}" height="17" '
                f'fill="{colour}"/>']
            # beside the line of the limit, not on it
            x = right if limit and width > 0.9 * (right - left) else \
                left + width
            numbers.append(_text(x + 6, y + 13, number(value), more=halo))
            y += 23
        if limit:
            x = left + (right - left) * limit[0] / top
            parts += [f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{from_y - 4}" '
                      f'y2="{y + 2}" stroke="#222" stroke-width="2" '
                      'stroke-dasharray="5 3"/>',
                      _text(x, y + 17, limit[1], "end")]
            y += 22
        y += 10
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="720" '
            f'height="{y}" viewBox="0 0 720 {y}" font-size="12" fill="#222" '
            'font-family="Helvetica, Arial, sans-serif"><rect width="100%" '
            'height="100%" fill="#fff"/>\n' + "\n".join(
                [_text(16, 26, title, more=' font-size="15" '
                       'font-weight="bold"'), *parts, *numbers]) + "\n</svg>\n")


def pictures(result):
    """{name: SVG}; only what was measured."""
    def bars(cell, names):
        found = medians(result, cell)
        return [(n, found[n]["rate"]) for n in names if n in found]
    out = {}
    if rates := bars("limit", ["limit", "go", "node", "php"]):
        out["limit"] = picture(
            "Messages a second that a portal with Bitrix24's limit gets told",
            [("", rates)],
            (200, "the limit: 2 calls a second, 100 messages in each"))
    names = ["ours", "go", "node", "php", "floor"]
    if panels := [(CELLS[c][0], bars(c, names)) for c in
                  ("https64", "http64") if bars(c, names)]:
        out["events"] = picture("Events a second", panels)
    if rates := bars("many", ["limit", "go", "php"]):
        out["many"] = picture(
            "Messages a second that 1,000 portals get told", [("", rates)],
            (result["allowed"], "what their limits allow"))
    return out


# -- the page

ANSWERS = [
    ("limit", "How many messages a second does a portal with Bitrix24's limit "
     "get told?", ["limit"], """\
240 events a second come, a message in each; the portal is 20 ms away. It takes
50 calls at once and 2 a second after them, and refuses all others. What is
shown is the time after the burst. The others make a call for each event, and
lose what is refused; imconnector.fcgi puts up to 100 messages in a call and
keeps what has to wait."""),
    ("events", "How many events a second does one machine take, and what do "
     "they cost?", ["https64", "http64"], """\
64 events in flight, one message in each; the portal answers at once. Load
generator, nginx, handler and portal share the machine, so the CPU an event,
which is the handler's alone, compares handlers better. Only imconnector.fcgi
has every message on disk, by two synced commits, before it answers; the others
store nothing."""),
    ("many", "How many messages a second for 1,000 portals?", ["many"], """\
Portal number k gets a share of 1/k of the events: the first an eighth, half of
all the first forty. Each is 150 ms away, by a name of its own, and has
Bitrix24's limit, with buckets empty at the start. "What their limits allow" is
computed (bench/run.py, allowed()): for 512 in flight, and a handler that costs
no time, has two calls to a portal on their way, and calls as soon as it may,
with all that waits."""),
]
METHOD = """\
Events are forms, as Bitrix24 sends them, with message and chat of their own.
One nginx with the same settings for all, no kept connections to handlers:
FastCGI for imconnector.fcgi, PHP and the C floors, HTTP for Go and Node. Every
handler has a message told in the moment it answers; where ours answers 202 the
time until the portal was told counts. Its limits of the portal are out of the
way except where the limit is enforced; the channel is null: where nothing else
is said. PHP-FPM has 64 children (32 behind Apache) and a new curl handle for
each call, as in the vendor's examples; Go and Node keep connections and make a
call for an event. C floors parse nothing: each of 64 threads (with commits:
one; behind mod_fcgid: 32 processes) has a kept curl handle. "Pages" are those
of 4 KiB that the disk wrote meanwhile, "switches" those between the handler's
threads and others. "PSS" is all memory of a handler, shared pages by their share."""


def _table(table):
    return ["| " + " | ".join(r) + " |" for r in table[:1]] + [
        "|---" + "|---:" * (len(table[0]) - 1) + "|"] + [
        "| " + " | ".join(r) + " |" for r in table[1:]] + [""]


def write(result, folders):
    """See the head of this file."""
    drawn = pictures(result)
    page = ["# Measured", ""]
    if result["short"]:
        page += ["**A trial with short runs: these figures mean nothing.**",
                 ""]
    shown = set()
    for name, question, cells, text in ANSWERS:
        cells = [c for c in cells if result["cells"].get(c)]
        if not cells:
            continue
        page += [f"## {question}", "", text, "", f"![{question}]({name}.svg)",
                 ""]
        for cell in cells:
            shown.add(cell)
            page += [f"{CELLS[cell][0]}:", "", *_table(rows(cell, result))]
    page += ["## Other questions", ""]
    for cell, (title, _) in CELLS.items():
        if result["cells"].get(cell) and cell not in shown:
            page += [f"{title}:", "", *_table(rows(cell, result))]
    page += ["## Targets", "", *_table([["target", "measured", "reached"],
                                        *map(list, judged(result))]),
             "## How it was measured", "",
             f"`make bench`, medians of {result['runs']} runs, in "
             f"{result['took'] / 60:.0f} minutes.", "", METHOD, ""]
    page += [f"The cell {c} failed: {e}\n" for c, e in
             result["errors"].items()]
    page += _table([["this machine", ""], *map(list, result["machine"])])
    for folder in folders:
        (folder / "RESULTS.md").write_text("\n".join(page[:-1]) + "\n")
        for name, text in drawn.items():
            (folder / f"{name}.svg").write_text(text)


# -- the machine

def _output(command):
    done = subprocess.run(command, shell=True, capture_output=True, text=True,
                          check=False)
    return (done.stdout or done.stderr).strip().partition("\n")[0]


def machine(folder):
    """See the head of this file."""
    times = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(200):
            start = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - start) * 1e6)
    return [
        ("fdatasync of 4 KiB, us", f"{statistics.median(times):.0f}"),
        ("load before", f"{os.getloadavg()[0]:.2f}"),
        ("processors in use", str(len(os.sched_getaffinity(0)))),
        *((what, _output(command)) for what, command in (
            ("processor", "grep -m1 'model name' /proc/cpuinfo | cut -d: -f2"),
            ("memory", "grep MemTotal /proc/meminfo | cut -d: -f2"),
            ("system", ". /etc/os-release; echo $PRETTY_NAME"),
            ("Linux", "uname -r"),
            ("nginx", "/usr/sbin/nginx -v"), ("PHP", "php --version"),
            ("Apache", "/usr/sbin/apache2 -v"), ("Node", "node --version"),
            ("Go", "go version"), ("OpenSSL", "openssl version"),
            ("libcurl", "pkg-config --modversion libcurl"),
            ("SQLite", "pkg-config --modversion sqlite3")))]
