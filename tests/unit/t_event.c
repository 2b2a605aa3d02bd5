/*
 * The model of an event: keeping messages, and what event_check() demands.
 *
 * Run by make check.
 */
#include "event_make.h"

static void
expect_unusable(struct event *ev, const char *field, const char *text)
{
	struct problem p = { 0 };

	assert_int_equal(event_check(ev, &p), ERR_UNUSABLE);
	assert_int_equal(p.err, ERR_UNUSABLE);
	assert_int_equal(p.at, -1);
	assert_string_equal(p.field, field);
	assert_string_equal(p.text, text);
}

static void
test_good(void **state)
{
	struct event ev;

	(void)state;
	make_one(&ev, "OnImConnectorMessageAdd", 5, "b");
	assert_string_equal(ev.name, "ONIMCONNECTORMESSAGEADD");
	assert_int_equal(ev.kind, EVENT_ADD);
	assert_int_equal(ev.line, 107);
	assert_int_equal(ev.ts, 1773759161);
	assert_int_equal(ev.messages, 1);
	event_free(&ev);
	make_one(&ev, "onimconnectormessageupdate", 5, "b");
	assert_int_equal(ev.kind, EVENT_UPDATE);
	event_free(&ev);
	make_one(&ev, DELETE, 5, "b");
	assert_int_equal(ev.kind, EVENT_DELETE);
	event_free(&ev);
}

/* Any other event is fine, whatever it lacks. */
static void
test_other(void **state)
{
	static const char *const names[] = { "ONAPPTEST", "x",
		"ONIMCONNECTORMESSAGEADDED", "ONIMCONNECTORMESSAGE",
		" ONIMCONNECTORMESSAGEADD" };
	struct event ev;

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		event_init(&ev, MAKE_MAX);
		ev.name = own(&ev, names[i]);
		ev.ts_text = own(&ev, "12");
		check_event(&ev);
		assert_int_equal(ev.kind, EVENT_OTHER);
		assert_int_equal(ev.ts, 12);
		event_free(&ev);
	}
}

/* The app comes and goes: no message, connector or line is asked for. */
static void
test_installation(void **state)
{
	static const struct {
		const char *name;
		enum event_kind kind;
	} cases[] = {
		{ "ONAPPINSTALL", EVENT_INSTALL },
		{ "OnAppInstall", EVENT_INSTALL },
		{ "ONAPPUNINSTALL", EVENT_UNINSTALL },
		{ "onappuninstall", EVENT_UNINSTALL },
		{ "ONAPPINSTALLED", EVENT_OTHER },
		{ "ONAPPUPDATE", EVENT_APP_UPDATE },
		{ "ONAPPUPDATED", EVENT_OTHER },
	};
	struct event ev;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		event_init(&ev, MAKE_MAX);
		ev.name = own(&ev, cases[i].name);
		ev.ts_text = own(&ev, "1773759161");
		check_event(&ev);
		assert_int_equal(ev.kind, cases[i].kind);
		assert_int_equal(ev.ts, 1773759161);
		event_free(&ev);
	}
}

/* What is missing is told in this order, one by one. */
static void
test_order_of_checks(void **state)
{
	struct event ev;

	(void)state;
	event_init(&ev, MAKE_MAX);
	expect_unusable(&ev, "event", "event is missing");
	ev.name = own(&ev, "");
	expect_unusable(&ev, "event", "event is missing");
	ev.name = own(&ev, ADD);
	expect_unusable(&ev, "auth.member_id", "auth.member_id is missing");
	ev.member_id = own(&ev, "");
	expect_unusable(&ev, "auth.member_id", "auth.member_id is missing");
	ev.member_id = own(&ev, "m");
	expect_unusable(&ev, "data.CONNECTOR", "data.CONNECTOR is missing");
	ev.connector = own(&ev, "");
	expect_unusable(&ev, "data.CONNECTOR", "data.CONNECTOR is missing");
	ev.connector = own(&ev, "c");
	expect_unusable(&ev, "data.LINE", "data.LINE is missing");
	ev.line_text = own(&ev, "1");
	expect_unusable(&ev, "data.MESSAGES", "data.MESSAGES is missing");
	add_message(&ev, 1, "b");
	check_event(&ev);
	event_free(&ev);
}

static void
test_line(void **state)
{
	static const struct {
		const char *text;
		int64_t line;	/* 0: refused */
	} lines[] = {
		{ "1", 1 }, { "107", 107 },
		{ "9223372036854775807", INT64_MAX },
		{ "0", 0 }, { "-1", 0 }, { "9223372036854775808", 0 },
		{ "", 0 }, { "x", 0 }, { "07", 0 }, { "1.0", 0 }, { "1x", 0 },
		{ " 1", 0 }, { "+1", 0 }, { "1e3", 0 }, { "undefined", 0 },
	};
	struct event ev;

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		make_event(&ev, ADD);
		add_message(&ev, 1, "b");
		ev.line_text = own(&ev, lines[i].text);
		if (lines[i].line == 0) {
			expect_unusable(&ev, "data.LINE", "data.LINE must be "
			    "a number from 1 to 9223372036854775807");
		} else {
			check_event(&ev);
			assert_int_equal(ev.line, lines[i].line);
		}
		event_free(&ev);
	}
}

static void
test_ts(void **state)
{
	static const struct {
		const char *text;
		int64_t ts;
	} cases[] = {
		{ "0", 0 }, { "1773759161", 1773759161 }, { NULL, -1 },
		{ "", -1 }, { "undefined", -1 }, { "-1", -1 }, { "-5", -1 },
		{ "1.5", -1 }, { "01", -1 }, { "9223372036854775808", -1 },
		{ "9223372036854775807", INT64_MAX },
	};
	struct event ev;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		make_event(&ev, ADD);
		add_message(&ev, 1, "b");
		ev.ts_text = own(&ev, cases[i].text);
		check_event(&ev);
		assert_int_equal(ev.ts, cases[i].ts);
		event_free(&ev);
	}
}

/* By message_id, then by arrival; the sender's index plays no part. */
static void
test_message_order(void **state)
{
	static const int64_t ids[] = { 30, 10, INT64_MAX, 20, 10, 0, 30, 9 };
	static const size_t seqs[] = { 5, 7, 1, 4, 3, 0, 6, 2 };
	struct event ev;

	(void)state;
	make_event(&ev, ADD);
	for (size_t i = 0; i < COUNT(ids); i++) {
		struct message m = make_message(ids[i], "b");

		m.index = (int64_t)(100 - i);
		m.seq = 77;
		assert_int_equal(event_keep(&ev, &m), ERR_OK);
	}
	check_event(&ev);
	assert_int_equal(ev.messages, COUNT(ids));
	for (size_t i = 0; i < COUNT(ids); i++) {
		assert_int_equal(ev.message[i].seq, seqs[i]);
		assert_int_equal(ev.message[i].message_id, ids[seqs[i]]);
		assert_int_equal(ev.message[i].index,
		    (int64_t)(100 - seqs[i]));
	}
	event_free(&ev);
}

static void
keep_list(struct event *ev, int64_t id, bool of_data)
{
	struct message m = make_message(id, "b");

	m.of_data = of_data;
	assert_int_equal(event_keep(ev, &m), ERR_OK);
}

/* Deletes may say DATA for MESSAGES; nothing else may. */
static void
test_data_for_messages(void **state)
{
	struct event ev;

	(void)state;
	make_event(&ev, DELETE);
	keep_list(&ev, 2, true);
	keep_list(&ev, 1, true);
	check_event(&ev);
	assert_int_equal(ev.messages, 2);
	assert_int_equal(ev.message[0].message_id, 1);
	event_free(&ev);
	make_event(&ev, DELETE);
	keep_list(&ev, 1, true);
	keep_list(&ev, 2, false);
	keep_list(&ev, 3, true);
	check_event(&ev);
	assert_int_equal(ev.messages, 1);
	assert_int_equal(ev.message[0].message_id, 2);
	event_free(&ev);
	for (int i = 0; i < 2; i++) {
		make_event(&ev, i == 0 ? ADD : UPDATE);
		keep_list(&ev, 1, true);
		expect_unusable(&ev, "data.MESSAGES",
		    "data.MESSAGES is missing");
		event_free(&ev);
		make_event(&ev, i == 0 ? ADD : UPDATE);
		keep_list(&ev, 1, true);
		keep_list(&ev, 2, false);
		check_event(&ev);
		assert_int_equal(ev.messages, 1);
		assert_int_equal(ev.message[0].message_id, 2);
		event_free(&ev);
	}
}

#define DIALOG "{\"connector\":{\"user_id\":\"0\"},\"im\":{\"x\":\"1\"}}"

/* Dialogs stand in DATA, and travel whole, whatever they look like. */
static void
test_dialogs(void **state)
{
	struct event ev;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct message m = make_message(77, i == 0 ? DIALOG : "b");

		make_event(&ev, "OnImConnectorDialogFinish");
		m.bad = i == 0 ? "im.chat_id" : NULL;
		m.of_data = true;
		m.own_id = "\"x\"";
		m.whole = i == 0 ? m.body : DIALOG;
		m.whole_len = strlen(DIALOG);
		assert_int_equal(event_keep(&ev, &m), ERR_OK);
		keep_list(&ev, 5, false);
		check_event(&ev);
		assert_int_equal(ev.kind, EVENT_DIALOG_FINISH);
		assert_int_equal(ev.messages, 1);
		assert_string_equal(ev.message[0].body, "\"data\":" DIALOG);
		assert_int_equal(ev.message[0].body_len, strlen(DIALOG) + 7);
		assert_null(ev.message[0].bad);
		assert_int_equal(ev.message[0].message_id, 0);
		assert_int_equal(ev.message[0].chat_id, 0);
		assert_string_equal(ev.message[0].own_id, "");
		assert_string_equal(ev.message[0].chat, CHAT);
		event_free(&ev);
	}
	make_event(&ev, "ONIMCONNECTORDIALOGSTART");
	keep_list(&ev, 5, false);
	expect_unusable(&ev, "data.DATA", "data.DATA is missing");
	event_free(&ev);
}

/* The end of a connector on a line has names of its own; that of a line is
 * a number, and nothing else of what is there counts. */
static void
test_ends_of_lines(void **state)
{
	struct event ev;

	(void)state;
	make_event(&ev, "ONIMCONNECTORSTATUSDELETE");
	keep_list(&ev, 5, false);
	expect_unusable(&ev, "data.connector", "data.connector is missing");
	ev.small_connector = own(&ev, "small");
	expect_unusable(&ev, "data.line", "data.line is missing");
	ev.small_line_text = own(&ev, "0");
	expect_unusable(&ev, "data.line",
	    "data.line must be a number from 1 to 9223372036854775807");
	ev.small_line_text = own(&ev, "5");
	check_event(&ev);
	assert_int_equal(ev.line, 5);
	assert_string_equal(ev.connector, "small");
	assert_int_equal(ev.messages, 1);
	assert_int_equal(ev.message[0].body_len, 0);
	assert_string_equal(ev.message[0].chat, "");
	event_free(&ev);
	make_event(&ev, "ONIMCONNECTORLINEDELETE");
	expect_unusable(&ev, "data", "data is missing");
	ev.data_text = own(&ev, "x");
	expect_unusable(&ev, "data",
	    "data must be a number from 1 to 9223372036854775807");
	ev.data_text = own(&ev, "6");
	check_event(&ev);
	assert_int_equal(ev.line, 6);
	assert_null(ev.connector);
	assert_int_equal(ev.messages, 1);
	event_free(&ev);
}

/* A copy: what the grammar had may go. */
static void
test_keep_copies(void **state)
{
	char chat[] = "chat", own_id[] = "\"own\"", body[] = "body-and-more";
	struct message m = { .index = 7, .chat_id = 1, .message_id = 2,
		.chat = chat, .own_id = own_id, .body = body, .body_len = 4,
		.bad = "chat.id" };
	struct event ev;

	(void)state;
	event_init(&ev, MAKE_MAX);
	for (int i = 0; i < 100; i++)
		assert_int_equal(event_keep(&ev, &m), ERR_OK);
	memset(chat, 'x', sizeof(chat) - 1);
	memset(own_id, 'x', sizeof(own_id) - 1);
	memset(body, 'x', sizeof(body) - 1);
	for (size_t i = 0; i < 100; i++) {
		const struct message *k = &ev.message[i];

		assert_int_equal(k->index, 7);
		assert_int_equal(k->seq, i);
		assert_string_equal(k->chat, "chat");
		assert_string_equal(k->own_id, "\"own\"");
		assert_string_equal(k->body, "body");
		assert_int_equal(k->body_len, 4);
		assert_string_equal(k->bad, "chat.id");
	}
	event_free(&ev);
	assert_null(ev.message);
	assert_int_equal(ev.messages, 0);
	assert_int_equal(event_keep(&ev, &m), ERR_OK);
	event_free(&ev);
}

static void
test_caps(void **state)
{
	const struct message m = make_message(1, "b");
	struct event ev;
	size_t n = 0;

	(void)state;
	event_init(&ev, MAKE_MAX);
	for (int i = 0; i < EVENT_MESSAGES_MAX; i++)
		assert_int_equal(event_keep(&ev, &m), ERR_OK);
	assert_int_equal(event_keep(&ev, &m), ERR_TOOBIG);
	assert_int_equal(ev.messages, EVENT_MESSAGES_MAX);
	event_free(&ev);
	event_init(&ev, 10000);
	while (n < 1000 && event_keep(&ev, &m) == ERR_OK)
		n++;
	assert_in_range(n, 10, 100);
	assert_int_equal(event_keep(&ev, &m), ERR_TOOBIG);
	assert_int_equal(ev.messages, n);
	event_free(&ev);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_other),
		cmocka_unit_test(test_installation),
		cmocka_unit_test(test_order_of_checks),
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_ts),
		cmocka_unit_test(test_message_order),
		cmocka_unit_test(test_data_for_messages),
		cmocka_unit_test(test_dialogs),
		cmocka_unit_test(test_ends_of_lines),
		cmocka_unit_test(test_keep_copies),
		cmocka_unit_test(test_caps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
