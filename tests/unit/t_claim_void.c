/*
 * When a claim is void: its process is gone, or stands still for too long.
 *
 * Run by make check.
 */
#include "claim_world.h"

#include <signal.h>

/* What a child needs to tell that it is ready; the world comes first. */
struct telling {
	struct world world;
	int fd;
};

/* Claims 1 on arrival and 3 by the scan, tells it, and waits for its end. */
static void
claim_and_wait(struct world *w)
{
	const struct telling *t = (const void *)w;
	struct store *s = store_of(w, 5000, true);
	struct problem p = { 0 };
	struct work work;
	bool found;

	CHILD_CHECK(take_opts_in(w, s, "107", "A", 1, 0).claimed);
	CHILD_CHECK(!take_opts_in(w, s, "107", "A", 2, 0).claimed);
	CHILD_CHECK(!take_opts_in(w, s, "107", "B", 30, w->now_ms).claimed);
	CHILD_CHECK(!take_opts_in(w, s, "107", "B", 40, w->now_ms).claimed);
	(void)store_claim_due(s, NULL, &w->arena, &work, &found, &p);
	CHILD_OK(&p);
	CHILD_CHECK(found && work.id == 3);
	CHILD_CHECK(write(t->fd, "x", 1) == 1);
	(void)pause();
}

static void
exit_at_once(struct world *w)
{
	struct store *s = store_of(w, 5000, true);

	CHILD_CHECK(take_opts_in(w, s, "107", "A", 1, 0).claimed);
	child_ends(0);
}

static pid_t
owner_start(struct world *w)
{
	struct telling t = { .world = *w };
	int fd[2];
	char c;
	pid_t pid;

	t.world.clock.ctx = &t.world;
	assert_int_equal(pipe(fd), 0);
	t.fd = fd[1];
	pid = child_start(claim_and_wait, &t.world);
	(void)close(fd[1]);
	assert_int_equal(read(fd[0], &c, 1), 1);
	(void)close(fd[0]);
	return pid;
}

static void
owner_kill(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

/* No time passes: the kernel says that the owner is gone. */
static void
test_killed(void **state)
{
	struct world *w = *state;
	pid_t pid = owner_start(w);

	assert_int_equal(claim_due(w), 0);
	owner_kill(pid);
	assert_int_equal(claim_due(w), 1);
	assert_int_equal(claim_due(w), 3);
	assert_int_equal(claim_due(w), 0);
	assert_int_equal(deliver(w, 1), 2);
	assert_int_equal(deliver(w, 3), 4);
}

static void
test_exited(void **state)
{
	struct world *w = *state;

	child_succeeds(child_start(exit_at_once, w));
	assert_int_equal(column(w, "owner <> 0", 1), 1);
	assert_int_equal(claim_due(w), 1);
}

/* An owner that closed its store has ended its claims. */
static void
test_closed(void **state)
{
	struct world *w = *state;
	struct store *other = store_of(w, 5000, true);

	(void)take_opts_in(w, other, "107", "A", 1, 0);
	assert_int_equal(claim_due(w), 0);
	store_close(other);
	assert_int_equal(claim_due(w), 1);
}

/* A dead process's message counts as busy for nobody that arrives. */
static void
test_arrival_after_death(void **state)
{
	struct world *w = *state;

	owner_kill(owner_start(w));
	/* 1 waits: it still goes before any that comes now */
	assert_false(take_in(w, "A", 9).claimed);
	/* and a lower one before it */
	(void)take_in(w, "B", 20);
	assert_int_equal(claim_due(w), 1);
	assert_int_equal(claim_due(w), 6);
	assert_int_equal(claim_due(w), 0);
	assert_int_equal(deliver(w, 6), 3);
}

/* Looks a second apart, until they have seen so many claims. */
static int
looks_until(struct world *w, int claims, int at_most)
{
	int n = 0;

	while (claims > 0 && n++ < at_most) {
		claims -= claim_due(w) != 0;
		w->mono_ms += 1000;
	}
	return n;
}

/* One that was stopped has its claims until nobody can believe in it. */
static void
test_stopped(void **state)
{
	struct world *w = *state;
	struct problem p = { 0 };
	pid_t pid = owner_start(w);
	struct work work = { .id = 1 }, *one = &work;
	size_t n = 1;
	int status;

	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	w->now_ms += (int64_t)365 * 86400 * 1000;	/* not its clock */
	assert_int_equal(claim_due(w), 0);
	/* who looks seldom has not seen it stand still for all that time */
	w->mono_ms += 29000;
	assert_int_equal(claim_due(w), 0);
	w->mono_ms += 1000;
	assert_in_range(looks_until(w, 2, 60), 25, 31);
	assert_int_equal(claim_due(w), 0);
	/* ours now: it is told so, and its end frees nothing */
	assert_int_equal(store_still_ours(w->store, &one, &n, &p), ERR_OK);
	assert_int_equal(n, 1);
	owner_kill(pid);
	assert_int_equal(claim_due(w), 0);
}

/* One that goes on keeps them for as long as it does. */
static void
test_goes_on(void **state)
{
	struct world *w = *state;
	struct store *other = store_of(w, 5000, true);
	struct problem p = { 0 };
	struct work work, *one = &work;
	size_t n = 1;

	(void)take_opts_in(w, other, "107", "A", 1, 0);
	for (int i = 0; i < 100; i++) {
		owner_beat(other->owner, false);
		assert_int_equal(claim_due(w), 0);
		w->mono_ms += 1000;
	}
	work = work_of(w, 1);
	work.claimed_ms = 0;
	assert_int_equal(store_still_ours(w->store, &one, &n, &p), ERR_LOST);
	assert_int_equal(n, 0);
	n = 1;
	p = (struct problem){ 0 };
	assert_int_equal(store_still_ours(other, &one, &n, &p), ERR_OK);
	assert_int_equal(n, 1);
	store_close(other);
}

/* However long this process is at it: it does not take from itself. */
static void
test_own(void **state)
{
	struct world *w = *state;

	(void)take_in(w, "A", 1);
	w->mono_ms += 1000 * LEASE;
	assert_int_equal(claim_due(w), 0);
}

/* A call and the next of a chat leave alone what a living one has. */
static void
test_living(void **state)
{
	struct world *w = *state;
	struct store *other = store_of(w, 5000, true), *mine = w->store;
	const struct line line = { "bac1cd5c8940947a75e0d71b1a84e348",
		"myconnector", 107, "portal" };
	struct call call;

	(void)take_opts_in(w, other, "107", "A", 1, 0);
	(void)take_opts_in(w, other, "107", "A", 2, 0);
	(void)take_opts_in(w, other, "107", "B", 3, 0);
	w->store = other;
	(void)deliver(w, 3);
	w->store = mine;
	w->now_ms += 1000;
	assert_int_equal(claim_by(w, other, NULL), 3);
	call_init(&call);
	assert_int_equal(store_call_begin(w->store, &line, NULL, false, &call,
	    &w->problem), ERR_OK);
	assert_int_equal(call.leave, LEAVE_NOTHING);
	assert_int_equal(claim_due(w), 0);
	store_close(other);
	assert_int_equal(store_call_begin(w->store, &line, NULL, false, &call,
	    &w->problem), ERR_OK);
	assert_int_equal(call.leave, LEAVE_GRANTED);
	assert_int_equal(call.n, 1);
	assert_int_equal(call.work[0]->id, 3);
	assert_int_equal(claim_due(w), 1);
	assert_int_equal(deliver(w, 1), 2);
	call_free(&call);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_killed),
		WORLD_TEST(test_exited),
		WORLD_TEST(test_closed),
		WORLD_TEST(test_arrival_after_death),
		WORLD_TEST(test_stopped),
		WORLD_TEST(test_goes_on),
		WORLD_TEST(test_own),
		WORLD_TEST(test_living),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
