/*
 * The queue as a person sees and mends it: lists, one by its key, retrying,
 * dropping, purging, counts.
 */
#include "store_world.h"

#include <stdlib.h>

#define DAY ((int64_t)86400000)

/* The message_ids that a list gives, as "1 2 3", until it has `most`. */
struct told {
	char text[8192];
	size_t at;
	int n, most;
};

static bool
tell(void *ctx, const struct stored *m)
{
	struct told *t = ctx;

	t->at += (size_t)snprintf(t->text + t->at, sizeof(t->text) - t->at,
	    "%s%lld", t->n != 0 ? " " : "", (long long)m->message_id);
	assert_true(t->at < sizeof(t->text) - 1);
	return ++t->n != t->most;
}

static const char *
list(struct store_world *w, struct filter f, int most)
{
	static struct told t;

	t = (struct told){ .most = most };
	assert_int_equal(store_each(w->store, &f, tell, &t, &w->problem),
	    ERR_OK);
	return t.text;
}

/* A message of that chat, brought to that state. */
static struct arrival
make(struct store_world *w, int64_t message_id, const char *chat,
    enum state state)
{
	struct arrival a = TAKE(w, w->store, .message_id = message_id,
	    .chat = chat);

	if (state == STATE_REFUSED)
		MOVE(w, w->store, .id = a.id, .chat = a.chat_number,
		    .from = STATE_RECEIVED, .move = MOVE_REFUSED,
		    .no_claim = true);
	else if (state == STATE_ACKNOWLEDGED)
		MOVE(w, w->store, .id = a.id, .chat = a.chat_number,
		    .from = STATE_RECEIVED, .move = MOVE_DONE,
		    .no_claim = true);
	else if (state == STATE_DELIVERED)
		MOVE(w, w->store, .id = a.id, .chat = a.chat_number,
		    .from = STATE_RECEIVED, .move = MOVE_DELIVERED,
		    .leave = true, .no_claim = true);
	return a;
}

static int64_t
retry(struct store_world *w, const char *key)
{
	int64_t n = -1;

	assert_int_equal(store_retry(w->store, key, &n, &w->problem), ERR_OK);
	return n;
}

static int64_t
drop(struct store_world *w, const char *key)
{
	int64_t n = -1;

	assert_int_equal(store_drop(w->store, key, &n, &w->problem), ERR_OK);
	return n;
}

/* In order of arrival, those that are done behind the others. */
static void
test_list(void **state)
{
	struct store_world *w = *state;
	char key[KEY_MAX];

	(void)make(w, 5, "a", STATE_ACKNOWLEDGED);
	(void)make(w, 4, "a", STATE_REFUSED);
	(void)make(w, 9, "b", STATE_RECEIVED);
	(void)snprintf(key, sizeof(key), "%s", make(w, 2, "a",
	    STATE_DELIVERED).key);
	(void)TAKE(w, w->store, .message_id = 7, .chat = "a",
	    .member_id = "another");
	assert_string_equal(list(w, (struct filter){ 0 }, 0), "4 9 2 7 5");
	assert_string_equal(list(w, (struct filter){ 0 }, 3), "4 9 2");
	assert_string_equal(list(w, (struct filter){ .state =
	    STATE_RECEIVED }, 0), "9 7");
	assert_string_equal(list(w, (struct filter){ .state =
	    STATE_DELIVERED }, 0), "2");
	assert_string_equal(list(w, (struct filter){ .state =
	    STATE_ACKNOWLEDGED }, 0), "5");
	assert_string_equal(list(w, (struct filter){ .state =
	    STATE_REFUSED }, 0), "4");
	assert_string_equal(list(w, (struct filter){ .chat = "a" }, 0),
	    "4 2 7");
	assert_string_equal(list(w, (struct filter){ .chat = "a",
	    .member_id = "another" }, 0), "7");
	assert_string_equal(list(w, (struct filter){ .key = key }, 0), "2");
	assert_string_equal(list(w, (struct filter){ .key = key,
	    .state = STATE_REFUSED }, 0), "");
	assert_string_equal(list(w, (struct filter){ .key = "none" }, 0), "");
}

/* Longer than a page, in number and in size. */
static void
test_long_list(void **state)
{
	enum { MANY = 1300 };
	static char body[200000];
	struct store_world *w = *state;
	struct told *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	for (int64_t i = 1; i <= MANY; i++)
		(void)make(w, i, "x", i % 3 == 0 ? STATE_ACKNOWLEDGED :
		    i % 3 == 1 ? STATE_REFUSED : STATE_DELIVERED);
	memset(body, 'x', sizeof(body) - 1);
	for (int64_t i = 1; i <= 20; i++)
		(void)TAKE(w, w->store, .message_id = MANY + i,
		    .body = body);
	assert_int_equal(store_each(w->store, &(struct filter){ 0 }, tell, t,
	    &w->problem), ERR_OK);
	assert_int_equal(t->n, MANY + 20);
	free(t);
}

/* What comes while a list is read is left out; nothing is held meanwhile. */
struct adding {
	struct store_world *w;
	struct store *other;
	int n;
};

static bool
add_one(void *ctx, const struct stored *m)
{
	struct adding *a = ctx;

	(void)m;
	a->n++;
	(void)TAKE(a->w, a->other, .message_id = 1000 + a->n,
	    .unclaimed = true);
	return true;
}

static void
test_list_while_it_grows(void **state)
{
	struct store_world *w = *state;
	struct adding a = { w, world_store(w), 0 };
	const struct filter f = { .state = STATE_RECEIVED };

	for (int64_t i = 1; i <= 600; i++)
		(void)TAKE(w, w->store, .message_id = i, .unclaimed = true);
	assert_int_equal(store_each(w->store, &f, add_one, &a, &w->problem),
	    ERR_OK);
	assert_int_equal(a.n, 600);
	world_dies(w, &a.other);
}

/* Each revision has its key, also when it is the only one, or done. */
static void
test_revisions(void **state)
{
	struct store_world *w = *state;
	struct arrival a[3];

	for (int i = 0; i < 3; i++) {
		const char body[] = { (char)('A' + i), '\0' };

		a[i] = TAKE(w, w->store, .name = UPDATE, .message_id = 5,
		    .body = body);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(world_see(w, w->store, a[i].key).id,
		    a[i].id);
	/* the first is done: its key is nobody's, least of all another's */
	MOVE(w, w->store, .id = a[0].id, .chat = a[0].chat_number,
	    .from = STATE_RECEIVED, .move = MOVE_DONE, .no_claim = true);
	assert_int_equal(world_see(w, w->store, a[0].key).n, 0);
	assert_int_equal(drop(w, a[0].key), 0);
	assert_int_equal(retry(w, a[0].key), 0);
	assert_int_equal(world_state(w, w->store, a[2].id), STATE_RECEIVED);
	assert_int_equal(drop(w, a[1].key), 1);
	assert_int_equal(world_state(w, w->store, a[1].id), 0);
	assert_int_equal(world_state(w, w->store, a[2].id), STATE_RECEIVED);
	assert_int_equal(world_take_up(w, w->store,
	    &(struct place){ .number = channel_place().number,
	    .kind = PLACE_CHANNEL }, 5).n, 1);
	MOVE(w, w->store, .id = a[2].id, .chat = a[2].chat_number,
	    .from = STATE_RECEIVED, .move = MOVE_DONE);
	assert_int_equal(world_see(w, w->store, a[2].key).state,
	    STATE_ACKNOWLEDGED);
	a[0] = TAKE(w, w->store, .name = UPDATE, .message_id = 6);
	MOVE(w, w->store, .id = a[0].id, .chat = a[0].chat_number,
	    .from = STATE_RECEIVED, .move = MOVE_DONE);
	assert_int_equal(world_see(w, w->store, a[0].key).state,
	    STATE_ACKNOWLEDGED);
	assert_int_equal(world_stats(w, w->store).state[STATE_ACKNOWLEDGED],
	    2);
}

/* Retried, a message goes on from the step that refused it. */
static void
test_retry(void **state)
{
	struct store_world *w = *state;
	struct arrival a = make(w, 1, "a", STATE_REFUSED),
	    b = make(w, 2, "b", STATE_DELIVERED), bad;
	struct place channel = channel_place(), tells = tell_place(107);
	struct taking t = { .arrival = &bad, .reason = "no use" };
	struct looked l;
	struct event ev;

	make_one(&ev, ADD, 3, "b");
	assert_int_equal(world_take_event(w, w->store, &ev, &t), ERR_OK);
	event_free(&ev);
	assert_int_equal(world_take_up(w, w->store, &tells, 5).n, 1);
	MOVE(w, w->store, .id = b.id, .from = STATE_DELIVERED,
	    .move = MOVE_REFUSED, .tried = true);
	assert_int_equal(world_see(w, w->store, b.key).step, STEP_STATUS);
	assert_int_equal(world_see(w, w->store, b.key).tries, 1);
	assert_string_equal(world_see(w, w->store, b.key).ids, "[\"x\"]");
	assert_int_equal(world_stats(w, w->store).state[STATE_REFUSED], 3);
	assert_int_equal(retry(w, bad.key), 0);
	assert_int_equal(retry(w, "none"), 0);
	assert_int_equal(retry(w, b.key), 1);
	assert_int_equal(retry(w, b.key), 0);
	assert_int_equal(world_state(w, w->store, b.id), STATE_DELIVERED);
	assert_int_equal(world_take_up(w, w->store, &tells, 5).m[0].id, b.id);
	assert_int_equal(retry(w, NULL), 1);
	assert_int_equal(world_state(w, w->store, a.id), STATE_RECEIVED);
	assert_int_equal(world_state(w, w->store, bad.id), STATE_REFUSED);
	/* it waits where a look finds it, if not where it did */
	l = world_look_all(w, w->store);
	assert_int_equal(l.n, 1);
	channel.number = l.place[0].number;
	assert_int_equal(world_take_up(w, w->store, &channel, 5).m[0].id,
	    a.id);
	assert_int_equal(world_see(w, w->store, a.key).tries, 0);
}

/* Many are retried in steps; each chat keeps its order. */
static void
test_retry_many(void **state)
{
	enum { MANY = 700 };
	struct store_world *w = *state;
	struct place at = { .kind = PLACE_CHANNEL };
	int64_t last = 0;
	struct looked l;
	int n = 0;

	for (int64_t i = 1; i <= MANY; i++)
		(void)make(w, i, "x", STATE_REFUSED);
	assert_int_equal(retry(w, NULL), MANY);
	l = world_look_all(w, w->store);
	assert_int_equal(l.n, 1);
	at.number = l.place[0].number;
	for (struct taken t = world_take_up(w, w->store, &at, 1); t.n != 0; ) {
		struct known_message m = t.m[0];

		t.n = 0;
		while (m.id != 0) {
			int64_t id = m.id;

			assert_true(id > last);
			last = id;
			n++;
			m = MOVE(w, w->store, .id = id, .chat = m.chat,
			    .from = STATE_RECEIVED, .move = MOVE_DONE).next;
		}
	}
	assert_int_equal(n, MANY);
}

/* What may be dropped, and what becomes of those behind it. */
static void
test_drop(void **state)
{
	struct store_world *w = *state;
	struct place at = channel_place();
	struct arrival first = make(w, 1, "a", STATE_RECEIVED),
	    second = make(w, 2, "a", STATE_RECEIVED),
	    third = make(w, 3, "a", STATE_RECEIVED),
	    told = make(w, 4, "d", STATE_DELIVERED),
	    refused = make(w, 5, "e", STATE_REFUSED);

	assert_int_equal(drop(w, "none"), 0);
	assert_int_equal(drop(w, first.key), 0);	/* it is in work */
	assert_int_equal(world_state(w, w->store, first.id), STATE_RECEIVED);
	/* one behind it goes, and wakes nobody */
	assert_int_equal(drop(w, second.key), 1);
	assert_int_equal(world_take_up(w, w->store, &at, 5).n, 0);
	MOVE(w, w->store, .id = first.id, .chat = first.chat_number,
	    .from = STATE_RECEIVED, .move = MOVE_LATER,
	    .next_ms = w->now_ms + 5000);
	/* the first goes: the next one's turn has come */
	assert_int_equal(drop(w, first.key), 1);
	assert_int_equal(world_take_up(w, w->store, &at, 5).m[0].id,
	    third.id);
	assert_int_equal(drop(w, told.key), 1);
	assert_int_equal(world_take_up(w, w->store,
	    &(struct place){ .number = tell_place(107).number,
	    .kind = PLACE_TELL }, 5).n, 0);
	assert_int_equal(drop(w, refused.key), 1);
	assert_int_equal(drop(w, refused.key), 0);
	assert_int_equal(world_see(w, w->store, refused.key).n, 0);
	/* with it went the key: it may come anew */
	assert_true(make(w, 5, "e", STATE_RECEIVED).fresh);
	assert_true(make(w, 2, "a", STATE_RECEIVED).fresh);
	assert_int_equal(world_stats(w, w->store).state[STATE_RECEIVED], 3);
	assert_int_equal(world_stats(w, w->store).state[STATE_ACKNOWLEDGED],
	    0);
}

/* A dead process's message may be dropped, and its chat goes on. */
static void
test_drop_of_the_dead(void **state)
{
	struct store_world *w = *state;
	struct store *other = world_store(w);
	struct place at = channel_place();
	struct arrival a = TAKE(w, other, .message_id = 1),
	    b = TAKE(w, other, .message_id = 2);

	world_dies(w, &other);
	assert_int_equal(drop(w, a.key), 1);
	(void)world_look_all(w, w->store);
	assert_int_equal(world_take_up(w, w->store, &at, 5).m[0].id, b.id);
}

/* What was done long ago is forgotten, and nothing else. */
static void
test_purge(void **state)
{
	enum { MANY = 450 };
	struct store_world *w = *state;
	struct arrival open = make(w, 9001, "o", STATE_RECEIVED),
	    refused = make(w, 9002, "r", STATE_REFUSED);
	int64_t n, sum = 0;
	bool more;

	for (int64_t i = 1; i <= MANY; i++)
		(void)make(w, i, "x", STATE_ACKNOWLEDGED);
	world_pass(w, KEEP_MS - 1000);
	(void)make(w, 9003, "y", STATE_ACKNOWLEDGED);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(store_purge(w->store, &n, &more,
		    &w->problem), ERR_OK);
		assert_int_equal(n, 0);
	}
	world_pass(w, 3000);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(store_purge(w->store, &n, &more,
		    &w->problem), ERR_OK);
		sum += n;
	}
	/* some go with the commits, instead */
	assert_true(sum > MANY / 2 && sum <= MANY);
	assert_int_equal(world_stats(w, w->store).state[STATE_ACKNOWLEDGED],
	    1);
	assert_false(make(w, 9001, "o", STATE_RECEIVED).fresh);
	assert_false(make(w, 9002, "r", STATE_RECEIVED).fresh);
	assert_true(TAKE(w, w->store, .message_id = 7, .chat = "x").fresh);
	assert_int_equal(world_see(w, w->store, open.key).id, open.id);
	assert_int_equal(world_see(w, w->store, refused.key).id, refused.id);
}

/* It goes on by itself, as messages come. */
static void
test_purge_rides_along(void **state)
{
	enum { MANY = 300 };
	struct store_world *w = *state;
	int64_t i = 1;

	for (; i <= MANY; i++)
		(void)make(w, i, "x", STATE_ACKNOWLEDGED);
	world_pass(w, KEEP_MS + 2000);
	for (; i <= 3 * MANY; i++)
		(void)make(w, i, "x", STATE_ACKNOWLEDGED);
	assert_true(TAKE(w, w->store, .message_id = 1, .chat = "x").fresh);
	assert_int_equal(world_stats(w, w->store).state[STATE_ACKNOWLEDGED],
	    2 * MANY);
}

/* A clock that jumps ahead by a year makes nothing old. */
static void
test_purge_after_a_jump(void **state)
{
	struct store_world *w = *state;
	int64_t n;
	bool more;

	(void)make(w, 1, "x", STATE_ACKNOWLEDGED);
	w->now_ms += 365 * DAY;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(store_purge(w->store, &n, &more,
		    &w->problem), ERR_OK);
		assert_int_equal(n, 0);
		world_pass(w, KEEP_MS / 10);
	}
	for (int i = 0; i < 10; i++) {
		world_pass(w, KEEP_MS / 10);
		assert_int_equal(store_purge(w->store, &n, &more,
		    &w->problem), ERR_OK);
	}
	assert_int_equal(world_stats(w, w->store).state[STATE_ACKNOWLEDGED],
	    0);
}

/* Where no file is there is nothing to see, and none is made. */
static void
test_absent(void **state)
{
	struct store_world *w = *state;
	struct stats none;
	int64_t n = -1;
	bool more;

	world_dies(w, &w->store);
	w->opts.db.create = false;
	w->store = world_store(w);
	none = world_stats(w, w->store);
	for (int i = 0; i <= STATE_REFUSED; i++)
		assert_int_equal(none.state[i], 0);
	assert_string_equal(list(w, (struct filter){ 0 }, 0), "");
	assert_string_equal(list(w, (struct filter){ .key = "k" }, 0), "");
	assert_int_equal(retry(w, NULL), 0);
	assert_int_equal(drop(w, "k"), 0);
	assert_int_equal(store_purge(w->store, &n, &more, &w->problem),
	    ERR_OK);
	assert_int_equal(n, 0);
	assert_false(more);
	assert_int_equal(access(w->path, F_OK), -1);
}

static void
test_oldest(void **state)
{
	struct store_world *w = *state;
	struct arrival a;

	assert_int_equal(world_stats(w, w->store).oldest_ms, 0);
	a = make(w, 1, "a", STATE_RECEIVED);
	world_pass(w, 5000);
	(void)make(w, 2, "b", STATE_RECEIVED);
	assert_int_equal(world_stats(w, w->store).oldest_ms, WORLD_START_MS);
	MOVE(w, w->store, .id = a.id, .chat = a.chat_number,
	    .from = STATE_RECEIVED, .move = MOVE_REFUSED);
	assert_int_equal(world_stats(w, w->store).oldest_ms,
	    WORLD_START_MS + 5000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_list),
		WORLD_TEST(test_long_list),
		WORLD_TEST(test_list_while_it_grows),
		WORLD_TEST(test_revisions),
		WORLD_TEST(test_retry),
		WORLD_TEST(test_retry_many),
		WORLD_TEST(test_drop),
		WORLD_TEST(test_drop_of_the_dead),
		WORLD_TEST(test_purge),
		WORLD_TEST(test_purge_rides_along),
		WORLD_TEST(test_purge_after_a_jump),
		WORLD_TEST(test_absent),
		WORLD_TEST(test_oldest),
	};

	return cmocka_run_group_tests_name("store/admin", tests, NULL, NULL);
}
