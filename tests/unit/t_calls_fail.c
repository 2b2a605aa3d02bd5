/*
 * Status calls and a disk that fails: nothing is done by halves, and what
 * was claimed in vain is given back.
 *
 * Run by make check.
 */
#include "call_world.h"

/* While it is there, what `when` says cannot be written. */
static void
forbid(struct world *w, const char *when)
{
	sqlite3 *db = outside(w);
	char sql[256];

	(void)snprintf(sql, sizeof(sql), "CREATE TRIGGER t BEFORE %s BEGIN"
	    " SELECT RAISE(ABORT, 'stop'); END", when);
	outside_run(db, sql);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
allow(struct world *w)
{
	sqlite3 *db = outside(w);

	outside_run(db, "DROP TRIGGER t");
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
test_begin(void **state)
{
	static const char *const when[] = { "INSERT ON call",
		"UPDATE ON message WHEN new.id = 2", "INSERT ON meter" };
	struct world *w = *state;
	struct problem p;
	struct work first;
	struct call c;

	(void)waits_on(w, "107", 1);
	(void)waits_on(w, "107", 2);
	call_init(&c);
	for (size_t i = 0; i < COUNT(when); i++) {
		w->now_ms += 1000;
		assert_int_equal(claim_due(w), 1);
		first = work_of(w, 1);
		forbid(w, when[i]);
		p = (struct problem){ 0 };
		assert_int_equal(store_call_begin(w->store, &line_107, &first,
		    false, &c, &p), ERR_DISK);
		assert_string_equal(p.text, "the store failed: stop");
		assert_int_equal(c.leave, LEAVE_NOTHING);
		assert_string_equal(look(w, "SELECT id, state, owner <> 0"
		    " FROM message"), "1|2|1|\n2|2|0|\n");
		assert_int_equal(number(w, "SELECT count(*) FROM call"), 0);
		allow(w);
		/* the claim on the first is given back by the next scan */
		assert_int_equal(claim_due(w), 1);
		postpone(w, 1, 0, HOLD_DOWN);
		postpone(w, 2, 0, HOLD_DOWN);
	}
	w->now_ms += 1000;
	assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
	assert_string_equal(ids_of(&c), "1 2");
	call_free(&c);
}

static void
test_end(void **state)
{
	static const char *const when[] = { "DELETE ON call",
		"UPDATE ON message WHEN new.state = 3", "UPDATE ON meter" };
	static const struct call_end end = { .acknowledged = true,
		.more_calls = 1, .reset_ms = 5 };
	struct world *w = *state;
	struct call c, next;
	struct problem p;

	w->opts.calls_in_flight = 1;
	reopen(w);
	(void)waits_on(w, "107", 1);
	(void)waits_on(w, "107", 2);
	call_init(&c);
	call_init(&next);
	for (size_t i = 0; i < COUNT(when); i++) {
		assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
		assert_string_equal(ids_of(&c), "1 2");
		forbid(w, when[i]);
		p = (struct problem){ 0 };
		assert_int_equal(store_call_end(w->store, &c, &end, &line_107,
		    &next, &p), ERR_DISK);
		assert_string_equal(p.text, "the store failed: stop");
		assert_int_equal(next.leave, LEAVE_NOTHING);
		assert_string_equal(look(w, "SELECT state, owner <> 0, (SELECT"
		    " count(*) FROM call) FROM message"),
		    "2|1|1|\n2|1|1|\n");
		allow(w);
		/* the slot and the messages: all of it is given back */
		w->now_ms += 1000;
		assert_int_equal(claim_due(w), 1);
		assert_int_equal(number(w, "SELECT count(*) FROM call"), 0);
		assert_int_equal(column(w, "owner", 2), 0);
		postpone(w, 1, 0, HOLD_DOWN);
		postpone(w, 2, 0, HOLD_DOWN);
	}
	call_free(&c);
	call_free(&next);
}

/* The next call cannot be had: the end of this one is not true either. */
static void
test_end_with_next(void **state)
{
	struct world *w = *state;
	struct problem p = { 0 };
	struct call c, next;

	(void)waits_on(w, "107", 1);
	call_init(&c);
	call_init(&next);
	assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
	(void)waits_on(w, "107", 2);
	forbid(w, "INSERT ON call");
	assert_int_equal(store_call_end(w->store, &c, &plain_end, &line_107,
	    &next, &p), ERR_DISK);
	assert_int_equal(next.leave, LEAVE_NOTHING);
	assert_int_equal(column(w, "state", 1), STATE_DELIVERED);
	assert_int_equal(column(w, "owner", 2), 0);
	allow(w);
	w->now_ms += 1000;
	assert_int_equal(claim_due(w), 1);
	assert_int_equal(number(w, "SELECT count(*) FROM call"), 0);
	call_free(&c);
	call_free(&next);
}

static void
test_alone(void **state)
{
	struct world *w = *state;
	struct problem p = { 0 };
	struct call c;

	(void)waits_on(w, "107", 1);
	(void)waits_on(w, "107", 2);
	call_init(&c);
	assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
	forbid(w, "UPDATE ON message WHEN new.id = 2");
	assert_int_equal(store_alone(w->store, c.work, c.n, &p), ERR_DISK);
	assert_string_equal(look(w, "SELECT alone, owner <> 0 FROM message"),
	    "0|1|\n0|1|\n");
	allow(w);
	w->now_ms += 1000;
	assert_int_equal(claim_due(w) + claim_due(w), 3);
	call_free(&c);
}

/* A delivery asks for its call in the same transaction. */
static void
test_delivered_with_call(void **state)
{
	struct world *w = *state;
	struct work work;
	struct call c;
	int64_t next = -1;

	(void)waits_on(w, "107", 1);
	(void)take_in(w, "A", 2);
	(void)take_in(w, "A", 3);
	w->now_ms += 5;
	work = work_of(w, 2);
	call_init(&c);
	assert_int_equal(store_delivered(w->store, &work, "[\"y\"]", &next,
	    &line_107, &c, &w->problem), ERR_OK);
	assert_int_equal(next, 3);
	assert_int_equal(c.leave, LEAVE_GRANTED);
	assert_string_equal(ids_of(&c), "2 1");
	assert_int_equal(c.work[0]->state, STATE_DELIVERED);
	assert_string_equal(c.work[0]->ids, "[\"y\"]");
	assert_int_equal(c.work[0]->delivered_ms, w->now_ms);
	assert_string_equal(look(w, "SELECT id, state, owner <> 0 FROM"
	    " message"), "1|2|1|\n2|2|1|\n3|1|1|\n");
	call_free(&c);
}

/* It is not granted: the message is delivered all the same, and waits. */
static void
test_delivered_without_call(void **state)
{
	struct world *w = *state;
	struct call busy, c;
	struct work work;
	int64_t next;

	w->opts.calls_in_flight = 1;
	reopen(w);
	(void)waits_on(w, "107", 1);
	call_init(&busy);
	call_init(&c);
	assert_int_equal(ask(w, &line_107, &busy), LEAVE_GRANTED);
	(void)waits_on(w, "107", 2);
	work = work_of(w, take_in(w, "A", 3).id);
	w->now_ms += 400;
	assert_int_equal(store_delivered(w->store, &work, "[]", &next,
	    &line_107, &c, &w->problem), ERR_OK);
	assert_int_equal(c.leave, LEAVE_LATER);
	assert_int_equal(work.state, STATE_DELIVERED);
	/* what else waits is no business of a new one */
	assert_string_equal(look(w, "SELECT id, state, owner, hold,"
	    " next_ms - 1773759162000 FROM message WHERE id > 1"),
	    "2|2|0|0|1000|\n3|2|0|0|1400|\n");
	call_free(&busy);
	call_free(&c);
}

/* The call cannot be written: then nothing is, and it is handed over anew. */
static void
test_delivery_fails(void **state)
{
	struct world *w = *state;
	struct problem p = { 0 };
	struct work work;
	struct call c;
	int64_t next = -1;

	(void)take_in(w, "A", 1);
	(void)take_in(w, "A", 2);
	work = work_of(w, 1);
	call_init(&c);
	forbid(w, "INSERT ON call");
	assert_int_equal(store_delivered(w->store, &work, "[]", &next,
	    &line_107, &c, &p), ERR_DISK);
	assert_int_equal(next, 0);
	assert_int_equal(c.leave, LEAVE_NOTHING);
	assert_int_equal(work.state, STATE_RECEIVED);
	assert_string_equal(look(w, "SELECT state, ids, owner <> 0 FROM"
	    " message"), "1|null|1|\n1|null|0|\n");
	allow(w);
	assert_int_equal(claim_due(w), 1);
	call_free(&c);
}

/* A portal's row comes with the call. */
static void
test_portal(void **state)
{
	const struct portal portal = { MEMBER, "app", "https://e/rest/",
		"https://s/", "access", "refresh", 7, 8, NULL, 0 };
	struct world *w = *state;
	struct call c;

	assert_int_equal(store_portal_save(w->store, &portal, &w->problem),
	    ERR_OK);
	(void)waits_on(w, "107", 1);
	call_init(&c);
	assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
	assert_true(c.installed);
	assert_string_equal(c.portal.access_token, "access");
	assert_string_equal(c.portal.endpoint, "https://e/rest/");
	assert_null(c.portal.rejected);
	call_free(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_begin),
		WORLD_TEST(test_end),
		WORLD_TEST(test_end_with_next),
		WORLD_TEST(test_alone),
		WORLD_TEST(test_delivered_with_call),
		WORLD_TEST(test_delivered_without_call),
		WORLD_TEST(test_delivery_fails),
		WORLD_TEST(test_portal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
