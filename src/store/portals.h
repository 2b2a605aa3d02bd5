#ifndef STORE_PORTALS_H
#define STORE_PORTALS_H

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

/* Reads a portal; *found false if it is not installed. */
enum err store_portal(struct store *, const char *member_id,
    struct arena *, struct portal *, bool *found, struct problem *);

/*
 * Stores a proven installation, or a new pair of tokens after a refresh:
 * parked messages of the portal are due again, a refresh claim ends.
 */
enum err store_portal_save(struct store *, const struct portal *,
    struct problem *);

/*
 * Its OAuth server refuses to refresh: a person must install again.  Nothing,
 * if the refresh is not ours any more: another may have a good pair.
 */
enum err store_portal_rejected(struct store *, const char *member_id,
    const char *reason, struct problem *);

/* A renamed portal's new endpoint. */
enum err store_portal_moved(struct store *, const char *member_id,
    const char *endpoint, struct problem *);

/* Uninstalled: everything that is known of it is removed. */
enum err store_portal_forget(struct store *, const char *member_id,
    struct problem *);

enum refresh {
	REFRESH_YOURS,		/* nobody else refreshes: do it */
	REFRESH_BUSY,		/* somebody does: look again soon */
	REFRESH_NEWER,		/* the pair is not the one that failed */
	REFRESH_NONE		/* no tokens, or they are rejected */
};

/*
 * Asks to refresh the pair whose access token failed; one at a time per
 * portal among all processes.  store_portal_save(), _rejected() or
 * store_refresh_end() ends the claim.
 */
enum err store_refresh_begin(struct store *, const char *member_id,
    const char *failed_token, enum refresh *, struct problem *);
enum err store_refresh_end(struct store *, const char *member_id,
    struct problem *);

/* Calls `each` for every portal, until it returns false. */
enum err store_portal_each(struct store *,
    bool (*each)(void *ctx, const struct portal *), void *ctx,
    struct problem *);

/* An installation that could not be proven yet: nothing acts on it. */
struct install {
	int64_t id;
	const char *member_id, *application_token, *endpoint,
	    *server_endpoint, *access_token, *refresh_token;
	int64_t expires_in, ts, received_ms;
};

#define INSTALLS_MAX 100
#define INSTALL_MS ((int64_t)3600 * 1000)	/* how long one is kept */

/*
 * Keeps an installation, claimed by this process, and gives its id; *kept
 * false if there are INSTALLS_MAX already.  One with the same tokens replaces
 * the earlier one.
 */
enum err store_install_keep(struct store *, const struct install *,
    int64_t next_ms, int64_t *id, bool *kept, struct problem *);

/* Claims one that is due (old ones are removed first); *found false: none. */
enum err store_install_due(struct store *, struct arena *,
    struct install *, bool *found, struct problem *);
enum err store_install_again(struct store *, int64_t id, int64_t next_ms,
    struct problem *);
enum err store_install_done(struct store *, int64_t id, struct problem *);

#endif
