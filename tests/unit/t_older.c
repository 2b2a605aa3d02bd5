/*
 * A store of the version before is taken over: nothing is lost, nothing
 * comes twice, and the order of chats holds.
 *
 * Run by make check.
 */
#include "older_world.h"

#include <stdio.h>

static void
test_empty(void **state)
{
	struct older_world *w = *state;

	old_older_begins(w);
	(void)old_look_all(w);
	assert_int_equal(old_version(w), 2);
	old_older_ends(w);
	assert_true(old_is_due(w, w->store));
	(void)old_look_all(w);
	assert_int_equal(old_version(w), 3);
	assert_int_equal(old_old_tables(w), 0);
	assert_false(old_is_due(w, w->store));
	assert_false(old_look(w, w->store));
}

static void
test_states(void **state)
{
	struct older_world *w = *state;
	char received[65], later[65], held[65], told[65], parked[65],
	    done[65], refused[65], bad[65];
	const struct older_message m[] = {
		{ .message_id = 1, .chat = "a", .tries = 3,
		    .first_ms = NOW - 9000, .reason = "HTTP 500" },
		{ .message_id = 2, .chat = "b", .next_ms = NOW + 60000,
		    .tries = 1, .reason = "HTTP 503" },
		{ .message_id = 3, .chat = "c", .next_ms = NOW + 60000,
		    .hold = 1 },
		{ .message_id = 4, .state = 2, .ids = "[\"x\"]" },
		{ .message_id = 5, .state = 2, .ids = "[\"y\"]", .hold = 2,
		    .next_ms = NOW + 80000000 },
		{ .message_id = 6, .state = 3, .ids = "[\"z\"]" },
		{ .message_id = 7, .state = 4, .step = 2,
		    .reason = "HTTP 422", .tries = 1 },
		{ .message_id = 8, .state = 4, .step = 1,
		    .reason = "im.chat_id is missing" },
	};
	char *const key[] = { received, later, held, told, parked, done,
		refused, bad };
	int64_t id[COUNT(m)];
	struct told t;
	struct stats s;

	for (size_t i = 0; i < COUNT(m); i++)
		id[i] = older_insert(w->old, &m[i], key[i]);
	(void)old_look_all(w);
	assert_int_equal(old_version(w), 3);
	assert_int_equal(old_old_tables(w), 0);
	for (size_t i = 0; i < COUNT(m); i++) {
		t = old_see(w, key[i]);
		assert_int_equal(t.n, 1);
		assert_int_equal(t.id, id[i]);
		assert_int_equal(t.message_id, m[i].message_id);
		assert_int_equal(t.state, m[i].state != 0 ? m[i].state : 1);
		assert_int_equal(t.step, m[i].step);
		assert_string_equal(t.reason, m[i].reason != NULL ?
		    m[i].reason : "");
		assert_string_equal(t.body, m[i].state != 3 ?
		    "\"text\":\"Hello\"" : "");
		if (m[i].state != 3)
			assert_int_equal(t.tries, m[i].tries);
		if (m[i].state == 2)
			assert_string_equal(t.ids, m[i].ids);
	}
	assert_int_equal(old_see(w, later).next_ms, NOW + 60000);
	assert_int_equal(old_see(w, held).next_ms, 0);
	assert_int_equal(old_see(w, parked).next_ms, 0);
	s = old_stats(w);
	assert_int_equal(s.state[STATE_RECEIVED], 3);
	assert_int_equal(s.state[STATE_DELIVERED], 2);
	assert_int_equal(s.state[STATE_ACKNOWLEDGED], 1);
	assert_int_equal(s.state[STATE_REFUSED], 2);
}

static void
test_turns(void **state)
{
	struct older_world *w = *state;
	int64_t id[8], line;

	OLDER(w->old, .message_id = 1, .chat = "a");
	OLDER(w->old, .message_id = 2, .chat = "b", .next_ms = NOW + 60000);
	OLDER(w->old, .message_id = 3, .state = 2, .ids = "[]");
	OLDER(w->old, .message_id = 4, .state = 2, .ids = "[]",
	    .next_ms = NOW + 60000);
	OLDER(w->old, .message_id = 5, .state = 2, .ids = "[]", .hold = 2,
	    .next_ms = NOW + 60000);
	(void)old_look_all(w);
	assert_int_equal(place_of_tell(&line,
	    "bac1cd5c8940947a75e0d71b1a84e348", "myconnector", 107), ERR_OK);
	assert_int_equal(old_take_up(w, old_channel_number(""),
	    PLACE_CHANNEL, id, 8), 1);
	assert_int_equal(id[0], 1);
	assert_int_equal(old_take_up(w, line, PLACE_TELL, id, 8), 2);
	assert_int_equal(id[0], 3);
	assert_int_equal(id[1], 5);
	w->now_ms += 60000;
	w->mono_ms += 60000;
	(void)old_look_all(w);
	assert_int_equal(old_take_up(w, old_channel_number(""),
	    PLACE_CHANNEL, id, 8), 1);
	assert_int_equal(id[0], 2);
	assert_int_equal(old_take_up(w, line, PLACE_TELL, id, 8), 1);
	assert_int_equal(id[0], 4);
}

static void
test_retry(void **state)
{
	struct older_world *w = *state;
	char over[65], told[65], bad[65];
	int64_t n;

	(void)older_insert(w->old, &(const struct older_message){
	    .message_id = 1, .state = 4, .step = 2 }, over);
	(void)older_insert(w->old, &(const struct older_message){
	    .message_id = 2, .state = 4, .step = 3, .ids = "[\"x\"]" }, told);
	(void)older_insert(w->old, &(const struct older_message){
	    .message_id = 3, .state = 4, .step = 1 }, bad);
	assert_int_equal(store_retry(w->store, NULL, &n, &w->problem),
	    ERR_OK);
	assert_int_equal(n, 2);
	assert_int_equal(old_see(w, over).state, STATE_RECEIVED);
	assert_int_equal(old_see(w, told).state, STATE_DELIVERED);
	assert_int_equal(old_see(w, bad).state, STATE_REFUSED);
	assert_int_equal(store_drop(w->store, bad, &n, &w->problem), ERR_OK);
	assert_int_equal(n, 1);
	assert_true(old_take(w, 3, "channel-123").fresh);
}

static void
test_order(void **state)
{
	struct older_world *w = *state;
	const int64_t want[] = { 2, 3, 5, 7, 9 };
	int64_t id[8];

	OLDER(w->old, .message_id = 5, .next_ms = NOW);
	OLDER(w->old, .message_id = 3);
	OLDER(w->old, .message_id = 9);
	assert_false(old_take(w, 7, "channel-123").claimed);
	assert_false(old_take(w, 2, "channel-123").claimed);
	assert_int_equal(old_hand_over_all(w, id, COUNT(id)), COUNT(want));
	for (size_t i = 0; i < COUNT(want); i++)
		assert_int_equal(id[i], want[i]);
	/* and a chat of its own waits for nobody */
	assert_true(old_take(w, 1, "another").claimed);
}

static void
test_long_chat(void **state)
{
	struct older_world *w = *state;
	static int64_t id[1300];

	for (int64_t i = 0; i < 1000; i++)
		OLDER(w->old, .message_id = 10 + (i * 7919) % 1000 * 10);
	for (int64_t i = 0; i < 250; i++) {
		struct arrival a = old_take(w, 11 + i * 40, "channel-123");

		assert_true(a.fresh);
		assert_false(a.claimed);
		assert_int_equal(old_watch(w, a.id), STATE_RECEIVED);
		if (i % 50 == 7)
			(void)old_look(w, w->store);
	}
	assert_int_equal(old_hand_over_all(w, id, COUNT(id)), 1250);
	for (int64_t i = 1; i < 1250; i++)
		assert_true(id[i - 1] < id[i]);
}

static void
test_bound(void **state)
{
	struct older_world *w = *state;
	int64_t left;

	for (int64_t i = 1; i <= 1000; i++)
		OLDER(w->old, .message_id = i, .state = 1 + (int)i % 4,
		    .step = 2, .ids = "[]");
	for (left = 1000; left > 0; ) {
		int64_t was = left;

		assert_true(old_look(w, w->store));
		left = older_sql(w->old, "SELECT count(*) FROM message");
		assert_true(left < was && was - left <= 100);
	}
}

static void
test_shared(void **state)
{
	struct older_world *w = *state;

	older_sql(w->old, "INSERT INTO portal VALUES('m', 't', 'e', 's', 'a',"
	    " 'r', 1, 2, NULL, 3, 0, 0)");
	older_sql(w->old, "INSERT INTO install(member_id, application_token,"
	    " endpoint, server_endpoint, access_token, refresh_token,"
	    " expires_in, ts, received_ms, next_ms) VALUES('m', 't', 'e', 's',"
	    " 'a', 'r', 1, 2, 3, 4)");
	(void)old_look_all(w);
	older_sql(w->old, "INSERT INTO install(member_id, application_token,"
	    " endpoint, server_endpoint, access_token, refresh_token,"
	    " expires_in, ts, received_ms, next_ms) VALUES('n', 't', 'e', 's',"
	    " 'a', 'r', 1, 2, 3, 4)");
	assert_int_equal(older_sql(w->old, "SELECT sum(tries = 0) FROM"
	    " install"), 2);
	assert_int_equal(old_stats(w).portals, 1);
	/* nobody has looked at them since they became too old to be proven */
	assert_int_equal(old_stats(w).installs, 0);
}

static void
test_two(void **state)
{
	struct older_world *w = *state;
	struct store *b = old_store(w);

	for (int64_t i = 1; i <= 900; i++) {
		char chat[8];

		(void)snprintf(chat, sizeof(chat), "%d", (int)i % 70);
		OLDER(w->old, .message_id = i, .chat = chat,
		    .state = 1 + (int)i % 4, .step = 2, .ids = "[]");
	}
	for (int i = 0; i < 40; i++) {
		(void)old_look(w, b);
		(void)old_look(w, w->store);
	}
	assert_int_equal(old_version(w), 3);
	assert_false(old_is_due(w, b));
	assert_false(old_look(w, b));
	assert_true(store_close(b, 0));
	for (int i = STATE_RECEIVED; i <= STATE_REFUSED; i++)
		assert_int_equal(old_stats(w).state[i], 225);
}

static void
test_twice(void **state)
{
	struct older_world *w = *state;
	int64_t id[4];

	assert_true(old_take(w, 1, "a").fresh);
	/* an Add has no revisions, whatever it says */
	OLDER(w->old, .message_id = 1, .chat = "a", .text = "Bye");
	(void)old_look_all(w);
	assert_int_equal(old_stats(w).state[STATE_RECEIVED], 1);
	assert_int_equal(old_take_up(w, old_channel_number(""),
	    PLACE_CHANNEL, id, 4), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_empty), TEST(test_states), TEST(test_turns),
		TEST(test_retry), TEST(test_order), TEST(test_long_chat),
		TEST(test_bound), TEST(test_shared), TEST(test_two),
		TEST(test_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
