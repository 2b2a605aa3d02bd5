/*
 * Counts of this process, on their way to those of all.
 *
 * Made by setup.c, called by whatever counts.  Owns what it counts.  The loop
 * counts; while a flush is under way the committer reads what was set aside
 * for it (`sent`) and nothing else.  A flush that failed is sent again, with
 * its number, so that one that was written after all is not counted twice.
 */
#include "store/counts.h"

#include "base/number.h"
#include "base/of.h"
#include "base/table.h"
#include "store/private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FLUSH_MS 1000
#define LABEL_MAX 128		/* bytes; longer ones are others */
#define ITEMS_MAX 2000		/* in memory; then what rests is dropped */
#define FRESH 16		/* troubles between two flushes */
#define DAY_S 86400

const int64_t timed_step_ms[TIMED_STEPS] = { 1, 2, 5, 10, 25, 50, 100, 250,
	500, 1000, 2500, 5000, 10000, 30000, 60000 };

const char *const count_names[COUNT__MAX] = { "answers", "taken", "refused",
	"failed", "told", "calls", "errors", "refreshes" };
const char *const timed_names[TIMED__MAX] = { "hand-over", "call" };

struct item {
	struct table_node node;
	struct item *next;
	enum count what;
	int64_t n, sent;
	char label[];
};

struct times {
	int64_t step[TIMED_STEPS + 1], ms;
};

struct trouble {
	const char *step;
	char where[LABEL_MAX], reason[PROBLEM_TEXT_MAX];
	int64_t n;
};

struct counts {
	struct db_work work;
	struct counts_opts opts;
	struct timer timer;
	bool armed, busy;
	bool aside;		/* something is set aside for a flush */
	char me[20];		/* tells our flushes from others' */
	int64_t flush;		/* the number of the next, or of this one */
	struct table table;
	struct item *items;
	int64_t events[HOUR_EVENTS];
	struct times times[TIMED__MAX];
	struct trouble trouble[FRESH];
	size_t troubles;
	/* what the committer writes */
	struct item *sent_items;
	int64_t sent_events[HOUR_EVENTS];
	struct times sent_times[TIMED__MAX];
	struct trouble sent_trouble[FRESH];
	size_t sent_troubles;
};

/* ---- in the committer */

/* Room for one more label of a kind, or none: those that were not in use for
 * an hour go first, and what was not for a week goes in any case. */
static bool
make_room(struct tx *tx, const char *name, bool *room)
{
	static const char count[] = "SELECT count(*) FROM counted"
	    " WHERE name = ?1 AND label <> '" COUNTS_OTHER "'";
	static const char drop[] = "DELETE FROM counted WHERE name = ?1"
	    " AND at < ?2";
	int64_t now = db_time(tx) / 1000, n = 0;
	bool ok = DB_RUN(tx, drop, V_TEXT(name), V_INT(now - 7 * DAY_S)) &&
	    DB_NUMBER(tx, &n, count, V_TEXT(name));

	if (ok && n >= COUNTS_LABELS)
		ok = DB_RUN(tx, drop, V_TEXT(name), V_INT(now - 3600)) &&
		    DB_NUMBER(tx, &n, count, V_TEXT(name));
	*room = n < COUNTS_LABELS;
	return ok;
}

static bool
add(struct tx *tx, const char *name, const char *label, int64_t n)
{
	int64_t now = db_time(tx) / 1000;
	bool room = true;

	if (n == 0)
		return true;
	if (!DB_RUN(tx, "UPDATE counted SET n = n + ?3, at = ?4"
	    " WHERE name = ?1 AND label = ?2", V_TEXT(name), V_TEXT(label),
	    V_INT(n), V_INT(now)))
		return false;
	if (db_changed(tx) != 0)
		return true;
	return make_room(tx, name, &room) &&
	    DB_RUN(tx, "INSERT INTO counted(name, label, n, at)"
	    " VALUES(?1, ?2, ?3, ?4) ON CONFLICT(name, label)"
	    " DO UPDATE SET n = n + ?3, at = ?4", V_TEXT(name),
	    V_TEXT(room ? label : COUNTS_OTHER), V_INT(n), V_INT(now));
}

static bool
add_times(struct tx *tx, const char *name, const struct times *t)
{
	bool ok = add(tx, name, TIMED_SUM, t->ms);
	char label[NUMBER_TEXT_MAX];

	for (int i = 0; ok && i <= TIMED_STEPS; i++) {
		(void)number_text(label, i);
		ok = add(tx, name, label, t->step[i]);
	}
	return ok;
}

/* A minute's row is that of the same minute an hour ago, if not of its own. */
static bool
add_hour(struct tx *tx, const struct counts *c)
{
	int64_t n[COUNT__MAX] = { 0 }, hour[HOUR__MAX];
	int64_t at = db_time(tx) / 1000;
	bool ok = true;

	for (const struct item *i = c->sent_items; i != NULL; i = i->next)
		n[i->what] += i->sent;
	memcpy(hour, c->sent_events, sizeof(c->sent_events));
	hour[HOUR_TAKEN] = n[COUNT_TAKEN];
	hour[HOUR_TOLD] = n[COUNT_TOLD];
	hour[HOUR_FAILED] = n[COUNT_REFUSED] + n[COUNT_FAILED] +
	    n[COUNT_ERRORS];
	for (int i = 0; ok && i < HOUR__MAX; i++)
		ok = hour[i] == 0 || DB_RUN(tx, "INSERT INTO"
		    " hour(slot, kind, at, n) VALUES(?1, ?2, ?3, ?4)"
		    " ON CONFLICT(slot, kind) DO UPDATE SET at = ?3,"
		    " n = ?4 + CASE at / 60 WHEN ?3 / 60 THEN n ELSE 0 END",
		    V_INT(at / 60 % HOUR_MINUTES), V_INT(i), V_INT(at),
		    V_INT(hour[i]));
	return ok;
}

static bool
add_troubles(struct tx *tx, const struct counts *c)
{
	bool ok = true;

	for (size_t i = 0; ok && i < c->sent_troubles; i++) {
		const struct trouble *t = &c->sent_trouble[i];

		ok = DB_RUN(tx, "INSERT INTO trouble(step, place, reason, n,"
		    " at_ms) VALUES(?1, ?2, ?3, ?4, ?5)"
		    " ON CONFLICT(step, place, reason)"
		    " DO UPDATE SET n = n + ?4, at_ms = ?5", V_TEXT(t->step),
		    V_TEXT(t->where), V_TEXT(t->reason), V_INT(t->n),
		    V_INT(db_time(tx)));
	}
	return ok && (c->sent_troubles == 0 || DB_RUN(tx,
	    "DELETE FROM trouble WHERE at_ms < ?1 OR at_ms < (SELECT at_ms"
	    " FROM trouble ORDER BY at_ms DESC LIMIT 1 OFFSET ?2)",
	    V_INT(db_time(tx) - (int64_t)7 * DAY_S * 1000),
	    V_INT(TROUBLES - 1)));
}

/* *done: this flush has been written already. */
static bool
begin_flush(struct tx *tx, const struct counts *c, bool *done)
{
	int64_t n = 0, now = db_time(tx) / 1000;

	*done = false;
	if (c->opts.one_shot)	/* never tries again */
		return true;
	if (!DB_NUMBER(tx, &n, "SELECT n FROM counted WHERE name = 'flush'"
	    " AND label = ?1", V_TEXT(c->me)))
		return false;
	*done = n == c->flush;
	if (n == 0 && !DB_RUN(tx, "DELETE FROM counted WHERE name = 'flush'"
	    " AND at < ?1", V_INT(now - DAY_S)))
		return false;
	return *done || DB_RUN(tx, "INSERT INTO counted(name, label, n, at)"
	    " VALUES('flush', ?1, ?2, ?3) ON CONFLICT(name, label)"
	    " DO UPDATE SET n = ?2, at = ?3", V_TEXT(c->me),
	    V_INT(c->flush), V_INT(now));
}

static bool
flush(struct tx *tx, struct db_work *w)
{
	const struct counts *c = (const struct counts *)w;
	bool done, ok = begin_flush(tx, c, &done);

	if (!ok || done)
		return ok;
	for (const struct item *i = c->sent_items; ok && i != NULL;
	    i = i->next)
		ok = add(tx, count_names[i->what], i->label, i->sent);
	for (int i = 0; ok && i < TIMED__MAX; i++)
		ok = add_times(tx, timed_names[i], &c->sent_times[i]);
	return ok && add_hour(tx, c) && add_troubles(tx, c);
}

/* ---- in the loop */

static void
arm(struct counts *c)
{
	if (c->armed || c->busy || c->opts.one_shot)
		return;
	c->armed = true;
	loop_arm(c->opts.loop, &c->timer, loop_now(c->opts.loop) + FLUSH_MS);
}

static void
submit(struct counts *c)
{
	c->busy = true;
	c->work = (struct db_work){ .work = flush, .done = c->work.done,
	    .lazy = true };
	db_submit(store_db(c->opts.store), &c->work);
}

/* Makes room where too many labels were seen: what rests is forgotten. */
static void
drop_idle(struct counts *c)
{
	struct item **at = &c->items, *i;

	if (c->table.n < ITEMS_MAX)
		return;
	while ((i = *at) != NULL) {
		if (i->n != 0) {
			at = &i->next;
			continue;
		}
		*at = i->next;
		table_remove(&c->table, &i->node);
		free(i);
	}
}

static bool
is_something(const struct counts *c)
{
	static const struct times none[TIMED__MAX];

	for (const struct item *i = c->items; i != NULL; i = i->next)
		if (i->n != 0)
			return true;
	return c->troubles != 0 || memcmp(c->times, none, sizeof(none)) != 0;
}

static void
on_flushed(struct db_work *w)
{
	struct counts *c = (struct counts *)w;

	c->busy = false;
	if (w->end != ERR_OK && !c->opts.one_shot) {
		log_warning(c->opts.log, "counts-waiting", F_STR("reason",
		    w->problem.text));
		arm(c);
		return;
	}
	for (struct item *i = c->sent_items; i != NULL; i = i->next)
		i->sent = 0;
	c->aside = false;
	c->flush++;
	drop_idle(c);
	if (is_something(c))
		arm(c);
}

static void
set_aside(struct counts *c)
{
	c->aside = true;
	c->sent_items = c->items;
	for (struct item *i = c->items; i != NULL; i = i->next) {
		i->sent = i->n;
		i->n = 0;
	}
	memcpy(c->sent_events, c->events, sizeof(c->events));
	memset(c->events, 0, sizeof(c->events));
	memcpy(c->sent_times, c->times, sizeof(c->times));
	memset(c->times, 0, sizeof(c->times));
	memcpy(c->sent_trouble, c->trouble, sizeof(c->trouble));
	c->sent_troubles = c->troubles;
	c->troubles = 0;
}

void
counts_flush(struct counts *c)
{
	if (c == NULL || c->busy)
		return;
	c->armed = false;
	loop_disarm(c->opts.loop, &c->timer);
	if (!c->aside && !is_something(c))
		return;
	if (!c->aside)
		set_aside(c);
	submit(c);
}

static void
on_timer(struct timer *t)
{
	counts_flush(OF(t, struct counts, timer));
}

static struct item *
find(struct counts *c, enum count what, const char *label)
{
	int64_t number = table_number(label) + (int64_t)what;
	struct table_node *t = NULL;
	struct item *i;
	size_t n;

	while ((t = table_find(&c->table, number, t)) != NULL) {
		i = (struct item *)t;
		if (i->what == what && strcmp(i->label, label) == 0)
			return i;
	}
	n = strlen(label) + 1;
	i = c->table.n < 2 * (size_t)ITEMS_MAX ? calloc(1, sizeof(*i) + n) :
	    NULL;
	if (i == NULL || table_add(&c->table, &i->node, number) != ERR_OK) {
		free(i);
		return NULL;
	}
	i->what = what;
	memcpy(i->label, label, n);
	i->next = c->items;
	c->items = i;
	return i;
}

void
counts_add(struct counts *c, enum count what, const char *label, int64_t n)
{
	struct item *i;

	if (c == NULL)
		return;
	i = find(c, what, label[0] != '\0' && strlen(label) < LABEL_MAX ?
	    label : COUNTS_OTHER);
	if (i == NULL)
		return;
	i->n += n;
	arm(c);
}

void
counts_answer(struct counts *c, enum hour as, const char *label)
{
	counts_add(c, COUNT_ANSWERS, label, 1);
	if (c != NULL && as < HOUR_EVENTS)
		c->events[as]++;
}

void
counts_time(struct counts *c, enum timed what, int64_t ms)
{
	int i = 0;

	if (c == NULL)
		return;
	while (i < TIMED_STEPS && ms > timed_step_ms[i])
		i++;
	c->times[what].step[i]++;
	c->times[what].ms += ms > 0 ? ms : 0;
	arm(c);
}

void
counts_trouble(struct counts *c, const char *step, const char *where,
    const char *reason)
{
	struct trouble *t;
	size_t i = 0;

	if (c == NULL)
		return;
	while (i < c->troubles && (strcmp(c->trouble[i].step, step) != 0 ||
	    strcmp(c->trouble[i].where, where) != 0 ||
	    strcmp(c->trouble[i].reason, reason) != 0))
		i++;
	if (i == FRESH || strlen(where) >= LABEL_MAX)
		return;
	t = &c->trouble[i];
	if (i == c->troubles) {
		t->step = step;
		t->n = 0;
		(void)snprintf(t->where, sizeof(t->where), "%s", where);
		(void)snprintf(t->reason, sizeof(t->reason), "%s", reason);
		c->troubles++;
	}
	t->n++;
	arm(c);
}

enum err
counts_new(struct counts **out, const struct counts_opts *o)
{
	struct counts *c = calloc(1, sizeof(*c));
	uint64_t random = 0;

	*out = c;
	if (c == NULL)
		return ERR_NOMEM;
	c->opts = *o;
	c->work.done = on_flushed;
	c->timer.fire = on_timer;
	c->flush = 1;
	(void)!getrandom(&random, sizeof(random), 0);
	(void)snprintf(c->me, sizeof(c->me), "%016" PRIx64, random);
	return ERR_OK;
}

void
counts_free(struct counts *c)
{
	struct item *i;

	if (c == NULL)
		return;
	while ((i = c->items) != NULL) {
		c->items = i->next;
		free(i);
	}
	table_free(&c->table);
	free(c);
}
