/*
 * The journey of stored messages: hand over, then tell Bitrix24.
 *
 * Called by relay/relay.c.  Owns nothing.  A step that fails leaves the
 * message in the store in the state it had, with the reason noted, or as
 * refused; it never undoes what another system has already done.
 */
#include "relay/journey.h"

#include "event/object.h"
#include "portal/status.h"
#include "portal/trust.h"

#include <string.h>

/* The inner part and the envelope, whose texts are capped by the grammar. */
#define OBJECT_MORE ((size_t)64 * 1024)

static void
note_disk(const struct relay *r, const char *key, const struct problem *p)
{
	log_error(r->log, "store-failed", F_STR("key", key),
	    F_STR("reason", p->text));
}

/* Says no for good, or notes why it must be tried again. */
static void
step_failed(struct journeys *all, struct journey *j, enum step step,
    enum err why, const char *reason)
{
	const struct relay *r = all->relay;
	struct problem p = { 0 };
	bool final = why == ERR_REFUSED;
	enum err e;

	if (final)
		log_warning(r->log, "refused", F_STR("key", j->arrival->key),
		    F_STR("step", step_name(step)), F_STR("reason", reason));
	else
		log_warning(r->log, "postponed", F_STR("key",
		    j->arrival->key), F_STR("step", step_name(step)),
		    F_STR("reason", reason));
	e = final ? store_refused(r->store, j->arrival->id, step, reason, &p) :
	    store_postponed(r->store, j->arrival->id, reason, &p);
	if (e != ERR_OK) {
		note_disk(r, j->arrival->key, &p);
	} else if (final) {
		j->arrival->state = STATE_REFUSED;
		all->out->refused++;
	}
}

static enum err
render(const struct journeys *all, const struct journey *j, struct buf *b)
{
	const struct event *ev = all->ev;
	const struct object o = {
		.key = j->arrival->key,
		.event = ev->name,
		.member_id = ev->member_id,
		.domain = ev->domain,
		.connector = ev->connector,
		.line = ev->line,
		.ts = ev->ts,
		.body = j->message->body,
		.body_len = j->message->body_len,
	};

	return object_render(b, &o);
}

/* The channel took it: durable before anybody is told. */
static void
took_it(struct journeys *all, struct journey *j, struct receipt *receipt)
{
	const struct relay *r = all->relay;
	const char *ids = buf_str(&receipt->ids);
	struct problem p = { 0 };

	if (ids == NULL || store_delivered(r->store, j->arrival->id, ids,
	    &p) != ERR_OK) {
		note_disk(r, j->arrival->key, &p);
		return;
	}
	j->arrival->state = STATE_DELIVERED;
	j->ids = arena_dup(&all->ev->arena, ids, strlen(ids));
	j->date = clock_wall(r->clock) / 1000;
	log_info(r->log, "delivered", F_STR("key", j->arrival->key));
}

void
journey_hand_over(struct journeys *all, struct journey *j)
{
	const struct relay *r = all->relay;
	struct receipt receipt;
	struct parcel parcel = { .key = j->arrival->key,
	    .received_us = j->arrival->received_us };
	struct buf object;

	receipt_init(&receipt);
	buf_init(&object, j->message->body_len + OBJECT_MORE);
	if (render(all, j, &object) == ERR_OK) {
		parcel.object = object.p;
		parcel.object_len = object.len;
		channels_send(r->channels, all->ev->connector, all->ev->line,
		    &parcel, all->patience, &receipt);
	} else {
		receipt_fail(&receipt, ERR_RETRY, "out of memory");
	}
	if (receipt.err == ERR_OK)
		took_it(all, j, &receipt);
	else
		step_failed(all, j, STEP_HAND_OVER, receipt.err,
		    receipt.reason);
	buf_free(&object);
	receipt_free(&receipt);
}

static void
acknowledge(struct journeys *all, struct journey **j, size_t n)
{
	const struct relay *r = all->relay;
	int64_t *id = arena_alloc(&all->ev->arena, n * sizeof(*id));
	struct problem p = { 0 };

	for (size_t i = 0; id != NULL && i < n; i++)
		id[i] = j[i]->arrival->id;
	if (id == NULL || store_acknowledged(r->store, id, n, &p) != ERR_OK) {
		note_disk(r, j[0]->arrival->key, &p);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		j[i]->arrival->state = STATE_ACKNOWLEDGED;
		all->out->acknowledged++;
		log_info(r->log, "acknowledged", F_STR("key",
		    j[i]->arrival->key));
	}
}

static bool
is_final(enum verdict_kind kind)
{
	return kind == VERDICT_REFUSED;
}

static void
make_call(struct journeys *all, const char *endpoint, struct journey **j,
    struct status_item *item, size_t n)
{
	const struct relay *r = all->relay;
	const struct http_route route = {
		.ca_file = r->config->app.ca_file,
		.proxy = r->config->portal.proxy,
		.plain = r->config->app.insecure_http,
	};
	const struct status_call call = {
		.client = r->http,
		.route = &route,
		.timeout_ms = r->config->portal.timeout * 1000,
		.endpoint = endpoint,
		.token = all->ev->access_token,
		.connector = all->ev->connector,
		.line = all->ev->line,
		.item = item,
		.items = n,
	};
	struct verdict v;

	for (size_t i = 0; i < n; i++)
		item[i] = (struct status_item){
			.chat_id = j[i]->message->chat_id,
			.message_id = j[i]->message->message_id,
			.chat = j[i]->message->chat,
			.ids = j[i]->ids,
			.date = j[i]->date,
		};
	status_send(&call, all->patience, &v);
	if (v.kind == VERDICT_OK)
		acknowledge(all, j, n);
	for (size_t i = 0; v.kind != VERDICT_OK && i < n; i++)
		step_failed(all, j[i], STEP_STATUS, is_final(v.kind) ?
		    ERR_REFUSED : ERR_RETRY, v.reason);
}

/* Why no call can be made now; NULL and the endpoint if one can. */
static const char *
no_call(const struct journeys *all, const char **endpoint)
{
	const char *token = all->ev->access_token, *why;

	*endpoint = trust_endpoint(all->relay->config,
	    all->ev->client_endpoint, &why);
	if (*endpoint == NULL)
		return why;
	if (token == NULL || token[0] == '\0' ||
	    strcmp(token, "undefined") == 0)
		return "the event brought no access token";
	return NULL;
}

void
journeys_tell(struct journeys *all)
{
	struct journey **j = arena_alloc(&all->ev->arena,
	    (all->n + 1) * sizeof(struct journey *));
	struct status_item *item = arena_alloc(&all->ev->arena,
	    (all->n + 1) * sizeof(*item));
	const char *endpoint, *why;
	size_t n = 0;

	if (j == NULL || item == NULL)
		return;
	for (size_t i = 0; i < all->n; i++)
		if (all->item[i].arrival->state == STATE_DELIVERED &&
		    all->item[i].ids != NULL)
			j[n++] = &all->item[i];
	if (n == 0)
		return;
	if (all->ev->kind == EVENT_DELETE) {	/* it needs no status */
		acknowledge(all, j, n);
		return;
	}
	why = no_call(all, &endpoint);
	if (why == NULL)
		make_call(all, endpoint, j, item, n);
	for (size_t i = 0; why != NULL && i < n; i++)
		step_failed(all, j[i], STEP_STATUS, ERR_RETRY, why);
}
