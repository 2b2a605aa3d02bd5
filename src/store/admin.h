#ifndef STORE_ADMIN_H
#define STORE_ADMIN_H

#include "store/store.h"
#include "store/work.h"

/*
 * The queue as a person sees and mends it, without a loop.  A handler may
 * work on it at the same time: what it has claimed is left alone.
 */

/* Why a message that could be tried is not. */
enum hold {
	HOLD_NONE,
	HOLD_DOWN,	/* its destination is down: until a probe succeeds */
	HOLD_PARKED,	/* its portal is lost: until new tokens arrive */
	HOLD_UNCOVERED	/* no living process takes up its connector */
};

/* A message; texts live during the callback only, "" where unknown. */
struct stored {
	int64_t id;
	const char *key;
	enum state state;
	enum step step;		/* 0: none was refused */
	const char *reason;	/* of the last failure, or of the hold */
	const char *event, *member_id, *domain, *connector, *chat;
	int64_t line, chat_id, message_id, ts;
	const char *ids;	/* JSON list */
	const char *body;	/* NULL once erased */
	int64_t received_us, changed_ms;
	int64_t next_ms;	/* when it is tried again; 0: not by itself */
	int64_t tries;
	enum hold hold;
	enum turn turn;		/* of one that is received or delivered */
};

/* Which messages; NULL or 0 means any.  Those that were acknowledged are
 * told with what is left of them: their key, and when they came. */
struct filter {
	const char *key;
	enum state state;
	const char *member_id;	/* or the portal's domain */
	const char *chat;
};

/*
 * Calls `each` for the messages in order of arrival, until it returns
 * false; acknowledged ones behind the others.  OK with no call if there is
 * none, also where no file is yet.  It may take its time: nothing is locked
 * meanwhile.  What arrives meanwhile is left out.
 */
enum err store_each(struct store *, const struct filter *,
    bool (*each)(void *ctx, const struct stored *), void *ctx,
    struct problem *);

/*
 * A refused message goes on from the step that refused it, in the place that
 * it has in the order of its chat.  An element that could not be read stays.
 * *n is 0 or 1; without a key all that are refused go on.
 */
enum err store_retry(struct store *, const char *key, int64_t *n,
    struct problem *);

/* Removes the message with that key, and the key, unless a process works on
 * it; *n is 0 or 1. */
enum err store_drop(struct store *, const char *key, int64_t *n,
    struct problem *);

/* The same for all that are refused, in steps that hold nobody up. */
struct many {
	void (*progress)(const struct many *);	/* behind a step; or NULL */
	int64_t n;		/* out: how many yet, also after an error */
};
enum err store_retry_refused(struct store *, struct many *,
    struct problem *);
/* Those that were refused more than older_ms ago (0: all). */
enum err store_drop_refused(struct store *, int64_t older_ms, struct many *,
    struct problem *);

/*
 * Forgets some of what was done more than keep_ms ago, by time that really
 * passed; *n: how many.  *more: there is more to look at.
 */
enum err store_purge(struct store *, int64_t *n, bool *more,
    struct problem *);

/* Rows of portals and destinations that nobody uses any more; *n: how many
 * went.  A handler does the same now and then. */
enum err store_tidy(struct store *, int64_t *n, struct problem *);

struct stats {
	int64_t now_ms;		/* the store's; 0: there is none */
	int64_t state[STATE_REFUSED + 1];	/* messages in each */
	int64_t held, parked;
	int64_t uncovered;	/* no living process takes them up */
	int64_t oldest_ms;	/* of those that wait; 0: none */
	int64_t portals, rejected, installs;
	int64_t down;		/* portals and channels */
	int64_t down_ms;	/* the first of them, since; 0: none */
	int64_t lines_off;
};

enum err store_stats(struct store *, struct stats *, struct problem *);

/* Private to store/: within a transaction; and when the oldest message that is
 * not done came, in Unix ms, 0: there is none. */
struct tx;
bool stats_read(struct tx *, struct stats *);
bool oldest_read(struct tx *, int64_t *ms);

#endif
