/*
 * Journeys that end in the store: their messages wait there, untried, for
 * whoever goes on with them.
 *
 * Called by journeys, destinations and lines.  Owns the journeys until that
 * is written; a write that fails is tried again until the store is back.
 */
#include "relay/journey.h"

#include "relay/destination.h"
#include "relay/line.h"

#include <stdlib.h>

/* Several go back to the store in one write. */
struct release {
	struct moving moving;
	struct relay *relay;
	struct journeys all;
	struct moving_one one[];
};

static void
on_released(struct db_work *w)
{
	struct release *v = (struct release *)w;
	struct relay *r = v->relay;
	struct journey *j;

	if (w->end != ERR_OK) {
		db_submit_again(w, DB_AGAIN_MS);
		return;
	}
	while ((j = TAILQ_FIRST(&v->all)) != NULL) {
		TAILQ_REMOVE(&v->all, j, link);
		journey_end_in_store(j);
	}
	r->writes--;
	loop_bury(r->env.loop, v);
}

static void
release_one(struct journey *j, struct moving_one *m)
{
	*m = (struct moving_one){ .id = j->work->id, .from = j->work->state,
	    .move = MOVE_READY };
	if (j->work->state == STATE_RECEIVED)
		m->place = j->destination->place;
	else
		m->place = j->parked ? j->line->parked_place :
		    j->line->place;
	journey_came(j);
}

static void
end_all(struct journeys *all)
{
	struct journey *j;

	while ((j = TAILQ_FIRST(all)) != NULL) {
		TAILQ_REMOVE(all, j, link);
		journey_came(j);
		journey_end(j, j->work->state, false);
	}
}

void
journeys_release(struct relay *r, struct journeys *all)
{
	struct release *v;
	struct journey *j;
	size_t n = 0;

	TAILQ_FOREACH(j, all, link)
		n++;
	if (n == 0)
		return;
	v = calloc(1, sizeof(*v) + n * sizeof(v->one[0]));
	if (v == NULL) {	/* they stay claimed as long as we live */
		end_all(all);
		return;
	}
	v->relay = r;
	TAILQ_INIT(&v->all);
	TAILQ_CONCAT(&v->all, all, link);
	v->moving.store = r->env.store;
	v->moving.one = v->one;
	TAILQ_FOREACH(j, &v->all, link)
		release_one(j, &v->one[v->moving.n++]);
	r->writes++;
	v->moving.db.done = on_released;
	store_move(&v->moving);
	env_submit(&r->env, &v->moving.db);
}

void
journey_release(struct journey *j)
{
	struct journeys one = TAILQ_HEAD_INITIALIZER(one);

	TAILQ_INSERT_TAIL(&one, j, link);
	journeys_release(j->relay, &one);
}
