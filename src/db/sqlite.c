/*
 * One SQLite connection: opening, durability, transactions, checkpoints.
 *
 * Called by db/batch.c, one thread at a time.  Owns the connection and (by
 * statement.c) its statements.  What fails is reported with SQLite's own
 * words, which name no data.
 */
#include "db/sqlite.h"

#include <sqlite3.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* sqlite.org/fileformat2.html: the header, and user_version's last byte */
#define HEAD_SIZE 100
#define VERSION_AT 63
#define LOG_PAGES 2000	/* 8 MiB: a page that changes often is moved once */

struct sqlite {
	sqlite3 *db;
	struct statements statements;
	int64_t busy_ms;
	int pages;		/* in the log, after our last commit */
	bool older;		/* it was of version 2 when it was opened, */
	bool over;		/* but a look has found that it is no more */
	struct file_id file;
	unsigned char head[HEAD_SIZE];	/* of the file, when it was opened */
};

static enum trouble
trouble_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
		return TROUBLE_BUSY;
	case SQLITE_OK:		/* a copy of a row had no room */
	case SQLITE_ROW:
	case SQLITE_DONE:
	case SQLITE_ERROR:
	case SQLITE_NOMEM:
	case SQLITE_TOOBIG:
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_RANGE:
		return TROUBLE_OWN;
	default:
		return TROUBLE_DISK;
	}
}

enum trouble
sqlite_trouble(struct sqlite *s, struct problem *p)
{
	int rc = s->db != NULL ? sqlite3_errcode(s->db) : SQLITE_NOMEM;
	bool known = rc != SQLITE_OK && rc != SQLITE_ROW && rc != SQLITE_DONE;

	(void)problem_set(p, ERR_DISK, -1, NULL, "the store failed: %s",
	    known && s->db != NULL ? sqlite3_errmsg(s->db) : "out of memory");
	return trouble_of(rc);
}

static enum err
fail(struct sqlite *s, struct problem *p)
{
	(void)sqlite_trouble(s, p);
	return ERR_DISK;
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
		return fail(s, p);
	if (strcmp(got, want) != 0)
		return problem_set(p, ERR_DISK, -1, NULL,
		    "the store does not take \"%s\"", set);
	return ERR_OK;
}

static enum err
set_durability(struct sqlite *s, struct problem *p)
{
	static const struct {
		const char *set, *get, *want;
	} pragma[] = {
		{ "PRAGMA journal_mode=TRUNCATE", "PRAGMA journal_mode",
		    "truncate" },
		{ "PRAGMA synchronous=FULL", "PRAGMA synchronous", "2" },
		/* KiB: what is worked on is little, the system caches more */
		{ "PRAGMA cache_size=-1024", "PRAGMA cache_size", "-1024" },
		/* what is erased (tokens, texts) must not stay in the file */
		{ "PRAGMA secure_delete=ON", "PRAGMA secure_delete", "1" },
	};
	struct problem refused = { 0 };
	size_t i = set_pragma(s, "PRAGMA journal_mode=WAL",
	    "PRAGMA journal_mode", "wal", &refused) == ERR_OK;
	enum err e = ERR_OK;

	/* with a log, the first is not needed */
	for (; e == ERR_OK && i < sizeof(pragma) / sizeof(pragma[0]); i++)
		e = set_pragma(s, pragma[i].set, pragma[i].get,
		    pragma[i].want, p);
	return e;
}

/* The head of the file itself; zeros where it is shorter. */
static bool
read_head(struct sqlite *s, unsigned char head[HEAD_SIZE], int64_t *size)
{
	sqlite3_file *f = NULL;
	sqlite3_int64 bytes = 0;

	memset(head, 0, HEAD_SIZE);
	if (sqlite3_file_control(s->db, "main", SQLITE_FCNTL_FILE_POINTER,
	    &f) != SQLITE_OK || f->pMethods->xFileSize(f, &bytes) != SQLITE_OK)
		return false;
	*size = bytes;
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
		return fail(s, p);
	if (is_database(head) && (head[VERSION_AT] == 2 ||
	    head[VERSION_AT] == 3 || memcmp(head, s->head, HEAD_SIZE) == 0))
		return ERR_OK;
	return not_ours(p);
}

bool
sqlite_is_moved(const struct sqlite *s, const char *real)
{
	return !file_same(s->file, file_id(real));
}

/* Before SQLite looks at it, which would put the log into any file. */
static enum err
check_head(struct sqlite *s, struct problem *p)
{
	int64_t size = 0;

	if (!read_head(s, s->head, &size))
		return fail(s, p);
	return size == 0 || is_database(s->head) ? ERR_OK : not_ours(p);
}

/* Whether it is missing among those of installations that wait. */
static bool
lacks_column(struct sqlite *s, const char *name, bool *missing)
{
	char sql[128], n[16];

	(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM"
	    " pragma_table_info('install') WHERE name = '%s'", name);
	if (!ask(s, sql, n, sizeof(n)))
		return false;
	*missing = strcmp(n, "0") == 0;
	return true;
}

/* Whether it lacks what version 3 has not had from its beginning.  Programs
 * that do not know it go on beside us. */
static bool
is_behind(struct sqlite *s, bool *behind)
{
	char tables[16];

	if (!lacks_column(s, "url", behind) || !ask(s, "SELECT count(*)"
	    " FROM sqlite_master WHERE type = 'table'"
	    " AND name IN ('counted', 'hour', 'trouble')", tables,
	    sizeof(tables)))
		return false;
	*behind = *behind || strcmp(tables, "3") != 0;
	return true;
}

/* Before anything is set: a file that is not ours stays as it is. */
static enum err
check_version(struct sqlite *s, bool *old, struct problem *p)
{
	char version[16], tables[16];

	/* in this order: another process may make both in between */
	if (!ask(s, "SELECT count(*) FROM sqlite_master", tables,
	    sizeof(tables)) ||
	    !ask(s, "PRAGMA user_version", version, sizeof(version)))
		return fail(s, p);
	*old = strcmp(version, "1") == 0 || strcmp(version, "2") == 0 ||
	    (strcmp(version, "0") == 0 && strcmp(tables, "0") == 0);
	if (!*old && strcmp(version, "3") == 0)
		return is_behind(s, old) ? ERR_OK : fail(s, p);
	if (*old)
		return ERR_OK;
	return problem_set(p, ERR_DISK, -1, NULL, "the store has schema "
	    "version %s, this program knows version 3: it is another "
	    "program's file, or of a newer version", version);
}

/* A table of an earlier version may lack what has come since. */
static bool
add_column(struct sqlite *s, const char *name, const char *ddl)
{
	bool missing;

	return lacks_column(s, name, &missing) && (!missing || run(s, ddl));
}

static bool
make_all(struct sqlite *s)
{
	char version[16];

	if (!ask(s, "PRAGMA user_version", version, sizeof(version)) ||
	    (strcmp(version, "1") == 0 && !run(s, db_ddl_from_1)) ||
	    !run(s, db_ddl) || !run(s, db_ddl_installs) ||
	    !run(s, db_ddl_rare) || !run(s, db_ddl_watch))
		return false;
	s->older = strcmp(version, "1") == 0 || strcmp(version, "2") == 0;
	return (!s->older || run(s, db_ddl_beside_2)) &&
	    add_column(s, "tries", db_ddl_tries) &&
	    add_column(s, "url", db_ddl_url) &&
	    (strcmp(version, "0") != 0 || sqlite_finish_upgrade(s));
}

/*
 * What is missing.  A file of version 2 gets the new tables beside the old
 * ones and stays what it is: processes of that version look at the number.
 */
static enum err
make_tables(struct sqlite *s, struct problem *p)
{
	if (!run(s, "BEGIN IMMEDIATE"))
		return fail(s, p);
	if (make_all(s) && run(s, "COMMIT"))
		return ERR_OK;
	(void)fail(s, p);
	sqlite_rollback(s);
	return ERR_DISK;
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
open_file(struct sqlite *s, const char *real, struct problem *p)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;

	s->file = file_id(real);
	if (sqlite3_open_v2(real, &s->db, flags, wal_file_vfs()) != SQLITE_OK ||
	    sqlite3_busy_handler(s->db, wait_for_lock, s) != SQLITE_OK ||
	    /* what failed may have failed because the file is not ours */
	    sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
	    NULL) != SQLITE_OK)
		return fail(s, p);
	(void)sqlite3_extended_result_codes(s->db, 1);
	s->statements.db = s->db;
	return ERR_OK;
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

static enum err
prepare(struct sqlite *s, const char *real, struct problem *p)
{
	bool old = false;
	int64_t size;
	enum err e = open_file(s, real, p);

	if (e == ERR_OK)
		e = check_head(s, p);
	if (e == ERR_OK)
		e = check_version(s, &old, p);
	if (e == ERR_OK)
		e = set_durability(s, p);
	if (e != ERR_OK)
		return e;
	/* what another process left may be in the log yet */
	s->pages = 1;
	(void)sqlite3_wal_hook(s->db, note_pages, s);
	if (old)
		e = make_tables(s, p);
	if (e == ERR_OK && old)
		sqlite_checkpoint(s, true);
	return e != ERR_OK || read_head(s, s->head, &size) ? e : fail(s, p);
}

enum err
sqlite_open(struct sqlite **out, const char *real, int64_t busy_ms,
    struct problem *p)
{
	struct sqlite *s = calloc(1, sizeof(*s));
	enum err e;

	*out = NULL;
	if (s == NULL)
		return problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	s->busy_ms = busy_ms;
	e = prepare(s, real, p);
	if (e == ERR_OK)
		*out = s;
	else
		sqlite_close(s);
	return e;
}

bool
sqlite_is_due(const struct sqlite *s, bool all)
{
	return s->pages >= (all ? 1 : LOG_PAGES);
}

void
sqlite_checkpoint(struct sqlite *s, bool all)
{
	int64_t busy_ms = s->busy_ms;
	int rc;

	s->busy_ms = 0;
	rc = sqlite3_wal_checkpoint_v2(s->db, NULL, all ?
	    SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, NULL,
	    NULL);
	s->busy_ms = busy_ms;
	if (rc == SQLITE_OK && all)
		s->pages = 0;
}

void
sqlite_close(struct sqlite *s)
{
	if (s == NULL)
		return;
	statements_free(&s->statements);
	(void)sqlite3_close(s->db);
	free(s);
}

void
sqlite_prepare_library(void)
{
	/* once it is at work it refuses, and is as it was */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

struct statements *
sqlite_statements(struct sqlite *s)
{
	return &s->statements;
}

bool
sqlite_finish_upgrade(struct sqlite *s)
{
	return run(s, "PRAGMA user_version = 3");
}

bool
sqlite_is_older(struct sqlite *s, bool *older)
{
	char version[16];

	*older = false;
	if (!s->older || s->over)
		return true;
	if (!ask(s, "PRAGMA user_version", version, sizeof(version)))
		return false;
	*older = strcmp(version, "2") == 0;
	s->over = !*older;
	return true;
}

void
sqlite_rollback(struct sqlite *s)
{
	/* what was seen may have been written in this transaction */
	s->over = false;
	/* SQLite may have rolled back by itself; then there is none */
	if (sqlite3_get_autocommit(s->db) == 0)
		(void)run(s, "ROLLBACK");
}
