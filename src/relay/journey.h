#ifndef RELAY_JOURNEY_H
#define RELAY_JOURNEY_H

#include "portal/room.h"
#include "relay/inside.h"
#include "relay/stage.h"
#include "relay/wrap.h"
#include "store/moves.h"
#include "store/take.h"

/* A message on its way. */

struct journey {
	struct relay *relay;
	struct work *work;
	bool own_work;			/* read from the store */
	struct work fresh;		/* room for a fresh event's */
	enum stage stage;
	struct visit *visit;		/* who waits for it, or NULL */
	size_t index;			/* in that event */
	struct destination *destination;
	struct line *line;		/* while it heads there */
	bool probe;
	bool bulk;			/* of an event of many messages */
	bool comes;			/* its line counts it as coming */
	bool parked;			/* no token is left for it */
	int64_t began_at, delivered_at;	/* on the loop's clock */
	struct wrapped wrapped;		/* while it is handed over */
	struct fetch *fetch;		/* of its files, or NULL */
	struct delivery delivery;
	struct moving moving;
	struct moving_one one;
	struct room_ask *ask;		/* lent by its room */
	TAILQ_ENTRY(journey) link;	/* at its destination, or its line */
};
TAILQ_HEAD(journeys, journey);

/* A message of a fresh event, or one that was read from the store (then it
 * is the journey's).  NULL: no memory; it stays claimed until the process
 * ends. */
struct journey *journey_of_visit(struct visit *, size_t index,
    const struct arrival *, const struct message *);
struct journey *journey_of_work(struct relay *, struct work *);
/* To its destination, or to its line. */
void journey_go(struct journey *);
/* The same for all that were taken up; their list is freed. */
void journeys_go(struct relay *, struct taking_up *, bool probe);
/* Its files are fetched, if they had to be: to its destination's queue. */
void journey_queue(struct journey *);
/* Its turn has come: hands it over. */
void journey_hand_over(struct journey *);
/* It leaves this process: told, refused, or back in the store. */
void journey_end(struct journey *, enum state, bool waits);
/* It is back in the store, where others may go on with it. */
void journey_end_in_store(struct journey *);
/* It heads for its line no longer. */
void journey_came(struct journey *);

/* Back to the store, untried, where a look finds it; many in one write. */
void journey_release(struct journey *);
void journeys_release(struct relay *, struct journeys *);

#endif
