/*
 * One place that is due: whether it is served, probed or left, and what has
 * waited there for too long.
 *
 * Called within a look.  Owns nothing.  A destination that is down is probed
 * by one living process at a time.  What is too old is given up in bounded
 * steps; the place stays due until none is left.
 */
#include "store/private.h"

#include <stdio.h>
#include <string.h>

#define AGED_ROWS 100
#define AGAIN_MS 1000		/* until others are told of a place, too */

int64_t
look_too_far_ms(const struct store *s, const struct tx *tx, int64_t probe_ms)
{
	return db_time(tx) + 2 * s->opts.longest_ms + PARKED_LOOK_MS +
	    probe_ms;
}

static bool
look_again(struct tx *tx, const struct candidate *c, int64_t ms)
{
	return DB_RUN(tx, "UPDATE place SET look_ms = ?2 WHERE number = ?1",
	    V_INT(c->place.number), V_INT(ms));
}

/* The first that waits there, if it has waited for too long; else 0. */
static bool
find_old(struct tx *tx, const struct candidate *c, int64_t limit, int64_t *id)
{
	return DB_NUMBER(tx, id, "SELECT CASE WHEN received_us < ?2 THEN id"
	    " ELSE 0 END FROM queue WHERE turn = " READY " AND place = ?1"
	    " ORDER BY id LIMIT 1", V_INT(c->place.number),
	    V_INT(limit * 1000));
}

/*
 * What has waited for too long there is given up, the oldest first; the
 * younger are not looked at.  *left: there is more of it, for the next look.
 */
static bool
give_up_old(struct looking *l, struct tx *tx, const struct candidate *c,
    const char *why, bool *left)
{
	struct store *s = l->store;
	enum state state = c->place.kind == PLACE_CHANNEL ? STATE_RECEIVED :
	    STATE_DELIVERED;
	char reason[PROBLEM_TEXT_MAX];
	int64_t limit, id;
	bool ok = age_limit(s, tx, AGE_GIVE_UP, &limit) &&
	    find_old(tx, c, limit, &id);

	(void)snprintf(reason, sizeof(reason), "given up: %s", why != NULL ?
	    why : "it waited too long");
	for (int i = 0; ok && id != 0 && i < AGED_ROWS; i++)
		ok = refuse_waiting(s, tx, id, state, &c->place, reason) &&
		    find_old(tx, c, limit, &id);
	*left = ok && id != 0;
	l->more = l->more || *left;
	return ok;
}

static bool
claim_probe(struct looking *l, struct tx *tx, struct candidate *c)
{
	c->place.probe = true;
	return DB_RUN(tx, "UPDATE place SET owner = ?2, look_ms = ?3"
	    " WHERE number = ?1", V_INT(c->place.number), V_INT(db_me(tx)),
	    V_INT(db_time(tx) + l->probe_ms));
}

static bool
look_at_channel(struct looking *l, struct tx *tx, struct candidate *c,
    bool *serve)
{
	bool left;

	*serve = c->down_ms == 0;
	if (c->down_ms == 0)
		return look_again(tx, c, db_time(tx) + AGAIN_MS);
	if (!give_up_old(l, tx, c, c->reason, &left))
		return false;
	if (left)
		return true;
	/* somebody probes it, and lives: it will say how that ended */
	*serve = c->owner == 0 || !db_alive(tx, c->owner) ||
	    c->owner == db_me(tx);
	return *serve ? claim_probe(l, tx, c) :
	    look_again(tx, c, db_time(tx) + AGAIN_MS);
}

struct room_state {
	int64_t down_ms, probe_ms, owner;
	char parked[PROBLEM_TEXT_MAX], reason[PROBLEM_TEXT_MAX];
};

static bool
read_room(struct tx *tx, const char *member_id, struct room_state *s)
{
	struct rows r;

	memset(s, 0, sizeof(*s));
	DB_ROWS(tx, &r, "SELECT down_ms, probe_ms, owner, parked, reason"
	    " FROM room WHERE member_id = ?1", V_TEXT(member_id));
	if (db_next(&r)) {
		s->down_ms = db_int(&r, 0);
		s->probe_ms = db_int(&r, 1);
		s->owner = db_int(&r, 2);
		db_copy(&r, 3, s->parked, sizeof(s->parked));
		db_copy(&r, 4, s->reason, sizeof(s->reason));
	}
	return db_end(&r);
}

static bool
probe_room(struct looking *l, struct tx *tx, struct candidate *c,
    const struct room_state *s, bool *serve)
{
	int64_t now = db_time(tx);

	bool due = s->probe_ms <= now ||
	    s->probe_ms >= look_too_far_ms(l->store, tx, l->probe_ms);

	*serve = due && (s->owner == 0 || s->owner == db_me(tx) ||
	    !db_alive(tx, s->owner));
	if (!*serve)
		return look_again(tx, c, due ? now + AGAIN_MS : s->probe_ms);
	c->place.probe = true;
	return look_again(tx, c, now + l->probe_ms) &&
	    DB_RUN(tx, "UPDATE room SET owner = ?2, probe_ms = ?3"
	    " WHERE member_id = ?1", V_TEXT(c->place.member_id),
	    V_INT(db_me(tx)), V_INT(now + l->probe_ms));
}

static bool
look_at_tell(struct looking *l, struct tx *tx, struct candidate *c,
    bool *serve)
{
	struct room_state room;
	bool left = false, parked;

	*serve = false;
	if (!read_room(tx, c->place.member_id, &room))
		return false;
	parked = c->place.kind == PLACE_PARKED && room.parked[0] != '\0';
	if ((room.down_ms != 0 || parked) && !give_up_old(l, tx, c, parked ?
	    room.parked : room.reason, &left))
		return false;
	if (left)
		return true;
	if (room.down_ms != 0 && c->place.kind == PLACE_TELL)
		return probe_room(l, tx, c, &room, serve);
	if (room.down_ms != 0 || parked)
		return look_again(tx, c, db_time(tx) + PARKED_LOOK_MS);
	*serve = true;
	return look_again(tx, c, db_time(tx) + AGAIN_MS);
}

bool
look_at_place(struct looking *l, struct tx *tx, struct candidate *c)
{
	bool serve, ok;

	/* nothing waits there any more */
	if (c->down_ms == 0 && c->ready <= 0)
		return DB_RUN(tx, "DELETE FROM place WHERE number = ?1",
		    V_INT(c->place.number));
	ok = c->place.kind == PLACE_CHANNEL ?
	    look_at_channel(l, tx, c, &serve) :
	    look_at_tell(l, tx, c, &serve);

	if (ok && serve)
		l->place[l->n++] = c->place;
	return ok;
}
