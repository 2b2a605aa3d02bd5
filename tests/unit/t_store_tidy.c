/*
 * Rows that nobody uses any more go by themselves; what waits, and what a
 * process may need, stays.
 */
#include "store_look.h"

#define HOUR_MS 3600000

static int64_t
tidy(struct store_world *w)
{
	int64_t n = -1;

	assert_int_equal(store_tidy(w->store, &n, &w->problem), ERR_OK);
	return n;
}

/* A call to that portal was charged. */
static void
call(struct store_world *w, const char *member_id)
{
	struct room_ask a;
	struct asking ask = { .store = w->store, .ask = &a };
	struct noting_room n = { .store = w->store, .note = {
	    .member_id = member_id, .free_slots = 1 } };

	room_ask_init(&a, member_id);
	a.slot = true;
	a.calls = 1;
	store_ask(&ask);
	world_must(w, w->store, &ask.db);
	assert_true(a.granted);
	room_ask_free(&a);
	store_note_room(&n);
	world_must(w, w->store, &n.db);
}

static void
test_rooms(void **state)
{
	enum { MANY = 250 };
	struct store_world *w = *state;
	char member_id[32];

	for (int i = 0; i < MANY; i++) {
		(void)snprintf(member_id, sizeof(member_id), "m%d", i);
		call(w, member_id);
	}
	assert_int_equal(tidy(w), 0);
	world_pass(w, HOUR_MS - 60000);
	call(w, "m7");
	assert_int_equal(tidy(w), 0);
	world_pass(w, 120000);
	assert_int_equal(tidy(w), MANY - 1);
	world_pass(w, HOUR_MS);
	assert_int_equal(tidy(w), 1);
	assert_int_equal(tidy(w), 0);
}

/* A portal that is down is of interest while something waits for it. */
static void
test_down_portal(void **state)
{
	struct store_world *w = *state;
	struct place at = tell_place(107);
	struct known_message m = make_delivered(w, w->store, 1, true);

	(void)world_place(w, w->store, &at, true);
	assert_int_equal(world_stats(w, w->store).down, 1);
	assert_int_equal(world_stats(w, w->store).down_ms, WORLD_START_MS);
	world_pass(w, 3 * HOUR_MS);
	assert_int_equal(tidy(w), 0);
	assert_int_equal(world_take_up(w, w->store, &at, 1).m[0].id, m.id);
	MOVE(w, w->store, .id = m.id, .from = STATE_DELIVERED,
	    .move = MOVE_TOLD);
	assert_int_equal(world_stats(w, w->store).down, 0);
	assert_int_equal(world_take_up(w, w->store, &at, 1).n, 0);
	assert_int_equal(tidy(w), 1);
}

/* A place where nothing waits, whose connector nobody serves any more. */
static void
test_place(void **state)
{
	struct store_world *w = *state;
	struct place at = channel_place();

	(void)world_place(w, w->store, &at, true);
	assert_int_equal(world_stats(w, w->store).down, 1);
	assert_int_equal(tidy(w), 0);
	world_pass(w, 2 * HOUR_MS);
	assert_int_equal(tidy(w), 1);
	assert_int_equal(world_stats(w, w->store).down, 0);
}

static void
test_place_where_one_waits(void **state)
{
	struct store_world *w = *state;
	struct place at = channel_place();
	struct known_message m = make_received(w, w->store, 1);

	MOVE(w, w->store, .id = m.id, .chat = m.chat, .from = STATE_RECEIVED,
	    .move = MOVE_READY);
	(void)world_place(w, w->store, &at, true);
	world_pass(w, 9 * HOUR_MS);
	assert_int_equal(tidy(w), 0);
	assert_int_equal(world_stats(w, w->store).down, 1);
	assert_int_equal(world_take_up(w, w->store, &at, 5).n, 1);
}

/* A look does the same, a few rows at a time. */
static void
test_look(void **state)
{
	enum { MANY = 150 };
	struct store_world *w = *state;
	struct looking l = { .store = w->store, .max = 8,
	    .probe_ms = PROBE_MS, .tidy = true };
	char member_id[32];

	for (int i = 0; i < MANY; i++) {
		(void)snprintf(member_id, sizeof(member_id), "m%d", i);
		call(w, member_id);
	}
	world_pass(w, 2 * HOUR_MS);
	store_look(&l);
	world_must(w, w->store, &l.db);
	store_look_free(&l);
	assert_true(l.tidy);
	store_look(&l);
	world_must(w, w->store, &l.db);
	store_look_free(&l);
	assert_false(l.tidy);
	assert_int_equal(tidy(w), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_rooms), WORLD_TEST(test_down_portal),
		WORLD_TEST(test_place),
		WORLD_TEST(test_place_where_one_waits),
		WORLD_TEST(test_look),
	};

	return cmocka_run_group_tests_name("store/tidy", tests, NULL, NULL);
}
