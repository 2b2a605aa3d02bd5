#ifndef STORE_CALLS_H
#define STORE_CALLS_H

#include "store/portals.h"
#include "store/store.h"
#include "store/write.h"

/*
 * Status calls: how many are on their way to a portal, and its bucket, kept
 * for all processes of the store; and which delivered messages go with one.
 *
 * A message that no call could take along waits as `delivered`, unclaimed.
 * Whoever may call next takes it, in whatever process that is.
 */

/* Where a status call goes, and for what. */
struct line {
	const char *member_id;
	const char *connector;
	int64_t line;
	const char *place;	/* the portal's name as a destination */
};

enum leave {
	LEAVE_GRANTED,	/* call now, with `work` */
	LEAVE_LATER,	/* enough are on their way, or the bucket is full */
	LEAVE_DOWN,	/* the portal is down: what waited is held */
	LEAVE_NOTHING	/* no message waits */
};

/*
 * One call.  All that it points to is in its arena; call_free() frees it.
 */
struct call {
	enum leave leave;
	int64_t id;
	int64_t at_ms;		/* with _LATER: Unix ms to ask again */
	struct work **work;	/* claimed, copies; in order of arrival */
	size_t n;
	struct portal portal;	/* if it is installed */
	bool installed;
	int64_t others;		/* calls to the portal that are on their way */
	int64_t took_ms;	/* of its last good call */
	struct arena arena;
};

void call_init(struct call *);
void call_free(struct call *);

/*
 * Asks for a call and claims what goes with it: up to store_opts.batch
 * delivered messages of the line, with `first` (claimed by the caller, or
 * NULL) among them.  A message that must go alone goes alone.  Unless it is
 * granted, `first` waits again, unclaimed.  A `probe` is granted to a portal
 * that is down.  ERR_DISK.
 */
enum err store_call_begin(struct store *, const struct line *,
    const struct work *first, bool probe, struct call *, struct problem *);

/* Claims what has come to wait since, as far as there is room. */
enum err store_call_more(struct store *, const struct line *, struct call *,
    struct problem *);

/* How a call ended. */
struct call_end {
	bool acknowledged;	/* all its messages were accepted; else each */
				/* of them was moved before */
	int64_t reset_ms;	/* when operating time starts anew, or 0 */
	int64_t took_ms;	/* of the last one, with _acknowledged */
	int64_t more_calls;	/* made beyond the first */
	bool refused;		/* over the limit: the bucket is full */
	bool at_leisure;	/* nobody waits for what is written */
	/*
	 * If set: called when its place is sure.  Whoever is told of it then,
	 * finds it acknowledged with whatever he writes next.
	 */
	struct on_queued queued;
};

/*
 * Ends a call.  `next`, unless NULL, is begun for the line in the same
 * transaction.  At leisure, it may wait some ms to share a commit.  ERR_LOST:
 * all that is said here was done, but for messages that are not ours any more.
 */
enum err store_call_end(struct store *, const struct call *,
    const struct call_end *, const struct line *, struct call *next,
    struct problem *);

/* When the portal's operating time starts anew: Unix ms, or 0. */
int64_t store_reset_ms(struct store *, const char *member_id);

/* These claimed messages wait, each for a call of its own. */
enum err store_alone(struct store *, struct work *const *, size_t n,
    struct problem *);

/* The states of messages, 0 for one that is gone. */
enum err store_states(struct store *, const int64_t *id, size_t n,
    enum state *, struct problem *);

#endif
