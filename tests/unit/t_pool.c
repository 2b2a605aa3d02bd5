/*
 * The pool: every job comes back into the loop, with threads and without.
 */
#include "base/pool.h"

#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define JOBS 1000

static const struct log quiet = { .level = LOG_LEVEL_WARNING };

struct world {
	struct loop *loop;
	struct pool *pool;
	pthread_t me;
	size_t back;
	size_t again;		/* so many jobs start another when back */
};

struct errand {
	struct job job;		/* the first */
	struct world *world;
	int in;
	int out;
	bool elsewhere;
};

static void
start(struct world *w, int64_t threads)
{
	*w = (struct world){ .me = pthread_self() };
	assert_int_equal(loop_new(&w->loop, &clock_system, &quiet), ERR_OK);
	assert_int_equal(pool_new(&w->pool, w->loop, threads), ERR_OK);
}

static void
end(struct world *w)
{
	assert_true(pool_free(w->pool, 10000));
	loop_free(w->loop);
}

static void
work(struct job *j)
{
	struct errand *e = (struct errand *)j;

	e->out = e->in * 2;
	e->elsewhere = !pthread_equal(pthread_self(), e->world->me);
}

static void
done(struct job *j)
{
	struct errand *e = (struct errand *)j;
	struct world *w = e->world;

	assert_true(pthread_equal(pthread_self(), w->me));
	assert_int_equal(e->out, e->in * 2);
	w->back++;
	if (w->again != 0) {
		w->again--;
		pool_run(w->pool, j);
	}
}

static void
send_all(struct world *w, struct errand *e)
{
	for (int i = 0; i < JOBS; i++) {
		e[i] = (struct errand){ { .work = work, .done = done },
			.world = w, .in = i };
		pool_run(w->pool, &e[i].job);
	}
	assert_int_equal(w->back, 0);	/* never from inside pool_run() */
	assert_int_equal(pool_busy(w->pool), JOBS);
}

static void
come_back(int64_t threads)
{
	struct errand *e = calloc(JOBS, sizeof(*e));
	struct world w;

	start(&w, threads);
	w.again = JOBS / 2;
	send_all(&w, e);
	while (pool_busy(w.pool) != 0)
		loop_turn(w.loop, -1);
	assert_int_equal(w.back, JOBS + JOBS / 2);
	for (int i = 0; i < JOBS; i++)
		assert_int_equal(e[i].elsewhere, threads != 0);
	end(&w);
	free(e);
}

static void
test_come_back(void **state)
{
	(void)state;
	come_back(0);
	come_back(1);
	come_back(2);
}

/* Without threads: one a turn. */
static void
test_one_a_turn(void **state)
{
	struct errand *e = calloc(JOBS, sizeof(*e));
	struct world w;

	(void)state;
	start(&w, 0);
	send_all(&w, e);
	for (size_t i = 1; i <= 10; i++) {
		loop_turn(w.loop, -1);
		assert_int_equal(w.back, i);
	}
	end(&w);		/* the rest is dropped */
	free(e);
}

/* Jobs that wait for one another: two threads are two. */
static pthread_barrier_t both;

static void
meet(struct job *j)
{
	(void)pthread_barrier_wait(&both);
	work(j);
}

static void
test_side_by_side(void **state)
{
	struct errand e[2];
	struct world w;

	(void)state;
	assert_int_equal(pthread_barrier_init(&both, NULL, 2), 0);
	start(&w, 2);
	for (int i = 0; i < 2; i++) {
		e[i] = (struct errand){ { .work = meet, .done = done },
			.world = &w, .in = i };
		pool_run(w.pool, &e[i].job);
	}
	while (pool_busy(w.pool) != 0)
		loop_turn(w.loop, -1);
	end(&w);
	(void)pthread_barrier_destroy(&both);
}

static atomic_bool inside, let_go;

static void
hang(struct job *j)
{
	const struct timespec t = { 0, 1000000 };

	inside = true;
	while (!let_go)
		(void)nanosleep(&t, NULL);
	work(j);
}

/* The end does not wait for ever, and does not free under a job's feet. */
static void
test_end_while_busy(void **state)
{
	const struct timespec t = { 0, 1000000 };
	struct errand e[3];
	struct world w;

	(void)state;
	start(&w, 1);
	for (int i = 0; i < 3; i++) {
		e[i] = (struct errand){ { .work = hang, .done = done },
			.world = &w, .in = i };
		pool_run(w.pool, &e[i].job);
	}
	while (!inside)
		(void)nanosleep(&t, NULL);
	assert_false(pool_free(w.pool, 1));
	let_go = true;
	end(&w);
	assert_int_equal(w.back, 0);
}

/* Jobs that are done but not back when the pool ends: nobody calls for them. */
static void
test_end_before_back(void **state)
{
	struct errand *e = calloc(JOBS, sizeof(*e));
	struct world w;

	(void)state;
	start(&w, 2);
	send_all(&w, e);
	assert_true(pool_free(w.pool, 10000));
	loop_turn(w.loop, 0);
	loop_turn(w.loop, 0);
	assert_int_equal(w.back, 0);
	loop_free(w.loop);
	assert_true(pool_free(NULL, 0));
	free(e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_come_back),
		cmocka_unit_test(test_one_a_turn),
		cmocka_unit_test(test_side_by_side),
		cmocka_unit_test(test_end_while_busy),
		cmocka_unit_test(test_end_before_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
