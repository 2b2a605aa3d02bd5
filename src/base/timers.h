#ifndef BASE_TIMERS_H
#define BASE_TIMERS_H

#include "base/loop.h"

/* The timers of a loop.  Private to base/; starts as zeros. */
struct timers {
	struct timer *root;	/* the heap: who fires first */
	uint64_t serial;	/* of the next that is armed */
	bool firing;		/* those before `end` that are due by now */
	int64_t now_ms;
	uint64_t end;
};

void timers_arm(struct timers *, struct timer *, int64_t at_ms);
void timers_disarm(struct timers *, struct timer *);

/* All that are due at this time may be taken now, one by one; what is armed
 * meanwhile is not among them. */
void timers_expire(struct timers *, int64_t now_ms);

/* The next of those, not armed any more; NULL: no more. */
struct timer *timers_take(struct timers *);

/* Whether there is one, and when the first of them fires. */
bool timers_next(const struct timers *, int64_t *at_ms);

#endif
