/*
 * Status calls: when one leaves, and what goes along with it.
 */
#include "relay_world.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

#define HOLD { .status = RW_HOLD }
#define WELL { .status = 200 }

static int
begin_null(void **state)
{
	return rw_begin_with(state, "[channel]\nurl = null:\n");
}

/* Nobody is on the way: it waits for nobody. */
static void
test_lone(void **state)
{
	struct relay_world *w = *state;

	for (size_t i = 1; i <= 3; i++) {
		struct rw_sent *s = RW_POST(w, .chats = true);

		RW_UNTIL(w, s->gone);
		assert_int_equal(s->outcome.acknowledged, 1);
		assert_int_equal(w->count[RW_REST], i);
		rw_idle(w);
	}
}

/* An event of many messages needs few calls. */
static void
test_batches_fill(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s = RW_POST(w, .n = 500, .chats = true,
	    .answer_ms = 600000);
	size_t told = 0;

	RW_UNTIL(w, s->gone);
	assert_int_equal(s->outcome.acknowledged, 500);
	for (size_t i = 0; i < w->count[RW_REST]; i++)
		told += rw_call_at(w, RW_REST, i)->messages;
	assert_int_equal(told, 500);
	assert_in_range(w->count[RW_REST], 5, 10);
}

/* ... also those that all belong to one chat. */
static void
test_one_chat_fills(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s = RW_POST(w, .n = 200, .answer_ms = 600000);

	RW_UNTIL(w, s->gone);
	assert_int_equal(s->outcome.acknowledged, 200);
	assert_in_range(w->count[RW_REST], 2, 10);
}

/* One slow hand-over does not hold the others' status back for long. */
static void
test_bulk_waits_a_second(void **state)
{
	struct relay_world *w = *state;

	RW_SAY(w, RW_HOOK, HOLD, WELL);
	(void)RW_POST(w, .n = 5, .chats = true);
	RW_UNTIL(w, w->count[RW_HOOK] == 5);
	rw_settle(w);
	assert_int_equal(w->count[RW_REST], 0);
	rw_skip(w, 1000);
	RW_UNTIL(w, w->count[RW_REST] == 1);
	assert_int_equal(rw_call_at(w, RW_REST, 0)->messages, 4);
}

/* What comes while a call is on its way goes with the next one. */
static void
test_gathers_behind_a_call(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s[20];

	w->config->portal.calls_in_flight = 1;
	RW_SAY(w, RW_REST, HOLD);
	for (size_t i = 0; i < COUNT(s); i++)
		s[i] = RW_POST(w, .chats = true, .answer_ms = 600000);
	RW_UNTIL(w, w->count[RW_HOOK] == COUNT(s) &&
	    rw_open(w, RW_REST) != 0);
	rw_settle(w);
	RW_SAY(w, RW_REST, WELL);
	rw_release_all(w, RW_REST);
	for (size_t i = 0; i < COUNT(s); i++)
		RW_UNTIL(w, s[i]->gone);
	assert_in_range(w->count[RW_REST], 2, 5);
}

/* Who was answered by a call and sends more at once goes with the next one,
 * which stays for them, but not for long. */
static void
test_stays_behind_a_call(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *one;

	w->config->portal.calls_in_flight = 1;
	rw_slow_clock(w);
	RW_SAY(w, RW_REST, HOLD);
	one = RW_POST(w, .chats = true, .answer_ms = 600000);
	RW_UNTIL(w, rw_open(w, RW_REST) != 0);
	(void)RW_POST(w, .chats = true, .answer_ms = 600000);
	RW_UNTIL(w, w->count[RW_HOOK] == 2);
	rw_skip(w, 150);
	rw_settle(w);
	RW_SAY(w, RW_REST, WELL);
	rw_release_all(w, RW_REST);
	RW_UNTIL(w, one->gone);
	(void)RW_POST(w, .chats = true, .answer_ms = 600000);
	RW_UNTIL(w, w->count[RW_HOOK] == 3);
	rw_settle(w);
	assert_int_equal(w->count[RW_REST], 1);
	rw_skip(w, 25);
	RW_UNTIL(w, w->count[RW_REST] == 2);
	assert_int_equal(rw_call_at(w, RW_REST, 1)->messages, 2);
}

/* Each line has its own calls. */
static void
test_lines_apart(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s[4];

	for (size_t i = 0; i < COUNT(s); i++)
		s[i] = RW_POST(w, .line = (int64_t)i % 2 + 1,
		    .connector = i < 2 ? "one" : "two");
	for (size_t i = 0; i < COUNT(s); i++)
		RW_UNTIL(w, s[i]->gone);
	assert_int_equal(w->count[RW_REST], 4);
	for (size_t i = 0; i < COUNT(s); i++)
		assert_int_equal(rw_call_at(w, RW_REST, i)->messages, 1);
}

/* Many bytes of ids: several calls, none too large. */
static void
test_byte_cap(void **state)
{
	struct relay_world *w = *state;
	const size_t size = 60000, n = 40;
	char *body = calloc(1, size + 20);
	struct rw_sent *s;

	assert_non_null(body);
	(void)strcpy(body, "{\"id\":\"");
	memset(body + 7, 'x', size);
	(void)strcpy(body + 7 + size, "\"}");
	RW_SAY(w, RW_HOOK, { .status = 200, .body = body });
	s = RW_POST(w, .n = n, .chats = true, .answer_ms = 600000);
	RW_UNTIL(w, s->gone);
	assert_int_equal(s->outcome.acknowledged, n);
	assert_true(w->count[RW_REST] >= size * n / (1024 * 1024));
	for (size_t i = 0; i < w->count[RW_REST]; i++)
		assert_true(rw_call_at(w, RW_REST, i)->heard->body_len <=
		    1024 * 1024 + 512);
	free(body);
}

/* More than memory should hold is left to the store, and told all the same;
 * a portal that takes its time holds no channel up. */
static void
test_many(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s;

	relay_start(w->relay);
	RW_SAY(w, RW_REST, HOLD);
	s = RW_POST(w, .n = 4000, .chats = true, .answer_ms = 1);
	RW_UNTIL(w, rw_count(w, STATE_RECEIVED) == 0);
	RW_SAY(w, RW_REST, WELL);
	rw_release_all(w, RW_REST);
	RW_UNTIL(w, rw_count(w, STATE_DELIVERED) == 0 ||
	    (rw_skip(w, 500), rw_settle(w), false));
	RW_UNTIL(w, s->gone);
	assert_in_range(w->count[RW_REST], 40, 100);
}

#define NULL_TEST(f) cmocka_unit_test_setup_teardown(f, begin_null, rw_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		NULL_TEST(test_lone), NULL_TEST(test_batches_fill),
		NULL_TEST(test_one_chat_fills),
		RW_TEST(test_bulk_waits_a_second),
		RW_TEST(test_gathers_behind_a_call),
		RW_TEST(test_stays_behind_a_call), RW_TEST(test_lines_apart),
		RW_TEST(test_byte_cap), NULL_TEST(test_many),
	};

	return cmocka_run_group_tests_name("relay/line", tests, NULL, NULL);
}
