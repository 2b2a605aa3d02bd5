"""What no event can do to a store within a test: many rows, and old ones.

    acknowledged(site, n)       n messages that were acknowledged long ago
    left(site)                  how many of those are still there
    age(site, seconds, id)      all stamps of the messages (or of that one)
                                are older by so much, as if time had passed
    make_due(site)              nothing waits for its time any more
    many(site, id, n, chats)    n more like that message, which waits or was
                                refused; each of a chat of its own, or one
                                after the other of so many chats
    age_refused(site, seconds, up_to)   those up to this message_id were
                                refused so much earlier
    age_down(site, seconds)     what is down has been so for longer
    age_rooms(site, seconds)    portals were last called so much earlier
    nothing_is_down(site)       for all that anybody knows
    leftovers(site)             a place and a process that nobody uses
    rows(site)                  {table: rows} of what they would be in
    shrink(site)                its write-ahead log is empty
    count(site, name)           how many are "received", "delivered", ...

The only module of these tests that knows the tables (src/db/ddl.c has them);
everything else looks by the operator's tool. A handler may run.
"""

import contextlib
import sqlite3

from site_folder import wait_until

READY = 2               # of queue.turn
COPY = 100000000        # message_id of the first copy
FIRST, KEY = 1000001, "long-ago-"       # message_id of the first; their keys

OLD = f"""
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)
INSERT INTO seen(message_id, base, revision, content, id, since)
SELECT i + {FIRST}, '{KEY}' || i, 1, '', i + 1 + coalesce((SELECT seq FROM
    sqlite_sequence WHERE name = 'queue'), 0), 1 FROM n"""


@contextlib.contextmanager
def store(site):
    """Its tables, in a transaction."""
    with contextlib.closing(sqlite3.connect(site.store, timeout=10)) as db:
        with db:
            db.execute("BEGIN IMMEDIATE")
            yield db


def acknowledged(site, n):
    """See the head of this file; the store must have been written to."""
    with store(site) as db:
        db.execute(OLD, (n,))
        assert db.execute("UPDATE sqlite_sequence SET seq = seq + ?"
                          " WHERE name = 'queue'", (n,)).rowcount == 1
        assert db.execute("UPDATE tally SET n = n + ? WHERE name = 'seen'",
                          (n,)).rowcount == 1


def left(site):
    """See the head of this file."""
    return sum(m["key"].startswith(KEY) for m in site.queue())


def age(site, seconds, message_id=None):
    """See the head of this file."""
    where = (message_id, message_id)
    of_one = " WHERE ? IS NULL OR message_id = ?"
    with store(site) as db:
        db.execute(f"UPDATE seen SET since = since - {seconds}{of_one}", where)
        db.execute(f"UPDATE queue SET received_us = received_us -"
                   f" {seconds * 1000000}, first_ms = CASE first_ms WHEN 0"
                   f" THEN 0 ELSE first_ms - {seconds * 1000} END{of_one}",
                   where)


def make_due(site):
    """See the head of this file."""
    with store(site) as db:
        db.execute("UPDATE queue SET next_ms = 1 WHERE next_ms <> 0")
        db.execute("UPDATE place SET look_ms = 1 WHERE look_ms IS NOT NULL")
        db.execute("UPDATE room SET probe_ms = 1 WHERE probe_ms <> 0")


def age_refused(site, seconds, up_to):
    """See the head of this file."""
    with store(site) as db:
        db.execute("UPDATE refused SET changed_ms = changed_ms - ?"
                   " WHERE message_id <= ?", (seconds * 1000, up_to))


def age_down(site, seconds):
    """See the head of this file."""
    with store(site) as db:
        for table in ("place", "room"):
            db.execute(f"UPDATE {table} SET down_ms = down_ms - ?"
                       " WHERE down_ms <> 0", (seconds * 1000,))


def age_rooms(site, seconds):
    """See the head of this file."""
    with store(site) as db:
        for column in ("level_ms", "reset_ms", "wanted_ms", "probe_ms"):
            db.execute(f"UPDATE room SET {column} = {column} - ?"
                       f" WHERE {column} <> 0", (seconds * 1000,))


def nothing_is_down(site):
    """See the head of this file."""
    with store(site) as db:
        db.execute("UPDATE room SET down_ms = 0, probe_ms = 0")
        db.execute("UPDATE place SET down_ms = 0, look_ms = 1")


def leftovers(site):
    """See the head of this file."""
    with store(site) as db:
        db.execute("INSERT INTO place(number, kind, name, connector, line,"
                   " ready, look_ms, down_ms, reason)"
                   " VALUES(1, 1, 'gone', 'gone', 0, 0, 1, 1, 'refused')")
        db.execute("INSERT INTO process VALUES(999999, 1, '')")
        db.execute("INSERT INTO slot VALUES('nobody', 999999, 1)")


def rows(site):
    """See the head of this file."""
    with contextlib.closing(sqlite3.connect(site.store, timeout=10)) as db:
        return {table: db.execute(f"SELECT count(*) FROM {table}")
                .fetchone()[0]
                for table in ("room", "place", "slot", "process")}


# what a copy has of its own; the first of a chat waits, others behind it
OF_COPY = {
    "message_id": f"i + {COPY}", "key": "'copy-' || i",
    "chat": "chat + 1 + i % :chats", "chat_name": "'copy-' || (i % :chats)",
    "owner": "0", "turn": "CASE WHEN state = 1 AND i >= :chats THEN 1"
    " ELSE turn END"}
COPIES = """
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n
                        WHERE i + 1 < :n)
INSERT INTO {table}({columns}) SELECT {values}
FROM n, (SELECT * FROM {table} WHERE message_id = :of)"""
SEEN = """
INSERT INTO seen(message_id, base, revision, content, id, since)
SELECT message_id, key, 1, NULL, id, received_us / 1000000
FROM {table} WHERE id > :last ORDER BY id"""


def many(site, message_id, n, chats=None):
    """See the head of this file."""
    wait_until(lambda: _many(site, message_id, n, chats or n), 30, "waits")


def _many(site, message_id, n, chats):
    """False: the model is in work just now."""
    with store(site) as db:
        value = {"n": n, "of": message_id, "chats": chats}
        row = db.execute("SELECT state, turn, place FROM queue WHERE"
                         " message_id = ?", (message_id,)).fetchone()
        if row and row[1] != READY:
            return False
        table = "queue" if row else "refused"
        (last,) = db.execute("SELECT seq FROM sqlite_sequence"
                             " WHERE name = 'queue'").fetchone()
        own = {**OF_COPY, "id": f"i + {last + 1}"}
        columns = [c[1] for c in db.execute(f"PRAGMA table_info({table})")]
        db.execute(COPIES.format(
            table=table, columns=", ".join(columns),
            values=", ".join(own.get(c, c) for c in columns)), value)
        assert db.execute("SELECT changes()").fetchone() == (n,), message_id
        db.execute(SEEN.format(table=table), {"last": last})
        db.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'queue'",
                   (last + n,))
        state = ["", "received", "delivered"][row[0]] if row else "refused"
        for name in (state, "seen"):
            assert db.execute("UPDATE tally SET n = n + ? WHERE name = ?",
                              (n, name)).rowcount == 1, name
        if row:
            db.execute("UPDATE place SET ready = ready + ? WHERE number = ?",
                       (chats if row[0] == 1 else n, row[2]))
    return True


def shrink(site):
    """See the head of this file."""
    with contextlib.closing(sqlite3.connect(site.store, timeout=10)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def count(site, name):
    """See the head of this file."""
    with contextlib.closing(sqlite3.connect(site.store, timeout=10)) as db:
        row = db.execute("SELECT n FROM tally WHERE name = ?",
                         (name,)).fetchone()
        return row[0] if row else 0
