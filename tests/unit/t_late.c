/*
 * Slow destinations: what is counted while it is on its way, and that all
 * counts come back to nothing.
 */
#include "relay/late.h"

#include "unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static int64_t
no_wall(void *ctx)
{
	(void)ctx;
	return 0;
}

static int64_t
test_mono(void *ctx)
{
	return *(int64_t *)ctx;
}

static int
start(void **state)
{
	struct late *l;
	enum err e = late_new(&l);

	*state = l;
	return e == ERR_OK ? 0 : -1;
}

static int
stop(void **state)
{
	late_free(*state);
	late_free(NULL);
	return 0;
}

static void
count(void *ctx)
{
	++*(int *)ctx;
}

static void
test_retries(void **state)
{
	struct late *l = *state;

	assert_int_equal(late_count(l, "a"), 0);
	for (int i = 1; i <= 3; i++) {
		assert_true(late_begin(l, "a", 3));
		assert_int_equal(late_count(l, "a"), i);
	}
	assert_false(late_begin(l, "a", 3));
	assert_int_equal(late_count(l, "a"), 3);
	assert_true(late_begin(l, "b", 3));
	assert_false(late_is(l, "a", 1));	/* on its way is not late */
	for (int i = 2; i >= 0; i--) {
		late_end(l, "a");
		assert_int_equal(late_count(l, "a"), i);
	}
	late_end(l, "a");	/* one too many is nothing */
	assert_int_equal(late_count(l, "a"), 0);
	assert_true(late_begin(l, "a", 1));
	assert_int_equal(late_count(l, "b"), 1);
}

static void
test_watch(void **state)
{
	struct late *l = *state;
	int64_t now = 1000;
	const struct clock clock = { no_wall, test_mono, &now };
	struct late_watch w[2];
	int ends = 0;

	for (size_t i = 0; i < 2; i++) {
		struct patience outer = { .until = deadline_in(&clock, 5000),
		    .run_out = count, .ctx = &ends };

		late_watch_begin(&w[i], l, "a", &outer, &clock, 7000);
		/* as long as the outer one, not as the call may last */
		assert_int_equal(deadline_left(&w[i].inner.until), 5000);
		assert_false(late_is(l, "a", (int64_t)i + 1));
		patience_end(&w[i].inner);
		patience_end(&w[i].inner);
		assert_int_equal(ends, i + 1);
		assert_true(outer.over);
		assert_true(late_is(l, "a", (int64_t)i + 1));
		assert_false(late_is(l, "a", (int64_t)i + 2));
		assert_false(late_is(l, "b", 1));
	}
	late_watch_end(&w[0]);
	assert_true(late_is(l, "a", 1));
	assert_false(late_is(l, "a", 2));
	late_watch_end(&w[1]);
	assert_false(late_is(l, "a", 1));
}

/* In time, or behind the answer: nobody is told twice. */
static void
test_quick_and_nobody(void **state)
{
	struct late *l = *state;
	int64_t now = 1000;
	const struct clock clock = { no_wall, test_mono, &now };
	int ends = 0;
	struct patience outer = { .until = deadline_in(&clock, 5000),
	    .run_out = count, .ctx = &ends };
	struct late_watch w;

	late_watch_begin(&w, l, "a", &outer, &clock, 7000);
	late_watch_end(&w);
	assert_int_equal(ends, 0);
	assert_false(outer.over);
	assert_false(late_is(l, "a", 1));
	outer.over = true;
	now += 100000;
	late_watch_begin(&w, l, "a", &outer, &clock, 7000);
	assert_int_equal(deadline_left(&w.inner.until), 7000);
	patience_end(&w.inner);
	assert_int_equal(ends, 0);
	assert_true(late_is(l, "a", 1));
	late_watch_end(&w);
	assert_false(late_is(l, "a", 1));
}

/* A full list only loses its protection; free places are used again. */
static void
test_many_places(void **state)
{
	struct late *l = *state;
	char name[16];
	int begun = 0;

	for (int round = 0; round < 3; round++) {
		begun = 0;
		for (int i = 0; i < 400; i++) {
			(void)snprintf(name, sizeof(name), "p%d", i);
			begun += late_begin(l, name, 1);
		}
		assert_in_range(begun, 100, 399);
		for (int i = 0; i < 400; i++) {
			(void)snprintf(name, sizeof(name), "p%d", i);
			late_end(l, name);
			assert_int_equal(late_count(l, name), 0);
		}
	}
}

static void *
hammer(void *ctx)
{
	int64_t now = 0;
	const struct clock clock = { no_wall, test_mono, &now };
	struct late *l = ctx;

	for (int i = 0; i < 2000; i++) {
		struct patience outer = { .run_out = count, .over = true };
		struct late_watch w;

		late_watch_begin(&w, l, i % 2 != 0 ? "a" : "b", &outer,
		    &clock, 1);
		if (i % 3 == 0)
			patience_end(&w.inner);
		if (late_begin(l, "a", 2)) {
			if (late_count(l, "a") > 2)
				abort();
			late_end(l, "a");
		}
		(void)late_is(l, "b", 1);
		late_watch_end(&w);
	}
	return NULL;
}

static void
test_threads(void **state)
{
	pthread_t t[4];

	for (size_t i = 0; i < COUNT(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, hammer, *state),
		    0);
	for (size_t i = 0; i < COUNT(t); i++)
		(void)pthread_join(t[i], NULL);
	assert_false(late_is(*state, "a", 1));
	assert_false(late_is(*state, "b", 1));
	assert_int_equal(late_count(*state, "a"), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_retries), TEST(test_watch),
		TEST(test_quick_and_nobody), TEST(test_many_places),
		TEST(test_threads),
	};

	return cmocka_run_group_tests_name("relay/late", tests, NULL, NULL);
}
