/*
 * store/commit.c: writes that come while another commits share the next
 * commit, one that fails takes nobody with it, and one that is in no hurry
 * waits for company.
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
	int64_t wait_ms;	/* how long it may wait for company */
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

	e->end = store_transact_with(e->w->store, put, e, e->wait_ms,
	    NULL, &e->problem);
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

static int64_t
mono_ms(void)
{
	return clock_system.mono_ms(NULL);
}

/* Until so many wait for the next commit. */
static void
comes_to_wait(struct world *w, size_t n)
{
	for (int i = 0; i < 600000 && waiting(w->store) != n; i++)
		(void)usleep(100);
	assert_int_equal(waiting(w->store), n);
}

/* The file is there, and the connection knows it. */
static void
warm_up(struct world *w)
{
	(void)take_message(w, "ONIMCONNECTORMESSAGEADD", 1, "{}");
	committed = 0;
}

/* Nobody comes: it is committed when the wait is over, and not before. */
static void
test_leisure_alone(void **state)
{
	struct world *w = *state;
	struct entry e = { .w = w, .at = 1, .wait_ms = 150 };
	int64_t began;

	warm_up(w);
	began = mono_ms();
	(void)run(&e);
	assert_in_range(mono_ms() - began, 150, 60000);
	assert_int_equal(e.end, ERR_OK);
	assert_int_equal(e.runs, 1);
	assert_int_equal(committed, 1);
	/* its failure is its own */
	e = (struct entry){ .w = w, .at = 2, .wait_ms = 1, .fails = true };
	(void)run(&e);
	assert_int_equal(e.end, ERR_DISK);
	assert_string_equal(look(w, "SELECT count(*) FROM meter"), "1|\n");
}

/* Whoever comes in a hurry takes those along that are not. */
static void
test_leisure_with_company(void **state)
{
	struct world *w = *state;
	struct entry e[3] = { { .wait_ms = 60000 }, { .wait_ms = 60000 } };

	warm_up(w);
	start(w, e, 0);
	start(w, e, 1);
	comes_to_wait(w, 2);
	assert_int_equal(e[0].runs + e[1].runs, 0);
	start(w, e, 2);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pthread_join(e[i].thread, NULL), 0);
		assert_int_equal(e[i].end, ERR_OK);
		assert_int_equal(e[i].runs, 1);
	}
	assert_int_equal(committed, 1);
	assert_string_equal(look(w, "SELECT count(*) FROM meter"), "3|\n");
}

/* Somebody commits already: it goes with the next, as all the others. */
static void
test_leisure_behind(void **state)
{
	struct world *w = *state;
	struct entry e[OTHERS + 1] = { { 0 } };

	for (int i = 1; i <= OTHERS; i++)
		e[i].wait_ms = 60000;
	run_all(w, e);
	assert_int_equal(committed, 2);
	for (int i = 0; i <= OTHERS; i++)
		assert_int_equal(e[i].end, ERR_OK);
}

/* The first whose wait is over takes the other along, who still waits. */
static void
test_leisure_together(void **state)
{
	struct world *w = *state;
	struct entry e[2] = { { .wait_ms = 60000 }, { .wait_ms = 100 } };
	int64_t began;

	warm_up(w);
	began = mono_ms();
	start(w, e, 0);
	comes_to_wait(w, 1);
	start(w, e, 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(e[i].thread, NULL), 0);
		assert_int_equal(e[i].end, ERR_OK);
	}
	assert_true(mono_ms() - began >= 100);
	assert_int_equal(committed, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_shared),
		WORLD_TEST(test_one_fails),
		WORLD_TEST(test_one_breaks_off),
		WORLD_TEST(test_all_fail),
		WORLD_TEST(test_leisure_alone),
		WORLD_TEST(test_leisure_with_company),
		WORLD_TEST(test_leisure_behind),
		WORLD_TEST(test_leisure_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
