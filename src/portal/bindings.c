/*
 * Which events are bound, and to what.
 *
 * Called by the set-up and by who looks for what is wrong.  Owns the list
 * that it reads.  To Bitrix24 a handler is its URL byte by byte: with a
 * slash behind it, or http for https, it is another one, and each event
 * comes once for each.
 */
#include "portal/bindings.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ARENA_MAX ((size_t)1024 * 1024)

const struct wanted_event wanted_events[] = {
	{ EVENT_ADD, false }, { EVENT_UPDATE, false },
	{ EVENT_DELETE, false }, { EVENT_DIALOG_START, true },
	{ EVENT_DIALOG_FINISH, true }, { EVENT_STATUS_DELETE, true },
	{ EVENT_LINE_DELETE, true }, { EVENT_APP_UPDATE, true },
	{ EVENT_UNINSTALL, true }, { EVENT_OTHER, true },
};

const char *
wanted_name(const struct wanted_event *w)
{
	return event_traits(w->kind)->name;
}

/* That a line has ended is kept, whether a channel asks for it or not. */
bool
wanted_here(const struct config *c, const struct wanted_event *w)
{
	const struct event_traits *t = event_traits(w->kind);

	if (t->asked == 0 || t->ends_line)
		return true;
	for (size_t i = 0; i < c->channels; i++)
		if ((c->channel[i].events & t->asked) != 0)
			return true;
	return false;
}

/* The path of a URL, without slashes at its end and without a query. */
static const char *
path_of(const char *url, size_t *n)
{
	const char *at = strstr(url, "://");

	at = at != NULL ? at + 3 : url;
	at += strcspn(at, "/?#");
	*n = strcspn(at, "?#");
	while (*n != 0 && at[*n - 1] == '/')
		(*n)--;
	return at;
}

static bool
same_path(const char *a, const char *b)
{
	size_t n, m;
	const char *at = path_of(a, &n), *of = path_of(b, &m);

	return n == m && memcmp(at, of, n) == 0;
}

static bool
is_wanted(const char *event)
{
	for (const struct wanted_event *w = wanted_events;
	    w->kind != EVENT_OTHER; w++)
		if (strcasecmp(wanted_name(w), event) == 0)
			return true;
	return false;
}

static enum binding_kind
kind_of(const struct bindings *all, const struct binding *b,
    const char *url)
{
	if (!is_wanted(b->event) || b->handler[0] == '\0')
		return BINDING_OTHER;
	if (strcmp(b->handler, url) == 0)
		return bindings_has(all, b->event) ? BINDING_TWICE :
		    BINDING_OURS;
	return same_path(b->handler, url) ? BINDING_STALE : BINDING_OTHER;
}

struct reading {
	struct bindings *to;
	int64_t index;		/* of the element at hand, or -1 */
};

/* The element that a path such as result.3.event stands in. */
static struct binding *
element(struct reading *r, const char *path, const char **field)
{
	static const char head[] = "result.";
	struct bindings *to = r->to;
	char *end;
	long index;

	if (strncmp(path, head, sizeof(head) - 1) != 0)
		return NULL;
	index = strtol(path + sizeof(head) - 1, &end, 10);
	if (end == path + sizeof(head) - 1 || *end != '.' || index < 0)
		return NULL;
	*field = end + 1;
	if (index != r->index) {
		if (to->n == BINDINGS_MAX)
			return NULL;
		to->item[to->n++] = (struct binding){ "", "", "0",
		    BINDING_OTHER };
		r->index = index;
	}
	return &to->item[to->n - 1];
}

static enum err
each(void *ctx, const char *path, const char *s, size_t n)
{
	struct reading *r = ctx;
	const char *field = "", *copy;
	struct binding *b = element(r, path, &field);

	if (b == NULL || s == NULL)
		return ERR_OK;
	copy = arena_dup(&r->to->arena, s, n);
	if (copy == NULL)
		return ERR_NOMEM;
	if (strcasecmp(field, "event") == 0)
		b->event = copy;
	else if (strcasecmp(field, "handler") == 0)
		b->handler = copy;
	else if (strcasecmp(field, "auth_type") == 0)
		b->auth_type = copy;
	return ERR_OK;
}

enum err
bindings_read(struct bindings *all, const struct method_call *m,
    const char *url)
{
	struct reading r = { .to = all, .index = -1 };
	enum err e;

	*all = (struct bindings){ .n = 0 };
	arena_init(&all->arena, ARENA_MAX);
	all->item = arena_alloc(&all->arena, BINDINGS_MAX *
	    sizeof(*all->item));
	e = all->item != NULL ? method_values(m, each, &r) : ERR_NOMEM;
	if (e != ERR_OK)
		all->n = 0;
	for (size_t i = 0; i < all->n; i++)
		all->item[i].kind = kind_of(all, &all->item[i], url);
	return e;
}

void
bindings_free(struct bindings *all)
{
	arena_free(&all->arena);
	*all = (struct bindings){ .n = 0 };
}

bool
bindings_has(const struct bindings *all, const char *event)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->item[i].kind == BINDING_OURS &&
		    strcasecmp(all->item[i].event, event) == 0)
			return true;
	return false;
}
