/*
 * Messages of an older store move to the tables of this version.
 *
 * Called by older.c for the walk, and by older_new.c for the chat of a new
 * event.  Owns nothing.  A message keeps its number and its key.  As long as
 * older processes live its old row stays, without texts, so that they know a
 * repeat when it comes to them; they let such marks alone: state 3, or 4 with
 * a step that nobody retries.
 */
#include "store/older.h"

#define CLAIM_ROWS 2000		/* of one chat, that are asked whose they are */

bool
older_claimed(struct tx *tx, int64_t owner, int64_t lease)
{
	return owner != 0 && lease > db_time_mono(tx) && db_alive(tx, owner);
}

bool
older_leave(struct older_run *p, int64_t id)
{
	p->left--;
	p->moved++;
	if (!p->lives)
		return DB_RUN(p->tx, "DELETE FROM message WHERE id = ?1",
		    V_INT(id));
	return DB_RUN(p->tx, "UPDATE message SET"
	    " state = CASE state WHEN 3 THEN 3 ELSE 4 END, step = 1,"
	    " lease = " OLDER_MARK ", owner = 0, hold = 0, next_ms = NULL,"
	    " reason = NULL, body = NULL, ids = NULL, endpoint = NULL,"
	    " token = NULL WHERE id = ?1", V_INT(id));
}

/* What `seen` has of the same identity. */
struct known {
	int64_t id;		/* of the newest; 0: nothing */
	bool repeat;		/* it is the message itself, from elsewhere */
	bool newest;		/* no, but nothing newer */
};

/* An Update's key is not its base: it is one revision of several. */
static bool
look_up(struct older_run *p, int64_t id, struct known *k)
{
	struct rows r;

	*k = (struct known){ .newest = true };
	DB_ROWS(p->tx, &r, "SELECT s.id, m.key = m.base"
	    " OR (m.revision = s.revision AND m.content IS s.content),"
	    " m.revision > s.revision FROM message m JOIN seen s"
	    " ON s.message_id = m.message_id AND s.base = m.base"
	    " WHERE m.id = ?1", V_INT(id));
	if (db_next(&r))
		*k = (struct known){ db_int(&r, 0), db_int(&r, 1) != 0,
		    db_int(&r, 2) != 0 };
	return db_end(&r);
}

/* Its key, with the newest revision. */
static bool
remember(struct older_run *p, int64_t id, struct known *k)
{
	bool ok = look_up(p, id, k);

	if (!ok || k->repeat || !k->newest)
		return ok;
	if (k->id == 0)
		tally_add(p->s, p->tx, TALLY_SEEN, 1);
	else if (!note_older(p->s, p->tx, k->id))
		return false;
	return DB_RUN(p->tx, "INSERT INTO seen(message_id, base, revision,"
	    " content, id, since) SELECT message_id, base, revision,"
	    " CASE WHEN key = base THEN NULL ELSE content END, id,"
	    " changed_ms / 1000 FROM message WHERE id = ?1"
	    " ON CONFLICT(message_id, base) DO UPDATE SET"
	    " revision = excluded.revision, content = excluded.content,"
	    " id = excluded.id, since = excluded.since", V_INT(id));
}

/* Where it goes in the queue. */
struct seat {
	enum turn turn;
	struct place place;
	int64_t chat, next_ms;
};

/* What is down, or parked, is found out anew. */
static void
set_turn(struct older_run *p, struct seat *t, int64_t next_ms, int64_t hold)
{
	bool later = hold == 0 && next_ms > db_time(p->tx);

	t->turn = later ? TURN_LATER : TURN_READY;
	t->next_ms = later ? next_ms : 0;
}

static bool
to_queue(struct older_run *p, int64_t id, enum tally what, const struct seat *t)
{
	struct known k;

	if (!remember(p, id, &k))
		return false;
	if (k.repeat)
		return older_leave(p, id);
	tally_add(p->s, p->tx, what, 1);
	tally_add(p->s, p->tx, TALLY_OLDER, !k.newest);
	return DB_RUN(p->tx, "INSERT INTO queue(id, state, turn, owner,"
	    " place, chat, next_ms, message_id, chat_id, line, received_us,"
	    " ts, delivered_ms, tries, first_ms, alone, newer, key, event,"
	    " member_id, domain, connector, chat_name, reason, ids, endpoint,"
	    " token, body) SELECT id, state, ?2, 0, ?3, ?4, ?5, message_id,"
	    " chat_id, line, received_us, ts, coalesce(delivered_ms, 0),"
	    " tries, coalesce(first_ms, 0), alone, ?6, key, event, member_id,"
	    " domain, connector, chat, reason, ids, endpoint, token, body"
	    " FROM message WHERE id = ?1", V_INT(id), V_INT(t->turn),
	    V_INT(t->place.number), V_INT(t->chat), V_INT(t->next_ms),
	    V_INT(!k.newest)) &&
	    older_leave(p, id) &&
	    (t->turn != TURN_READY || place_add(p->tx, &t->place, 1));
}

static bool
number_chat(struct tx *tx, const struct older_chat *c, int64_t *chat)
{
	return chat_number(chat, c->member_id, c->connector, c->line,
	    c->chat) == ERR_OK || db_no_memory(tx);
}

#define OF_CHAT " FROM message WHERE state = 1 AND member_id = ?1" \
	" AND connector = ?2 AND line = ?3 AND chat = ?4"
#define V_CHAT(c) V_TEXT((c)->member_id), V_TEXT((c)->connector), \
	V_INT((c)->line), V_TEXT((c)->chat)

/* What came while the first was in work may stand in front of it: so more
 * than one are asked. */
static bool
chat_claimed(struct tx *tx, const struct older_chat *c, bool *claimed)
{
	struct rows r;

	*claimed = false;
	DB_ROWS(tx, &r, "SELECT owner, lease FROM (SELECT owner, lease" OF_CHAT
	    " ORDER BY message_id, id LIMIT ?5) WHERE owner <> 0",
	    V_CHAT(c), V_INT(CLAIM_ROWS));
	while (!*claimed && db_next(&r))
		*claimed = older_claimed(tx, db_int(&r, 0), db_int(&r, 1));
	return db_end(&r);
}

struct waiting {
	int64_t id, next_ms, hold;
};

static bool
read_waiting(struct older_run *p, const struct older_chat *c, struct waiting *w,
    int64_t *n)
{
	int64_t max = p->left < OLDER_ROWS ? p->left : OLDER_ROWS;
	struct rows r;

	*n = 0;
	DB_ROWS(p->tx, &r, "SELECT id, next_ms, hold" OF_CHAT
	    " ORDER BY message_id, id LIMIT ?5", V_CHAT(c), V_INT(max));
	while (*n < max && db_next(&r))
		w[(*n)++] = (struct waiting){ db_int(&r, 0), db_int(&r, 1),
		    db_int(&r, 2) };
	p->cut = *n == max;
	return db_end(&r);
}

/* The first ones, in order.  What is left of the chat goes behind them in
 * later steps, and what comes meanwhile stands behind that (older_new.c). */
static bool
move_waiting(struct older_run *p, const struct older_chat *c, struct seat *seat)
{
	struct waiting w[OLDER_ROWS];
	struct chat_first first;
	int64_t n, i = 0;
	bool ok = read_waiting(p, c, w, &n) &&
	    chat_first(p->tx, seat->chat, &first);

	for (; ok && i < n && (i == 0 || !older_is_over(p)); i++) {
		set_turn(p, seat, w[i].next_ms, w[i].hold);
		if (first.id != 0)
			seat->turn = TURN_BEHIND;
		ok = to_queue(p, w[i].id, TALLY_RECEIVED, seat) &&
		    (first.id != 0 || chat_first(p->tx, seat->chat, &first));
	}
	p->cut = p->cut || i < n;
	return ok;
}

/* No configuration names its place: whoever serves the connector serves it. */
bool
older_move_chat(struct older_run *p, const struct older_chat *c)
{
	struct seat seat = { .place = { .kind = PLACE_CHANNEL,
	    .connector = c->connector, .name = c->connector } };
	bool claimed;

	p->cut = false;
	if (!chat_claimed(p->tx, c, &claimed))
		return false;
	if (claimed) {
		p->left--;
		return true;
	}
	if (place_of_channel(&seat.place.number, c->connector, "") != ERR_OK)
		return db_no_memory(p->tx);
	return number_chat(p->tx, c, &seat.chat) && move_waiting(p, c, &seat);
}

bool
older_move_told(struct older_run *p, int64_t id, const struct older_chat *c,
    int64_t next_ms, int64_t hold)
{
	struct seat seat = { .place = { .kind = PLACE_TELL,
	    .member_id = c->member_id, .connector = c->connector,
	    .line = c->line, .name = c->member_id } };

	set_turn(p, &seat, next_ms, hold);
	if (place_of_tell(&seat.place.number, c->member_id, c->connector,
	    c->line) != ERR_OK)
		return db_no_memory(p->tx);
	return number_chat(p->tx, c, &seat.chat) &&
	    to_queue(p, id, TALLY_DELIVERED, &seat);
}

bool
older_move_done(struct older_run *p, int64_t id)
{
	struct known k;

	return remember(p, id, &k) && older_leave(p, id);
}

/* One whose element could not be read has no chat. */
static bool
read_chat(struct older_run *p, int64_t id, int64_t *chat)
{
	bool ok = true;
	struct rows r;

	*chat = 0;
	DB_ROWS(p->tx, &r, "SELECT member_id, connector, line, chat, step"
	    " FROM message WHERE id = ?1", V_INT(id));
	if (db_next(&r) && db_int(&r, 4) != STEP_READ) {
		const struct older_chat c = { db_text(&r, 0), db_text(&r, 1),
		    db_int(&r, 2), db_text(&r, 3) };

		ok = c.member_id != NULL && c.connector != NULL &&
		    c.chat != NULL && number_chat(p->tx, &c, chat);
	}
	return db_end(&r) && ok;
}

bool
older_move_refused(struct older_run *p, int64_t id)
{
	int64_t chat;
	struct known k;

	if (!remember(p, id, &k) || !read_chat(p, id, &chat))
		return false;
	if (k.repeat)
		return older_leave(p, id);
	tally_add(p->s, p->tx, TALLY_REFUSED, 1);
	tally_add(p->s, p->tx, TALLY_OLDER, !k.newest);
	return DB_RUN(p->tx, "INSERT INTO refused(id, step, reason,"
	    " changed_ms, tries, chat, message_id, chat_id, line, received_us,"
	    " ts, delivered_ms, newer, key, event, member_id, domain,"
	    " connector, chat_name, ids, endpoint, token, body) SELECT id,"
	    " coalesce(step, 2), reason, changed_ms, tries, ?2, message_id,"
	    " chat_id, line, received_us, ts, coalesce(delivered_ms, 0), ?3,"
	    " key, event, member_id, domain, connector, chat, ids, endpoint,"
	    " token, body FROM message WHERE id = ?1", V_INT(id), V_INT(chat),
	    V_INT(!k.newest)) && older_leave(p, id);
}
