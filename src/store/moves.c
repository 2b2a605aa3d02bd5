/*
 * The moves of a message from state to state, each one durable.
 *
 * Called by the relay with messages that this process has claimed.  Owns
 * nothing.  A move is legal if the table has it, and changes something only
 * while the claim holds.
 */
#include "store/moves.h"

#include "base/fault.h"
#include "store/private.h"
#include "store/upgrade.h"

#include <stdio.h>
#include <stdlib.h>

/* From which states a move may leave; docs/INTERNALS prints the same. */
static const struct {
	unsigned char received, delivered;
} legal[] = {
	[MOVE_DELIVERED] = { 1, 0 },
	[MOVE_DONE] = { 1, 0 },
	[MOVE_TOLD] = { 0, 1 },
	[MOVE_REFUSED] = { 1, 1 },
	[MOVE_LATER] = { 1, 1 },
	[MOVE_READY] = { 1, 1 },
	[MOVE_ALONE] = { 0, 1 },
};

static bool
is_legal(const struct moving_one *m)
{
	return (m->from == STATE_RECEIVED && legal[m->move].received) ||
	    (m->from == STATE_DELIVERED && legal[m->move].delivered);
}

static enum tally
tally_of(enum state state)
{
	return state == STATE_RECEIVED ? TALLY_RECEIVED : TALLY_DELIVERED;
}

/* What the last statement found: the message, or that it is not ours. */
static bool
note_changed(const struct tx *tx, struct moving_one *m)
{
	m->lost = db_changed(tx) == 0;
	return true;
}

static bool
delivered(struct store *s, struct tx *tx, struct moving_one *m)
{
	bool ok = DB_RUN(tx, "UPDATE queue SET state = " DELIVERED ","
	    " ids = ?3, delivered_ms = ?4, reason = NULL, tries = 0,"
	    " first_ms = 0 WHERE id = ?1 AND owner = ?2"
	    " AND state = " RECEIVED, V_INT(m->id), V_INT(db_me(tx)),
	    V_TEXT(m->text), V_INT(db_time(tx))) && note_changed(tx, m);

	if (ok && !m->lost) {
		tally_add(s, tx, TALLY_RECEIVED, -1);
		tally_add(s, tx, TALLY_DELIVERED, 1);
	}
	return ok;
}

static bool
remove_ours(struct tx *tx, struct moving_one *m, bool newer)
{
	return DB_RUN(tx, "DELETE FROM queue WHERE id = ?1 AND owner = ?2"
	    " AND state = ?3 AND newer = ?4", V_INT(m->id),
	    V_INT(db_me(tx)), V_INT(m->from), V_INT(newer)) &&
	    note_changed(tx, m);
}

/* Done, or told: it leaves the queue; its key stays in `seen`. */
static bool
ended(struct store *s, struct tx *tx, struct moving_one *m)
{
	bool newer = false;
	bool ok = remove_ours(tx, m, false);

	if (ok && m->lost) {
		newer = true;
		ok = remove_ours(tx, m, true);
	}
	if (ok && !m->lost)
		tally_gone(s, tx, tally_of(m->from), newer);
	return ok;
}

#define COPIED "id, chat, message_id, chat_id, line, received_us, ts," \
	" delivered_ms, key, event, member_id, domain, connector, chat_name," \
	" ids, endpoint, token, body, newer"

bool
refuse_row(struct store *s, struct tx *tx, int64_t id, enum state from,
    enum step step, const char *reason)
{
	if (from != 0)
		tally_add(s, tx, tally_of(from), -1);
	tally_add(s, tx, TALLY_REFUSED, 1);
	return DB_RUN(tx, "INSERT INTO refused(step, reason, changed_ms,"
	    " tries, " COPIED ") SELECT ?2, ?3, ?4, tries + 1, " COPIED
	    " FROM queue WHERE id = ?1", V_INT(id), V_INT(step),
	    V_TEXT(reason), V_INT(db_time(tx))) &&
	    DB_RUN(tx, "DELETE FROM queue WHERE id = ?1", V_INT(id));
}

bool
refuse_waiting(struct store *s, struct tx *tx, int64_t id, enum state from,
    const struct look_place *at, const char *reason)
{
	const struct place channel = { at->number, at->kind, at->member_id,
	    at->connector, at->line, at->name };
	struct work *none;
	int64_t chat;

	return DB_NUMBER(tx, &chat, "SELECT chat FROM queue WHERE id = ?1",
	    V_INT(id)) && refuse_row(s, tx, id, from, from ==
	    STATE_RECEIVED ? STEP_HAND_OVER : STEP_STATUS, reason) &&
	    place_remove(tx, at->number, 1) && (from != STATE_RECEIVED ||
	    chat_next(s, tx, chat, false, &channel, &none));
}

static bool
refused(struct store *s, struct tx *tx, struct moving_one *m)
{
	int64_t found;
	bool ok = DB_NUMBER(tx, &found, "SELECT 1 FROM queue WHERE id = ?1"
	    " AND owner = ?2 AND state = ?3", V_INT(m->id), V_INT(db_me(tx)),
	    V_INT(m->from));

	m->lost = found == 0;
	return ok && (m->lost || refuse_row(s, tx, m->id, m->from, m->step,
	    m->text));
}

/* Not in work any more: it waits for a time of its own, or at its place. */
static bool
released(struct tx *tx, struct moving_one *m)
{
	bool later = m->move == MOVE_LATER;
	bool ok = DB_RUN(tx, "UPDATE queue SET turn = ?3, owner = 0,"
	    " next_ms = ?4, reason = coalesce(?5, reason),"
	    " tries = tries + ?6, first_ms = CASE WHEN ?6 = 0 OR first_ms <> 0"
	    " THEN first_ms ELSE ?7 END, alone = max(alone, ?8), place = ?9"
	    " WHERE id = ?1 AND owner = ?2 AND state = ?10", V_INT(m->id),
	    V_INT(db_me(tx)),
	    V_INT(later ? TURN_LATER : TURN_READY),
	    V_INT(later ? m->next_ms : 0), V_TEXT(m->text),
	    V_INT(m->tried), V_INT(db_time(tx)),
	    V_INT(m->move == MOVE_ALONE), V_INT(m->place.number),
	    V_INT(m->from)) && note_changed(tx, m);

	if (ok && !m->lost && !later)
		ok = place_add(tx, &m->place, 1);
	return ok;
}

/* Whether its own attempts have gone on for too long. */
static bool
is_over(struct store *s, struct tx *tx, struct moving_one *m)
{
	int64_t limit, first = 0;
	bool ok = age_limit(s, tx, AGE_GIVE_UP, &limit) &&
	    DB_NUMBER(tx, &first, "SELECT first_ms FROM queue WHERE id = ?1"
	    " AND owner = ?2 AND state = ?3", V_INT(m->id),
	    V_INT(db_me(tx)), V_INT(m->from));

	m->gave_up = first != 0 && first <= limit;
	return ok;
}

static bool
failed(struct store *s, struct tx *tx, struct moving_one *m)
{
	char reason[PROBLEM_TEXT_MAX];

	if (m->tried && !is_over(s, tx, m))
		return false;
	if (!m->gave_up)
		return released(tx, m);
	(void)snprintf(reason, sizeof(reason), "given up: %s", m->text);
	return refuse_row(s, tx, m->id, m->from, m->step, reason);
}

static bool
move_one(struct store *s, struct tx *tx, struct moving_one *m)
{
	m->lost = m->gave_up = false;
	if (!is_legal(m))
		return false;
	switch (m->move) {
	case MOVE_DELIVERED:
		return delivered(s, tx, m);
	case MOVE_DONE:
	case MOVE_TOLD:
		return ended(s, tx, m);
	case MOVE_REFUSED:
		return refused(s, tx, m);
	case MOVE_LATER:
	case MOVE_READY:
	case MOVE_ALONE:
		return failed(s, tx, m);
	}
	return false;
}

/* It was received, and holds its chat back no longer. */
static bool
leaves_chat(const struct moving_one *m)
{
	return !m->lost && m->from == STATE_RECEIVED &&
	    (m->move == MOVE_DELIVERED || m->move == MOVE_DONE ||
	    m->move == MOVE_REFUSED || m->gave_up);
}

static bool
next_of_chat(struct tx *tx, struct moving *v)
{
	free(v->next);		/* of a run that did not count */
	v->next = NULL;
	return !leaves_chat(&v->one[0]) || chat_next(v->store, tx,
	    v->one[0].chat_number, v->claim_next, &v->channel, &v->next);
}

/*
 * What goes with a delivered message: the means to tell it.  Where other
 * processes have all slots, or the portal is down, it waits for whoever calls
 * next.
 */
static bool
ask_room(struct tx *tx, struct moving *v)
{
	struct moving_one *m = &v->one[0];

	v->left_waiting = false;
	if (v->ask != NULL)	/* a run before may have been granted it */
		v->ask->granted = false;
	if (m->lost || m->move != MOVE_DELIVERED)
		return true;
	if (v->ask != NULL && !room_ask(v->store, tx, v->ask))
		return false;
	v->left_waiting = v->leave || (v->ask != NULL &&
	    (v->ask->down_ms != 0 || (!v->has_slot && !v->ask->granted)));
	return !v->left_waiting || (DB_RUN(tx, "UPDATE queue SET turn = "
	    READY ", owner = 0, place = ?2 WHERE id = ?1", V_INT(m->id),
	    V_INT(v->tell.number)) && place_add(tx, &v->tell, 1));
}

/* Whoever told some takes along what others have left there. */
static bool
look_for_more(struct tx *tx, struct moving *v)
{
	int64_t ready = 0;
	bool asks = v->one[0].move == MOVE_TOLD ||
	    v->one[0].move == MOVE_DELIVERED;
	bool ok = !asks || v->tell.number == 0 || v->left_waiting ||
	    DB_NUMBER(tx, &ready, "SELECT ready FROM place"
	    " WHERE number = ?1", V_INT(v->tell.number));

	v->more = ready > 0;
	return ok;
}

static void
fault_before(const struct moving *v)
{
	if (v->n != 0 && (v->one[0].move == MOVE_DELIVERED ||
	    v->one[0].move == MOVE_DONE))
		fault_point("delivered-before-commit");
	if (v->n != 0 && v->one[0].move == MOVE_TOLD)
		fault_point("acknowledged-before-commit");
}

static bool
move(struct tx *tx, struct db_work *w)
{
	struct moving *v = (struct moving *)w;
	bool ok = true;

	v->now_ms = db_time(tx);
	for (size_t i = 0; ok && i < v->n; i++)
		ok = move_one(v->store, tx, &v->one[i]);
	if (ok && v->n != 0)
		ok = next_of_chat(tx, v) && ask_room(tx, v) &&
		    look_for_more(tx, v);
	if (ok && v->note != NULL)
		ok = room_note(v->store, tx, v->note);
	fault_before(v);
	return ok;
}

void
store_move(struct moving *v)
{
	v->db.work = move;
	v->next = NULL;
}

static bool
watch(struct tx *tx, struct db_work *w)
{
	struct watching *v = (struct watching *)w;
	bool ok = true;

	for (size_t i = 0; ok && i < v->n; i++) {
		int64_t state;

		ok = DB_NUMBER(tx, &state, "SELECT state FROM queue WHERE"
		    " id = ?1 UNION ALL SELECT 4 FROM refused WHERE id = ?1",
		    V_INT(v->id[i]));
		if (ok && state == 0)
			ok = older_state(tx, v->id[i], &state);
		v->state[i] = (enum state)state;
	}
	return ok;
}

DB_READ(store_watch, watching, watch)
