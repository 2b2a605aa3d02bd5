/*
 * Places: where messages wait that nobody works on, and what is down.
 *
 * Called by the relay, and by the store's moves within their transactions.
 * Owns nothing.  A place has a row while something waits there or while it
 * is down; `ready` counts what waits, so that nobody has to.
 */
#include "store/place.h"

#include "codec/digest.h"
#include "store/private.h"

#define SOON_MS 1000

/* 62 bits of a digest: two names meet never, or only in their waiting. */
static enum err
number_of(int64_t *out, const struct digest_part *part, size_t n)
{
	unsigned char digest[DIGEST_SIZE];
	enum err e = digest_parts(digest, part, n);
	uint64_t v = 0;

	for (size_t i = 0; e == ERR_OK && i < sizeof(v); i++)
		v = v << 8 | digest[i];
	*out = (int64_t)(v >> 2) | 1;
	return e;
}

enum err
place_of_channel(int64_t *out, const char *connector, const char *url)
{
	const struct digest_part part[] = { digest_text_part("channel"),
		digest_text_part(connector), digest_text_part(url) };

	return number_of(out, part, 3);
}

static enum err
place_of_line(int64_t *out, const char *kind, const char *member_id,
    const char *connector, int64_t line)
{
	char number[NUMBER_TEXT_MAX];
	const struct digest_part part[] = { digest_text_part(kind),
		digest_text_part(member_id), digest_text_part(connector),
		digest_number_part(number, line) };

	return number_of(out, part, 4);
}

enum err
place_of_tell(int64_t *out, const char *member_id, const char *connector,
    int64_t line)
{
	return place_of_line(out, "tell", member_id, connector, line);
}

enum err
place_of_parked(int64_t *out, const char *member_id, const char *connector,
    int64_t line)
{
	return place_of_line(out, "parked", member_id, connector, line);
}

enum err
chat_number(int64_t *out, const char *member_id, const char *connector,
    int64_t line, const char *chat)
{
	char number[NUMBER_TEXT_MAX];
	const struct digest_part part[] = { digest_text_part("chat"),
		digest_text_part(member_id), digest_text_part(connector),
		digest_text_part(chat), digest_number_part(number, line) };

	return number_of(out, part, 5);
}

/* When a place where a status waits is looked at: after its portal. */
static bool
tell_look_ms(struct tx *tx, const struct place *at, int64_t *ms)
{
	bool parked = false;

	*ms = 0;
	if (at->kind != PLACE_CHANNEL &&
	    !room_down_ms(tx, at->member_id, ms, &parked))
		return false;
	if (parked && at->kind == PLACE_PARKED)
		*ms = db_time(tx) + PARKED_LOOK_MS;
	if (*ms == 0)
		*ms = db_time(tx);
	return true;
}

struct place
place_of_row(const struct rows *r)
{
	struct place at = {
		.kind = db_int(r, 1) == STATE_DELIVERED ? PLACE_TELL :
		    PLACE_CHANNEL,
		.number = db_int(r, 2),
		.member_id = db_text(r, 3),
		.connector = db_text(r, 4),
		.line = db_int(r, 5),
	};

	at.name = at.kind == PLACE_TELL ? at.member_id : at.connector;
	if (at.kind == PLACE_CHANNEL)
		at.member_id = NULL;
	return at;
}

bool
place_add(struct tx *tx, const struct place *at, int64_t n)
{
	int64_t look_ms;

	return tell_look_ms(tx, at, &look_ms) &&
	    DB_RUN(tx, "INSERT INTO place(number, kind, name, member_id,"
	    " connector, line, ready, look_ms)"
	    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
	    " ON CONFLICT(number) DO UPDATE SET ready = ready + ?7,"
	    " look_ms = CASE WHEN down_ms <> 0 THEN look_ms"
	    " ELSE min(coalesce(look_ms, ?8), ?8) END",
	    V_INT(at->number), V_INT(at->kind), V_TEXT(at->name),
	    V_TEXT(at->member_id), V_TEXT(at->connector), V_INT(at->line),
	    V_INT(n), V_INT(look_ms));
}

bool
place_remove(struct tx *tx, int64_t number, int64_t n)
{
	return DB_RUN(tx, "UPDATE place SET ready = ready - ?2"
	    " WHERE number = ?1", V_INT(number), V_INT(n));
}

bool
place_down_ms(struct tx *tx, int64_t number, int64_t *ms)
{
	return DB_NUMBER(tx, ms, "SELECT look_ms FROM place"
	    " WHERE number = ?1 AND down_ms <> 0", V_INT(number));
}

/* How long until the next probe. */
static void
set_wait(struct place_change *c)
{
	int64_t doublings = c->tries < 30 ? c->tries : 30;

	c->wait_ms = c->first_ms << doublings;
	if (c->wait_ms > c->longest_ms)
		c->wait_ms = c->longest_ms;
	c->tries++;
}

static bool
channel_down(struct tx *tx, struct place_change *c)
{
	int64_t now = db_time(tx);

	if (!DB_NUMBER(tx, &c->tries, "SELECT tries FROM place"
	    " WHERE number = ?1", V_INT(c->place.number)))
		return false;
	set_wait(c);
	return DB_RUN(tx, "INSERT INTO place(number, kind, name,"
	    " connector, line, ready, look_ms, down_ms, tries, reason)"
	    " VALUES(?1, ?2, ?3, ?4, 0, 0, ?5, ?6, ?8, ?7)"
	    " ON CONFLICT(number) DO UPDATE SET tries = ?8,"
	    " look_ms = ?5, reason = ?7, owner = 0,"
	    " down_ms = CASE WHEN down_ms = 0 THEN ?6 ELSE down_ms END",
	    V_INT(c->place.number), V_INT(PLACE_CHANNEL),
	    V_TEXT(c->place.name), V_TEXT(c->place.connector),
	    V_INT(now + c->wait_ms), V_INT(now), V_TEXT(c->reason),
	    V_INT(c->tries));
}

static bool
channel_up(struct tx *tx, struct place_change *c)
{
	return DB_RUN(tx, "UPDATE place SET down_ms = 0, tries = 0,"
	    " reason = NULL, owner = 0, look_ms = ?2 WHERE number = ?1",
	    V_INT(c->place.number), V_INT(db_time(tx) + SOON_MS)) &&
	    DB_RUN(tx, "DELETE FROM place WHERE number = ?1 AND ready <= 0",
	    V_INT(c->place.number));
}

/* One row for the portal; the places of its lines only turn to when it is
 * probed, and there are few. */
static bool
portal_down(struct tx *tx, struct place_change *c)
{
	int64_t now = db_time(tx);

	if (!DB_NUMBER(tx, &c->tries, "SELECT tries FROM room"
	    " WHERE member_id = ?1", V_TEXT(c->place.member_id)))
		return false;
	set_wait(c);
	return DB_RUN(tx, "INSERT INTO room(member_id, down_ms,"
	    " probe_ms, tries, reason) VALUES(?1, ?2, ?3, ?5, ?4)"
	    " ON CONFLICT(member_id) DO UPDATE SET tries = ?5,"
	    " probe_ms = ?3, reason = ?4, owner = 0,"
	    " down_ms = CASE WHEN down_ms = 0 THEN ?2 ELSE down_ms END",
	    V_TEXT(c->place.member_id), V_INT(now),
	    V_INT(now + c->wait_ms), V_TEXT(c->reason), V_INT(c->tries)) &&
	    DB_RUN(tx, "UPDATE place SET look_ms = ?2 WHERE member_id = ?1",
	    V_TEXT(c->place.member_id), V_INT(now + c->wait_ms));
}

static bool
portal_up(struct tx *tx, struct place_change *c)
{
	return DB_RUN(tx, "UPDATE room SET down_ms = 0, probe_ms = 0,"
	    " tries = 0, reason = NULL, owner = 0 WHERE member_id = ?1",
	    V_TEXT(c->place.member_id)) &&
	    DB_RUN(tx, "UPDATE place SET look_ms = ?2 WHERE member_id = ?1",
	    V_TEXT(c->place.member_id), V_INT(db_time(tx)));
}

static bool
change(struct tx *tx, struct db_work *w)
{
	struct place_change *c = (struct place_change *)w;

	c->tries = 0;
	if (c->place.kind == PLACE_CHANNEL)
		return c->down ? channel_down(tx, c) : channel_up(tx, c);
	return c->down ? portal_down(tx, c) : portal_up(tx, c);
}

DB_WORK(store_place_change, place_change, change)
