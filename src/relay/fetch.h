#ifndef RELAY_FETCH_H
#define RELAY_FETCH_H

#include "relay/journey.h"

#define FETCH_REASON_MAX 128

/*
 * The files of a message, which are fetched before it waits for its channel's
 * turn: however long that takes, it keeps nobody else from the channel.
 */

/* Whether there is something to fetch: journey_queue() follows then, and
 * the message is wrapped. */
bool fetch_begin(struct journey *);

/* What came of it: the message can be handed over as it is wrapped, or (why
 * it cannot) is to be tried again.  NULL: nothing had to be fetched, or all
 * went well. */
const char *fetch_failed(const struct journey *, int64_t *retry_after_s);

/* Nothing of it is on its way. */
void fetch_free(struct journey *);

#endif
