/*
 * How many status calls a portal bears: the slots that all processes share,
 * and the bucket, to the millisecond.
 *
 * Run by make check.
 */
#include "call_world.h"

#include <signal.h>

static const struct line line_109 = { MEMBER, "myconnector", 109, PORTAL };

static void
test_slots(void **state)
{
	struct world *w = *state;
	struct store *other = store_of(w, 5000, true);
	struct call c[3];

	for (size_t i = 0; i < COUNT(c); i++)
		call_init(&c[i]);
	(void)waits_on(w, "107", 1);
	(void)waits_on(w, "108", 2);
	(void)waits_on(w, "109", 3);
	assert_int_equal(ask(w, &line_107, &c[0]), LEAVE_GRANTED);
	assert_int_equal(ask_by(w, other, &line_108, NULL, &c[1]),
	    LEAVE_GRANTED);
	assert_true(c[0].id != 0 && c[1].id != 0 && c[0].id != c[1].id);
	/* both are taken, for either of us */
	assert_int_equal(ask(w, &line_109, &c[2]), LEAVE_LATER);
	assert_int_equal(c[2].at_ms, w->now_ms + 1000);
	assert_int_equal(c[2].n, 0);
	assert_int_equal(ask_by(w, other, &line_109, NULL, &c[2]),
	    LEAVE_LATER);
	assert_int_equal(column(w, "owner", 3), 0);
	assert_int_equal(number(w, "SELECT count(*) FROM call"), 2);
	end_as(w, &c[0], &plain_end);
	assert_int_equal(number(w, "SELECT count(*) FROM call"), 1);
	assert_int_equal(ask_by(w, other, &line_109, NULL, &c[2]),
	    LEAVE_GRANTED);
	assert_string_equal(ids_of(&c[2]), "3");
	for (size_t i = 0; i < COUNT(c); i++)
		call_free(&c[i]);
	store_close(other);
}

/* One portal's calls are nothing to another. */
static void
test_portals(void **state)
{
	static const struct line theirs = { "another", "myconnector", 107,
		"portal:another" };
	struct world *w = *state;
	struct call c[2];
	struct arrival a;
	struct event ev;

	w->opts.calls_in_flight = w->opts.burst = 1;
	reopen(w);
	(void)waits_on(w, "107", 1);
	make_event(&ev, ADD);
	ev.member_id = own(&ev, "another");
	add_message(&ev, 2, "b");
	check_event(&ev);
	assert_int_equal(store_take(w->store, &ev, &take_plain, &a,
	    &w->problem), ERR_OK);
	event_free(&ev);
	(void)deliver(w, a.id);
	call_init(&c[0]);
	call_init(&c[1]);
	assert_int_equal(ask(w, &line_107, &c[0]), LEAVE_GRANTED);
	assert_int_equal(ask(w, &theirs, &c[1]), LEAVE_GRANTED);
	assert_string_equal(ids_of(&c[0]), "1");
	assert_string_equal(ids_of(&c[1]), "2");
	call_free(&c[0]);
	call_free(&c[1]);
}

struct calling {
	struct world world;
	int fd;
};

/* Makes both calls that there may be, tells it, and waits for its end. */
static void
call_and_wait(struct world *w)
{
	const struct calling *t = (const void *)w;
	struct store *s = store_of(w, 5000, true);
	struct problem p = { 0 };
	struct call c[2];

	call_init(&c[0]);
	call_init(&c[1]);
	(void)store_call_begin(s, &line_107, NULL, false, &c[0], &p);
	(void)store_call_begin(s, &line_108, NULL, false, &c[1], &p);
	CHILD_OK(&p);
	CHILD_CHECK(c[0].leave == LEAVE_GRANTED && c[0].n == 1);
	CHILD_CHECK(c[1].leave == LEAVE_GRANTED && c[1].n == 1);
	CHILD_CHECK(write(t->fd, "x", 1) == 1);
	(void)pause();
}

static pid_t
caller_start(struct world *w)
{
	struct calling t = { .world = *w };
	int fd[2];
	char c;
	pid_t pid;

	t.world.clock.ctx = &t.world;
	assert_int_equal(pipe(fd), 0);
	t.fd = fd[1];
	pid = child_start(call_and_wait, &t.world);
	(void)close(fd[1]);
	assert_int_equal(read(fd[0], &c, 1), 1);
	(void)close(fd[0]);
	return pid;
}

/* What a process had on its way when it died counts no more. */
static void
test_dead_caller(void **state)
{
	struct world *w = *state;
	struct call c;
	int status;
	pid_t pid;

	(void)waits_on(w, "107", 1);
	(void)waits_on(w, "108", 2);
	reopen(w);	/* no lock of ours goes over to the child */
	pid = caller_start(w);
	(void)waits_on(w, "107", 3);
	call_init(&c);
	assert_int_equal(ask(w, &line_107, &c), LEAVE_LATER);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
	/* what it had claimed is told again */
	assert_string_equal(ids_of(&c), "1 3");
	assert_int_equal(number(w, "SELECT count(*) FROM call"), 1);
	assert_int_equal(number(w, "SELECT id FROM call"), c.id);
	call_free(&c);
}

/* A call of a living process that lost it ends with its lease. */
static void
test_lease(void **state)
{
	struct world *w = *state;
	struct call c[2];

	w->opts.calls_in_flight = 1;
	reopen(w);
	(void)waits_on(w, "107", 1);
	(void)waits_on(w, "108", 2);
	call_init(&c[0]);
	call_init(&c[1]);
	assert_int_equal(ask(w, &line_107, &c[0]), LEAVE_GRANTED);
	w->mono_ms += LEASE - 1;
	assert_int_equal(ask(w, &line_108, &c[1]), LEAVE_LATER);
	w->mono_ms += 1;
	assert_int_equal(ask(w, &line_108, &c[1]), LEAVE_GRANTED);
	/* its late end takes nobody's slot away */
	end_as(w, &c[0], &plain_end);
	(void)waits_on(w, "107", 3);
	assert_int_equal(ask(w, &line_107, &c[0]), LEAVE_LATER);
	call_free(&c[0]);
	call_free(&c[1]);
}

/* Empties the bucket of its room: so many calls are granted at once. */
static void
calls_at_once(struct world *w, int64_t from, int n)
{
	struct call c;

	call_init(&c);
	for (int i = 0; i < n; i++) {
		(void)waits_on(w, "107", from + i);
		assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
		end_as(w, &c, &plain_end);
	}
	call_free(&c);
}

/* The next call is granted in so many ms, and not one before. */
static void
expect_granted_in(struct world *w, int64_t ms)
{
	struct call c;

	call_init(&c);
	assert_int_equal(ask(w, &line_107, &c), LEAVE_LATER);
	assert_int_equal(c.at_ms - w->now_ms, ms);
	w->now_ms += ms - 1;
	assert_int_equal(ask(w, &line_107, &c), LEAVE_LATER);
	assert_int_equal(c.at_ms - w->now_ms, 1);
	w->now_ms += 1;
	assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
	end_as(w, &c, &plain_end);
	call_free(&c);
}

/* One call less than the portal takes: they arrive with a jitter. */
static int
room(int64_t burst)
{
	return burst > 1 ? (int)burst - 1 : 1;
}

static void
test_bucket(void **state)
{
	static const struct {
		int64_t burst, rate, first_ms, next_ms;
	} cases[] = {
		{ 4, 2, 500, 500 },
		/* a third of a second is rounded up, but nothing is lost */
		{ 3, 3, 334, 333 },
		{ 1, 1, 1000, 1000 }, { 5, 1000, 1, 1 },
		{ 6, 3000, 1, 0 },
	};
	struct world *w = *state;
	int64_t n = 0;

	for (size_t i = 0; i < COUNT(cases); i++) {
		w->opts.burst = cases[i].burst;
		w->opts.rate = cases[i].rate;
		w->now_ms += 3600000;
		reopen(w);
		calls_at_once(w, n + 1, room(cases[i].burst));
		n += cases[i].burst + 2;
		if (cases[i].rate == 3000) {
			/* more than one a millisecond */
			w->now_ms += 1;
			calls_at_once(w, n + 1, 3);
			n += 4;
		}
		(void)waits_on(w, "107", n++);
		expect_granted_in(w, cases[i].first_ms);
		(void)waits_on(w, "107", n++);
		if (cases[i].next_ms != 0)
			expect_granted_in(w, cases[i].next_ms);
		else	/* there is room left after that one */
			calls_at_once(w, n++, 1);
	}
}

/* An asking that is not granted, or finds nothing, costs nothing. */
static void
test_asking_is_free(void **state)
{
	struct world *w = *state;
	struct call c;

	w->opts.burst = 1;
	reopen(w);
	call_init(&c);
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask(w, &line_107, &c), LEAVE_NOTHING);
	assert_int_equal(c.n, 0);
	assert_int_equal(number(w, "SELECT count(*) FROM call"), 0);
	calls_at_once(w, 1, 1);
	(void)waits_on(w, "107", 2);
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask(w, &line_107, &c), LEAVE_LATER);
	expect_granted_in(w, 500);
	call_free(&c);
}

/* Nobody knows how full it is then; a refusal would tell. */
static void
test_clock_jumps(void **state)
{
	static const int64_t jumps[] = { -1, (int64_t)-365 * 86400 * 1000,
		86400001, (int64_t)3650 * 86400 * 1000 };
	struct world *w = *state;
	int64_t n = 0;

	w->opts.burst = 3;
	reopen(w);
	for (size_t i = 0; i < COUNT(jumps); i++) {
		calls_at_once(w, n + 1, 2);
		w->now_ms += jumps[i];
		/* as if it were empty, and from there on as ever */
		calls_at_once(w, n + 3, 2);
		(void)waits_on(w, "107", n + 5);
		expect_granted_in(w, 500);
		n += 5;
		w->now_ms += 3600000;
	}
	/* a rate that would run over in a day is none */
	w->opts.burst = 1;
	w->opts.rate = 1000000;
	reopen(w);
	calls_at_once(w, n + 1, 1);
	w->now_ms = INT64_MAX / 1000 - 86400000;
	calls_at_once(w, n + 2, 1);
}

/* Over the limit, says the portal: whatever we thought, the bucket is full. */
static void
test_refused(void **state)
{
	static const struct call_end refused = { .acknowledged = true,
		.refused = true };
	static const struct call_end worse = { .acknowledged = true,
		.refused = true, .more_calls = 9 };
	struct world *w = *state;
	struct call c;

	w->opts.burst = 5;
	reopen(w);
	(void)waits_on(w, "107", 1);
	call_init(&c);
	assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
	end_as(w, &c, &refused);
	(void)waits_on(w, "107", 2);
	expect_granted_in(w, 500);
	/* it is fuller than full already: it is not emptied by that */
	w->now_ms += 3600000;
	(void)waits_on(w, "107", 3);
	assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
	end_as(w, &c, &worse);
	(void)waits_on(w, "107", 4);
	expect_granted_in(w, (10 + 1 - 4) * 500);
	call_free(&c);
}

/* Each further rung of a ladder is a call, too. */
static void
test_more_calls(void **state)
{
	static const struct call_end two = { .acknowledged = true,
		.more_calls = 2 };
	struct world *w = *state;
	struct call c;

	w->opts.burst = 5;
	reopen(w);
	(void)waits_on(w, "107", 1);
	call_init(&c);
	assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
	w->now_ms += 250;	/* half a call has leaked when it ends */
	end_as(w, &c, &two);
	assert_int_equal(number(w, "SELECT level FROM meter"), 2500);
	calls_at_once(w, 2, 1);
	(void)waits_on(w, "107", 3);
	expect_granted_in(w, 250);
	call_free(&c);
}

/* The bucket and the operating time stand in one row. */
static void
test_reset_stays(void **state)
{
	static const struct call_end good = { .acknowledged = true,
		.reset_ms = 1773759200000 };
	struct world *w = *state;
	struct call c;

	(void)waits_on(w, "107", 1);
	call_init(&c);
	assert_int_equal(store_reset_ms(w->store, MEMBER), 0);
	assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
	assert_int_equal(store_reset_ms(w->store, MEMBER), 0);
	end_as(w, &c, &good);
	assert_int_equal(store_reset_ms(w->store, MEMBER), 1773759200000);
	assert_int_equal(number(w, "SELECT level FROM meter"), 1000);
	calls_at_once(w, 2, 1);
	/* an answer that says nothing of it changes nothing */
	assert_int_equal(store_reset_ms(w->store, MEMBER), 1773759200000);
	assert_int_equal(number(w, "SELECT level FROM meter"), 2000);
	assert_int_equal(store_reset_ms(w->store, "nobody"), 0);
	call_free(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_slots),
		WORLD_TEST(test_portals),
		WORLD_TEST(test_dead_caller),
		WORLD_TEST(test_lease),
		WORLD_TEST(test_bucket),
		WORLD_TEST(test_asking_is_free),
		WORLD_TEST(test_clock_jumps),
		WORLD_TEST(test_refused),
		WORLD_TEST(test_more_calls),
		WORLD_TEST(test_reset_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
