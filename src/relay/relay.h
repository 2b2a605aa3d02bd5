#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/patience.h"
#include "channel/channel.h"
#include "config.h"
#include "event/event.h"
#include "http/client.h"
#include "store/store.h"

#include <stddef.h>

/* What the relay works with; all of it outlives the relay. */
struct relay {
	const struct config *config;
	struct store *store;
	struct channels *channels;
	struct http_client *http;
	const struct log *log;
	const struct clock *clock;
};

/* What became of an event, as far as it has come. */
struct outcome {
	const char *ignored;	/* NULL, or why there was nothing to do */
	size_t messages;
	size_t acknowledged;
	size_t refused;
};

/*
 * Takes an event that was read to its end: checks who sent it, stores its
 * messages, hands them over and tells Bitrix24.  OK with `ignored`, or with
 * counts: whatever is not acknowledged is in the store.  ERR_DENIED,
 * ERR_UNUSABLE (bad elements are kept as refused) and ERR_DISK with the
 * problem set; then nothing was handed over.
 *
 * When the patience runs out, `out` is what can be answered so far.
 */
enum err relay_take(const struct relay *, struct event *, struct patience *,
    struct outcome *out, struct problem *);

#endif
