/*
 * What a person does to the queue.
 *
 * Called by the operator's tool, while handlers may work.  Owns nothing.
 * What a living process has claimed is left alone.
 */
#include "store/admin.h"

#include "store/queue.h"

#include <string.h>

struct wish {
	const char *key;
	int64_t keep_ms, max;
	int64_t n;
};

/*
 * A message goes on from the step that refused it: one that the channel took
 * has its ids, and is never handed over again.
 */
static bool
retry(struct store *s, void *ctx)
{
	struct wish *w = ctx;
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "UPDATE message SET state = CASE WHEN ids IS NULL THEN 1 ELSE 2"
	    " END, step = NULL, tries = 0, first_ms = NULL, hold = 0,"
	    " next_ms = ?2, changed_ms = ?2, owner = 0, lease = 0"
	    " WHERE state = 4 AND step <> 1 AND (?1 IS NULL OR key = ?1)");

	if (st == NULL)
		return false;
	bind_text(st, 1, w->key);
	bind_int(st, 2, store_now(s));
	if (!sqlite_done(s->db, st))
		return false;
	w->n = sqlite_changes(s->db);
	return true;
}

enum err
store_retry(struct store *s, const char *key, int64_t *n, struct problem *p)
{
	struct wish w = { .key = key };
	enum err e = store_transact(s, retry, &w, p);

	*n = e == ERR_OK ? w.n : 0;
	return e;
}

/* The next of its chat must not wait for one that is gone. */
static bool
free_chat_of(struct store *s, const char *key)
{
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "UPDATE message SET next_ms = coalesce(next_ms, ?2)"
	    " WHERE id = (SELECT n.id FROM message m JOIN message n"
	    " ON n.member_id = m.member_id AND n.connector = m.connector"
	    " AND n.line = m.line AND n.chat = m.chat"
	    " WHERE " KEY_IS_1("m.") " AND m.state = 1"
	    " AND NOT claimed(m.owner, m.lease)"
	    " AND n.state = 1 AND n.key <> ?1"
	    " ORDER BY n.message_id, n.id LIMIT 1)");

	if (st == NULL)
		return false;
	bind_text(st, 1, key);
	bind_int(st, 2, store_now(s));
	return sqlite_done(s->db, st);
}

static bool
drop(struct store *s, void *ctx)
{
	struct wish *w = ctx;
	sqlite3_stmt *st = sqlite_stmt(s->db, "DELETE FROM message"
	    " WHERE " KEY_IS_1("") " AND NOT claimed(owner, lease)");

	if (st == NULL || !free_chat_of(s, w->key))
		return false;
	bind_text(st, 1, w->key);
	if (!sqlite_done(s->db, st))
		return false;
	w->n = sqlite_changes(s->db);
	return true;
}

enum err
store_drop(struct store *s, const char *key, int64_t *n, struct problem *p)
{
	struct wish w = { .key = key };
	enum err e = store_transact(s, drop, &w, p);

	*n = e == ERR_OK ? w.n : 0;
	return e;
}

static bool
purge(struct store *s, void *ctx)
{
	struct wish *w = ctx;
	int64_t before_ms;
	sqlite3_stmt *st = sqlite_stmt(s->db, "DELETE FROM message WHERE id IN"
	    " (SELECT id FROM message WHERE state = 3 AND changed_ms < ?1"
	    " LIMIT ?2)");

	if (st == NULL || !age_limit(s, w->keep_ms, &before_ms))
		return false;
	bind_int(st, 1, before_ms);
	bind_int(st, 2, w->max);
	if (!sqlite_done(s->db, st))
		return false;
	w->n = sqlite_changes(s->db);
	return true;
}

enum err
store_purge(struct store *s, int64_t keep_ms, int64_t max, int64_t *n,
    struct problem *p)
{
	struct wish w = { .keep_ms = keep_ms, .max = max };
	enum err e = store_transact(s, purge, &w, p);

	*n = e == ERR_OK ? w.n : 0;
	return e;
}

static bool
count_states(struct store *s, struct stats *out)
{
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "SELECT state, count(*), coalesce(sum(hold = 1), 0),"
	    " coalesce(sum(hold = 2), 0) FROM message GROUP BY state");
	int rc = SQLITE_ERROR;

	while (st != NULL && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		int state = sqlite3_column_int(st, 0);

		if (state >= STATE_RECEIVED && state <= STATE_REFUSED)
			out->state[state] = sqlite3_column_int64(st, 1);
		out->held += sqlite3_column_int64(st, 2);
		out->parked += sqlite3_column_int64(st, 3);
	}
	if (st != NULL)
		(void)sqlite3_reset(st);
	return rc == SQLITE_DONE;
}

static bool
stats(struct store *s, void *ctx)
{
	struct stats *out = ctx;

	return count_states(s, out) &&
	    ask_int(s, sqlite_stmt(s->db, "SELECT min(received_us) / 1000"
	    " FROM message WHERE state IN (1, 2)"), &out->oldest_ms) &&
	    ask_int(s, sqlite_stmt(s->db, "SELECT count(*) FROM portal"),
	    &out->portals) &&
	    ask_int(s, sqlite_stmt(s->db, "SELECT count(*) FROM portal"
	    " WHERE rejected IS NOT NULL"), &out->rejected) &&
	    ask_int(s, sqlite_stmt(s->db, "SELECT count(*) FROM install"),
	    &out->installs) &&
	    ask_int(s, sqlite_stmt(s->db, "SELECT count(*) FROM destination"),
	    &out->down);
}

enum err
store_stats(struct store *s, struct stats *out, struct problem *p)
{
	memset(out, 0, sizeof(*out));
	return store_read(s, stats, out, p);
}
