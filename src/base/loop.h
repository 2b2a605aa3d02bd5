#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/of.h"

#include <sys/queue.h>

/*
 * The loop: one thread in which everything moves.  Descriptors, timers and
 * letters from other threads note facts and make tasks ready; tasks act.
 * All calls but loop_post() are the loop's own thread's, and nothing that is
 * called here blocks.
 *
 * One turn, in this order: sleep, descriptors, letters, due timers, ready
 * tasks, hooks, the dead.  Each list is detached before the first of it
 * runs, so what is added meanwhile belongs to the next turn, which then does
 * not sleep.  A turn longer than 100 ms is logged with its slowest task.
 */
struct loop;

/* Something to run soon, once, however often it is made ready. */
struct task {
	void (*run)(struct task *);
	const char *name;		/* for the log; static */
	/* the loop's own; starts as zeros */
	bool listed;
	TAILQ_ENTRY(task) link;
};

/* A point in time.  Makes a task ready, or else `fire` notes a fact. */
struct timer {
	struct task *wakes;		/* or NULL */
	void (*fire)(struct timer *);
	/* the loop's own; starts as zeros */
	int64_t at_ms;			/* monotonic */
	uint64_t serial;		/* those of one time in order */
	bool armed;
	struct timer *child, *next, *prev;
};

/* A descriptor.  Makes a task ready, or else `ready` gets what happened, as
 * epoll's events. */
struct watch {
	struct task *wakes;		/* or NULL */
	void (*ready)(struct watch *, uint32_t events);
	int fd;
	/* the loop's own; starts as zeros */
	uint32_t events;		/* 0: not watched */
};

/* Brought into the loop by another thread; `open` runs in the loop. */
struct letter {
	void (*open)(struct letter *);
	STAILQ_ENTRY(letter) link;
};
STAILQ_HEAD(letters, letter);

/* Runs at the end of every turn, after all tasks. */
struct hook {
	void (*run)(struct hook *);
	TAILQ_ENTRY(hook) link;
};

/* ERR_NOMEM, ERR_RETRY (no descriptors).  Clock and log outlive it. */
enum err loop_new(struct loop **, const struct clock *, const struct log *);
void loop_free(struct loop *);		/* NULL is fine */

/* The monotonic time of this turn, in ms. */
int64_t loop_now(const struct loop *);

void loop_ready(struct loop *, struct task *);
void loop_unready(struct loop *, struct task *);	/* fine if it is not */

/* Sets a timer, armed or not, to a monotonic time.  Cannot fail: its place
 * is inside it.  It fires in a turn's own step only, never in here. */
void loop_arm(struct loop *, struct timer *, int64_t at_ms);
void loop_disarm(struct loop *, struct timer *);	/* fine if it is not */

/*
 * Watches a descriptor for these events (level-triggered), or changes what
 * is watched; 0 ends it, before the descriptor is closed.  A report that is
 * under way for one that was ended is dropped.  False: epoll refused.
 */
bool loop_watch(struct loop *, struct watch *, uint32_t events);

/* From any thread: the letter is opened in the loop, soon.  The loop is
 * woken only by who finds it without letters. */
void loop_post(struct loop *, struct letter *);
void loop_post_all(struct loop *, struct letters *);	/* takes them over */

void loop_add_hook(struct loop *, struct hook *);
void loop_remove_hook(struct loop *, struct hook *);

/* Frees memory at the end of the turn, when nobody is inside it any more.
 * Without memory to note that down, it is lost rather than freed too soon. */
void loop_bury(struct loop *, void *);

/*
 * One turn; sleeps at most `max_ms` (-1: as long as it takes).  Must not be
 * called from inside itself.
 */
void loop_turn(struct loop *, int64_t max_ms);

/* Turns until loop_stop() was called, before or meanwhile. */
void loop_run(struct loop *);
void loop_stop(struct loop *);

#endif
