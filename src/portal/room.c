/*
 * The room of a portal: who may call it, and when.
 *
 * Called by rest.c and by the relay, in the loop.  Owns what it holds in the
 * store: slots and credit.  If the store fails, nobody is let in, and it is
 * asked again.
 */
#include "portal/room.h"

#define CREDIT_MS 1000		/* how long a charged call may wait */
#define ASK_MAX_MS 100		/* between looks for a slot of others */
#define CALLS_TURN 8		/* then others get the slot */
#define IDLE_MS 20		/* then nobody needs it here */

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
	if (!r->timer.armed || at_ms < r->timer.at_ms)
		loop_arm(r->all->env->loop, &r->timer, at_ms);
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
	r->ask_at = 0;
	if (a->credit_ms != 0) {
		int64_t ms = a->credit_ms - clock_wall(r->all->env->clock);

		r->ask_at = now_of(r) + (ms > 0 ? ms : 0);
	}
}

/* How the portal stands; what is being written now is newer than that. */
static void
learn(struct room *r)
{
	const struct room_ask *a = &r->ask;
	bool was_down = r->outage.down, was_parked = r->parked;

	if (!r->outage.writing)
		r->outage.down = a->down_ms != 0;
	if (r->due.parked == NULL &&
	    !(r->noting && r->note_work.note.parked != NULL))
		r->parked = a->parked;
	r->reset_ms = a->reset_ms;
	if (r->outage.down && !a->probe)
		news(r, ROOM_DOWN);
	else if ((was_down && !r->outage.down) || (was_parked && !r->parked))
		news(r, ROOM_UP);
}

/* With none at all it asks sooner. */
static int64_t
wait_for_slot(struct room *r)
{
	int64_t ms = r->slot_ms;

	r->slot_ms = 2 * ms < ASK_MAX_MS ? 2 * ms : ASK_MAX_MS;
	return r->slots != 0 ? ASK_MAX_MS : ms;
}

static void
was_in_vain(struct room *r)
{
	r->slot_at = now_of(r) + wait_for_slot(r);
	if (r->slots == 0 && !r->outage.down)
		news(r, ROOM_NO_SLOT);
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
	if (a->granted)
		r->slot_ms = ASK_MIN_MS;
	if (!cut_short && a->slot && !a->granted)
		was_in_vain(r);
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

/* False: there is nothing to ask for now.  Credit is no use without a slot. */
static bool
set_ask(struct room *r, bool probe)
{
	int64_t most = r->all->env->config->portal.calls_in_flight;

	r->ask.slot = r->slots < most && r->calls >= r->slots &&
	    now_of(r) >= r->slot_at;
	r->ask.has_slot = r->slots != 0;
	r->ask.calls = r->ask.slot || r->slots != 0 ? calls_wanted(r) : 0;
	r->ask.probe = probe;
	if (!r->ask.slot && r->ask.calls == 0)
		return false;
	r->asking = true;
	r->asked_ms = now_of(r);
	return true;
}

bool
room_lacks_slot(const struct room *r)
{
	return r->slots == 0 && now_of(r) < r->slot_at;
}

struct room_ask *
room_lend(struct room *r)
{
	if (r->asking || now_of(r) < r->ask_at)
		return NULL;
	take_back(r);
	return set_ask(r, false) ? &r->ask : NULL;
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
	struct room *r = OF(w, struct room, work);

	room_asked(r, w->end == ERR_OK);
	room_leave(r);
}

static void
submit(struct room *r, void (*kind)(struct asking *),
    void (*done)(struct db_work *))
{
	r->work = (struct asking){ .db.done = done,
	    .store = r->all->env->store, .ask = &r->ask };
	kind(&r->work);
	r->users++;
	env_submit(r->all->env, &r->work.db);
}

static void
on_looked(struct db_work *w)
{
	struct room *r = OF(w, struct room, work);

	if (w->end == ERR_OK && r->work.in_vain) {
		r->asking = false;
		was_in_vain(r);
		pump_soon(r);
	} else {
		r->asked_ms = now_of(r);
		submit(r, store_ask, on_asked);
	}
	room_leave(r);
}

/* Who has waited for a slot looks first, lest all who do so take turns at
 * writing nothing. */
static void
submit_ask(struct room *r, bool probe)
{
	if (r->asking)
		return;
	if (now_of(r) < r->ask_at) {
		pump_at(r, r->ask_at);
		return;
	}
	if (!set_ask(r, probe)) {
		if (r->slot_at > now_of(r))
			pump_at(r, r->slot_at);
		return;
	}
	if (r->slot_ms > ASK_MIN_MS && r->slots == 0 && !probe)
		submit(r, store_ask_in_vain, on_looked);
	else
		submit(r, store_ask, on_asked);
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
	if (n == 0 && r->others_wait && r->slots > r->calls &&
	    (r->slots > 1 || r->made >= CALLS_TURN))
		n = 1;
	if (n == 0)
		return;
	r->slots -= n;
	r->made = 0;
	r->others_wait = false;
	r->slot_at = TAILQ_EMPTY(&r->wants) ? 0 : now_of(r) + ASK_MIN_MS;
	r->due.free_slots += n;
	room_note_soon(r);
}

/* The next in turn; where it is down only who probes it. */
static struct room_want *
next_want(const struct room *r)
{
	struct room_want *w;

	TAILQ_FOREACH(w, &r->wants, link)
		if (!r->outage.down || w->probe)
			return w;
	return NULL;
}

void
room_pump(struct task *t)
{
	struct room *r = OF(t, struct room, pump);
	struct room_want *w;

	r->users++;
	while ((w = next_want(r)) != NULL && may_call(r, w)) {
		room_unwant(r, w);
		r->calls++;
		r->credits--;
		r->made++;
		w->go(w);
	}
	/* the next call is not to wait for a commit */
	if (w != NULL && r->calls != 0 && !r->outage.down && r->credits < 1)
		submit_ask(r, false);
	free_slots(r);
	room_leave(r);
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
room_call_ended(struct room *r)
{
	r->calls--;
	pump_soon(r);
}
