/*
 * The queue as it is printed: JSON that is JSON whatever stands in it, and
 * no byte that a terminal would obey.
 */
#include "ctl/queue.h"

#include "acknowledge.h"
#include "capture.h"
#include "codec/flat.h"
#include "config_files.h"
#include "fake_request.h"
#include "unit.h"
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

struct site {
	struct store *store;
	struct arrival arrival[4];
};

static enum err
open_store(struct site *s)
{
	char url[200];
	const struct store_opts opts = { .url = url, .clock = &clock_system,
	    .busy_ms = 1000, .lease_ms = 60000, .longest_ms = 600000,
	    .give_up_ms = 86400000, .create = true };
	struct problem p = { 0 };

	(void)snprintf(url, sizeof(url), "sqlite:%s", in_folder("queue.db"));
	return store_open(&s->store, &opts, &p);
}

static int
start(void **state)
{
	struct site *s = calloc(1, sizeof(*s));

	(void)make_folder(state);
	if (s == NULL || open_store(s) != ERR_OK)
		return -1;
	*state = s;
	return 0;
}

static int
stop(void **state)
{
	struct site *s = *state;
	int rc;

	store_close(s->store);
	free(s);
	rc = remove_folder(state);
	memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
	return rc;
}

/* Stores an event as the relay does; `reason`: none of it can be used. */
static void
put(struct site *s, const char *json, const char *reason)
{
	struct fake f = fake_post((struct text){ json, strlen(json) });
	const struct take_opts opts = { .reason = reason };
	struct problem p = { 0 }, unusable = { 0 };
	struct event ev;

	event_init(&ev, 1 << 24);
	if (read_event(&f.request, 1 << 20, &ev, &p) != ERR_OK)
		fail_msg("%s", p.text);
	(void)event_check(&ev, &unusable);
	assert_true(ev.messages <= COUNT(s->arrival));
	assert_int_equal(store_take(s->store, &ev, &opts, s->arrival, &p),
	    ERR_OK);
	event_free(&ev);
	fake_free(&f);
}

/* A message as the steps have it. */
static struct work
work_of(const struct site *s, size_t i, enum state state)
{
	struct work w = { .id = s->arrival[i].id, .state = state,
	    .member_id = "m" };

	(void)strcpy(w.key, s->arrival[i].key);
	return w;
}

/* What is printed, with that error.  free() it. */
static char *
print(struct site *s, const char *key, bool json, enum err want)
{
	const struct filter any = { .key = NULL };
	struct problem p = { 0 };
	struct capture c;
	enum err e;
	char *text;

	capture_begin(&c, STDOUT_FILENO);
	e = key != NULL ? queue_show(s->store, key, json, &p) :
	    queue_list(s->store, &any, json, &p);
	text = capture_end(&c);
	assert_int_equal(e, want);
	assert_int_equal(p.err, want);
	assert_null(strstr(text, "secret"));
	for (const char *t = text; *t != '\0'; t++) {
		unsigned char b = (unsigned char)*t;

		assert_true((b >= ' ' && b != 0x7f) || b == '\n');
		/* C1 controls; a lone byte of them is none of UTF-8 */
		assert_false(b == 0xc2 && (unsigned char)t[1] < 0xa0);
		assert_false(b >= 0x80 && b < 0xa0 &&
		    (t == text || (unsigned char)t[-1] < 0x80));
	}
	return text;
}

/* One value of a JSON text. */
struct wanted {
	const char *path;
	char value[512];
	bool found;
};

static enum err
look(void *ctx, const char *path, const char *s, size_t n)
{
	struct wanted *w = ctx;

	if (s != NULL && strcmp(path, w->path) == 0) {
		assert_false(w->found);
		w->found = true;
		(void)snprintf(w->value, sizeof(w->value), "%.*s", (int)n, s);
	}
	return ERR_OK;
}

static void
value_is(const char *json, const char *path, const char *value)
{
	struct wanted w = { .path = path };

	if (flat_read(json, strlen(json), look, &w) != ERR_OK)
		fail_msg("no JSON: %s", json);
	if (!w.found)
		fail_msg("no %s in %s", path, json);
	assert_string_equal(w.value, value);
}

/* EVIL and FINE as a reader of JSON must see them. */
#define EVIL_IS "\x1b[2J\t\x7f\xc2\x9b" "31m\xc2\x85\"\\\x01"

static void
test_empty(void **state)
{
	struct site *s = *state;
	char *text = print(s, NULL, true, ERR_OK);

	assert_string_equal(text, "[]\n");
	free(text);
	text = print(s, NULL, false, ERR_OK);
	assert_string_equal(text, "");
	free(text);
	for (int json = 0; json < 2; json++) {
		text = print(s, "no-such-key", json, ERR_UNUSABLE);
		assert_string_equal(text, "");
		free(text);
	}
}

static void
test_list_json(void **state)
{
	struct site *s = *state;
	char *text;

	put(s, HEAD("OnImConnectorMessageAdd", "107") GOOD("1") "," GOOD("2")
	    "," BAD TAIL, NULL);
	text = print(s, NULL, true, ERR_OK);
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
	value_is(text, "2.key", s->arrival[2].key);
	value_is(text, "2.tries", "0");
	/* texts only on demand */
	assert_null(strstr(text, "\"message\":"));
	free(text);
}

static void
test_show_json(void **state)
{
	struct site *s = *state;
	struct problem p = { 0 };
	struct work w, *one = &w;
	int64_t next;
	char *text;

	put(s, HEAD("OnImConnectorMessageAdd", "107") GOOD("1") TAIL, NULL);
	text = print(s, s->arrival[0].key, true, ERR_OK);
	value_is(text, "key", s->arrival[0].key);
	value_is(text, "message.message.text", EVIL_IS FINE);
	value_is(text, "message.im.message_id", "1");
	value_is(text, "message.k" EVIL_IS ".0", "1");
	assert_int_equal(text[strlen(text) - 1], '\n');
	free(text);
	w = work_of(s, 0, STATE_RECEIVED);
	assert_int_equal(store_delivered(s->store, &w,
	    "[\"a\",\"\x7f\\u001b\xc2\x9b\"]", &next, NULL, NULL, &p),
	    ERR_OK);
	text = print(s, s->arrival[0].key, true, ERR_OK);
	value_is(text, "state", "delivered");
	value_is(text, "ids.0", "a");
	value_is(text, "ids.1", "\x7f\x1b\xc2\x9b");
	free(text);
	assert_int_equal(acknowledge_all(s->store, &one, 1, &p), ERR_OK);
	text = print(s, s->arrival[0].key, true, ERR_OK);
	value_is(text, "state", "acknowledged");
	value_is(text, "ids.0", "a");
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
	struct site *s = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		char json[2048];
		char *text;

		(void)snprintf(json, sizeof(json), "%s%s%s",
		    HEAD("OnImConnectorMessageAdd", "107"), cases[i].element,
		    TAIL);
		put(s, json, NULL);
		text = print(s, s->arrival[0].key, true, ERR_OK);
		value_is(text, "state", "refused");
		value_is(text, cases[i].path, cases[i].value);
		free(text);
	}
}

/* Good elements of an event whose envelope cannot be used. */
static void
test_show_bad_envelope(void **state)
{
	struct site *s = *state;
	char *text;

	put(s, HEAD("OnImConnectorMessageAdd", "0") GOOD("1") TAIL,
	    "data.LINE must be a number");
	text = print(s, s->arrival[0].key, true, ERR_OK);
	value_is(text, "state", "refused");
	value_is(text, "reason", "data.LINE must be a number");
	value_is(text, "message.message.text", EVIL_IS FINE);
	free(text);
}

static void
test_people(void **state)
{
	struct site *s = *state;
	struct problem p = { 0 };
	struct work w, *one = &w;
	char *text;

	put(s, HEAD("OnImConnectorMessageAdd", "107") GOOD("1") "," BAD TAIL,
	    NULL);
	w = work_of(s, 1, STATE_RECEIVED);
	assert_int_equal(store_postponed(s->store, &one, 1, 1, HOLD_NONE,
	    "because\n\x1b[1m", &p), ERR_OK);
	text = print(s, NULL, false, ERR_OK);
	assert_non_null(strstr(text, s->arrival[0].key));
	assert_non_null(strstr(text, s->arrival[1].key));
	assert_non_null(strstr(text, "c?[2J???31m?\"\\?/107 x?[2J???31m?\"\\?"
	    FINE " because??[1m\n"));
	free(text);
	text = print(s, s->arrival[1].key, false, ERR_OK);
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
	struct site *s = *state;
	char *text;

	put(s, HEAD("OnImConnectorMessageAdd", "107") GOOD("1") TAIL, NULL);
	store_close(s->store);
	s->store = NULL;
	(void)write_file("queue.db", "this is no database, and long enough "
	    "for its first page to be looked at by the library ............");
	assert_int_equal(open_store(s), ERR_OK);
	text = print(s, NULL, true, ERR_DISK);
	assert_string_equal(text, "[]\n");
	free(text);
	text = print(s, "key", true, ERR_DISK);
	assert_string_equal(text, "");
	free(text);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_empty), TEST(test_list_json), TEST(test_show_json),
		TEST(test_show_bad_elements), TEST(test_show_bad_envelope),
		TEST(test_people), TEST(test_no_store),
	};

	return cmocka_run_group_tests_name("ctl/queue", tests, NULL, NULL);
}
