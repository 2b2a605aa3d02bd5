/*
 * Destinations: how many hand-overs are on their way, what waits in the
 * store, one that is down, one that the configuration names no more; and the
 * single pass over what is due.
 */
#include "relay_world.h"

#include "unit.h"

#include <string.h>

#define HOLD { .status = RW_HOLD }
#define WELL { .status = 200 }

static int
begin_narrow(void **state)
{
	return rw_begin_with(state, "[channel]\nurl = %hook%\n"
	    "in_flight = 4\ntimeout = 30\n[server]\ncalls = 64\n");
}

/* Never more than channel.in_flight, and the others in order. */
static void
test_in_flight(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s;

	RW_SAY(w, RW_HOOK, HOLD);
	s = RW_POST(w, .n = 20, .chats = true, .answer_ms = 600000);
	for (size_t i = 1; i <= 20; i++) {
		RW_UNTIL(w, w->count[RW_HOOK] >= (i + 3 < 20 ? i + 3 : 20));
		rw_settle(w);
		assert_true(rw_open(w, RW_HOOK) <= 4);
		rw_release(w, RW_HOOK, NULL);
	}
	RW_UNTIL(w, s->gone);
	assert_int_equal(s->outcome.acknowledged, 20);
	assert_int_equal(w->most[RW_HOOK], 4);
	assert_int_equal(w->count[RW_HOOK], 20);
}

/* What memory should not hold waits in the store, and comes back from it by
 * itself: no look is needed. */
static void
test_high_mark(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s;

	RW_SAY(w, RW_HOOK, HOLD);
	s = RW_POST(w, .n = 3000, .chats = true, .answer_ms = 1);
	RW_UNTIL(w, rw_open(w, RW_HOOK) == 4);
	RW_UNTIL(w, s->answered);
	RW_SAY(w, RW_HOOK, WELL);
	rw_release_all(w, RW_HOOK);
	RW_UNTIL(w, rw_count(w, STATE_RECEIVED) == 0);
	assert_int_equal(w->count[RW_HOOK], 3000);
	assert_true(w->most[RW_HOOK] <= 4);
	RW_UNTIL(w, s->gone);
}

/* A step at a time, until there is one more hand-over. */
static bool
next_call(struct relay_world *w, int64_t ms)
{
	size_t n = w->count[RW_HOOK];

	for (; ms > 0 && w->count[RW_HOOK] == n; ms -= 500) {
		rw_skip(w, 500);
		rw_settle(w);
	}
	return w->count[RW_HOOK] != n;
}

static void
goes_down(struct relay_world *w)
{
	RW_UNTIL(w, rw_open(w, RW_HOOK) != 0);
	rw_settle(w);
	rw_skip(w, 30001);
	RW_UNTIL(w, rw_open(w, RW_HOOK) == 0);
}

static void
test_down(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s;

	relay_start(w->relay);
	RW_SAY(w, RW_HOOK, HOLD);
	(void)RW_POST(w, .first = 1, .n = 10, .chats = true);
	goes_down(w);
	RW_UNTIL(w, rw_see(w, 10).hold == HOLD_DOWN);
	assert_int_equal(w->count[RW_HOOK], 4);
	/* stored, answered, left alone */
	s = RW_POST(w, .first = 11, .chats = true);
	RW_UNTIL(w, s->gone);
	assert_int_equal(s->outcome.acknowledged, 0);
	assert_int_equal(rw_see(w, 11).hold, HOLD_DOWN);
	assert_int_equal(w->count[RW_HOOK], 4);
	for (int probe = 0; probe < 2; probe++) {
		assert_true(next_call(w, 30000));
		rw_settle(w);
		assert_int_equal(rw_open(w, RW_HOOK), 1);
		assert_false(next_call(w, 10000));
		goes_down(w);
	}
	RW_SAY(w, RW_HOOK, WELL);
	assert_true(next_call(w, 60000));
	RW_UNTIL(w, rw_count(w, STATE_RECEIVED) == 0 ||
	    (rw_skip(w, 200), rw_settle(w), false));
	RW_UNTIL(w, rw_count(w, STATE_DELIVERED) == 0);
	assert_int_equal(w->count[RW_HOOK], 4 + 2 + 11);
	assert_int_equal(rw_count(w, STATE_REFUSED), 0);
}

/* A line that is cut or an error is the message's own business. */
static void
test_an_error_is_not_down(void **state)
{
	struct relay_world *w = *state;

	RW_SAY(w, RW_HOOK, { .status = 503 }, WELL);
	(void)RW_POST(w, .first = 1, .n = 3, .chats = true);
	RW_UNTIL(w, w->count[RW_HOOK] == 3);
	rw_idle(w);
	assert_int_equal(rw_count(w, STATE_RECEIVED), 1);
	assert_int_equal(rw_see(w, 1).hold, HOLD_NONE);
}

/* It hangs again while the look still thinks of the first time: what waits
 * in memory does not stand in the way of the probe. */
static void
test_down_again_and_again(void **state)
{
	struct relay_world *w = *state;

	relay_start(w->relay);
	RW_SAY(w, RW_HOOK, HOLD);
	(void)RW_POST(w, .first = 1, .n = 50, .chats = true);
	for (int i = 0; i < 3; i++) {
		goes_down(w);
		RW_SAY(w, RW_HOOK, WELL, HOLD);
		assert_true(next_call(w, 120000));
	}
	goes_down(w);
	RW_SAY(w, RW_HOOK, WELL);
	assert_true(next_call(w, 120000));
	for (int i = 0; i < 200 && rw_count(w, STATE_RECEIVED) != 0; i++) {
		rw_skip(w, 500);
		rw_settle(w);
	}
	assert_int_equal(rw_count(w, STATE_RECEIVED), 0);
}

static int
begin_two(void **state)
{
	return rw_begin_with(state, "[channel]\nurl = %hook%\n"
	    "[connector slow]\nurl = %hook%?slow\ntimeout = 30\n"
	    "[connector fast]\nurl = %hook%?fast\n");
}

/* One that hangs costs the other nothing. */
static void
test_two_connectors(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s;

	RW_SAY(w, RW_HOOK, HOLD);
	(void)RW_POST(w, .connector = "slow", .n = 100, .chats = true);
	RW_UNTIL(w, rw_open(w, RW_HOOK) == 32);
	RW_SAY(w, RW_HOOK, WELL);
	for (int i = 0; i < 5; i++) {
		s = RW_POST(w, .connector = "fast", .chats = true);
		RW_UNTIL(w, s->gone);
		assert_int_equal(s->outcome.acknowledged, 1);
	}
	assert_int_equal(rw_open(w, RW_HOOK), 32);
}

/* The URL was changed: what waited for the old one goes to the new one. */
static void
test_changed_url(void **state)
{
	struct relay_world *w = *state;
	char *old = w->config->channel[0].url;
	char other[80];

	relay_start(w->relay);
	/* as another process with the old configuration left them */
	(void)strcpy(other, "http://127.0.0.1:1/old");
	w->config->channel[0].url = other;
	(void)RW_POST(w, .first = 1, .n = 10, .chats = true);
	RW_UNTIL(w, rw_see(w, 10).hold == HOLD_DOWN);
	rw_idle(w);
	assert_int_equal(w->count[RW_HOOK], 0);
	w->config->channel[0].url = old;
	RW_UNTIL(w, rw_count(w, STATE_RECEIVED) == 0 ||
	    (rw_skip(w, 500), rw_settle(w), false));
	assert_int_equal(w->count[RW_HOOK], 10);
	RW_UNTIL(w, rw_count(w, STATE_DELIVERED) == 0);
}

/* ---- a single pass */

/* Messages that a process of before has left. */
static void
leave(struct relay_world *w, size_t n)
{
	RW_SAY(w, RW_HOOK, { .status = 500 });
	(void)RW_POST(w, .first = 1, .n = n, .chats = true);
	RW_UNTIL(w, w->count[RW_HOOK] == n);
	rw_idle(w);
	rw_skip(w, 10000);
	RW_SAY(w, RW_HOOK, WELL);
}

static struct pass
pass(struct relay_world *w, int64_t messages, int64_t ms)
{
	struct pass p = { .messages = messages, .ms = ms };

	assert_int_equal(relay_pass(w->relay, &p, &w->problem), ERR_OK);
	assert_int_equal(relay_busy(w->relay), 0);
	return p;
}

static void
test_pass(void **state)
{
	struct relay_world *w = *state;
	struct pass p;

	leave(w, 300);
	p = pass(w, 100000, 60000);
	assert_int_equal(p.done, 300);
	assert_int_equal(p.failed, 0);
	assert_int_equal(rw_count(w, STATE_RECEIVED), 0);
	assert_int_equal(rw_count(w, STATE_DELIVERED), 0);
	p = pass(w, 100000, 60000);
	assert_int_equal(p.done + p.failed, 0);
}

static void
test_pass_fails(void **state)
{
	struct relay_world *w = *state;
	struct pass p;

	leave(w, 5);
	RW_SAY(w, RW_HOOK, { .status = 500 });
	p = pass(w, 100000, 60000);
	assert_int_equal(p.done, 0);
	assert_int_equal(p.failed, 5);
	assert_true(rw_see(w, 1).timed);
}

/* It ends when its time is over, though more waits: also for the portal. */
static void
test_pass_is_bounded(void **state)
{
	struct relay_world *w = *state;
	struct pass p;

	leave(w, 500);
	p = pass(w, 1, 60000);
	assert_in_range(p.done, 1, 499);
	assert_true(rw_count(w, STATE_RECEIVED) > 0);
	(void)pass(w, 100000, 1);
	(void)pass(w, 100000, 60000);
	rw_skip(w, 2000);
	(void)pass(w, 100000, 60000);
	assert_int_equal(rw_count(w, STATE_RECEIVED), 0);
	assert_int_equal(rw_count(w, STATE_DELIVERED), 0);
}

/* Delivered ones of before, more than fit into a call; the time is over
 * while some still wait. */
static void
test_pass_leaves_some(void **state)
{
	struct relay_world *w = *state;

	RW_SAY(w, RW_REST, { .status = 500,
	    .body = "{\"error\":\"INTERNAL_SERVER_ERROR\"}" });
	(void)RW_POST(w, .first = 1, .n = 40, .chats = true);
	rw_idle(w);
	assert_int_equal(rw_count(w, STATE_DELIVERED), 40);
	rw_skip(w, 10000);
	w->config->portal.status_batch = 2;
	RW_SAY(w, RW_REST, WELL);
	(void)pass(w, 3, 60000);
	assert_true(rw_count(w, STATE_DELIVERED) > 0);
	w->config->portal.status_batch = 100;
	rw_skip(w, 5000);
	(void)pass(w, 100000, 60000);
	assert_int_equal(rw_count(w, STATE_DELIVERED), 0);
}

static void
test_pass_without_a_store(void **state)
{
	struct relay_world *w = *state;
	struct pass p = { .messages = 10, .ms = 60000 };
	struct problem why = { .err = ERR_OK };

	leave(w, 1);
	rw_lock_store(w, true);
	assert_int_not_equal(relay_pass(w->relay, &p, &why), ERR_OK);
	assert_true(why.text[0] != '\0');
	assert_int_equal(relay_busy(w->relay), 0);
	rw_lock_store(w, false);
}

#define WITH(f, begin) cmocka_unit_test_setup_teardown(f, begin, rw_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_in_flight, begin_narrow),
		WITH(test_high_mark, begin_narrow),
		WITH(test_down, begin_narrow),
		WITH(test_an_error_is_not_down, begin_narrow),
		WITH(test_down_again_and_again, begin_narrow),
		WITH(test_two_connectors, begin_two),
		RW_TEST(test_changed_url), RW_TEST(test_pass),
		RW_TEST(test_pass_fails), RW_TEST(test_pass_is_bounded),
		RW_TEST(test_pass_leaves_some),
		RW_TEST(test_pass_without_a_store),
	};

	return cmocka_run_group_tests_name("relay/destination", tests, NULL,
	    NULL);
}
