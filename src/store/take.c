/*
 * Storing an event: its messages become durable together, or none does.
 *
 * Called by the relay before anything is handed over.  Owns nothing.  The
 * unique key makes two arrivals of one message meet in one row, also when
 * two processes store them at the same time.
 */
#include "store/store.h"

#include "base/fault.h"
#include "store/queue.h"
#include "store/submit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * The time of receipt of the i-th message: microseconds tell the messages of
 * one event apart, so that a spool sorted by name keeps their order.
 */
static int64_t
received_us(const struct taking *t)
{
	return t->now_ms * 1000 + (int64_t)(t->i < 999 ? t->i : 999);
}

/* The newest message of an identity, if there is one. */
struct newest {
	bool found;
	int64_t revision;
	bool same_content;
};

static bool
find_newest(struct store *s, const struct identity *who, struct newest *n,
    struct arrival *a)
{
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "SELECT id, key, state, received_us, revision, content"
	    " FROM message WHERE base = ?1 ORDER BY revision DESC LIMIT 1");
	const unsigned char *key, *content;
	int rc;

	*n = (struct newest){ .found = false };
	if (st == NULL)
		return false;
	bind_text(st, 1, who->base);
	rc = sqlite3_step(st);
	n->found = rc == SQLITE_ROW;
	key = n->found ? sqlite3_column_text(st, 1) : NULL;
	content = n->found ? sqlite3_column_text(st, 5) : NULL;
	if (key != NULL && content != NULL) {
		a->id = sqlite3_column_int64(st, 0);
		(void)snprintf(a->key, sizeof(a->key), "%s",
		    (const char *)key);
		a->state = (enum state)sqlite3_column_int(st, 2);
		a->received_us = sqlite3_column_int64(st, 3);
		n->revision = sqlite3_column_int64(st, 4);
		n->same_content = strcmp(who->content,
		    (const char *)content) == 0;
	} else if (n->found) {
		rc = SQLITE_NOMEM;
	}
	(void)sqlite3_reset(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

static void
bind_event(sqlite3_stmt *st, const struct event *ev)
{
	bind_text(st, 8, ev->name != NULL ? ev->name : "");
	bind_text(st, 9, ev->member_id);
	bind_text(st, 10, ev->domain);
	bind_text(st, 11, ev->connector != NULL ? ev->connector : "");
	bind_int(st, 12, ev->line);
	bind_int(st, 16, ev->ts);
	bind_text(st, 18, ev->client_endpoint);
	bind_text(st, 19, ev->access_token);
}

static void
bind_message(sqlite3_stmt *st, const struct message *m)
{
	bind_text(st, 13, m->chat);
	bind_int(st, 14, m->chat_id);
	bind_int(st, 15, m->message_id);
	(void)sqlite3_bind_text64(st, 17, m->body, m->body_len, SQLITE_STATIC,
	    SQLITE_UTF8);
}

/* Why a message cannot be used, as a sentence; "" if it can. */
static void
say_why(const struct taking *t, const struct message *m, char *out, size_t size)
{
	out[0] = '\0';
	if (t->opts.reason != NULL)
		(void)snprintf(out, size, "%s", t->opts.reason);
	else if (m->bad != NULL)
		(void)snprintf(out, size,
		    "%s is missing or is not what it must be", m->bad);
}

/* Where a new message stands among those of its chat that wait. */
enum place {
	NOWHERE,	/* it is refused */
	ALONE,
	FIRST,		/* but the chat is busy or waiting */
	BEHIND
};

static bool
find_place(struct store *s, const struct event *ev, const struct message *m,
    enum place *place)
{
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "SELECT message_id FROM message WHERE state = 1 AND member_id = ?1"
	    " AND connector = ?2 AND line = ?3 AND chat = ?4"
	    " ORDER BY message_id, id LIMIT 1");
	int64_t first;
	bool ok;

	if (st == NULL)
		return false;
	bind_text(st, 1, ev->member_id);
	bind_text(st, 2, ev->connector);
	bind_int(st, 3, ev->line);
	bind_text(st, 4, m->chat);
	ok = ask_int(s, st, &first);
	if (first == 0)		/* message ids begin at 1 */
		*place = ALONE;
	else
		*place = m->message_id < first ? FIRST : BEHIND;
	return ok;
}

static void
bind_place(struct store *s, sqlite3_stmt *st, const struct taking *t,
    enum place place, struct arrival *a)
{
	bool held = (place == ALONE || place == FIRST) &&
	    t->hold_ms != 0;

	a->claimed = place == ALONE && !held;
	if (place == ALONE || place == FIRST)
		bind_int(st, 22, held ? t->hold_ms : t->now_ms);
	bind_int(st, 23, held ? HOLD_DOWN : HOLD_NONE);
	bind_int(st, 24, a->claimed ? owner_number(s->owner) : 0);
	a->claimed_ms = store_mono(s);
}

static bool
insert(struct store *s, const struct taking *t, const struct message *m,
    const struct identity *who, int64_t revision, struct arrival *a)
{
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "INSERT INTO message(key, base, revision, content, state,"
	    " step, reason, event, member_id, domain, connector, line, chat,"
	    " chat_id, message_id, ts, body, endpoint, token, received_us,"
	    " changed_ms, next_ms, hold, owner)"
	    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,"
	    " ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24)"
	    " RETURNING id");
	char why[PROBLEM_TEXT_MAX];
	enum place place = NOWHERE;
	int rc;

	if (st == NULL)
		return false;
	say_why(t, m, why, sizeof(why));
	a->state = why[0] != '\0' ? STATE_REFUSED : STATE_RECEIVED;
	if (a->state == STATE_RECEIVED && !find_place(s, t->ev, m, &place))
		return false;
	bind_text(st, 1, a->key);
	bind_text(st, 2, who->base);
	bind_int(st, 3, revision);
	bind_text(st, 4, who->content);
	bind_int(st, 5, a->state);
	if (a->state == STATE_REFUSED) {
		bind_int(st, 6, STEP_READ);
		bind_text(st, 7, why);
	}
	bind_event(st, t->ev);
	bind_message(st, m);
	bind_int(st, 20, a->received_us);
	bind_int(st, 21, t->now_ms);
	bind_place(s, st, t, place, a);
	rc = sqlite3_step(st);
	a->id = sqlite3_column_int64(st, 0);
	(void)sqlite3_reset(st);
	return rc == SQLITE_ROW;
}

static bool
take_one(struct store *s, struct taking *t, const struct message *m,
    struct arrival *a)
{
	bool update = t->ev->kind == EVENT_UPDATE;
	struct identity who;
	struct newest n;

	*a = (struct arrival){ .fresh = false };
	if (identity_of(&who, t->ev, m) != ERR_OK) {
		(void)problem_set(&t->problem, ERR_DISK, -1, NULL,
		    "the store failed: no digest can be made");
		return false;
	}
	if (!find_newest(s, &who, &n, a))
		return false;
	if (n.found && (!update || n.same_content))
		return true;
	a->fresh = true;
	a->received_us = received_us(t);
	(void)snprintf(a->key, sizeof(a->key), "%s", who.base);
	if (update)
		(void)snprintf(a->key, sizeof(a->key), "%.40s-%" PRId64,
		    who.base, n.revision + 1);
	return insert(s, t, m, &who, n.revision + 1, a);
}

/* What is stored of the portal decides whose word counts. */
static bool
ask_sender(struct store *s, struct taking *t)
{
	struct problem why = { 0 };
	const char *token = NULL;
	sqlite3_stmt *st;
	int rc;

	if (t->opts.may_send == NULL)
		return true;
	st = sqlite_stmt(s->db,
	    "SELECT application_token FROM portal WHERE member_id = ?1");
	if (st == NULL)
		return false;
	bind_text(st, 1, t->ev->member_id);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		token = (const char *)sqlite3_column_text(st, 0);
	t->denied = !t->opts.may_send(t->opts.ctx, token, &why);
	if (t->denied)
		t->problem = why;
	(void)sqlite3_reset(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

static bool
take_all(struct store *s, void *ctx)
{
	struct taking *t = ctx;
	bool ok = ask_sender(s, t);

	t->hold_ms = t->opts.hold_ms;
	if (ok && !t->denied && t->hold_ms == 0 && t->opts.place != NULL)
		ok = destination_until(s, t->opts.place, &t->hold_ms);
	for (t->i = 0; ok && !t->denied &&
	    t->i < t->ev->messages; t->i++)
		ok = take_one(s, t, &t->ev->message[t->i], &t->out[t->i]);
	fault_point("take-before-commit");
	return ok;
}

static void
prepare(struct taking *t)
{
	t->problem = (struct problem){ 0 };
	t->now_ms = store_now(t->store);
	t->i = 0;
	t->denied = false;
	t->write.work = take_all;
	t->write.ctx = t;
	t->write.problem = &t->problem;
}

bool
store_take_begin(struct taking *t)
{
	prepare(t);
	return store_submit(t->store, &t->write);
}

enum err
store_take_end(struct taking *t, struct problem *p)
{
	enum err e = t->write.end;

	fault_point("take-after-commit");
	if (e == ERR_OK && t->denied)
		e = t->problem.err;
	else if (e == ERR_OK && t->i != t->ev->messages)
		e = problem_set(&t->problem, ERR_DISK, -1, NULL,
		    "there is no store %s", t->store->path);
	if (e != ERR_OK)
		*p = t->problem;
	return e;
}

enum err
store_take(struct store *s, const struct event *ev,
    const struct take_opts *opts, struct arrival *out, struct problem *p)
{
	struct taking t = { .store = s, .ev = ev, .opts = *opts, .out = out };

	prepare(&t);
	t.write.end = store_transact(s, take_all, &t, &t.problem);
	return store_take_end(&t, p);
}
