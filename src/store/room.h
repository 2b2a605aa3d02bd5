#ifndef STORE_ROOM_H
#define STORE_ROOM_H

#include "store/portals.h"
#include "store/store.h"

/*
 * What one portal bears, kept for all processes: slots for calls that are on
 * their way, and its bucket, which takes `burst` calls
 * and leaks `rate` a second.  Calls are charged before they leave; what was
 * charged is void a second later.
 */

/* Asks for what a call needs.  Part of another work, or a work by itself. */
struct room_ask {
	const char *member_id;
	bool slot;		/* one more is wanted; */
	bool has_slot;		/* it can do without */
	int64_t calls;		/* so many are wanted */
	bool probe;		/* also where it is down */
	/* out */
	bool granted;		/* the slot */
	int64_t credits;	/* calls that may be made in the next second */
	bool others_wait;	/* another process has asked for one in vain */
	int64_t credit_ms;	/* with no credit: Unix ms to ask again */
	int64_t down_ms;	/* it is down until then, or 0 */
	int64_t reset_ms;	/* its operating time begins anew, or 0 */
	bool parked;		/* no token serves it: tell() needs its own */
	struct portal portal;	/* if it is installed; texts in the arena */
	bool installed;
	struct arena arena;	/* room_ask_init(), room_ask_free() */
};
void room_ask_init(struct room_ask *, const char *member_id);
void room_ask_free(struct room_ask *);

struct asking {
	struct db_work db;
	struct store *store;
	struct room_ask *ask;
	bool in_vain;		/* out, of the second */
};
void store_ask(struct asking *);
/* Only looks, beside whoever writes: whether to ask would change nothing, for
 * others have all slots and know that one is wanted. */
void store_ask_in_vain(struct asking *);

/* Private to store/: what is left by now of a level at that time. */
int64_t room_level(const struct store *, int64_t level, int64_t level_ms,
    int64_t now_ms);

/* What is told of a portal behind a call.  Rides with other writes. */
struct room_note {
	const char *member_id;
	int64_t free_slots;	/* given back */
	int64_t reset_ms;	/* of operating time, or 0 */
	int64_t charge;		/* calls that were made beyond the credit */
	bool full;		/* it said QUERY_LIMIT_EXCEEDED */
	const char *parked;	/* why no token serves it any more, or NULL */
};

struct noting_room {
	struct db_work db;
	struct store *store;
	struct room_note note;
};
void store_note_room(struct noting_room *);

#endif
