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

from cells import CELLS, COLUMNS, HANDLERS

COLOURS = {"ours": "#0b6e4f", "go": "#2f6690", "node": "#4f772d",
           "php": "#c1440e", "floor": "#8d99ae"}


def number(value):
    """Three figures are enough."""
    return f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:.3g}"


def medians(result, cell):
    """{handler: {column: median}}, in the column's unit."""
    return {h: {c: statistics.median(r[c] for r in runs) * factor
                for c, (_, factor) in COLUMNS.items() if c in runs[0]}
            for h, runs in result["cells"].get(cell, {}).items() if runs}


def rows(cell, result):
    """A cell's table, its head first."""
    columns = CELLS[cell].columns
    return [["", *(COLUMNS[c][0] for c in columns)]] + [
        [HANDLERS[h].title, *(number(m[c]) for c in columns)]
        for h, m in medians(result, cell).items()]


def lines(cell, result):
    """See the head of this file."""
    table = rows(cell, result)
    wide = [max(len(r[i]) for r in table) for i in range(len(table[0]))]
    return ["    " + "  ".join(w.ljust(n) if i == 0 else w.rjust(n)
                               for i, (w, n) in enumerate(zip(r, wide)))
            for r in table]


# -- targets: what is asked for, and by which figure that is judged

AWAY = 512 / 0.15       # nothing takes time but the way to the portal
TARGETS = {
    "a portal with Bitrix24's limit: 0.75 of 200 messages a second":
        "limit limit rate >= 0.75 of 200",
    "https, 64 in flight: 1.5 times Go": "https64 ours rate >= 1.5 times go",
    "http, 64 in flight: 1.5 times Go": "http64 ours rate >= 1.5 times go",
    "https, 64 in flight: ahead of the C floor with a call for each":
        "https64 ours rate >= 1 times floor",
    "https, 64 in flight: 50 us of CPU an event": "https64 ours cpu <= 50",
    "http, 64 in flight: 50 us of CPU an event": "http64 ours cpu <= 50",
    "the same with an info log to a file: 60 us": "https64 logged cpu <= 60",
    "https, 64 in flight: 0.4 switches an event":
        "https64 ours switches <= 0.4",
    "https, 64 in flight: 1 page written an event":
        "https64 ours pages <= 1",
    "https, one at a time: 1.15 times the C floor's time with two commits":
        "https1 ours p50 <= 1.15 times floor2",
    "http, one at a time: 1.15 times the C floor's time with two commits":
        "http1 ours p50 <= 1.15 times floor2",
    "150 ms away, calls_in_flight 8: 0.85 of 512 / 150 ms":
        f"away512 calls8 rate >= 0.85 of {AWAY}",
    "150 ms away, calls_in_flight 2: 0.7 of 512 / 150 ms":
        f"away512 batch rate >= 0.7 of {AWAY}",
    "1,000 portals: 0.85 of what their limits allow":
        "many limit rate >= 0.85 of allowed",
    "spool: 0.4 of null:": "spool spool rate >= 0.4 times ours",
    "mod_fcgid: 0.6 of 32 C processes with two commits":
        "fcgid fcgid rate >= 0.6 times floor-fcgid",
    "mod_proxy_fcgi: 0.7 of nginx": "proxy proxy rate >= 0.7 times ours",
    "a million waiting: 0.9 of none":
        "million waiting rate >= 0.9 times ours",
    "64 waiting for 150 ms: 2 MB less than the version before":
        "memory ours pss <= -2 plus old",
}


def judge(rule, result):
    """What was measured, and whether that is enough."""
    cell, handler, column, sign, wanted, *more = rule.split()
    found, wanted = medians(result, cell), float(wanted)
    a, how, other = found[handler][column], *(more or ("", ""))
    if how == "of":
        b = result["allowed"] if other == "allowed" else float(other)
        text, wanted = f"{a / b:.2f} of {number(b)}", wanted * b
    elif how == "times":
        b = found[other][column]
        text, wanted = f"{a / b:.2f} ({number(a)} / {number(b)})", wanted * b
    elif how == "plus":
        b = found[other][column]
        text = f"{b - a:.1f} MB less ({number(a)} / {number(b)})"
        wanted += b
    else:
        text = number(a)
    return text, a >= wanted if sign == ">=" else a <= wanted


def judged(result):
    """[(target, measured, "yes", "no" or "not measured")]."""
    out = []
    for target, rule in TARGETS.items():
        try:
            measured, reached = judge(rule, result)
        except (KeyError, ZeroDivisionError):
            out.append((target, "-", "not measured"))
        else:
            out.append((target, measured, "yes" if reached else "no"))
    return out


def targets(result):
    """See the head of this file."""
    return [f"{r:12}  {t}: {m}" for t, m, r in judged(result) if m != "-"]


# -- pictures

WIDTH, LEFT, RIGHT = 720, 230, 640      # of the page; of the bars


def _text(x, y, text, anchor="start", more=""):
    return (f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"{more}>'
            f"{html.escape(text)}</text>")


def picture(title, panels, limit):
    """Bars as SVG. panels: [(title, {handler: value})]; limit: (value,
    text), a line across them, or None."""
    parts, y = [_text(16, 26, title,
                      more=' font-size="15" font-weight="bold"')], 44
    halo = ' stroke="#fff" stroke-width="4" paint-order="stroke"'
    for name, bars in panels:
        values = [*bars.values(), *(limit or ())[:1]]
        scale, numbers = (RIGHT - LEFT) / max(values), []
        if len(panels) > 1:
            parts.append(_text(16, y + 12, name, more=' font-weight="bold"'))
            y += 22
        from_y = y
        for handler, value in bars.items():
            end = LEFT + max(1.0, value * scale)
            parts += [
                _text(LEFT - 8, y + 13, HANDLERS[handler].title, "end"),
                f'<rect x="{LEFT}" y="{y}" width="{end - LEFT:.1f}" '
                f'height="17" fill="{COLOURS[HANDLERS[handler].kind]}"/>']
            # beside the line of the limit, not on it
            x = RIGHT if limit and end > 0.9 * RIGHT + 0.1 * LEFT else end
            numbers.append(_text(x + 6, y + 13, number(value), more=halo))
            y += 23
        if limit:
            x = LEFT + limit[0] * scale
            parts += [f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{from_y - 4}" '
                      f'y2="{y + 2}" stroke="#222" stroke-width="2" '
                      'stroke-dasharray="5 3"/>',
                      _text(x, y + 17, limit[1], "end")]
            y += 22
        parts += numbers
        y += 10
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
            f'height="{y}" viewBox="0 0 {WIDTH} {y}" font-size="12" '
            'fill="#222" font-family="Helvetica, Arial, sans-serif">'
            '<rect width="100%" height="100%" fill="#fff"/>\n' +
            "\n".join(parts) + "\n</svg>\n")


# -- the page: a picture's name, question and text; its title, cells, handlers,
# and the value and text of a limit

ANSWERS = [
    ("limit", "How many messages a second does a portal with Bitrix24's limit "
     "get told?", """\
240 events a second come, a message in each; the portal is 20 ms away. It takes
50 calls at once and 2 a second after them, and refuses all others. What is
shown is the time after the burst. The others make a call for each event, and
lose what is refused; imconnector.fcgi puts up to 100 messages in a call and
keeps what has to wait.""",
     "Messages a second that a portal with Bitrix24's limit gets told",
     ["limit"], ["limit", "go", "node", "php"],
     lambda _: (200, "the limit: 2 calls a second, 100 messages in each")),
    ("events", "How many events a second does one machine take, and what do "
     "they cost?", """\
64 events in flight, one message in each; the portal answers at once. Load
generator, nginx, handler and portal share the machine, so the CPU an event,
which is the handler's alone, compares handlers better. Only imconnector.fcgi
has every message on disk, by two synced commits, before it answers; the others
store nothing.""",
     "Events a second", ["https64", "http64"],
     ["ours", "go", "node", "php", "floor"], lambda _: None),
    ("many", "How many messages a second for 1,000 portals?", """\
Portal number k gets a share of 1/k of the events: the first an eighth, half of
all the first forty. Each is 150 ms away, by a name of its own, and has
Bitrix24's limit, with buckets empty at the start. "What their limits allow" is
computed (bench/run.py, allowed()): for 512 in flight, and a handler that costs
no time, has two calls to a portal on their way, and calls as soon as it may,
with all that waits.""",
     "Messages a second that 1,000 portals get told", ["many"],
     ["limit", "go", "php"],
     lambda result: (result["allowed"], "what their limits allow")),
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
threads and others. "PSS" is all memory of a handler, shared pages by their
share."""


def _table(table):
    return ["| " + " | ".join(r) + " |" for r in table[:1]] + [
        "|---" + "|---:" * (len(table[0]) - 1) + "|"] + [
        "| " + " | ".join(r) + " |" for r in table[1:]] + [""]


def _cell(cell, result):
    return [f"{CELLS[cell].title}:", "", *_table(rows(cell, result))]


def write(result, folders):
    """See the head of this file."""
    page, drawn = ["# Measured", ""], {}
    if result["short"]:
        page += ["**A trial with short runs: these figures mean nothing.**",
                 ""]
    left = [c for c in CELLS if medians(result, c)]
    for name, question, text, title, cells, handlers, limit in ANSWERS:
        found = {c: medians(result, c) for c in cells if c in left}
        if not found:
            continue
        drawn[f"{name}.svg"] = picture(title, [
            (CELLS[c].title, {h: found[c][h]["rate"] for h in handlers
                              if h in found[c]}) for c in found],
            limit(result))
        page += [f"## {question}", "", text, "", f"![{question}]({name}.svg)",
                 ""]
        for cell in found:
            left.remove(cell)
            page += _cell(cell, result)
    page += ["## Other questions", ""]
    for cell in left:
        page += _cell(cell, result)
    page += ["## Targets", "", *_table([["target", "measured", "reached"],
                                        *map(list, judged(result))]),
             "## How it was measured", "",
             f"`make bench`, medians of {result['runs']} runs, in "
             f"{result['took'] / 60:.0f} minutes.", "", METHOD, ""]
    page += [f"The cell {c} failed: {e}\n" for c, e in
             result["errors"].items()]
    page += _table([["this machine", ""], *map(list, result["machine"])])
    for folder in folders:
        for name, text in {"RESULTS.md": "\n".join(page), **drawn}.items():
            (folder / name).write_text(text)


# -- the machine

TOLD = {
    "processor": "grep -m1 'model name' /proc/cpuinfo | cut -d: -f2",
    "memory": "grep MemTotal /proc/meminfo | cut -d: -f2",
    "system": ". /etc/os-release; echo $PRETTY_NAME", "Linux": "uname -r",
    "nginx": "/usr/sbin/nginx -v", "PHP": "php --version",
    "Apache": "/usr/sbin/apache2 -v", "Node": "node --version",
    "Go": "go version", "OpenSSL": "openssl version",
    "libcurl": "pkg-config --modversion libcurl",
    "SQLite": "pkg-config --modversion sqlite3"}


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
        *((what, subprocess.run(
            f"({command}) 2>&1 | head -n 1", shell=True, capture_output=True,
            text=True, check=False).stdout.strip())
          for what, command in TOLD.items())]
