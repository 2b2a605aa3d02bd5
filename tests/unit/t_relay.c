/*
 * An event's way through the relay with a real store and real channels, but
 * no network: what is stored, handed over, told and logged.  The parts are
 * opened from a configuration as the programs do it.
 */
#include "relay/relay.h"
#include "store/admin.h"

#include "capture.h"
#include "config_files.h"
#include "fake_request.h"
#include "sender.h"
#include "setup.h"
#include "unit.h"
#include "web/read.h"

#include <dirent.h>
#include <sys/stat.h>

#define TOKEN "831c76b092f9f135d9b6b36c3a720757"
#define ACCESS "c978b990071b0008440001b0895f697a"
#define TEXT "a text that nobody else may read"

static const char conf[] =
    "[app]\napplication_token = " TOKEN "\nconnectors = mine broken none\n"
    "[store]\nurl = sqlite:%s/queue.db\n[channel]\nurl = spool:%s/spool\n"
    "[connector none]\nurl = null:\n"
    "[connector broken]\nurl = spool:%s/conf\n[log]\nlevel = debug\n";

/* Add, chat 5, message 7 unless a test says otherwise. */
#define ITEM(more) "{\"im\":{\"chat_id\":5,\"message_id\":7},\"chat\":" \
	"{\"id\":\"x\"},\"message\":{\"text\":\"" TEXT "\"}" more "}"
#define ITEM_OF(id) "{\"im\":{\"chat_id\":5,\"message_id\":" id "}," \
	"\"chat\":{\"id\":\"x\"},\"message\":{\"text\":\"" TEXT "\"}}"
#define AUTH(token, more) "\"auth\":{\"application_token\":\"" token \
	"\",\"member_id\":\"m\",\"domain\":\"d.bitrix24.com\"" more "}"
#define EVENT(name, connector, items, auth) "{\"event\":\"" name \
	"\",\"data\":{\"CONNECTOR\":\"" connector "\",\"LINE\":107," \
	"\"MESSAGES\":[" items "]},\"ts\":1," auth "}"
#define ADD(connector, items) EVENT("OnImConnectorMessageAdd", connector, \
	items, AUTH(TOKEN, ",\"access_token\":\"" ACCESS "\""))
#define DELETE(connector, items) EVENT("ONIMCONNECTORMESSAGEDELETE", \
	connector, items, AUTH(TOKEN, ""))
#define UPDATE(connector, items) EVENT("ONIMCONNECTORMESSAGEUPDATE", \
	connector, items, AUTH(TOKEN, ""))

struct site {
	struct setup setup;
	struct outcome outcome;
	struct problem problem;
	char *log;	/* of the last take() */
};

static int
start(void **state)
{
	struct setup_opts opts = { .makes_store = true };
	struct site *s = calloc(1, sizeof(*s));
	char text[1024];

	(void)make_folder(state);
	(void)snprintf(text, sizeof(text), conf, folder, folder, folder);
	opts.config = write_file("conf", text);
	if (s == NULL || setup_make(&s->setup, &opts, &s->problem) != ERR_OK)
		return -1;
	*state = s;
	return 0;
}

static int
stop(void **state)
{
	struct site *s = *state;
	int rc;

	setup_free(&s->setup);
	free(s->log);
	free(s);
	rc = remove_folder(state);
	memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
	return rc;
}

/* Lets the relay take a JSON event; the log of it stays in the site. */
static enum err
take(struct site *s, const char *json)
{
	struct fake f = fake_post((struct text){ json, strlen(json) });
	struct heard h;
	struct capture c;
	struct event ev;
	enum err e;

	s->problem = (struct problem){ 0 };
	heard_init(&h, &clock_system, 600000);
	event_init(&ev, 1 << 24);
	if (read_event(&f.request, 1 << 20, &ev, &s->problem) != ERR_OK)
		fail_msg("%s", s->problem.text);
	free(s->log);
	capture_begin(&c, STDERR_FILENO);
	e = heard_take(&s->setup.relay, &ev, &h, &s->outcome, &s->problem);
	s->log = capture_end(&c);
	event_free(&ev);
	fake_free(&f);
	assert_int_equal(e, s->problem.err);
	/* whoever is refused is told by the caller */
	assert_int_equal(h.ended, e == ERR_OK);
	assert_int_equal(h.thread_ended, 0);
	assert_null(strstr(s->log, TOKEN));
	assert_null(strstr(s->log, ACCESS));
	assert_null(strstr(s->log, "wr0ng"));
	assert_null(strstr(s->log, "nobody else"));
	assert_null(strstr(s->problem.text, "wr0ng"));
	assert_null(strstr(s->problem.text, "nobody else"));
	return e;
}

static void
outcome_is(const struct site *s, size_t messages, size_t acknowledged,
    size_t refused)
{
	const struct outcome *o = &s->outcome;

	if (o->result != NULL || o->messages != messages ||
	    o->acknowledged != acknowledged || o->refused != refused)
		fail_msg("%s %zu %zu %zu", o->result, o->messages,
		    o->acknowledged, o->refused);
}

/* The rows of the store as "STATE/STEP TRIES BODY? MESSAGE_ID;...". */
static bool
add_row(void *ctx, const struct stored *m)
{
	struct buf *b = ctx;

	assert_int_equal(buf_addf(b, "%s/%s %lld %s %lld;",
	    state_name(m->state), step_name(m->step), (long long)m->tries,
	    m->body != NULL ? "body" : "-", (long long)m->message_id),
	    ERR_OK);
	return true;
}

static void
rows_are(const struct site *s, const char *want)
{
	const struct filter any = { .key = NULL };
	struct problem p = { 0 };
	struct buf b;

	buf_init(&b, 4096);
	assert_int_equal(store_each(s->setup.store, &any, add_row, &b, &p),
	    ERR_OK);
	assert_string_equal(buf_str(&b), want);
	buf_free(&b);
}

static size_t
handed_over(void)
{
	DIR *dir = opendir(in_folder("spool/new"));
	struct dirent *d;
	size_t n = 0;

	while (dir != NULL && (d = readdir(dir)) != NULL)
		n += d->d_name[0] != '.';
	if (dir != NULL)
		(void)closedir(dir);
	return n;
}

static void
test_wrong_tokens(void **state)
{
	static const char *const events[] = {
		EVENT("OnImConnectorMessageAdd", "mine", ITEM(""),
		    AUTH("wr0ng", "")),
		EVENT("OnImConnectorMessageAdd", "mine", ITEM(""),
		    AUTH("", "")),
		EVENT("OnImConnectorMessageAdd", "mine", ITEM(""),
		    "\"auth\":{\"member_id\":\"m\"}"),
		EVENT("OnImConnectorMessageAdd", "mine", ITEM(""),
		    "\"auth\":null"),
		/* nor is anything told about it */
		EVENT("ONAPPTEST", "mine", "", AUTH("wr0ng", "")),
		EVENT("OnImConnectorMessageAdd", "foreign", ITEM(""),
		    AUTH("wr0ng", "")),
		EVENT("OnImConnectorMessageAdd", "mine", "{}",
		    AUTH("wr0ng", "")),
		"{}", "[]", "{\"application_token\":\"" TOKEN "\"}",
		"{\"data\":{\"application_token\":\"" TOKEN "\"}}",
	};
	struct site *s = *state;

	for (size_t i = 0; i < COUNT(events); i++) {
		assert_int_equal(take(s, events[i]), ERR_DENIED);
		assert_null(s->outcome.result);
	}
	rows_are(s, "");
	assert_int_equal(handed_over(), 0);
}

static void
test_ignored(void **state)
{
	static const char *const events[] = {
		EVENT("ONAPPTEST", "mine", "", AUTH(TOKEN, "")),
		EVENT("OnImConnectorDialogStart", "mine", ITEM(""),
		    AUTH(TOKEN, "")),
		EVENT("ONIMCONNECTORMESSAGEADDX", "mine", ITEM(""),
		    AUTH(TOKEN, "")),
		EVENT("OnImConnectorMessageAdd", "foreign", ITEM(""),
		    AUTH(TOKEN, "")),
		EVENT("OnImConnectorMessageAdd", "foreign", "{}",
		    AUTH(TOKEN, "")),
		"{\"event\":\"ONIMCONNECTORLINEDELETE\",\"data\":\"5\","
		    AUTH(TOKEN, "") "}",
		"{\"event\":\"X\"," AUTH(TOKEN, "") "}",
	};
	struct site *s = *state;

	for (size_t i = 0; i < COUNT(events); i++) {
		assert_int_equal(take(s, events[i]), ERR_OK);
		assert_string_equal(s->outcome.result, "ignored");
		assert_non_null(s->outcome.reason);
		assert_non_null(strstr(s->log, "event=ignored"));
		assert_non_null(strstr(s->log, s->outcome.reason));
	}
	assert_non_null(strstr(s->outcome.reason, "no use"));
	assert_int_equal(take(s, events[3]), ERR_OK);
	assert_non_null(strstr(s->outcome.reason, "app.connectors"));
	rows_are(s, "");
}

/* Taken by the channel, but Bitrix24 cannot be told. */
static void
test_no_call_can_be_made(void **state)
{
	static const struct {
		const char *event, *reason;
	} cases[] = {
		{ ADD("mine", ITEM_OF("1")), "no client_endpoint is known" },
		{ EVENT("OnImConnectorMessageAdd", "MINE", ITEM_OF("2"),
		    AUTH(TOKEN, ",\"access_token\":\"" ACCESS "\","
		    "\"client_endpoint\":\"https://evil.org/rest/\"")),
		    "none of app.portals" },
		{ EVENT("OnImConnectorMessageAdd", "mine", ITEM_OF("3"),
		    AUTH(TOKEN, ",\"client_endpoint\":"
		    "\"https://d.bitrix24.com/rest/\"")),
		    "no tokens of this portal" },
		{ EVENT("OnImConnectorMessageAdd", "mine", ITEM_OF("4"),
		    AUTH(TOKEN, ",\"access_token\":\"undefined\","
		    "\"client_endpoint\":\"https://d.bitrix24.com/rest/\"")),
		    "no tokens of this portal" },
		{ EVENT("OnImConnectorMessageAdd", "mine", ITEM_OF("5"),
		    AUTH(TOKEN, ",\"access_token\":\"\",\"client_endpoint\":"
		    "\"https://d.bitrix24.com/rest/\"")),
		    "no tokens of this portal" },
	};
	struct site *s = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(take(s, cases[i].event), ERR_OK);
		outcome_is(s, 1, 0, 0);
		assert_int_equal(handed_over(), i + 1);
		assert_non_null(strstr(s->log, "event=stored"));
		assert_non_null(strstr(s->log, "event=delivered"));
		assert_non_null(strstr(s->log, "event=postponed"));
		assert_non_null(strstr(s->log, cases[i].reason));
		assert_null(strstr(s->log, "evil"));
	}
	/* the parked ones have gone along with the newer ones */
	rows_are(s, "delivered/ 1 body 1;delivered/ 1 body 2;"
	    "delivered/ 3 body 3;delivered/ 2 body 4;delivered/ 1 body 5;");
}

static void
test_delete_needs_no_call(void **state)
{
	struct site *s = *state;

	assert_int_equal(take(s, DELETE("mine", ITEM_OF("1") ","
	    ITEM_OF("2"))), ERR_OK);
	outcome_is(s, 2, 2, 0);
	rows_are(s, "acknowledged/ 0 - 1;acknowledged/ 0 - 2;");
	assert_int_equal(handed_over(), 2);
	assert_int_equal(take(s, DELETE("mine", ITEM_OF("2"))), ERR_OK);
	outcome_is(s, 1, 1, 0);		/* a repeat of an acknowledged one */
	assert_non_null(strstr(s->log, "event=repeat"));
	assert_int_equal(handed_over(), 2);
}

static void
test_repeats(void **state)
{
	struct site *s = *state;

	assert_int_equal(take(s, ADD("mine", ITEM(""))), ERR_OK);
	outcome_is(s, 1, 0, 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(take(s, ADD("mine", ITEM(""))), ERR_OK);
		outcome_is(s, 1, 0, 0);
		assert_null(strstr(s->log, "event=delivered"));
	}
	/* one that is on its way and one that is new */
	assert_int_equal(take(s, ADD("mine", ITEM("") "," ITEM_OF("8"))),
	    ERR_OK);
	outcome_is(s, 2, 0, 0);
	/* the same one twice in an event */
	assert_int_equal(take(s, DELETE("mine", ITEM("") "," ITEM(""))),
	    ERR_OK);
	outcome_is(s, 2, 2, 0);
	assert_int_equal(handed_over(), 3);
	rows_are(s, "delivered/ 1 body 7;delivered/ 1 body 8;"
	    "acknowledged/ 0 - 7;");
}

static void
test_updates(void **state)
{
	struct site *s = *state;

	assert_int_equal(take(s, UPDATE("mine", ITEM(",\"a\":1"))), ERR_OK);
	assert_int_equal(take(s, UPDATE("mine", ITEM(",\"a\":2"))), ERR_OK);
	assert_int_equal(take(s, UPDATE("mine", ITEM(",\"a\":2"))), ERR_OK);
	assert_int_equal(take(s, UPDATE("mine", ITEM(",\"a\":1"))), ERR_OK);
	assert_int_equal(handed_over(), 3);
}

#define NO_CHAT "{\"im\":{\"chat_id\":5,\"message_id\":9}," \
	"\"message\":{\"text\":\"" TEXT "\"}}"

static void
test_good_and_bad(void **state)
{
	struct site *s = *state;

	assert_int_equal(take(s, ADD("mine", NO_CHAT "," ITEM(""))), ERR_OK);
	outcome_is(s, 2, 0, 1);
	assert_non_null(strstr(s->log, "event=refused"));
	assert_non_null(strstr(s->log, "field=chat.id"));
	rows_are(s, "delivered/ 1 body 7;refused/read 0 body 9;");
	assert_int_equal(handed_over(), 1);
	assert_int_equal(take(s, ADD("mine", NO_CHAT "," ITEM(""))), ERR_OK);
	outcome_is(s, 2, 0, 1);
	rows_are(s, "delivered/ 1 body 7;refused/read 0 body 9;");
}

static void
test_unusable(void **state)
{
	static const struct {
		const char *event, *field;
	} cases[] = {
		{ ADD("mine", NO_CHAT), "data.MESSAGES[0].chat.id" },
		{ ADD("mine", "{\"im\":{\"chat_id\":0,\"message_id\":9}}"),
		    "data.MESSAGES[0].im.chat_id" },
		{ ADD("", ITEM("")), "data.CONNECTOR" },
		{ ADD("mine", ""), "data.MESSAGES" },
		{ "{\"data\":{\"CONNECTOR\":\"mine\",\"LINE\":1,\"MESSAGES\":["
		    ITEM("") "]}," AUTH(TOKEN, "") "}", "event" },
		{ EVENT("", "mine", ITEM(""), AUTH(TOKEN, "")), "event" },
		{ "{\"event\":\"ONIMCONNECTORMESSAGEADD\",\"data\":{"
		    "\"CONNECTOR\":\"mine\",\"LINE\":\"x\",\"MESSAGES\":["
		    ITEM("") "]}," AUTH(TOKEN, "") "}", "data.LINE" },
		{ EVENT("ONIMCONNECTORMESSAGEADD", "mine", ITEM(""),
		    "\"auth\":{\"application_token\":\"" TOKEN "\"}"),
		    "auth.member_id" },
	};
	struct site *s = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		if (take(s, cases[i].event) != ERR_UNUSABLE)
			fail_msg("%s: %s", cases[i].field, s->problem.text);
		assert_string_equal(s->problem.field, cases[i].field);
		assert_non_null(strstr(s->problem.text, cases[i].field));
	}
	assert_int_equal(handed_over(), 0);
	/* kept, where it is known whose they are; nameless ones are equal */
	rows_are(s, "refused/read 0 body 9;refused/read 0 body 0;"
	    "refused/read 0 body 7;refused/read 0 body 7;"
	    "refused/read 0 body 7;");
}

/* The channel fails: what was stored stays, and the next one still goes. */
static void
test_channel_fails(void **state)
{
	struct site *s = *state;

	assert_int_equal(take(s, ADD("broken", ITEM_OF("1") ","
	    ITEM_OF("2"))), ERR_OK);
	outcome_is(s, 2, 0, 0);
	assert_non_null(strstr(s->log, "step=hand-over"));
	/* the second waits behind the first of its chat, and was not tried */
	rows_are(s, "received/ 1 body 1;received/ 0 body 2;");
	assert_int_equal(take(s, DELETE("none", ITEM_OF("3"))), ERR_OK);
	outcome_is(s, 1, 1, 0);
}

/* Nothing is handed over that was not stored. */
static void
test_no_store(void **state)
{
	struct site *s = *state;

	assert_int_equal(mkdir(in_folder("queue.db"), 0700), 0);
	assert_int_equal(take(s, ADD("mine", ITEM(""))), ERR_DISK);
	assert_true(s->problem.text[0] != '\0');
	assert_int_equal(take(s, ADD("mine", NO_CHAT)), ERR_DISK);
	assert_int_equal(handed_over(), 0);
	assert_int_equal(rmdir(in_folder("queue.db")), 0);
	assert_int_equal(take(s, ADD("mine", ITEM(""))), ERR_OK);
	outcome_is(s, 1, 0, 0);
	assert_int_equal(handed_over(), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_wrong_tokens), TEST(test_ignored),
		TEST(test_no_call_can_be_made),
		TEST(test_delete_needs_no_call), TEST(test_repeats),
		TEST(test_updates), TEST(test_good_and_bad),
		TEST(test_unusable), TEST(test_channel_fails),
		TEST(test_no_store),
	};

	return cmocka_run_group_tests_name("relay/relay", tests, NULL, NULL);
}
