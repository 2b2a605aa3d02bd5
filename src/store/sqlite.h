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
 * Makes the file and the last folder above it, unless it is there already.
 * *absent: it is not there, and is not to be made.  ERR_DISK.
 */
enum err sqlite_make(const struct sqlite_opts *, bool *absent,
    struct problem *);

/*
 * Opens a file that is there, creates or checks its schema, and sets and
 * reads back what durability needs: synchronous=FULL, and journal_mode=WAL,
 * or TRUNCATE where the file system bears no shared memory.  Whoever opens,
 * writes or checkpoints must be the only one among all processes: versions
 * of SQLite before 3.51.3 can lose commits else (sqlite.org/wal.html, the
 * WAL-reset bug).  ERR_DISK with the reason.
 */
enum err sqlite_open(struct sqlite **, const struct sqlite_opts *,
    struct problem *);
void sqlite_close(struct sqlite *);	/* NULL is fine */

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

/*
 * Whether the file still is this program's store: ERR_DISK if somebody has
 * written something else there meanwhile.
 */
enum err sqlite_check(struct sqlite *, struct problem *);

/*
 * Moves what is in the log into the file once there is much of it; or, if
 * `all`, also whatever there is, and leaves the log empty: what was erased
 * is gone from the disk then.  Never waits for readers: they only put it off.
 */
void sqlite_checkpoint(struct sqlite *, bool all);

/* Records why the last call failed; always ERR_DISK. */
enum err sqlite_fail(struct sqlite *, struct problem *);

#endif
