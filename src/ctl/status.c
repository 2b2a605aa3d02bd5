/*
 * How things are, on a terminal: what the status page shows.
 *
 * Called by imconnectorctl status.  Owns nothing.
 */
#include "ctl/status.h"

#include "ctl/clean.h"
#include "ctl/groups.h"
#include "ctl/terminal.h"
#include "ctl/when.h"
#include "web/names.h"
#include "web/status_json.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#define INDENT 8

struct print {
	const struct status *s;
	const struct config *config;
	const struct terminal *t;
	struct line line;
	enum err err;
};

static void
end_line(struct print *p, enum paint paint)
{
	enum err e = line_print(&p->line, p->t, paint, p->line.b.len, INDENT);

	if (p->err == ERR_OK)
		p->err = e;
}

static void
title(struct print *p, const char *what)
{
	(void)putchar('\n');
	line_add(&p->line, "%s", what);
	end_line(p, PAINT_FAINT);
}

static void
count(struct print *p, int64_t n, const char *what)
{
	line_add(&p->line, "%s", p->line.b.len != 0 ? ", " : "");
	line_count(&p->line, n);
	line_add(&p->line, " %s", what);
}

static void
state(struct print *p)
{
	const struct stats *st = &p->s->stats;
	const char *text;
	struct buf why;
	bool alert;

	buf_init(&why, OUT_MAX);
	alert = status_alert(&why, st->oldest_ms == 0 ? -1 : st->now_ms -
	    st->oldest_ms, p->config);
	text = alert ? buf_str(&why) : NULL;
	line_add(&p->line, "%s", text != NULL ? text :
	    "nothing waits for long");
	buf_free(&why);
	end_line(p, alert ? PAINT_BAD : PAINT_NONE);
	count(p, st->state[STATE_RECEIVED] + st->state[STATE_DELIVERED],
	    "waiting");
	count(p, st->state[STATE_REFUSED], "refused");
	count(p, st->held, "held");
	count(p, st->parked, "parked");
	count(p, st->state[STATE_ACKNOWLEDGED], "acknowledged and kept");
	count(p, p->s->processes, "processes");
	end_line(p, PAINT_NONE);
}

/* Eight heights, as block characters. */
static void
bars(struct print *p, const char *name, size_t at)
{
	static const char *const heights[] = { " ", "\u2581", "\u2582",
		"\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588" };
	int64_t n[HOUR_MINUTES], most = 0, sum = 0;

	for (int i = 0; i < HOUR_MINUTES; i++) {
		n[i] = *(const int64_t *)((const char *)&p->s->hour[i] + at);
		most = n[i] > most ? n[i] : most;
		sum += n[i];
	}
	line_add(&p->line, "%-7s", name);
	for (int i = 0; i < HOUR_MINUTES; i++)
		line_add(&p->line, "%s", heights[n[i] == 0 ? 0 : 1 + n[i] * 7 /
		    most]);
	line_add(&p->line, " ");
	line_count(&p->line, sum);
	end_line(p, PAINT_NONE);
}

static void
hour(struct print *p)
{
	title(p, "the last hour, by minutes");
	bars(p, "events", offsetof(struct status_minute, came));
	bars(p, "told", offsetof(struct status_minute, n[HOUR_TOLD]));
	bars(p, "failed", offsetof(struct status_minute, n[HOUR_FAILED]));
}

static void
channels(struct print *p)
{
	static const char *const words[] = { [COUNT_TAKEN] = "taken",
		[COUNT_REFUSED] = "refused", [COUNT_FAILED] = "failed" };

	title(p, "hand-overs by connector");
	for (size_t i = 0; i < p->s->counts; i++) {
		const struct status_count *c = &p->s->count[i];

		if (c->what < COUNT_TAKEN || c->what > COUNT_FAILED)
			continue;
		line_clean(&p->line, c->label);
		line_add(&p->line, ": ");
		line_count(&p->line, c->n);
		line_add(&p->line, " %s", words[c->what]);
		end_line(p, PAINT_NONE);
	}
}

static void
portals(struct print *p)
{
	bool any = false;
	struct url url;

	for (size_t i = 0; i < p->s->portals; i++) {
		const struct status_portal *m = &p->s->portal[i];
		const char *host = name_of_portal(m->endpoint, &url);

		if (!m->down && m->why[0] == '\0')
			continue;
		if (!any)
			title(p, "portals that are down, or without a token");
		any = true;
		line_clean(&p->line, host[0] != '\0' ? host : m->member_id);
		line_add(&p->line, ": ");
		line_clean(&p->line, m->why);
		end_line(p, PAINT_NONE);
	}
}

static void
troubles(struct print *p)
{
	struct url url;

	if (p->s->troubles != 0)
		title(p, "last errors");
	for (size_t i = 0; i < p->s->troubles; i++) {
		const struct status_trouble *t = &p->s->trouble[i];
		const char *host = name_of_portal(t->endpoint, &url);

		line_when(&p->line, t->at_ms);
		line_add(&p->line, " %s ", t->step);
		line_clean(&p->line, host[0] != '\0' ? host : t->where);
		line_add(&p->line, ": ");
		line_clean(&p->line, t->reason);
		line_add(&p->line, ", %" PRId64 " times", t->n);
		end_line(p, PAINT_NONE);
	}
}

static enum err
print_text(struct store *store, const struct status *s,
    const struct config *c, struct problem *problem)
{
	const struct terminal t = terminal_look();
	struct print p = { .s = s, .config = c, .t = &t };
	enum err e;

	line_begin(&p.line);
	state(&p);
	title(&p, "what waits, and why");
	e = groups_print(store, c, &t, 0, problem);
	hour(&p);
	channels(&p);
	portals(&p);
	troubles(&p);
	line_free(&p.line);
	if (e == ERR_OK && p.err != ERR_OK)
		e = problem_set(problem, p.err, -1, NULL, "out of memory");
	return e;
}

static enum err
print_json(const struct status *s, const struct config *c,
    struct problem *problem)
{
	const char *text;
	struct buf o;
	enum err e = ERR_OK;

	buf_init(&o, OUT_MAX);
	status_json(&o, s, c);
	text = buf_str(&o);
	if (text != NULL)
		clean_json(text);
	else
		e = problem_set(problem, ERR_NOMEM, -1, NULL,
		    "out of memory");
	(void)putchar('\n');
	buf_free(&o);
	return e;
}

enum err
status_print(struct store *store, const struct config *c, bool json,
    struct problem *p)
{
	struct status s;
	enum err e;

	status_init(&s, store);
	e = status_now(&s, p);
	if (e == ERR_OK)
		e = json ? print_json(&s, c, p) : print_text(store, &s, c, p);
	status_free(&s);
	return e;
}
