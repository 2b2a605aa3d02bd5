#ifndef RELAY_WAITING_H
#define RELAY_WAITING_H

#include "base/clock.h"
#include "base/err.h"
#include "store/calls.h"

#include <sys/queue.h>

/*
 * Who waits for which messages to be told to Bitrix24.  A request that only
 * waits holds no thread: it is listed here, and whoever tells its last
 * message, in whatever thread, ends its wait; else the time for its answer
 * does.  What another process has told is learnt from the store.
 */
struct waiting;

/* One message that is waited for. */
struct awaited {
	int64_t id;
	enum state state;	/* STATE_DELIVERED until it is told */
	struct wait *wait;
	bool listed;
	LIST_ENTRY(awaited) link;
};

/*
 * One who waits.  `over` is called once, in any thread and without a lock,
 * when nothing is awaited any more or the time is over; the wait and its
 * messages are its owner's again then, who may free them.
 */
struct wait {
	void (*over)(struct wait *);
	struct deadline until;
	/* set by waiting_init() and below */
	struct awaited *item;	/* room of the owner's */
	size_t items;
	size_t pending;
	bool armed;
	int64_t asked_ms;	/* when the store was asked last */
	TAILQ_ENTRY(wait) link;
};

enum err waiting_new(struct waiting **, struct store *, const struct clock *);

/* NULL is fine.  Nobody may wait any more. */
void waiting_free(struct waiting *);

/* An empty wait, with room for some messages. */
void waiting_init(struct wait *, struct awaited *room);

/*
 * Adds a message, before anybody else may tell it; takes back the last that
 * was added, which nobody will tell.  Only until waiting_arm().
 */
void waiting_add(struct waiting *, struct wait *, int64_t id);
void waiting_undo(struct waiting *, struct wait *);

/*
 * Nothing more is added: from now on `over` may be called, and at once if
 * nothing is left to wait for.
 */
void waiting_arm(struct waiting *, struct wait *);

/* Instead of waiting_arm(): nothing is waited for; calls `over`. */
void waiting_end(struct waiting *, struct wait *);

/* What became of messages that were told, or could not be. */
void waiting_tell(struct waiting *, struct work *const *, size_t n,
    enum state);

/* How many wait now. */
size_t waiting_count(struct waiting *);

/* Ends all waits, as if their time were over. */
void waiting_end_all(struct waiting *);

/*
 * Watches the time and the store in a thread of its own, from the first wait
 * on.  ERR_RETRY: no thread to be had.
 */
enum err waiting_start(struct waiting *);

/* Ends that thread, if there is one.  Those who still wait are left alone. */
void waiting_stop(struct waiting *);

#endif
