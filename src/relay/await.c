/*
 * Messages that somebody waits for while nobody here works on them: those
 * behind another of their event, and delivered ones that another process, or
 * a later call, tells.
 *
 * Called by visits and journeys.  Owns the list.  What another process has
 * told is learnt from the store: soon while something is learnt each time,
 * else less and less often, down to each tenth of a second.
 */
#include "relay/inside.h"

#include "relay/line.h"
#include "relay/visit.h"

#include <stdlib.h>

#define SOON_MS 4
#define WATCH_MS 100

struct await {
	struct table_node node;
	struct visit *visit;
	size_t index;
	struct line *line;	/* or NULL */
};

static void
arm(struct relay *r)
{
	if (!r->watching && !r->watch_timer.armed)
		loop_arm(r->env.loop, &r->watch_timer,
		    loop_now(r->env.loop) + r->watch_ms);
}

bool
await_take(struct relay *r, int64_t id, struct visit **visit, size_t *index)
{
	struct table_node *n = table_find(&r->awaits, id, NULL);
	struct await *a;

	if (n == NULL)
		return false;
	a = OF(n, struct await, node);
	*visit = a->visit;
	*index = a->index;
	table_remove(&r->awaits, n);
	if (a->line != NULL)
		line_awaited(a->line, false);
	free(a);
	return true;
}

void
await_drop_all(struct relay *r)
{
	struct table_node *n;
	struct visit *v;
	size_t index;

	while ((n = table_next(&r->awaits, NULL)) != NULL)
		if (await_take(r, n->number, &v, &index))
			visit_drop(v);
}

/* What became of them: told, refused, or nothing yet. */
static void
on_watched(struct db_work *w)
{
	struct relay *r = OF(w, struct relay, watch);
	size_t before = r->awaits.n;

	r->watching = false;
	for (size_t i = 0; w->end == ERR_OK && i < r->watch.n; i++) {
		enum state state = r->watch_state[i];
		struct visit *v;
		size_t index;

		if (state == STATE_RECEIVED || state == STATE_DELIVERED)
			continue;
		if (!await_take(r, r->watch_id[i], &v, &index))
			continue;
		visit_state(v, index, state != 0 ? state :
		    STATE_ACKNOWLEDGED, false);
		visit_drop(v);
	}
	r->watch_ms = r->awaits.n < before ? SOON_MS : 2 * r->watch_ms;
	if (r->watch_ms > WATCH_MS)
		r->watch_ms = WATCH_MS;
	if (r->awaits.n != 0)
		arm(r);
}

/* The next look begins where this one ends, so that all have their turn. */
static size_t
next_ids(struct relay *r)
{
	size_t slots = r->awaits.slots, n = 0;

	for (size_t i = 0; i < slots && n < WATCH_MAX; i++) {
		size_t at = r->watch_at++ % slots;

		for (struct table_node *a = r->awaits.slot[at]; a != NULL &&
		    n < WATCH_MAX; a = a->next)
			r->watch_id[n++] = a->number;
	}
	/* the last chain may have more */
	if (n == WATCH_MAX)
		r->watch_at--;
	return n;
}

/* Who has been answered waits no longer. */
static size_t
list_ids(struct relay *r)
{
	size_t n = next_ids(r), gone = 0;

	for (size_t i = 0; i < n; i++) {
		struct table_node *a = table_find(&r->awaits, r->watch_id[i],
		    NULL);
		struct visit *v;
		size_t index;

		if (OF(a, struct await, node)->visit->answered &&
		    await_take(r, r->watch_id[i], &v, &index)) {
			visit_drop(v);
			gone++;
		} else {
			r->watch_id[i - gone] = r->watch_id[i];
		}
	}
	return n - gone;
}

static void
on_timer(struct timer *t)
{
	struct relay *r = OF(t, struct relay, watch_timer);

	if (r->watching || r->awaits.n == 0)
		return;
	r->watching = true;
	r->watch = (struct watching){ .db.done = on_watched,
	    .store = r->env.store, .id = r->watch_id, .n = list_ids(r),
	    .state = r->watch_state };
	store_watch(&r->watch);
	env_submit(&r->env, &r->watch.db);
}

enum err
await_add(struct relay *r, int64_t id, struct visit *v, size_t index,
    struct line *line)
{
	struct await *a;

	if (r->stopping)
		return ERR_RETRY;	/* everybody has been answered */
	a = malloc(sizeof(*a));
	if (a == NULL)
		return ERR_NOMEM;
	*a = (struct await){ .visit = v, .index = index, .line = line };
	if (table_add(&r->awaits, &a->node, id) != ERR_OK) {
		free(a);
		return ERR_NOMEM;
	}
	visit_keep(v);
	if (line != NULL)
		line_awaited(line, true);
	r->watch_timer.fire = on_timer;
	if (r->awaits.n == 1)
		r->watch_ms = SOON_MS;
	arm(r);
	return ERR_OK;
}
