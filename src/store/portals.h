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
 * Stores a proven installation, unless a newer one (by ts) is: parked messages
 * of the portal are due again, a refresh claim ends, and what is kept of the
 * portal's installations up to this one goes.
 */
enum err store_portal_save(struct store *, const struct portal *,
    struct problem *);

/*
 * Stores the new pair (access_token, refresh_token, expires_ms, with its
 * server_endpoint) that the refresh token `spent` was traded for, and ends
 * the refresh claim; parked messages are due again.  If the portal was
 * installed anew or uninstalled meanwhile, nothing is changed.
 */
enum err store_portal_renew(struct store *, const struct portal *,
    const char *spent, struct problem *);

/* Its OAuth server refuses to refresh: a person must install again. */
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
 * portal among all processes.  store_portal_renew(), _rejected() or
 * store_refresh_end() ends the claim; if the last cannot be written, it is
 * made up for by store_refresh_settle(), or the next to ask in this process.
 */
enum err store_refresh_begin(struct store *, const char *member_id,
    const char *failed_token, enum refresh *, struct problem *);
enum err store_refresh_end(struct store *, const char *member_id,
    struct problem *);
void store_refresh_settle(struct store *);

/* Calls `each` for every portal, until it returns false. */
enum err store_portal_each(struct store *,
    bool (*each)(void *ctx, const struct portal *), void *ctx,
    struct problem *);

/* An installation that could not be proven yet: nothing acts on it. */
struct install {
	int64_t id;		/* 0: it is not kept */
	const char *member_id, *application_token, *endpoint,
	    *server_endpoint, *access_token, *refresh_token;
	int64_t expires_in, ts, received_ms;	/* ts -1: none came along */
};

#define INSTALLS_MAX 100
#define INSTALL_MS ((int64_t)3600 * 1000)	/* how long one is kept */

enum kept {
	KEPT_KNOWN,		/* not needed: it is what is stored, or older */
				/* with the same application_token */
	KEPT_STALE,		/* not kept: a newer one is stored */
	KEPT_OLDER,		/* not kept: a newer one of its portal is */
	KEPT_CLAIMED,		/* kept, and ours to prove now */
	KEPT_BUSY,		/* kept, and somebody is proving it now */
	KEPT_WAITING		/* kept, until it is due */
};

/*
 * Keeps an installation, the newest (by ts) of its portal, and sets its id
 * and ts; a copy of one that is kept changes nothing.  It is claimed if it is
 * due and fewer than `places` are claimed by anybody.  Of more than
 * INSTALLS_MAX the one that was tried most often goes.
 */
enum err store_install_keep(struct store *, struct install *,
    int64_t places, enum kept *, struct problem *);

/*
 * Claims one that is due, the one that was tried least, if fewer than
 * `places` are claimed; *found false: none.  Those that are too old, or older
 * than what is stored, are removed first.
 */
enum err store_install_due(struct store *, int64_t places, struct arena *,
    struct install *, bool *found, struct problem *);

/* Whether one is due, by a quick look that claims nothing. */
bool store_install_waits(struct store *);

/* One that is claimed is tried again then, or is over. */
enum err store_install_again(struct store *, int64_t id, int64_t next_ms,
    struct problem *);
enum err store_install_done(struct store *, int64_t id, struct problem *);

#endif
