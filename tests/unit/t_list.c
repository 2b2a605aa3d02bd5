/*
 * The queue as a person sees it: all in order of arrival, one by its key.
 *
 * Run by make check.
 */
#include "store_world.h"

/* What the callback saw: "id message_id state step ids body;" each. */
struct seen {
	char text[1024];
	int calls;
	int stop_at;	/* the call that returns false */
};

static bool
see(void *ctx, const struct stored *m)
{
	struct seen *s = ctx;
	size_t at = strlen(s->text);

	(void)snprintf(s->text + at, sizeof(s->text) - at,
	    "%d %d %s %s %s %s;", (int)m->id, (int)m->message_id,
	    state_name(m->state), step_name(m->step), m->ids,
	    m->body != NULL ? m->body : "NULL");
	return ++s->calls != s->stop_at;
}

static void
expect_seen(struct world *w, const char *key, int stop_at, const char *want)
{
	struct seen s = { .stop_at = stop_at };
	const struct filter f = { .key = key };

	assert_int_equal(store_each(w->store, &f, see, &s, &w->problem),
	    ERR_OK);
	assert_int_equal(w->problem.err, ERR_OK);
	assert_string_equal(s.text, want);
}

static void
test_order(void **state)
{
	struct world *w = *state;
	struct arrival a[3];

	for (int i = 0; i < 3; i++) {
		a[i] = take_message(w, ADD, 30 - 10 * i, "b");
		w->now_ms -= 100000;	/* a clock that jumps back */
	}
	(void)deliver(w, a[0].id);
	acknowledge(w, a[0].id);
	(void)refuse(w, a[1].id, STEP_HAND_OVER, "no");
	for (int round = 0; round < 2; round++) {
		expect_seen(w, NULL, 0, "1 30 acknowledged  [\"x\"] NULL;"
		    "2 20 refused hand-over  b;3 10 received   b;");
		expect_seen(w, NULL, 2, "1 30 acknowledged  [\"x\"] NULL;"
		    "2 20 refused hand-over  b;");
		expect_seen(w, NULL, 1,
		    "1 30 acknowledged  [\"x\"] NULL;");
		expect_seen(w, a[1].key, 0, "2 20 refused hand-over  b;");
		expect_seen(w, a[2].key, 1, "3 10 received   b;");
		expect_seen(w, "nobody", 0, "");
		expect_seen(w, "", 0, "");
	}
}

static bool
see_all(void *ctx, const struct stored *m)
{
	const struct arrival *a = ctx;

	assert_int_equal(m->id, a->id);
	assert_string_equal(m->key, a->key);
	assert_int_equal(m->state, STATE_RECEIVED);
	assert_int_equal(m->step, 0);
	assert_string_equal(m->reason, "later");
	assert_string_equal(m->event, ADD);
	assert_string_equal(m->member_id, "bac1cd5c8940947a75e0d71b1a84e348");
	assert_string_equal(m->domain, "some-domain.bitrix24.com");
	assert_string_equal(m->connector, "myconnector");
	assert_string_equal(m->chat, "channel-123");
	assert_int_equal(m->line, 107);
	assert_int_equal(m->chat_id, 1807);
	assert_int_equal(m->message_id, 86497);
	assert_int_equal(m->ts, 1773759161);
	assert_string_equal(m->ids, "");
	assert_string_equal(m->body, "body");
	assert_int_equal(m->received_us, 1773759162000000);
	assert_int_equal(m->changed_ms, 1773759162077);
	assert_int_equal(m->tries, 0);	/* held, not tried */
	assert_int_equal(m->next_ms, 1773759167077);
	assert_int_equal(m->hold, HOLD_DOWN);
	return true;
}

static void
test_every_field(void **state)
{
	struct world *w = *state;
	struct arrival a = take_message(w, ADD, 86497, "body");
	const struct filter f = { .key = a.key };

	w->now_ms += 77;
	postpone(w, a.id, 5000, HOLD_DOWN);
	assert_int_equal(store_each(w->store, &f, see_all, &a,
	    &w->problem), ERR_OK);
}

/* What a filter lets through, as message ids. */
static void
expect_found(struct world *w, struct filter f, const char *want)
{
	struct seen s = { .calls = 0 };
	char got[64] = "";
	size_t n = 0;

	assert_int_equal(store_each(w->store, &f, see, &s, &w->problem),
	    ERR_OK);
	for (char *at = s.text; *at != '\0'; at = strchr(at, ';') + 1)
		got[n++] = *at;
	assert_string_equal(got, want);
}

static void
test_filter(void **state)
{
	static const char *const chats[] = { "one", "two", "one", "two" };
	const char *portal = "bac1cd5c8940947a75e0d71b1a84e348";
	struct world *w = *state;
	struct arrival a[COUNT(chats)];
	struct event ev;

	make_event(&ev, ADD);
	for (size_t i = 0; i < COUNT(chats); i++) {
		struct message m = make_message((int64_t)i + 1, "b");

		m.chat = chats[i];
		assert_int_equal(event_keep(&ev, &m), ERR_OK);
	}
	check_event(&ev);
	assert_int_equal(store_take(w->store, &ev, &take_plain, a,
	    &w->problem), ERR_OK);
	event_free(&ev);
	(void)deliver(w, 1);
	(void)deliver(w, 2);
	expect_found(w, (struct filter){ .key = NULL }, "1234");
	expect_found(w, (struct filter){ .chat = "one" }, "13");
	expect_found(w, (struct filter){ .chat = "On" }, "");
	expect_found(w, (struct filter){ .state = STATE_RECEIVED }, "34");
	expect_found(w, (struct filter){ .state = STATE_REFUSED }, "");
	expect_found(w, (struct filter){ .member_id = portal }, "1234");
	expect_found(w, (struct filter){ .member_id = "other" }, "");
	expect_found(w, (struct filter){ .state = STATE_DELIVERED,
	    .chat = "two", .member_id = portal }, "2");
	/* a key does not make the rest of the wish void */
	expect_found(w, (struct filter){ .key = a[1].key,
	    .state = STATE_DELIVERED, .chat = "two" }, "2");
	expect_found(w, (struct filter){ .key = a[1].key,
	    .state = STATE_RECEIVED }, "");
	expect_found(w, (struct filter){ .key = a[1].key, .chat = "one" },
	    "");
	expect_found(w, (struct filter){ .key = a[1].key,
	    .member_id = "other" }, "");
}

/* No file: nothing to see, and none is made. */
static void
test_absent(void **state)
{
	struct world *w = *state;

	store_close(w->store);
	w->store = store_of(w, 100, false);
	expect_seen(w, NULL, 0, "");
	expect_seen(w, "key", 0, "");
	assert_int_equal(access(w->path, F_OK), -1);
}

/* Others may write while somebody reads, and after a reader that stopped. */
static bool
write_meanwhile(void *ctx, const struct stored *m)
{
	sqlite3 *db = outside(ctx);

	assert_non_null(m->body);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE; ROLLBACK", NULL,
	    NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return false;
}

static void
test_reading_in_between(void **state)
{
	struct world *w = *state;
	struct store *other = store_of(w, 300, true);
	const struct filter f = { .key = NULL };
	struct problem p = { 0 };

	(void)take_message(w, ADD, 1, "b");
	(void)take_message(w, ADD, 2, "b");
	assert_int_equal(store_each(w->store, &f, write_meanwhile, w,
	    &w->problem), ERR_OK);
	/* the reader stopped early: nothing of it stays in the way */
	assert_int_equal(try_take(other, 3, 10, &p), ERR_OK);
	assert_int_equal(try_take(w->store, 4, 10, &p), ERR_OK);
	store_close(other);
}

/* The log can be emptied while a message is being shown. */
struct reader {
	struct world *world;
	int64_t last;
	int n;
};

static bool
look_meanwhile(void *ctx, const struct stored *m)
{
	struct reader *r = ctx;
	struct problem p = { 0 };

	assert_int_equal(m->id, r->last + 1);
	assert_int_equal(m->message_id, m->id);
	r->last = m->id;
	if (r->n++ % 400 != 0)
		return true;
	/* what comes meanwhile is left out, or the list would never end */
	assert_int_equal(try_take(r->world->store, 5000 + r->n, 10, &p),
	    ERR_OK);
	assert_string_equal(look(r->world, "PRAGMA wal_checkpoint(TRUNCATE)"),
	    "0|0|0|\n");
	return true;
}

static void
test_nothing_is_held(void **state)
{
	enum { MANY = 1203 };	/* some pages, and a part of one */
	struct world *w = *state;
	struct reader r = { .world = w };
	const struct filter f = { .key = NULL };
	struct arrival a[MANY];
	struct event ev;

	make_event(&ev, ADD);
	for (int64_t i = 1; i <= MANY; i++)
		add_message(&ev, i, "b");
	check_event(&ev);
	assert_int_equal(store_take(w->store, &ev, &take_plain, a,
	    &w->problem), ERR_OK);
	event_free(&ev);
	assert_int_equal(store_each(w->store, &f, look_meanwhile, &r,
	    &w->problem), ERR_OK);
	assert_int_equal(r.n, MANY);
}

/* Large ones are read a few at a time, and none is cut. */
static bool
measure(void *ctx, const struct stored *m)
{
	int *n = ctx;

	assert_int_equal(strlen(m->body), 1 << 20);
	++*n;
	return true;
}

static void
test_large_ones(void **state)
{
	struct world *w = *state;
	const struct filter f = { .key = NULL };
	char *body = malloc((1 << 20) + 1);
	int n = 0;

	assert_non_null(body);
	memset(body, 'x', 1 << 20);
	body[1 << 20] = '\0';
	for (int i = 1; i <= 5; i++)
		(void)take_message(w, ADD, i, body);
	free(body);
	assert_int_equal(store_each(w->store, &f, measure, &n, &w->problem),
	    ERR_OK);
	assert_int_equal(n, 5);
}

static void
test_failure(void **state)
{
	struct world *w = *state;
	const struct filter f = { .key = NULL };
	struct problem p = { 0 };
	struct seen s = { .calls = 0 };
	FILE *file = fopen(w->path, "w");

	assert_true(fputs("this is no database\n", file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(store_each(w->store, &f, see, &s, &p), ERR_DISK);
	assert_int_equal(p.err, ERR_DISK);
	assert_string_equal(p.text,
	    "the store failed: the file is not a database, or not this "
	    "program's any more");
	assert_int_equal(s.calls, 0);
	assert_int_equal(unlink(w->path), 0);
	expect_seen(w, NULL, 0, "");
}

static void
test_names(void **state)
{
	(void)state;
	assert_string_equal(state_name(STATE_RECEIVED), "received");
	assert_string_equal(state_name(STATE_DELIVERED), "delivered");
	assert_string_equal(state_name(STATE_ACKNOWLEDGED), "acknowledged");
	assert_string_equal(state_name(STATE_REFUSED), "refused");
	assert_string_equal(state_name((enum state)0), "unknown");
	assert_string_equal(state_name((enum state)99), "unknown");
	assert_string_equal(step_name(STEP_READ), "read");
	assert_string_equal(step_name(STEP_HAND_OVER), "hand-over");
	assert_string_equal(step_name(STEP_STATUS), "status");
	assert_string_equal(step_name((enum step)0), "");
	assert_string_equal(step_name((enum step)99), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_order),
		WORLD_TEST(test_every_field),
		WORLD_TEST(test_filter),
		WORLD_TEST(test_absent),
		WORLD_TEST(test_reading_in_between),
		WORLD_TEST(test_nothing_is_held),
		WORLD_TEST(test_large_ones),
		WORLD_TEST(test_failure),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
