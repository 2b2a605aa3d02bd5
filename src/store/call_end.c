/*
 * The end of a status call: what it told us, and the next one.
 *
 * Called by the relay after each call.  Owns nothing.  If it cannot be
 * written, the call and its messages are given back as soon as the store can
 * be.
 */
#include "store/calls.h"

#include "base/fault.h"
#include "store/queue.h"

#define LEISURE_MS 10	/* how long a write may wait for company */

struct ending {
	const struct call *call;
	const struct call_end *end;
	const struct line *line;
	struct call *next;	/* or NULL */
	bool lost;		/* a message was not ours any more */
};

static bool
note_reset(struct store *s, const char *member_id, int64_t reset_ms)
{
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "INSERT INTO meter(member_id, reset_ms) VALUES(?1, ?2)"
	    " ON CONFLICT(member_id) DO UPDATE SET reset_ms = ?2");

	if (st == NULL)
		return false;
	bind_text(st, 1, member_id);
	bind_int(st, 2, reset_ms);
	return sqlite_done(s->db, st);
}

static bool
note_took(struct store *s, const char *member_id, int64_t ms)
{
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "UPDATE meter SET took_ms = ?2 WHERE member_id = ?1");

	if (st == NULL)
		return false;
	bind_text(st, 1, member_id);
	bind_int(st, 2, ms);
	return sqlite_done(s->db, st);
}

/* What the call told us of the portal's limits. */
static bool
note_limits(struct store *s, const struct ending *e)
{
	const char *member_id = e->call->work[0]->member_id;
	int64_t level;

	if (e->end->reset_ms != 0 &&
	    !note_reset(s, member_id, e->end->reset_ms))
		return false;
	if (e->end->acknowledged &&
	    !note_took(s, member_id, e->end->took_ms))
		return false;
	if (!e->end->refused && e->end->more_calls == 0)
		return true;
	if (!call_read_level(s, member_id, &level))
		return false;
	level += e->end->more_calls * 1000;
	if (e->end->refused && level < call_room(s))
		level = call_room(s);
	return call_write_level(s, member_id, level);
}

static bool
acknowledge_one(struct store *s, struct ending *e, const struct work *w)
{
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "UPDATE message SET state = 3, body = NULL, token = NULL,"
	    " endpoint = NULL, reason = NULL, changed_ms = ?2, hold = 0,"
	    " next_ms = NULL, owner = 0"
	    " WHERE id = ?1 AND state = 2 AND owner = ?9");

	if (st == NULL)
		return false;
	bind_int(st, 1, w->id);
	bind_int(st, 2, store_now(s));
	return claim_move(s, st, &e->lost);
}

static bool
end_call(struct store *s, void *ctx)
{
	struct ending *e = ctx;
	sqlite3_stmt *st = sqlite_stmt(s->db, "DELETE FROM call"
	    " WHERE id = ?1 AND owner = ?2");
	bool ok = st != NULL;

	e->lost = false;
	if (ok) {
		bind_int(st, 1, e->call->id);
		bind_int(st, 2, owner_number(s->owner));
		ok = sqlite_done(s->db, st) && note_limits(s, e);
	}
	for (size_t i = 0; ok && e->end->acknowledged && i < e->call->n; i++)
		ok = acknowledge_one(s, e, e->call->work[i]);
	if (ok && e->next != NULL)
		ok = call_begin(s, e->line, NULL, e->next);
	fault_point("acknowledged-before-commit");
	return ok;
}

enum err
store_call_end(struct store *s, const struct call *c,
    const struct call_end *end, const struct line *line, struct call *next,
    struct problem *p)
{
	struct ending ending = { c, end, line, next, false };
	enum err e = store_transact_with(s, end_call, &ending,
	    end->at_leisure ? LEISURE_MS : 0, end->queued.call != NULL ?
	    &end->queued : NULL, p);

	fault_point("acknowledged-after-commit");
	if (e == ERR_OK)
		return ending.lost ? claim_lost(p) : e;
	if (next != NULL)
		next->leave = LEAVE_NOTHING;
	if (c->id != 0)
		claim_orphan(s, -c->id);
	for (size_t i = 0; end->acknowledged && i < c->n; i++)
		claim_orphan(s, c->work[i]->id);
	return e;
}

struct reset {
	const char *member_id;
	int64_t ms;
};

static bool
read_reset(struct store *s, void *ctx)
{
	struct reset *r = ctx;
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "SELECT reset_ms FROM meter WHERE member_id = ?1");

	if (st != NULL)
		bind_text(st, 1, r->member_id);
	return ask_int(s, st, &r->ms);
}

int64_t
store_reset_ms(struct store *s, const char *member_id)
{
	struct reset r = { member_id, 0 };
	struct problem p = { 0 };

	return store_read(s, read_reset, &r, &p) == ERR_OK ? r.ms : 0;
}
