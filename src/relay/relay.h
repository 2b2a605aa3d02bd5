#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include "base/err.h"
#include "base/patience.h"
#include "channel/channel.h"
#include "event/event.h"
#include "portal/env.h"

#include <stdbool.h>
#include <stddef.h>

struct late;
struct proofs;
struct ready;
struct waiting;

/* What the relay works with; all of it outlives the relay. */
struct relay {
	struct env env;
	struct channels *channels;
	struct late *late;	/* relay/late.h */
	struct waiting *waiting;	/* relay/waiting.h */
	struct ready *ready;	/* relay/ready.h */
	struct proofs *proofs;	/* relay/proofs.h */
	bool one_shot;		/* plain CGI: nobody else brings work */
};

/* What became of an event, as far as it has come. */
struct outcome {
	const char *result;	/* NULL: the counts tell; else the word, */
	const char *reason;	/* and why, or NULL */
	size_t messages;
	size_t acknowledged;
	size_t refused;
};

/*
 * Who waits for the answer.  `patience` ends once, in any thread, when all
 * that he waits for is done or the time is over, with the outcome as what can
 * be answered.  `gone` is called last, once: the event, the outcome and the
 * sender are used no more.  `thread` ends if the calling thread is kept for
 * longer than an answer may take.
 */
struct sender {
	struct patience patience;
	void (*gone)(struct sender *);
	/* instead of both, after an ERR_OK: what failed is to be answered */
	void (*failed)(struct sender *, const struct problem *);
	struct patience *thread;
};

/*
 * Takes an event that was read to its end: checks who sent it, stores its
 * messages, hands them over and sees to it that Bitrix24 is told.  With
 * ERR_OK `gone` (or `failed`) has been called or will be; the thread goes on
 * with
 * what is left to do for other messages of the same chats and portals.
 *
 * ERR_DENIED, ERR_UNUSABLE (bad elements are kept as refused) and ERR_DISK
 * with the problem set: then nothing was handed over, the patience has not
 * ended (but that of a long proof may have), and `gone` is never called.
 */
enum err relay_take(const struct relay *, struct event *, struct sender *,
    struct outcome *out, struct problem *);

#endif
