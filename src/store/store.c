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

/*
 * So many for each commit, and two for each new key; a busy process looks at
 * them once there are some, for each look has a price of its own.
 */
#define PURGE_ROWS 4
#define PURGE_AT 64

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
	s->purge += PURGE_ROWS;
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

/* The row is nearly always there; an upsert would cost twice as much. */
static bool
write_one(struct tx *tx, const char *name, int64_t n)
{
	if (!DB_RUN(tx, "UPDATE tally SET n = n + ?2 WHERE name = ?1",
	    V_TEXT(name), V_INT(n)))
		return false;
	return db_changed(tx) != 0 || DB_RUN(tx, "INSERT INTO tally(name, n)"
	    " VALUES(?1, ?2)", V_TEXT(name), V_INT(n));
}

bool
tally_write(struct store *s, struct tx *tx)
{
	bool ok = true;

	tally_begin(s, tx);
	for (int i = 0; ok && i < TALLY__MAX; i++)
		if (s->tally[i] != 0)
			ok = write_one(tx, tally_names[i], s->tally[i]);
	memset(s->tally, 0, sizeof(s->tally));
	return ok;
}

bool
tally_read(struct tx *tx, enum tally what, int64_t *n)
{
	return DB_NUMBER(tx, n, "SELECT n FROM tally WHERE name = ?1",
	    V_TEXT(tally_names[what]));
}

/* Whoever ends soon must not leave it to others; and how time passes is
 * noted by each. */
static bool
purge_some(struct store *s, struct tx *tx)
{
	int64_t rows = s->purge, before;

	if (rows < PURGE_AT && s->opts.db.threaded)
		return age_limit(s, tx, AGE_KEEP, &before);
	s->purge = 0;
	return purge_step(s, tx, rows, NULL, NULL);
}

/* Behind the work of each transaction that writes. */
static bool
last(struct tx *tx, void *ctx)
{
	struct store *s = ctx;

	/* nothing that counts was written */
	if (s->serial != db_serial(tx))
		return true;
	return purge_some(s, tx) && tally_write(s, tx);
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
