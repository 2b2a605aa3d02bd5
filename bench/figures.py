"""Medians of what was measured, and how figures are spelled.

    cells(runs)             {(scheme, ms, in flight, messages): {handler: m}}
    kept(runs)              {(handler, kept): m}
    cold(result)            {program: {"answered", "ended", "cpu"}}, in us
    sustained(bucket, name) messages a second the portal was told of
    readers(rows)           {(syntax, size, reader): row}
"""

import statistics

COLUMNS = ["rate", "p50", "p99", "cpu", "pss", "calls", "connections",
           "queued", "bad", "portal_share", "sent", "told"]


def number(value):
    """Three figures are enough."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def ms(microseconds):
    """Microseconds as milliseconds."""
    return number(microseconds / 1000)


def mb(size):
    """Bytes as 10^6 bytes."""
    return number(size / 1e6)


def _medians(runs):
    out = {c: statistics.median(r[c] for r in runs) for c in COLUMNS}
    out["low"] = min(r["rate"] for r in runs)
    out["high"] = max(r["rate"] for r in runs)
    for name in ("begun", "queued", "bad", "sent", "told", "connections"):
        out["all_" + name] = sum(r[name] for r in runs)
    out["lost"] = sum(r["sent"] - r["distinct"] for r in runs)
    return out


def _by(runs, key):
    groups = {}
    for run in runs:
        groups.setdefault(key(run), []).append(run)
    return groups


def cells(runs):
    """See the head of this file."""
    found = _by(runs, lambda r: (r["scheme"], r["ms"], r["in_flight"],
                                 r["messages"]))
    return {key: {h: _medians(r) for h, r in
                  _by(group, lambda r: r["handler"]).items()}
            for key, group in found.items()}


def kept(runs):
    """See the head of this file."""
    return {key: _medians(group) for key, group in
            _by(runs, lambda r: (r["handler"], r["kept"])).items()}


def cold(result):
    """See the head of this file."""
    return {name: {c: statistics.median(r[c] for r in group)
                   for c in ("answered", "ended", "cpu")} |
            {"runs": len(group), "low": min(r["ended"] for r in group),
             "high": max(r["ended"] for r in group)}
            for name, group in
            _by(result["runs"], lambda r: r["program"]).items()}


def sustained(bucket, name):
    """From the first second to the end of the load."""
    place = bucket["names"].index(name) + 1
    seen = [(s[0], s[place]) for s in bucket["series"]
            if 1.0 <= s[0] <= bucket["seconds"]]
    if len(seen) < 2:
        return 0.0
    return (seen[-1][1] - seen[0][1]) / (seen[-1][0] - seen[0][0])


def readers(rows):
    """See the head of this file."""
    return {(r["syntax"], r["size"], r["reader"]): r for r in rows}
