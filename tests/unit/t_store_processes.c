/*
 * The store and several processes: the same event at once, and processes
 * that are killed between commits and within one.
 *
 * Run by make check.
 */
#include "store/queue.h"
#include "store_world.h"

#include <signal.h>

#define AT_ONCE 8
#define ROUNDS 20

/* Stores the same events as its brothers do; exits with 100 + fresh ones. */
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
		(void)store_take(s, &ev, &take_plain, &a, &p);
		CHILD_OK(&p);
		CHILD_CHECK(a.id > 0 && strlen(a.key) == 27);
		CHILD_CHECK(a.state == STATE_RECEIVED);
		fresh += a.fresh;
		event_free(&ev);
	}
	store_close(s);
	child_ends(100 + fresh);
}

/* Also the file is made by all of them at once. */
static void
test_same_at_once(void **state)
{
	struct world *w = *state;
	pid_t pid[AT_ONCE];
	int fresh = 0, failed = 0, status;

	for (int i = 0; i < AT_ONCE; i++)
		pid[i] = child_start(store_the_same, w);
	for (int i = 0; i < AT_ONCE; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		if (WIFEXITED(status) && WEXITSTATUS(status) >= 100)
			fresh += WEXITSTATUS(status) - 100;
		else
			failed++;
	}
	assert_int_equal(failed, 0);
	assert_int_equal(fresh, ROUNDS);
	assert_string_equal(look(w, "SELECT count(*), count(DISTINCT key)"
	    " FROM message"), "20|20|\n");
}

/* What the child that is killed needs; the world comes first. */
struct counted {
	struct world world;
	int fd;
};

/* Stores events of three messages for ever and tells each commit. */
static void
store_for_ever(struct world *w)
{
	const struct counted *c = (const void *)w;
	struct store *s = store_of(w, 5000, true);

	for (int64_t i = 1;; i++) {
		struct problem p = { 0 };
		struct arrival a[3];
		struct event ev;

		make_event(&ev, ADD);
		for (int k = 0; k < 3; k++)
			add_message(&ev, 3 * i + k, "body");
		check_event(&ev);
		CHILD_CHECK(store_take(s, &ev, &take_plain, a, &p) ==
		    ERR_OK);
		CHILD_CHECK(write(c->fd, &i, sizeof(i)) == sizeof(i));
		event_free(&ev);
	}
}

/* Kills the child after some commits; the number of the last it told. */
static int64_t
kill_after(struct world *w, int commits)
{
	struct counted c = { .world = *w };
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

/* Dies in the middle of a transaction, when pages are in the log already. */
static bool
die_within(struct store *s, void *ctx)
{
	(void)ctx;
	CHILD_CHECK(sqlite_done(s->db, sqlite_stmt(s->db,
	    "UPDATE message SET body = 'gone', state = 3")));
	CHILD_CHECK(sqlite_done(s->db, sqlite_stmt(s->db,
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
	char log[128];
	struct stat st;
	int status;
	pid_t pid;

	(void)take_message(w, ADD, 1, "whole");
	store_close(w->store);
	w->store = store_of(w, 5000, true);
	pid = child_start(die, w);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	/* or the test would prove nothing */
	(void)snprintf(log, sizeof(log), "%s-wal", w->path);
	assert_int_equal(stat(log, &st), 0);
	assert_true(st.st_size > 1000000);
	assert_false(take_message(w, ADD, 1, "whole").fresh);
	assert_string_equal(look(w, "SELECT state, body FROM message"),
	    "1|whole|\n");
	assert_string_equal(look(w, "PRAGMA integrity_check"), "ok|\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_same_at_once),
		WORLD_TEST(test_killed),
		WORLD_TEST(test_killed_within),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
