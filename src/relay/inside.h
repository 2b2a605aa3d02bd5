#ifndef RELAY_INSIDE_H
#define RELAY_INSIDE_H

#include "base/table.h"
#include "portal/install.h"
#include "portal/room.h"
#include "portal/setups.h"
#include "relay/relay.h"
#include "store/moves.h"
#include "store/place.h"

/* What the relay's files share.  Private to relay/. */

struct visit;
struct other;
struct page;
struct journey;
struct destination;
struct line;

#define WATCH_MAX 1024	/* messages in one look; the others in the next */

struct relay {
	struct env env;
	const struct channels *channels;
	struct rooms *rooms;
	struct proofs *proofs;
	struct setups *setups;
	struct table destinations;	/* by their connector */
	struct table lines;		/* by portal, connector and line */
	struct table awaits;		/* by a message's number */
	struct table sources;		/* by a portal's */
	TAILQ_HEAD(, visit) visits;
	TAILQ_HEAD(, other) others;	/* events without messages */
	TAILQ_HEAD(, page) pages;	/* page.c */
	size_t journeys;		/* on their way */
	size_t writes;			/* of theirs, behind their end */
	bool closing;			/* nothing more is taken up, and */
	bool stopping;			/* no call begins */
	/* the look for what is due (look.c) */
	struct timer look_timer;
	struct peeking peek;
	struct looking look;
	bool looking, look_again;
	bool look_tidies;		/* the look under way does */
	int64_t tidy_at;		/* when one is to do so again */
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
	int64_t watch_ms;
	struct watching watch;
	bool watching;
	size_t watch_at;		/* where the next look begins */
	int64_t watch_id[WATCH_MAX];
	enum state watch_state[WATCH_MAX];
};

/* ---- await.c: messages that are waited for, but not in work here */

/* The line, if it heads for one (NULL: none), knows that somebody waits. */
enum err await_add(struct relay *, int64_t id, struct visit *, size_t index,
    struct line *);
/* Who waits for it, if anybody: taken off the list. */
bool await_take(struct relay *, int64_t id, struct visit **, size_t *index);
void await_drop_all(struct relay *);

/* ---- look.c: what is due */

/* A write of this process has just been made: its claims hold, or it has
 * learned by it that what waits here is others'. */
void look_sure(struct relay *);
/* Whether they hold, or it was stopped for so long that others may have
 * taken them. */
bool look_is_sure(const struct relay *);

/* A token of this portal works: its places are served, whatever was. */
void look_portal(struct relay *, const char *member_id);

#endif
