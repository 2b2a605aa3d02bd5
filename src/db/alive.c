/*
 * Who is alive: the table `process` and the locks behind it.
 *
 * Called by works, inside a transaction.  Owns this process's number and what
 * it remembers of the others.
 *
 * A process is listed from its first db_me() on, with a number whose byte in
 * the lock file it holds.  The lock dies with it: then others see at once
 * that it is gone.  One that is stopped keeps its lock; so whoever has claims
 * also moves its `beat`.  An idle process must not wake the disk for ever: if
 * neither db_me() nor db_beat() was called for DB_REST_MS, it makes its beat
 * negative, which says "I have no claims"; from then on only the kernel's
 * word counts.  The loop's timer asks for that (db/committer.c), so a process
 * whose loop hangs does not rest, and is judged by its beat.
 *
 * Whoever looks adds up for how long a beat has not moved: between two looks
 * at least LOOK_MS apart, and never more than HOP_MS for one, because the one
 * who looks may have been stopped itself, together with all others.  At
 * LOST_MS the process is as good as gone.  When it goes on it finds its row
 * gone at its next db_me(), and is a new process with a new number.
 *
 * The row of a process that ended stays until somebody looks, unless it was
 * at rest when it was closed: only then is it known to own nothing.
 */
#include "db/private.h"

#include "base/fault.h"

#include <stdlib.h>
#include <string.h>

#define BEAT_MS 500		/* a beat is not moved more often */
#define LOOK_MS 1000
#define HOP_MS 5000
#define LOST_MS 30000
#define SEEN_MAX 65536		/* who is beyond is judged by the kernel only */

/* the timer that puts it to rest is not exact */
_Static_assert(2 * DB_REST_MS + HOP_MS < LOST_MS, "the idle rest in time");

#define MOVE "UPDATE process SET beat = abs(beat) + 1 WHERE number = ?1"

void
alive_free(struct alive *a)
{
	free(a->before.of);
	free(a->now.of);
	memset(a, 0, sizeof(*a));
}

static bool
is_fresh(const struct tx *tx, int64_t now)
{
	return !tx->me.rests && now - tx->me.beat_ms < BEAT_MS;
}

/* Moves our beat; *there: whether our row is there yet. */
static bool
move(struct tx *tx, int64_t now, bool *there)
{
	if (!DB_RUN(tx, MOVE, V_INT(tx->db->alive.number)))
		return false;
	*there = db_changed(tx) > 0;
	if (*there) {
		tx->me.beat_ms = now;
		tx->me.rests = false;
	}
	return true;
}

static bool
look_for_me(struct tx *tx, int64_t now, bool *there)
{
	int64_t found;

	if (!is_fresh(tx, now))
		return move(tx, now, there);
	if (!DB_NUMBER(tx, &found, "SELECT 1 FROM process WHERE number = ?1",
	    V_INT(tx->db->alive.number)))
		return false;
	*there = found != 0;
	return true;
}

/* Another process has declared this one stopped, and that is committed. */
static bool
become_new(struct tx *tx)
{
	struct alive *a = &tx->db->alive;
	int64_t was = a->number;

	if (!lock_take_number(tx->db->lock_fd, &a->number)) {
		a->number = was;
		return tx_refuse(tx, ERR_DISK, "no number can be locked");
	}
	lock_drop_number(tx->db->lock_fd, was);
	atomic_fetch_add(&tx->db->lives, 1);
	a->me = tx->me = (struct me){ .listed = false };
	return true;
}

static bool
enlist(struct tx *tx, int64_t now)
{
	tx->me.listed = DB_RUN(tx, "INSERT INTO process(number, beat, about)"
	    " VALUES(?1, 1, ?2) ON CONFLICT(number) DO UPDATE SET"
	    " beat = abs(beat) + 1", V_INT(tx->db->alive.number),
	    V_TEXT(tx->db->about));
	tx->me.beat_ms = now;
	tx->me.rests = false;
	return tx->me.listed;
}

int64_t
db_me(struct tx *tx)
{
	int64_t now = db_mono(tx->db);
	bool there = false;
	bool ok = tx->writes ||
	    tx_refuse(tx, ERR_DISK, "db_me() in work that reads");

	if (ok && !tx->me.checked) {
		ok = !tx->me.listed || look_for_me(tx, now, &there);
		if (ok && tx->me.listed && !there)
			ok = become_new(tx);
		if (ok && !tx->me.listed)
			ok = enlist(tx, now);
		tx->me.checked = ok;
	}
	tx->me.used_ms = now;
	return ok ? tx->db->alive.number : 0;
}

bool
db_beat(struct tx *tx)
{
	int64_t now = db_mono(tx->db);
	bool there;

	if (!tx->writes)
		return tx_refuse(tx, ERR_DISK, "db_beat() in work that reads");
	if (!tx->me.listed)
		return true;
	tx->me.used_ms = now;
	/* if its row is gone, db_me() is the one to know */
	return is_fresh(tx, now) || move(tx, now, &there);
}

bool
alive_rest(struct tx *tx, struct db_work *w)
{
	(void)w;
	if (!tx->me.listed || tx->me.rests ||
	    db_mono(tx->db) - tx->me.used_ms < DB_REST_MS)
		return true;
	tx->me.rests = true;
	return DB_RUN(tx, "UPDATE process SET beat = -abs(beat)"
	    " WHERE number = ?1", V_INT(tx->db->alive.number));
}

bool
alive_leave(struct tx *tx, struct db_work *w)
{
	(void)w;
	tx->me.listed = false;
	return DB_RUN(tx, "DELETE FROM process WHERE number = ?1"
	    " AND beat <= 0", V_INT(tx->db->alive.number));
}

bool
db_alive(struct tx *tx, int64_t number)
{
	return number == tx->db->alive.number ?
	    number != 0 : lock_is_held(tx->db->lock_fd, number);
}

bool
db_older_lives(struct tx *tx)
{
	return lock_older(tx->db->lock_fd);
}

/* What was seen of that process before.  Both go up by number. */
static struct seen
recall(const struct looks *before, size_t *at, struct seen fresh)
{
	while (*at < before->n && before->of[*at].number < fresh.number)
		++*at;
	if (*at < before->n && before->of[*at].number == fresh.number &&
	    before->of[*at].beat == fresh.beat)
		return before->of[*at];
	return fresh;
}

static void
keep(struct looks *l, const struct seen *s)
{
	if (l->n == l->room && l->n < SEEN_MAX) {
		size_t room = l->room != 0 ? 2 * l->room : 16;
		struct seen *of = realloc(l->of, room * sizeof(of[0]));

		if (of == NULL)
			return;
		l->of = of;
		l->room = room;
	}
	if (l->n < l->room)
		l->of[l->n++] = *s;
}

/* Whether it was silent for too long; negative beats never are. */
static bool
is_silent(struct alive *a, size_t *at, int64_t number, int64_t beat,
    int64_t now)
{
	struct seen s = recall(&a->before, at,
	    (struct seen){ number, beat, now, 0 });
	int64_t gap = now - s.at_ms;

	if (gap >= LOOK_MS) {
		s.silent_ms += gap < HOP_MS ? gap : HOP_MS;
		s.at_ms = now;
	}
	keep(&a->now, &s);
	return beat > 0 && s.silent_ms >=
	    fault_ms("IMCONNECTOR_HEARTBEAT_MS", LOST_MS);
}

bool
db_next_dead(struct tx *tx, int64_t *number)
{
	struct alive *a = &tx->db->alive;
	int64_t now = db_mono(tx->db);
	struct looks was = a->before;
	struct rows r;
	size_t at = 0;

	*number = 0;
	a->now.n = 0;
	/* all of them: those behind the first must be noted, too */
	DB_ROWS(tx, &r, "SELECT number, beat FROM process WHERE number <> ?1"
	    " ORDER BY number", V_INT(a->number));
	while (db_next(&r)) {
		int64_t other = db_int(&r, 0);
		bool silent = is_silent(a, &at, other, db_int(&r, 1), now);

		if (*number == 0 && (silent ||
		    !lock_is_held(tx->db->lock_fd, other)))
			*number = other;
	}
	a->before = a->now;
	a->now = was;
	return db_end(&r);
}

bool
db_bury_process(struct tx *tx, int64_t number)
{
	if (number == tx->db->alive.number)
		tx->me.listed = tx->me.checked = false;
	return DB_RUN(tx, "DELETE FROM process WHERE number = ?1",
	    V_INT(number));
}

bool
db_each_process(struct tx *tx, bool (*each)(void *, int64_t, const char *),
    void *ctx)
{
	struct rows r;
	bool ok = true;

	db_rows(tx, &r, "SELECT number, about FROM process ORDER BY number",
	    NULL, 0);
	while (ok && db_next(&r)) {
		int64_t number = db_int(&r, 0);
		const char *about = db_text(&r, 1);

		if (about != NULL && db_alive(tx, number))
			ok = each(ctx, number, about);
	}
	return db_end(&r) && ok;
}
