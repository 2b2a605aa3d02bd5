/*
 * Status calls: slots, buckets, and the messages that go with a call.
 *
 * Called by the relay before each call.  Owns nothing.  A call is
 * a row with a claim, so one that died with its process counts no more.  The
 * bucket is Bitrix24's (contract, section 5): it takes `burst` calls and
 * leaks `rate` a second.
 */
#include "store/calls.h"

#include "store/queue.h"
#include "store/row.h"

#include <string.h>

#define CALL_ARENA_MAX ((size_t)32 * 1024 * 1024)
#define BUSY_MS 1000	/* whoever calls looks for more; else the retry */

void
call_init(struct call *c)
{
	*c = (struct call){ .leave = LEAVE_NOTHING };
	arena_init(&c->arena, CALL_ARENA_MAX);
}

void
call_free(struct call *c)
{
	arena_free(&c->arena);
	call_init(c);
}

struct asking {
	const struct line *line;
	const struct work *first;
	bool fresh;		/* `first` was delivered just now */
	bool probe;
	struct call *call;
	size_t had;		/* messages that it has already */
	int64_t level;		/* of the bucket, thousandths of a call */
};

/* Calls that are on their way; those of dead processes are removed. */
static bool
count_calls(struct store *s, const char *member_id, int64_t *n)
{
	sqlite3_stmt *st = sqlite_stmt(s->db, "SELECT count(*) << 32 |"
	    " coalesce(sum(claimed(owner, lease)), 0)"
	    " FROM call WHERE member_id = ?1");
	int64_t both;

	if (st != NULL)
		bind_text(st, 1, member_id);
	if (!ask_int(s, st, &both))
		return false;
	*n = both & UINT32_MAX;
	if (*n == both >> 32)
		return true;
	st = sqlite_stmt(s->db, "DELETE FROM call WHERE member_id = ?1"
	    " AND NOT claimed(owner, lease)");
	if (st != NULL)
		bind_text(st, 1, member_id);
	return sqlite_done(s->db, st);
}

static bool
read_took(struct store *s, const char *member_id, int64_t *ms)
{
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "SELECT took_ms FROM meter WHERE member_id = ?1");

	if (st != NULL)
		bind_text(st, 1, member_id);
	return ask_int(s, st, ms);
}

/*
 * How full the bucket is now.  After a clock was set back nobody knows, and
 * waiting for it to catch up would be worse than a refusal.
 */
bool
call_read_level(struct store *s, const char *member_id, int64_t *level)
{
	sqlite3_stmt *st = sqlite_stmt(s->db, "SELECT CASE"
	    " WHEN level_ms > ?2 OR ?2 - level_ms > 86400000 THEN 0"
	    " ELSE max(0, level - ?3 * (?2 - level_ms)) END"
	    " FROM meter WHERE member_id = ?1");

	if (st == NULL)
		return false;
	bind_text(st, 1, member_id);
	bind_int(st, 2, store_now(s));
	bind_int(st, 3, s->opts.rate);
	return ask_int(s, st, level);
}

bool
call_write_level(struct store *s, const char *member_id, int64_t level)
{
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "INSERT INTO meter(member_id, reset_ms, level, level_ms)"
	    " VALUES(?1, 0, ?2, ?3) ON CONFLICT(member_id)"
	    " DO UPDATE SET level = ?2, level_ms = ?3");

	if (st == NULL)
		return false;
	bind_text(st, 1, member_id);
	bind_int(st, 2, level);
	bind_int(st, 3, store_now(s));
	return sqlite_done(s->db, st);
}

/*
 * One call less than the portal's bucket takes: calls do not arrive in the
 * rhythm in which they left, and the portal counts them as they arrive.
 */
int64_t
call_room(const struct store *s)
{
	return (s->opts.burst > 1 ? s->opts.burst - 1 : 1) * 1000;
}

/* Whether the portal bears one more call now, and when it will. */
static bool
may_leave(struct store *s, struct asking *a)
{
	struct call *c = a->call;
	int64_t now = store_now(s), full = call_room(s);

	c->leave = LEAVE_GRANTED;
	if (!a->probe && !destination_until(s, a->line->place, &c->at_ms))
		return false;
	if (c->at_ms != 0) {
		c->leave = LEAVE_DOWN;
		return true;
	}
	if (!count_calls(s, a->line->member_id, &c->others) ||
	    !call_read_level(s, a->line->member_id, &a->level) ||
	    (c->others != 0 &&
	    !read_took(s, a->line->member_id, &c->took_ms)))
		return false;
	if (c->others >= s->opts.calls_in_flight) {
		c->leave = LEAVE_LATER;
		c->at_ms = now + BUSY_MS;
	} else if (a->level + 1000 > full) {
		c->leave = LEAVE_LATER;
		c->at_ms = now + (a->level + 1000 - full + s->opts.rate - 1) /
		    s->opts.rate;
	}
	return true;
}

/* What waits on the line; one that has failed only when it is due again. */
#define WAITING " FROM message WHERE state = 2 AND member_id = ?1" \
	" AND connector = ?2 AND line = ?3 AND id <> ?4" \
	" AND NOT claimed(owner, lease)"
#define READY WAITING " AND hold <> 2 AND (tries = 0 OR next_ms <= ?5)"

enum group { GROUP_READY, GROUP_PARKED, GROUP_ALONE };

static sqlite3_stmt *
select_group(struct store *s, enum group group)
{
	switch (group) {
	case GROUP_READY:
		return sqlite_stmt(s->db, "SELECT " ROW_COLUMNS_TOLD READY
		    " AND alone = 0 ORDER BY id LIMIT ?6");
	case GROUP_PARKED:
		return sqlite_stmt(s->db, "SELECT " ROW_COLUMNS_TOLD WAITING
		    " AND hold = 2 AND alone = 0 AND ?5 = ?5"
		    " ORDER BY id LIMIT ?6");
	default:
		return sqlite_stmt(s->db, "SELECT " ROW_COLUMNS_TOLD READY
		    " AND alone = 1 ORDER BY id LIMIT ?6");
	}
}

static bool
read_group(struct store *s, struct asking *a, enum group group, size_t max)
{
	sqlite3_stmt *st = select_group(s, group);
	struct call *c = a->call;
	size_t end = c->n + max;
	int rc = SQLITE_DONE;

	if (st == NULL)
		return false;
	bind_text(st, 1, a->line->member_id);
	bind_text(st, 2, a->line->connector);
	bind_int(st, 3, a->line->line);
	bind_int(st, 4, a->first != NULL ? a->first->id : 0);
	bind_int(st, 5, store_now(s));
	bind_int(st, 6, (int64_t)max);
	while (c->n < end && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct work *w = arena_alloc(&c->arena, sizeof(*w));

		if (w == NULL || !row_read(st, &c->arena, w))
			rc = SQLITE_NOMEM;
		if (rc == SQLITE_NOMEM)
			break;
		c->work[c->n++] = w;
	}
	(void)sqlite3_reset(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

static bool
claim_from(struct store *s, struct call *c, size_t i)
{
	bool ok = true;

	for (; ok && i < c->n; i++) {
		ok = claim_row(s, c->work[i]->id);
		c->work[i]->claimed_ms = store_mono(s);
	}
	return ok;
}

/*
 * The messages of the call, `first` in front; those that it claims now.  A
 * probe goes alone, as what must: it may be in vain.  Parked ones go with
 * others only: a newer event's token may serve them.
 */
static bool
gather(struct store *s, struct asking *a)
{
	struct call *c = a->call;
	size_t max = (size_t)s->opts.batch, own = a->first != NULL;
	bool alone = a->probe || (own && a->first->alone), ok;

	c->work = arena_alloc(&c->arena, max * sizeof(struct work *));
	c->n = own;
	ok = c->work != NULL && (!own ||
	    (c->work[0] = work_copy(&c->arena, a->first)) != NULL);
	if (ok && !alone && c->n < max)
		ok = read_group(s, a, GROUP_READY, max - c->n);
	if (ok && !alone && c->n != 0 && c->n < max)
		ok = read_group(s, a, GROUP_PARKED, max - c->n);
	if (ok && c->n == 0)
		ok = read_group(s, a, GROUP_ALONE, 1);
	return ok && claim_from(s, c, own);
}

static bool
note_call(struct store *s, struct asking *a)
{
	sqlite3_stmt *st = sqlite_stmt(s->db, "INSERT INTO call(member_id,"
	    " owner, lease) VALUES(?1, ?2, ?3) RETURNING id");

	if (st == NULL)
		return false;
	bind_text(st, 1, a->line->member_id);
	bind_int(st, 2, owner_number(s->owner));
	bind_int(st, 3, store_lease(s));
	return ask_int(s, st, &a->call->id) &&
	    call_write_level(s, a->line->member_id, a->level + 1000);
}

static bool
release_first(struct store *s, const struct asking *a, int64_t next_ms)
{
	sqlite3_stmt *st = sqlite_stmt(s->db, "UPDATE message SET owner = 0,"
	    " hold = 0, next_ms = ?2 WHERE id = ?1 AND owner = ?9");
	bool lost = false;

	if (a->first == NULL)
		return true;
	if (st == NULL)
		return false;
	bind_int(st, 1, a->first->id);
	bind_int(st, 2, next_ms);
	return claim_move(s, st, &lost);
}

/*
 * Not now.  With `first` all of the portal waits that the retry would only
 * try in vain before.
 */
static bool
wait_again(struct store *s, const struct asking *a)
{
	sqlite3_stmt *st = sqlite_stmt(s->db, "UPDATE message SET next_ms = ?2"
	    " WHERE state = 2 AND member_id = ?1 AND hold = 0"
	    " AND next_ms < ?2 AND NOT claimed(owner, lease)");

	if (a->first == NULL)
		return true;
	if (st == NULL || !release_first(s, a, a->call->at_ms))
		return false;
	bind_text(st, 1, a->line->member_id);
	bind_int(st, 2, a->call->at_ms);
	return a->fresh || sqlite_done(s->db, st);
}

static bool
hold_all(struct store *s, const struct asking *a)
{
	const struct work like = { .state = STATE_DELIVERED,
	    .member_id = a->line->member_id };

	return release_first(s, a, store_now(s)) && destination_wait(s, &like,
	    a->call->at_ms, HOLD_NONE, HOLD_DOWN);
}

static bool
begin_call(struct store *s, void *ctx)
{
	struct asking *a = ctx;
	struct call *c = a->call;

	arena_reset(&c->arena);
	c->at_ms = c->others = c->took_ms = 0;
	c->n = 0;
	if (!may_leave(s, a))
		return false;
	if (c->leave == LEAVE_DOWN)
		return hold_all(s, a);
	if (c->leave == LEAVE_LATER)
		return wait_again(s, a);
	if (!gather(s, a))
		return false;
	if (c->n == 0) {
		c->leave = LEAVE_NOTHING;
		return true;
	}
	return note_call(s, a) && portal_read(s, a->line->member_id,
	    &c->arena, &c->portal, &c->installed);
}

bool
call_begin(struct store *s, const struct line *line,
    const struct work *first, struct call *c)
{
	struct asking a = { .line = line, .first = first, .fresh = true,
	    .call = c };

	return begin_call(s, &a);
}

enum err
store_call_begin(struct store *s, const struct line *line,
    const struct work *first, bool probe, struct call *c,
    struct problem *p)
{
	struct asking a = { .line = line, .first = first, .probe = probe,
	    .call = c };
	enum err e = store_transact(s, begin_call, &a, p);

	if (e != ERR_OK) {
		c->leave = LEAVE_NOTHING;
		if (first != NULL)
			claim_orphan(s, first->id);
	}
	return e;
}

static bool
take_more(struct store *s, void *ctx)
{
	struct asking *a = ctx;
	struct call *c = a->call;
	size_t n = a->had, max = (size_t)s->opts.batch;
	bool ok;

	c->n = n;
	ok = c->n >= max || read_group(s, a, GROUP_READY, max - c->n);
	return ok && claim_from(s, c, n);
}

enum err
store_call_more(struct store *s, const struct line *line, struct call *c,
    struct problem *p)
{
	struct asking a = { .line = line, .call = c, .had = c->n };
	enum err e = store_transact(s, take_more, &a, p);

	if (e != ERR_OK)
		c->n = a.had;
	return e;
}
