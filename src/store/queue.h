#ifndef STORE_QUEUE_H
#define STORE_QUEUE_H

#include "store/sqlite.h"
#include "store/store.h"

#include <pthread.h>
#include <sqlite3.h>

/*
 * What the files of the queue share.  Private to store/.
 */
struct store {
	pthread_mutex_t lock;
	struct sqlite *db;	/* NULL: not open now */
	char *path;
	const struct clock *clock;
	struct sqlite_opts opts;
};

/* Slots of the prepared statements, one for each in the queue's files. */
enum slot {
	SLOT_NEWEST, SLOT_INSERT, SLOT_DELIVERED, SLOT_ACKNOWLEDGED,
	SLOT_REFUSED, SLOT_POSTPONED, SLOT_ONE, SLOT_ALL
};

/*
 * Takes the lock and has the file open.  store_unlock() must follow in any
 * case; it passes `e` on and, if that is an error, closes the file, because
 * after a failed write nothing that the connection knows is sure.
 */
enum err store_lock(struct store *, bool *absent, struct problem *);
enum err store_unlock(struct store *, enum err e);

/* Runs `work` in one transaction; its false rolls everything back. */
enum err store_transact(struct store *,
    bool (*work)(struct store *, void *ctx), void *ctx, struct problem *);

/*
 * Bind a text (NULL binds NULL; it must live until the step) or a number.
 * A failed binding shows in the step: it leaves NULL in a NOT NULL column,
 * or finds no row.
 */
void bind_text(sqlite3_stmt *, int i, const char *text);
void bind_int(sqlite3_stmt *, int i, int64_t value);

#endif
