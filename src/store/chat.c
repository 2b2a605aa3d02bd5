/*
 * The order within a chat: who is first, and who goes next.
 *
 * Called by the other files of the store.  Owns nothing.  Of a chat's
 * received messages the first by (message_id, arrival) is in work, ready,
 * or waits for a time of its own; the others are behind it.  Whoever takes
 * the first away sees to the next in the same transaction.
 */
#include "store/private.h"

bool
chat_first(struct tx *tx, int64_t chat, struct chat_first *f)
{
	struct rows r;

	*f = (struct chat_first){ .id = 0 };
	DB_ROWS(tx, &r, "SELECT id, owner, turn, place FROM queue"
	    " WHERE state = " RECEIVED " AND chat = ?1"
	    " ORDER BY message_id, id LIMIT 1", V_INT(chat));
	if (db_next(&r))
		*f = (struct chat_first){ db_int(&r, 0), db_int(&r, 1),
		    (enum turn)db_int(&r, 2), db_int(&r, 3) };
	return db_end(&r);
}

/* Whoever works on it is one of few processes; a chat may be long: the
 * plus keeps its index out of this, and the join begins with processes. */
bool
chat_busy(struct tx *tx, int64_t chat, bool *busy)
{
	int64_t found;
	bool ok = DB_NUMBER(tx, &found, "SELECT 1 FROM process p"
	    " CROSS JOIN queue q WHERE q.owner = p.number AND q.owner <> 0"
	    " AND q.chat = ?1 AND +q.state = " RECEIVED " LIMIT 1",
	    V_INT(chat));

	*busy = found != 0;
	return ok;
}

static bool
make_ready(struct tx *tx, int64_t id, const struct place *at)
{
	return DB_RUN(tx, "UPDATE queue SET turn = " READY ", place = ?2"
	    " WHERE id = ?1", V_INT(id), V_INT(at->number)) &&
	    place_add(tx, at, 1);
}

bool
chat_next(struct store *s, struct tx *tx, int64_t chat, bool claim,
    const struct place *at, struct work **out)
{
	struct chat_first f;

	(void)s;
	*out = NULL;
	if (!chat_first(tx, chat, &f))
		return false;
	if (f.id == 0 || f.owner != 0)
		return true;
	switch (f.turn) {
	case TURN_BEHIND:
		return claim ? work_claim(tx, f.id, false, 0, out) :
		    make_ready(tx, f.id, at);
	case TURN_READY:
		return !claim || work_claim(tx, f.id, true, f.place, out);
	default:		/* its own wait goes on */
		return true;
	}
}
