"""imconnectorctl send-test, listen and replay: for who develops a channel."""

import contextlib
import json
import pathlib
import signal
import subprocess

import pytest

import events
from direct import Fcgi
from events import of
from site_folder import STOP_WITHIN, TOOL, wait_until
from standin.answers import Answer
from test_doctor import (ADD, APP, NAMED, SOON, UNKNOWN, Web, arrives,
                         installed, secret_in)


@pytest.fixture
def well(start, portals, authority, channel):
    """Installed, behind nginx with TLS, with an HTTP channel."""
    return installed(start, portals(), authority,
                     channel={"url": channel.url},
                     server={"answer_within": 1})


def send_test(well, *more, json_=True):
    """(exit code, what it says)."""
    words = ["--json"] if json_ else []
    if "--url" not in more:
        words += ["--ca-file", well.authority.ca_file]
    done = well.server.site.ctl("send-test", *words, *more, timeout=120)
    assert not secret_in(done.stdout + done.stderr, well.portal), done
    return done.returncode, json.loads(done.stdout) if json_ and done.stdout \
        else done


# -- send-test

def test_the_whole_way(well, channel):
    code, said = send_test(well, "--line", "107")
    assert (code, said["status"], said["result"], said["state"]) == \
        (0, 200, "acknowledged", "acknowledged")
    for step in ("connected_ms", "tls_ms", "answer_ms", "acknowledged_ms"):
        assert said[step] >= 0
    got, = channel.objects
    assert (got["chat"]["id"], got["message"]["text"], got["line"],
            got["connector"], got["key"]) == \
        ("imconnector-send-test", "test", 107, "myconnector", said["key"])
    told, = well.portal.deliveries
    assert told.params["MESSAGES"][0]["im"] == got["im"]
    assert send_test(well)[0] == 0              # another message, on line 1
    assert send_test(well)[0] == 0
    assert [o["line"] for o in channel.objects] == [107, 1, 1]


def test_its_steps_as_text(well):
    code, done = send_test(well, json_=False)
    assert code == 0
    for step in ("connected", "TLS", "answer", "acknowledged"):
        assert f"{step} " in done.stdout, done
    assert " 200 acknowledged" in done.stdout


def test_a_slow_channel_is_seen(well, channel):
    """202 first, then each step as it comes."""
    channel.script("held")
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(subprocess.Popen(
            [well.server.site.folder / "bin" / TOOL, "send-test",
             "--ca-file", well.authority.ca_file], text=True,
            stdout=subprocess.PIPE, env=well.server.site.environment))
        wait_until(lambda: well.server.site.queue(), 60)
        wait_until(lambda: "status=202" in well.server.log(), 60)
        channel.release()
        out, _ = process.communicate(timeout=120)
    assert process.returncode == 0, out
    assert " 202 queued" in out
    assert out.index("answer") < out.index("stored") < \
        out.index("acknowledged"), out


def test_a_channel_that_refuses(well, channel):
    channel.always("status:422")
    code, said = send_test(well)
    assert (code, said["status"], said["state"]) == (69, 202, "refused")
    assert "422" in said["reason"]


def test_not_ours(well):
    """Of the handler, whose configuration is another than the tool's."""
    config = well.server.site.config
    well.server.site.write_config({**config, "app": {
        **config["app"], "connectors": ["other"]}})
    well.server.processes.pop("handler").terminate()
    wait_until(lambda: not well.server.site.handlers(), STOP_WITHIN)
    assert send_test(well)[1]["status"] == 502
    Fcgi.start(well.server)
    well.server.site.write_config(config)
    code, said = send_test(well)
    assert (code, said["status"], said["result"]) == (69, 200, "ignored")


def test_nobody_answers(well):
    with Web("ok") as web:
        url = web.url
    code, said = send_test(well, "--url", url)
    assert code == 75 and "status" not in said and said["error"]
    with Web("status:500") as web:
        assert send_test(well, "--url", web.url)[0] == 75
    with Web("status:403") as web:
        assert send_test(well, "--url", web.url)[0] == 69
    with Web("status:200") as web:
        assert send_test(well, "--url", web.url)[0] == 69
    assert not secret_in(json.dumps(said), well.portal)


@pytest.mark.parametrize("words", [
    ("--line", "x"), ("--line", "0"), ("--connector", "other"),
    ("--portal", "0" * 32)])
def test_what_cannot_be_sent(well, words):
    assert well.server.site.ctl("send-test", *words).returncode == 66
    assert well.server.site.queue() == []


def test_nothing_is_installed(start):
    server = start("fcgi", app={**APP, **UNKNOWN}, **NAMED)
    assert server.post(events.as_form(events.event())).status == 403
    assert server.site.ctl("send-test").returncode == 66


# -- listen

class Listening:
    """A running listen, and its lines."""

    def __init__(self, site, *words):
        self.file = site.folder / "log" / "listen.log"
        self.out = open(self.file, "wb")
        self.process = subprocess.Popen(
            [site.folder / "bin" / TOOL, "listen", *words],
            stdout=self.out, stderr=self.out, env=site.environment)
        wait_until(lambda: "listening" in self.text(), 60)

    def text(self):
        """All that it printed."""
        return self.file.read_text(errors="replace")

    def lines(self):
        """Whole lines behind the first, which says that it listens."""
        return self.text().rpartition("\n")[0].splitlines()[1:]

    def stop(self):
        """As Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        self.out.close()


@pytest.fixture
def listen(well):
    """listen(words) -> Listening."""
    running = []

    def begin(*words):
        running.append(Listening(well.server.site, *words))
        return running[-1]
    yield begin
    for one in running:
        one.stop()


TEXT = "a text that is nobody's business"


def test_listen(well, listen, channel):
    """Each message, and what becomes of it; nothing that was there before."""
    assert arrives(well.server, of(well.portal)).status == 200
    here = listen()
    channel.script("held")
    assert arrives(well.server, of(well.portal, events.message(
        2, TEXT, chat="c-2"))).status == 202
    wait_until(lambda: "received" in here.text(), 60)
    line, = here.lines()
    for word in (ADD, "myconnector/107", "chat=c-2", "message=2"):
        assert word in line
    channel.release()
    wait_until(lambda: "acknowledged" in here.text(), 60)
    assert TEXT not in here.text() and "message=86497" not in here.text()
    channel.always("status:422")
    assert arrives(well.server, of(well.portal, events.message(3))
                   ).status == 202
    wait_until(lambda: "refused" in here.text(), 60)
    assert "422" in here.lines()[-1]
    assert not secret_in(here.text(), well.portal)


def test_listen_with_texts(well, listen, channel):
    here = listen("--texts")
    channel.script("held")
    text = TEXT + "\n\x1b[31m\t\u0416"
    assert arrives(well.server, of(well.portal, events.message(2, text))
                   ).status == 202
    wait_until(lambda: TEXT in here.text(), 60)
    line, = [li for li in here.lines() if TEXT in li]
    assert "\x1b" not in line and "\u0416" in line
    channel.release()
    wait_until(lambda: "acknowledged" in here.text(), 60)
    assert here.text().count(TEXT) == 1


def test_listen_for_programs(well, listen, channel):
    here = listen("--json", "--texts")
    channel.script("held")
    assert arrives(well.server, of(well.portal, events.message(2, "a\n\"b"))
                   ).status == 202
    wait_until(lambda: '"received"' in here.text(), 60)
    channel.release()
    wait_until(lambda: '"acknowledged"' in here.text(), 60)
    first, *_, last = [json.loads(li) for li in here.lines()]
    assert (first["state"], first["event"], first["line"], first["chat"],
            first["message_id"], first["text"]) == \
        ("received", ADD, 107, "channel-123", 2, "a\n\"b")
    assert (last["state"], last["key"]) == ("acknowledged", first["key"])
    assert "text" not in last


def test_listen_misses_none(well, listen):
    """What is gone before it is seen is told by its key; nothing is told
    twice."""
    here = listen("--json")
    count = 200
    for i in range(1, count + 1):
        assert arrives(well.server, of(well.portal, events.message(
            i, chat=f"c{i % 7}"))).status in (200, 202)

    def done():
        return [json.loads(li) for li in here.lines()
                if '"acknowledged"' in li]
    wait_until(lambda: len(done()) >= count, 60)
    keys = [m["key"] for m in done()]
    assert len(keys) == len(set(keys)) == count
    assert "between two looks" not in here.text()


# -- replay

def replay(well, *files, url=None):
    """(exit code, [dict])."""
    words = ["--url", url] if url else ["--ca-file", well.authority.ca_file]
    done = well.server.site.ctl("replay", "--json", *words, *map(str, files))
    assert not secret_in(done.stdout + done.stderr, well.portal), done
    return done.returncode, json.loads(done.stdout) if \
        done.stdout.endswith("]\n") else done


def kept(path, body):
    """A file with that body."""
    path.write_bytes(body)
    return path


@pytest.fixture
def folder(well):
    """Where the handler's user may read."""
    path = pathlib.Path(well.server.site.folder / "kept")
    path.mkdir()
    return path


def test_replay(well, folder, channel):
    """A form, JSON, and JSON that begins with a blank."""
    files = [
        kept(folder / "1.form", events.as_form(of(well.portal,
                                                  events.message(1)))),
        kept(folder / "2.json", events.as_json(of(well.portal,
                                                  events.message(2)))),
        kept(folder / "3", b" \n" + events.as_json(of(
            well.portal, events.message(3), events.message(4))))]
    code, said = replay(well, *files)
    assert code == 0
    assert [(m["file"], m["status"], m["result"], m["messages"],
             m["acknowledged"]) for m in said] == [
        (str(f), 200, "acknowledged", n, n)
        for f, n in zip(files, (1, 1, 2))]
    assert [o["im"]["message_id"] for o in channel.objects] == [1, 2, 3, 4]
    done = well.server.site.ctl("replay", "--ca-file",
                                well.authority.ca_file, str(files[2]))
    assert done.stdout.startswith(
        f"{files[2]}: 200 acknowledged, 2 of 2 messages acknowledged (")
    assert len(channel.objects) == 4        # they were repeats


def test_replay_of_what_is_wrong(well, folder):
    good = kept(folder / "good", events.as_form(of(well.portal)))
    bad = kept(folder / "bad", b'{"event": "x", }')
    wrong = kept(folder / "wrong", events.as_form(of(
        well.portal, application_token="f" * 32)))
    code, said = replay(well, good, bad, wrong, kept(folder / "no", b""))
    assert code == 69
    assert [m["status"] for m in said] == [200, 400, 403, 403]
    assert [m["result"] for m in said[:3]] == [
        "acknowledged", "MALFORMED", "WRONG_TOKEN"]
    offset = said[1]["offset"]
    assert 0 < offset < 17
    done = well.server.site.ctl("replay", "--ca-file",
                                well.authority.ca_file, str(bad))
    assert f"400 MALFORMED, at byte {offset} (" in done.stdout
    assert well.server.site.ctl("replay").returncode == 64


def test_replay_of_no_file(well, folder):
    done = well.server.site.ctl("replay", str(folder / "none"))
    assert done.returncode == 66 and "none: No such file" in done.stderr
    done = well.server.site.ctl("replay", str(folder))
    assert done.returncode == 66


def test_replay_to_nobody(well, folder):
    file = kept(folder / "good", events.as_form(of(well.portal)))
    with Web("ok") as web:
        url = web.url
    code, (said,) = replay(well, file, url=url)
    assert code == 75 and said["error"] and "status" not in said


def test_replay_to_an_echo(well, folder):
    """What is sent back is not printed."""
    class Echo(Web):
        def respond(self, request):
            return Answer(403, b'{"error":"' + request.body + b'"}')
    file = kept(folder / "good", events.as_form(of(well.portal)))
    with Echo("") as web:
        code, (said,) = replay(well, file, url=web.url)
    assert code == 69 and said["status"] == 403 and "result" not in said


def test_replay_needs_a_url(start, tmp_path):
    """But no store."""
    server = start("nginx", app={**APP, **UNKNOWN})
    file = str(kept(tmp_path / "x", b"event=1"))
    done = server.site.ctl("replay", file)
    assert done.returncode == 66 and "--url" in done.stderr
    done = server.site.ctl("replay", file, "--url",
                           f"http://127.0.0.1:{server.port}{server.url}")
    assert done.returncode == 69 and ": 403 WRONG_TOKEN" in done.stdout
    assert not server.site.store.exists() or server.site.queue() == []
