/*
 * An event on its way: what its sender is told and when, what becomes of
 * each message, and nothing handed over twice.
 */
#include "relay_world.h"

#include "unit.h"

#include <string.h>

#define HOLD { .status = RW_HOLD }
#define WELL { .status = 200 }
#define DELETE "ONIMCONNECTORMESSAGEDELETE"

static void
answered(const struct rw_sent *s, size_t messages, size_t acknowledged,
    size_t refused)
{
	assert_int_equal(s->answered, 1);
	assert_int_equal(s->refused, 0);
	assert_string_equal(s->result, "");
	assert_int_equal(s->outcome.messages, messages);
	assert_int_equal(s->outcome.acknowledged, acknowledged);
	assert_int_equal(s->outcome.refused, refused);
}

/* What the channel says, and what follows. */
static const struct {
	struct rw_act act;
	enum state state;
	int64_t at_least_s;	/* until the next try; -1: none by itself */
} hooks[] = {
	{ { .status = 200 }, STATE_ACKNOWLEDGED, -1 },
	{ { .status = 204, .body = "" }, STATE_ACKNOWLEDGED, -1 },
	{ { .status = 400 }, STATE_REFUSED, -1 },
	{ { .status = 422 }, STATE_REFUSED, -1 },
	{ { .status = 500 }, STATE_RECEIVED, 1 },
	{ { .status = 404 }, STATE_RECEIVED, 1 },
	{ { .status = 429, .more = "Retry-After: 120\r\n" }, STATE_RECEIVED,
	    115 },
	{ { .status = 503, .more = "Retry-After: 99999999\r\n" },
	    STATE_RECEIVED, 595 },
};

static void
hook_says(size_t i)
{
	void *state;
	struct relay_world *w;
	struct rw_sent *s;
	struct rw_seen seen;

	assert_int_equal(rw_begin(&state), 0);
	w = state;
	rw_script(w, RW_HOOK, &hooks[i].act, 1);
	s = RW_POST(w, .first = 1);
	RW_UNTIL(w, s->gone);
	rw_idle(w);
	answered(s, 1, hooks[i].state == STATE_ACKNOWLEDGED,
	    hooks[i].state == STATE_REFUSED);
	seen = rw_see(w, 1);
	assert_int_equal(seen.state, hooks[i].state);
	assert_int_equal(seen.timed, hooks[i].at_least_s >= 0);
	if (seen.timed)
		assert_in_range(seen.next_ms, hooks[i].at_least_s * 1000,
		    600000);
	if (seen.state == STATE_REFUSED)
		assert_int_equal(seen.step, STEP_HAND_OVER);
	assert_int_equal(w->count[RW_REST],
	    hooks[i].state == STATE_ACKNOWLEDGED);
	rw_end(&state);
}

static void
test_channel_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(hooks); i++)
		hook_says(i);
}

/* Tried again when its time has come, further apart each time, with the
 * same key. */
static void
test_tried_again(void **state)
{
	struct relay_world *w = *state;
	int64_t wait = 0;

	relay_start(w->relay);
	RW_SAY(w, RW_HOOK, { .status = 500 });
	(void)RW_POST(w, .first = 1);
	for (size_t i = 1; i <= 5; i++) {
		struct rw_seen seen;

		RW_UNTIL(w, w->count[RW_HOOK] == i);
		rw_settle(w);
		seen = rw_see(w, 1);
		assert_int_equal(seen.tries, i);
		assert_true(seen.next_ms > wait);
		wait = seen.next_ms;
		if (i == 5)
			RW_SAY(w, RW_HOOK, WELL);
		rw_skip(w, wait - 300);
		rw_settle(w);
		assert_int_equal(w->count[RW_HOOK], i);
		rw_skip(w, 1000);
	}
	RW_UNTIL(w, rw_see(w, 1).state == STATE_ACKNOWLEDGED);
	for (size_t i = 1; i < w->count[RW_HOOK]; i++)
		assert_string_equal(rw_call_at(w, RW_HOOK, i)->token,
		    rw_call_at(w, RW_HOOK, 0)->token);
}

/* What the channel gave stands in the status call. */
static void
test_ids(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s;

	RW_SAY(w, RW_HOOK, { .status = 200, .body = "{\"ids\":[7,\"x\"]}" });
	s = RW_POST(w, .first = 1);
	RW_UNTIL(w, s->gone);
	assert_non_null(strstr(rw_call_at(w, RW_REST, 0)->heard->body,
	    "\"message\":{\"id\":[\"7\",\"x\"],"));
}

static void
test_counts(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s;

	RW_SAY(w, RW_HOOK, WELL, { .status = 422 }, { .status = 500 }, WELL);
	s = RW_POST(w, .first = 1, .n = 5, .chats = true);
	RW_UNTIL(w, s->gone);
	rw_idle(w);
	answered(s, 5, 3, 1);
	assert_int_equal(rw_count(w, STATE_RECEIVED), 1);
	assert_int_equal(rw_count(w, STATE_REFUSED), 1);
}

/* One that wants no status is done when the channel has it. */
static void
test_delete(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s = RW_POST(w, .name = DELETE, .n = 3);

	RW_UNTIL(w, s->gone);
	answered(s, 3, 3, 0);
	assert_int_equal(w->count[RW_REST], 0);
	assert_int_equal(w->count[RW_HOOK], 3);
}

/* The answer does not wait for the work, and the work not for the answer. */
static void
test_late(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s;

	RW_SAY(w, RW_HOOK, HOLD);
	s = RW_POST(w, .first = 1, .answer_ms = 3000);
	RW_UNTIL(w, rw_open(w, RW_HOOK) == 1);
	rw_settle(w);
	assert_int_equal(s->answered, 0);
	rw_skip(w, 3000);
	RW_UNTIL(w, s->answered);
	answered(s, 1, 0, 0);
	rw_release(w, RW_HOOK, NULL);
	RW_UNTIL(w, rw_see(w, 1).state == STATE_ACKNOWLEDGED);
	assert_int_equal(w->count[RW_HOOK], 1);
	rw_idle(w);
	assert_int_equal(s->gone, 1);
}

/* Before it is stored there is no answer, whatever the time. */
static void
test_not_before_it_is_stored(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s;

	rw_lock_store(w, true);
	s = RW_POST(w, .first = 1, .answer_ms = 1);
	rw_skip(w, 10);
	assert_int_equal(s->answered, 0);
	RW_UNTIL(w, s->gone);
	assert_int_equal(s->refused, 1);
	assert_int_equal(s->problem.err, ERR_DISK);
	rw_lock_store(w, false);
	assert_int_equal(w->count[RW_HOOK], 0);
	rw_idle(w);
	assert_false(rw_see(w, 1).found);
}

static void
test_repeats_within(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s = RW_POST(w, .first = 1, .n = 4, .same = true);

	RW_UNTIL(w, s->gone);
	answered(s, 4, 4, 0);
	assert_int_equal(w->count[RW_HOOK], 1);
	assert_int_equal(w->count[RW_REST], 1);
}

/* The same event again: 202 while it is on its way, 200 when it is told. */
static void
test_repeats(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *first, *again;

	RW_SAY(w, RW_HOOK, HOLD);
	first = RW_POST(w, .first = 1);
	RW_UNTIL(w, rw_open(w, RW_HOOK) == 1);
	again = RW_POST(w, .first = 1);
	RW_UNTIL(w, again->gone);
	answered(again, 1, 0, 0);
	rw_release(w, RW_HOOK, NULL);
	RW_UNTIL(w, first->gone);
	answered(first, 1, 1, 0);
	rw_idle(w);
	again = RW_POST(w, .first = 1);
	RW_UNTIL(w, again->gone);
	answered(again, 1, 1, 0);
	assert_int_equal(w->count[RW_HOOK], 1);
}

/* Messages of one chat go one after the other; all are waited for. */
static void
test_siblings(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s;

	RW_SAY(w, RW_HOOK, HOLD);
	s = RW_POST(w, .first = 1, .n = 3);
	for (size_t i = 1; i <= 3; i++) {
		RW_UNTIL(w, w->count[RW_HOOK] == i);
		rw_settle(w);
		assert_int_equal(w->count[RW_HOOK], i);
		assert_int_equal(s->answered, 0);
		rw_release(w, RW_HOOK, NULL);
	}
	RW_UNTIL(w, s->gone);
	answered(s, 3, 3, 0);
	assert_int_equal(w->most[RW_HOOK], 1);
}

/* One that is refused holds nobody back; one that must wait does, and
 * nobody waits for those behind it. */
static void
test_siblings_fail(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s;

	RW_SAY(w, RW_HOOK, { .status = 422 }, WELL, { .status = 500 });
	s = RW_POST(w, .first = 1, .n = 4, .answer_ms = 600000);
	RW_UNTIL(w, s->gone);
	answered(s, 4, 1, 1);
	rw_idle(w);
	assert_int_equal(w->count[RW_HOOK], 3);
	assert_int_equal(rw_see(w, 4).state, STATE_RECEIVED);
}

static void
test_siblings_go_on_later(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s;

	relay_start(w->relay);
	RW_SAY(w, RW_HOOK, { .status = 500 }, WELL);
	s = RW_POST(w, .first = 1, .n = 3);
	RW_UNTIL(w, s->gone);
	answered(s, 3, 0, 0);
	rw_skip(w, 4000);
	RW_UNTIL(w, rw_see(w, 3).state == STATE_ACKNOWLEDGED);
	assert_int_equal(w->count[RW_HOOK], 4);
	assert_int_equal(w->most[RW_HOOK], 1);
}

/* The store is away when a hand-over has ended: that is remembered, and the
 * message is not handed over again. */
static void
test_store_away(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s;

	relay_start(w->relay);
	RW_SAY(w, RW_HOOK, HOLD);
	s = RW_POST(w, .first = 1, .n = 3, .chats = true,
	    .answer_ms = 600000);
	RW_UNTIL(w, rw_open(w, RW_HOOK) == 3);
	rw_lock_store(w, true);
	rw_release_all(w, RW_HOOK);
	for (int i = 0; i < 4; i++) {
		rw_skip(w, 600);
		rw_settle(w);
	}
	assert_int_equal(w->count[RW_REST], 0);
	rw_lock_store(w, false);
	rw_skip(w, 600);
	RW_UNTIL(w, s->gone);
	answered(s, 3, 3, 0);
	rw_idle(w);
	assert_int_equal(w->count[RW_HOOK], 3);
}

/* ... or when Bitrix24 has been told: no call is made twice. */
static void
test_store_away_when_told(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s;

	relay_start(w->relay);
	RW_SAY(w, RW_REST, HOLD);
	s = RW_POST(w, .first = 1);
	RW_UNTIL(w, rw_open(w, RW_REST) == 1);
	rw_lock_store(w, true);
	rw_release(w, RW_REST, NULL);
	RW_UNTIL(w, s->gone);
	answered(s, 1, 1, 0);
	for (int i = 0; i < 4; i++) {
		rw_skip(w, 600);
		rw_settle(w);
	}
	rw_lock_store(w, false);
	rw_skip(w, 600);
	rw_idle(w);
	assert_int_equal(rw_see(w, 1).state, STATE_ACKNOWLEDGED);
	assert_int_equal(w->count[RW_REST], 1);
	assert_int_equal(w->count[RW_HOOK], 1);
}

static void
test_wrong_sender(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s = RW_POST(w, .first = 1, .app_token = "wrong");

	RW_UNTIL(w, s->gone);
	assert_int_equal(s->refused, 1);
	assert_int_equal(s->problem.err, ERR_DENIED);
	s = RW_POST(w, .name = "ONAPPUNINSTALL", .app_token = "wrong");
	RW_UNTIL(w, s->gone);
	assert_int_equal(s->problem.err, ERR_DENIED);
	assert_false(rw_see(w, 1).found);
	assert_int_equal(w->calls, 0);
}

static void
test_no_business(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s = RW_POST(w, .name = "ONAPPTEST");

	RW_UNTIL(w, s->gone);
	assert_string_equal(s->result, "ignored");
	s = RW_POST(w, .line = -1);
	RW_UNTIL(w, s->gone);
	assert_int_equal(s->problem.err, ERR_UNUSABLE);
	s = RW_POST(w, .chat = "", .first = 5);
	RW_UNTIL(w, s->gone);
	assert_int_equal(w->calls, s->answered != 0 ? 2 : 0);
}

static void
test_uninstall(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s;

	rw_install(w);
	s = RW_POST(w, .name = "ONAPPUNINSTALL");
	RW_UNTIL(w, s->gone);
	assert_string_equal(s->result, "uninstalled");
	s = RW_POST(w, .first = 1, .no_token = true);
	RW_UNTIL(w, s->gone);
	assert_int_equal(w->count[RW_REST], 0);
}

/* A stop answers everybody at once; what is on its way may end. */
static void
test_stop(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *hook, *rest, *behind;

	RW_SAY(w, RW_REST, HOLD);
	rest = RW_POST(w, .first = 1, .chats = true);
	RW_UNTIL(w, rw_open(w, RW_REST) == 1);
	RW_SAY(w, RW_HOOK, HOLD);
	hook = RW_POST(w, .first = 2, .chats = true);
	behind = RW_POST(w, .first = 3, .n = 100);
	RW_UNTIL(w, rw_open(w, RW_HOOK) == 2);
	relay_stop(w->relay);
	assert_int_equal(hook->answered + rest->answered + behind->answered,
	    3);
	rw_settle(w);
	assert_true(relay_busy(w->relay) > 0);
	rw_release_all(w, RW_HOOK);
	rw_release_all(w, RW_REST);
	rw_idle(w);
	assert_int_equal(rw_see(w, 1).state, STATE_ACKNOWLEDGED);
	assert_int_equal(rw_see(w, 2).state, STATE_DELIVERED);
	/* nothing new was begun */
	assert_int_equal(w->count[RW_HOOK], 3);
	assert_int_equal(w->count[RW_REST], 1);
	assert_int_equal(rw_count(w, STATE_RECEIVED), 99);
	/* and nothing is claimed: another process goes on with it */
	assert_int_equal(hook->gone + rest->gone + behind->gone, 3);
}

/* ... and one that is just being stored is answered when it is. */
static void
test_stop_while_storing(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s = RW_POST(w, .first = 1);

	relay_stop(w->relay);
	assert_int_equal(s->answered, 0);
	assert_true(relay_busy(w->relay) > 0);
	rw_idle(w);
	answered(s, 1, 0, 0);
	assert_int_equal(w->count[RW_HOOK], 0);
	assert_int_equal(rw_see(w, 1).state, STATE_RECEIVED);
}

/* With nothing on its way a stop is over at once. */
static void
test_stop_idle(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s = RW_POST(w, .first = 1);

	relay_start(w->relay);
	RW_UNTIL(w, s->gone);
	rw_idle(w);
	relay_stop(w->relay);
	assert_int_equal(relay_busy(w->relay), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_channel_says), RW_TEST(test_tried_again),
		RW_TEST(test_ids), RW_TEST(test_counts), RW_TEST(test_delete),
		RW_TEST(test_late), RW_TEST(test_not_before_it_is_stored),
		RW_TEST(test_repeats_within), RW_TEST(test_repeats),
		RW_TEST(test_siblings), RW_TEST(test_siblings_fail),
		RW_TEST(test_siblings_go_on_later), RW_TEST(test_store_away),
		RW_TEST(test_store_away_when_told), RW_TEST(test_wrong_sender),
		RW_TEST(test_no_business), RW_TEST(test_uninstall),
		RW_TEST(test_stop), RW_TEST(test_stop_while_storing),
		RW_TEST(test_stop_idle),
	};

	return cmocka_run_group_tests_name("relay/journey", tests, NULL,
	    NULL);
}
