/*
 * Calls of the operator's tool to portals.
 *
 * Called by its commands.  Owns nothing beyond a call.  They turn the loop
 * themselves until an answer is there.
 */
#include "ctl/portal_call.h"

#include "codec/json_write.h"
#include "ctl/clean.h"
#include "http/url.h"
#include "portal/setting_up.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#define TURN_MS 500
#define SHOWN_MAX ((size_t)1024 * 1024)

static enum err
no_memory(struct problem *p)
{
	return problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
}

static bool
add(struct portal_list *l, const char *s)
{
	char **grown = realloc(l->member_id, (l->n + 1) * sizeof(*grown));
	char *copy = strdup(s);

	if (grown != NULL)
		l->member_id = grown;
	if (grown == NULL || copy == NULL) {
		free(copy);
		return false;
	}
	l->member_id[l->n++] = copy;
	return true;
}

bool
portal_is(const struct portal *p, const char *given)
{
	struct url url;

	return strcmp(given, p->member_id) == 0 ||
	    (url_parse(&url, p->endpoint) == ERR_OK &&
	    strcasecmp(given, url.host) == 0);
}

struct collecting {
	struct portal_list *list;
	const char *only;
	bool ok;
};

static bool
each_portal(void *ctx, const struct portal *p)
{
	struct collecting *c = ctx;

	if (c->only == NULL || portal_is(p, c->only))
		c->ok = add(c->list, p->member_id);
	return c->ok;
}

enum err
portal_list(struct ctl *ctl, struct portal_list *l, struct problem *p)
{
	struct collecting c = { l, ctl->a.given[ARG_PORTAL], true };
	enum err e;

	*l = (struct portal_list){ NULL, 0 };
	e = store_portal_each(ctl->s.store, each_portal, &c, p);
	if (e == ERR_OK && !c.ok)
		e = no_memory(p);
	if (e == ERR_OK && l->n == 0)
		e = problem_set(p, ERR_UNUSABLE, -1, NULL, c.only != NULL ?
		    "the application is not installed on that portal; see "
		    "'imconnectorctl portals'" : "the application is not "
		    "installed on any portal yet");
	return e;
}

void
portal_list_free(struct portal_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->member_id[i]);
	free(l->member_id);
	*l = (struct portal_list){ NULL, 0 };
}

enum err
portal_pick(struct ctl *ctl, char **member_id, struct problem *p)
{
	struct portal_list l;
	enum err e = portal_list(ctl, &l, p);

	*member_id = NULL;
	if (e == ERR_OK && l.n > 1)
		e = problem_set(p, ERR_UNUSABLE, -1, NULL, "the application "
		    "is installed on %zu portals: say which with --portal; "
		    "see 'imconnectorctl portals'", l.n);
	if (e == ERR_OK) {
		*member_id = l.member_id[0];
		l.member_id[0] = NULL;
	}
	portal_list_free(&l);
	return e;
}

/* Each once, in lower case, as Bitrix24 keeps them. */
static bool
add_connector(struct portal_list *l, const char *name)
{
	char *s;

	for (size_t i = 0; i < l->n; i++)
		if (strcasecmp(l->member_id[i], name) == 0)
			return true;
	if (!add(l, name))
		return false;
	for (s = l->member_id[l->n - 1]; *s != '\0'; s++)
		*s = (char)tolower((unsigned char)*s);
	return true;
}

enum err
connector_list(const struct config *c, struct portal_list *l,
    struct problem *p)
{
	bool ok = true;

	*l = (struct portal_list){ NULL, 0 };
	for (size_t i = 1; ok && i < c->channels; i++)
		if (setting_up_registers(c, &c->channel[i]))
			ok = add_connector(l, c->channel[i].connector);
	for (size_t i = 0; ok && i < c->app.connectors.n; i++)
		ok = add_connector(l, c->app.connectors.item[i]);
	return ok ? ERR_OK : no_memory(p);
}

enum err
connector_pick(const struct ctl *ctl, const struct portal_list *ours,
    const char **out, struct problem *p)
{
	const char *given = ctl->a.given[ARG_CONNECTOR];

	*out = NULL;
	for (size_t i = 0; i < ours->n; i++)
		if (given != NULL ? strcmp(given, ours->member_id[i]) == 0 :
		    ours->n == 1)
			*out = ours->member_id[i];
	if (*out != NULL)
		return ERR_OK;
	return problem_set(p, ERR_UNUSABLE, -1, NULL, given != NULL ?
	    "the configuration has no such connector: its ID is in lower case"
	    : ours->n == 0 ? "the configuration names no connector: give it a "
	    "section [connector ID] with a name" : "several connectors are "
	    "ours: say which with --connector");
}

void
call_wait(struct ctl *ctl, const bool *over)
{
	while (!*over)
		loop_turn(ctl->s.loop, TURN_MS);
}

/* The call is its caller's: what tells it that it is over stands beside. */
static void
on_called(struct method_call *m)
{
	*(bool *)m->ctx = true;
}

enum method_end
call_now(struct ctl *ctl, struct method_call *m, const char *member_id)
{
	bool over = false;

	m->done = on_called;
	m->ctx = &over;
	m->seen = call_shown(ctl);
	method_start(m, relay_rooms(ctl->s.relay), member_id);
	call_wait(ctl, &over);
	return m->end;
}

/* Every place where a text has the token. */
static void
mask(char *text, size_t n, const char *token)
{
	size_t len = token != NULL ? strlen(token) : 0;
	char *at = text;

	while (len != 0 && (at = memmem(at, n - (size_t)(at - text), token,
	    len)) != NULL)
		memset(at, '*', len);
}

static void
show_params(const struct method_call *m)
{
	struct buf b;

	buf_init(&b, SHOWN_MAX);
	if (buf_addc(&b, '{') == ERR_OK &&
	    json_add_text(&b, "auth", "***") == ERR_OK &&
	    (m->params == NULL || m->params(m, &b) == ERR_OK) &&
	    buf_addc(&b, '}') == ERR_OK && buf_str(&b) != NULL)
		clean_to(stderr, b.p);
	buf_free(&b);
}

void
call_seen(const struct method_call *m, const struct http_call *h)
{
	struct buf b;

	(void)fprintf(stderr, "%s%s ", h == NULL ? "would call " : "> ",
	    m->name);
	show_params(m);
	(void)fputc('\n', stderr);
	if (h == NULL)
		return;
	if (h->end != HTTP_ANSWERED) {
		(void)fprintf(stderr, "< %s\n", h->reason);
		return;
	}
	buf_init(&b, SHOWN_MAX);
	(void)fprintf(stderr, "< %ld ", h->status);
	if (h->answer.len != 0 &&
	    buf_add(&b, h->answer.p, h->answer.len) == ERR_OK &&
	    buf_str(&b) != NULL) {
		mask(b.p, b.len, m->rest.token);
		clean_to(stderr, b.p);
	}
	(void)fputc('\n', stderr);
	buf_free(&b);
}

void (*call_shown(const struct ctl *ctl))(const struct method_call *,
    const struct http_call *)
{
	return ctl->a.given[ARG_VERBOSE] != NULL ? call_seen : NULL;
}

int
call_code(enum method_end end)
{
	if (end == METHOD_OK)
		return EX_OK;
	return end == METHOD_REFUSED ? EX_UNAVAILABLE : EX_TEMPFAIL;
}
