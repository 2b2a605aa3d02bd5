/*
 * Transactions as the handler's store makes them, without the handler.
 *
 * The journal's mode is the one that the file is in; a rollback journal is
 * truncated, as the handler does, which leaves no trace in the file.  Two for
 * an event: it is put into the queue and among what was seen, and it leaves
 * the queue.
 */
#include "commit.h"

#include "common.h"

#include <sqlite3.h>

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define BODY "{\"im\":{\"chat_id\":100000000001,\"message_id\":" \
	"100000000001},\"message\":{\"user_id\":27,\"text\":\"[b]Samantha" \
	" Johnson:[/b] [br]Good afternoon, how can I help you?\"},\"chat\":" \
	"{\"id\":\"channel-100000000001\"}}"
#define INSERT_QUEUE "INSERT INTO queue(state, turn, owner, place, chat," \
	" message_id, chat_id, line, received_us, ts, key, event, member_id," \
	" domain, connector, chat_name, endpoint, token, body) VALUES(1, 0, 1," \
	" 1, ?1, ?1, ?1, 1, ?1, 1, ?2, 'ONIMCONNECTORMESSAGEADD'," \
	" 'a6bb2f2d0ee5f2b5f0f0c6c0b6d8a1e3', 'some-domain.bitrix24.com'," \
	" 'my_connector', 'channel-100000000001'," \
	" 'https://some-domain.bitrix24.com/rest/'," \
	" 'c978b990071b0008440001b0895f697a', '" BODY "')"
#define INSERT_SEEN "INSERT INTO seen(message_id, base, revision, content," \
	" id, since) VALUES(?1, ?2, 1, NULL, ?3, 1)"

struct commits {
	sqlite3 *db;
	sqlite3_stmt *begin, *commit;
	sqlite3_stmt *queue, *seen, *gone;
	pthread_mutex_t lock;
	int64_t done;
	int64_t row;		/* of the event that is in the queue */
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
	c->begin = prepare(c, "BEGIN IMMEDIATE");
	c->commit = prepare(c, "COMMIT");
	c->queue = prepare(c, INSERT_QUEUE);
	c->seen = prepare(c, INSERT_SEEN);
	c->gone = prepare(c, "DELETE FROM queue WHERE id = ?1");
	return c;
}

static void
bind(struct commits *c, sqlite3_stmt *stmt, int at, int64_t n)
{
	check(c, sqlite3_bind_int64(stmt, at, n) == SQLITE_OK);
}

/* With a key that no other process has, as long as the handler's. */
static void
put(struct commits *c)
{
	char key[64];
	int64_t now = now_us();
	int n = snprintf(key, sizeof(key), "c-%08x-%016llx",
	    (unsigned)getpid(), (unsigned long long)now);

	step(c, c->begin);
	bind(c, c->queue, 1, now);
	check(c, sqlite3_bind_text(c->queue, 2, key, n, SQLITE_STATIC) ==
	    SQLITE_OK);
	step(c, c->queue);
	c->row = sqlite3_last_insert_rowid(c->db);
	bind(c, c->seen, 1, now);
	bind(c, c->seen, 3, c->row);
	check(c, sqlite3_bind_text(c->seen, 2, key, n, SQLITE_STATIC) ==
	    SQLITE_OK);
	step(c, c->seen);
	step(c, c->commit);
}

void
commit_once(struct commits *c)
{
	(void)pthread_mutex_lock(&c->lock);
	if (c->done++ % 2 == 0) {
		put(c);
	} else {
		bind(c, c->gone, 1, c->row);
		step(c, c->gone);
	}
	(void)pthread_mutex_unlock(&c->lock);
}

void
commit_close(struct commits *c)
{
	(void)sqlite3_finalize(c->begin);
	(void)sqlite3_finalize(c->commit);
	(void)sqlite3_finalize(c->queue);
	(void)sqlite3_finalize(c->seen);
	(void)sqlite3_finalize(c->gone);
	(void)sqlite3_close(c->db);
	free(c);
}
