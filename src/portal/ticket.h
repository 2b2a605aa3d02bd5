#ifndef PORTAL_TICKET_H
#define PORTAL_TICKET_H

#include "base/arena.h"
#include "base/buf.h"
#include "config/config.h"
#include "store/portals.h"

/*
 * What a page that was opened may do, and for how long.  It travels with the
 * page's form and comes back with it, sealed: so any process can serve the
 * form, none has to remember it, and no token can be read in the page.
 */
struct ticket {
	const char *connector;	/* no controls in it */
	int64_t line;
	const char *token;	/* of the user who opened the page; likewise */
};

#define TICKET_MS ((int64_t)15 * 60 * 1000)

/* Whose ticket, and when. */
struct ticket_of {
	const struct config *config;
	const struct portal *portal;
	int64_t now_ms;		/* Unix time */
};

/*
 * Appends one, good until TICKET_MS from now.
 * The key is made of the application's client_secret and application_token.
 * ERR_DENIED: there is neither; ERR_TOOBIG, ERR_NOMEM.
 */
enum err ticket_write(struct buf *, const struct ticket *,
    const struct ticket_of *);

/*
 * Reads one; texts live in the arena.  ERR_DENIED: it is none of this
 * portal's, or its time is over: the problem says which.  ERR_NOMEM.
 */
enum err ticket_read(struct ticket *, struct arena *, const char *text,
    const struct ticket_of *, struct problem *);

#endif
