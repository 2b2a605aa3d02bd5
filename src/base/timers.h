#ifndef BASE_TIMERS_H
#define BASE_TIMERS_H

#include "base/loop.h"

#include <stdbool.h>
#include <stdint.h>

/* The timers of a loop.  Private to base/; starts as zeros. */
struct timers {
	struct timer *root;	/* the heap: who fires first */
	struct timer *due;	/* those that fire in this turn, in order */
	struct timer *due_last;
	uint64_t serial;
};

void timers_arm(struct timers *, struct timer *, int64_t at_ms);
void timers_disarm(struct timers *, struct timer *);

/* Puts all that are due at this time aside, to be taken one by one. */
void timers_expire(struct timers *, int64_t now_ms);

/* The next of those put aside, not armed any more; NULL: no more. */
struct timer *timers_take(struct timers *);

/* Whether there is one, and when the first of them fires. */
bool timers_next(const struct timers *, int64_t *at_ms);

#endif
