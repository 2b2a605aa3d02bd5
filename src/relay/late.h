#ifndef RELAY_LATE_H
#define RELAY_LATE_H

#include "base/err.h"
#include "base/patience.h"

#include <stdbool.h>
#include <stdint.h>

#define PLACE_MAX 192	/* bytes of a destination's name, with the NUL */

/*
 * Destinations with a call of this process on its way that has taken longer
 * than an answer may: when many workers are held so, no other is put at risk.
 */
struct late;

enum err late_new(struct late **);
void late_free(struct late *);	/* NULL is fine */

/* Whether at least `min` such calls are on their way. */
bool late_is(struct late *, const char *place, int64_t min);

/*
 * How many calls of the retry are on their way there (or, of a name that is no
 * destination, what its users count).  late_begin() is false
 * if there are `max` already, or if no more can be counted.
 */
bool late_begin(struct late *, const char *place, int max);
void late_end(struct late *, const char *place);
int late_count(struct late *, const char *place);

/* One call that is watched; `inner` is the patience to make it with. */
struct late_watch {
	struct late *late;
	const char *place;
	struct patience *outer;
	struct patience inner;
	bool marked;
};

/*
 * Begins and ends the watch over a call to a place.  If `inner` runs out
 * (after `ms`), the place is late and the outer patience ends, too.
 */
void late_watch_begin(struct late_watch *, struct late *, const char *place,
    struct patience *outer, const struct clock *, int64_t ms);
void late_watch_end(struct late_watch *);

#endif
