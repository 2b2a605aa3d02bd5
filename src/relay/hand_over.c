/*
 * received -> delivered: a message to its channel.
 *
 * Called by the relay for new messages and by the retry.  Owns nothing.  What
 * another process has taken over meanwhile is left to that one.  The
 * ids that the channel gave are durable before Bitrix24 is told; if that
 * fails, the message is handed over again, with the same key.
 */
#include "relay/journey.h"

#include "base/fault.h"
#include "event/object.h"
#include "relay/attempt.h"

#include <string.h>

/* The envelope's texts are capped by the grammar. */
#define OBJECT_MORE ((size_t)64 * 1024)

static enum err
render(const struct work *w, struct buf *b)
{
	const struct object o = {
		.key = w->key,
		.event = w->event,
		.member_id = w->member_id,
		.domain = w->domain,
		.connector = w->connector,
		.line = w->line,
		.ts = w->ts,
		.body = w->body,
		.body_len = w->body_len,
	};

	return object_render(b, &o);
}

static bool
wants_status(const struct work *w)
{
	return strcmp(w->event, "ONIMCONNECTORMESSAGEDELETE") != 0;
}

static void
log_end(const struct relay *r, const struct work *w, enum err e,
    const struct problem *p)
{
	if (e != ERR_OK)
		note_unmoved(r, w->key, p);
	else
		log_info(r->env.log, "delivered", F_STR("key", w->key));
	if (e == ERR_OK && w->state == STATE_ACKNOWLEDGED)
		log_info(r->env.log, "acknowledged", F_STR("key", w->key),
		    F_STR("status", "not wanted"));
}

static void
took_it(const struct relay *r, struct work *w, const char *ids,
    int64_t *next, struct call *call)
{
	struct problem p = { 0 };
	char place[PLACE_MAX];
	struct line line;
	enum err e;

	line_of(w, &line, place);
	if (wants_status(w))
		e = store_delivered(r->env.store, w, ids, next, &line, call,
		    &p);
	else
		e = store_done(r->env.store, w, ids, next, &p);
	log_end(r, w, e, &p);
}

static void
send_object(const struct relay *r, struct work *w, const struct buf *object,
    const char *place, struct patience *patience, struct receipt *receipt)
{
	const struct config *c = r->env.config;
	const struct parcel parcel = { w->key, w->received_us, object->p,
	    object->len };
	struct late_watch watch;

	late_watch_begin(&watch, r->late, place, patience, r->env.clock,
	    c->server.answer_within * 1000);
	fault_point("hand-over-before");
	channels_send(r->channels, w->connector, w->line, &parcel,
	    &watch.inner, receipt);
	fault_point("hand-over-after");
	late_watch_end(&watch);
}

static bool
still_ours(const struct relay *r, struct work *w)
{
	struct problem p = { 0 };
	size_t n = 1;

	if (store_still_ours(r->env.store, &w, &n, &p) == ERR_OK)
		return true;
	note_unmoved(r, w->key, &p);
	return false;
}

/* Hands over, and notes a failure.  The ids, or NULL: it was not taken. */
static const char *
attempt(const struct relay *r, struct work *w, bool probe,
    struct patience *patience, int64_t *next, struct receipt *receipt)
{
	const char *ids = NULL;
	char place[PLACE_MAX];
	struct buf object;
	struct failure f;

	*next = 0;
	if (!still_ours(r, w))
		return NULL;
	place_of_channel(r, w->connector, w->line, place);
	buf_init(&object, w->body_len + OBJECT_MORE);
	if (render(w, &object) == ERR_OK)
		send_object(r, w, &object, place, patience, receipt);
	else
		receipt_fail(receipt, ERR_RETRY, "out of memory");
	buf_free(&object);
	place_was(r, place, w, receipt->down, probe);
	if (receipt->err == ERR_OK)
		ids = buf_str(&receipt->ids);
	/* taken, but its ids are lost: it is handed over again */
	if (receipt->err == ERR_OK && ids == NULL)
		receipt_fail(receipt, ERR_RETRY, "out of memory");
	f = (struct failure){ .final = receipt->err == ERR_REFUSED,
	    .reason = receipt->reason, .wait_s = receipt->retry_after_s };
	if (ids == NULL)
		attempt_failed(r, &w, 1, STEP_HAND_OVER, &f, next);
	return ids;
}

void
hand_over(const struct relay *r, struct work *w, bool probe,
    struct patience *patience, int64_t *next, struct call *call)
{
	struct receipt receipt;
	const char *ids;

	receipt_init(&receipt);
	ids = attempt(r, w, probe, patience, next, &receipt);
	if (ids != NULL)
		took_it(r, w, ids, next, call);
	receipt_free(&receipt);
}

bool
hand_over_begin(const struct relay *r, struct work *w, struct arena *a,
    struct patience *patience, struct delivering *d)
{
	struct receipt receipt;
	const char *ids;
	bool pending = false;

	receipt_init(&receipt);
	d->work = w;
	ids = attempt(r, w, false, patience, &d->next, &receipt);
	d->ids = ids != NULL ? arena_dup(a, ids, strlen(ids)) : NULL;
	if (ids != NULL && (!wants_status(w) || d->ids == NULL)) {
		took_it(r, w, ids, &d->next, d->call);
	} else if (ids != NULL) {
		pending = !store_delivered_begin(d);
		if (!pending)
			hand_over_end(r, d);
	}
	receipt_free(&receipt);
	return pending;
}

void
hand_over_end(const struct relay *r, struct delivering *d)
{
	struct problem p = { 0 };

	enum err e = store_delivered_end(d, &p);

	if (e != ERR_OK && e != ERR_LOST)
		took_it(r, d->work, d->ids, &d->next, d->call);
	else
		log_end(r, d->work, e, &p);
}
