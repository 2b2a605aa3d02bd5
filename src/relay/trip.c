/*
 * The way of an event's messages: store, hand over, tell.
 *
 * Called by relay.c.  A trip lives in its event's arena, and what must last
 * is in the store before anything is done with it.  The working thread brings
 * the messages to `delivered`; then the trip only waits, held by no thread
 * (waiting.h), and whoever ends the wait answers.
 */
#include "relay/trip.h"

#include "portal/trust.h"
#include "relay/attempt.h"
#include "relay/journey.h"
#include "relay/waiting.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define BEHIND_MAX ((size_t)1024 * 1024)

/* One event on its way. */
struct trip {
	const struct relay *r;
	struct event *ev;
	struct sender *sender;
	struct outcome *out;
	struct arrival *arrival;	/* of each message */
	struct work *work;		/* of each message that we claimed */
	size_t works;
	struct awaited *awaited;	/* of those that are to be told */
	struct wait wait;
	struct patience working;	/* of the thread, on the way to there */
	struct call call;
};

/* Chats' next messages of other events; they outlive the trip. */
struct behind {
	struct arena arena;
	int64_t *id;
	size_t n;
};

static void
log_arrival(const struct relay *r, const struct event *ev,
    const struct message *m, const struct arrival *a)
{
	const char *what = "stored";

	if (!a->fresh)
		what = "repeat";
	else if (a->state == STATE_REFUSED)
		what = "refused";
	log_info(r->env.log, what, F_STR("key", a->key),
	    F_OPT("name", ev->name), F_STR("member_id", ev->member_id),
	    F_OPT("connector", ev->connector), F_INT("line", ev->line),
	    F_INT("chat_id", m->chat_id), F_INT("message_id", m->message_id),
	    F_STR("state", state_name(a->state)),
	    F_OPT("field", m->bad));
}

/* Asked within the transaction that would store it. */
static bool
may_send(void *ctx, const char *stored_token, struct problem *p)
{
	const struct trip *t = ctx;

	return trust_event(t->r->env.config, stored_token, t->ev, p) ==
	    ERR_OK;
}

static enum err
store_event(struct trip *t, const struct take_opts *opts, struct problem *p)
{
	struct event *ev = t->ev;
	enum err e;

	t->arrival = arena_alloc(&ev->arena,
	    ev->messages * sizeof(*t->arrival));
	if (t->arrival == NULL)
		return problem_set(p, ERR_DISK, -1, NULL, "out of memory");
	e = store_take(t->r->env.store, ev, opts, t->arrival, p);
	for (size_t i = 0; e == ERR_OK && i < ev->messages; i++)
		log_arrival(t->r, ev, &ev->message[i], &t->arrival[i]);
	return e;
}

enum err
trip_refused(const struct relay *r, struct event *ev, struct problem *p)
{
	struct trip t = { .r = r, .ev = ev };
	struct take_opts opts = { .reason = NULL };
	struct problem disk = { 0 };
	bool whole = false;

	if (ev->messages == 0 || ev->member_id == NULL)
		return p->err;
	/* an element's own fault is told with it, by the store */
	for (size_t i = 0; !whole && i < ev->messages; i++)
		whole = ev->message[i].bad == NULL;
	if (whole)
		opts.reason = p->text;
	if (store_event(&t, &opts, &disk) != ERR_OK)
		*p = disk;
	return p->err;
}

/* What the i-th message has become; a repeat within the event has one row. */
static enum state
state_of(const struct trip *t, size_t i)
{
	for (size_t k = 0; k < t->works; k++)
		if (t->work[k].id == t->arrival[i].id)
			return t->work[k].state;
	return t->arrival[i].state;
}

static void
count(struct trip *t)
{
	t->out->acknowledged = t->out->refused = 0;
	for (size_t i = 0; i < t->ev->messages; i++) {
		enum state state = state_of(t, i);

		if (state == STATE_ACKNOWLEDGED)
			t->out->acknowledged++;
		if (state == STATE_REFUSED)
			t->out->refused++;
	}
}

/* A message of this event as the steps take it. */
static void
add_work(struct trip *t, size_t i)
{
	const struct event *ev = t->ev;
	const struct message *m = &ev->message[i];
	struct work *w = &t->work[t->works++];

	*w = (struct work){
		.id = t->arrival[i].id,
		.state = STATE_RECEIVED,
		.event = ev->name,
		.member_id = ev->member_id,
		.domain = ev->domain,
		.connector = ev->connector,
		.chat = m->chat,
		.line = ev->line,
		.chat_id = m->chat_id,
		.message_id = m->message_id,
		.ts = ev->ts,
		.received_us = t->arrival[i].received_us,
		.body = m->body,
		.body_len = m->body_len,
		.endpoint = ev->client_endpoint,
		.token = ev->access_token,
	};
	memcpy(w->key, t->arrival[i].key, sizeof(w->key));
}

/* A chat's next message: of this event, or for later. */
static void
add_next(struct trip *t, int64_t id, struct behind *behind)
{
	for (size_t i = 0; i < t->ev->messages; i++)
		if (t->arrival[i].fresh && t->arrival[i].id == id) {
			add_work(t, i);
			return;
		}
	behind->id[behind->n++] = id;
}

/* A channel that has just gone down is not waited for once more. */
static bool
is_held(struct trip *t, struct work *w)
{
	struct problem p = { 0 };
	char place[PLACE_MAX];
	int64_t until;

	place_of(t->r, w, place);
	until = place_down_until(t->r, place);
	return until != 0 && store_hold(t->r->env.store, w, until, &p) ==
	    ERR_OK;
}

/*
 * One message to its channel.  Whoever tells it may do so as soon as it is
 * delivered, so it is waited for before that.  A single one asks for its call
 * at once; of several, one call is to take all.
 */
static void
hand_over_one(struct trip *t, struct work *w, int64_t *next)
{
	bool single = t->ev->messages == 1;

	waiting_add(t->r->waiting, &t->wait, w->id);
	hand_over(t->r, w, false, &t->working, next, single ? &t->call :
	    NULL);
	if (w->state != STATE_DELIVERED)
		waiting_undo(t->r->waiting, &t->wait);
}

static void
hand_over_all(struct trip *t, struct behind *behind)
{
	bool failed = false;

	for (size_t i = 0; i < t->ev->messages; i++)
		if (t->arrival[i].fresh && t->arrival[i].claimed)
			add_work(t, i);
	/* the list grows while it is worked on, up to one for each message */
	for (size_t i = 0; i < t->works; i++) {
		int64_t next;

		if (failed && is_held(t, &t->work[i]))
			continue;
		hand_over_one(t, &t->work[i], &next);
		failed = t->work[i].state == STATE_RECEIVED;
		if (next != 0)
			add_next(t, next, behind);
	}
}

/* A call for the messages of an event that has several. */
static void
ask_for_call(struct trip *t)
{
	struct problem p = { 0 };
	char place[PLACE_MAX];
	struct line line;

	if (t->ev->messages == 1 || t->wait.items == 0)
		return;
	line_of(&t->work[0], &line, place);
	if (store_call_begin(t->r->env.store, &line, NULL, false, &t->call,
	    &p) != ERR_OK)
		log_error(t->r->env.log, "store-failed", F_STR("key",
		    t->work[0].key), F_STR("reason", p.text));
}

/* All is told, or the time is over: the sender gets what there is to say. */
static void
over(struct wait *wait)
{
	struct trip *t = (struct trip *)((char *)wait - offsetof(struct trip,
	    wait));
	size_t k = 0;

	/* both lists are in the order of the hand-overs */
	for (size_t i = 0; i < wait->items; i++) {
		while (t->work[k].id != wait->item[i].id)
			k++;
		t->work[k].state = wait->item[i].state;
	}
	count(t);
	patience_end(&t->sender->patience);
	t->sender->gone(t->sender);
}

/* The answer is late, and so is the thread. */
static void
run_out(void *ctx)
{
	struct trip *t = ctx;

	patience_end(&t->sender->patience);
	patience_end(t->sender->thread);
}

static struct trip *
trip_new(const struct relay *r, struct event *ev, struct sender *sender,
    struct outcome *out)
{
	struct trip *t = arena_alloc(&ev->arena, sizeof(*t));

	if (t == NULL)
		return NULL;
	*t = (struct trip){ .r = r, .ev = ev, .sender = sender, .out = out,
	    .working = { sender->patience.until, run_out, t, false } };
	t->work = arena_alloc(&ev->arena, ev->messages * sizeof(*t->work));
	t->awaited = arena_alloc(&ev->arena,
	    ev->messages * sizeof(*t->awaited));
	waiting_init(&t->wait, t->awaited);
	t->wait.over = over;
	t->wait.until = sender->patience.until;
	call_init(&t->call);
	return t->work != NULL && t->awaited != NULL ? t : NULL;
}

static enum err
store_messages(struct trip *t, struct problem *p)
{
	struct take_opts opts = { .may_send = may_send, .ctx = t };
	const struct event *ev = t->ev;
	char place[PLACE_MAX];
	enum err e;

	place_of_channel(t->r, ev->connector, ev->line, place);
	opts.place = place;
	opts.hold_ms = place_late_until(t->r, place);
	e = store_event(t, &opts, p);
	t->out->messages = ev->messages;
	if (e == ERR_OK)
		count(t);
	return e;
}

enum err
trip_take(const struct relay *r, struct event *ev, struct sender *sender,
    struct outcome *out, struct problem *p)
{
	struct trip *t = trip_new(r, ev, sender, out);
	struct patience *thread = sender->thread;
	struct behind behind = { .n = 0 };
	struct call call;

	arena_init(&behind.arena, BEHIND_MAX);
	behind.id = arena_alloc(&behind.arena,
	    ev->messages * sizeof(*behind.id));
	if (t == NULL || behind.id == NULL)
		(void)problem_set(p, ERR_DISK, -1, NULL, "out of memory");
	else
		(void)store_messages(t, p);
	if (p->err != ERR_OK) {
		arena_free(&behind.arena);
		return p->err;
	}
	hand_over_all(t, &behind);
	ask_for_call(t);
	count(t);
	call = t->call;
	/* from here on the trip may be gone */
	if (sender->patience.over || call.leave == LEAVE_DOWN)
		waiting_end(r->waiting, &t->wait);
	else
		waiting_arm(r->waiting, &t->wait);
	(void)tell_on(r, &call, false, thread);
	for (size_t i = 0; i < behind.n; i++)
		travel_on(r, behind.id[i]);
	arena_free(&behind.arena);
	return ERR_OK;
}
