#ifndef STORE_INSTALLS_H
#define STORE_INSTALLS_H

#include "store/portals.h"

/*
 * Installations that could not be proven yet.  Nothing acts on them; they
 * only save a portal's one installation event from being lost while the
 * OAuth server is away.
 */
struct install {
	int64_t id;
	const char *member_id, *application_token, *endpoint,
	    *server_endpoint, *access_token, *refresh_token,
	    *url;		/* where it arrived, or "" */
	int64_t ts, received_ms, tries;
};

#define INSTALLS_MAX 100
#define INSTALL_MS ((int64_t)3600 * 1000)	/* how long one is kept */

/*
 * Keeps an installation, claimed by this process if `claim`.  One is kept
 * for a portal, the newest; when all places are taken, the one that was
 * tried most often goes.
 */
struct install_keeping {
	struct db_work db;
	struct store *store;
	struct install install;
	bool claim;
	/* out */
	int64_t id;		/* of what is kept now */
	bool known;		/* it is stored, with this token and this ts */
				/* or a newer one: nothing is to be done */
	bool outdated;		/* a newer one, with another token, is */
				/* stored: this one is no use */
	bool other;		/* the same, or a newer one, was kept before, */
	bool proving;		/* and some process proves it now */
};
void store_install_keep(struct install_keeping *);

/* Claims one that is due; old ones are removed first. */
struct install_due {
	struct db_work db;
	struct store *store;
	struct arena *arena;
	/* out */
	bool found;
	struct install install;
	int64_t next_ms;	/* none is: when one will be, or 0 */
};
void store_install_due(struct install_due *);

/* What became of a proof that gave no portal. */
struct install_end_work {
	struct db_work db;
	int64_t id;
	bool again;		/* else it is removed */
	int64_t wait_ms;
};
void store_install_end(struct install_end_work *);

#endif
