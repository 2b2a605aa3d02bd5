/*
 * The queue in groups, for people: where messages wait, and why.
 *
 * Called by queue list.  Owns nothing.
 */
#include "ctl/groups.h"

#include "web/names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define INDENT 8

static const struct {
	const char *word;
	enum paint paint;
} kinds[WAIT__MAX] = {
	[WAIT_REFUSED] = { "refused", PAINT_BAD },
	[WAIT_UNCOVERED] = { "uncovered", PAINT_BAD },
	[WAIT_PARKED] = { "parked", PAINT_BAD },
	[WAIT_DOWN] = { "held", PAINT_WARN },
	[WAIT_LATER] = { "to be tried again", PAINT_WARN },
	[WAIT_TURN] = { "waiting", PAINT_NONE },
	[WAIT_WORK] = { "in work", PAINT_NONE },
};

/* What a person calls the portal. */
static void
add_portal(struct line *l, const struct wait_group *g)
{
	struct url url;

	line_add(l, "portal ");
	if (g->endpoint[0] != '\0' && url_parse(&url, g->endpoint) == ERR_OK)
		line_clean(l, url.host);
	else
		line_clean(l, g->domain[0] != '\0' ? g->domain :
		    g->member_id);
}

static void
add_channel(struct line *l, const struct wait_group *g,
    const struct config *c)
{
	char *url = name_of_channel(g, c);

	line_add(l, "channel ");
	if (url != NULL) {
		line_clean(l, url);
		line_add(l, " ");
	}
	line_add(l, "of ");
	line_clean(l, g->connector);
	free(url);
}

static void
add_place(struct line *l, const struct wait_group *g, const struct config *c)
{
	if (g->portal)
		add_portal(l, g);
	else
		add_channel(l, g, c);
}

static void
add_reason(struct line *l, const struct wait_group *g)
{
	if (g->reason[0] == '\0')
		return;
	line_add(l, " (");
	line_clean(l, g->reason);
	line_add(l, ")");
}

static void
add_refused(struct line *l, const struct wait_group *g,
    const struct config *c)
{
	if (g->step == STEP_READ) {
		line_add(l, "element of ");
		line_clean(l, g->connector);
	} else {
		line_add(l, g->step == STEP_STATUS ? "status to " :
		    "hand-over to ");
		add_place(l, g, c);
	}
	add_reason(l, g);
}

static void
add_why(struct line *l, const struct wait_group *g, const struct config *c)
{
	switch (g->why) {
	case WAIT_REFUSED:
		add_refused(l, g, c);
		return;
	case WAIT_UNCOVERED:
		line_add(l, "no running handler takes up connector ");
		line_clean(l, g->connector);
		return;
	case WAIT_PARKED:
		add_place(l, g, c);
		line_add(l, " is lost");
		add_reason(l, g);
		line_add(l, ": install the application there again");
		return;
	case WAIT_WORK:
		line_clean(l, g->reason[0] != '\0' ? g->reason :
		    "a handler works on it");
		return;
	default:
		line_add(l, g->why == WAIT_TURN ? "for a turn at " : "");
		add_place(l, g, c);
		line_add(l, g->why == WAIT_DOWN ? " is down" : "");
		add_reason(l, g);
	}
}

static void
add_times(struct line *l, const struct wait_group *g)
{
	if (g->why == WAIT_DOWN || g->why == WAIT_LATER) {
		line_add(l, ", next try ");
		if (g->next_ms / 1000 <= (int64_t)time(NULL))
			line_add(l, "now");
		else
			line_when(l, g->next_ms);
	}
	if (g->since_ms != 0) {
		line_add(l, ", since ");
		line_when(l, g->since_ms);
	}
}

static int
compare(const void *a, const void *b)
{
	const struct wait_group *const *x = a, *const *y = b;

	if ((*x)->why != (*y)->why)
		return (int)(*x)->why - (int)(*y)->why;
	return (*x)->n == (*y)->n ? 0 : (*x)->n < (*y)->n ? 1 : -1;
}

size_t
groups_line(struct line *l, const struct wait_group *g,
    const struct config *c)
{
	size_t painted;

	line_count(l, g->n);
	line_add(l, " %s", kinds[g->why].word);
	painted = l->b.len;
	line_add(l, ": ");
	add_why(l, g, c);
	add_times(l, g);
	return painted;
}

static enum err
print_group(struct line *l, const struct terminal *t,
    const struct wait_group *g, const struct config *c)
{
	size_t painted = groups_line(l, g, c);

	return line_print(l, t, kinds[g->why].paint, painted, INDENT);
}

static enum err
print_more(struct line *l, const struct terminal *t, int64_t n,
    const char *what)
{
	if (n <= 0)
		return ERR_OK;
	line_count(l, n);
	line_add(l, " more %s", what);
	return line_print(l, t, PAINT_FAINT, l->b.len, INDENT);
}

static bool
somebody_waits(const struct waits *v)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->group[i]->why != WAIT_REFUSED)
			return true;
	return v->more > 0;
}

static enum err
print_rest(struct line *l, const struct terminal *t, const struct waits *v,
    size_t shown)
{
	enum err e = print_more(l, t, (int64_t)(v->n - shown), "groups");

	if (e == ERR_OK)
		e = print_more(l, t, v->more, "wait: they were not looked at");
	if (e == ERR_OK)
		e = print_more(l, t, v->more_refused,
		    "refused: they were not looked at");
	if (v->n == 0 && v->more <= 0 && v->more_refused <= 0)
		line_add(l, "nothing waits, and nothing was refused");
	else if (!v->runs && somebody_waits(v))
		line_add(l, "no handler runs: the next event, or "
		    "'imconnectorctl retry', takes up what waits");
	return e == ERR_OK ? line_print(l, t, PAINT_FAINT, l->b.len, INDENT) :
	    e;
}

static enum err
print_all(const struct waits *v, const struct config *c,
    const struct terminal *t, int64_t limit)
{
	size_t shown = limit != 0 && (size_t)limit < v->n ? (size_t)limit :
	    v->n;
	enum err e = ERR_OK;
	struct line l;

	line_begin(&l);
	for (size_t i = 0; e == ERR_OK && i < shown; i++)
		e = print_group(&l, t, v->group[i], c);
	if (e == ERR_OK)
		e = print_rest(&l, t, v, shown);
	line_free(&l);
	return e;
}

enum err
groups_read(struct store *s, struct waits *v, struct problem *p)
{
	enum err e = store_waits(s, v, p);

	if (e == ERR_OK && v->n != 0)
		qsort(v->group, v->n, sizeof(v->group[0]), compare);
	return e;
}

enum err
groups_print(struct store *s, const struct config *c,
    const struct terminal *t, int64_t limit, struct problem *p)
{
	struct waits v;
	enum err e = groups_read(s, &v, p);

	if (e == ERR_OK) {
		e = print_all(&v, c, t, limit);
		if (e != ERR_OK)
			e = problem_set(p, e, -1, NULL, "out of memory");
	}
	waits_free(&v);
	return e;
}
