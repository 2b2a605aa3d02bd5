#ifndef RELAY_READY_H
#define RELAY_READY_H

#include "base/err.h"
#include "base/patience.h"

#include <stdbool.h>
#include <sys/queue.h>

/*
 * Work that waited for a commit and can go on, for whichever worker comes
 * first.  So no thread waits for the disk, and few threads serve many
 * requests.
 */
struct ready;

/* One piece of it, in its owner's memory.  `thread` is the worker's. */
struct task {
	void (*run)(struct task *, struct patience *thread);
	STAILQ_ENTRY(task) link;
};

enum err ready_new(struct ready **);
void ready_free(struct ready *);	/* NULL is fine */

/* How a sleeping worker is woken; set before there are any. */
void ready_on_push(struct ready *, void (*wake)(void *ctx), void *ctx);

void ready_push(struct ready *, struct task *);

/* Takes one, to be run by the caller; NULL: there is none.  *more: it was
 * not the last. */
struct task *ready_take(struct ready *, bool *more);

#endif
