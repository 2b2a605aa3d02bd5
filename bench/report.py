"""What the benchmark found: a page in Markdown, plots, and the raw figures.

    write(result, folder)   RESULTS.md, results.json, *.svg; returns the page
"""

import json
import pathlib

import figures
import plot
import targets
from figures import mb, ms, number

SHORT = {"ours": "imconnector.fcgi", "ours2": "imconnector, 16 calls",
         "php": "PHP", "php1": "PHP, 1-cert CA",
         "node": "Node", "go": "Go", "floor": "C floor",
         "floor2": "C floor, 2 commits", "nothing": "C, answers 200"}
COLOURS = {SHORT[k]: c for k, c in zip(SHORT, plot.COLOURS)}


def _table(head, rows):
    lines = ["| " + " | ".join(head) + " |",
             "|" + "|".join(["---"] + ["---:"] * (len(head) - 1)) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return lines + [""]


def _row(name, m, in_flight):
    messages = m["all_sent"] or 1
    return [
        SHORT[name], number(m["rate"]),
        f"{number(m['low'])} - {number(m['high'])}", ms(m["p50"]),
        ms(m["p99"]), number(m["cpu"] * 1000), mb(m["pss"]),
        number(m["pss"] / in_flight / 1e6),
        f"{m['calls']:.2f}" if name != "nothing" else "-",
        number(m["all_connections"] / messages),
        f"{m['all_queued']:,}", f"{m['all_bad']:,} of {m['all_begun']:,}",
        f"{m['lost']:,}" if name not in ("floor", "floor2", "nothing")
        else "-",
    ]


HEAD = ["handler", "events/s", "slowest - fastest run", "p50 ms", "p99 ms",
        "CPU ms/event", "PSS MB", "PSS MB/request", "calls/message",
        "connections/message", "of it 202", "failed", "messages not told"]


def _load(result):
    found = figures.cells(result["load"])
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
        for wait in (0, 20, 150):
            keys = [k for k in found if k[:2] == (scheme, wait)]
            if keys:
                lines += [f"### {scheme}, the portal answers after {wait} ms",
                          ""]
            for key in keys:
                lines += [f"{key[2]} in flight, {key[3]} message"
                          f"{'s' if key[3] > 1 else ''} an event:", ""]
                lines += _table(HEAD, [_row(n, found[key][n], key[2])
                                       for n in SHORT if n in found[key]])
    return lines


def _keepalive(runs):
    found = figures.kept(runs)
    return [
        "## Kept FastCGI connections", "",
        "http, 0 ms, 64 in flight, one message an event; nginx with "
        "`fastcgi_keep_conn on` and an upstream's `keepalive`, and with a new "
        "connection for each event as everywhere else. More workers than "
        "connections: with libfcgi a kept connection holds one.", ""] + _table(
        ["handler", "connections", "events/s", "slowest - fastest run",
         "p50 ms", "p99 ms", "CPU us/event", "failed"],
        [[SHORT[name], "kept" if kept else "new", number(m["rate"]),
          f"{number(m['low'])} - {number(m['high'])}", ms(m["p50"]),
          ms(m["p99"]), number(m["cpu"] * 1e6),
          f"{m['all_bad']:,} of {m['all_begun']:,}"]
         for (name, kept), m in sorted(found.items(), reverse=True)])


def _cold(cold):
    titles = {"http": "imconnector.fcgi, http portal",
              "https": "imconnector.fcgi, https portal",
              "nothing": "a program that does nothing",
              "commits": f"the same, and {cold['commits']} commits"}
    found = figures.cold(cold)
    return [
        "## Plain CGI, one event a process", "",
        "Medians, in ms. The program that does nothing is linked with the "
        "libraries of the handler" +
        ("" if cold["same_libraries"] else " (NOT all of them)") +
        f". Our handler makes {cold['commits']} transactions for an event, "
        "and its store is there already; the last program makes as many "
        "with the same settings on a copy of it, the opening included.", ""] + \
        _table(["program", "runs", "until the answer ended",
                "until the process ended", "shortest - longest", "CPU"],
               [[titles[n], str(m["runs"]), ms(m["answered"]), ms(m["ended"]),
                 f"{ms(m['low'])} - {ms(m['high'])}", ms(m["cpu"])]
                for n in titles if (m := found.get(n))])


def _bucket(bucket):
    lines = [
        "## A portal with Bitrix24's limit", "",
        f"{bucket['rate']:g} events a second of one message each, for "
        f"{bucket['seconds']:g} s; the portal answers after 20 ms and refuses "
        "calls past 50, of which 2 leak a second. At most "
        f"{50 + 2 * bucket['seconds']:.0f} calls can succeed while the events "
        f"come. Handlers run at once, each with a bucket of its own; watched "
        f"for {bucket['watched']:g} s. \"Told\" is a message that "
        "stood in a call that the portal took; its time counts from when the "
        "event was due.", ""]
    rows = []
    for name in bucket["names"]:
        h = bucket["handlers"][name]
        rows.append([
            SHORT[name], f"{h['begun']:,}",
            number(figures.sustained(bucket, name)),
            f"{h['calls']:,}", f"{h['refused']:,}", f"{h['late']:,}",
            number(h["told_p50"]), number(h["told_p99"]),
            f"{h['distinct']:,}", f"{h['begun'] - h['distinct']:,}",
            ", ".join(f"{n:,} x {s}" for s, n in h["status"].items()) or "-",
            f"{h['failed']:,}", ms(h["p50"]), ms(h["p99"])])
    return lines + _table(
        ["handler", "events", "told/s, from the first second on",
         "REST calls", "QUERY_LIMIT_EXCEEDED", "after the first second",
         "told p50 ms", "told p99 ms", "told", "not told", "answers",
         "failed", "answer p50 ms", "answer p99 ms"], rows)


def _large(rows):
    return ["## Events of many messages", "",
            "One form event; imconnector.fcgi in its default configuration "
            "but for `body_max`.", ""] + _table(
        ["handler", "messages", "answers", "ms", "portal told of",
         "REST calls"],
        [[SHORT[r["handler"]], f"{r['messages']:,}",
          ", ".join(f"{n} x {s}" for s, n in r["status"].items()) or "-",
          number(r["ms"]), f"{r['distinct']:,}", f"{r['calls']:,}"]
         for r in rows])


def _readers(rows):
    lines = [
        "## Readers", "",
        "MB/s (10^6 bytes a second of processor time) of bodies fed in "
        "chunks of 16 KiB. `keep` is what the handler does: reader, grammar, "
        "messages are kept; `event` the same with a per-message callback that "
        "does nothing; `sax` the reader alone, `yajl` yajl alone, both with "
        "calls that do nothing; `memcpy` a copy of each chunk. Heap: what is "
        "allocated when a body has been read.", ""]
    return lines + _table(
        ["body", "reader", "MB/s", "slowest - fastest run", "messages/s",
         "events", "MB", "heap MB"],
        [[f"{r['syntax']}, {r['size']}", r["reader"], number(r["median"]),
          f"{number(r['min'])} - {number(r['max'])}",
          number(r["median"] * 1e6 / r["bytes"] * r["messages"]),
          f"{r['events']:,}", mb(r["bytes"]), number(r["heap"] / 1e6)]
         for r in rows])


def _targets(result):
    rows = targets.check(result)
    missed = sum(r[2] == targets.NO for r in rows)
    return ["## Targets", "",
            f"{sum(r[2] == targets.YES for r in rows)} reached, {missed} "
            f"missed, {sum(r[2] == targets.NONE for r in rows)} not "
            "measured. Computed from the medians below. Where nothing else "
            "is said: 0 ms, one message an event, imconnector.fcgi with 2 "
            "calls in flight (portal.calls_in_flight); what 16 "
            "gives stands behind it and decides nothing. A ratio is ours "
            "over theirs.", ""] + _table(
        ["target", "measured", "reached"],
        [[t, m, f"**{r}**" if r == targets.NO else r] for t, m, r in rows])


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
  `null:`; 16 workers (the default is 4); portal.burst and rate out of the way,
  except in the part about the limit; portal.status_batch 500 (it matters with
  512 in flight only), or calls_in_flight 16 in its stead, since a portal
  without a limit bears more than the defaults of 100 and 2. Nobody else
  stores anything.
- **PHP**: PHP-FPM, 64 static children, OPcache as Debian has it, a call for
  each message and a new curl handle for each call, as in the vendor's
  examples. Over https with Debian's CA bundle (and one certificate more), and
  with a CA file of one certificate. With Debian's bundle, https, 20 messages
  and 64 in flight only at 0 ms: half a minute a run, at any latency.
- **Node**: one process, undici as it comes. **Go**: net/http, as
  many kept connections as there are requests. Both are spared the call for
  each message: one for all of an event.
- **C floor**: libfcgi, 64 threads, a kept curl handle each, nothing parsed, a
  canned call; the same with one thread, after two commits of a message on a
  copy of our handler's store; and one that answers 200 and does nothing.
- All but PHP read a CA file of one certificate, once; with the system's bundle
  they would pay for it at the start of a process, and in a cold CGI run.
- Events/s counts answers. Where our handler answers 202, before the portal was
  told, it counts until the portal was told of the last.
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
        found = figures.cells(result["load"])

        def one(key):
            return key[2] >= 64 and key[3] == 1
        for name, title, value, text in (
                ("events", "Events a second (more is better)",
                 lambda m, k: m["rate"], number),
                ("p99", "99th percentile of the answer, ms (less is better)",
                 lambda m, k: m["p99"] / 1000, number),
                ("cpu", "CPU of the handler, ms an event (less is better)",
                 lambda m, k: m["cpu"] * 1000, number),
                ("memory", "PSS for each request in flight, MB "
                 "(less is better)",
                 lambda m, k: m["pss"] / k[2] / 1e6, number)):
            if panels := _panels(found, value, text, one):
                files[name] = plot.bars(title, panels, COLOURS)
        if panels := _panels(found, lambda m, k: m["rate"] * k[3], number,
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
        names = ["keep", "event", "sax", "yajl"]
        colours = dict(zip(names, ("#0b6e4f", "#5aa88c", "#2f6690",
                                    "#8d99ae")))
        panels = {}
        for r in result["readers"]:
            if r["reader"] in names:
                panels.setdefault(f"{r['syntax']}, {r['size']}", []).append(
                    (r["reader"], r["median"], number(r["median"])))
        files["readers"] = plot.bars("Readers, MB/s (more is better)",
                                     list(panels.items()), colours)
    return files


def write(result, folder):
    """See the head of this file."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(result, indent=1) + "\n")
    plots = _plots(result)
    page = ["# Benchmark", "",
            "Written by `make bench`; the head of bench/run.py says how to run "
            "a part of it.", ""]
    page += _table(["machine", ""], [list(row) for row in result["machine"]])
    if result["errors"]:
        page += ["**Parts that failed:** " + "; ".join(
            f"{n}: {e}" for n, e in result["errors"].items()), ""]
    page += [f"It took {result['took'] / 60:.1f} minutes.", "",
             *_targets(result), METHOD.rstrip(), ""]
    if result.get("load"):
        page += _load(result)
    for name, section in (("keepalive", _keepalive), ("cold", _cold),
                          ("bucket", _bucket), ("large", _large),
                          ("readers", _readers)):
        if result.get(name):
            page += section(result[name])
    page += ["## Plots", ""] + [f"![{n}]({n}.svg)" for n in plots] + [""]
    for old in folder.glob("*.svg"):
        old.unlink()
    for name, text in plots.items():
        (folder / f"{name}.svg").write_text(text)
    (folder / "RESULTS.md").write_text("\n".join(page))
    return "\n".join(page)
