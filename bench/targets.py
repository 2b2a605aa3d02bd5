"""The targets, and whether this run reached them.

    check(result)       [(target, measured, "yes", "no" or "not measured")]

All targets are listed whatever was run. Where a target says nothing else it
is about one message an event. "ours" is the handler with 2 calls in flight,
the default; what 16 give stands beside it and decides nothing.
"""

import figures
from figures import mb, ms, number

CEILING = 512 / 0.15        # events a second: 512 in flight for 150 ms each
YES, NO, NONE = "yes", "no", "not measured"


class Cells:
    """Medians by cell; asking for what was not measured is a KeyError."""

    def __init__(self, result):
        self.found = figures.cells(result.get("load") or [])

    def of(self, handler, scheme, wait, in_flight=64):
        """One handler's medians."""
        return self.found[scheme, wait, in_flight, 1][handler]

    def beside(self, scheme, wait, text, in_flight=64):
        """What more calls in flight give, if it was measured."""
        try:
            medians = self.of("ours2", scheme, wait, in_flight)
        except KeyError:
            return ""
        return f"; with 16 calls in flight {text(medians)}"


def _times(c, scheme, other, factor, strict=False):
    """Events a second beside another handler's."""
    ours, theirs = c.of("ours", scheme, 0), c.of(other, scheme, 0)
    ratio = ours["rate"] / theirs["rate"]
    return (f"{number(ratio)} ({number(ours['rate'])} / "
            f"{number(theirs['rate'])} events/s" +
            c.beside(scheme, 0, lambda m: f"{number(m['rate'])}") + ")",
            ratio > factor if strict else ratio >= factor)


def _cpu(c):
    m = c.of("ours", "https", 0)
    return (f"{number(m['cpu'] * 1e6)} us" +
            c.beside("https", 0, lambda o: f"{number(o['cpu'] * 1e6)} us"),
            m["cpu"] <= 100e-6)


def _away(c, scheme, wait):
    def text(m):
        return (f"{number(m['p50'] / 1000 / wait)} times, "
                f"{number(m['calls'])} calls a message")
    m = c.of("ours", scheme, wait)
    return (text(m) + c.beside(scheme, wait, text),
            m["p50"] <= 1600 * wait and m["calls"] <= 1 / 3)


def _crowd(c, scheme):
    def text(m):
        return (f"{number(m['rate'] / CEILING)} of the ceiling, "
                f"{number(m['calls'])} calls a message")
    m = c.of("ours", scheme, 150, 512)
    return (text(m) + c.beside(scheme, 150, text, 512),
            m["rate"] >= 0.7 * CEILING and m["calls"] <= 0.1)


def _crowd_memory(c, scheme):
    ours, go = c.of("ours", scheme, 150, 512), c.of("go", scheme, 150, 512)
    return (f"{number(ours['pss'] / go['pss'])} ({mb(ours['pss'])} / "
            f"{mb(go['pss'])} MB)", ours["pss"] <= 0.4 * go["pss"])


def _memory(c, scheme, limit):
    m = c.of("ours", scheme, 150)
    return f"{mb(m['pss'])} MB", 0 < m["pss"] < limit * 1e6


def _one(c, scheme):
    ours, floor = c.of("ours", scheme, 0, 1), c.of("floor2", scheme, 0, 1)
    return (f"{number(ours['p50'] / floor['p50'])} times its p50 "
            f"({ms(ours['p50'])} / {ms(floor['p50'])} ms), "
            f"{number(ours['rate'] / floor['rate'])} of its events/s",
            ours["p50"] <= 1.25 * floor["p50"])


def _bucket_rate(result):
    b = result["bucket"]
    h, rate = b["handlers"]["ours"], figures.sustained(b, "ours")
    return (f"{number(rate)} a second of {b['rate']:g} that came; "
            f"{h['begun'] - h['distinct']:,} never told", rate >= 100)


def _bucket_refused(result):
    h = result["bucket"]["handlers"]["ours"]
    return (f"{h['late']} after the first second, {h['refused']} in all",
            h["late"] == 0)


def _bucket_p99(result):
    h = result["bucket"]["handlers"]["ours"]
    return (f"{number(h['told_p99'] / 1000)} s until told, "
            f"{number(h['p99'] / 1e6)} s until answered",
            # the p99 of those told is none of all if many never were
            max(h["told_p99"] / 1e3, h["p99"] / 1e6) < 5 and
            h["distinct"] >= 0.99 * h["begun"] > 0)


def _share(rows, size, reader):
    ours, yajl = rows["JSON", size, reader], rows["JSON", size, "yajl"]
    share = ours["median"] / yajl["median"]
    return (f"{share:.0%} ({number(ours['median'])} / "
            f"{number(yajl['median'])} MB/s)", share >= 0.6)


def _form(rows, size):
    def rate(row):
        return row["median"] * 1e6 / row["bytes"] * row["messages"]
    form, json = (rate(rows[s, size, "event"]) for s in ("form", "JSON"))
    return (f"{number(form / json)} times ({number(form)} / {number(json)} "
            "messages/s)", form >= json)


def _heap(rows, syntax):
    row = rows[syntax, "one large event", "event"]
    keep = rows[syntax, "one large event", "keep"]
    return (f"{number(row['heap'] / 1e6)} MB for a body of "
            f"{mb(row['bytes'])} MB; {number(keep['heap'] / keep['kept'])} "
            "times the messages where they are kept",
            row["heap"] <= 1e6 and
            keep["heap"] <= 1.5 * keep["kept"])


def _cold(result, scheme):
    found = figures.cold(result["cold"])
    ours, least = found[scheme]["ended"], found["nothing"]["ended"]
    commits = found["commits"]["ended"] - least
    limit = 2 * least + commits
    return (f"{ms(ours)} ms; the limit is 2 x {ms(least)} + {ms(commits)} = "
            f"{ms(limit)} ms", ours <= limit)


def _kept(result):
    found = figures.kept(result["keepalive"])
    out = []
    for name, title in (("ours", "ours"), ("nothing", "C, answers 200")):
        new, kept = found[name, False], found[name, True]
        out.append(f"{title} {number(kept['cpu'] / new['cpu'])} of the CPU, "
                   f"{number(kept['rate'] / new['rate'])} times the events/s")
    stuck = found["ours", True]["all_bad"]
    if stuck:
        out.append(f"{stuck:,} events on kept connections were not answered")
    return "; ".join(out), stuck == 0


def _large_ours(result, messages):
    # several calls where there are thousands, but not one for each message
    row = next(r for r in result["large"] if r["handler"] == "ours2" and
               r["messages"] == messages)
    return (f"{row['distinct']:,} told in {row['calls']:,} calls",
            row["distinct"] == messages and
            messages / 1000 < row["calls"] <= messages / 10)


def _large_php(result):
    rows = [r for r in result["large"] if r["handler"] == "php"]
    return ("; ".join(f"{r['messages']:,}: answers " +
                      "/".join(r["status"]) + f", {r['distinct']} told"
                      for r in rows) or "-",
            not any(r["distinct"] for r in rows) if rows else NONE)


def _load_targets(c):
    rows = [
        ("https, 64 in flight: 100 times PHP-FPM as Debian sets it up",
         lambda: _times(c, "https", "php", 100)),
        ("https, 64 in flight: 10 times PHP-FPM with the small CA file",
         lambda: _times(c, "https", "php1", 10)),
        ("https, 64 in flight: 1.3 times Go",
         lambda: _times(c, "https", "go", 1.3)),
        ("https, 64 in flight: at most 100 us of CPU an event",
         lambda: _cpu(c)),
        ("http, 64 in flight: 3 times PHP-FPM",
         lambda: _times(c, "http", "php", 3)),
        ("http, 64 in flight: ahead of Go",
         lambda: _times(c, "http", "go", 1, True)),
        ("http, 64 in flight: ahead of the C floor with a call each",
         lambda: _times(c, "http", "floor", 1, True))]
    for scheme in ("http", "https"):
        for wait in (20, 150):
            rows.append((f"{scheme}, {wait} ms away, 64 in flight: p50 at "
                         "most 1.6 times that, at most 1/3 call a message",
                         lambda s=scheme, w=wait: _away(c, s, w)))
    for scheme in ("http", "https"):
        rows += [
            (f"{scheme}, 512 in flight, 150 ms: 0.7 of {number(CEILING)} "
             "events/s, at most 0.1 call a message",
             lambda s=scheme: _crowd(c, s)),
            (f"{scheme}, 512 in flight, 150 ms: at most 0.4 of Go's PSS",
             lambda s=scheme: _crowd_memory(c, s))]
    for scheme in ("http", "https"):
        rows.append((f"{scheme}, one at a time: within 25 % of the C floor "
                     "with two commits", lambda s=scheme: _one(c, s)))
    for scheme, limit in (("http", 8), ("https", 10)):
        rows.append((f"{scheme}, 64 waiting for 150 ms: PSS under {limit} MB",
                     lambda s=scheme, n=limit: _memory(c, s, n)))
    return rows


def _other_targets(result):
    read = figures.readers(result.get("readers") or [])
    rows = [
        ("bucket: 100 messages a second acknowledged",
         lambda: _bucket_rate(result)),
        ("bucket: no QUERY_LIMIT_EXCEEDED after the first second",
         lambda: _bucket_refused(result)),
        ("bucket: p99 under 5 s", lambda: _bucket_p99(result))]
    for size in ("one large event", "ordinary events"):
        for reader, what in (("sax", "reader"),
                             ("event", "reader and grammar")):
            rows.append((f"JSON {what}, {size}: 60 % of yajl",
                         lambda s=size, r=reader: _share(read, s, r)))
        rows.append((f"form, {size}: as fast a message as JSON",
                     lambda s=size: _form(read, s)))
    for syntax in ("JSON", "form"):
        rows.append((f"{syntax}: memory does not grow with the body beyond "
                     "the messages (1 MB; 1.5 times the messages)",
                     lambda s=syntax: _heap(read, s)))
    for scheme in ("http", "https"):
        rows.append((f"cold CGI run, {scheme}: twice a program that does "
                     "nothing, and the commits",
                     lambda s=scheme: _cold(result, s)))
    rows.append(("FastCGI keep-alive is measured", lambda: _kept(result)))
    rows += [(f"an event of {n:,} messages is acknowledged in batches",
              lambda m=n: _large_ours(result, m)) for n in (200, 5000)]
    rows.append(("PHP does not take such events", lambda: _large_php(result)))
    return rows


def check(result):
    """See the head of this file."""
    out = []
    for target, measure in _load_targets(Cells(result)) + \
            _other_targets(result):
        try:
            measured, reached = measure()
        except (KeyError, StopIteration, ZeroDivisionError):
            measured, reached = "-", NONE
        if not isinstance(reached, str):
            reached = YES if reached else NO
        out.append((target, measured, reached))
    return out
