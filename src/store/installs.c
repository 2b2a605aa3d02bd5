/*
 * Installations that wait for their proof.
 *
 * Called by portal/install.c.  Owns nothing.  Nothing acts on what is kept
 * here; it only saves a portal's one installation event from being lost
 * while the OAuth server is away.
 */
#include "store/portals.h"

#include "base/fault.h"
#include "store/queue.h"

#include <string.h>

struct keep {
	const struct install *in;
	int64_t next_ms;
	int64_t id;
	bool kept;
};

static bool
run(struct store *s, const char *sql, int64_t a, int64_t b, int64_t c)
{
	sqlite3_stmt *st = sqlite_stmt(s->db, sql);

	if (st == NULL)
		return false;
	bind_int(st, 1, a);
	bind_int(st, 2, b);
	bind_int(st, 3, c);
	return sqlite_done(s->db, st);
}

static bool
remove_old(struct store *s)
{
	return run(s, "DELETE FROM install WHERE received_ms < ?1"
	    " OR received_ms > ?2", store_now(s) - INSTALL_MS,
	    store_now(s) + INSTALL_MS, 0);
}

static bool
insert(struct store *s, struct keep *k)
{
	const struct install *in = k->in;
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "INSERT INTO install(member_id, application_token, endpoint,"
	    " server_endpoint, access_token, refresh_token, expires_in, ts,"
	    " received_ms, next_ms, owner, lease) VALUES(?1, ?2, ?3, ?4, ?5,"
	    " ?6, ?7, ?8, ?9, ?10, ?11, ?12) RETURNING id");

	if (st == NULL)
		return false;
	bind_text(st, 1, in->member_id);
	bind_text(st, 2, in->application_token);
	bind_text(st, 3, in->endpoint);
	bind_text(st, 4, in->server_endpoint);
	bind_text(st, 5, in->access_token);
	bind_text(st, 6, in->refresh_token);
	bind_int(st, 7, in->expires_in);
	bind_int(st, 8, in->ts);
	bind_int(st, 9, store_now(s));
	bind_int(st, 10, k->next_ms);
	bind_int(st, 11, owner_number(s->owner));
	bind_int(st, 12, store_lease(s));
	return ask_int(s, st, &k->id);
}

static bool
keep(struct store *s, void *ctx)
{
	struct keep *k = ctx;
	sqlite3_stmt *st;
	int64_t n;
	bool ok;

	st = sqlite_stmt(s->db, "DELETE FROM install WHERE member_id = ?1"
	    " AND application_token = ?2 AND refresh_token = ?3");
	if (st == NULL || !remove_old(s))
		return false;
	bind_text(st, 1, k->in->member_id);
	bind_text(st, 2, k->in->application_token);
	bind_text(st, 3, k->in->refresh_token);
	ok = sqlite_done(s->db, st) && ask_int(s, sqlite_stmt(s->db,
	    "SELECT count(*) FROM install"), &n);
	k->kept = ok && n < INSTALLS_MAX;
	if (k->kept)
		ok = insert(s, k);
	fault_point("install-before-commit");
	return ok;
}

enum err
store_install_keep(struct store *s, const struct install *in,
    int64_t next_ms, int64_t *id, bool *kept, struct problem *p)
{
	struct keep k = { in, next_ms, 0, false };
	enum err e = store_transact(s, keep, &k, p);

	fault_point("install-after-commit");
	*kept = e == ERR_OK && k.kept;
	*id = k.id;
	return e;
}

struct due {
	struct arena *arena;
	struct install *out;
	bool found;
};

static bool
copy_row(sqlite3_stmt *st, struct arena *a, struct install *in)
{
	const char **texts[] = { &in->member_id, &in->application_token,
		&in->endpoint, &in->server_endpoint, &in->access_token,
		&in->refresh_token };
	bool ok = true;

	in->id = sqlite3_column_int64(st, 0);
	for (int i = 0; i < 6; i++) {
		const char *s = (const char *)sqlite3_column_text(st, i + 1);

		*texts[i] = arena_dup(a, s != NULL ? s : "",
		    s != NULL ? strlen(s) : 0);
		ok = ok && *texts[i] != NULL;
	}
	in->expires_in = sqlite3_column_int64(st, 7);
	in->ts = sqlite3_column_int64(st, 8);
	in->received_ms = sqlite3_column_int64(st, 9);
	return ok;
}

static bool
look(struct store *s, struct due *d)
{
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "SELECT id, member_id, application_token, endpoint,"
	    " server_endpoint, access_token, refresh_token, expires_in, ts,"
	    " received_ms FROM install WHERE (next_ms <= ?1 OR next_ms > ?2)"
	    " AND NOT claimed(owner, lease) ORDER BY next_ms LIMIT 1");
	bool ok;
	int rc;

	if (st == NULL)
		return false;
	bind_int(st, 1, store_now(s));
	bind_int(st, 2, store_now(s) + INSTALL_MS);
	rc = sqlite3_step(st);
	ok = rc == SQLITE_ROW || rc == SQLITE_DONE;
	d->found = rc == SQLITE_ROW;
	if (d->found)
		ok = copy_row(st, d->arena, d->out);
	(void)sqlite3_reset(st);
	return ok;
}

static bool
claim_due(struct store *s, void *ctx)
{
	struct due *d = ctx;
	sqlite3_stmt *st;

	if (!remove_old(s) || !look(s, d))
		return false;
	if (!d->found)
		return true;
	st = sqlite_stmt(s->db, "UPDATE install SET owner = ?2, lease = ?3"
	    " WHERE id = ?1");
	if (st == NULL)
		return false;
	bind_int(st, 1, d->out->id);
	bind_int(st, 2, owner_number(s->owner));
	bind_int(st, 3, store_lease(s));
	return sqlite_done(s->db, st);
}

static bool
count(struct store *s, void *ctx)
{
	return ask_int(s, sqlite_stmt(s->db, "SELECT count(*) FROM install"),
	    ctx);
}

enum err
store_install_due(struct store *s, struct arena *a, struct install *out,
    bool *found, struct problem *p)
{
	struct due d = { a, out, false };
	int64_t n = 0;
	enum err e = store_read(s, count, &n, p);

	if (e == ERR_OK && n != 0)	/* nearly always there is none */
		e = store_transact(s, claim_due, &d, p);
	*found = e == ERR_OK && d.found;
	return e;
}

static bool
again(struct store *s, void *ctx)
{
	const int64_t *v = ctx;

	return run(s, "UPDATE install SET next_ms = ?2, owner = 0, lease = 0"
	    " WHERE id = ?1 AND owner = ?3", v[0], v[1],
	    owner_number(s->owner));
}

enum err
store_install_again(struct store *s, int64_t id, int64_t next_ms,
    struct problem *p)
{
	int64_t v[] = { id, next_ms };

	return store_transact(s, again, v, p);
}

static bool
done(struct store *s, void *ctx)
{
	const int64_t *id = ctx;

	return run(s, "DELETE FROM install WHERE id = ?1", *id, 0, 0);
}

enum err
store_install_done(struct store *s, int64_t id, struct problem *p)
{
	return store_transact(s, done, &id, p);
}
