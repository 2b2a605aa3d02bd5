/*
 * Places of channels that the configuration does not name any more: a
 * changed URL is a new destination, and what waited for the old one goes to
 * it.
 *
 * Called by the look.  Owns what it takes up until that is on its way.  Goes
 * on until nothing is left there, but takes no more while many messages are
 * on their way.
 */
#include "relay/inside.h"

#include "relay/journey.h"

#include <stdlib.h>
#include <string.h>

#define TAKE 256		/* at once, */
#define MOST 1024		/* while fewer are on their way; */
#define WAIT_MS 5		/* else later */

struct stale {
	struct taking_up up;
	struct place_change change;
	struct relay *relay;
	int64_t number;
	char *connector;
	struct timer timer;
	TAILQ_ENTRY(stale) link;
};

static void take_up(struct stale *);

static void
stale_free(struct stale *s)
{
	s->relay->writes--;
	TAILQ_REMOVE(&s->relay->stales, s, link);
	free(s->connector);
	loop_bury(s->relay->env.loop, s);
}

static void
on_gone(struct db_work *w)
{
	stale_free(OF(w, struct stale, change));
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
	journeys_go(s->relay, &s->up, false);
	if (w->end == ERR_OK && s->up.empty)
		forget(s);
	else if (w->end == ERR_OK)
		take_up(s);
	else			/* it is told by the next look */
		stale_free(s);
}

static void
on_timer(struct timer *t)
{
	take_up(OF(t, struct stale, timer));
}

static void
take_up(struct stale *s)
{
	struct relay *r = s->relay;

	if (r->closing) {
		stale_free(s);
		return;
	}
	if (r->journeys >= MOST) {
		s->timer.fire = on_timer;
		loop_arm(r->env.loop, &s->timer, loop_now(r->env.loop) +
		    WAIT_MS);
		return;
	}
	s->up = (struct taking_up){ .db.done = on_taken,
	    .store = r->env.store, .place = s->number,
	    .kind = PLACE_CHANNEL, .max = TAKE };
	store_take_up(&s->up);
	env_submit(&r->env, &s->up.db);
}

/* A look tells of it again while it is being served. */
static bool
is_served(const struct relay *r, int64_t number)
{
	const struct stale *s;

	TAILQ_FOREACH(s, &r->stales, link)
		if (s->number == number)
			return true;
	return false;
}

void
stale_serve(struct relay *r, const struct look_place *p)
{
	struct stale *s;

	if (is_served(r, p->number))
		return;
	s = calloc(1, sizeof(*s));
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
	TAILQ_INSERT_TAIL(&r->stales, s, link);
	take_up(s);
}

/* Those that wait; no write is on its way any more. */
void
stales_free(struct relay *r)
{
	struct stale *s;

	while ((s = TAILQ_FIRST(&r->stales)) != NULL) {
		loop_disarm(r->env.loop, &s->timer);
		stale_free(s);
	}
}
