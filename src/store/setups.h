#ifndef STORE_SETUPS_H
#define STORE_SETUPS_H

#include "base/arena.h"
#include "store/store.h"

/*
 * Whether the installed portals have been set up.  A portal is to be from
 * the commit on that stored its installation; who tries it claims it, and
 * what a dead process had claimed is tried again.
 */
enum setup_state {
	SETUP_WANTED,
	SETUP_WAITS,	/* all is done; Bitrix24 has the installation to end */
	SETUP_DONE
};

struct setup_row {
	const char *member_id;
	const char *url;	/* where the installation arrived, or "" */
	int64_t asked;		/* of which wish this is */
	enum setup_state state;
	int64_t tries;		/* failures since then */
	int64_t next_ms;	/* Unix time of the next try, unless done */
	int64_t changed_ms;	/* Unix time of the last change */
	const char *reason;	/* what is missing, or "" */
};

/* Claims the one that is due longest.  Texts live in the arena, which is
 * reset first. */
struct setup_due {
	struct db_work db;
	struct arena *arena;
	/* out */
	bool found;
	struct setup_row row;
};
void store_setup_due(struct setup_due *);

/* Reads a portal's; nothing is found of one that is not installed, or was
 * before there was a set-up. */
struct setup_reading {
	struct db_work db;
	const char *member_id;
	struct arena *arena;
	/* out */
	bool found;
	struct setup_row row;
};
void store_setup_read(struct setup_reading *);

/* An installed portal is to be set up, or again; or the caller does it, as if
 * store_setup_due() had given it to him. */
struct setup_wish {
	struct db_work db;
	const char *member_id;
	const char *url;	/* where it came, or NULL: what is known goes */
				/* before it, as a page's sender may lie */
	bool claim;
	struct arena *arena;	/* with `claim` */
	/* out, with `claim` */
	bool found;
	struct setup_row row;
};
void store_setup_wish(struct setup_wish *);

/* How a try ended; nothing if it has been wished for again since. */
struct setup_ending {
	struct db_work db;
	const char *member_id;
	int64_t asked;
	enum setup_state state;	/* unless _DONE: */
	int64_t wait_ms;	/* until the next try */
	const char *reason;
};
void store_setup_end(struct setup_ending *);

#endif
