/*
 * How old a stamp of the store is, by the time that really passed.
 *
 * Called where an age decides that something is forgotten or given up.  Owns
 * the tables clock and jump.  Stamps are Unix time, and the clock that they
 * come from may be set: a year ahead would make everything old at once.  The
 * monotonic clock cannot be set, but it begins anew when the machine does.
 * So both are written down now and then (a look).  By how much Unix time has
 * gained on the other since the last look is a jump, and stays on the list
 * until more time has passed than anybody asks for.  A stamp is as old as it
 * says, less all jumps ahead that happened since.
 *
 * What was not seen to pass (the machine was off, or asleep) counts as a
 * jump, too: then things are kept for longer.  A clock that is set back makes
 * stamps younger, which does the same.
 */
#include "store/age.h"

#include "store/queue.h"

#define LOOK_MS 600000		/* between two looks that are written down */
#define JUMP_MS 60000		/* a clock is corrected by less than that */
#define KEEP_MS (3651 * (int64_t)86400000)	/* no age in use is greater */

struct look {
	int64_t wall_ms, mono_ms;
	bool found;
};

static struct look
look_now(const struct store *s)
{
	const struct clock *c = s->opts.clock;

	return (struct look){ store_now(s), c->mono_ms(c->ctx), true };
}

static bool
last_look(struct store *s, struct look *out)
{
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "SELECT wall_ms, mono_ms FROM clock");
	int rc = st != NULL ? sqlite3_step(st) : SQLITE_ERROR;

	*out = (struct look){ .found = rc == SQLITE_ROW };
	if (out->found) {
		out->wall_ms = sqlite3_column_int64(st, 0);
		out->mono_ms = sqlite3_column_int64(st, 1);
	}
	if (st != NULL)
		(void)sqlite3_reset(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

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

static bool
write_look(struct store *s, const struct look *now)
{
	return run(s, "INSERT OR REPLACE INTO clock(id, wall_ms, mono_ms)"
	    " VALUES(1, ?1, ?2)", now->wall_ms, now->mono_ms);
}

/* How much time has passed for sure: since the last look, or, if the machine
 * was started anew, since then. */
static int64_t
passed_ms(const struct look *last, const struct look *now)
{
	int64_t wall = now->wall_ms - last->wall_ms;
	int64_t mono = now->mono_ms - last->mono_ms;

	if (mono < 0)
		mono = now->mono_ms;
	if (mono > wall)
		mono = wall;
	return mono > 0 ? mono : 0;
}

/* Whether there is something to write down. */
static bool
is_news(const struct look *last, const struct look *now)
{
	int64_t wall = now->wall_ms - last->wall_ms;

	return !last->found || wall < 0 || wall >= LOOK_MS ||
	    wall - passed_ms(last, now) > JUMP_MS;
}

/* Within a transaction. */
static bool
write_news(struct store *s, const struct look *last, const struct look *now)
{
	int64_t passed = passed_ms(last, now);
	int64_t jump = now->wall_ms - last->wall_ms - passed;

	if (!last->found)
		return write_look(s, now);
	return write_look(s, now) &&
	    run(s, "UPDATE jump SET age_ms = age_ms + ?1", passed, 0) &&
	    run(s, "DELETE FROM jump WHERE age_ms > ?1", KEEP_MS, 0) &&
	    (jump <= JUMP_MS || run(s, "INSERT INTO jump(by_ms, age_ms)"
	    " VALUES(?1, ?2)", jump, 0));
}

/*
 * All jumps that are younger than the age asked for are taken off.  For a
 * stamp that is of that age these all happened since; one that is younger
 * than some of them is kept anyhow.
 */
bool
age_limit(struct store *s, int64_t ms, int64_t *stamp_ms)
{
	const struct look now = look_now(s);
	int64_t passed = 0, jumps = 0;
	sqlite3_stmt *st = NULL;
	struct look last;
	bool ok = last_look(s, &last);

	if (ok && is_news(&last, &now))
		ok = write_news(s, &last, &now);
	else if (ok)
		passed = passed_ms(&last, &now);
	if (ok)
		st = sqlite_stmt(s->db, "SELECT sum(by_ms) FROM jump"
		    " WHERE age_ms + ?2 < ?1");
	if (st != NULL) {
		bind_int(st, 1, ms);
		bind_int(st, 2, passed);
	}
	ok = ask_int(s, st, &jumps);
	*stamp_ms = now.wall_ms - ms - jumps;
	return ok;
}

bool
age_begin(struct store *s)
{
	const struct look now = look_now(s);
	struct look last;

	if (!last_look(s, &last))
		return false;
	if (!is_news(&last, &now) || !sqlite_begin(s->db))
		return true;
	if (!(write_news(s, &last, &now) && sqlite_commit(s->db)))
		sqlite_rollback(s->db);
	return true;
}

struct limit {
	int64_t ms, stamp_ms;
};

static bool
find_limit(struct store *s, void *ctx)
{
	struct limit *l = ctx;

	return age_limit(s, l->ms, &l->stamp_ms);
}

enum err
store_age_limit(struct store *s, int64_t ms, int64_t *stamp_ms,
    struct problem *p)
{
	struct limit l = { .ms = ms, .stamp_ms = INT64_MIN };
	enum err e = store_transact(s, find_limit, &l, p);

	*stamp_ms = e == ERR_OK ? l.stamp_ms : INT64_MIN;
	return e;
}
