/*
 * Installations that wait for their proof.
 *
 * Called by portal/install.c.  Owns nothing.  Anybody can post one, so they
 * are few, short-lived and inert.
 */
#include "store/installs.h"

#include "base/fault.h"
#include "store/private.h"

#include <string.h>

#define LEASE_MS 60000	/* for processes of the version before this one */

static bool
remove_old(struct tx *tx)
{
	return DB_RUN(tx, "DELETE FROM install WHERE received_ms < ?1"
	    " OR received_ms > ?2", V_INT(db_time(tx) - INSTALL_MS),
	    V_INT(db_time(tx) + INSTALL_MS));
}

/* A repeat with the stored token that is no newer changes nothing. */
static bool
find_stored(struct tx *tx, struct install_keeping *k)
{
	struct rows r;

	DB_ROWS(tx, &r, "SELECT application_token = ?2, ts > ?3 FROM portal"
	    " WHERE member_id = ?1 AND ts >= ?3", V_TEXT(k->install.member_id),
	    V_TEXT(k->install.application_token), V_INT(k->install.ts));
	if (db_next(&r)) {
		k->known = db_int(&r, 0) != 0;
		k->outdated = !k->known && db_int(&r, 1) != 0;
	}
	return db_end(&r);
}

/* The same one, or a newer one of this portal. */
static bool
find_other(struct tx *tx, struct install_keeping *k)
{
	struct rows r;

	DB_ROWS(tx, &r, "SELECT id, owner FROM install WHERE"
	    " member_id = ?1 AND (ts > ?2 OR (ts = ?2"
	    " AND application_token = ?3 AND refresh_token = ?4))",
	    V_TEXT(k->install.member_id), V_INT(k->install.ts),
	    V_TEXT(k->install.application_token),
	    V_TEXT(k->install.refresh_token));
	k->other = db_next(&r);
	if (k->other) {
		k->id = db_int(&r, 0);
		k->proving = db_alive(tx, db_int(&r, 1));
	}
	return db_end(&r);
}

/* One for a portal; and when all places are taken, the most tried goes. */
static bool
make_room(struct tx *tx, const struct install_keeping *k)
{
	return DB_RUN(tx, "DELETE FROM install WHERE member_id = ?1",
	    V_TEXT(k->install.member_id)) &&
	    DB_RUN(tx, "DELETE FROM install WHERE id IN (SELECT id FROM"
	    " install ORDER BY tries DESC, received_ms, id LIMIT"
	    " max(0, (SELECT count(*) FROM install) - ?1))",
	    V_INT(INSTALLS_MAX - 1));
}

static bool
insert(struct tx *tx, struct install_keeping *k)
{
	const struct install *in = &k->install;

	return DB_INSERT(tx, &k->id, "INSERT INTO install(member_id,"
	    " application_token, endpoint, server_endpoint, access_token,"
	    " refresh_token, expires_in, ts, received_ms, next_ms, owner,"
	    " lease, url) VALUES(?1, ?2, ?3, ?4, ?5, ?6, 3600, ?7, ?8, ?8,"
	    " ?9, ?10, ?11)", V_TEXT(in->member_id),
	    V_TEXT(in->application_token), V_TEXT(in->endpoint),
	    V_TEXT(in->server_endpoint), V_TEXT(in->access_token),
	    V_TEXT(in->refresh_token), V_INT(in->ts), V_INT(db_time(tx)),
	    V_INT(k->claim ? db_me(tx) : 0),
	    V_INT(db_time_mono(tx) + LEASE_MS),
	    V_TEXT(in->url != NULL ? in->url : ""));
}

static bool
keep(struct tx *tx, struct db_work *w)
{
	struct install_keeping *k = (struct install_keeping *)w;
	bool ok;

	k->id = 0;
	k->known = k->outdated = k->other = k->proving = false;
	ok = remove_old(tx) && find_stored(tx, k);
	if (ok && !k->known && !k->outdated)
		ok = find_other(tx, k);
	if (ok && !k->known && !k->outdated && !k->other)
		ok = make_room(tx, k) && insert(tx, k);
	fault_point("install-before-commit");
	return ok;
}

DB_WORK(store_install_keep, install_keeping, keep)

static bool
copy_row(const struct rows *r, struct arena *a, struct install *in)
{
	const char **texts[] = { &in->member_id, &in->application_token,
		&in->endpoint, &in->server_endpoint, &in->access_token,
		&in->refresh_token, &in->url };
	bool ok = true;

	in->id = db_int(r, 0);
	for (int i = 0; i < (int)(sizeof(texts) / sizeof(texts[0])); i++) {
		const char *s = db_text(r, i + 1);

		*texts[i] = arena_dup(a, s != NULL ? s : "",
		    s != NULL ? strlen(s) : 0);
		ok = ok && *texts[i] != NULL;
	}
	in->ts = db_int(r, 8);
	in->received_ms = db_int(r, 9);
	in->tries = db_int(r, 10);
	return ok;
}

/* At most INSTALLS_MAX rows: each is looked at. */
static bool
find_due(struct tx *tx, struct install_due *d)
{
	int64_t now = db_time(tx);
	bool ok = true;
	struct rows r;

	DB_ROWS(tx, &r, "SELECT id, member_id, application_token, endpoint,"
	    " server_endpoint, access_token, refresh_token, url, ts,"
	    " received_ms, tries, owner, next_ms FROM install"
	    " ORDER BY next_ms", V_NONE);
	while (ok && !d->found && db_next(&r)) {
		int64_t next = db_int(&r, 12);

		if (db_int(&r, 11) != 0 && db_alive(tx, db_int(&r, 11)))
			continue;
		d->found = next <= now || next > now + INSTALL_MS;
		if (d->found)
			ok = copy_row(&r, d->arena, &d->install);
		else if (d->next_ms == 0)
			d->next_ms = next;
	}
	return db_end(&r) && (ok || db_no_memory(tx));
}

static bool
due(struct tx *tx, struct db_work *w)
{
	struct install_due *d = (struct install_due *)w;
	int64_t n;

	d->found = false;
	d->next_ms = 0;
	arena_reset(d->arena);
	if (!DB_NUMBER(tx, &n, "SELECT count(*) FROM install", V_NONE))
		return false;
	if (n == 0)
		return true;
	if (!remove_old(tx) || !find_due(tx, d))
		return false;
	return !d->found || DB_RUN(tx, "UPDATE install SET owner = ?2,"
	    " lease = ?3, tries = tries + 1 WHERE id = ?1",
	    V_INT(d->install.id), V_INT(db_me(tx)),
	    V_INT(db_time_mono(tx) + LEASE_MS));
}

DB_WORK(store_install_due, install_due, due)

static bool
end(struct tx *tx, struct db_work *w)
{
	const struct install_end_work *e = (const struct install_end_work *)w;

	if (!e->again)
		return DB_RUN(tx, "DELETE FROM install WHERE id = ?1",
		    V_INT(e->id));
	return DB_RUN(tx, "UPDATE install SET next_ms = ?2, owner = 0,"
	    " lease = 0 WHERE id = ?1", V_INT(e->id),
	    V_INT(db_time(tx) + e->wait_ms));
}

DB_WORK(store_install_end, install_end_work, end)
