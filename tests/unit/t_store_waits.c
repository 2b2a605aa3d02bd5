/*
 * What waits, in groups: each message is in one, with those behind it in its
 * chat, and the groups say where to, why and until when.
 */
#include "store/waits.h"

#include "store_look.h"

#include <string.h>

#define FIRST_MS 2000		/* of world_place() */

/* The only group of that kind, copied; zeros if there is none. */
static struct wait_group
group(struct store_world *w, enum wait_why why, const char *reason)
{
	static char texts[4][300];
	struct wait_group found = { .n = 0 };
	struct waits v;
	int n = 0;

	assert_int_equal(store_waits(w->store, &v, &w->problem), ERR_OK);
	for (size_t i = 0; i < v.n; i++) {
		const struct wait_group *g = v.group[i];

		if (g->why != why || (reason != NULL &&
		    strcmp(g->reason, reason) != 0))
			continue;
		n++;
		found = *g;
		(void)snprintf(texts[0], 300, "%s", g->reason);
		(void)snprintf(texts[1], 300, "%s", g->member_id);
		(void)snprintf(texts[2], 300, "%s", g->connector);
		(void)snprintf(texts[3], 300, "%s", g->domain);
		found.reason = texts[0];
		found.member_id = texts[1];
		found.connector = texts[2];
		found.domain = texts[3];
	}
	assert_true(n <= 1);
	assert_int_equal(v.more, 0);
	assert_int_equal(v.more_refused, 0);
	waits_free(&v);
	return found;
}

/* Of all groups together. */
static int64_t
sum(struct store_world *w, size_t *groups)
{
	struct waits v;
	int64_t n = 0;

	assert_int_equal(store_waits(w->store, &v, &w->problem), ERR_OK);
	for (size_t i = 0; i < v.n; i++)
		n += v.group[i]->n;
	*groups = v.n;
	waits_free(&v);
	return n;
}

static void
test_none(void **state)
{
	struct store_world *w = *state;
	size_t groups;

	assert_int_equal(sum(w, &groups), 0);
	assert_int_equal(groups, 0);
}

/* A chat behind one that waits for a channel which is down. */
static void
test_down_channel(void **state)
{
	struct store_world *w = *state;
	struct place at = channel_place();
	struct arrival first = TAKE(w, w->store, .message_id = 1);
	struct wait_group g;

	for (int64_t i = 2; i <= 40; i++)
		(void)TAKE(w, w->store, .message_id = i);
	MOVE(w, w->store, .id = first.id, .chat = first.chat_number,
	    .from = STATE_RECEIVED, .move = MOVE_READY);
	assert_int_equal(group(w, WAIT_TURN, NULL).n, 40);
	(void)world_place(w, w->store, &at, true);
	g = group(w, WAIT_DOWN, NULL);
	assert_int_equal(g.n, 40);
	assert_false(g.portal);
	assert_int_equal(g.place, at.number);
	assert_int_equal(g.since_ms, WORLD_START_MS);
	assert_true(g.next_ms > w->now_ms);
	assert_true(g.reason[0] != '\0');
	assert_int_equal(group(w, WAIT_TURN, NULL).n, 0);
}

/* The lines of a portal that is down are one group. */
static void
test_down_portal(void **state)
{
	struct store_world *w = *state;
	struct place at = tell_place(107);
	struct wait_group g;

	for (int64_t i = 1; i <= 7; i++)
		(void)make_delivered(w, w->store, i, true);
	g = group(w, WAIT_TURN, NULL);
	assert_int_equal(g.n, 7);
	assert_true(g.portal);
	(void)world_place(w, w->store, &at, true);
	g = group(w, WAIT_DOWN, NULL);
	assert_int_equal(g.n, 7);
	assert_string_equal(g.member_id, at.member_id);
	assert_true(g.reason[0] != '\0');
	assert_true(g.next_ms > w->now_ms);
}

static void
test_work_later_refused(void **state)
{
	struct store_world *w = *state;
	struct known_message m = make_received(w, w->store, 1);
	struct wait_group g;
	size_t groups;

	(void)TAKE(w, w->store, .message_id = 900);	/* in work */
	(void)TAKE(w, w->store, .message_id = 901);	/* behind it */
	MOVE(w, w->store, .id = m.id, .chat = m.chat, .from = STATE_RECEIVED,
	    .move = MOVE_LATER, .next_ms = w->now_ms + 5000,
	    .text = "HTTP status 500");
	m = make_received(w, w->store, 2);
	MOVE(w, w->store, .id = m.id, .chat = m.chat, .from = STATE_RECEIVED,
	    .move = MOVE_LATER, .next_ms = w->now_ms + 3000,
	    .text = "HTTP status 500");
	m = make_received(w, w->store, 3);
	MOVE(w, w->store, .id = m.id, .chat = m.chat, .from = STATE_RECEIVED,
	    .move = MOVE_REFUSED, .text = "HTTP status 422");
	m = make_delivered(w, w->store, 4, false);
	MOVE(w, w->store, .id = m.id, .from = STATE_DELIVERED,
	    .move = MOVE_REFUSED, .text = "ERROR_ARGUMENT");
	g = group(w, WAIT_LATER, "HTTP status 500");
	assert_int_equal(g.n, 2);
	assert_int_equal(g.next_ms, w->now_ms + 3000);
	g = group(w, WAIT_REFUSED, "HTTP status 422");
	assert_int_equal(g.n, 1);
	assert_int_equal(g.step, STEP_HAND_OVER);
	g = group(w, WAIT_REFUSED, "ERROR_ARGUMENT");
	assert_int_equal(g.step, STEP_STATUS);
	assert_true(g.portal);
	assert_string_equal(g.member_id, tell_place(107).member_id);
	assert_int_equal(sum(w, &groups), 6);
	assert_int_equal(group(w, WAIT_WORK, "").n, 2);
}

static void
test_parked(void **state)
{
	struct store_world *w = *state;
	struct known_message m = make_delivered(w, w->store, 1, false);
	struct room_note note = { .member_id = tell_place(107).member_id,
	    .parked = "invalid_grant" };
	struct wait_group g;

	MOVE(w, w->store, .id = m.id, .from = STATE_DELIVERED,
	    .move = MOVE_READY, .parked = true, .note = &note);
	g = group(w, WAIT_PARKED, NULL);
	assert_int_equal(g.n, 1);
	assert_string_equal(g.reason, "invalid_grant");
}

/* A process that lives, but for another connector. */
static void
test_uncovered(void **state)
{
	struct store_world *w = *state;
	struct known_message m = make_received(w, w->store, 1);
	struct store *other;
	struct wait_group g;

	MOVE(w, w->store, .id = m.id, .chat = m.chat, .from = STATE_RECEIVED,
	    .move = MOVE_READY);
	m = make_received(w, w->store, 3);
	MOVE(w, w->store, .id = m.id, .chat = m.chat, .from = STATE_RECEIVED,
	    .move = MOVE_LATER, .next_ms = w->now_ms + 5000, .text = "x");
	world_dies(w, &w->store);
	w->opts.db.about = "another";
	other = world_store(w);
	(void)make_received(w, other, 2);
	w->store = world_store(w);
	g = group(w, WAIT_UNCOVERED, NULL);
	assert_int_equal(g.n, 2);
	assert_true(g.connector[0] != '\0');
	world_dies(w, &other);
}

/* Longer than a page of each kind. */
static void
test_many(void **state)
{
	enum { MANY = 1300 };
	struct store_world *w = *state;
	size_t groups;

	for (int64_t i = 1; i <= MANY; i++) {
		struct known_message m = make_received(w, w->store, i);

		MOVE(w, w->store, .id = m.id, .chat = m.chat,
		    .from = STATE_RECEIVED, .move = i % 2 != 0 ? MOVE_LATER :
		    MOVE_REFUSED, .next_ms = w->now_ms + 5000 + i % 3,
		    .text = "x");
	}
	assert_int_equal(sum(w, &groups), MANY);
	assert_int_equal(groups, 2);
	assert_int_equal(group(w, WAIT_LATER, "x").n, MANY / 2);
	assert_int_equal(group(w, WAIT_REFUSED, "x").n, MANY / 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_none), WORLD_TEST(test_down_channel),
		WORLD_TEST(test_down_portal),
		WORLD_TEST(test_work_later_refused),
		WORLD_TEST(test_parked), WORLD_TEST(test_uncovered),
		WORLD_TEST(test_many),
	};

	return cmocka_run_group_tests_name("store/waits", tests, NULL, NULL);
}
