/*
 * What processes count: added up in the store, bounded, and never twice.
 */
#include "store/counts.h"
#include "store/follow.h"
#include "store/status.h"

#include "store_world.h"
#include "unit.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#define HOUR_MS ((int64_t)3600000)

/* A process that counts. */
struct counting {
	struct loop *loop;
	struct store *store;
	struct counts *counts;
};

static const struct log quiet = { .level = LOG_LEVEL_ERROR };

static void
begin(struct store_world *w, struct counting *c)
{
	struct counts_opts o;

	assert_int_equal(loop_new(&c->loop, &w->clock, &quiet), ERR_OK);
	w->opts.db.loop = c->loop;
	w->opts.db.busy_ms = 20;
	c->store = world_store(w);
	w->opts.db.loop = NULL;
	o = (struct counts_opts){ .store = c->store, .loop = c->loop,
	    .log = &quiet };
	assert_int_equal(counts_new(&c->counts, &o), ERR_OK);
}

/* All that was counted is asked to be written, and the end is known. */
static void
flush(struct store_world *w, struct counting *c)
{
	counts_flush(c->counts);
	for (int i = 0; i < 1000 && db_busy(store_db(c->store)) != 0; i++) {
		world_pass(w, 20);
		loop_turn(c->loop, 0);
	}
	assert_int_equal(db_busy(store_db(c->store)), 0);
}

static void
end(struct counting *c)
{
	assert_true(store_close(c->store, 0));
	counts_free(c->counts);
	loop_free(c->loop);
}

static int64_t
read_count(struct store_world *w, enum count what, const char *label)
{
	struct status s;
	int64_t n = -1;

	status_init(&s, w->store);
	world_must(w, w->store, &s.db);
	for (size_t i = 0; i < s.counts; i++)
		if (s.count[i].what == what &&
		    strcmp(s.count[i].label, label) == 0)
			n = s.count[i].n;
	status_free(&s);
	return n;
}

static void
test_two_add_up(void **state)
{
	struct store_world *w = *state;
	struct counting a, b;

	begin(w, &a);
	begin(w, &b);
	counts_add(a.counts, COUNT_ANSWERS, "200 acknowledged", 2);
	counts_add(b.counts, COUNT_ANSWERS, "200 acknowledged", 3);
	counts_add(b.counts, COUNT_CALLS, "200 acknowledged", 7);
	flush(w, &a);
	flush(w, &b);
	assert_int_equal(read_count(w, COUNT_ANSWERS, "200 acknowledged"), 5);
	assert_int_equal(read_count(w, COUNT_CALLS, "200 acknowledged"), 7);
	flush(w, &a);		/* nothing is new */
	assert_int_equal(read_count(w, COUNT_ANSWERS, "200 acknowledged"), 5);
	end(&a);
	end(&b);
}

/* Runs SQL of another process, which then holds the store or lets it go. */
static sqlite3 *
hold(struct store_world *w)
{
	sqlite3 *other;

	assert_int_equal(sqlite3_open(w->path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL,
	    NULL), SQLITE_OK);
	return other;
}

static void
test_a_flush_that_failed_is_kept(void **state)
{
	struct store_world *w = *state;
	struct counting a;
	sqlite3 *other;

	begin(w, &a);
	counts_add(a.counts, COUNT_TAKEN, "x", 1);
	flush(w, &a);
	other = hold(w);
	counts_add(a.counts, COUNT_TAKEN, "x", 10);
	flush(w, &a);
	counts_add(a.counts, COUNT_TAKEN, "x", 100);
	flush(w, &a);
	assert_int_equal(read_count(w, COUNT_TAKEN, "x"), 1);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	flush(w, &a);		/* what was set aside, then what came since */
	assert_int_equal(read_count(w, COUNT_TAKEN, "x"), 11);
	flush(w, &a);
	assert_int_equal(read_count(w, COUNT_TAKEN, "x"), 111);
	end(&a);
}

/* The number that a flush will have stands there already: it was written,
 * though its process could not know. */
static void
test_a_flush_counts_once(void **state)
{
	struct store_world *w = *state;
	struct counting a;
	sqlite3 *other;

	begin(w, &a);
	counts_add(a.counts, COUNT_TAKEN, "x", 1);
	flush(w, &a);
	other = hold(w);
	assert_int_equal(sqlite3_exec(other, "UPDATE counted SET n = n + 10"
	    " WHERE name = 'taken'; UPDATE counted SET n = 2"
	    " WHERE name = 'flush'; COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	counts_add(a.counts, COUNT_TAKEN, "x", 10);
	flush(w, &a);
	assert_int_equal(read_count(w, COUNT_TAKEN, "x"), 11);
	counts_add(a.counts, COUNT_TAKEN, "x", 100);
	flush(w, &a);
	assert_int_equal(read_count(w, COUNT_TAKEN, "x"), 111);
	end(&a);
}

static void
add_many(struct counting *c, const char *prefix, int n)
{
	char label[32];

	for (int i = 0; i < n; i++) {
		(void)snprintf(label, sizeof(label), "%s%d", prefix, i);
		counts_add(c->counts, COUNT_CALLS, label, 1);
	}
}

static void
test_labels_are_bounded(void **state)
{
	struct store_world *w = *state;
	struct counting a;
	char longer[4096];

	begin(w, &a);
	add_many(&a, "a", COUNTS_LABELS - 1);
	flush(w, &a);
	add_many(&a, "b", 100);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	counts_add(a.counts, COUNT_CALLS, longer, 1);
	counts_add(a.counts, COUNT_CALLS, "", 1);
	flush(w, &a);
	assert_int_equal(read_count(w, COUNT_CALLS, "a0"), 1);
	/* one of them had a place */
	assert_int_equal(read_count(w, COUNT_CALLS, COUNTS_OTHER), 101);
	/* those that are not in use make room, others stay */
	world_pass(w, HOUR_MS);
	counts_add(a.counts, COUNT_CALLS, "a0", 1);
	flush(w, &a);
	world_pass(w, 5000);
	counts_add(a.counts, COUNT_CALLS, "c", 1);
	flush(w, &a);
	assert_int_equal(read_count(w, COUNT_CALLS, "a0"), 2);
	assert_int_equal(read_count(w, COUNT_CALLS, "a1"), -1);
	assert_int_equal(read_count(w, COUNT_CALLS, "c"), 1);
	/* another kind has room of its own */
	counts_add(a.counts, COUNT_ERRORS, "d", 1);
	flush(w, &a);
	assert_int_equal(read_count(w, COUNT_ERRORS, "d"), 1);
	end(&a);
}

/* However many labels a process has seen, it goes on counting. */
static void
test_memory_is_bounded(void **state)
{
	struct store_world *w = *state;
	char prefix[16];
	struct counting a;

	begin(w, &a);
	for (int i = 0; i < 8; i++) {
		(void)snprintf(prefix, sizeof(prefix), "p%d-", i);
		add_many(&a, prefix, 1000);
		flush(w, &a);
	}
	counts_add(a.counts, COUNT_ANSWERS, "202 queued", 4);
	flush(w, &a);
	assert_int_equal(read_count(w, COUNT_ANSWERS, "202 queued"), 4);
	assert_int_equal(read_count(w, COUNT_CALLS, COUNTS_OTHER),
	    8 * 1000 - COUNTS_LABELS);
	end(&a);
}

static void
answer(struct counting *c, enum hour as, int n)
{
	while (n-- > 0)
		counts_answer(c->counts, as, "an answer");
}

static void
read_status(struct store_world *w, struct status *s)
{
	status_init(s, w->store);
	world_must(w, w->store, &s->db);
}

static void
test_the_hour(void **state)
{
	struct store_world *w = *state;
	struct counting a;
	struct status s;

	begin(w, &a);
	answer(&a, HOUR_ACKNOWLEDGED, 3);
	answer(&a, HOUR_DENIED, 2);
	answer(&a, HOUR__MAX, 4);	/* none of an open line */
	flush(w, &a);
	world_pass(w, 59 * 60000);
	counts_add(a.counts, COUNT_TOLD, "m", 7);
	flush(w, &a);
	read_status(w, &s);
	assert_int_equal(s.hour[0].came, 5);
	assert_int_equal(s.hour[0].n[HOUR_DENIED], 2);
	assert_int_equal(s.hour[59].came, 0);
	assert_int_equal(s.hour[59].n[HOUR_TOLD], 7);
	status_free(&s);
	assert_int_equal(read_count(w, COUNT_ANSWERS, "an answer"), 9);
	world_pass(w, 60000);	/* that minute's slot is used again */
	counts_add(a.counts, COUNT_FAILED, "m", 3);
	answer(&a, HOUR_DENIED, 1);
	flush(w, &a);
	read_status(w, &s);
	assert_int_equal(s.hour[58].n[HOUR_TOLD], 7);
	assert_int_equal(s.hour[59].n[HOUR_FAILED], 3);
	assert_int_equal(s.hour[59].came, 1);
	status_free(&s);
	end(&a);
}

static void
expect_recent(struct store_world *w, int64_t last_ms, int acknowledged,
    int denied)
{
	struct recent r;

	assert_int_equal(store_recent(w->store, &r, &w->problem), ERR_OK);
	assert_int_equal(r.last_ms, last_ms);
	for (int i = 0; i < HOUR_EVENTS; i++)
		assert_int_equal(r.hour[i], i == HOUR_ACKNOWLEDGED ?
		    acknowledged : i == HOUR_DENIED ? denied : 0);
}

/* Of two processes; a minute adds up, and is over an hour later. */
static void
test_answers_of_the_last_hour(void **state)
{
	struct store_world *w = *state;
	int64_t start = WORLD_START_MS / 1000 * 1000;
	struct counting a, b;

	begin(w, &a);
	begin(w, &b);
	answer(&a, HOUR__MAX, 9);
	flush(w, &a);
	expect_recent(w, 0, 0, 0);
	answer(&a, HOUR_ACKNOWLEDGED, 1);
	answer(&b, HOUR_ACKNOWLEDGED, 10);
	flush(w, &a);
	flush(w, &b);
	answer(&a, HOUR_ACKNOWLEDGED, 100);
	flush(w, &a);
	flush(w, &a);		/* nothing is new */
	expect_recent(w, start, 111, 0);
	world_pass(w, HOUR_MS / 2);
	answer(&b, HOUR_DENIED, 5);
	flush(w, &b);
	world_pass(w, 60000);	/* what became of messages is no event */
	counts_add(b.counts, COUNT_TOLD, "m", 1);
	flush(w, &b);
	expect_recent(w, start + HOUR_MS / 2, 111, 5);
	world_pass(w, HOUR_MS / 2 - 60000);
	expect_recent(w, start + HOUR_MS / 2, 0, 5);
	world_pass(w, HOUR_MS / 2);
	expect_recent(w, start + HOUR_MS / 2, 0, 0);
	end(&a);
	end(&b);
}

/* An answer that could not be written yet is written once. */
static void
test_answers_that_wait_count_once(void **state)
{
	struct store_world *w = *state;
	struct counting a;
	sqlite3 *other;

	begin(w, &a);
	other = hold(w);
	answer(&a, HOUR_DENIED, 1);
	flush(w, &a);
	answer(&a, HOUR_DENIED, 10);
	flush(w, &a);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	flush(w, &a);		/* what was set aside, then what came since */
	expect_recent(w, WORLD_START_MS / 1000 * 1000, 0, 1);
	flush(w, &a);
	flush(w, &a);
	expect_recent(w, WORLD_START_MS / 1000 * 1000, 0, 11);
	end(&a);
}

static void
test_times(void **state)
{
	static const int64_t ms[] = { -1, 0, 1, 2, 3, 60000, 60001 };
	struct store_world *w = *state;
	struct counting a;
	struct status s;

	begin(w, &a);
	for (size_t i = 0; i < COUNT(ms); i++)
		counts_time(a.counts, TIMED_CALL, ms[i]);
	flush(w, &a);
	status_init(&s, w->store);
	world_must(w, w->store, &s.db);
	assert_int_equal(s.step[TIMED_CALL][0], 3);
	assert_int_equal(s.step[TIMED_CALL][1], 1);
	assert_int_equal(s.step[TIMED_CALL][2], 1);
	assert_int_equal(s.step[TIMED_CALL][TIMED_STEPS - 1], 1);
	assert_int_equal(s.step[TIMED_CALL][TIMED_STEPS], 1);
	assert_int_equal(s.sum_ms[TIMED_CALL], 120007);
	assert_int_equal(s.sum_ms[TIMED_HAND_OVER], 0);
	status_free(&s);
	end(&a);
}

static void
test_troubles(void **state)
{
	struct store_world *w = *state;
	struct counting a;
	struct status s;
	char why[32];

	begin(w, &a);
	for (int i = 0; i < 2 * TROUBLES; i++) {
		(void)snprintf(why, sizeof(why), "reason %d", i);
		counts_trouble(a.counts, "call", "m", why);
		counts_trouble(a.counts, "call", "m", why);
		flush(w, &a);
		world_pass(w, 1000);
	}
	status_init(&s, w->store);
	world_must(w, w->store, &s.db);
	assert_int_equal(s.troubles, STATUS_TROUBLES);
	assert_string_equal(s.trouble[0].reason, why);
	assert_int_equal(s.trouble[0].n, 2);
	status_free(&s);
	end(&a);
}

static void
test_nobody_counts(void **state)
{
	(void)state;
	counts_add(NULL, COUNT_TOLD, "x", 1);
	counts_answer(NULL, HOUR_QUEUED, "x");
	counts_time(NULL, TIMED_CALL, 1);
	counts_trouble(NULL, "call", "x", "y");
	counts_flush(NULL);
	counts_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_two_add_up),
		WORLD_TEST(test_a_flush_that_failed_is_kept),
		WORLD_TEST(test_a_flush_counts_once),
		WORLD_TEST(test_labels_are_bounded),
		WORLD_TEST(test_memory_is_bounded),
		WORLD_TEST(test_the_hour),
		WORLD_TEST(test_answers_of_the_last_hour),
		WORLD_TEST(test_answers_that_wait_count_once),
		WORLD_TEST(test_times),
		WORLD_TEST(test_troubles),
		cmocka_unit_test(test_nobody_counts),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
