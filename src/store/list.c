/*
 * The queue as a person sees it.
 *
 * Called by the operator's tool.  Owns nothing.  Reading takes no lock that
 * a handler would wait for longer than the callbacks take, so they must be
 * quick.
 */
#include "store/admin.h"

#include "store/queue.h"

#define COLUMNS "SELECT id, key, state, step, reason, event, member_id," \
	" domain, connector, chat, line, chat_id, message_id, ts, ids, body," \
	" received_us, changed_ms, tries, next_ms, hold FROM message "

#define AND_OTHERS " AND (?2 IS NULL OR state = ?2)" \
	" AND (?3 IS NULL OR member_id = ?3) AND (?4 IS NULL OR chat = ?4)"

static const char *
text(sqlite3_stmt *st, int i)
{
	const unsigned char *s = sqlite3_column_text(st, i);

	return s != NULL ? (const char *)s : "";
}

static struct stored
row(sqlite3_stmt *st)
{
	return (struct stored){
		.id = sqlite3_column_int64(st, 0),
		.key = text(st, 1),
		.state = (enum state)sqlite3_column_int(st, 2),
		.step = (enum step)sqlite3_column_int(st, 3),
		.reason = text(st, 4),
		.event = text(st, 5),
		.member_id = text(st, 6),
		.domain = text(st, 7),
		.connector = text(st, 8),
		.chat = text(st, 9),
		.line = sqlite3_column_int64(st, 10),
		.chat_id = sqlite3_column_int64(st, 11),
		.message_id = sqlite3_column_int64(st, 12),
		.ts = sqlite3_column_int64(st, 13),
		.ids = text(st, 14),
		.body = (const char *)sqlite3_column_text(st, 15),
		.received_us = sqlite3_column_int64(st, 16),
		.changed_ms = sqlite3_column_int64(st, 17),
		.tries = sqlite3_column_int64(st, 18),
		.next_ms = sqlite3_column_int64(st, 19),
		.hold = (enum hold)sqlite3_column_int(st, 20),
	};
}

static enum err
each_row(struct store *s, sqlite3_stmt *st,
    bool (*each)(void *, const struct stored *), void *ctx, struct problem *p)
{
	bool more = true;
	int rc = SQLITE_DONE;

	if (st == NULL)
		return sqlite_fail(s->db, p);
	while (more && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct stored m = row(st);

		more = each(ctx, &m);
	}
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return sqlite_fail(s->db, p);
	(void)sqlite3_reset(st);
	return ERR_OK;
}

static void
bind_filter(sqlite3_stmt *st, const struct filter *f)
{
	bind_text(st, 1, f->key);
	if (f->state != 0)
		bind_int(st, 2, f->state);
	bind_text(st, 3, f->member_id);
	bind_text(st, 4, f->chat);
}

enum err
store_each(struct store *s, const struct filter *f,
    bool (*each)(void *, const struct stored *), void *ctx, struct problem *p)
{
	struct problem local = { 0 };
	sqlite3_stmt *st;
	bool absent = false;
	enum err e = store_lock(s, &absent, &local);

	if (e == ERR_OK) {
		st = f->key != NULL ?
		    sqlite_stmt(s->db, COLUMNS "WHERE " KEY_IS_1("")
		    AND_OTHERS) :
		    sqlite_stmt(s->db, COLUMNS "WHERE ?1 IS NULL" AND_OTHERS
		    " ORDER BY id");
		if (st != NULL)
			bind_filter(st, f);
		e = each_row(s, st, each, ctx, &local);
	}
	(void)store_unlock(s, e);
	if (absent)
		return ERR_OK;
	if (e != ERR_OK)
		(void)problem_set(p, e, -1, NULL, "%s", local.text);
	return e;
}
