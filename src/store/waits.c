/*
 * What waits, where to and why, in groups.
 *
 * Called by the operator's tool.  Owns nothing.  All of it only reads, a
 * page at a time: no commit of a handler waits for it.  What is ready at a
 * place is counted there; of chats only those with several messages are
 * looked at, as the index has them.
 */
#include "store/waits.h"

#include "store/cover.h"
#include "store/private.h"
#include "store/upgrade.h"

#include <string.h>

#define PAGE_ROWS 500
#define ARENA_MAX ((size_t)256 * 1024 * 1024)

/* A page, and where the next one begins. */
struct walk {
	struct db_work db;
	struct waits *out;
	struct cover cover;
	int64_t at, at_id;
	int64_t page;		/* rows */
	int64_t looks;		/* that may still be made */
	int64_t found;		/* messages of the queue, */
	int64_t refused;
	bool more;
	bool cut;		/* there would have been more */
};

static const char *
text(const struct rows *r, int column)
{
	const char *s = db_text(r, column);

	return s != NULL ? s : "";
}

/* ---- what is ready at places, by their count */

#define PLACE_SQL "SELECT p.number, p.kind, p.member_id, p.connector, p.name," \
	" p.ready, p.look_ms, p.down_ms, p.reason, m.down_ms, m.probe_ms," \
	" m.reason, m.parked, o.endpoint, q.domain, q.received_us / 1000" \
	" FROM place p LEFT JOIN room m ON m.member_id = p.member_id" \
	" LEFT JOIN portal o ON o.member_id = p.member_id" \
	" LEFT JOIN queue q ON q.id = (SELECT id FROM queue WHERE turn = " \
	READY " AND place = p.number ORDER BY id LIMIT 1)"

static struct wait_group
place_group(const struct walk *w, const struct rows *r)
{
	bool portal = db_int(r, 1) != PLACE_CHANNEL;
	struct wait_group g = { .why = WAIT_TURN, .portal = portal,
	    .place = portal ? 0 : db_int(r, 0), .member_id = text(r, 2),
	    .connector = portal ? "" : text(r, 3),
	    .name = portal ? "" : text(r, 4), .n = db_int(r, 5),
	    .endpoint = text(r, 13), .domain = text(r, 14), .reason = "",
	    .since_ms = db_int(r, 15) };

	if (db_int(r, 1) == PLACE_PARKED) {
		g.why = WAIT_PARKED;
		g.reason = text(r, 12);
	} else if (portal ? db_int(r, 9) != 0 : db_int(r, 7) != 0) {
		g.why = WAIT_DOWN;
		g.reason = text(r, portal ? 11 : 8);
		g.next_ms = db_int(r, portal ? 10 : 6);
	} else if (!cover_has(&w->cover, text(r, 3))) {
		g.why = WAIT_UNCOVERED;
		g.connector = text(r, 3);
	}
	return g;
}

static bool
add(struct walk *w, struct tx *tx, const struct wait_group *g,
    struct wait_group **in)
{
	*in = waits_add(w->out, g);
	w->found += g->why != WAIT_REFUSED ? g->n : 0;
	w->refused += g->why == WAIT_REFUSED ? g->n : 0;
	return *in != NULL || db_no_memory(tx);
}

static bool
places(struct tx *tx, struct db_work *work)
{
	struct walk *w = (struct walk *)work;
	int64_t n = 0;
	bool ok = true;
	struct rows r;

	DB_ROWS(tx, &r, PLACE_SQL " WHERE p.number > ?1 AND p.ready > 0"
	    " ORDER BY p.number LIMIT ?2", V_INT(w->at), V_INT(w->page));
	while (ok && db_next(&r)) {
		const struct wait_group g = place_group(w, &r);
		struct wait_group *in;

		w->at = db_int(&r, 0);
		ok = add(w, tx, &g, &in) && (waits_note_place(w->out, w->at,
		    in) || db_no_memory(tx));
		n++;
	}
	w->more = n == w->page;
	return db_end(&r) && ok;
}

/* ---- what waits for a time of its own, and what is behind the first of a
 * chat, by rows */

#define ROW_SQL "SELECT q.turn, q.state, q.place, q.member_id, q.domain," \
	" q.connector, q.reason, q.received_us / 1000, q.next_ms, p.name," \
	" o.endpoint, q.id FROM queue q" \
	" LEFT JOIN place p ON p.number = q.place" \
	" LEFT JOIN portal o ON o.member_id = q.member_id"

/* For one that is not ready. */
static struct wait_group
row_group(const struct walk *w, const struct rows *r)
{
	bool portal = db_int(r, 1) == STATE_DELIVERED;
	struct wait_group g = { .why = WAIT_LATER, .portal = portal,
	    .place = portal ? 0 : db_int(r, 2), .n = 1,
	    .member_id = portal ? text(r, 3) : "",
	    .domain = portal ? text(r, 4) : "",
	    .endpoint = portal ? text(r, 10) : "",
	    .connector = portal ? "" : text(r, 5),
	    .name = portal ? "" : text(r, 9), .reason = text(r, 6),
	    .since_ms = db_int(r, 7), .next_ms = db_int(r, 8) };

	if (!cover_has(&w->cover, text(r, 5))) {
		g.why = WAIT_UNCOVERED;
		g.connector = text(r, 5);
		g.reason = "";
	}
	return g;
}

static bool
later(struct tx *tx, struct db_work *work)
{
	struct walk *w = (struct walk *)work;
	int64_t n = 0;
	bool ok = true;
	struct rows r;

	DB_ROWS(tx, &r, ROW_SQL " WHERE q.turn = " LATER
	    " AND (q.next_ms, q.id) > (?1, ?2) ORDER BY q.next_ms, q.id"
	    " LIMIT ?3", V_INT(w->at), V_INT(w->at_id), V_INT(w->page));
	while (ok && db_next(&r)) {
		const struct wait_group g = row_group(w, &r);
		struct wait_group *in;

		w->at = g.next_ms;
		w->at_id = db_int(&r, 11);
		ok = add(w, tx, &g, &in);
		n++;
	}
	w->more = n == w->page;
	w->looks -= n;
	return db_end(&r) && ok;
}

static struct wait_group
work_group(int64_t n, int64_t since_ms, const char *reason)
{
	return (struct wait_group){ .why = WAIT_WORK, .member_id = "",
	    .endpoint = "", .domain = "", .connector = "", .name = "",
	    .reason = reason, .n = n, .since_ms = since_ms };
}

static const char *
work_reason(struct tx *tx, int64_t owner)
{
	return db_alive(tx, owner) ? "" : "its process has ended";
}

/* Those behind the first of a chat wait for the same as that. */
static bool
add_behind(struct walk *w, struct tx *tx, const struct rows *r, int64_t n)
{
	struct wait_group *in, g = { .n = 0 };

	switch ((enum turn)db_int(r, 0)) {
	case TURN_READY:
		in = waits_at(w->out, db_int(r, 2));
		if (in != NULL) {
			in->n += n;
			w->found += n;
		}
		return true;
	case TURN_LATER:
		g = row_group(w, r);
		break;
	case TURN_IN_WORK:
		g = work_group(n, 0, work_reason(tx, db_int(r, 12)));
		break;
	default:
		return true;
	}
	g.n = n;
	return add(w, tx, &g, &in);
}

static bool
chat(struct walk *w, struct tx *tx, int64_t number, int64_t behind)
{
	bool ok = true;
	struct rows r;

	DB_ROWS(tx, &r, "SELECT q.turn, q.state, q.place, q.member_id,"
	    " q.domain, q.connector, q.reason, q.received_us / 1000,"
	    " q.next_ms, p.name, NULL, q.id, q.owner FROM queue q"
	    " LEFT JOIN place p ON p.number = q.place"
	    " WHERE q.id = (SELECT id FROM queue WHERE state = " RECEIVED
	    " AND chat = ?1 ORDER BY message_id, id LIMIT 1)",
	    V_INT(number));
	if (db_next(&r))
		ok = add_behind(w, tx, &r, behind);
	return db_end(&r) && ok;
}

static bool
chats(struct tx *tx, struct db_work *work)
{
	struct walk *w = (struct walk *)work;
	int64_t n = 0;
	bool ok = true;
	struct rows r;

	/* the index alone */
	DB_ROWS(tx, &r, "SELECT chat, count(*) FROM queue WHERE state = "
	    RECEIVED " AND chat > ?1 GROUP BY chat HAVING count(*) > 1"
	    " ORDER BY chat LIMIT ?2", V_INT(w->at), V_INT(w->page));
	while (ok && db_next(&r)) {
		w->at = db_int(&r, 0);
		ok = chat(w, tx, w->at, db_int(&r, 1) - 1);
		n++;
	}
	w->more = n == w->page;
	w->looks -= n;
	return db_end(&r) && ok;
}

/* ---- what is in work: a process has so many and no more */

static bool
in_work(struct tx *tx, struct db_work *work)
{
	struct walk *w = (struct walk *)work;
	bool ok = true;
	struct rows r;

	DB_ROWS(tx, &r, "SELECT owner, count(*), min(received_us) / 1000"
	    " FROM queue WHERE owner <> 0 GROUP BY owner", V_NONE);
	while (ok && db_next(&r)) {
		const struct wait_group g = work_group(db_int(&r, 1),
		    db_int(&r, 2), work_reason(tx, db_int(&r, 0)));
		struct wait_group *in;

		ok = add(w, tx, &g, &in);
	}
	w->more = false;
	return db_end(&r) && ok;
}

/* ---- what was refused */

static struct wait_group
refused_group(const struct rows *r)
{
	enum step step = (enum step)db_int(r, 1);
	bool portal = step == STEP_STATUS;

	return (struct wait_group){ .why = WAIT_REFUSED, .step = step,
	    .portal = portal, .reason = text(r, 2), .n = 1,
	    .since_ms = db_int(r, 3), .member_id = portal ? text(r, 4) : "",
	    .domain = portal ? text(r, 5) : "",
	    .connector = portal ? "" : text(r, 6), .name = "",
	    .endpoint = portal ? text(r, 7) : "" };
}

static bool
refused(struct tx *tx, struct db_work *work)
{
	struct walk *w = (struct walk *)work;
	int64_t n = 0;
	bool ok = true;
	struct rows r;

	DB_ROWS(tx, &r, "SELECT f.id, f.step, f.reason, f.changed_ms,"
	    " f.member_id, f.domain, f.connector, o.endpoint FROM refused f"
	    " LEFT JOIN portal o ON o.member_id = f.member_id"
	    " WHERE f.id > ?1 ORDER BY f.id LIMIT ?2", V_INT(w->at),
	    V_INT(w->page));
	while (ok && db_next(&r)) {
		const struct wait_group g = refused_group(&r);
		struct wait_group *in;

		w->at = db_int(&r, 0);
		ok = add(w, tx, &g, &in);
		n++;
	}
	w->more = n == w->page;
	w->looks -= n;
	return db_end(&r) && ok;
}

/* ---- all of it */

static bool
cover(struct tx *tx, struct db_work *work)
{
	struct walk *w = (struct walk *)work;

	w->more = false;
	return cover_read(tx, &w->cover);
}

/* What was not looked at, by the counts. */
static bool
rest(struct tx *tx, struct db_work *work)
{
	struct walk *w = (struct walk *)work;
	int64_t received, delivered, no;

	w->more = false;
	if (!tally_read(tx, TALLY_RECEIVED, &received) ||
	    !tally_read(tx, TALLY_DELIVERED, &delivered) ||
	    !tally_read(tx, TALLY_REFUSED, &no))
		return false;
	w->out->more = received + delivered - w->found;
	w->out->more_refused = no - w->refused;
	return true;
}

static enum err
walk(struct store *s, struct walk *w,
    bool (*step)(struct tx *, struct db_work *), struct problem *p)
{
	enum err e;

	w->db = (struct db_work){ .work = step, .reads = true };
	w->at = w->at_id = -1;
	w->looks = WAITS_LOOKS;
	do {
		w->more = false;
		e = store_now(s, &w->db, p);
	} while (e == ERR_OK && w->more && w->looks > 0);
	w->cut = w->cut || w->more;
	return e;
}

enum err
store_waits(struct store *s, struct waits *out, struct problem *p)
{
	static bool (*const steps[])(struct tx *, struct db_work *) = {
		cover, places, later, chats, in_work, refused, rest };
	struct walk w = { .out = out, .page = PAGE_ROWS };
	enum err e = older_take_over(s, p);

	*out = (struct waits){ .n = 0 };
	arena_init(&out->arena, ARENA_MAX);
	for (size_t i = 0; e == ERR_OK && i < sizeof(steps) /
	    sizeof(steps[0]); i++)
		e = walk(s, &w, steps[i], p);
	/* without a cut they are what moved meanwhile */
	if (!w.cut)
		out->more = out->more_refused = 0;
	out->runs = w.cover.any;
	cover_free(&w.cover);
	return e;
}

bool
waits_read(struct tx *tx, struct waits *out)
{
	static bool (*const steps[])(struct tx *, struct db_work *) = {
		cover, places, later, in_work, refused, rest };
	struct walk w = { .out = out, .page = WAITS_FEW };
	bool ok = true;

	*out = (struct waits){ .n = 0 };
	arena_init(&out->arena, ARENA_MAX);
	for (size_t i = 0; ok && i < sizeof(steps) / sizeof(steps[0]); i++) {
		w.at = w.at_id = -1;
		ok = steps[i](tx, &w.db);
	}
	out->runs = w.cover.any;
	cover_free(&w.cover);
	return ok;
}
