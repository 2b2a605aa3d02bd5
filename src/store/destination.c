/*
 * Destinations that are down, known to all processes.
 *
 * Called by the relay around its calls.  Owns nothing.  The right to probe
 * one is a claim as that of a message: it ends with its process.  What this
 * process lost track of, a lease ends.
 */
#include "store/destination.h"

#include "store/queue.h"

#define PROBING_MS 3000		/* between looks while somebody probes */

struct place {
	const char *name;
	const struct work *like;
	int64_t ms;		/* in: how long to wait; out: until when */
	int64_t tries;
	bool lost;		/* `like` was not ours any more */
};

bool
destination_until(struct store *s, const char *name, int64_t *until_ms)
{
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "SELECT CASE WHEN claimed(owner, lease) THEN ?2 ELSE probe_ms END"
	    " FROM destination WHERE name = ?1");

	if (st != NULL) {
		bind_text(st, 1, name);
		bind_int(st, 2, store_now(s) + PROBING_MS);
	}
	return ask_int(s, st, until_ms);
}

static bool
down_until(struct store *s, void *ctx)
{
	struct place *d = ctx;

	return destination_until(s, d->name, &d->ms);
}

static bool
become_probe(struct store *s, void *ctx)
{
	struct place *d = ctx;
	int64_t now = store_now(s);
	sqlite3_stmt *st;

	if (!down_until(s, ctx))
		return false;
	/* further ahead than any wait: a clock has jumped */
	if (d->ms == 0 || (d->ms > now && d->ms <= now + PROBING_MS +
	    2 * s->opts.longest_ms))
		return true;
	d->ms = DOWN_PROBE;
	st = sqlite_stmt(s->db, "UPDATE destination SET owner = ?2,"
	    " lease = ?3 WHERE name = ?1");
	if (st == NULL)
		return false;
	bind_text(st, 1, d->name);
	bind_int(st, 2, owner_number(s->owner));
	bind_int(st, 3, store_lease(s));
	return sqlite_done(s->db, st);
}

enum err
store_down_until(struct store *s, const char *name, bool probe,
    int64_t *until_ms, struct problem *p)
{
	struct place d = { .name = name };
	enum err e = store_read(s, down_until, &d, p);

	if (e == ERR_OK && probe && d.ms != 0)
		e = store_transact(s, become_probe, &d, p);
	*until_ms = e == ERR_OK ? d.ms : 0;
	return e;
}

static bool
set_down(struct store *s, void *ctx)
{
	struct place *d = ctx;
	int64_t now = store_now(s);
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "INSERT INTO destination(name, tries, down_ms, probe_ms)"
	    " VALUES(?1, 1, ?2, ?3) ON CONFLICT(name) DO UPDATE"
	    " SET tries = tries + 1, probe_ms = ?3, owner = 0, lease = 0"
	    " RETURNING tries");

	if (st == NULL)
		return false;
	bind_text(st, 1, d->name);
	bind_int(st, 2, now);
	bind_int(st, 3, now + d->ms);
	return ask_int(s, st, &d->tries);
}

enum err
store_set_down(struct store *s, const char *name, int64_t wait_ms,
    int64_t *tries, struct problem *p)
{
	struct place d = { .name = name, .ms = wait_ms };
	enum err e = store_transact(s, set_down, &d, p);

	*tries = e == ERR_OK ? d.tries : 0;
	return e;
}

static bool
probe_end(struct store *s, void *ctx)
{
	const struct place *d = ctx;
	sqlite3_stmt *st = sqlite_stmt(s->db, "UPDATE destination"
	    " SET owner = 0, lease = 0 WHERE name = ?1 AND owner = ?2");

	if (st == NULL)
		return false;
	bind_text(st, 1, d->name);
	bind_int(st, 2, owner_number(s->owner));
	return sqlite_done(s->db, st);
}

enum err
store_probe_end(struct store *s, const char *name, struct problem *p)
{
	struct place d = { .name = name };

	return store_transact(s, probe_end, &d, p);
}

static bool
forget(struct store *s, const char *name)
{
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "DELETE FROM destination WHERE name = ?1");

	if (st == NULL)
		return false;
	bind_text(st, 1, name);
	return sqlite_done(s->db, st);
}

/*
 * Sets the due time of what waits for the same step and destination.  A
 * channel may serve several connectors and lines, which only the
 * configuration knows: all that is held is due, and held again by its first
 * try if its own destination is down.
 */
bool
destination_wait(struct store *s, const struct work *like, int64_t due_ms,
    enum hold from, enum hold to)
{
	sqlite3_stmt *st = like->state == STATE_RECEIVED ?
	    sqlite_stmt(s->db, "UPDATE message SET next_ms = ?3, hold = ?5"
	    " WHERE state = 1 AND next_ms IS NOT NULL AND hold = ?4"
	    " AND (?5 = 0 OR (connector = ?1 AND line = ?2 AND next_ms < ?3))"
	    " AND NOT claimed(owner, lease)") :
	    sqlite_stmt(s->db, "UPDATE message SET next_ms = ?3, hold = ?5"
	    " WHERE state = 2 AND member_id = ?1"
	    " AND next_ms IS NOT NULL AND hold = ?4"
	    " AND (?5 = 0 OR next_ms < ?3) AND NOT claimed(owner, lease)");

	if (st == NULL)
		return false;
	bind_text(st, 1, like->state == STATE_RECEIVED ? like->connector :
	    like->member_id);
	bind_int(st, 2, like->line);
	bind_int(st, 3, due_ms);
	bind_int(st, 4, from);
	bind_int(st, 5, to);
	return sqlite_done(s->db, st);
}

static bool
set_up(struct store *s, void *ctx)
{
	const struct place *d = ctx;

	return forget(s, d->name) &&
	    destination_wait(s, d->like, store_now(s), HOLD_DOWN, HOLD_NONE);
}

enum err
store_set_up(struct store *s, const char *name, const struct work *like,
    struct problem *p)
{
	struct place d = { .name = name, .like = like };

	return store_transact(s, set_up, &d, p);
}

static bool
hold(struct store *s, void *ctx)
{
	struct place *d = ctx;
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "UPDATE message SET owner = 0, hold = 0"
	    " WHERE id = ?1 AND owner = ?9");

	d->lost = false;
	if (st == NULL)
		return false;
	bind_int(st, 1, d->like->id);
	return claim_move(s, st, &d->lost) &&
	    destination_wait(s, d->like, d->ms, HOLD_NONE, HOLD_DOWN) &&
	    destination_wait(s, d->like, d->ms, HOLD_DOWN, HOLD_DOWN);
}

enum err
store_hold(struct store *s, struct work *like, int64_t until_ms,
    struct problem *p)
{
	struct place d = { .like = like, .ms = until_ms };
	enum err e = store_transact(s, hold, &d, p);

	if (e != ERR_OK)
		claim_orphan(s, like->id);
	return e == ERR_OK && d.lost ? claim_lost(p) : e;
}
