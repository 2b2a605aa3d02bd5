/*
 * The OAuth server: a refresh token for a new pair.
 *
 * Called by portal/tokens.c and portal/install.c.  Owns nothing.  The call
 * goes over a connection of its own: on a kept one that is dead, curl would
 * silently send the POST twice, and a refresh token works once.
 */
#include "portal/oauth.h"

#include "base/buf.h"
#include "base/fault.h"
#include "codec/flat.h"
#include "codec/form_write.h"
#include "http/patient.h"
#include "http/url.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BODY_MAX (16 * 1024)
#define URL_MAX 512

static bool
may_have_secret(const struct config *c, const char *endpoint, struct url *url)
{
	const struct config_list *list = &c->app.oauth_servers;

	if (endpoint == NULL || url_parse(url, endpoint) != ERR_OK ||
	    (!url->https && !c->app.insecure_http))
		return false;
	for (size_t i = 0; i < list->n; i++)
		if (url_is_at(url, list->item[i]))
			return true;
	return false;
}

bool
oauth_is_trusted(const struct config *c, const char *server_endpoint)
{
	struct url url;

	return may_have_secret(c, server_endpoint, &url);
}

struct answer {
	struct arena *arena;
	struct oauth *out;
	char error[64];
};

/* A word for the log; an error that is no word is one all the same. */
static void
take_error(struct answer *a, const char *s, size_t n)
{
	size_t i = 0;

	for (; i < n && i < sizeof(a->error) - 1 &&
	    (isalnum((unsigned char)s[i]) || s[i] == '_'); i++)
		a->error[i] = s[i];
	a->error[i] = '\0';
	if (n != 0 && i == 0)
		(void)snprintf(a->error, sizeof(a->error), "unnamed");
}

static enum err
each_value(void *ctx, const char *path, const char *s, size_t n)
{
	struct answer *a = ctx;
	const struct {
		const char *path;
		const char **to;
	} texts[] = {
		{ "member_id", &a->out->member_id },
		{ "client_endpoint", &a->out->client_endpoint },
		{ "server_endpoint", &a->out->server_endpoint },
		{ "access_token", &a->out->access_token },
		{ "refresh_token", &a->out->refresh_token },
	};
	char number[12] = "";

	if (s == NULL)
		return ERR_OK;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(path, texts[i].path) == 0)
			*texts[i].to = arena_dup(a->arena, s, n);
	if (strcmp(path, "expires_in") == 0 && n < sizeof(number)) {
		memcpy(number, s, n);
		a->out->expires_in = strtoll(number, NULL, 10);
	}
	if (strcmp(path, "error") == 0)
		take_error(a, s, n);
	return ERR_OK;
}

/* Words after which this refresh token will never work again. */
static bool
is_final(const char *error)
{
	static const char *const words[] = { "invalid_grant",
		"NOT_INSTALLED", "PAYMENT_REQUIRED" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(error, words[i]) == 0)
			return true;
	return false;
}

static bool
is_complete(const struct oauth *o)
{
	return o->member_id != NULL && o->client_endpoint != NULL &&
	    o->access_token != NULL && o->access_token[0] != '\0' &&
	    o->refresh_token != NULL && o->refresh_token[0] != '\0';
}

static void
judge(const struct http_call *call, struct arena *arena, struct oauth *out)
{
	struct answer a = { .arena = arena, .out = out };
	bool json;

	out->end = OAUTH_AGAIN;
	out->expires_in = 3600;
	if (call->end != HTTP_ANSWERED) {
		(void)snprintf(out->reason, sizeof(out->reason),
		    "OAuth server: %.140s", call->reason);
		return;
	}
	json = call->answer.len != 0 && flat_read(call->answer.p,
	    call->answer.len, each_value, &a) == ERR_OK;
	if (json && a.error[0] == '\0' && call->status == 200 &&
	    is_complete(out)) {
		out->end = OAUTH_OK;
		return;
	}
	if (json && is_final(a.error))
		out->end = OAUTH_REJECTED;
	(void)snprintf(out->reason, sizeof(out->reason),
	    "OAuth server: %s (HTTP status %ld)", a.error[0] != '\0' ?
	    a.error : "no tokens", call->status);
}

static enum err
render(const struct env *env, const char *refresh_token, struct buf *b)
{
	enum err e = form_add(b, "grant_type", "refresh_token");

	if (e == ERR_OK)
		e = form_add(b, "client_id", env->config->app.client_id);
	if (e == ERR_OK)
		e = form_add(b, "client_secret",
		    env->config->app.client_secret);
	return e == ERR_OK ? form_add(b, "refresh_token", refresh_token) : e;
}

static void
call(const struct env *env, const struct url *url, const struct buf *body,
    struct arena *arena, struct patience *patience, struct oauth *out)
{
	static const char *const headers[] = {
		"Content-Type: application/x-www-form-urlencoded", NULL,
	};
	const struct http_route route = env_route(env);
	char address[URL_MAX];
	struct http_call c = {
		.route = &route,
		.url = address,
		.headers = headers,
		.body = body->p,
		.body_len = body->len,
		.timeout_ms = env->config->portal.timeout * 1000,
		.fresh = true,
	};

	(void)snprintf(address, sizeof(address), "%s://%s:%ld/oauth/token/",
	    url->https ? "https" : "http", url->host, url->port);
	fault_point("refresh-before");
	http_call_patiently(env->http, &c, patience);
	fault_point("refresh-after");
	judge(&c, arena, out);
	http_call_free(&c);
}

void
oauth_refresh(const struct env *env, const char *server_endpoint,
    const char *refresh_token, struct arena *arena,
    struct patience *patience, struct oauth *out)
{
	struct buf body;
	struct url url;

	*out = (struct oauth){ .end = OAUTH_AGAIN };
	buf_init(&body, BODY_MAX);
	if (!may_have_secret(env->config, server_endpoint, &url))
		(void)snprintf(out->reason, sizeof(out->reason),
		    "server_endpoint is none of app.oauth_servers");
	else if (render(env, refresh_token, &body) != ERR_OK)
		(void)snprintf(out->reason, sizeof(out->reason),
		    "the refresh token is too long");
	else
		call(env, &url, &body, arena, patience, out);
	buf_free(&body);
}
