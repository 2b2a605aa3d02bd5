/*
 * How things are, read in one transaction.
 *
 * Called by the pages of web/ and the operator's tool.  A status owns its
 * texts.  Nothing here counts rows of the queue.
 */
#include "store/status.h"

#include "base/number.h"
#include "store/private.h"
#include "store/upgrade.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_MAX ((size_t)4 * 1024 * 1024)

/* Room for one more of an array. */
static void *
one_more(void *list, size_t n, size_t *room, size_t size)
{
	size_t more = *room != 0 ? 2 * *room : 64;
	void *grown;

	if (n < *room)
		return list;
	grown = realloc(list, more * size);
	if (grown != NULL)
		*room = more;
	return grown;
}

/* NULL: no memory. */
static const char *
text(struct status *s, const struct rows *r, int column)
{
	const char *t = db_text(r, column);

	return t == NULL ? "" : arena_dup(&s->arena, t, strlen(t));
}

static void
note_time(struct status *s, const char *name, const char *label, int64_t n)
{
	int64_t step;

	for (int i = 0; i < TIMED__MAX; i++) {
		if (strcmp(name, timed_names[i]) != 0)
			continue;
		if (strcmp(label, TIMED_SUM) == 0)
			s->sum_ms[i] = n;
		else if (number_read(label, &step) && step >= 0 &&
		    step <= TIMED_STEPS)
			s->step[i][step] = n;
	}
}

static bool
note_count(struct status *s, const struct rows *r, enum count what)
{
	void *grown = one_more(s->count, s->counts, &s->count_room,
	    sizeof(s->count[0]));
	struct status_count *c;

	if (grown == NULL)
		return false;
	s->count = grown;
	c = &s->count[s->counts++];
	*c = (struct status_count){ what, text(s, r, 1), text(s, r, 3),
	    db_int(r, 2) };
	return c->label != NULL && c->endpoint != NULL;
}

static bool
read_counts(struct status *s, struct tx *tx)
{
	bool memory = true;
	struct rows r;

	DB_ROWS(tx, &r, "SELECT c.name, c.label, c.n, o.endpoint"
	    " FROM counted c LEFT JOIN portal o ON o.member_id = c.label"
	    " AND c.name IN ('told', 'calls', 'errors')"
	    " WHERE c.name <> 'flush' ORDER BY c.name, c.label", V_NONE);
	while (memory && db_next(&r)) {
		const char *name = db_text(&r, 0), *label = db_text(&r, 1);
		int what = 0;

		if (name == NULL || label == NULL)
			continue;
		note_time(s, name, label, db_int(&r, 2));
		while (what < COUNT__MAX &&
		    strcmp(name, count_names[what]) != 0)
			what++;
		memory = what == COUNT__MAX ||
		    note_count(s, &r, (enum count)what);
	}
	return db_end(&r) && (memory || db_no_memory(tx));
}

static bool
note_portal(struct status *s, struct tx *tx, const struct rows *r)
{
	void *grown = one_more(s->portal, s->portals, &s->portal_room,
	    sizeof(s->portal[0]));
	struct status_portal *p;

	if (grown == NULL)
		return false;
	s->portal = grown;
	p = &s->portal[s->portals++];
	*p = (struct status_portal){ .member_id = text(s, r, 0),
	    .endpoint = text(s, r, 1), .down = db_int(r, 4) != 0,
	    .why = text(s, r, 5), .level = room_level(s->store,
	    db_int(r, 2), db_int(r, 3), db_time(tx)) };
	return p->member_id != NULL && p->endpoint != NULL && p->why != NULL;
}

static bool
read_portals(struct status *s, struct tx *tx)
{
	bool memory = true;
	struct rows r;

	DB_ROWS(tx, &r, "SELECT c.label, o.endpoint, m.level, m.level_ms,"
	    " m.down_ms, coalesce(m.parked, CASE WHEN m.down_ms <> 0"
	    " THEN m.reason END) FROM counted c"
	    " LEFT JOIN room m ON m.member_id = c.label"
	    " LEFT JOIN portal o ON o.member_id = c.label"
	    " WHERE c.name = 'calls' ORDER BY c.n DESC", V_NONE);
	while (memory && db_next(&r))
		memory = note_portal(s, tx, &r);
	return db_end(&r) && (memory || db_no_memory(tx));
}

static bool
read_troubles(struct status *s, struct tx *tx)
{
	bool memory = true;
	struct rows r;

	DB_ROWS(tx, &r, "SELECT t.step, t.place, t.reason, o.endpoint, t.n,"
	    " t.at_ms FROM trouble t LEFT JOIN portal o"
	    " ON o.member_id = t.place ORDER BY t.at_ms DESC LIMIT ?1",
	    V_INT(STATUS_TROUBLES));
	while (memory && db_next(&r)) {
		struct status_trouble *t = &s->trouble[s->troubles++];

		*t = (struct status_trouble){ text(s, &r, 0), text(s, &r, 1),
		    text(s, &r, 3), text(s, &r, 2), db_int(&r, 4),
		    db_int(&r, 5) };
		memory = t->step != NULL && t->where != NULL &&
		    t->endpoint != NULL && t->reason != NULL;
	}
	return db_end(&r) && (memory || db_no_memory(tx));
}

static bool
read_hour(struct status *s, struct tx *tx)
{
	struct rows r;

	s->minute = db_time(tx) / 60000;
	DB_ROWS(tx, &r, "SELECT at / 60, kind, n FROM hour", V_NONE);
	while (db_next(&r)) {
		int64_t ago = s->minute - db_int(&r, 0), kind = db_int(&r, 1);
		struct status_minute *m;

		if (ago < 0 || ago >= HOUR_MINUTES || kind < 0 ||
		    kind >= HOUR__MAX)
			continue;
		m = &s->hour[HOUR_MINUTES - 1 - ago];
		m->n[kind] = db_int(&r, 2);
		m->came += kind < HOUR_EVENTS ? m->n[kind] : 0;
	}
	return db_end(&r);
}

static bool
count_process(void *ctx, int64_t number, const char *about)
{
	(void)number;
	(void)about;
	++*(int64_t *)ctx;
	return true;
}

static void
forget(struct status *s)
{
	struct db_work db = s->db;
	struct store *store = s->store;
	bool counts_only = s->counts_only;

	waits_free(&s->waits);
	arena_free(&s->arena);
	free(s->count);
	free(s->portal);
	*s = (struct status){ .db = db, .store = store,
	    .counts_only = counts_only };
	arena_init(&s->arena, ARENA_MAX);
}

static bool
work(struct tx *tx, struct db_work *w)
{
	struct status *s = (struct status *)w;

	forget(s);		/* it may run more than once */
	return stats_read(tx, &s->stats) &&
	    db_each_process(tx, count_process, &s->processes) &&
	    read_counts(s, tx) && read_portals(s, tx) && (s->counts_only ||
	    (waits_read(tx, &s->waits) && read_troubles(s, tx) &&
	    read_hour(s, tx)));
}

void
status_init(struct status *s, struct store *store)
{
	*s = (struct status){ .store = store,
	    .db = { .work = work, .reads = true } };
	arena_init(&s->arena, ARENA_MAX);
}

void
status_free(struct status *s)
{
	forget(s);
}

enum err
status_now(struct status *s, struct problem *p)
{
	enum err e = older_take_over(s->store, p);

	return e == ERR_OK ? store_now(s->store, &s->db, p) : e;
}

static bool
health(struct tx *tx, struct db_work *w)
{
	struct health *h = (struct health *)w;
	int64_t came_ms;

	if (!DB_RUN(tx, "INSERT INTO counted(name, label, n, at)"
	    " VALUES('health', '', 1, ?1) ON CONFLICT(name, label)"
	    " DO UPDATE SET n = n + 1, at = ?1", V_INT(db_time(tx) / 1000)) ||
	    !oldest_read(tx, &came_ms))
		return false;
	h->oldest_ms = came_ms != 0 ? db_time(tx) - came_ms : -1;
	return true;
}

void
store_health(struct health *h)
{
	h->db.work = health;
}
