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
struct sqlite3;
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
 * The prepared statement of this SQL, a string literal, reset and without
 * bindings; at most 96 of them.  NULL on failure: sqlite_fail() tells why.
 */
struct sqlite3_stmt *sqlite_stmt(struct sqlite *, const char *sql);

/* Runs a statement that gives no row; then it is reset. */
bool sqlite_done(struct sqlite *, struct sqlite3_stmt *);

/*
 * Makes claimed(owner, lease) known in SQL: 0 for owner 0, else what the
 * function says.
 */
bool sqlite_add_claimed(struct sqlite *,
    bool (*claimed)(void *ctx, int64_t owner, int64_t lease), void *ctx);

/* The library's own handle, for what has no name here. */
struct sqlite3 *sqlite_handle(struct sqlite *);

/* How many rows the last statement changed. */
int64_t sqlite_changes(struct sqlite *);

/* BEGIN IMMEDIATE, COMMIT, ROLLBACK.  A false leaves no transaction open. */
bool sqlite_begin(struct sqlite *);
bool sqlite_commit(struct sqlite *);
void sqlite_rollback(struct sqlite *);

/* Whether the last call failed because another has the file. */
bool sqlite_is_busy(struct sqlite *);

/* Records why the last call failed; always ERR_DISK. */
enum err sqlite_fail(struct sqlite *, struct problem *);

#endif
