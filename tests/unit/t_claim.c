/*
 * The order within a chat: who may be claimed, and that the end of each
 * hand-over claims the chat's next.
 *
 * Run by make check.
 */
#include "claim_world.h"

static void
test_first_only(void **state)
{
	struct world *w = *state;

	assert_true(take_in(w, "A", 10).claimed);
	assert_false(take_in(w, "A", 11).claimed);
	assert_false(take_in(w, "A", 12).claimed);
	assert_true(take_in(w, "B", 13).claimed);
	assert_false(take_in(w, "B", 14).claimed);
	/* a repeat is nobody's to hand over */
	assert_false(take_in(w, "A", 10).claimed);
	assert_int_equal(claim_due(w), 0);
	assert_string_equal(look(w, "SELECT id, next_ms - 1773759162000,"
	    " owner <> 0, lease, hold FROM message"),
	    "1|0|1|0|0|\n2|null|0|0|0|\n3|null|0|0|0|\n"
	    "4|0|1|0|0|\n5|null|0|0|0|\n");
}

/* A chat is one of a line of a connector of a portal. */
static void
test_what_a_chat_is(void **state)
{
	struct world *w = *state;
	struct arrival a;
	struct event ev;

	assert_true(take_in(w, "A", 10).claimed);
	assert_true(take_opts_in(w, w->store, "108", "A", 11, 0).claimed);
	for (int i = 0; i < 2; i++) {
		make_event(&ev, ADD);
		if (i == 0)
			ev.connector = own(&ev, "another");
		else
			ev.member_id = own(&ev, "another");
		add_message(&ev, 12, "b");
		check_event(&ev);
		ev.message[0].chat = own(&ev, "A");
		assert_int_equal(store_take(w->store, &ev, &take_plain, &a,
		    &w->problem), ERR_OK);
		event_free(&ev);
		assert_true(a.claimed);
	}
	assert_false(take_in(w, "A", 13).claimed);
	/* and none of them is the next of another, though it is free */
	postpone(w, 1, 0, HOLD_NONE);
	assert_int_equal(deliver(w, 2), 0);
	assert_int_equal(deliver(w, 3), 0);
	assert_int_equal(deliver(w, 4), 0);
	assert_int_equal(claim_due(w), 1);
	assert_int_equal(deliver(w, 1), 5);
}

/* The end of a hand-over claims the next; nobody else can get it. */
static void
test_next(void **state)
{
	struct world *w = *state;
	struct store *other = store_of(w, 1000, true);
	struct work work;
	int64_t next;

	for (int64_t i = 1; i <= 4; i++)
		(void)take_in(w, "A", i);
	(void)take_in(w, "B", 5);
	w->mono_ms += 1000;
	assert_int_equal(deliver(w, 1), 2);
	assert_int_equal(claim_by(w, other, NULL), 0);
	assert_string_equal(look(w, "SELECT lease, owner = (SELECT owner FROM"
	    " message WHERE id = 5), next_ms, hold FROM message WHERE id = 2"),
	    "0|1|1773759162000|0|\n");
	/* where no status is wanted, too */
	work = work_of(w, 2);
	assert_int_equal(store_done(w->store, &work, "[]", &next,
	    &w->problem), ERR_OK);
	assert_int_equal(next, 3);
	assert_int_equal(work.state, STATE_ACKNOWLEDGED);
	assert_string_equal(look(w, "SELECT state, ids, body, token, endpoint,"
	    " next_ms, owner, lease, delivered_ms FROM message WHERE id = 2"),
	    "3|[]|null|null|null|null|0|0|1773759162000|\n");
	assert_int_equal(claim_by(w, other, NULL), 0);
	/* a refused one holds nobody back */
	assert_int_equal(refuse(w, 3, STEP_HAND_OVER, "no"), 4);
	assert_int_equal(claim_by(w, other, NULL), 0);
	assert_int_equal(deliver(w, 4), 0);
	store_close(other);
}

/* Order binds the hand-over: the end of a status call starts nothing. */
static void
test_status_is_free(void **state)
{
	struct world *w = *state;

	for (int64_t i = 1; i <= 3; i++)
		(void)take_in(w, "A", i);
	assert_int_equal(deliver(w, 1), 2);
	postpone(w, 2, 0, HOLD_NONE);	/* due, and nobody's */
	assert_int_equal(refuse(w, 1, STEP_STATUS, "no"), 0);
	assert_int_equal(column(w, "owner", 2), 0);
	assert_int_equal(claim_due(w), 2);
	assert_int_equal(deliver(w, 2), 3);
	/* a hand-over runs: a status of the chat may be tried */
	postpone(w, 2, 0, HOLD_NONE);
	assert_int_equal(claim_due(w), 2);
}

static void
test_lower_goes_first(void **state)
{
	struct world *w = *state;

	assert_true(take_in(w, "A", 10).claimed);	/* 1 */
	assert_false(take_in(w, "A", 30).claimed);	/* 2 */
	assert_false(take_in(w, "A", 20).claimed);	/* 3 */
	assert_false(take_in(w, "A", 5).claimed);	/* 4 */
	/* it is the first, but another is being handed over */
	assert_int_equal(claim_due(w), 0);
	assert_int_equal(deliver(w, 1), 4);
	assert_int_equal(deliver(w, 4), 3);
	assert_int_equal(deliver(w, 3), 2);
	assert_int_equal(deliver(w, 2), 0);
}

/* One that waits for its next try is overtaken by a lower one. */
static void
test_lower_than_waiting(void **state)
{
	struct world *w = *state;

	(void)take_in(w, "A", 10);
	postpone(w, 1, 5000, HOLD_NONE);
	assert_false(take_in(w, "A", 5).claimed);
	assert_int_equal(claim_due(w), 2);
	w->now_ms += 5000;		/* now both are due */
	assert_int_equal(claim_due(w), 0);
	postpone(w, 2, 1000, HOLD_NONE);
	assert_int_equal(claim_due(w), 0);
	w->now_ms += 1000;
	assert_int_equal(claim_due(w), 2);
	assert_int_equal(deliver(w, 2), 1);
	postpone(w, 1, 5000, HOLD_NONE);
	(void)take_in(w, "A", 7);
	assert_int_equal(claim_due(w), 3);
	/* the next is not due yet: it is left to the retry */
	assert_int_equal(deliver(w, 3), 0);
	acknowledge(w, 2);
	acknowledge(w, 3);
	assert_int_equal(claim_due(w), 0);
	w->now_ms += 4999;
	assert_int_equal(claim_due(w), 0);
	w->now_ms += 1;
	assert_int_equal(claim_due(w), 1);
}

static void
test_behind_waiting(void **state)
{
	struct world *w = *state;

	(void)take_in(w, "A", 10);
	postpone(w, 1, 5000, HOLD_NONE);
	assert_false(take_in(w, "A", 11).claimed);
	assert_int_equal(claim_due(w), 0);
	w->now_ms += 5000;
	assert_int_equal(claim_due(w), 1);
	assert_int_equal(claim_due(w), 0);
	assert_int_equal(deliver(w, 1), 2);
}

/* Of equal ids the first that came goes first, whatever its event. */
static void
test_equal_ids(void **state)
{
	struct world *w = *state;
	int64_t n;

	assert_true(take_message(w, ADD, 1, "a").claimed);
	assert_false(take_message(w, DELETE, 2, "b").claimed);
	assert_false(take_message(w, ADD, 2, "c").claimed);
	assert_false(take_message(w, UPDATE, 2, "d").claimed);
	assert_false(take_message(w, UPDATE, 1, "e").claimed);
	assert_int_equal(deliver(w, 1), 5);
	assert_int_equal(deliver(w, 5), 2);
	assert_int_equal(deliver(w, 2), 3);
	assert_int_equal(deliver(w, 3), 4);
	/* also where the later one has been due for longer */
	(void)take_message(w, ADD, 3, "f");
	(void)take_message(w, DELETE, 3, "g");
	assert_int_equal(deliver(w, 4), 6);
	assert_int_equal(refuse(w, 6, STEP_HAND_OVER, "no"), 7);
	postpone(w, 7, 0, HOLD_NONE);
	w->now_ms += 5;
	assert_int_equal(store_retry(w->store, NULL, &n, &w->problem),
	    ERR_OK);
	assert_int_equal(claim_due(w), 6);
}

/* Who does not have it, or has it no more, ends nothing and starts nothing. */
static void
test_late_end(void **state)
{
	struct world *w = *state;
	struct store *other = store_of(w, 1000, true);
	struct problem p = { 0 };
	struct work late;
	int64_t next = -1;

	(void)take_in(w, "A", 1);
	(void)take_in(w, "A", 2);
	(void)take_in(w, "A", 3);
	late = work_of(w, 1);
	assert_int_equal(store_delivered(other, &late, "[]", &next, NULL,
	    NULL, &p), ERR_LOST);
	assert_int_equal(next, 0);
	assert_int_equal(late.state, STATE_RECEIVED);
	assert_int_equal(deliver(w, 1), 2);
	assert_int_equal(store_delivered(other, &late, "[]", &next, NULL,
	    NULL, &p), ERR_LOST);
	assert_int_equal(next, 0);
	assert_string_equal(look(w, "SELECT state, ids FROM message WHERE"
	    " id = 1"), "2|[\"x\"]|\n");
	store_close(other);
}

/* The elements of one event, in any order: the lowest of a chat is first. */
static void
test_one_event(void **state)
{
	static const int64_t ids[] = { 30, 20, 40, 10, 50 };
	static const char *const chats[] = { "A", "A", "B", "A", "B" };
	struct world *w = *state;
	struct arrival a[COUNT(ids)];
	struct event ev;

	make_event(&ev, ADD);
	for (size_t i = 0; i < COUNT(ids); i++) {
		struct message m = make_message(ids[i], "b");

		m.chat = chats[i];
		assert_int_equal(event_keep(&ev, &m), ERR_OK);
	}
	check_event(&ev);
	assert_int_equal(store_take(w->store, &ev, &take_plain, a,
	    &w->problem), ERR_OK);
	for (size_t i = 0; i < COUNT(ids); i++)
		assert_int_equal(a[i].claimed, ev.message[i].message_id == 10 ||
		    ev.message[i].message_id == 40);
	event_free(&ev);
	assert_int_equal(claim_due(w), 0);
	assert_int_equal(deliver(w, a[0].id), a[1].id);
	assert_int_equal(deliver(w, a[1].id), a[2].id);
	assert_int_equal(deliver(w, a[2].id), 0);
	assert_int_equal(deliver(w, a[3].id), a[4].id);
	assert_int_equal(deliver(w, a[4].id), 0);
	assert_string_equal(look(w, "SELECT message_id FROM message ORDER BY"
	    " id"), "10|\n20|\n30|\n40|\n50|\n");
}

/* Its channel is down: nothing is claimed, and the first waits for it. */
static void
test_taken_while_down(void **state)
{
	struct world *w = *state;
	int64_t until = w->now_ms + 3000;

	assert_false(take_opts_in(w, w->store, "107", "A", 10, until).claimed);
	assert_false(take_opts_in(w, w->store, "107", "A", 11, until).claimed);
	assert_false(take_opts_in(w, w->store, "107", "A", 9, until).claimed);
	assert_string_equal(look(w, "SELECT next_ms - 1773759162000, hold,"
	    " owner, tries FROM message"),
	    "3000|1|0|0|\nnull|0|0|0|\n3000|1|0|0|\n");
	assert_int_equal(claim_due(w), 0);
	w->now_ms += 3000;
	assert_int_equal(claim_due(w), 3);
	assert_int_equal(claim_due(w), 0);
	assert_int_equal(column(w, "hold", 3), 0);
	assert_int_equal(deliver(w, 3), 1);
	assert_int_equal(deliver(w, 1), 2);
}

/* The next cannot be claimed: then nothing of the move is true. */
static void
test_all_or_nothing(void **state)
{
	struct world *w = *state;
	struct work work;
	int64_t next = -1;
	sqlite3 *db;

	(void)take_in(w, "A", 1);
	(void)take_in(w, "A", 2);
	work = work_of(w, 1);
	db = outside(w);
	outside_run(db, "CREATE TRIGGER t BEFORE UPDATE ON message WHEN"
	    " new.id = 2 BEGIN SELECT RAISE(ABORT, 'stop'); END");
	for (int i = 0; i < 3; i++) {
		struct problem p = { 0 };

		assert_int_equal(i == 2 ? store_refused(w->store, &work,
		    STEP_HAND_OVER, "no", &next, &p) : i == 1 ?
		    store_done(w->store, &work, "[]", &next, &p) :
		    store_delivered(w->store, &work, "[]", &next, NULL, NULL,
		    &p), ERR_DISK);
		assert_string_equal(p.text, "the store failed: stop");
		assert_int_equal(next, 0);
		assert_int_equal(work.state, STATE_RECEIVED);
		assert_string_equal(look(w, "SELECT state, ids FROM message"),
		    "1|null|\n1|null|\n");
	}
	outside_run(db, "DROP TRIGGER t");
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	/* the claim whose move was lost is given back: it is tried again */
	assert_int_equal(claim_due(w), 1);
	assert_int_equal(deliver(w, 1), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_first_only),
		WORLD_TEST(test_what_a_chat_is),
		WORLD_TEST(test_next),
		WORLD_TEST(test_status_is_free),
		WORLD_TEST(test_lower_goes_first),
		WORLD_TEST(test_lower_than_waiting),
		WORLD_TEST(test_behind_waiting),
		WORLD_TEST(test_equal_ids),
		WORLD_TEST(test_late_end),
		WORLD_TEST(test_one_event),
		WORLD_TEST(test_taken_while_down),
		WORLD_TEST(test_all_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
