#ifndef STORE_WRITE_H
#define STORE_WRITE_H

#include "base/err.h"

#include <semaphore.h>
#include <stdbool.h>
#include <sys/queue.h>

struct store;

/*
 * A write on its way to a commit, which it shares with others.  Its owner
 * keeps it unchanged until it is over.
 *
 * `done`, if it is set, is called once, in the thread that committed it, and
 * must be quick: nobody waits for this write.
 */
struct store_write {
	void (*done)(struct store_write *);
	/* the store's own */
	bool (*work)(struct store *, void *ctx);
	void *ctx;
	struct problem *problem;
	sem_t wake;		/* without `done`: posted when it is over, or */
	bool leads;		/* it is this one's turn to commit */
	bool over;		/* `end` is set */
	enum err end;
	STAILQ_ENTRY(store_write) link;
};

/* Whom to tell that a write has its place among the others. */
struct on_queued {
	void (*call)(void *ctx);
	void *ctx;
};

/*
 * A commit is due, and the thread that has just made one is wanted elsewhere:
 * `wake` is to have store_lead() called soon by another thread.  If it says
 * false, or is not set, that thread goes on.  Called under a lock: it must be
 * quick, and call nothing of the store.  Set before threads start; NULL ends
 * it.
 */
void store_on_lead(struct store *, bool (*wake)(void *ctx), void *ctx);
void store_lead(struct store *);

#endif
