/*
 * Taking up what waits at a place.
 *
 * Called by the relay when a place may be served.  Owns the list of messages
 * until the caller frees it.  Reads and writes only the rows that it takes,
 * and of each one's chat the first.
 */
#include "store/place.h"

#include "store/private.h"

#include <stdlib.h>

/* A candidate: ready at the place. */
struct ready {
	int64_t id, chat;
	bool alone;
};

static bool
read_ready(struct tx *tx, const struct taking_up *t, struct ready *ready,
    size_t *n)
{
	struct rows r;

	*n = 0;
	DB_ROWS(tx, &r, "SELECT id, chat, alone FROM queue"
	    " WHERE turn = " READY " AND place = ?1 ORDER BY id LIMIT ?2",
	    V_INT(t->place), V_INT(t->max));
	while (*n < t->max && db_next(&r))
		ready[(*n)++] = (struct ready){ db_int(&r, 0),
		    db_int(&r, 1), db_int(&r, 2) != 0 };
	return db_end(&r);
}

static bool
take(struct tx *tx, struct taking_up *t, int64_t id, bool was_ready)
{
	struct work *w;

	if (!work_claim(tx, id, was_ready, t->place, &w))
		return false;
	if (w != NULL)
		t->work[t->n++] = w;
	return true;
}

/*
 * Of a chat the first goes.  A candidate that is not the first steps behind
 * it; and the first, if nobody else would look at it, goes in its stead.
 */
static bool
take_received(struct tx *tx, struct taking_up *t, const struct ready *c)
{
	struct chat_first first;
	bool busy;

	if (!chat_busy(tx, c->chat, &busy) ||
	    !chat_first(tx, c->chat, &first))
		return false;
	if (!busy && first.id == c->id)
		return take(tx, t, c->id, true);
	if (!DB_RUN(tx, "UPDATE queue SET turn = " BEHIND " WHERE id = ?1",
	    V_INT(c->id)) || !place_remove(tx, t->place, 1))
		return false;
	return busy || first.turn != TURN_BEHIND ||
	    take(tx, t, first.id, false);
}

/* Several go with one call, but for those that must go alone. */
static bool
take_delivered(struct tx *tx, struct taking_up *t, const struct ready *ready,
    size_t n)
{
	bool ok = true;

	for (size_t i = 0; ok && i < n && (i == 0 || !ready[i].alone); i++) {
		ok = take(tx, t, ready[i].id, true);
		if (ready[i].alone)
			break;
	}
	t->empty = t->empty && t->n == n;
	return ok;
}

/* Nothing waits there: the row goes, unless it says that it is down. */
static bool
leave(struct tx *tx, struct taking_up *t)
{
	t->empty = true;
	return DB_RUN(tx, "DELETE FROM place WHERE number = ?1"
	    " AND down_ms = 0", V_INT(t->place)) &&
	    DB_RUN(tx, "UPDATE place SET ready = 0 WHERE number = ?1",
	    V_INT(t->place));
}

static void
forget(struct taking_up *t)
{
	while (t->n != 0)
		free(t->work[--t->n]);
	free(t->work);
	t->work = NULL;
}

static bool
take_all(struct tx *tx, struct taking_up *t, struct ready *ready)
{
	size_t n;
	bool ok = read_ready(tx, t, ready, &n);

	t->empty = ok && n < t->max;
	if (ok && n == 0)
		return leave(tx, t);
	if (ok && t->kind != PLACE_CHANNEL)
		return take_delivered(tx, t, ready, n);
	for (size_t i = 0; ok && i < n; i++)
		ok = take_received(tx, t, &ready[i]);
	return ok;
}

static bool
take_up(struct tx *tx, struct db_work *w)
{
	struct taking_up *t = (struct taking_up *)w;
	struct ready *ready = calloc(t->max, sizeof(*ready));
	bool ok = ready != NULL;

	forget(t);
	t->empty = false;
	/* each candidate takes one message at most */
	t->work = calloc(t->max, sizeof(struct work *));
	ok = ok && t->work != NULL ? take_all(tx, t, ready) :
	    db_no_memory(tx);
	free(ready);
	if (!ok)
		forget(t);
	return ok;
}

void
store_take_up(struct taking_up *t)
{
	t->db.work = take_up;
	t->work = NULL;
	t->n = 0;
}
