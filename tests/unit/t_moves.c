/*
 * The moves of a message: each one from each state, and what it leaves.
 *
 * Run by make check.
 */
#include "store_world.h"

#include <inttypes.h>

#define ROW "SELECT state, step, reason, ids, body, token, endpoint," \
	" changed_ms - 1773759162000, tries FROM message WHERE id = "
#define ENDPOINT "https://some-domain.bitrix24.com/rest/"

enum move { DELIVERED, ACKNOWLEDGED, REFUSED, POSTPONED, MOVES };

/* A move that changes nothing says so. */
static enum err
try_move(struct world *w, struct store *s, enum move what, int64_t id)
{
	struct work work = work_of(w, id), *all = &work;
	struct problem p = { 0 };
	int64_t next;

	(void)become_ours(w->store, id);
	if (what == DELIVERED)
		return store_delivered(s, &work, "[\"x\"]", &next, NULL, NULL,
		    &p);
	if (what == ACKNOWLEDGED)
		return acknowledge_all(s, &all, 1, &p);
	if (what == REFUSED)
		return store_refused(s, &work, STEP_STATUS, "no", &next, &p);
	return store_postponed(s, &all, 1, w->now_ms + 1000, HOLD_NONE,
	    "later", &p);
}

static void
move(struct world *w, enum move what, int64_t id)
{
	assert_int_equal(try_move(w, w->store, what, id), ERR_OK);
}

static void
expect_row(struct world *w, int64_t id, const char *want)
{
	char sql[256];

	(void)snprintf(sql, sizeof(sql), ROW "%" PRId64, id);
	assert_string_equal(look(w, sql), want);
}

static void
test_the_way(void **state)
{
	struct world *w = *state;
	int64_t id = take_message(w, ADD, 1, "b").id;

	expect_row(w, id, "1|null|null|null|b|secret-token|" ENDPOINT
	    "|0|0|\n");
	w->now_ms += 5;
	move(w, POSTPONED, id);
	expect_row(w, id, "1|null|later|null|b|secret-token|" ENDPOINT
	    "|5|1|\n");
	w->now_ms += 5;
	move(w, DELIVERED, id);
	expect_row(w, id, "2|null|null|[\"x\"]|b|secret-token|" ENDPOINT
	    "|10|0|\n");
	w->now_ms += 5;
	move(w, POSTPONED, id);
	expect_row(w, id, "2|null|later|[\"x\"]|b|secret-token|" ENDPOINT
	    "|15|1|\n");
	w->now_ms += 5;
	move(w, ACKNOWLEDGED, id);
	expect_row(w, id, "3|null|null|[\"x\"]|null|null|null|20|1|\n");
	/* by these a repeat is known */
	assert_string_equal(look(w, "SELECT length(key), length(base),"
	    " length(content), received_us FROM message"),
	    "27|27|27|1773759162000000|\n");
}

/* Every move from every state: what is not in the table changes nothing. */
static void
test_transitions(void **state)
{
	static const char *const after[5][MOVES] = {
		[STATE_RECEIVED] = { "2", "1", "4", "1" },
		[STATE_DELIVERED] = { "2", "3", "4", "2" },
		[STATE_ACKNOWLEDGED] = { "3", "3", "3", "3" },
		[STATE_REFUSED] = { "4", "4", "4", "4" },
	};
	static const bool changes[5][MOVES] = {
		[STATE_RECEIVED] = { true, false, true, true },
		[STATE_DELIVERED] = { false, true, true, true },
	};
	struct world *w = *state;
	struct store *other = store_of(w, 1000, true);
	int64_t n = 0;

	for (int from = STATE_RECEIVED; from <= STATE_REFUSED; from++) {
		for (int what = 0; what < MOVES; what++) {
			int64_t id = take_message(w, ADD, ++n, "b").id;
			char sql[128], before[512];

			if (from == STATE_REFUSED)
				move(w, REFUSED, id);
			if (from == STATE_DELIVERED ||
			    from == STATE_ACKNOWLEDGED)
				move(w, DELIVERED, id);
			if (from == STATE_ACKNOWLEDGED)
				move(w, ACKNOWLEDGED, id);
			(void)snprintf(sql, sizeof(sql), "SELECT * FROM"
			    " message WHERE id = %" PRId64, id);
			(void)become_ours(w->store, id);
			(void)snprintf(before, sizeof(before), "%s",
			    look(w, sql));
			w->now_ms++;
			/* another process has nothing to say */
			assert_int_equal(try_move(w, other, (enum move)what,
			    id), ERR_LOST);
			assert_int_equal(try_move(w, w->store, (enum move)what,
			    id), changes[from][what] ? ERR_OK : ERR_LOST);
			assert_int_equal(strcmp(look(w, sql), before) != 0,
			    changes[from][what]);
			(void)snprintf(sql, sizeof(sql), "SELECT state FROM"
			    " message WHERE id = %" PRId64, id);
			assert_int_equal(look(w, sql)[0],
			    after[from][what][0]);
		}
	}
	store_close(other);
}

static void
test_refused(void **state)
{
	struct world *w = *state;
	int64_t one = take_message(w, ADD, 1, "b").id;
	int64_t two = take_message(w, ADD, 2, "c").id;

	(void)refuse(w, one, STEP_HAND_OVER, "the channel said 410");
	expect_row(w, one, "4|2|the channel said 410|null|b|secret-token|"
	    ENDPOINT "|0|1|\n");
	/* after the hand-over its ids must stay */
	move(w, DELIVERED, two);
	move(w, REFUSED, two);
	expect_row(w, two, "4|3|no|[\"x\"]|c|secret-token|" ENDPOINT
	    "|0|1|\n");
}

/* Only the one that is meant. */
static void
test_others_stay(void **state)
{
	struct world *w = *state;
	int64_t ids[3];

	for (int64_t i = 0; i < 3; i++)
		ids[i] = take_message(w, ADD, i + 1, "b").id;
	for (int what = 0; what < MOVES; what++)
		assert_int_equal(try_move(w, w->store, (enum move)what, 999),
		    ERR_LOST);
	assert_string_equal(look(w, "SELECT state, reason FROM message"),
	    "1|null|\n1|null|\n1|null|\n");
	move(w, DELIVERED, ids[0]);
	move(w, REFUSED, ids[1]);
	move(w, POSTPONED, ids[2]);
	assert_string_equal(look(w, "SELECT state, reason FROM message"),
	    "2|null|\n4|no|\n1|later|\n");
}

/* An attempt counts from its own first; to be held is none. */
static void
test_attempts(void **state)
{
	static const char sql[] = "SELECT tries,"
	    " first_ms - 1773759162000, next_ms - 1773759162000, hold FROM"
	    " message";
	struct world *w = *state;
	int64_t id = take_message(w, ADD, 1, "b").id;

	postpone(w, id, 9, HOLD_DOWN);
	assert_string_equal(look(w, sql), "0|null|9|1|\n");
	w->now_ms += 5;
	postpone(w, id, 9, HOLD_NONE);
	assert_string_equal(look(w, sql), "1|5|14|0|\n");
	w->now_ms += 5;
	postpone(w, id, 9, HOLD_DOWN);
	assert_string_equal(look(w, sql), "1|5|19|1|\n");
	postpone(w, id, 9, HOLD_NONE);
	assert_string_equal(look(w, sql), "2|5|19|0|\n");
	/* the next step has its own */
	(void)deliver(w, id);
	assert_string_equal(look(w, sql), "0|null|1010|0|\n");
	w->now_ms += 5;
	postpone(w, id, 9, HOLD_PARKED);
	assert_string_equal(look(w, sql), "1|15|24|2|\n");
}

static void
test_acknowledged_together(void **state)
{
	struct world *w = *state;
	struct work work[5], *all[5];

	for (size_t i = 0; i < 5; i++) {
		int64_t id = 999;	/* and one that is not there */

		if (i != 4)
			id = take_message(w, ADD, (int64_t)i + 1, "b").id;
		if (i != 2 && i != 4)
			move(w, DELIVERED, id);
		work[i] = work_of(w, id);
		all[i] = &work[i];
	}
	assert_int_equal(acknowledge_all(w->store, all, 5, &w->problem),
	    ERR_LOST);
	assert_string_equal(look(w, "SELECT state, body FROM message"),
	    "3|null|\n3|null|\n1|b|\n3|null|\n");
}

/* Whether the text stands in the file, or in the log beside it. */
static bool
on_disk(struct world *w, const char *text)
{
	static const char *const ends[] = { "", "-wal" };
	bool is = false;

	for (size_t i = 0; i < COUNT(ends); i++) {
		char path[128];
		size_t n;
		char *p;

		(void)snprintf(path, sizeof(path), "%s%s", w->path, ends[i]);
		p = file_bytes(path, &n);
		is = is || memmem(p, n, text, strlen(text)) != NULL;
		free(p);
	}
	return is;
}

/* Erased is erased: a second later the bytes are nowhere either. */
static void
test_erased(void **state)
{
	static const char body[] = "\"text\":\"a very private message\"";
	struct world *w = *state;
	int64_t id = take_message(w, ADD, 1, body).id;

	assert_true(on_disk(w, "very private"));
	assert_true(on_disk(w, "secret-token"));
	move(w, DELIVERED, id);
	move(w, ACKNOWLEDGED, id);
	assert_string_equal(look(w, "SELECT body, token FROM message"),
	    "null|null|\n");
	/* not while there may be more to write at once */
	w->mono_ms += 999;
	w->now_ms -= 86400000;	/* a clock that is set back changes nothing */
	store_tidy(w->store);
	assert_true(on_disk(w, "very private"));
	w->mono_ms += 1;
	store_tidy(w->store);
	assert_false(on_disk(w, "very private"));
	assert_false(on_disk(w, "secret-token"));
	assert_string_equal(look(w, "SELECT state, ids FROM message"),
	    "3|[\"x\"]|\n");
	store_tidy(w->store);	/* nothing to do */
}

/* A reader puts it off; what another process has erased goes, too. */
static void
test_erased_later(void **state)
{
	struct world *w = *state;
	struct store *other = store_of(w, 1000, true);
	int64_t id = take_message(w, ADD, 1, "a very private message").id;
	sqlite3 *db = outside(w);

	outside_run(db, "BEGIN; SELECT body FROM message");
	move(w, DELIVERED, id);
	move(w, ACKNOWLEDGED, id);
	w->now_ms += 1000;
	store_tidy(w->store);
	assert_true(on_disk(w, "very private"));
	outside_run(db, "COMMIT");
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	store_tidy(other);	/* it has not been opened yet */
	assert_int_equal(store_reset_ms(other, "m"), 0);
	store_tidy(other);
	assert_false(on_disk(w, "very private"));
	store_close(other);
}

/* A move that cannot be written is told, and can be made again. */
static void
test_failure(void **state)
{
	struct world *w = *state;
	struct work work[2], *all[2] = { &work[0], &work[1] };
	int64_t next = 0;
	sqlite3 *db;

	for (size_t i = 0; i < 2; i++) {
		int64_t id = take_message(w, ADD, (int64_t)i + 1, "b").id;

		move(w, DELIVERED, id);
		work[i] = work_of(w, id);
		(void)become_ours(w->store, id);
	}
	db = outside(w);
	outside_run(db, "CREATE TRIGGER t BEFORE UPDATE ON message WHEN"
	    " new.id = 2 BEGIN SELECT RAISE(ABORT, 'stop'); END");
	for (int i = 0; i < 3; i++) {
		struct problem p = { 0 };

		assert_int_equal(i == 0 ? acknowledge_all(w->store, all, 2,
		    &p) : i == 1 ? store_refused(w->store, all[1],
		    STEP_STATUS, "no", &next, &p) : store_postponed(w->store,
		    all, 2, 7, HOLD_NONE, "no", &p), ERR_DISK);
		assert_int_equal(work[0].state, STATE_DELIVERED);
		assert_int_equal(work[1].state, STATE_DELIVERED);
		assert_string_equal(p.text, "the store failed: stop");
		assert_string_equal(look(w, "SELECT state, body, tries FROM"
		    " message"), "2|b|0|\n2|b|0|\n");
	}
	outside_run(db, "DROP TRIGGER t");
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(acknowledge_all(w->store, all, 2, &w->problem),
	    ERR_OK);
	assert_string_equal(look(w, "SELECT state FROM message"),
	    "3|\n3|\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_the_way),
		WORLD_TEST(test_transitions),
		WORLD_TEST(test_refused),
		WORLD_TEST(test_others_stay),
		WORLD_TEST(test_attempts),
		WORLD_TEST(test_acknowledged_together),
		WORLD_TEST(test_erased),
		WORLD_TEST(test_erased_later),
		WORLD_TEST(test_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
