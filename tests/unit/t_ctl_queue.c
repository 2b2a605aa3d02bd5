/*
 * The queue as it is printed: JSON that is JSON whatever stands in it, and
 * no byte that a terminal would obey.
 */
#include "ctl/queue.h"

#include "ctl_world.h"
#include "fake_request.h"
#include "web/read.h"

/* ESC, a tab, DEL, CSI of 8 bits (U+009B), NEL, quotes; then what is fine. */
#define EVIL "\\u001b[2J\\t\x7f\xc2\x9b" "31m\\u0085\\\"\\\\\\u0001"
#define FINE "\xc2\xa0\xd0\x96\xe2\x82\xac\xf0\x9f\x98\x80"

#define HEAD(name, line) "{\"event\":\"" name "\",\"data\":{\"CONNECTOR\":" \
	"\"c" EVIL "\",\"LINE\":" line ",\"MESSAGES\":["
#define TAIL "]},\"auth\":{\"member_id\":\"m" EVIL "\",\"domain\":\"d" \
	EVIL "\",\"access_token\":\"secret\",\"application_token\":\"t\"}}"
#define GOOD(id) "{\"im\":{\"chat_id\":5,\"message_id\":" id "},\"chat\":" \
	"{\"id\":\"x" EVIL FINE "\"},\"message\":{\"text\":\"" EVIL FINE \
	"\"},\"k" EVIL "\":[1]}"
#define BAD "{\"im\":{\"chat_id\":5},\"chat\":{\"id\":\"x" EVIL "\"}}"

static struct arrival arrival[4];

/* Stores an event as the relay does; `reason`: none of it can be used. */
static void
put(struct store_world *w, const char *json, const char *reason)
{
	struct fake f = fake_post((struct text){ json, strlen(json) });
	struct taking t = { .reason = reason, .claims = COUNT(arrival),
	    .arrival = arrival };
	struct problem p = { 0 }, unusable = { 0 };
	struct event ev;

	event_init(&ev, 1 << 24);
	if (read_event(&f.request, 1 << 20, &ev, &p) != ERR_OK)
		fail_msg("%s", p.text);
	(void)event_check(&ev, &unusable);
	assert_true(ev.messages <= COUNT(arrival));
	assert_int_equal(world_take_event(w, w->store, &ev, &t), ERR_OK);
	event_free(&ev);
	fake_free(&f);
}

/* What is printed of one, or of all, with that error.  free() it. */
static char *
print(struct store_world *w, const char *key, bool json, enum err want)
{
	const struct listing all = { .all = true, .json = json };
	struct problem p = { 0 };
	struct capture c;
	enum err e;
	char *text;

	capture_begin(&c, STDOUT_FILENO);
	e = key != NULL ? queue_show(w->store, key, json, &p) :
	    queue_list(w->store, &all, &p);
	text = capture_end(&c);
	assert_int_equal(e, want);
	assert_int_equal(p.err, want);
	assert_null(strstr(text, "secret"));
	is_clean(text);
	return text;
}

/* EVIL and FINE as a reader of JSON must see them. */
#define EVIL_IS "\x1b[2J\t\x7f\xc2\x9b" "31m\xc2\x85\"\\\x01"

static void
test_empty(void **state)
{
	struct store_world *w = *state;
	char *text = print(w, NULL, true, ERR_OK);

	assert_string_equal(text, "[]\n");
	free(text);
	text = print(w, NULL, false, ERR_OK);
	assert_string_equal(text, "");
	free(text);
	for (int json = 0; json < 2; json++) {
		text = print(w, "no-such-key", json, ERR_UNUSABLE);
		assert_string_equal(text, "");
		free(text);
	}
}

static void
test_list_json(void **state)
{
	struct store_world *w = *state;
	char *text;

	put(w, HEAD("OnImConnectorMessageAdd", "107") GOOD("1") "," GOOD("2")
	    "," BAD TAIL, NULL);
	text = print(w, NULL, true, ERR_OK);
	value_is(text, "0.chat", "x" EVIL_IS);	/* bad ones sort first */
	value_is(text, "0.state", "refused");
	value_is(text, "0.step", "read");
	value_is(text, "1.chat", "x" EVIL_IS FINE);
	value_is(text, "1.connector", "c" EVIL_IS);
	value_is(text, "1.member_id", "m" EVIL_IS);
	value_is(text, "1.domain", "d" EVIL_IS);
	value_is(text, "1.message_id", "1");
	value_is(text, "1.line", "107");
	value_is(text, "1.state", "received");
	value_is(text, "2.message_id", "2");
	value_is(text, "2.event", "ONIMCONNECTORMESSAGEADD");
	value_is(text, "2.key", arrival[2].key);
	value_is(text, "2.tries", "0");
	/* texts only on demand */
	assert_null(strstr(text, "\"message\":"));
	free(text);
}

static void
test_show_json(void **state)
{
	struct store_world *w = *state;
	const struct arrival *a = &arrival[0];
	char *text;

	put(w, HEAD("OnImConnectorMessageAdd", "107") GOOD("1") TAIL, NULL);
	text = print(w, arrival[0].key, true, ERR_OK);
	value_is(text, "key", arrival[0].key);
	value_is(text, "message.message.text", EVIL_IS FINE);
	value_is(text, "message.im.message_id", "1");
	value_is(text, "message.k" EVIL_IS ".0", "1");
	assert_int_equal(text[strlen(text) - 1], '\n');
	free(text);
	MOVE(w, w->store, .id = a->id, .chat = a->chat_number,
	    .from = STATE_RECEIVED, .move = MOVE_DELIVERED,
	    .text = "[\"a\",\"\x7f\\u001b\xc2\x9b\"]");
	text = print(w, arrival[0].key, true, ERR_OK);
	value_is(text, "state", "delivered");
	value_is(text, "ids.0", "a");
	value_is(text, "ids.1", "\x7f\x1b\xc2\x9b");
	free(text);
	MOVE(w, w->store, .id = a->id, .from = STATE_DELIVERED,
	    .move = MOVE_TOLD);
	text = print(w, arrival[0].key, true, ERR_OK);
	/* little is left of it */
	value_is(text, "state", "acknowledged");
	value_is(text, "key", a->key);
	value_is(text, "message_id", "1");
	assert_null(strstr(text, "\"message\":"));
	free(text);
}

/* A bad element shows its own JSON, whatever kind of value it is. */
static void
test_show_bad_elements(void **state)
{
	static const struct {
		const char *element, *path, *value;
	} cases[] = {
		{ BAD, "element.chat.id", "x" EVIL_IS },
		{ "\"a" EVIL "\"", "element", "a" EVIL_IS },
		{ "17", "element", "17" },
		{ "[\"a\",\"b\"]", "element.1", "b" },
		{ "{\"im\":{\"message_id\":\"1\"},\"key\":\"k\"}",
		    "element.key", "k" },
	};
	struct store_world *w = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		char json[2048];
		char *text;

		(void)snprintf(json, sizeof(json), "%s%s%s",
		    HEAD("OnImConnectorMessageAdd", "107"), cases[i].element,
		    TAIL);
		put(w, json, NULL);
		text = print(w, arrival[0].key, true, ERR_OK);
		value_is(text, "state", "refused");
		value_is(text, cases[i].path, cases[i].value);
		free(text);
	}
}

/* Good elements of an event whose envelope cannot be used. */
static void
test_show_bad_envelope(void **state)
{
	struct store_world *w = *state;
	char *text;

	put(w, HEAD("OnImConnectorMessageAdd", "0") GOOD("1") TAIL,
	    "data.LINE must be a number");
	text = print(w, arrival[0].key, true, ERR_OK);
	value_is(text, "state", "refused");
	value_is(text, "reason", "data.LINE must be a number");
	value_is(text, "message.message.text", EVIL_IS FINE);
	free(text);
}

static void
test_people(void **state)
{
	struct store_world *w = *state;
	char *text;

	put(w, HEAD("OnImConnectorMessageAdd", "107") GOOD("1") "," BAD TAIL,
	    NULL);
	MOVE(w, w->store, .id = arrival[1].id,
	    .chat = arrival[1].chat_number, .from = STATE_RECEIVED,
	    .move = MOVE_LATER, .next_ms = w->now_ms + 5000,
	    .text = "because\n\x1b[1m");
	text = print(w, NULL, false, ERR_OK);
	assert_non_null(strstr(text, arrival[0].key));
	assert_non_null(strstr(text, arrival[1].key));
	assert_non_null(strstr(text, "c?[2J???31m?\"\\?/107 x?[2J???31m?\"\\?"
	    FINE "  because??[1m, next try "));
	free(text);
	text = print(w, arrival[1].key, false, ERR_OK);
	assert_non_null(strstr(text, "received"));
	assert_non_null(strstr(text, "x?[2J???31m?\"\\?" FINE "\n"));
	assert_non_null(strstr(text, "because??[1m\n"));
	assert_non_null(strstr(text, FINE));
	free(text);
}

/* The store is away: an error, and still no broken JSON. */
static void
test_no_store(void **state)
{
	struct store_world *w = *state;
	char *text;

	put(w, HEAD("OnImConnectorMessageAdd", "107") GOOD("1") TAIL, NULL);
	break_store(w);
	text = print(w, NULL, true, ERR_DISK);
	assert_string_equal(text, "[]\n");
	free(text);
	text = print(w, "key", true, ERR_DISK);
	assert_string_equal(text, "");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_empty), WORLD_TEST(test_list_json),
		WORLD_TEST(test_show_json),
		WORLD_TEST(test_show_bad_elements),
		WORLD_TEST(test_show_bad_envelope),
		WORLD_TEST(test_people), WORLD_TEST(test_no_store),
	};

	return cmocka_run_group_tests_name("ctl/queue", tests, NULL, NULL);
}
