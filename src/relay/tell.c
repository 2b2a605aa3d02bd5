/*
 * delivered -> acknowledged: Bitrix24 is told.
 *
 * Called by a line that its portal's room has let in.  Owns the call and its
 * messages until their end is written.  What follows from an answer is
 * decided here; what it means, by the verdict.
 */
#include "relay/line.h"

#include "base/fault.h"
#include "portal/rest.h"
#include "portal/status.h"
#include "relay/attempt.h"

#include <stdlib.h>
#include <string.h>

#define BYTES_MAX ((size_t)1024 * 1024)	/* of one call's messages */

struct telling {
	struct rest_call rest;
	struct line *line;
	struct relay *relay;
	struct journey **journey;
	struct status_item *item;
	const char **own;
	size_t n;
	unsigned lives;		/* when it began */
	/* its end */
	struct moving moving;
	struct moving_one *one;
};

static void
telling_free(struct telling *t)
{
	rest_free(&t->rest);
	free(t->journey);
	free(t->item);
	free(t->own);
	free(t->one);
	loop_bury(t->relay->env.loop, t);
}

static enum err
render(struct rest_call *rest, const char *token, struct buf *b)
{
	const struct telling *t = (const struct telling *)rest;
	const struct status s = { t->line->connector, t->line->place.line,
	    t->item, t->n };

	return status_render(b, &s, token);
}

/* It was stopped for long: others may have told it all by now. */
static bool
may_go_on(const struct rest_call *rest)
{
	const struct telling *t = (const struct telling *)rest;

	return t->lives == t->relay->lives && look_is_sure(t->relay);
}

/* What waits, in order, until the call is full; one that must go alone goes
 * alone. */
static void
gather(struct telling *t)
{
	struct line *l = t->line;
	size_t max = line_batch(l), bytes = 0;
	struct journey *j;

	while (t->n < max && (j = TAILQ_FIRST(&l->waiting)) != NULL) {
		const struct work *w = j->work;
		const struct status_item item = { .chat_id = w->chat_id,
		    .message_id = w->message_id, .chat = w->chat,
		    .ids = w->ids, .date = w->delivered_ms / 1000 };

		bytes += status_size(&item);
		if (t->n != 0 && (bytes > BYTES_MAX || w->alone))
			break;
		TAILQ_REMOVE(&l->waiting, j, link);
		l->n--;
		t->item[t->n] = item;
		t->journey[t->n++] = j;
		journey_enter(j, STAGE_TELLING);
		if (w->alone || j->probe)
			break;
	}
}

/* The events' own tokens, the newest event's first, each once. */
static size_t
list_own(struct telling *t)
{
	size_t n = 0;

	for (size_t i = t->n; i-- > 0;) {
		const char *token = t->journey[i]->work->token;

		if (rest_is_token(token) && (n == 0 ||
		    strcmp(t->own[n - 1], token) != 0))
			t->own[n++] = token;
	}
	return n;
}

/* An endpoint of any of these events serves, the newest's first. */
static const char *
find_endpoint(const struct telling *t)
{
	for (size_t i = t->n; i-- > 0;)
		if (t->journey[i]->work->endpoint != NULL)
			return t->journey[i]->work->endpoint;
	return NULL;
}

/* Where the messages are now, for who waits. */
static void
end_one(struct telling *t, size_t i)
{
	struct journey *j = t->journey[i];

	switch (t->one[i].move) {
	case MOVE_TOLD:
		journey_end(j, STATE_ACKNOWLEDGED, false);
		break;
	case MOVE_REFUSED:
		journey_end(j, STATE_REFUSED, false);
		break;
	case MOVE_ALONE:
		journey_end_in_store(j);
		break;
	default:
		attempt_gave_up(t->relay, j->work, &t->one[i]);
		journey_end(j, t->one[i].gave_up ? STATE_REFUSED :
		    STATE_DELIVERED, false);
	}
}

static void
on_written(struct db_work *w)
{
	struct telling *t = OF(w, struct telling, moving);
	struct relay *r = t->relay;
	bool told = t->one[0].move == MOVE_TOLD;

	fault_point("acknowledged-after-commit");
	if (w->end != ERR_OK) {
		log_error(r->env.log, "store-failed", F_STR("member_id",
		    t->line->room->member_id),
		    F_STR("reason", w->problem.text));
		db_submit_again(w, DB_AGAIN_MS);
		return;
	}
	if (t->moving.more)
		line_stored(t->line);
	for (size_t i = 0; !told && i < t->n; i++) {
		if (t->one[i].move == MOVE_ALONE)
			line_stored(t->line);
		end_one(t, i);
	}
	r->writes--;
	line_leave(t->line);
	telling_free(t);
}

/*
 * The end is queued.  Who waits for a told message is answered now: whatever
 * is written after this finds it told, and a crash before only repeats the
 * call.
 */
static void
write_end(struct telling *t)
{
	bool told = t->one[0].move == MOVE_TOLD;

	/* nobody waits for what only repeats a harmless call */
	t->moving = (struct moving){
		.db = { .done = on_written, .lazy = told },
		.store = t->relay->env.store,
		.one = t->one,
		.n = t->n,
		.tell = t->line->place,
	};
	t->relay->writes++;
	t->line->users++;
	store_move(&t->moving);
	env_submit(&t->relay->env, &t->moving.db);
	for (size_t i = 0; told && i < t->n; i++)
		end_one(t, i);
}

static void
acknowledged(struct telling *t)
{
	line_told(t->line, t->rest.took_ms);
	for (size_t i = 0; i < t->n; i++) {
		t->one[i].move = MOVE_TOLD;
		t->journey[i]->work->state = STATE_ACKNOWLEDGED;
		log_info(t->relay->env.log, "acknowledged", F_STR("key",
		    t->journey[i]->work->key));
	}
	t->relay->moved += (int64_t)t->n;
	counts_add(t->relay->env.counts, COUNT_TOLD, t->line->room->member_id,
	    (int64_t)t->n);
	if (t->line->room->parked && !t->rest.stored)
		look_portal(t->relay, t->line->room->member_id);
}

static void
fail(struct telling *t, bool final, bool held, const char *reason)
{
	const struct config *c = t->relay->env.config;
	struct failure f = { .final = final, .held = held, .reason = reason,
	    .wait_s = t->rest.v.retry_after_s };

	if (t->rest.v.kind == VERDICT_OPERATING)
		f.until_ms = t->line->room->reset_ms;
	if (t->rest.v.kind == VERDICT_OVERLOAD)		/* blocked by hand */
		f.wait_s = c->retry.longest;
	for (size_t i = 0; i < t->n; i++)
		attempt_failed(t->relay, t->journey[i]->work, STEP_STATUS, &f,
		    &t->one[i]);
	t->relay->failed += (int64_t)t->n;
}

/* A batch that is refused for its content is told message by message. */
static void
one_by_one(struct telling *t)
{
	log_warning(t->relay->env.log, "batch-refused", F_STR("member_id",
	    t->line->room->member_id), F_INT("messages", t->n),
	    F_STR("reason", t->rest.v.reason));
	for (size_t i = 0; i < t->n; i++)
		t->one[i].move = MOVE_ALONE;
}

static void
park(struct telling *t, const char *reason)
{
	room_set_parked(t->line->room, reason);
	fail(t, false, true, reason);
	for (size_t i = 0; i < t->n; i++)
		t->one[i].place = t->line->parked_place;
	t->line->parked = false;
}

/* No rung of the ladder is left. */
static void
refused_token(struct telling *t)
{
	const struct rest_call *c = &t->rest;

	if (c->tokens_later)
		fail(t, false, false, c->v.reason);
	else if (t->n > 1 && c->next_own < c->owns)
		one_by_one(t);
	else if (c->v.kind == VERDICT_ACCESS && c->stored)
		fail(t, true, false, c->v.reason);
	else
		park(t, c->v.reason);
}

static void
lost_portal(struct telling *t, const char *what, bool parked)
{
	log_error(t->relay->env.log, what, F_STR("member_id",
	    t->line->room->member_id), F_STR("reason", t->rest.v.reason));
	if (parked)
		park(t, t->rest.v.reason);
	else
		fail(t, false, false, t->rest.v.reason);
}

static void
judge(struct telling *t)
{
	const struct verdict *v = &t->rest.v;

	if (t->rest.no_token) {
		park(t, v->reason);
		return;
	}
	switch (v->kind) {
	case VERDICT_OK:
		acknowledged(t);
		break;
	case VERDICT_REFUSED:
		if (t->n > 1)
			one_by_one(t);
		else
			fail(t, true, false, v->reason);
		break;
	case VERDICT_ACCESS:
	case VERDICT_EXPIRED:
	case VERDICT_TOKEN:
		refused_token(t);
		break;
	case VERDICT_PORTAL:
		lost_portal(t, "portal-lost", true);
		break;
	case VERDICT_OVERLOAD:
		lost_portal(t, "overload", false);
		break;
	default:
		fail(t, false, v->down, v->reason);
	}
}

static void
on_done(struct rest_call *rest)
{
	struct telling *t = (struct telling *)rest;

	fault_point("status-after");
	if (t->rest.called)
		counts_time(t->relay->env.counts, TIMED_CALL,
		    t->rest.took_ms);
	for (size_t i = 0; i < t->n; i++)
		t->one[i] = (struct moving_one){
			.id = t->journey[i]->work->id,
			.from = STATE_DELIVERED,
			.place = t->line->place,
		};
	judge(t);
	write_end(t);
}

static bool
make_room(struct telling *t, size_t n)
{
	t->journey = calloc(n, sizeof(struct journey *));
	t->item = calloc(n, sizeof(*t->item));
	t->own = calloc(n, sizeof(char *));
	t->one = calloc(n, sizeof(*t->one));
	return t->journey != NULL && t->item != NULL && t->own != NULL &&
	    t->one != NULL;
}

bool
tell_begin(struct line *l)
{
	struct telling *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return false;
	t->line = l;
	t->relay = l->relay;
	t->lives = l->relay->lives;
	if (!make_room(t, l->n < line_batch(l) ? l->n : line_batch(l))) {
		telling_free(t);
		return false;
	}
	gather(t);
	t->rest.done = on_done;
	t->rest.room = l->room;
	t->rest.method = STATUS_METHOD;
	t->rest.render = render;
	t->rest.may_go_on = may_go_on;
	t->rest.own = t->own;
	t->rest.owns = list_own(t);
	t->rest.endpoint = find_endpoint(t);
	t->rest.probe = t->journey[0]->probe;
	fault_point("status-before");
	rest_start(&t->rest);
	return true;
}
