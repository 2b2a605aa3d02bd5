#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * One connection to an SQLite file with its prepared statements.  Private
 * to store/: the queue's statements stand in store/queue.c.
 */
struct sqlite;
struct sqlite3_stmt;

struct sqlite_opts {
	const char *path;
	int busy_ms;
	bool create;
};

/*
 * Opens the file, creates or checks its schema, and sets and reads back what
 * durability needs: synchronous=FULL, and WAL only where the library is free
 * of the WAL-reset bug (sqlite.org/wal.html), else journal_mode=TRUNCATE.
 * ERR_DISK with the reason.  *absent: there is no file, and none was made.
 */
enum err sqlite_open(struct sqlite **, const struct sqlite_opts *,
    bool *absent, struct problem *);
void sqlite_close(struct sqlite *);	/* NULL is fine */

/* Whether WAL cannot lose committed data in this version of the library. */
bool sqlite_wal_is_safe(int version);

/*
 * The statement `slot` (0 to 31) with this SQL, prepared once, reset and
 * without bindings.  NULL on failure: sqlite_fail() tells why.
 */
struct sqlite3_stmt *sqlite_stmt(struct sqlite *, unsigned slot,
    const char *sql);

/* Runs a statement that gives no row; then it is reset. */
bool sqlite_done(struct sqlite *, struct sqlite3_stmt *);

/* BEGIN IMMEDIATE, COMMIT, ROLLBACK.  A false leaves no transaction open. */
bool sqlite_begin(struct sqlite *);
bool sqlite_commit(struct sqlite *);
void sqlite_rollback(struct sqlite *);

/* Records why the last call failed; always ERR_DISK. */
enum err sqlite_fail(struct sqlite *, struct problem *);

#endif
