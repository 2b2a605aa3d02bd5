/*
 * Rows that nobody uses any more go by themselves.
 *
 * Called by a look now and then, and by the operator's pass.  Owns nothing.
 * A row of `room` only spares the next call to a portal something: without
 * messages that wait it may go an hour after it was last of use.  A row of
 * `place` where nothing waits is removed by whoever serves it; here go those
 * that nobody serves.  Dead processes are the look's (recover.c).
 */
#include "store/private.h"
#include "store/steps.h"

#include "store/admin.h"

#include <stdio.h>
#include <string.h>

#define STEP_ROWS 100
#define UNUSED_MS 3600000
#define AHEAD_MS ((int64_t)2 * 86400000)	/* no stamp is further ahead */

struct gone {
	char member_id[STEP_ROWS][256];
	size_t n;
};

static bool
find_rooms(struct store *s, struct tx *tx, struct gone *g, bool *more)
{
	int64_t now = db_time(tx), looked = 0;
	struct rows r;

	g->n = 0;
	DB_ROWS(tx, &r, "SELECT member_id, CASE WHEN owner <> 0 THEN 0"
	    " WHEN max(level_ms, reset_ms, wanted_ms, probe_ms)"
	    " BETWEEN ?2 AND ?3 THEN 0"
	    " WHEN EXISTS (SELECT 1 FROM place p"
	    " WHERE p.member_id = room.member_id) THEN 0"
	    " WHEN EXISTS (SELECT 1 FROM slot"
	    " WHERE slot.member_id = room.member_id) THEN 0 ELSE 1 END"
	    " FROM room WHERE member_id > ?1 ORDER BY member_id LIMIT ?4",
	    V_TEXT(s->tidy_at), V_INT(now - UNUSED_MS), V_INT(now + AHEAD_MS),
	    V_INT(STEP_ROWS));
	while (db_next(&r)) {
		const char *member_id = db_text(&r, 0);

		(void)snprintf(s->tidy_at, sizeof(s->tidy_at), "%s",
		    member_id != NULL ? member_id : "");
		if (db_int(&r, 1) != 0)
			memcpy(g->member_id[g->n++], s->tidy_at,
			    sizeof(s->tidy_at));
		looked++;
	}
	*more = looked == STEP_ROWS;
	return db_end(&r);
}

static bool
drop_rooms(struct tx *tx, const struct gone *g)
{
	bool ok = true;

	for (size_t i = 0; ok && i < g->n; i++)
		ok = DB_RUN(tx, "DELETE FROM room WHERE member_id = ?1",
		    V_TEXT(g->member_id[i]));
	return ok;
}

/* Whoever serves a place looks at it long before. */
static bool
drop_places(struct tx *tx, int64_t *n)
{
	bool ok = DB_RUN(tx, "DELETE FROM place WHERE number IN (SELECT"
	    " number FROM place WHERE look_ms < ?1 AND ready <= 0"
	    " AND owner = 0 LIMIT ?2)", V_INT(db_time(tx) - UNUSED_MS),
	    V_INT(STEP_ROWS));

	*n = ok ? db_changed(tx) : 0;
	return ok;
}

bool
tidy_step(struct store *s, struct tx *tx, int64_t *gone, bool *more)
{
	struct gone g;
	int64_t places;

	if (!find_rooms(s, tx, &g, more) || !drop_rooms(tx, &g) ||
	    !drop_places(tx, &places))
		return false;
	if (!*more)
		s->tidy_at[0] = '\0';
	*more = *more || places == STEP_ROWS;
	*gone = (int64_t)g.n + places;
	return true;
}

struct tidying {
	struct db_work db;
	struct store *store;
	int64_t gone;
	bool more;
};

static bool
tidy(struct tx *tx, struct db_work *w)
{
	struct tidying *v = (struct tidying *)w;

	return tidy_step(v->store, tx, &v->gone, &v->more);
}

enum err
store_tidy(struct store *s, int64_t *n, struct problem *p)
{
	struct tidying v = { .db.work = tidy, .store = s };
	enum err e;

	*n = 0;
	s->tidy_at[0] = '\0';
	do {
		v.more = false;
		e = store_now(s, &v.db, p);
		*n += e == ERR_OK ? v.gone : 0;
		let_others(e == ERR_OK && v.more);
	} while (e == ERR_OK && v.more);
	return e;
}
