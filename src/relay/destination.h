#ifndef RELAY_DESTINATION_H
#define RELAY_DESTINATION_H

#include "portal/outage.h"
#include "relay/journey.h"

/* A channel, as messages see it; others than destination.c only look. */
struct destination {
	struct table_node node;
	struct relay *relay;
	const struct config_channel *config;
	char *connector;
	char *name;
	struct place place;
	struct journeys queue;
	size_t queued, in_flight, reserved, users;
	bool stale;		/* no configuration names it any more: */
				/* what waited for it goes to others */
	struct outage outage;
	bool stored;		/* more waits in the store; and */
	bool stored_since;	/* since the last was taken from it */
	bool probe;		/* the next hand-over tells whether it is up */
	bool up_probes;		/* what is being taken up is for that */
	bool taking;
	struct taking_up up;
	struct task pump;
};

struct destination *destination_enter(struct relay *, const char *connector,
    int64_t line);
struct destination *destination_of_place(struct relay *,
    const struct look_place *);
void destination_leave(struct destination *);
/* How many more messages may be claimed for it; reserved until they come, or
 * are given back. */
size_t destination_reserve(struct destination *, size_t n);
void destination_unreserve(struct destination *, size_t n);
/* Messages wait there in the store; or it was found down. */
void destination_stored(struct destination *);
void destination_found_down(struct destination *);
void destination_queue(struct destination *, struct journey *);
/* A hand-over ended. */
void destination_done(struct destination *, bool down, bool probe,
    const char *reason);
/* A look gave it to this process, perhaps to probe. */
void destination_serve(struct destination *, bool probe);
bool destination_has_room(const struct destination *);
/* What waits in memory goes back to the store; all of them are freed. */
void destinations_halt(struct relay *);
void destinations_free(struct relay *);

#endif
