#ifndef PORTAL_OUTAGE_H
#define PORTAL_OUTAGE_H

#include "portal/env.h"
#include "store/place.h"

/*
 * Whether a destination (a portal, or a channel) is down, for this process
 * and in the store.  A part of what it is about.
 */
struct outage {
	/* set by the owner */
	const struct env *env;
	struct place place;	/* PLACE_TELL: a portal, by its member_id */
	/* It is not being written any more; `writing` counts those before. */
	void (*written)(struct outage *);
	bool down;		/* set by the owner before outage_write() */
	/* its own */
	bool writing;
	bool again;		/* it has changed since */
	char why[PROBLEM_TEXT_MAX];
	struct place_change change;
};

/*
 * Has the store told what `down` says now, and the log once it is written;
 * the reason of one that is being written stays.  If it cannot be written the
 * next call finds out the same.  True: written() will be called for it.
 */
bool outage_write(struct outage *, const char *reason);

#endif
