/*
 * What one event costs does not grow with what waits: counted in the steps of
 * SQLite's machine, which are the same on any computer at any load.
 *
 * Run by make check.
 */
#include "call_world.h"

#define FEW 20
#define MANY 400

static int64_t steps;

static int
count(void *ctx)
{
	(void)ctx;
	steps++;
	return 0;
}

/* Every connection that the store opens counts. */
static int
watch(sqlite3 *db, char **why, const struct sqlite3_api_routines *api)
{
	(void)why;
	(void)api;
	sqlite3_progress_handler(db, 1, count, NULL);
	return SQLITE_OK;
}

static int
begin(void **state)
{
	return sqlite3_auto_extension((void (*)(void))watch) == SQLITE_OK ?
	    world_begin(state) : -1;
}

static int
end(void **state)
{
	(void)sqlite3_cancel_auto_extension((void (*)(void))watch);
	return world_end(state);
}

/* An event of one message, stored, delivered, and a call asked for. */
static enum leave
fresh(struct world *w, int64_t n)
{
	char chat[32];
	enum leave leave;
	struct work work;
	struct call c;
	int64_t next;

	call_init(&c);
	(void)snprintf(chat, sizeof(chat), "fresh-%" PRId64, n);
	work = work_of(w, take_in(w, chat, n).id);
	assert_int_equal(store_delivered(w->store, &work, "[\"x\"]", &next,
	    &line_107, &c, &w->problem), ERR_OK);
	leave = c.leave;
	call_free(&c);
	return leave;
}

/* The same for an event of several, told together. */
static enum leave
fresh_many(struct world *w, int64_t n)
{
	enum leave leave;
	struct call c;

	for (int64_t i = n; i < n + 3; i++) {
		struct work work;
		char chat[32];
		int64_t next;

		(void)snprintf(chat, sizeof(chat), "many-%" PRId64, i);
		work = work_of(w, take_in(w, chat, i).id);
		assert_int_equal(store_delivered(w->store, &work, "[\"x\"]",
		    &next, &line_107, NULL, &w->problem), ERR_OK);
	}
	call_init(&c);
	leave = ask(w, &line_107, &c);
	call_free(&c);
	return leave;
}

static enum leave
fresh_held(struct world *w, int64_t n)
{
	char chat[32];
	struct work work;

	(void)snprintf(chat, sizeof(chat), "held-%" PRId64, n);
	work = work_of(w, take_in(w, chat, n).id);
	assert_int_equal(store_hold_one(w->store, &work, w->now_ms + 5000,
	    &w->problem), ERR_OK);
	return LEAVE_DOWN;
}

/* It is told, with its event's token, while others wait on another line. */
static enum leave
fresh_told(struct world *w, int64_t n)
{
	const struct call_end end = { .acknowledged = true, .token = "good",
		.token_id = INT64_MAX };
	char chat[32];
	struct work work;
	struct call c;
	int64_t next;

	call_init(&c);
	(void)snprintf(chat, sizeof(chat), "told-%" PRId64, n);
	work = work_of(w, take_in(w, chat, n).id);
	assert_int_equal(store_delivered(w->store, &work, "[\"x\"]", &next,
	    &line_107, &c, &w->problem), ERR_OK);
	assert_int_equal(c.leave, LEAVE_GRANTED);
	assert_int_equal(c.n, 1);
	end_as(w, &c, &end);
	return LEAVE_GRANTED;
}

/* The steps of the second such event: statements are prepared by then. */
static int64_t
cost(struct world *w, enum leave (*event)(struct world *, int64_t),
    enum leave leave, int64_t n)
{
	assert_int_equal(event(w, n), leave);
	steps = 0;
	assert_int_equal(event(w, n + 10), leave);
	return steps;
}

static void
fill(struct world *w, enum leave leave, int64_t from, int64_t to)
{
	for (int64_t i = from; i < to; i++)
		(void)waits_on(w, i % 2 && leave != LEAVE_GRANTED ? "107" :
		    "108", i);
}

static void
costs_the_same(struct world *w, enum leave (*event)(struct world *, int64_t),
    enum leave leave)
{
	int64_t few, many;

	fill(w, leave, 1, FEW);
	few = cost(w, event, leave, 1000);
	fill(w, leave, FEW, MANY);
	many = cost(w, event, leave, 2000);
	assert_in_range(few, 50, 100000);
	if (many > few + few / 2)
		fail_msg("%" PRId64 " steps with %d waiting, %" PRId64
		    " with %d", few, FEW, many, MANY);
}

static void
go_down(struct world *w, const char *place)
{
	int64_t tries;

	assert_int_equal(store_set_down(w->store, place, 60000, &tries,
	    &w->problem), ERR_OK);
}

static void
test_down(void **state)
{
	go_down(*state, PORTAL);
	costs_the_same(*state, fresh, LEAVE_DOWN);
}

static void
test_down_many(void **state)
{
	go_down(*state, PORTAL);
	costs_the_same(*state, fresh_many, LEAVE_DOWN);
}

/* A channel that goes down while an event is handed over. */
static void
test_channel_down(void **state)
{
	costs_the_same(*state, fresh_held, LEAVE_DOWN);
}

/* All calls that there may be are on their way. */
static void
test_busy(void **state)
{
	struct world *w = *state;
	struct call c;

	w->opts.calls_in_flight = 1;
	reopen(w);
	(void)waits_on(w, "107", 900);
	call_init(&c);
	assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
	costs_the_same(w, fresh, LEAVE_LATER);
	call_free(&c);
}

static void
test_told(void **state)
{
	costs_the_same(*state, fresh_told, LEAVE_GRANTED);
}

/* It holds itself, and is due with the others when the portal is up. */
static void
test_holds_itself(void **state)
{
	struct world *w = *state;
	struct work like;

	(void)waits_on(w, "107", 1);
	go_down(w, PORTAL);
	assert_int_equal(fresh(w, 2), LEAVE_DOWN);
	assert_int_equal(fresh_many(w, 3), LEAVE_DOWN);
	w->now_ms += 59999;
	assert_int_equal(claim_due(w), 1);	/* it waited before */
	assert_int_equal(claim_due(w), 0);
	like = work_of(w, 1);
	assert_int_equal(store_set_up(w->store, PORTAL, &like, &w->problem),
	    ERR_OK);
	for (int64_t i = 0; i < 4; i++)
		assert_int_not_equal(claim_due(w), 0);
	assert_int_equal(claim_due(w), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_down), TEST(test_down_many),
		TEST(test_channel_down), TEST(test_busy),
		TEST(test_told), TEST(test_holds_itself),
	};

	return cmocka_run_group_tests_name("store/cost", tests, NULL, NULL);
}
