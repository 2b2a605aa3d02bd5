"""What is measured: the handlers, and under which conditions.

    HANDLERS    {name: Handler}
    CELLS       {name: Cell}, in the order of a run
    COLUMNS     {figure: (its title, the factor to its unit)}
"""

import dataclasses

LIMITS = {"burst": 50, "rate": 2}       # Bitrix24's own, and our default
PORTALS = 1000          # of the cell "many"
COLUMNS = {
    "rate": ("told a second", 1), "p50": ("p50, ms", 1e-3),
    "p99": ("p99, ms", 1e-3), "cpu": ("CPU, us an event", 1e6),
    "pss": ("PSS, MB", 1e-6), "calls": ("calls a message", 1),
    "switches": ("switches an event", 1), "pages": ("pages an event", 1),
    "refused": ("calls refused", 1), "untold": ("never told", 1)}
USUAL = tuple(c for c in COLUMNS if c != "refused")


@dataclasses.dataclass
class Handler:
    """One of ours unless `kind` says what else."""

    title: str
    kind: str = "ours"
    front: str = "nginx"        # or Apache: "fcgid", or "proxy" (_fcgi)
    config: dict = dataclasses.field(default_factory=dict)      # of ours
    processes: int = 1
    ca: str = "ca.pem"          # what PHP's curl reads
    store: bool = False         # whether a C floor has one


@dataclasses.dataclass
class Cell:
    """`ms`: how far away the portal is; `kind`: what run.py does with it."""

    title: str
    handlers: list
    scheme: str = "https"
    ms: int = 0
    in_flight: int = 64
    seconds: float = 2.0
    kind: str = "load"
    columns: tuple = USUAL


OURS = "imconnector.fcgi"
HANDLERS = {
    "ours": Handler(OURS),
    "logged": Handler(f"{OURS}, info log to a file",
                      config={"log": {"level": "info"}}),
    "batch": Handler(f"{OURS}, status_batch 500",
                     config={"portal": {"status_batch": 500}}),
    "calls8": Handler(f"{OURS}, calls_in_flight 8",
                      config={"portal": {"calls_in_flight": 8}}),
    "limit": Handler(OURS, config={"portal": LIMITS}),
    "spool": Handler(f"{OURS}, spool:",
                     config={"channel": {"url": "spool:{var}/s"}}),
    "channel": Handler(f"{OURS}, http channel 150 ms away", config={
        "channel": {"url": "{portal}/d150g9/", "in_flight": 256}}),
    "two": Handler(f"{OURS}, 2 processes", processes=2),
    "four": Handler(f"{OURS}, 4 processes", processes=4),
    "waiting": Handler(f"{OURS}, long queue", config={
        "retry": {"first": 3600, "longest": 3600}}),
    "old": Handler(f"{OURS} before"),
    "fcgid": Handler(f"{OURS}, mod_fcgid", front="fcgid"),
    "proxy": Handler(f"{OURS}, mod_proxy_fcgi", front="proxy"),
    "go": Handler("Go, net/http", "go"),
    "node": Handler("Node, undici", "node"),
    "php": Handler("PHP-FPM, small CA file", "php"),
    "php-debian": Handler("PHP-FPM, Debian's CA bundle", "php",
                          ca="bundle.pem"),
    "php-apache": Handler("PHP-FPM, small CA file", "php", front="proxy"),
    "floor": Handler("C floor: nothing but a call", "floor"),
    "floor2": Handler("C floor: two commits and a call", "floor", store=True),
    "floor-fcgid": Handler("C floor: two commits and a call", "floor",
                           front="fcgid", store=True),
}
CELLS = {
    "limit": Cell(
        "Bitrix24's limit (50 calls, then 2 a second), 240 events a second "
        "come", ["limit", "go", "node", "php"], "http", 20, 2000, 20, "limit",
        ("rate", "calls", "refused", "untold")),
    "https64": Cell(
        "https, 64 in flight",
        ["ours", "logged", "go", "node", "php", "php-debian", "floor"]),
    "http64": Cell("http, 64 in flight",
                   ["ours", "go", "node", "php", "floor"], "http"),
    "https1": Cell("https, one at a time", ["ours", "go", "floor2"],
                   in_flight=1),
    "http1": Cell("http, one at a time", ["ours", "go", "floor2"], "http",
                  in_flight=1),
    "away512": Cell("https, 150 ms away, 512 in flight",
                    ["batch", "calls8", "go"], ms=150, in_flight=512,
                    seconds=3),
    "many": Cell(
        "1,000 portals 150 ms away, a few busy, each with its limit, 512 in "
        "flight", ["limit", "go", "php"], ms=150, in_flight=512, seconds=10,
        kind="many", columns=("rate", "p50", "p99", "cpu", "pss", "calls",
                              "refused", "untold")),
    "channel": Cell("An http channel 150 ms away, 256 in flight", ["channel"],
                    in_flight=256),
    "spool": Cell("The channels spool: and null:, 64 in flight",
                  ["ours", "spool"]),
    "processes": Cell("1, 2 and 4 processes on one store, 64 in flight",
                      ["ours", "two", "four"]),
    "fcgid": Cell("Apache, mod_fcgid, 32 in flight: a process for each",
                  ["fcgid", "floor-fcgid", "php-apache"], in_flight=32),
    "proxy": Cell("nginx and Apache's mod_proxy_fcgi, one process, 64 in "
                  "flight", ["ours", "proxy"]),
    "million": Cell("A queue of 1,000,000 (for another portal, which is "
                    "down), 64 in flight", ["ours", "waiting"],
                    kind="million"),
    "memory": Cell("64 wait for a portal 150 ms away", ["ours", "old"],
                   ms=150),
}
