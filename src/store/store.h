#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/clock.h"
#include "base/err.h"
#include "event/event.h"
#include "event/identity.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The queue of messages, shared by all processes that name the same file.
 * A call that returns ERR_OK is durable: it survives power loss.  ERR_DISK
 * means that nothing of it can be relied on; the reason is in the problem.
 * Any thread may call; nothing slow happens inside a transaction.
 */
struct store;

/* A message's life; docs/INTERNALS has the table. */
enum state {
	STATE_RECEIVED = 1,	/* stored: it will be handed over */
	STATE_DELIVERED,	/* the channel took it and gave its ids */
	STATE_ACKNOWLEDGED,	/* Bitrix24 was told, if it wants to be */
	STATE_REFUSED		/* a person must look: see step and reason */
};

/* Where a message stands or was refused. */
enum step {
	STEP_READ = 1,		/* the element itself is no use */
	STEP_HAND_OVER,
	STEP_STATUS
};

struct store_opts {
	const char *url;	/* sqlite:PATH */
	const struct clock *clock;
	int64_t busy_ms;	/* how long a call may wait for another */
	bool create;		/* make the file where there is none */
};

/*
 * Makes a store.  The file is opened when it is first needed, and again
 * after a failure, so that a store that is away heals by itself.
 * ERR_CONFIG for a URL of no known kind, ERR_NOMEM.
 */
enum err store_open(struct store **, const struct store_opts *,
    struct problem *);
void store_close(struct store *);	/* NULL is fine */

/* What became of one message of an event that was stored. */
struct arrival {
	int64_t id;
	char key[KEY_MAX];
	enum state state;
	bool fresh;		/* stored now; else it was there already */
	int64_t received_us;	/* Unix time of its first arrival */
};

/*
 * Stores all messages of a checked event in one transaction: good ones as
 * received with the event's own token and endpoint, bad ones as refused.
 * `reason` NULL; or why none of them can be used (all are refused then).
 * out[i] tells of ev->message[i].  ERR_DISK: nothing was stored.
 */
enum err store_take(struct store *, const struct event *,
    const char *reason, struct arrival *out, struct problem *);

/* The channel took it: `ids` is the JSON list of its external ids. */
enum err store_delivered(struct store *, int64_t id, const char *ids,
    struct problem *);

/*
 * Bitrix24 accepted the status of these messages (or they need none): body,
 * token and endpoint are erased, key, ids and times stay.
 */
enum err store_acknowledged(struct store *, const int64_t *id, size_t n,
    struct problem *);

/* A step said no for good: the message waits for a person. */
enum err store_refused(struct store *, int64_t id, enum step,
    const char *reason, struct problem *);

/* A step failed for now: the state stays, the reason is noted. */
enum err store_postponed(struct store *, int64_t id, const char *reason,
    struct problem *);

/* A message as a person sees it.  Texts live during the callback only. */
struct stored {
	int64_t id;
	const char *key;
	enum state state;
	enum step step;		/* 0: none was refused */
	const char *reason;	/* of the last failure, or "" */
	const char *event, *member_id, *domain, *connector, *chat;
	int64_t line, chat_id, message_id, ts;
	const char *ids;	/* JSON list, "" before delivery */
	const char *body;	/* NULL once erased */
	int64_t received_us, changed_ms;
	int64_t tries;		/* hand-overs and status calls that failed */
};

/*
 * Calls `each` for the message with that key, or for all (NULL) in order of
 * arrival, until it returns false.  ERR_DISK; OK with no call if there is
 * none, also where no file is yet.
 */
enum err store_each(struct store *, const char *key,
    bool (*each)(void *ctx, const struct stored *), void *ctx,
    struct problem *);

/* "received", "delivered", ...; "read", "hand-over", ....  Static. */
const char *state_name(enum state);
const char *step_name(enum step);

#endif
