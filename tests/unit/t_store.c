/*
 * The store's handle: opening late and again, what a disk that fails does,
 * several processes at one file, and being killed.
 *
 * Run by make check.
 */
#include "store/queue.h"
#include "store_world.h"

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
	struct store_opts o = { NULL, &clock_system, 100, true };

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
		    "the store failed: file is not a database");
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

	if (geteuid() == 0) {
		CHILD_CHECK(chown(w->dir, 65534, 65534) == 0);
		CHILD_CHECK(chown(w->path, 65534, 65534) == 0);
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
	const struct rlimit full = { 32768, RLIM_INFINITY };
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
		assert_in_range(mono_ms() - before, 200, 3000);
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

#define AT_ONCE 8
#define ROUNDS 20

/* Stores the same events as its brothers do; says how many were fresh. */
static void
store_the_same(struct world *w)
{
	struct store *s = store_of(w, 20000, true);
	int fresh = 0;

	for (int i = 0; i < ROUNDS; i++) {
		struct problem p = { 0 };
		struct arrival a;
		struct event ev;

		make_one(&ev, ADD, i + 1, "b");
		CHILD_CHECK(store_take(s, &ev, NULL, &a, &p) == ERR_OK);
		CHILD_CHECK(a.id > 0 && strlen(a.key) == 27);
		CHILD_CHECK(a.state == STATE_RECEIVED);
		fresh += a.fresh;
		event_free(&ev);
	}
	store_close(s);
	_exit(fresh);
}

/* Also the file is made by all of them at once. */
static void
test_same_at_once(void **state)
{
	struct world *w = *state;
	pid_t pid[AT_ONCE];
	int fresh = 0, status;

	for (int i = 0; i < AT_ONCE; i++)
		pid[i] = child_start(store_the_same, w);
	for (int i = 0; i < AT_ONCE; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_true(WIFEXITED(status));
		fresh += WEXITSTATUS(status);
	}
	assert_int_equal(fresh, ROUNDS);
	assert_string_equal(look(w, "SELECT count(*), count(DISTINCT key)"
	    " FROM message"), "20|20|\n");
}

/* What the child that is killed needs; the world comes first. */
struct commits {
	struct world world;
	int fd;
};

/* Stores events of three messages for ever and tells each commit. */
static void
store_for_ever(struct world *w)
{
	const struct commits *c = (const void *)w;
	struct store *s = store_of(w, 5000, true);

	for (int64_t i = 1;; i++) {
		struct problem p = { 0 };
		struct arrival a[3];
		struct event ev;

		make_event(&ev, ADD);
		for (int k = 0; k < 3; k++)
			add_message(&ev, 3 * i + k, "body");
		check_event(&ev);
		CHILD_CHECK(store_take(s, &ev, NULL, a, &p) == ERR_OK);
		CHILD_CHECK(write(c->fd, &i, sizeof(i)) == sizeof(i));
		event_free(&ev);
	}
}

/* Kills the child after some commits; the number of the last it told. */
static int64_t
kill_after(struct world *w, int commits)
{
	struct commits c = { .world = *w };
	int64_t last = 0;
	int fd[2], status;
	pid_t pid;

	c.world.clock.ctx = &c.world;
	assert_int_equal(pipe(fd), 0);
	c.fd = fd[1];
	pid = child_start(store_for_ever, &c.world);
	(void)close(fd[1]);
	while (last < commits)
		assert_int_equal(read(fd[0], &last, sizeof(last)),
		    sizeof(last));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	while (read(fd[0], &last, sizeof(last)) == sizeof(last))
		;
	(void)close(fd[0]);
	return last;
}

/* All that was told is there, and at most one event more; no half one. */
static void
test_killed(void **state)
{
	struct world *w = *state;
	long long most = 0, last, rows, highest;

	for (int n = 1; n <= 20; n++) {
		last = kill_after(w, n);
		assert_true(last >= n);
		assert_string_equal(look(w, "PRAGMA integrity_check"),
		    "ok|\n");
		assert_int_equal(sscanf(look(w, "SELECT count(*),"
		    " max(message_id) FROM message"), "%lld|%lld", &rows,
		    &highest), 2);
		assert_int_equal(rows % 3, 0);
		assert_int_equal(highest, rows + 2);
		most = last > most ? last : most;
		assert_in_range(rows / 3, most, most + 1);
		most = rows / 3;
	}
	assert_false(take_message(w, ADD, 3, "body").fresh);
}

/* Dies in the middle of a transaction, when pages are in the file already. */
static bool
die_within(struct store *s, void *ctx)
{
	(void)ctx;
	CHILD_CHECK(sqlite_done(s->db, sqlite_stmt(s->db, 30,
	    "UPDATE message SET body = 'gone', state = 3")));
	CHILD_CHECK(sqlite_done(s->db, sqlite_stmt(s->db, 31,
	    "INSERT INTO message(key, base, revision, content, state, event,"
	    " member_id, connector, line, chat, chat_id, message_id, ts,"
	    " body, received_us, changed_ms) WITH n(i) AS (SELECT 1 UNION ALL"
	    " SELECT i + 1 FROM n WHERE i < 8000) SELECT 'k' || i, 'b', i,"
	    " 'c', 1, 'e', 'm', 'c', 1, 'c', 1, i, 1, hex(zeroblob(1000)),"
	    " 1, 1 FROM n")));
	(void)raise(SIGKILL);
	return true;
}

static void
die(struct world *w)
{
	struct problem p = { 0 };
	struct store *s = store_of(w, 5000, true);

	(void)store_transact(s, die_within, NULL, &p);
}

static void
test_killed_within(void **state)
{
	struct world *w = *state;
	struct stat before, after;
	int status;
	pid_t pid;

	(void)take_message(w, ADD, 1, "whole");
	store_close(w->store);
	w->store = store_of(w, 5000, true);
	assert_int_equal(stat(w->path, &before), 0);
	pid = child_start(die, w);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	/* or the test would prove nothing */
	assert_int_equal(stat(w->path, &after), 0);
	if (!sqlite_wal_is_safe(sqlite3_libversion_number()))
		assert_true(after.st_size > before.st_size);
	assert_false(take_message(w, ADD, 1, "whole").fresh);
	assert_string_equal(look(w, "SELECT state, body FROM message"),
	    "1|whole|\n");
	assert_string_equal(look(w, "PRAGMA integrity_check"), "ok|\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_urls),
		WORLD_TEST(test_opens_late),
		WORLD_TEST(test_no_create),
		WORLD_TEST(test_heals),
		WORLD_TEST(test_read_only),
		WORLD_TEST(test_full_disk),
		WORLD_TEST(test_busy),
		WORLD_TEST(test_waits),
		WORLD_TEST(test_same_at_once),
		WORLD_TEST(test_killed),
		WORLD_TEST(test_killed_within),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
