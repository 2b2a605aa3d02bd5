/*
 * store/commit.c: writes that come while another commits share the next
 * commit, and one that fails takes nobody with it.
 */
#include "store/queue.h"

#include "store_world.h"
#include "unit.h"

#include <pthread.h>
#include <sched.h>

#define OTHERS 12

static int committed;

static int
count_commit(void *ctx)
{
	(void)ctx;
	committed++;
	return 0;
}

struct entry {
	struct world *w;
	int64_t at;		/* the row it writes */
	bool fails;
	bool stays;		/* until the others wait behind it */
	int runs;
	enum err end;
	struct problem problem;
	pthread_t thread;
};

static size_t
waiting(struct store *s)
{
	size_t n;

	(void)pthread_mutex_lock(&s->commits.lock);
	n = s->commits.waiting;
	(void)pthread_mutex_unlock(&s->commits.lock);
	return n;
}

static bool
led(struct store *s)
{
	bool is;

	(void)pthread_mutex_lock(&s->commits.lock);
	is = s->commits.led && s->commits.waiting == 0;
	(void)pthread_mutex_unlock(&s->commits.lock);
	return is;
}

static bool
put(struct store *s, void *ctx)
{
	struct entry *e = ctx;
	sqlite3_stmt *st = sqlite_stmt(s->db,
	    "INSERT INTO meter(member_id, reset_ms) VALUES(?1, ?2)");
	char name[24];

	if (e->runs++ == 0)
		(void)sqlite3_commit_hook(sqlite_handle(s->db), count_commit,
		    NULL);
	/* the queue grows only while we hold everybody up */
	for (int i = 0; e->stays && e->runs == 1 && i < 10000 &&
	    waiting(s) < OTHERS; i++)
		(void)usleep(1000);
	if (e->fails || st == NULL)
		return false;
	(void)snprintf(name, sizeof(name), "%d", (int)e->at);
	bind_text(st, 1, name);
	bind_int(st, 2, e->at);
	return sqlite_done(s->db, st);
}

static void *
run(void *ctx)
{
	struct entry *e = ctx;

	e->end = store_transact(e->w->store, put, e, &e->problem);
	return NULL;
}

static void
start(struct world *w, struct entry *e, int i)
{
	e[i].w = w;
	e[i].at = i;
	assert_int_equal(pthread_create(&e[i].thread, NULL, run, &e[i]), 0);
}

static void
start_all(struct world *w, struct entry *e)
{
	for (int i = 0; i <= OTHERS; i++)
		start(w, e, i);
}

static void
join_all(struct entry *e)
{
	for (int i = 0; i <= OTHERS; i++)
		assert_int_equal(pthread_join(e[i].thread, NULL), 0);
}

/* The first stays inside until all the others wait behind it. */
static void
run_all(struct world *w, struct entry *e)
{
	committed = 0;
	e[0].stays = true;
	start(w, e, 0);
	while (!led(w->store))
		(void)sched_yield();
	for (int i = 1; i <= OTHERS; i++)
		start(w, e, i);
	join_all(e);
}

static void
test_shared(void **state)
{
	struct world *w = *state;
	struct entry e[OTHERS + 1] = { { 0 } };

	run_all(w, e);
	assert_int_equal(committed, 2);
	for (int i = 0; i <= OTHERS; i++) {
		assert_int_equal(e[i].end, ERR_OK);
		assert_int_equal(e[i].runs, 1);
	}
	assert_string_equal(look(w, "SELECT count(*) FROM meter"), "13|\n");
}

static void
test_one_fails(void **state)
{
	struct world *w = *state;
	struct entry e[OTHERS + 1] = { { 0 } };

	e[4].fails = true;
	run_all(w, e);
	for (int i = 0; i <= OTHERS; i++) {
		assert_int_equal(e[i].end, i == 4 ? ERR_DISK : ERR_OK);
		assert_int_equal(e[i].problem.err, e[i].end);
	}
	assert_string_equal(look(w, "SELECT count(*), sum(member_id = 4)"
	    " FROM meter"), "12|0|\n");
}

/* A constraint that one of them breaks is its own failure, too. */
static void
test_one_breaks_off(void **state)
{
	struct world *w = *state;
	struct entry e[OTHERS + 1] = { { 0 } };
	sqlite3 *db;

	(void)take_message(w, "ONIMCONNECTORMESSAGEADD", 1, "{}");
	db = outside(w);
	outside_run(db, "INSERT INTO meter(member_id, reset_ms) VALUES(7, 0)");
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	run_all(w, e);
	for (int i = 0; i <= OTHERS; i++)
		assert_int_equal(e[i].end, i == 7 ? ERR_DISK : ERR_OK);
	assert_string_equal(look(w, "SELECT count(*) FROM meter"), "13|\n");
}

/* All are told of a file that cannot be had, and all go on when it can. */
static void
test_all_fail(void **state)
{
	struct world *w = *state;
	struct entry e[OTHERS + 1] = { { 0 } };

	(void)take_message(w, "ONIMCONNECTORMESSAGEADD", 1, "{}");
	store_close(w->store);
	w->store = store_of(w, 0, true);
	assert_int_equal(unlink(w->path), 0);
	assert_int_equal(mkdir(w->path, 0700), 0);
	start_all(w, e);
	join_all(e);
	for (int i = 0; i <= OTHERS; i++) {
		assert_int_equal(e[i].end, ERR_DISK);
		assert_int_equal(e[i].problem.err, ERR_DISK);
		assert_true(e[i].problem.text[0] != '\0');
		e[i].problem = (struct problem){ 0 };
	}
	assert_int_equal(rmdir(w->path), 0);
	start_all(w, e);
	join_all(e);
	for (int i = 0; i <= OTHERS; i++)
		assert_int_equal(e[i].end, ERR_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_shared),
		WORLD_TEST(test_one_fails),
		WORLD_TEST(test_one_breaks_off),
		WORLD_TEST(test_all_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
