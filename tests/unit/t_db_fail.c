/*
 * What fails: one work among good ones, another process that keeps the store,
 * a file that is not there, or another one; and that it heals.
 *
 * Run by make check.
 */
#include "db_world.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

static bool
give_up(struct tx *tx, struct db_work *work)
{
	struct job *j = JOB(work);

	j->runs++;
	return insert(tx, work) && false;
}

static bool
give_up_with_reason(struct tx *tx, struct db_work *work)
{
	(void)tx;
	(void)problem_set(&work->problem, ERR_REFUSED, -1, NULL, "because");
	return false;
}

/* Goes on although a statement of it failed. */
static bool
ignore(struct tx *tx, struct db_work *work)
{
	(void)insert(tx, work);
	(void)DB_RUN(tx, "INSERT INTO t VALUES(?1, 'after')", V_INT(1000));
	return true;
}

static bool
use_nothing(struct tx *tx, struct db_work *work)
{
	(void)work;
	return db_run(tx, "DELETE FROM none", NULL, 0);
}

static bool
bind_too_few(struct tx *tx, struct db_work *work)
{
	(void)work;
	return DB_RUN(tx, "INSERT INTO t VALUES(?1, ?2)", V_INT(5));
}

static bool
want_memory(struct tx *tx, struct db_work *work)
{
	return insert(tx, work) && db_no_memory(tx);
}

struct bad {
	bool (*work)(struct tx *, struct db_work *);
	enum err end;
	const char *why;
};

static const struct bad bads[] = {
	{ give_up, ERR_DISK, "the store failed: the work gave up" },
	{ give_up_with_reason, ERR_REFUSED, "because" },
	{ ignore, ERR_DISK, "the store failed: UNIQUE constraint failed: "
	    "t.id" },
	{ use_nothing, ERR_DISK, "the store failed: no such table: none" },
	{ bind_too_few, ERR_DISK, "the store failed: a statement was used "
	    "wrongly" },
	{ want_memory, ERR_NOMEM, "the store failed: out of memory" },
};

/* Nobody fails for another's sake, wherever the bad one stands. */
static void
fail_among(struct world *w, const struct bad *bad, size_t at)
{
	struct job j[5] = { { .a = 0 } };

	for (size_t i = 0; i < COUNT(j); i++) {
		j[i].a = bad->work == ignore && i == at ? 1 : 10 + (int)i;
		submit(w->db, &j[i], i == at ? bad->work : insert);
	}
	for (size_t i = 0; i < COUNT(j); i++) {
		turn_until(w, &j[i].done, 1);
		assert_int_equal(j[i].w.end, i == at ? bad->end : ERR_OK);
		assert_string_equal(j[i].w.problem.text,
		    i == at ? bad->why : "");
	}
	assert_int_equal(look(w, "SELECT count(*) FROM t"), 5);
	outside_run(w, "DELETE FROM t WHERE id > 1");
}

static void
test_one_of_many(void **state)
{
	struct world *w = *state;
	struct job j = { .a = 1 };

	with_table(w);
	must(w, w->db, &j, insert);
	for (size_t i = 0; i < COUNT(bads); i++)
		for (size_t at = 0; at < 5; at += 2)
			fail_among(w, &bads[i], at);
}

static void
test_one_alone(void **state)
{
	struct world *w = *state;

	with_table(w);
	for (size_t i = 0; i < COUNT(bads); i++) {
		struct job j = { .a = 1 };

		if (bads[i].work == ignore)
			continue;
		assert_int_equal(perform(w, w->db, &j, bads[i].work),
		    bads[i].end);
		assert_string_equal(j.w.problem.text, bads[i].why);
		assert_true(j.runs < 3);
	}
	assert_int_equal(look(w, "SELECT count(*) FROM t"), 0);
}

static atomic_int last_fails;

static bool
last_step(struct tx *tx, void *ctx)
{
	(void)tx;
	(void)ctx;
	return atomic_load(&last_fails) == 0;
}

static void
test_last_fails(void **state)
{
	struct world *w = *state;
	struct job j[2] = { { .a = 1 }, { .a = 2 } };

	(void)db_close(w->db, 20000);
	w->opts.last = last_step;
	w->db = db_of(w);
	with_table(w);
	atomic_store(&last_fails, 1);
	for (int i = 0; i < 2; i++)
		submit(w->db, &j[i], insert);
	for (int i = 0; i < 2; i++) {
		turn_until(w, &j[i].done, 1);
		assert_int_equal(j[i].w.end, ERR_DISK);
	}
	atomic_store(&last_fails, 0);
	must(w, w->db, &j[0], insert);
	assert_int_equal(look(w, "SELECT count(*) FROM t"), 1);
}

static const struct child_ends *mine;

static bool
stay_inside(struct tx *tx, struct db_work *work)
{
	(void)tx;
	(void)work;
	tell(mine, 1);
	child_waits(mine);
	return true;
}

static void
keep_locked(struct world *w, const struct child_ends *e)
{
	struct job j = { .w.work = stay_inside };

	(void)w;
	mine = e;
	CHILD_CHECK(db_now(e->db, &j.w) == ERR_OK);
}

/* valgrind does not know that F_OFD_SETLKW waits, and holds signals back. */
static bool
is_deaf(void)
{
	const char *preloaded = getenv("LD_PRELOAD");

	return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

/* Another process is stopped inside a transaction: an end in time, no harm. */
static void
test_locked(void **state)
{
	struct world *w = *state;
	struct child c;
	struct job j[3] = { { .a = 1 }, { .a = 2 }, { .a = 3 } };

	if (is_deaf())
		return;
	c = child_start(w, keep_locked);
	w->log.level = LOG_LEVEL_ERROR;
	(void)db_close(w->db, 20000);
	w->opts.busy_ms = 50;
	w->db = db_of(w);
	assert_int_equal(child_tells(&c), 1);
	for (int k = 0; k < 2; k++) {
		for (int i = 0; i < 3; i++)
			submit(w->db, &j[i], make_table);
		for (int i = 0; i < 3; i++) {
			turn_until(w, &j[i].done, 1);
			assert_int_equal(j[i].w.end, ERR_DISK);
			assert_string_equal(j[i].w.problem.text,
			    "another process keeps the store locked");
		}
	}
	assert_int_equal(kill(c.pid, SIGKILL), 0);
	assert_true(WIFSIGNALED(child_ends(&c)));
	with_table(w);
}

/* Who waits for another process sleeps: many that wait would else have no
 * processor left for the one that writes. */
static void
test_waits_asleep(void **state)
{
	struct world *w = *state;
	struct child c;
	struct job j = { .a = 1 };
	struct rusage before, after;

	if (is_deaf())
		return;
	c = child_start(w, keep_locked);
	w->log.level = LOG_LEVEL_ERROR;
	(void)db_close(w->db, 20000);
	w->opts.busy_ms = 500;
	w->db = db_of(w);
	assert_int_equal(child_tells(&c), 1);
	assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
	assert_int_equal(perform(w, w->db, &j, insert), ERR_DISK);
	assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
	assert_in_range(after.ru_nvcsw - before.ru_nvcsw, 0, 50);
	child_goes_on(&c);
	assert_int_equal(child_ends(&c), 0);
}

static bool
count_rows(struct tx *tx, struct db_work *work)
{
	return db_number(tx, &JOB(work)->found, "SELECT count(*) FROM t",
	    NULL, 0);
}

/* Who only reads waits for no writer. */
static void
test_reads_go_on(void **state)
{
	struct world *w = *state;
	struct child c = child_start(w, keep_locked);
	struct job j = { .w.reads = true }, k = { .a = 1 };

	assert_int_equal(child_tells(&c), 1);
	child_goes_on(&c);
	assert_int_equal(child_ends(&c), 0);
	with_table(w);
	c = child_start(w, keep_locked);
	assert_int_equal(child_tells(&c), 1);
	must(w, w->db, &j, count_rows);
	child_goes_on(&c);
	must(w, w->db, &k, insert);
	assert_int_equal(child_ends(&c), 0);
}

/* Another program than ours has the file. */
static void
test_locked_by_a_stranger(void **state)
{
	struct world *w = *state;
	struct job j = { .a = 1 };
	sqlite3 *db;

	w->log.level = LOG_LEVEL_ERROR;
	w->opts.busy_ms = 50;
	(void)db_close(w->db, 20000);
	w->db = db_of(w);
	with_table(w);
	db = outside(w);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL,
	    NULL), SQLITE_OK);
	assert_int_equal(perform(w, w->db, &j, insert), ERR_DISK);
	assert_string_equal(j.w.problem.text,
	    "the store failed: database is locked");
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	must(w, w->db, &j, insert);
}

/* All is in the file itself; the committer does that in its own time. */
static void
tidy(struct world *w)
{
	time_t until = time(NULL) + 20;
	struct stat st = { .st_size = 1 };
	char log[sizeof(w->path) + 8];

	(void)snprintf(log, sizeof(log), "%s-wal", w->path);
	pass(w, 2000);
	for (db_tidy(w->db); st.st_size != 0; loop_turn(w->loop, 5)) {
		assert_true(time(NULL) < until);
		assert_int_equal(stat(log, &st), 0);
	}
}

/* Somebody writes something else into the file while it is in use. */
static void
test_overwritten(void **state)
{
	struct world *w = *state;
	struct job j = { .a = 1 };
	char good[100];
	int fd;

	with_table(w);
	tidy(w);
	must(w, w->db, &j, insert);
	fd = open(w->path, O_RDWR);
	assert_int_equal(pread(fd, good, sizeof(good), 0), sizeof(good));
	assert_int_equal(pwrite(fd, "[app]\nclient_id = 5", 19, 0), 19);
	j.a = 2;
	assert_int_equal(perform(w, w->db, &j, insert), ERR_DISK);
	assert_string_equal(j.w.problem.text, "the store failed: the file is"
	    " not a database, or not this program's any more");
	assert_int_equal(perform(w, w->db, &j, insert), ERR_DISK);
	assert_int_equal(pwrite(fd, good, sizeof(good), 0), sizeof(good));
	(void)close(fd);
	must(w, w->db, &j, insert);
	assert_int_equal(look(w, "SELECT count(*) FROM t"), 2);
}

/* What is stored must not go into a file that has no name any more. */
static void
test_removed(void **state)
{
	struct world *w = *state;
	struct job j = { .a = 1 };
	struct db *b = db_of(w);

	with_table(w);
	must(w, w->db, &j, insert);
	must(w, b, &j, make_table);
	assert_int_equal(unlink(w->path), 0);
	with_table(w);
	must(w, w->db, &j, insert);
	j.a = 2;
	must(w, b, &j, insert);
	assert_int_equal(look(w, "SELECT count(*) FROM t"), 2);
	(void)db_close(b, 20000);
}

/* It cannot be had at all, and then it can. */
static void
test_unreachable(void **state)
{
	struct world *w = *state;
	struct job j = { .a = 1 };
	char name[128];

	w->log.level = LOG_LEVEL_ERROR;
	(void)db_close(w->db, 20000);
	world_path(w, "a/b/queue.db");
	w->db = db_of(w);
	assert_int_equal(perform(w, w->db, &j, make_table), ERR_DISK);
	assert_non_null(strstr(j.w.problem.text, "cannot open the store "));
	assert_non_null(strstr(j.w.problem.text, "No such file"));
	(void)snprintf(name, sizeof(name), "%s/a", w->dir);
	assert_int_equal(access(name, F_OK), -1);
	assert_int_equal(mkdir(name, 0700), 0);
	with_table(w);
	(void)db_close(w->db, 20000);
	(void)snprintf(w->url, sizeof(w->url), "sqlite:/dev/null/q.db");
	w->db = db_of(w);
	assert_int_equal(perform(w, w->db, &j, make_table), ERR_DISK);
	assert_string_equal(j.w.problem.text,
	    "cannot open the store /dev/null/q.db: Not a directory");
	(void)snprintf(w->url, sizeof(w->url), "sqlite:%s", w->dir);
	(void)db_close(w->db, 20000);
	w->db = db_of(w);
	assert_int_equal(perform(w, w->db, &j, make_table), ERR_DISK);
	assert_non_null(strstr(j.w.problem.text, "Is a directory"));
	(void)snprintf(name, sizeof(name), "%s.lock", w->dir);
	assert_int_equal(access(name, F_OK), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_TESTS(test_one_of_many),
		BOTH_TESTS(test_one_alone),
		BOTH_TESTS(test_last_fails),
		BOTH_TESTS(test_locked),
		INLINE_TEST(test_waits_asleep),
		INLINE_TEST(test_reads_go_on),
		BOTH_TESTS(test_locked_by_a_stranger),
		BOTH_TESTS(test_overwritten),
		BOTH_TESTS(test_removed),
		BOTH_TESTS(test_unreachable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
