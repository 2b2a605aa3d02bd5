/*
 * One SQLite connection: opening, durability, transactions, statements.
 *
 * Called by store/queue.c.  Owns the connection and its statements.  What
 * fails is reported with SQLite's own words, which name no data.
 */
#include "store/sqlite.h"

#include "store/schema.h"

#include <sqlite3.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STMT_SLOTS 96
/* sqlite.org/fileformat2.html: the header, and user_version's last byte */
#define HEAD_SIZE 100
#define VERSION_AT 63
#define LOG_PAGES 2000	/* 8 MiB: a page that changes often is moved once */

struct sqlite {
	sqlite3 *db;
	sqlite3_stmt *stmt[STMT_SLOTS];
	const char *sql[STMT_SLOTS];
	bool (*claimed)(void *ctx, int64_t owner, int64_t lease);
	void *ctx;
	int busy_ms;
	int pages;		/* in the log, after our last commit */
	unsigned char head[HEAD_SIZE];	/* of the file, when it was opened */
};

enum err
sqlite_fail(struct sqlite *s, struct problem *p)
{
	/* where SQLite knows of no error, a copy of a row had no room */
	int rc = s->db != NULL ? sqlite3_errcode(s->db) : SQLITE_OK;
	bool known = rc != SQLITE_OK && rc != SQLITE_ROW && rc != SQLITE_DONE;

	return problem_set(p, ERR_DISK, -1, NULL, "the store failed: %s",
	    known ? sqlite3_errmsg(s->db) : "out of memory");
}

static bool
run(struct sqlite *s, const char *sql)
{
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* The single value that a statement gives, as text; "" if none. */
static bool
ask(struct sqlite *s, const char *sql, char *out, size_t size)
{
	sqlite3_stmt *st = NULL;
	const unsigned char *text = NULL;
	bool ok = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) == SQLITE_OK;
	int rc = ok ? sqlite3_step(st) : SQLITE_ERROR;

	out[0] = '\0';
	if (rc == SQLITE_ROW)
		text = sqlite3_column_text(st, 0);
	if (text != NULL && strlen((const char *)text) < size)
		memcpy(out, text, strlen((const char *)text) + 1);
	return sqlite3_finalize(st) == SQLITE_OK && ok;
}

/* Sets a pragma and reads it back: SQLite answers a refusal with the old
 * value and no error. */
static enum err
set_pragma(struct sqlite *s, const char *set, const char *get,
    const char *want, struct problem *p)
{
	char got[32];

	if (!run(s, set) || !ask(s, get, got, sizeof(got)))
		return sqlite_fail(s, p);
	if (strcmp(got, want) != 0)
		return problem_set(p, ERR_DISK, -1, NULL,
		    "the store does not take \"%s\"", set);
	return ERR_OK;
}

static enum err
set_durability(struct sqlite *s, struct problem *p)
{
	struct problem refused = { 0 };
	enum err e = set_pragma(s, "PRAGMA journal_mode=WAL",
	    "PRAGMA journal_mode", "wal", &refused);

	if (e != ERR_OK)
		e = set_pragma(s, "PRAGMA journal_mode=TRUNCATE",
		    "PRAGMA journal_mode", "truncate", p);
	if (e == ERR_OK)
		e = set_pragma(s, "PRAGMA synchronous=FULL",
		    "PRAGMA synchronous", "2", p);
	/* KiB: what is worked on is little, and the system caches the rest */
	if (e == ERR_OK)
		e = set_pragma(s, "PRAGMA cache_size=-1024",
		    "PRAGMA cache_size", "-1024", p);
	/* what is erased (tokens, texts) must not stay in the file */
	if (e == ERR_OK)
		e = set_pragma(s, "PRAGMA secure_delete=ON",
		    "PRAGMA secure_delete", "1", p);
	return e;
}

/* From any version that we know to this one. */
static bool
bring_up(struct sqlite *s)
{
	char version[16];

	if (!ask(s, "PRAGMA user_version", version, sizeof(version)))
		return false;
	if (strcmp(version, "0") == 0)
		return run(s, schema_sql);
	if (strcmp(version, "1") == 0)
		return run(s, schema_from_1) && run(s, schema_from_2);
	/* another process may have made it while we waited for the lock */
	return strcmp(version, "2") != 0 || run(s, schema_from_2);
}

static enum err
make_schema(struct sqlite *s, struct problem *p)
{
	if (!sqlite_begin(s))
		return sqlite_fail(s, p);
	if (bring_up(s) && sqlite_commit(s))
		return ERR_OK;
	(void)sqlite_fail(s, p);
	sqlite_rollback(s);
	return ERR_DISK;
}

/* The head of the file itself; zeros where it is shorter. */
static bool
read_head(struct sqlite *s, unsigned char head[HEAD_SIZE], int64_t *size)
{
	sqlite3_file *f = NULL;

	memset(head, 0, HEAD_SIZE);
	if (sqlite3_file_control(s->db, "main", SQLITE_FCNTL_FILE_POINTER,
	    &f) != SQLITE_OK || f->pMethods->xFileSize(f,
	    (sqlite3_int64 *)size) != SQLITE_OK)
		return false;
	(void)f->pMethods->xRead(f, head, HEAD_SIZE, 0);
	return true;
}

static bool
is_database(const unsigned char head[HEAD_SIZE])
{
	static const char magic[] = "SQLite format 3";

	return memcmp(head, magic, sizeof(magic)) == 0;
}

static enum err
not_ours(struct problem *p)
{
	return problem_set(p, ERR_DISK, -1, NULL, "the store failed: the "
	    "file is not a database, or not this program's any more");
}

/*
 * With a log SQLite may not look at the file itself for long, and what is
 * stored would go into something else than a store.  The version may be in
 * the log only, as long as a reader keeps it there: then the head is what it
 * was when the file was opened.
 */
enum err
sqlite_check(struct sqlite *s, struct problem *p)
{
	unsigned char head[HEAD_SIZE];
	int64_t size;

	if (!read_head(s, head, &size))
		return sqlite_fail(s, p);
	if (is_database(head) && (head[VERSION_AT] == SCHEMA_VERSION[0] - '0'
	    || memcmp(head, s->head, HEAD_SIZE) == 0))
		return ERR_OK;
	return not_ours(p);
}

/* Before SQLite looks at it, which would put the log into any file. */
static enum err
check_head(struct sqlite *s, struct problem *p)
{
	int64_t size = 0;

	if (!read_head(s, s->head, &size))
		return sqlite_fail(s, p);
	return size == 0 || is_database(s->head) ? ERR_OK : not_ours(p);
}

/* Before anything is set: a file that is not ours stays as it is. */
static enum err
check_schema(struct sqlite *s, bool *old, struct problem *p)
{
	char version[16], tables[16];

	/* in this order: another process may make both in between */
	if (!ask(s, "SELECT count(*) FROM sqlite_master", tables,
	    sizeof(tables)) ||
	    !ask(s, "PRAGMA user_version", version, sizeof(version)))
		return sqlite_fail(s, p);
	*old = strcmp(version, "1") == 0 || strcmp(version, "2") == 0 ||
	    (strcmp(version, "0") == 0 && strcmp(tables, "0") == 0);
	if (*old || strcmp(version, SCHEMA_VERSION) == 0)
		return ERR_OK;
	return problem_set(p, ERR_DISK, -1, NULL, "the store has schema "
	    "version %s, this program knows version " SCHEMA_VERSION ": it is "
	    "another program's file, or of a newer version", version);
}

/*
 * Creates the file with our own mode (SQLite would let everybody read it,
 * and its journals take the mode of the file) and the last folder above it.
 * A file that is there is not even opened: closing it would drop the locks
 * that another connection of this process holds on it.
 */
static enum err
make_file(const char *path, struct problem *p)
{
	char *copy;
	int fd;
	bool ok = access(path, R_OK | W_OK) == 0;

	if (!ok && errno == ENOENT && (copy = strdup(path)) != NULL) {
		/* if it cannot be made, open() says so */
		(void)mkdir(dirname(copy), 0750);
		free(copy);
		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
		ok = fd >= 0 ? close(fd) == 0 : errno == EEXIST;
	}
	return ok ? ERR_OK : problem_set(p, ERR_DISK, -1, NULL,
	    "cannot open the store %s: %s", path, strerror(errno));
}

/* Looks each millisecond: SQLite's own pauses grow and miss short gaps. */
static int
wait_for_lock(void *ctx, int n)
{
	static const struct timespec pause = { 0, 1000000 };
	const struct sqlite *s = ctx;

	if (n >= s->busy_ms)
		return 0;
	(void)nanosleep(&pause, NULL);
	return 1;
}

static enum err
open_file(struct sqlite *s, const struct sqlite_opts *o, struct problem *p)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;

	s->busy_ms = o->busy_ms;
	if (sqlite3_open_v2(o->path, &s->db, flags, NULL) != SQLITE_OK ||
	    sqlite3_busy_handler(s->db, wait_for_lock, s) != SQLITE_OK ||
	    /* what failed may have failed because the file is not ours */
	    sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
	    NULL) != SQLITE_OK)
		return sqlite_fail(s, p);
	(void)sqlite3_extended_result_codes(s->db, 1);
	return ERR_OK;
}

/* claimed(owner, lease) in SQL: asks the program. */
static void
sql_claimed(sqlite3_context *c, int n, sqlite3_value **v)
{
	const struct sqlite *s = sqlite3_user_data(c);
	int64_t number = sqlite3_value_int64(v[0]);

	(void)n;
	sqlite3_result_int(c, number != 0 &&
	    s->claimed(s->ctx, number, sqlite3_value_int64(v[1])));
}

bool
sqlite_add_claimed(struct sqlite *s,
    bool (*claimed)(void *, int64_t, int64_t), void *ctx)
{
	s->claimed = claimed;
	s->ctx = ctx;
	return sqlite3_create_function(s->db, "claimed", 2, SQLITE_UTF8, s,
	    sql_claimed, NULL, NULL) == SQLITE_OK;
}

/* Checkpoints are made by sqlite_checkpoint() only. */
static int
note_pages(void *ctx, sqlite3 *db, const char *name, int pages)
{
	struct sqlite *s = ctx;

	(void)db;
	(void)name;
	s->pages = pages;
	return SQLITE_OK;
}

enum err
sqlite_make(const struct sqlite_opts *o, bool *absent, struct problem *p)
{
	*absent = !o->create && access(o->path, F_OK) != 0 && errno == ENOENT;
	if (*absent)
		return problem_set(p, ERR_DISK, -1, NULL,
		    "there is no store %s", o->path);
	return o->create ? make_file(o->path, p) : ERR_OK;
}

enum err
sqlite_open(struct sqlite **out, const struct sqlite_opts *o,
    struct problem *p)
{
	struct sqlite *s = calloc(1, sizeof(*s));
	bool old = false;
	int64_t size;
	enum err e = s != NULL ? ERR_OK : problem_set(p, ERR_NOMEM, -1, NULL,
	    "out of memory");

	*out = NULL;
	if (e == ERR_OK)
		e = open_file(s, o, p);
	if (e == ERR_OK)
		e = check_head(s, p);
	if (e == ERR_OK)
		e = check_schema(s, &old, p);
	if (e == ERR_OK)
		e = set_durability(s, p);
	if (e == ERR_OK) {
		/* what another process left may be in the log yet */
		s->pages = 1;
		(void)sqlite3_wal_hook(s->db, note_pages, s);
	}
	if (e == ERR_OK && old)
		e = make_schema(s, p);
	if (e == ERR_OK && old)
		sqlite_checkpoint(s, true);
	if (e == ERR_OK && !read_head(s, s->head, &size))
		e = sqlite_fail(s, p);
	if (e == ERR_OK)
		*out = s;
	else
		sqlite_close(s);
	return e;
}

void
sqlite_checkpoint(struct sqlite *s, bool all)
{
	int busy_ms = s->busy_ms;

	if (s->pages < (all ? 1 : LOG_PAGES))
		return;
	s->busy_ms = 0;
	if (sqlite3_wal_checkpoint_v2(s->db, NULL, all ?
	    SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, NULL,
	    NULL) == SQLITE_OK && all)
		s->pages = 0;
	s->busy_ms = busy_ms;
}

void
sqlite_close(struct sqlite *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < STMT_SLOTS; i++)
		(void)sqlite3_finalize(s->stmt[i]);
	(void)sqlite3_close(s->db);
	free(s);
}

/* Found by the address of its text: every literal has its own. */
sqlite3_stmt *
sqlite_stmt(struct sqlite *s, const char *sql)
{
	size_t i = 0;

	while (i < STMT_SLOTS && s->sql[i] != NULL && s->sql[i] != sql)
		i++;
	if (i == STMT_SLOTS)
		return NULL;
	if (s->stmt[i] == NULL && sqlite3_prepare_v3(s->db, sql, -1,
	    SQLITE_PREPARE_PERSISTENT, &s->stmt[i], NULL) != SQLITE_OK)
		return NULL;
	s->sql[i] = sql;
	(void)sqlite3_reset(s->stmt[i]);
	(void)sqlite3_clear_bindings(s->stmt[i]);
	return s->stmt[i];
}

bool
sqlite_done(struct sqlite *s, sqlite3_stmt *st)
{
	(void)s;
	return st != NULL && sqlite3_step(st) == SQLITE_DONE &&
	    sqlite3_reset(st) == SQLITE_OK;
}

sqlite3 *
sqlite_handle(struct sqlite *s)
{
	return s->db;
}

int64_t
sqlite_changes(struct sqlite *s)
{
	return sqlite3_changes(s->db);
}

bool
sqlite_is_busy(struct sqlite *s)
{
	return (sqlite3_errcode(s->db) & 0xff) == SQLITE_BUSY;
}

bool
sqlite_begin(struct sqlite *s)
{
	return sqlite_done(s, sqlite_stmt(s, "BEGIN IMMEDIATE"));
}

bool
sqlite_commit(struct sqlite *s)
{
	return sqlite_done(s, sqlite_stmt(s, "COMMIT"));
}

void
sqlite_rollback(struct sqlite *s)
{
	/* SQLite may have rolled back by itself; then there is none */
	if (sqlite3_get_autocommit(s->db) == 0)
		(void)run(s, "ROLLBACK");
}
