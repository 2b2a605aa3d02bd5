#ifndef RELAY_ATTEMPT_H
#define RELAY_ATTEMPT_H

#include "relay/inside.h"

/* What follows from a failure. */

/* Why a step did not succeed. */
struct failure {
	bool final;		/* it never will */
	const char *reason;	/* lives until the move is written */
	int64_t wait_s;		/* at least, as the other side asked; or -1 */
	int64_t until_ms;	/* not before this Unix time; or 0 */
	bool held;		/* its destination is down, or parked */
};

/* Fills the move that follows; logs it. */
void attempt_gave_up(const struct relay *, const struct work *,
    const struct moving_one *);
void attempt_failed(const struct relay *, const struct work *, enum step,
    const struct failure *, struct moving_one *);

#endif
