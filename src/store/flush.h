#ifndef STORE_FLUSH_H
#define STORE_FLUSH_H

#include "store/store.h"

/*
 * All that waits for a time is due now: messages become ready, what is down
 * is probed, what is parked for the want of a token is tried once more.
 * Handlers find it by their next look, within half a second.  Many messages
 * go in small steps, each a transaction of its own.
 */
struct flush {
	/* which; NULL or 0: any */
	const char *member_id;
	const char *connector;	/* in lower case, as it is stored */
	int64_t id;		/* only this message, and what it waits for */
	void (*progress)(const struct flush *);	/* or NULL */
	/* out */
	int64_t due;		/* messages that waited for another try */
	int64_t channels, portals;	/* down: they are probed */
	int64_t parked;		/* portals: tried once more */
	bool runs;		/* a process lives that will see to it */
};

/* ERR_DISK; what was done until then is done. */
enum err store_flush(struct store *, struct flush *, struct problem *);

#endif
