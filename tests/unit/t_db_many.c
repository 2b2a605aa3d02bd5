/*
 * Several at one database: names that lead to one file, processes of the
 * version before, many writers at once.
 *
 * Run by make check.
 */
#include "db_alive.h"

#include <fcntl.h>
#include <signal.h>

/* The lock is the file's, whatever name led to it, and before it is made. */
static void
test_links(void **state)
{
	struct world *w = *state;
	struct db *a, *b;
	char name[128], real[96];
	int64_t one, two;

	(void)db_close(w->db, 20000);
	w->db = NULL;
	(void)snprintf(real, sizeof(real), "%s", w->path);
	(void)snprintf(name, sizeof(name), "%s/link.db", w->dir);
	assert_int_equal(symlink("./queue.db", name), 0);
	(void)snprintf(name, sizeof(name), "%s/other", w->dir);
	assert_int_equal(symlink(w->dir, name), 0);
	world_path(w, "other/link.db");
	a = db_of(w);
	one = me(w, a);
	(void)snprintf(name, sizeof(name), "%s.lock", real);
	assert_int_equal(access(name, F_OK), 0);
	(void)snprintf(name, sizeof(name), "%s/link.db.lock", w->dir);
	assert_int_equal(access(name, F_OK), -1);
	world_path(w, "queue.db");
	b = db_of(w);
	two = me(w, b);
	assert_true(lives(w, a, two) && lives(w, b, one));
	assert_true(db_close(a, 20000));
	assert_false(lives(w, b, one));
	assert_true(db_close(b, 20000));
}

static bool
ask_older(struct tx *tx, struct db_work *work)
{
	JOB(work)->found = db_older_lives(tx);
	return true;
}

/* Processes of the version before hold bytes from 1 to 2^62. */
static void
test_older(void **state)
{
	static const int64_t bytes[] = { 1, 4711, (int64_t)1 << 62 };
	struct world *w = *state;
	struct job j = { .a = 0 };
	char name[128];
	int fd;

	(void)me(w, w->db);
	(void)snprintf(name, sizeof(name), "%s.lock", w->path);
	for (size_t i = 0; i < COUNT(bytes); i++) {
		struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
		    .l_start = bytes[i], .l_len = 1 };

		must(w, w->db, &j, ask_older);
		assert_int_equal(j.found, 0);
		fd = open(name, O_RDWR | O_CLOEXEC);
		assert_int_equal(fcntl(fd, F_OFD_SETLK, &l), 0);
		must(w, w->db, &j, ask_older);
		assert_int_equal(j.found, 1);
		assert_true(lives(w, w->db, bytes[i]));
		(void)close(fd);
	}
}

static bool
insert_next(struct tx *tx, struct db_work *work)
{
	struct job *j = JOB(work);

	return DB_RUN(tx, "INSERT INTO t(body) VALUES(?1)", V_INT(j->a));
}

static bool
make_too(struct tx *tx, struct db_work *work)
{
	return make_table(tx, work) && insert_next(tx, work);
}

static void
write_much(struct world *w, const struct child_ends *e)
{
	struct job j = { .w.work = make_too };

	(void)w;
	child_waits(e);
	for (int i = 0; i < 50; i++)
		CHILD_CHECK(db_now(e->db, &j.w) == ERR_OK);
}

/* All at once, also at making the file: nobody fails, nothing is lost. */
static void
test_at_once(void **state)
{
	struct world *w = *state;
	struct child c[6];

	w->opts.busy_ms = 20000;
	for (size_t i = 0; i < COUNT(c); i++)
		c[i] = child_start(w, write_much);
	for (size_t i = 0; i < COUNT(c); i++)
		child_goes_on(&c[i]);
	for (size_t i = 0; i < COUNT(c); i++)
		assert_int_equal(child_ends(&c[i]), 0);
	assert_int_equal(look(w, "SELECT count(*) FROM t"), 300);
	assert_int_equal(look(w, "SELECT count(*) FROM pragma_integrity_check"
	    " WHERE integrity_check = 'ok'"), 1);
}

static void
write_for_ever(struct world *w, const struct child_ends *e)
{
	struct job j = { .w.work = make_too };

	(void)w;
	for (int64_t i = 1;; i++) {
		CHILD_CHECK(db_now(e->db, &j.w) == ERR_OK);
		tell(e, i);
	}
}

/* A busy process does not starve the others; what it told is there. */
static void
test_fair(void **state)
{
	struct world *w = *state;
	struct child c = child_start(w, write_for_ever);
	struct job j = { .a = 1 };
	int64_t told = 0, n;

	while (told < 20)
		told = child_tells(&c);
	for (int i = 0; i < 20; i++)
		must(w, w->db, &j, insert_next);
	assert_int_equal(kill(c.pid, SIGKILL), 0);
	assert_int_equal(waitpid(c.pid, NULL, 0), c.pid);
	while (read(c.in, &n, sizeof(n)) == sizeof(n))
		told = n;
	(void)close(c.in);
	(void)close(c.out);
	n = look(w, "SELECT count(*) FROM t WHERE body = 0");
	assert_true(n == told || n == told + 1);
	assert_int_equal(look(w, "SELECT count(*) FROM t WHERE body = 1"),
	    20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_TESTS(test_links),
		INLINE_TEST(test_older),
		INLINE_TEST(test_at_once),
		INLINE_TEST(test_fair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
