/*
 * The schema of the store, version 1.
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
 *
 * portal: what an installation gave (contract, section 6).
 * install: installations that could not be proven yet, inert.
 * destination: channels and portals that are down.
 * meter: what a portal's limits said last.
 */
const char schema_sql[] =
    "CREATE TABLE message("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " key TEXT NOT NULL UNIQUE,"
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
    " owner INTEGER NOT NULL DEFAULT 0, lease INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX message_base ON message(base, revision);"
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
    " owner INTEGER NOT NULL DEFAULT 0, lease INTEGER NOT NULL DEFAULT 0);"

    "CREATE TABLE destination("
    " name TEXT PRIMARY KEY, tries INTEGER NOT NULL,"
    " down_ms INTEGER NOT NULL, probe_ms INTEGER NOT NULL,"
    " owner INTEGER NOT NULL DEFAULT 0, lease INTEGER NOT NULL DEFAULT 0);"

    "CREATE TABLE meter("
    " member_id TEXT PRIMARY KEY, reset_ms INTEGER NOT NULL);"

    "PRAGMA user_version = " SCHEMA_VERSION ";";
