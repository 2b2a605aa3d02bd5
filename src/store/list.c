/*
 * The queue as a person sees it.
 *
 * Called by the operator's tool.  Owns nothing.  The queue is read in pages,
 * which are copied: no transaction is open and no lock is held while the
 * callbacks run.  A person may leave a list in a pager for hours, and what
 * an open transaction sees cannot leave the log of the store.
 */
#include "store/admin.h"

#include "base/arena.h"
#include "store/cover.h"
#include "store/find.h"
#include "store/private.h"
#include "store/upgrade.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PAGE_ROWS 500
#define PAGE_BYTES ((size_t)1024 * 1024)	/* at which it ends */
#define ARENA_MAX ((size_t)1024 * 1024 * 1024)	/* one row may be large */

/* A part of the queue, in memory of its own. */
struct page {
	struct db_work db;
	const struct filter *filter;
	int64_t id;		/* only this one; 0: all */
	struct arena arena;
	struct stored row[PAGE_ROWS];
	struct cover cover;
	size_t n;
	int64_t last;		/* the id of its last row, or message_id */
	char last_base[KEY_MAX];
	int64_t end;		/* the id of the whole list's; 0: not known */
	bool more;		/* there may be others behind it */
};

#define OPEN_COLUMNS "id, key, event, member_id, domain, connector," \
	" chat_name, line, chat_id, message_id, ts, ids, body, received_us," \
	" tries, "

/*
 * One that waits is shown with its place's hold, if that has one: what is
 * down is told there, and nowhere else.
 */
#define OPEN_SQL "SELECT " OPEN_COLUMNS "q.state, 0 AS step," \
	" coalesce(q.reason, p.reason, m.parked, m.reason) AS reason," \
	" max(delivered_ms, received_us / 1000) AS changed," \
	" CASE WHEN q.turn = 3 THEN q.next_ms WHEN m.down_ms <> 0 THEN" \
	" m.probe_ms WHEN p.down_ms <> 0 THEN p.look_ms ELSE 0 END AS next," \
	" CASE WHEN q.turn <> 2 THEN 0 WHEN p.kind = 3 THEN 2" \
	" WHEN m.down_ms <> 0 OR p.down_ms <> 0 THEN 1 ELSE 0 END AS hold," \
	" q.turn" \
	" FROM (SELECT q.*, place AS at FROM queue q WHERE q.id = ?1) q" \
	" LEFT JOIN (SELECT number, reason, look_ms, down_ms, kind" \
	" FROM place) p" \
	" ON p.number = q.at AND q.turn = 2" \
	" LEFT JOIN (SELECT member_id AS of, parked, reason, down_ms," \
	" probe_ms FROM room) m ON m.of = q.member_id AND q.state = 2" \
	" AND q.turn = 2"

#define REFUSED_SQL " UNION ALL SELECT " OPEN_COLUMNS "4, step, reason," \
	" changed_ms, 0, 0, 0 FROM refused WHERE id = ?1"

static bool
add_row(struct page *g, const struct rows *r)
{
	struct arena *a = &g->arena;
	struct stored *m;
	bool ok = true;

	g->row[g->n] = (struct stored){
		.id = db_int(r, 0),
		.key = db_dup(r, 1, a, &ok),
		.event = db_dup(r, 2, a, &ok),
		.member_id = db_dup(r, 3, a, &ok),
		.domain = db_dup(r, 4, a, &ok),
		.connector = db_dup(r, 5, a, &ok),
		.chat = db_dup(r, 6, a, &ok),
		.line = db_int(r, 7),
		.chat_id = db_int(r, 8),
		.message_id = db_int(r, 9),
		.ts = db_int(r, 10),
		.ids = db_dup(r, 11, a, &ok),
		.body = db_is_null(r, 12) ? NULL : db_dup(r, 12, a, &ok),
		.received_us = db_int(r, 13),
		.tries = db_int(r, 14),
		.state = (enum state)db_int(r, 15),
		.step = (enum step)db_int(r, 16),
		.reason = db_dup(r, 17, a, &ok),
		.changed_ms = db_int(r, 18),
		.next_ms = db_int(r, 19),
		.hold = (enum hold)db_int(r, 20),
		.turn = (enum turn)db_int(r, 21),
	};
	m = &g->row[g->n++];
	if (m->hold == HOLD_NONE && (m->turn == TURN_READY ||
	    m->turn == TURN_LATER) && !cover_has(&g->cover, m->connector))
		m->hold = HOLD_UNCOVERED;
	g->last = m->id;
	return ok;
}

static bool
is_full(const struct page *g)
{
	return g->n == PAGE_ROWS || g->arena.used >= PAGE_BYTES;
}

/* What comes while the list is being read is not on it, or it may not end. */
static bool
find_end(struct tx *tx, struct page *g)
{
	return g->end != 0 || DB_NUMBER(tx, &g->end, "SELECT seq FROM"
	    " sqlite_sequence WHERE name = 'queue'", V_NONE);
}

/* The next of either table, 0: none. */
static bool
next_id(struct tx *tx, const struct page *g, int64_t from, int64_t *id)
{
	return DB_NUMBER(tx, id, "SELECT id FROM queue WHERE id > ?1"
	    " AND id <= ?2 UNION ALL SELECT id FROM refused WHERE id > ?1"
	    " AND id <= ?2 ORDER BY id LIMIT 1", V_INT(from), V_INT(g->end));
}

/* Row by row: a sort would carry all the bodies along. */
static bool
read_row(struct tx *tx, struct page *g, int64_t id)
{
	struct rows r;
	bool ok = true;

	DB_ROWS(tx, &r, OPEN_SQL REFUSED_SQL, V_INT(id));
	if (db_next(&r))
		ok = add_row(g, &r);
	return db_end(&r) && (ok || db_no_memory(tx));
}

static bool
read_open(struct tx *tx, struct db_work *w)
{
	struct page *g = (struct page *)w;
	int64_t id = g->id != 0 ? g->id : g->last;
	bool ok = find_end(tx, g) && cover_read(tx, &g->cover);

	arena_reset(&g->arena);
	g->n = 0;
	g->more = false;
	if (g->id != 0)
		return ok && read_row(tx, g, id);
	while (ok && !is_full(g)) {
		ok = next_id(tx, g, id, &id);
		if (ok && id == 0)
			return true;
		ok = ok && read_row(tx, g, id);
	}
	g->more = true;
	return ok;
}

/* What is left of one that was acknowledged. */
static bool
add_done(struct page *g, const struct rows *r)
{
	bool ok = true;

	g->row[g->n] = (struct stored){
		.id = db_int(r, 3),
		.message_id = db_int(r, 0),
		.key = db_dup(r, 1, &g->arena, &ok),
		.state = STATE_ACKNOWLEDGED,
		.reason = "", .event = "", .member_id = "", .domain = "",
		.connector = "", .chat = "", .ids = "",
		.received_us = db_int(r, 2) * 1000000,
		.changed_ms = db_int(r, 2) * 1000,
		.ts = -1,
	};
	g->n++;
	return ok;
}

static bool
read_done(struct tx *tx, struct db_work *w)
{
	struct page *g = (struct page *)w;
	int64_t looked = 0;
	bool ok = find_end(tx, g);
	struct rows r;

	arena_reset(&g->arena);
	g->n = 0;
	if (!ok)
		return false;
	DB_ROWS(tx, &r, "SELECT message_id, CASE WHEN content IS NULL"
	    " THEN base ELSE base || '-' || revision END, since, id, base,"
	    " NOT EXISTS (SELECT 1 FROM queue q WHERE q.id = seen.id)"
	    " AND NOT EXISTS (SELECT 1 FROM refused f WHERE f.id = seen.id)"
	    " FROM seen WHERE (message_id, base) > (?1, ?2)"
	    " AND (?3 = 0 OR id = ?3) AND id <= ?5"
	    " ORDER BY message_id, base LIMIT ?4", V_INT(g->last),
	    V_TEXT(g->last_base), V_INT(g->id), V_INT(PAGE_ROWS),
	    V_INT(g->end));
	while (ok && db_next(&r)) {
		const char *base = db_text(&r, 4);

		looked++;
		g->last = db_int(&r, 0);
		(void)snprintf(g->last_base, sizeof(g->last_base), "%s",
		    base != NULL ? base : "");
		if (db_int(&r, 5) != 0)
			ok = add_done(g, &r);
	}
	g->more = looked == PAGE_ROWS;
	return db_end(&r) && (ok || db_no_memory(tx));
}

static bool
is_wanted(const struct filter *f, const struct stored *m)
{
	return (f->state == 0 || f->state == m->state) &&
	    (f->key == NULL || strcmp(f->key, m->key) == 0) &&
	    (f->member_id == NULL ||
	    strcmp(f->member_id, m->member_id) == 0 ||
	    strcasecmp(f->member_id, m->domain) == 0) &&
	    (f->chat == NULL || strcmp(f->chat, m->chat) == 0);
}

struct teller {
	bool (*each)(void *, const struct stored *);
	void *ctx;
	bool go_on;
};

static enum err
tell_pages(struct store *s, struct page *g, struct teller *t,
    struct problem *p)
{
	enum err e;

	do {
		e = store_now(s, &g->db, p);
		for (size_t i = 0; e == ERR_OK && t->go_on && i < g->n; i++)
			if (is_wanted(g->filter, &g->row[i]))
				t->go_on = t->each(t->ctx, &g->row[i]);
	} while (e == ERR_OK && t->go_on && g->more && g->id == 0);
	return e;
}

static enum err
tell_all(struct store *s, struct page *g, struct teller *t,
    struct problem *p)
{
	enum err e = ERR_OK;

	if (g->filter->state != STATE_ACKNOWLEDGED) {
		g->db.work = read_open;
		e = tell_pages(s, g, t, p);
	}
	if (e != ERR_OK || !t->go_on || (g->filter->state != 0 &&
	    g->filter->state != STATE_ACKNOWLEDGED) ||
	    g->filter->member_id != NULL || g->filter->chat != NULL)
		return e;
	g->db.work = read_done;
	g->last = -1;
	return tell_pages(s, g, t, p);
}

enum err
store_each(struct store *s, const struct filter *f,
    bool (*each)(void *, const struct stored *), void *ctx, struct problem *p)
{
	struct page *g = calloc(1, sizeof(*g));
	struct teller t = { each, ctx, true };
	enum err e;

	if (g == NULL)
		return problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	arena_init(&g->arena, ARENA_MAX);
	g->filter = f;
	g->db.reads = true;
	e = older_take_over(s, p);
	if (e == ERR_OK && f->key != NULL)
		e = store_find(s, f->key, &g->id, p);
	if (e == ERR_OK && (f->key == NULL || g->id != 0))
		e = tell_all(s, g, &t, p);
	cover_free(&g->cover);
	arena_free(&g->arena);
	free(g);
	return e;
}
