/*
 * The tables of the store, version 3, and the way from version 1 to 2.
 *
 * Run by db/sqlite.c in the transaction that makes the file, and beside the
 * tables of version 2.  user_version is set there.
 */
#include "db/sqlite.h"

/*
 * process: who writes claims (db/alive.c).
 *   number  the byte of its kernel lock
 *   beat    moves while it has claims; not above 0: it says that it has none
 *   about   what it says of itself, for others
 * queue: messages that are not done; one row each, which goes when it is.
 *   turn        what it waits for (store/private.h)
 *   owner       the process that works on it, 0: none
 *   place       where it waits (store/place.c)
 *   chat        the number of its chat
 *   first_ms    Unix time of its own first attempt at this step, 0: none
 *   alone       1: told by a call of its own, for a batch with it was refused
 *   newer       1: a newer revision of it has come
 * refused: messages that a person must look at.
 * seen: what came, for repeats: begins with message_id, which grows, so that
 *   what comes now is written to few pages.
 *   base, revision, content  recognise repeats (event/identity.h);
 *               content is NULL where there are no revisions
 *   id          of its newest revision in the queue
 *   since       Unix seconds
 * place: where messages wait that nobody works on, and channels that are
 *   down.
 *   ready       how many wait
 *   look_ms     when to look there, or to probe it
 *   owner       who probes it
 * room: what a portal bears, whether it is down, or parked for the want of
 *   tokens.  level is in thousandths of a call.
 * slot: calls that processes may have on their way to a portal, as claims.
 * clock, jump: what tells real ages (store/age.c).
 * tally: counts, and how far the purge has come.
 * portal: what an installation gave (portal/trust.h).
 * install: installations that could not be proven yet, inert.
 *   url         where it arrived: the handler's own, for the set-up
 * setup: whether an installed portal has been set up.
 *   url         as above
 *   asked       grows with each wish to set it up: an end is that of the
 *               wish that it was made for
 *   state       0 it is to be, 1 all is but for the end of its installation,
 *               2 done
 *   next_ms     when it is tried; while one tries, when others may
 */
const char db_ddl[] =
    "CREATE TABLE IF NOT EXISTS process("
    " number INTEGER PRIMARY KEY, beat INTEGER NOT NULL,"
    " about TEXT NOT NULL);"

    "CREATE TABLE IF NOT EXISTS queue("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " state INTEGER NOT NULL, turn INTEGER NOT NULL,"
    " owner INTEGER NOT NULL, place INTEGER NOT NULL,"
    " chat INTEGER NOT NULL, message_id INTEGER NOT NULL,"
    " chat_id INTEGER NOT NULL, line INTEGER NOT NULL,"
    " received_us INTEGER NOT NULL, ts INTEGER NOT NULL,"
    " delivered_ms INTEGER NOT NULL DEFAULT 0,"
    " tries INTEGER NOT NULL DEFAULT 0, first_ms INTEGER NOT NULL DEFAULT 0,"
    " next_ms INTEGER NOT NULL DEFAULT 0, alone INTEGER NOT NULL DEFAULT 0,"
    " newer INTEGER NOT NULL DEFAULT 0,"
    " key TEXT NOT NULL, event TEXT NOT NULL, member_id TEXT NOT NULL,"
    " domain TEXT, connector TEXT NOT NULL, chat_name TEXT, reason TEXT,"
    " ids TEXT, endpoint TEXT, token TEXT, body TEXT);"
    "CREATE INDEX IF NOT EXISTS queue_chat ON queue(chat, message_id, id)"
    " WHERE state = 1;"
    "CREATE INDEX IF NOT EXISTS queue_owned ON queue(owner, chat)"
    " WHERE owner <> 0;"
    "CREATE INDEX IF NOT EXISTS queue_ready ON queue(place, id)"
    " WHERE turn = 2;"
    "CREATE INDEX IF NOT EXISTS queue_later ON queue(next_ms)"
    " WHERE turn = 3;"

    "CREATE TABLE IF NOT EXISTS refused("
    " id INTEGER PRIMARY KEY, step INTEGER NOT NULL, reason TEXT,"
    " changed_ms INTEGER NOT NULL, tries INTEGER NOT NULL,"
    " chat INTEGER NOT NULL, message_id INTEGER NOT NULL,"
    " chat_id INTEGER NOT NULL, line INTEGER NOT NULL,"
    " received_us INTEGER NOT NULL, ts INTEGER NOT NULL,"
    " delivered_ms INTEGER NOT NULL,"
    " newer INTEGER NOT NULL DEFAULT 0, key TEXT NOT NULL,"
    " event TEXT NOT NULL, member_id TEXT NOT NULL, domain TEXT,"
    " connector TEXT NOT NULL, chat_name TEXT, ids TEXT, endpoint TEXT,"
    " token TEXT, body TEXT);"

    "CREATE TABLE IF NOT EXISTS seen("
    " message_id INTEGER NOT NULL, base TEXT NOT NULL,"
    " revision INTEGER NOT NULL, content TEXT, id INTEGER NOT NULL,"
    " since INTEGER NOT NULL, PRIMARY KEY(message_id, base)) WITHOUT ROWID;"

    "CREATE TABLE IF NOT EXISTS place("
    " number INTEGER PRIMARY KEY, kind INTEGER NOT NULL, name TEXT,"
    " member_id TEXT, connector TEXT NOT NULL, line INTEGER NOT NULL,"
    " ready INTEGER NOT NULL, look_ms INTEGER,"
    " down_ms INTEGER NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0,"
    " reason TEXT, owner INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX IF NOT EXISTS place_look ON place(look_ms)"
    " WHERE look_ms IS NOT NULL;"
    "CREATE INDEX IF NOT EXISTS place_of ON place(connector, look_ms)"
    " WHERE look_ms IS NOT NULL;"
    "CREATE INDEX IF NOT EXISTS place_portal ON place(member_id)"
    " WHERE member_id IS NOT NULL;"

    "CREATE TABLE IF NOT EXISTS room("
    " member_id TEXT PRIMARY KEY, level INTEGER NOT NULL DEFAULT 0,"
    " level_ms INTEGER NOT NULL DEFAULT 0,"
    " reset_ms INTEGER NOT NULL DEFAULT 0,"
    " wanted_ms INTEGER NOT NULL DEFAULT 0,"
    " down_ms INTEGER NOT NULL DEFAULT 0,"
    " probe_ms INTEGER NOT NULL DEFAULT 0,"
    " tries INTEGER NOT NULL DEFAULT 0, reason TEXT, parked TEXT,"
    " owner INTEGER NOT NULL DEFAULT 0);"

    "CREATE TABLE IF NOT EXISTS slot("
    " member_id TEXT NOT NULL, owner INTEGER NOT NULL,"
    " n INTEGER NOT NULL, PRIMARY KEY(member_id, owner)) WITHOUT ROWID;"

    "CREATE TABLE IF NOT EXISTS clock("
    " id INTEGER PRIMARY KEY, wall_ms INTEGER NOT NULL,"
    " mono_ms INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS jump("
    " by_ms INTEGER NOT NULL, age_ms INTEGER NOT NULL);"

    "CREATE TABLE IF NOT EXISTS tally("
    " name TEXT PRIMARY KEY, n INTEGER NOT NULL, t TEXT) WITHOUT ROWID;"

    "CREATE TABLE IF NOT EXISTS portal("
    " member_id TEXT PRIMARY KEY, application_token TEXT NOT NULL,"
    " endpoint TEXT NOT NULL, server_endpoint TEXT NOT NULL,"
    " access_token TEXT NOT NULL, refresh_token TEXT NOT NULL,"
    " expires_ms INTEGER NOT NULL, ts INTEGER NOT NULL,"
    " rejected TEXT, changed_ms INTEGER NOT NULL,"
    " owner INTEGER NOT NULL DEFAULT 0, lease INTEGER NOT NULL DEFAULT 0);";

const char db_ddl_installs[] =
    "CREATE TABLE IF NOT EXISTS install("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " member_id TEXT NOT NULL, application_token TEXT NOT NULL,"
    " endpoint TEXT NOT NULL, server_endpoint TEXT NOT NULL,"
    " access_token TEXT NOT NULL, refresh_token TEXT NOT NULL,"
    " expires_in INTEGER NOT NULL, ts INTEGER NOT NULL,"
    " received_ms INTEGER NOT NULL, next_ms INTEGER NOT NULL,"
    " owner INTEGER NOT NULL DEFAULT 0, lease INTEGER NOT NULL DEFAULT 0,"
    " tries INTEGER NOT NULL DEFAULT 0, url TEXT NOT NULL DEFAULT '');"

    "CREATE TABLE IF NOT EXISTS setup("
    " member_id TEXT PRIMARY KEY, url TEXT NOT NULL,"
    " asked INTEGER NOT NULL, state INTEGER NOT NULL,"
    " tries INTEGER NOT NULL,"
    " next_ms INTEGER NOT NULL, owner INTEGER NOT NULL,"
    " changed_ms INTEGER NOT NULL, reason TEXT);"
    "CREATE INDEX IF NOT EXISTS setup_due ON setup(next_ms)"
    " WHERE state < 2;"
    "CREATE INDEX IF NOT EXISTS setup_owned ON setup(owner)"
    " WHERE owner <> 0;";

/*
 * What processes count, for those who watch (store/counts.c); beside all that
 * decides anything.
 * counted: n by name and label; `at`: Unix seconds of the last change
 * hour: n by minutes, each in its slot, and by kind (enum hour); `at`: as above
 * trouble: what failed lately, `place`: a connector or a member_id
 */
const char db_ddl_watch[] =
    "CREATE TABLE IF NOT EXISTS counted("
    " name TEXT NOT NULL, label TEXT NOT NULL, n INTEGER NOT NULL,"
    " at INTEGER NOT NULL, PRIMARY KEY(name, label)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS hour("
    " slot INTEGER NOT NULL, kind INTEGER NOT NULL, at INTEGER NOT NULL,"
    " n INTEGER NOT NULL, PRIMARY KEY(slot, kind)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS trouble("
    " step TEXT NOT NULL, place TEXT NOT NULL, reason TEXT NOT NULL,"
    " n INTEGER NOT NULL, at_ms INTEGER NOT NULL,"
    " PRIMARY KEY(step, place, reason)) WITHOUT ROWID;";

/* Few rows of many are down, parked or owned at a time. */
const char db_ddl_rare[] =
    "CREATE INDEX IF NOT EXISTS place_down ON place(ready)"
    " WHERE down_ms <> 0;"
    "CREATE INDEX IF NOT EXISTS place_owned ON place(owner)"
    " WHERE owner <> 0;"
    "CREATE INDEX IF NOT EXISTS room_down ON room(member_id)"
    " WHERE down_ms <> 0;"
    "CREATE INDEX IF NOT EXISTS room_parked ON room(member_id)"
    " WHERE parked IS NOT NULL;"
    "CREATE INDEX IF NOT EXISTS room_owned ON room(owner)"
    " WHERE owner <> 0;"
    "CREATE INDEX IF NOT EXISTS portal_rejected ON portal(member_id)"
    " WHERE rejected IS NOT NULL;"
    "CREATE INDEX IF NOT EXISTS portal_owned ON portal(owner)"
    " WHERE owner <> 0;";

/*
 * A message keeps its number on the way from the old table to the new ones:
 * numbers given out here begin far above all that a process of version 2 may
 * give out beside.
 */
const char db_ddl_beside_2[] =
    "INSERT INTO sqlite_sequence(name, seq) SELECT 'queue', 4294967296 +"
    " coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'message'), 0)"
    " WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence"
    " WHERE name = 'queue');";

/* Processes of version 2, or of version 3 before there was a set-up, name
 * the columns that they write. */
const char db_ddl_tries[] =
    "ALTER TABLE install ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;";
const char db_ddl_url[] =
    "ALTER TABLE install ADD COLUMN url TEXT NOT NULL DEFAULT '';";

/* As version 2 had it; reset_ms has no default there: it is always given. */
const char db_ddl_from_1[] =
    "ALTER TABLE message ADD COLUMN alone INTEGER NOT NULL DEFAULT 0;"
    "DROP INDEX message_base;"
    "CREATE UNIQUE INDEX message_base ON message(base, revision);"
    "ALTER TABLE meter ADD COLUMN level INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE meter ADD COLUMN level_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE meter ADD COLUMN took_ms INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE call("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, member_id TEXT NOT NULL,"
    " owner INTEGER NOT NULL, lease INTEGER NOT NULL);"
    "CREATE INDEX call_portal ON call(member_id);"
    "PRAGMA user_version = 2;";
