/*
 * The loop's timers, on a clock that the test moves.
 */
#include "loop_world.h"

#include <pthread.h>

#define TIMERS 2000

struct numbered {
	struct timer timer;	/* the first */
	int64_t wanted;
	uint64_t nth;
};

static struct {
	int64_t at;
	uint64_t nth;
	size_t fired;
} last;

/* Each comes at its time, and those of one time in the order of arming. */
static void
on_numbered(struct timer *t)
{
	struct numbered *n = (struct numbered *)t;

	assert_true(n->wanted <= fake_now);
	assert_true(n->wanted > last.at ||
	    (n->wanted == last.at && n->nth > last.nth));
	last.at = n->wanted;
	last.nth = n->nth;
	last.fired++;
	n->wanted = 0;
}

static uint32_t
chance(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void
test_timers(void **state)
{
	struct numbered *n = calloc(TIMERS, sizeof(*n));
	uint32_t seed = 7;
	uint64_t nth = 0;
	size_t armed = 0;
	struct world w;

	(void)state;
	start(&w, &clock_fake);
	last.at = -1;
	last.fired = 0;
	for (int i = 0; i < TIMERS * 10; i++) {
		struct numbered *one = &n[chance(&seed) % TIMERS];

		one->timer.fire = on_numbered;
		if (chance(&seed) % 3 == 0) {
			armed -= one->wanted != 0;
			one->wanted = 0;
			loop_disarm(w.loop, &one->timer);
			continue;
		}
		armed += one->wanted == 0;
		one->wanted = 2000 + (int64_t)(chance(&seed) % 500);
		one->nth = ++nth;
		loop_arm(w.loop, &one->timer, one->wanted);
		if (i % 1000 == 999)
			loop_turn(w.loop, 0);
	}
	assert_int_equal(last.fired, 0);
	while (fake_now < 2500) {
		fake_now += 7;
		loop_turn(w.loop, 0);
		assert_int_equal(loop_now(w.loop), fake_now);
	}
	assert_int_equal(last.fired, armed);
	end(&w);
	free(n);
}

static void
disarm_second(struct timer *t)
{
	struct world *w = WORLD(t, timer);

	note(w, 't');
	loop_disarm(w->loop, &w->second);
}

static void
move_second(struct timer *t)
{
	struct world *w = WORLD(t, timer);

	note(w, 't');
	loop_arm(w->loop, &w->second, 0);
	loop_arm(w->loop, &w->timer, 5000);
}

/* Both are due; the first decides about the second. */
static void
test_timers_meet(void **state)
{
	struct world w;

	(void)state;
	start(&w, &clock_fake);
	loop_arm(w.loop, &w.timer, 1000);
	loop_arm(w.loop, &w.second, 1001);
	fake_now = 1001;
	w.timer.fire = disarm_second;
	assert_string_equal(turn(&w), "t");
	assert_string_equal(turn(&w), "");
	loop_arm(w.loop, &w.timer, 1000);
	loop_arm(w.loop, &w.second, 1001);
	w.timer.fire = move_second;
	assert_string_equal(turn(&w), "t");
	assert_string_equal(turn(&w), "s");
	end(&w);
}

static void *
move_clock(void *ctx)
{
	(void)ctx;
	fake_now += 100000;
	return NULL;
}

static void
test_moved_clock(void **state)
{
	struct world w;
	pthread_t mover;

	(void)state;
	start(&w, &clock_fake);
	loop_arm(w.loop, &w.timer, 90000);
	assert_string_equal(turn(&w), "");
	assert_int_equal(pthread_create(&mover, NULL, move_clock, NULL), 0);
	while (w.seen[0] == '\0')
		loop_turn(w.loop, -1);	/* would sleep for ever */
	assert_string_equal(w.seen, "t");
	assert_int_equal(pthread_join(mover, NULL), 0);
	end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timers),
		cmocka_unit_test(test_timers_meet),
		cmocka_unit_test(test_moved_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
