/*
 * The driver's file: what it makes, sets and erases, which files it takes,
 * and which it leaves alone.
 *
 * Run by make check.
 */
#include "db_world.h"

static bool
erase(struct tx *tx, struct db_work *work)
{
	(void)work;
	return db_run(tx, "DELETE FROM t", NULL, 0);
}

/* Whether the word is in the file or in its log. */
static bool
on_disk(const struct world *w, const char *word)
{
	bool found = false;

	for (int i = 0; i < 2; i++) {
		static char bytes[1 << 20];
		char name[128];
		size_t n;
		FILE *f;

		(void)snprintf(name, sizeof(name), "%s%s", w->path,
		    i == 0 ? "" : "-wal");
		f = fopen(name, "rb");
		assert_non_null(f);
		n = fread(bytes, 1, sizeof(bytes), f);
		(void)fclose(f);
		found = found || memmem(bytes, n, word, strlen(word)) != NULL;
	}
	return found;
}

static void
test_tidy(void **state)
{
	static const char word[] = "a-word-that-is-erased";
	struct world *w = *state;
	struct job j = { .a = 1, .text = word };
	time_t until = time(NULL) + 20;

	with_table(w);
	must(w, w->db, &j, insert);
	must(w, w->db, &j, erase);
	db_tidy(w->db);
	loop_turn(w->loop, 10);
	assert_true(on_disk(w, word));
	pass(w, 1000);
	do {
		assert_true(time(NULL) < until);
		db_tidy(w->db);
		loop_turn(w->loop, 10);
	} while (on_disk(w, word));
	db_tidy(w->db);
}

static void
test_absent(void **state)
{
	struct world *w = *state;
	struct job j = { .a = 1 };

	(void)db_close(w->db, 20000);
	w->opts.create = false;
	w->db = db_of(w);
	must(w, w->db, &j, insert);
	assert_int_equal(j.runs, 0);
	assert_int_equal(access(w->path, F_OK), -1);
	(void)db_close(w->db, 20000);
	/* nor is its folder */
	world_path(w, "sub/queue.db");
	w->db = db_of(w);
	must(w, w->db, &j, insert);
	/* it comes, and is found */
	w->opts.create = true;
	{
		struct db *other = db_of(w);

		must(w, other, &j, make_table);
		must(w, w->db, &j, insert);
		(void)db_close(other, 20000);
	}
	assert_int_equal(j.runs, 1);
}

static bool
ask_settings(struct tx *tx, struct db_work *work)
{
	struct job *j = JOB(work);
	struct rows r;
	int64_t sync, erases;
	bool wal;

	db_rows(tx, &r, "PRAGMA journal_mode", NULL, 0);
	wal = db_next(&r) && strcmp(db_text(&r, 0), "wal") == 0;
	j->found = wal;
	if (!db_end(&r) ||
	    !db_number(tx, &sync, "PRAGMA synchronous", NULL, 0) ||
	    !db_number(tx, &erases, "PRAGMA secure_delete", NULL, 0))
		return false;
	j->found += sync == 2 && erases == 1;
	return true;
}

static void
test_file(void **state)
{
	struct world *w = *state;
	struct job j = { .a = 0 };
	mode_t umask_was = umask(0);
	char name[128];

	(void)db_close(w->db, 20000);
	world_path(w, "sub/queue.db");
	w->db = db_of(w);
	with_table(w);
	assert_int_equal(mode_of(w->path), 0640);
	for (size_t i = 0; i < 3; i++) {
		static const char *const with[] = { "-wal", "-shm", ".lock" };

		(void)snprintf(name, sizeof(name), "%s%s", w->path, with[i]);
		assert_int_equal(mode_of(name), 0640);
	}
	(void)snprintf(name, sizeof(name), "%s/sub", w->dir);
	assert_int_equal(mode_of(name), 0750);
	must(w, w->db, &j, ask_settings);
	assert_int_equal(j.found, 2);
	assert_int_equal(look(w, "PRAGMA user_version"), 3);
	(void)umask(umask_was);
}

/* No shared memory to be had, as on some network file systems. */
static void
test_no_shared_memory(void **state)
{
	sqlite3_vfs *usual = sqlite3_vfs_find(NULL);
	sqlite3_vfs *without = sqlite3_vfs_find("unix-none");
	struct world *w = *state;
	struct job j = { .a = 1 };

	assert_int_equal(sqlite3_vfs_register(without, 1), SQLITE_OK);
	with_table(w);
	must(w, w->db, &j, insert);
	must(w, w->db, &j, ask_settings);
	assert_int_equal(j.found, 1);
	assert_true(db_close(w->db, 20000));
	assert_int_equal(sqlite3_vfs_register(usual, 1), SQLITE_OK);
	/* the next one finds it can */
	w->db = db_of(w);
	must(w, w->db, &j, ask_settings);
	assert_int_equal(j.found, 2);
	assert_int_equal(look(w, "SELECT count(*) FROM t"), 1);
}

static bool
finish(struct tx *tx, struct db_work *work)
{
	(void)work;
	return db_finish_upgrade(tx);
}

/* An older file has the new tables, and is the older version's still. */
static void
test_version_2(void **state)
{
	struct world *w = *state;
	struct job j = { .a = 1 };

	outside_run(w, "CREATE TABLE message(id INTEGER PRIMARY KEY);"
	    "INSERT INTO message VALUES(7); PRAGMA user_version = 2");
	for (int i = 0; i < 2; i++) {
		must(w, w->db, &j, make_table);
		assert_int_equal(look(w, "PRAGMA user_version"), 2);
		assert_int_equal(look(w, "SELECT count(*) FROM process"), 0);
		assert_int_equal(look(w, "SELECT id FROM message"), 7);
		(void)db_close(w->db, 20000);
		w->db = db_of(w);
	}
	for (int i = 0; i < 2; i++) {
		must(w, w->db, &j, finish);
		assert_int_equal(look(w, "PRAGMA user_version"), 3);
	}
	(void)db_close(w->db, 20000);
	w->db = db_of(w);
	must(w, w->db, &j, insert);
}

/* One of this version, from before there was a set-up, gets what is missing
 * and keeps what it has. */
static void
test_version_3_before(void **state)
{
	struct world *w = *state;
	struct job j = { .a = 1 };

	outside_run(w, "CREATE TABLE install(id INTEGER PRIMARY KEY,"
	    " member_id TEXT, tries INTEGER NOT NULL DEFAULT 0);"
	    "INSERT INTO install(id, member_id) VALUES(7, 'm');"
	    "PRAGMA user_version = 3");
	for (int i = 0; i < 2; i++) {
		must(w, w->db, &j, make_table);
		assert_int_equal(look(w, "PRAGMA user_version"), 3);
		assert_int_equal(look(w, "SELECT count(*) FROM setup"), 0);
		assert_int_equal(look(w, "SELECT id FROM install"
		    " WHERE url = ''"), 7);
		(void)db_close(w->db, 20000);
		w->db = db_of(w);
	}
}

static void
test_version_1(void **state)
{
	struct world *w = *state;
	struct job j = { .a = 1 };

	outside_run(w, "CREATE TABLE message(id INTEGER PRIMARY KEY, key"
	    " TEXT, base TEXT, revision INTEGER);"
	    "CREATE INDEX message_base ON message(base, revision);"
	    "CREATE TABLE meter(member_id TEXT PRIMARY KEY, reset_ms INTEGER"
	    " NOT NULL); INSERT INTO meter VALUES('m', 5);"
	    "PRAGMA user_version = 1");
	must(w, w->db, &j, make_table);
	assert_int_equal(look(w, "PRAGMA user_version"), 2);
	assert_int_equal(look(w, "SELECT reset_ms + took_ms FROM meter"), 5);
	assert_int_equal(look(w, "SELECT count(*) FROM call"), 0);
	assert_int_equal(look(w, "SELECT count(*) FROM process"), 0);
}

/* Refused, with this reason, and not one byte of it is changed. */
static void
expect_untouched(struct world *w, const char *why)
{
	static char before[1 << 16], after[1 << 16];
	struct job j = { .a = 1 };
	FILE *f = fopen(w->path, "rb");
	size_t n = fread(before, 1, sizeof(before), f), m;

	(void)fclose(f);
	assert_int_equal(perform(w, w->db, &j, make_table), ERR_DISK);
	if (strstr(j.w.problem.text, why) == NULL)
		fail_msg("%s: not: %s", j.w.problem.text, why);
	f = fopen(w->path, "rb");
	m = fread(after, 1, sizeof(after), f);
	(void)fclose(f);
	assert_int_equal(m, n);
	assert_memory_equal(after, before, n);
}

static void
test_not_ours(void **state)
{
	struct world *w = *state;
	FILE *f = fopen(w->path, "wb");

	w->log.level = LOG_LEVEL_ERROR;
	assert_true(fputs("[app]\nclient_id = 5\n", f) >= 0);
	(void)fclose(f);
	expect_untouched(w, "file is not a database");
	(void)unlink(w->path);
	outside_run(w, "CREATE TABLE message(id); PRAGMA user_version = 4");
	expect_untouched(w, "the store has schema version 4, this program "
	    "knows version 3");
	(void)unlink(w->path);
	outside_run(w, "PRAGMA journal_mode=WAL; CREATE TABLE other(id)");
	expect_untouched(w, "schema version 0");
	(void)unlink(w->path);
	outside_run(w, "CREATE TABLE other(id); PRAGMA user_version = -1");
	expect_untouched(w, "schema version -1");
	/* an empty file is as good as none, and it heals */
	(void)unlink(w->path);
	f = fopen(w->path, "wb");
	(void)fclose(f);
	with_table(w);
}
int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_TESTS(test_tidy),
		BOTH_TESTS(test_absent),
		INLINE_TEST(test_file),
		INLINE_TEST(test_no_shared_memory),
		BOTH_TESTS(test_version_2),
		BOTH_TESTS(test_version_3_before),
		INLINE_TEST(test_version_1),
		BOTH_TESTS(test_not_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
