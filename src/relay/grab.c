/*
 * One file of a message, from its link to the disk.
 *
 * Called by fetch.c.  Owns the call, two pieces of the file and its draft.
 * No more than that of a file is in memory: while one piece is written the
 * next one comes, and when that is full the call waits.  A token goes only
 * where the portal's REST calls go, and in no URL; a redirect is another
 * call, looked at as the first was.
 */
#include "relay/grab.h"


#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define PIECE ((size_t)64 * 1024)
#define HOPS_MAX 3

static struct grab *
of_keep(struct keep *k)
{
	return (struct grab *)((char *)k - offsetof(struct grab, keep));
}

static void
finish(struct grab *g)
{
	arena_free(&g->arena);
	buf_free(&g->fill);
	buf_free(&g->out);
	g->done(g);
}

static void
on_dropped(struct keep *k)
{
	finish(of_keep(k));
}

/* A draft that was begun goes first. */
static void
end(struct grab *g, enum grab_end how, const char *why)
{
	g->end = how;
	(void)snprintf(g->reason, sizeof(g->reason), "%s", why);
	g->keep.done = on_dropped;
	if (keep_has_draft(&g->keep))
		keep_drop(&g->keep);
	else
		finish(g);
}

static void
on_published(struct keep *k)
{
	struct grab *g = of_keep(k);

	g->end = k->error == 0 ? GRAB_KEPT : GRAB_LATER;
	(void)snprintf(g->reason, sizeof(g->reason), "%s", k->error == 0 ?
	    "" : strerror(k->error));
	finish(g);
}

/* ---- the body */

/* A type, or a pattern of one: the same, but for parts that are "*". */
static bool
type_matches(const char *type, const char *pattern)
{
	size_t n = strcspn(pattern, "/"), m = strcspn(type, "/");

	if (strncmp(pattern, "*", n) != 0 && (n != m ||
	    strncasecmp(pattern, type, n) != 0))
		return false;
	return strcmp(pattern + n, "/*") == 0 ||
	    strcasecmp(pattern + n, type + m) == 0;
}

static bool
type_is_wanted(const struct grab *g, const char *type)
{
	const struct config_list *types = &g->config->files_types;

	for (size_t i = 0; i < types->n; i++)
		if (type_matches(type, types->item[i]))
			return true;
	return types->n == 0;
}

/* A login page, or an error, which Bitrix24 may give with any status. */
static bool
is_page(const struct grab *g)
{
	return !g->page && (strcmp(g->call.type, "text/html") == 0 ||
	    strcmp(g->call.type, "application/json") == 0);
}

/* What the head of an answer says against it, for good; NULL: nothing. */
static const char *
against(const struct grab *g)
{
	if (is_page(g))
		return "a page or an error came instead of the file";
	if (!type_is_wanted(g, g->call.type))
		return "its media type is none of files_types";
	return NULL;
}

static void call_ended(struct grab *);

static void
on_written(struct keep *k)
{
	struct grab *g = of_keep(k);

	g->writing = false;
	buf_reset(&g->out);
	if (g->ended)
		call_ended(g);
	else if (g->held)
		http_go_on(g->relay->env.http, &g->call);
	g->held = false;
}

/* What has come goes to the disk; there is nothing on its way there. */
static void
write_out(struct grab *g)
{
	struct buf full = g->fill;

	g->fill = g->out;
	g->out = full;
	g->writing = true;
	g->keep.done = on_written;
	keep_write(&g->keep, g->out.p, g->out.len);
}

static enum http_take
no_more(struct grab *g, const char *why)
{
	g->stop = why;
	return HTTP_NO_MORE;
}

static enum http_take
take(struct http_call *call, const char *p, size_t n)
{
	struct grab *g = (struct grab *)((char *)call - offsetof(struct grab,
	    call));

	if (against(g) != NULL)
		return no_more(g, against(g));
	if ((int64_t)n > g->config->files_max - g->size)
		return no_more(g, "it is larger than files_max");
	if (g->keep.error != 0)
		return HTTP_NO_MORE;
	if (g->fill.len + n > PIECE && g->writing) {
		g->held = true;
		return HTTP_NOT_NOW;
	}
	if (g->fill.len + n > PIECE)
		write_out(g);
	if (buf_add(&g->fill, p, n) != ERR_OK)
		return HTTP_NO_MORE;
	g->size += (int64_t)n;
	return HTTP_TAKEN;
}

/* ---- calls */

static void on_done(struct http_call *);

void
grab_call(struct grab *g, bool token)
{
	g->headers[0] = token ? g->authorization : NULL;
	g->stop = NULL;
	g->size = 0;
	g->ended = g->held = false;
	g->route = env_route(&g->relay->env);
	g->call = (struct http_call){
		.done = on_done,
		.peer = g->peer,
		.route = &g->route,
		.url = g->url,
		.headers = g->headers,
		.timeout_ms = g->config->timeout * 1000,
		.get = true,
		.take = take,
	};
	http_start(g->relay->env.http, &g->call);
}

bool
grab_set_url(struct grab *g, const char *link)
{
	static const char hex[] = "0123456789ABCDEF";
	struct url url;
	size_t n = 0;

	for (; *link != '\0' && *link != '#' && n + 4 < sizeof(g->url);
	    link++) {
		unsigned char c = (unsigned char)*link;

		if (c > ' ' && c < 0x7f) {
			g->url[n++] = (char)c;
			continue;
		}
		g->url[n++] = '%';
		g->url[n++] = hex[c >> 4];
		g->url[n++] = hex[c & 15];
	}
	g->url[n] = '\0';
	return (*link == '\0' || *link == '#') &&
	    url_parse(&url, g->url) == ERR_OK &&
	    (url.https || g->relay->env.config->app.insecure_http);
}

/* With the token that it had, if that may go there, too. */
static void
follow(struct grab *g)
{
	bool token = g->headers[0] != NULL;
	char location[HTTP_LOCATION_MAX];
	struct url to;

	(void)snprintf(location, sizeof(location), "%s", g->call.location);
	if (++g->hops > HOPS_MAX)
		end(g, GRAB_NEVER, "it was redirected too often");
	else if (!grab_set_url(g, location) || url_parse(&to, g->url) != ERR_OK)
		end(g, GRAB_NEVER, "it was redirected to no URL that may be "
		    "called");
	else
		grab_call(g, token && grab_may_have_token(g, &to));
}

/* The last piece comes by here twice: it is written, then published. */
static void
publish(struct grab *g)
{
	if (g->fill.len != 0) {
		write_out(g);
		return;
	}
	g->keep.done = on_published;
	keep_publish(&g->keep);
}

static bool
may_pass(long status)
{
	return status == 408 || status == 425 || status == 429 ||
	    status >= 500;
}

static void
judge_status(struct grab *g)
{
	long status = g->call.status;
	char why[GRAB_REASON_MAX];

	(void)snprintf(why, sizeof(why), "HTTP status %ld", status);
	if (status / 100 == 2 && against(g) == NULL)
		publish(g);
	else if (status / 100 == 2)
		end(g, GRAB_NEVER, against(g));
	else if (status / 100 == 3)
		follow(g);
	else if (may_pass(status))
		end(g, GRAB_LATER, why);
	else
		end(g, GRAB_NEVER, why);
}

/* Nothing more is asked for it. */
void
grab_conclude(struct grab *g)
{
	const struct http_call *c = &g->call;

	g->retry_after_s = c->retry_after_s;
	if (g->keep.error != 0)
		end(g, GRAB_LATER, strerror(g->keep.error));
	else if (g->stop != NULL)
		end(g, GRAB_NEVER, g->stop);
	else if (c->end != HTTP_ANSWERED && c->end != HTTP_TOO_LARGE)
		end(g, GRAB_LATER, c->reason);
	else if (c->end == HTTP_TOO_LARGE && c->status / 100 == 2)
		end(g, GRAB_LATER, "out of memory");
	else
		judge_status(g);
}

/* The answer of a call, or its last piece, is there.  Where a file is not
 * given to anybody, its portal may be asked with a token. */
static void
call_ended(struct grab *g)
{
	const struct http_call *c = &g->call;
	bool answered = c->end == HTTP_ANSWERED || c->end == HTTP_TOO_LARGE;
	bool asks = c->status == 401 || c->status == 403 ||
	    (c->status / 100 == 2 && is_page(g));

	if (!answered || !asks || !grab_try_token(g))
		grab_conclude(g);
}

static void
on_done(struct http_call *c)
{
	struct grab *g = (struct grab *)((char *)c - offsetof(struct grab,
	    call));

	http_call_free(c);
	g->ended = true;
	if (!g->writing)
		call_ended(g);
}

bool
grab_start(struct grab *g)
{
	if (!grab_set_url(g, g->link))
		return false;
	buf_init(&g->fill, PIECE);
	buf_init(&g->out, PIECE);
	arena_init(&g->arena, PORTAL_ARENA_MAX);
	keep_init(&g->keep);
	g->retry_after_s = -1;
	grab_call(g, false);
	return true;
}
