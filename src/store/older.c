/*
 * An older store is taken over, in small steps, while it is in use.
 *
 * Called within a look, one step at a time, while events are stored and
 * while processes of the version before may still work on their table.  Owns
 * the ways through that table.  A step is one transaction and moves few
 * messages, so nobody waits for long; a crash leaves each message in one of
 * both places.
 *
 * What a living older process has claimed is its own until it lets go; so is
 * the chat of a received message.  When the last such process is gone, the
 * marks go that moved messages have left, then the table, and the file is
 * this version's.
 */
#include "store/older.h"

#define STEP_MS 3	/* a step ends then, or at OLDER_ROWS */
#define PASS_ROWS 5000	/* that are passed over at once */

bool
older_is_over(const struct older_run *p)
{
	return p->left <= 0 || deadline_left(&p->until) == 0;
}

struct older_run
older_begin(struct store *s, struct tx *tx, int64_t rows)
{
	return (struct older_run){ .s = s, .tx = tx,
	    .lives = db_older_lives(tx), .left = rows,
	    .until = deadline_in(s->opts.db.clock, STEP_MS) };
}

/*
 * A way goes on from the row where the last step ended, so that what is
 * claimed takes nothing from the others' turn.  Where all rows go, the first
 * one is always the next.
 */
struct way {
	struct older_at *at;	/* zeros: the beginning */
	bool (*next)(struct older_run *, struct older_at *, bool *end);
};

static bool
go_on(struct older_run *p, const struct way *w)
{
	static const struct older_at begin;
	bool ok = true, end = false, whole;

	if (!p->lives)
		*w->at = begin;
	whole = w->at->id == 0;
	while (ok && !older_is_over(p)) {
		ok = w->next(p, w->at, &end);
		if (!p->lives || end)
			*w->at = begin;
		if (end && whole)
			break;
		whole = whole || end;
	}
	return ok;
}

#define COLUMNS "SELECT id, member_id, connector, line, chat, state, owner," \
	" lease, next_ms, hold FROM message WHERE "

/* The texts live with the row. */
static bool
chat_of(const struct rows *r, struct older_chat *c)
{
	*c = (struct older_chat){ db_text(r, 1), db_text(r, 2), db_int(r, 3),
		db_text(r, 4) };
	return c->member_id != NULL && c->connector != NULL &&
	    c->chat != NULL;
}

/* A received one goes with its chat. */
static bool
move_row(struct older_run *p, const struct rows *r)
{
	struct older_chat c;

	if (!chat_of(r, &c))
		return false;
	if (db_int(r, 5) == STATE_RECEIVED)
		return older_move_chat(p, &c);
	if (older_claimed(p->tx, db_int(r, 6), db_int(r, 7))) {
		p->left--;
		return true;
	}
	return older_move_told(p, db_int(r, 0), &c, db_int(r, 8),
	    db_int(r, 9));
}

/*
 * What waits for a time, the first of it first: nearly all that is not done,
 * much of it in the order of arrival, so that few pages are touched.
 */
static bool
next_due(struct older_run *p, struct older_at *at, bool *end)
{
	bool ok = true;
	struct rows r;

	DB_ROWS(p->tx, &r, COLUMNS "next_ms = ?1 AND id > ?2"
	    " ORDER BY id LIMIT 1", V_INT(at->ms), V_INT(at->id));
	if (!db_next(&r)) {
		if (!db_end(&r))
			return false;
		DB_ROWS(p->tx, &r, COLUMNS "next_ms > ?1"
		    " ORDER BY next_ms, id LIMIT 1", V_INT(at->ms));
		(void)db_next(&r);
	}
	*end = !r.more;
	if (!*end) {
		*at = (struct older_at){ db_int(&r, 0), db_int(&r, 8) };
		ok = move_row(p, &r);
	}
	return db_end(&r) && ok;
}

/* Received ones that nothing is due for, by chat: those behind others that
 * are gone by now. */
#define CHAT_ORDER " ORDER BY member_id, connector, line, chat LIMIT 1"

static bool
next_chat(struct older_run *p, struct older_at *at, bool *end)
{
	struct older_at was = *at;
	struct older_chat c;
	struct rows of, r;
	bool ok = true;

	DB_ROWS(p->tx, &of, COLUMNS "id = ?1", V_INT(at->id));
	if (db_next(&of) && chat_of(&of, &c))
		DB_ROWS(p->tx, &r, COLUMNS "state = 1 AND (member_id,"
		    " connector, line, chat) > (?1, ?2, ?3, ?4)" CHAT_ORDER,
		    V_TEXT(c.member_id), V_TEXT(c.connector), V_INT(c.line),
		    V_TEXT(c.chat));
	else
		DB_ROWS(p->tx, &r, COLUMNS "state = 1" CHAT_ORDER, V_NONE);
	*end = !db_next(&r);
	if (!*end) {
		at->id = db_int(&r, 0);
		ok = move_row(p, &r);
		if (p->cut)
			*at = was;
	}
	ok = db_end(&r) && ok;
	return db_end(&of) && ok;
}

/* Behind the one at hand, first in its line, then in others. */
static bool
read_told(struct older_run *p, const struct older_chat *c, int64_t at,
    struct rows *r)
{
	DB_ROWS(p->tx, r, COLUMNS "state = 2 AND member_id = ?1"
	    " AND connector = ?2 AND line = ?3 AND id > ?4"
	    " ORDER BY id LIMIT 1", V_TEXT(c->member_id),
	    V_TEXT(c->connector), V_INT(c->line), V_INT(at));
	if (db_next(r))
		return true;
	if (!db_end(r))
		return false;
	DB_ROWS(p->tx, r, COLUMNS "state = 2 AND (member_id, connector, line)"
	    " > (?1, ?2, ?3) ORDER BY member_id, connector, line, id LIMIT 1",
	    V_TEXT(c->member_id), V_TEXT(c->connector), V_INT(c->line));
	return db_next(r);
}

/* Delivered ones that nothing is due for, line by line. */
static bool
next_told(struct older_run *p, struct older_at *at, bool *end)
{
	static const struct older_chat none = { "", "", -1, "" };
	struct older_chat c;
	struct rows of, r;
	bool ok = true;

	DB_ROWS(p->tx, &of, COLUMNS "id = ?1", V_INT(at->id));
	if (!db_next(&of) || !chat_of(&of, &c))
		c = none;
	*end = !read_told(p, &c, at->id, &r);
	if (!*end) {
		at->id = db_int(&r, 0);
		ok = move_row(p, &r);
	}
	ok = db_end(&r) && ok;
	return db_end(&of) && ok;
}

/* The others, by number. */
struct ended {
	int64_t id;
	enum state state;
	bool mark;
};

static bool
read_ended(struct older_run *p, struct ended *e, int64_t *n, int64_t *at)
{
	int64_t passed = 0;
	struct rows r;

	*n = 0;
	DB_ROWS(p->tx, &r, "SELECT id, state, lease = " OLDER_MARK
	    " FROM message WHERE id > ?1 ORDER BY id LIMIT ?2", V_INT(*at),
	    V_INT(PASS_ROWS));
	while (*n < p->left && db_next(&r)) {
		e[*n] = (struct ended){ *at = db_int(&r, 0),
		    (enum state)db_int(&r, 1), db_int(&r, 2) != 0 };
		*n += e[*n].state != STATE_RECEIVED &&
		    e[*n].state != STATE_DELIVERED &&
		    !(e[*n].mark && p->lives);
		passed++;
	}
	p->s->older.passed = *n < p->left && passed < PASS_ROWS;
	return db_end(&r);
}

/* What was not finished yet when it was passed goes when all can go. */
static bool
take_ended(struct older_run *p)
{
	struct older_way *w = &p->s->older;
	struct ended e[OLDER_ROWS + 1];
	int64_t n, i = 0;
	bool ok;

	if (!p->lives)
		w->ended = 0;
	if (older_is_over(p))
		return true;
	ok = read_ended(p, e, &n, &w->ended);
	for (; ok && i < n && (i == 0 || !older_is_over(p)); i++)
		ok = e[i].mark ? older_leave(p, e[i].id) :
		    e[i].state == STATE_REFUSED ?
		    older_move_refused(p, e[i].id) :
		    older_move_done(p, e[i].id);
	if (i < n) {
		w->passed = false;
		w->ended = i != 0 ? e[i - 1].id : 0;
	}
	return ok;
}

/* Nothing is left, and nobody can add to it. */
static bool
drop(struct older_run *p)
{
	int64_t left;

	if (!DB_NUMBER(p->tx, &left, "SELECT 1 FROM message LIMIT 1", V_NONE))
		return false;
	return left != 0 || (DB_RUN(p->tx, "DROP TABLE message", V_NONE) &&
	    DB_RUN(p->tx, "DROP TABLE IF EXISTS destination", V_NONE) &&
	    DB_RUN(p->tx, "DROP TABLE IF EXISTS meter", V_NONE) &&
	    DB_RUN(p->tx, "DROP TABLE IF EXISTS call", V_NONE) &&
	    db_finish_upgrade(p->tx));
}

bool
older_step(struct store *s, struct tx *tx, bool *more)
{
	struct older_way *w = &s->older;
	const struct way due = { &w->due, next_due };
	const struct way chats = { &w->chat, next_chat };
	const struct way told = { &w->told, next_told };
	struct older_run p;
	bool older, ok;

	*more = false;
	if (!db_is_older(tx, &older))
		return false;
	if (!older)
		return true;
	p = older_begin(s, tx, OLDER_ROWS);
	ok = go_on(&p, &due) && go_on(&p, &chats) && go_on(&p, &told) &&
	    take_ended(&p) && (p.lives || p.moved != 0 || drop(&p));
	*more = p.moved != 0 || !w->passed;
	return ok;
}

bool
older_due(struct store *s, struct tx *tx, bool *due)
{
	int64_t open;
	bool older, ok = db_is_older(tx, &older);

	*due = ok && older && (!s->older.passed || !db_older_lives(tx));
	if (!ok || !older || *due)
		return ok;
	ok = DB_NUMBER(tx, &open, "SELECT EXISTS (SELECT 1 FROM message"
	    " WHERE state = 1) OR EXISTS (SELECT 1 FROM message"
	    " WHERE state = 2)", V_NONE);
	*due = open != 0;
	return ok;
}

struct taking_all {
	struct db_work db;
	struct store *store;
	bool more;
};

static bool
take_over(struct tx *tx, struct db_work *w)
{
	struct taking_all *t = (struct taking_all *)w;

	t->more = false;
	return older_step(t->store, tx, &t->more);
}

static bool
ask(struct tx *tx, struct db_work *w)
{
	struct taking_all *t = (struct taking_all *)w;

	return db_is_older(tx, &t->more);
}

enum err
older_take_over(struct store *s, struct problem *p)
{
	struct taking_all t = { .db = { .work = ask, .reads = true },
	    .store = s };
	enum err e = store_now(s, &t.db, p);

	t.db = (struct db_work){ .work = take_over };
	while (e == ERR_OK && t.more)
		e = store_now(s, &t.db, p);
	return e;
}
