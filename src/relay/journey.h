#ifndef RELAY_JOURNEY_H
#define RELAY_JOURNEY_H

#include "relay/relay.h"

/* One message of an event on its way through the states.  Private. */
struct journey {
	const struct message *message;
	struct arrival *arrival;
	const char *ids;	/* in the event's arena, once delivered */
	int64_t date;		/* Unix seconds of the delivery */
};

/* All messages of one event that this process is to move on. */
struct journeys {
	const struct relay *relay;
	struct event *ev;
	struct journey *item;
	size_t n;
	struct patience *patience;
	struct outcome *out;
};

/* received -> delivered: one message to its channel, and that durable. */
void journey_hand_over(struct journeys *, struct journey *);

/* delivered -> acknowledged: one status call for all that were delivered. */
void journeys_tell(struct journeys *);

#endif
