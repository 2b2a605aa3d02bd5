/*
 * The store's log through db/wal_file.c: what is committed is what others
 * find, whole, and a disk that is full is told in time.
 *
 * Run by make check.
 */
#include "db/sqlite.h"

#include "unit.h"

#include <sqlite3.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static char dir[64], path[96];

static sqlite3 *
open_with(const char *vfs)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE, vfs), SQLITE_OK);
	return db;
}

static void
run(sqlite3 *db, const char *sql)
{
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static int
number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s;
	int n;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	n = sqlite3_column_int(s, 0);
	assert_int_equal(sqlite3_finalize(s), SQLITE_OK);
	return n;
}

#define FILL(rows) "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1" \
	" FROM n WHERE i < " #rows ") INSERT INTO t SELECT NULL," \
	" randomblob(500) FROM n"

static int
setup(void **state)
{
	sqlite3 *db;

	(void)snprintf(dir, sizeof(dir), "/tmp/t_wal_file.XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/db", dir);
	db = open_with(wal_file_vfs());
	run(db, "PRAGMA journal_mode=WAL");
	run(db, "PRAGMA synchronous=FULL");
	run(db, "CREATE TABLE t(id INTEGER PRIMARY KEY, b BLOB)");
	*state = db;
	return 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)sqlite3_close(*state);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

/* What does not fit the cache goes to the log, and is read from it, before
 * the commit. */
static void
test_others_find_it(void **state)
{
	sqlite3 *db = *state, *other = open_with(NULL);

	run(db, "PRAGMA cache_size=10");
	for (int i = 1; i <= 5; i++) {
		run(db, "BEGIN IMMEDIATE");
		run(db, FILL(500));
		run(db, "UPDATE t SET b = randomblob(400) WHERE id % 7 = 0");
		assert_int_equal(number(other, "SELECT count(*) FROM t"),
		    500 * (i - 1));
		run(db, "COMMIT");
		assert_int_equal(number(other, "SELECT count(*) FROM t"),
		    500 * i);
	}
	assert_int_equal(number(other, "SELECT count(*) FROM t"
	    " WHERE length(b) = 400"), 357);
	run(db, "BEGIN IMMEDIATE");
	run(db, FILL(500));
	run(db, "ROLLBACK");
	run(db, "INSERT INTO t VALUES(NULL, 'x')");
	assert_int_equal(number(other, "SELECT count(*) FROM t"), 2501);
	run(other, "PRAGMA wal_checkpoint(TRUNCATE)");
	assert_int_equal(number(other, "SELECT count(*) FROM"
	    " pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
}

/* Once the disk has room again, what failed is not there. */
static void
test_no_room(void **state)
{
	sqlite3 *db = *state, *other;
	struct rlimit was, low;

	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	low = was;
	low.rlim_cur = 40000;
	run(db, "INSERT INTO t VALUES(NULL, 'x')");
	run(db, "BEGIN IMMEDIATE");
	run(db, FILL(60));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	assert_int_not_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL),
	    SQLITE_OK);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	run(db, "INSERT INTO t VALUES(NULL, 'y')");
	other = open_with(NULL);
	assert_int_equal(number(other, "SELECT count(*) FROM t"), 2);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_others_find_it, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_no_room, setup,
		    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
