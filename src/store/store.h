#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "event/event.h"
#include "event/identity.h"
#include "store/state.h"
#include "store/work.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The queue of messages, shared by all processes that name the same file.
 * A call that returns ERR_OK is durable: it survives power loss.  ERR_DISK
 * means that nothing of it can be relied on; the reason is in the problem.
 * Any thread may call; nothing slow happens inside a transaction.
 *
 * Work is claimed: one process works on a message at a time.  A claim is void
 * as soon as its process is gone, or was seen to stand still (store/owner.h).
 * One that has lost its claim changes nothing, and is told so by ERR_LOST.
 */
struct store;

struct store_opts {
	const char *url;	/* sqlite:PATH */
	const struct clock *clock;
	int64_t busy_ms;	/* how long a call may wait for another */
	int64_t lease_ms;	/* of rights that we may lose track of: */
				/* longer than any attempt */
	int64_t longest_ms;	/* no try is further ahead than this, */
	int64_t give_up_ms;	/* and of a parked message than this */
	bool create;		/* make the file where there is none */
	int64_t burst, rate, calls_in_flight;	/* what a portal bears, */
	int64_t batch;		/* and messages in a status call */
	/* whose messages are taken up here; NULL: all.  Must be quick. */
	bool (*covers)(void *ctx, const char *connector);
	void *ctx;
};

/*
 * Makes a store.  The file is opened when it is first needed, and again
 * after a failure, so that a store that is away heals by itself.  Links are
 * followed once.  ERR_CONFIG for a URL of no known kind, ERR_NOMEM.
 */
enum err store_open(struct store **, const struct store_opts *,
    struct problem *);
void store_close(struct store *);	/* NULL is fine; ends all claims */

/* What became of one message of an event that was stored. */
struct arrival {
	int64_t id;
	char key[KEY_MAX];
	enum state state;
	bool fresh;		/* stored now; else it was there already */
	bool claimed;		/* fresh, and ours to hand over now, */
	int64_t claimed_ms;	/* as in struct work */
	int64_t received_us;	/* Unix time of its first arrival */
};

/* How an event is stored. */
struct take_opts {
	const char *reason;	/* why none of it can be used, or NULL */
	int64_t hold_ms;	/* 0, or until when it is not handed over */
	const char *place;	/* its channel as a destination, or NULL */
	/*
	 * Whether its sender may be believed, if not NULL: gets the
	 * application token stored for the portal, or NULL, and sets the
	 * problem.  Called within the transaction.
	 */
	bool (*may_send)(void *ctx, const char *stored_token,
	    struct problem *);
	void *ctx;
};

/*
 * Stores all messages of a checked event in one transaction: good ones as
 * received with the event's own token and endpoint, bad ones (with a reason:
 * all) as refused.  A message is claimed unless its chat is busy or waiting,
 * or the channel is down.  out[i] tells of ev->message[i].  ERR_DISK, or what
 * may_send() said: nothing was stored.
 */
enum err store_take(struct store *, const struct event *,
    const struct take_opts *, struct arrival *out, struct problem *);

/*
 * The moves of a claimed message.  `next`, where it is asked for, gets the
 * id of the chat's next message, claimed in the same transaction, or 0.
 * ERR_LOST: it is ours no more and stays as it is; others of several moved.
 *
 * store_delivered: the channel took it; `ids` is the JSON list of external
 * ids.  With a `call` (store/calls.h) one for its line is asked for in the
 * same transaction; if that is not granted, the message waits, unclaimed.
 * store_done: the same for a message that wants no status.
 * store_refused: a step said no for good; the message waits for a person.
 * store_postponed: they are tried again at `next_ms`, or held until then;
 * HOLD_DOWN tells that they were not tried at all.
 */
struct line;
struct call;
enum err store_delivered(struct store *, struct work *, const char *ids,
    int64_t *next, const struct line *, struct call *, struct problem *);

enum err store_done(struct store *, struct work *, const char *ids,
    int64_t *next, struct problem *);
enum err store_refused(struct store *, struct work *, enum step,
    const char *reason, int64_t *next, struct problem *);
enum err store_postponed(struct store *, struct work *const *, size_t n,
    int64_t next_ms, enum hold, const char *reason, struct problem *);

/* Whom a scan passes over for now.  Must be quick; may take its own lock. */
struct scan_filter {
	bool (*blocked)(void *ctx, enum state, const char *member_id,
	    const char *connector, int64_t line);
	void *ctx;
};

/*
 * Claims the message that is due for longest, if any, of those that we cover,
 * and reads it into `work` and the arena, which is reset before.  Of received
 * ones only the first of a chat counts.  The filter may be NULL.
 */
enum err store_claim_due(struct store *, const struct scan_filter *,
    struct arena *, struct work *, bool *found, struct problem *);

/* Reads a message that this process has claimed.  ERR_LOST: not any more. */
enum err store_load(struct store *, int64_t id, struct arena *,
    struct work *, struct problem *);

/*
 * A look before something is done outside with claimed messages: those that
 * are claimed no more go to the end, *n gets how many are ours.  Costs nothing
 * while nobody can have taken them.  ERR_LOST: none is.  ERR_DISK: nobody
 * knows; all are given back.
 */
enum err store_still_ours(struct store *, struct work **, size_t *n,
    struct problem *);

/*
 * The destination of `like` is down: it and all that are due for the same
 * step and destination are held until `until_ms`.  It is claimed no more.
 */
enum err store_hold(struct store *, struct work *like, int64_t until_ms,
    struct problem *);

/*
 * When nothing was written for a second: what was erased is made to vanish
 * from the disk, too.
 */
void store_tidy(struct store *);

/* One scanner among all processes; false: somebody else scans.  Who was sent
 * away for seconds scans all the same: the other may have been stopped. */
bool store_begin_scan(struct store *);
void store_end_scan(struct store *);

#endif
