/*
 * An event on its way: stored, its messages seen through, answered.
 *
 * Called by relay.c.  Owns the event until nobody needs it any more: the
 * messages of its journeys live in it, also behind the answer.  Until the
 * commit that stores it has returned there is no answer but a refusal.
 */
#include "relay/visit.h"

#include "base/fault.h"
#include "portal/trust.h"
#include "relay/destination.h"
#include "relay/journey.h"

#include <stdlib.h>

void
visit_keep(struct visit *v)
{
	v->refs++;
}

/* The event's arena holds the visit itself. */
void
visit_drop(struct visit *v)
{
	if (--v->refs != 0)
		return;
	loop_disarm(v->relay->env.loop, &v->timer);
	if (v->destination != NULL)
		destination_leave(v->destination);
	TAILQ_REMOVE(&v->relay->visits, v, link);
	v->sender->gone(v->sender);
}

static void
count(struct visit *v)
{
	struct outcome *o = &v->outcome;

	o->messages = v->event->messages;
	o->acknowledged = o->refused = 0;
	for (size_t i = 0; i < v->event->messages; i++) {
		o->acknowledged += v->state[i] == STATE_ACKNOWLEDGED;
		o->refused += v->state[i] == STATE_REFUSED;
	}
}

void
visit_answer(struct visit *v)
{
	v->late = true;
	if (v->answered || !v->stored)
		return;
	v->answered = true;
	loop_disarm(v->relay->env.loop, &v->timer);
	count(v);
	v->sender->answer(v->sender, &v->outcome);
	visit_drop(v);
}

static void
refuse(struct visit *v, const struct problem *p)
{
	v->answered = true;
	loop_disarm(v->relay->env.loop, &v->timer);
	v->sender->refuse(v->sender, p);
	visit_drop(v);
}

static void
on_timer(struct timer *t)
{
	visit_answer(OF(t, struct visit, timer));
}

/* A repeat within the event is the same message. */
static void
set_state(struct visit *v, size_t index, enum state state)
{
	int64_t id = v->arrival[index].id;

	v->state[index] = state;
	if (!v->repeats)
		return;
	for (size_t i = index + 1; i < v->event->messages; i++)
		if (!v->arrival[i].fresh && v->arrival[i].id == id)
			v->state[i] = state;
}

void
visit_state(struct visit *v, size_t index, enum state state, bool waits)
{
	set_state(v, index, state);
	if (waits || !v->waits[index])
		return;
	v->waits[index] = false;
	if (--v->pending == 0)
		visit_answer(v);
}

void
visit_chat_stops(struct visit *v, int64_t chat)
{
	size_t n = v->event->messages;
	struct visit *who;
	size_t at;

	for (size_t i = 0; i < n && n > 1 && v->pending != 0; i++) {
		if (!v->waits[i] || v->arrival[i].chat_number != chat ||
		    v->state[i] != STATE_RECEIVED ||
		    !await_take(v->relay, v->arrival[i].id, &who, &at))
			continue;
		visit_state(who, at, STATE_RECEIVED, false);
		visit_drop(who);
	}
}

static void
log_arrival(const struct visit *v, const struct message *m,
    const struct arrival *a)
{
	const struct event *ev = v->event;
	const char *what = "stored";

	if (!a->fresh)
		what = "repeat";
	else if (a->state == STATE_REFUSED)
		what = "refused";
	log_info(v->relay->env.log, what, F_STR("key", a->key),
	    F_OPT("name", ev->name), F_STR("member_id", ev->member_id),
	    F_OPT("connector", ev->connector), F_INT("line", ev->line),
	    F_INT("chat_id", m->chat_id), F_INT("message_id", m->message_id),
	    F_STR("state", state_name(a->state)),
	    F_OPT("field", m->bad));
}

/* Asked in the committer's thread: reads only what never changes. */
static bool
may_send(void *ctx, const char *stored_token, struct problem *p)
{
	const struct visit *v = ctx;

	return trust_event(v->relay->env.config, stored_token, v->event,
	    p) == ERR_OK;
}

static void
wait_for(struct visit *v, size_t i)
{
	v->waits[i] = true;
	v->pending++;
}

/* Chats of which a message of this event is in work. */
struct chat {
	struct table_node node;
};

/* One behind another of its event follows soon, as what only waits for room
 * in memory; it is waited for, too. */
static void
await_behind(struct visit *v, const struct table *chats, size_t i)
{
	const struct arrival *a = &v->arrival[i];
	bool soon = a->ready ? !v->taking.down :
	    table_find(chats, a->chat_number, NULL) != NULL;

	if (soon && await_add(v->relay, a->id, v, i, NULL) == ERR_OK)
		wait_for(v, i);
}

static void
begin(struct visit *v)
{
	size_t n = v->event->messages;
	struct chat *chat = n > 1 ? calloc(n, sizeof(*chat)) : NULL;
	struct table chats = { .n = 0 };

	for (size_t i = 0; i < n && chat != NULL; i++)
		if (v->arrival[i].claimed || v->arrival[i].ready)
			(void)table_add(&chats, &chat[i].node,
			    v->arrival[i].chat_number);
	for (size_t i = 0; i < n; i++)
		if (v->arrival[i].fresh && !v->arrival[i].claimed &&
		    v->arrival[i].state == STATE_RECEIVED)
			await_behind(v, &chats, i);
	for (size_t i = 0; i < n; i++) {
		struct journey *j = v->arrival[i].claimed ?
		    journey_of_visit(v, i, &v->arrival[i],
		    &v->event->message[i]) : NULL;

		if (j == NULL)
			continue;
		wait_for(v, i);
		journey_go(j);
	}
	table_free(&chats);
	free(chat);
}

/* Some of it waits in the store: its destination is told. */
static void
note_stored(struct visit *v)
{
	if (v->taking.down) {
		destination_found_down(v->destination);
		return;
	}
	for (size_t i = 0; i < v->event->messages; i++)
		if (v->arrival[i].fresh && !v->arrival[i].claimed &&
		    v->arrival[i].state == STATE_RECEIVED) {
			destination_stored(v->destination);
			return;
		}
}

static void
stored(struct visit *v)
{
	size_t n = v->event->messages;

	for (size_t i = 0; i < n; i++) {
		log_arrival(v, &v->event->message[i], &v->arrival[i]);
		v->state[i] = v->arrival[i].state;
		v->repeats = v->repeats || !v->arrival[i].fresh;
	}
	v->stored = true;
	if (v->unusable != NULL) {
		refuse(v, v->unusable);
		return;
	}
	visit_keep(v);
	note_stored(v);
	begin(v);
	if (v->pending == 0 || v->late || v->relay->stopping)
		visit_answer(v);
	visit_drop(v);
}

static void
on_stored(struct db_work *w)
{
	struct visit *v = OF(w, struct visit, taking);

	fault_point("take-after-commit");
	v->relay->writes--;
	if (w->end == ERR_OK)
		look_sure(v->relay);
	if (v->destination != NULL)
		destination_unreserve(v->destination, v->reserved);
	if (w->end != ERR_OK)
		refuse(v, &w->problem);
	else if (v->taking.denied)
		refuse(v, &v->taking.why);
	else
		stored(v);
}

static bool
make_room(struct visit *v)
{
	struct arena *a = &v->event->arena;
	size_t n = v->event->messages;

	v->arrival = arena_alloc(a, n * sizeof(*v->arrival));
	v->state = arena_alloc(a, n * sizeof(*v->state));
	v->waits = arena_alloc(a, n * sizeof(*v->waits));
	return v->arrival != NULL && v->state != NULL && v->waits != NULL;
}

void
sender_no_memory(struct sender *sender)
{
	struct problem p = { .err = ERR_OK };

	(void)problem_set(&p, ERR_DISK, -1, NULL, "out of memory");
	sender->refuse(sender, &p);
	sender->gone(sender);
}

/* NULL: no memory; the sender has been told. */
static struct visit *
visit_new(struct relay *r, struct event *ev, struct sender *sender)
{
	struct visit *v = arena_raw(&ev->arena, sizeof(*v));

	if (v == NULL) {
		sender_no_memory(sender);
		return NULL;
	}
	*v = (struct visit){ .relay = r, .event = ev, .sender = sender,
	    .refs = 1, .timer.fire = on_timer };
	if (!make_room(v)) {
		sender_no_memory(sender);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&r->visits, v, link);
	loop_arm(r->env.loop, &v->timer, sender->until.at_ms);
	return v;
}

static void
store_it(struct visit *v)
{
	v->taking.db.done = on_stored;
	v->taking.store = v->relay->env.store;
	v->taking.event = v->event;
	v->taking.arrival = v->arrival;
	store_take(&v->taking);
	v->relay->writes++;
	env_submit(&v->relay->env, &v->taking.db);
}

void
visit_begin(struct relay *r, struct event *ev, struct sender *sender)
{
	struct visit *v = visit_new(r, ev, sender);

	if (v == NULL)
		return;
	v->destination = destination_enter(r, ev->connector, ev->line);
	if (v->destination == NULL) {
		struct problem p = { .err = ERR_OK };

		(void)problem_set(&p, ERR_DISK, -1, NULL, "out of memory");
		refuse(v, &p);
		return;
	}
	v->reserved = destination_reserve(v->destination, ev->messages);
	v->taking.channel = v->destination->place;
	v->taking.claims = v->reserved;
	v->taking.may_send = may_send;
	v->taking.ctx = v;
	store_it(v);
}

void
visit_refuse(struct relay *r, struct event *ev, struct sender *sender,
    const struct problem *p)
{
	struct visit *v = visit_new(r, ev, sender);
	bool whole = false;

	if (v == NULL)
		return;
	v->why = *p;
	v->unusable = &v->why;
	/* an element's own fault is told with it, by the store */
	for (size_t i = 0; !whole && i < ev->messages; i++)
		whole = ev->message[i].bad == NULL;
	v->taking.reason = whole ? v->why.text : NULL;
	store_it(v);
}
