/*
 * Telling Bitrix24: the ladder of tokens rung by rung, alone and in batches.
 */
#include "telling.h"

/* Own, stored, refreshed: each once, and only the stored one's end counts. */
static void
test_ladder(void **state)
{
	struct site *s = *state;
	struct work w = site_delivered(s, 1, "access-own");

	site_install(s, "1");
	SCRIPT(s, oauth, { "200 OK", site_pair(s, 0, MEMBER, s->endpoint,
	    "2"), NULL, 0 });
	SCRIPT(s, rest, ACCEPTED);
	(void)told(s, &w, 1);
	assert_int_equal(w.state, STATE_ACKNOWLEDGED);
	called_with(s, 0, "access-own");

	w = site_delivered(s, 2, "access-own");
	SCRIPT(s, rest, EXPIRED, ACCEPTED);
	(void)told(s, &w, 1);
	assert_int_equal(w.state, STATE_ACKNOWLEDGED);
	called_with(s, 1, "access-1");
	assert_int_equal(script_count(s, &s->oauth), 0);

	w = site_delivered(s, 3, "access-own");
	SCRIPT(s, rest, EXPIRED, { "401 No", ERROR("invalid_token"), NULL,
	    0 }, ACCEPTED);
	(void)told(s, &w, 1);
	assert_int_equal(w.state, STATE_ACKNOWLEDGED);
	called_with(s, 1, "access-1");
	called_with(s, 2, "access-2");
	assert_int_equal(script_count(s, &s->oauth), 1);

	/* no rung left: parked until new tokens arrive */
	w = site_delivered(s, 4, "access-own");
	SCRIPT(s, oauth, { "200 OK", site_pair(s, 0, MEMBER, s->endpoint,
	    "3"), NULL, 0 });
	SCRIPT(s, rest, EXPIRED);
	(void)told(s, &w, 1);
	assert_int_equal(site_row(s, w.id).hold, HOLD_PARKED);
	assert_int_equal(script_count(s, &s->rest), 3);
	assert_int_equal(script_count(s, &s->oauth), 1);
}

/* The event's own token may be the stored one: no call is made twice. */
static void
test_own_is_stored(void **state)
{
	struct site *s = *state;
	struct work w = site_delivered(s, 1, "access-1");

	site_install(s, "1");
	SCRIPT(s, oauth, { "200 OK", site_pair(s, 0, MEMBER, s->endpoint,
	    "2"), NULL, 0 });
	SCRIPT(s, rest, EXPIRED);
	(void)told(s, &w, 1);
	assert_int_equal(script_count(s, &s->rest), 2);
	called_with(s, 0, "access-1");
	called_with(s, 1, "access-2");
	assert_int_equal(script_count(s, &s->oauth), 1);
	/* a user who may not is no reason to refresh */
	w = site_delivered(s, 2, "access-2");
	SCRIPT(s, rest, { "403 No", ERROR("user_access_error"), NULL, 0 });
	(void)told(s, &w, 1);
	assert_int_equal(w.state, STATE_REFUSED);
	assert_int_equal(script_count(s, &s->rest), 1);
	assert_int_equal(script_count(s, &s->oauth), 1);
}

static void
test_no_further_token(void **state)
{
	struct site *s = *state;
	struct work w = site_delivered(s, 1, "access-own");
	struct row r;

	/* nothing is stored */
	SCRIPT(s, rest, EXPIRED);
	(void)told(s, &w, 1);
	assert_int_equal(site_row(s, w.id).hold, HOLD_PARKED);
	assert_int_equal(script_count(s, &s->rest), 1);
	/* no token at all: no call */
	w = site_delivered(s, 2, NULL);
	(void)told(s, &w, 1);
	r = site_row(s, w.id);
	assert_int_equal(r.hold, HOLD_PARKED);
	assert_non_null(strstr(r.reason, "no tokens of this portal"));
	w = site_delivered(s, 3, "undefined");
	(void)told(s, &w, 1);
	assert_int_equal(script_count(s, &s->rest), 1);
	/* the OAuth server is away: soon again */
	site_install(s, "1");
	SCRIPT(s, oauth, { "503 No", "", NULL, 0 });
	w = site_delivered(s, 4, NULL);
	(void)told(s, &w, 1);
	r = site_row(s, w.id);
	assert_int_equal(r.hold, HOLD_NONE);
	assert_in_range(r.waits_ms, 400, 2600);
	/* it says no for good */
	SCRIPT(s, oauth, { "400 No", ERROR("invalid_grant"), NULL, 0 });
	w = site_delivered(s, 5, NULL);
	(void)told(s, &w, 1);
	assert_int_equal(site_row(s, w.id).hold, HOLD_PARKED);
	site_says(s, "refresh-rejected");
}

static void
test_access(void **state)
{
	struct site *s = *state;
	struct work w = site_delivered(s, 1, "access-own");

	site_install(s, "1");
	SCRIPT(s, rest, { "403 No", ERROR("ACCESS_DENIED"), NULL, 0 },
	    ACCEPTED);
	(void)told(s, &w, 1);
	assert_int_equal(w.state, STATE_ACKNOWLEDGED);
	called_with(s, 1, "access-1");
	w = site_delivered(s, 2, "access-own");
	SCRIPT(s, rest, { "403 No", ERROR("ACCESS_DENIED"), NULL, 0 });
	(void)told(s, &w, 1);
	assert_int_equal(w.state, STATE_REFUSED);
	assert_int_equal(script_count(s, &s->rest), 2);
	assert_int_equal(script_count(s, &s->oauth), 0);
}

/*
 * Nothing is stored: the newest message's own token goes first, and another's
 * may do what it cannot, for all of them.
 */
static void
test_batch_of_own_tokens(void **state)
{
	struct site *s = *state;
	struct work w[] = { site_delivered(s, 1, "access-a"),
	    site_delivered(s, 2, "access-b"),
	    site_delivered(s, 3, "access-b") };

	SCRIPT(s, rest, EXPIRED, ACCEPTED);
	(void)told(s, w, 3);
	assert_int_equal(script_count(s, &s->rest), 2);
	called_with(s, 0, "access-b");
	called_with(s, 1, "access-a");
	for (int i = 0; i < 3; i++)
		assert_int_equal(w[i].state, STATE_ACKNOWLEDGED);
	/* with one token for all there is nothing to try */
	for (int i = 0; i < 3; i++)
		w[i] = site_delivered(s, i + 11, "access-a");
	SCRIPT(s, rest, EXPIRED);
	(void)told(s, w, 3);
	assert_int_equal(script_count(s, &s->rest), 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(site_row(s, w[i].id).hold, HOLD_PARKED);
}

/* A refresh for each message of a batch would have the app blocked. */
static void
test_batch_refreshes_once(void **state)
{
	struct site *s = *state;
	struct work w[] = { site_delivered(s, 1, "access-a"),
	    site_delivered(s, 2, "access-b"),
	    site_delivered(s, 3, "access-c") };

	site_install(s, "1");
	SCRIPT(s, rest, EXPIRED);
	SCRIPT(s, oauth, { "200 OK", site_pair(s, 0, MEMBER, s->endpoint,
	    "2"), NULL, 0 }, { "200 OK", site_pair(s, 1, MEMBER, s->endpoint,
	    "3"), NULL, 0 });
	(void)told(s, w, 3);
	assert_int_equal(script_count(s, &s->oauth), 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(w[i].state, STATE_DELIVERED);
}

/* A newer event's token serves an older message, before the stored one. */
static void
test_newer_event(void **state)
{
	struct site *s = *state;
	struct work old[] = { site_delivered(s, 1, "access-old"),
	    site_delivered(s, 2, NULL), site_delivered(s, 3, "access-old") };
	struct work w = site_delivered(s, 4, "access-new");

	site_install(s, "1");
	SCRIPT(s, rest, ACCEPTED);
	(void)told(s, &w, 1);
	called_with(s, 0, "access-new");
	SCRIPT(s, rest, EXPIRED, ACCEPTED);
	(void)told(s, &old[0], 1);
	called_with(s, 0, "access-old");
	called_with(s, 1, "access-new");
	assert_int_equal(old[0].state, STATE_ACKNOWLEDGED);
	SCRIPT(s, rest, ACCEPTED);
	(void)told(s, &old[1], 1);
	called_with(s, 0, "access-new");
	/* it is over, too: forgotten, and the stored one's turn */
	SCRIPT(s, rest, EXPIRED, EXPIRED, ACCEPTED);
	(void)told(s, &old[2], 1);
	called_with(s, 0, "access-old");
	called_with(s, 1, "access-new");
	called_with(s, 2, "access-1");
	assert_int_equal(old[2].state, STATE_ACKNOWLEDGED);
	w = site_delivered(s, 5, NULL);
	SCRIPT(s, rest, ACCEPTED);
	(void)told(s, &w, 1);
	called_with(s, 0, "access-1");
	assert_int_equal(script_count(s, &s->oauth), 0);
}

/* An older event's does not: it will be over before. */
static void
test_older_event(void **state)
{
	struct site *s = *state;
	struct work old = site_delivered(s, 1, "access-old");
	struct work w = site_delivered(s, 2, "access-new");

	SCRIPT(s, rest, ACCEPTED);
	(void)told(s, &old, 1);
	SCRIPT(s, rest, EXPIRED);
	(void)told(s, &w, 1);
	assert_int_equal(script_count(s, &s->rest), 1);
	assert_int_equal(site_row(s, w.id).hold, HOLD_PARKED);
}

/* What was parked before is due as soon as a newer event's token is good. */
static void
test_parked_are_let_go(void **state)
{
	struct site *s = *state;
	struct work old = site_delivered(s, 1, "access-old"), w;

	SCRIPT(s, rest, EXPIRED);
	(void)told(s, &old, 1);
	assert_int_equal(site_row(s, old.id).hold, HOLD_PARKED);
	w = site_delivered(s, 2, "access-new");
	SCRIPT(s, rest, ACCEPTED);
	(void)told(s, &w, 1);
	assert_int_equal(site_row(s, old.id).hold, HOLD_NONE);
	assert_true(site_row(s, old.id).in_ms <= 0);
	/* but not twice with the same one */
	SCRIPT(s, rest, EXPIRED);
	assert_false(told_on(s, NULL));
	called_with(s, 0, "access-new");
	assert_int_equal(site_row(s, old.id).hold, HOLD_PARKED);
	w = site_delivered(s, 3, "access-new");
	SCRIPT(s, rest, ACCEPTED);
	(void)told(s, &w, 1);
	assert_int_equal(site_row(s, old.id).hold, HOLD_PARKED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ladder), TEST(test_own_is_stored),
		TEST(test_no_further_token), TEST(test_access),
		TEST(test_batch_of_own_tokens),
		TEST(test_batch_refreshes_once),
		TEST(test_newer_event), TEST(test_older_event),
		TEST(test_parked_are_let_go),
	};

	return cmocka_run_group_tests_name("relay/tell_tokens", tests, NULL,
	    NULL);
}
