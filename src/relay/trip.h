#ifndef RELAY_TRIP_H
#define RELAY_TRIP_H

#include "relay/relay.h"

/*
 * relay_take() for an event that has messages of use: stores them if its
 * sender may be believed, hands them over, and has them told.
 */
enum err trip_take(const struct relay *, struct event *, struct sender *,
    struct outcome *, struct problem *);

/*
 * Keeps the messages of an event that cannot be used, as refused, for a
 * person to see.  `*p` says why; it is what the sender is told, unless they
 * cannot be stored.
 */
enum err trip_refused(const struct relay *, struct event *,
    struct problem *p);

#endif
