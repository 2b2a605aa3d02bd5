/*
 * Forgetting what was done long ago.
 *
 * Rides with commits that write, each or some of them: a few keys further
 * along `seen`, in the order of the table, so no index on time is needed and
 * no step costs more than any other.  Where the walk stands is kept with the
 * counts.  A key whose message is unfinished, or refused, stays.
 */
#include "store/private.h"

#include <string.h>

#define STEP_MAX 512

struct seen {
	int64_t message_id;
	char base[KEY_MAX];
};

struct walk {
	struct seen at;		/* the last one that was looked at */
	int64_t n, looked;	/* n: of those, the ones that go */
};

static void
copy_key(struct seen *to, const struct rows *r)
{
	to->message_id = db_int(r, 0);
	db_copy(r, 1, to->base, sizeof(to->base));
}

static bool
write_place(struct tx *tx, struct walk *w, const struct seen *from,
    int64_t rows)
{
	/* at the end it begins anew */
	if (w->looked < rows)
		w->at = (struct seen){ .message_id = -1 };
	/* the disk is left alone for a short walk that found nothing */
	if (w->at.message_id == from->message_id &&
	    strcmp(w->at.base, from->base) == 0)
		return true;
	return DB_RUN(tx, "INSERT INTO tally(name, n, t) VALUES('purge', ?1,"
	    " ?2) ON CONFLICT(name) DO UPDATE SET n = ?1, t = ?2",
	    V_INT(w->at.message_id), V_TEXT(w->at.base));
}

static bool
look(struct tx *tx, struct walk *w, int64_t rows, int64_t before)
{
	struct rows r;
	bool ok = true;

	/* CASE: with AND all of it would be looked up for each row */
	DB_ROWS(tx, &r, "SELECT message_id, base, CASE WHEN since >= ?4"
	    " THEN 0 WHEN EXISTS (SELECT 1 FROM queue q WHERE"
	    " q.id = seen.id) THEN 0 WHEN EXISTS (SELECT 1 FROM refused f"
	    " WHERE f.id = seen.id) THEN 0 ELSE 1 END FROM seen"
	    " WHERE (message_id, base) > (?1, ?2)"
	    " ORDER BY message_id, base LIMIT ?3", V_INT(w->at.message_id),
	    V_TEXT(w->at.base), V_INT(rows), V_INT(before));
	while (ok && db_next(&r)) {
		copy_key(&w->at, &r);
		w->looked++;
		if (db_int(&r, 2) == 0)
			continue;
		w->n++;
		ok = DB_RUN(tx, "DELETE FROM seen WHERE message_id = ?1"
		    " AND base = ?2", V_INT(w->at.message_id),
		    V_TEXT(w->at.base));
	}
	return db_end(&r) && ok;
}

bool
purge_step(struct store *s, struct tx *tx, int64_t rows, int64_t *gone,
    bool *more)
{
	int64_t before;
	struct walk w = { .at.message_id = -1 };
	struct seen from;
	struct rows r;
	bool ok = age_limit(s, tx, AGE_KEEP, &before);

	if (rows > STEP_MAX)
		rows = STEP_MAX;
	if (!ok)
		return false;
	DB_ROWS(tx, &r, "SELECT n, t FROM tally WHERE name = 'purge'",
	    V_NONE);
	if (db_next(&r))
		copy_key(&w.at, &r);
	ok = db_end(&r);
	from = w.at;
	ok = ok && look(tx, &w, rows, before / 1000);
	if (w.n != 0)
		tally_add(s, tx, TALLY_SEEN, -w.n);
	if (gone != NULL)
		*gone = w.n;
	if (more != NULL)
		*more = w.looked == rows;
	return ok && write_place(tx, &w, &from, rows);
}
