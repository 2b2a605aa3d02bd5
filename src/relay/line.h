#ifndef RELAY_LINE_H
#define RELAY_LINE_H

#include "relay/lines.h"

/* What line.c and tell.c share of a line. */
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

/* Messages in one call, at most. */
size_t line_batch(const struct line *);

/* A room's news, for all of its lines. */
void lines_news(void *ctx, struct room *, enum room_news);

#endif
