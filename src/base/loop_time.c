/*
 * The watch on the loop: how long its turns take, and what took it.
 *
 * Called by loop.c.  Everything waits for the loop, so a step that blocks it
 * is told by name; at a limited rate, because a disk or a machine that is in
 * trouble makes many turns slow.
 */
#include "base/loop_inside.h"

#define SLOW_MS 100
#define QUIET_MS 10000

static int64_t
now(const struct loop *l)
{
	return l->clock->mono_ms(l->clock->ctx);
}

void
time_begin(struct loop *l)
{
	struct stopwatch *w = &l->watch;

	l->now_ms = now(l);
	w->begun_ms = w->lap_ms = l->now_ms;
	w->worst_ms = -1;
}

void
time_lap(struct loop *l, const char *name)
{
	struct stopwatch *w = &l->watch;
	int64_t ms = now(l);

	if (ms - w->lap_ms > w->worst_ms) {
		w->worst_ms = ms - w->lap_ms;
		w->worst = name;
	}
	w->lap_ms = ms;
}

static void
tell(struct loop *l, int64_t took_ms)
{
	struct stopwatch *w = &l->watch;

	if (w->lap_ms < w->quiet_until_ms) {
		w->untold++;
		return;
	}
	log_warning(l->log, "slow-turn", F_INT("ms", took_ms),
	    F_STR("slowest", w->worst), F_INT("slowest_ms", w->worst_ms),
	    F_INT("untold", w->untold));
	w->untold = 0;
	w->quiet_until_ms = w->lap_ms + QUIET_MS;
}

/* The last lap's end is the turn's. */
void
time_end(struct loop *l)
{
	struct stopwatch *w = &l->watch;
	int64_t took_ms = w->lap_ms - w->begun_ms;

	if (took_ms > SLOW_MS)
		tell(l, took_ms);
}
