/*
 * The store's handle: opening late and again, what a disk that fails does,
 * and waiting for others.
 *
 * Run by make check.
 */
#include "store_world.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

static int64_t
mono_ms(void)
{
	return clock_system.mono_ms(NULL);
}

static void
test_urls(void **state)
{
	static const char *const urls[] = { "", "/x", "sqlite:", "sqlite:x",
		"sqlite", "postgresql://h/d", "SQLITE:/x", " sqlite:/x" };
	struct store_opts o = { .clock = &clock_system, .create = true };

	(void)state;
	for (size_t i = 0; i < COUNT(urls); i++) {
		struct problem p = { 0 };
		struct store *s = (void *)&o;

		o.url = urls[i];
		assert_int_equal(store_open(&s, &o, &p), ERR_CONFIG);
		assert_int_equal(p.err, ERR_CONFIG);
		assert_non_null(strstr(p.text, "[store] url must be sqlite:"));
		assert_null(s);
	}
	store_close(NULL);
}

static void
test_opens_late(void **state)
{
	struct world *w = *state;

	/* world_begin() opened it: no file yet */
	assert_int_equal(access(w->path, F_OK), -1);
	(void)take_message(w, ADD, 1, "b");
	assert_int_equal(access(w->path, F_OK), 0);
	assert_int_equal(mode_of(w->path) & 0007, 0);
}

static void
test_no_create(void **state)
{
	struct world *w = *state;
	struct store *s = store_of(w, 100, false);
	struct problem p = { 0 };

	assert_int_equal(try_take(s, 1, 10, &p), ERR_DISK);
	assert_non_null(strstr(p.text, "there is no store /tmp/"));
	assert_int_equal(access(w->path, F_OK), -1);
	(void)take_message(w, ADD, 1, "b");
	p = (struct problem){ 0 };
	assert_int_equal(try_take(s, 2, 10, &p), ERR_OK);
	store_close(s);
}

/* What stands in the way is reported; when it goes, all is well again. */
static void
test_heals(void **state)
{
	struct world *w = *state;
	FILE *f;

	(void)take_message(w, ADD, 1, "b");
	store_close(w->store);
	w->store = store_of(w, 100, true);
	assert_int_equal(unlink(w->path), 0);
	f = fopen(w->path, "w");
	assert_true(fputs("this is no database\n", f) >= 0);
	assert_int_equal(fclose(f), 0);
	for (int i = 0; i < 3; i++) {
		struct problem p = { 0 };

		assert_int_equal(try_take(w->store, 1, 10, &p), ERR_DISK);
		assert_string_equal(p.text,
		    "the store failed: the file is not a database, or not "
		    "this program's any more");
	}
	assert_int_equal(unlink(w->path), 0);
	assert_true(take_message(w, ADD, 1, "b").fresh);
	assert_string_equal(look(w, "SELECT count(*) FROM message"), "1|\n");
}

/* A folder that we may not write to; root may write everywhere. */
static void
closed_folder(struct world *w)
{
	struct problem p = { 0 };
	struct store *s = w->store;
	char beside[128], lock[128];

	(void)snprintf(lock, sizeof(lock), "%s.lock", w->path);
	/* what is there already would serve, or be another user's */
	(void)snprintf(beside, sizeof(beside), "%s-wal", w->path);
	CHILD_CHECK(unlink(beside) == 0 || errno == ENOENT);
	(void)snprintf(beside, sizeof(beside), "%s-shm", w->path);
	CHILD_CHECK(unlink(beside) == 0 || errno == ENOENT);
	if (geteuid() == 0) {
		CHILD_CHECK(chown(w->dir, 65534, 65534) == 0);
		CHILD_CHECK(chown(w->path, 65534, 65534) == 0);
		CHILD_CHECK(chown(lock, 65534, 65534) == 0);
		CHILD_CHECK(setresgid(65534, 65534, 65534) == 0);
		CHILD_CHECK(setresuid(65534, 65534, 65534) == 0);
	}
	CHILD_CHECK(chmod(w->dir, 0500) == 0);
	CHILD_CHECK(try_take(s, 2, 10, &p) == ERR_DISK);
	CHILD_CHECK(strstr(p.text, "the store failed: ") != NULL);
	CHILD_CHECK(chmod(w->dir, 0700) == 0);
	CHILD_CHECK(chmod(w->path, 0400) == 0);
	p = (struct problem){ 0 };
	CHILD_CHECK(try_take(s, 2, 10, &p) == ERR_DISK);
	CHILD_CHECK(strstr(p.text, "Permission denied") != NULL);
	CHILD_CHECK(chmod(w->path, 0600) == 0);
	p = (struct problem){ 0 };
	CHILD_CHECK(try_take(s, 2, 10, &p) == ERR_OK);
	store_close(s);
}

static void
test_read_only(void **state)
{
	struct world *w = *state;

	(void)take_message(w, ADD, 1, "b");
	w->now_ms += 1000;
	store_tidy(w->store);		/* nothing is in the log only */
	store_close(w->store);
	w->store = store_of(w, 100, true);
	child_succeeds(child_start(closed_folder, w));
	assert_string_equal(look(w, "SELECT count(*) FROM message"), "2|\n");
	assert_string_equal(look(w, "PRAGMA integrity_check"), "ok|\n");
}

/* No file may grow beyond the limit, as on a full disk. */
static void
full_disk(struct world *w)
{
	const struct rlimit full = { 196608, RLIM_INFINITY };
	const struct rlimit room = { RLIM_INFINITY, RLIM_INFINITY };
	struct problem p = { 0 };
	struct store *s = store_of(w, 100, true);

	(void)signal(SIGXFSZ, SIG_IGN);
	CHILD_CHECK(try_take(s, 2, 10, &p) == ERR_OK);
	CHILD_CHECK(setrlimit(RLIMIT_FSIZE, &full) == 0);
	for (int i = 0; i < 3; i++) {
		p = (struct problem){ 0 };
		CHILD_CHECK(try_take(s, 3, 200000, &p) == ERR_DISK);
		CHILD_CHECK(strstr(p.text, "the store failed: ") != NULL);
	}
	/* what still fits is taken */
	p = (struct problem){ 0 };
	CHILD_CHECK(try_take(s, 4, 10, &p) == ERR_OK);
	CHILD_CHECK(setrlimit(RLIMIT_FSIZE, &room) == 0);
	CHILD_CHECK(try_take(s, 3, 200000, &p) == ERR_OK);
	store_close(s);
}

static void
test_full_disk(void **state)
{
	struct world *w = *state;

	child_succeeds(child_start(full_disk, w));
	assert_string_equal(look(w, "SELECT message_id, length(body) FROM"
	    " message ORDER BY id"), "2|10|\n4|10|\n3|200000|\n");
	assert_string_equal(look(w, "PRAGMA integrity_check"), "ok|\n");
}

static void
test_busy(void **state)
{
	static const char *const locks[] = { "BEGIN IMMEDIATE",
		"BEGIN EXCLUSIVE" };
	struct world *w = *state;

	(void)take_message(w, ADD, 1, "b");
	for (size_t i = 0; i < 2 * COUNT(locks); i++) {
		struct store *s = store_of(w, 300, true);
		struct problem p = { 0 };
		sqlite3 *db;
		int64_t before;

		if (i % 2)	/* open already, or not */
			assert_int_equal(try_take(s, 1, 1, &p), ERR_OK);
		db = outside(w);
		outside_run(db, locks[i / 2]);
		before = mono_ms();
		assert_int_equal(try_take(s, 50, 10, &p), ERR_DISK);
		assert_in_range(mono_ms() - before, 200, 60000);
		assert_string_equal(p.text,
		    "the store failed: database is locked");
		outside_run(db, "COMMIT");
		assert_int_equal(sqlite3_close(db), SQLITE_OK);
		p = (struct problem){ 0 };
		assert_int_equal(try_take(s, 100 + (int64_t)i, 10, &p),
		    ERR_OK);
		store_close(s);
	}
	assert_string_equal(look(w, "SELECT count(*) FROM message WHERE"
	    " message_id = 50"), "0|\n");
}

static void
hold_lock(struct world *w)
{
	const struct timespec t = { 0, 200 * 1000000L };
	sqlite3 *db = NULL;

	CHILD_CHECK(sqlite3_open(w->path, &db) == SQLITE_OK);
	CHILD_CHECK(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) ==
	    SQLITE_OK);
	CHILD_CHECK(kill(getppid(), SIGUSR1) == 0);
	(void)nanosleep(&t, NULL);
	CHILD_CHECK(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) ==
	    SQLITE_OK);
}

/* Another's short transaction is waited for. */
static void
test_waits(void **state)
{
	struct world *w = *state;
	sigset_t usr1;
	pid_t pid;
	int got;

	(void)take_message(w, ADD, 1, "b");
	store_close(w->store);
	w->store = store_of(w, 20000, true);
	(void)sigemptyset(&usr1);
	(void)sigaddset(&usr1, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &usr1, NULL);
	pid = child_start(hold_lock, w);
	assert_int_equal(sigwait(&usr1, &got), 0);
	(void)take_message(w, ADD, 2, "b");
	child_succeeds(pid);
}

/* A reader stands in the way when the file is made: that passes by itself. */
static void
test_reader_at_birth(void **state)
{
	struct world *w = *state;
	struct problem p = { 0 };
	sqlite3 *db = outside(w);

	outside_run(db, "PRAGMA journal_mode=WAL; BEGIN;"
	    " SELECT * FROM sqlite_master");
	(void)try_take(w->store, 1, 10, &p);
	outside_run(db, "COMMIT");
	/* as our own processes do: or its end would mend it */
	assert_int_equal(sqlite3_db_config(db,
	    SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	for (int i = 0; i < 2; i++) {
		p = (struct problem){ 0 };
		assert_int_equal(try_take(w->store, 2, 10, &p), ERR_OK);
		store_close(w->store);
		w->store = store_of(w, 100, true);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_urls),
		WORLD_TEST(test_opens_late),
		WORLD_TEST(test_no_create),
		WORLD_TEST(test_heals),
		WORLD_TEST(test_reader_at_birth),
		WORLD_TEST(test_read_only),
		WORLD_TEST(test_full_disk),
		WORLD_TEST(test_busy),
		WORLD_TEST(test_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
