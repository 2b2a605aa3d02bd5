"""Health, metrics and status: who may see them, and whether they are right."""

import json
import os
import signal
import sqlite3
import subprocess

import pytest
from prometheus_client.openmetrics import parser

import events
import several
from direct import URL
from events import as_form, event, message
from several import post_all
from site_folder import as_user, wait_until
from watching import LOCAL, OPEN_METRICS, get, metrics, status

PAGES = ("health", "metrics", "status")
EVENTS = "imconnector_events_total"


def send(server, portal, n, first=1):
    """n events of a message each; all are acknowledged."""
    for answered in post_all(server, [
            events.of(portal, message(i, chat=f"c{i}"))
            for i in range(first, first + n)], 8):
        assert answered.response.status == 200, answered


# -- who may see them

@pytest.mark.parametrize("kind", ["fcgi", "cgi"])
def test_nobody_sees_them_until_somebody_is_named(start, kind):
    server = start(kind)
    for page in PAGES:
        answer = get(server, page)
        assert (answer.status, answer.body) == (404, b"")


ADDRESSES = {   # status.allow -> who sees it, who does not
    "127.0.0.1": (["127.0.0.1", "::ffff:127.0.0.1"],
                  ["127.0.0.2", "::1", "", "unix:", "127.0.0.1x", "1"]),
    "10.1.0.0/16 ::1": (["10.1.0.0", "10.1.255.255", "::1", "0:0::1"],
                        ["10.2.0.0", "10.0.255.255", "::2", "::"]),
    "10.0.0.128/25": (["10.0.0.128", "10.0.0.255"],
                      ["10.0.0.127", "10.0.1.128"]),
    "2001:db8::/33": (["2001:db8::1", "2001:db8:7fff::"],
                      ["2001:db8:8000::", "2001:db9::", "127.0.0.1"]),
    "0.0.0.0/0": (["1.2.3.4", "255.255.255.255"], ["::1", "2001:db8::1"]),
    "::/0": (["1.2.3.4", "::1"], ["unix:", "", "localhost", "a" * 300]),
    "fe80::1/128": (["fe80::1"], ["fe80::2"]),
}


@pytest.mark.parametrize("allow", ADDRESSES)
def test_those_who_are_named_see_them(start, allow):
    server = start("fcgi", status={"allow": allow})
    seen, unseen = ADDRESSES[allow]
    for address in seen:
        assert get(server, "health", address=address).status == 200, address
    for address in unseen:
        for page in PAGES:
            assert get(server, page, address=address).status == 404, address


@pytest.mark.parametrize("wrong", [
    "localhost", "127.0.0.1/33", "::1/129", "10.0.0.0/", "10.0.0.0/-1",
    "10.0.0.0/8x", "10.0.0", "1.2.3.4.5", ":::", "10.0.0.0/0008", "/8",
    "127.0.0.1,::1", "256.0.0.1"])
def test_a_wrong_address_is_told_with_its_line(start, wrong):
    site = start("cgi", status={"allow": wrong}).site
    done = site.ctl("check")
    assert done.returncode == 78
    line = site.config_file.read_text().splitlines().index(
        f"allow = {wrong}") + 1
    assert f":{line}:" in done.stderr and "status" in done.stderr, done


@pytest.mark.parametrize("params", [
    {"PATH_INFO": "/health"},
    {"PATH_INFO": "", "SCRIPT_NAME": f"{URL}/health"},
    {"PATH_INFO": "", "SCRIPT_NAME": "", "REQUEST_URI": f"{URL}/health?a=/b"},
])
def test_the_last_segment_of_the_path_decides(start, params):
    server = start("fcgi", status=LOCAL)
    answer = server.post(b"", None, "GET", length=None, params=params)
    assert (answer.status, answer.body) == (200, b"ok\n")


@pytest.mark.parametrize("path", [URL, f"{URL}/health/", f"{URL}/healthy",
                                  f"{URL}/x-health", "/", f"{URL}/Health",
                                  f"{URL}?/health"])
def test_a_get_of_anything_else_is_405(start, path):
    server = start("fcgi", status=LOCAL)
    answer = server.post(b"", None, "GET", length=None, params={
        "SCRIPT_NAME": path.split("?")[0], "REQUEST_URI": path})
    assert answer.status == 405


def test_an_event_may_come_to_such_a_path(start, portal):
    server = start("fcgi", status=LOCAL)
    answer = server.post(as_form(events.of(portal)),
                         params={"SCRIPT_NAME": f"{URL}/status"})
    assert answer.status == 200 and answer.json["acknowledged"] == 1


def test_every_server_shows_them(start, front, portal):
    """Behind the examples that we ship."""
    server = start({"cgi": "apachecgi"}.get(front, front), status=LOCAL)
    server.post(as_form(events.of(portal)))
    for page in PAGES:
        server.url = f"{URL}/{page}"
        answer = server.post(None, None, "GET",
                             headers={"Accept": "application/json"})
        assert answer.status == 200, answer
        head = server.post(None, None, "HEAD")
        assert (head.status, head.body) == (200, b"")
    assert answer.json["messages"]["acknowledged"] == 1


# -- health

def test_health_says_why(start, portal):
    server = start("fcgi", status={**LOCAL, "alert_age": 1})
    assert get(server, "health").body == b"ok\n"
    portal.always("status:500")
    assert server.post(as_form(events.of(portal))).status == 202
    answer = wait_until(lambda: (a := get(server, "health")).status == 503
                        and a, what="an alert")
    assert answer.body.startswith(b"the oldest message waits for ")
    assert answer.body.count(b"\n") == 1
    assert status(server)["alert"] == answer.body.decode().strip() or \
        status(server)["alert"].startswith("the oldest message waits for ")


def test_health_is_well_while_what_waits_is_young(start, portal):
    server = start("fcgi", status=LOCAL)
    portal.always("status:500")
    assert server.post(as_form(events.of(portal))).status == 202
    assert get(server, "health").status == 200
    assert metrics(server).get("imconnector_messages",
                               "state=delivered") == 1


def test_health_proves_that_the_store_can_be_written(start, portal):
    """Another holds the store: nothing can be written, but read."""
    server = start("fcgi", status=LOCAL, server={"answer_within": 1})
    send(server, portal, 1)
    other = sqlite3.connect(server.site.store)
    other.execute("BEGIN IMMEDIATE")
    answer = get(server, "health")
    assert answer.status == 503 and answer.body.count(b"\n") == 1, answer
    other.rollback()
    other.close()
    wait_until(lambda: get(server, "health").status == 200, what="health")


def limit(server, size):
    """On the size of the handler's files."""
    pid = server.processes["handler"].pid
    subprocess.run(["prlimit", f"--pid={pid}", f"--fsize={size}"],
                   check=True, **as_user())


def test_health_proves_that_the_disk_takes_something(start, portal):
    """Nothing that is written gets there; reading is no proof."""
    server = start("fcgi", status=LOCAL)
    send(server, portal, 1)
    limit(server, "4096:")
    wait_until(lambda: get(server, "health").status == 503, what="503")
    assert get(server, "health").body.startswith(
        b"the store cannot be written: ")
    assert get(server, "metrics").status == 200
    limit(server, "unlimited:")
    wait_until(lambda: get(server, "health").status == 200, what="health")


def test_health_of_a_store_that_is_none(start, portal):
    server = start("fcgi", status=LOCAL)
    send(server, portal, 1)
    other = server.site.var / "other"
    other.write_text("this is no database, says everybody " * 90)
    other.replace(server.site.store)
    for page in PAGES:
        answer = get(server, page)
        assert answer.status == 503 and answer.body.startswith(
            b"the store cannot be "), answer


# -- figures

@pytest.mark.parametrize("kind", ["fcgi", "cgi"])
def test_figures_are_right(start, portal, kind):
    server = start(kind, status=LOCAL)
    send(server, portal, 3)
    for body in (b"x", as_form(event(application_token="no"))):
        server.post(body)
    if kind == "cgi":
        server.settle()

    def right():
        m = metrics(server)
        return m.get(EVENTS, "code=403") == 1 and m
    m = wait_until(right, what="the figures")
    assert m.get(EVENTS, "code=200", "result=acknowledged") == 3
    assert m.get(EVENTS) == 5
    assert m.get("imconnector_messages", "state=acknowledged") == 3
    assert m.get("imconnector_handovers_total", "result=taken",
                 "connector=myconnector") == 3
    assert m.get("imconnector_handover_seconds_count") == 3
    calls = m.get("imconnector_portal_calls_total",
                  f"portal={portal.member_id}")
    assert calls == len(portal.calls)
    assert m.get("imconnector_status_call_seconds_count") == calls
    assert m.get("imconnector_portal_messages_total") == 3
    assert m.get("imconnector_portal_errors_total") == 0
    assert m.get("imconnector_oldest_waiting_seconds") == 0


def test_figures_of_failures(start, portal, channel):
    server = start("fcgi", status=LOCAL, channel={"url": channel.url})
    channel.script("status:422", "status:500")
    portal.always("status:500")
    for i in range(1, 4):
        server.post(as_form(events.of(portal, message(i, chat=f"c{i}"))))

    def right():
        m = metrics(server)
        return m.get("imconnector_portal_errors_total") and m
    m = wait_until(right, what="the figures")
    for result in ("taken", "refused", "failed"):
        assert m.get("imconnector_handovers_total", f"result={result}",
                     "connector=myconnector") == 1, result
    assert m.get("imconnector_messages", "state=refused") == 1
    s = status(server)
    assert {e["step"] for e in s["errors"]} == {"hand-over", "call"}
    assert sum(m["failed"] for m in s["hour"]) >= 3
    assert {g["why"] for g in s["waiting"]} >= {"refused",
                                                "to be tried again"}
    assert s["channels"] == [{"connector": "myconnector", "taken": 1,
                              "refused": 1, "failed": 1}]


def test_open_metrics(start, portal):
    server = start("fcgi", status=LOCAL)
    send(server, portal, 2)
    wait_until(lambda: metrics(server).get(EVENTS) == 2, what="figures")
    answer = get(server, "metrics", OPEN_METRICS + ";version=1.0.0,*/*;q=0.1")
    assert answer.headers["content-type"].startswith(OPEN_METRICS)
    families = {f.name: f for f in
                parser.text_string_to_metric_families(answer.body.decode())}
    assert families["imconnector_events"].type == "counter"
    assert families["imconnector_handover_seconds"].type == "histogram"
    assert sum(s.value for s in families["imconnector_events"].samples) == 2


def test_refreshes_are_counted(start, portals):
    portal = portals()
    server = start("fcgi", status=LOCAL, app=several.APP)
    several.installed(server, portal)
    several.expire(portal)
    several.post(server, events.tokenless(portal))
    wait_until(lambda: metrics(server).get(
        "imconnector_token_refreshes_total", "result=ok") == 1,
        what="a refresh")


def test_hostile_names_are_only_text(start, portal):
    name = 'c"\\}\n<script>&'
    server = start("fcgi", status=LOCAL, channel={"url": "null:"})
    server.post(as_form(event(endpoint=portal.endpoint, connector=name,
                              member_id='m"\\\n<b>')))

    channel, = wait_until(lambda: status(server)["channels"], what="a count")
    assert channel["connector"] == name
    assert status(server)["portals"][0]["member_id"] == 'm"\\\n<b>'
    assert metrics(server).get(
        "imconnector_handovers_total", "result=taken",
        'connector=c\\"\\\\}\\n<script>&') == 1
    page = get(server, "status", "text/html").body
    assert b"<script>&" not in page and b"<b>" not in page


def test_nothing_secret_is_shown(start, portal):
    server = start("fcgi", status=LOCAL,
                   channel={"url": "http://127.0.0.1:1/x?key=secret-key"})
    server.post(as_form(events.of(portal, message(text="Secret words"))))
    wait_until(lambda: status(server)["errors"], what="an error")
    for page in PAGES:
        for accept in ("text/html", "application/json", OPEN_METRICS):
            body = get(server, page, accept).body
            for secret in (b"Secret words", b"secret-key",
                           events.ACCESS.encode(), events.TOKEN.encode()):
                assert secret not in body, (page, accept, secret)


# -- several processes, kills

def test_four_processes_count_together(start, portal):
    server = start.group(4, status=LOCAL)
    send(server, portal, 60)
    wait_until(lambda: metrics(server).get(EVENTS, "code=200") == 60,
               what="60 events")
    m = metrics(server)
    assert m.get("imconnector_portal_messages_total") == 60
    assert m.get("imconnector_handover_seconds_count") == 60
    assert m.get("imconnector_processes") == 4
    assert sum(x["told"] for x in status(server)["hour"]) == 60


def test_right_after_a_kill(start, portal):
    """States by message are exact; counts go neither back nor beyond what
    happened, and what was counted for a second is not lost."""
    server = start.group(4, status=LOCAL)
    send(server, portal, 40)
    wait_until(lambda: metrics(server).get(EVENTS) == 40, what="40 events")
    send(server, portal, 40, 41)
    for name in "012":
        server.kill(name)
    m = metrics(server)
    # what was told may not be written down yet: it is told again
    assert m.get("imconnector_messages", "state=acknowledged") + \
        m.get("imconnector_messages", "state=delivered") == 80
    assert 40 <= m.get(EVENTS) <= 80
    server.add("4")
    before = m.get(EVENTS)
    send(server, portal, 10, 81)
    wait_until(lambda: metrics(server).get(EVENTS) >= before + 10,
               what="10 more")
    assert metrics(server).get(EVENTS) <= 90
    wait_until(lambda: metrics(server).get(
        "imconnector_messages", "state=acknowledged") == 90, what="the rest")


def test_counts_survive_the_end_of_a_handler(start, portal):
    server = start("fcgi", status=LOCAL)
    send(server, portal, 5)
    several.next_life(server, signal.SIGTERM)       # within the second
    assert metrics(server).get(EVENTS) == 5


def test_counts_wait_for_the_store(start, portal):
    """Nothing is lost, and nothing counted twice, while it is held."""
    server = start("fcgi", status=LOCAL, server={"answer_within": 1})
    send(server, portal, 2)
    wait_until(lambda: metrics(server).get(EVENTS) == 2, what="2 events")
    other = sqlite3.connect(server.site.store)
    other.execute("BEGIN IMMEDIATE")
    assert server.post(as_form(events.of(portal, message(7)))).status == 503
    wait_until(lambda: "counts-waiting" in server.log(), what="a flush")
    other.rollback()
    other.close()
    wait_until(lambda: metrics(server).get(EVENTS, "code=503") == 1,
               what="the third")
    assert metrics(server).get(EVENTS) == 3


def test_portals_are_bounded(start, portal):
    """The busy ones have a name, the rest is counted together."""
    server = start("fcgi", status=LOCAL)
    n = 230
    for answered in post_all(server, [
            event(message(i, chat=f"c{i}"), endpoint=portal.endpoint,
                  member_id=f"member{i}") for i in range(1, n + 1)], 16):
        assert answered.response.status == 200, answered
    wait_until(lambda: metrics(server).get(
        "imconnector_portal_messages_total") == n, what="all of them")
    m = metrics(server)
    names = [k for k in m if k[0] == "imconnector_portal_messages_total"]
    assert len(names) <= 201
    assert m.get("imconnector_portal_messages_total", "portal=other") >= 29
    assert len(status(server)["portals"]) <= 201


def test_pages_are_bounded(start, portal):
    """As many portals with names as long as they may be, and all of them in
    trouble: what is sent fits into a socket, as it is not waited for."""
    server = start("fcgi", status=LOCAL)
    portal.always("status:500")
    n = 230
    for answered in post_all(server, [
            event(message(i, chat=f"c{i}"), endpoint=portal.endpoint,
                  member_id=f"{i:127}".replace(" ", "m"))
            for i in range(1, n + 1)], 16):
        assert answered.response.status == 202, answered

    def counted():
        return metrics(server).get("imconnector_portal_errors_total") == n
    wait_until(counted, what="all of them")
    s = status(server)
    assert (len(s["waiting"]), s["more_groups"]) == (100, 100)
    assert s["more_waiting"] == n - 200
    assert sum(g["messages"] for g in s["waiting"]) == 100
    assert get(server, "status", "text/html").status == 200


def test_a_store_without_the_tables_gets_them(start, portal):
    """One that the version before has made."""
    server = start("fcgi", status=LOCAL)
    send(server, portal, 1)
    several.next_life(server, signal.SIGTERM)
    server.processes["handler"].send_signal(signal.SIGTERM)
    server.processes.pop("handler").wait(20)
    with sqlite3.connect(server.site.store) as db:
        for table in ("counted", "hour", "trouble"):
            db.execute(f"DROP TABLE {table}")
    db.close()
    server.start()
    send(server, portal, 2, 2)
    wait_until(lambda: metrics(server).get(EVENTS) == 2, what="2 events")
    assert metrics(server).get("imconnector_messages",
                               "state=acknowledged") == 3


def test_a_stopped_process_holds_nobody_up(start, portal):
    server = start.group(2, status=LOCAL)
    send(server, portal, 4)
    wait_until(lambda: metrics(server).get(EVENTS) == 4, what="4 events")
    stopped = server.processes["0"]
    os.kill(stopped.pid, signal.SIGSTOP)
    try:
        assert get(server, "health").status == 200
        assert metrics(server).get(EVENTS) == 4
    finally:
        os.kill(stopped.pid, signal.SIGCONT)


# -- on a terminal

def test_the_tool_shows_the_same(start, portal):
    server = start("fcgi", status={**LOCAL, "alert_age": 1})
    send(server, portal, 3)
    portal.always("status:500")
    server.post(as_form(events.of(portal, message(9, chat="c9"))))
    wait_until(lambda: status(server)["alert"] and status(server)["errors"],
               what="an error")
    done = server.site.ctl("status", "--json")
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    page = status(server)
    for name in ("messages", "answers", "channels", "errors"):
        assert shown[name] == page[name], name
    done = server.site.ctl("status")
    assert done.returncode == 0, done.stderr
    for words in ("the oldest message waits for", "1 waiting, 0 refused",
                  "1 to be tried again", "myconnector: 4 taken",
                  "the last hour", "HTTP status 500"):
        assert words in done.stdout, (words, done.stdout)


def test_the_tool_without_a_store(start):
    site = start("cgi").site
    for args in ((), ("--json",)):
        done = site.ctl("status", *args)
        assert (done.returncode, done.stdout) == (66, ""), done
