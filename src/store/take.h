#ifndef STORE_TAKE_H
#define STORE_TAKE_H

#include "event/event.h"
#include "store/place.h"

/* What became of one message of an event that was stored. */
struct arrival {
	int64_t id;
	char key[KEY_MAX];
	enum state state;
	bool fresh;		/* stored now; else it was there already */
	bool claimed;		/* fresh, and ours to hand over now; or */
	bool ready;		/* waits at its place, its chat's first */
	int64_t received_us;	/* Unix time of its first arrival */
	int64_t chat_number;
};

/*
 * Stores all messages of a checked event in one transaction: good ones as
 * received with the event's own token and endpoint, bad ones (with a reason:
 * all) as refused.  A message is claimed unless its chat is busy or waiting,
 * its channel is down, or `claims` others are claimed already.
 */
struct taking {
	struct db_work db;
	struct store *store;
	const struct event *event;
	const char *reason;	/* why none of it can be used, or NULL */
	struct place channel;	/* where its messages go */
	size_t claims;		/* so many at most are claimed */
	/*
	 * Whether its sender may be believed, if not NULL: gets the
	 * application token stored for the portal, or NULL, and sets the
	 * problem.  Called in the committer's thread.
	 */
	bool (*may_send)(void *ctx, const char *stored_token,
	    struct problem *);
	void *ctx;
	struct arrival *arrival;	/* room for each message */
	/* out */
	size_t claimed;
	bool denied;		/* may_send() said no, `why` says it */
	struct problem why;
	bool down;		/* the channel is */
};
void store_take(struct taking *);

#endif
