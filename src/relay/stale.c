/*
 * Places of channels that the configuration does not name any more: a
 * changed URL is a new destination, and what waited for the old one goes to
 * it.
 *
 * Called by the look.  Owns what it takes up until that is on its way.
 */
#include "relay/inside.h"

#include <stdlib.h>
#include <string.h>

#define TAKE 64		/* at once; the next look takes more */

struct stale {
	struct taking_up up;
	struct place_change change;
	struct relay *relay;
	int64_t number;
	char *connector;
};

static void
stale_free(struct stale *s)
{
	s->relay->writes--;
	free(s->connector);
	loop_bury(s->relay->env.loop, s);
}

static void
on_gone(struct db_work *w)
{
	stale_free((struct stale *)((char *)w - offsetof(struct stale,
	    change)));
}

/* Whether the old one was down is of no interest any more. */
static void
forget(struct stale *s)
{
	s->change = (struct place_change){
		.db.done = on_gone,
		.store = s->relay->env.store,
		.place = { .number = s->number, .kind = PLACE_CHANNEL,
		    .connector = s->connector, .name = "" },
	};
	store_place_change(&s->change);
	env_submit(&s->relay->env, &s->change.db);
}

static void
on_taken(struct db_work *w)
{
	struct stale *s = (struct stale *)w;

	if (w->end == ERR_OK)
		look_sure(s->relay);
	for (size_t i = 0; i < s->up.n; i++) {
		struct journey *j = journey_of_work(s->relay, s->up.work[i]);

		if (j != NULL)
			journey_go(j);
	}
	free(s->up.work);
	if (w->end == ERR_OK && s->up.empty)
		forget(s);
	else
		stale_free(s);
}

void
stale_serve(struct relay *r, const struct look_place *p)
{
	struct stale *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return;
	s->relay = r;
	s->number = p->number;
	s->connector = strdup(p->connector);
	if (s->connector == NULL) {
		free(s);
		return;
	}
	r->writes++;
	s->up = (struct taking_up){ .db.done = on_taken,
	    .store = r->env.store, .place = p->number,
	    .kind = PLACE_CHANNEL, .max = TAKE };
	store_take_up(&s->up);
	env_submit(&r->env, &s->up.db);
}
