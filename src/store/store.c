/*
 * The store's handle, its counts, and what rides with every commit.
 *
 * Opened once by the programs.  Owns the driver.  Counts are kept, not made:
 * what a transaction changed is added up in memory and written once, at its
 * end.
 */
#include "store/store.h"

#include "store/private.h"

#include <stdlib.h>
#include <string.h>

#define PURGE_ROWS 4	/* with each commit, and two for each new key */

const char *
state_name(enum state state)
{
	static const char *const names[] = { "unknown", "received",
		"delivered", "acknowledged", "refused" };

	return names[state >= STATE_RECEIVED && state <= STATE_REFUSED ?
	    state : 0];
}

const char *
step_name(enum step step)
{
	static const char *const names[] = { "", "read", "hand-over",
		"status" };

	return names[step >= STEP_READ && step <= STEP_STATUS ? step : 0];
}

static const char *const tally_names[TALLY__MAX] = {
	[TALLY_RECEIVED] = "received",
	[TALLY_DELIVERED] = "delivered",
	[TALLY_REFUSED] = "refused",
	[TALLY_SEEN] = "seen",
	[TALLY_OLDER] = "older",
};

/* A transaction may run more than once: what the last run counted is void. */
static void
tally_begin(struct store *s, struct tx *tx)
{
	if (s->serial == db_serial(tx))
		return;
	s->serial = db_serial(tx);
	memset(s->tally, 0, sizeof(s->tally));
	s->purge = PURGE_ROWS;
}

void
tally_add(struct store *s, struct tx *tx, enum tally what, int64_t n)
{
	tally_begin(s, tx);
	s->tally[what] += n;
	if (what == TALLY_SEEN && n > 0)
		s->purge += 2 * n;
}

void
tally_gone(struct store *s, struct tx *tx, enum tally what, bool older)
{
	tally_add(s, tx, what, -1);
	if (older)
		tally_add(s, tx, TALLY_OLDER, -1);
}

bool
tally_write(struct store *s, struct tx *tx)
{
	bool ok = true;

	tally_begin(s, tx);
	for (int i = 0; ok && i < TALLY__MAX; i++)
		if (s->tally[i] != 0)
			ok = DB_RUN(tx, "INSERT INTO tally(name, n)"
			    " VALUES(?1, ?2) ON CONFLICT(name)"
			    " DO UPDATE SET n = n + ?2",
			    V_TEXT(tally_names[i]), V_INT(s->tally[i]));
	memset(s->tally, 0, sizeof(s->tally));
	return ok;
}

bool
tally_read(struct tx *tx, enum tally what, int64_t *n)
{
	return DB_NUMBER(tx, n, "SELECT n FROM tally WHERE name = ?1",
	    V_TEXT(tally_names[what]));
}

/* Behind the work of each transaction that writes. */
static bool
last(struct tx *tx, void *ctx)
{
	struct store *s = ctx;

	/* nothing that counts was written */
	if (s->serial != db_serial(tx))
		return true;
	return purge_step(s, tx, s->purge, NULL, NULL) && tally_write(s, tx);
}

enum err
store_open(struct store **out, const struct store_opts *o, struct problem *p)
{
	struct store *s = calloc(1, sizeof(*s));
	struct db_opts db = o->db;
	enum err e;

	*out = NULL;
	if (s == NULL)
		return problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	s->opts = *o;
	db.last = last;
	db.ctx = s;
	e = db_open(&s->db, &db, p);
	if (e == ERR_OK)
		*out = s;
	else
		free(s);
	return e;
}

bool
store_close(struct store *s, int64_t wait_ms)
{
	if (s == NULL)
		return true;
	if (!db_close(s->db, wait_ms))
		return false;
	free(s);
	return true;
}

struct db *
store_db(struct store *s)
{
	return s->db;
}

enum err
store_now(struct store *s, struct db_work *w, struct problem *p)
{
	enum err e = db_now(s->db, w);

	if (e != ERR_OK)
		*p = w->problem;
	return e;
}
