/*
 * Storing an event: its messages become durable together, or none does.
 *
 * Called by the relay before anything is handed over.  Owns nothing.  The
 * key in `seen` makes two arrivals of one message meet, also when two
 * processes store them at the same time.
 */
#include "store/take.h"

#include "base/fault.h"
#include "event/identity.h"
#include "store/private.h"
#include "store/upgrade.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * The time of receipt of the i-th message: microseconds tell the messages of
 * one event apart, so that a spool sorted by name keeps their order.
 */
static int64_t
received_us(const struct tx *tx, size_t i)
{
	return db_time(tx) * 1000 + (int64_t)(i < 999 ? i : 999);
}

/* What is known of a message that came before. */
struct known {
	bool found;
	int64_t id, revision;
	bool same_content;
};

static bool
find_known(struct tx *tx, const struct message *m, const struct identity *who,
    struct known *k)
{
	struct rows r;

	*k = (struct known){ .found = false };
	DB_ROWS(tx, &r, "SELECT id, revision, content FROM seen"
	    " WHERE message_id = ?1 AND base = ?2", V_INT(m->message_id),
	    V_TEXT(who->base));
	k->found = db_next(&r);
	if (k->found) {
		const char *content = db_text(&r, 2);

		k->id = db_int(&r, 0);
		k->revision = db_int(&r, 1);
		k->same_content = content != NULL &&
		    strcmp(content, who->content) == 0;
	}
	return db_end(&r);
}

static bool
remember(struct store *s, struct tx *tx, const struct message *m,
    const struct identity *who, const struct known *k, int64_t id)
{
	const char *content = who->content[0] != '\0' ? who->content : NULL;

	if (k->found)
		return DB_RUN(tx, "UPDATE seen SET revision = ?3, content ="
		    " ?4, id = ?5, since = ?6 WHERE message_id = ?1"
		    " AND base = ?2", V_INT(m->message_id),
		    V_TEXT(who->base), V_INT(k->revision + 1),
		    V_TEXT(content), V_INT(id), V_INT(db_time(tx) / 1000));
	tally_add(s, tx, TALLY_SEEN, 1);
	return DB_RUN(tx, "INSERT INTO seen(message_id, base, revision,"
	    " content, id, since) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
	    V_INT(m->message_id), V_TEXT(who->base), V_INT(k->revision + 1),
	    V_TEXT(content), V_INT(id), V_INT(db_time(tx) / 1000));
}

/* The revision before, if it is not done, is not the newest any more. */
bool
note_older(struct store *s, struct tx *tx, int64_t id)
{
	if (!DB_RUN(tx, "UPDATE queue SET newer = 1 WHERE id = ?1",
	    V_INT(id)))
		return false;
	if (db_changed(tx) == 0 && !DB_RUN(tx, "UPDATE refused SET newer = 1"
	    " WHERE id = ?1", V_INT(id)))
		return false;
	tally_add(s, tx, TALLY_OLDER, db_changed(tx));
	return true;
}

/* A repeat: where the first one stands now. */
static bool
find_state(struct tx *tx, const struct known *k, struct arrival *a)
{
	struct rows r;

	a->id = k->id;
	a->state = STATE_ACKNOWLEDGED;
	DB_ROWS(tx, &r, "SELECT state, key FROM queue WHERE id = ?1"
	    " UNION ALL SELECT 4, key FROM refused WHERE id = ?1",
	    V_INT(k->id));
	if (db_next(&r)) {
		a->state = (enum state)db_int(&r, 0);
		db_copy(&r, 1, a->key, sizeof(a->key));
	}
	return db_end(&r);
}

static void
name_it(struct arrival *a, const struct identity *who, int64_t revision,
    bool update)
{
	if (update)
		(void)snprintf(a->key, sizeof(a->key), "%.40s-%" PRId64,
		    who->base, revision);
	else
		memcpy(a->key, who->base, sizeof(a->key));
}

/* Why a message cannot be used, as a sentence; "" if it can. */
static void
say_why(const struct taking *t, const struct message *m, char *out, size_t size)
{
	out[0] = '\0';
	if (t->reason != NULL)
		(void)snprintf(out, size, "%s", t->reason);
	else if (m->bad != NULL)
		(void)snprintf(out, size,
		    "%s is missing or is not what it must be", m->bad);
}

/* Whose turn a new message waits for. */
static bool
find_turn(struct tx *tx, const struct taking *t, const struct arrival *a,
    enum turn *turn)
{
	struct chat_first first;

	if (!chat_first(tx, a->chat_number, &first))
		return false;
	if (first.id != 0)
		*turn = TURN_BEHIND;
	else
		*turn = t->claimed < t->claims && !t->down ? TURN_IN_WORK :
		    TURN_READY;
	return true;
}

static bool
insert(struct tx *tx, struct taking *t, const struct message *m,
    struct arrival *a, enum turn turn)
{
	const struct event *ev = t->event;

	a->claimed = turn == TURN_IN_WORK;
	a->ready = turn == TURN_READY;
	t->claimed += a->claimed;
	return DB_INSERT(tx, &a->id, "INSERT INTO queue(state, turn, owner,"
	    " place, chat, message_id, chat_id, line, received_us, ts, key,"
	    " event, member_id, domain, connector, chat_name, endpoint, token,"
	    " body) VALUES(" RECEIVED ", ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
	    " ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
	    V_INT(turn), V_INT(a->claimed ? db_me(tx) : 0),
	    V_INT(t->channel.number), V_INT(a->chat_number),
	    V_INT(m->message_id), V_INT(m->chat_id), V_INT(ev->line),
	    V_INT(a->received_us), V_INT(ev->ts), V_TEXT(a->key),
	    V_OR_EMPTY(ev->name), V_TEXT(ev->member_id),
	    V_TEXT(ev->domain), V_OR_EMPTY(ev->connector),
	    V_TEXT(m->chat), V_TEXT(ev->client_endpoint),
	    V_TEXT(ev->access_token), V_STR(m->body, m->body_len)) &&
	    (turn != TURN_READY || place_add(tx, &t->channel, 1));
}

static bool
store_one(struct tx *tx, struct taking *t, const struct older_new *n,
    bool *waits)
{
	const struct message *m = n->message;
	struct arrival *a = n->arrival;
	const struct event *ev = t->event;
	char why[PROBLEM_TEXT_MAX];
	enum turn turn;

	say_why(t, m, why, sizeof(why));
	if (why[0] != '\0') {
		*waits = false;
		a->state = STATE_REFUSED;
		return insert(tx, t, m, a, TURN_BEHIND) &&
		    refuse_row(t->store, tx, a->id, 0, STEP_READ, why);
	}
	a->state = STATE_RECEIVED;
	if (chat_number(&a->chat_number, ev->member_id, ev->connector,
	    ev->line, m->chat) != ERR_OK)
		return db_no_memory(tx);
	if (*waits)
		return older_put(tx, n);
	tally_add(t->store, tx, TALLY_RECEIVED, 1);
	return find_turn(tx, t, a, &turn) && insert(tx, t, m, a, turn);
}

/* Where it stands if it came before; else the revision that it follows. */
static bool
find_repeat(struct tx *tx, const struct older_new *n, bool update,
    struct known *k)
{
	struct arrival *a = n->arrival;
	struct older_row older;

	if (!find_known(tx, n->message, n->who, k) ||
	    !older_find(tx, n->who, &older))
		return false;
	if (older.found && older.revision > k->revision) {
		k->revision = older.revision;
		a->fresh = update && !older.same_content;
		if (a->fresh)
			return true;
		a->id = older.id;
		a->state = older.state;
		a->received_us = older.received_us;
		memcpy(a->key, older.key, sizeof(a->key));
		return true;
	}
	a->fresh = !k->found || (update && !k->same_content);
	if (a->fresh)
		return true;
	name_it(a, n->who, k->revision, update);
	return find_state(tx, k, a);
}

static bool
take_one(struct tx *tx, struct taking *t, size_t i)
{
	const struct message *m = &t->event->message[i];
	struct arrival *a = &t->arrival[i];
	bool update = event_traits(t->event->kind)->revises;
	struct identity who;
	struct older_new n = { t->event, m, &who, 0, a };
	struct known k;
	bool waits;

	*a = (struct arrival){ .fresh = true };
	if (identity_of(&who, t->event, m) != ERR_OK)
		return db_no_memory(tx);
	/* what stands before it in its chat may be this very message */
	if (!older_make_way(t->store, tx, t->event, m, &waits) ||
	    !find_repeat(tx, &n, update, &k))
		return false;
	if (!a->fresh)
		return true;
	a->received_us = received_us(tx, i);
	n.revision = k.revision + 1;
	name_it(a, &who, n.revision, update);
	if (!store_one(tx, t, &n, &waits))
		return false;
	return waits || ((!k.found || note_older(t->store, tx, k.id)) &&
	    remember(t->store, tx, m, &who, &k, a->id) &&
	    older_mark(tx, &n));
}

/* What is stored of the portal decides whose word counts. */
static bool
ask_sender(struct tx *tx, struct taking *t)
{
	struct rows r;

	t->denied = false;
	t->why = (struct problem){ .err = ERR_OK };
	if (t->may_send == NULL)
		return true;
	DB_ROWS(tx, &r, "SELECT application_token FROM portal"
	    " WHERE member_id = ?1", V_TEXT(t->event->member_id));
	t->denied = !t->may_send(t->ctx, db_next(&r) ? db_text(&r, 0) : NULL,
	    &t->why);
	return db_end(&r);
}

static bool
take(struct tx *tx, struct db_work *w)
{
	struct taking *t = (struct taking *)w;
	int64_t down_ms = 0;
	bool ok = ask_sender(tx, t);

	if (ok && !t->denied)
		ok = place_down_ms(tx, t->channel.number, &down_ms) &&
		    (t->reason != NULL || off_clear(t->store, tx, t->event));
	t->down = down_ms != 0;
	t->claimed = 0;
	for (size_t i = 0; ok && !t->denied && i < t->event->messages; i++)
		ok = take_one(tx, t, i);
	fault_point("take-before-commit");
	return ok;
}

DB_WORK(store_take, taking, take)
