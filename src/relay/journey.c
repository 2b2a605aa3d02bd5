/*
 * A message on its way: handed over, noted, and to its line.
 *
 * Called by visits, destinations and lines.  Owns the message and all that
 * its steps need.  The same code carries a fresh message, one that is tried
 * again, and one that a dead process left.  A write that fails is tried
 * again until the store is back: what has happened outside is remembered as
 * long as this process lives.
 */
#include "relay/journey.h"

#include "base/fault.h"
#include "relay/attempt.h"
#include "relay/destination.h"
#include "relay/fetch.h"
#include "relay/line.h"
#include "relay/visit.h"

#include <stdlib.h>
#include <string.h>


static struct journey *
journey_new(struct relay *r)
{
	struct journey *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return NULL;
	j->relay = r;
	r->journeys++;
	return j;
}

static void
fill_fresh(struct work *w, const struct event *ev, const struct arrival *a,
    const struct message *m)
{
	*w = (struct work){
		.id = a->id,
		.state = STATE_RECEIVED,
		.event = ev->name,
		.member_id = ev->member_id,
		.domain = ev->domain,
		.connector = ev->connector,
		.chat = m->chat,
		.line = ev->line,
		.chat_id = m->chat_id,
		.message_id = m->message_id,
		.chat_number = a->chat_number,
		.ts = ev->ts,
		.received_us = a->received_us,
		.body = m->body,
		.body_len = m->body_len,
		.endpoint = ev->client_endpoint,
		.token = ev->access_token,
	};
	memcpy(w->key, a->key, sizeof(w->key));
}

struct journey *
journey_of_visit(struct visit *v, size_t index, const struct arrival *a,
    const struct message *m)
{
	struct journey *j = journey_new(v->relay);

	if (j == NULL)
		return NULL;
	fill_fresh(&j->fresh, v->event, a, m);
	j->work = &j->fresh;
	j->visit = v;
	j->index = index;
	j->bulk = v->event->messages > 1;
	visit_keep(v);
	return j;
}

/* Somebody may have waited for it while nobody worked on it. */
struct journey *
journey_of_work(struct relay *r, struct work *w)
{
	struct journey *j = journey_new(r);

	if (j == NULL) {
		free(w);
		return NULL;
	}
	j->work = w;
	j->own_work = true;
	if (!await_take(r, w->id, &j->visit, &j->index))
		j->visit = NULL;
	j->bulk = j->visit != NULL && j->visit->event->messages > 1;
	return j;
}

static void
journey_free(struct journey *j)
{
	struct relay *r = j->relay;

	if (j->visit != NULL)
		visit_drop(j->visit);
	if (j->line != NULL)
		line_leave(j->line);
	if (j->destination != NULL)
		destination_leave(j->destination);
	if (j->own_work)
		free(j->work);
	unwrap(&j->wrapped);
	fetch_free(j);
	receipt_free(&j->delivery.receipt);
	free(j->moving.next);
	loop_disarm(r->env.loop, &j->moving.db.again);
	r->journeys--;
	loop_bury(r->env.loop, j);
}

void
journey_end(struct journey *j, enum state state, bool waits)
{
	journey_enter(j, STAGE_ENDED);
	if (j->visit != NULL && state == STATE_RECEIVED)
		visit_chat_stops(j->visit, j->work->chat_number);
	if (j->visit != NULL)
		visit_state(j->visit, j->index, state, waits);
	journey_free(j);
}

static void submit(struct journey *);

void
journey_came(struct journey *j)
{
	if (j->comes)
		line_came(j->line, j->bulk);
	j->comes = false;
}

void
journey_go(struct journey *j)
{
	const struct work *w = j->work;
	bool received = w->state == STATE_RECEIVED;

	journey_enter(j, received ? STAGE_QUEUED : STAGE_WAITING);
	if (j->line == NULL)
		j->line = line_enter(j->relay, w->member_id, w->connector,
		    w->line);
	if (j->destination == NULL && received)
		j->destination = destination_enter(j->relay, w->connector,
		    w->line);
	/* without memory it stays claimed until the process ends */
	if (j->line == NULL || (received && j->destination == NULL)) {
		journey_end(j, j->work->state, false);
		return;
	}
	if (!received) {
		j->delivered_at = loop_now(j->relay->env.loop);
		line_queue(j->line, j);
		return;
	}
	if (!fetch_begin(j))
		journey_queue(j);
}

void
journey_queue(struct journey *j)
{
	if (j->relay->stopping ||
	    (j->destination->outage.down && !j->probe)) {
		journey_release(j);
		return;
	}
	line_coming(j->line, j->bulk);
	j->comes = true;
	destination_queue(j->destination, j);
}

void
journeys_go(struct relay *r, struct taking_up *up, bool probe)
{
	for (size_t i = 0; i < up->n; i++) {
		struct journey *j = journey_of_work(r, up->work[i]);

		if (j == NULL)
			continue;
		j->probe = probe;
		journey_go(j);
	}
	free(up->work);
}

/* What the store is told of the end of a hand-over. */
static void
prepare_move(struct journey *j)
{
	struct moving_one *m = &j->one;

	*m = (struct moving_one){ .id = j->work->id,
	    .chat_number = j->work->chat_number, .from = j->work->state };
	j->moving = (struct moving){
		.store = j->relay->env.store,
		.one = m,
		.n = 1,
		.channel = j->destination->place,
		.tell = j->line->place,
	};
	m->place = j->work->state == STATE_RECEIVED ? j->moving.channel :
	    j->moving.tell;
}

static void
took(struct journey *j, const char *ids)
{
	if (!event_traits(event_kind_of(j->work->event))->status) {
		j->one.move = MOVE_DONE;
		return;
	}
	j->one.move = MOVE_DELIVERED;
	j->one.text = ids;
	/* what is more than a call can take is left to the store, and what
	 * others call with sooner */
	j->moving.leave = line_is_full(j->line) ||
	    room_lacks_slot(j->line->room);
	j->ask = j->moving.leave ? NULL : room_lend(j->line->room);
	j->moving.ask = j->ask;
	j->moving.has_slot = j->line->room->slots > 0;
}

static void
did_not(struct journey *j, const struct receipt *receipt)
{
	const struct failure f = {
		.final = receipt->err == ERR_REFUSED,
		.reason = receipt->reason,
		.wait_s = receipt->retry_after_s,
		.held = receipt->down,
	};

	attempt_failed(j->relay, j->work, STEP_HAND_OVER, &f, &j->one);
	j->relay->failed++;
}

static void
count(const struct journey *j, const struct receipt *receipt)
{
	const struct env *env = &j->relay->env;
	const char *connector = j->work->connector;

	if (receipt->untold)
		return;
	counts_time(env->counts, TIMED_HAND_OVER, loop_now(env->loop) -
	    j->began_at);
	counts_add(env->counts, receipt->err == ERR_OK ? COUNT_TAKEN :
	    receipt->err == ERR_REFUSED ? COUNT_REFUSED : COUNT_FAILED,
	    connector, 1);
	if (receipt->err != ERR_OK)
		counts_trouble(env->counts, step_name(STEP_HAND_OVER),
		    connector, receipt->reason);
}

static void
on_handed_over(struct delivery *d)
{
	struct journey *j = OF(d, struct journey, delivery);
	struct receipt *receipt = &d->receipt;
	const char *ids = NULL;

	fault_point("hand-over-after");
	unwrap(&j->wrapped);
	if (receipt->err == ERR_OK)
		ids = buf_str(&receipt->ids);
	/* taken, but its ids are lost: it is handed over again */
	if (receipt->err == ERR_OK && ids == NULL)
		receipt_fail(receipt, ERR_RETRY, "out of memory");
	prepare_move(j);
	count(j, receipt);
	/* a probe has to succeed; what else tells nothing changes nothing */
	destination_done(j->destination, receipt->untold ? j->probe ||
	    j->destination->outage.down : receipt->down, j->probe,
	    receipt->reason);
	if (receipt->err == ERR_OK)
		took(j, ids);
	else
		did_not(j, receipt);
	j->probe = false;
	journey_enter(j, STAGE_NOTING);
	submit(j);
}

/* It was wrapped before, if it has files; false: the receipt says why. */
static bool
is_wrapped(struct journey *j)
{
	struct receipt *receipt = &j->delivery.receipt;
	int64_t retry_after_s = -1;
	const char *why = fetch_failed(j, &retry_after_s);

	if (why == NULL && j->wrapped.object.len == 0 &&
	    wrap(&j->wrapped, j->relay->env.config, j->work) != ERR_OK)
		why = "out of memory";
	if (why == NULL)
		return true;
	receipt_init(receipt);
	receipt_fail(receipt, ERR_RETRY, "%s", why);
	receipt->retry_after_s = retry_after_s;
	receipt->untold = true;
	return false;
}

void
journey_hand_over(struct journey *j)
{
	const struct work *w = j->work;

	journey_enter(j, STAGE_HANDING_OVER);
	j->began_at = loop_now(j->relay->env.loop);
	j->delivery = (struct delivery){ .done = on_handed_over };
	if (!is_wrapped(j)) {
		on_handed_over(&j->delivery);
		return;
	}
	j->delivery.parcel = (struct parcel){ w->key, w->received_us,
	    j->wrapped.object.p, j->wrapped.object.len, w->event,
	    w->connector, w->line };
	fault_point("hand-over-before");
	channel_send(channels_of(j->relay->channels,
	    j->destination->config), &j->delivery);
}

/* The chat's next, claimed in the same transaction: on its way, too. */
static void
begin_next(struct journey *j)
{
	struct work *next = j->moving.next;
	struct journey *n;

	j->moving.next = NULL;
	if (next == NULL)
		return;
	n = journey_of_work(j->relay, next);
	if (n == NULL)
		return;
	/* most likely of the same event, which was answered meanwhile */
	if (n->visit == NULL)
		n->bulk = j->bulk;
	journey_go(n);
}

/*
 * It is back in the store.  Somebody who waits for a delivered one waits for
 * whoever tells it, unless that cannot be soon.
 */
void
journey_end_in_store(struct journey *j)
{
	const struct room *room = j->line->room;
	bool told = j->work->state == STATE_DELIVERED && !j->parked &&
	    !room->outage.down && !j->relay->stopping;
	bool waits = told && j->visit != NULL && line_can_tell(j->line, j) &&
	    !j->visit->answered && await_add(j->relay, j->work->id,
	    j->visit, j->index, j->line) == ERR_OK;

	/* else others have the slots, and tell it; or the next look does */
	if (waits || (told && room->slots > 0))
		line_stored(j->line);
	journey_end(j, j->work->state, waits);
}

static void
is_delivered(struct journey *j)
{
	log_info(j->relay->env.log, "delivered", F_STR("key", j->work->key));
	j->work->state = STATE_DELIVERED;
	j->work->delivered_ms = j->moving.now_ms;
	j->work->ids = j->one.text;
	j->work->tries = j->work->first_ms = 0;
	j->delivered_at = loop_now(j->relay->env.loop);
	if (j->moving.left_waiting) {
		journey_end_in_store(j);
		return;
	}
	if (j->moving.more)
		line_stored(j->line);
	journey_enter(j, STAGE_WAITING);
	if (j->visit != NULL)
		visit_state(j->visit, j->index, STATE_DELIVERED, true);
	line_queue(j->line, j);
}

static void
noted(struct journey *j)
{
	const struct log *log = j->relay->env.log;

	switch (j->one.move) {
	case MOVE_DELIVERED:
		is_delivered(j);
		return;
	case MOVE_DONE:
		log_info(log, "delivered", F_STR("key", j->work->key));
		log_info(log, "acknowledged", F_STR("key", j->work->key),
		    F_STR("status", "not wanted"));
		j->relay->moved++;
		journey_end(j, STATE_ACKNOWLEDGED, false);
		return;
	case MOVE_REFUSED:
		journey_end(j, STATE_REFUSED, false);
		return;
	default:
		attempt_gave_up(j->relay, j->work, &j->one);
		journey_end(j, j->one.gave_up ? STATE_REFUSED :
		    STATE_RECEIVED, false);
	}
}

static void
set_claim(struct journey *j)
{
	j->moving.claim_next = destination_has_room(j->destination) &&
	    !j->relay->closing;
}

static void
on_noted(struct db_work *w)
{
	struct journey *j = OF(w, struct journey, moving);
	struct relay *r = j->relay;
	bool ok = w->end == ERR_OK;

	fault_point("delivered-after-commit");
	if (j->ask != NULL) {
		/* who has lost its claim has asked for nothing */
		room_asked(j->line->room, ok && !j->one.lost);
		j->ask = j->moving.ask = NULL;
	}
	if (ok)
		look_sure(r);
	if (!ok) {
		log_error(r->env.log, "store-failed", F_STR("key",
		    j->work->key), F_STR("reason", w->problem.text));
		j->moving.has_slot = false;
		set_claim(j);
		db_submit_again(w, DB_AGAIN_MS);
		return;
	}
	journey_came(j);
	begin_next(j);
	if (j->one.lost) {
		log_warning(r->env.log, "claim-lost", F_STR("key",
		    j->work->key));
		journey_end(j, j->work->state, false);
		return;
	}
	noted(j);
}

static void
submit(struct journey *j)
{
	set_claim(j);
	j->moving.db.done = on_noted;
	store_move(&j->moving);
	env_submit(&j->relay->env, &j->moving.db);
}
