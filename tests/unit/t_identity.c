/*
 * The identity of a message.  The golden values were computed by another
 * program (sha256 over each part with its length as 8 bytes in front, little
 * end first; the first 20 bytes as base64url).  They are a promise to
 * channels: a change here is a change of every key.
 *
 * Run by make check.
 */
#include "event/identity.h"

#include "event_make.h"

static struct identity
identity(const struct event *ev, size_t i)
{
	struct identity who;

	memset(&who, 'x', sizeof(who));
	assert_int_equal(identity_of(&who, ev, &ev->message[i]), ERR_OK);
	return who;
}

static void
test_golden(void **state)
{
	struct event ev;
	struct message m = make_message(86501, "\"a\":1");

	(void)state;
	make_one(&ev, "OnImConnectorMessageAdd", 86497, "\"a\":1");
	assert_string_equal(identity(&ev, 0).base,
	    "c-A8oGbhra7_BRSML2vec0AppVk");
	/* it has no revisions that could be told apart */
	assert_string_equal(identity(&ev, 0).content, "");
	event_free(&ev);

	make_one(&ev, UPDATE, 86497, "\"a\":1");
	assert_string_equal(identity(&ev, 0).content,
	    "ZXDj50JWP22QQVvG2FJu9vmuIBM");
	event_free(&ev);

	make_one(&ev, UPDATE, 86501, "\"b\":1");
	assert_string_equal(identity(&ev, 0).base,
	    "8P3gN7Mq4vbrng7Qe7t0a9pfpkI");
	event_free(&ev);

	make_event(&ev, DELETE);
	m.own_id = "\"ext-msg-005\"";
	assert_int_equal(event_keep(&ev, &m), ERR_OK);
	check_event(&ev);
	assert_string_equal(identity(&ev, 0).base,
	    "rhfaNQYJwcqv_Ulw8PJdPn3BWbs");
	event_free(&ev);

	make_event(&ev, ADD);
	m = make_message(0, "{\"x\":\"1\"}");
	m.bad = "im.chat_id";
	assert_int_equal(event_keep(&ev, &m), ERR_OK);
	check_event(&ev);
	assert_string_equal(identity(&ev, 0).base,
	    "0t2QlX8xJ6nyIo-BxvJ10lYqCdE");
	event_free(&ev);
}

/* What is no message: its content, and when it was. */
static void
test_golden_siblings(void **state)
{
	struct message m = make_message(0, "{\"session\":{\"id\":\"1\"}}");
	struct event ev;

	(void)state;
	m.bad = "im.chat_id";
	m.of_data = true;
	m.whole = m.body;
	m.whole_len = m.body_len;
	make_event(&ev, "OnImConnectorDialogStart");
	assert_int_equal(event_keep(&ev, &m), ERR_OK);
	check_event(&ev);
	assert_string_equal(identity(&ev, 0).base,
	    "GJy4D5GGijY38fY1IlmiNG-TSZ8");
	ev.ts++;
	assert_string_not_equal(identity(&ev, 0).base,
	    "GJy4D5GGijY38fY1IlmiNG-TSZ8");
	event_free(&ev);

	make_event(&ev, "ONIMCONNECTORSTATUSDELETE");
	ev.small_connector = ev.connector;
	ev.small_line_text = ev.line_text;
	check_event(&ev);
	assert_string_equal(identity(&ev, 0).base,
	    "gKWbMPoSL4hGTwzCNzxyXrNS1lY");
	event_free(&ev);
}

static void
test_characters(void **state)
{
	struct event ev;

	(void)state;
	make_event(&ev, UPDATE);
	for (int64_t i = 0; i < 2000; i++)
		add_message(&ev, i + 1, "b");
	check_event(&ev);
	for (size_t i = 0; i < ev.messages; i++) {
		const struct identity who = identity(&ev, i);

		assert_int_equal(strlen(who.base), 27);
		assert_int_equal(strspn(who.base, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		    "abcdefghijklmnopqrstuvwxyz0123456789-_"), 27);
		assert_int_equal(strlen(who.content), 27);
	}
	event_free(&ev);
}

#define VARIANTS 14

/* The n-th variant of one message. */
static struct identity
variant(size_t n)
{
	struct message m = make_message(86497, "\"a\":1");
	struct identity who;
	struct event ev;

	make_event(&ev, n == 1 ? UPDATE : n == 2 ? DELETE : ADD);
	if (n == 3)
		ev.member_id = own(&ev, "m2");
	if (n == 4)
		ev.connector = own(&ev, "myconnector2");
	if (n == 5)
		ev.line_text = own(&ev, "108");
	if (n == 6)
		m.chat_id = 1808;
	if (n == 7)
		m.message_id = 86498;
	if (n == 8) {	/* parts do not run into each other */
		m.chat_id = 180;
		m.message_id = 786497;
	}
	if (n == 9) {
		ev.connector = own(&ev, "myconnector1");
		ev.line_text = own(&ev, "7");
	}
	if (n >= 10 && n <= 12)
		ev.name = own(&ev, DELETE);
	if (n == 11)
		m.own_id = "\"1\"";
	if (n == 12)
		m.own_id = "[\"1\"]";
	if (n == 13)
		m.bad = "chat.id";
	assert_int_equal(event_keep(&ev, &m), ERR_OK);
	check_event(&ev);
	who = identity(&ev, 0);
	event_free(&ev);
	return who;
}

static void
test_each_field_counts(void **state)
{
	struct identity who[VARIANTS];

	(void)state;
	for (size_t i = 0; i < VARIANTS; i++)
		who[i] = variant(i);
	for (size_t i = 0; i < VARIANTS; i++)
		for (size_t k = 0; k < i; k++)	/* 2 and 10 are one */
			if (!(k == 2 && i == 10) &&
			    strcmp(who[i].base, who[k].base) == 0)
				fail_msg("variants %zu and %zu meet", i, k);
	assert_string_equal(who[2].base, who[10].base);
}

/* What may differ between two bindings' copies of one message. */
static void
test_what_does_not_count(void **state)
{
	struct message m = make_message(86497, "\"other\":\"body\"");
	struct identity one = variant(0), two;
	struct event ev;

	(void)state;
	make_event(&ev, "onimconnectormessageadd");
	ev.ts_text = own(&ev, "5");
	ev.domain = NULL;
	ev.access_token = NULL;
	ev.client_endpoint = own(&ev, "https://renamed.bitrix24.com/rest/");
	ev.application_token = own(&ev, "x");
	m.index = 7;
	m.chat = "channel-124";
	m.own_id = "\"1\"";
	assert_int_equal(event_keep(&ev, &m), ERR_OK);
	check_event(&ev);
	two = identity(&ev, 0);
	assert_string_equal(one.base, two.base);
	event_free(&ev);
}

/* A bad element is what it says: its ids do not count, its JSON does. */
static void
test_bad(void **state)
{
	static const char *const bodies[] = { "{\"a\":\"1\"}", "{\"a\":\"2\"}",
		"{\"a\":\"1\"}" };
	struct identity who[COUNT(bodies)];
	struct event ev;

	(void)state;
	for (size_t i = 0; i < COUNT(bodies); i++) {
		struct message m = make_message((int64_t)i, bodies[i]);

		m.bad = i == 0 ? "im.chat_id" : "chat.id";
		make_event(&ev, ADD);
		assert_int_equal(event_keep(&ev, &m), ERR_OK);
		check_event(&ev);
		who[i] = identity(&ev, 0);
		event_free(&ev);
	}
	assert_string_not_equal(who[0].base, who[1].base);
	assert_string_equal(who[0].base, who[2].base);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_golden_siblings),
		cmocka_unit_test(test_characters),
		cmocka_unit_test(test_each_field_counts),
		cmocka_unit_test(test_what_does_not_count),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
