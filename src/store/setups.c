/*
 * Portals that are to be set up.
 *
 * Called by portal/setups.c, by pages and by the operator's tool.  Owns
 * nothing.
 */
#include "store/setups.h"

#include "store/private.h"

#include <string.h>

#define COLUMNS "SELECT member_id, url, asked, state, tries, next_ms," \
	" changed_ms, reason FROM setup "
#define LEASE_MS 900000	/* a try lasts no longer, or may be made twice */

static bool
copy_text(const char **out, const struct rows *r, int column,
    struct arena *a)
{
	const char *s = db_text(r, column);

	*out = arena_dup(a, s != NULL ? s : "", s != NULL ? strlen(s) : 0);
	return *out != NULL;
}

static bool
copy_row(struct setup_row *out, const struct rows *r, struct arena *a)
{
	out->asked = db_int(r, 2);
	out->state = (enum setup_state)db_int(r, 3);
	out->tries = db_int(r, 4);
	out->next_ms = db_int(r, 5);
	out->changed_ms = db_int(r, 6);
	return copy_text(&out->member_id, r, 0, a) &&
	    copy_text(&out->url, r, 1, a) &&
	    copy_text(&out->reason, r, 7, a);
}

/* The row at hand, if there is one, and the end of the statement. */
static bool
take_row(struct tx *tx, struct rows *r, struct arena *a, bool *found,
    struct setup_row *out)
{
	bool ok = true;

	arena_reset(a);
	*found = db_next(r);
	if (*found)
		ok = copy_row(out, r, a);
	return db_end(r) && (ok || db_no_memory(tx));
}

static bool
claim(struct tx *tx, const char *member_id)
{
	return DB_RUN(tx, "UPDATE setup SET owner = ?2, next_ms = ?3"
	    " WHERE member_id = ?1", V_TEXT(member_id), V_INT(db_me(tx)),
	    V_INT(db_time(tx) + LEASE_MS));
}

static bool
due(struct tx *tx, struct db_work *w)
{
	struct setup_due *d = (struct setup_due *)w;
	struct rows r;

	DB_ROWS(tx, &r, COLUMNS "WHERE state < 2 AND next_ms <= ?1"
	    " ORDER BY next_ms LIMIT 1", V_INT(db_time(tx)));
	if (!take_row(tx, &r, d->arena, &d->found, &d->row))
		return false;
	return !d->found || claim(tx, d->row.member_id);
}

void
store_setup_due(struct setup_due *d)
{
	d->db.work = due;
}

static bool
read_row(struct tx *tx, const char *member_id, struct arena *a, bool *found,
    struct setup_row *out)
{
	struct rows r;

	DB_ROWS(tx, &r, COLUMNS "WHERE member_id = ?1", V_TEXT(member_id));
	return take_row(tx, &r, a, found, out);
}

static bool
read_work(struct tx *tx, struct db_work *w)
{
	struct setup_reading *v = (struct setup_reading *)w;

	return read_row(tx, v->member_id, v->arena, &v->found, &v->row);
}

void
store_setup_read(struct setup_reading *r)
{
	r->db.work = read_work;
	r->db.reads = true;
}

bool
setup_want(struct tx *tx, const char *member_id, const char *url)
{
	return DB_RUN(tx, "INSERT INTO setup(member_id, url, asked, state,"
	    " tries, next_ms, owner, changed_ms)"
	    " SELECT member_id, ?2, 1, 0, 0, ?3, 0, ?3 FROM portal"
	    " WHERE member_id = ?1"
	    " ON CONFLICT(member_id) DO UPDATE SET"
	    " url = CASE url WHEN '' THEN ?2 ELSE url END,"
	    " asked = asked + 1, state = 0, tries = 0, next_ms = ?3,"
	    " owner = 0, changed_ms = ?3, reason = NULL", V_TEXT(member_id),
	    V_TEXT(url != NULL ? url : ""), V_INT(db_time(tx)));
}

static bool
wish(struct tx *tx, struct db_work *w)
{
	struct setup_wish *v = (struct setup_wish *)w;

	return setup_want(tx, v->member_id, v->url) && (!v->claim ||
	    (claim(tx, v->member_id) &&
	    read_row(tx, v->member_id, v->arena, &v->found, &v->row)));
}

void
store_setup_wish(struct setup_wish *v)
{
	v->db.work = wish;
}

static bool
end(struct tx *tx, struct db_work *w)
{
	const struct setup_ending *e = (const struct setup_ending *)w;

	return DB_RUN(tx, "UPDATE setup SET owner = 0, state = ?3,"
	    " tries = CASE ?3 WHEN 2 THEN 0 ELSE tries + 1 END, next_ms = ?4,"
	    " changed_ms = ?5, reason = ?6"
	    " WHERE member_id = ?1 AND asked = ?2", V_TEXT(e->member_id),
	    V_INT(e->asked), V_INT(e->state),
	    V_INT(db_time(tx) + e->wait_ms), V_INT(db_time(tx)),
	    V_TEXT(e->state == SETUP_DONE ? NULL : e->reason));
}

void
store_setup_end(struct setup_ending *e)
{
	e->db.work = end;
}
