/*
 * Telling Bitrix24 with calls that the store grants: who goes first and who
 * goes along, what follows a call, and who is told of its end.
 */
#include "telling.h"

#include <sqlite3.h>

#define REFUSED(word) { "400 No", ERROR(word), NULL, 0 }
#define AWAY { "503 No", "", NULL, 0 }

/* Two messages in a call, and a second for an answer. */
static int
start_small(void **state)
{
	*state = site_open(SITE_APP SITE_REST "status_batch = 2\n"
	    "[server]\nanswer_within = 1\n");
	return 0;
}

static int64_t
site_number(const char *sql)
{
	sqlite3_stmt *st;
	int64_t n = -1;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(in_folder("queue.db"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL),
	    SQLITE_OK);
	if (sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	(void)sqlite3_finalize(st);
	(void)sqlite3_close(db);
	return n;
}

static void
expect_states(struct site *s, const struct work *w, size_t n,
    enum state state)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(site_row(s, w[i].id).state, state);
	/* whatever became of them, no call is on its way any more */
	assert_int_equal(site_number("SELECT count(*) FROM call"), 0);
	assert_int_equal(site_number("SELECT count(*) FROM message WHERE"
	    " state = 2 AND owner <> 0"), 0);
}

/* A batch: the newest event's token, the stored one, the refreshed, .... */
static void
test_batch_ladder(void **state)
{
	struct site *s = *state;
	struct work w[3];
	struct call_end end;

	site_install(s, "1");
	for (int i = 0; i < 3; i++) {
		const char token[] = { 'a', 'c', 'c', 'e', 's', 's', '-',
			(char)('a' + i), '\0' };

		w[i] = site_delivered(s, i + 1, token);
	}
	SCRIPT(s, rest, ACCEPTED);
	end = told(s, w, 3);
	assert_true(end.acknowledged);
	assert_int_equal(end.more_calls, 0);
	called_with(s, 0, "access-c");

	for (int i = 0; i < 3; i++)
		w[i] = site_delivered(s, i + 11, i == 0 ? "access-a" : i == 1 ?
		    "access-b" : "access-c");
	SCRIPT(s, oauth, AWAY);
	SCRIPT(s, rest, EXPIRED, EXPIRED, { "401 No",
	    ERROR("invalid_token"), NULL, 0 }, ACCEPTED);
	end = told(s, w, 3);
	assert_true(end.acknowledged);
	assert_int_equal(end.more_calls, 3);
	called_with(s, 0, "access-c");
	called_with(s, 1, "access-1");
	called_with(s, 2, "access-b");
	called_with(s, 3, "access-a");
	assert_int_equal(script_count(s, &s->oauth), 1);
	expect_states(s, w, 3, STATE_ACKNOWLEDGED);
}

/* The stored one's user may not: that is no reason to refresh. */
static void
test_batch_access(void **state)
{
	struct site *s = *state;
	struct work w[2] = { site_delivered(s, 1, "access-a"),
	    site_delivered(s, 2, "access-b") };

	site_install(s, "1");
	SCRIPT(s, rest, { "403 No", ERROR("ACCESS_DENIED"), NULL, 0 },
	    { "403 No", ERROR("ACCESS_DENIED"), NULL, 0 }, ACCEPTED);
	assert_true(told(s, w, 2).acknowledged);
	called_with(s, 1, "access-1");
	called_with(s, 2, "access-a");
	assert_int_equal(script_count(s, &s->oauth), 0);
	expect_states(s, w, 2, STATE_ACKNOWLEDGED);
}

/* A pair that cannot be renewed does not stand before an event's own. */
static void
test_batch_rejected_pair(void **state)
{
	struct site *s = *state;
	struct work w[2] = { site_delivered(s, 1, NULL),
	    site_delivered(s, 2, "access-b") };

	site_install(s, "1");
	assert_int_equal(reject_portal(s->store, MEMBER, "access-1", "gone",
	    &s->problem), ERR_OK);
	SCRIPT(s, rest, ACCEPTED);
	assert_true(told(s, w, 2).acknowledged);
	called_with(s, 0, "access-b");
	assert_int_equal(script_count(s, &s->oauth), 0);
}

/* Parked for the want of a token: a newer event brings one for it. */
static void
test_parked_with_newer(void **state)
{
	struct site *s = *state;
	struct work w[2] = { site_delivered(s, 1, "access-old") };

	SCRIPT(s, rest, EXPIRED);
	assert_false(told_on(s, NULL));
	assert_int_equal(site_row(s, w[0].id).hold, HOLD_PARKED);
	/* alone it waits */
	assert_false(told_on(s, NULL));
	assert_int_equal(script_count(s, &s->rest), 1);
	w[1] = site_delivered(s, 2, "access-new");
	SCRIPT(s, rest, ACCEPTED);
	assert_true(told_on(s, NULL));
	assert_int_equal(script_count(s, &s->rest), 1);
	called_with(s, 0, "access-new");
	assert_non_null(strstr(s->rest.body[0], "\"message_id\":1}"));
	assert_non_null(strstr(s->rest.body[0], "\"message_id\":2}"));
	expect_states(s, w, 2, STATE_ACKNOWLEDGED);
}

/* Over the limit: no further call until the bucket has leaked. */
static void
test_limit(void **state)
{
	struct site *s = *state;
	struct work w = site_delivered(s, 1, "access-a");

	SCRIPT(s, rest, { "503 No", ERROR("QUERY_LIMIT_EXCEEDED"), NULL, 0 },
	    ACCEPTED);
	assert_false(told_on(s, NULL));
	assert_int_equal(script_count(s, &s->rest), 1);
	assert_int_equal(site_number("SELECT level FROM meter"), 49000);
	expect_states(s, &w, 1, STATE_DELIVERED);
	w = site_delivered(s, 2, "access-a");
	assert_false(told_on(s, NULL));
	assert_int_equal(script_count(s, &s->rest), 1);
	assert_int_equal(site_row(s, w.id).state, STATE_DELIVERED);
	s->ahead_ms += 500;
	assert_true(told_on(s, NULL));
	assert_int_equal(site_row(s, w.id).state, STATE_ACKNOWLEDGED);
	/* an answer that is none has filled nothing */
	s->ahead_ms += 100000;
	SCRIPT(s, rest, { "500 No", "", NULL, 0 });
	w = site_delivered(s, 3, "access-a");
	assert_false(told_on(s, NULL));
	assert_true(site_number("SELECT level FROM meter") < 3000);
}

static void
test_goes_on(void **state)
{
	struct site *s = *state;
	struct work w[5];

	site_install(s, "1");
	for (int i = 0; i < 5; i++)
		w[i] = site_delivered(s, i + 1, NULL);
	SCRIPT(s, rest, ACCEPTED);
	assert_true(told_on(s, NULL));
	assert_int_equal(script_count(s, &s->rest), 3);
	assert_non_null(strstr(s->rest.body[1], "\"message_id\":3}"));
	assert_non_null(strstr(s->rest.body[1], "\"message_id\":4}"));
	assert_null(strstr(s->rest.body[2], "},{"));
	expect_states(s, w, 5, STATE_ACKNOWLEDGED);
	/* nothing waits: nothing is done */
	assert_false(told_on(s, NULL));
	assert_int_equal(script_count(s, &s->rest), 3);
	/* whether it was good is said of the first call */
	for (int i = 0; i < 3; i++)
		w[i] = site_delivered(s, i + 11, NULL);
	SCRIPT(s, rest, { "500 No", "", NULL, 0 }, ACCEPTED);
	assert_false(told_on(s, NULL));
	assert_int_equal(site_row(s, w[0].id).state, STATE_DELIVERED);
	assert_int_equal(site_row(s, w[2].id).state, STATE_ACKNOWLEDGED);
}

/* Nobody's thread is kept for long: the rest waits for whoever calls next. */
static void
test_not_for_ever(void **state)
{
	struct site *s = *state;
	struct work w[8];
	size_t calls, left = 0;

	site_install(s, "1");
	for (int i = 0; i < 8; i++)
		w[i] = site_delivered(s, i + 1, NULL);
	SCRIPT(s, rest, { "200 OK", GOOD, NULL, 700 });
	assert_true(told_on(s, NULL));
	calls = script_count(s, &s->rest);
	assert_in_range(calls, 1, 3);	/* the fewer, the slower */
	for (int i = 0; i < 8; i++)
		left += site_row(s, w[i].id).state == STATE_DELIVERED;
	assert_int_equal(left, 8 - 2 * calls);
	assert_int_equal(site_number("SELECT count(*) FROM message WHERE"
	    " owner <> 0"), 0);
	assert_int_equal(site_number("SELECT count(*) FROM call"), 0);
}

struct told_of {
	struct wait wait;	/* first */
	struct awaited room[2];
	int over;
};

static void
count_over(struct wait *wait)
{
	((struct told_of *)wait)->over++;
}

static void
await(struct site *s, struct told_of *o, int64_t one, int64_t other)
{
	o->over = 0;
	waiting_init(&o->wait, o->room);
	o->wait.over = count_over;
	o->wait.until = deadline_in(&s->clock, 60000);
	waiting_add(s->waiting, &o->wait, one);
	waiting_add(s->waiting, &o->wait, other);
	waiting_arm(s->waiting, &o->wait);
}

/* Who waits for a message learns what became of it, good or bad. */
static void
test_who_waits_is_told(void **state)
{
	struct site *s = *state;
	struct work w[2] = { site_delivered(s, 1, "access-a"),
	    site_delivered(s, 2, "access-a") };
	struct told_of o;

	SCRIPT(s, rest, ACCEPTED);
	await(s, &o, w[0].id, w[1].id);
	assert_true(told_on(s, NULL));
	assert_int_equal(o.over, 1);
	assert_int_equal(o.room[0].state, STATE_ACKNOWLEDGED);
	assert_int_equal(o.room[1].state, STATE_ACKNOWLEDGED);

	w[0] = site_delivered(s, 3, "access-a");
	w[1] = site_delivered(s, 4, "access-a");
	SCRIPT(s, rest, { "500 No", "", NULL, 0 });
	await(s, &o, w[0].id, w[1].id);
	assert_false(told_on(s, NULL));
	assert_int_equal(o.over, 1);
	assert_int_equal(o.room[0].state, STATE_DELIVERED);

	/* refused together, he waits until each was told alone */
	w[0] = site_delivered(s, 5, "access-a");
	w[1] = site_delivered(s, 6, "access-a");
	SCRIPT(s, rest, REFUSED("ERROR_ARGUMENT"), ACCEPTED,
	    REFUSED("ERROR_ARGUMENT"));
	await(s, &o, w[0].id, w[1].id);
	(void)told_on(s, NULL);
	assert_int_equal(script_count(s, &s->rest), 3);
	assert_int_equal(o.over, 1);
	assert_int_equal(o.room[0].state, STATE_ACKNOWLEDGED);
	assert_int_equal(o.room[1].state, STATE_REFUSED);
}

/* A batch that goes with the message that is claimed, and that in front. */
static void
test_with_first(void **state)
{
	struct site *s = *state;
	struct work w[3] = { site_delivered(s, 1, "access-a"),
	    site_delivered(s, 2, "access-b"),
	    site_delivered(s, 3, "access-c") };
	struct work first;
	bool found;

	s->ahead_ms += 2000;
	assert_int_equal(store_claim_due(s->store, NULL, &s->arena, &first,
	    &found, &s->problem), ERR_OK);
	assert_int_equal(first.id, w[0].id);
	SCRIPT(s, rest, ACCEPTED);
	assert_true(told_on(s, &first));
	assert_int_equal(script_count(s, &s->rest), 1);
	called_with(s, 0, "access-c");
	expect_states(s, w, 3, STATE_ACKNOWLEDGED);
}

#define SMALL(f) cmocka_unit_test_setup_teardown(f, start_small, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_batch_ladder), TEST(test_batch_access),
		TEST(test_batch_rejected_pair), TEST(test_parked_with_newer),
		TEST(test_limit), SMALL(test_goes_on),
		SMALL(test_not_for_ever), TEST(test_who_waits_is_told),
		TEST(test_with_first),
	};

	return cmocka_run_group_tests_name("relay/tell_on", tests, NULL,
	    NULL);
}
