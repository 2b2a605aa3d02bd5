#ifndef STORE_PLACE_H
#define STORE_PLACE_H

#include "base/arena.h"
#include "store/store.h"
#include "store/work.h"

/*
 * Places: where messages wait that no process works on.  A place is a
 * connector's channel (by its URL), or the status calls for one portal,
 * connector and line; or, beside the latter, where those wait for which no
 * token is left.  It has a row only while messages wait there, or while
 * it is down; that it is down is told there, and nowhere else.
 */
enum place_kind { PLACE_CHANNEL = 1, PLACE_TELL, PLACE_PARKED };

struct place {
	int64_t number;		/* stands for kind and name */
	enum place_kind kind;
	const char *member_id;	/* of _TELL and _PARKED, else NULL */
	const char *connector;
	int64_t line;		/* likewise, else 0 */
	const char *name;	/* for people: a URL without query, a portal */
};

/* The number of a channel's place; of a place where a status waits, for a
 * call or for a token; of a chat.  ERR_NOMEM. */
enum err place_of_channel(int64_t *out, const char *connector,
    const char *url);
enum err place_of_tell(int64_t *out, const char *member_id,
    const char *connector, int64_t line);
enum err place_of_parked(int64_t *out, const char *member_id,
    const char *connector, int64_t line);
enum err chat_number(int64_t *out, const char *member_id,
    const char *connector, int64_t line, const char *chat);

/*
 * Claims up to `max` messages that are ready at a place, in order.  Of a
 * chat only the first goes, and only while none of it is in work.
 */
struct taking_up {
	struct db_work db;
	struct store *store;
	int64_t place;
	enum place_kind kind;
	size_t max;
	/* out */
	struct work **work;	/* each to be freed, and the list */
	size_t n;
	bool empty;		/* nothing is left there */
};
void store_take_up(struct taking_up *);		/* prepares it */

/*
 * What to do now, for the connectors of this process: places with messages,
 * or with a probe that is due.  Messages whose own wait is over become ready
 * first; what dead processes had claimed, too.  A place that is told here is
 * told to others a second later, unless nothing is left there.
 */
struct look_place {
	int64_t number;
	enum place_kind kind;
	const char *member_id;	/* NULL for a channel */
	const char *connector;
	int64_t line;
	const char *name;
	bool probe;		/* it is down, and ours to probe */
};
struct looking {
	struct db_work db;
	struct store *store;
	size_t max;
	int64_t probe_ms;	/* how long a probe may take */
	const char *member_id;	/* set by store_look_portal() */
	bool tidy;		/* rows that nobody uses go, too; */
	/* out */		/* false then: all have been looked at */
	struct look_place *place;	/* all of it is in the arena, */
	size_t n;
	struct arena arena;	/* freed by store_look_free() */
	int64_t next_ms;	/* when something is due: Unix ms, or 0 */
	bool more;		/* the look was cut short: look again */
	bool older;		/* an older store is being taken over: look */
				/* again soon, but behind what waits by now */
};
void store_look(struct looking *);
void store_look_free(struct looking *);

/*
 * The places of a portal where messages wait, whatever holds them there: for
 * a process that has a token which works.  Prepared like a look, and ended by
 * store_look_free(); only reads.
 */
void store_look_portal(struct looking *, const char *member_id);

/* Whether a look would find anything: reads only, with next_ms as above. */
struct peeking {
	struct db_work db;
	struct store *store;
	int64_t probe_ms;
	/* out */
	bool due;
	int64_t next_ms;
	bool installs;		/* some wait for their proof */
	bool setups;		/* some portals are to be set up now */
};
void store_peek(struct peeking *);

/*
 * A destination is down, to be probed after first_ms, doubled with each
 * failure up to longest_ms; or it is up.  Of a portal (_TELL), the places of
 * all its lines are meant.
 */
struct place_change {
	struct db_work db;
	struct store *store;
	struct place place;	/* copies of its texts are the caller's */
	bool down;
	int64_t first_ms, longest_ms;
	const char *reason;
	/* out */
	int64_t tries;		/* with `down`; 1: it was up before */
	int64_t wait_ms;	/* until the probe */
};
void store_place_change(struct place_change *);

#endif
