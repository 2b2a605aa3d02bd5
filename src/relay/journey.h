#ifndef RELAY_JOURNEY_H
#define RELAY_JOURNEY_H

#include "relay/relay.h"
#include "store/work.h"

/*
 * The steps of claimed messages.  `probe`: the destination was down, and
 * this is the try that tells whether it is up again.
 */

/*
 * received -> delivered (or acknowledged, if no status is wanted): one
 * message to its channel, and that durable.  Its ids go into the arena.
 * *next: the chat's next message, claimed for us, or 0.
 */
void hand_over(const struct relay *, struct work *, struct arena *,
    bool probe, struct patience *, int64_t *next);

/*
 * delivered -> acknowledged: one status call for messages of one portal,
 * connector and line.  Each message's state tells what became of it.
 */
void tell(const struct relay *, struct work *const *, size_t n, bool probe,
    struct patience *);

/* tell(), unless the portal is known to be down: then they are held. */
void tell_if_up(const struct relay *, struct work *const *, size_t n,
    struct patience *);

/*
 * Both steps for a message that this process has claimed in the store, and
 * for those that its chat has ready behind it.  Nobody waits for it.
 */
void travel_on(const struct relay *, int64_t id);

#endif
