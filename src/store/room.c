/*
 * What one portal bears: slots, the bucket, whether it is down or parked.
 *
 * Called by the relay before and behind calls to a portal.  Owns nothing.
 * A slot is a claim: those of dead processes count no more.  The bucket is
 * used to burst - 1 - rate: calls that were charged may arrive up to a
 * second later than they were, and the portal counts them as they arrive.
 */
#include "store/room.h"

#include "store/private.h"

#define DAY_MS 86400000
#define WANTED_MS 1000		/* how long a wish for a slot counts */

void
room_ask_init(struct room_ask *a, const char *member_id)
{
	*a = (struct room_ask){ .member_id = member_id };
	arena_init(&a->arena, PORTAL_ARENA_MAX);
}

void
room_ask_free(struct room_ask *a)
{
	arena_free(&a->arena);
}

bool
room_down_ms(struct tx *tx, const char *member_id, int64_t *ms, bool *parked)
{
	struct rows r;

	*ms = 0;
	*parked = false;
	DB_ROWS(tx, &r, "SELECT CASE WHEN down_ms <> 0 THEN probe_ms ELSE 0"
	    " END, parked IS NOT NULL FROM room WHERE member_id = ?1",
	    V_TEXT(member_id));
	if (db_next(&r)) {
		*ms = db_int(&r, 0);
		*parked = db_int(&r, 1) != 0;
	}
	return db_end(&r);
}

/* Slots of dead processes count no more. */
static bool
drop_dead(struct tx *tx, const char *member_id)
{
	int64_t owner[64];
	size_t n = 0;
	struct rows r;
	bool ok;

	DB_ROWS(tx, &r, "SELECT owner FROM slot WHERE member_id = ?1"
	    " AND owner <> ?2", V_TEXT(member_id), V_INT(db_me(tx)));
	while (n < sizeof(owner) / sizeof(owner[0]) && db_next(&r))
		owner[n++] = db_int(&r, 0);
	ok = db_end(&r);
	while (ok && n-- > 0)
		if (!db_alive(tx, owner[n]))
			ok = DB_RUN(tx, "DELETE FROM slot WHERE"
			    " member_id = ?1 AND owner = ?2",
			    V_TEXT(member_id), V_INT(owner[n]));
	return ok;
}

static bool
count_slots(struct tx *tx, const char *member_id, int64_t *n)
{
	return DB_NUMBER(tx, n, "SELECT sum(n) FROM slot"
	    " WHERE member_id = ?1", V_TEXT(member_id));
}

/*
 * Whoever has them gives one up some time.  Who has one already wishes for no
 * more: two would take them from each other for ever.  Written now and then
 * only.
 */
static bool
wish_slot(struct tx *tx, const struct room_ask *a)
{
	if (a->others_wait || a->has_slot)
		return true;
	return DB_RUN(tx, "INSERT INTO room(member_id, wanted_ms)"
	    " VALUES(?1, ?2) ON CONFLICT(member_id)"
	    " DO UPDATE SET wanted_ms = ?2", V_TEXT(a->member_id),
	    V_INT(db_time(tx)));
}

/* It may have been another's: who still waits wishes again. */
static bool
wish_came_true(struct tx *tx, struct room_ask *a)
{
	if (!a->others_wait)
		return true;
	a->others_wait = false;
	return DB_RUN(tx, "UPDATE room SET wanted_ms = 0"
	    " WHERE member_id = ?1", V_TEXT(a->member_id));
}

static bool
ask_slot(struct store *s, struct tx *tx, struct room_ask *a)
{
	int64_t n;
	bool ok = count_slots(tx, a->member_id, &n);

	a->granted = false;
	if (ok && n >= s->opts.slots)
		ok = drop_dead(tx, a->member_id) &&
		    count_slots(tx, a->member_id, &n);
	if (!ok)
		return false;
	if (n >= s->opts.slots)
		return wish_slot(tx, a);
	a->granted = true;
	return wish_came_true(tx, a) && DB_RUN(tx, "INSERT INTO slot"
	    "(member_id, owner, n) VALUES(?1, ?2, 1)"
	    " ON CONFLICT(member_id, owner) DO UPDATE SET n = n + 1",
	    V_TEXT(a->member_id), V_INT(db_me(tx)));
}

/* In thousandths of a call, as all of the bucket. */
static int64_t
bucket_size(const struct store *s)
{
	int64_t calls = s->opts.burst - 1 - s->opts.rate;

	return (calls > 1 ? calls : 1) * 1000;
}

/*
 * How full it is now.  After a clock was set back nobody knows, and waiting
 * for it to catch up would be worse than a refusal.
 */
int64_t
room_level(const struct store *s, int64_t level, int64_t level_ms, int64_t now)
{
	if (level_ms > now || now - level_ms > DAY_MS)
		return 0;
	level -= s->opts.rate * (now - level_ms);
	return level > 0 ? level : 0;
}

static bool
write_level(struct tx *tx, const char *member_id, int64_t level)
{
	return DB_RUN(tx, "INSERT INTO room(member_id, level, level_ms)"
	    " VALUES(?1, ?2, ?3) ON CONFLICT(member_id)"
	    " DO UPDATE SET level = ?2, level_ms = ?3", V_TEXT(member_id),
	    V_INT(level), V_INT(db_time(tx)));
}

static bool
charge(struct store *s, struct tx *tx, struct room_ask *a, int64_t level)
{
	int64_t room = bucket_size(s) - level;
	int64_t n = room / 1000 < a->calls ? room / 1000 : a->calls;

	a->credits = n > 0 ? n : 0;
	a->credit_ms = 0;
	if (a->credits == 0) {
		a->credit_ms = db_time(tx) + (1000 - room + s->opts.rate - 1) /
		    s->opts.rate;
		return true;
	}
	return write_level(tx, a->member_id, level + a->credits * 1000);
}

static bool
read_room(struct store *s, struct tx *tx, struct room_ask *a, int64_t *level)
{
	int64_t now = db_time(tx);
	struct rows r;

	*level = 0;
	a->down_ms = a->reset_ms = 0;
	a->parked = a->others_wait = false;
	DB_ROWS(tx, &r, "SELECT level, level_ms, reset_ms, CASE WHEN"
	    " down_ms <> 0 THEN probe_ms ELSE 0 END, parked IS NOT NULL,"
	    " wanted_ms FROM room WHERE member_id = ?1",
	    V_TEXT(a->member_id));
	if (db_next(&r)) {
		*level = room_level(s, db_int(&r, 0), db_int(&r, 1), now);
		a->reset_ms = db_int(&r, 2);
		a->down_ms = db_int(&r, 3);
		a->parked = db_int(&r, 4) != 0;
		a->others_wait = db_int(&r, 5) <= now &&
		    db_int(&r, 5) > now - WANTED_MS;
	}
	return db_end(&r);
}

bool
room_ask(struct store *s, struct tx *tx, struct room_ask *a)
{
	int64_t level;

	arena_reset(&a->arena);
	a->granted = a->installed = false;
	a->credits = a->credit_ms = 0;
	if (!read_room(s, tx, a, &level))
		return false;
	if (a->down_ms != 0 && !a->probe)
		return true;
	if (a->slot && !ask_slot(s, tx, a))
		return false;
	/* no credit is wasted on who may not call */
	if ((!a->slot || a->granted) && a->calls != 0 &&
	    !charge(s, tx, a, level))
		return false;
	return portal_read(tx, a->member_id, &a->arena, &a->portal,
	    &a->installed);
}

static bool
ask(struct tx *tx, struct db_work *w)
{
	struct asking *a = (struct asking *)w;

	return room_ask(a->store, tx, a->ask);
}

DB_WORK(store_ask, asking, ask)

static bool
all_live(struct tx *tx, const char *member_id, bool *live)
{
	struct rows r;

	*live = true;
	DB_ROWS(tx, &r, "SELECT owner FROM slot WHERE member_id = ?1",
	    V_TEXT(member_id));
	while (*live && db_next(&r))
		*live = db_alive(tx, db_int(&r, 0));
	return db_end(&r);
}

static bool
look(struct tx *tx, struct db_work *w)
{
	struct asking *a = (struct asking *)w;
	int64_t level, n;
	bool live;

	if (!read_room(a->store, tx, a->ask, &level) ||
	    !count_slots(tx, a->ask->member_id, &n) ||
	    !all_live(tx, a->ask->member_id, &live))
		return false;
	a->in_vain = n >= a->store->opts.slots && live &&
	    a->ask->others_wait && a->ask->down_ms == 0;
	return true;
}

DB_READ(store_ask_in_vain, asking, look)

static bool
free_slots(struct tx *tx, const struct room_note *n)
{
	if (n->free_slots == 0)
		return true;
	return DB_RUN(tx, "UPDATE slot SET n = n - ?3 WHERE member_id = ?1"
	    " AND owner = ?2", V_TEXT(n->member_id), V_INT(db_me(tx)),
	    V_INT(n->free_slots)) &&
	    DB_RUN(tx, "DELETE FROM slot WHERE member_id = ?1"
	    " AND owner = ?2 AND n <= 0", V_TEXT(n->member_id),
	    V_INT(db_me(tx)));
}

/*
 * When its operating time begins anew; or that no token serves it, so that
 * its messages wait for new ones, or for a newer event's own.
 */
static bool
note_state(struct tx *tx, const struct room_note *n)
{
	if (n->reset_ms == 0 && n->parked == NULL)
		return true;
	return DB_RUN(tx, "INSERT INTO room(member_id, reset_ms, parked)"
	    " VALUES(?1, ?2, ?3) ON CONFLICT(member_id) DO UPDATE SET"
	    " reset_ms = CASE ?2 WHEN 0 THEN reset_ms ELSE ?2 END,"
	    " parked = coalesce(?3, parked)", V_TEXT(n->member_id),
	    V_INT(n->reset_ms), V_TEXT(n->parked));
}

static bool
read_level(struct store *s, struct tx *tx, const char *member_id,
    int64_t *level)
{
	struct rows r;

	*level = 0;
	DB_ROWS(tx, &r, "SELECT level, level_ms FROM room"
	    " WHERE member_id = ?1", V_TEXT(member_id));
	if (db_next(&r))
		*level = room_level(s, db_int(&r, 0), db_int(&r, 1),
		    db_time(tx));
	return db_end(&r);
}

/* Calls of a ladder beyond its first, or a portal that says it is full. */
static bool
note_level(struct store *s, struct tx *tx, const struct room_note *n)
{
	int64_t level;

	if (n->charge == 0 && !n->full)
		return true;
	if (!read_level(s, tx, n->member_id, &level))
		return false;
	level += n->charge * 1000;
	if (n->full && level < bucket_size(s))
		level = bucket_size(s);
	return write_level(tx, n->member_id, level);
}

bool
room_note(struct store *s, struct tx *tx, const struct room_note *n)
{
	return free_slots(tx, n) && note_state(tx, n) &&
	    note_level(s, tx, n);
}

static bool
note(struct tx *tx, struct db_work *w)
{
	struct noting_room *n = (struct noting_room *)w;

	return room_note(n->store, tx, &n->note);
}

DB_WORK(store_note_room, noting_room, note)
