/*
 * Installations that wait for their proof.
 *
 * Called by portal/install.c.  Owns nothing.  Nothing acts on what is kept
 * here; it only saves a portal's one installation event from being lost
 * while the OAuth server is away.  Anybody can post one: there is one for a
 * portal and INSTALLS_MAX in all, and who has had his chances gives way.
 */
#include "store/portals.h"

#include "base/fault.h"
#include "codec/digest.h"
#include "store/queue.h"

#include <string.h>

struct keep {
	const struct install *in;
	int64_t places;
	/* what came out; set anew by each run */
	int64_t id, ts;
	enum kept kept;
};

/* ?1 and ?2 are the numbers. */
static bool
run(struct store *s, const char *sql, int64_t a, int64_t b)
{
	sqlite3_stmt *st = sqlite_stmt(s->db, sql);

	if (st == NULL)
		return false;
	bind_int(st, 1, a);
	bind_int(st, 2, b);
	return sqlite_done(s->db, st);
}

/* What is over, and what came to be stored, or something newer did. */
static bool
remove_old(struct store *s)
{
	return run(s, "DELETE FROM install WHERE received_ms < ?1"
	    " OR received_ms > ?2 OR EXISTS (SELECT 1 FROM portal p"
	    " WHERE p.member_id = install.member_id AND (p.ts > install.ts OR"
	    " (p.ts = install.ts AND p.application_token ="
	    " install.application_token)))", store_now(s) - INSTALL_MS,
	    store_now(s) + INSTALL_MS);
}

/* Fewer than so many are claimed, by any process. */
static bool
has_place(struct store *s, int64_t places, bool *has)
{
	int64_t n;
	bool ok = ask_int(s, sqlite_stmt(s->db, "SELECT count(*) FROM install"
	    " WHERE claimed(owner, lease)"), &n);

	*has = n < places;
	return ok;
}

static bool
claim(struct store *s, int64_t id)
{
	sqlite3_stmt *st = sqlite_stmt(s->db, "UPDATE install SET owner = ?2,"
	    " lease = ?3, tries = tries + 1 WHERE id = ?1");

	if (st == NULL)
		return false;
	bind_int(st, 1, id);
	bind_int(st, 2, owner_number(s->owner));
	bind_int(st, 3, store_lease(s));
	return sqlite_done(s->db, st);
}

static bool
claim_kept(struct store *s, struct keep *k)
{
	bool has;

	if (!has_place(s, k->places, &has) || (has && !claim(s, k->id)))
		return false;
	if (has)
		k->kept = KEPT_CLAIMED;
	return true;
}

/* Against what is stored.  *on: it is to be kept. */
static bool
compare_stored(struct store *s, struct keep *k, bool *on)
{
	sqlite3_stmt *st = sqlite_stmt(s->db, "SELECT application_token, ts"
	    " FROM portal WHERE member_id = ?1");
	int rc;

	if (st == NULL)
		return false;
	bind_text(st, 1, k->in->member_id);
	rc = sqlite3_step(st);
	*on = rc == SQLITE_DONE;
	if (rc == SQLITE_ROW) {
		const char *token = (const char *)sqlite3_column_text(st, 0);
		int64_t ts = sqlite3_column_int64(st, 1);

		if (k->in->ts <= ts && token != NULL &&
		    digest_same_secret(k->in->application_token, token))
			k->kept = KEPT_KNOWN;
		else if (k->ts < ts)
			k->kept = KEPT_STALE;
		else
			*on = true;
	}
	(void)sqlite3_reset(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

/* What is kept of the portal already. */
struct rival {
	int64_t id, ts;
	bool same, busy, due;
};

static bool
look_for_rival(struct store *s, const struct keep *k, struct rival *r)
{
	sqlite3_stmt *st = sqlite_stmt(s->db, "SELECT id, ts,"
	    " application_token = ?2 AND refresh_token = ?3,"
	    " claimed(owner, lease), next_ms <= ?4 FROM install"
	    " WHERE member_id = ?1");
	int rc;

	*r = (struct rival){ 0 };
	if (st == NULL)
		return false;
	bind_text(st, 1, k->in->member_id);
	bind_text(st, 2, k->in->application_token);
	bind_text(st, 3, k->in->refresh_token);
	bind_int(st, 4, store_now(s));
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*r = (struct rival){ sqlite3_column_int64(st, 0),
		    sqlite3_column_int64(st, 1),
		    sqlite3_column_int(st, 2) != 0,
		    sqlite3_column_int(st, 3) != 0,
		    sqlite3_column_int(st, 4) != 0 };
	(void)sqlite3_reset(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

/* A copy of what is kept: that one is worked on. */
static bool
keep_copy(struct store *s, struct keep *k, const struct rival *r)
{
	k->id = r->id;
	k->ts = r->ts;
	k->kept = r->busy ? KEPT_BUSY : KEPT_WAITING;
	return r->busy || !r->due || claim_kept(s, k);
}

static bool
insert(struct store *s, struct keep *k)
{
	const struct install *in = k->in;
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "INSERT INTO install(member_id, application_token, endpoint,"
	    " server_endpoint, access_token, refresh_token, expires_in, ts,"
	    " received_ms, next_ms) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,"
	    " ?9, ?9) RETURNING id");

	if (st == NULL)
		return false;
	bind_text(st, 1, in->member_id);
	bind_text(st, 2, in->application_token);
	bind_text(st, 3, in->endpoint);
	bind_text(st, 4, in->server_endpoint);
	bind_text(st, 5, in->access_token);
	bind_text(st, 6, in->refresh_token);
	bind_int(st, 7, in->expires_in);
	bind_int(st, 8, k->ts);
	bind_int(st, 9, store_now(s));
	return ask_int(s, st, &k->id);
}

/* Its own older one goes; else, if there are too many, who was tried most. */
static bool
make_room(struct store *s, const struct rival *r)
{
	if (r->id != 0)
		return run(s, "DELETE FROM install WHERE id = ?1", r->id, 0);
	return run(s, "DELETE FROM install WHERE id IN (SELECT id FROM install"
	    " ORDER BY claimed(owner, lease), tries DESC, id"
	    " LIMIT max(0, (SELECT count(*) FROM install) - ?1))",
	    INSTALLS_MAX - 1, 0);
}

static bool
keep_new(struct store *s, struct keep *k)
{
	struct rival r;

	if (!remove_old(s) || !look_for_rival(s, k, &r))
		return false;
	if (r.id != 0 && r.same)
		return keep_copy(s, k, &r);
	if (r.id != 0 && r.ts > k->ts) {
		k->kept = KEPT_OLDER;
		return true;
	}
	k->kept = KEPT_WAITING;
	return make_room(s, &r) && insert(s, k) && claim_kept(s, k);
}

static bool
keep(struct store *s, void *ctx)
{
	struct keep *k = ctx;
	bool on, ok;

	k->id = 0;
	k->ts = k->in->ts >= 0 ? k->in->ts : store_now(s) / 1000;
	ok = compare_stored(s, k, &on) && (!on || keep_new(s, k));
	fault_point("install-before-commit");
	return ok;
}

enum err
store_install_keep(struct store *s, struct install *in, int64_t places,
    enum kept *kept, struct problem *p)
{
	struct keep k = { .in = in, .places = places, .kept = KEPT_STALE };
	enum err e = store_transact(s, keep, &k, p);

	fault_point("install-after-commit");
	if (e == ERR_OK) {
		in->id = k.id;
		in->ts = k.ts;
	}
	*kept = k.kept;
	return e;
}

struct due {
	int64_t places;
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

/* A wait beyond an hour is a clock that jumped. */
#define IS_DUE " FROM install WHERE (next_ms <= ?1 OR next_ms > ?2)" \
	" AND NOT claimed(owner, lease)"

static bool
look(struct store *s, struct due *d)
{
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "SELECT id, member_id, application_token, endpoint,"
	    " server_endpoint, access_token, refresh_token, expires_in, ts,"
	    " received_ms" IS_DUE " ORDER BY tries, next_ms LIMIT 1");
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
	bool has;

	d->found = false;
	if (!remove_old(s) || !has_place(s, d->places, &has))
		return false;
	if (!has)
		return true;
	return look(s, d) && (!d->found || claim(s, d->out->id));
}

static bool
is_any_due(struct store *s, void *ctx)
{
	sqlite3_stmt *st = sqlite_stmt(s->db, "SELECT EXISTS (SELECT 1" IS_DUE
	    ")");

	if (st == NULL)
		return false;
	bind_int(st, 1, store_now(s));
	bind_int(st, 2, store_now(s) + INSTALL_MS);
	return ask_int(s, st, ctx);
}

bool
store_install_waits(struct store *s)
{
	struct problem p = { 0 };
	int64_t any = 0;

	return store_read(s, is_any_due, &any, &p) == ERR_OK && any != 0;
}

enum err
store_install_due(struct store *s, int64_t places, struct arena *a,
    struct install *out, bool *found, struct problem *p)
{
	struct due d = { places, a, out, false };
	enum err e = ERR_OK;

	if (store_install_waits(s))	/* nearly always there is none */
		e = store_transact(s, claim_due, &d, p);
	*found = e == ERR_OK && d.found;
	return e;
}

struct move {
	int64_t id;
	int64_t next_ms;
};

/* Whose claim was void has lost it: the next is at it, or it is gone. */
static bool
again(struct store *s, void *ctx)
{
	const struct move *m = ctx;
	sqlite3_stmt *st = sqlite_stmt(s->db, "UPDATE install SET"
	    " next_ms = ?2, owner = 0, lease = 0 WHERE id = ?1"
	    " AND owner = ?3");

	if (st == NULL)
		return false;
	bind_int(st, 1, m->id);
	bind_int(st, 2, m->next_ms);
	bind_int(st, 3, owner_number(s->owner));
	return sqlite_done(s->db, st);
}

enum err
store_install_again(struct store *s, int64_t id, int64_t next_ms,
    struct problem *p)
{
	struct move m = { id, next_ms };

	return store_transact(s, again, &m, p);
}

static bool
done(struct store *s, void *ctx)
{
	const int64_t *id = ctx;

	return run(s, "DELETE FROM install WHERE id = ?1 AND owner = ?2",
	    *id, owner_number(s->owner));
}

enum err
store_install_done(struct store *s, int64_t id, struct problem *p)
{
	return store_transact(s, done, &id, p);
}
