/*
 * How old a stamp is while clocks are set and machines are off: never older
 * than it can be, and old enough in the end.
 *
 * Run by make check.
 */
#include "store/age.h"

#include "store_world.h"

#define MINUTE ((int64_t)60000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define YEAR (365 * DAY)

static int64_t
limit(struct world *w, int64_t ms)
{
	int64_t stamp = 0;

	assert_int_equal(store_age_limit(w->store, ms, &stamp, &w->problem),
	    ERR_OK);
	return stamp;
}

/* Time that passes. */
static void
pass(struct world *w, int64_t ms)
{
	w->now_ms += ms;
	w->mono_ms += ms;
}

static int64_t
begin(struct world *w)
{
	(void)limit(w, 0);	/* the file is there from now on */
	return w->now_ms;
}

static void
test_plain_time(void **state)
{
	static const int64_t steps[] = { 0, 1, 1000, MINUTE, HOUR, DAY, 9 * DAY,
		YEAR, 1, 0 };
	struct world *w = *state;

	(void)begin(w);
	for (size_t i = 0; i < COUNT(steps); i++) {
		pass(w, steps[i]);
		assert_int_equal(limit(w, 7 * DAY), w->now_ms - 7 * DAY);
		assert_int_equal(limit(w, 0), w->now_ms);
	}
}

static void
test_a_year_ahead(void **state)
{
	struct world *w = *state;
	int64_t old = begin(w), young;

	pass(w, 6 * DAY);
	w->now_ms += YEAR;
	young = w->now_ms;
	assert_true(limit(w, 7 * DAY) < old);
	pass(w, DAY - 1);
	assert_true(limit(w, 7 * DAY) < old);
	pass(w, 1);
	assert_int_equal(limit(w, 7 * DAY), old);
	/* what is stamped since then is told by the new time alone */
	pass(w, 6 * DAY - 1);
	assert_true(limit(w, 7 * DAY) < young);
	pass(w, 1);
	assert_int_equal(limit(w, 7 * DAY), young);
	/* a longer age still has the jump within it */
	assert_true(limit(w, 30 * DAY) < old);
	pass(w, 23 * DAY);
	assert_int_equal(limit(w, 30 * DAY), young);
}

/* Each of them, also when one is undone and made again. */
static void
test_several_jumps(void **state)
{
	struct world *w = *state;
	int64_t old = begin(w);

	for (int i = 0; i < 5; i++) {
		w->now_ms += i % 2 == 0 ? YEAR : -YEAR;
		pass(w, HOUR);
		assert_true(limit(w, DAY) < old);
	}
	pass(w, DAY - 5 * HOUR - 1);
	assert_true(limit(w, DAY) < old);
	/* not at once: it may have been stamped while the clock was wrong */
	pass(w, 5 * HOUR);
	assert_true(limit(w, DAY) >= old);
}

static void
test_set_back(void **state)
{
	struct world *w = *state;
	int64_t old = begin(w);

	pass(w, DAY);
	w->now_ms -= DAY;
	assert_true(limit(w, HOUR) < old);
	pass(w, 2 * HOUR);
	assert_true(limit(w, HOUR) >= old);
	/* set right again: what was stamped meanwhile is no older for it */
	old = w->now_ms;
	w->now_ms += DAY;
	assert_true(limit(w, HOUR) < old);
	pass(w, HOUR);
	assert_int_equal(limit(w, HOUR), w->now_ms - HOUR);
}

/* Small corrections are none of our business, however many. */
static void
test_corrected(void **state)
{
	struct world *w = *state;

	(void)begin(w);
	for (int i = 0; i < 100; i++) {
		w->now_ms += i % 2 == 0 ? 900 : -900;
		pass(w, 20 * MINUTE);
		assert_int_equal(limit(w, HOUR), w->now_ms - HOUR);
	}
}

/* Nobody knows how long it was off: what passed since then is sure. */
static void
test_machine_was_off(void **state)
{
	struct world *w = *state;
	int64_t old = begin(w);

	pass(w, DAY);
	(void)limit(w, DAY);
	w->now_ms += 30 * DAY;
	w->mono_ms = MINUTE;
	assert_true(limit(w, DAY + 2 * MINUTE) < old);
	pass(w, MINUTE);
	assert_true(limit(w, DAY + 2 * MINUTE) >= old);
	/* it was up for a month, and nobody looked: that did pass */
	pass(w, 30 * DAY);
	assert_int_equal(limit(w, 7 * DAY), w->now_ms - 7 * DAY);
}

/* The clocks are the store's: another process knows of the jump. */
static void
test_other_process(void **state)
{
	struct world *w = *state;
	int64_t old = begin(w), stamp;
	struct store *other;

	pass(w, HOUR);
	w->now_ms += YEAR;
	other = store_of(w, 5000, false);
	assert_int_equal(store_age_limit(other, DAY, &stamp, &w->problem),
	    ERR_OK);
	assert_true(stamp < old);
	pass(w, DAY);
	assert_true(limit(w, DAY) >= old);
	store_close(other);
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
	struct world *w = *state;
	uint32_t random = 1;
	int64_t real = 0;

	(void)begin(w);
	for (int i = 0; i < 4000; i++) {
		int64_t ms, stamp;

		random = random * 1664525 + 1013904223;
		ms = random >> 16;
		switch (ms % 8) {
		case 0:		/* off for a while */
			w->now_ms += 300000 + ms * 1000;
			real += 300000 + ms * 1000;
			w->mono_ms = 30000;
			break;
		case 1:
			w->now_ms += ms * 100000 - 32768 * 100000LL;
			break;
		default:
			pass(w, ms * 500);
			real += ms * 500;
		}
		stamps[i % STAMPS] = (struct stamp){ w->now_ms, real };
		/* one that is set to and fro between two looks is not seen */
		if (ms % 8 != 1 && ms % 3 == 0)
			continue;
		stamp = limit(w, DAY);
		for (int k = 0; k < STAMPS && k <= i; k++)
			if (stamps[k].at <= stamp)
				assert_true(real - stamps[k].age >= DAY - HOUR);
	}
	w->now_ms += YEAR;
	(void)limit(w, DAY);
	pass(w, YEAR);		/* also what was stamped in the future */
	pass(w, 10 * YEAR);
	stamps[0].at = limit(w, DAY);
	for (int k = 0; k < STAMPS; k++)
		assert_true(stamps[k].at <= stamps[0].at);
}

/* A failure makes nothing old. */
static void
test_failure(void **state)
{
	struct world *w = *state;
	struct problem p = { 0 };
	int64_t stamp = 0;
	FILE *file = fopen(w->path, "w");

	assert_true(fputs("this is no database\n", file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(store_age_limit(w->store, DAY, &stamp, &p),
	    ERR_DISK);
	assert_true(stamp == INT64_MIN);
	assert_int_equal(unlink(w->path), 0);
}

/* The list of jumps does not grow for ever. */
static void
test_forgets_jumps(void **state)
{
	struct world *w = *state;

	(void)begin(w);
	for (int i = 0; i < 9; i++) {
		w->now_ms += YEAR;
		(void)limit(w, DAY);
	}
	assert_string_equal(look(w, "SELECT count(*) > 0 FROM jump"), "1|\n");
	for (int i = 0; i < 12; i++) {
		pass(w, YEAR);
		(void)limit(w, DAY);
	}
	assert_string_equal(look(w, "SELECT count(*) FROM jump"), "0|\n");
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
		WORLD_TEST(test_other_process),
		WORLD_TEST(test_never_older),
		WORLD_TEST(test_failure),
		WORLD_TEST(test_forgets_jumps),
	};

	return cmocka_run_group_tests_name("store/age", tests, NULL, NULL);
}
