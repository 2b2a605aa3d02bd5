/*
 * A call between leaving and its end, and the handles that carry calls.
 *
 * Called by client.c, flight_end_soon() by multi.c, too.  Owns the handles,
 * those in use and the spare ones.  A call that cannot leave ends here; all
 * that end are put where client.c tells their callers.
 */
#include "http/inside.h"

#define SPARE_MAX 128		/* handles kept for reuse, 6 KiB each */

static struct http_transfer *
spare_take(struct http_client *c)
{
	struct http_transfer *t = TAILQ_FIRST(&c->spare);

	if (t == NULL)
		return transfer_new(c, c->clock);
	TAILQ_REMOVE(&c->spare, t, link);
	c->spares--;
	return t;
}

static void
spare_keep(struct http_client *c, struct http_transfer *t)
{
	if (c->spares == SPARE_MAX) {
		transfer_free(t);
		return;
	}
	TAILQ_INSERT_HEAD(&c->spare, t, link);
	c->spares++;
}

static void
refuse(struct http_client *c, struct http_call *call, const char *reason)
{
	call_end(call, HTTP_NOT_SENT, reason);
	TAILQ_INSERT_TAIL(&c->ended, call, link);
}

/* curl 7.88 can forget a call's limit; we do not. */
static void
on_limit(struct timer *timer)
{
	struct http_transfer *t = OF(timer, struct http_transfer, limit);

	flight_end_soon(t->client, t, HTTP_TIMED_OUT, NULL);
}

static void
arm_limit(struct http_client *c, struct http_transfer *t)
{
	int64_t ms = t->call->timeout_ms > 0 ? t->call->timeout_ms : 1;

	if (ms > INT64_MAX - c->now_ms)
		ms = INT64_MAX - c->now_ms;
	t->limit.fire = on_limit;
	loop_arm(c->loop, &t->limit, c->now_ms + ms);
}

void
flight_begin(struct http_client *c, struct http_call *call)
{
	struct http_transfer *t = spare_take(c);

	if (t == NULL) {
		refuse(c, call, "out of memory");
		return;
	}
	if (!transfer_arm(t, call, c->one_shot)) {
		refuse(c, call, "the request could not be built");
		spare_keep(c, t);
		return;
	}
	if (curl_multi_add_handle(c->multi, t->easy) != CURLM_OK) {
		transfer_clear(t);
		refuse(c, call, "curl did not take it");
		spare_keep(c, t);
		return;
	}
	call->transfer = t;
	t->began_ms = c->now_ms;
	arm_limit(c, t);
	places_take(&c->places, t);
}

/* What an end tells about the peer; one that does not tell changes nothing. */
static enum http_peer_state
state_after(const struct http_client *c, const struct http_call *call)
{
	switch (call->end) {
	case HTTP_ANSWERED:
		call->peer->took_ms = call->took_ms;
		return call->took_ms < c->places.slow_ms ? HTTP_PEER_WELL :
		    HTTP_PEER_UNWELL;
	case HTTP_NOT_SENT:
	case HTTP_TOO_LARGE:
		return call->peer->state;
	default:
		return HTTP_PEER_UNWELL;
	}
}

/* Takes a transfer back from curl; its call's end is written down. */
void
flight_end(struct http_client *c, struct http_transfer *t)
{
	struct http_call *call = t->call;

	(void)curl_multi_remove_handle(c->multi, t->easy);
	loop_disarm(c->loop, &t->limit);
	if (t->is_over)
		TAILQ_REMOVE(&c->over, t, over_link);
	if (t->goes_on)
		TAILQ_REMOVE(&c->going, t, going_link);
	call->took_ms = c->now_ms - t->began_ms;
	places_give(&c->places, t, state_after(c, call));
	transfer_clear(t);
	call->transfer = NULL;
	TAILQ_INSERT_TAIL(&c->ended, call, link);
	spare_keep(c, t);
}

void
flight_end_soon(struct http_client *c, struct http_transfer *t,
    enum http_end end, const char *why)
{
	if (t->is_over || t->call == NULL)
		return;
	t->is_over = true;
	t->over = end;
	t->why = why;
	TAILQ_INSERT_TAIL(&c->over, t, over_link);
	loop_ready(c->loop, &c->task);
}

/* With the words of curl where it has some. */
void
flight_end_over(struct http_client *c)
{
	struct http_transfer *t;

	while ((t = TAILQ_FIRST(&c->over)) != NULL) {
		if (t->why == NULL)
			transfer_end(t, CURLE_OPERATION_TIMEDOUT);
		else
			call_end(t->call, t->over, t->why);
		flight_end(c, t);
	}
}

void
http_go_on(struct http_client *c, struct http_call *call)
{
	struct http_transfer *t = call->transfer;

	if (t == NULL || t->goes_on)
		return;
	t->goes_on = true;
	TAILQ_INSERT_TAIL(&c->going, t, going_link);
	loop_ready(c->loop, &c->task);
}

/* A taker may hold it again from inside: it is told of later, too. */
void
flight_go_on(struct http_client *c)
{
	struct http_transfer *t;

	while ((t = TAILQ_FIRST(&c->going)) != NULL) {
		TAILQ_REMOVE(&c->going, t, going_link);
		t->goes_on = false;
		(void)curl_easy_pause(t->easy, CURLPAUSE_CONT);
	}
}

void
flight_end_spares(struct http_client *c)
{
	struct http_transfer *t;

	while ((t = TAILQ_FIRST(&c->spare)) != NULL) {
		TAILQ_REMOVE(&c->spare, t, link);
		transfer_free(t);
	}
	c->spares = 0;
}
