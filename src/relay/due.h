#ifndef RELAY_DUE_H
#define RELAY_DUE_H

#include "relay/relay.h"

/* How many calls of the retry may be on their way to one destination, so
 * that one that hangs leaves threads for the others. */
#define DUE_PER_PLACE 3

enum due {
	DUE_NONE,	/* nothing is due */
	DUE_DONE,	/* a message (or a batch) moved on */
	DUE_FAILED,	/* it was tried and did not */
	DUE_HELD	/* its destination is down: put off */
};

/*
 * Claims the message that is due for longest and tries its next step; a
 * delivered one takes others of its portal, connector and line along.  With
 * `scan`, only if no other process is scanning now.  `*p` is set on DUE_NONE
 * if the store failed.
 */
enum due due_try_one(const struct relay *, bool scan, struct problem *p);

#endif
