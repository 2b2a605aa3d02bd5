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
#include "http/url.h"
#include "portal/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BODY_MAX (16 * 1024)
#define ARENA_MAX ((size_t)256 * 1024)

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
oauth_has_client(const struct config *c)
{
	return c->app.client_id[0] != '\0' && c->app.client_secret[0] != '\0';
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
	const char *error;	/* a word of ours, or NULL */
};

/* Words after which this refresh token will never work again, then others. */
static const char *const words[] = { "invalid_grant", "NOT_INSTALLED",
	"PAYMENT_REQUIRED", "invalid_request", "invalid_client",
	"wrong_client" };
#define FINAL_WORDS 3

/*
 * Only known words are kept: what else the server says may be the secret or
 * the token that it was sent.
 */
static void
take_error(struct answer *a, const char *s, size_t n)
{
	if (n == 0)
		return;
	a->error = verdict_known_error(s, n);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i]) == n && strncasecmp(words[i], s, n) == 0)
			a->error = words[i];
	if (a->error == NULL)
		a->error = "unknown error";
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

static bool
is_final(const char *error)
{
	for (size_t i = 0; error != NULL && i < FINAL_WORDS; i++)
		if (strcmp(error, words[i]) == 0)
			return true;
	return false;
}

static const char *
todo_of(const char *error)
{
	if (error == NULL)
		return "";
	if (strcmp(error, "invalid_client") == 0 ||
	    strcmp(error, "wrong_client") == 0)
		return "; look at client_id and client_secret";
	return is_final(error) ? "; install the application there again" : "";
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
		    "OAuth server: %s", call->reason);
		return;
	}
	json = call->answer.len != 0 && flat_read(call->answer.p,
	    call->answer.len, each_value, &a) == ERR_OK;
	if (json && a.error == NULL && call->status == 200 &&
	    is_complete(out)) {
		out->end = OAUTH_OK;
		return;
	}
	if (json && is_final(a.error))
		out->end = OAUTH_REJECTED;
	(void)snprintf(out->reason, sizeof(out->reason),
	    "OAuth server: %s (HTTP status %ld)%s", json && a.error != NULL ?
	    a.error : "no tokens", call->status, todo_of(json ? a.error :
	    NULL));
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

void
oauth_calls_init(struct oauth_calls *all, const struct env *env, size_t max)
{
	*all = (struct oauth_calls){ .env = env, .max = max,
	    .route = env_route(env) };
	http_peer_init(&all->peer);
	TAILQ_INIT(&all->waiting);
}

static void
leave(struct oauth_call *c)
{
	c->all->in_flight++;
	fault_point("refresh-before");
	http_start(c->all->env->http, &c->http);
}

static void
next_leaves(struct oauth_calls *all)
{
	struct oauth_call *c = TAILQ_FIRST(&all->waiting);

	if (c == NULL || all->in_flight >= all->max)
		return;
	TAILQ_REMOVE(&all->waiting, c, link);
	leave(c);
}

static void
on_answer(struct http_call *h)
{
	struct oauth_call *c = (struct oauth_call *)((char *)h -
	    offsetof(struct oauth_call, http));
	struct oauth_calls *all = c->all;

	fault_point("refresh-after");
	judge(h, &c->arena, &c->said);
	http_call_free(h);
	all->in_flight--;
	next_leaves(all);
	c->done(c);
}

static void
prepare(struct oauth_call *c, const struct url *url)
{
	static const char *const headers[] = {
		"Content-Type: application/x-www-form-urlencoded", NULL,
	};

	(void)snprintf(c->url, sizeof(c->url), "%s://%s:%ld/oauth/token/",
	    url->https ? "https" : "http", url->host, url->port);
	c->http = (struct http_call){
		.done = on_answer,
		.peer = &c->all->peer,
		.route = &c->all->route,
		.url = c->url,
		.headers = headers,
		.body = c->body.p,
		.body_len = c->body.len,
		.timeout_ms = c->all->env->config->portal.timeout * 1000,
		.fresh = true,
		.keep = true,
	};
}

static void
run_done(struct task *t)
{
	struct oauth_call *c = (struct oauth_call *)((char *)t -
	    offsetof(struct oauth_call, task));

	c->done(c);
}

/* It cannot be made at all. */
static void
refuse(struct oauth_call *c, const char *why)
{
	(void)snprintf(c->said.reason, sizeof(c->said.reason), "%s", why);
	c->task = (struct task){ .run = run_done, .name = "oauth" };
	loop_ready(c->all->env->loop, &c->task);
}

void
oauth_start(struct oauth_call *c)
{
	const struct env *env = c->all->env;
	struct url url;

	c->said = (struct oauth){ .end = OAUTH_AGAIN };
	arena_init(&c->arena, ARENA_MAX);
	buf_init(&c->body, BODY_MAX);
	if (!may_have_secret(env->config, c->server_endpoint, &url)) {
		refuse(c, "server_endpoint is none of app.oauth_servers");
		return;
	}
	if (render(env, c->refresh_token, &c->body) != ERR_OK) {
		refuse(c, "the refresh token is too long");
		return;
	}
	prepare(c, &url);
	TAILQ_INSERT_TAIL(&c->all->waiting, c, link);
	next_leaves(c->all);
}

void
oauth_free(struct oauth_call *c)
{
	buf_free(&c->body);
	arena_free(&c->arena);
}
