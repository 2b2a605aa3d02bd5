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
 */
const char db_ddl[] =
    "CREATE TABLE IF NOT EXISTS process("
    " number INTEGER PRIMARY KEY, beat INTEGER NOT NULL,"
    " about TEXT NOT NULL);";

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
