#ifndef STORE_QUEUE_H
#define STORE_QUEUE_H

#include "store/commit.h"
#include "store/owner.h"
#include "store/sqlite.h"
#include "store/store.h"

#include <pthread.h>
#include <sqlite3.h>

#define ORPHANS_MAX 1024
#define DEBTS_MAX 64

/*
 * What the files of the store share.  Private to store/.
 */
struct store {
	struct commits commits;
	pthread_mutex_t lock;	/* guards the rest */
	struct sqlite *db;	/* NULL: not open now */
	struct owner *owner;	/* from the first transaction on */
	char *path;
	struct store_opts opts;
	const struct scan_filter *filter;	/* of the scan that runs */
	bool scanning;		/* a thread of this process has the scan */
	int64_t orphan[ORPHANS_MAX];	/* claimed, but nobody works on it */
	size_t orphans;
	char *debt[DEBTS_MAX];	/* portals whose refresh claim is to be */
	size_t debts;		/* given back (store/refresh.c) */
	int64_t written_ms;	/* Unix time of the last commit */
};

/*
 * In SQL: the key is ?1.  It has no index of its own: it is the base, or the
 * base with "-n" behind it (event/identity.h), and that one is indexed.
 */
#define KEY_IS_1(of) of "base IN (?1, substr(?1, 1, length(rtrim(?1," \
	" '0123456789')) - 1)) AND " of "key = ?1"

/*
 * Takes the lock and has the file open.  store_unlock() must follow in any
 * case; it passes `e` on and, if that is an error, closes the file, because
 * after a failed write nothing that the connection knows is sure.
 */
enum err store_lock(struct store *, bool *absent, struct problem *);
enum err store_unlock(struct store *, enum err e);

/*
 * Only one process at a time opens, writes or checkpoints (store/sqlite.h):
 * waits for the place, at most for busy_ms.  Under the lock.
 */
bool store_begin_write(struct store *);
void store_end_write(struct store *);

/*
 * store_lock() for work on what there is: where no file is and none is to be
 * made, the store is empty, *absent says so, and `*p` stays as it was.
 */
enum err store_begin(struct store *, bool *absent, struct problem *);

/*
 * Runs `work` in a transaction that it may share with others' work; its false
 * rolls it back.  It may run several times before it counts, in any thread,
 * under the store's lock: it must start from nothing each time.
 */
enum err store_transact(struct store *,
    bool (*work)(struct store *, void *ctx), void *ctx, struct problem *);

/*
 * The same for a write that is in no hurry: alone, it waits up to `wait_ms`
 * for another to share the commit with.  The on_queued, unless NULL, is called
 * once no later write can come before this one.
 */
struct on_queued;
enum err store_transact_with(struct store *,
    bool (*work)(struct store *, void *ctx), void *ctx, int64_t wait_ms,
    const struct on_queued *, struct problem *);

/*
 * Begins a write that no thread waits for; the caller has set done, work, ctx
 * and problem.  True: it is over, and done() is not called.  It may have led
 * for a while then.
 */
bool store_submit(struct store *, struct store_write *);

/* Runs `work` on a consistent view without writing. */
enum err store_read(struct store *,
    bool (*work)(struct store *, void *ctx), void *ctx, struct problem *);

/*
 * Bind a text (NULL binds NULL; it must live until the step) or a number.
 * A failed binding shows in the step: it leaves NULL in a NOT NULL column,
 * or finds no row.
 */
void bind_text(sqlite3_stmt *, int i, const char *text);
void bind_int(sqlite3_stmt *, int i, int64_t value);

/* Runs a statement for its one number; 0 if it gives no row. */
bool ask_int(struct store *, sqlite3_stmt *, int64_t *out);

/* Unix time; the end of a claim that begins now, on the monotonic clock. */
int64_t store_now(const struct store *);
int64_t store_lease(const struct store *);

/*
 * A move could not be written: the message (or, if negative, the call) is
 * claimed and nobody works on it any more.  The claim is given back as soon
 * as the store can be written; of more than ORPHANS_MAX, the lease ends the
 * rest.
 */
void claim_orphan(struct store *, int64_t id);

/* Makes blocked(state, member_id, connector, line) known in SQL. */
bool claim_add_blocked(struct store *);

/* Claims a message for this process.  Within a transaction. */
bool claim_row(struct store *, int64_t id);

/*
 * The first of a chat may go on: claims it if it is free and not postponed
 * to later.  *next gets its id, or 0.  Within a transaction.
 */
bool claim_next_of_chat(struct store *, const struct work *of, int64_t *next);

/* store_call_begin() for what was delivered in this transaction. */
struct call;
struct line;
bool call_begin(struct store *, const struct line *,
    const struct work *first, struct call *);

/* How much a portal's bucket takes, and how full it is now: thousandths of a
 * call. */
int64_t call_room(const struct store *);
bool call_read_level(struct store *, const char *member_id, int64_t *level);
bool call_write_level(struct store *, const char *member_id, int64_t level);

/* store_down_until() and store_portal() within one; 0: it is up. */
bool destination_until(struct store *, const char *name, int64_t *until_ms);
struct portal;
bool portal_read(struct store *, const char *member_id, struct arena *,
    struct portal *, bool *found);

/*
 * Sets the due time and hold of what waits for the same step and destination
 * as `like`, unless it is later already.  Within a transaction.
 */
bool destination_wait(struct store *, const struct work *like,
    int64_t due_ms, enum hold from, enum hold to);

#endif
