/*
 * Whether the queue is well, in one line.
 *
 * Called by stats --check.  Owns nothing.  By counts that are kept, so it
 * costs the same with a million messages.
 */
#include "ctl/health.h"

#include "ctl/terminal.h"
#include "ctl/when.h"
#include "store/admin.h"

#include <inttypes.h>
#include <stdio.h>

enum { WELL, WARNING, CRITICAL };

struct finding {
	int level;
	struct line *line;
};

/* One thing more that is not as it should be. */
static void
find(struct finding *f, int level)
{
	line_add(f->line, f->level == WELL ? "" : ", ");
	if (level > f->level)
		f->level = level;
}

static void
find_count(struct finding *f, int level, int64_t n, const char *what)
{
	if (n == 0)
		return;
	find(f, level);
	line_count(f->line, n);
	line_add(f->line, " %s", what);
}

static void
add_span(struct line *l, int64_t ms)
{
	if (l->err == ERR_OK)
		l->err = when_add_span(&l->b, ms);
}

/* Others may be down for a shorter time: the first counts. */
static void
find_down(struct finding *f, const struct stats *st, int64_t alert_ms)
{
	int64_t ms = st->now_ms - st->down_ms;

	if (st->down == 0 || ms <= alert_ms)
		return;
	find_count(f, CRITICAL, st->down, "down, the first for ");
	add_span(f->line, ms);
}

static void
find_old(struct finding *f, const struct stats *st, int64_t alert_ms)
{
	int64_t ms = st->now_ms - st->oldest_ms;

	if (st->oldest_ms == 0 || ms <= alert_ms)
		return;
	find(f, CRITICAL);
	line_add(f->line, "the oldest waits for ");
	add_span(f->line, ms);
}

static void
find_all(struct finding *f, const struct stats *st, int64_t alert_ms)
{
	find_count(f, CRITICAL, st->uncovered, "that no handler takes up");
	find_down(f, st, alert_ms);
	find_old(f, st, alert_ms);
	find_count(f, WARNING, st->parked, "parked for want of a token");
	find_count(f, WARNING, st->state[STATE_REFUSED], "refused");
	if (f->level == WELL)
		line_add(f->line, "nothing was refused, nothing waits for "
		    "long");
}

static void
add_figures(struct line *l, const struct stats *st)
{
	line_add(l, " | waiting=%" PRId64 " refused=%" PRId64 " oldest=%"
	    PRId64 "s", st->state[STATE_RECEIVED] +
	    st->state[STATE_DELIVERED], st->state[STATE_REFUSED],
	    st->oldest_ms == 0 ? 0 : (st->now_ms - st->oldest_ms) / 1000);
}

static int
say(int level, const char *text)
{
	static const char *const names[] = { "OK", "WARNING", "CRITICAL" };

	printf("imconnector %s: %s\n", names[level], text);
	return level;
}

int
health_unknown(const struct problem *p)
{
	return say(CRITICAL, p->text);
}

enum err
health_check(struct store *s, int64_t alert_ms, int *code, struct problem *p)
{
	struct line l;
	struct finding f = { .level = WELL, .line = &l };
	const char *text = NULL;
	struct stats st;
	enum err e = store_stats(s, &st, p);

	if (e != ERR_OK)
		return e;
	line_begin(&l);
	find_all(&f, &st, alert_ms);
	add_figures(&l, &st);
	if (l.err == ERR_OK)
		text = buf_str(&l.b);
	if (text != NULL)
		*code = say(f.level, text);
	else
		e = problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	line_free(&l);
	return e;
}
