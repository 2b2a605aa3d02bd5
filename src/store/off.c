/*
 * Lines that are off: marks among the counts (table tally), as they are few
 * and need no table of their own.  The old ones go when a new one comes.
 *
 * Called by the relay, and when an event is stored.  Owns nothing.  A mark
 * that another process made is seen a second later, so that storing does not
 * look for marks where there are none.
 */
#include "store/off.h"

#include "store/private.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

#define NAME_MAX_BYTES 512	/* longer names are no real ones: no mark */
#define SEEN_MS 1000

/* What a mark begins with, and what all of them stand before. */
#define FROM "off/"
#define TO "off0"

static bool
name_of(char out[NAME_MAX_BYTES], const char *member_id,
    const char *connector, int64_t line)
{
	int n = snprintf(out, NAME_MAX_BYTES, FROM "%" PRId64 "/%s/%s", line,
	    connector != NULL ? connector : "", member_id);

	for (char *c = out; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	return n > 0 && n < NAME_MAX_BYTES;
}

static bool
put(struct tx *tx, struct db_work *w)
{
	const struct line_off *o = (const struct line_off *)w;
	char name[NAME_MAX_BYTES];
	int64_t before_ms;

	/* a portal tells of lines that never were ours, too */
	if (!age_limit(o->store, tx, AGE_KEEP, &before_ms) ||
	    !DB_RUN(tx, "DELETE FROM tally WHERE name >= ?1 AND name < ?2"
	    " AND n < ?3", V_TEXT(FROM), V_TEXT(TO), V_INT(before_ms)))
		return false;
	return !name_of(name, o->member_id, o->connector, o->line) ||
	    DB_RUN(tx, "INSERT INTO tally(name, n, t) VALUES(?1, ?2, ?3)"
	    " ON CONFLICT(name) DO UPDATE SET n = ?2, t = ?3", V_TEXT(name),
	    V_INT(db_time(tx)), V_TEXT(o->event));
}

void
store_line_off(struct line_off *o)
{
	o->db.work = put;
}

bool
off_count(struct tx *tx, int64_t *n)
{
	return DB_NUMBER(tx, n, "SELECT count(*) FROM tally WHERE name >= ?1"
	    " AND name < ?2", V_TEXT(FROM), V_TEXT(TO));
}

/* Two, as a portal may have ended a whole line. */
static bool
clear(struct tx *tx, const struct event *ev)
{
	const char *const connectors[] = { ev->connector, NULL };
	char name[NAME_MAX_BYTES];
	bool ok = true;

	for (size_t i = 0; ok && i < 2; i++)
		if (name_of(name, ev->member_id, connectors[i], ev->line))
			ok = DB_RUN(tx, "DELETE FROM tally WHERE name = ?1",
			    V_TEXT(name));
	return ok;
}

bool
off_clear(struct store *s, struct tx *tx, const struct event *ev)
{
	int64_t now_ms = db_time_mono(tx);
	bool ok = true;

	if (event_traits(ev->kind)->ends_line)
		return true;
	if (!s->off.read || now_ms - s->off.read_ms >= SEEN_MS) {
		ok = off_count(tx, &s->off.n);
		s->off.read = ok;
		s->off.read_ms = now_ms;
	}
	return ok && (s->off.n == 0 || clear(tx, ev));
}
