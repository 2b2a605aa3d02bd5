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
#include "store/private.h"

#define LOOK_MS 600000		/* between two looks that are written down */
#define JUMP_MS 60000		/* a clock is corrected by less than that */
#define KEEP_MS (3651 * (int64_t)86400000)	/* no age in use is greater */
#define KNOWN_MS 1000		/* how long an answer may be used again */

struct look {
	int64_t wall_ms, mono_ms;
	bool found;
};

static bool
last_look(struct tx *tx, struct look *out)
{
	struct rows r;

	*out = (struct look){ .found = false };
	DB_ROWS(tx, &r, "SELECT wall_ms, mono_ms FROM clock", V_NONE);
	if (db_next(&r))
		*out = (struct look){ db_int(&r, 0), db_int(&r, 1), true };
	return db_end(&r);
}

static bool
write_look(struct tx *tx, const struct look *now)
{
	return DB_RUN(tx, "INSERT INTO clock(id, wall_ms, mono_ms)"
	    " VALUES(1, ?1, ?2) ON CONFLICT(id) DO UPDATE SET wall_ms = ?1,"
	    " mono_ms = ?2", V_INT(now->wall_ms), V_INT(now->mono_ms));
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

static bool
write_news(struct tx *tx, const struct look *last, const struct look *now)
{
	int64_t passed = passed_ms(last, now);
	int64_t jump = now->wall_ms - last->wall_ms - passed;

	if (!last->found)
		return write_look(tx, now);
	return write_look(tx, now) &&
	    DB_RUN(tx, "UPDATE jump SET age_ms = age_ms + ?1",
	    V_INT(passed)) &&
	    DB_RUN(tx, "DELETE FROM jump WHERE age_ms > ?1",
	    V_INT(KEEP_MS)) &&
	    (jump <= JUMP_MS || DB_RUN(tx, "INSERT INTO jump(by_ms, age_ms)"
	    " VALUES(?1, ?2)", V_INT(jump), V_INT(0)));
}

/*
 * All jumps that are younger than the age asked for are taken off.  For a
 * stamp that is of that age these all happened since; one that is younger
 * than some of them is kept anyhow.
 */
static bool
find_jumps(struct tx *tx, int64_t ms, int64_t *jumps)
{
	const struct look now = { db_time(tx), db_time_mono(tx), true };
	int64_t passed = 0;
	struct look last;
	bool ok = last_look(tx, &last);

	if (ok && is_news(&last, &now))
		ok = write_news(tx, &last, &now);
	else if (ok)
		passed = passed_ms(&last, &now);
	return ok && DB_NUMBER(tx, jumps, "SELECT sum(by_ms) FROM jump"
	    " WHERE age_ms + ?2 < ?1", V_INT(ms), V_INT(passed));
}

bool
age_limit(struct store *s, struct tx *tx, enum age age, int64_t *stamp_ms)
{
	struct age_known *k = &s->age[age];
	int64_t ms = age == AGE_KEEP ? s->opts.keep_ms : s->opts.give_up_ms;
	int64_t gained = db_time(tx) - k->wall_ms -
	    (db_time_mono(tx) - k->mono_ms);

	/* asked by every commit: only news are looked up */
	if (k->wall_ms == 0 || db_time_mono(tx) - k->mono_ms > KNOWN_MS ||
	    gained > KNOWN_MS || gained < -KNOWN_MS) {
		if (!find_jumps(tx, ms, &k->jumps))
			return false;
		k->wall_ms = db_time(tx);
		k->mono_ms = db_time_mono(tx);
	}
	*stamp_ms = db_time(tx) - ms - k->jumps;
	return true;
}
