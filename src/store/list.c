/*
 * The queue as a person sees it.
 *
 * Called by the operator's tool.  Owns nothing.  The queue is read in pages,
 * which are copied: no transaction is open and no lock is held while the
 * callbacks run.  A person may leave a list in a pager for hours, and what
 * an open transaction sees cannot leave the log of the store.
 */
#include "store/admin.h"

#include "store/queue.h"

#include <stdlib.h>

#define COLUMNS "SELECT id, key, state, step, reason, event, member_id," \
	" domain, connector, chat, line, chat_id, message_id, ts, ids, body," \
	" received_us, changed_ms, tries, next_ms, hold FROM message "

#define PAGE_ROWS 500
#define PAGE_BYTES ((size_t)1024 * 1024)	/* at which it ends */
#define ARENA_MAX ((size_t)1024 * 1024 * 1024)	/* one row may be large */

#define AND_OTHERS " AND (?2 IS NULL OR state = ?2)" \
	" AND (?3 IS NULL OR member_id = ?3) AND (?4 IS NULL OR chat = ?4)"

/* A part of the queue, in memory of its own. */
struct page {
	struct arena arena;
	struct stored row[PAGE_ROWS];
	size_t n;
	int64_t last;		/* the id of its last row */
	int64_t end;		/* the id of the whole list's; 0: not known */
	bool more;		/* there may be others behind it */
};

/* A copy; "" where there is none. */
static const char *
text(sqlite3_stmt *st, int i, struct arena *a, bool *ok)
{
	const unsigned char *s = sqlite3_column_text(st, i);
	const char *copy = "";

	if (s != NULL)
		copy = arena_dup(a, (const char *)s,
		    (size_t)sqlite3_column_bytes(st, i));
	*ok = *ok && copy != NULL;
	return copy;
}

/* Adds the row that the statement stands on; false: no memory. */
static bool
add_row(struct page *g, sqlite3_stmt *st)
{
	struct arena *a = &g->arena;
	bool has_body = sqlite3_column_type(st, 15) != SQLITE_NULL, ok = true;

	g->row[g->n] = (struct stored){
		.id = sqlite3_column_int64(st, 0),
		.key = text(st, 1, a, &ok),
		.state = (enum state)sqlite3_column_int(st, 2),
		.step = (enum step)sqlite3_column_int(st, 3),
		.reason = text(st, 4, a, &ok),
		.event = text(st, 5, a, &ok),
		.member_id = text(st, 6, a, &ok),
		.domain = text(st, 7, a, &ok),
		.connector = text(st, 8, a, &ok),
		.chat = text(st, 9, a, &ok),
		.line = sqlite3_column_int64(st, 10),
		.chat_id = sqlite3_column_int64(st, 11),
		.message_id = sqlite3_column_int64(st, 12),
		.ts = sqlite3_column_int64(st, 13),
		.ids = text(st, 14, a, &ok),
		.body = has_body ? text(st, 15, a, &ok) : NULL,
		.received_us = sqlite3_column_int64(st, 16),
		.changed_ms = sqlite3_column_int64(st, 17),
		.tries = sqlite3_column_int64(st, 18),
		.next_ms = sqlite3_column_int64(st, 19),
		.hold = (enum hold)sqlite3_column_int(st, 20),
	};
	g->last = g->row[g->n++].id;
	return ok;
}

static bool
is_full(const struct page *g)
{
	return g->n == PAGE_ROWS || g->arena.used >= PAGE_BYTES;
}

static void
bind_filter(sqlite3_stmt *st, const struct filter *f)
{
	bind_text(st, 1, f->key);
	if (f->state != 0)
		bind_int(st, 2, f->state);
	bind_text(st, 3, f->member_id);
	bind_text(st, 4, f->chat);
}

static sqlite3_stmt *
begin_page(struct store *s, const struct filter *f, const struct page *g)
{
	sqlite3_stmt *st = f->key != NULL ?
	    sqlite_stmt(s->db, COLUMNS "WHERE " KEY_IS_1("")
	    " AND id > ?5 AND id <= ?6" AND_OTHERS) :
	    sqlite_stmt(s->db, COLUMNS "WHERE ?1 IS NULL"
	    " AND id > ?5 AND id <= ?6" AND_OTHERS " ORDER BY id");

	if (st != NULL) {
		bind_filter(st, f);
		bind_int(st, 5, g->last);
		bind_int(st, 6, g->end);
	}
	return st;
}

/* What comes while the list is being read is not on it, or it may not end. */
static bool
find_end(struct store *s, struct page *g)
{
	return g->end != 0 || ask_int(s, sqlite_stmt(s->db,
	    "SELECT max(id) FROM message"), &g->end);
}

static enum err
read_page(struct store *s, const struct filter *f, struct page *g,
    struct problem *p)
{
	sqlite3_stmt *st = find_end(s, g) ? begin_page(s, f, g) : NULL;
	bool ok = true;
	int rc = SQLITE_DONE;

	g->n = 0;
	if (st == NULL)
		return sqlite_fail(s->db, p);
	while (ok && !is_full(g) && (rc = sqlite3_step(st)) == SQLITE_ROW)
		ok = add_row(g, st);
	g->more = rc == SQLITE_ROW;
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return sqlite_fail(s->db, p);
	(void)sqlite3_reset(st);
	return ok ? ERR_OK : problem_set(p, ERR_DISK, -1, NULL,
	    "the store failed: out of memory");
}

/* *g is empty, also where no file is yet. */
static enum err
next_page(struct store *s, const struct filter *f, struct page *g,
    struct problem *p)
{
	struct problem local = { 0 };
	bool absent = false;
	enum err e = store_lock(s, &absent, &local);

	arena_reset(&g->arena);
	g->n = 0;
	g->more = false;
	if (e == ERR_OK)
		e = read_page(s, f, g, &local);
	(void)store_unlock(s, e);
	if (absent)
		return ERR_OK;
	if (e != ERR_OK)
		(void)problem_set(p, e, -1, NULL, "%s", local.text);
	return e;
}

enum err
store_each(struct store *s, const struct filter *f,
    bool (*each)(void *, const struct stored *), void *ctx, struct problem *p)
{
	struct page *g = malloc(sizeof(*g));
	bool go_on = true;
	enum err e = ERR_OK;

	if (g == NULL)
		return problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	arena_init(&g->arena, ARENA_MAX);
	g->last = g->end = 0;
	do {
		e = next_page(s, f, g, p);
		for (size_t i = 0; e == ERR_OK && go_on && i < g->n; i++)
			go_on = each(ctx, &g->row[i]);
	} while (e == ERR_OK && go_on && g->more);
	arena_free(&g->arena);
	free(g);
	return e;
}
