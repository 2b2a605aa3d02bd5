/*
 * The moves of a message: which are legal, what they leave behind, and that
 * whoever has lost its claim changes nothing.
 */
#include "store_world.h"

#include <stdlib.h>

enum { MOVES = MOVE_ALONE + 1 };

/* What a move leaves: a state, 0: it is gone; -1: it is not legal. */
static const int after_received[MOVES] = {
	[MOVE_DELIVERED] = STATE_DELIVERED,
	[MOVE_DONE] = 0,
	[MOVE_TOLD] = -1,
	[MOVE_REFUSED] = STATE_REFUSED,
	[MOVE_LATER] = STATE_RECEIVED,
	[MOVE_READY] = STATE_RECEIVED,
	[MOVE_ALONE] = -1,
};
static const int after_delivered[MOVES] = {
	[MOVE_DELIVERED] = -1,
	[MOVE_DONE] = -1,
	[MOVE_TOLD] = 0,
	[MOVE_REFUSED] = STATE_REFUSED,
	[MOVE_LATER] = STATE_DELIVERED,
	[MOVE_READY] = STATE_DELIVERED,
	[MOVE_ALONE] = STATE_DELIVERED,
};

/* All that a person sees of the queue, to tell whether something changed. */
struct picture {
	char text[16384];
	size_t at;
};

static bool
draw(void *ctx, const struct stored *m)
{
	struct picture *p = ctx;

	p->at += (size_t)snprintf(p->text + p->at, sizeof(p->text) - p->at,
	    "%lld %s %d %d %s %s %lld %lld %lld %d\n", (long long)m->id,
	    m->key, m->state, m->step, m->reason, m->ids,
	    (long long)m->changed_ms, (long long)m->next_ms,
	    (long long)m->tries, m->hold);
	return p->at < sizeof(p->text) - 1;
}

static void
picture(struct store_world *w, struct picture *p)
{
	const struct filter all = { .key = NULL };

	*p = (struct picture){ .at = 0 };
	assert_int_equal(store_each(w->store, &all, draw, p, &w->problem),
	    ERR_OK);
}

/* A message of a chat of its own that this process has, in that state. */
static struct known_message
make(struct store_world *w, int64_t message_id, enum state state)
{
	char chat[24];
	struct arrival a;

	(void)snprintf(chat, sizeof(chat), "c%lld", (long long)message_id);
	a = TAKE(w, w->store, .message_id = message_id, .chat = chat);
	assert_true(a.claimed);
	if (state == STATE_DELIVERED)
		assert_false(MOVE(w, w->store, .id = a.id,
		    .chat = a.chat_number, .from = STATE_RECEIVED,
		    .move = MOVE_DELIVERED).lost);
	return (struct known_message){ a.id, a.chat_number, state };
}

static void
test_table(void **state)
{
	static struct picture before, after;
	struct store_world *w = *state;
	int64_t n = 0;

	for (enum state from = STATE_RECEIVED; from <= STATE_DELIVERED; from++)
		for (int move = 0; move < MOVES; move++) {
			int want = from == STATE_RECEIVED ?
			    after_received[move] : after_delivered[move];
			struct known_message m = make(w, ++n, from);
			struct moved out;

			picture(w, &before);
			out = world_try_move(w, w->store,
			    &(struct moving_spec){ .id = m.id, .chat = m.chat,
			    .from = from, .move = (enum move)move,
			    .next_ms = w->now_ms + 5000 });
			picture(w, &after);
			assert_int_equal(out.err, want < 0 ? ERR_DISK :
			    ERR_OK);
			assert_false(out.err == ERR_OK && out.lost);
			assert_int_equal(world_state(w, w->store, m.id),
			    want < 0 ? (int)from : want);
			if (want < 0)
				assert_string_equal(after.text, before.text);
		}
}

/* Neither gone ones, refused ones nor those of another state move. */
static void
test_wrong_state(void **state)
{
	static struct picture before, after;
	struct store_world *w = *state;
	struct known_message m[5];
	int tried = 0;

	m[0] = make(w, 1, STATE_RECEIVED);
	m[1] = make(w, 2, STATE_DELIVERED);
	m[2] = make(w, 3, STATE_RECEIVED);
	m[3] = make(w, 4, STATE_RECEIVED);
	m[4] = (struct known_message){ 999, 999, 0 };
	MOVE(w, w->store, .id = m[2].id, .from = STATE_RECEIVED,
	    .move = MOVE_REFUSED);
	MOVE(w, w->store, .id = m[3].id, .from = STATE_RECEIVED,
	    .move = MOVE_DONE);
	m[2].state = STATE_REFUSED;
	m[3].state = 0;
	picture(w, &before);
	for (size_t i = 0; i < COUNT(m); i++)
		for (enum state from = STATE_RECEIVED;
		    from <= STATE_DELIVERED; from++)
			for (int move = 0; move < MOVES; move++) {
				struct moved out;

				if (from == m[i].state ||
				    (from == STATE_RECEIVED ? after_received :
				    after_delivered)[move] < 0)
					continue;
				out = world_move(w, w->store,
				    &(struct moving_spec){ .id = m[i].id,
				    .chat = m[i].chat, .from = from,
				    .move = (enum move)move, .tried = true,
				    .next_ms = w->now_ms + 5000 });
				assert_true(out.lost);
				tried++;
			}
	picture(w, &after);
	assert_string_equal(after.text, before.text);
	assert_true(tried > 20);
}

/* What this process has not claimed, or not any more. */
static void
test_lost(void **state)
{
	static struct picture before, after;
	struct store_world *w = *state;
	struct store *other = world_store(w);
	struct known_message m[4];

	m[0] = make(w, 1, STATE_RECEIVED);
	m[1] = make(w, 2, STATE_DELIVERED);
	m[2] = make(w, 3, STATE_RECEIVED);
	m[3] = make(w, 4, STATE_DELIVERED);
	/* these two wait: nobody has them */
	for (int i = 2; i < 4; i++)
		MOVE(w, w->store, .id = m[i].id, .from = m[i].state,
		    .move = MOVE_READY);
	picture(w, &before);
	for (size_t i = 0; i < COUNT(m); i++)
		for (int move = 0; move < MOVES; move++) {
			struct moved out;

			if ((m[i].state == STATE_RECEIVED ? after_received :
			    after_delivered)[move] < 0)
				continue;
			out = world_move(w, other, &(struct moving_spec){
			    .id = m[i].id, .chat = m[i].chat,
			    .from = m[i].state, .move = (enum move)move,
			    .tried = true, .next_ms = w->now_ms });
			assert_true(out.lost);
			assert_int_equal(out.next.id, 0);
		}
	picture(w, &after);
	assert_string_equal(after.text, before.text);
	world_dies(w, &other);
}

/* A lost claim takes nothing of the portal's room, either. */
static void
test_lost_asks_nothing(void **state)
{
	struct store_world *w = *state;
	struct store *other = world_store(w);
	struct known_message m = make(w, 1, STATE_RECEIVED);
	struct room_ask ask;

	for (int i = 0; i < 9; i++) {
		room_ask_init(&ask, MEMBER);
		ask.slot = true;
		ask.granted = true;	/* of a run that did not count */
		assert_true(MOVE(w, other, .id = m.id,
		    .from = STATE_RECEIVED, .move = MOVE_DELIVERED,
		    .ask = &ask).lost);
		assert_false(ask.granted);
		room_ask_free(&ask);
	}
	room_ask_init(&ask, MEMBER);
	ask.slot = true;
	assert_false(MOVE(w, w->store, .id = m.id, .from = STATE_RECEIVED,
	    .move = MOVE_DELIVERED, .ask = &ask).left_waiting);
	assert_true(ask.granted);
	room_ask_free(&ask);
	world_dies(w, &other);
}

/* With delivery comes the means to tell; without a slot it waits. */
static void
test_delivered_with_room(void **state)
{
	static const struct {
		bool has_slot, leave, down, full, waits;
	} cases[] = {
		{ false, false, false, false, false },
		{ true, false, false, false, false },
		{ false, true, false, false, true },
		{ false, false, false, true, true },
		{ true, false, false, true, false },
		{ false, false, true, false, true },
		{ true, false, true, false, true },
	};
	struct store_world *w = *state;
	struct store *other = world_store(w);
	struct place at = tell_place(107);
	struct room_note free_all = { .member_id = MEMBER, .free_slots = 2 };

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct known_message m = make(w, (int64_t)i + 1,
		    STATE_RECEIVED);
		struct room_ask ask;
		struct asking a = { .store = other, .ask = &ask };
		struct noting_room note = { .store = other,
		    .note = free_all };
		struct moved out;

		room_ask_init(&ask, MEMBER);
		ask.slot = true;
		for (int k = 0; cases[i].full && k < 2; k++) {
			store_ask(&a);
			world_must(w, other, &a.db);
		}
		if (cases[i].down)
			(void)world_place(w, other, &at, true);
		out = MOVE(w, w->store, .id = m.id, .chat = m.chat,
		    .from = STATE_RECEIVED, .move = MOVE_DELIVERED,
		    .ask = &ask, .has_slot = cases[i].has_slot,
		    .leave = cases[i].leave);
		assert_false(out.lost);
		assert_int_equal(out.left_waiting, cases[i].waits);
		assert_int_equal(world_take_up(w, other, &at, 9).n,
		    cases[i].waits);
		room_ask_free(&ask);
		store_note_room(&note);
		world_must(w, other, &note.db);
		note.store = w->store;
		store_note_room(&note);
		world_must(w, w->store, &note.db);
		if (cases[i].down)
			(void)world_place(w, other, &at, false);
	}
	world_dies(w, &other);
}

/* Attempts count, others do not; a new step counts anew. */
static void
test_tries(void **state)
{
	struct store_world *w = *state;
	struct known_message m = make(w, 1, STATE_RECEIVED);
	struct place channel = channel_place(), tell = tell_place(107);
	struct taken t;

	for (int i = 0; i < 3; i++) {
		MOVE(w, w->store, .id = m.id, .from = STATE_RECEIVED,
		    .move = MOVE_READY, .tried = i != 1);
		t = world_take_up(w, w->store, &channel, 1);
		assert_int_equal(t.n, 1);
	}
	assert_int_equal(t.tries[0], 2);
	MOVE(w, w->store, .id = m.id, .from = STATE_RECEIVED,
	    .move = MOVE_DELIVERED);
	MOVE(w, w->store, .id = m.id, .from = STATE_DELIVERED,
	    .move = MOVE_ALONE, .tried = true);
	t = world_take_up(w, w->store, &tell, 1);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.tries[0], 1);
	assert_true(t.alone[0]);
	/* once alone, always alone */
	MOVE(w, w->store, .id = m.id, .from = STATE_DELIVERED,
	    .move = MOVE_READY);
	t = world_take_up(w, w->store, &tell, 1);
	assert_true(t.alone[0]);
}

/* Its own attempts may go on for so long, from the first on. */
static void
test_gives_up(void **state)
{
	struct store_world *w = *state;

	for (enum state from = STATE_RECEIVED; from <= STATE_DELIVERED;
	    from++) {
		struct known_message m = make(w, (int64_t)from, from);
		struct place at = from == STATE_RECEIVED ? channel_place() :
		    tell_place(107);
		struct moved out = { .gave_up = false };
		int rounds = 0;

		/* an age behind others does not count, nor what is no try */
		world_pass(w, 2 * GIVE_UP_MS);
		out = MOVE(w, w->store, .id = m.id, .from = from,
		    .move = MOVE_READY);
		assert_false(out.gave_up);
		for (int64_t ms = 0; !out.gave_up; ms += GIVE_UP_MS / 10) {
			assert_int_equal(world_take_up(w, w->store, &at,
			    9).n, 1);
			out = MOVE(w, w->store, .id = m.id, .chat = m.chat,
			    .from = from, .move = MOVE_READY, .tried = true,
			    .text = "no answer");
			assert_int_equal(out.gave_up, ms >= GIVE_UP_MS);
			world_pass(w, GIVE_UP_MS / 10);
			rounds++;
		}
		assert_int_equal(rounds, 11);
		assert_int_equal(world_state(w, w->store, m.id),
		    STATE_REFUSED);
		assert_int_equal(world_take_up(w, w->store, &at, 9).n, 0);
	}
}

/* Several go together, some of them lost. */
static void
test_together(void **state)
{
	struct store_world *w = *state;
	struct moving_one one[4];
	struct moving v = { .store = w->store, .one = one, .n = 4,
	    .channel = channel_place(), .tell = tell_place(107) };

	for (int i = 0; i < 4; i++) {
		struct known_message m = make(w, i + 1, STATE_DELIVERED);

		one[i] = (struct moving_one){ .id = m.id,
		    .chat_number = m.chat, .from = STATE_DELIVERED,
		    .move = MOVE_TOLD };
	}
	one[2].id = 999;
	store_move(&v);
	world_must(w, w->store, &v.db);
	for (int i = 0; i < 4; i++)
		assert_int_equal(one[i].lost, i == 2);
	assert_false(v.more);
	assert_null(v.next);
	assert_int_equal(world_stats(w, w->store).state[STATE_DELIVERED], 1);
	assert_int_equal(world_stats(w, w->store).state[STATE_ACKNOWLEDGED],
	    3);
}

/* One illegal move takes all that came with it. */
static void
test_all_or_none(void **state)
{
	struct store_world *w = *state;
	struct known_message a = make(w, 1, STATE_DELIVERED),
	    b = make(w, 2, STATE_RECEIVED);
	struct moving_one one[2] = {
		{ .id = a.id, .from = STATE_DELIVERED, .move = MOVE_TOLD },
		{ .id = b.id, .from = STATE_RECEIVED, .move = MOVE_TOLD },
	};
	struct moving v = { .store = w->store, .one = one, .n = 2 };

	store_move(&v);
	assert_int_equal(store_now(w->store, &v.db, &w->problem), ERR_DISK);
	assert_int_equal(world_state(w, w->store, a.id), STATE_DELIVERED);
	assert_int_equal(world_state(w, w->store, b.id), STATE_RECEIVED);
}

/* Whoever told some learns whether others wait there. */
static void
test_more(void **state)
{
	struct store_world *w = *state;
	struct store *other = world_store(w);
	struct known_message a = make(w, 1, STATE_DELIVERED),
	    b = make(w, 2, STATE_DELIVERED), c = make(w, 3, STATE_RECEIVED);

	assert_true(MOVE(w, w->store, .id = c.id, .from = STATE_RECEIVED,
	    .move = MOVE_DELIVERED, .leave = true).left_waiting);
	assert_true(MOVE(w, w->store, .id = a.id, .from = STATE_DELIVERED,
	    .move = MOVE_TOLD).more);
	assert_int_equal(world_take_up(w, other,
	    &(struct place){ .number = tell_place(107).number,
	    .kind = PLACE_TELL }, 5).n, 1);
	assert_false(MOVE(w, w->store, .id = b.id, .from = STATE_DELIVERED,
	    .move = MOVE_TOLD).more);
	world_dies(w, &other);
}

/* What the channel gave goes along to whoever tells it. */
static void
test_ids(void **state)
{
	struct store_world *w = *state;
	struct known_message m = make(w, 1, STATE_RECEIVED);
	struct taking_up t = { .store = w->store, .kind = PLACE_TELL,
	    .place = tell_place(107).number, .max = 5 };

	world_pass(w, 77);
	MOVE(w, w->store, .id = m.id, .from = STATE_RECEIVED,
	    .move = MOVE_DELIVERED, .text = "[\"a\",\"b\"]", .leave = true);
	world_pass(w, 1000);
	store_take_up(&t);
	world_must(w, w->store, &t.db);
	assert_int_equal(t.n, 1);
	assert_string_equal(t.work[0]->ids, "[\"a\",\"b\"]");
	assert_int_equal(t.work[0]->delivered_ms, WORLD_START_MS + 77);
	assert_int_equal(t.work[0]->state, STATE_DELIVERED);
	free(t.work[0]);
	free(t.work);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_table),
		WORLD_TEST(test_wrong_state),
		WORLD_TEST(test_lost),
		WORLD_TEST(test_lost_asks_nothing),
		WORLD_TEST(test_delivered_with_room),
		WORLD_TEST(test_tries),
		WORLD_TEST(test_gives_up),
		WORLD_TEST(test_together),
		WORLD_TEST(test_all_or_none),
		WORLD_TEST(test_more),
		WORLD_TEST(test_ids),
	};

	return cmocka_run_group_tests_name("store/moves", tests, NULL, NULL);
}
