/*
 * Installed portals and their tokens.
 *
 * Called by portal/ and by the operator's tool.  Owns nothing.  A new pair
 * of tokens is durable before anybody uses it: the old refresh token is
 * worth nothing any more.
 */
#include "store/portals.h"

#include "base/fault.h"
#include "store/queue.h"

#include <string.h>

#define COLUMNS "SELECT member_id, application_token, endpoint," \
	" server_endpoint, access_token, refresh_token, expires_ms, ts," \
	" rejected, changed_ms FROM portal "

static const char *
text(sqlite3_stmt *st, int i)
{
	const unsigned char *s = sqlite3_column_text(st, i);

	return s != NULL ? (const char *)s : "";
}

static struct portal
row(sqlite3_stmt *st)
{
	return (struct portal){
		.member_id = text(st, 0),
		.application_token = text(st, 1),
		.endpoint = text(st, 2),
		.server_endpoint = text(st, 3),
		.access_token = text(st, 4),
		.refresh_token = text(st, 5),
		.expires_ms = sqlite3_column_int64(st, 6),
		.ts = sqlite3_column_int64(st, 7),
		.rejected = (const char *)sqlite3_column_text(st, 8),
		.changed_ms = sqlite3_column_int64(st, 9),
	};
}

/* Moves the texts of a row into the reader's arena. */
static bool
keep(struct portal *p, struct arena *a)
{
	const char **texts[] = { &p->member_id, &p->application_token,
		&p->endpoint, &p->server_endpoint, &p->access_token,
		&p->refresh_token, &p->rejected };
	bool ok = true;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (*texts[i] != NULL) {
			*texts[i] = arena_dup(a, *texts[i],
			    strlen(*texts[i]));
			ok = ok && *texts[i] != NULL;
		}
	return ok;
}

struct lookup {
	const char *member_id;
	struct arena *arena;
	struct portal *portal;
	bool found;
};

bool
portal_read(struct store *s, const char *member_id, struct arena *a,
    struct portal *out, bool *found)
{
	sqlite3_stmt *st = sqlite_stmt(s->db, COLUMNS "WHERE member_id = ?1");
	bool ok;
	int rc;

	if (st == NULL)
		return false;
	bind_text(st, 1, member_id);
	rc = sqlite3_step(st);
	ok = rc == SQLITE_ROW || rc == SQLITE_DONE;
	*found = rc == SQLITE_ROW;
	if (*found) {
		*out = row(st);
		ok = keep(out, a);
	}
	(void)sqlite3_reset(st);
	return ok;
}

static bool
lookup(struct store *s, void *ctx)
{
	struct lookup *l = ctx;

	return portal_read(s, l->member_id, l->arena, l->portal, &l->found);
}

enum err
store_portal(struct store *s, const char *member_id, struct arena *a,
    struct portal *portal, bool *found, struct problem *p)
{
	struct lookup l = { member_id, a, portal, false };
	enum err e = store_read(s, lookup, &l, p);

	*found = e == ERR_OK && l.found;
	return e;
}

/* New tokens: what was parked for the want of them is due. */
static bool
unpark(struct store *s, const char *member_id)
{
	sqlite3_stmt *st = sqlite_stmt(s->db, "UPDATE message SET hold = 0,"
	    " next_ms = ?2 WHERE state = 2 AND member_id = ?1 AND hold = 2");

	if (st == NULL)
		return false;
	bind_text(st, 1, member_id);
	bind_int(st, 2, store_now(s));
	return sqlite_done(s->db, st);
}

static bool
unpark_changed(struct store *s, const struct portal *p)
{
	return sqlite_changes(s->db) == 0 || unpark(s, p->member_id);
}

/* Its kept installations up to this one: nobody need prove them. */
static bool
settle_installs(struct store *s, const struct portal *p)
{
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "DELETE FROM install WHERE member_id = ?1 AND ts <= ?2");

	if (st == NULL)
		return false;
	bind_text(st, 1, p->member_id);
	bind_int(st, 2, p->ts);
	return sqlite_done(s->db, st);
}

static bool
put(struct store *s, const struct portal *p)
{
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "INSERT INTO portal(member_id, application_token,"
	    " endpoint, server_endpoint, access_token, refresh_token,"
	    " expires_ms, ts, changed_ms)"
	    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
	    " ON CONFLICT(member_id) DO UPDATE SET application_token = ?2,"
	    " endpoint = ?3, server_endpoint = ?4, access_token = ?5,"
	    " refresh_token = ?6, expires_ms = ?7, ts = ?8, changed_ms = ?9,"
	    " rejected = NULL, owner = 0, lease = 0 WHERE ts <= ?8");

	if (st == NULL)
		return false;
	bind_text(st, 1, p->member_id);
	bind_text(st, 2, p->application_token);
	bind_text(st, 3, p->endpoint);
	bind_text(st, 4, p->server_endpoint);
	bind_text(st, 5, p->access_token);
	bind_text(st, 6, p->refresh_token);
	bind_int(st, 7, p->expires_ms);
	bind_int(st, 8, p->ts);
	bind_int(st, 9, store_now(s));
	return sqlite_done(s->db, st) && unpark_changed(s, p);
}

static bool
save(struct store *s, void *ctx)
{
	const struct portal *p = ctx;
	bool ok = put(s, p) && settle_installs(s, p);

	fault_point("tokens-before-commit");
	return ok;
}

enum err
store_portal_save(struct store *s, const struct portal *portal,
    struct problem *p)
{
	struct portal copy = *portal;
	enum err e = store_transact(s, save, &copy, p);

	fault_point("tokens-after-commit");
	return e;
}

struct renewal {
	struct portal portal;
	const char *spent;
};

static bool
renew(struct store *s, void *ctx)
{
	const struct renewal *r = ctx;
	const struct portal *p = &r->portal;
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "UPDATE portal SET server_endpoint = ?3, access_token = ?4,"
	    " refresh_token = ?5, expires_ms = ?6, changed_ms = ?7,"
	    " rejected = NULL, owner = 0, lease = 0"
	    " WHERE member_id = ?1 AND refresh_token = ?2");
	bool ok = st != NULL;

	if (ok) {
		bind_text(st, 1, p->member_id);
		bind_text(st, 2, r->spent);
		bind_text(st, 3, p->server_endpoint);
		bind_text(st, 4, p->access_token);
		bind_text(st, 5, p->refresh_token);
		bind_int(st, 6, p->expires_ms);
		bind_int(st, 7, store_now(s));
		ok = sqlite_done(s->db, st) && unpark_changed(s, p);
	}
	fault_point("tokens-before-commit");
	return ok;
}

enum err
store_portal_renew(struct store *s, const struct portal *portal,
    const char *spent, struct problem *p)
{
	struct renewal r = { *portal, spent };
	enum err e = store_transact(s, renew, &r, p);

	fault_point("tokens-after-commit");
	return e;
}

struct change {
	const char *member_id;
	const char *text;
};

/* Runs one of the small changes: ?1 is the portal, ?2 a text, ?3 now. */
static bool
change(struct store *s, const struct change *c, const char *sql)
{
	sqlite3_stmt *st = sqlite_stmt(s->db, sql);

	if (st == NULL)
		return false;
	bind_text(st, 1, c->member_id);
	bind_text(st, 2, c->text);
	bind_int(st, 3, store_now(s));
	return sqlite_done(s->db, st);
}

static bool
reject(struct store *s, void *ctx)
{
	return change(s, ctx, "UPDATE portal SET rejected = ?2,"
	    " changed_ms = ?3, owner = 0, lease = 0 WHERE member_id = ?1");
}

enum err
store_portal_rejected(struct store *s, const char *member_id,
    const char *reason, struct problem *p)
{
	struct change c = { member_id, reason };

	return store_transact(s, reject, &c, p);
}

static bool
move(struct store *s, void *ctx)
{
	return change(s, ctx, "UPDATE portal SET endpoint = ?2,"
	    " changed_ms = ?3 WHERE member_id = ?1");
}

enum err
store_portal_moved(struct store *s, const char *member_id,
    const char *endpoint, struct problem *p)
{
	struct change c = { member_id, endpoint };

	return store_transact(s, move, &c, p);
}

static bool
forget(struct store *s, void *ctx)
{
	return change(s, ctx, "DELETE FROM portal WHERE member_id = ?1") &&
	    change(s, ctx, "DELETE FROM install WHERE member_id = ?1") &&
	    change(s, ctx, "DELETE FROM meter WHERE member_id = ?1");
}

enum err
store_portal_forget(struct store *s, const char *member_id,
    struct problem *p)
{
	struct change c = { member_id, NULL };

	return store_transact(s, forget, &c, p);
}

struct each {
	bool (*each)(void *, const struct portal *);
	void *ctx;
};

static bool
each_portal(struct store *s, void *ctx)
{
	const struct each *e = ctx;
	sqlite3_stmt *st = sqlite_stmt(s->db, COLUMNS "ORDER BY member_id");
	bool more = true;
	int rc = SQLITE_DONE;

	while (st != NULL && more && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct portal p = row(st);

		more = e->each(e->ctx, &p);
	}
	if (st != NULL)
		(void)sqlite3_reset(st);
	return st != NULL && (rc == SQLITE_ROW || rc == SQLITE_DONE);
}

enum err
store_portal_each(struct store *s,
    bool (*each)(void *, const struct portal *), void *ctx, struct problem *p)
{
	struct each e = { each, ctx };

	return store_read(s, each_portal, &e, p);
}
