/*
 * Installed portals and their tokens.
 *
 * Called by portal/ and by the operator's tool.  Owns nothing.  A new pair
 * of tokens is durable before anybody uses it: the old refresh token is
 * worth nothing any more.
 */
#include "store/portals.h"

#include "base/fault.h"
#include "store/private.h"

#include <stdlib.h>
#include <string.h>

#define COLUMNS "SELECT member_id, application_token, endpoint," \
	" server_endpoint, access_token, refresh_token, expires_ms, ts," \
	" rejected, changed_ms, owner FROM portal "
#define PAGE_ROWS 100
#define ARENA_MAX ((size_t)64 * 1024 * 1024)
#define LEASE_MS 60000	/* for processes of the version before this one */

static const char *
text(const struct rows *r, int column)
{
	const char *s = db_text(r, column);

	return s != NULL ? s : "";
}

static struct portal
row(const struct rows *r)
{
	return (struct portal){
		.member_id = text(r, 0),
		.application_token = text(r, 1),
		.endpoint = text(r, 2),
		.server_endpoint = text(r, 3),
		.access_token = text(r, 4),
		.refresh_token = text(r, 5),
		.expires_ms = db_int(r, 6),
		.ts = db_int(r, 7),
		.rejected = db_text(r, 8),
		.changed_ms = db_int(r, 9),
	};
}

bool
portal_keep(struct portal *p, struct arena *a)
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

static bool
read_owned(struct tx *tx, const char *member_id, struct arena *a,
    struct portal *out, int64_t *owner)
{
	struct rows r;
	bool kept = true;

	*owner = -1;
	DB_ROWS(tx, &r, COLUMNS "WHERE member_id = ?1", V_TEXT(member_id));
	if (db_next(&r)) {
		*owner = db_int(&r, 10);
		*out = row(&r);
		kept = portal_keep(out, a);
	}
	return db_end(&r) && (kept || db_no_memory(tx));
}

bool
portal_read(struct tx *tx, const char *member_id, struct arena *a,
    struct portal *out, bool *found)
{
	int64_t owner;
	bool ok = read_owned(tx, member_id, a, out, &owner);

	*found = ok && owner >= 0;
	return ok;
}

static bool
read_work(struct tx *tx, struct db_work *w)
{
	struct portal_reading *r = (struct portal_reading *)w;

	arena_reset(r->arena);
	return portal_read(tx, r->member_id, r->arena, &r->portal, &r->found);
}

DB_READ(store_portal_read, portal_reading, read_work)

/* New tokens: what waits for the want of them is looked at. */
static bool
unpark(struct tx *tx, const char *member_id)
{
	return DB_RUN(tx, "UPDATE room SET parked = NULL"
	    " WHERE member_id = ?1 AND parked IS NOT NULL",
	    V_TEXT(member_id)) && (db_changed(tx) == 0 ||
	    DB_RUN(tx, "UPDATE place SET look_ms = ?2 WHERE member_id = ?1",
	    V_TEXT(member_id), V_INT(db_time(tx))));
}

/* Whether what is stored is not what this pair was made for. */
static bool
is_stale(struct tx *tx, const struct portal_saving *v, bool *stale)
{
	int64_t newer;
	bool ok = v->spent != NULL ? DB_NUMBER(tx, &newer, "SELECT NOT EXISTS"
	    " (SELECT 1 FROM portal WHERE member_id = ?1"
	    " AND refresh_token = ?2)", V_TEXT(v->portal.member_id),
	    V_TEXT(v->spent)) : DB_NUMBER(tx, &newer, "SELECT 1 FROM portal"
	    " WHERE member_id = ?1 AND ts > ?2", V_TEXT(v->portal.member_id),
	    V_INT(v->portal.ts));

	*stale = newer != 0;
	return ok;
}

static bool
write_portal(struct tx *tx, const struct portal *p)
{
	return DB_RUN(tx, "INSERT INTO portal(member_id, application_token,"
	    " endpoint, server_endpoint, access_token, refresh_token,"
	    " expires_ms, ts, changed_ms)"
	    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
	    " ON CONFLICT(member_id) DO UPDATE SET application_token ="
	    " CASE WHEN ?2 <> '' THEN ?2 ELSE application_token END,"
	    " endpoint = ?3, server_endpoint = ?4, access_token = ?5,"
	    " refresh_token = ?6, expires_ms = ?7, ts = ?8, changed_ms = ?9,"
	    " rejected = NULL, owner = 0, lease = 0", V_TEXT(p->member_id),
	    V_TEXT(p->application_token), V_TEXT(p->endpoint),
	    V_TEXT(p->server_endpoint), V_TEXT(p->access_token),
	    V_TEXT(p->refresh_token), V_INT(p->expires_ms), V_INT(p->ts),
	    V_INT(db_time(tx)));
}

static bool
save(struct tx *tx, struct db_work *w)
{
	struct portal_saving *v = (struct portal_saving *)w;
	bool ok = is_stale(tx, v, &v->stale);

	if (ok && !v->stale)
		ok = write_portal(tx, &v->portal) &&
		    unpark(tx, v->portal.member_id);
	if (ok && v->spent == NULL)
		ok = DB_RUN(tx, "DELETE FROM install WHERE id = ?1",
		    V_INT(v->id)) && (v->stale || setup_want(tx,
		    v->portal.member_id, v->url));
	fault_point("tokens-before-commit");
	return ok;
}

DB_WORK(store_portal_save, portal_saving, save)

static bool
forget(struct tx *tx, const char *member_id)
{
	return DB_RUN(tx, "DELETE FROM portal WHERE member_id = ?1",
	    V_TEXT(member_id)) &&
	    DB_RUN(tx, "DELETE FROM install WHERE member_id = ?1",
	    V_TEXT(member_id)) &&
	    DB_RUN(tx, "DELETE FROM setup WHERE member_id = ?1",
	    V_TEXT(member_id)) &&
	    DB_RUN(tx, "DELETE FROM room WHERE member_id = ?1",
	    V_TEXT(member_id));
}

static bool
change(struct tx *tx, struct db_work *w)
{
	const struct portal_change *c = (const struct portal_change *)w;

	switch (c->act) {
	case PORTAL_REJECTED:
		/* without our claim it is another pair by now */
		return DB_RUN(tx, "UPDATE portal SET rejected = ?2,"
		    " changed_ms = ?3, owner = 0, lease = 0"
		    " WHERE member_id = ?1 AND owner = ?4",
		    V_TEXT(c->member_id), V_TEXT(c->text),
		    V_INT(db_time(tx)), V_INT(db_me(tx)));
	case PORTAL_MOVED:
		return DB_RUN(tx, "UPDATE portal SET endpoint = ?2,"
		    " changed_ms = ?3 WHERE member_id = ?1",
		    V_TEXT(c->member_id), V_TEXT(c->text),
		    V_INT(db_time(tx)));
	case PORTAL_FORGOTTEN:
		return forget(tx, c->member_id);
	case PORTAL_REFRESH_END:
		return DB_RUN(tx, "UPDATE portal SET owner = 0, lease = 0"
		    " WHERE member_id = ?1 AND owner = ?2",
		    V_TEXT(c->member_id), V_INT(db_me(tx)));
	}
	return false;
}

DB_WORK(store_portal_change, portal_change, change)

static bool
claim_refresh(struct tx *tx, const char *member_id)
{
	return DB_RUN(tx, "UPDATE portal SET owner = ?2, lease = ?3"
	    " WHERE member_id = ?1", V_TEXT(member_id), V_INT(db_me(tx)),
	    V_INT(db_time_mono(tx) + LEASE_MS));
}

/*
 * A claim of our own is left over: its end could not be written.  This
 * process refreshes a portal once at a time.
 */
static bool
ask_refresh(struct tx *tx, struct db_work *w)
{
	struct refresh_asking *v = (struct refresh_asking *)w;
	int64_t owner;

	arena_reset(v->arena);
	if (!read_owned(tx, v->member_id, v->arena, &v->portal, &owner))
		return false;
	v->found = owner >= 0;
	v->answer = REFRESH_NONE;
	if (!v->found)
		return true;
	if (strcmp(v->portal.access_token, v->failed) != 0)
		v->answer = REFRESH_NEWER;
	else if (v->portal.rejected != NULL ||
	    v->portal.refresh_token[0] == '\0')
		v->answer = REFRESH_NONE;
	else if (owner != 0 && owner != db_me(tx) && db_alive(tx, owner))
		v->answer = REFRESH_BUSY;
	else
		v->answer = REFRESH_YOURS;
	return v->answer != REFRESH_YOURS || claim_refresh(tx, v->member_id);
}

DB_WORK(store_refresh_ask, refresh_asking, ask_refresh)

/* A part of the list, in memory of its own. */
struct page {
	struct db_work db;
	struct arena arena;
	struct portal row[PAGE_ROWS];
	size_t n;
	char *last;		/* where the part before it ended */
};

static bool
read_page(struct tx *tx, struct db_work *w)
{
	struct page *g = (struct page *)w;
	bool kept = true;
	struct rows r;

	arena_reset(&g->arena);
	g->n = 0;
	DB_ROWS(tx, &r, COLUMNS "WHERE member_id > ?1 ORDER BY member_id"
	    " LIMIT ?2", V_TEXT(g->last != NULL ? g->last : ""),
	    V_INT(PAGE_ROWS));
	while (kept && db_next(&r)) {
		g->row[g->n] = row(&r);
		kept = portal_keep(&g->row[g->n++], &g->arena);
	}
	return db_end(&r) && (kept || db_no_memory(tx));
}

static enum err
next_page(struct store *s, struct page *g, struct problem *p)
{
	if (g->n != 0) {
		free(g->last);
		g->last = strdup(g->row[g->n - 1].member_id);
		if (g->last == NULL)
			return problem_set(p, ERR_NOMEM, -1, NULL,
			    "out of memory");
	}
	return store_now(s, &g->db, p);
}

/* No transaction is open while a reader takes his time (store/list.c). */
enum err
store_portal_each(struct store *s,
    bool (*each)(void *, const struct portal *), void *ctx, struct problem *p)
{
	struct page *g = calloc(1, sizeof(*g));
	enum err e = ERR_OK;
	bool more = true;

	if (g == NULL)
		return problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	g->db = (struct db_work){ .work = read_page, .reads = true };
	arena_init(&g->arena, ARENA_MAX);
	while (e == ERR_OK && more) {
		e = next_page(s, g, p);
		more = e == ERR_OK && g->n == PAGE_ROWS;
		for (size_t i = 0; e == ERR_OK && i < g->n; i++)
			if (!each(ctx, &g->row[i])) {
				more = false;
				break;
			}
	}
	arena_free(&g->arena);
	free(g->last);
	free(g);
	return e;
}
