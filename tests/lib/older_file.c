/*
 * Stores as the version before this one left them.
 *
 * Called by unit tests.  Owns nothing: connections and descriptors are the
 * caller's.  What must not fail ends the test.
 */
#include "older_file.h"

#include "event_make.h"

#include "event/identity.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* The schema as version 2 made it. */
static const char version_2[] =
    "PRAGMA journal_mode=WAL;"
    "CREATE TABLE message("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " key TEXT NOT NULL,"
    " base TEXT NOT NULL, revision INTEGER NOT NULL, content TEXT NOT NULL,"
    " state INTEGER NOT NULL, step INTEGER, reason TEXT,"
    " event TEXT NOT NULL, member_id TEXT NOT NULL, domain TEXT,"
    " connector TEXT NOT NULL, line INTEGER NOT NULL, chat TEXT NOT NULL,"
    " chat_id INTEGER NOT NULL, message_id INTEGER NOT NULL,"
    " ts INTEGER NOT NULL, body TEXT, ids TEXT,"
    " endpoint TEXT, token TEXT,"
    " received_us INTEGER NOT NULL, changed_ms INTEGER NOT NULL,"
    " delivered_ms INTEGER, tries INTEGER NOT NULL DEFAULT 0,"
    " first_ms INTEGER, next_ms INTEGER, hold INTEGER NOT NULL DEFAULT 0,"
    " owner INTEGER NOT NULL DEFAULT 0, lease INTEGER NOT NULL DEFAULT 0,"
    " alone INTEGER NOT NULL DEFAULT 0);"
    "CREATE UNIQUE INDEX message_base ON message(base, revision);"
    "CREATE INDEX message_chat ON message(member_id, connector, line, chat,"
    " message_id, id) WHERE state = 1;"
    "CREATE INDEX message_told ON message(member_id, connector, line, id)"
    " WHERE state = 2;"
    "CREATE INDEX message_due ON message(next_ms)"
    " WHERE next_ms IS NOT NULL;"
    "CREATE INDEX message_old ON message(changed_ms) WHERE state = 3;"
    "CREATE TABLE portal("
    " member_id TEXT PRIMARY KEY, application_token TEXT NOT NULL,"
    " endpoint TEXT NOT NULL, server_endpoint TEXT NOT NULL,"
    " access_token TEXT NOT NULL, refresh_token TEXT NOT NULL,"
    " expires_ms INTEGER NOT NULL, ts INTEGER NOT NULL,"
    " rejected TEXT, changed_ms INTEGER NOT NULL,"
    " owner INTEGER NOT NULL DEFAULT 0, lease INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE install("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " member_id TEXT NOT NULL, application_token TEXT NOT NULL,"
    " endpoint TEXT NOT NULL, server_endpoint TEXT NOT NULL,"
    " access_token TEXT NOT NULL, refresh_token TEXT NOT NULL,"
    " expires_in INTEGER NOT NULL, ts INTEGER NOT NULL,"
    " received_ms INTEGER NOT NULL, next_ms INTEGER NOT NULL,"
    " owner INTEGER NOT NULL DEFAULT 0, lease INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE destination("
    " name TEXT PRIMARY KEY, tries INTEGER NOT NULL,"
    " down_ms INTEGER NOT NULL, probe_ms INTEGER NOT NULL,"
    " owner INTEGER NOT NULL DEFAULT 0, lease INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE meter("
    " member_id TEXT PRIMARY KEY, reset_ms INTEGER NOT NULL DEFAULT 0,"
    " level INTEGER NOT NULL DEFAULT 0,"
    " level_ms INTEGER NOT NULL DEFAULT 0,"
    " took_ms INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE call("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, member_id TEXT NOT NULL,"
    " owner INTEGER NOT NULL, lease INTEGER NOT NULL);"
    "CREATE INDEX call_portal ON call(member_id);"
    "CREATE TABLE clock("
    " id INTEGER PRIMARY KEY, wall_ms INTEGER NOT NULL,"
    " mono_ms INTEGER NOT NULL);"
    "CREATE TABLE jump("
    " by_ms INTEGER NOT NULL, age_ms INTEGER NOT NULL);"
    "PRAGMA user_version = 2;";

sqlite3 *
older_file(const char *path)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_busy_timeout(db, 20000), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, version_2, NULL, NULL, NULL),
	    SQLITE_OK);
	return db;
}

int64_t
older_sql(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *st;
	int64_t n = -1;
	int rc;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL),
	    SQLITE_OK);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	else
		assert_int_equal(rc, SQLITE_DONE);
	assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
	return n;
}

static const char *
or_default(const char *s, const char *def)
{
	return s != NULL ? s : def;
}

/* Who it is, as both versions say it. */
static struct identity
identify(const struct older_message *o, const char *body)
{
	struct identity who;
	struct event ev;
	struct message m = make_message(o->message_id, body);

	m.chat = or_default(o->chat, m.chat);
	make_event(&ev, or_default(o->event, ADD));
	assert_int_equal(event_keep(&ev, &m), ERR_OK);
	check_event(&ev);
	assert_int_equal(identity_of(&who, &ev, &ev.message[0]), ERR_OK);
	event_free(&ev);
	return who;
}

static void
bind_numbers(sqlite3_stmt *st, const struct older_message *o)
{
	const int64_t v[] = { o->revision != 0 ? o->revision : 1,
		o->state != 0 ? o->state : 1, o->line != 0 ? o->line : 107,
		o->message_id, o->message_id * 1000, o->changed_ms != 0 ?
		o->changed_ms : 1773759161000, o->tries, o->hold, o->owner,
		o->lease, o->alone };

	for (int i = 0; i < (int)COUNT(v); i++)
		assert_int_equal(sqlite3_bind_int64(st, i + 1, v[i]),
		    SQLITE_OK);
	if (o->step != 0)
		(void)sqlite3_bind_int(st, 12, o->step);
	if (o->first_ms != 0)
		(void)sqlite3_bind_int64(st, 13, o->first_ms);
	if (o->next_ms != 0)
		(void)sqlite3_bind_int64(st, 14, o->next_ms);
}

static void
bind_texts(sqlite3_stmt *st, const struct older_message *o, const char *body,
    const struct identity *who, const char *key)
{
	bool done = o->state == 3;
	const char *const v[] = { key, who->base, who->content,
		or_default(o->event, ADD), or_default(o->chat, "channel-123"),
		o->reason, o->ids, done ? NULL : body,
		done ? NULL : "https://some-domain.bitrix24.com/rest/",
		done ? NULL : "secret-token" };

	for (int i = 0; i < (int)COUNT(v); i++)
		assert_int_equal(sqlite3_bind_text(st, 15 + i, v[i], -1,
		    SQLITE_STATIC), SQLITE_OK);
}

int64_t
older_insert(sqlite3 *db, const struct older_message *o, char out[65])
{
	char body[64], key[65];
	struct identity who;
	sqlite3_stmt *st;

	(void)snprintf(body, sizeof(body), "\"text\":\"%s\"",
	    or_default(o->text, "Hello"));
	who = identify(o, body);
	(void)snprintf(key, sizeof(key), "%s", who.base);
	if (o->event != NULL && strcmp(o->event, UPDATE) == 0)
		(void)snprintf(key, sizeof(key), "%.40s-%" PRId64, who.base,
		    o->revision != 0 ? o->revision : 1);
	assert_int_equal(sqlite3_prepare_v2(db, "INSERT INTO message(revision,"
	    " state, line, message_id, received_us, changed_ms, tries, hold,"
	    " owner, lease, alone, step, first_ms, next_ms, key, base,"
	    " content, event, chat, reason, ids, body, endpoint, token,"
	    " member_id, domain, connector, chat_id, ts) VALUES(?1, ?2, ?3,"
	    " ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,"
	    " ?18, ?19, ?20, ?21, ?22, ?23, ?24,"
	    " 'bac1cd5c8940947a75e0d71b1a84e348', 'some-domain.bitrix24.com',"
	    " 'myconnector', 1807, 1773759161)", -1, &st, NULL), SQLITE_OK);
	bind_numbers(st, o);
	bind_texts(st, o, body, &who, key);
	assert_int_equal(sqlite3_step(st), SQLITE_DONE);
	assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
	if (out != NULL)
		memcpy(out, key, sizeof(key));
	return sqlite3_last_insert_rowid(db);
}

int
older_process(const char *path, int64_t number)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
	    .l_start = number, .l_len = 1 };
	char name[128];
	int fd;

	(void)snprintf(name, sizeof(name), "%s.lock", path);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &l), 0);
	return fd;
}
