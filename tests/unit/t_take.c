/*
 * Storing an event: what is fresh, what is a repeat, revisions, what is
 * refused, and that all of it comes or none.
 *
 * Run by make check.
 */
#include "store/destination.h"
#include "store/portals.h"

#include "store_world.h"

/* Stores a checked event and frees it. */
static void
take_all(struct world *w, struct event *ev, const char *reason,
    struct arrival *out)
{
	const struct take_opts opts = { .reason = reason };

	assert_int_equal(store_take(w->store, ev, &opts, out, &w->problem),
	    ERR_OK);
	assert_int_equal(w->problem.err, ERR_OK);
	event_free(ev);
}

static void
test_fresh(void **state)
{
	struct world *w = *state;
	struct arrival a;

	a = take_message(w, ADD, 86497, "\"a\":1");
	assert_true(a.fresh);
	assert_int_equal(a.state, STATE_RECEIVED);
	assert_string_equal(a.key, "c-A8oGbhra7_BRSML2vec0AppVk");
	assert_int_equal(a.received_us, 1773759162000000);
	assert_string_equal(look(w, "SELECT id, key, base, revision, content,"
	    " state, step, reason, event, member_id, domain, connector, line"
	    " FROM message"), "1|c-A8oGbhra7_BRSML2vec0AppVk|"
	    "c-A8oGbhra7_BRSML2vec0AppVk|1|ZXDj50JWP22QQVvG2FJu9vmuIBM|1|"
	    "null|null|ONIMCONNECTORMESSAGEADD|"
	    "bac1cd5c8940947a75e0d71b1a84e348|some-domain.bitrix24.com|"
	    "myconnector|107|\n");
	assert_int_equal(a.id, 1);
	assert_string_equal(look(w, "SELECT chat, chat_id, message_id, ts,"
	    " body, ids, endpoint, token, received_us, changed_ms, tries FROM"
	    " message"), "channel-123|1807|86497|1773759161|\"a\":1|null|"
	    "https://some-domain.bitrix24.com/rest/|secret-token|"
	    "1773759162000000|1773759162000|0|\n");
}

/* What an event may lack. */
static void
test_absent_fields(void **state)
{
	struct world *w = *state;
	struct arrival a;
	struct event ev;

	make_event(&ev, ADD);
	ev.domain = ev.access_token = ev.client_endpoint = NULL;
	ev.ts_text = NULL;
	add_message(&ev, INT64_MAX, "b");
	check_event(&ev);
	take_all(w, &ev, NULL, &a);
	assert_true(a.fresh);
	assert_string_equal(look(w, "SELECT domain, ts, endpoint, token,"
	    " message_id FROM message"),
	    "null|-1|null|null|9223372036854775807|\n");
}

/* The same message again is what it was, whatever came with it. */
static void
test_repeat(void **state)
{
	static const char *const names[] = { ADD, DELETE };
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(names); i++) {
		struct arrival a = take_message(w, names[i], 5, "b"), b;

		w->now_ms += 1000;
		b = take_message(w, names[i], 5, "another body");
		assert_true(a.fresh);
		assert_false(b.fresh);
		assert_int_equal(b.id, a.id);
		assert_string_equal(b.key, a.key);
		assert_int_equal(b.state, STATE_RECEIVED);
		assert_int_equal(b.received_us, a.received_us);
	}
	assert_string_equal(look(w, "SELECT event, revision, body FROM"
	    " message"), ADD "|1|b|\n" DELETE "|1|b|\n");
}

static void
test_repeat_tells_the_state(void **state)
{
	struct world *w = *state;
	struct arrival a = take_message(w, ADD, 1, "b");

	(void)deliver(w, a.id);
	assert_int_equal(take_message(w, ADD, 1, "b").state,
	    STATE_DELIVERED);
	acknowledge(w, a.id);
	assert_int_equal(take_message(w, ADD, 1, "b").state,
	    STATE_ACKNOWLEDGED);
	a = take_message(w, ADD, 2, "b");
	(void)refuse(w, a.id, STEP_HAND_OVER, "no");
	a = take_message(w, ADD, 2, "b");
	assert_int_equal(a.state, STATE_REFUSED);
	assert_false(a.fresh);
	/* a repeat brings nothing back */
	assert_string_equal(look(w, "SELECT state, body, token FROM message"),
	    "3|null|null|\n4|b|secret-token|\n");
}

static struct arrival
update(struct world *w, const char *body, const char *revision)
{
	struct arrival a = take_message(w, UPDATE, 86501, body);
	char key[KEY_MAX];

	(void)snprintf(key, sizeof(key), "8P3gN7Mq4vbrng7Qe7t0a9pfpkI-%s",
	    revision);
	assert_string_equal(a.key, key);
	return a;
}

/* Only the newest content makes a repeat: A, A, B, A, A are three. */
static void
test_revisions(void **state)
{
	struct world *w = *state;
	struct arrival a = update(w, "A", "1"), again = update(w, "A", "1");

	assert_true(a.fresh);
	assert_false(again.fresh);
	assert_int_equal(again.id, a.id);
	assert_true(update(w, "B", "2").fresh);
	assert_false(update(w, "B", "2").fresh);
	assert_true(update(w, "A", "3").fresh);
	again = update(w, "A", "3");
	assert_false(again.fresh);
	assert_int_not_equal(again.id, a.id);
	for (int i = 4; i <= 12; i++) {
		char text[16];

		(void)snprintf(text, sizeof(text), "%d", i);
		assert_true(update(w, text, text).fresh);
	}
	assert_string_equal(look(w, "SELECT count(*), max(revision),"
	    " count(DISTINCT key), count(DISTINCT base) FROM message"),
	    "12|12|12|1|\n");
	/* another message has revisions of its own */
	assert_true(take_message(w, UPDATE, 9, "A").fresh);
	assert_string_equal(look(w, "SELECT revision FROM message WHERE"
	    " message_id = 9"), "1|\n");
}

/* An acknowledged Update has no body any more, but is still known. */
static void
test_repeat_of_erased(void **state)
{
	struct world *w = *state;
	struct arrival a = update(w, "A", "1");

	(void)deliver(w, a.id);
	acknowledge(w, a.id);
	a = update(w, "A", "1");
	assert_false(a.fresh);
	assert_int_equal(a.state, STATE_ACKNOWLEDGED);
	assert_true(update(w, "B", "2").fresh);
}

/* One message may stand for several ids: each Delete is its own. */
static void
test_delete_ids(void **state)
{
	static const char *const ids[] = { "\"1\"", "\"2\"", "", "\"1\"" };
	struct world *w = *state;
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
	assert_string_equal(look(w, "SELECT count(DISTINCT key) FROM message"),
	    "3|\n");
}

/* out[i] tells of message[i]; microseconds keep their order. */
static void
test_several(void **state)
{
	static struct arrival a[1500];
	struct world *w = *state;
	struct event ev;

	make_event(&ev, ADD);
	for (int64_t i = 0; i < 1500; i++)
		add_message(&ev, 1500 - i, "b");
	check_event(&ev);
	take_all(w, &ev, NULL, a);
	for (size_t i = 0; i < 1500; i++) {
		assert_true(a[i].fresh);
		assert_int_equal(a[i].id, (int64_t)i + 1);
		assert_int_equal(a[i].received_us, 1773759162000000 +
		    (int64_t)(i < 999 ? i : 999));
	}
	assert_string_equal(look(w, "SELECT count(*), sum(id = message_id)"
	    " FROM message"), "1500|1500|\n");
	/* within one event, too, the second is a repeat */
	make_event(&ev, ADD);
	add_message(&ev, 7000, "first");
	add_message(&ev, 7000, "second");
	check_event(&ev);
	take_all(w, &ev, NULL, a);
	assert_true(a[0].fresh);
	assert_false(a[1].fresh);
	assert_int_equal(a[1].id, a[0].id);
	assert_string_equal(look(w, "SELECT body FROM message WHERE"
	    " message_id = 7000"), "first|\n");
}

static void
test_bad_elements(void **state)
{
	struct message bad = make_message(0, "{\"im\":\"x\"}");
	struct world *w = *state;
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
		assert_int_equal(a[0].fresh, round == 0);
		assert_int_equal(a[1].state, STATE_RECEIVED);
		assert_int_equal(a[1].fresh, round == 0);
	}
	assert_string_equal(look(w, "SELECT state, step, reason, body, chat"
	    " FROM message ORDER BY state"), "1|null|null|b|channel-123|\n"
	    "4|1|im.chat_id is missing or is not what it must be|"
	    "{\"im\":\"x\"}||\n");
}

/* A reason for the whole event refuses good ones, too. */
static void
test_whole_event(void **state)
{
	struct world *w = *state;
	struct arrival a[2];
	struct problem p = { 0 };
	struct event ev;

	make_event(&ev, ADD);
	ev.connector = NULL;
	ev.line_text = own(&ev, "0");
	add_message(&ev, 5, "b");
	add_message(&ev, 6, "c");
	assert_int_equal(event_check(&ev, &p), ERR_UNUSABLE);
	take_all(w, &ev, "data.CONNECTOR is missing", a);
	assert_true(a[0].fresh && a[1].fresh);
	assert_int_equal(a[0].state, STATE_REFUSED);
	assert_int_equal(a[1].state, STATE_REFUSED);
	assert_string_equal(look(w, "SELECT state, step, reason, connector,"
	    " body FROM message ORDER BY id"),
	    "4|1|data.CONNECTOR is missing||b|\n"
	    "4|1|data.CONNECTOR is missing||c|\n");
}

/* The second message cannot be stored: then neither are the others. */
static void
test_all_or_nothing(void **state)
{
	struct world *w = *state;
	struct arrival a[3];
	struct problem p = { 0 };
	struct event ev;
	sqlite3 *db;

	(void)take_message(w, ADD, 1, "b");
	db = outside(w);
	outside_run(db, "CREATE TRIGGER t BEFORE INSERT ON message WHEN"
	    " new.message_id = 20 BEGIN SELECT RAISE(ABORT, 'stop'); END");
	make_event(&ev, ADD);
	for (int64_t i = 10; i <= 30; i += 10)
		add_message(&ev, i, "b");
	check_event(&ev);
	assert_int_equal(store_take(w->store, &ev, &take_plain, a, &p),
	    ERR_DISK);
	assert_string_equal(p.text, "the store failed: stop");
	assert_string_equal(look(w, "SELECT message_id FROM message"),
	    "1|\n");
	/* and it goes on as soon as it can */
	outside_run(db, "DROP TRIGGER t");
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	take_all(w, &ev, NULL, a);
	assert_true(a[0].fresh && a[1].fresh && a[2].fresh);
	assert_string_equal(look(w, "SELECT message_id FROM message"),
	    "1|\n10|\n20|\n30|\n");
}

/* Who asks whether a sender may, and what he is told. */
struct asked {
	bool may;
	int times;
	char token[32];		/* that is stored; "none" if none is */
};

static bool
may_send(void *ctx, const char *stored_token, struct problem *p)
{
	struct asked *a = ctx;

	a->times++;
	(void)snprintf(a->token, sizeof(a->token), "%s",
	    stored_token != NULL ? stored_token : "none");
	if (!a->may)
		(void)problem_set(p, ERR_DENIED, 3, "auth", "not he");
	return a->may;
}

static enum err
take_asked(struct world *w, struct asked *a, struct arrival *out)
{
	const struct take_opts opts = { .may_send = may_send, .ctx = a };
	struct event ev;
	enum err e;

	make_one(&ev, ADD, 1, "b");
	w->problem = (struct problem){ 0 };
	e = store_take(w->store, &ev, &opts, out, &w->problem);
	event_free(&ev);
	assert_int_equal(w->problem.err, e);
	return e;
}

static void
test_sender(void **state)
{
	const struct portal portal = { "bac1cd5c8940947a75e0d71b1a84e348",
		"app-token", "e", "s", "a", "r", 1, 2, NULL, 0 };
	struct world *w = *state;
	struct asked a = { .may = false };
	struct arrival out;

	assert_int_equal(take_asked(w, &a, &out), ERR_DENIED);
	assert_int_equal(a.times, 1);
	assert_string_equal(a.token, "none");
	assert_string_equal(w->problem.text, "not he");
	assert_string_equal(w->problem.field, "auth");
	assert_int_equal(w->problem.at, 3);
	assert_string_equal(look(w, "SELECT count(*) FROM message"), "0|\n");
	a.may = true;
	assert_int_equal(take_asked(w, &a, &out), ERR_OK);
	assert_true(out.fresh);
	assert_int_equal(store_portal_save(w->store, &portal, &w->problem),
	    ERR_OK);
	assert_int_equal(take_asked(w, &a, &out), ERR_OK);
	assert_string_equal(a.token, "app-token");
	assert_false(out.fresh);
	/* a repeat needs to be believed, too */
	a.may = false;
	assert_int_equal(take_asked(w, &a, &out), ERR_DENIED);
	assert_int_equal(a.times, 4);
}

/* Its channel is down, as the store knows: held until the next probe. */
static void
test_place_down(void **state)
{
	struct take_opts opts = { .place = "channel:x" };
	struct world *w = *state;
	struct arrival a[3];
	struct event ev;
	int64_t tries;

	for (int64_t i = 0; i < 3; i++) {
		make_one(&ev, ADD, i + 1, "b");
		ev.message[0].chat = i == 0 ? "A" : i == 1 ? "B" : "C";
		if (i == 1)
			assert_int_equal(store_set_down(w->store, "channel:x",
			    4000, &tries, &w->problem), ERR_OK);
		if (i == 2)	/* what the caller says goes before */
			opts.hold_ms = w->now_ms + 9000;
		assert_int_equal(store_take(w->store, &ev, &opts, &a[i],
		    &w->problem), ERR_OK);
		event_free(&ev);
		assert_int_equal(a[i].claimed, i == 0);
	}
	assert_string_equal(look(w, "SELECT id, hold, owner <> 0,"
	    " next_ms - 1773759162000 FROM message"),
	    "1|0|1|0|\n2|1|0|4000|\n3|1|0|9000|\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_fresh),
		WORLD_TEST(test_absent_fields),
		WORLD_TEST(test_repeat),
		WORLD_TEST(test_repeat_tells_the_state),
		WORLD_TEST(test_revisions),
		WORLD_TEST(test_repeat_of_erased),
		WORLD_TEST(test_delete_ids),
		WORLD_TEST(test_several),
		WORLD_TEST(test_bad_elements),
		WORLD_TEST(test_whole_event),
		WORLD_TEST(test_all_or_nothing),
		WORLD_TEST(test_sender),
		WORLD_TEST(test_place_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
