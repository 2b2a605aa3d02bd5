/*
 * Deadlines on a clock that the test owns, and a glance at the real one.
 */
#include "base/clock.h"

#include "unit.h"

#include <time.h>

struct hands {
	int64_t wall;
	int64_t mono;
};

static int64_t
fake_wall(void *ctx)
{
	return ((struct hands *)ctx)->wall;
}

static int64_t
fake_mono(void *ctx)
{
	return ((struct hands *)ctx)->mono;
}

static void
counts_down(void **state)
{
	struct hands h = { .wall = 1, .mono = 5000 };
	const struct clock c = { fake_wall, fake_mono, &h };
	struct deadline d = deadline_in(&c, 300);

	(void)state;
	assert_int_equal(deadline_left(&d), 300);
	h.mono += 299;
	assert_int_equal(deadline_left(&d), 1);
	h.mono++;
	assert_int_equal(deadline_left(&d), 0);
	h.mono += 1000000;
	assert_int_equal(deadline_left(&d), 0);
}

static void
over_at_once(void **state)
{
	struct hands h = { .wall = 1, .mono = 5000 };
	const struct clock c = { fake_wall, fake_mono, &h };
	struct deadline now = deadline_in(&c, 0);
	struct deadline past = deadline_in(&c, -10);

	(void)state;
	assert_int_equal(deadline_left(&now), 0);
	assert_int_equal(deadline_left(&past), 0);
}

static void
wall_may_jump(void **state)
{
	struct hands h = { .wall = 1773759161123, .mono = 7 };
	const struct clock c = { fake_wall, fake_mono, &h };
	struct deadline d = deadline_in(&c, 50);

	(void)state;
	assert_int_equal(clock_wall(&c), 1773759161123);
	h.wall = -1;
	assert_int_equal(clock_wall(&c), -1);
	assert_int_equal(deadline_left(&d), 50);
}

static void
system_clock(void **state)
{
	int64_t before = (int64_t)time(NULL);
	int64_t wall = clock_wall(&clock_system);
	int64_t after = (int64_t)time(NULL);
	int64_t mono = clock_system.mono_ms(clock_system.ctx);
	struct deadline d = deadline_in(&clock_system, 3600000);

	(void)state;
	/* time() may lag by a tick of the kernel */
	assert_true(wall / 1000 >= before && wall / 1000 <= after + 1);
	assert_true(clock_system.mono_ms(clock_system.ctx) >= mono);
	assert_in_range(deadline_left(&d), 3000000, 3600000);
}

/* Milliseconds on the side that only goes on, not seconds or the wall's. */
static void
system_clock_goes_on(void **state)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	struct deadline d = deadline_in(&clock_system, 20);
	int64_t mono = clock_system.mono_ms(clock_system.ctx);
	struct timespec t;

	(void)state;
	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &t), 0);
	assert_in_range(t.tv_sec * 1000 + t.tv_nsec / 1000000 - mono, 0, 60000);
	while (nanosleep(&pause, NULL) != 0)
		continue;
	assert_true(clock_system.mono_ms(clock_system.ctx) - mono >= 19);
	assert_int_equal(deadline_left(&d), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_down),
		cmocka_unit_test(over_at_once),
		cmocka_unit_test(wall_may_jump),
		cmocka_unit_test(system_clock),
		cmocka_unit_test(system_clock_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
