/*
 * The http channel: each message is POSTed to the administrator's URL.
 *
 * Owns only what it signs with; the connections are the client's.  2xx means
 * that the receiver took the message; 400, 410, 413, 415 and 422 that it
 * never will; anything else is tried again.
 */
#include "channel/channel.h"

#include "channel/sign.h"
#include "codec/flat.h"
#include "http/url.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX (64 * 1024)
#define URL_SHOWN 200		/* bytes of it, in a reason */

struct http_channel {
	struct channel channel;
	const struct config_channel *config;
	struct http_peer peer;
	struct signer *signer;	/* NULL: nothing is signed */
};

/* One message on its way. */
struct sending {
	struct http_call call;
	struct delivery *delivery;
	struct channel *channel;
	const char *headers[5];
	char id[128];
	struct signature signature;
};

/* The administrator names the URL, so plain http is his own business. */
static const struct http_route route = { .plain = true };

static enum err
http_open(struct channel **out, const struct config_channel *c,
    const struct channel_env *env, struct problem *p)
{
	struct http_channel *h;
	struct url url;
	enum err e;

	if (url_parse(&url, c->url) != ERR_OK)
		return problem_set(p, ERR_CONFIG, -1, NULL,
		    "this is no URL that can be called");
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	h->channel.kind = url.https ? &channel_https : &channel_http;
	h->config = c;
	http_peer_init(&h->peer);
	h->peer.bounded = true;		/* by in_flight */
	(void)env;
	e = signer_new(&h->signer, c->secret, c->secret_previous, p);
	if (e == ERR_OK)
		*out = &h->channel;
	else
		free(h);
	return e;
}

/* {"id":..} and {"ids":[..]}; the list wins. */
struct ids {
	struct receipt *one;
	struct receipt *list;
};

static enum err
each_value(void *ctx, const char *path, const char *s, size_t n)
{
	struct ids *ids = ctx;

	if (s == NULL)
		return ERR_OK;
	if (strcmp(path, "id") == 0)
		return receipt_add_id(ids->one, s, n);
	if (strncmp(path, "ids.", 4) == 0 && strchr(path + 4, '.') == NULL)
		return receipt_add_id(ids->list, s, n);
	return ERR_OK;
}

/* An answer that is no JSON, or names no id, is as good: the key serves. */
static void
read_ids(const struct http_call *call, const char *key,
    struct receipt *receipt)
{
	struct receipt one, list;
	struct ids ids = { &one, &list };
	const struct buf *found = NULL;

	receipt_init(&one);
	receipt_init(&list);
	if (call->answer.len != 0 && flat_read(call->answer.p,
	    call->answer.len, each_value, &ids) == ERR_OK)
		found = list.ids.len != 0 ? &list.ids : &one.ids;
	if (found != NULL && found->len != 0)
		receipt->err = buf_add(&receipt->ids, found->p, found->len);
	else
		receipt->err = receipt_add_id(receipt, key, strlen(key));
	receipt_free(&one);
	receipt_free(&list);
}

static bool
never_again(long status)
{
	return status == 400 || status == 410 || status == 413 ||
	    status == 415 || status == 422;
}

/* One that says too much took the message, too: its answer is empty here. */
static bool
took_it(const struct http_call *call)
{
	return (call->end == HTTP_ANSWERED || call->end == HTTP_TOO_LARGE) &&
	    call->status >= 200 && call->status < 300;
}

/* What a status means for whoever looks after the channel. */
static const struct {
	long from, to;
	const char *todo;
} advice[] = {
	{ 300, 399, "; redirects are not followed: set url to where it leads" },
	{ 401, 403, "; it does not let us in: look at url" },
	{ 404, 405, "; nothing takes messages there: look at url" },
	{ 407, 407, "; a proxy wants a password" },
	{ 429, 429, "; it asks for fewer calls: look at in_flight" },
	{ 500, 599, "; its own log says why" },
};

/* The query often is a secret. */
static void
answered(const struct http_call *call, struct receipt *receipt)
{
	const char *todo = "";

	for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++)
		if (call->status >= advice[i].from &&
		    call->status <= advice[i].to)
			todo = advice[i].todo;
	receipt_fail(receipt, never_again(call->status) ? ERR_REFUSED :
	    ERR_RETRY, "channel: HTTP status %ld from %.*s%s", call->status,
	    (int)(strcspn(call->url, "?") < URL_SHOWN ?
	    strcspn(call->url, "?") : URL_SHOWN), call->url, todo);
}

static void
judge(const struct http_call *call, const char *key, struct receipt *receipt)
{
	receipt->retry_after_s = call->retry_after_s;
	receipt->down = call->end == HTTP_TIMED_OUT ||
	    call->end == HTTP_NO_CONNECTION;
	receipt->untold = call->end == HTTP_CUT || call->end == HTTP_NOT_SENT;
	if (took_it(call))
		read_ids(call, key, receipt);
	else if (call->end != HTTP_ANSWERED)
		receipt_fail(receipt, ERR_RETRY, "channel: %s",
		    call->reason);
	else
		answered(call, receipt);
}

static void
on_done(struct http_call *call)
{
	struct sending *v = (struct sending *)call;
	struct delivery *d = v->delivery;

	judge(call, d->parcel.key, &d->receipt);
	http_call_free(call);
	loop_bury(v->channel->env->loop, v);
	d->done(d);
}

/* False: it could not be signed. */
static bool
prepare_headers(const struct http_channel *h, struct sending *v,
    const struct parcel *p)
{
	int64_t now_s = clock_wall(h->channel.env->clock) / 1000;

	(void)snprintf(v->id, sizeof(v->id), "webhook-id: %s", p->key);
	v->headers[0] = "Content-Type: application/json";
	v->headers[1] = v->id;
	if (h->signer == NULL)
		return true;
	v->headers[2] = v->signature.timestamp;
	v->headers[3] = v->signature.header;
	return signer_sign(h->signer, p, now_s, &v->signature) == ERR_OK;
}

static bool
prepare(struct http_channel *h, struct sending *v, struct delivery *d)
{
	v->delivery = d;
	v->channel = &h->channel;
	v->call = (struct http_call){
		.done = on_done,
		.peer = &h->peer,
		.route = &route,
		.url = h->config->url,
		.headers = v->headers,
		.body = d->parcel.object,
		.body_len = d->parcel.object_len,
		.timeout_ms = h->config->timeout * 1000,
		.answer_max = ANSWER_MAX,
	};
	return prepare_headers(h, v, &d->parcel);
}

static void
http_send(struct channel *channel, struct delivery *d)
{
	struct sending *v = calloc(1, sizeof(*v));

	if (v == NULL || !prepare((struct http_channel *)channel, v, d)) {
		free(v);
		receipt_fail(&d->receipt, ERR_RETRY, "out of memory");
		delivery_end(channel, d);
		return;
	}
	http_start(channel->env->http, &v->call);
}

static void
http_close(struct channel *channel)
{
	signer_free(((struct http_channel *)channel)->signer);
	free(channel);
}

const struct channel_kind channel_http = {
	.scheme = "http://",
	.signs = true,
	.open = http_open,
	.send = http_send,
	.close = http_close,
};

const struct channel_kind channel_https = {
	.scheme = "https://",
	.signs = true,
	.open = http_open,
	.send = http_send,
	.close = http_close,
};
