/*
 * One try of what is due: which message, how far it comes, whom it takes
 * along, and destinations that are down or full.
 */
#include "relay/due.h"

#include "telling.h"

/* A channel that answers by script. */
static int
start_hook(void **state)
{
	*state = site_open(SITE_APP "[channel]\nurl = http://127.0.0.1:%d/"
	    "hook\n[portal]\ntimeout = 5\nstatus_batch = 3\n");
	return 0;
}

#define TOOK { "200 OK", "{\"id\":\"e1\"}", NULL, 0 }

/* Its claim is given back, due in so many milliseconds. */
static void
put_back(struct site *s, struct work *w, int64_t in_ms, enum hold hold)
{
	struct work *one = w;

	(void)become_ours(s->store, w->id);
	assert_int_equal(store_postponed(s->store, &one, 1,
	    clock_wall(&s->clock) + in_ms, hold, "later", &s->problem),
	    ERR_OK);
}

static enum due
try_one(struct site *s)
{
	struct problem p = { 0 };
	enum due end;

	site_listen(s);
	end = due_try_one(&s->relay, true, &p);
	site_logged(s);
	assert_int_equal(p.err, ERR_OK);
	return end;
}

static void
test_both_steps(void **state)
{
	struct site *s = *state;
	struct work w = site_message(s, ADD, 1, "x", "access-own");
	struct work d = site_message(s, DELETE, 2, "y", NULL);

	assert_int_equal(try_one(s), DUE_NONE);	/* claimed by ourselves */
	put_back(s, &w, 0, HOLD_NONE);
	put_back(s, &d, 1, HOLD_NONE);
	s->ahead_ms += 1000;
	SCRIPT(s, hook, TOOK);
	SCRIPT(s, rest, ACCEPTED);
	assert_int_equal(try_one(s), DUE_DONE);
	assert_int_equal(site_row(s, w.id).state, STATE_ACKNOWLEDGED);
	assert_non_null(strstr(s->rest.body[0], "\"id\":[\"e1\"]"));
	assert_int_equal(try_one(s), DUE_DONE);
	assert_int_equal(site_row(s, d.id).state, STATE_ACKNOWLEDGED);
	assert_int_equal(script_count(s, &s->hook), 2);
	assert_int_equal(script_count(s, &s->rest), 1);
	assert_int_equal(try_one(s), DUE_NONE);
	assert_int_equal(late_count(s->late, "channel:/0"), 0);
}

static void
test_not_yet(void **state)
{
	struct site *s = *state;
	struct work w = site_message(s, ADD, 1, "x", "access-own");

	put_back(s, &w, 60000, HOLD_NONE);
	assert_int_equal(try_one(s), DUE_NONE);
	s->ahead_ms += 61000;
	SCRIPT(s, hook, { "500 No", "", NULL, 0 });
	assert_int_equal(try_one(s), DUE_FAILED);
	assert_int_equal(site_row(s, w.id).tries, 2);
	assert_int_equal(try_one(s), DUE_NONE);
	/* again from the same step; the channel's ids last */
	s->ahead_ms += 61000;
	SCRIPT(s, hook, TOOK);
	SCRIPT(s, rest, { "500 No", "", NULL, 0 });
	assert_int_equal(try_one(s), DUE_DONE);
	assert_int_equal(site_row(s, w.id).state, STATE_DELIVERED);
	s->ahead_ms += 61000;
	SCRIPT(s, rest, { "500 No", "", NULL, 0 });
	assert_int_equal(try_one(s), DUE_FAILED);
	s->ahead_ms += 61000;
	SCRIPT(s, rest, ACCEPTED);
	assert_int_equal(try_one(s), DUE_DONE);
	assert_non_null(strstr(s->rest.body[0], "\"id\":[\"e1\"]"));
	assert_int_equal(script_count(s, &s->hook), 1);
}

/* What a chat has ready behind it goes on at once, in its order. */
static void
test_chat(void **state)
{
	struct site *s = *state;
	struct work w[3];

	for (int i = 0; i < 3; i++)
		w[i] = site_message(s, ADD, i + 1, "x", "access-own");
	put_back(s, &w[0], 0, HOLD_NONE);
	SCRIPT(s, hook, TOOK);
	SCRIPT(s, rest, ACCEPTED);
	s->ahead_ms += 10;
	assert_int_equal(try_one(s), DUE_DONE);
	assert_int_equal(script_count(s, &s->hook), 3);
	for (int i = 0; i < 3; i++) {
		assert_non_null(strstr(s->hook.body[i], w[i].key));
		assert_int_equal(site_row(s, w[i].id).state,
		    STATE_ACKNOWLEDGED);
	}
}

static void
test_batch_is_taken_along(void **state)
{
	struct site *s = *state;
	struct work w[5];

	site_install(s, "1");
	for (int i = 0; i < 5; i++) {
		w[i] = site_delivered(s, i + 1, NULL);
		put_back(s, &w[i], i == 4 ? 60000 : i, HOLD_NONE);
	}
	SCRIPT(s, rest, ACCEPTED);
	s->ahead_ms += 1000;
	/* status_batch = 3: the fourth with the next call, at once */
	assert_int_equal(try_one(s), DUE_DONE);
	assert_int_equal(script_count(s, &s->rest), 2);
	assert_non_null(strstr(s->rest.body[0], "\"message_id\":3}"));
	assert_null(strstr(s->rest.body[0], "\"message_id\":4}"));
	assert_null(strstr(s->rest.body[1], "},{"));
	for (int i = 0; i < 4; i++)
		assert_int_equal(site_row(s, w[i].id).state,
		    STATE_ACKNOWLEDGED);
	assert_int_equal(site_row(s, w[4].id).state, STATE_DELIVERED);
	assert_int_equal(try_one(s), DUE_NONE);
	assert_int_equal(late_count(s->late, "portal:" MEMBER), 0);
}

static void
test_down(void **state)
{
	struct site *s = *state;
	struct work w[3];
	int64_t tries;

	site_install(s, "1");
	for (int i = 0; i < 3; i++) {
		w[i] = site_delivered(s, i + 1, NULL);
		put_back(s, &w[i], 0, HOLD_NONE);
	}
	assert_int_equal(store_set_down(s->store, "portal:" MEMBER, 30000,
	    &tries, &s->problem), ERR_OK);
	s->ahead_ms += 1000;
	assert_int_equal(try_one(s), DUE_HELD);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(site_row(s, w[i].id).hold, HOLD_DOWN);
		assert_int_equal(site_row(s, w[i].id).tries, 1);
	}
	assert_int_equal(try_one(s), DUE_NONE);
	assert_int_equal(script_count(s, &s->rest), 0);
	/* the probe goes alone; when it comes through all may go */
	s->ahead_ms += 30000;
	SCRIPT(s, rest, ACCEPTED);
	assert_int_equal(try_one(s), DUE_DONE);
	site_says(s, "event=up place=portal:" MEMBER);
	assert_int_equal(script_count(s, &s->rest), 2);
	assert_null(strstr(s->rest.body[0], "},{"));
	assert_non_null(strstr(s->rest.body[1], "},{"));
	assert_int_equal(try_one(s), DUE_NONE);
	for (int i = 0; i < 3; i++)
		assert_int_equal(site_row(s, w[i].id).state,
		    STATE_ACKNOWLEDGED);
}

/* A probe that never got to its call says nothing: the next one probes. */
static void
test_probe_without_call(void **state)
{
	struct site *s = *state;
	struct work w[2] = { site_delivered(s, 1, NULL),
	    site_delivered(s, 2, "access-own") };
	int64_t tries;

	put_back(s, &w[0], 0, HOLD_NONE);
	put_back(s, &w[1], 500, HOLD_NONE);
	assert_int_equal(store_set_down(s->store, "portal:" MEMBER, 1,
	    &tries, &s->problem), ERR_OK);
	SCRIPT(s, rest, ACCEPTED);
	s->ahead_ms += 1000;
	assert_int_equal(try_one(s), DUE_FAILED);	/* it has no token */
	assert_int_equal(site_row(s, w[0].id).hold, HOLD_PARKED);
	for (int i = 0; i < 10 && script_count(s, &s->rest) == 0; i++) {
		s->ahead_ms += 2000;
		(void)try_one(s);
	}
	assert_int_equal(site_row(s, w[1].id).state, STATE_ACKNOWLEDGED);
	assert_int_equal(place_down_until(&s->relay, "portal:" MEMBER), 0);
}

/* Enough of us wait there: passed over, while others are served. */
static void
test_full(void **state)
{
	struct site *s = *state;
	struct work stuck = site_delivered(s, 1, "access-own");
	struct work w = site_message(s, DELETE, 2, "x", NULL);

	put_back(s, &stuck, 0, HOLD_NONE);
	put_back(s, &w, 5, HOLD_NONE);
	s->ahead_ms += 1000;
	for (int i = 0; i < DUE_PER_PLACE; i++)
		assert_true(late_begin(s->late, "portal:" MEMBER,
		    DUE_PER_PLACE));
	SCRIPT(s, hook, TOOK);
	SCRIPT(s, rest, ACCEPTED);
	assert_int_equal(try_one(s), DUE_DONE);
	assert_int_equal(site_row(s, w.id).state, STATE_ACKNOWLEDGED);
	assert_int_equal(try_one(s), DUE_NONE);
	late_end(s->late, "portal:" MEMBER);
	assert_int_equal(try_one(s), DUE_DONE);
	assert_int_equal(site_row(s, stuck.id).state, STATE_ACKNOWLEDGED);
	/* what was not counted is not counted off */
	assert_int_equal(late_count(s->late, "portal:" MEMBER),
	    DUE_PER_PLACE - 1);
}

static void
test_one_scanner(void **state)
{
	struct site *s = *state;
	struct work w = site_message(s, DELETE, 1, "x", NULL);
	struct store *other = site_store(s);
	struct problem p = { 0 };

	put_back(s, &w, 0, HOLD_NONE);
	s->ahead_ms += 1000;
	SCRIPT(s, hook, TOOK);
	assert_true(store_begin_scan(other));
	assert_int_equal(try_one(s), DUE_NONE);
	/* a single pass needs nobody's leave */
	assert_int_equal(due_try_one(&s->relay, false, &p), DUE_DONE);
	w = site_message(s, DELETE, 2, "x", NULL);
	put_back(s, &w, 0, HOLD_NONE);
	store_end_scan(other);
	store_close(other);
	s->ahead_ms += 1000;
	assert_int_equal(try_one(s), DUE_DONE);
	assert_true(store_begin_scan(s->store));	/* it was given back */
	store_end_scan(s->store);
}

#define HOOKED(f) cmocka_unit_test_setup_teardown(f, start_hook, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		HOOKED(test_both_steps), HOOKED(test_not_yet),
		HOOKED(test_chat), HOOKED(test_batch_is_taken_along),
		HOOKED(test_down), HOOKED(test_probe_without_call),
		HOOKED(test_full), HOOKED(test_one_scanner),
	};

	(void)start;
	return cmocka_run_group_tests_name("relay/due", tests, NULL, NULL);
}
