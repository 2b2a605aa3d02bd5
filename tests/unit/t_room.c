/*
 * What a portal bears: calls on their way, its bucket, a portal that is down
 * and is probed, other processes that call it, too.
 */
#include "store/moves.h"

#include "relay_world.h"

#include "unit.h"

#include <stdlib.h>

#define HOLD { .status = RW_HOLD }
#define WELL { .status = 200 }
#define LIMIT { .status = 503, .body = "{\"error\":\"QUERY_LIMIT_EXCEEDED\"}" }

/* Another process asks for a slot.  Gives whether it has got one. */
static bool
other_asks(struct store *s)
{
	struct room_ask ask;
	struct asking work = { .store = s, .ask = &ask };

	room_ask_init(&ask, RW_MEMBER);
	ask.slot = true;
	store_ask(&work);
	rw_must(s, &work.db);
	room_ask_free(&ask);
	return ask.granted;
}

static void
other_gives(struct store *s, int64_t n)
{
	struct noting_room work = { .store = s, .note = {
	    .member_id = RW_MEMBER, .free_slots = n } };

	store_note_room(&work);
	rw_must(s, &work.db);
}

/* Many lines of one portal want to call at the same time. */
static void
test_calls_in_flight(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s[12];

	RW_SAY(w, RW_REST, HOLD);
	for (size_t i = 0; i < COUNT(s); i++)
		s[i] = RW_POST(w, .line = (int64_t)i + 1);
	RW_UNTIL(w, rw_open(w, RW_REST) == 2);
	for (size_t told = 1; told <= COUNT(s); told++) {
		rw_settle(w);
		assert_true(rw_open(w, RW_REST) <= 2);
		rw_release(w, RW_REST, NULL);
		if (told < COUNT(s))
			RW_UNTIL(w, rw_open(w, RW_REST) != 0 ||
			    (rw_skip(w, 100), rw_settle(w), false));
	}
	for (size_t i = 0; i < COUNT(s); i++)
		RW_UNTIL(w, s[i]->gone);
	assert_int_equal(w->most[RW_REST], 2);
	assert_int_equal(w->count[RW_REST], COUNT(s));
}

/* Another portal has slots of its own. */
static void
test_portals_apart(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s[4];
	struct rw_sent *mine;

	RW_SAY(w, RW_REST, HOLD);
	for (size_t i = 0; i < COUNT(s); i++)
		s[i] = RW_POST(w, .line = (int64_t)i + 1);
	RW_UNTIL(w, rw_open(w, RW_REST) == 2);
	RW_SAY(w, RW_REST, WELL);
	mine = RW_POST(w, .member = "another");
	RW_UNTIL(w, mine->gone);
	assert_int_equal(mine->outcome.acknowledged, 1);
	assert_int_equal(s[0]->gone, 0);
}

static void
test_quiet_room_gives_back(void **state)
{
	struct relay_world *w = *state;
	struct store *other = rw_other_store(w);
	struct rw_sent *s[6];

	for (size_t i = 0; i < COUNT(s); i++)
		s[i] = RW_POST(w, .line = (int64_t)i + 1);
	for (size_t i = 0; i < COUNT(s); i++)
		RW_UNTIL(w, s[i]->gone);
	for (int64_t i = 0; i < w->config->portal.calls_in_flight; i++)
		RW_UNTIL(w, other_asks(other));
	assert_false(other_asks(other));
	assert_true(store_close(other, 1000));
}

/* ... also if the store was away when it wanted to. */
static void
test_gives_back_later(void **state)
{
	struct relay_world *w = *state;
	struct store *other = rw_other_store(w);
	struct rw_sent *s;

	RW_SAY(w, RW_REST, HOLD);
	s = RW_POST(w, .first = 1);
	RW_UNTIL(w, rw_open(w, RW_REST) == 1);
	rw_lock_store(w, true);
	rw_release(w, RW_REST, NULL);
	RW_UNTIL(w, s->answered);
	for (int i = 0; i < 3; i++) {
		rw_skip(w, 600);
		rw_settle(w);
	}
	rw_lock_store(w, false);
	rw_skip(w, 600);
	rw_idle(w);
	for (int64_t i = 0; i < w->config->portal.calls_in_flight; i++)
		RW_UNTIL(w, other_asks(other));
	assert_true(store_close(other, 1000));
}

/* Others have all slots: it waits, and asks again soon. */
static void
test_slots_elsewhere(void **state)
{
	struct relay_world *w = *state;
	struct store *other = rw_other_store(w);
	struct rw_sent *s;
	int64_t n = 0;

	while (other_asks(other))
		n++;
	assert_int_equal(n, w->config->portal.calls_in_flight);
	s = RW_POST(w, .first = 1);
	RW_UNTIL(w, rw_see(w, 1).state == STATE_DELIVERED);
	for (int i = 0; i < 5; i++) {
		rw_skip(w, 100);
		rw_settle(w);
	}
	assert_int_equal(w->count[RW_REST], 0);
	assert_int_equal(s->answered, 0);
	other_gives(other, 1);
	RW_UNTIL(w, s->answered);
	assert_int_equal(s->outcome.acknowledged, 1);
	assert_int_equal(w->count[RW_REST], 1);
	assert_true(store_close(other, 1000));
}

/* ... and if the other one tells it, that is learnt. */
static void
test_told_elsewhere(void **state)
{
	struct relay_world *w = *state;
	struct store *other = rw_other_store(w);
	struct taking_up up = { .store = other, .kind = PLACE_TELL,
	    .max = 10 };
	struct moving_one one = { .from = STATE_DELIVERED,
	    .move = MOVE_TOLD };
	struct moving moving = { .store = other, .one = &one, .n = 1 };
	struct rw_sent *s;

	while (other_asks(other))
		continue;
	s = RW_POST(w, .first = 1);
	RW_UNTIL(w, rw_see(w, 1).state == STATE_DELIVERED);
	assert_int_equal(place_of_tell(&up.place, RW_MEMBER, "myconnector",
	    107), ERR_OK);
	RW_UNTIL(w, (store_take_up(&up), rw_must(other, &up.db), up.n == 1 ||
	    (free(up.work), up.work = NULL, false)));
	one.id = up.work[0]->id;
	store_move(&moving);
	rw_must(other, &moving.db);
	assert_false(one.lost);
	RW_UNTIL(w, s->answered);
	assert_int_equal(s->outcome.acknowledged, 1);
	assert_int_equal(w->count[RW_REST], 0);
	free(up.work[0]);
	free(up.work);
	assert_true(store_close(other, 1000));
}

/* It says that it is full: nothing leaves until it has leaked. */
static void
test_limit(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *a, *b;

	RW_SAY(w, RW_REST, LIMIT, WELL);
	a = RW_POST(w, .first = 1, .chats = true);
	RW_UNTIL(w, a->gone);
	assert_int_equal(a->outcome.acknowledged, 0);
	rw_idle(w);
	b = RW_POST(w, .first = 2, .chats = true);
	RW_UNTIL(w, w->count[RW_HOOK] == 2);
	rw_settle(w);
	assert_int_equal(w->count[RW_REST], 1);
	rw_skip(w, 1000);
	RW_UNTIL(w, b->gone);
	assert_int_equal(b->outcome.acknowledged, 1);
	assert_true(rw_see(w, 1).timed);
}

static int
begin_small(void **state)
{
	return rw_begin_with(state, "[portal]\nburst = 8\nrate = 2\n"
	    "calls_in_flight = 2\nstatus_batch = 1\n");
}

/* A bucket of 8 that leaks 2 a second: what leaves at once fits into it. */
static void
test_bucket(void **state)
{
	struct relay_world *w = *state;
	size_t first;

	(void)RW_POST(w, .n = 30, .chats = true);
	RW_UNTIL(w, w->count[RW_HOOK] == 30);
	for (int i = 0; i < 10; i++)
		rw_settle(w);
	first = w->count[RW_REST];
	assert_in_range(first, 1, 8);
	for (int s = 1; s <= 10; s++) {
		rw_skip(w, 1000);
		for (int i = 0; i < 3; i++)
			rw_settle(w);
		/* the tests' own time passes, too, but slower than this */
		assert_in_range(w->count[RW_REST], 1, 8 + 4 * (size_t)s);
	}
	assert_true(w->count[RW_REST] > first + 10);
	while (rw_count(w, STATE_DELIVERED) != 0) {
		rw_skip(w, 1000);
		rw_settle(w);
	}
}

/* The calls of a ladder are charged, too. */
static void
test_ladder_is_charged(void **state)
{
	struct relay_world *w = *state;
	static const struct rw_act expired = { .status = 401,
	    .body = "{\"error\":\"expired_token\"}" };

	rw_install(w);
	rw_script(w, RW_REST, &expired, 1);
	for (int i = 0; i < 8; i++)
		(void)RW_POST(w, .chats = true, .line = i + 1);
	for (int i = 0; i < 20; i++)
		rw_settle(w);
	/* burst, and what one ladder has begun */
	assert_in_range(w->count[RW_REST], 1, 8 + 2 * 4);
}

/* Skips until the next call, a step at a time; false: none in that time. */
static bool
next_call(struct relay_world *w, int64_t ms)
{
	size_t n = w->count[RW_REST];

	for (; ms > 0 && w->count[RW_REST] == n; ms -= 500) {
		rw_skip(w, 500);
		rw_settle(w);
	}
	return w->count[RW_REST] != n;
}

static void
goes_down(struct relay_world *w)
{
	RW_UNTIL(w, rw_open(w, RW_REST) != 0);
	rw_settle(w);
	rw_skip(w, w->config->portal.timeout * 1000 + 1);
	RW_UNTIL(w, rw_open(w, RW_REST) == 0);
}

/*
 * Down: one call told it, and nothing more leaves but one probe at a time,
 * ever more seldom; when one succeeds, all are told.
 */
static void
test_down(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s;

	relay_start(w->relay);
	RW_SAY(w, RW_REST, HOLD);
	(void)RW_POST(w, .first = 1, .chats = true);
	goes_down(w);
	RW_UNTIL(w, rw_see(w, 1).hold == HOLD_DOWN);
	for (int64_t i = 2; i <= 5; i++) {
		s = RW_POST(w, .first = i, .chats = true, .line = i);
		RW_UNTIL(w, s->gone);
		assert_int_equal(s->outcome.acknowledged, 0);
		assert_int_equal(rw_see(w, i).hold, HOLD_DOWN);
	}
	assert_int_equal(w->count[RW_REST], 1);
	for (int probe = 0; probe < 2; probe++) {
		assert_true(next_call(w, 20000));
		rw_settle(w);
		assert_int_equal(rw_open(w, RW_REST), 1);
		assert_int_equal(rw_call_at(w, RW_REST,
		    w->count[RW_REST] - 1)->messages, 1);
		assert_false(next_call(w, 20000));
		goes_down(w);
	}
	RW_SAY(w, RW_REST, WELL);
	assert_true(next_call(w, 60000));
	RW_UNTIL(w, rw_count(w, STATE_DELIVERED) == 0);
	assert_int_equal(rw_count(w, STATE_REFUSED), 0);
}

/* Two lines wait when it goes down: neither stands in the other's way. */
static void
test_down_with_two_lines(void **state)
{
	struct relay_world *w = *state;

	relay_start(w->relay);
	RW_SAY(w, RW_REST, HOLD);
	for (int64_t i = 1; i <= 8; i++)
		(void)RW_POST(w, .first = i, .chats = true,
		    .line = i % 2 + 1, .answer_ms = 1000000);
	goes_down(w);
	RW_SAY(w, RW_REST, WELL);
	assert_true(next_call(w, 60000));
	for (int i = 0; i < 100 && rw_count(w, STATE_DELIVERED) != 0; i++) {
		rw_skip(w, 500);
		rw_settle(w);
	}
	assert_int_equal(rw_count(w, STATE_DELIVERED), 0);
}

/* One message alone in memory when it goes down is not forgotten. */
static void
test_noted_while_it_goes_down(void **state)
{
	struct relay_world *w = *state;

	relay_start(w->relay);
	RW_SAY(w, RW_REST, HOLD);
	(void)RW_POST(w, .first = 1, .chats = true, .line = 1);
	RW_UNTIL(w, rw_open(w, RW_REST) == 1);
	RW_SAY(w, RW_HOOK, HOLD);
	(void)RW_POST(w, .first = 2, .chats = true, .line = 2);
	RW_UNTIL(w, rw_open(w, RW_HOOK) == 1);
	/* the call's time, not the hand-over's */
	w->config->channel[0].timeout = 1000;
	rw_skip(w, 29000);
	rw_settle(w);
	rw_release(w, RW_HOOK, NULL);
	rw_skip(w, 37000);
	RW_SAY(w, RW_REST, WELL);
	for (int i = 0; i < 200 && rw_count(w, STATE_ACKNOWLEDGED) +
	    rw_count(w, STATE_DELIVERED) + rw_count(w, STATE_RECEIVED) != 0 &&
	    (rw_see(w, 1).state != STATE_ACKNOWLEDGED ||
	    rw_see(w, 2).state != STATE_ACKNOWLEDGED); i++) {
		rw_skip(w, 500);
		rw_settle(w);
	}
	assert_int_equal(rw_see(w, 1).state, STATE_ACKNOWLEDGED);
	assert_int_equal(rw_see(w, 2).state, STATE_ACKNOWLEDGED);
}

/* Another process has found it up: this one learns that from the store. */
static void
test_up_elsewhere(void **state)
{
	struct relay_world *w = *state;
	struct store *other = rw_other_store(w);
	struct place_change up = { .store = other, .place = {
	    .kind = PLACE_TELL, .member_id = RW_MEMBER, .connector = "",
	    .name = RW_MEMBER }, .reason = "" };

	relay_start(w->relay);
	RW_SAY(w, RW_REST, HOLD);
	for (int64_t i = 1; i <= 4; i++)
		(void)RW_POST(w, .first = i, .chats = true, .line = i,
		    .answer_ms = 1000000);
	goes_down(w);
	RW_UNTIL(w, rw_see(w, 1).hold == HOLD_DOWN);
	RW_SAY(w, RW_REST, WELL);
	store_place_change(&up);
	rw_must(other, &up.db);
	for (int i = 0; i < 100 && rw_count(w, STATE_DELIVERED) != 0; i++) {
		rw_skip(w, 100);
		rw_settle(w);
	}
	assert_int_equal(rw_count(w, STATE_DELIVERED), 0);
	assert_true(store_close(other, 1000));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RW_TEST(test_calls_in_flight), RW_TEST(test_portals_apart),
		RW_TEST(test_quiet_room_gives_back),
		RW_TEST(test_gives_back_later),
		RW_TEST(test_slots_elsewhere), RW_TEST(test_told_elsewhere),
		RW_TEST(test_limit),
		cmocka_unit_test_setup_teardown(test_bucket, begin_small,
		    rw_end),
		cmocka_unit_test_setup_teardown(test_ladder_is_charged,
		    begin_small, rw_end),
		RW_TEST(test_down), RW_TEST(test_down_with_two_lines),
		RW_TEST(test_noted_while_it_goes_down),
		RW_TEST(test_up_elsewhere),
	};

	return cmocka_run_group_tests_name("portal/room", tests, NULL, NULL);
}
