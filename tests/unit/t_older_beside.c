/*
 * A store of the version before is taken over beside processes of that
 * version, which go on, and while events come.
 *
 * Run by make check.
 */
#include "older_world.h"

#include "event_make.h"

#include <stdio.h>
#include <string.h>

static void
repeats(struct older_world *w)
{
	for (int i = 1; i <= 4; i++) {
		struct arrival a = old_take(w, i, "channel-123");

		assert_false(a.fresh);
		assert_int_equal(a.state, i);
	}
}

static void
insert_each(struct older_world *w)
{
	for (int i = 1; i <= 4; i++)
		OLDER(w->old, .message_id = i, .state = i, .step = i == 4 ? 2 :
		    0, .ids = i == 2 ? "[]" : NULL);
}

static void
test_repeats(void **state)
{
	struct older_world *w = *state;

	insert_each(w);
	repeats(w);
	(void)old_look_all(w);
	assert_int_equal(old_version(w), 3);
	repeats(w);
}

static void
test_repeats_while_older_lives(void **state)
{
	struct older_world *w = *state;

	old_older_begins(w);
	insert_each(w);
	repeats(w);
	(void)old_look_all(w);
	assert_int_equal(old_version(w), 2);
	repeats(w);
	old_older_ends(w);
	(void)old_look_all(w);
	assert_int_equal(old_version(w), 3);
	repeats(w);
}

static void
test_revisions(void **state)
{
	struct older_world *w = *state;
	struct arrival a;
	char key[65];

	old_older_begins(w);
	OLDER(w->old, .event = UPDATE, .message_id = 1, .text = "one");
	(void)older_insert(w->old, &(const struct older_message){
	    .event = UPDATE, .message_id = 1, .text = "two", .revision = 2,
	    .owner = PROCESS, .lease = LEASE }, key);
	a = old_take_text(w, UPDATE, 1, "channel-123", "two");
	assert_false(a.fresh);
	assert_string_equal(a.key, key);
	a = old_take_text(w, UPDATE, 1, "channel-123", "three");
	assert_true(a.fresh);
	assert_string_equal(a.key + strlen(a.key) - 2, "-3");
	(void)old_look_all(w);
	assert_false(old_take_text(w, UPDATE, 1, "channel-123", "three").fresh);
	old_older_ends(w);
	(void)old_look_all(w);
	assert_false(old_take_text(w, UPDATE, 1, "channel-123", "three").fresh);
	a = old_take_text(w, UPDATE, 1, "channel-123", "four");
	assert_true(a.fresh);
	assert_string_equal(a.key + strlen(a.key) - 2, "-4");
	assert_int_equal(old_stats(w).state[STATE_RECEIVED], 4);
}

static void
test_claimed(void **state)
{
	struct older_world *w = *state;
	int64_t told, other, id[4];
	char key[65];

	old_older_begins(w);
	OLDER(w->old, .message_id = 1, .chat = "a", .owner = PROCESS,
	    .lease = LEASE);
	OLDER(w->old, .message_id = 2, .chat = "a");
	OLDER(w->old, .message_id = 0x7fff, .chat = "b", .owner = PROCESS + 1,
	    .lease = LEASE);
	(void)older_insert(w->old, &(const struct older_message){
	    .message_id = 4, .chat = "c", .state = 2, .ids = "[]",
	    .owner = PROCESS, .lease = LEASE }, key);
	told = older_sql(w->old, "SELECT max(id) FROM message");
	(void)old_look_all(w);
	/* only the one whose process is gone was free */
	assert_int_equal(old_stats(w).state[STATE_RECEIVED], 1);
	assert_int_equal(old_stats(w).state[STATE_DELIVERED], 0);
	assert_true(old_is_due(w, w->store));
	other = old_take(w, 3, "a").id;
	assert_int_equal(old_watch(w, other), STATE_RECEIVED);
	assert_int_equal(old_watch(w, told), STATE_DELIVERED);
	/* the older process goes on, and its claim moves along its chat */
	assert_int_equal(older_sql(w->old, "UPDATE message SET state = 3,"
	    " owner = 0 WHERE message_id = 1"), -1);
	assert_int_equal(older_sql(w->old, "UPDATE message SET owner = 4711,"
	    " lease = 5060000 WHERE message_id = 2"), -1);
	(void)old_look_all(w);
	assert_int_equal(old_stats(w).state[STATE_RECEIVED], 1);
	old_older_ends(w);
	assert_int_equal(old_hand_over_all(w, id, COUNT(id)), 3);
	assert_int_equal(id[0], 2);
	assert_int_equal(old_version(w), 3);
	assert_int_equal(old_see(w, key).state, STATE_DELIVERED);
	assert_int_equal(old_take(w, 1, "a").state, STATE_ACKNOWLEDGED);
}

static void
test_lease(void **state)
{
	struct older_world *w = *state;

	old_older_begins(w);
	OLDER(w->old, .message_id = 1, .owner = PROCESS, .lease = LEASE);
	(void)old_look_all(w);
	assert_int_equal(old_stats(w).state[STATE_RECEIVED], 0);
	w->mono_ms = LEASE;
	(void)old_look_all(w);
	assert_int_equal(old_stats(w).state[STATE_RECEIVED], 1);
}

static void
test_marks(void **state)
{
	struct older_world *w = *state;
	struct arrival a;

	old_older_begins(w);
	insert_each(w);
	(void)old_look_all(w);
	a = old_take(w, 5, "b");
	assert_true(a.claimed);
	assert_int_equal(older_sql(w->old, "SELECT count(DISTINCT base)"
	    " FROM message"), 5);
	assert_int_equal(older_sql(w->old, "SELECT count(*) FROM message"
	    " WHERE state IN (1, 2) OR next_ms IS NOT NULL OR body IS NOT NULL"
	    " OR token IS NOT NULL OR endpoint IS NOT NULL OR owner <> 0"
	    " OR (state = 4 AND step <> 1)"), 0);
	assert_false(old_is_due(w, w->store));
	/* and goes on storing */
	OLDER(w->old, .message_id = 6, .chat = "c");
	assert_true(old_is_due(w, w->store));
	(void)old_look_all(w);
	assert_int_equal(old_stats(w).state[STATE_RECEIVED], 3);
	assert_int_equal(old_watch(w, a.id), STATE_RECEIVED);
	old_older_ends(w);
	(void)old_look_all(w);
	assert_int_equal(old_old_tables(w), 0);
	assert_int_equal(old_stats(w).state[STATE_RECEIVED], 3);
	assert_int_equal(old_stats(w).state[STATE_DELIVERED], 1);
	assert_int_equal(old_stats(w).state[STATE_ACKNOWLEDGED], 1);
	assert_int_equal(old_stats(w).state[STATE_REFUSED], 1);
}

static void
test_numbers(void **state)
{
	struct older_world *w = *state;
	int64_t n = 0;

	old_older_begins(w);
	for (int64_t i = 1; i <= 300; i++) {
		char a[8], b[8];

		(void)snprintf(a, sizeof(a), "a%d", (int)i);
		(void)snprintf(b, sizeof(b), "b%d", (int)i);
		OLDER(w->old, .message_id = i, .chat = a);
		assert_true(old_take(w, 1000 + i, b).claimed);
		n += old_look(w, w->store);
	}
	(void)old_look_all(w);
	assert_true(n > 0);
	assert_int_equal(old_stats(w).state[STATE_RECEIVED], 600);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_repeats), TEST(test_repeats_while_older_lives),
		TEST(test_revisions), TEST(test_claimed), TEST(test_lease),
		TEST(test_marks), TEST(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
