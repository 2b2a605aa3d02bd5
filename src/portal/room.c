/*
 * The room of a portal: who may call it, and when.
 *
 * Called by rest.c and by the relay, in the loop.  Owns the rooms, each with
 * what it holds in the store: slots and credit.  If the store fails, nobody
 * is let in, and it is asked again.
 */
#include "portal/room.h"

#include "portal/room_inside.h"
#include "store/portals.h"

#include <stdlib.h>
#include <string.h>

#define CREDIT_MS 1000		/* how long a charged call may wait */
#define ASK_MS 100		/* between looks for a slot of others */
#define CALLS_TURN 8		/* then others get the slot */
#define IDLE_MS 20		/* then nobody needs it here */

const struct env *
rooms_env(const struct rooms *all)
{
	return all->env;
}

struct oauth_calls *
rooms_oauth(struct rooms *all)
{
	return &all->oauth;
}

size_t
rooms_busy(const struct rooms *all)
{
	size_t busy = 0;

	for (size_t i = 0; i < all->table.slots; i++)
		for (const struct table_node *n = all->table.slot[i];
		    n != NULL; n = n->next) {
			const struct room *r = (const struct room *)
			    ((const char *)n - offsetof(struct room, node));

			/* nobody is kept for a note that is not taken */
			busy += r->asking || r->calls != 0 || r->changing ||
			    (r->noting && r->note_timer.place == 0) ||
			    r->pump.listed;
		}
	return busy;
}

const char *
room_member(const struct room *r)
{
	return r->member_id;
}

struct rooms *
room_all(const struct room *r)
{
	return r->all;
}

struct http_peer *
room_peer(struct room *r)
{
	return &r->peer;
}

struct token_searches *
room_searches(struct room *r)
{
	return &r->searches;
}

bool
room_has_slot(const struct room *r)
{
	return r->slots > 0;
}

bool
room_is_down(const struct room *r)
{
	return r->down;
}

bool
room_is_parked(const struct room *r)
{
	return r->parked;
}

int64_t
room_reset_ms(const struct room *r)
{
	return r->reset_ms;
}

static int64_t
now_of(const struct room *r)
{
	return loop_now(r->all->env->loop);
}

static void
pump_soon(struct room *r)
{
	loop_ready(r->all->env->loop, &r->pump);
}

static void
pump_at(struct room *r, int64_t at_ms)
{
	if (r->timer.place == 0 || at_ms < r->timer.at_ms)
		loop_arm(r->all->env->loop, &r->timer, at_ms);
}

/* A Unix time as the monotonic one of the loop. */
static int64_t
mono_of(const struct room *r, int64_t wall_ms)
{
	int64_t ms = wall_ms - clock_wall(r->all->env->clock);

	return now_of(r) + (ms > 0 ? ms : 0);
}

static void
news(struct room *r, enum room_news what)
{
	if (r->all->news != NULL)
		r->all->news(r->all->ctx, r, what);
}

static void
take_credits(struct room *r)
{
	const struct room_ask *a = &r->ask;

	if (r->credit_until <= now_of(r))
		r->credits = 0;
	r->credits += a->credits;
	if (a->credits != 0)
		r->credit_until = r->asked_ms + CREDIT_MS;
	r->slots += a->granted;
	r->others_wait = a->others_wait;
	r->ask_at = a->credit_ms != 0 ? mono_of(r, a->credit_ms) : 0;
}

/* How the portal stands; what is being written now is newer than that. */
static void
learn(struct room *r)
{
	const struct room_ask *a = &r->ask;
	bool was_down = r->down, was_parked = r->parked;

	if (!r->changing)
		r->down = a->down_ms != 0;
	if (!room_is_parking(r))
		r->parked = a->parked;
	r->reset_ms = a->reset_ms;
	if (r->down && !a->probe)
		news(r, ROOM_DOWN);
	else if ((was_down && !r->down) || (was_parked && !r->parked))
		news(r, ROOM_UP);
}

/* What the store said. */
static void
absorb(struct room *r)
{
	const struct room_ask *a = &r->ask;
	bool cut_short = a->down_ms != 0 && !a->probe;

	take_credits(r);
	if (!cut_short)
		room_set_portal(r, a->installed ? &a->portal : NULL);
	learn(r);
	if (cut_short || !a->slot || a->granted)
		return;
	r->ask_at = now_of(r) + ASK_MS;
	if (r->slots == 0 && !r->down)
		news(r, ROOM_NO_SLOT);
}

/* How many calls to charge: unused credit is lost to the portal's bucket. */
static int64_t
calls_wanted(const struct room *r)
{
	int64_t have = r->credit_until > now_of(r) ? r->credits : 0;

	if (r->calls == 0)
		return have == 0 ? 1 : 0;
	return have < 2 ? 2 - have : 0;
}

/* What was given back and is not written yet is ours still. */
static void
take_back(struct room *r)
{
	int64_t most = r->all->env->config->portal.calls_in_flight;

	while (r->due.free_slots > 0 && r->slots < most) {
		r->due.free_slots--;
		r->slots++;
	}
}

static void
set_ask(struct room *r, bool probe)
{
	int64_t most = r->all->env->config->portal.calls_in_flight;

	r->ask.slot = r->slots < most && r->calls >= r->slots;
	r->ask.calls = calls_wanted(r);
	r->ask.probe = probe;
	r->asking = true;
	r->asked_ms = now_of(r);
}

struct room_ask *
room_lend(struct room *r)
{
	if (r->asking || now_of(r) < r->ask_at)
		return NULL;
	take_back(r);
	set_ask(r, false);
	if (r->ask.slot || r->ask.calls != 0)
		return &r->ask;
	r->asking = false;
	return NULL;
}

void
room_asked(struct room *r, bool done)
{
	r->asking = false;
	if (done)
		absorb(r);
	else
		r->ask_at = now_of(r) + CREDIT_MS;
	pump_soon(r);
}

static void
on_asked(struct db_work *w)
{
	struct room *r = (struct room *)((char *)w - offsetof(struct room,
	    work));

	room_asked(r, w->end == ERR_OK);
	room_leave(r);
}

static void
submit_ask(struct room *r, bool probe)
{
	if (r->asking)
		return;
	if (now_of(r) < r->ask_at) {
		pump_at(r, r->ask_at);
		return;
	}
	set_ask(r, probe);
	r->work = (struct asking){ .db.done = on_asked,
	    .store = r->all->env->store, .ask = &r->ask };
	store_ask(&r->work);
	r->users++;
	env_submit(r->all->env, &r->work.db);
}

/* Whether one more may call now; else it is seen to that one may. */
static bool
may_call(struct room *r, const struct room_want *w)
{
	int64_t now = now_of(r);
	int64_t most = r->all->env->config->portal.calls_in_flight;

	take_back(r);
	if (r->credits > 0 && r->credit_until > now && r->calls < r->slots)
		return true;
	if (r->calls < r->slots || r->slots < most)
		submit_ask(r, w->probe);
	return false;
}

/* Nobody wants to call: others may have the slots. */
static void
free_slots(struct room *r)
{
	bool idle = TAILQ_EMPTY(&r->wants) && r->calls == 0 && !r->asking;
	int64_t n = 0;

	if (!idle || r->slots == 0 || r->holders != 0)
		r->idle_at = 0;
	else if (r->idle_at == 0)
		r->idle_at = now_of(r);
	if (idle && (r->others_wait || (r->idle_at != 0 &&
	    now_of(r) - r->idle_at >= IDLE_MS)))
		n = r->slots;
	else if (r->idle_at != 0)
		pump_at(r, r->idle_at + IDLE_MS);
	if (n == 0 && r->others_wait && r->made >= CALLS_TURN &&
	    r->slots > r->calls)
		n = 1;
	if (n == 0)
		return;
	r->slots -= n;
	r->made = 0;
	r->others_wait = false;
	r->ask_at = TAILQ_EMPTY(&r->wants) ? 0 : now_of(r) + ASK_MS;
	r->due.free_slots += n;
	room_note_soon(r);
}

static void
let_in(struct room *r, struct room_want *w)
{
	room_unwant(r, w);
	r->calls++;
	r->credits--;
	r->made++;
	w->go(w);
}

/* The next in turn; where it is down only who probes it. */
static struct room_want *
next_want(const struct room *r)
{
	struct room_want *w;

	TAILQ_FOREACH(w, &r->wants, link)
		if (!r->down || w->probe)
			return w;
	return NULL;
}

static void
pump(struct task *t)
{
	struct room *r = (struct room *)((char *)t - offsetof(struct room,
	    pump));
	struct room_want *w;

	r->users++;
	while ((w = next_want(r)) != NULL && may_call(r, w))
		let_in(r, w);
	/* the next call is not to wait for a commit */
	if (w != NULL && r->calls != 0 && !r->down && r->credits < 1)
		submit_ask(r, false);
	free_slots(r);
	room_leave(r);
}

static void
on_timer(struct timer *t)
{
	pump_soon((struct room *)((char *)t - offsetof(struct room, timer)));
}

void
room_want(struct room *r, struct room_want *w)
{
	/* while it is down nobody else may call: a probe stands behind none */
	if (w->listed && w->probe)
		room_unwant(r, w);
	if (!w->listed && w->probe)
		TAILQ_INSERT_HEAD(&r->wants, w, link);
	else if (!w->listed)
		TAILQ_INSERT_TAIL(&r->wants, w, link);
	w->listed = true;
	pump_soon(r);
}

void
room_unwant(struct room *r, struct room_want *w)
{
	if (!w->listed)
		return;
	w->listed = false;
	TAILQ_REMOVE(&r->wants, w, link);
}

void
room_hold(struct room *r)
{
	r->holders++;
}

void
room_release(struct room *r)
{
	r->holders--;
	pump_soon(r);
}

void
room_unused(struct room *r)
{
	r->calls--;
	r->credits++;
	pump_soon(r);
}

void
room_extra_call(struct room *r)
{
	r->due.charge++;
}

void
room_call_ended(struct room *r)
{
	r->calls--;
	pump_soon(r);
}

static struct room *
find(const struct rooms *all, const char *member_id)
{
	int64_t number = table_number(member_id);
	struct table_node *n = NULL;

	while ((n = table_find(&all->table, number, n)) != NULL) {
		struct room *r = (struct room *)((char *)n -
		    offsetof(struct room, node));

		if (strcmp(r->member_id, member_id) == 0)
			return r;
	}
	return NULL;
}

static struct room *
make(struct rooms *all, const char *member_id)
{
	struct room *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->all = all;
	r->member_id = strdup(member_id);
	if (r->member_id == NULL || table_add(&all->table, &r->node,
	    table_number(member_id)) != ERR_OK) {
		free(r->member_id);
		free(r);
		return NULL;
	}
	http_peer_init(&r->peer);
	known_recall(&all->known, r->node.number, &r->peer);
	TAILQ_INIT(&r->wants);
	TAILQ_INIT(&r->searches);
	room_ask_init(&r->ask, r->member_id);
	arena_init(&r->arena, PORTAL_ARENA_MAX);
	r->pump = (struct task){ .run = pump, .name = "room" };
	r->timer.fire = on_timer;
	r->note_timer.fire = room_note_again;
	return r;
}

struct room *
room_enter(struct rooms *all, const char *member_id)
{
	struct room *r = find(all, member_id);

	if (r == NULL)
		r = make(all, member_id);
	if (r != NULL)
		r->users++;
	return r;
}

static void
destroy(struct room *r)
{
	struct loop *loop = r->all->env->loop;

	known_keep(&r->all->known, r->node.number, &r->peer);
	loop_unready(loop, &r->pump);
	loop_disarm(loop, &r->timer);
	loop_disarm(loop, &r->note_timer);
	table_remove(&r->all->table, &r->node);
	room_ask_free(&r->ask);
	arena_free(&r->arena);
	free(r->member_id);
	loop_bury(loop, r);
}

/* What it knew, the next one asks the store. */
void
room_leave(struct room *r)
{
	if (--r->users == 0 && r->slots == 0 && r->calls == 0 &&
	    !r->noting && !r->asking && TAILQ_EMPTY(&r->wants))
		destroy(r);
}

enum err
rooms_new(struct rooms **out, const struct env *env)
{
	struct rooms *all = calloc(1, sizeof(*all));

	*out = all;
	if (all == NULL)
		return ERR_NOMEM;
	all->env = env;
	oauth_calls_init(&all->oauth, env, OAUTH_CALLS);
	newest_init(&all->newest);
	return known_init(&all->known);
}

void
rooms_free(struct rooms *all)
{
	struct table_node *n;

	if (all == NULL)
		return;
	while ((n = table_any(&all->table)) != NULL)
		destroy((struct room *)((char *)n - offsetof(struct room,
		    node)));
	table_free(&all->table);
	newest_free(&all->newest);
	known_free(&all->known);
	free(all);
}

void
rooms_on_news(struct rooms *all, void (*tell)(void *, struct room *,
    enum room_news), void *ctx)
{
	all->news = tell;
	all->ctx = ctx;
}
