"""Plain CGI runs, and stores that they made.

    cgi(world, endpoint, program, ...)   one event to a program as plain CGI
    make(world, name)       a store that has seen one event
    copy(world, config)     a copy of it, for the C programs that commit
    commits(config)         how many transactions a store has seen
"""

import contextlib
import json
import sqlite3
import subprocess

from programs import PLAIN, as_web_user


def path(world, config):
    """Where the store of a configuration is."""
    return world.folder / config.stem / "queue.db"


def cgi(world, endpoint, program, *arguments, config=""):
    """What cold.c says of it; anything but a 200 is an error."""
    body = world.folder / "body"
    with open(body, "wb") as out:
        subprocess.run(
            [world.folder / "bin" / "load", "--port", "1", "--path", "/",
             "--endpoint", endpoint, "--first", str(world.next_id),
             "--print"], check=True, stdout=out)
    world.next_id += 1
    done = subprocess.run(
        [world.folder / "bin" / "cold", body, world.folder / "bin" / program,
         *(str(a) for a in arguments)], check=True, cwd=world.folder,
        capture_output=True, text=True, **as_web_user(), env={
            **PLAIN, "GATEWAY_INTERFACE": "CGI/1.1",
            "REQUEST_METHOD": "POST", "SERVER_PROTOCOL": "HTTP/1.1",
            "SCRIPT_NAME": "/handler", "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": "application/x-www-form-urlencoded",
            "CONTENT_LENGTH": str(body.stat().st_size),
            "IMCONNECTOR_CONFIG": str(config)})
    result = json.loads(done.stdout)
    if result["status"] != 200 or result["exit"] != 0:
        raise RuntimeError(f"{program} as CGI: {result} {done.stderr}")
    return result


def make(world, name):
    """A store that has seen one event; its configuration."""
    config = world.configure(name)
    cgi(world, world.endpoint("http", "d0"), "imconnector.fcgi",
        config=config)
    return config


def copy(world, config):
    """The path of a copy that is in the same mode."""
    model = path(world, config)
    to = model.parent / "copy" / "queue.db"
    to.parent.mkdir()
    with contextlib.closing(sqlite3.connect(model)) as db:
        (mode,) = db.execute("PRAGMA journal_mode").fetchone()
        db.execute("VACUUM INTO ?", (str(to),))
    if mode == "wal":
        with contextlib.closing(sqlite3.connect(to)) as db:
            db.execute("PRAGMA journal_mode=WAL")
    for one in (to.parent, *to.parent.iterdir()):
        world.own(one)
    return to


def _transactions(model):
    """A number that each transaction raises by one."""
    head = model.read_bytes()[:100]
    if head[18] != 2:           # a rollback journal: the change counter
        return int.from_bytes(head[24:28], "big")
    log = model.with_name(model.name + "-wal").read_bytes()
    size = 24 + int.from_bytes(log[8:12], "big")
    frames = [log[at:at + 24] for at in range(32, len(log) - size + 1, size)]
    return sum(f[4:8] != bytes(4) and f[8:16] == log[16:24] for f in frames)


def commits(world, config, event):
    """How many transactions event() makes; it runs our handler once."""
    model = path(world, config)
    # a reader, without which the last writer removes a write-ahead log
    with contextlib.closing(sqlite3.connect(model)) as db:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        event()
        before = _transactions(model)
        event()
        return _transactions(model) - before
