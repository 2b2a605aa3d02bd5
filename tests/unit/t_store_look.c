/*
 * What is to be done now: messages whose wait is over, places that may be
 * served, and clocks that jump.
 */
#include "store_look.h"

#define HOUR ((int64_t)3600000)

static void
later(struct store_world *w, const struct known_message *m, int64_t next_ms)
{
	assert_false(MOVE(w, w->store, .id = m->id, .chat = m->chat,
	    .from = m->state, .move = MOVE_LATER, .next_ms = next_ms).lost);
}

static void
test_nothing(void **state)
{
	struct store_world *w = *state;

	for (int i = 0; i < 3; i++) {
		struct peeking p = world_peek(w, w->store);
		struct looked l = world_look(w, w->store);

		assert_false(p.due || p.installs);
		assert_int_equal(p.next_ms, 0);
		assert_int_equal(l.n, 0);
		assert_int_equal(l.next_ms, 0);
		assert_false(l.more);
		/* ours: nothing waits */
		(void)make_received(w, w->store, i + 1);
	}
}

/* When a message that waits until then is due, as clocks are set. */
static void
test_due(void **state)
{
	static const struct {
		int64_t wait, pass, jump;
		bool due;
	} cases[] = {
		{ 5000, 4999, 0, false },
		{ 5000, 5000, 0, true },
		{ LONGEST_MS, LONGEST_MS - 1, 0, false },
		{ LONGEST_MS, LONGEST_MS, 0, true },
		{ 5000, 0, 5000, true },		/* ahead */
		{ 5000, 0, 24 * HOUR, true },
		{ 5000, 0, -HOUR, true },		/* back */
		{ 5000, 0, -10000 * HOUR, true },
		{ 5000, 0, -5000, false },		/* a wait as any */
		{ 30 * HOUR, 0, 0, true },	/* further than any wait */
	};
	struct store_world *w = *state;

	for (enum state s = STATE_RECEIVED; s <= STATE_DELIVERED; s++)
		for (size_t i = 0; i < COUNT(cases); i++) {
			int64_t id = (int64_t)s * 100 + (int64_t)i;
			struct known_message m = s == STATE_RECEIVED ?
			    make_received(w, w->store, id) :
			    make_delivered(w, w->store, id, false);
			struct place at = s == STATE_RECEIVED ?
			    channel_place() : tell_place(107);
			struct taken t;
			int64_t real = w->now_ms;

			later(w, &m, w->now_ms + cases[i].wait);
			world_pass(w, cases[i].pass);
			w->now_ms += cases[i].jump;
			assert_int_equal(told(w, w->store, &at),
			    cases[i].due);
			t = world_take_up(w, w->store, &at, 5);
			assert_int_equal(t.n, cases[i].due);
			/* out of the way of the next case */
			w->now_ms = real;
			world_pass(w, 100 * HOUR);
			(void)world_look_all(w, w->store);
			if (!cases[i].due)
				t = world_take_up(w, w->store, &at, 5);
			assert_int_equal(t.n, 1);
			MOVE(w, w->store, .id = m.id, .chat = m.chat,
			    .from = m.state, .move = MOVE_REFUSED);
		}
}

/* The time of the next thing to do, so that nobody need look in between. */
static void
test_next(void **state)
{
	struct store_world *w = *state;
	struct known_message a = make_received(w, w->store, 1),
	    b = make_received(w, w->store, 2);
	int64_t now = w->now_ms;

	later(w, &a, now + 9000);
	assert_int_equal(world_peek(w, w->store).next_ms, now + 9000);
	later(w, &b, now + 4000);
	assert_int_equal(world_peek(w, w->store).next_ms, now + 4000);
	assert_false(world_peek(w, w->store).due);
	assert_int_equal(world_look(w, w->store).next_ms, now + 4000);
	world_pass(w, 4000);
	assert_true(world_peek(w, w->store).due);
}

/* More are due than one look takes: the next ones follow at once. */
static void
test_many_due(void **state)
{
	enum { MANY = 450 };
	struct store_world *w = *state;
	struct place at = channel_place();
	size_t n = 0, got;

	for (int64_t i = 1; i <= MANY; i++) {
		struct known_message m = make_received(w, w->store, i);

		later(w, &m, w->now_ms + 5000);
	}
	world_pass(w, 5000);
	assert_true(world_look(w, w->store).more);
	(void)world_look_all(w, w->store);
	do {
		got = world_take_up(w, w->store, &at, 100).n;
		n += got;
	} while (got != 0);
	assert_int_equal(n, MANY);
}

/* A place is told to one process, to others a second later, until nothing
 * is left there. */
static void
test_told_in_turn(void **state)
{
	struct store_world *w = *state;
	struct store *other = world_store(w);
	struct place at = channel_place();

	(void)TAKE(w, w->store, .message_id = 1, .unclaimed = true);
	assert_true(told(w, w->store, &at));
	assert_false(told(w, other, &at));
	assert_false(told(w, w->store, &at));
	world_pass(w, 1000);
	assert_true(told(w, other, &at));
	assert_false(told(w, w->store, &at));
	assert_int_equal(world_take_up(w, other, &at, 5).n, 1);
	for (int i = 0; i < 5; i++) {
		world_pass(w, 1000);
		assert_int_equal(world_take_up(w, other, &at, 5).n, 0);
		assert_false(told(w, w->store, &at));
	}
	world_dies(w, &other);
}

/* Set back by any time, a clock strands nothing that waits at a place. */
static void
test_place_and_clock(void **state)
{
	static const int64_t back[] = { 1000, 60000, HOUR, 24 * HOUR,
		5000 * HOUR };
	struct store_world *w = *state;
	struct place channel = channel_place(), tell = tell_place(107);

	w->opts.give_up_ms = 100000 * HOUR;
	world_dies(w, &w->store);
	w->store = world_store(w);
	(void)TAKE(w, w->store, .message_id = 1, .unclaimed = true);
	(void)make_delivered(w, w->store, 2, true);
	world_pass(w, 6000 * HOUR);
	for (size_t i = 0; i < COUNT(back); i++)
		for (int down = 0; down < 2; down++) {
			bool channels = false, tells = false;

			(void)world_place(w, w->store, &channel, down != 0);
			(void)world_place(w, w->store, &tell, down != 0);
			world_pass(w, 3000);
			(void)world_look_all(w, w->store);
			w->now_ms -= back[i];
			/* the longest wait, and a probe's */
			for (int k = 0; k < 48; k++) {
				struct looked l = world_look_all(w, w->store);

				for (size_t n = 0; n < l.n; n++) {
					channels |= l.place[n].number ==
					    channel.number;
					tells |= l.place[n].number ==
					    tell.number;
				}
				world_pass(w, 60000);
			}
			assert_true(channels);
			assert_true(tells);
		}
}

/* Only for the connectors of one's own. */
static void
test_connectors(void **state)
{
	char one[] = "one", two[] = "two";
	char *const mine[] = { one, two };
	struct store_world *w = *state;
	struct store *picky;
	struct looked l;

	w->opts.connector = mine;
	w->opts.connectors = 2;
	picky = world_store(w);
	(void)TAKE(w, w->store, .message_id = 1, .unclaimed = true);
	assert_false(world_peek(w, picky).due);
	assert_int_equal(world_look_all(w, picky).n, 0);
	(void)TAKE(w, w->store, .message_id = 2, .unclaimed = true,
	    .connector = "two");
	assert_true(world_peek(w, picky).due);
	l = world_look_all(w, picky);
	assert_int_equal(l.n, 1);
	assert_string_equal(l.place[0].connector, "two");
	l = world_look_all(w, w->store);
	assert_int_equal(l.n, 1);
	assert_string_equal(l.place[0].connector, CONNECTOR);
	world_dies(w, &picky);
}

/* Those that must go alone go alone, in order; others may go together. */
static void
test_alone(void **state)
{
	struct store_world *w = *state;
	struct place at = tell_place(107);
	static const bool alone[] = { false, false, true, false, true, true,
		false };
	static const size_t calls[] = { 2, 1, 1, 1, 1, 1 };
	int64_t id = 0;

	for (size_t i = 0; i < COUNT(alone); i++) {
		struct known_message m = make_delivered(w, w->store,
		    (int64_t)i + 1, false);

		MOVE(w, w->store, .id = m.id, .from = STATE_DELIVERED,
		    .move = alone[i] ? MOVE_ALONE : MOVE_READY);
	}
	for (size_t i = 0; i < COUNT(calls); i++) {
		struct taken t = world_take_up(w, w->store, &at, 100);

		assert_int_equal(t.n, calls[i]);
		assert_int_equal(t.empty, i == COUNT(calls) - 1);
		for (size_t k = 0; k < t.n; k++) {
			assert_true(t.m[k].id > id);
			id = t.m[k].id;
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_nothing),
		WORLD_TEST(test_due),
		WORLD_TEST(test_next),
		WORLD_TEST(test_many_due),
		WORLD_TEST(test_told_in_turn),
		WORLD_TEST(test_place_and_clock),
		WORLD_TEST(test_connectors),
		WORLD_TEST(test_alone),
	};

	return cmocka_run_group_tests_name("store/look", tests, NULL, NULL);
}
