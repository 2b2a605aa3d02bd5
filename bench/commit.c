/*
 * Transactions as the handler's store makes them, without the handler.
 *
 * The journal's mode is the one that the file is in; a rollback journal is
 * truncated, as the handler does, which leaves no trace in the file.  A row
 * is copied whole, so that nothing here knows more of the schema than the
 * columns that are set below.
 */
#include "commit.h"

#include "common.h"

#include <sqlite3.h>

#include <pthread.h>
#include <string.h>
#include <unistd.h>

/* What erasing took from an acknowledged message, at its usual length. */
#define BODY "'\"im\":{\"chat_id\":100000000001,\"message_id\":100000000001}," \
	"\"message\":{\"user_id\":27,\"text\":\"[b]Samantha Johnson:[/b] " \
	"[br]Good afternoon, how can I help you?\"},\"chat\":{\"id\":" \
	"\"channel-100000000001\"}'"
#define TOKEN "'c978b990071b0008440001b0895f697a'"
#define STATE_FIRST "1"
#define STATE_LAST "3"

struct commits {
	sqlite3 *db;
	sqlite3_stmt *fill;
	sqlite3_stmt *insert;
	sqlite3_stmt *move;
	pthread_mutex_t lock;
	int64_t done;
};

static void
check(struct commits *c, int ok)
{
	if (ok)
		return;
	fprintf(stderr, "commits: %s\n", sqlite3_errmsg(c->db));
	exit(1);
}

static void
run(struct commits *c, const char *sql)
{
	check(c, sqlite3_exec(c->db, sql, NULL, NULL, NULL) == SQLITE_OK);
}

static sqlite3_stmt *
prepare(struct commits *c, const char *sql)
{
	sqlite3_stmt *stmt = NULL;

	check(c, sqlite3_prepare_v2(c->db, sql, -1, &stmt, NULL) ==
	    SQLITE_OK);
	return stmt;
}

static void
step(struct commits *c, sqlite3_stmt *stmt)
{
	check(c, sqlite3_step(stmt) == SQLITE_DONE);
	check(c, sqlite3_reset(stmt) == SQLITE_OK);
}

/* As the handler's store sets them. */
static void
set_pragmas(struct commits *c)
{
	sqlite3_stmt *mode = prepare(c, "PRAGMA journal_mode");
	const char *text;

	check(c, sqlite3_step(mode) == SQLITE_ROW);
	text = (const char *)sqlite3_column_text(mode, 0);
	if (text == NULL || strcmp(text, "wal") != 0) {
		check(c, sqlite3_finalize(mode) == SQLITE_OK);
		run(c, "PRAGMA journal_mode=TRUNCATE");
	} else {
		check(c, sqlite3_finalize(mode) == SQLITE_OK);
	}
	run(c, "PRAGMA synchronous=FULL;PRAGMA secure_delete=ON;"
	    "PRAGMA temp_store=MEMORY");
}

struct commits *
commit_open(const char *path)
{
	struct commits *c = zeroed(1, sizeof(*c));

	(void)pthread_mutex_init(&c->lock, NULL);
	check(c, sqlite3_open_v2(path, &c->db, SQLITE_OPEN_READWRITE, NULL) ==
	    SQLITE_OK);
	set_pragmas(c);
	run(c, "CREATE TEMP TABLE model AS SELECT * FROM message LIMIT 1;"
	    "UPDATE model SET id = NULL, state = " STATE_FIRST ", body = "
	    BODY ", token = " TOKEN);
	c->fill = prepare(c, "UPDATE model SET key = ?1, base = ?1");
	c->insert = prepare(c, "INSERT INTO message SELECT * FROM model");
	c->move = prepare(c, "UPDATE message SET state = " STATE_LAST
	    ", body = NULL, token = NULL WHERE base = (SELECT base FROM model)");
	return c;
}

/* A key that no other process has, as long as the handler's. */
static void
new_key(struct commits *c)
{
	char key[64];
	int n = snprintf(key, sizeof(key), "c-%08x-%016llx",
	    (unsigned)getpid(), (unsigned long long)now_us());

	check(c, sqlite3_bind_text(c->fill, 1, key, n, SQLITE_STATIC) ==
	    SQLITE_OK);
	step(c, c->fill);
}

void
commit_once(struct commits *c)
{
	(void)pthread_mutex_lock(&c->lock);
	if (c->done++ % 2 == 0) {
		new_key(c);
		step(c, c->insert);
	} else {
		step(c, c->move);
	}
	(void)pthread_mutex_unlock(&c->lock);
}

void
commit_close(struct commits *c)
{
	(void)sqlite3_finalize(c->fill);
	(void)sqlite3_finalize(c->insert);
	(void)sqlite3_finalize(c->move);
	(void)sqlite3_close(c->db);
	free(c);
}
