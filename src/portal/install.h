#ifndef PORTAL_INSTALL_H
#define PORTAL_INSTALL_H

#include "base/patience.h"
#include "event/event.h"
#include "portal/env.h"
#include "portal/oauth.h"
#include "store/portals.h"

/*
 * ONAPPINSTALL (design, trust): checked, kept inert, then proven by what the
 * OAuth server says, then stored.  Who proves, and how many at a time, is the
 * business of relay/proofs.h.
 */
enum install_end {
	INSTALL_DONE,		/* proven and stored */
	INSTALL_DENIED,		/* it could not be proven */
	INSTALL_LATER		/* kept, inert, to be proven later */
};

/*
 * Whether it has all that a proof needs; *known: it is a repeat of what is
 * stored, and nothing is to be done.  ERR_DENIED with the reason, ERR_DISK.
 */
enum err install_check(const struct env *, const struct event *, bool *known,
    struct problem *);

/* The installation that an event tells of, not kept yet; borrows its texts. */
struct install install_of(const struct event *);

/* The same with texts in an arena; false: no memory. */
bool install_copy(struct install *, struct arena *);

/*
 * Proves one that is claimed, or (id 0) not kept; stores it and ends its
 * waiting, or puts it off.  With INSTALL_DENIED and _LATER why[] says why.
 */
enum install_end install_prove(const struct env *, const struct install *,
    struct arena *, struct patience *, char why[OAUTH_REASON_MAX]);

#endif
