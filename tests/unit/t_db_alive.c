/*
 * Who is alive: handles of one process, which behave as several processes,
 * and real ones, which are killed and stopped.
 *
 * Run by make check.
 */
#include "db_alive.h"

#include <signal.h>

#define STAND_STILL 30		/* looks, a second apart */

static void
test_numbers(void **state)
{
	struct world *w = *state;
	struct db *b = db_of(w);
	int64_t one = me(w, w->db), two = me(w, b);

	assert_true(one > ((int64_t)1 << 62) && two > ((int64_t)1 << 62));
	assert_true(one != two);
	assert_int_equal(me(w, w->db), one);
	assert_true(lives(w, w->db, one) && lives(w, w->db, two));
	assert_true(lives(w, b, one) && lives(w, b, two));
	assert_false(lives(w, b, 0));
	assert_false(lives(w, b, 12345));
	assert_int_equal(dead(w, w->db), 0);
	assert_int_equal(look(w, "SELECT count(*) FROM process"), 2);
	assert_true(db_close(b, 20000));
	assert_false(lives(w, w->db, two));
	assert_true(lives(w, w->db, one));
	/* it may have left claims */
	assert_int_equal(dead(w, w->db), two);
	assert_int_equal(dead(w, w->db), two);
	bury_it(w, w->db, two);
	assert_int_equal(dead(w, w->db), 0);
	assert_int_equal(look(w, "SELECT count(*) FROM process"), 1);
}

/* One that does not exist in the table is not made by looking or beating. */
static void
test_not_listed(void **state)
{
	struct world *w = *state;
	struct job j = { .w.reads = true };

	assert_int_equal(dead(w, w->db), 0);
	beat_now(w, w->db);
	assert_int_equal(look(w, "SELECT count(*) FROM process"), 0);
	assert_int_equal(perform(w, w->db, &j, ask_me), ERR_DISK);
	assert_int_equal(look(w, "SELECT count(*) FROM process"), 0);
}

static bool
ask_and_fail(struct tx *tx, struct db_work *work)
{
	JOB(work)->found = db_me(tx);
	return false;
}

/* The row is there only if it was committed; then it is made again. */
static void
test_rolled_back(void **state)
{
	struct world *w = *state;
	struct job j = { .a = 0 };

	assert_int_equal(perform(w, w->db, &j, ask_and_fail), ERR_DISK);
	assert_int_equal(look(w, "SELECT count(*) FROM process"), 0);
	assert_int_equal(me(w, w->db), j.found);
	assert_int_equal(look(w, "SELECT count(*) FROM process"), 1);
	/* nothing is owned, says the process itself */
	bury_it(w, w->db, j.found);
	assert_int_equal(look(w, "SELECT count(*) FROM process"), 0);
	assert_true(lives(w, w->db, me(w, w->db)));
	assert_int_equal(look(w, "SELECT count(*) FROM process"), 1);
}

static void
own_and_wait(struct world *w, const struct child_ends *e)
{
	struct job j = { .w.work = ask_me };

	CHILD_CHECK(db_now(e->db, &j.w) == ERR_OK);
	tell(e, j.found);
	child_waits(e);
	/* it was stopped meanwhile, or not; its clock is its own */
	pass(w, 1000);
	CHILD_CHECK(db_now(e->db, &j.w) == ERR_OK);
	tell(e, j.found);
	child_waits(e);
}

/* However a process ends, its claims end with it, at once. */
static void
test_killed(void **state)
{
	static const int ends[] = { SIGKILL, SIGTERM, SIGABRT };
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(ends); i++) {
		struct child c = child_start(w, own_and_wait);
		int64_t number = child_tells(&c);

		assert_true(lives(w, w->db, number));
		assert_int_equal(dead(w, w->db), 0);
		assert_int_equal(kill(c.pid, ends[i]), 0);
		assert_true(WIFSIGNALED(child_ends(&c)));
		assert_false(lives(w, w->db, number));
		assert_int_equal(dead(w, w->db), number);
		bury_it(w, w->db, number);
		assert_int_equal(dead(w, w->db), 0);
	}
}

/* One that is stopped is lost after 30 s, and is another when it goes on. */
static void
test_stopped(void **state)
{
	struct world *w = *state;
	struct child c = child_start(w, own_and_wait);
	int64_t number = child_tells(&c), later;

	assert_int_equal(kill(c.pid, SIGSTOP), 0);
	for (int i = 0; i < STAND_STILL; i++) {
		assert_int_equal(dead(w, w->db), 0);
		pass(w, 1000);
	}
	assert_int_equal(dead(w, w->db), number);
	assert_true(lives(w, w->db, number));
	bury_it(w, w->db, number);
	assert_int_equal(dead(w, w->db), 0);
	assert_int_equal(kill(c.pid, SIGCONT), 0);
	child_goes_on(&c);
	later = child_tells(&c);
	assert_true(later != number);
	assert_true(lives(w, w->db, later));
	assert_false(lives(w, w->db, number));
	child_goes_on(&c);
	assert_int_equal(child_ends(&c), 0);
	assert_int_equal(dead(w, w->db), later);
}

/* Who beats, or works, is alive, however long it takes. */
static void
test_beats(void **state)
{
	struct world *w = *state;
	struct db *b = db_of(w);
	int64_t number = me(w, b);

	for (int i = 0; i < 3 * STAND_STILL; i++) {
		pass(w, 1000);
		if (i % 2 == 0)
			beat_now(w, b);
		else if (i % 20 == 1)
			assert_int_equal(me(w, b), number);
		assert_int_equal(dead(w, w->db), 0);
	}
	(void)db_close(b, 20000);
}

/* Who looked away for long has not seen a silence. */
static void
test_looks(void **state)
{
	struct world *w = *state;
	struct child c = child_start(w, own_and_wait);
	int64_t number = child_tells(&c);

	/* also not by looking often within a second */
	assert_int_equal(dead(w, w->db), 0);
	for (int i = 0; i < 4; i++) {
		pass(w, 3600000);
		for (int k = 0; k < STAND_STILL; k++)
			assert_int_equal(dead(w, w->db), 0);
	}
	for (int i = 0; i < STAND_STILL; i++) {
		pass(w, 1000);
		(void)dead(w, w->db);
	}
	assert_int_equal(dead(w, w->db), number);
	child_goes_on(&c);
	assert_int_equal(child_tells(&c), number);
	/* it works: it is not */
	assert_int_equal(dead(w, w->db), 0);
	child_goes_on(&c);
	assert_int_equal(child_ends(&c), 0);
}

/* An idle process says so once, and is listed and believed from then on. */
static void
test_rests(void **state)
{
	struct world *w = *state;
	struct db *b = db_of(w);
	int64_t number = me(w, b), beats;
	time_t until = time(NULL) + 20;

	loop_turn(w->loop, 0);
	while (look(w, "SELECT max(beat) FROM process") > 0) {
		assert_true(time(NULL) < until);
		pass(w, 1000);
		for (int i = 0; i < 5; i++)
			loop_turn(w->loop, 1);
	}
	beats = look(w, "SELECT sum(beat) FROM process");
	for (int i = 0; i < 2 * STAND_STILL; i++) {
		pass(w, 1000);
		for (int k = 0; k < 3; k++)
			loop_turn(w->loop, 0);
		assert_int_equal(dead(w, w->db), 0);
	}
	assert_int_equal(look(w, "SELECT sum(beat) FROM process"), beats);
	/* the same number, which moves again */
	assert_int_equal(me(w, b), number);
	assert_int_equal(look(w, "SELECT sum(beat > 0) FROM process"), 1);
	(void)db_close(b, 20000);
	assert_int_equal(dead(w, w->db), number);
}

/* Who rests when it ends leaves no row behind. */
static void
test_leaves(void **state)
{
	struct world *w = *state;
	time_t until = time(NULL) + 20;

	(void)me(w, w->db);
	loop_turn(w->loop, 0);
	while (look(w, "SELECT max(beat) FROM process") > 0) {
		assert_true(time(NULL) < until);
		pass(w, 1000);
		for (int i = 0; i < 5; i++)
			loop_turn(w->loop, 1);
	}
	assert_true(db_close(w->db, 20000));
	w->db = NULL;
	assert_int_equal(look(w, "SELECT count(*) FROM process"), 0);
}

struct listing {
	char text[256];
	int64_t numbers[8];
	size_t n;
};

static struct listing list;

static bool
note(void *ctx, int64_t number, const char *about)
{
	struct listing *l = ctx;

	l->numbers[l->n++] = number;
	(void)strncat(l->text, about, sizeof(l->text) - strlen(l->text) - 1);
	(void)strncat(l->text, ";", sizeof(l->text) - strlen(l->text) - 1);
	return l->n < COUNT(l->numbers);
}

static bool
ask_each(struct tx *tx, struct db_work *work)
{
	(void)work;
	memset(&list, 0, sizeof(list));
	return db_each_process(tx, note, &list);
}

static void
test_about(void **state)
{
	struct world *w = *state;
	struct job j = { .w.reads = true };
	struct db *b, *c;

	w->opts.about = NULL;
	b = db_of(w);
	w->opts.about = "another";
	c = db_of(w);
	(void)me(w, b);
	(void)me(w, c);
	must(w, w->db, &j, ask_each);
	assert_int_equal(list.n, 2);
	assert_non_null(strstr(list.text, "another;"));
	assert_int_equal(strlen(list.text), strlen(";another;"));
	(void)db_close(c, 20000);
	must(w, w->db, &j, ask_each);
	assert_int_equal(list.n, 1);
	assert_int_equal(list.numbers[0], me(w, b));
	(void)me(w, w->db);
	must(w, w->db, &j, ask_each);
	assert_int_equal(list.n, 2);
	(void)db_close(b, 20000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_TESTS(test_numbers),
		INLINE_TEST(test_not_listed),
		INLINE_TEST(test_rolled_back),
		BOTH_TESTS(test_killed),
		INLINE_TEST(test_stopped),
		BOTH_TESTS(test_beats),
		INLINE_TEST(test_looks),
		BOTH_TESTS(test_rests),
		BOTH_TESTS(test_leaves),
		INLINE_TEST(test_about),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
