/*
 * The ladder of one REST call.
 *
 * Called by whoever has been let into a portal's room.  Owns what a call
 * holds.  An event's own token goes first, the newest event's before older
 * ones, then the stored one; only that one's end causes a refresh.  Which
 * answer means what is the verdict's to say.
 */
#include "portal/rest.h"

#include "http/url.h"
#include "portal/oauth.h"
#include "portal/trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWN_MAX 2	/* tokens of events that one ladder tries */
#define CALLS_MAX 6	/* they, a newer one, the stored one, the new pair; */
			/* and a move to a new address */
#define BODY_MAX ((size_t)16 * 1024 * 1024)
#define URL_MAX 4096
#define ANSWER_MAX (256 * 1024)
#define ARENA_MAX ((size_t)256 * 1024)

static void call(struct rest_call *);

bool
rest_is_token(const char *token)
{
	return token != NULL && token[0] != '\0' &&
	    strcmp(token, "undefined") != 0;
}

static const struct env *
env_of(const struct rest_call *c)
{
	return c->room->all->env;
}

static void
finish(struct rest_call *c)
{
	struct room *room = c->room;
	bool nothing = c->http.end == HTTP_CUT ||
	    c->http.end == HTTP_NOT_SENT;

	/* a call that did not leave, or gave its place to others, tells
	 * nothing of the portal; but a probe has to succeed */
	if (c->called && (!nothing || c->probe))
		room_was(room, c->v.down || nothing, c->probe, c->v.reason);
	if (c->v.kind == VERDICT_OK)
		room_limits(room, c->v.reset_at * 1000, false);
	if (c->v.kind == VERDICT_OK && !c->stored && !c->own_only)
		room_set_token(room, c->token);
	if (c->v.kind == VERDICT_LIMIT)
		room_limits(room, 0, true);
	room_call_ended(room);
	c->done(c);
	room_leave(room);
}

static void
run_finish(struct task *t)
{
	finish(OF(t, struct rest_call, task));
}

/* It ends without a call; never from inside rest_start(). */
static void
end_soon(struct rest_call *c, const char *why)
{
	(void)snprintf(c->v.reason, sizeof(c->v.reason), "%s", why);
	c->task = (struct task){ .run = run_finish, .name = "rest" };
	loop_ready(env_of(c)->loop, &c->task);
}

static const char *
keep(struct rest_call *c, const char *s)
{
	return arena_dup(&c->arena, s, strlen(s));
}

/* A token that worked for a newer event of the portal, once. */
static bool
newer_token(struct rest_call *c)
{
	const char *token = room_token(c->room);
	bool tried = c->newer || token == NULL || (c->token != NULL &&
	    strcmp(token, c->token) == 0);

	c->newer = true;
	for (size_t i = 0; !tried && i < c->owns; i++)
		tried = strcmp(c->own[i], token) == 0;
	if (tried || (token = keep(c, token)) == NULL)
		return false;
	c->token = token;
	c->stored = false;
	return true;
}

/* The next event's token that was not tried yet.  False: none. */
static bool
own_token(struct rest_call *c)
{
	while (c->next_own < c->owns && c->next_own < OWN_MAX) {
		const char *token = c->own[c->next_own++];
		const struct portal *p = c->room->portal;

		if (!rest_is_token(token) || (c->token != NULL &&
		    strcmp(token, c->token) == 0))
			continue;
		c->token = token;
		c->stored = p != NULL && strcmp(token, p->access_token) == 0;
		return true;
	}
	return !c->own_only && newer_token(c);
}

/* The stored token, unless it is the one that failed. */
static bool
stored_token(struct rest_call *c)
{
	const struct portal *p = c->room->portal;
	const char *token = p != NULL && !c->own_only ? p->access_token : "";

	if (token[0] == '\0' || (c->token != NULL &&
	    strcmp(token, c->token) == 0))
		return false;
	c->token = keep(c, token);
	c->stored = c->token != NULL;
	return c->stored;
}

/* Else a further token might do: nothing is said of those it has. */
static bool
may_go_on(struct rest_call *c)
{
	bool may = c->may_go_on == NULL || c->may_go_on(c);

	c->tokens_later = !may;
	return may;
}

static void
on_search(struct token_search *s)
{
	struct rest_call *c = OF(s, struct rest_call, search);

	c->renewed = true;
	if (s->end == TOKENS_OK && may_go_on(c) && stored_token(c)) {
		call(c);
		return;
	}
	c->tokens_later = s->end != TOKENS_NONE;
	if (c->calls == 0)
		(void)snprintf(c->v.reason, sizeof(c->v.reason), "%.*s",
		    (int)sizeof(c->v.reason) - 1, s->reason);
	finish(c);
}

/* Events bring tokens for an hour; with nothing else there is an end. */
static void
say_no_client(struct rest_call *c)
{
	size_t n = strlen(c->v.reason);

	if (c->v.kind != VERDICT_EXPIRED ||
	    oauth_has_client(env_of(c)->config))
		return;
	log_error(env_of(c)->log, "token-expired", F_STR("member_id",
	    c->room->member_id), F_STR("reason", c->v.reason),
	    F_STR("advice", OAUTH_NO_CLIENT));
	(void)snprintf(c->v.reason + n, sizeof(c->v.reason) - n, "; %s",
	    OAUTH_NO_CLIENT);
}

/* The next rung of the ladder, below the one whose verdict came. */
static void
climb(struct rest_call *c)
{
	bool user_may_not = c->v.kind == VERDICT_ACCESS;

	if (own_token(c) || (!c->stored && stored_token(c))) {
		call(c);
		return;
	}
	/* one whose user may not is a person's business */
	if (c->stored && !c->renewed && !user_may_not && !c->own_only) {
		c->search = (struct token_search){ .done = on_search,
		    .failed = c->token };
		tokens_search(c->room, &c->search);
		return;
	}
	say_no_client(c);
	finish(c);
}

/* The REST endpoint in the address that our call was sent on to, or NULL. */
static const char *
home_of(struct rest_call *c)
{
	const char *location = c->v.location;
	size_t method = strlen(c->method), n = strlen(location);

	if (strchr(location, '?') != NULL ||
	    n <= method || location[n - method - 1] != '/' ||
	    strcmp(location + n - method, c->method) != 0 ||
	    !trust_new_home(env_of(c)->config, location))
		return NULL;
	return arena_dup(&c->arena, location, n - method);
}

struct moving_home {
	struct portal_change change;
	const struct env *env;
	char texts[];
};

static void
on_moved(struct db_work *w)
{
	struct moving_home *m = (struct moving_home *)w;

	if (w->end != ERR_OK)
		log_error(m->env->log, "store-failed", F_STR("member_id",
		    m->change.member_id), F_STR("reason", w->problem.text));
	free(m);
}

/* Nobody waits for it: if it is not written, the next call is sent on. */
static void
store_home(struct rest_call *c, const char *home)
{
	size_t id_size = strlen(c->room->member_id) + 1;
	size_t home_size = strlen(home) + 1;
	struct moving_home *m = calloc(1, sizeof(*m) + id_size + home_size);

	if (m == NULL)
		return;
	m->env = env_of(c);
	m->change = (struct portal_change){ .db.done = on_moved,
	    .store = m->env->store, .act = PORTAL_MOVED,
	    .member_id = memcpy(m->texts, c->room->member_id, id_size),
	    .text = memcpy(m->texts + id_size, home, home_size) };
	store_portal_change(&m->change);
	env_submit(m->env, &m->change.db);
}

/* The portal was renamed: its new endpoint, once.  False: not there. */
static bool
move(struct rest_call *c)
{
	struct url url;
	const struct portal *p = c->room->portal;
	const char *home = c->moved ? NULL : home_of(c);

	if (home == NULL)
		return false;
	c->moved = true;
	c->at = home;
	log_warning(env_of(c)->log, "moved", F_STR("member_id",
	    c->room->member_id), F_STR("host",
	    url_parse(&url, home) == ERR_OK ? url.host : ""),
	    F_STR("advice", p != NULL ? "the stored endpoint is replaced" :
	    "change app.client_endpoint if it is set"));
	if (p != NULL) {
		struct portal now = *p;

		now.endpoint = home;
		store_home(c, home);
		room_set_portal(c->room, &now);
	}
	return true;
}

/* One that was refused serves nobody any more. */
static void
forget_token(struct rest_call *c)
{
	const char *token = room_token(c->room);

	if (token != NULL && strcmp(token, c->token) == 0)
		room_set_token(c->room, NULL);
}

/* Calls that did not leave are none; a token may expire, and who gave its
 * place to others has not failed. */
static void
count(const struct rest_call *c)
{
	struct counts *counts = env_of(c)->counts;
	const char *member_id = c->room->member_id;

	if (c->http.end == HTTP_NOT_SENT)
		return;
	counts_add(counts, COUNT_CALLS, member_id, 1);
	if (c->v.kind == VERDICT_OK || c->v.kind == VERDICT_EXPIRED ||
	    c->http.end == HTTP_CUT)
		return;
	counts_add(counts, COUNT_ERRORS, member_id, 1);
	counts_trouble(counts, "call", member_id, c->v.reason);
}

static void
on_answer(struct http_call *h)
{
	struct rest_call *c = OF(h, struct rest_call, http);

	if (c->read != NULL)
		c->read(c, h);
	else
		verdict_read(&c->v, h);
	c->took_ms = h->took_ms;
	count(c);
	http_call_free(h);
	if (c->calls >= CALLS_MAX || !may_go_on(c)) {
		finish(c);
		return;
	}
	switch (c->v.kind) {
	case VERDICT_EXPIRED:
	case VERDICT_TOKEN:
	case VERDICT_ACCESS:
		forget_token(c);
		climb(c);
		break;
	case VERDICT_MOVED:
		if (move(c))
			call(c);
		else
			finish(c);
		break;
	default:
		finish(c);
	}
}

static bool
build(struct rest_call *c)
{
	size_t n = strlen(c->at);

	buf_reset(&c->url);
	buf_reset(&c->body);
	buf_add(&c->url, c->at, n);
	if (n != 0 && c->at[n - 1] != '/')
		buf_addc(&c->url, '/');
	return buf_adds(&c->url, c->method) == ERR_OK &&
	    buf_str(&c->url) != NULL &&
	    c->render(c, c->token, &c->body) == ERR_OK;
}

static void
call(struct rest_call *c)
{
	static const char *const headers[] = {
		"Content-Type: application/json", NULL,
	};
	const struct env *env = env_of(c);

	if (!build(c)) {
		c->v = (struct verdict){ .kind = VERDICT_AGAIN,
		    .retry_after_s = -1 };
		end_soon(c, "the call is too large or memory ran out");
		return;
	}
	if (c->calls++ != 0)
		c->room->due.charge++;
	c->called = true;
	c->http = (struct http_call){
		.done = on_answer,
		.peer = &c->room->peer,
		.route = &c->route,
		.url = c->url.p,
		.headers = headers,
		.body = c->body.p,
		.body_len = c->body.len,
		.timeout_ms = env->config->portal.timeout * 1000,
		.answer_max = ANSWER_MAX,
	};
	http_start(env->http, &c->http);
}

static void
clear(struct rest_call *c)
{
	c->v = (struct verdict){ .kind = VERDICT_AGAIN, .retry_after_s = -1 };
	c->called = c->no_token = c->tokens_later = false;
	c->stored = c->renewed = c->moved = false;
	c->token = c->at = NULL;
	c->next_own = 0;
	c->newer = false;
	c->calls = 0;
	c->took_ms = 0;
	c->route = env_route(env_of(c));
	arena_init(&c->arena, ARENA_MAX);
	buf_init(&c->url, URL_MAX);
	buf_init(&c->body, BODY_MAX);
}

void
rest_start(struct rest_call *c)
{
	const struct portal *p = c->room->portal;
	const char *why;

	clear(c);
	/* the room stays until the call has ended */
	(void)room_enter(c->room->all, c->room->member_id);
	c->at = trust_endpoint(env_of(c)->config, p != NULL ? p->endpoint :
	    NULL, c->endpoint, &why);
	if (c->at != NULL)
		c->at = keep(c, c->at);
	if (c->at == NULL) {
		end_soon(c, why != NULL ? why : "out of memory");
	} else if (own_token(c) || stored_token(c)) {
		call(c);
	} else {
		c->no_token = true;
		end_soon(c, oauth_has_client(env_of(c)->config) ? "no tokens "
		    "of this portal are stored: install the application there"
		    : "no tokens of this portal are stored: "
		    OAUTH_NO_CLIENT);
	}
}

void
rest_free(struct rest_call *c)
{
	buf_free(&c->url);
	buf_free(&c->body);
	arena_free(&c->arena);
}
