/*
 * The look for what is to be done: due messages, places, dead processes.
 *
 * Called by the relay twice a second, and when something that it knows of is
 * due.  Owns the list of places until the caller frees it.  Each step is
 * bounded; what is left is found by the next look, which then comes at once.
 */
#include "store/place.h"

#include "store/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DUE_ROWS 200
#define AGED_ROWS 100
#define AGAIN_MS 1000		/* until others are told of a place, too */
#define PARKED_LOOK_MS 60000

/* A row of `place` that is due.  Texts live with the rows. */
struct candidate {
	struct look_place place;
	int64_t down_ms, owner, ready;
	char *reason;
};

/* A message's own wait is over: it is ready at its place. */
static bool
make_ready(struct tx *tx, const struct rows *r)
{
	struct place at = {
		.kind = db_int(r, 1) == STATE_DELIVERED ? PLACE_TELL :
		    PLACE_CHANNEL,
		.number = db_int(r, 2),
		.member_id = db_text(r, 3),
		.connector = db_text(r, 4),
		.line = db_int(r, 5),
	};

	at.name = at.kind == PLACE_TELL ? at.member_id : at.connector;
	if (at.kind == PLACE_CHANNEL)
		at.member_id = NULL;
	return DB_RUN(tx, "UPDATE queue SET turn = " READY " WHERE id = ?1",
	    V_INT(db_int(r, 0))) && place_add(tx, &at, 1);
}

#define DUE_COLUMNS "SELECT id, state, place, member_id, connector, line" \
	" FROM queue WHERE turn = " LATER

static bool
make_all_ready(struct tx *tx, struct rows *r, bool *more)
{
	int64_t n = 0;
	bool ok = true;

	while (ok && db_next(r)) {
		ok = make_ready(tx, r);
		n++;
	}
	*more = *more || n == DUE_ROWS;
	return db_end(r) && ok;
}

/* What is further ahead than any wait is due, too: a clock has jumped. */
static bool
due(struct store *s, struct tx *tx, bool *more)
{
	int64_t now = db_time(tx);
	struct rows r;

	DB_ROWS(tx, &r, DUE_COLUMNS " AND next_ms <= ?1 ORDER BY next_ms"
	    " LIMIT ?2", V_INT(now), V_INT(DUE_ROWS));
	if (!make_all_ready(tx, &r, more))
		return false;
	DB_ROWS(tx, &r, DUE_COLUMNS " AND next_ms > ?1 ORDER BY next_ms DESC"
	    " LIMIT ?2", V_INT(now + 2 * s->opts.longest_ms),
	    V_INT(DUE_ROWS));
	return make_all_ready(tx, &r, more);
}

/* Further ahead than this nobody waits, so a clock has jumped. */
static int64_t
far_ms(const struct store *s, const struct tx *tx, int64_t probe_ms)
{
	int64_t longest = s->opts.longest_ms;

	if (longest < probe_ms)
		longest = probe_ms;
	if (longest < PARKED_LOOK_MS)
		longest = PARKED_LOOK_MS;
	return db_time(tx) + 2 * longest;
}

static bool
mend_far(struct store *s, struct tx *tx, int64_t probe_ms)
{
	int64_t now = db_time(tx), far = far_ms(s, tx, probe_ms);

	return DB_RUN(tx, "UPDATE place SET look_ms = ?1 WHERE look_ms > ?2",
	    V_INT(now), V_INT(far)) && (db_changed(tx) == 0 ||
	    DB_RUN(tx, "UPDATE room SET probe_ms = ?1 WHERE probe_ms > ?2",
	    V_INT(now), V_INT(far)));
}

static char *
dup(const char *s, bool *ok)
{
	char *copy = s != NULL ? strdup(s) : NULL;

	if (s != NULL && copy == NULL)
		*ok = false;
	return copy;
}

static void
free_place(struct look_place *p)
{
	free(p->member_id);
	free(p->connector);
	free(p->name);
}

static void
forget(struct looking *l)
{
	while (l->n != 0)
		free_place(&l->place[--l->n]);
	free(l->place);
	l->place = NULL;
}

#define PLACE_COLUMNS "SELECT number, kind, member_id, connector, line, name," \
	" down_ms, owner, reason, ready FROM place WHERE "

static bool
copy_candidates(struct rows *r, struct candidate *c, size_t *n, size_t max)
{
	bool ok = true;

	while (ok && *n < max && db_next(r))
		c[(*n)++] = (struct candidate){
			.place = {
				.number = db_int(r, 0),
				.kind = (enum place_kind)db_int(r, 1),
				.member_id = dup(db_text(r, 2), &ok),
				.connector = dup(db_text(r, 3), &ok),
				.line = db_int(r, 4),
				.name = dup(db_text(r, 5), &ok),
			},
			.down_ms = db_int(r, 6),
			.owner = db_int(r, 7),
			.reason = dup(db_text(r, 8), &ok),
			.ready = db_int(r, 9),
		};
	return db_end(r) && ok;
}

/* Places that are due, of the connectors of this process. */
static bool
read_candidates(struct tx *tx, const struct looking *l, struct candidate *c,
    size_t *n)
{
	const struct store_opts *o = &l->store->opts;
	bool ok = true;
	struct rows r;

	if (o->connectors == 0) {
		DB_ROWS(tx, &r, PLACE_COLUMNS "look_ms <= ?1"
		    " ORDER BY look_ms LIMIT ?2", V_INT(db_time(tx)),
		    V_INT(l->max));
		return copy_candidates(&r, c, n, l->max);
	}
	for (size_t i = 0; ok && i < o->connectors; i++) {
		DB_ROWS(tx, &r, PLACE_COLUMNS "connector = ?3"
		    " AND look_ms <= ?1 ORDER BY look_ms LIMIT ?2",
		    V_INT(db_time(tx)), V_INT(l->max),
		    V_TEXT(o->connector[i]));
		ok = copy_candidates(&r, c, n, l->max);
	}
	return ok;
}

static bool
look_again(struct tx *tx, const struct candidate *c, int64_t ms)
{
	return DB_RUN(tx, "UPDATE place SET look_ms = ?2 WHERE number = ?1",
	    V_INT(c->place.number), V_INT(ms));
}

/* What has waited for too long there is given up. */
static bool
give_up_old(struct looking *l, struct tx *tx, const struct candidate *c,
    const char *why)
{
	struct store *s = l->store;
	int64_t id[AGED_ROWS], n = 0;
	enum state state = c->place.kind == PLACE_TELL ? STATE_DELIVERED :
	    STATE_RECEIVED;
	char reason[PROBLEM_TEXT_MAX];
	int64_t limit;
	struct rows r;
	bool ok;

	if (!age_limit(s, tx, AGE_GIVE_UP, &limit))
		return false;
	(void)snprintf(reason, sizeof(reason), "given up: %s", why != NULL ?
	    why : "it waited too long");
	DB_ROWS(tx, &r, "SELECT id FROM queue WHERE turn = " READY
	    " AND place = ?1 AND received_us < ?2 ORDER BY id LIMIT ?3",
	    V_INT(c->place.number), V_INT(limit * 1000),
	    V_INT(AGED_ROWS));
	while (n < AGED_ROWS && db_next(&r))
		id[n++] = db_int(&r, 0);
	ok = db_end(&r);
	l->more = l->more || n == AGED_ROWS;
	for (int64_t i = 0; ok && i < n; i++)
		ok = refuse_waiting(s, tx, id[i], state, &c->place, reason);
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
	*serve = true;
	if (c->down_ms == 0)
		return look_again(tx, c, db_time(tx) + AGAIN_MS);
	if (!give_up_old(l, tx, c, c->reason))
		return false;
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

static void
copy_reason(char out[PROBLEM_TEXT_MAX], const char *s)
{
	(void)snprintf(out, PROBLEM_TEXT_MAX, "%s", s != NULL ? s : "");
}

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
		copy_reason(s->parked, db_text(&r, 3));
		copy_reason(s->reason, db_text(&r, 4));
	}
	return db_end(&r);
}

static bool
probe_room(struct looking *l, struct tx *tx, struct candidate *c,
    const struct room_state *s, bool *serve)
{
	int64_t now = db_time(tx);

	*serve = s->probe_ms <= now && (s->owner == 0 ||
	    s->owner == db_me(tx) || !db_alive(tx, s->owner));
	if (!*serve)
		return look_again(tx, c, s->probe_ms > now ? s->probe_ms :
		    now + AGAIN_MS);
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

	*serve = false;
	if (!read_room(tx, c->place.member_id, &room))
		return false;
	if ((room.down_ms != 0 || room.parked[0] != '\0') &&
	    !give_up_old(l, tx, c, room.parked[0] != '\0' ? room.parked :
	    room.reason))
		return false;
	if (room.down_ms != 0)
		return probe_room(l, tx, c, &room, serve);
	if (room.parked[0] != '\0')
		return look_again(tx, c, db_time(tx) + PARKED_LOOK_MS);
	*serve = true;
	return look_again(tx, c, db_time(tx) + AGAIN_MS);
}

static bool
look_at(struct looking *l, struct tx *tx, struct candidate *c)
{
	bool serve, ok;

	/* nothing waits there any more */
	if (c->down_ms == 0 && c->ready <= 0)
		return DB_RUN(tx, "DELETE FROM place WHERE number = ?1",
		    V_INT(c->place.number));
	ok = c->place.kind == PLACE_TELL ?
	    look_at_tell(l, tx, c, &serve) :
	    look_at_channel(l, tx, c, &serve);

	if (ok && serve) {
		l->place[l->n++] = c->place;
		/* they are the list's now */
		c->place.member_id = c->place.connector = c->place.name = NULL;
	}
	return ok;
}

static bool
look_at_all(struct looking *l, struct tx *tx, struct candidate *c)
{
	size_t n = 0, i = 0;
	bool ok = read_candidates(tx, l, c, &n);

	l->more = l->more || n == l->max;
	for (; ok && i < n; i++)
		ok = look_at(l, tx, &c[i]);
	for (i = 0; i < n; i++) {
		free_place(&c[i].place);
		free(c[i].reason);
	}
	return ok;
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

/* When something is due for this process: the earliest, or 0. */
static bool
next_due(const struct store *s, struct tx *tx, int64_t *ms)
{
	int64_t place = 0;
	bool ok = DB_NUMBER(tx, ms, "SELECT next_ms FROM queue WHERE"
	    " turn = " LATER " ORDER BY next_ms LIMIT 1", V_NONE);

	if (ok && s->opts.connectors == 0)
		ok = DB_NUMBER(tx, &place, "SELECT look_ms FROM place WHERE"
		    " look_ms IS NOT NULL ORDER BY look_ms LIMIT 1", V_NONE);
	*ms = earlier(*ms, place);
	for (size_t i = 0; ok && i < s->opts.connectors; i++) {
		ok = DB_NUMBER(tx, &place, "SELECT look_ms FROM place WHERE"
		    " connector = ?1 AND look_ms IS NOT NULL"
		    " ORDER BY look_ms LIMIT 1",
		    V_TEXT(s->opts.connector[i]));
		*ms = earlier(*ms, place);
	}
	return ok;
}

static bool
look(struct tx *tx, struct db_work *w)
{
	struct looking *l = (struct looking *)w;
	struct candidate *c = calloc(l->max, sizeof(*c));
	bool ok;

	forget(l);
	l->more = false;
	l->place = calloc(l->max, sizeof(*l->place));
	ok = c != NULL && l->place != NULL ? recover_step(l->store, tx,
	    &l->more) && due(l->store, tx, &l->more) &&
	    mend_far(l->store, tx, l->probe_ms) &&
	    look_at_all(l, tx, c) && next_due(l->store, tx, &l->next_ms) :
	    db_no_memory(tx);
	free(c);
	if (!ok)
		forget(l);
	return ok;
}

void
store_look(struct looking *l)
{
	l->db.work = look;
	l->place = NULL;
	l->n = 0;
}

void
store_look_free(struct looking *l)
{
	forget(l);
}

static bool
is_far(struct tx *tx, const struct peeking *p, int64_t *found)
{
	int64_t now = db_time(tx);

	return DB_NUMBER(tx, found, "SELECT EXISTS(SELECT 1 FROM place"
	    " WHERE look_ms > ?1) OR EXISTS(SELECT 1 FROM queue"
	    " WHERE turn = " LATER " AND next_ms > ?2)",
	    V_INT(far_ms(p->store, tx, p->probe_ms)),
	    V_INT(now + 2 * p->store->opts.longest_ms));
}

static bool
peek(struct tx *tx, struct db_work *w)
{
	struct peeking *p = (struct peeking *)w;
	int64_t dead, installs, far;
	bool ok = db_next_dead(tx, &dead) &&
	    next_due(p->store, tx, &p->next_ms) && DB_NUMBER(tx, &installs,
	    "SELECT 1 FROM install LIMIT 1", V_NONE) && is_far(tx, p, &far);

	p->due = ok && (dead != 0 || far != 0 || (p->next_ms != 0 &&
	    p->next_ms <= db_time(tx)));
	p->installs = ok && installs != 0;
	return ok;
}

void
store_peek(struct peeking *p)
{
	p->db.work = peek;
	p->db.reads = true;
}
