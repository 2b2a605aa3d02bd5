/*
 * What a portal bears: slots over all processes, and its bucket, which is
 * strict whatever is charged when.
 */
#include "store_world.h"

#include <stdlib.h>

/* Asks, and keeps what was said. */
static struct room_ask
ask(struct store_world *w, struct store *s, bool slot, int64_t calls,
    bool probe)
{
	struct room_ask a;
	struct asking work = { .store = s, .ask = &a };

	room_ask_init(&a, MEMBER);
	a.slot = slot;
	a.calls = calls;
	a.probe = probe;
	store_ask(&work);
	world_must(w, s, &work.db);
	room_ask_free(&a);
	return a;
}

static bool
slot(struct store_world *w, struct store *s)
{
	return ask(w, s, true, 0, false).granted;
}

static void
note(struct store_world *w, struct store *s, struct room_note n)
{
	struct noting_room work = { .store = s, .note = n };

	work.note.member_id = MEMBER;
	store_note_room(&work);
	world_must(w, s, &work.db);
}

static void
give_back(struct store_world *w, struct store *s, int64_t n)
{
	note(w, s, (struct room_note){ .free_slots = n });
}

static void
test_slots(void **state)
{
	struct store_world *w = *state;
	struct store *b = world_store(w), *c = world_store(w);

	assert_true(slot(w, w->store));
	assert_true(slot(w, b));
	assert_false(slot(w, c));
	assert_false(slot(w, b));
	give_back(w, c, 1);		/* it has none */
	assert_false(slot(w, c));
	give_back(w, w->store, 1);
	assert_true(slot(w, c));
	assert_false(slot(w, w->store));
	give_back(w, b, 9);		/* no more than it has */
	assert_true(slot(w, w->store));
	assert_false(slot(w, b));
	/* whoever is dead has none */
	world_dies(w, &c);
	assert_true(slot(w, b));
	assert_false(slot(w, b));
	world_dies(w, &b);
	(void)world_look_all(w, w->store);
	assert_true(slot(w, w->store));
	assert_false(slot(w, w->store));
	/* another portal has its own */
	{
		struct room_ask a;
		struct asking work = { .store = w->store, .ask = &a };

		room_ask_init(&a, "another");
		a.slot = true;
		store_ask(&work);
		world_must(w, w->store, &work.db);
		assert_true(a.granted);
		room_ask_free(&a);
	}
}

/* Who asked in vain is seen by who has them, for a second. */
static void
test_wishes(void **state)
{
	struct store_world *w = *state;
	struct store *b = world_store(w);

	assert_true(slot(w, w->store));
	assert_false(ask(w, w->store, true, 0, false).others_wait);
	assert_false(slot(w, b));
	assert_true(ask(w, w->store, false, 1, false).others_wait);
	world_pass(w, 999);
	assert_true(ask(w, w->store, false, 1, false).others_wait);
	world_pass(w, 1);
	assert_false(ask(w, w->store, false, 1, false).others_wait);
	assert_false(slot(w, b));
	assert_true(ask(w, w->store, false, 1, false).others_wait);
	/* a clock that is set back makes no wish that lasts */
	w->now_ms -= 3600000;
	assert_false(ask(w, w->store, false, 1, false).others_wait);
	world_dies(w, &b);
}

/* Who has one wishes for no more, and a wish that came true is over: else two
 * would take their slots from each other for ever. */
static void
test_no_more_wishes(void **state)
{
	struct store_world *w = *state;
	struct store *b = world_store(w);
	struct room_ask a;
	struct asking work = { .store = w->store, .ask = &a };

	assert_true(slot(w, w->store));
	assert_true(slot(w, b));
	room_ask_init(&a, MEMBER);
	a.slot = a.has_slot = true;
	store_ask(&work);
	world_must(w, w->store, &work.db);
	assert_false(a.granted);
	room_ask_free(&a);
	assert_false(ask(w, b, false, 1, false).others_wait);
	assert_false(slot(w, b));
	give_back(w, w->store, 1);
	assert_true(slot(w, b));
	assert_false(ask(w, b, false, 1, false).others_wait);
	world_dies(w, &b);
}

static bool
in_vain(struct store_world *w, struct store *s)
{
	struct room_ask a;
	struct asking work = { .store = s, .ask = &a };

	room_ask_init(&a, MEMBER);
	store_ask_in_vain(&work);
	world_must(w, s, &work.db);
	room_ask_free(&a);
	return work.in_vain;
}

/* Only while those who live have all slots, and know of the wish. */
static void
test_in_vain(void **state)
{
	struct store_world *w = *state;
	struct store *b = world_store(w), *c = world_store(w);

	assert_false(in_vain(w, c));
	assert_true(slot(w, w->store));
	assert_true(slot(w, b));
	assert_false(in_vain(w, c));
	assert_false(slot(w, c));
	assert_true(in_vain(w, c));
	world_pass(w, 1000);
	assert_false(in_vain(w, c));
	assert_false(slot(w, c));
	assert_true(in_vain(w, c));
	give_back(w, w->store, 1);
	assert_false(in_vain(w, c));
	assert_true(slot(w, w->store));
	assert_false(slot(w, c));
	assert_true(in_vain(w, c));
	world_dies(w, &b);
	assert_false(in_vain(w, c));
	world_dies(w, &c);
}

/* A portal that is down has no slots but for its probe. */
static void
test_down(void **state)
{
	struct store_world *w = *state;
	struct place at = tell_place(107);
	struct room_ask a;

	(void)world_place(w, w->store, &at, true);
	a = ask(w, w->store, true, 5, false);
	assert_false(a.granted);
	assert_int_equal(a.credits, 0);
	assert_int_equal(a.down_ms, w->now_ms + 2000);
	a = ask(w, w->store, true, 5, true);
	assert_true(a.granted);
	assert_int_equal(a.credits, 5);
	(void)world_place(w, w->store, &at, false);
	a = ask(w, w->store, true, 5, false);
	assert_true(a.granted);
	assert_int_equal(a.down_ms, 0);
}

/* A wish for a slot that is not granted costs no credit. */
static void
test_no_waste(void **state)
{
	struct store_world *w = *state;
	struct store *b = world_store(w);

	for (int i = 0; i < 2; i++)
		assert_true(slot(w, b));
	for (int i = 0; i < 100; i++)
		assert_int_equal(ask(w, w->store, true, 47, false).credits, 0);
	assert_int_equal(ask(w, w->store, false, 100, false).credits, 47);
	world_dies(w, &b);
}

/* What is noted is told to whoever asks next. */
static void
test_notes(void **state)
{
	struct store_world *w = *state;
	struct store *b = world_store(w);
	struct room_ask a;

	note(w, w->store, (struct room_note){ .reset_ms = w->now_ms + 77 });
	a = ask(w, b, false, 0, false);
	assert_int_equal(a.reset_ms, w->now_ms + 77);
	assert_false(a.parked || a.installed);
	note(w, w->store, (struct room_note){ .parked = "no token" });
	a = ask(w, b, false, 0, false);
	assert_true(a.parked);
	assert_int_equal(a.reset_ms, w->now_ms + 77);
	/* it said that it is full: it leaks from there */
	note(w, w->store, (struct room_note){ .full = true });
	a = ask(w, b, false, 3, false);
	assert_int_equal(a.credits, 0);
	assert_int_equal(a.credit_ms, w->now_ms + 500);
	world_pass(w, 500);
	assert_int_equal(ask(w, b, false, 3, false).credits, 1);
	/* calls beyond the credit count, too */
	world_pass(w, 60000);
	note(w, b, (struct room_note){ .charge = 50 });
	a = ask(w, w->store, false, 1, false);
	assert_int_equal(a.credits, 0);
	assert_int_equal(a.credit_ms, w->now_ms + 2000);
	world_dies(w, &b);
}

/*
 * In any stretch of time no more is charged than burst - 1 - rate and what
 * leaks in it, however many ask, and for what.
 */
static void
test_bucket(void **state)
{
	static const struct {
		int64_t burst, rate;
	} limits[] = { { 50, 2 }, { 10, 5 }, { 3, 1 }, { 100, 50 } };
	enum { STEPS = 600 };
	static int64_t at[STEPS], got[STEPS];
	struct store_world *w = *state;
	uint32_t random = 7;

	for (size_t k = 0; k < COUNT(limits); k++) {
		int64_t most = limits[k].burst - 1 - limits[k].rate, sum = 0;
		int64_t asked = w->now_ms;

		w->opts.burst = limits[k].burst;
		w->opts.rate = limits[k].rate;
		world_dies(w, &w->store);
		w->store = world_store(w);
		world_pass(w, 3600000);
		for (int i = 0; i < STEPS; i++) {
			struct room_ask a;

			random = random * 1664525 + 1013904223;
			/* now in a burst, now as it says, now at random */
			if (i % 7 > 3)
				world_pass(w, (random >> 8) % 900);
			a = ask(w, w->store, false, 1 + (random >> 20) % 9,
			    false);
			assert_true(a.credits >= 0);
			assert_int_equal(a.credits == 0, a.credit_ms != 0);
			at[i] = w->now_ms;
			got[i] = a.credits;
			sum += a.credits;
			if (a.credits == 0 && i % 3 == 0) {
				/* not earlier, and no later */
				assert_true(a.credit_ms > w->now_ms);
				world_pass(w, a.credit_ms - w->now_ms - 1);
				assert_int_equal(ask(w, w->store, false, 1,
				    false).credits, 0);
				world_pass(w, 1);
			}
		}
		for (int i = 0; i < STEPS; i++) {
			int64_t window = 0;

			for (int j = i; j < STEPS; j++) {
				window += got[j];
				assert_true(window * 1000 <= most * 1000 +
				    limits[k].rate * (at[j] - at[i]));
			}
		}
		/* and what leaks can be had */
		assert_true(sum * 1000 > limits[k].rate * (w->now_ms - asked -
		    3600000) / 4);
	}
}

/* After a clock was set back nobody waits for it to catch up. */
static void
test_clock_back(void **state)
{
	struct store_world *w = *state;

	assert_int_equal(ask(w, w->store, false, 100, false).credits, 47);
	assert_int_equal(ask(w, w->store, false, 100, false).credits, 0);
	w->now_ms -= 86400000;
	assert_int_equal(ask(w, w->store, false, 100, false).credits, 47);
	assert_int_equal(ask(w, w->store, false, 100, false).credits, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_slots),
		WORLD_TEST(test_wishes), WORLD_TEST(test_no_more_wishes),
		WORLD_TEST(test_in_vain), WORLD_TEST(test_down),
		WORLD_TEST(test_no_waste),
		WORLD_TEST(test_notes),
		WORLD_TEST(test_bucket),
		WORLD_TEST(test_clock_back),
	};

	return cmocka_run_group_tests_name("store/room", tests, NULL, NULL);
}
