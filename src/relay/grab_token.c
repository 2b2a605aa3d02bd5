/*
 * A file that its portal gives only to who has a token.
 *
 * Called by grab.c.  Owns nothing.  The event's own token first, then one
 * that worked for a newer event, then the stored one, which is refreshed only
 * if it has expired.  They go where the portal's REST calls go, in a header.
 */
#include "relay/grab.h"

#include "portal/rest.h"
#include "portal/room.h"
#include "portal/trust.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define BEARER "Authorization: Bearer "

static const struct portal *
portal_of(const struct grab *g)
{
	return g->read && g->reading.found ? &g->reading.portal : NULL;
}

bool
grab_may_have_token(const struct grab *g, const struct url *to)
{
	const struct portal *p = portal_of(g);
	const char *why;
	const char *endpoint = trust_endpoint(g->relay->env.config,
	    p != NULL ? p->endpoint : NULL, g->work->endpoint, &why);
	struct url home;

	return endpoint != NULL && url_parse(&home, endpoint) == ERR_OK &&
	    home.https == to->https && home.port == to->port &&
	    strcmp(home.host, to->host) == 0;
}

/* From the beginning: a login page is where it led without a token. */
static bool
call_with(struct grab *g, const char *token)
{
	struct url to;

	if (!grab_set_url(g, g->link) || url_parse(&to, g->url) != ERR_OK ||
	    !grab_may_have_token(g, &to))
		return false;
	(void)snprintf(g->authorization, sizeof(g->authorization), BEARER
	    "%s", token);
	g->hops = 0;
	grab_call(g, true);
	return true;
}

static bool
is_new(const struct grab *g, const char *token)
{
	return rest_is_token(token) &&
	    strlen(token) < sizeof(g->authorization) - sizeof(BEARER) &&
	    strcmp(g->authorization + sizeof(BEARER) - 1, token) != 0;
}

static void
on_search(struct token_search *s)
{
	struct grab *g = (struct grab *)((char *)s - offsetof(struct grab,
	    search));
	const struct portal *p = s->end == TOKENS_OK ? g->room->portal :
	    NULL;

	if (p == NULL || !is_new(g, p->access_token) ||
	    !call_with(g, p->access_token))
		grab_conclude(g);
}

/* Only an expired token of the portal is traded for another. */
static bool
renew(struct grab *g)
{
	const struct portal *p = portal_of(g);

	if (p == NULL || g->renewed || g->call.status != 401 ||
	    p->access_token[0] == '\0' ||
	    p->expires_ms > clock_wall(g->relay->env.clock))
		return false;
	g->renewed = true;
	g->search = (struct token_search){ .done = on_search,
	    .failed = p->access_token };
	tokens_search(g->room, &g->search);
	return true;
}

static bool
next_token(struct grab *g)
{
	const struct portal *p = portal_of(g);
	const char *const token[] = { g->work->token, room_token(g->room),
		p != NULL ? p->access_token : NULL };

	while (g->tokens < sizeof(token) / sizeof(token[0])) {
		const char *t = token[g->tokens++];

		if (is_new(g, t))
			return call_with(g, t);
	}
	return renew(g);
}

static void
on_read(struct db_work *w)
{
	struct grab *g = (struct grab *)((char *)w - offsetof(struct grab,
	    reading));

	g->read = w->end == ERR_OK;
	if (!g->read || !next_token(g))
		grab_conclude(g);
}

/* What is stored of the portal says where its tokens may go. */
bool
grab_try_token(struct grab *g)
{
	if (g->read)
		return next_token(g);
	g->reading = (struct portal_reading){ .db.done = on_read,
	    .member_id = g->work->member_id, .arena = &g->arena };
	store_portal_read(&g->reading);
	env_submit(&g->relay->env, &g->reading.db);
	return true;
}
