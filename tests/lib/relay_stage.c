/*
 * The server of a relay_world: channel, portal and OAuth server in one.
 *
 * Used by relay_world.c and the tests.  What it says follows each route's
 * script; where none is set, everything is well.
 */
#include "relay_world.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOOD_REST "{\"result\":{\"SUCCESS\":true,\"DATA\":[]}}"

static enum rw_route
route_of(const struct heard *h)
{
	if (strncmp(h->path, "/rest", 5) == 0)
		return RW_REST;
	return strcmp(h->path, "/oauth/token/") == 0 ? RW_OAUTH : RW_HOOK;
}

/* The text behind a mark, up to one of the ends. */
static void
copy_behind(char out[RW_TOKEN_MAX], const char *text, const char *mark,
    const char *ends)
{
	const char *p = strstr(text, mark);

	out[0] = '\0';
	if (p == NULL)
		return;
	p += strlen(mark);
	(void)snprintf(out, RW_TOKEN_MAX, "%.*s", (int)strcspn(p, ends), p);
}

static size_t
count_of(const char *text, const char *what)
{
	size_t n = 0;

	while ((text = strstr(text, what)) != NULL) {
		text += strlen(what);
		n++;
	}
	return n;
}

static void
read_call(struct rw_call *c)
{
	const struct heard *h = c->heard;

	switch (c->route) {
	case RW_REST:
		copy_behind(c->token, h->body, "\"auth\":\"", "\"");
		c->messages = count_of(h->body, "\"im\":{");
		break;
	case RW_OAUTH:
		copy_behind(c->token, h->body, "refresh_token=", "&");
		if (strcmp(c->token, "refresh_token") == 0 ||
		    c->token[0] == '\0' || strstr(h->body,
		    "&refresh_token=") != NULL)
			copy_behind(c->token, h->body, "&refresh_token=",
			    "&");
		break;
	default:
		(void)heard_header(h, "webhook-id", c->token,
		    sizeof(c->token));
	}
}

static const char *
usual(struct relay_world *w, enum rw_route route)
{
	if (route == RW_REST)
		return GOOD_REST;
	if (route == RW_HOOK)
		return "{\"id\":\"ext\"}";
	w->pairs++;
	(void)snprintf(w->pair, sizeof(w->pair), "{\"member_id\":\""
	    RW_MEMBER "\",\"client_endpoint\":\"%s\","
	    "\"server_endpoint\":\"%s\",\"access_token\":\"new-%d\","
	    "\"refresh_token\":\"refresh-%d\",\"expires_in\":3600}", w->rest,
	    w->oauth, (int)w->pairs, (int)w->pairs);
	return w->pair;
}

static void
say(struct relay_world *w, enum rw_route route, struct heard *h,
    const struct rw_act *act)
{
	if (act->status == RW_DROP)
		heard_drop(h);
	else if (act->status != RW_HOLD)
		heard_answer(h, act->status, act->more != NULL ? act->more :
		    "", act->body != NULL ? act->body : usual(w, route));
}

size_t
rw_open(const struct relay_world *w, enum rw_route route)
{
	size_t n = 0;

	for (size_t i = 0; i < w->calls; i++)
		n += w->call[i].route == route && w->call[i].heard->open;
	return n;
}

static void
hear(struct loop_peer *p, struct heard *h)
{
	static const struct rw_act well = { .status = 200 };
	struct relay_world *w = p->ctx;
	enum rw_route route = route_of(h);
	struct rw_call *c = &w->call[w->calls];
	const struct rw_act *act = &well;
	size_t open;

	assert_true(w->calls < RW_CALLS);
	*c = (struct rw_call){ .route = route, .heard = h,
	    .at_ms = loop_now(w->loop) };
	read_call(c);
	w->calls++;
	w->count[route]++;
	open = rw_open(w, route);
	if (open > w->most[route])
		w->most[route] = open;
	if (w->acts[route] != 0)
		act = &w->act[route][w->said[route]];
	if (w->said[route] + 1 < w->acts[route])
		w->said[route]++;
	say(w, route, h, act);
}

void
rw_script(struct relay_world *w, enum rw_route route, const struct rw_act *a,
    size_t n)
{
	assert_true(n <= RW_ACTS);
	memcpy(w->act[route], a, n * sizeof(*a));
	w->acts[route] = n;
	w->said[route] = 0;
}

bool
rw_release(struct relay_world *w, enum rw_route route,
    const struct rw_act *act)
{
	static const struct rw_act well = { .status = 200 };

	for (size_t i = 0; i < w->calls; i++)
		if (w->call[i].route == route && w->call[i].heard->open) {
			say(w, route, w->call[i].heard, act != NULL ? act :
			    &well);
			return true;
		}
	return false;
}

void
rw_release_all(struct relay_world *w, enum rw_route route)
{
	while (rw_release(w, route, NULL))
		continue;
}

const struct rw_call *
rw_call_at(const struct relay_world *w, enum rw_route route, size_t n)
{
	for (size_t i = 0; i < w->calls; i++)
		if (w->call[i].route == route && n-- == 0)
			return &w->call[i];
	fail_msg("there was no such call");
	return NULL;
}

const char *
rw_tokens(const struct relay_world *w, enum rw_route route)
{
	static char text[4096];
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < w->calls; i++)
		if (w->call[i].route == route && at < sizeof(text))
			at += (size_t)snprintf(text + at, sizeof(text) - at,
			    "%s%s", at != 0 ? " " : "", w->call[i].token);
	return text;
}

void
rw_stage_begin(struct relay_world *w)
{
	w->peer.hear = hear;
	w->peer.ctx = w;
	loop_peer_begin(&w->peer, w->loop);
	(void)snprintf(w->rest, sizeof(w->rest), "http://127.0.0.1:%d/rest/",
	    w->peer.port);
	(void)snprintf(w->home, sizeof(w->home), "http://127.0.0.1:%d/rest2/",
	    w->peer.port);
	(void)snprintf(w->hook, sizeof(w->hook), "http://127.0.0.1:%d/hook",
	    w->peer.port);
	(void)snprintf(w->oauth, sizeof(w->oauth),
	    "http://127.0.0.1:%d/rest/", w->peer.port);
}
