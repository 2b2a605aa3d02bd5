/*
 * Destinations that are down: one probe at a time, holding and letting go.
 *
 * Run by make check.
 */
#include "store/destination.h"

#include "claim_world.h"

static int64_t
until(struct world *w, struct store *s, const char *name, bool probe)
{
	int64_t ms = -7;

	assert_int_equal(store_down_until(s, name, probe, &ms, &w->problem),
	    ERR_OK);
	return ms;
}

static int64_t
set_down(struct world *w, const char *name, int64_t wait_ms)
{
	int64_t tries = -1;

	assert_int_equal(store_set_down(w->store, name, wait_ms, &tries,
	    &w->problem), ERR_OK);
	return tries;
}

static void
set_up(struct world *w, const char *name, int64_t like)
{
	const struct work work = work_of(w, like);

	assert_int_equal(store_set_up(w->store, name, &work, &w->problem),
	    ERR_OK);
}

static void
test_down_and_up(void **state)
{
	struct world *w = *state;

	(void)take_in(w, "A", 1);
	assert_int_equal(until(w, w->store, "p", false), 0);
	assert_int_equal(until(w, w->store, "p", true), 0);
	assert_int_equal(set_down(w, "p", 1000), 1);
	assert_int_equal(until(w, w->store, "p", false), w->now_ms + 1000);
	assert_int_equal(until(w, w->store, "p", true), w->now_ms + 1000);
	assert_int_equal(until(w, w->store, "q", true), 0);
	w->now_ms += 10;
	assert_int_equal(set_down(w, "p", 2000), 2);
	assert_int_equal(set_down(w, "q", 500), 1);
	assert_string_equal(look(w, "SELECT name, tries,"
	    " down_ms - 1773759162000, probe_ms - 1773759162000 FROM"
	    " destination"), "p|2|0|2010|\nq|1|10|510|\n");
	set_up(w, "p", 1);
	assert_int_equal(until(w, w->store, "p", true), 0);
	assert_int_equal(until(w, w->store, "q", false), w->now_ms + 500);
	set_up(w, "p", 1);		/* up already */
	/* it counts from the beginning */
	assert_int_equal(set_down(w, "p", 1000), 1);
}

/* Somebody else probes: look again soon, but not at once. */
static void
expect_probed(struct world *w, struct store *s, const char *name)
{
	assert_in_range(until(w, s, name, true), w->now_ms + 1000,
	    w->now_ms + 10000);
	assert_in_range(until(w, s, name, false), w->now_ms + 1000,
	    w->now_ms + 10000);
}

/* One at a time is the probe, among all processes and threads. */
static void
test_one_probe(void **state)
{
	struct world *w = *state;
	struct store *other = store_of(w, 1000, true);

	(void)set_down(w, "p", 1000);
	w->now_ms += 999;
	assert_int_equal(until(w, other, "p", true), w->now_ms + 1);
	w->now_ms += 1;
	/* who only asks does not become it */
	assert_int_equal(until(w, other, "p", false), w->now_ms);
	assert_int_equal(until(w, other, "p", true), DOWN_PROBE);
	expect_probed(w, w->store, "p");
	expect_probed(w, other, "p");
	/* it failed: the next probe is after the wait */
	assert_int_equal(set_down(w, "p", 3000), 2);
	assert_int_equal(until(w, other, "p", true), w->now_ms + 3000);
	w->now_ms += 3000;
	assert_int_equal(until(w, w->store, "p", true), DOWN_PROBE);
	/* it showed nothing: another may probe now; only he can say so */
	assert_int_equal(store_probe_end(other, "p", &w->problem), ERR_OK);
	expect_probed(w, other, "p");
	assert_int_equal(store_probe_end(w->store, "q", &w->problem), ERR_OK);
	expect_probed(w, other, "p");
	assert_int_equal(store_probe_end(w->store, "p", &w->problem), ERR_OK);
	assert_int_equal(until(w, other, "p", true), DOWN_PROBE);
	/* a probe whose process is gone is none */
	expect_probed(w, w->store, "p");
	store_close(other);
	assert_int_equal(until(w, w->store, "p", true), DOWN_PROBE);
	/* and one that never ends is followed by another */
	w->mono_ms += LEASE - 1;
	expect_probed(w, w->store, "p");
	w->mono_ms += 1;
	assert_int_equal(until(w, w->store, "p", true), DOWN_PROBE);
}

/* A wait may be longer than a lease; only a clock that jumped ends it. */
static void
test_long_wait(void **state)
{
	struct world *w = *state;

	assert_true(LONGEST > LEASE);
	(void)set_down(w, "p", LONGEST);
	assert_int_equal(until(w, w->store, "p", true), w->now_ms + LONGEST);
	w->now_ms -= LONGEST;
	assert_int_equal(until(w, w->store, "p", true),
	    w->now_ms + 2 * LONGEST);
	w->now_ms -= (int64_t)365 * 86400 * 1000;
	assert_int_equal(until(w, w->store, "p", true), DOWN_PROBE);
	expect_probed(w, w->store, "p");
}

/* Holding a hand-over: those for the same connector and line. */
static void
test_hold_channel(void **state)
{
	struct world *w = *state;
	struct work work;

	(void)take_in(w, "A", 1);				/* the one */
	(void)take_in(w, "A", 2);				/* behind */
	(void)take_in(w, "B", 3);				/* due */
	(void)take_in(w, "C", 4);				/* claimed */
	(void)take_opts_in(w, w->store, "108", "D", 5, 0);	/* other line */
	(void)take_in(w, "E", 6);				/* delivered */
	(void)take_in(w, "F", 7);				/* much later */
	(void)take_opts_in(w, w->store, "107", "G", 8, w->now_ms + 5);
	(void)deliver(w, 6);
	postpone(w, 3, 0, HOLD_NONE);
	postpone(w, 5, 0, HOLD_NONE);
	postpone(w, 6, 0, HOLD_NONE);
	postpone(w, 7, 9000, HOLD_NONE);
	work = work_of(w, 1);
	assert_int_equal(store_hold(w->store, &work, w->now_ms + 1000,
	    &w->problem), ERR_OK);
	assert_string_equal(look(w, "SELECT id, next_ms - 1773759162000, hold,"
	    " owner <> 0, tries FROM message"),
	    "1|1000|1|0|0|\n2|null|0|0|0|\n3|1000|1|0|1|\n4|0|0|1|0|\n"
	    "5|0|0|0|1|\n6|0|0|0|1|\n7|9000|0|0|1|\n8|1000|1|0|0|\n");
	w->now_ms += 999;
	assert_int_equal(claim_due(w), 5);
	assert_int_equal(claim_due(w), 6);
	assert_int_equal(claim_due(w), 0);
	/* it is up: the held ones are due now, and only they */
	set_up(w, "p", 4);
	assert_string_equal(look(w, "SELECT id, next_ms - 1773759162000, hold"
	    " FROM message WHERE state = 1 ORDER BY id"),
	    "1|999|0|\n2|null|0|\n3|999|0|\n4|0|0|\n5|0|0|\n7|9000|0|\n"
	    "8|999|0|\n");
}

/* A channel may serve many lines: when it is up, all that is held is due. */
static void
test_up_for_all(void **state)
{
	struct world *w = *state;
	int64_t held = w->now_ms + 5000;

	(void)take_opts_in(w, w->store, "107", "A", 1, held);
	(void)take_opts_in(w, w->store, "108", "A", 2, held);
	(void)take_in(w, "B", 3);
	(void)take_in(w, "C", 4);
	(void)deliver(w, 4);
	postpone(w, 3, 5000, HOLD_NONE);
	postpone(w, 4, 5000, HOLD_DOWN);
	w->now_ms += 7;
	set_up(w, "p", 1);
	/* its own wait is another thing, and so is a portal's */
	assert_string_equal(look(w, "SELECT id, next_ms - 1773759162000, hold"
	    " FROM message ORDER BY id"),
	    "1|7|0|\n2|7|0|\n3|5000|0|\n4|5000|1|\n");
}

/* Holding a status call: those of the same portal. */
static void
test_hold_portal(void **state)
{
	struct world *w = *state;
	struct arrival a;
	struct event ev;
	struct work work;

	for (int64_t i = 1; i <= 4; i++) {
		(void)take_opts_in(w, w->store, i == 2 ? "108" : "107",
		    i % 2 ? "A" : "B", i, 0);
		(void)deliver(w, i);
	}
	make_event(&ev, ADD);
	ev.member_id = own(&ev, "another");
	add_message(&ev, 5, "b");
	check_event(&ev);
	assert_int_equal(store_take(w->store, &ev, &take_plain, &a,
	    &w->problem), ERR_OK);
	event_free(&ev);
	(void)deliver(w, 5);
	(void)take_in(w, "C", 6);
	for (int64_t i = 1; i <= 6; i++)
		postpone(w, i, 0, i == 4 ? HOLD_PARKED : HOLD_NONE);
	work = work_of(w, 1);
	(void)become_ours(w->store, 1);
	assert_int_equal(store_hold(w->store, &work, w->now_ms + 1000,
	    &w->problem), ERR_OK);
	/* 4 is parked, 5 of another portal, 6 is not delivered */
	assert_string_equal(look(w, "SELECT id, next_ms - 1773759162000, hold"
	    " FROM message"), "1|1000|1|\n2|1000|1|\n3|1000|1|\n4|0|2|\n"
	    "5|0|0|\n6|0|0|\n");
	/* held for longer, never for less */
	(void)become_ours(w->store, 1);
	assert_int_equal(store_hold(w->store, &work, w->now_ms + 2000,
	    &w->problem), ERR_OK);
	work = work_of(w, 2);
	(void)become_ours(w->store, 2);
	assert_int_equal(store_hold(w->store, &work, w->now_ms + 500,
	    &w->problem), ERR_OK);
	assert_int_equal(column(w, "next_ms - 1773759162000", 1), 2000);
	assert_int_equal(column(w, "next_ms - 1773759162000", 3), 2000);
	assert_int_equal(number(w, "SELECT count(*) FROM message WHERE"
	    " hold = 1"), 2);
	w->now_ms += 1;
	set_up(w, "p", 3);
	assert_string_equal(look(w, "SELECT id, next_ms - 1773759162000, hold"
	    " FROM message WHERE id IN (1, 3, 4, 5)"),
	    "1|1|0|\n3|1|0|\n4|0|2|\n5|0|0|\n");
}

static void
test_failure(void **state)
{
	struct world *w = *state;
	struct problem p = { 0 };
	int64_t ms = 5, tries = 5;
	sqlite3 *db;

	(void)set_down(w, "p", 1);
	w->now_ms += 1;
	db = outside(w);
	outside_run(db, "CREATE TRIGGER t BEFORE UPDATE ON destination BEGIN"
	    " SELECT RAISE(ABORT, 'stop'); END");
	/* nobody may think that he is the probe, or that it is up for sure */
	assert_int_equal(store_down_until(w->store, "p", true, &ms, &p),
	    ERR_DISK);
	assert_int_equal(ms, 0);
	assert_int_equal(store_set_down(w->store, "p", 9, &tries, &p),
	    ERR_DISK);
	assert_int_equal(tries, 0);
	assert_string_equal(p.text, "the store failed: stop");
	outside_run(db, "DROP TRIGGER t");
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(until(w, w->store, "p", true), DOWN_PROBE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_down_and_up),
		WORLD_TEST(test_one_probe),
		WORLD_TEST(test_long_wait),
		WORLD_TEST(test_hold_channel),
		WORLD_TEST(test_up_for_all),
		WORLD_TEST(test_hold_portal),
		WORLD_TEST(test_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
