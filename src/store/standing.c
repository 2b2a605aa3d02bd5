/*
 * How a portal stands, for its own people.
 *
 * Called by relay/settings.c.  Owns nothing; only reads.
 */
#include "store/standing.h"

#include "store/private.h"

#include <string.h>

/* Bound by the number of rows, as neither table is found by its portal. */
static bool
count(struct tx *tx, const char *sql, struct standing_reading *s,
    int64_t *mine, bool *more)
{
	const struct db_value values[] = { V_TEXT(s->member_id),
	    V_INT(STANDING_LOOKS) };
	struct rows r;

	db_rows(tx, &r, sql, values, 2);
	if (db_next(&r)) {
		*mine = db_int(&r, 0);
		*more = db_int(&r, 1) >= STANDING_LOOKS;
	}
	return db_end(&r);
}

/* The row at hand says why, and when: the first that does counts. */
static bool
take(struct tx *tx, struct rows *r, struct standing_reading *s)
{
	const char *why = db_next(r) ? db_text(r, 0) : NULL;
	bool ok = true;

	if (why != NULL && why[0] != '\0' && s->out.error[0] == '\0') {
		s->out.error = arena_dup(s->arena, why, strlen(why));
		s->out.error_ms = db_int(r, 1);
		ok = s->out.error != NULL;
	}
	return db_end(r) && (ok || db_no_memory(tx));
}

/* In the order in which they would have to be mended. */
static bool
find_error(struct tx *tx, struct standing_reading *s)
{
	struct rows r;

	DB_ROWS(tx, &r, "SELECT coalesce(parked, CASE WHEN down_ms <> 0 THEN"
	    " reason END), 0 FROM room WHERE member_id = ?1",
	    V_TEXT(s->member_id));
	if (!take(tx, &r, s))
		return false;
	DB_ROWS(tx, &r, "SELECT reason, 0 FROM place WHERE number = ?1"
	    " AND down_ms <> 0", V_INT(s->channel));
	if (!take(tx, &r, s))
		return false;
	DB_ROWS(tx, &r, "SELECT reason, changed_ms FROM (SELECT id, member_id,"
	    " reason, changed_ms FROM refused ORDER BY id DESC LIMIT ?2)"
	    " WHERE member_id = ?1 ORDER BY changed_ms DESC LIMIT 1",
	    V_TEXT(s->member_id), V_INT(STANDING_LOOKS));
	return take(tx, &r, s);
}

static bool
standing(struct tx *tx, struct db_work *w)
{
	struct standing_reading *s = (struct standing_reading *)w;

	arena_reset(s->arena);
	s->out = (struct standing){ .error = "" };
	return count(tx, "SELECT coalesce(sum(member_id = ?1), 0), count(*)"
	    " FROM (SELECT member_id FROM queue ORDER BY id LIMIT ?2)", s,
	    &s->out.waiting, &s->out.more_waiting) &&
	    count(tx, "SELECT coalesce(sum(member_id = ?1), 0), count(*)"
	    " FROM (SELECT member_id FROM refused ORDER BY id DESC LIMIT ?2)",
	    s, &s->out.refused, &s->out.more_refused) && find_error(tx, s);
}

void
store_standing_read(struct standing_reading *s)
{
	s->db.work = standing;
	s->db.reads = true;
}
