#ifndef STORE_STANDING_H
#define STORE_STANDING_H

#include "base/arena.h"
#include "store/store.h"

/*
 * How a portal stands: what waits for it, and what went wrong last.  Costs
 * the same however long the queue is: at most STANDING_LOOKS rows of a kind
 * are looked at, the oldest that wait and the newest that were refused.
 */
#define STANDING_LOOKS 2000

struct standing {
	int64_t waiting, refused;	/* messages */
	bool more_waiting, more_refused;	/* there may be more */
	const char *error;	/* what holds its messages back, or the */
				/* newest refusal; "": nothing is known */
	int64_t error_ms;	/* when that was, or 0: it still is so */
};

struct standing_reading {
	struct db_work db;
	const char *member_id;
	int64_t channel;	/* number of the place of a channel of it, 0: */
				/* none (store/place.h) */
	struct arena *arena;
	/* out */
	struct standing out;
};
void store_standing_read(struct standing_reading *);

#endif
