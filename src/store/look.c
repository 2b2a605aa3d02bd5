/*
 * The look for what is to be done: due messages, places, dead processes.
 *
 * Called by the relay twice a second, and when something that it knows of is
 * due.  Owns the list of places until the caller frees it.  Each step is
 * bounded; what is left is found by the next look, which then comes at once.
 */
#include "store/place.h"

#include "store/private.h"
#include "store/steps.h"
#include "store/upgrade.h"

#include <string.h>

#define DUE_ROWS 200
#define LOOK_MAX ((size_t)16 * 1024 * 1024)	/* bytes of a look */

/* A message's own wait is over: it is ready at its place. */
static bool
make_ready(struct tx *tx, const struct rows *r)
{
	const struct place at = place_of_row(r);

	return DB_RUN(tx, "UPDATE queue SET turn = " READY " WHERE id = ?1",
	    V_INT(db_int(r, 0))) && place_add(tx, &at, 1);
}

/* Before its time, for a person. */
bool
later_end(struct tx *tx, int64_t id, bool *ended)
{
	bool ok = true;
	struct rows r;

	DB_ROWS(tx, &r, "SELECT " WAITING_COLUMNS " FROM queue WHERE id = ?1"
	    " AND turn = " LATER, V_INT(id));
	*ended = db_next(&r);
	if (*ended)
		ok = make_ready(tx, &r);
	return db_end(&r) && ok;
}

#define DUE_COLUMNS "SELECT " WAITING_COLUMNS \
	" FROM queue WHERE turn = " LATER

static bool
make_all_ready(struct tx *tx, struct rows *r, bool *more)
{
	int64_t n = 0;
	bool ok = true;

	while (ok && db_next(r)) {
		ok = make_ready(tx, r);
		n++;
	}
	*more = *more || n == DUE_ROWS;
	return db_end(r) && ok;
}

/* What is further ahead than any wait is due, too: a clock has jumped. */
static bool
due(const struct store *s, struct tx *tx, int64_t probe_ms, bool *more)
{
	int64_t now = db_time(tx);
	struct rows r;

	DB_ROWS(tx, &r, DUE_COLUMNS " AND next_ms <= ?1 ORDER BY next_ms"
	    " LIMIT ?2", V_INT(now), V_INT(DUE_ROWS));
	if (!make_all_ready(tx, &r, more))
		return false;
	DB_ROWS(tx, &r, DUE_COLUMNS " AND next_ms >= ?1 ORDER BY next_ms DESC"
	    " LIMIT ?2", V_INT(look_too_far_ms(s, tx, probe_ms)),
	    V_INT(DUE_ROWS));
	return make_all_ready(tx, &r, more);
}

static const char *
keep(struct looking *l, const char *s, bool *ok)
{
	const char *copy = s != NULL ? arena_dup(&l->arena, s, strlen(s)) :
	    NULL;

	*ok = *ok && (s == NULL || copy != NULL);
	return copy;
}

static void
forget(struct looking *l)
{
	arena_free(&l->arena);
	l->place = NULL;
	l->n = 0;
}

#define PLACE_COLUMNS "SELECT number, kind, member_id, connector, line, name," \
	" down_ms, owner, reason, ready FROM place WHERE "

struct candidates {
	struct looking *look;
	struct candidate *of;
	size_t n, max;
};

static bool
copy_candidates(struct rows *r, struct candidates *c)
{
	struct looking *l = c->look;
	bool ok = true;

	while (ok && c->n < c->max && db_next(r))
		c->of[c->n++] = (struct candidate){
			.place = {
				.number = db_int(r, 0),
				.kind = (enum place_kind)db_int(r, 1),
				.member_id = keep(l, db_text(r, 2), &ok),
				.connector = keep(l, db_text(r, 3), &ok),
				.line = db_int(r, 4),
				.name = keep(l, db_text(r, 5), &ok),
			},
			.down_ms = db_int(r, 6),
			.owner = db_int(r, 7),
			.reason = keep(l, db_text(r, 8), &ok),
			.ready = db_int(r, 9),
		};
	return db_end(r) && ok;
}

/* Places whose time is within these, of one connector or (NULL) of all. */
static bool
read_between(struct tx *tx, const char *connector, int64_t from, int64_t to,
    struct candidates *c)
{
	struct rows r;

	if (connector == NULL)
		DB_ROWS(tx, &r, PLACE_COLUMNS "look_ms >= ?1 AND look_ms <= ?2"
		    " ORDER BY look_ms LIMIT ?3", V_INT(from), V_INT(to),
		    V_INT(c->max - c->n));
	else
		DB_ROWS(tx, &r, PLACE_COLUMNS "connector = ?4"
		    " AND look_ms >= ?1 AND look_ms <= ?2"
		    " ORDER BY look_ms LIMIT ?3", V_INT(from), V_INT(to),
		    V_INT(c->max - c->n), V_TEXT(connector));
	return copy_candidates(&r, c);
}

/* Places that are due, of the connectors of this process. */
static bool
read_candidates(struct tx *tx, const struct looking *l, struct candidates *c)
{
	const struct store_opts *o = &l->store->opts;
	int64_t far = look_too_far_ms(l->store, tx, l->probe_ms);
	size_t i = 0;
	bool ok;

	do {
		const char *connector = o->connectors != 0 ? o->connector[i] :
		    NULL;

		ok = read_between(tx, connector, 0, db_time(tx), c) &&
		    read_between(tx, connector, far, INT64_MAX, c);
	} while (ok && ++i < o->connectors);
	return ok;
}

static bool
look_at_all(struct looking *l, struct tx *tx, struct candidate *c)
{
	struct candidates all = { l, c, 0, l->max };
	bool ok = read_candidates(tx, l, &all);

	l->more = l->more || all.n == l->max;
	for (size_t i = 0; ok && i < all.n; i++)
		ok = look_at_place(l, tx, &c[i]);
	return ok;
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

/* The first and the last time that a place is looked at, or 0. */
static bool
place_times(struct tx *tx, const char *connector, int64_t *first,
    int64_t *last)
{
	if (connector == NULL)
		return DB_NUMBER(tx, first, "SELECT look_ms FROM place WHERE"
		    " look_ms IS NOT NULL ORDER BY look_ms LIMIT 1",
		    V_NONE) && DB_NUMBER(tx, last, "SELECT look_ms FROM place"
		    " WHERE look_ms IS NOT NULL ORDER BY look_ms DESC"
		    " LIMIT 1", V_NONE);
	return DB_NUMBER(tx, first, "SELECT look_ms FROM place WHERE"
	    " connector = ?1 AND look_ms IS NOT NULL ORDER BY look_ms"
	    " LIMIT 1", V_TEXT(connector)) && DB_NUMBER(tx, last, "SELECT"
	    " look_ms FROM place WHERE connector = ?1 AND look_ms IS NOT NULL"
	    " ORDER BY look_ms DESC LIMIT 1", V_TEXT(connector));
}

/* When something is due for this process: the earliest, or 0.  What is too
 * far ahead is due now. */
static bool
next_due(const struct store *s, struct tx *tx, int64_t probe_ms, int64_t *ms)
{
	int64_t now = db_time(tx), far = look_too_far_ms(s, tx, probe_ms);
	int64_t first = 0, last = 0;
	size_t i = 0;
	bool ok = DB_NUMBER(tx, ms, "SELECT next_ms FROM queue WHERE"
	    " turn = " LATER " ORDER BY next_ms LIMIT 1", V_NONE) &&
	    DB_NUMBER(tx, &last, "SELECT next_ms FROM queue WHERE"
	    " turn = " LATER " ORDER BY next_ms DESC LIMIT 1", V_NONE);

	if (last >= far)
		*ms = now;
	do {
		ok = ok && place_times(tx, s->opts.connectors != 0 ?
		    s->opts.connector[i] : NULL, &first, &last);
		*ms = earlier(*ms, last >= far ? now : first);
	} while (ok && ++i < s->opts.connectors);
	return ok;
}

/* It may run twice, but the second time goes on behind the first. */
static bool
tidy_too(struct looking *l, struct tx *tx)
{
	int64_t gone;

	return !l->tidy || tidy_step(l->store, tx, &gone, &l->tidy);
}

static bool
look(struct tx *tx, struct db_work *w)
{
	struct looking *l = (struct looking *)w;
	struct candidate *c;
	bool ok;

	forget(l);
	l->more = false;
	l->place = arena_alloc(&l->arena, l->max * sizeof(*l->place));
	c = arena_alloc(&l->arena, l->max * sizeof(*c));
	ok = c != NULL && l->place != NULL ? recover_step(l->store, tx,
	    &l->more) && older_step(l->store, tx, &l->older) &&
	    due(l->store, tx, l->probe_ms, &l->more) &&
	    look_at_all(l, tx, c) && next_due(l->store, tx, l->probe_ms,
	    &l->next_ms) && tidy_too(l, tx) :
	    db_no_memory(tx);
	if (!ok)
		forget(l);
	return ok;
}

void
store_look(struct looking *l)
{
	l->db.work = look;
	arena_init(&l->arena, LOOK_MAX);
}

static bool
is_ours(const struct store *s, const char *connector)
{
	for (size_t i = 0; i < s->opts.connectors; i++)
		if (strcmp(s->opts.connector[i], connector) == 0)
			return true;
	return s->opts.connectors == 0;
}

static bool
copy_place(struct looking *l, const struct rows *r)
{
	struct look_place *p = &l->place[l->n];
	bool ok = true;

	if (!is_ours(l->store, db_text(r, 1)))
		return true;
	*p = (struct look_place){ .number = db_int(r, 0),
	    .kind = (enum place_kind)db_int(r, 3),
	    .member_id = keep(l, l->member_id, &ok),
	    .connector = keep(l, db_text(r, 1), &ok), .line = db_int(r, 2) };
	l->n++;
	return ok;
}

static bool
look_portal(struct tx *tx, struct db_work *w)
{
	struct looking *l = (struct looking *)w;
	bool ok = true;
	struct rows r;

	forget(l);
	l->place = arena_alloc(&l->arena, l->max * sizeof(*l->place));
	if (l->place == NULL)
		return db_no_memory(tx);
	DB_ROWS(tx, &r, "SELECT number, connector, line, kind FROM place"
	    " WHERE member_id = ?1 AND ready > 0", V_TEXT(l->member_id));
	while (ok && l->n < l->max && db_next(&r))
		ok = copy_place(l, &r);
	if (db_end(&r) && ok)
		return true;
	forget(l);
	return ok ? false : db_no_memory(tx);
}

void
store_look_portal(struct looking *l, const char *member_id)
{
	l->db.work = look_portal;
	l->db.reads = true;
	l->member_id = member_id;
	arena_init(&l->arena, LOOK_MAX);
}

void
store_look_free(struct looking *l)
{
	forget(l);
}

static bool
peek(struct tx *tx, struct db_work *w)
{
	struct peeking *p = (struct peeking *)w;
	int64_t dead, installs, setups;
	bool older, ok = db_next_dead(tx, &dead) &&
	    older_due(p->store, tx, &older) &&
	    next_due(p->store, tx, p->probe_ms, &p->next_ms) &&
	    DB_NUMBER(tx, &installs, "SELECT 1 FROM install LIMIT 1",
	    V_NONE) && DB_NUMBER(tx, &setups, "SELECT 1 FROM setup"
	    " WHERE state < 2 AND next_ms <= ?1 LIMIT 1", V_INT(db_time(tx)));

	p->due = ok && (dead != 0 || older || (p->next_ms != 0 &&
	    p->next_ms <= db_time(tx)));
	p->installs = ok && installs != 0;
	p->setups = ok && setups != 0;
	return ok;
}

DB_READ(store_peek, peeking, peek)
