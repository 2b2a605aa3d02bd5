/*
 * What a dead process had claimed is free again.
 *
 * Called within a look.  Owns nothing.  A step frees a bounded number of
 * messages, so that a process that had many does not hold up the others; the
 * process is forgotten when nothing of it is left.
 */
#include "store/private.h"

#define STEP_ROWS 200

/* It waits at its place, as if it had been made ready just now. */
static bool
free_message(struct tx *tx, const struct rows *r)
{
	struct place at = place_of_row(r);

	if (at.kind == PLACE_TELL && place_of_tell(&at.number, at.member_id,
	    at.connector, at.line) != ERR_OK)
		return db_no_memory(tx);
	return DB_RUN(tx, "UPDATE queue SET turn = " READY ", owner = 0,"
	    " place = ?2 WHERE id = ?1", V_INT(db_int(r, 0)),
	    V_INT(at.number)) && place_add(tx, &at, 1);
}

static bool
free_messages(struct tx *tx, int64_t owner, bool *more)
{
	int64_t n = 0;
	bool ok = true;
	struct rows r;

	DB_ROWS(tx, &r, "SELECT " WAITING_COLUMNS " FROM queue"
	    " WHERE owner = ?1 AND owner <> 0 LIMIT ?2",
	    V_INT(owner), V_INT(STEP_ROWS));
	while (ok && db_next(&r)) {
		ok = free_message(tx, &r);
		n++;
	}
	*more = n == STEP_ROWS;
	return db_end(&r) && ok;
}

static bool
free_rest(struct tx *tx, int64_t owner)
{
	int64_t now = db_time(tx);

	return DB_RUN(tx, "DELETE FROM slot WHERE owner = ?1", V_INT(owner)) &&
	    DB_RUN(tx, "UPDATE portal SET owner = 0, lease = 0"
	    " WHERE owner = ?1 AND owner <> 0", V_INT(owner)) &&
	    DB_RUN(tx, "UPDATE install SET owner = 0, lease = 0, next_ms = ?2"
	    " WHERE owner = ?1", V_INT(owner), V_INT(now)) &&
	    DB_RUN(tx, "UPDATE setup SET owner = 0, next_ms = ?2"
	    " WHERE owner = ?1 AND owner <> 0", V_INT(owner), V_INT(now)) &&
	    DB_RUN(tx, "UPDATE place SET owner = 0, look_ms = ?2"
	    " WHERE owner = ?1 AND owner <> 0", V_INT(owner), V_INT(now)) &&
	    DB_RUN(tx, "UPDATE place SET look_ms = ?2 WHERE member_id IN"
	    " (SELECT member_id FROM room WHERE owner = ?1 AND owner <> 0)",
	    V_INT(owner),
	    V_INT(now)) &&
	    DB_RUN(tx, "UPDATE room SET owner = 0, probe_ms = ?2"
	    " WHERE owner = ?1 AND owner <> 0", V_INT(owner), V_INT(now));
}

bool
recover_step(struct store *s, struct tx *tx, bool *more)
{
	int64_t owner;

	(void)s;
	*more = false;
	if (!db_next_dead(tx, &owner))
		return false;
	if (owner == 0)
		return true;
	if (!free_messages(tx, owner, more))
		return false;
	if (*more)
		return true;
	*more = true;		/* there may be another */
	return free_rest(tx, owner) && db_bury_process(tx, owner);
}
