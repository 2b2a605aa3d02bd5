/*
 * Figures of the queue.
 *
 * Called by the operator's tool.  Owns nothing.  Counts are kept as messages
 * move; what waits at places that are down is counted there.
 */
#include "store/admin.h"

#include "store/cover.h"
#include "store/installs.h"
#include "store/private.h"
#include "store/upgrade.h"

#include <string.h>

struct asking_stats {
	struct db_work db;
	struct stats *out;
};

static bool
count_states(struct tx *tx, struct stats *out)
{
	int64_t seen, older, open;
	bool ok = tally_read(tx, TALLY_RECEIVED,
	    &out->state[STATE_RECEIVED]) &&
	    tally_read(tx, TALLY_DELIVERED, &out->state[STATE_DELIVERED]) &&
	    tally_read(tx, TALLY_REFUSED, &out->state[STATE_REFUSED]) &&
	    tally_read(tx, TALLY_SEEN, &seen) &&
	    tally_read(tx, TALLY_OLDER, &older);

	if (!ok)
		return false;
	/* what came and is not in the queue any more */
	open = out->state[STATE_RECEIVED] + out->state[STATE_DELIVERED] +
	    out->state[STATE_REFUSED] - older;
	out->state[STATE_ACKNOWLEDGED] = seen > open ? seen - open : 0;
	return true;
}

bool
oldest_read(struct tx *tx, int64_t *ms)
{
	return DB_NUMBER(tx, ms, "SELECT received_us / 1000"
	    " FROM queue ORDER BY id LIMIT 1", V_NONE);
}

static bool
count_waiting(struct tx *tx, struct stats *out)
{
	int64_t channels, portals;

	/* from the few portals, not from all places */
	bool ok = DB_NUMBER(tx, &out->parked, "SELECT sum((SELECT sum(ready)"
	    " FROM place p WHERE p.member_id = r.member_id AND p.kind = 3))"
	    " FROM room r WHERE parked IS NOT NULL", V_NONE) &&
	    DB_NUMBER(tx, &portals, "SELECT sum((SELECT sum(ready)"
	    " FROM place p WHERE p.member_id = r.member_id AND p.kind = 2))"
	    " FROM room r WHERE down_ms <> 0", V_NONE) &&
	    DB_NUMBER(tx, &channels, "SELECT sum(ready) FROM place"
	    " WHERE down_ms <> 0", V_NONE);

	out->held = ok ? portals + channels : 0;
	return ok &&
	    oldest_read(tx, &out->oldest_ms);
}

/* That a portal is down is of interest while something waits for it. */
static bool
count_down(struct tx *tx, struct stats *out)
{
	struct rows r;

	DB_ROWS(tx, &r, "SELECT count(*), min(down_ms) FROM (SELECT down_ms"
	    " FROM place WHERE down_ms <> 0 UNION ALL SELECT down_ms FROM"
	    " room r WHERE down_ms <> 0 AND EXISTS (SELECT 1 FROM place p"
	    " WHERE p.member_id = r.member_id AND p.ready > 0))", V_NONE);
	if (db_next(&r)) {
		out->down = db_int(&r, 0);
		out->down_ms = db_int(&r, 1);
	}
	return db_end(&r);
}

bool
stats_read(struct tx *tx, struct stats *out)
{
	struct cover cover = { .any = false };
	bool ok = cover_read(tx, &cover) &&
	    cover_count(tx, &cover, &out->uncovered);

	cover_free(&cover);
	out->now_ms = db_time(tx);
	return ok && count_states(tx, out) && count_waiting(tx, out) &&
	    count_down(tx, out) &&
	    DB_NUMBER(tx, &out->portals, "SELECT count(*) FROM portal",
	    V_NONE) && DB_NUMBER(tx, &out->rejected, "SELECT count(*)"
	    " FROM portal WHERE rejected IS NOT NULL", V_NONE) &&
	    off_count(tx, &out->lines_off) &&
	    DB_NUMBER(tx, &out->installs, "SELECT count(*) FROM install"
	    " WHERE received_ms >= ?1", V_INT(db_time(tx) - INSTALL_MS));
}

static bool
stats(struct tx *tx, struct db_work *w)
{
	return stats_read(tx, ((struct asking_stats *)w)->out);
}

enum err
store_stats(struct store *s, struct stats *out, struct problem *p)
{
	struct asking_stats a = { .db = { .work = stats, .reads = true },
	    .out = out };
	enum err e = older_take_over(s, p);

	memset(out, 0, sizeof(*out));
	return e == ERR_OK ? store_now(s, &a.db, p) : e;
}
