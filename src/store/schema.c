/*
 * The schema of the store, version 3, and the way there from 1 and 2.
 *
 * Run by store/sqlite.c in the transaction that makes the file.
 */
#include "store/schema.h"

/*
 * message: one row per message (docs/INTERNALS has its states).
 *   base, revision, content  recognise repeats (event/identity.h)
 *   body, token, endpoint    NULL once it is acknowledged
 *   first_ms                 Unix time of its own first attempt
 *   next_ms                  when it is due; NULL: it waits behind its
 *                            chat's first, or nothing is left to do
 *   hold                     0, or why it is not tried (store/work.h)
 *   owner, lease             the claim (store/owner.h; monotonic ms)
 *   alone                    1: told by a call of its own, for a batch with
 *                            it was refused
 *
 * portal: what an installation gave (contract, section 6).
 * install: installations that could not be proven yet, inert, one for each
 *   portal; tries: how often somebody began to prove it.
 * destination: channels and portals that are down.
 * meter: what a portal's limits said last, and how full its bucket of calls
 *   was at level_ms (Unix time): level is in thousandths of a call; took_ms
 *   is how long the last good call took.
 * call: status calls that are on their way, each a claim.
 */
#define CALL_TABLE \
    "CREATE TABLE call(" \
    " id INTEGER PRIMARY KEY AUTOINCREMENT, member_id TEXT NOT NULL," \
    " owner INTEGER NOT NULL, lease INTEGER NOT NULL);" \
    "CREATE INDEX call_portal ON call(member_id);"
#define BASE_INDEX \
    "CREATE UNIQUE INDEX message_base ON message(base, revision);"

const char schema_sql[] =
    "CREATE TABLE message("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " key TEXT NOT NULL,"
    " base TEXT NOT NULL, revision INTEGER NOT NULL, content TEXT NOT NULL,"
    " state INTEGER NOT NULL, step INTEGER, reason TEXT,"
    " event TEXT NOT NULL, member_id TEXT NOT NULL, domain TEXT,"
    " connector TEXT NOT NULL, line INTEGER NOT NULL, chat TEXT NOT NULL,"
    " chat_id INTEGER NOT NULL, message_id INTEGER NOT NULL,"
    " ts INTEGER NOT NULL, body TEXT, ids TEXT,"
    " endpoint TEXT, token TEXT,"
    " received_us INTEGER NOT NULL, changed_ms INTEGER NOT NULL,"
    " delivered_ms INTEGER, tries INTEGER NOT NULL DEFAULT 0,"
    " first_ms INTEGER, next_ms INTEGER, hold INTEGER NOT NULL DEFAULT 0,"
    " owner INTEGER NOT NULL DEFAULT 0, lease INTEGER NOT NULL DEFAULT 0,"
    " alone INTEGER NOT NULL DEFAULT 0);"
    BASE_INDEX
    "CREATE INDEX message_chat ON message(member_id, connector, line, chat,"
    " message_id, id) WHERE state = 1;"
    "CREATE INDEX message_told ON message(member_id, connector, line, id)"
    " WHERE state = 2;"
    "CREATE INDEX message_due ON message(next_ms)"
    " WHERE next_ms IS NOT NULL;"
    "CREATE INDEX message_old ON message(changed_ms) WHERE state = 3;"

    "CREATE TABLE portal("
    " member_id TEXT PRIMARY KEY, application_token TEXT NOT NULL,"
    " endpoint TEXT NOT NULL, server_endpoint TEXT NOT NULL,"
    " access_token TEXT NOT NULL, refresh_token TEXT NOT NULL,"
    " expires_ms INTEGER NOT NULL, ts INTEGER NOT NULL,"
    " rejected TEXT, changed_ms INTEGER NOT NULL,"
    " owner INTEGER NOT NULL DEFAULT 0, lease INTEGER NOT NULL DEFAULT 0);"

    "CREATE TABLE install("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " member_id TEXT NOT NULL, application_token TEXT NOT NULL,"
    " endpoint TEXT NOT NULL, server_endpoint TEXT NOT NULL,"
    " access_token TEXT NOT NULL, refresh_token TEXT NOT NULL,"
    " expires_in INTEGER NOT NULL, ts INTEGER NOT NULL,"
    " received_ms INTEGER NOT NULL, next_ms INTEGER NOT NULL,"
    " owner INTEGER NOT NULL DEFAULT 0, lease INTEGER NOT NULL DEFAULT 0,"
    " tries INTEGER NOT NULL DEFAULT 0);"

    "CREATE TABLE destination("
    " name TEXT PRIMARY KEY, tries INTEGER NOT NULL,"
    " down_ms INTEGER NOT NULL, probe_ms INTEGER NOT NULL,"
    " owner INTEGER NOT NULL DEFAULT 0, lease INTEGER NOT NULL DEFAULT 0);"

    "CREATE TABLE meter("
    " member_id TEXT PRIMARY KEY, reset_ms INTEGER NOT NULL DEFAULT 0,"
    " level INTEGER NOT NULL DEFAULT 0,"
    " level_ms INTEGER NOT NULL DEFAULT 0,"
    " took_ms INTEGER NOT NULL DEFAULT 0);"
    CALL_TABLE

    "PRAGMA user_version = " SCHEMA_VERSION ";";

/* reset_ms has no default there: it is always given. */
const char schema_from_1[] =
    "ALTER TABLE message ADD COLUMN alone INTEGER NOT NULL DEFAULT 0;"
    "DROP INDEX message_base;"
    BASE_INDEX
    "ALTER TABLE meter ADD COLUMN level INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE meter ADD COLUMN level_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE meter ADD COLUMN took_ms INTEGER NOT NULL DEFAULT 0;"
    CALL_TABLE;

/* Of several installations of a portal the one that came last is kept. */
const char schema_from_2[] =
    "ALTER TABLE install ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;"
    "DELETE FROM install WHERE id NOT IN"
    " (SELECT max(id) FROM install GROUP BY member_id);"
    "PRAGMA user_version = " SCHEMA_VERSION ";";
