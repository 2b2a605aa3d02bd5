/*
 * Storing an event: what is fresh, what is a repeat, revisions, what is
 * refused, whose turn it is, and that all of it comes or none.
 */
#include "store_world.h"

#include <stdlib.h>

static void
take_all(struct store_world *w, struct event *ev, const char *reason,
    struct arrival *out)
{
	struct taking t = { .reason = reason, .arrival = out, .claims = 100 };

	assert_int_equal(world_take_event(w, w->store, ev, &t), ERR_OK);
	event_free(ev);
}

/* The key is a promise to channels: it is the same in each version. */
static void
test_fresh(void **state)
{
	struct store_world *w = *state;
	struct arrival a = TAKE(w, w->store, .message_id = 86497,
	    .body = "\"a\":1");
	struct seen_message m = world_see(w, w->store, a.key);

	assert_true(a.fresh && a.claimed);
	assert_int_equal(a.state, STATE_RECEIVED);
	assert_string_equal(a.key, "c-A8oGbhra7_BRSML2vec0AppVk");
	assert_int_equal(a.received_us, w->now_ms * 1000);
	assert_int_equal(m.n, 1);
	assert_int_equal(m.id, a.id);
	assert_int_equal(m.state, STATE_RECEIVED);
	assert_string_equal(m.body, "\"a\":1");
	assert_string_equal(m.chat, CHAT);
	assert_int_equal(m.received_us, a.received_us);
}

/* What is claimed is read back by who takes it up after a release. */
static void
test_whole(void **state)
{
	struct store_world *w = *state;
	struct arrival a = TAKE(w, w->store, .message_id = INT64_MAX,
	    .body = "\"a\":1", .unclaimed = true);
	struct taking_up t = { .store = w->store, .kind = PLACE_CHANNEL,
	    .place = channel_place().number, .max = 2 };
	struct work *k;

	store_take_up(&t);
	world_must(w, w->store, &t.db);
	assert_int_equal(t.n, 1);
	assert_true(t.empty);
	k = t.work[0];
	assert_int_equal(k->id, a.id);
	assert_string_equal(k->key, a.key);
	assert_int_equal(k->state, STATE_RECEIVED);
	assert_string_equal(k->event, ADD);
	assert_string_equal(k->member_id, MEMBER);
	assert_string_equal(k->domain, "some-domain.bitrix24.com");
	assert_string_equal(k->connector, CONNECTOR);
	assert_string_equal(k->chat, CHAT);
	assert_int_equal(k->line, 107);
	assert_int_equal(k->chat_id, 1807);
	assert_int_equal(k->message_id, INT64_MAX);
	assert_int_equal(k->chat_number, a.chat_number);
	assert_int_equal(k->ts, 1773759161);
	assert_int_equal(k->received_us, a.received_us);
	assert_string_equal(k->body, "\"a\":1");
	assert_int_equal(k->body_len, 5);
	assert_string_equal(k->token, "secret-token");
	assert_string_equal(k->endpoint,
	    "https://some-domain.bitrix24.com/rest/");
	assert_null(k->ids);
	assert_int_equal(k->tries, 0);
	assert_int_equal(k->first_ms, 0);
	assert_false(k->alone);
	free(k);
	free(t.work);
}

/* What an event may lack. */
static void
test_absent_fields(void **state)
{
	struct store_world *w = *state;
	struct taking_up t = { .store = w->store, .kind = PLACE_CHANNEL,
	    .place = channel_place().number, .max = 2 };
	struct arrival a;
	struct taking plain = { .arrival = &a };
	struct event ev;

	make_event(&ev, ADD);
	ev.domain = ev.access_token = ev.client_endpoint = NULL;
	ev.ts_text = NULL;
	add_message(&ev, 1, "");
	check_event(&ev);
	assert_int_equal(world_take_event(w, w->store, &ev, &plain), ERR_OK);
	event_free(&ev);
	store_take_up(&t);
	world_must(w, w->store, &t.db);
	assert_int_equal(t.n, 1);
	assert_null(t.work[0]->domain);
	assert_null(t.work[0]->token);
	assert_null(t.work[0]->endpoint);
	assert_int_equal(t.work[0]->ts, -1);
	assert_int_equal(t.work[0]->body_len, 0);
	free(t.work[0]);
	free(t.work);
}

/* The states that a repeat may meet, and how the first one got there. */
static const struct {
	const char *name;
	enum move move[2];
	size_t moves;
	enum state state;
} lives[] = {
	{ ADD, { 0 }, 0, STATE_RECEIVED },
	{ ADD, { MOVE_READY }, 1, STATE_RECEIVED },
	{ ADD, { MOVE_LATER }, 1, STATE_RECEIVED },
	{ ADD, { MOVE_DELIVERED }, 1, STATE_DELIVERED },
	{ ADD, { MOVE_DELIVERED, MOVE_LATER }, 2, STATE_DELIVERED },
	{ ADD, { MOVE_DELIVERED, MOVE_TOLD }, 2, STATE_ACKNOWLEDGED },
	{ ADD, { MOVE_DELIVERED, MOVE_REFUSED }, 2, STATE_REFUSED },
	{ ADD, { MOVE_DONE }, 1, STATE_ACKNOWLEDGED },
	{ ADD, { MOVE_REFUSED }, 1, STATE_REFUSED },
	{ DELETE, { 0 }, 0, STATE_RECEIVED },
	{ DELETE, { MOVE_DONE }, 1, STATE_ACKNOWLEDGED },
	{ UPDATE, { 0 }, 0, STATE_RECEIVED },
	{ UPDATE, { MOVE_DONE }, 1, STATE_ACKNOWLEDGED },
	{ UPDATE, { MOVE_REFUSED }, 1, STATE_REFUSED },
};

static void
live(struct store_world *w, const struct arrival *a, size_t i)
{
	enum state from = STATE_RECEIVED;

	for (size_t k = 0; k < lives[i].moves; k++) {
		MOVE(w, w->store, .id = a->id, .chat = a->chat_number,
		    .from = from, .move = lives[i].move[k],
		    .next_ms = w->now_ms + 5000);
		if (lives[i].move[k] == MOVE_DELIVERED)
			from = STATE_DELIVERED;
	}
}

/* The same message again is what it was, whatever an Add brings with it. */
static void
test_repeats(void **state)
{
	struct store_world *w = *state;

	for (size_t i = 0; i < COUNT(lives); i++) {
		bool update = strcmp(lives[i].name, UPDATE) == 0;
		const char chat[] = { (char)('A' + i), '\0' };
		const struct arriving what = { .name = lives[i].name,
		    .chat = chat, .message_id = (int64_t)i + 1 };
		const struct arriving again = { .name = lives[i].name,
		    .chat = chat, .message_id = (int64_t)i + 1,
		    .body = update ? "b" : "another" };
		struct arrival a = world_take(w, w->store, &what), b;

		assert_true(a.fresh);
		live(w, &a, i);
		world_pass(w, 1000);
		for (int k = 0; k < 2; k++) {
			b = world_take(w, w->store, &again);
			assert_false(b.fresh);
			assert_false(b.claimed);
			assert_int_equal(b.state, lives[i].state);
			if (b.state != STATE_ACKNOWLEDGED)
				assert_string_equal(b.key, a.key);
			assert_int_equal(world_see(w, w->store, a.key).state,
			    lives[i].state);
		}
	}
}

/* A new content is a new revision, whatever became of the last one. */
static void
test_update_after(void **state)
{
	struct store_world *w = *state;

	for (size_t i = 0; i < COUNT(lives); i++) {
		const char chat[] = { (char)('A' + i), '\0' };
		struct arrival a, b;

		if (strcmp(lives[i].name, UPDATE) != 0)
			continue;
		a = TAKE(w, w->store, .name = UPDATE, .body = "A",
		    .message_id = (int64_t)i + 1, .chat = chat);
		live(w, &a, i);
		b = TAKE(w, w->store, .name = UPDATE, .body = "B",
		    .message_id = (int64_t)i + 1, .chat = chat);
		assert_true(b.fresh);
		assert_int_not_equal(b.id, a.id);
		assert_string_not_equal(b.key, a.key);
	}
}

/* Only the newest content makes a repeat: A, A, B, B, A, A are three. */
static void
test_revisions(void **state)
{
	static const struct {
		const char *body, *key;
		bool fresh;
	} steps[] = {
		{ "A", "8P3gN7Mq4vbrng7Qe7t0a9pfpkI-1", true },
		{ "A", "8P3gN7Mq4vbrng7Qe7t0a9pfpkI-1", false },
		{ "B", "8P3gN7Mq4vbrng7Qe7t0a9pfpkI-2", true },
		{ "B", "8P3gN7Mq4vbrng7Qe7t0a9pfpkI-2", false },
		{ "A", "8P3gN7Mq4vbrng7Qe7t0a9pfpkI-3", true },
		{ "A", "8P3gN7Mq4vbrng7Qe7t0a9pfpkI-3", false },
		{ "", "8P3gN7Mq4vbrng7Qe7t0a9pfpkI-4", true },
	};
	struct store_world *w = *state;
	int64_t last = 0;

	for (size_t i = 0; i < COUNT(steps); i++) {
		struct arrival a = TAKE(w, w->store, .name = UPDATE,
		    .message_id = 86501, .body = steps[i].body);

		assert_int_equal(a.fresh, steps[i].fresh);
		assert_string_equal(a.key, steps[i].key);
		assert_int_equal(a.id == last, !steps[i].fresh);
		last = a.id;
		assert_string_equal(world_see(w, w->store, a.key).body,
		    steps[i].body);
	}
	/* another message has revisions of its own, and an Add has none */
	assert_true(TAKE(w, w->store, .name = UPDATE, .message_id = 9).fresh);
	assert_true(TAKE(w, w->store, .message_id = 86501).fresh);
	assert_false(TAKE(w, w->store, .message_id = 86501,
	    .body = "other").fresh);
}

/* One message may stand for several ids: each Delete is its own. */
static void
test_delete_ids(void **state)
{
	static const char *const ids[] = { "\"1\"", "\"2\"", "", "\"1\"" };
	struct store_world *w = *state;
	struct arrival a[COUNT(ids)];
	struct event ev;

	make_event(&ev, DELETE);
	for (size_t i = 0; i < COUNT(ids); i++) {
		struct message m = make_message(5, "b");

		m.own_id = ids[i];
		assert_int_equal(event_keep(&ev, &m), ERR_OK);
	}
	check_event(&ev);
	take_all(w, &ev, NULL, a);
	for (size_t i = 0; i < COUNT(ids); i++)
		assert_int_equal(a[i].fresh, i != 3);
	assert_int_equal(a[3].id, a[0].id);
	assert_string_not_equal(a[0].key, a[1].key);
	assert_string_not_equal(a[0].key, a[2].key);
}

/* What makes two messages two, beside their number. */
static void
test_others(void **state)
{
	static const struct arriving other[] = {
		{ .message_id = 1 },
		{ .message_id = 2 },
		{ .message_id = 1, .name = DELETE },
		{ .message_id = 1, .name = UPDATE },
		{ .message_id = 1, .connector = "another" },
		{ .message_id = 1, .line = "108" },
		{ .message_id = 1, .member_id = "another" },
	};
	struct store_world *w = *state;

	for (size_t i = 0; i < COUNT(other); i++)
		assert_true(world_take(w, w->store, &other[i]).fresh);
	for (size_t i = 0; i < COUNT(other); i++)
		assert_false(world_take(w, w->store, &other[i]).fresh);
	/* a message stays in its chat, so that says nothing */
	assert_false(TAKE(w, w->store, .message_id = 1,
	    .chat = "elsewhere").fresh);
}

/* out[i] tells of message[i]; microseconds keep their order. */
static void
test_several(void **state)
{
	static struct arrival a[1500];
	struct store_world *w = *state;
	struct event ev;

	make_event(&ev, ADD);
	for (int64_t i = 0; i < 1500; i++)
		add_message(&ev, 1500 - i, "b");
	check_event(&ev);
	take_all(w, &ev, NULL, a);
	for (size_t i = 0; i < 1500; i++) {
		assert_true(a[i].fresh);
		/* one chat: the first goes, the others are behind it */
		assert_int_equal(a[i].claimed, i == 0);
		assert_true(i == 0 || a[i].id > a[i - 1].id);
		assert_true(i == 0 || a[i].received_us >= a[i - 1].received_us);
		assert_true(i == 0 || i > 900 ||
		    a[i].received_us > a[i - 1].received_us);
	}
	assert_int_equal(world_stats(w, w->store).state[STATE_RECEIVED], 1500);
	/* within one event, too, the second is a repeat */
	make_event(&ev, ADD);
	add_message(&ev, 7000, "first");
	add_message(&ev, 7000, "second");
	check_event(&ev);
	take_all(w, &ev, NULL, a);
	assert_true(a[0].fresh);
	assert_false(a[1].fresh);
	assert_int_equal(a[1].id, a[0].id);
	assert_string_equal(world_see(w, w->store, a[0].key).body, "first");
}

static void
test_bad_elements(void **state)
{
	struct message bad = make_message(0, "{\"im\":\"x\"}");
	struct store_world *w = *state;
	struct seen_message m;
	struct arrival a[2];
	struct event ev;

	bad.bad = "im.chat_id";
	bad.chat = "";
	for (int round = 0; round < 2; round++) {
		make_event(&ev, ADD);
		add_message(&ev, 5, "b");
		assert_int_equal(event_keep(&ev, &bad), ERR_OK);
		check_event(&ev);
		take_all(w, &ev, NULL, a);
		assert_int_equal(a[0].state, STATE_REFUSED);
		assert_int_equal(a[1].state, STATE_RECEIVED);
		assert_int_equal(a[0].fresh, round == 0);
		assert_int_equal(a[1].fresh, round == 0);
		assert_int_equal(a[1].claimed, round == 0);
		assert_false(a[0].claimed);
	}
	m = world_see(w, w->store, a[0].key);
	assert_int_equal(m.step, STEP_READ);
	assert_string_equal(m.reason,
	    "im.chat_id is missing or is not what it must be");
	assert_string_equal(m.body, "{\"im\":\"x\"}");
	assert_int_equal(world_stats(w, w->store).state[STATE_REFUSED], 1);
	assert_int_equal(world_stats(w, w->store).state[STATE_RECEIVED], 1);
}

/* A reason for the whole event refuses good ones, too. */
static void
test_whole_event(void **state)
{
	struct store_world *w = *state;
	struct problem p = { 0 };
	struct arrival a[2];
	struct event ev;

	make_event(&ev, ADD);
	ev.connector = NULL;
	ev.line_text = own(&ev, "0");
	add_message(&ev, 5, "b");
	add_message(&ev, 6, "c");
	assert_int_equal(event_check(&ev, &p), ERR_UNUSABLE);
	take_all(w, &ev, "data.CONNECTOR is missing", a);
	for (int i = 0; i < 2; i++) {
		struct seen_message m = world_see(w, w->store, a[i].key);

		assert_true(a[i].fresh);
		assert_false(a[i].claimed);
		assert_int_equal(a[i].state, STATE_REFUSED);
		assert_int_equal(m.step, STEP_READ);
		assert_string_equal(m.reason, "data.CONNECTOR is missing");
		assert_string_equal(m.body, i == 0 ? "b" : "c");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_fresh),
		WORLD_TEST(test_whole),
		WORLD_TEST(test_absent_fields),
		WORLD_TEST(test_repeats),
		WORLD_TEST(test_update_after),
		WORLD_TEST(test_revisions),
		WORLD_TEST(test_delete_ids),
		WORLD_TEST(test_others),
		WORLD_TEST(test_several),
		WORLD_TEST(test_bad_elements),
		WORLD_TEST(test_whole_event),
	};

	return cmocka_run_group_tests_name("store/take", tests, NULL, NULL);
}
