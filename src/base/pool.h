#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "base/err.h"
#include "base/loop.h"

/*
 * A few threads for what can only block.  A job owns copies of all that it
 * needs, and the loop leaves it alone until it is back.  Every job comes
 * back by the same road, in the order in which they end.
 */
struct pool;

struct job {
	void (*work)(struct job *);	/* in a thread of the pool */
	void (*done)(struct job *);	/* in the loop, afterwards */
	/* the pool's own */
	STAILQ_ENTRY(job) link;
};

/*
 * `threads` 0: jobs are worked on in the loop's own thread, one a turn, for
 * programs that do one thing.  Threads start with the first job; signals are
 * blocked in them.  ERR_NOMEM.
 */
enum err pool_new(struct pool **, struct loop *, int64_t threads);

/* In the loop.  Cannot fail: if no thread can be had, it is worked on here. */
void pool_run(struct pool *, struct job *);

/*
 * Ends the threads.  False: one is still inside a job; nothing that it uses
 * may be freed, the loop neither.  Jobs that are not back are dropped.  Not
 * from inside work() or done().  NULL is fine.
 */
bool pool_free(struct pool *, int64_t wait_ms);

#endif
