/*
 * Claims: who works on which message next.
 *
 * Called by the relay and by its retry.  Owns nothing.  A claim is a row's
 * owner; that it lives and goes on is asked of the kernel, so what a dead
 * process had claimed is free at once.  A living one keeps its claims: if it
 * cannot move a message, it gives it back.
 */
#include "store/store.h"

#include "store/calls.h"
#include "store/queue.h"
#include "store/row.h"

#include <stdlib.h>
#include <string.h>

#define ORPHANS_AT_ONCE 1024	/* given back in one transaction */

bool
claim_row(struct store *s, int64_t id)
{
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "UPDATE message SET owner = ?2, lease = 0, hold = 0,"
	    " next_ms = coalesce(next_ms, ?3) WHERE id = ?1");

	if (st == NULL)
		return false;
	bind_int(st, 1, id);
	bind_int(st, 2, owner_number(s->owner));
	bind_int(st, 3, store_now(s));
	return sqlite_done(s->db, st);
}

bool
claim_move(struct store *s, sqlite3_stmt *st, bool *lost)
{
	bind_int(st, 9, owner_number(s->owner));
	if (!sqlite_done(s->db, st))
		return false;
	*lost = *lost || sqlite_changes(s->db) == 0;
	return true;
}

enum err
claim_lost(struct problem *p)
{
	return problem_set(p, ERR_LOST, -1, NULL,
	    "another process has taken the message over");
}

bool
claim_next_of_chat(struct store *s, const struct work *of, int64_t *next)
{
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "SELECT id FROM (SELECT id, next_ms, owner, lease FROM message"
	    " WHERE state = 1 AND member_id = ?1 AND connector = ?2"
	    " AND line = ?3 AND chat = ?4 ORDER BY message_id, id LIMIT 1)"
	    " WHERE NOT claimed(owner, lease)"
	    " AND (next_ms IS NULL OR next_ms <= ?5)");

	*next = 0;
	if (st == NULL)
		return false;
	bind_text(st, 1, of->member_id);
	bind_text(st, 2, of->connector);
	bind_int(st, 3, of->line);
	bind_text(st, 4, of->chat);
	bind_int(st, 5, store_now(s));
	return ask_int(s, st, next) && (*next == 0 || claim_row(s, *next));
}

struct pick {
	const struct scan_filter *filter;
	struct arena *arena;
	struct work *work;
	bool found;
	int64_t id;
};

static void
sql_blocked(sqlite3_context *c, int n, sqlite3_value **v)
{
	const struct store *s = sqlite3_user_data(c);
	const struct scan_filter *f = s->filter;

	(void)n;
	sqlite3_result_int(c, f != NULL && f->blocked(f->ctx,
	    (enum state)sqlite3_value_int(v[0]),
	    (const char *)sqlite3_value_text(v[1]),
	    (const char *)sqlite3_value_text(v[2]),
	    sqlite3_value_int64(v[3])));
}

static void
sql_covers(sqlite3_context *c, int n, sqlite3_value **v)
{
	const struct store *s = sqlite3_user_data(c);

	(void)n;
	sqlite3_result_int(c, s->opts.covers == NULL || s->opts.covers(
	    s->opts.ctx, (const char *)sqlite3_value_text(v[0])));
}

bool
claim_add_functions(struct store *s)
{
	sqlite3 *db = sqlite_handle(s->db);

	return sqlite3_create_function(db, "blocked", 4, SQLITE_UTF8, s,
	    sql_blocked, NULL, NULL) == SQLITE_OK &&
	    sqlite3_create_function(db, "covers", 1, SQLITE_UTF8, s,
	    sql_covers, NULL, NULL) == SQLITE_OK;
}

/*
 * Of a chat's received messages only the first may be tried, and only while
 * no other is being handed over.
 */
#define MAY_GO " AND covers(m.connector) AND NOT claimed(m.owner, m.lease)" \
	" AND NOT blocked(m.state, m.member_id, m.connector, m.line)" \
	" AND (m.state = 2 OR" \
	" NOT EXISTS (SELECT 1 FROM message e WHERE e.state = 1" \
	" AND e.member_id = m.member_id AND e.connector = m.connector" \
	" AND e.line = m.line AND e.chat = m.chat AND e.id <> m.id" \
	" AND ((e.message_id, e.id) < (m.message_id, m.id)" \
	" OR claimed(e.owner, e.lease))))" \
	" ORDER BY next_ms LIMIT 1"

static bool
pick_due(struct store *s, struct pick *p)
{
	sqlite3_stmt *st = sqlite_stmt(s->db, "SELECT " ROW_COLUMNS
	    " FROM message m WHERE next_ms IS NOT NULL AND next_ms <= ?1"
	    MAY_GO);

	if (st == NULL)
		return false;
	bind_int(st, 1, store_now(s));
	return row_read_one(st, p->arena, p->work, &p->found);
}

/* Further ahead than any wait: a clock has jumped, and it is due now. */
static bool
pick_lost(struct store *s, struct pick *p)
{
	sqlite3_stmt *st = sqlite_stmt(s->db, "SELECT " ROW_COLUMNS
	    " FROM message m WHERE next_ms IS NOT NULL AND next_ms > ?1"
	    " AND (hold <> 2 OR next_ms > ?2)" MAY_GO);

	if (st == NULL)
		return false;
	/* jitter may add to the longest wait */
	bind_int(st, 1, store_now(s) + 2 * s->opts.longest_ms);
	bind_int(st, 2, store_now(s) + s->opts.give_up_ms +
	    s->opts.longest_ms);
	return row_read_one(st, p->arena, p->work, &p->found);
}

static bool
look(struct store *s, void *ctx)
{
	struct pick *p = ctx;
	bool ok;

	s->filter = p->filter;
	ok = pick_due(s, p) && (p->found || pick_lost(s, p));
	s->filter = NULL;
	return ok;
}

/* Under the lock. */
static bool
make_room(struct store *s)
{
	size_t room = s->orphan_room != 0 ? 2 * s->orphan_room : 64;
	int64_t *more = room <= ORPHANS_MAX ?
	    realloc(s->orphan, room * sizeof(*more)) : NULL;

	if (more == NULL)
		return false;
	s->orphan = more;
	s->orphan_room = room;
	return true;
}

void
claim_orphan(struct store *s, int64_t id)
{
	(void)pthread_mutex_lock(&s->lock);
	if (s->orphans < s->orphan_room || make_room(s))
		s->orphan[s->orphans++] = id;
	(void)pthread_mutex_unlock(&s->lock);
}

/* What was taken off the list, to put it back if the commit fails. */
struct given {
	int64_t id[ORPHANS_AT_ONCE];
	size_t n;
};

/*
 * They leave the list under the lock: nobody gives a claim back twice.  On a
 * further run they are in our hands already.
 */
static bool
give_back(struct store *s, void *ctx)
{
	struct given *g = ctx;
	bool ok = true;

	if (g->n == 0) {
		g->n = s->orphans < ORPHANS_AT_ONCE ? s->orphans :
		    ORPHANS_AT_ONCE;
		s->orphans -= g->n;
		memcpy(g->id, s->orphan + s->orphans, g->n *
		    sizeof(g->id[0]));
	}
	for (size_t i = 0; ok && i < g->n; i++) {
		sqlite3_stmt *st = sqlite_stmt(s->db, g->id[i] < 0 ?
		    "DELETE FROM call WHERE id = -?1 AND owner = ?2" :
		    "UPDATE message SET owner = 0, lease = 0"
		    " WHERE id = ?1 AND owner = ?2");

		ok = st != NULL;
		if (ok) {
			bind_int(st, 1, g->id[i]);
			bind_int(st, 2, owner_number(s->owner));
			ok = sqlite_done(s->db, st);
		}
	}
	return ok;
}

static enum err
give_back_orphans(struct store *s, struct problem *p)
{
	struct given g;
	enum err e;
	bool none;

	g.n = 0;
	(void)pthread_mutex_lock(&s->lock);
	none = s->orphans == 0;
	(void)pthread_mutex_unlock(&s->lock);
	if (none)
		return ERR_OK;
	e = store_transact(s, give_back, &g, p);
	for (size_t i = 0; e != ERR_OK && i < g.n; i++)
		claim_orphan(s, g.id[i]);
	return e;
}

static bool
claim_due(struct store *s, void *ctx)
{
	struct pick *p = ctx;
	bool ok = look(s, p);

	if (ok && p->found)
		p->work->claimed_ms = store_mono(s);
	return ok && (!p->found || claim_row(s, p->work->id));
}

enum err
store_claim_due(struct store *s, const struct scan_filter *filter,
    struct arena *a, struct work *w, bool *found, struct problem *problem)
{
	struct pick p = { .filter = filter, .arena = a, .work = w };
	/* without a lock first: most scans find nothing */
	enum err e = give_back_orphans(s, problem);

	if (e == ERR_OK)
		e = store_read(s, look, &p, problem);
	if (e == ERR_OK && p.found) {
		arena_reset(a);
		e = store_transact(s, claim_due, &p, problem);
	}
	*found = e == ERR_OK && p.found;
	return e;
}

static bool
load(struct store *s, void *ctx)
{
	struct pick *p = ctx;
	bool ok;
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "SELECT " ROW_COLUMNS " FROM message WHERE id = ?1"
	    " AND owner = ?2");

	if (st == NULL)
		return false;
	bind_int(st, 1, p->id);
	bind_int(st, 2, owner_number(s->owner));
	ok = row_read_one(st, p->arena, p->work, &p->found);
	p->work->claimed_ms = store_mono(s);
	return ok;
}

enum err
store_load(struct store *s, int64_t id, struct arena *a, struct work *w,
    struct problem *problem)
{
	struct pick p = { .arena = a, .work = w, .id = id };
	enum err e = store_transact(s, load, &p, problem);

	if (e != ERR_OK)
		claim_orphan(s, id);
	return e != ERR_OK || p.found ? e : claim_lost(problem);
}

struct ours {
	struct work **work;
	size_t n;
};

/*
 * As a write, though it changes nothing: between others' writes nobody can be
 * about to take a claim.
 */
static bool
look_at_all(struct store *s, void *ctx)
{
	const struct ours *o = ctx;
	bool ok = true;

	for (size_t i = 0; ok && i < o->n; i++) {
		sqlite3_stmt *st = sqlite_stmt(s->db,
		    "SELECT 1 FROM message WHERE id = ?1 AND owner = ?2");
		int64_t found;

		if (st == NULL)
			return false;
		bind_int(st, 1, o->work[i]->id);
		bind_int(st, 2, owner_number(s->owner));
		ok = ask_int(s, st, &found);
		o->work[i]->claimed_ms = found != 0 ? store_mono(s) : -1;
	}
	return ok;
}

/* Keeps the order of those that are ours. */
static size_t
sort_out(struct work **w, size_t n)
{
	size_t ours = 0;

	for (size_t i = 0; i < n; i++)
		if (w[i]->claimed_ms >= 0) {
			struct work *mine = w[i];

			w[i] = w[ours];
			w[ours++] = mine;
		}
	return ours;
}

enum err
store_still_ours(struct store *s, struct work **w, size_t *n,
    struct problem *p)
{
	struct ours o = { w, *n };
	bool young = s->owner != NULL;
	enum err e;

	for (size_t i = 0; young && i < *n; i++)
		young = owner_is_young(s->owner, w[i]->claimed_ms,
		    store_mono(s));
	if (young)
		return ERR_OK;
	e = store_transact(s, look_at_all, &o, p);
	for (size_t i = 0; e != ERR_OK && i < o.n; i++)
		claim_orphan(s, w[i]->id);
	*n = e == ERR_OK ? sort_out(w, o.n) : 0;
	return e == ERR_OK && *n == 0 ? claim_lost(p) : e;
}

struct states {
	const int64_t *id;
	size_t n;
	enum state *state;
};

static bool
read_states(struct store *s, void *ctx)
{
	const struct states *v = ctx;
	bool ok = true;

	for (size_t i = 0; ok && i < v->n; i++) {
		sqlite3_stmt *st = sqlite_stmt(s->db,
		    "SELECT state FROM message WHERE id = ?1");
		int64_t state;

		if (st != NULL)
			bind_int(st, 1, v->id[i]);
		ok = ask_int(s, st, &state);
		v->state[i] = (enum state)state;
	}
	return ok;
}

enum err
store_states(struct store *s, const int64_t *id, size_t n,
    enum state *state, struct problem *p)
{
	struct states v = { .id = id, .n = n, .state = state };

	return store_read(s, read_states, &v, p);
}
