#ifndef PORTAL_INSTALL_H
#define PORTAL_INSTALL_H

#include "base/patience.h"
#include "event/event.h"
#include "portal/env.h"
#include "store/portals.h"

enum install_end {
	INSTALL_DONE,		/* proven and stored */
	INSTALL_DENIED,		/* it could not be proven */
	INSTALL_LATER		/* kept, inert, to be proven later */
};

/*
 * Takes ONAPPINSTALL (design, trust): kept inert first, then proven by what
 * the OAuth server says, then stored.  ERR_OK with *end; ERR_DENIED with the
 * reason in the problem, ERR_DISK.
 */
enum err install_take(const struct env *, const struct event *,
    struct patience *, enum install_end *end, struct problem *);

/* Tries again what is due; false if nothing was. */
bool install_retry(const struct env *);

#endif
