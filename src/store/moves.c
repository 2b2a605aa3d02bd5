/*
 * The moves of a message from state to state, each one durable.
 *
 * Called by the relay.  Owns nothing.  Every statement names the states that
 * it may leave, so a move that is not in the table changes nothing.
 */
#include "store/store.h"

#include "store/queue.h"

struct move {
	const int64_t *id;
	size_t n;
	enum step step;
	const char *text;	/* ids or reason */
	int64_t now_ms;
};

static struct move
move_of(struct store *s, const int64_t *id, size_t n, const char *text)
{
	return (struct move){ .id = id, .n = n, .text = text,
	    .now_ms = clock_wall(s->clock) };
}

static bool
delivered(struct store *s, void *ctx)
{
	const struct move *m = ctx;
	sqlite3_stmt *st = sqlite_stmt(s->db, SLOT_DELIVERED,
	    "UPDATE message SET state = 2, ids = ?2, reason = NULL,"
	    " changed_ms = ?3 WHERE id = ?1 AND state = 1");

	if (st == NULL)
		return false;
	bind_int(st, 1, *m->id);
	bind_text(st, 2, m->text);
	bind_int(st, 3, m->now_ms);
	return sqlite_done(s->db, st);
}

enum err
store_delivered(struct store *s, int64_t id, const char *ids,
    struct problem *p)
{
	struct move m = move_of(s, &id, 1, ids);

	return store_transact(s, delivered, &m, p);
}

static bool
acknowledged(struct store *s, void *ctx)
{
	const struct move *m = ctx;
	bool ok = true;

	for (size_t i = 0; ok && i < m->n; i++) {
		sqlite3_stmt *st = sqlite_stmt(s->db, SLOT_ACKNOWLEDGED,
		    "UPDATE message SET state = 3, body = NULL, token = NULL,"
		    " endpoint = NULL, reason = NULL, changed_ms = ?2"
		    " WHERE id = ?1 AND state = 2");

		ok = st != NULL;
		if (ok) {
			bind_int(st, 1, m->id[i]);
			bind_int(st, 2, m->now_ms);
			ok = sqlite_done(s->db, st);
		}
	}
	return ok;
}

enum err
store_acknowledged(struct store *s, const int64_t *id, size_t n,
    struct problem *p)
{
	struct move m = move_of(s, id, n, NULL);

	return n == 0 ? ERR_OK : store_transact(s, acknowledged, &m, p);
}

static bool
refused(struct store *s, void *ctx)
{
	const struct move *m = ctx;
	sqlite3_stmt *st = sqlite_stmt(s->db, SLOT_REFUSED,
	    "UPDATE message SET state = 4, step = ?2, reason = ?3,"
	    " tries = tries + 1, changed_ms = ?4"
	    " WHERE id = ?1 AND state IN (1, 2)");

	if (st == NULL)
		return false;
	bind_int(st, 1, *m->id);
	bind_int(st, 2, m->step);
	bind_text(st, 3, m->text);
	bind_int(st, 4, m->now_ms);
	return sqlite_done(s->db, st);
}

enum err
store_refused(struct store *s, int64_t id, enum step step, const char *reason,
    struct problem *p)
{
	struct move m = move_of(s, &id, 1, reason);

	m.step = step;
	return store_transact(s, refused, &m, p);
}

static bool
postponed(struct store *s, void *ctx)
{
	const struct move *m = ctx;
	sqlite3_stmt *st = sqlite_stmt(s->db, SLOT_POSTPONED,
	    "UPDATE message SET reason = ?2, tries = tries + 1,"
	    " changed_ms = ?3 WHERE id = ?1 AND state IN (1, 2)");

	if (st == NULL)
		return false;
	bind_int(st, 1, *m->id);
	bind_text(st, 2, m->text);
	bind_int(st, 3, m->now_ms);
	return sqlite_done(s->db, st);
}

enum err
store_postponed(struct store *s, int64_t id, const char *reason,
    struct problem *p)
{
	struct move m = move_of(s, &id, 1, reason);

	return store_transact(s, postponed, &m, p);
}
