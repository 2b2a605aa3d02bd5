/*
 * How old a stamp is while clocks are set and machines are off: never older
 * than it can be, and old enough in the end.
 */
#include "store_world.h"

#include "store/private.h"

#define MINUTE ((int64_t)60000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define YEAR (365 * DAY)

struct asking_age {
	struct db_work db;
	struct store *store;
	int64_t stamp_ms;
};

static bool
ask_age(struct tx *tx, struct db_work *w)
{
	struct asking_age *a = (struct asking_age *)w;

	return age_limit(a->store, tx, AGE_KEEP, &a->stamp_ms);
}

/* What was stamped before then is as old as this process keeps keys. */
static int64_t
limit_of(struct store_world *w, struct store *s)
{
	struct asking_age a = { .db.work = ask_age, .store = s };

	world_must(w, s, &a.db);
	return a.stamp_ms;
}

/* As a process sees it that was started just now. */
static int64_t
limit(struct store_world *w, int64_t ms)
{
	struct store *s;
	int64_t stamp_ms;

	w->opts.keep_ms = ms;
	s = world_store(w);
	stamp_ms = limit_of(w, s);
	world_dies(w, &s);
	return stamp_ms;
}

static int64_t
begin(struct store_world *w)
{
	(void)limit(w, 0);	/* the file is there from now on */
	return w->now_ms;
}

static void
test_plain_time(void **state)
{
	static const int64_t steps[] = { 0, 1, 1000, MINUTE, HOUR, DAY, 9 * DAY,
		YEAR, 1, 0 };
	struct store_world *w = *state;

	(void)begin(w);
	for (size_t i = 0; i < COUNT(steps); i++) {
		world_pass(w, steps[i]);
		assert_int_equal(limit(w, 7 * DAY), w->now_ms - 7 * DAY);
		assert_int_equal(limit(w, 0), w->now_ms);
	}
}

static void
test_a_year_ahead(void **state)
{
	struct store_world *w = *state;
	int64_t old = begin(w), young;

	world_pass(w, 6 * DAY);
	w->now_ms += YEAR;
	young = w->now_ms;
	assert_true(limit(w, 7 * DAY) < old);
	world_pass(w, DAY - 1);
	assert_true(limit(w, 7 * DAY) < old);
	world_pass(w, 1);
	assert_int_equal(limit(w, 7 * DAY), old);
	/* what is stamped since then is told by the new time alone */
	world_pass(w, 6 * DAY - 1);
	assert_true(limit(w, 7 * DAY) < young);
	world_pass(w, 1);
	assert_int_equal(limit(w, 7 * DAY), young);
	/* a longer age still has the jump within it */
	assert_true(limit(w, 30 * DAY) < old);
	world_pass(w, 23 * DAY);
	assert_int_equal(limit(w, 30 * DAY), young);
}

/* Each of them, also when one is undone and made again. */
static void
test_several_jumps(void **state)
{
	struct store_world *w = *state;
	int64_t old = begin(w);

	for (int i = 0; i < 5; i++) {
		w->now_ms += i % 2 == 0 ? YEAR : -YEAR;
		world_pass(w, HOUR);
		assert_true(limit(w, DAY) < old);
	}
	world_pass(w, DAY - 5 * HOUR - 1);
	assert_true(limit(w, DAY) < old);
	/* not at once: it may have been stamped while the clock was wrong */
	world_pass(w, 5 * HOUR);
	assert_true(limit(w, DAY) >= old);
}

static void
test_set_back(void **state)
{
	struct store_world *w = *state;
	int64_t old = begin(w);

	world_pass(w, DAY);
	w->now_ms -= DAY;
	assert_true(limit(w, HOUR) < old);
	world_pass(w, 2 * HOUR);
	assert_true(limit(w, HOUR) >= old);
	/* set right again: what was stamped meanwhile is no older for it */
	old = w->now_ms;
	w->now_ms += DAY;
	assert_true(limit(w, HOUR) < old);
	world_pass(w, HOUR);
	assert_int_equal(limit(w, HOUR), w->now_ms - HOUR);
}

/* Small corrections are none of our business, however many. */
static void
test_corrected(void **state)
{
	struct store_world *w = *state;

	(void)begin(w);
	for (int i = 0; i < 100; i++) {
		w->now_ms += i % 2 == 0 ? 900 : -900;
		world_pass(w, 20 * MINUTE);
		assert_int_equal(limit(w, HOUR), w->now_ms - HOUR);
	}
}

/* Nobody knows how long it was off: what passed since then is sure. */
static void
test_machine_was_off(void **state)
{
	struct store_world *w = *state;
	int64_t old = begin(w);

	world_pass(w, DAY);
	(void)limit(w, DAY);
	w->now_ms += 30 * DAY;
	w->mono_ms = MINUTE;
	assert_true(limit(w, DAY + 2 * MINUTE) < old);
	world_pass(w, MINUTE);
	assert_true(limit(w, DAY + 2 * MINUTE) >= old);
	/* it was up for a month, and nobody looked: that did pass */
	world_pass(w, 30 * DAY);
	assert_int_equal(limit(w, 7 * DAY), w->now_ms - 7 * DAY);
}

/* Also as one process sees it that asks all the time. */
static void
test_one_process(void **state)
{
	struct store_world *w = *state;
	struct store *s;
	int64_t old;

	w->opts.keep_ms = DAY;
	s = world_store(w);
	old = w->now_ms;
	for (int64_t ms = 0; ms < DAY; ms += MINUTE) {
		assert_true(limit_of(w, s) < old);
		world_pass(w, MINUTE);
		if (ms == HOUR)
			w->now_ms += YEAR;
	}
	assert_true(limit_of(w, s) >= old);
	world_dies(w, &s);
}

/*
 * A machine that is often off, with a clock that is often wrong, for three
 * years: no stamp counts as older than it is, and none stays for ever.
 */
static void
test_never_older(void **state)
{
	enum { STAMPS = 64 };
	struct stamp {
		int64_t at, age;
	} stamps[STAMPS] = { { 0 } };
	struct store_world *w = *state;
	struct store *s;
	uint32_t random = 1;
	int64_t real = 0;

	(void)begin(w);
	w->opts.keep_ms = DAY;
	s = world_store(w);
	for (int i = 0; i < 4000; i++) {
		int64_t ms, stamp;

		random = random * 1664525 + 1013904223;
		ms = random >> 16;
		switch (ms % 8) {
		case 0:		/* off for a while */
			w->now_ms += 300000 + ms * 1000;
			real += 300000 + ms * 1000;
			w->mono_ms = 30000;
			world_dies(w, &s);
			s = world_store(w);
			break;
		case 1:
			w->now_ms += ms * 100000 - 32768 * 100000LL;
			break;
		default:
			world_pass(w, ms * 500);
			real += ms * 500;
		}
		stamps[i % STAMPS] = (struct stamp){ w->now_ms, real };
		/* one that is set to and fro between two looks is not seen */
		if (ms % 8 != 1 && ms % 3 == 0)
			continue;
		stamp = limit_of(w, s);
		for (int k = 0; k < STAMPS && k <= i; k++)
			if (stamps[k].at <= stamp)
				assert_true(real - stamps[k].age >= DAY - HOUR);
	}
	w->now_ms += YEAR;
	(void)limit_of(w, s);
	/* also what was stamped in the future */
	world_pass(w, YEAR);
	world_pass(w, 10 * YEAR);
	stamps[0].at = limit_of(w, s);
	for (int k = 0; k < STAMPS; k++)
		assert_true(stamps[k].at <= stamps[0].at);
	world_dies(w, &s);
}

/* By such ages messages are given up: a year ahead gives up nothing. */
static void
test_given_up(void **state)
{
	struct store_world *w = *state;
	struct place at = channel_place();
	struct arrival a = TAKE(w, w->store, .message_id = 1,
	    .unclaimed = true);

	(void)world_place(w, w->store, &at, true);
	(void)world_look_all(w, w->store);
	(void)limit(w, DAY);
	w->now_ms += YEAR;
	for (int64_t ms = 0; ms < DAY; ms += HOUR) {
		(void)world_look_all(w, w->store);
		assert_int_equal(world_state(w, w->store, a.id),
		    STATE_RECEIVED);
		world_pass(w, HOUR);
	}
	world_pass(w, HOUR);
	(void)world_look_all(w, w->store);
	assert_int_equal(world_state(w, w->store, a.id), STATE_REFUSED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_plain_time),
		WORLD_TEST(test_a_year_ahead),
		WORLD_TEST(test_several_jumps),
		WORLD_TEST(test_set_back),
		WORLD_TEST(test_corrected),
		WORLD_TEST(test_machine_was_off),
		WORLD_TEST(test_one_process),
		WORLD_TEST(test_never_older),
		WORLD_TEST(test_given_up),
	};

	return cmocka_run_group_tests_name("store/age", tests, NULL, NULL);
}
