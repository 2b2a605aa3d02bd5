/*
 * One SQLite connection: what it sets and reads back, the file that it
 * makes, the files that it leaves alone, statements and transactions.
 *
 * Run by make check.
 */
#include "store/sqlite.h"

#include "store_world.h"

static struct sqlite *
open_it(struct world *w)
{
	const struct sqlite_opts o = { w->path, 5000, true };
	struct sqlite *s = NULL;
	bool absent = true;

	w->problem = (struct problem){ 0 };
	if (sqlite_make(&o, &absent, &w->problem) == ERR_OK)
		(void)sqlite_open(&s, &o, &w->problem);
	assert_string_equal(w->problem.text, "");
	assert_int_equal(w->problem.err, ERR_OK);
	assert_false(absent);
	assert_non_null(s);
	return s;
}

/* It must not open; the reason is in w->problem. */
static void
expect_refused(struct world *w, bool create)
{
	const struct sqlite_opts o = { w->path, 100, create };
	struct sqlite *s = (void *)w;
	bool absent = true;

	w->problem = (struct problem){ 0 };
	if (sqlite_make(&o, &absent, &w->problem) == ERR_OK) {
		assert_int_equal(sqlite_open(&s, &o, &w->problem), ERR_DISK);
		assert_null(s);
	}
	assert_int_equal(w->problem.err, ERR_DISK);
	assert_false(absent);
}

static void
expect_one(struct sqlite *s, const char *sql, const char *want)
{
	struct sqlite3_stmt *st = sqlite_stmt(s, sql);

	assert_non_null(st);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(st, 0), want);
	assert_int_equal(sqlite3_reset(st), SQLITE_OK);
}

static void
test_settings(void **state)
{
	struct sqlite *s = open_it(*state);

	for (int again = 0; again < 2; again++) {
		expect_one(s, "PRAGMA journal_mode", "wal");
		expect_one(s, "PRAGMA synchronous", "2");
		expect_one(s, "PRAGMA user_version", "2");
		expect_one(s, "PRAGMA secure_delete", "1");
		sqlite_close(s);
		s = open_it(*state);
	}
	sqlite_close(s);
	sqlite_close(NULL);
}

/* No shared memory to be had, as on some network file systems. */
static void
test_no_shared_memory(void **state)
{
	sqlite3_vfs *usual = sqlite3_vfs_find(NULL);
	sqlite3_vfs *without = sqlite3_vfs_find("unix-dotfile");
	struct sqlite *s;

	assert_non_null(without);
	assert_int_equal(sqlite3_vfs_register(without, 1), SQLITE_OK);
	s = open_it(*state);
	expect_one(s, "PRAGMA journal_mode", "truncate");
	expect_one(s, "PRAGMA synchronous", "2");
	expect_one(s, "PRAGMA secure_delete", "1");
	sqlite_checkpoint(s, true);	/* nothing to do, and no harm */
	expect_one(s, "PRAGMA user_version", "2");
	sqlite_close(s);
	assert_int_equal(sqlite3_vfs_register(usual, 1), SQLITE_OK);
	/* the next one finds it can */
	s = open_it(*state);
	expect_one(s, "PRAGMA journal_mode", "wal");
	sqlite_close(s);
}

static void
test_modes(void **state)
{
	struct world *w = *state;
	mode_t umask_was = umask(0);
	struct sqlite *s;

	(void)snprintf(w->path, sizeof(w->path), "%s/sub/q.db", w->dir);
	s = open_it(w);
	assert_int_equal(mode_of(w->path), 0640);
	(void)snprintf(w->path, sizeof(w->path), "%s/sub", w->dir);
	assert_int_equal(mode_of(w->path), 0750);
	sqlite_close(s);
	/* a stricter umask is kept, the mode of a file that is there, too */
	(void)umask(0077);
	(void)snprintf(w->path, sizeof(w->path), "%s/other.db", w->dir);
	sqlite_close(open_it(w));
	assert_int_equal(mode_of(w->path), 0600);
	assert_int_equal(chmod(w->path, 0660), 0);
	sqlite_close(open_it(w));
	assert_int_equal(mode_of(w->path), 0660);
	(void)umask(umask_was);
}

/* The log takes the file's mode while it is there. */
static void
test_log_mode(void **state)
{
	struct world *w = *state;
	mode_t umask_was = umask(0);
	struct sqlite *s = open_it(w);
	char log[128];

	assert_true(sqlite_begin(s));
	assert_true(sqlite_done(s, sqlite_stmt(s,
	    "PRAGMA user_version = 2")));
	assert_true(sqlite_commit(s));
	(void)snprintf(log, sizeof(log), "%s-wal", w->path);
	assert_int_equal(mode_of(log), 0640);
	(void)snprintf(log, sizeof(log), "%s-shm", w->path);
	assert_int_equal(mode_of(log), 0640);
	sqlite_close(s);
	(void)umask(umask_was);
}

static void
test_absent(void **state)
{
	struct world *w = *state;
	const struct sqlite_opts o = { w->path, 100, false };
	bool absent = false;

	assert_int_equal(sqlite_make(&o, &absent, &w->problem), ERR_DISK);
	assert_true(absent);
	assert_int_equal(access(w->path, F_OK), -1);
	/* an unreachable path is a failure, not an absence */
	(void)snprintf(w->path, sizeof(w->path), "/dev/null/q.db");
	expect_refused(w, false);
	expect_refused(w, true);
	assert_non_null(strstr(w->problem.text,
	    "cannot open the store /dev/null/q.db: Not a directory"));
	/* only the last folder is made */
	(void)snprintf(w->path, sizeof(w->path), "%s/a/b/q.db", w->dir);
	expect_refused(w, true);
	assert_non_null(strstr(w->problem.text, "No such file or directory"));
	(void)snprintf(w->path, sizeof(w->path), "%s/a", w->dir);
	assert_int_equal(access(w->path, F_OK), -1);
}

static void
write_bytes(const char *path, const char *p, size_t n)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* Refused, and not one byte of the file is another one then. */
static void
expect_untouched(struct world *w, const char *why)
{
	size_t n, after_n;
	char *before = file_bytes(w->path, &n), *after;

	expect_refused(w, true);
	if (strstr(w->problem.text, why) == NULL)
		fail_msg("%s: not: %s", w->problem.text, why);
	expect_refused(w, false);
	after = file_bytes(w->path, &after_n);
	assert_int_equal(after_n, n);
	assert_memory_equal(after, before, n);
	free(before);
	free(after);
}

static void
test_no_database(void **state)
{
	struct world *w = *state;
	char big[8192];

	memset(big, 'x', sizeof(big));
	write_bytes(w->path, "xy", 2);
	expect_untouched(w, "file is not a database");
	write_bytes(w->path, "[app]\nclient_id = 5\n", 20);
	expect_untouched(w, "file is not a database");
	write_bytes(w->path, big, sizeof(big));
	expect_untouched(w, "file is not a database");
	memset(big, 0, sizeof(big));
	write_bytes(w->path, big, sizeof(big));
	expect_untouched(w, "file is not a database");
}

static void
foreign(struct world *w, const char *sql)
{
	sqlite3 *db;

	(void)unlink(w->path);
	db = outside(w);
	outside_run(db, sql);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* A newer program's file, or another's: whatever journal it uses. */
static void
test_other_schema(void **state)
{
	struct world *w = *state;

	foreign(w, "CREATE TABLE message(id); PRAGMA user_version = 3");
	expect_untouched(w, "the store has schema version 3, this program "
	    "knows version 2");
	foreign(w, "PRAGMA journal_mode=WAL; CREATE TABLE message(id);"
	    " PRAGMA user_version = 10");
	expect_untouched(w, "schema version 10");
	foreign(w, "PRAGMA journal_mode=WAL; CREATE TABLE other(id)");
	expect_untouched(w, "schema version 0");
	foreign(w, "CREATE TABLE other(id); PRAGMA user_version = -1");
	expect_untouched(w, "schema version -1");
	/* an empty file is as good as none */
	write_bytes(w->path, "", 0);
	sqlite_close(open_it(w));
}

static void
test_directory(void **state)
{
	struct world *w = *state;

	assert_int_equal(mkdir(w->path, 0700), 0);
	expect_refused(w, true);
	expect_refused(w, false);
}

/* A statement comes back without its bindings and from its beginning. */
static void
test_statements(void **state)
{
	struct sqlite *s = open_it(*state);
	struct problem p = { 0 };
	static const char sql[] = "SELECT ?1";
	struct sqlite3_stmt *st = sqlite_stmt(s, sql);

	assert_int_equal(sqlite3_bind_int(st, 1, 7), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(st, 0), 7);
	assert_ptr_equal(sqlite_stmt(s, sql), st);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_int_equal(sqlite3_column_type(st, 0), SQLITE_NULL);
	assert_null(sqlite_stmt(s, "SELECT x FROM nowhere"));
	assert_int_equal(sqlite_fail(s, &p), ERR_DISK);
	assert_string_equal(p.text, "the store failed: no such table: "
	    "nowhere");
	assert_false(sqlite_done(s, NULL));
	/* one that gives a row is not done */
	assert_false(sqlite_done(s, sqlite_stmt(s, "SELECT 1")));
	sqlite_close(s);
}

/* The room for statements is bounded (two are there: opening began and ended a
 * transaction); what is there goes on working. */
static void
test_many_statements(void **state)
{
	static char sql[110][24];
	struct sqlite *s = open_it(*state);

	for (int i = 0; i < 110; i++) {
		(void)snprintf(sql[i], sizeof(sql[i]), "SELECT %d", i);
		assert_int_equal(sqlite_stmt(s, sql[i]) != NULL, i < 94);
	}
	expect_one(s, sql[0], "0");
	expect_one(s, sql[93], "93");
	sqlite_close(s);
}

static bool
odd(void *ctx, int64_t owner, int64_t lease)
{
	int64_t *last = ctx;

	*last = lease;
	return owner % 2 != 0;
}

static void
test_claimed(void **state)
{
	struct sqlite *s = open_it(*state);
	int64_t lease = 0;

	assert_true(sqlite_add_claimed(s, odd, &lease));
	expect_one(s, "SELECT claimed(3, 9223372036854775807)", "1");
	assert_int_equal(lease, INT64_MAX);
	expect_one(s, "SELECT claimed(4, 5)", "0");
	assert_int_equal(lease, 5);
	/* nobody's: not even asked */
	expect_one(s, "SELECT claimed(0, 6)", "0");
	assert_int_equal(lease, 5);
	sqlite_close(s);
}

static void
test_changes(void **state)
{
	struct sqlite *s = open_it(*state);

	assert_true(sqlite_done(s, sqlite_stmt(s,
	    "INSERT INTO meter(member_id, reset_ms)"
	    " VALUES('a', 1), ('b', 1), ('c', 2)")));
	assert_int_equal(sqlite_changes(s), 3);
	assert_true(sqlite_done(s, sqlite_stmt(s,
	    "DELETE FROM meter WHERE reset_ms = 1")));
	assert_int_equal(sqlite_changes(s), 2);
	sqlite_close(s);
}

static void
test_transactions(void **state)
{
	struct sqlite *s = open_it(*state);

	assert_true(sqlite_begin(s));
	assert_false(sqlite_begin(s));
	assert_true(sqlite_done(s, sqlite_stmt(s, "CREATE TABLE a(x)")));
	sqlite_rollback(s);
	sqlite_rollback(s);	/* none is open: harmless */
	assert_null(sqlite_stmt(s, "SELECT * FROM a"));
	assert_false(sqlite_commit(s));
	assert_true(sqlite_begin(s));
	assert_true(sqlite_done(s, sqlite_stmt(s, "CREATE TABLE a(x)")));
	assert_true(sqlite_commit(s));
	assert_non_null(sqlite_stmt(s, "SELECT * FROM a"));
	sqlite_close(s);
}

/* Opening takes no lock away that this process holds already. */
static void
test_lock_stays(void **state)
{
	struct world *w = *state;
	struct sqlite *s = open_it(w), *other;
	pid_t pid;

	assert_true(sqlite_begin(s));
	other = open_it(w);
	sqlite_close(other);
	pid = fork();
	if (pid == 0) {		/* a lock is seen by other processes only */
		sqlite3 *db = NULL;

		CHILD_CHECK(sqlite3_open(w->path, &db) == SQLITE_OK);
		CHILD_CHECK(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL,
		    NULL) == SQLITE_BUSY);
		child_ends(0);
	}
	child_succeeds(pid);
	sqlite_rollback(s);
	sqlite_close(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_settings),
		WORLD_TEST(test_no_shared_memory),
		WORLD_TEST(test_modes),
		WORLD_TEST(test_log_mode),
		WORLD_TEST(test_absent),
		WORLD_TEST(test_no_database),
		WORLD_TEST(test_other_schema),
		WORLD_TEST(test_directory),
		WORLD_TEST(test_statements),
		WORLD_TEST(test_many_statements),
		WORLD_TEST(test_claimed),
		WORLD_TEST(test_changes),
		WORLD_TEST(test_transactions),
		WORLD_TEST(test_lock_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
