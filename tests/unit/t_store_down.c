/*
 * Destinations that are down: how long, who probes them, and what becomes of
 * messages that wait for them; portals without a token.
 */
#include "store_look.h"

#include "store/portals.h"

/* The waits of a destination that stays down: doubled up to the longest. */
static void
test_down_waits(void **state)
{
	static const int64_t want[] = { 2000, 4000, 8000, 16000, 32000, 64000,
		128000, 256000, 512000, LONGEST_MS, LONGEST_MS };
	struct store_world *w = *state;
	struct place at[2] = { channel_place(), tell_place(107) };

	for (int kind = 0; kind < 2; kind++)
		for (int round = 0; round < 2; round++) {
			for (size_t i = 0; i < COUNT(want); i++) {
				struct place_change c = world_place(w,
				    w->store, &at[kind], true);

				assert_int_equal(c.wait_ms, want[i]);
				assert_int_equal(c.tries, i + 1);
			}
			for (int i = 0; i < 60; i++)
				assert_int_equal(world_place(w, w->store,
				    &at[kind], true).wait_ms, LONGEST_MS);
			(void)world_place(w, w->store, &at[kind], false);
		}
}

/* One at a time probes; when it is due, and while it may take. */
static void
probe_once(struct store_world *w, const struct place *at)
{
	struct store *other = world_store(w);
	int64_t wait = world_place(w, w->store, at, true).wait_ms;

	world_pass(w, wait - 1);
	assert_false(probed(w, w->store, at));
	assert_false(probed(w, other, at));
	world_pass(w, 1);
	assert_true(probed(w, other, at));
	assert_false(probed(w, w->store, at));
	world_pass(w, PROBE_MS);
	for (int i = 0; i < 20; i++) {	/* it lives: it will say */
		assert_false(probed(w, w->store, at));
		world_pass(w, 1000);
	}
	wait = world_place(w, other, at, true).wait_ms;
	assert_int_equal(wait, 4000);
	world_pass(w, wait);
	assert_true(probed(w, other, at));
	/* it dies within its probe: the next one may */
	world_dies(w, &other);
	world_pass(w, 1000);
	assert_true(probed(w, w->store, at));
	(void)world_place(w, w->store, at, false);
	world_pass(w, 1000);
	assert_true(told(w, w->store, at));
}

static void
test_probe_channel(void **state)
{
	struct store_world *w = *state;
	struct place at = channel_place();

	(void)TAKE(w, w->store, .message_id = 1, .unclaimed = true);
	probe_once(w, &at);
}

static void
test_probe_portal(void **state)
{
	struct store_world *w = *state;
	struct place at = tell_place(107);

	(void)make_delivered(w, w->store, 1, true);
	probe_once(w, &at);
}

/* A portal that is down is so for all its lines, and one of them probes. */
static void
test_portal_is_one(void **state)
{
	struct store_world *w = *state;
	struct place one = tell_place(107), two = tell_place(108);
	struct arrival a = TAKE(w, w->store, .message_id = 2, .line = "108",
	    .chat = "B");
	int64_t wait;
	int probes = 0;

	(void)make_delivered(w, w->store, 1, true);
	MOVE(w, w->store, .id = a.id, .from = STATE_RECEIVED,
	    .move = MOVE_DELIVERED, .leave = true, .line = 108);
	(void)world_place(w, w->store, &one, true);
	wait = world_place(w, w->store, &two, true).wait_ms;
	assert_int_equal(world_stats(w, w->store).held, 2);
	assert_int_equal(world_stats(w, w->store).down, 1);
	world_pass(w, wait);
	for (int i = 0; i < 3; i++) {
		struct looked l = world_look_all(w, w->store);

		for (size_t k = 0; k < l.n; k++)
			probes += l.place[k].probe;
		world_pass(w, 10000);
	}
	assert_int_equal(probes, 1);
	(void)world_place(w, w->store, &two, false);
	assert_int_equal(world_look_all(w, w->store).n, 2);
	assert_int_equal(world_stats(w, w->store).held, 0);
}

/* What waits behind a destination that is down is given up by its age, each
 * chat to its end, and nothing of it is lost. */
static void
give_up(struct store_world *w, const struct place *at, enum state waiting)
{
	enum { MANY = 330 };
	struct stats s;

	for (int64_t i = 1; i <= MANY; i++) {
		struct arrival a;

		if (waiting == STATE_DELIVERED) {
			(void)make_delivered(w, w->store, i, true);
			continue;
		}
		a = TAKE(w, w->store, .message_id = i, .unclaimed = true,
		    .chat = i % 3 == 0 ? "one" : i % 3 == 1 ? "two" :
		    "three");
		assert_false(a.claimed);
	}
	(void)world_place(w, w->store, at, true);
	world_pass(w, GIVE_UP_MS);
	(void)world_look_all(w, w->store);
	assert_int_equal(world_stats(w, w->store).state[STATE_REFUSED], 0);
	/* these are younger */
	if (waiting == STATE_RECEIVED)
		(void)TAKE(w, w->store, .message_id = 1000,
		    .unclaimed = true);
	world_pass(w, LONGEST_MS);
	(void)world_look_all(w, w->store);
	s = world_stats(w, w->store);
	assert_int_equal(s.state[STATE_REFUSED], MANY);
	assert_int_equal(s.state[waiting], waiting == STATE_RECEIVED);
	assert_int_equal(s.held, waiting == STATE_RECEIVED);
}

static void
test_give_up_channel(void **state)
{
	struct place at = channel_place();

	give_up(*state, &at, STATE_RECEIVED);
}

static void
test_give_up_portal(void **state)
{
	struct place at = tell_place(107);

	give_up(*state, &at, STATE_DELIVERED);
}

/* Why, as a person reads it. */
static void
test_given_up_reason(void **state)
{
	struct store_world *w = *state;
	struct place at = channel_place();
	struct arrival a = TAKE(w, w->store, .message_id = 1,
	    .unclaimed = true);
	struct seen_message m;

	(void)world_place(w, w->store, &at, true);
	m = world_see(w, w->store, a.key);
	assert_int_equal(m.hold, HOLD_DOWN);
	assert_string_equal(m.reason, "no answer");
	assert_int_equal(m.next_ms, w->now_ms + 2000);
	world_pass(w, GIVE_UP_MS + 1);
	(void)world_look_all(w, w->store);
	m = world_see(w, w->store, a.key);
	assert_int_equal(m.state, STATE_REFUSED);
	assert_int_equal(m.step, STEP_HAND_OVER);
	assert_string_equal(m.reason, "given up: no answer");
	assert_int_equal(m.hold, HOLD_NONE);
}

/* No token is left for what is told of a portal. */
static void
no_token(struct store_world *w)
{
	struct noting_room note = { .store = w->store, .note = {
	    .member_id = MEMBER, .parked = "no token" } };

	store_note_room(&note);
	world_must(w, w->store, &note.db);
}

static void
new_token(struct store_world *w)
{
	struct portal_saving v = { .store = w->store, .portal = {
	    .member_id = MEMBER, .application_token = "app",
	    .endpoint = "https://a/rest/", .server_endpoint = "https://o/",
	    .access_token = "a", .refresh_token = "r" } };

	store_portal_save(&v);
	world_must(w, w->store, &v.db);
}

/* What has no token waits for one, and for that only. */
static void
test_parked(void **state)
{
	struct store_world *w = *state;
	struct place at = parked_place(107);
	struct known_message m = make_delivered(w, w->store, 1, false);
	struct arrival a;

	no_token(w);
	MOVE(w, w->store, .id = m.id, .from = STATE_DELIVERED,
	    .move = MOVE_READY, .parked = true);
	assert_int_equal(world_stats(w, w->store).parked, 1);
	assert_int_equal(world_stats(w, w->store).held, 0);
	for (int i = 0; i < 200; i++) {
		world_pass(w, 10000);
		assert_false(told(w, w->store, &at));
	}
	a = TAKE(w, w->store, .message_id = 1, .chat = "c1");
	assert_int_equal(world_see(w, w->store, a.key).hold, HOLD_PARKED);
	assert_string_equal(world_see(w, w->store, a.key).reason, "no token");
	new_token(w);
	assert_int_equal(world_stats(w, w->store).parked, 0);
	assert_true(told(w, w->store, &at));
	assert_int_equal(world_take_up(w, w->store, &at, 5).m[0].id, m.id);
	/* parked for too long is given up as all is */
	no_token(w);
	MOVE(w, w->store, .id = m.id, .from = STATE_DELIVERED,
	    .move = MOVE_READY, .parked = true);
	world_pass(w, GIVE_UP_MS + 60000);
	(void)world_look_all(w, w->store);
	assert_int_equal(world_state(w, w->store, m.id), STATE_REFUSED);
}

/* What brings a token of its own waits elsewhere, and is not held up. */
static void
test_not_parked(void **state)
{
	struct store_world *w = *state;
	struct place parked = parked_place(107), at = tell_place(107);
	struct known_message m = make_delivered(w, w->store, 1, false);

	no_token(w);
	MOVE(w, w->store, .id = m.id, .from = STATE_DELIVERED,
	    .move = MOVE_READY, .parked = true);
	m = make_delivered(w, w->store, 2, true);
	assert_true(told(w, w->store, &at));
	assert_int_equal(world_take_up(w, w->store, &at, 5).m[0].id, m.id);
	assert_false(told(w, w->store, &parked));
	assert_int_equal(world_stats(w, w->store).parked, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_down_waits),
		WORLD_TEST(test_probe_channel),
		WORLD_TEST(test_probe_portal),
		WORLD_TEST(test_portal_is_one),
		WORLD_TEST(test_give_up_channel),
		WORLD_TEST(test_give_up_portal),
		WORLD_TEST(test_given_up_reason),
		WORLD_TEST(test_parked),
		WORLD_TEST(test_not_parked),
	};

	return cmocka_run_group_tests_name("store/down", tests, NULL, NULL);
}
