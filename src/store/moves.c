/*
 * The moves of a message from state to state, each one durable.
 *
 * Called by the relay with messages that this process has claimed.  Owns
 * nothing.  Every statement names the states that it may leave and the owner
 * that it moves for, so a move that is not in the table, or of one that has
 * lost its claim, changes nothing.
 */
#include "store/store.h"

#include "base/fault.h"
#include "store/calls.h"
#include "store/queue.h"
#include "store/submit.h"

#include <string.h>
#include <time.h>

#define RECORD_TRIES 8
#define RECORD_PAUSE_MS 250

struct move {
	struct work *work;
	struct work *const *all;	/* of several */
	size_t n;
	enum step step;
	enum hold hold;
	const char *text;	/* ids or reason */
	int64_t now_ms, next_ms;
	int64_t *next;		/* where the chat's next goes, or NULL */
	const struct line *line;
	struct call *call;	/* that is asked for, or NULL */
	bool lost;		/* one of them was not ours any more */
};

static bool
begin_next(struct store *s, const struct move *m)
{
	return m->next == NULL || claim_next_of_chat(s, m->work, m->next);
}

static bool
note_delivery(struct store *s, struct move *m, const char *sql)
{
	sqlite3_stmt *st = sqlite_stmt(s->db, sql);
	bool ok = st != NULL;

	m->lost = false;
	*m->next = 0;
	if (ok) {
		bind_int(st, 1, m->work->id);
		bind_text(st, 2, m->text);
		bind_int(st, 3, m->now_ms);
		ok = claim_move(s, st, &m->lost) &&
		    (m->lost || begin_next(s, m));
	}
	fault_point("delivered-before-commit");
	return ok;
}

/* It waits for whoever calls next; if nobody does, for the retry. */
static bool
delivered(struct store *s, void *ctx)
{
	return note_delivery(s, ctx,
	    "UPDATE message SET state = 2, ids = ?2, delivered_ms = ?3,"
	    " changed_ms = ?3, reason = NULL, tries = 0, first_ms = NULL,"
	    " hold = 0, next_ms = ?3 + 1000, owner = 0"
	    " WHERE id = ?1 AND state = 1 AND owner = ?9");
}

/* If it may be told now, it stays claimed. */
static bool
delivered_and_called(struct store *s, void *ctx)
{
	struct move *m = ctx;
	struct work told = *m->work;

	told.state = STATE_DELIVERED;
	told.ids = m->text;
	told.delivered_ms = m->now_ms;
	told.tries = told.first_ms = 0;
	told.claimed_ms = store_mono(s);
	m->call->leave = LEAVE_NOTHING;
	return note_delivery(s, m,
	    "UPDATE message SET state = 2, ids = ?2, delivered_ms = ?3,"
	    " changed_ms = ?3, reason = NULL, tries = 0, first_ms = NULL,"
	    " hold = 0 WHERE id = ?1 AND state = 1 AND owner = ?9") &&
	    (m->lost || call_begin(s, m->line, &told, m->call));
}

/* Of an event that needs no status: done as soon as the channel took it. */
static bool
delivered_and_done(struct store *s, void *ctx)
{
	return note_delivery(s, ctx,
	    "UPDATE message SET state = 3, ids = ?2, delivered_ms = ?3,"
	    " changed_ms = ?3, reason = NULL, body = NULL, token = NULL,"
	    " endpoint = NULL, hold = 0, next_ms = NULL, owner = 0"
	    " WHERE id = ?1 AND state = 1 AND owner = ?9");
}

/* What has happened outside is not given up at the first try: if it is not
 * written down, the message is handed over once more. */
static enum err
record(struct store *s, bool (*work)(struct store *, void *),
    struct move *m, struct problem *p)
{
	static const struct timespec pause = { 0, RECORD_PAUSE_MS * 1000000 };
	enum err e = ERR_DISK;

	for (int i = 0; e != ERR_OK && i < RECORD_TRIES; i++) {
		if (i != 0)
			(void)nanosleep(&pause, NULL);
		*p = (struct problem){ 0 };
		e = store_transact(s, work, m, p);
	}
	return e == ERR_OK && m->lost ? claim_lost(p) : e;
}

static enum err
move_on(struct store *s, bool (*work)(struct store *, void *),
    struct move *m, enum state state, struct problem *p)
{
	struct work *w = m->work;
	enum err e;

	m->now_ms = store_now(s);
	*m->next = 0;
	e = record(s, work, m, p);
	fault_point("delivered-after-commit");
	if (e == ERR_OK) {
		w->state = state;
		w->delivered_ms = m->now_ms;
		w->tries = w->first_ms = 0;
	} else {
		*m->next = 0;
	}
	if (e != ERR_OK && e != ERR_LOST)
		claim_orphan(s, w->id);
	return e;
}

enum err
store_delivered(struct store *s, struct work *w, const char *ids,
    int64_t *next, const struct line *line, struct call *call,
    struct problem *p)
{
	struct move m = { .work = w, .text = ids, .next = next,
	    .line = line, .call = call };
	enum err e = move_on(s, call != NULL ? delivered_and_called :
	    delivered, &m, STATE_DELIVERED, p);

	if (e != ERR_OK && call != NULL)
		call->leave = LEAVE_NOTHING;
	return e;
}

static bool
delivering(struct store *s, void *ctx)
{
	struct delivering *d = ctx;
	struct move m = { .work = d->work, .text = d->ids,
	    .now_ms = d->now_ms, .next = &d->next, .line = d->line,
	    .call = d->call };
	bool ok = delivered_and_called(s, &m);

	d->lost = m.lost;
	return ok;
}

bool
store_delivered_begin(struct delivering *d)
{
	d->problem = (struct problem){ 0 };
	d->now_ms = store_now(d->store);
	d->write.work = delivering;
	d->write.ctx = d;
	d->write.problem = &d->problem;
	return store_submit(d->store, &d->write);
}

enum err
store_delivered_end(struct delivering *d, struct problem *p)
{
	fault_point("delivered-after-commit");
	if (d->write.end != ERR_OK) {
		*p = d->problem;
		return d->write.end;
	}
	if (d->lost)
		return claim_lost(p);
	d->work->state = STATE_DELIVERED;
	d->work->delivered_ms = d->now_ms;
	d->work->tries = d->work->first_ms = 0;
	return ERR_OK;
}

enum err
store_done(struct store *s, struct work *w, const char *ids, int64_t *next,
    struct problem *p)
{
	struct move m = { .work = w, .text = ids, .next = next };

	return move_on(s, delivered_and_done, &m, STATE_ACKNOWLEDGED, p);
}

static bool
refused(struct store *s, void *ctx)
{
	struct move *m = ctx;
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "UPDATE message SET state = 4, step = ?2, reason = ?3,"
	    " tries = tries + 1, changed_ms = ?4, next_ms = NULL, hold = 0,"
	    " owner = 0 WHERE id = ?1 AND state IN (1, 2) AND owner = ?9");

	m->lost = false;
	if (st == NULL)
		return false;
	bind_int(st, 1, m->work->id);
	bind_int(st, 2, m->step);
	bind_text(st, 3, m->text);
	bind_int(st, 4, m->now_ms);
	/* a refused message holds nobody back */
	return claim_move(s, st, &m->lost) && (m->lost || begin_next(s, m));
}

enum err
store_refused(struct store *s, struct work *w, enum step step,
    const char *reason, int64_t *next, struct problem *p)
{
	struct move m = { .work = w, .step = step, .text = reason,
	    .now_ms = store_now(s),
	    .next = w->state == STATE_RECEIVED ? next : NULL };
	enum err e;

	*next = 0;
	e = store_transact(s, refused, &m, p);
	if (e != ERR_OK) {
		*next = 0;
		claim_orphan(s, w->id);
		return e;
	}
	if (m.lost)
		return claim_lost(p);
	w->state = STATE_REFUSED;
	return ERR_OK;
}

static bool
postpone_one(struct store *s, struct move *m, const struct work *w)
{
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "UPDATE message SET reason = ?2, tries = tries + (?5 <> 1),"
	    " changed_ms = ?3, first_ms = CASE WHEN ?5 = 1 THEN first_ms"
	    " ELSE coalesce(first_ms, ?3) END,"
	    " next_ms = ?4, hold = ?5, owner = 0"
	    " WHERE id = ?1 AND state IN (1, 2) AND owner = ?9");

	if (st == NULL)
		return false;
	bind_int(st, 1, w->id);
	bind_text(st, 2, m->text);
	bind_int(st, 3, m->now_ms);
	bind_int(st, 4, m->next_ms);
	bind_int(st, 5, m->hold);
	return claim_move(s, st, &m->lost);
}

/* What was refused already is no business of it. */
static bool
postponed(struct store *s, void *ctx)
{
	struct move *m = ctx;
	bool ok = true;

	m->lost = false;
	for (size_t i = 0; ok && i < m->n; i++)
		if (m->all[i]->state != STATE_REFUSED)
			ok = postpone_one(s, m, m->all[i]);
	return ok;
}

enum err
store_postponed(struct store *s, struct work *const *w, size_t n,
    int64_t next_ms, enum hold hold, const char *reason, struct problem *p)
{
	struct move m = { .all = w, .n = n, .hold = hold, .text = reason,
	    .now_ms = store_now(s), .next_ms = next_ms };
	enum err e = store_transact(s, postponed, &m, p);

	for (size_t i = 0; e != ERR_OK && i < n; i++)
		claim_orphan(s, w[i]->id);
	return e == ERR_OK && m.lost ? claim_lost(p) : e;
}

static bool
set_alone(struct store *s, void *ctx)
{
	struct move *m = ctx;
	bool ok = true;

	m->lost = false;
	for (size_t i = 0; ok && i < m->n; i++) {
		sqlite3_stmt *st = sqlite_stmt(s->db, "UPDATE message"
		    " SET alone = 1, owner = 0, hold = 0, next_ms = ?2"
		    " WHERE id = ?1 AND state = 2 AND owner = ?9");

		if (st == NULL)
			return false;
		bind_int(st, 1, m->all[i]->id);
		bind_int(st, 2, m->now_ms);
		ok = claim_move(s, st, &m->lost);
	}
	return ok;
}

enum err
store_alone(struct store *s, struct work *const *w, size_t n,
    struct problem *p)
{
	struct move m = { .all = w, .n = n, .now_ms = store_now(s) };
	enum err e = store_transact(s, set_alone, &m, p);

	for (size_t i = 0; e != ERR_OK && i < n; i++)
		claim_orphan(s, w[i]->id);
	return e == ERR_OK && m.lost ? claim_lost(p) : e;
}
