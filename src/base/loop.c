/*
 * The loop's turn, and what it runs: tasks, hooks, the dead.
 *
 * Used by everything that moves; see the header for the order of a turn.
 * Owns its descriptors and what was buried; tasks, timers, watches, hooks
 * and letters are their owners', who take them out before they free them.
 * Nothing here fails once there is a loop.
 */
#include "base/loop_inside.h"

#include <limits.h>
#include <stdlib.h>

/* How soon a clock that a test moves is looked at again. */
#define OTHER_CLOCK_MS 2
#define GRAVE_MIN 64

enum err
loop_new(struct loop **out, const struct clock *clock, const struct log *log)
{
	struct loop *l = calloc(1, sizeof(*l));

	*out = NULL;
	if (l == NULL)
		return ERR_NOMEM;
	l->clock = clock;
	l->log = log;
	l->now_ms = clock->mono_ms(clock->ctx);
	l->poller.fd = l->mail.bell.fd = -1;
	TAILQ_INIT(&l->ready);
	TAILQ_INIT(&l->hooks);
	if (!poller_init(l)) {
		free(l);
		return ERR_RETRY;
	}
	if (!mail_init(l)) {
		loop_free(l);
		return ERR_RETRY;
	}
	*out = l;
	return ERR_OK;
}

static void
free_dead(struct grave *g)
{
	while (g->n != 0)
		free(g->p[--g->n]);
}

void
loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	mail_end(l);
	poller_end(l);
	free_dead(&l->grave);
	free(l->grave.p);
	free(l);
}

int64_t
loop_now(const struct loop *l)
{
	return l->now_ms;
}

void
loop_ready(struct loop *l, struct task *t)
{
	if (t->listed)
		return;
	t->listed = true;
	TAILQ_INSERT_TAIL(&l->ready, t, link);
}

void
loop_unready(struct loop *l, struct task *t)
{
	if (!t->listed)
		return;
	t->listed = false;
	TAILQ_REMOVE(&l->ready, t, link);
}

void
loop_arm(struct loop *l, struct timer *t, int64_t at_ms)
{
	timers_arm(&l->timers, t, at_ms);
}

void
loop_disarm(struct loop *l, struct timer *t)
{
	timers_disarm(&l->timers, t);
}

void
loop_add_hook(struct loop *l, struct hook *h)
{
	TAILQ_INSERT_TAIL(&l->hooks, h, link);
}

void
loop_remove_hook(struct loop *l, struct hook *h)
{
	if (l->next_hook == h)
		l->next_hook = TAILQ_NEXT(h, link);
	TAILQ_REMOVE(&l->hooks, h, link);
}

static bool
grave_has_room(struct grave *g)
{
	size_t cap = g->cap != 0 ? g->cap * 2 : GRAVE_MIN;
	void **p;

	if (g->n < g->cap)
		return true;
	p = reallocarray(g->p, cap, sizeof(*p));
	if (p == NULL)
		return false;
	g->p = p;
	g->cap = cap;
	return true;
}

void
loop_bury(struct loop *l, void *dead)
{
	if (dead == NULL)
		return;
	if (grave_has_room(&l->grave))
		l->grave.p[l->grave.n++] = dead;
	else
		log_error(l->log, "not-freed", F_STR("reason",
		    "no memory to note down what is to be freed"));
}

/* -1: for as long as nothing happens. */
static int
sleep_ms(const struct loop *l, int64_t max_ms)
{
	int64_t at_ms, ms = max_ms;

	if (!TAILQ_EMPTY(&l->ready) || l->stopping)
		return 0;
	if (timers_next(&l->timers, &at_ms)) {
		int64_t left = at_ms - l->clock->mono_ms(l->clock->ctx);

		if (ms < 0 || left < ms)
			ms = left > 0 ? left : 0;
	}
	if (l->clock->mono_ms != clock_system.mono_ms &&
	    (ms < 0 || ms > OTHER_CLOCK_MS))
		ms = OTHER_CLOCK_MS;
	if (ms < 0)
		return -1;
	return ms < INT_MAX ? (int)ms : INT_MAX;
}

static void
fire_timers(struct loop *l)
{
	struct timer *t;

	timers_expire(&l->timers, l->now_ms);
	while ((t = timers_take(&l->timers)) != NULL)
		t->fire(t);
}

/* A mark at the end of the list holds back what is added meanwhile. */
static void
run_tasks(struct loop *l)
{
	struct task mark = { .name = "" };
	struct task *t;

	TAILQ_INSERT_TAIL(&l->ready, &mark, link);
	while ((t = TAILQ_FIRST(&l->ready)) != &mark) {
		const char *name = t->name;

		loop_unready(l, t);
		t->run(t);		/* may be its end */
		time_lap(l, name);
	}
	TAILQ_REMOVE(&l->ready, &mark, link);
}

/* As above; who runs may remove any hook, itself too. */
static void
run_hooks(struct loop *l)
{
	struct hook mark = { .run = NULL };
	struct hook *h;

	TAILQ_INSERT_TAIL(&l->hooks, &mark, link);
	for (h = TAILQ_FIRST(&l->hooks); h != &mark; h = l->next_hook) {
		l->next_hook = TAILQ_NEXT(h, link);
		h->run(h);
	}
	l->next_hook = NULL;
	TAILQ_REMOVE(&l->hooks, &mark, link);
}

static bool
is_inside(struct loop *l, const char *what)
{
	if (l->turning)
		log_error(l->log, "loop-entered-twice", F_STR("by", what));
	return l->turning;
}

/*
 * Facts first: what happened to descriptors, what threads brought, what is
 * due.  Then tasks, each once for all the facts that it has.  Then hooks,
 * which pass on what tasks gathered (a batch to the committer).  The dead
 * come last, when nothing runs that could look at them.
 */
void
loop_turn(struct loop *l, int64_t max_ms)
{
	if (is_inside(l, "turn"))
		return;
	l->turning = true;
	log_turn_begins(l->log);
	poller_sleep(l, sleep_ms(l, max_ms));
	time_begin(l);
	poller_report(l);
	time_lap(l, "descriptors");
	mail_open(l);
	time_lap(l, "letters");
	fire_timers(l);
	time_lap(l, "timers");
	run_tasks(l);
	run_hooks(l);
	time_lap(l, "hooks");
	free_dead(&l->grave);
	time_lap(l, "the dead");
	time_end(l);
	log_turn_ends(l->log);
	l->turning = false;
}

void
loop_run(struct loop *l)
{
	if (is_inside(l, "run"))
		return;
	while (!l->stopping)
		loop_turn(l, -1);
	l->stopping = false;
}

void
loop_stop(struct loop *l)
{
	l->stopping = true;
}
