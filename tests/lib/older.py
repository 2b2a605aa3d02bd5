"""Stores as the version before left them (schema 2), and its processes.

    make(path)              an empty store of that version
    fill(db, n, portals=8)  n messages, in every state, quickly
    Process(path)           plays a process of that version, which lives until
                            close(): it holds its byte in the lock file, and
                            stores and claims as it would

Used by tests/e2e/test_upgrade.py.
"""

import base64
import contextlib
import fcntl
import hashlib
import os
import random
import sqlite3
import struct
import time

RECEIVED, DELIVERED, ACKNOWLEDGED, REFUSED = 1, 2, 3, 4

SCHEMA = """
CREATE TABLE message(
 id INTEGER PRIMARY KEY AUTOINCREMENT,
 key TEXT NOT NULL,
 base TEXT NOT NULL, revision INTEGER NOT NULL, content TEXT NOT NULL,
 state INTEGER NOT NULL, step INTEGER, reason TEXT,
 event TEXT NOT NULL, member_id TEXT NOT NULL, domain TEXT,
 connector TEXT NOT NULL, line INTEGER NOT NULL, chat TEXT NOT NULL,
 chat_id INTEGER NOT NULL, message_id INTEGER NOT NULL,
 ts INTEGER NOT NULL, body TEXT, ids TEXT,
 endpoint TEXT, token TEXT,
 received_us INTEGER NOT NULL, changed_ms INTEGER NOT NULL,
 delivered_ms INTEGER, tries INTEGER NOT NULL DEFAULT 0,
 first_ms INTEGER, next_ms INTEGER, hold INTEGER NOT NULL DEFAULT 0,
 owner INTEGER NOT NULL DEFAULT 0, lease INTEGER NOT NULL DEFAULT 0,
 alone INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX message_base ON message(base, revision);
CREATE INDEX message_chat ON message(member_id, connector, line, chat,
 message_id, id) WHERE state = 1;
CREATE INDEX message_told ON message(member_id, connector, line, id)
 WHERE state = 2;
CREATE INDEX message_due ON message(next_ms) WHERE next_ms IS NOT NULL;
CREATE INDEX message_old ON message(changed_ms) WHERE state = 3;
CREATE TABLE portal(
 member_id TEXT PRIMARY KEY, application_token TEXT NOT NULL,
 endpoint TEXT NOT NULL, server_endpoint TEXT NOT NULL,
 access_token TEXT NOT NULL, refresh_token TEXT NOT NULL,
 expires_ms INTEGER NOT NULL, ts INTEGER NOT NULL,
 rejected TEXT, changed_ms INTEGER NOT NULL,
 owner INTEGER NOT NULL DEFAULT 0, lease INTEGER NOT NULL DEFAULT 0);
CREATE TABLE install(
 id INTEGER PRIMARY KEY AUTOINCREMENT,
 member_id TEXT NOT NULL, application_token TEXT NOT NULL,
 endpoint TEXT NOT NULL, server_endpoint TEXT NOT NULL,
 access_token TEXT NOT NULL, refresh_token TEXT NOT NULL,
 expires_in INTEGER NOT NULL, ts INTEGER NOT NULL,
 received_ms INTEGER NOT NULL, next_ms INTEGER NOT NULL,
 owner INTEGER NOT NULL DEFAULT 0, lease INTEGER NOT NULL DEFAULT 0);
CREATE TABLE destination(
 name TEXT PRIMARY KEY, tries INTEGER NOT NULL,
 down_ms INTEGER NOT NULL, probe_ms INTEGER NOT NULL,
 owner INTEGER NOT NULL DEFAULT 0, lease INTEGER NOT NULL DEFAULT 0);
CREATE TABLE meter(
 member_id TEXT PRIMARY KEY, reset_ms INTEGER NOT NULL DEFAULT 0,
 level INTEGER NOT NULL DEFAULT 0, level_ms INTEGER NOT NULL DEFAULT 0,
 took_ms INTEGER NOT NULL DEFAULT 0);
CREATE TABLE call(
 id INTEGER PRIMARY KEY AUTOINCREMENT, member_id TEXT NOT NULL,
 owner INTEGER NOT NULL, lease INTEGER NOT NULL);
CREATE INDEX call_portal ON call(member_id);
CREATE TABLE clock(
 id INTEGER PRIMARY KEY, wall_ms INTEGER NOT NULL, mono_ms INTEGER NOT NULL);
CREATE TABLE jump(by_ms INTEGER NOT NULL, age_ms INTEGER NOT NULL);
PRAGMA user_version = 2;
"""

# The i-th of many: a fifth in each state, received ones also behind others,
# and for a time of their own; eight to a chat, four lines to a portal.
FILL = """
INSERT INTO message(key, base, revision, content, state, step, reason, event,
 member_id, domain, connector, line, chat, chat_id, message_id, ts, body, ids,
 endpoint, token, received_us, changed_ms, delivered_ms, tries, next_ms, hold)
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n
 WHERE i + 1 < :n),
m AS (SELECT i, i / 8 AS c, CASE i % 5 WHEN 4 THEN 1 ELSE 1 + i % 5 END AS s,
 digest(i) AS base FROM n)
SELECT base, base, 1, base, s, CASE s WHEN 4 THEN 2 END,
 CASE s WHEN 4 THEN 'HTTP 422' END, 'ONIMCONNECTORMESSAGEADD',
 'portal-' || (c % :portals), 'portal-' || (c % :portals) || '.bitrix24.com',
 'myconnector', 100 + c % 4, 'chat-' || c, c + 1, i + 1, 1773759161,
 CASE s WHEN 3 THEN NULL ELSE '"im":{"chat_id":' || c ||
 ',"message_id":' || i || '},"message":{"user_id":27,"text":"[b]Samantha'
 || ' Johnson:[/b] [br]Good afternoon, how can I help you?"}' END,
 CASE WHEN s IN (2, 3) THEN '["ext-' || i || '"]' END,
 CASE s WHEN 3 THEN NULL ELSE 'https://portal-' || (c % :portals) ||
 '.bitrix24.com/rest/' END,
 CASE s WHEN 3 THEN NULL ELSE 'c978b990071b0008440001b0895f697a' END,
 :now * 1000 - (:n - i), :now, CASE WHEN s IN (2, 3) THEN :now END,
 i % 5 = 4, CASE WHEN s = 1 AND i % 5 = 4 THEN :now + 600000
 WHEN s IN (1, 2) THEN :now END, CASE WHEN s = 2 AND i % 15 = 1 THEN 2
 WHEN s = 1 AND i % 15 = 5 THEN 1 ELSE 0 END FROM m
"""


def digest(*parts):
    """What a message is known by (event/identity.c), as text."""
    value = hashlib.sha256()
    for part in parts:
        data = str(part).encode()
        value.update(len(data).to_bytes(8, "little") + data)
    return base64.urlsafe_b64encode(value.digest()[:20]).decode().rstrip("=")


def make(path):
    """An empty store of the version before; a connection to it."""
    db = sqlite3.connect(path, isolation_level=None, timeout=20)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.executescript(SCHEMA)
    return db


def fill(db, n, portals=8):
    """Many messages, in every state."""
    db.create_function("digest", 1, digest, deterministic=True)
    db.execute("PRAGMA synchronous = OFF")
    with contextlib.suppress(sqlite3.OperationalError):
        db.execute("PRAGMA cache_size = -200000")
    db.execute("BEGIN")
    db.execute(FILL, {"n": n, "portals": portals,
                      "now": int(time.time() * 1000)})
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.execute("PRAGMA synchronous = FULL")


def now():
    """Unix time in ms."""
    return int(time.time() * 1000)


class Process:
    """See the head of this file."""

    def __init__(self, path):
        self.db = sqlite3.connect(path, isolation_level=None, timeout=20)
        self.number = random.randrange(1, 1 << 62)
        self.lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o640)
        status = os.stat(path)
        if os.geteuid() == 0:
            os.chown(self.lock, status.st_uid, status.st_gid)
            os.chmod(f"{path}.lock", status.st_mode & 0o666)
        self._set(self.number, fcntl.F_WRLCK)

    def close(self):
        """It ends, however.  Once more is fine."""
        self.db.close()
        if self.lock >= 0:
            os.close(self.lock)
        self.lock = -1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _set(self, at, kind, command=None):
        value = struct.pack("hhqqi4x", kind, os.SEEK_SET, at, 1, 0)
        fcntl.fcntl(self.lock, command or fcntl.F_OFD_SETLK, value)

    @contextlib.contextmanager
    def writing(self):
        """A transaction, as the only one who writes."""
        self._set((1 << 62) + 2, fcntl.F_WRLCK, fcntl.F_OFD_SETLKW)
        try:
            self.db.execute("BEGIN IMMEDIATE")
            yield self.db
            self.db.execute("COMMIT")
        finally:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            self._set((1 << 62) + 2, fcntl.F_UNLCK)

    def store(self, message_id, *, claim=False, state=RECEIVED, **columns):
        """Stores a message as received just now; its id."""
        row = {
            "event": "ONIMCONNECTORMESSAGEADD", "connector": "myconnector",
            "line": 107, "chat": "channel-123", "chat_id": 1807,
            "ts": 1773759161, "revision": 1, "domain": "", "state": state,
            "received_us": now() * 1000, "changed_ms": now(),
            "next_ms": now() if state in (RECEIVED, DELIVERED) else None,
            **(self._claim() if claim else {}), **columns,
            "message_id": message_id}
        row.setdefault("base", digest(
            row["member_id"], row["event"], row["connector"], row["line"],
            row["chat_id"], message_id))
        row.setdefault("key", row["base"])
        row.setdefault("content", digest(row.get("body")))
        marks = ", ".join("?" * len(row))
        with self.writing() as db:
            done = db.execute(f"INSERT INTO message({', '.join(row)})"
                              f" VALUES({marks})", list(row.values()))
            return done.lastrowid

    def _claim(self):
        return {"owner": self.number,
                "lease": time.monotonic_ns() // 1000000 + 200000}

    def move(self, number, state):
        """It has handed over, or told, one that it has claimed."""
        with self.writing() as db:
            db.execute("UPDATE message SET state = ?, owner = 0, lease = 0,"
                       " ids = '[\"older\"]', delivered_ms = ?, next_ms = ?"
                       " WHERE id = ? AND state IN (1, 2)",
                       (state, now(), now() if state == DELIVERED else None,
                        number))

    def state(self, number):
        """As it finds it, or None."""
        row = self.db.execute("SELECT state FROM message WHERE id = ?",
                              (number,)).fetchone()
        return row and row[0]
