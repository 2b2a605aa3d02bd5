#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include "base/err.h"
#include "base/patience.h"
#include "channel/channel.h"
#include "event/event.h"
#include "portal/env.h"

#include <stddef.h>

struct late;

/* What the relay works with; all of it outlives the relay. */
struct relay {
	struct env env;
	struct channels *channels;
	struct late *late;	/* relay/late.h */
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
 * Takes an event that was read to its end: checks who sent it, stores its
 * messages, hands them over and tells Bitrix24.  When all that the sender
 * waits for is done, or the time for the answer is over, the patience ends
 * (once), with `out` as what can be answered; what is left to do for other
 * messages of the same chats goes on behind it.
 *
 * ERR_DENIED, ERR_UNUSABLE (bad elements are kept as refused) and ERR_DISK
 * with the problem set: then nothing was handed over, and the patience has
 * not ended.
 */
enum err relay_take(const struct relay *, struct event *, struct patience *,
    struct outcome *out, struct problem *);

#endif
