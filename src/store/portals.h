#ifndef STORE_PORTALS_H
#define STORE_PORTALS_H

#include "base/arena.h"
#include "store/store.h"

/* What is known of an installed portal.  Texts live in the reader's arena. */
struct portal {
	const char *member_id;
	const char *application_token;
	const char *endpoint;		/* of its REST calls */
	const char *server_endpoint;	/* of its OAuth server */
	const char *access_token;	/* "" once it was forgotten */
	const char *refresh_token;
	int64_t expires_ms;
	int64_t ts;			/* of the installation event */
	const char *rejected;		/* why refreshing is over, or NULL */
	int64_t changed_ms;
};

#define PORTAL_ARENA_MAX ((size_t)256 * 1024)

/* Moves its texts into that arena.  False: no memory, and those that did not
 * fit are NULL. */
bool portal_keep(struct portal *, struct arena *);

/* Reads a portal; `found` is false if it is not installed. */
struct portal_reading {
	struct db_work db;
	const char *member_id;
	struct arena *arena;
	/* out */
	struct portal portal;
	bool found;
};
void store_portal_read(struct portal_reading *);

/*
 * Stores a new pair of tokens after a refresh, or a proven installation
 * (`id` of the kept one, which is removed): its portal is to be set up then,
 * and if it has no application_token the stored one stays.  Places that were
 * parked for the want of tokens are looked at again, a refresh claim ends.
 * What is stored already is left alone (`stale`) if it is a newer
 * installation, or, after a refresh, if the pair is not `spent` any more.
 */
struct portal_saving {
	struct db_work db;
	struct store *store;
	struct portal portal;
	const char *spent;	/* the refresh token that was traded; NULL: */
				/* this is an installation, which came */
	const char *url;	/* there, as far as that is known, or "" */
	int64_t id;
	/* out */
	bool stale;
};
void store_portal_save(struct portal_saving *);

/* The small changes. */
enum portal_act {
	PORTAL_REJECTED,	/* its OAuth server refuses: `text` is why; */
				/* nothing if our claim has ended */
	PORTAL_MOVED,		/* a renamed portal's new endpoint */
	PORTAL_FORGOTTEN,	/* uninstalled: all that is known of it goes */
	PORTAL_REFRESH_END	/* our claim to refresh ends */
};
struct portal_change {
	struct db_work db;
	struct store *store;
	enum portal_act act;
	const char *member_id;
	const char *text;
};
void store_portal_change(struct portal_change *);

enum refresh {
	REFRESH_YOURS,		/* nobody else refreshes: do it */
	REFRESH_BUSY,		/* somebody does: look again soon */
	REFRESH_NEWER,		/* the pair is not the one that failed */
	REFRESH_NONE		/* no tokens, or they are rejected */
};

/*
 * Asks to refresh the pair whose access token failed; one at a time per
 * portal among all processes.  Saving it, or one of the changes, ends the
 * claim.  The pair as it is now comes with the answer.
 */
struct refresh_asking {
	struct db_work db;
	const char *member_id;
	const char *failed;
	struct arena *arena;
	/* out */
	enum refresh answer;
	struct portal portal;
	bool found;
};
void store_refresh_ask(struct refresh_asking *);

/* Calls `each` for every portal, until it returns false; no loop needed. */
enum err store_portal_each(struct store *,
    bool (*each)(void *ctx, const struct portal *), void *ctx,
    struct problem *);

/* Within a transaction: as store_portal_read(). */
bool portal_read(struct tx *, const char *member_id, struct arena *,
    struct portal *, bool *found);

#endif
