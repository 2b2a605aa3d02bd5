/*
 * Looking on at what comes and goes.
 *
 * Called by the operator's tool.  Owns the list of messages that it follows.
 * Nothing in the store says what happened; but numbers are given out in order
 * and never twice, and what was seen keeps its number.  So a look finds what
 * is new behind the last number that it knows, first in the queue, and what
 * has left that already, among the keys.
 */
#include "store/follow.h"

#include "base/arena.h"
#include "store/private.h"
#include "store/upgrade.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPEN_MAX 1024		/* messages that are followed at a time */
#define ROWS_MAX 512		/* of one look; the next goes on */
#define PAGE_BYTES ((size_t)16 * 1024 * 1024)	/* at which a look ends */
#define ARENA_MAX ((size_t)256 * 1024 * 1024)

struct follow {
	struct store *store;
	bool began;
	int64_t last;		/* all up to it are known */
	int64_t missed;
	/* those that may change: in order of their numbers */
	struct {
		int64_t id;
		enum state state;
		char key[KEY_MAX];
	} open[OPEN_MAX];
	size_t opens;
};

/* One look, in memory of its own: a transaction may run twice. */
struct looking_on {
	struct db_work db;
	const struct follow *of;
	struct arena arena;
	struct followed row[ROWS_MAX];
	size_t n;
	int64_t end;		/* the last number that was given out */
};

static bool
add_row(struct looking_on *l, const struct rows *r)
{
	struct arena *a = &l->arena;
	bool ok = true;

	l->row[l->n++] = (struct followed){
		.id = db_int(r, 0),
		.state = (enum state)db_int(r, 1),
		.key = db_dup(r, 2, a, &ok),
		.event = db_dup(r, 3, a, &ok),
		.member_id = db_dup(r, 4, a, &ok),
		.connector = db_dup(r, 5, a, &ok),
		.chat = db_dup(r, 6, a, &ok),
		.reason = db_dup(r, 7, a, &ok),
		.line = db_int(r, 8),
		.chat_id = db_int(r, 9),
		.message_id = db_int(r, 10),
		.received_us = db_int(r, 11),
		.body = db_is_null(r, 12) ? NULL : db_dup(r, 12, a, &ok),
	};
	return ok;
}

#define COLUMNS " key, event, member_id, connector, chat_name, reason," \
	" line, chat_id, message_id, received_us, body"

/* One of the queue or of what was refused; adds nothing if it is neither. */
static bool
read_open(struct tx *tx, struct looking_on *l, int64_t id)
{
	struct rows r;
	bool ok = true;

	DB_ROWS(tx, &r, "SELECT id, state," COLUMNS " FROM queue"
	    " WHERE id = ?1 UNION ALL SELECT id, 4," COLUMNS " FROM refused"
	    " WHERE id = ?1", V_INT(id));
	if (db_next(&r))
		ok = add_row(l, &r);
	return db_end(&r) && (ok || db_no_memory(tx));
}

/* What has left the queue since the last look: known by its key alone. */
static bool
read_gone(struct tx *tx, struct looking_on *l)
{
	struct rows r;
	bool ok = true;

	DB_ROWS(tx, &r, "SELECT id, 3, CASE WHEN content IS NULL THEN base"
	    " ELSE base || '-' || revision END, '', '', '', '', '', 0, 0,"
	    " message_id, since * 1000000, NULL FROM seen WHERE id > ?1"
	    " AND id <= ?2 AND NOT EXISTS (SELECT 1 FROM queue q"
	    " WHERE q.id = seen.id) AND NOT EXISTS (SELECT 1 FROM refused f"
	    " WHERE f.id = seen.id)", V_INT(l->of->last), V_INT(l->end));
	while (ok && l->n < ROWS_MAX && db_next(&r))
		ok = add_row(l, &r);
	return db_end(&r) && (ok || db_no_memory(tx));
}

static bool
next_new(struct tx *tx, int64_t from, int64_t *id)
{
	return DB_NUMBER(tx, id, "SELECT min(id) FROM (SELECT min(id) AS id"
	    " FROM queue WHERE id > ?1 UNION ALL SELECT min(id) FROM refused"
	    " WHERE id > ?1)", V_INT(from));
}

static struct followed
gone(const struct follow *f, size_t i)
{
	return (struct followed){ .id = f->open[i].id,
	    .state = STATE_ACKNOWLEDGED, .key = f->open[i].key, .event = "",
	    .member_id = "", .connector = "", .chat = "", .reason = "" };
}

static bool
is_full(const struct looking_on *l)
{
	return l->n == ROWS_MAX || l->arena.used >= PAGE_BYTES;
}

/* Known ones: those whose state is another, or that are gone. */
static bool
read_changed(struct tx *tx, struct looking_on *l)
{
	const struct follow *f = l->of;
	bool ok = true;

	for (size_t i = 0; ok && i < f->opens && !is_full(l); i++) {
		int64_t id = f->open[i].id, state = 0;

		ok = DB_NUMBER(tx, &state, "SELECT state FROM queue"
		    " WHERE id = ?1 UNION ALL SELECT 4 FROM refused"
		    " WHERE id = ?1", V_INT(id));
		if (ok && state == 0)
			l->row[l->n++] = gone(f, i);
		else if (ok && state != (int64_t)f->open[i].state)
			ok = read_open(tx, l, id);
	}
	return ok;
}

static bool
look_on(struct tx *tx, struct db_work *w)
{
	struct looking_on *l = (struct looking_on *)w;
	int64_t id = l->of->last;
	size_t before;
	bool ok;

	arena_reset(&l->arena);
	l->n = 0;
	ok = DB_NUMBER(tx, &l->end, "SELECT seq FROM sqlite_sequence"
	    " WHERE name = 'queue'", V_NONE);
	if (!ok || !l->of->began)
		return ok;
	ok = read_changed(tx, l);
	before = l->n;
	while (ok && !is_full(l)) {
		ok = next_new(tx, id, &id);
		if (id == 0)
			break;
		ok = ok && read_open(tx, l, id);
	}
	if (ok && id != 0)	/* there is more: the next look's */
		l->end = id;
	/* a search through all keys, but only where numbers are missing */
	if (ok && l->end - l->of->last > (int64_t)(l->n - before))
		ok = read_gone(tx, l);
	return ok;
}

/* The place of a followed one, or `opens`. */
static size_t
place_of(const struct follow *f, int64_t id)
{
	size_t i = 0;

	while (i < f->opens && f->open[i].id != id)
		i++;
	return i;
}

/* What was acknowledged is not followed any more, and of too many the newest
 * are not: they are told when they come. */
static void
note(struct follow *f, const struct followed *m)
{
	size_t i = place_of(f, m->id);

	if (m->state != STATE_ACKNOWLEDGED && (i < f->opens ||
	    f->opens < OPEN_MAX)) {
		f->open[i].id = m->id;
		f->open[i].state = m->state;
		(void)snprintf(f->open[i].key, KEY_MAX, "%s", m->key);
		f->opens += i == f->opens;
	} else if (i < f->opens) {
		f->opens--;
		memmove(&f->open[i], &f->open[i + 1], (f->opens - i) *
		    sizeof(f->open[0]));
	}
}

static int
by_id(const void *a, const void *b)
{
	const struct followed *m = a, *n = b;

	return (m->id > n->id) - (m->id < n->id);
}

static void
tell(struct follow *f, struct looking_on *l, void (*each)(void *,
    const struct followed *), void *ctx)
{
	int64_t fresh = 0;

	qsort(l->row, l->n, sizeof(l->row[0]), by_id);
	for (size_t i = 0; i < l->n; i++) {
		l->row[i].fresh = l->row[i].id > f->last;
		fresh += l->row[i].fresh;
		each(ctx, &l->row[i]);
		note(f, &l->row[i]);
	}
	if (f->began && l->end > f->last)
		f->missed += l->end - f->last - fresh;
	f->last = l->end > f->last ? l->end : f->last;
	f->began = true;
}

enum err
follow_new(struct follow **out, struct store *s)
{
	*out = calloc(1, sizeof(**out));
	if (*out == NULL)
		return ERR_NOMEM;
	(*out)->store = s;
	return ERR_OK;
}

void
follow_free(struct follow *f)
{
	free(f);
}

enum err
follow_look(struct follow *f, void (*each)(void *, const struct followed *),
    void *ctx, struct problem *p)
{
	struct looking_on *l = calloc(1, sizeof(*l));
	enum err e;

	if (l == NULL)
		return problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	l->db.work = look_on;
	l->db.reads = true;
	l->of = f;
	arena_init(&l->arena, ARENA_MAX);
	e = store_now(f->store, &l->db, p);
	if (e == ERR_OK)
		tell(f, l, each, ctx);
	arena_free(&l->arena);
	free(l);
	return e;
}

int64_t
follow_missed(const struct follow *f)
{
	return f->missed;
}

/* ---- lately */

struct asking_recent {
	struct db_work db;
	struct recent *out;
};

static bool
recent(struct tx *tx, struct db_work *w)
{
	struct recent *out = ((struct asking_recent *)w)->out;
	int64_t minute = db_time(tx) / 60000;
	struct rows r;

	*out = (struct recent){ 0 };	/* it may run more than once */
	DB_ROWS(tx, &r, "SELECT kind, n FROM hour WHERE at / 60 > ?1"
	    " AND at / 60 <= ?2", V_INT(minute - HOUR_MINUTES),
	    V_INT(minute));
	while (db_next(&r)) {
		int64_t kind = db_int(&r, 0);

		if (kind >= 0 && kind < HOUR_EVENTS)
			out->hour[kind] += db_int(&r, 1);
	}
	return db_end(&r) && DB_NUMBER(tx, &out->last_ms, "SELECT max(t) FROM"
	    " (SELECT received_us / 1000 AS t FROM (SELECT received_us"
	    " FROM queue ORDER BY id DESC LIMIT 1)"
	    " UNION ALL SELECT 1000 * max(since) FROM seen"
	    " UNION ALL SELECT 1000 * max(at) FROM hour WHERE kind < ?1)",
	    V_INT(HOUR_EVENTS));
}

enum err
store_recent(struct store *s, struct recent *out, struct problem *p)
{
	struct asking_recent a = { .db = { .work = recent, .reads = true },
	    .out = out };
	enum err e = older_take_over(s, p);

	*out = (struct recent){ 0 };
	return e == ERR_OK ? store_now(s, &a.db, p) : e;
}
