/*
 * The grammar: what it refuses (second values, elements that are closed,
 * caps) and which field makes an element useless.
 *
 * Run by make check.  In the tables ' stands for ".
 */
#include "event_read.h"

#include <stdio.h>

#define LIST(json) "{'data':{'MESSAGES':" json "}}"
#define M "data[MESSAGES][0]"
#define TWICE " is given twice"
#define AGAIN " is given twice in one element"

struct wrong {
	const char *json, *form;
	const char *field, *text;
};

#define AUTH(key) { "{'auth':{'" key "':'a','" key "':'a'}}", \
	"auth[" key "]=a&auth[" key "]=a", "auth." key, "auth." key TWICE }, \
	{ "{'auth':{'" key "':null},'ts':1,'auth':{'" key "':''}}", \
	"auth[" key "]=&ts=1&auth%5B" key "%5D=b", "auth." key, \
	"auth." key TWICE }
#define DATA(key) { "{'data':{'" key "':1,'" key "':1}}", \
	"data[" key "]=1&data[" key "]=2", "data." key, "data." key TWICE }
#define ID(box, key) { LIST("[{'" box "':{'" key "':1,'" key "':1}}]"), \
	M "[" box "][" key "]=1&" M "[" box "][" key "]=1", \
	box "." key, box "." key AGAIN }, \
	{ LIST("[{'" box "':{'" key "':1},'x':1,'" box "':{'" key "':2}}]"), \
	M "[" box "][" key "]=1&" M "[x]=1&" M "[" box "][" key "]=2", \
	box "." key, box "." key AGAIN }, \
	{ LIST("[{'" box "':{'" key "':1,'" key "':null}}]"), NULL, \
	box "." key, box "." key AGAIN }, \
	{ LIST("[{'" box "':{'" key "':1,'" key "':[2]}}]"), \
	M "[" box "][" key "]=1&" M "[" box "][" key "][]=2", \
	box "." key, box "." key AGAIN }, \
	{ LIST("[{'" box "':{'" key "':[1],'" key "':2}}]"), \
	M "[" box "][" key "][]=1&" M "[" box "][" key "]=2", \
	box "." key, box "." key AGAIN }

static void
expect_input(const struct wrong *w, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		expect_wrong(&codec_json, w[i].json, ERR_INPUT, w[i].field,
		    w[i].text);
		expect_wrong(&codec_form, w[i].form, ERR_INPUT, w[i].field,
		    w[i].text);
	}
}

static void
test_twice(void **state)
{
	static const struct wrong cases[] = {
		{ "{'event':'a','event':'a'}", "event=a&event=a", "event",
		  "event" TWICE },
		AUTH("application_token"), AUTH("access_token"),
		AUTH("member_id"), AUTH("domain"), AUTH("client_endpoint"),
		AUTH("refresh_token"), AUTH("expires"), AUTH("expires_in"),
		AUTH("scope"), AUTH("server_endpoint"), AUTH("status"),
		AUTH("user_id"), DATA("CONNECTOR"), DATA("LINE"),
	};

	(void)state;
	expect_input(cases, COUNT(cases));
}

static void
test_identifier_twice(void **state)
{
	static const struct wrong cases[] = {
		ID("im", "chat_id"), ID("im", "message_id"), ID("chat", "id"),
		ID("message", "id"),
	};

	(void)state;
	expect_input(cases, COUNT(cases));
}

/* Names that only look like an identifier's may come twice. */
static void
test_not_twice(void **state)
{
	static const char want[] = "0: 0/0 chat= own= bad=im.chat_id {'im':"
	    "{'id':'2','x':{'chat_id':'2'}},'chat':{'chat_id':'2'},'x':"
	    "{'im':{'chat_id':'2'},'id':'2'},'chat_id':'2'}\n";

	(void)state;
	expect_event(&codec_json, LIST("[{'im':{'id':1,'id':2,'x':{"
	    "'chat_id':1,'chat_id':2}},'chat':{'chat_id':1,'chat_id':2},"
	    "'x':{'im':{'chat_id':1,'chat_id':2},'id':1,'id':2},"
	    "'chat_id':1,'chat_id':2}]"), want);
	/* each element has its own */
	expect_event(&codec_form, M "[im][chat_id]=1&"
	    "data[MESSAGES][1][im][chat_id]=1",
	    "0: 1/0 chat= own= bad=im.message_id {'im':{'chat_id':'1'}}\n"
	    "1: 1/0 chat= own= bad=im.message_id {'im':{'chat_id':'1'}}\n");
}

static void
test_closed(void **state)
{
	static const char field[] = "data.MESSAGES";
	static const char text[] =
	    "data.MESSAGES goes back to an element that is closed";
	static const struct wrong cases[] = {
		{ LIST("{'0':{'a':1},'1':{'a':1},'0':{'b':1}}"),
		  M "[a]=1&data[MESSAGES][1][a]=1&" M "[b]=1", field, text },
		{ LIST("{'5':{'a':1},'5':{'b':1}}"),
		  M "[a]=1&ts=1&" M "[b]=1", field, text },
		{ "{'data':{'MESSAGES':[1],'MESSAGES':[2]}}", M "=1&ts=1&"
		  M "=2", field, text },
		/* of an element that vanished, too */
		{ LIST("{'0':{},'0':{'b':1}}"), NULL, field, text },
		{ LIST("{'7':1,'9':1,'8':1,'10':1,'8':2}"),
		  "data[MESSAGES][7]=1&data[MESSAGES][9]=1&data[MESSAGES][8]"
		  "=1&data[MESSAGES][]=1&data[MESSAGES][8]=2", field, text },
		{ LIST("{'3':1,'4':1,'4':2}"), "data[MESSAGES][3]=1&"
		  "data[MESSAGES][]=1&data[MESSAGES][4]=1", field, text },
		{ "{'data':{'DATA':{'0':1,'0':2}}}", "data[DATA][0]=1&ts=1&"
		  "data[DATA][0]=2", "data.DATA",
		  "data.DATA goes back to an element that is closed" },
	};

	(void)state;
	expect_input(cases, COUNT(cases));
}

/* im, chat: what is wrong with it; the field that is named. */
static void
expect_bad(const char *element, const char *said)
{
	char in[512], out[512];

	(void)snprintf(in, sizeof(in), LIST("[%s]"), element);
	(void)snprintf(out, sizeof(out), "0: %s\n", said);
	expect_event(&codec_json, in, out);
}

static void
test_bad_ids(void **state)
{
	static const char *const useless[] = { "0", "-1", "'x'", "''", "'01'",
		"1.0", "1e3", "null", "{}", "[5]", "{'x':5}", "' 1'", "'+1'",
		"9223372036854775808", "'undefined'", "false" };
	char in[256];
	struct reading r;

	(void)state;
	for (size_t i = 0; i < COUNT(useless) * 2; i++) {
		const char *u = useless[i / 2];
		char *body;

		(void)snprintf(in, sizeof(in), LIST("[{'im':{'chat_id':%s,"
		    "'message_id':%s},'chat':{'id':'c'}}]"),
		    i % 2 ? "1" : u, i % 2 ? u : "1");
		body = quoted(in);
		reading_run(&r, &codec_json, (struct text){ body,
		    strlen(body) }, 0);
		assert_int_equal(r.problem.err, ERR_OK);
		assert_int_equal(r.ev.messages, 1);
		assert_non_null(r.ev.message[0].bad);
		assert_string_equal(r.ev.message[0].bad,
		    i % 2 ? "im.message_id" : "im.chat_id");
		event_free(&r.ev);
		free(body);
	}
}

static void
test_bad_element(void **state)
{
	(void)state;
	expect_bad("{'im':{'chat_id':9223372036854775807,'message_id':true},"
	    "'chat':{'id':0}}", "9223372036854775807/1 chat=0 own= bad=- "
	    "'im':{'chat_id':9223372036854775807,'message_id':1},"
	    "'chat':{'id':'0'}");
	expect_bad("{'im':{'chat_id':1,'message_id':2}}", "1/2 chat= own= "
	    "bad=chat.id {'im':{'chat_id':'1','message_id':'2'}}");
	expect_bad("{'im':{'chat_id':1,'message_id':2},'chat':{'id':''}}",
	    "1/2 chat= own= bad=chat.id {'im':{'chat_id':'1',"
	    "'message_id':'2'},'chat':{'id':''}}");
	expect_bad("{'im':{'chat_id':1,'message_id':2},'chat':{'id':[1]}}",
	    "1/2 chat= own= bad=chat.id {'im':{'chat_id':'1',"
	    "'message_id':'2'},'chat':{'id':['1']}}");
	expect_bad("{'im':{'chat_id':1,'message_id':2},'chat':'c'}",
	    "1/2 chat= own= bad=chat.id {'im':{'chat_id':'1',"
	    "'message_id':'2'},'chat':'c'}");
	/* the first one in the order im.chat_id, im.message_id, chat.id */
	expect_bad("{'im':{'message_id':0},'event':'e','message':{'id':5}}",
	    "0/0 chat= own='5' bad=im.chat_id {'im':{'message_id':'0'},"
	    "'event':'e','message':{'id':'5'}}");
	expect_bad("{'im':7,'chat':{'id':'c'}}", "0/0 chat=c own= "
	    "bad=im.chat_id {'im':'7','chat':{'id':'c'}}");
	/* no container at all, or a list */
	expect_bad("'text'", "0/0 chat= own= bad=im.chat_id 'text'");
	expect_bad("[5,[6]]", "0/0 chat= own= bad=im.chat_id ['5',['6']]");
}

/* `times` times a middle in a JSON body: ERR_OK or a refusal. */
static void
expect_size(const char *head, const char *middle, size_t times,
    const char *tail, const char *want)
{
	char *a = quoted(head), *m = quoted(middle), *z = quoted(tail);
	struct buf b;
	struct reading r;

	buf_init(&b, BIG_MAX);
	big_add(&b, a, 1);
	big_add(&b, m, times);
	big_add(&b, z, 1);
	reading_run(&r, &codec_json, big_text(&b), 65521);
	assert_string_equal(r.problem.text, want);
	assert_int_equal(r.problem.err, *want != '\0' ? ERR_TOOBIG : ERR_OK);
	event_free(&r.ev);
	buf_free(&b);
	free(a);
	free(m);
	free(z);
}

#define GOOD "{'im':{'chat_id':1,'message_id':2},'chat':{'id':'c'}"

static void
test_caps(void **state)
{
	static const char element[] = "{'data':{'MESSAGES':[" GOOD ",'x':[0";
	static const char list[] = "{'data':{'MESSAGES':[" GOOD "}";

	(void)state;
	/* im, chat_id, message_id, chat, id, x, 0 are seven */
	expect_size(element, ",1", 4096 - 7, "]}]}}", "");
	expect_size(element, ",1", 4096 - 6, "]}]}}",
	    "an element has too many values");
	/* the cap is one element's, not the list's */
	expect_size("{'data':{'MESSAGES':[1", ",{'x':[1,1,1,1,1,1,1,1]}", 600,
	    "]}}", "");
	expect_size("{'x':[0", ",1", 262144 - 2, "]}", "");
	expect_size("{'x':[0", ",1", 262144 - 1, "]}", "too many values");
	expect_size(list, "," GOOD "}", 16384 - 1, "]}}", "");
	expect_size(list, "," GOOD "}", 16384, "]}}",
	    "data.MESSAGES has too many elements");
	expect_size("{'data':{'DATA':[0", ",0", 16384, "]}}",
	    "data.DATA has too many elements");
	expect_size(list, ",{}", 16384, "]}}",
	    "data.MESSAGES has too many elements");
}

static void
test_long_fields(void **state)
{
	static const struct {
		const char *head, *tail, *why;
	} fields[] = {
		{ "{'event':'", "'}", "event is too long" },
		{ "{'ts':'", "'}", "ts is too long" },
		{ "{'data':{'CONNECTOR':'", "'}}",
		  "data.CONNECTOR is too long" },
		{ "{'data':{'LINE':'", "'}}", "data.LINE is too long" },
		{ "{'auth':{'application_token':'", "'}}",
		  "auth.application_token is too long" },
		{ "{'auth':{'member_id':'", "'}}",
		  "auth.member_id is too long" },
		{ "{'auth':{'scope':'", "'}}", "auth.scope is too long" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(fields); i++) {
		expect_size(fields[i].head, "x", 4096, fields[i].tail, "");
		expect_size(fields[i].head, "x", 4097, fields[i].tail,
		    fields[i].why);
	}
	expect_size("{'event_handler_id':'", "x", 262144, "'}", "");
}

/* What the callback returns ends the reading, with its error. */
static enum err
refuse_second(void *ctx, const struct message *m)
{
	size_t *calls = ctx;

	assert_int_equal(m->index, (int64_t)*calls);
	return ++*calls == 2 ? ERR_TOOBIG : ERR_OK;
}

static void
test_callback_refuses(void **state)
{
	static const char in[] = "{\"data\":{\"MESSAGES\":[1,2,3]}}";
	struct problem p = { 0 };
	struct grammar *g;
	struct event ev;
	size_t calls = 0;
	void *reader;

	(void)state;
	event_init(&ev, READ_MAX);
	assert_int_equal(grammar_new(&g, &ev, READ_MAX, refuse_second, &calls,
	    &p), ERR_OK);
	reader = codec_json.open(grammar_sax(g), &p);
	assert_int_equal(codec_json.feed(reader, in, sizeof(in) - 1),
	    ERR_TOOBIG);
	assert_string_equal(p.text, "the event is too large");
	assert_int_equal(calls, 2);
	codec_json.close(reader);
	grammar_free(g);
	grammar_free(NULL);
	event_free(&ev);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_identifier_twice),
		cmocka_unit_test(test_not_twice),
		cmocka_unit_test(test_closed),
		cmocka_unit_test(test_bad_ids),
		cmocka_unit_test(test_bad_element),
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_long_fields),
		cmocka_unit_test(test_callback_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
