/*
 * What a person does to the queue: retrying, dropping, purging, counting.
 *
 * Run by make check.
 */
#include "store/destination.h"
#include "store/portals.h"

#include "claim_world.h"

static int64_t
retry(struct world *w, const char *key)
{
	int64_t n = -1;

	assert_int_equal(store_retry(w->store, key, &n, &w->problem), ERR_OK);
	return n;
}

static int64_t
drop(struct world *w, struct store *s, const char *key)
{
	int64_t n = -1;

	assert_int_equal(store_drop(s, key, &n, &w->problem), ERR_OK);
	return n;
}

static int64_t
purge(struct world *w, int64_t before_ms, int64_t max)
{
	int64_t n = -1;

	assert_int_equal(store_purge(w->store, before_ms, max, &n,
	    &w->problem), ERR_OK);
	return n;
}

/* An element that no retry can mend; its key. */
static struct arrival
take_bad(struct world *w, int64_t chat_id)
{
	struct message bad = make_message(0, "{}");
	struct arrival a[2];
	struct event ev;

	bad.bad = "im.message_id";
	bad.chat_id = chat_id;
	make_event(&ev, ADD);
	add_message(&ev, 900 + chat_id, "b");
	assert_int_equal(event_keep(&ev, &bad), ERR_OK);
	check_event(&ev);
	assert_int_equal(store_take(w->store, &ev, &take_plain, a,
	    &w->problem), ERR_OK);
	event_free(&ev);
	return a[0].state == STATE_REFUSED ? a[0] : a[1];
}

static void
test_retry_all(void **state)
{
	struct world *w = *state;

	(void)take_in(w, "A", 1);
	(void)take_in(w, "B", 2);
	(void)take_in(w, "C", 3);
	(void)take_in(w, "D", 4);
	(void)deliver(w, 2);
	(void)deliver(w, 3);
	acknowledge(w, 3);
	postpone(w, 1, 1, HOLD_NONE);
	(void)refuse(w, 1, STEP_HAND_OVER, "no");
	(void)refuse(w, 2, STEP_STATUS, "never");
	w->now_ms += 50;
	assert_int_equal(retry(w, NULL), 2);
	/* from the step that refused: what the channel took has its ids */
	assert_string_equal(look(w, "SELECT id, state, step, ids, tries,"
	    " first_ms, next_ms - 1773759162000, hold, owner,"
	    " changed_ms - 1773759162000 FROM message WHERE id < 3"),
	    "1|1|null|null|0|null|50|0|0|50|\n"
	    "2|2|null|[\"x\"]|0|null|50|0|0|50|\n");
	assert_int_equal(column(w, "state", 3), STATE_ACKNOWLEDGED);
	assert_int_equal(column(w, "owner <> 0", 4), 1);
	assert_int_equal(retry(w, NULL), 0);
	assert_int_equal(claim_due(w) + claim_due(w), 3);
	assert_int_equal(claim_due(w), 0);
}

static void
test_retry_one(void **state)
{
	struct world *w = *state;
	struct arrival a = take_in(w, "A", 1), b = take_in(w, "B", 2);

	(void)refuse(w, 1, STEP_HAND_OVER, "no");
	assert_int_equal(retry(w, b.key), 0);
	assert_int_equal(column(w, "owner <> 0", 2), 1);
	assert_int_equal(retry(w, "nobody"), 0);
	assert_int_equal(retry(w, ""), 0);
	(void)refuse(w, 2, STEP_HAND_OVER, "no");
	assert_int_equal(retry(w, a.key), 1);
	assert_int_equal(retry(w, a.key), 0);
	assert_int_equal(column(w, "state", 2), STATE_REFUSED);
	assert_int_equal(claim_due(w), 1);
}

/* What could not be read cannot be handed over either. */
static void
test_retry_bad(void **state)
{
	struct world *w = *state;
	struct arrival a = take_bad(w, 5);

	assert_int_equal(a.state, STATE_REFUSED);
	assert_int_equal(retry(w, NULL), 0);
	assert_int_equal(retry(w, a.key), 0);
	assert_int_equal(column(w, "state", a.id), STATE_REFUSED);
	assert_int_equal(column(w, "step", a.id), STEP_READ);
	assert_int_equal(drop(w, w->store, a.key), 1);
}

/* A retried one takes its place in its chat again. */
static void
test_retry_order(void **state)
{
	struct world *w = *state;

	for (int64_t i = 1; i <= 4; i++)
		(void)take_in(w, "A", i);
	assert_int_equal(refuse(w, 1, STEP_HAND_OVER, "no"), 2);
	assert_int_equal(retry(w, NULL), 1);
	/* it is the first, but its chat is busy */
	assert_int_equal(claim_due(w), 0);
	assert_int_equal(deliver(w, 2), 1);
	assert_int_equal(refuse(w, 1, STEP_HAND_OVER, "no"), 3);
	assert_int_equal(deliver(w, 3), 4);
	/* behind one that goes on */
	(void)take_in(w, "A", 9);
	assert_int_equal(refuse(w, 4, STEP_HAND_OVER, "no"), 5);
	postpone(w, 5, 1000, HOLD_NONE);
	assert_int_equal(retry(w, NULL), 2);
	assert_int_equal(claim_due(w), 1);
	assert_int_equal(claim_due(w), 0);
	assert_int_equal(deliver(w, 1), 4);
	assert_int_equal(deliver(w, 4), 0);
	for (int64_t i = 1; i <= 4; i++)
		acknowledge(w, i);
	w->now_ms += 1000;
	assert_int_equal(claim_due(w), 5);
}

/* Dropping the first of a chat frees the chat. */
static void
test_drop(void **state)
{
	struct world *w = *state;
	struct arrival a[4];

	for (int i = 0; i < 3; i++)
		a[i] = take_in(w, "A", i + 1);
	a[3] = take_in(w, "B", 4);
	postpone(w, 1, 5000, HOLD_NONE);
	assert_int_equal(drop(w, w->store, "nobody"), 0);
	assert_int_equal(claim_due(w), 0);
	assert_int_equal(drop(w, w->store, a[0].key), 1);
	assert_int_equal(drop(w, w->store, a[0].key), 0);
	assert_int_equal(number(w, "SELECT count(*) FROM message"), 3);
	assert_int_equal(claim_due(w), 2);
	assert_int_equal(claim_due(w), 0);
	assert_int_equal(deliver(w, 2), 3);
	/* it may come again, as a new one */
	assert_true(take_in(w, "A", 1).fresh);
}

static void
test_drop_the_last(void **state)
{
	struct world *w = *state;
	struct arrival a[3];

	for (int i = 0; i < 3; i++)
		a[i] = take_in(w, "A", i + 1);
	postpone(w, 1, 5000, HOLD_NONE);
	assert_int_equal(drop(w, w->store, a[1].key), 1);
	/* the first still waits for its time, and the last for the first */
	assert_int_equal(column(w, "next_ms - 1773759162000", 1), 5000);
	assert_int_equal(claim_due(w), 0);
	w->now_ms += 5000;
	assert_int_equal(claim_due(w), 1);
	assert_int_equal(deliver(w, 1), 3);
}

/* What a living process works on is left alone, in any state. */
static void
test_drop_claimed(void **state)
{
	struct world *w = *state;
	struct store *other = store_of(w, 1000, true);
	struct arrival a = take_in(w, "A", 1), b = take_in(w, "A", 2);
	struct arrival dead = take_opts_in(w, other, "107", "B", 3, 0);

	assert_int_equal(drop(w, other, a.key), 0);
	assert_int_equal(drop(w, w->store, a.key), 0);
	assert_string_equal(look(w, "SELECT next_ms FROM message WHERE"
	    " id = 2"), "null|\n");
	assert_int_equal(deliver(w, 1), 2);
	w->now_ms += 1000;
	assert_int_equal(claim_due(w), 1);
	assert_int_equal(drop(w, other, a.key), 0);
	assert_int_equal(drop(w, other, b.key), 0);
	acknowledge(w, 1);
	assert_int_equal(drop(w, other, a.key), 1);
	assert_int_equal(drop(w, w->store, dead.key), 0);
	store_close(other);
	assert_int_equal(drop(w, w->store, dead.key), 1);
}

/* Only what is done, by when it was done. */
static void
test_purge(void **state)
{
	struct world *w = *state;
	int64_t begun = w->now_ms;

	for (int64_t i = 1; i <= 7; i++) {
		char chat[2] = { (char)('A' + i), '\0' };

		(void)take_in(w, chat, i);
		if (i != 6)
			(void)deliver(w, i);
		w->now_ms += 10;
		if (i <= 5)
			acknowledge(w, i);
	}
	(void)refuse(w, 6, STEP_HAND_OVER, "no");
	/* 1 to 5 were done at 10, 20, 30, 40, 50 */
	assert_int_equal(purge(w, begun + 10, 100), 0);
	assert_int_equal(purge(w, begun + 11, 100), 1);
	assert_string_equal(look(w, "SELECT min(id) FROM message"), "2|\n");
	assert_int_equal(purge(w, begun + 41, 2), 2);
	assert_int_equal(purge(w, begun + 41, 2), 1);
	assert_int_equal(purge(w, begun + 9999999, 0), 0);
	assert_int_equal(purge(w, begun + 9999999, 100), 1);
	assert_string_equal(look(w, "SELECT id, state FROM message ORDER BY"
	    " id"), "6|4|\n7|2|\n");
	assert_true(take_in(w, "Z", 1).fresh);
}

static struct stats
stats(struct world *w)
{
	struct stats st;

	assert_int_equal(store_stats(w->store, &st, &w->problem), ERR_OK);
	return st;
}

static void
test_stats(void **state)
{
	const struct portal portal = { .member_id = "m",
	    .application_token = "", .endpoint = "", .server_endpoint = "",
	    .access_token = "", .refresh_token = "" };
	struct install in = { .member_id = "m",
	    .application_token = "", .endpoint = "", .server_endpoint = "",
	    .access_token = "", .refresh_token = "" };
	struct world *w = *state;
	struct portal other = portal;
	struct stats st = stats(w);
	struct problem *p = &w->problem;
	int64_t tries;
	enum kept kept;

	for (int i = 0; i <= STATE_REFUSED; i++)
		assert_int_equal(st.state[i], 0);
	assert_int_equal(st.held + st.parked + st.oldest_ms + st.portals +
	    st.rejected + st.installs + st.down, 0);
	for (int64_t i = 1; i <= 10; i++) {
		char chat[2] = { (char)('A' + i), '\0' };

		(void)take_in(w, chat, i);
		w->now_ms += 10;
		if (i > 1)
			(void)deliver(w, i);
		if (i > 3 && i < 7)
			acknowledge(w, i);
		if (i > 6)
			(void)refuse(w, i, STEP_STATUS, "no");
	}
	postpone(w, 1, 1, HOLD_DOWN);
	postpone(w, 2, 1, HOLD_PARKED);
	other.member_id = "n";
	assert_int_equal(store_portal_save(w->store, &portal, p), ERR_OK);
	assert_int_equal(store_portal_save(w->store, &other, p), ERR_OK);
	assert_int_equal(store_portal_rejected(w->store, "n", "r", p),
	    ERR_OK);
	assert_int_equal(store_install_keep(w->store, &in, 1, &kept, p),
	    ERR_OK);
	assert_int_equal(store_set_down(w->store, "d", 1, &tries, p), ERR_OK);
	st = stats(w);
	assert_int_equal(st.state[STATE_RECEIVED], 1);
	assert_int_equal(st.state[STATE_DELIVERED], 2);
	assert_int_equal(st.state[STATE_ACKNOWLEDGED], 3);
	assert_int_equal(st.state[STATE_REFUSED], 4);
	assert_int_equal(st.held, 1);
	assert_int_equal(st.parked, 1);
	assert_int_equal(st.oldest_ms, 1773759162000);
	assert_int_equal(st.portals, 2);
	assert_int_equal(st.rejected, 1);
	assert_int_equal(st.installs, 1);
	assert_int_equal(st.down, 1);
	/* the oldest is one that waits */
	(void)refuse(w, 1, STEP_HAND_OVER, "no");
	assert_int_equal(stats(w).oldest_ms, 1773759162010);
}

/* No file: there is nothing to do, and that is no failure. */
static void
test_absent(void **state)
{
	struct world *w = *state;

	store_close(w->store);
	w->store = store_of(w, 100, false);
	assert_int_equal(retry(w, NULL), 0);
	assert_int_equal(drop(w, w->store, "key"), 0);
	assert_int_equal(purge(w, INT64_MAX, 9), 0);
	assert_int_equal(stats(w).oldest_ms, 0);
	assert_int_equal(claim_due(w), 0);
	assert_int_equal(w->problem.err, ERR_OK);
	assert_int_equal(access(w->path, F_OK), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_retry_all),
		WORLD_TEST(test_retry_one),
		WORLD_TEST(test_retry_bad),
		WORLD_TEST(test_retry_order),
		WORLD_TEST(test_drop),
		WORLD_TEST(test_drop_the_last),
		WORLD_TEST(test_drop_claimed),
		WORLD_TEST(test_purge),
		WORLD_TEST(test_stats),
		WORLD_TEST(test_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
