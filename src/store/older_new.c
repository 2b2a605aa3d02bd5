/*
 * New events beside an older store that is not taken over yet.
 *
 * Called where events are stored.  Owns nothing.
 *
 * A message that the older store has is a repeat.  One whose chat has
 * received messages there must not overtake them: they are taken over first,
 * OLDER_ROWS at most in one transaction.  If some are left (there are more,
 * or an older process works on one), the new message goes into the older
 * store itself, behind them, and comes here with them in the order of
 * (message_id, arrival); an older process that goes on with the chat may hand
 * it over as well.  Other messages leave a mark in the older store while older
 * processes live, so that these know a repeat, too.
 */
#include "store/older.h"

#include <string.h>

bool
older_find(struct tx *tx, const struct identity *who, struct older_row *o)
{
	bool older;
	struct rows r;

	*o = (struct older_row){ .found = false };
	if (!db_is_older(tx, &older))
		return false;
	if (!older)
		return true;
	DB_ROWS(tx, &r, "SELECT id, revision, received_us, state, key, content"
	    " FROM message WHERE base = ?1 AND lease <> " OLDER_MARK
	    " ORDER BY revision DESC LIMIT 1", V_TEXT(who->base));
	o->found = db_next(&r);
	if (o->found) {
		const char *content = db_text(&r, 5);

		o->id = db_int(&r, 0);
		o->revision = db_int(&r, 1);
		o->received_us = db_int(&r, 2);
		o->state = (enum state)db_int(&r, 3);
		db_copy(&r, 4, o->key, sizeof(o->key));
		o->same_content = content != NULL &&
		    strcmp(content, who->content) == 0;
	}
	return db_end(&r);
}

/* What one transaction may move for all its events. */
static int64_t *
rows_left(struct store *s, struct tx *tx)
{
	struct older_way *w = &s->older;

	if (w->serial != db_serial(tx)) {
		w->serial = db_serial(tx);
		w->rows = OLDER_ROWS;
	}
	return &w->rows;
}

static bool
chat_waits(struct tx *tx, const struct older_chat *c, bool *waits)
{
	int64_t found;
	bool ok = DB_NUMBER(tx, &found, "SELECT 1 FROM message WHERE state = 1"
	    " AND member_id = ?1 AND connector = ?2 AND line = ?3"
	    " AND chat = ?4 LIMIT 1", V_TEXT(c->member_id),
	    V_TEXT(c->connector), V_INT(c->line), V_TEXT(c->chat));

	*waits = found != 0;
	return ok;
}

bool
older_make_way(struct store *s, struct tx *tx, const struct event *ev,
    const struct message *m, bool *waits)
{
	const struct older_chat c = { ev->member_id, ev->connector, ev->line,
		m->chat };
	int64_t *rows = rows_left(s, tx);
	struct older_run p;
	bool older;

	*waits = false;
	if (!db_is_older(tx, &older))
		return false;
	if (!older || m->bad != NULL)
		return true;
	if (!chat_waits(tx, &c, waits))
		return false;
	if (!*waits || *rows <= 0)
		return true;
	p = older_begin(s, tx, *rows);
	if (!older_move_chat(&p, &c))
		return false;
	*rows = p.left;
	return chat_waits(tx, &c, waits);
}

/* What is there under that name is a mark that nothing is known of here any
 * more. */
static bool
put(struct tx *tx, const struct older_new *n, bool mark, int64_t *id)
{
	const struct event *ev = n->event;
	const struct message *m = n->message;

	return DB_INSERT(tx, id, "INSERT OR REPLACE INTO message(key, base,"
	    " revision, content, state, step, event, member_id, domain,"
	    " connector, line, chat, chat_id, message_id, ts, body, endpoint,"
	    " token, received_us, changed_ms, lease) VALUES(?1, ?2, ?3, ?4,"
	    " ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"
	    " ?19, ?20, ?21)", V_TEXT(n->arrival->key),
	    V_TEXT(n->who->base), V_INT(n->revision), V_TEXT(n->who->content),
	    V_INT(mark ? STATE_REFUSED : STATE_RECEIVED),
	    mark ? V_INT(STEP_READ) : V_NULL, V_OR_EMPTY(ev->name),
	    V_TEXT(ev->member_id), V_TEXT(mark ? NULL : ev->domain),
	    V_OR_EMPTY(ev->connector), V_INT(ev->line),
	    V_OR_EMPTY(m->chat), V_INT(m->chat_id),
	    V_INT(m->message_id), V_INT(ev->ts),
	    V_STR(mark ? NULL : m->body, m->body_len),
	    V_TEXT(mark ? NULL : ev->client_endpoint),
	    V_TEXT(mark ? NULL : ev->access_token),
	    V_INT(n->arrival->received_us), V_INT(db_time(tx)),
	    V_INT(mark ? -1 : 0));
}

bool
older_put(struct tx *tx, const struct older_new *n)
{
	return put(tx, n, false, &n->arrival->id);
}

bool
older_mark(struct tx *tx, const struct older_new *n)
{
	int64_t id;
	bool older;

	if (!db_is_older(tx, &older))
		return false;
	return !older || !db_older_lives(tx) || put(tx, n, true, &id);
}

bool
older_state(struct tx *tx, int64_t id, int64_t *state)
{
	bool older;

	*state = 0;
	if (!db_is_older(tx, &older))
		return false;
	return !older || DB_NUMBER(tx, state, "SELECT state FROM message"
	    " WHERE id = ?1 AND lease <> " OLDER_MARK, V_INT(id));
}
