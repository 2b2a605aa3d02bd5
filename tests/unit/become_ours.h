/*
 * Claims messages without a scan, for tests of what comes after it.
 */
#ifndef BECOME_OURS_H
#define BECOME_OURS_H

#include "store/portals.h"
#include "store/queue.h"

struct becoming {
	int64_t id;
	bool leave;
	bool changed;
};

static inline bool
become_row(struct store *s, void *ctx)
{
	struct becoming *b = ctx;
	sqlite3_stmt *st = b->leave ?
	    sqlite_stmt(s->db, "UPDATE message SET owner = 0"
	    " WHERE id = ?1 AND owner = ?2") :
	    sqlite_stmt(s->db, "UPDATE message SET owner = ?2"
	    " WHERE id = ?1 AND NOT claimed(owner, lease)"
	    " AND state IN (1, 2)");

	if (st == NULL)
		return false;
	bind_int(st, 1, b->id);
	bind_int(st, 2, owner_number(s->owner));
	if (!sqlite_done(s->db, st))
		return false;
	b->changed = sqlite_changes(s->db) != 0;
	return true;
}

/* It is this store's to move, unless somebody has it; whether nobody had. */
static inline bool
become_ours(struct store *s, int64_t id)
{
	struct becoming b = { .id = id };
	struct problem p = { 0 };

	(void)store_transact(s, become_row, &b, &p);
	return b.changed;
}

/* store_portal_rejected() by one who had refreshed that token. */
static inline enum err
reject_portal(struct store *s, const char *member_id, const char *token,
    const char *why, struct problem *p)
{
	enum refresh turn;

	(void)store_refresh_begin(s, member_id, token, &turn, p);
	return store_portal_rejected(s, member_id, why, p);
}

/* store_load() of any message, which leaves its claim as it is. */
static inline enum err
load_any(struct store *s, int64_t id, struct arena *a, struct work *w,
    struct problem *p)
{
	struct becoming b = { .id = id, .leave = true };
	bool was_free = become_ours(s, id);
	enum err e = store_load(s, id, a, w, p);

	if (was_free)
		(void)store_transact(s, become_row, &b, p);
	return e;
}

#endif
