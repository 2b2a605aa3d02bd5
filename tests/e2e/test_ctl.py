"""imconnectorctl, the operator's tool: check, queue list, queue show."""

import json
import os
import re
import time

import pytest

import events
from events import JSON, as_json, event, message
from site_folder import unix_time

USAGE, CONFIG = 64, 78          # of sysexits.h


@pytest.fixture
def site(start):
    """A site without a running handler."""
    return start("cgi").site


def check(site, text):
    """imconnectorctl check on a file with this text."""
    site.config_file.write_text(text)
    return site.ctl("check")


def test_check_says_nothing_bad(site):
    done = site.ctl("check")
    assert done.returncode == 0, done.stderr
    assert events.TOKEN not in done.stdout + done.stderr
    other = site.folder / "etc" / "other.conf"
    other.write_text("[server]\nworkers = 3\n")
    assert site.ctl("check", "--config", str(other)).returncode == 0
    assert site.ctl("--config", str(other), "check").returncode in (0, USAGE)


WRONG = {       # text of the file -> the line that is wrong
    "[app]\nnonsense = 1\n": 2,
    "[nonsense]\nx = 1\n": 1,
    "\n\n[server]\nworkers = 0\n": 4,
    "[server]\nworkers = -1\n": 2,
    "[server]\nworkers = many\n": 2,
    "[server]\nworkers = 99999999999999999999\n": 2,
    "[server]\nworkers = 4x\n": 2,
    "[server]\nworkers = 4\nworkers = 4\n": 3,
    "[app]\ninsecure_http = maybe\n": 2,
    "[app]\nclient_endpoint = nonsense\n": 2,
    "[store]\nurl = mysql:x\n": 2,
    "[channel]\nurl = gopher://x\n": 2,
    "[log]\nlevel = loud\n": 2,
    "workers = 4\n": 1,
    "[server]\nthis is no option\n": 2,
    "[server\nworkers = 4\n": 1,
    "[app]\nportals = " + "a" * 2000 + ".example\n": 2,
    "[server]\n; " + "c" * 100 + "\nanswer_within = 0\n": 3,
    "[connector x/abc]\nurl = null:\n": 1,
}


@pytest.mark.parametrize("text", WRONG, ids=[repr(t)[:40] for t in WRONG])
def test_check_names_the_line(site, text):
    done = check(site, text)
    assert done.returncode == CONFIG, done
    where = re.search(re.escape(str(site.config_file)) + r":(\d+): \S",
                      done.stderr)
    assert where, done.stderr
    assert int(where[1]) == WRONG[text], done.stderr


def test_check_shows_no_secrets(site):
    for text in ("[app]\napplication_token = geheim\nnonsense = geheim\n",
                 "[app]\napplication_token = geheim\n"
                 "application_token = geheim\n",
                 "[app]\nclient_secret = geheim\nclient_id = x\n"):
        done = check(site, text)
        assert "geheim" not in done.stdout + done.stderr


@pytest.mark.parametrize("code, section, option, value", [
    (0, "channel", "url", "https://hook.example/in?key=geheim"),
    (0, "connector x", "url", "https://hook.example/in?key=geheim"),
    (0, "portal", "proxy", "http://me:geheim@proxy.example:3128"),
    (0, "portal", "proxy", "me:geheim@proxy.example:3128"),
    (0, "store", "url", "sqlite:/var/lib/imconnector/q.db?key=geheim"),
    (CONFIG, "store", "url", "sqlite:geheim"),
    (CONFIG, "channel", "url", "https://me:geheim@hook.example/in"),
    (CONFIG, "channel", "url", "gopher://hook.example/in?key=geheim"),
    (CONFIG, "app", "client_endpoint",
     "https://some.bitrix24.com/rest/?auth=geheim"),
    (CONFIG, "app", "client_endpoint",
     "https://me:geheim@some.bitrix24.com/rest/"),
    (CONFIG, "app", "portals", "a.example\n  client_secret=geheim"),
    (CONFIG, "app", "application_token_file", "geheim")])
def test_check_shows_no_secret_part_of_a_value(site, code, section, option,
                                               value):
    """Neither what is in force nor what is wrong with it."""
    done = check(site, f"[{section}]\n{option} = {value}\n")
    assert done.returncode == code, done
    assert "geheim" not in done.stdout + done.stderr
    if code == 0:
        assert ".example" in done.stdout or "q.db" in done.stdout
        assert re.search(rf"^; the (query|user) in {option} is not shown$",
                         done.stdout, re.M)


def test_secret_files(site):
    secret = site.folder / "etc" / "secret"
    text = f"[app]\napplication_token_file = {secret}\n"
    assert check(site, text).returncode == CONFIG
    secret.write_text("geheim ;# \n")
    done = check(site, text)
    assert done.returncode == 0
    assert "geheim" not in done.stdout + done.stderr


def test_missing_and_odd_files(site):
    assert site.ctl("check", "--config", "/nonexistent").returncode == CONFIG
    assert site.ctl("check", "--config", "/etc").returncode == CONFIG
    assert site.ctl("check", "--config", "/dev/null").returncode == CONFIG
    assert site.ctl("queue", "list", "--config",
                    "/nonexistent").returncode == CONFIG


def test_lists_continue_on_indented_lines(site):
    done = check(site, "[app]\nportals = a.example\n  b.example *.c.example\n"
                 "[server]\nworkers = 4    ; a comment\n")
    assert done.returncode == 0, done.stderr


def test_help_and_version(site):
    for args in (["--help"], ["-h"], ["help"]):
        done = site.ctl(*args)
        assert done.returncode == 0 and "queue" in done.stdout
        assert not done.stderr
    done = site.ctl("--version")
    assert done.returncode == 0 and re.search(r"\d+\.\d+\.\d+", done.stdout)


def test_help_of_a_command(site):
    queue = site.ctl("help", "queue").stdout
    assert "queue list" in queue and "queue drop KEY" in queue
    assert "purge" not in queue
    assert site.ctl("queue", "--help").stdout == queue
    one = site.ctl("queue", "list", "-h").stdout
    assert "--state" in one and "queue drop" not in one
    assert site.ctl("help", "queue", "list").stdout == one
    for words in re.findall(r"^  ([a-z][a-z-]*)(?: ([a-z]+))?",
                            site.ctl("help").stdout, re.M):
        assert site.ctl("help", *filter(None, words)).returncode == 0


@pytest.mark.parametrize("args", [
    [], ["nonsense"], ["queue"], ["queue", "nonsense"], ["--nonsense"],
    ["queue", "show"], ["check", "extra"], ["help", "nonsense"],
    ["queue", "list", "extra"],
    ["check", "--config"]])
def test_wrong_usage(site, args):
    done = site.ctl(*args)
    assert done.returncode == USAGE, done
    assert done.stderr and not done.stdout


@pytest.mark.parametrize("args, said", [
    (["quue"], "quue: did you mean queue?"),
    (["stat"], "stat: did you mean stats?"),
    (["nonsense"], "nonsense: there is no such command"),
    (["queue"], "behind 'queue' comes one of list, show, "),
    (["queue", "lsit"], "queue lsit: did you mean list?"),
    (["queue", "nonsense"], "queue nonsense: it is none of list, show, "),
    (["help", "queue", "shwo"], "queue shwo: did you mean show?"),
    (["stats", "extra"], "extra: that is a word too many"),
    (["queue", "show"], "it is 'queue show KEY'"),
    (["queue", "retry"], "it is 'queue retry KEY | --all-refused'"),
    (["stats", "--jsn"], "--jsn: did you mean --json?"),
    (["stats", "--nonsense"], "--nonsense: there is no such option"),
    (["stats", "-x"], "-x: there is no such option"),
    (["stats", "--json=x"], "--json takes no value"),
    (["stats", "--config"], "--config needs a value"),
    (["stats", "--state", "refused"], "'stats' takes no --state"),
    (["queue", "list", "--state", "refuse"],
     "--state refuse: did you mean refused?"),
    (["queue", "list", "--state", "bogus"],
     "--state bogus: it is none of received, delivered, acknowledged, "
     "refused")])
def test_a_wrong_word_is_named(site, args, said):
    done = site.ctl(*args)
    assert done.returncode == USAGE, done
    assert done.stderr.startswith(f"imconnectorctl: {said}"), done.stderr
    assert not done.stdout


@pytest.fixture
def filled(start, portal):
    """A site with one acknowledged, one delivered, one refused message."""
    server = start()
    bad = message(3)
    bad["im"]["chat_id"] = 0
    server.post(as_json(event(message(1), endpoint=portal.endpoint)), JSON)
    server.post(as_json(event(message(2, "secret text"), bad,
                              endpoint=portal.endpoint,
                              access_token=...)), JSON)
    server.settle()
    return server.site


def test_queue_list_json(filled):
    listed = filled.queue()
    of_state = {m["state"]: m for m in listed}
    assert len(listed) == 3
    assert set(of_state) == {"delivered", "refused", "acknowledged"}
    for m in listed:
        assert set(m) >= {"key", "state", "event", "member_id", "connector",
                          "line", "chat", "chat_id", "message_id", "received"}
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", m["key"])
        assert time.time() - 60 < unix_time(m["received"]) <= time.time()
    for m in listed[:2]:
        assert m["member_id"] == events.MEMBER and m["line"] == 107
    waits, done = of_state["delivered"], of_state["acknowledged"]
    assert (waits["message_id"], waits["chat"], waits["chat_id"]) == \
        (2, "channel-123", 1807)
    # of what is done no more is kept than what tells a repeat; it is last
    assert done == listed[2]
    assert done["message_id"] == 1
    assert not any(done[k] for k in ("member_id", "connector", "line", "chat",
                                     "chat_id", "event", "reason"))
    assert "ids" not in done


def test_queue_list_for_people(filled):
    done = filled.ctl("queue", "list", "--all")
    assert done.returncode == 0
    for m in filled.queue():
        assert m["key"] in done.stdout
    assert events.ACCESS not in done.stdout
    groups = filled.ctl("queue", "list").stdout.splitlines()
    assert groups[0].startswith("1 refused: element of myconnector (im.")
    assert groups[1].startswith("1 parked: portal some-domain.bitrix24.com")
    assert "no handler runs" in groups[2] and len(groups) == 3


def test_queue_show(filled):
    for m in filled.queue():
        done = filled.ctl("queue", "show", m["key"])
        assert done.returncode == 0, done.stderr
        assert m["key"] in done.stdout and m["state"] in done.stdout
        assert events.ACCESS not in done.stdout
        assert events.TOKEN not in done.stdout
        as_data = filled.ctl("queue", "show", m["key"], "--json")
        assert json.loads(as_data.stdout)["key"] == m["key"]
    refused, = [m for m in filled.queue() if m["state"] == "refused"]
    assert "im.chat_id" in filled.ctl("queue", "show", refused["key"]).stdout
    done = filled.ctl("queue", "show", "nosuchkey")
    assert done.returncode not in (0, USAGE) and done.stderr


def test_acknowledged_rows_are_erased(filled):
    """Body and token of what is acknowledged are no longer in the store."""
    import sqlite3
    key, = [m["key"] for m in filled.queue() if m["state"] == "acknowledged"]
    with sqlite3.connect(f"file:{filled.store}?mode=ro", uri=True) as db:
        tables = [t for t, in db.execute(
            "SELECT name FROM sqlite_master WHERE type='table'")]
        for table in tables:
            for row in db.execute(f"SELECT * FROM {table}"):
                if key in row:
                    assert events.ACCESS not in row
                    assert not any("Good afternoon" in str(v) for v in row)


def test_no_store_yet(site):
    done = site.ctl("queue", "list", "--json")
    assert (done.returncode == 0 and json.loads(done.stdout) == []) or \
        (done.returncode not in (0, USAGE) and done.stderr)
    assert not site.store.exists()


def test_the_tool_leaves_the_store_to_its_owner(filled):
    """Run as root, it makes no file that the handler could not write."""
    owner = filled.store.stat().st_uid
    assert owner != 0 or os.getuid() != 0
    assert filled.ctl("queue", "list").returncode == 0
    assert {p.stat().st_uid for p in filled.var.iterdir()} == {owner}


def test_store_is_not_for_everybody(filled):
    for path in filled.var.glob("queue.db*"):
        assert path.stat().st_mode & 0o007 == 0, path
