/*
 * A person wants it now: what waits for a time is due, and what is down is
 * probed by the next look; nothing else moves.
 */
#include "store/flush.h"

#include "store_look.h"

#include <string.h>

static struct flush
flush(struct store_world *w, struct flush f)
{
	assert_int_equal(store_flush(w->store, &f, &w->problem), ERR_OK);
	return f;
}

/* It waits for a time of its own. */
static struct known_message
later(struct store_world *w, int64_t message_id, const char *member_id,
    const char *connector)
{
	char chat[24];
	struct arrival a;

	(void)snprintf(chat, sizeof(chat), "c%d", (int)message_id);
	a = TAKE(w, w->store, .message_id = message_id, .chat = chat,
	    .member_id = member_id, .connector = connector);
	assert_true(a.claimed);
	MOVE(w, w->store, .id = a.id, .chat = a.chat_number,
	    .from = STATE_RECEIVED, .move = MOVE_LATER,
	    .next_ms = w->now_ms + 500000, .text = "x");
	return (struct known_message){ .id = a.id, .chat = a.chat_number };
}

static void
test_messages(void **state)
{
	enum { MANY = 450 };
	struct store_world *w = *state;
	struct place at = channel_place();
	struct taken t;

	for (int64_t i = 1; i <= MANY; i++)
		(void)later(w, i, NULL, NULL);
	assert_int_equal(world_take_up(w, w->store, &at, 512).n, 0);
	assert_int_equal(flush(w, (struct flush){ 0 }).due, MANY);
	t = world_take_up(w, w->store, &at, 512);
	assert_int_equal(t.n, MANY);
	/* there is nothing more to do */
	assert_int_equal(flush(w, (struct flush){ 0 }).due, 0);
}

static void
test_some(void **state)
{
	struct store_world *w = *state;
	int64_t due;

	(void)later(w, 1, "one", "a");
	(void)later(w, 2, "one", "b");
	(void)later(w, 3, "two", "a");
	assert_int_equal(flush(w, (struct flush){ .member_id = "no" }).due,
	    0);
	due = flush(w, (struct flush){ .member_id = "one",
	    .connector = "a" }).due;
	assert_int_equal(due, 1);
	assert_int_equal(flush(w, (struct flush){ .member_id = "one" }).due,
	    1);
	assert_int_equal(flush(w, (struct flush){ .connector = "a" }).due, 1);
}

/* A channel that is down is probed at once, but not twice at a time. */
static void
test_channel(void **state)
{
	struct store_world *w = *state;
	struct place at = channel_place();
	struct known_message m = make_received(w, w->store, 1);
	struct store *other;

	MOVE(w, w->store, .id = m.id, .chat = m.chat, .from = STATE_RECEIVED,
	    .move = MOVE_READY);
	(void)world_place(w, w->store, &at, true);
	assert_false(probed(w, w->store, &at));
	assert_int_equal(flush(w, (struct flush){ .connector = "no" })
	    .channels, 0);
	assert_int_equal(flush(w, (struct flush){ 0 }).channels, 1);
	other = world_store(w);
	assert_true(probed(w, other, &at));
	/* that is under way */
	assert_int_equal(flush(w, (struct flush){ 0 }).channels, 0);
	world_dies(w, &other);
	assert_int_equal(flush(w, (struct flush){ .id = m.id }).channels, 1);
	assert_true(probed(w, w->store, &at));
}

static void
test_portal(void **state)
{
	struct store_world *w = *state;
	struct place at = tell_place(107);
	struct known_message m = make_delivered(w, w->store, 1, true);

	(void)world_place(w, w->store, &at, true);
	assert_false(probed(w, w->store, &at));
	assert_int_equal(flush(w, (struct flush){ .member_id = "no" })
	    .portals, 0);
	assert_int_equal(flush(w, (struct flush){ .connector = "no" })
	    .portals, 0);
	assert_int_equal(flush(w, (struct flush){
	    .member_id = at.member_id }).portals, 1);
	assert_true(probed(w, w->store, &at));
	/* it failed */
	(void)world_place(w, w->store, &at, true);
	assert_int_equal(flush(w, (struct flush){ .id = m.id }).portals, 1);
	assert_true(probed(w, w->store, &at));
}

static void
test_parked(void **state)
{
	struct store_world *w = *state;
	struct place at = parked_place(107);
	struct known_message m = make_delivered(w, w->store, 1, false);
	struct room_note note = { .member_id = at.member_id,
	    .parked = "invalid_grant" };

	MOVE(w, w->store, .id = m.id, .from = STATE_DELIVERED,
	    .move = MOVE_READY, .parked = true, .note = &note);
	assert_false(told(w, w->store, &at));
	assert_int_equal(world_stats(w, w->store).parked, 1);
	assert_int_equal(flush(w, (struct flush){ 0 }).parked, 1);
	assert_true(told(w, w->store, &at));
	assert_int_equal(flush(w, (struct flush){ 0 }).parked, 0);
}

/* One behind another: it is that one that must move. */
static void
test_behind(void **state)
{
	struct store_world *w = *state;
	struct place at = channel_place();
	struct known_message first = later(w, 1, NULL, NULL);
	struct arrival second = TAKE(w, w->store, .message_id = 2,
	    .chat = "c1");

	assert_int_equal(flush(w, (struct flush){ .id = second.id }).due, 1);
	assert_int_equal(world_take_up(w, w->store, &at, 5).m[0].id,
	    first.id);
	/* in work: nothing is done to it */
	assert_int_equal(flush(w, (struct flush){ .id = first.id }).due, 0);
	assert_int_equal(flush(w, (struct flush){ .id = 999999 }).due, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_messages), WORLD_TEST(test_some),
		WORLD_TEST(test_channel), WORLD_TEST(test_portal),
		WORLD_TEST(test_parked), WORLD_TEST(test_behind),
	};

	return cmocka_run_group_tests_name("store/flush", tests, NULL, NULL);
}
