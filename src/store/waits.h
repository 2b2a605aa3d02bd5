#ifndef STORE_WAITS_H
#define STORE_WAITS_H

#include "base/arena.h"
#include "base/table.h"
#include "store/store.h"
#include "store/state.h"

/*
 * What waits or needs a person, in groups: where to, and why.  What is ready
 * at a place is counted there already; of the rest at most WAITS_LOOKS rows
 * of a kind are looked at, in short transactions that only read.
 */
#define WAITS_LOOKS 100000

/* In the order in which they are told. */
enum wait_why {
	WAIT_REFUSED,		/* `step` said no: `reason` */
	WAIT_UNCOVERED,		/* no living process takes it up */
	WAIT_PARKED,		/* its portal is lost: until tokens come */
	WAIT_DOWN,		/* its destination is */
	WAIT_LATER,		/* for another try */
	WAIT_TURN,		/* for its turn */
	WAIT_WORK,		/* a process has it, or had when it ended */
	WAIT__MAX
};

/* Texts are "" where unknown. */
struct wait_group {
	enum wait_why why;
	enum step step;		/* with _REFUSED */
	bool portal;		/* where to: a portal, else a channel */
	int64_t place;		/* a channel's number, else 0 */
	const char *member_id, *endpoint, *domain;	/* of a portal */
	const char *connector;	/* of a channel; of refused ones */
	const char *name;	/* the channel's place has */
	const char *reason;
	int64_t n;		/* messages, with those behind them */
	int64_t since_ms;	/* the oldest came; refused ones: were */
	int64_t next_ms;	/* the first try of them, or 0 */
};

struct waits {
	struct wait_group **group;	/* NULL where there is none */
	size_t n;
	int64_t more;		/* that wait beside them, not looked at */
	int64_t more_refused;	/* likewise */
	bool runs;		/* a process lives that takes messages up */
	/* its own */
	size_t room;
	struct arena arena;
	struct table by_key, by_place;
};

/* Fills it; waits_free() in any case.  ERR_DISK, ERR_NOMEM. */
enum err store_waits(struct store *, struct waits *, struct problem *);
void waits_free(struct waits *);

/* Private to store/: the same within one transaction, by WAITS_FEW rows of a
 * kind at most, and without looking at chats. */
#define WAITS_FEW 200
struct tx;
bool waits_read(struct tx *, struct waits *);

/* Private to store/: adds n to the group that is like this one, which is
 * copied if it is the first.  NULL: no memory. */
struct wait_group *waits_add(struct waits *, const struct wait_group *);
/* The group of what is ready at a place. */
struct wait_group *waits_at(const struct waits *, int64_t place);
bool waits_note_place(struct waits *, int64_t place, struct wait_group *);

#endif
