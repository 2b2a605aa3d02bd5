/*
 * A person wants it now: what waits for a time is due.
 *
 * Called by the operator's tool, while handlers may work.  Owns nothing.
 * Messages are found by steps that only read, so that those which do not
 * match hold nobody up; each is looked at again before it is moved.  A probe
 * that is under way is left alone.
 */
#include "store/flush.h"

#include "store/cover.h"
#include "store/private.h"
#include "store/steps.h"
#include "store/upgrade.h"

#include <stdio.h>
#include <string.h>

#define READ_ROWS 1000
#define STEP_ROWS 25		/* that a transaction writes */

struct flushing {
	struct db_work db;
	struct flush *out;
	int64_t now_ms;		/* what came to wait since then is left */
	int64_t at, at_id;	/* where the last step ended */
	char at_member[256];
	int64_t id[STEP_ROWS];
	size_t n;
	int64_t moved;		/* by this step, which may run twice */
	bool more;
};

/* ---- messages that wait for a time of their own */

static bool
is_wanted(const struct flush *f, const struct rows *r)
{
	return (f->member_id == NULL ||
	    strcmp(f->member_id, db_text(r, 2)) == 0) &&
	    (f->connector == NULL || strcmp(f->connector, db_text(r, 3)) == 0);
}

static bool
find_later(struct tx *tx, struct db_work *w)
{
	struct flushing *s = (struct flushing *)w;
	int64_t looked = 0;
	struct rows r;

	s->n = 0;
	DB_ROWS(tx, &r, "SELECT next_ms, id, member_id, connector FROM queue"
	    " WHERE turn = " LATER " AND (next_ms, id) > (?1, ?2)"
	    " ORDER BY next_ms, id LIMIT ?3", V_INT(s->at), V_INT(s->at_id),
	    V_INT(READ_ROWS));
	while (s->n < STEP_ROWS && db_next(&r)) {
		s->at = db_int(&r, 0);
		s->at_id = db_int(&r, 1);
		if (is_wanted(s->out, &r))
			s->id[s->n++] = s->at_id;
		looked++;
	}
	s->more = s->n == STEP_ROWS || looked == READ_ROWS;
	return db_end(&r);
}

static bool
end_waits(struct tx *tx, struct db_work *w)
{
	struct flushing *s = (struct flushing *)w;
	bool ok = true, ended;

	s->moved = 0;
	for (size_t i = 0; ok && i < s->n; i++) {
		ok = later_end(tx, s->id[i], &ended);
		s->moved += ended;
	}
	return ok;
}

static enum err
flush_messages(struct store *store, struct flushing *s, struct problem *p)
{
	enum err e;

	/* what is due already has its turn */
	s->at = s->now_ms;
	s->at_id = INT64_MAX;
	do {
		s->db = (struct db_work){ .work = find_later, .reads = true };
		e = store_now(store, &s->db, p);
		if (e != ERR_OK || s->n == 0)
			continue;
		s->db = (struct db_work){ .work = end_waits };
		e = store_now(store, &s->db, p);
		s->out->due += e == ERR_OK ? s->moved : 0;
		if (s->out->progress != NULL)
			s->out->progress(s->out);
		let_others(s->more);
	} while (e == ERR_OK && s->more);
	return e;
}

/* ---- channels that are down: few */

/* Nobody is at it just now. */
static bool
is_free(struct tx *tx, int64_t owner)
{
	return owner == 0 || !db_alive(tx, owner);
}

static bool
probe_channel(struct tx *tx, int64_t number)
{
	return DB_RUN(tx, "UPDATE place SET look_ms = ?2, owner = 0"
	    " WHERE number = ?1", V_INT(number), V_INT(db_time(tx)));
}

static bool
channels(struct tx *tx, struct db_work *w)
{
	struct flushing *s = (struct flushing *)w;
	int64_t looked = 0;
	bool ok = true;
	struct rows r;

	s->moved = 0;
	DB_ROWS(tx, &r, "SELECT number, owner FROM place WHERE down_ms <> 0"
	    " AND number > ?1 AND (?2 IS NULL OR connector = ?2)"
	    " ORDER BY number LIMIT ?3", V_INT(s->at),
	    V_TEXT(s->out->connector), V_INT(STEP_ROWS));
	while (ok && db_next(&r)) {
		bool is = is_free(tx, db_int(&r, 1));

		s->at = db_int(&r, 0);
		ok = !is || probe_channel(tx, s->at);
		s->moved += is;
		looked++;
	}
	s->more = looked == STEP_ROWS;
	return db_end(&r) && ok;
}

/* ---- portals that are down, or parked */

static bool
look_at_once(struct tx *tx, const char *member_id)
{
	return DB_RUN(tx, "UPDATE place SET look_ms = ?2"
	    " WHERE member_id = ?1", V_TEXT(member_id), V_INT(db_time(tx)));
}

static bool
probe_portal(struct tx *tx, const char *member_id)
{
	return DB_RUN(tx, "UPDATE room SET probe_ms = ?2, owner = 0"
	    " WHERE member_id = ?1 AND down_ms <> 0", V_TEXT(member_id),
	    V_INT(db_time(tx))) && look_at_once(tx, member_id);
}

/* Who tries parks it again if it is in vain. */
static bool
unpark(struct tx *tx, const char *member_id)
{
	return DB_RUN(tx, "UPDATE room SET parked = NULL"
	    " WHERE member_id = ?1", V_TEXT(member_id)) &&
	    look_at_once(tx, member_id);
}

#define OF_PORTAL " AND member_id > ?1 AND (?2 IS NULL OR member_id = ?2)" \
	" AND (?3 IS NULL OR EXISTS (SELECT 1 FROM place p WHERE" \
	" p.member_id = room.member_id AND p.connector = ?3))" \
	" ORDER BY member_id LIMIT ?4"

static bool
portals(struct tx *tx, struct db_work *w)
{
	struct flushing *s = (struct flushing *)w;
	int64_t looked = 0;
	bool ok = true;
	struct rows r;

	s->moved = 0;
	DB_ROWS(tx, &r, "SELECT member_id, owner FROM room WHERE down_ms <> 0"
	    OF_PORTAL, V_TEXT(s->at_member), V_TEXT(s->out->member_id),
	    V_TEXT(s->out->connector), V_INT(STEP_ROWS));
	while (ok && db_next(&r)) {
		bool is = is_free(tx, db_int(&r, 1));

		db_copy(&r, 0, s->at_member, sizeof(s->at_member));
		ok = !is || probe_portal(tx, s->at_member);
		s->moved += is;
		looked++;
	}
	s->more = looked == STEP_ROWS;
	return db_end(&r) && ok;
}

static bool
parked(struct tx *tx, struct db_work *w)
{
	struct flushing *s = (struct flushing *)w;
	bool ok = true;
	struct rows r;

	s->moved = 0;
	DB_ROWS(tx, &r, "SELECT member_id FROM room WHERE parked IS NOT NULL"
	    OF_PORTAL, V_TEXT(s->at_member), V_TEXT(s->out->member_id),
	    V_TEXT(s->out->connector), V_INT(STEP_ROWS));
	while (ok && db_next(&r)) {
		db_copy(&r, 0, s->at_member, sizeof(s->at_member));
		ok = unpark(tx, s->at_member);
		s->moved++;
	}
	s->more = s->moved == STEP_ROWS;
	return db_end(&r) && ok;
}

static enum err
flush_rows(struct store *store, struct flushing *s,
    bool (*work)(struct tx *, struct db_work *), int64_t *n,
    struct problem *p)
{
	enum err e;

	s->at = -1;
	s->at_member[0] = '\0';
	do {
		s->db = (struct db_work){ .work = work };
		e = store_now(store, &s->db, p);
		*n += e == ERR_OK ? s->moved : 0;
		let_others(e == ERR_OK && s->more);
	} while (e == ERR_OK && s->more);
	return e;
}

/* ---- one message */

struct one {
	int64_t id, place, chat;
	enum turn turn;
	enum state state;
	char member_id[256];
	bool there;
};

static bool
read_one(struct tx *tx, int64_t id, struct one *o)
{
	struct rows r;

	*o = (struct one){ .id = id };
	DB_ROWS(tx, &r, "SELECT turn, state, place, chat, member_id FROM queue"
	    " WHERE id = ?1", V_INT(id));
	o->there = db_next(&r);
	if (o->there) {
		const char *member_id = db_text(&r, 4);

		o->turn = (enum turn)db_int(&r, 0);
		o->state = (enum state)db_int(&r, 1);
		o->place = db_int(&r, 2);
		o->chat = db_int(&r, 3);
		(void)snprintf(o->member_id, sizeof(o->member_id), "%s",
		    member_id != NULL ? member_id : "");
	}
	return db_end(&r);
}

/* It waits for the first of its chat: that one is meant. */
static bool
go_to_first(struct tx *tx, struct one *o)
{
	struct chat_first first;

	if (!o->there || o->turn != TURN_BEHIND)
		return true;
	return chat_first(tx, o->chat, &first) &&
	    read_one(tx, first.id, o);
}

static bool
probe_place(struct tx *tx, const struct one *o, struct flush *f)
{
	int64_t n;

	if (!DB_NUMBER(tx, &n, "SELECT 1 + owner FROM place WHERE number = ?1"
	    " AND down_ms <> 0", V_INT(o->place)))
		return false;
	if (n == 0 || !is_free(tx, n - 1))
		return true;
	f->channels = 1;
	return probe_channel(tx, o->place);
}

static bool
probe_room(struct tx *tx, const struct one *o, struct flush *f)
{
	int64_t owner = -1, is_parked = 0;
	struct rows r;

	DB_ROWS(tx, &r, "SELECT CASE WHEN down_ms <> 0 THEN owner ELSE -1 END,"
	    " parked IS NOT NULL FROM room WHERE member_id = ?1",
	    V_TEXT(o->member_id));
	if (db_next(&r)) {
		owner = db_int(&r, 0);
		is_parked = db_int(&r, 1);
	}
	if (!db_end(&r))
		return false;
	f->portals = owner >= 0 && is_free(tx, owner);
	f->parked = is_parked;
	return (f->portals == 0 || probe_portal(tx, o->member_id)) &&
	    (f->parked == 0 || unpark(tx, o->member_id));
}

static bool
flush_one(struct tx *tx, struct db_work *w)
{
	struct flushing *s = (struct flushing *)w;
	struct flush *f = s->out;
	struct one o;
	bool ended = false;

	f->due = f->channels = f->portals = f->parked = 0;
	if (!read_one(tx, f->id, &o) || !go_to_first(tx, &o) ||
	    (o.there && !later_end(tx, o.id, &ended)))
		return false;
	f->due = ended;
	if (!o.there || ended || o.turn != TURN_READY)
		return true;
	return o.state == STATE_DELIVERED ? probe_room(tx, &o, f) :
	    probe_place(tx, &o, f);
}

/* ---- all of it */

static bool
who_runs(struct tx *tx, struct db_work *w)
{
	struct flushing *s = (struct flushing *)w;
	struct cover cover = { .any = false };
	bool ok = cover_read(tx, &cover);

	s->out->runs = cover.any;
	s->now_ms = db_time(tx);
	cover_free(&cover);
	return ok;
}

static enum err
flush_all(struct store *store, struct flushing *s, struct problem *p)
{
	struct flush *f = s->out;
	/* a channel is no portal's */
	enum err e = f->member_id != NULL ? ERR_OK :
	    flush_rows(store, s, channels, &f->channels, p);

	if (e == ERR_OK)
		e = flush_rows(store, s, portals, &f->portals, p);
	if (e == ERR_OK)
		e = flush_rows(store, s, parked, &f->parked, p);
	return e == ERR_OK ? flush_messages(store, s, p) : e;
}

enum err
store_flush(struct store *store, struct flush *f, struct problem *p)
{
	struct flushing s = { .db = { .work = who_runs, .reads = true },
	    .out = f };
	enum err e = older_take_over(store, p);

	f->due = f->channels = f->portals = f->parked = 0;
	f->runs = false;
	if (e == ERR_OK)
		e = store_now(store, &s.db, p);
	if (e != ERR_OK || f->id == 0)
		return e == ERR_OK ? flush_all(store, &s, p) : e;
	s.db = (struct db_work){ .work = flush_one };
	return store_now(store, &s.db, p);
}
