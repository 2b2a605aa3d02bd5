/*
 * What follows from a failed attempt, on a clock that stands still: how long
 * is waited, what the other side may ask for, and when it is given up.
 */
#include "relay/attempt.h"

#include "portal_world.h"
#include "store/destination.h"

#define NOW ((int64_t)1773759162000)
#define GIVE_UP ((int64_t)86400 * 1000)

static int64_t
frozen(void *ctx)
{
	return ((struct site *)ctx)->ahead_ms;
}

static int
start(void **state)
{
	struct site *s = site_open(SITE_APP SITE_REST "[retry]\nfirst = 2\n"
	    "longest = 600\ngive_up_after = 86400\n[connector shop]\n"
	    "url = null:\n[connector shop/7]\nurl = null:\n"
	    "[server]\nworkers = 4\n");

	s->ahead_ms = NOW;
	s->clock = (struct clock){ frozen, frozen, s };
	*state = s;
	return 0;
}

static int
stop(void **state)
{
	return site_close(*state);
}

/* Fails one message; what the store then says of it. */
static struct row
failed(struct site *s, struct work *w, const struct failure *f)
{
	const struct row before = site_row(s, w->id);
	int64_t next = -1;
	struct row r;

	site_listen(s);
	(void)become_ours(s->store, w->id);
	attempt_failed(&s->relay, &w, 1, STEP_HAND_OVER, f, &next);
	site_logged(s);
	r = site_row(s, w->id);
	assert_int_equal(r.tries, before.tries + 1);
	assert_non_null(strstr(r.reason, f->reason));
	return r;
}

static void
waits(const struct row *r, int64_t least_ms, int64_t most_ms)
{
	assert_int_equal(r->state, STATE_RECEIVED);
	assert_int_equal(r->hold, HOLD_NONE);
	if (r->in_ms < least_ms || r->in_ms > most_ms)
		fail_msg("%lld ms", (long long)r->in_ms);
}

static const struct failure plain_failure = { .reason = "no luck",
	.wait_s = -1 };

static void
test_growing(void **state)
{
	struct site *s = *state;
	struct work w = site_message(s, ADD, 1, "x", NULL);
	int64_t ms = 2000;

	for (w.tries = 0; w.tries < 70; w.tries++) {
		int64_t least = INT64_MAX, most = 0;

		for (int i = 0; i < 20; i++) {
			struct row r = failed(s, &w, &plain_failure);

			waits(&r, ms - ms / 4, ms + ms / 4 < 600000 ?
			    ms + ms / 4 : 600000);
			least = r.in_ms < least ? r.in_ms : least;
			most = r.in_ms > most ? r.in_ms : most;
		}
		/* what failed together comes apart */
		assert_true(most - least > ms / 20);
		ms = ms * 2 < 600000 ? ms * 2 : 600000;
	}
	site_says(s, "event=postponed");
	site_says(s, "step=hand-over");
	site_says(s, "reason=\"no luck\"");
}

static void
test_asked_to_wait(void **state)
{
	static const struct {
		int64_t wait_s, least, most;
	} cases[] = {
		{ 30, 30000, 30000 }, { 599, 599000, 599000 },
		{ 600, 600000, 600000 }, { 601, 600000, 600000 },
		{ 30 * 86400, 600000, 600000 },
		{ 0, 1500, 2500 }, { 1, 1500, 2500 }, { -1, 1500, 2500 },
	};
	struct site *s = *state;
	struct work w = site_message(s, ADD, 1, "x", NULL);

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct failure f = { .reason = "busy",
		    .wait_s = cases[i].wait_s };
		struct row r = failed(s, &w, &f);

		waits(&r, cases[i].least, cases[i].most);
	}
}

static void
test_not_before(void **state)
{
	static const struct {
		int64_t until_ms, least, most;
	} cases[] = {
		{ NOW + 100000, 100000, 100000 },
		{ NOW + 600001, 600000, 600000 },
		{ NOW + GIVE_UP, 600000, 600000 }, { NOW + 100, 1500, 2500 },
		{ NOW - 1000, 1500, 2500 }, { 0, 1500, 2500 },
	};
	struct site *s = *state;
	struct work w = site_message(s, ADD, 1, "x", NULL);

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct failure f = { .reason = "full", .wait_s = -1,
		    .until_ms = cases[i].until_ms };
		struct row r = failed(s, &w, &f);

		waits(&r, cases[i].least, cases[i].most);
	}
}

static void
test_give_up(void **state)
{
	struct site *s = *state;
	struct work w = site_message(s, ADD, 1, "x", NULL);
	struct work behind = site_message(s, ADD, 2, "x", NULL), *one = &w;
	struct row r;
	int64_t next;

	w.first_ms = NOW - GIVE_UP + 1;
	r = failed(s, &w, &plain_failure);
	waits(&r, 1500, 2500);
	w.first_ms = 0;		/* its first attempt was just now */
	r = failed(s, &w, &plain_failure);
	waits(&r, 1500, 2500);
	w.first_ms = NOW - GIVE_UP;
	(void)become_ours(s->store, w.id);
	attempt_failed(&s->relay, &one, 1, STEP_HAND_OVER, &plain_failure,
	    &next);
	r = site_row(s, w.id);
	assert_int_equal(r.state, STATE_REFUSED);
	assert_int_equal(r.step, STEP_HAND_OVER);
	assert_int_equal(r.in_ms, -1);
	assert_string_equal(r.reason, "given up: no luck");
	assert_int_equal(w.state, STATE_REFUSED);
	assert_int_equal(next, behind.id);	/* it holds nobody back */
}

static void
test_final(void **state)
{
	const struct failure f = { .final = true, .reason = "no such chat",
	    .wait_s = 30 };
	struct site *s = *state;
	struct work w = site_message(s, ADD, 1, "x", NULL);
	struct row r = failed(s, &w, &f);

	assert_int_equal(r.state, STATE_REFUSED);
	assert_string_equal(r.reason, "no such chat");
	site_says(s, "level=error event=refused");
}

static void
test_parked(void **state)
{
	const struct failure f = { .reason = "lost", .wait_s = 30,
	    .until_ms = NOW + 5000, .hold = HOLD_PARKED };
	struct site *s = *state;
	struct work w = site_delivered(s, 1, NULL), *one = &w;
	struct row r;

	(void)become_ours(s->store, w.id);
	attempt_failed(&s->relay, &one, 1, STEP_STATUS, &f, NULL);
	r = site_row(s, w.id);
	assert_int_equal(r.state, STATE_DELIVERED);
	assert_int_equal(r.hold, HOLD_PARKED);
	assert_int_equal(r.in_ms, GIVE_UP);
	w.first_ms = NOW - 1000;
	(void)become_ours(s->store, w.id);
	attempt_failed(&s->relay, &one, 1, STEP_STATUS, &f, NULL);
	assert_int_equal(site_row(s, w.id).in_ms, GIVE_UP - 1000);
	/* new tokens: at once */
	site_install(s, "1");
	r = site_row(s, w.id);
	assert_int_equal(r.hold, HOLD_NONE);
	assert_int_equal(r.in_ms, 0);
}

/* A batch: each is given up by its own age, the others wait. */
static void
test_batch(void **state)
{
	struct site *s = *state;
	struct work w[] = { site_delivered(s, 1, NULL),
	    site_delivered(s, 2, NULL), site_delivered(s, 3, NULL) };
	struct work *all[] = { &w[0], &w[1], &w[2] };
	struct row r;

	w[2].first_ms = NOW - GIVE_UP;
	for (size_t i = 0; i < 3; i++)
		(void)become_ours(s->store, w[i].id);
	attempt_failed(&s->relay, all, 3, STEP_STATUS, &plain_failure, NULL);
	for (size_t i = 0; i < 2; i++) {
		r = site_row(s, w[i].id);
		assert_int_equal(r.state, STATE_DELIVERED);
		assert_in_range(r.in_ms, 1500, 2500);
	}
	r = site_row(s, w[2].id);
	assert_int_equal(r.state, STATE_REFUSED);
	assert_int_equal(r.step, STEP_STATUS);
	/* all over: no wait is written */
	w[0].first_ms = w[1].first_ms = NOW - GIVE_UP;
	for (size_t i = 0; i < 2; i++)
		(void)become_ours(s->store, w[i].id);
	attempt_failed(&s->relay, all, 3, STEP_STATUS, &plain_failure, NULL);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(site_row(s, w[i].id).state, STATE_REFUSED);
}

static void
test_names(void **state)
{
	struct site *s = *state;
	struct work w = { .state = STATE_RECEIVED, .member_id = "m",
	    .connector = "SHOP", .line = 7 };
	char a[PLACE_MAX], b[PLACE_MAX];

	/* lines that share a channel share its place */
	place_of_channel(&s->relay, "shop", 8, a);
	place_of_channel(&s->relay, "Shop", 9, b);
	assert_string_equal(a, b);
	place_of_channel(&s->relay, "shop", 7, b);
	assert_string_not_equal(a, b);
	place_of(&s->relay, &w, a);
	assert_string_equal(a, b);
	place_of_channel(&s->relay, "other", 7, a);
	place_of_channel(&s->relay, "another", 1, b);
	assert_string_equal(a, b);
	w.state = STATE_DELIVERED;
	place_of(&s->relay, &w, a);
	place_of_portal("m", b);
	assert_string_equal(a, b);
	place_of_portal("n", a);
	assert_string_not_equal(a, b);
}

static void
test_down_and_up(void **state)
{
	struct site *s = *state;
	struct work w = site_delivered(s, 1, NULL);
	int64_t until;

	assert_int_equal(place_down_until(&s->relay, "p"), 0);
	site_listen(s);
	place_was(&s->relay, "p", &w, false, false);
	site_logged(s);
	assert_string_equal(s->log, "");
	site_listen(s);
	place_was(&s->relay, "p", &w, true, false);
	site_logged(s);
	site_says(s, "event=down place=p");
	assert_int_equal(place_down_until(&s->relay, "p"), NOW + 2000);
	w.tries = 3;
	site_listen(s);
	place_was(&s->relay, "p", &w, true, true);
	site_logged(s);
	assert_string_equal(s->log, "");	/* said once */
	until = place_down_until(&s->relay, "p");
	assert_int_equal(until, NOW + 16000);
	/* a call that was begun before says nothing; the probe does */
	place_was(&s->relay, "p", &w, false, false);
	assert_int_equal(place_down_until(&s->relay, "p"), until);
	site_listen(s);
	place_was(&s->relay, "p", &w, false, true);
	site_logged(s);
	site_says(s, "event=up place=p");
	assert_int_equal(place_down_until(&s->relay, "p"), 0);
}

/* More than half of the workers hang there: no other is put at risk. */
static void
test_late(void **state)
{
	struct site *s = *state;
	struct patience nobody = { .run_out = patience_ends, .over = true };
	struct late_watch w[3];

	for (size_t i = 0; i < COUNT(w); i++) {
		assert_int_equal(place_down_until(&s->relay, "p"), 0);
		late_watch_begin(&w[i], s->late, "p", &nobody, &s->clock, 1);
		patience_end(&w[i].inner);
	}
	assert_int_equal(place_down_until(&s->relay, "p"), NOW + 2000);
	assert_int_equal(place_down_until(&s->relay, "q"), 0);
	for (size_t i = 0; i < COUNT(w); i++)
		late_watch_end(&w[i]);
	assert_int_equal(place_down_until(&s->relay, "p"), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_growing), TEST(test_asked_to_wait),
		TEST(test_not_before), TEST(test_give_up), TEST(test_final),
		TEST(test_parked), TEST(test_batch), TEST(test_names),
		TEST(test_down_and_up), TEST(test_late),
	};

	return cmocka_run_group_tests_name("relay/attempt", tests, NULL,
	    NULL);
}
