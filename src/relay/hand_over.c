/*
 * received -> delivered: a message to its channel.
 *
 * Called by the relay for new messages and by the retry.  Owns nothing.  The
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

static enum err
note(const struct relay *r, struct work *w, const char *ids, int64_t *next,
    struct call *call, struct problem *p)
{
	char place[PLACE_MAX];
	struct line line;

	if (!wants_status(w))
		return store_done(r->env.store, w, ids, next, p);
	line_of(w, &line, place);
	return store_delivered(r->env.store, w, ids, next, &line, call, p);
}

static void
took_it(const struct relay *r, struct work *w, struct receipt *receipt,
    int64_t *next, struct call *call)
{
	const char *ids = buf_str(&receipt->ids);
	struct problem p = { 0 };

	if (ids == NULL || note(r, w, ids, next, call, &p) != ERR_OK) {
		log_error(r->env.log, "store-failed", F_STR("key", w->key),
		    F_STR("reason", ids != NULL ? p.text : "out of memory"));
		return;
	}
	log_info(r->env.log, "delivered", F_STR("key", w->key));
	if (w->state == STATE_ACKNOWLEDGED)
		log_info(r->env.log, "acknowledged", F_STR("key", w->key),
		    F_STR("status", "not wanted"));
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

void
hand_over(const struct relay *r, struct work *w, bool probe,
    struct patience *patience, int64_t *next, struct call *call)
{
	char place[PLACE_MAX];
	struct receipt receipt;
	struct buf object;
	struct failure f;

	*next = 0;
	place_of_channel(r, w->connector, w->line, place);
	receipt_init(&receipt);
	buf_init(&object, w->body_len + OBJECT_MORE);
	if (render(w, &object) == ERR_OK)
		send_object(r, w, &object, place, patience, &receipt);
	else
		receipt_fail(&receipt, ERR_RETRY, "out of memory");
	place_was(r, place, w, receipt.down, probe);
	f = (struct failure){ .final = receipt.err == ERR_REFUSED,
	    .reason = receipt.reason, .wait_s = receipt.retry_after_s };
	if (receipt.err == ERR_OK)
		took_it(r, w, &receipt, next, call);
	else
		attempt_failed(r, &w, 1, STEP_HAND_OVER, &f, next);
	buf_free(&object);
	receipt_free(&receipt);
}
