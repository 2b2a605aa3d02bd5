#ifndef RELAY_LINE_H
#define RELAY_LINE_H

#include "relay/journey.h"

/* The status calls of a portal, connector and line; others than line.c and
 * tell.c only look. */
struct line {
	struct table_node node;
	struct relay *relay;
	struct room *room;
	char *connector;
	struct place place, parked_place;
	struct journeys waiting;	/* delivered ones */
	size_t n;			/* in it */
	size_t coming, bulk;		/* on their way into it; of those, of */
					/* events of many messages */
	size_t most, lately;		/* how long it got, before the last */
	int64_t took_ms;		/* call, and how long that took */
	int64_t stays_until;		/* the next one, behind its end */
	int64_t pause_until;		/* after a call that could not begin */
	struct room_want want;
	bool holds;			/* its room keeps its slots for it */
	bool probe;			/* the next taken up is to probe it */
	bool up_probes;			/* this one is */
	bool stored, parked;		/* more waits in the store, at either */
					/* place; and at the first */
	bool stored_since;		/* since the last was taken from it */
	bool let_in;			/* may call, once that is here */
	size_t awaited;			/* by who waits for others to tell */
	bool taking;
	struct taking_up up;
	size_t users;
	struct task pump;
	struct timer timer;
};

struct line *line_enter(struct relay *, const char *member_id,
    const char *connector, int64_t line);
void line_leave(struct line *);
/* A message heads there; and does not (any more). */
void line_coming(struct line *, bool bulk);
void line_came(struct line *, bool bulk);
void line_queue(struct line *, struct journey *);
/* False: its portal is parked, and it brings no token that might work. */
bool line_can_tell(const struct line *, const struct journey *);
void line_stored(struct line *);
void line_serve(struct line *, const struct look_place *);
/* More than a call can take waits in memory: the store may keep the rest. */
bool line_is_full(const struct line *);
void line_awaited(struct line *, bool more);	/* by one more, or less */
void lines_halt(struct relay *);
void lines_free(struct relay *);

/* ---- for tell.c, and for the rooms */

/*
 * tell.c: begins a call with what waits on a line, which its room has let in.
 * False: it cannot (memory), and the room's permission was not used.
 */
bool tell_begin(struct line *);

/* A call with its messages has ended well. */
void line_told(struct line *, int64_t took_ms);

/* Messages in one call, at most. */
size_t line_batch(const struct line *);

/* A room's news, for all of its lines. */
void lines_news(void *ctx, struct room *, enum room_news);

#endif
