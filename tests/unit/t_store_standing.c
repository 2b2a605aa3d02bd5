/*
 * How a portal stands: its own messages are counted, its own troubles told,
 * and however long the queue is, few rows are looked at.
 */
#include "store_world.h"

#include "store/standing.h"

static struct arena arena;

static const struct standing *
stands(struct store_world *w, const char *member_id)
{
	static struct standing_reading s;
	const struct place channel = channel_place();

	s = (struct standing_reading){ .member_id = member_id,
	    .channel = channel.number, .arena = &arena };
	store_standing_read(&s);
	world_must(w, w->store, &s.db);
	return &s.out;
}

static void
is(struct store_world *w, const char *member_id, int64_t waiting,
    int64_t refused, const char *error)
{
	const struct standing *s = stands(w, member_id);

	assert_int_equal(s->waiting, waiting);
	assert_int_equal(s->refused, refused);
	assert_string_equal(s->error, error);
}

static void
down(struct store_world *w, const struct place *p, const char *reason)
{
	struct place_change c = { .store = w->store, .place = *p,
	    .down = reason != NULL, .first_ms = 1000, .longest_ms = 1000,
	    .reason = reason };

	store_place_change(&c);
	world_must(w, w->store, &c.db);
}

static void
test_its_own(void **state)
{
	struct store_world *w = *state;
	struct arrival a;

	is(w, MEMBER, 0, 0, "");
	a = TAKE(w, w->store, .message_id = 1);
	(void)TAKE(w, w->store, .message_id = 2, .member_id = "another");
	is(w, MEMBER, 1, 0, "");
	is(w, "another", 1, 0, "");
	is(w, "", 0, 0, "");
	MOVE(w, w->store, .id = a.id, .chat = a.chat_number,
	    .from = STATE_RECEIVED, .move = MOVE_REFUSED,
	    .text = "the channel said no");
	is(w, MEMBER, 0, 1, "the channel said no");
	assert_int_equal(stands(w, MEMBER)->error_ms, w->now_ms);
	is(w, "another", 1, 0, "");
	assert_false(stands(w, MEMBER)->more_waiting);
	assert_false(stands(w, MEMBER)->more_refused);
}

/* What holds back now goes before what was. */
static void
test_the_first_to_mend(void **state)
{
	struct store_world *w = *state;
	const struct place channel = channel_place(), tell = tell_place(107);
	struct arrival a = TAKE(w, w->store, .message_id = 1);

	MOVE(w, w->store, .id = a.id, .chat = a.chat_number,
	    .from = STATE_RECEIVED, .move = MOVE_REFUSED,
	    .text = "refused");
	down(w, &channel, "the channel is down");
	is(w, MEMBER, 0, 1, "the channel is down");
	assert_int_equal(stands(w, MEMBER)->error_ms, 0);
	down(w, &tell, "the portal is down");
	is(w, tell.member_id, 0, 1, "the portal is down");
	down(w, &tell, NULL);
	is(w, MEMBER, 0, 1, "the channel is down");
	down(w, &channel, NULL);
	is(w, MEMBER, 0, 1, "refused");
}

/* The oldest that wait are looked at. */
static void
test_a_long_queue(void **state)
{
	struct store_world *w = *state;

	for (int i = 1; i < STANDING_LOOKS; i++)
		(void)TAKE(w, w->store, .message_id = i,
		    .member_id = "another");
	(void)TAKE(w, w->store, .message_id = STANDING_LOOKS);
	is(w, MEMBER, 1, 0, "");
	assert_true(stands(w, MEMBER)->more_waiting);
	(void)TAKE(w, w->store, .message_id = STANDING_LOOKS + 1);
	is(w, MEMBER, 1, 0, "");
	is(w, "another", STANDING_LOOKS - 1, 0, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_its_own),
		WORLD_TEST(test_the_first_to_mend),
		WORLD_TEST(test_a_long_queue),
	};
	int failed;

	arena_init(&arena, (size_t)64 * 1024);
	failed = cmocka_run_group_tests_name("store/standing", tests, NULL,
	    NULL);
	arena_free(&arena);
	return failed;
}
