/*
 * The way of an event's messages: store, hand over, tell.
 *
 * Called by relay.c.  A trip lives in its event's arena, and what must last
 * is in the store before anything is done with it.  No thread waits for the
 * disk: when another thread commits, the trip goes on in any worker (ready.h).
 * Once its messages are delivered it only waits, again without a thread
 * (waiting.h), and whoever ends the wait answers.
 */
#include "relay/trip.h"

#include "portal/trust.h"
#include "relay/attempt.h"
#include "relay/journey.h"
#include "relay/ready.h"
#include "relay/waiting.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Chats' next messages of other events; they outlive the trip. */
struct behind {
	int64_t one;		/* of a single message */
	int64_t *many;		/* of several: allocated; else NULL */
	size_t n;
};

/* One event on its way. */
struct trip {
	const struct relay *r;
	struct event *ev;
	struct sender *sender;
	struct outcome *out;
	char channel[PLACE_MAX], portal[PLACE_MAX];	/* as destinations */
	struct line line;
	struct taking taking;
	struct arrival *arrival;	/* of each message */
	struct work *work;		/* of each message that we claimed */
	size_t works;
	struct behind behind;
	struct awaited *awaited;	/* of those that are to be told */
	struct wait wait;
	struct patience *thread;	/* of who works on it now, */
	struct patience working;	/* until it only waits */
	struct delivering delivering;	/* of a single message */
	struct call call;
	struct task task;		/* what to go on with */
};

static void trip_stored(struct trip *, struct patience *thread);
static void trip_told(struct trip *, struct patience *thread);

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

enum err
trip_refused(const struct relay *r, struct event *ev, struct problem *p)
{
	struct arrival *arrival = arena_alloc(&ev->arena,
	    ev->messages * sizeof(*arrival));
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
	if (arrival == NULL)
		(void)problem_set(&disk, ERR_DISK, -1, NULL, "out of memory");
	else if (store_take(r->env.store, ev, &opts, arrival, &disk) != ERR_OK)
		arrival = NULL;
	if (arrival == NULL) {
		*p = disk;
		return p->err;
	}
	for (size_t i = 0; i < ev->messages; i++)
		log_arrival(r, ev, &ev->message[i], &arrival[i]);
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
		.claimed_ms = t->arrival[i].claimed ?
		    t->arrival[i].claimed_ms : 0,
	};
	memcpy(w->key, t->arrival[i].key, sizeof(w->key));
}

/* A chat's next message: of this event, or for later. */
static void
add_next(struct trip *t, int64_t id)
{
	for (size_t i = 0; i < t->ev->messages; i++)
		if (t->arrival[i].fresh && t->arrival[i].id == id) {
			add_work(t, i);
			return;
		}
	if (t->behind.many != NULL)
		t->behind.many[t->behind.n++] = id;
	else if (++t->behind.n == 1)
		t->behind.one = id;
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
	if (until != 0 && store_hold(t->r->env.store, w, until, &p) != ERR_OK)
		note_unmoved(t->r, w->key, &p);
	return until != 0;
}

/*
 * One of several messages to its channel.  Whoever tells it may do so as soon
 * as it is delivered, so it is waited for before that.
 */
static void
hand_over_one(struct trip *t, struct work *w)
{
	int64_t next;

	waiting_add(t->r->waiting, &t->wait, w->id);
	hand_over(t->r, w, false, &t->working, &next, NULL);
	if (w->state != STATE_DELIVERED)
		waiting_undo(t->r->waiting, &t->wait);
	if (next != 0)
		add_next(t, next);
}

/* Several: one after the other, and one call for all. */
static void
hand_over_all(struct trip *t)
{
	struct problem p = { 0 };
	bool failed = false;

	/* the list grows while it is worked on, up to one for each message */
	for (size_t i = 0; i < t->works; i++) {
		if (failed && is_held(t, &t->work[i]))
			continue;
		hand_over_one(t, &t->work[i]);
		failed = t->work[i].state == STATE_RECEIVED;
	}
	if (t->wait.items != 0 && store_call_begin(t->r->env.store, &t->line,
	    NULL, false, &t->call, &p) != ERR_OK)
		log_error(t->r->env.log, "store-failed", F_STR("key",
		    t->work[0].key), F_STR("reason", p.text));
}

/* A single message is delivered, or that failed. */
static void
single_delivered(struct trip *t)
{
	if (t->work[0].state != STATE_DELIVERED)
		waiting_undo(t->r->waiting, &t->wait);
	if (t->delivering.next != 0)
		add_next(t, t->delivering.next);
}

static void
run_delivered(struct task *task, struct patience *thread)
{
	struct trip *t = (struct trip *)((char *)task - offsetof(struct trip,
	    task));

	hand_over_end(t->r, &t->delivering);
	single_delivered(t);
	trip_told(t, thread);
}

/* In the thread that committed it. */
static void
on_delivered(struct store_write *w)
{
	struct trip *t = (struct trip *)((char *)w - offsetof(struct trip,
	    delivering.write));

	t->task.run = run_delivered;
	/* most often all that is left to do is to wait */
	if (w->end == ERR_OK && t->delivering.next == 0 &&
	    t->call.leave == LEAVE_LATER)
		run_delivered(&t->task, NULL);
	else
		ready_push(t->r->ready, &t->task);
}

/* The one message of nearly every event.  True: it goes on by itself. */
static bool
hand_over_single(struct trip *t)
{
	struct delivering *d = &t->delivering;

	d->store = t->r->env.store;
	d->line = &t->line;
	d->call = &t->call;
	d->write.done = on_delivered;
	waiting_add(t->r->waiting, &t->wait, t->work[0].id);
	if (hand_over_begin(t->r, &t->work[0], &t->ev->arena, &t->working, d))
		return true;
	single_delivered(t);
	return false;
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

/* From here on it only waits; the thread goes on without it. */
static void
trip_told(struct trip *t, struct patience *thread)
{
	const struct relay *r = t->r;
	struct behind behind = t->behind;
	struct call call = t->call;

	count(t);
	if (t->sender->patience.over || call.leave == LEAVE_DOWN)
		waiting_end(r->waiting, &t->wait);
	else
		waiting_arm(r->waiting, &t->wait);
	(void)tell_on(r, &call, false, thread);
	for (size_t i = 0; i < behind.n; i++)
		travel_on(r, behind.many != NULL ? behind.many[i] :
		    behind.one);
	free(behind.many);
}

static void
trip_stored(struct trip *t, struct patience *thread)
{
	const struct event *ev = t->ev;

	t->thread = thread;
	for (size_t i = 0; i < ev->messages; i++)
		log_arrival(t->r, ev, &ev->message[i], &t->arrival[i]);
	t->out->messages = ev->messages;
	count(t);
	for (size_t i = 0; i < ev->messages; i++)
		if (t->arrival[i].fresh && t->arrival[i].claimed)
			add_work(t, i);
	if (ev->messages == 1 && t->works == 1) {
		if (hand_over_single(t))
			return;
	} else {
		hand_over_all(t);
	}
	trip_told(t, thread);
}

static void
run_stored(struct task *task, struct patience *thread)
{
	struct trip *t = (struct trip *)((char *)task - offsetof(struct trip,
	    task));
	struct problem p = { 0 };

	if (store_take_end(&t->taking, &p) == ERR_OK) {
		trip_stored(t, thread);
	} else {
		free(t->behind.many);
		t->sender->failed(t->sender, &p);
	}
}

/* In the thread that committed it. */
static void
on_stored(struct store_write *w)
{
	struct trip *t = (struct trip *)((char *)w - offsetof(struct trip,
	    taking.write));

	t->task.run = run_stored;
	ready_push(t->r->ready, &t->task);
}

/* The answer is late, and so is the thread. */
static void
run_out(void *ctx)
{
	struct trip *t = ctx;

	patience_end(&t->sender->patience);
	patience_end(t->thread);
}

static bool
make_room(struct trip *t)
{
	struct arena *a = &t->ev->arena;
	size_t n = t->ev->messages;

	t->arrival = arena_alloc(a, n * sizeof(*t->arrival));
	t->work = arena_alloc(a, n * sizeof(*t->work));
	t->awaited = arena_alloc(a, n * sizeof(*t->awaited));
	if (n > 1)
		t->behind.many = calloc(n, sizeof(*t->behind.many));
	return t->arrival != NULL && t->work != NULL && t->awaited != NULL &&
	    (n == 1 || t->behind.many != NULL);
}

static void
prepare(struct trip *t)
{
	const struct event *ev = t->ev;

	t->working = (struct patience){ t->sender->patience.until, run_out, t,
	    false };
	place_of_channel(t->r, ev->connector, ev->line, t->channel);
	place_of_portal(ev->member_id, t->portal);
	t->line = (struct line){ ev->member_id, ev->connector, ev->line,
	    t->portal };
	t->taking = (struct taking){ .store = t->r->env.store, .ev = ev,
	    .out = t->arrival, .write = { .done = on_stored } };
	t->taking.opts = (struct take_opts){ .may_send = may_send, .ctx = t,
	    .place = t->channel,
	    .hold_ms = place_late_until(t->r, t->channel) };
	waiting_init(&t->wait, t->awaited);
	t->wait.over = over;
	t->wait.until = t->sender->patience.until;
	call_init(&t->call);
}

enum err
trip_take(const struct relay *r, struct event *ev, struct sender *sender,
    struct outcome *out, struct problem *p)
{
	struct trip *t = arena_alloc(&ev->arena, sizeof(*t));
	struct patience *thread = sender->thread;
	bool room;

	if (t == NULL)
		return problem_set(p, ERR_DISK, -1, NULL, "out of memory");
	*t = (struct trip){ .r = r, .ev = ev, .sender = sender, .out = out };
	room = make_room(t);
	if (room) {
		prepare(t);
		if (!store_take_begin(&t->taking))
			return ERR_OK;
		if (store_take_end(&t->taking, p) == ERR_OK) {
			trip_stored(t, thread);
			return ERR_OK;
		}
	}
	free(t->behind.many);
	return room ? p->err : problem_set(p, ERR_DISK, -1, NULL,
	    "out of memory");
}
