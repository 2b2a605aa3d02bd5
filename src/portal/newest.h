#ifndef PORTAL_NEWEST_H
#define PORTAL_NEWEST_H

#include "base/table.h"

#include <sys/queue.h>

/*
 * The newest token of an event that each portal accepted, in memory only: it
 * serves for older messages of the portal whose own tokens have expired.  Of
 * many portals the ones that were used last are remembered.
 */
struct newest_one;
struct newest {
	struct table table;
	TAILQ_HEAD(, newest_one) order;	/* the oldest first */
	size_t n;
};

void newest_init(struct newest *);
void newest_free(struct newest *);

/* NULL: none.  It lives until the next call of newest_set(). */
const char *newest_get(const struct newest *, const char *member_id);

/* NULL forgets it.  Without memory nothing is remembered. */
void newest_set(struct newest *, const char *member_id, const char *token);

#endif
