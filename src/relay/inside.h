#ifndef RELAY_INSIDE_H
#define RELAY_INSIDE_H

#include "base/table.h"
#include "portal/install.h"
#include "portal/room.h"
#include "relay/relay.h"
#include "relay/stage.h"
#include "store/moves.h"
#include "store/place.h"
#include "store/take.h"

#include <sys/queue.h>

/* What the relay's files share.  Private to relay/. */

struct visit;
struct other;
struct journey;
struct destination;
struct line;

struct relay {
	struct env env;
	const struct channels *channels;
	struct rooms *rooms;
	struct proofs *proofs;
	struct table destinations;	/* by the number of their place */
	struct table lines;		/* by the number of theirs */
	struct table awaits;		/* by a message's number */
	TAILQ_HEAD(, visit) visits;
	TAILQ_HEAD(, other) others;	/* events without messages */
	size_t journeys;		/* on their way */
	size_t writes;			/* of theirs, behind their end */
	bool closing;			/* nothing more is taken up, and */
	bool stopping;			/* no call begins */
	/* the look for what is due (look.c) */
	struct timer look_timer;
	struct peeking peek;
	struct looking look;
	bool looking, look_again;
	struct db_work beat;
	bool beating;
	int64_t sure_at;		/* when our claims held for sure, */
	unsigned lives;			/* and since when (db_lives) */
	bool looked_empty;		/* the last look found nothing */
	bool passing;			/* a failed look is the caller's */
	struct problem look_problem;
	int64_t limit;			/* of a pass: messages to begin, or */
					/* -1 */
	int64_t moved, failed;		/* counted for a pass */
	/* the watch over what others tell (await.c) */
	struct timer watch_timer;
	struct watching watch;
	bool watching;
	size_t watch_at;		/* the slot where the next look begins */
	int64_t *watch_id;
	enum state *watch_state;
};

/* ---- visit.c: an event on its way */

/* Stores its messages and sees them through. */
void visit_begin(struct relay *, struct event *, struct sender *);
/* Keeps an event that is no use, as refused; then refuses it. */
void visit_refuse(struct relay *, struct event *, struct sender *,
    const struct problem *);
/* A message of it has come to this state; `waits`: it may go further soon. */
void visit_state(struct visit *, size_t index, enum state, bool waits);
/* Of that chat nothing goes further now: what is behind is not waited for. */
void visit_chat_stops(struct visit *, int64_t chat);
/* Somebody keeps the event, or lets it go. */
void visit_keep(struct visit *);
void visit_drop(struct visit *);
/* Gives the answer that there is. */
void visit_answer(struct visit *);
struct visit *visit_next(const struct visit *);
bool visit_is_answered(const struct visit *);
struct event *visit_event(const struct visit *);
struct relay *visit_relay(const struct visit *);

/* ---- journey.c: a message on its way */

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
	int64_t delivered_at;		/* on the loop's clock */
	struct buf object;
	struct delivery delivery;
	char *ids;			/* what the channel gave */
	struct moving moving;
	struct moving_one one;
	char reason[PROBLEM_TEXT_MAX];
	struct room_ask *ask;		/* lent by its room */
	struct timer retry;		/* of a write that failed */
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
/* Its turn has come: hands it over. */
void journey_hand_over(struct journey *);
/* It leaves this process: told, refused, or back in the store. */
void journey_end(struct journey *, enum state, bool waits);
/* It is back in the store, where others may go on with it. */
void journey_end_in_store(struct journey *);
/* It heads for its line no longer. */
void journey_came(struct journey *);

/* ---- release.c */

/* Back to the store, untried; many in one write. */
void journeys_release(struct relay *, struct journeys *);

/* ---- destination.c: a channel */

struct destination *destination_enter(struct relay *, const char *connector,
    int64_t line);
struct destination *destination_of_place(struct relay *,
    const struct look_place *);
void destination_leave(struct destination *);
const struct place *destination_place(const struct destination *);
struct channel *destination_channel(const struct destination *);
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
bool destination_is_down(const struct destination *);
/* What waits in memory goes back to the store; all of them are freed. */
void destinations_halt(struct relay *);
void destinations_free(struct relay *);

/* ---- line.c, tell.c: the status calls of a portal, connector and line */

struct line *line_enter(struct relay *, const char *member_id,
    const char *connector, int64_t line);
void line_leave(struct line *);
const struct place *line_place(const struct line *);
/* Where those of it wait for which no token is left. */
const struct place *line_parked(const struct line *);
struct room *line_room(const struct line *);
/* A message heads there; and does not (any more). */
void line_coming(struct line *, bool bulk);
void line_came(struct line *, bool bulk);
void line_queue(struct line *, struct journey *);
void line_stored(struct line *);
void line_serve(struct line *, const struct look_place *);
/* More than a call can take waits in memory: the store may keep the rest. */
bool line_is_full(const struct line *);
void line_awaited(struct line *, bool more);	/* by one more, or less */
void lines_halt(struct relay *);
void lines_free(struct relay *);

/* ---- await.c: messages that are waited for, but not in work here */

/* The line, if it heads for one (NULL: none), knows that somebody waits. */
enum err await_add(struct relay *, int64_t id, struct visit *, size_t index,
    struct line *);
/* Who waits for it, if anybody: taken off the list. */
bool await_take(struct relay *, int64_t id, struct visit **, size_t *index);
void await_drop_all(struct relay *);

/* ---- look.c: what is due */

void look_init(struct relay *);
/* A write of this process has just been made: its claims hold, or it has
 * learned by it that what waits here is others'. */
void look_sure(struct relay *);
/* Whether they hold, or it was stopped for so long that others may have
 * taken them. */
bool look_is_sure(const struct relay *);

/* A token of this portal works: its places are served, whatever was. */
void look_portal(struct relay *, const char *member_id);

/* ---- stale.c: places of channels that the configuration has no more */

void stale_serve(struct relay *, const struct look_place *);

#endif
