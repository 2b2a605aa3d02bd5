/*
 * What a person does to the queue.
 *
 * Called by the operator's tool, while handlers may work.  Owns nothing.
 * What a living process has claimed is left alone.  Many messages go in small
 * steps, each a transaction of its own.
 */
#include "store/admin.h"

#include "store/find.h"
#include "store/private.h"
#include "store/steps.h"
#include "store/upgrade.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define STEP_ROWS 50		/* events are stored in between; */
#define RETRY_ROWS 25		/* of these each is written anew */
#define STEP_PAUSE_MS 4		/* in which others have the turn */

struct wish {
	struct db_work db;
	struct store *store;
	int64_t id;		/* 0: all, behind `last` */
	int64_t last;		/* where a step ended */
	int64_t older_ms;	/* only those; 0: any */
	int64_t n;
	bool more;
};

void
let_others(bool more)
{
	if (more)
		(void)poll(NULL, 0, STEP_PAUSE_MS);
}

/* Of a refused message: what its new life begins with. */
struct again {
	int64_t id, chat, line;
	bool delivered;
	const char *member_id, *connector;
};

#define COPIED "id, chat, message_id, chat_id, line, received_us, ts," \
	" delivered_ms, key, event, member_id, domain, connector, chat_name," \
	" ids, endpoint, token, body, newer"

/* Where it waits: behind its chat's first, or ready at its place. */
static bool
find_place(const struct store *s, struct tx *tx, const struct again *m,
    struct place *at, enum turn *turn)
{
	const char *url = s->opts.channel_url != NULL ? s->opts.channel_url(
	    s->opts.channel_ctx, m->connector, m->line) : "";
	struct chat_first first = { .id = 0 };

	*at = (struct place){ .connector = m->connector,
	    .kind = m->delivered ? PLACE_TELL : PLACE_CHANNEL,
	    .member_id = m->delivered ? m->member_id : NULL,
	    .line = m->delivered ? m->line : 0,
	    .name = m->delivered ? m->member_id : m->connector };
	if (m->delivered ? place_of_tell(&at->number, m->member_id,
	    m->connector, m->line) != ERR_OK :
	    place_of_channel(&at->number, m->connector, url) != ERR_OK)
		return db_no_memory(tx);
	if (!m->delivered && !chat_first(tx, m->chat, &first))
		return false;
	*turn = first.id != 0 ? TURN_BEHIND : TURN_READY;
	return true;
}

/*
 * A message goes on from the step that refused it: one that the channel took
 * has its ids, and is never handed over again.
 */
static bool
put_back(struct store *s, struct tx *tx, const struct again *m)
{
	struct place at;
	enum turn turn = TURN_READY;

	if (!find_place(s, tx, m, &at, &turn))
		return false;
	tally_add(s, tx, TALLY_REFUSED, -1);
	tally_add(s, tx, m->delivered ? TALLY_DELIVERED : TALLY_RECEIVED, 1);
	return DB_RUN(tx, "INSERT INTO queue(state, turn, owner, place, "
	    COPIED ") SELECT ?2, ?3, 0, ?4, " COPIED
	    " FROM refused WHERE id = ?1", V_INT(m->id),
	    V_INT(m->delivered ? STATE_DELIVERED : STATE_RECEIVED),
	    V_INT(turn), V_INT(at.number)) &&
	    DB_RUN(tx, "DELETE FROM refused WHERE id = ?1", V_INT(m->id)) &&
	    (turn != TURN_READY || place_add(tx, &at, 1));
}

static bool
retry(struct tx *tx, struct db_work *w)
{
	struct wish *v = (struct wish *)w;
	int64_t from = v->last, n = 0;
	bool ok = true;
	struct rows r;

	v->n = 0;
	DB_ROWS(tx, &r, "SELECT id, chat, line, ids IS NOT NULL, member_id,"
	    " connector, step FROM refused WHERE id >= ?1 AND id > ?2"
	    " ORDER BY id LIMIT ?3", V_INT(v->id), V_INT(from),
	    V_INT(v->id != 0 ? 1 : RETRY_ROWS));
	while (ok && db_next(&r)) {
		const struct again m = { db_int(&r, 0), db_int(&r, 1),
		    db_int(&r, 2), db_int(&r, 3) != 0, db_text(&r, 4),
		    db_text(&r, 5) };

		n++;
		v->last = m.id;
		/* bad ones do not get better */
		if (db_int(&r, 6) == STEP_READ || (v->id != 0 &&
		    m.id != v->id))
			continue;
		ok = put_back(v->store, tx, &m);
		v->n++;
	}
	v->more = n == RETRY_ROWS;
	if (!db_end(&r) || !ok) {
		v->last = from;
		return false;
	}
	return true;
}

/* Whether it may go; and from where it goes. */
struct found {
	bool there, waits, older;
	enum state state;
	enum turn turn;
	int64_t chat, place;
	char connector[256];
};

static bool
find_row(struct tx *tx, int64_t id, struct found *f)
{
	struct rows r;

	memset(f, 0, sizeof(*f));
	DB_ROWS(tx, &r, "SELECT state, turn, owner, chat, place, connector,"
	    " newer FROM queue WHERE id = ?1", V_INT(id));
	if (db_next(&r)) {
		const char *c = db_text(&r, 5);

		f->there = true;
		f->state = (enum state)db_int(&r, 0);
		f->turn = (enum turn)db_int(&r, 1);
		f->waits = db_int(&r, 2) == 0 || !db_alive(tx, db_int(&r, 2));
		f->chat = db_int(&r, 3);
		f->place = db_int(&r, 4);
		f->older = db_int(&r, 6) != 0;
		(void)snprintf(f->connector, sizeof(f->connector), "%s",
		    c != NULL ? c : "");
	}
	return db_end(&r);
}

/* Out of the queue; the next of its chat must not wait for it. */
static bool
remove_waiting(struct store *s, struct tx *tx, int64_t id,
    const struct found *f)
{
	struct place at = { .number = f->place, .kind = PLACE_CHANNEL,
	    .connector = f->connector, .name = f->connector };
	struct work *none;

	tally_gone(s, tx, f->state == STATE_RECEIVED ? TALLY_RECEIVED :
	    TALLY_DELIVERED, f->older);
	/* one that waits behind another leaves that one's chat as it is */
	return DB_RUN(tx, "DELETE FROM queue WHERE id = ?1", V_INT(id)) &&
	    (f->turn != TURN_READY || place_remove(tx, f->place, 1)) &&
	    (f->state != STATE_RECEIVED || f->turn == TURN_BEHIND ||
	    chat_next(s, tx, f->chat, false, &at, &none));
}

static bool
remove_refused(struct store *s, struct tx *tx, int64_t id)
{
	int64_t gone;
	bool ok = DB_NUMBER(tx, &gone, "DELETE FROM refused WHERE id = ?1"
	    " RETURNING 1 + newer", V_INT(id));

	if (ok && gone != 0)
		tally_gone(s, tx, TALLY_REFUSED, gone > 1);
	return ok;
}

static bool
drop(struct tx *tx, struct db_work *w)
{
	struct wish *v = (struct wish *)w;
	struct found f;

	v->n = 0;
	if (!find_row(tx, v->id, &f))
		return false;
	if (f.there && !f.waits)
		return true;
	v->n = 1;
	return f.there ? remove_waiting(v->store, tx, v->id, &f) :
	    remove_refused(v->store, tx, v->id);
}

/* With the message goes the key: it may come anew. */
static bool
forget_key(struct store *s, struct tx *tx, int64_t id, int64_t message_id)
{
	if (!DB_RUN(tx, "DELETE FROM seen WHERE id = ?1 AND message_id = ?2",
	    V_INT(id), V_INT(message_id)))
		return false;
	tally_add(s, tx, TALLY_SEEN, -db_changed(tx));
	return true;
}

static bool
drop_key(struct tx *tx, struct db_work *w)
{
	struct wish *v = (struct wish *)w;

	return drop(tx, w) && (v->n == 0 || forget_key(v->store, tx, v->id,
	    v->last));
}

enum err
store_drop(struct store *s, const char *key, int64_t *n, struct problem *p)
{
	struct wish v = { .db.work = drop_key, .store = s };
	enum err e = older_take_over(s, p);

	*n = 0;
	if (e == ERR_OK)
		e = store_find_key(s, key, &v.id, &v.last, p);
	if (e != ERR_OK || v.id == 0)
		return e;
	e = store_now(s, &v.db, p);
	*n = e == ERR_OK ? v.n : 0;
	return e;
}

static bool
drop_some(struct tx *tx, struct db_work *w)
{
	struct wish *v = (struct wish *)w;
	int64_t from = v->last, n = 0;
	bool ok = true;
	struct rows r;

	v->n = 0;
	DB_ROWS(tx, &r, "SELECT id, message_id, changed_ms < ?2 FROM refused"
	    " WHERE id > ?1 ORDER BY id LIMIT ?3", V_INT(from),
	    V_INT(db_time(tx) - v->older_ms), V_INT(STEP_ROWS));
	while (ok && db_next(&r)) {
		v->last = db_int(&r, 0);
		if (db_int(&r, 2) != 0 || v->older_ms == 0) {
			ok = remove_refused(v->store, tx, v->last) &&
			    forget_key(v->store, tx, v->last, db_int(&r, 1));
			v->n++;
		}
		n++;
	}
	v->more = n == STEP_ROWS;
	if (!db_end(&r) || !ok) {
		v->last = from;
		return false;
	}
	return true;
}

/* All steps of a wish. */
static enum err
go_through(struct store *s, struct wish *v, struct many *m,
    struct problem *p)
{
	enum err e;

	do {
		v->more = false;
		e = store_now(s, &v->db, p);
		m->n += e == ERR_OK ? v->n : 0;
		if (m->progress != NULL)
			m->progress(m);
		let_others(e == ERR_OK && v->more);
	} while (e == ERR_OK && v->more);
	return e;
}

enum err
store_drop_refused(struct store *s, int64_t older_ms, struct many *m,
    struct problem *p)
{
	struct wish v = { .db.work = drop_some, .store = s,
	    .older_ms = older_ms };
	enum err e = older_take_over(s, p);

	m->n = 0;
	return e == ERR_OK ? go_through(s, &v, m, p) : e;
}

enum err
store_retry_refused(struct store *s, struct many *m, struct problem *p)
{
	struct wish v = { .db.work = retry, .store = s };
	enum err e = older_take_over(s, p);

	m->n = 0;
	return e == ERR_OK ? go_through(s, &v, m, p) : e;
}

enum err
store_retry(struct store *s, const char *key, int64_t *n, struct problem *p)
{
	struct wish v = { .db.work = retry, .store = s };
	struct many all = { .n = 0 };
	enum err e;

	*n = 0;
	if (key == NULL) {
		e = store_retry_refused(s, &all, p);
		*n = all.n;
		return e;
	}
	e = older_take_over(s, p);
	if (e == ERR_OK)
		e = store_find(s, key, &v.id, p);
	if (e != ERR_OK || v.id == 0)
		return e;
	e = store_now(s, &v.db, p);
	*n = e == ERR_OK ? v.n : 0;
	return e;
}

struct purging {
	struct db_work db;
	struct store *store;
	int64_t n;
	bool more;
};

static bool
purge(struct tx *tx, struct db_work *w)
{
	struct purging *v = (struct purging *)w;

	return purge_step(v->store, tx, STEP_ROWS, &v->n, &v->more);
}

enum err
store_purge(struct store *s, int64_t *n, bool *more, struct problem *p)
{
	struct purging v = { .db.work = purge, .store = s };
	enum err e = store_now(s, &v.db, p);

	*n = e == ERR_OK ? v.n : 0;
	*more = e == ERR_OK && v.more;
	let_others(*more);
	return e;
}
