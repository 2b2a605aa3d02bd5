/*
 * The http channel against a scripted peer: what it sends, which ids it
 * reads, and every class of statuses of the contract's table.
 */
#include "channel/channel.h"

#include "big.h"
#include "canned.h"
#include "unit.h"

#define KEY "abcDEF-_0123456789"
#define OBJECT "{\"key\":\"" KEY "\",\"text\":\"\xd0\x96 \\n\"}"

struct site {
	struct canned canned;
	struct config config;
	struct config_channel channel;
	struct channels *channels;
	char url[256];
	int ends;
};

static void
use_url(struct site *s, const char *scheme, int port, const char *path)
{
	const struct channel_env env = { s->canned.client, &clock_system };
	struct problem p = { 0 };

	channels_close(s->channels);
	(void)snprintf(s->url, sizeof(s->url), "%s://127.0.0.1:%d%s", scheme,
	    port, path);
	assert_int_equal(channels_open(&s->channels, &s->config, &env, &p),
	    ERR_OK);
}

static int
start(void **state)
{
	static char none[] = "";
	struct site *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	canned_start(&s->canned);
	s->channel = (struct config_channel){ none, 0, s->url, 20 };
	s->config.channel = &s->channel;
	s->config.channels = 1;
	use_url(s, "http", s->canned.peer->port, "/hook?a=b&c=%20d");
	*state = s;
	return 0;
}

static int
stop(void **state)
{
	struct site *s = *state;

	channels_close(s->channels);
	canned_stop(&s->canned);
	free(s);
	return 0;
}

static struct receipt
send_it(struct site *s)
{
	const struct parcel parcel = { KEY, 1773759161000000, OBJECT,
		sizeof(OBJECT) - 1 };
	struct patience patience = patience_of(20000, &s->ends);
	struct receipt r;

	s->ends = 0;
	receipt_init(&r);
	channels_send(s->channels, "myconnector", 107, &parcel, &patience,
	    &r);
	assert_true((r.err == ERR_OK) == (r.reason[0] == '\0'));
	assert_true((r.err == ERR_OK) == (r.ids.len != 0));
	assert_null(strstr(r.reason, "hook"));	/* a URL can hold secrets */
	assert_null(strstr(r.reason, "127.0"));
	return r;
}

static void
test_request(void **state)
{
	struct site *s = *state;
	struct receipt r = send_it(s);
	const struct peer_request *rq = canned_last(&s->canned);
	char text[512];

	assert_int_equal(r.err, ERR_OK);
	receipt_free(&r);
	assert_memory_equal(rq->head, "POST /hook?a=b&c=%20d HTTP/1.1\r\n",
	    32);
	assert_string_equal(peer_header(rq, "\r\nContent-Type:", text),
	    "application/json");
	assert_string_equal(peer_header(rq, "\r\nwebhook-id:", text), KEY);
	assert_int_equal(rq->body_len, sizeof(OBJECT) - 1);
	assert_memory_equal(rq->body, OBJECT, sizeof(OBJECT) - 1);
	assert_int_equal(s->ends, 0);
}

static void
ids_are(struct site *s, struct text answer, const char *ids)
{
	struct receipt r;

	canned_set(&s->canned, "200 OK", "", answer);
	r = send_it(s);
	assert_int_equal(r.err, ERR_OK);
	if (strcmp(buf_str(&r.ids), ids) != 0)
		fail_msg("%.100s: %.100s", answer.p, buf_str(&r.ids));
	receipt_free(&r);
}

static void
test_ids(void **state)
{
	static const struct {
		struct text answer;
		const char *ids;
	} cases[] = {
		{ T("{\"id\":\"a\"}"), "[\"a\"]" },
		{ T(" { \"x\" : [1] , \"id\" : \"a\" } \n"), "[\"a\"]" },
		{ T("{\"id\":17}"), "[\"17\"]" },
		{ T("{\"id\":0}"), "[\"0\"]" },
		{ T("{\"id\":-1.50e3}"), "[\"-1.50e3\"]" },
		{ T("{\"id\":90071992547409931234567890}"),
		    "[\"90071992547409931234567890\"]" },
		{ T("{\"ids\":[\"a\",\"b\"]}"), "[\"a\",\"b\"]" },
		{ T("{\"ids\":[\"b\",17,\"a\"]}"), "[\"b\",\"17\",\"a\"]" },
		{ T("{\"ids\":[\"\",null,\"b\",\"\"]}"), "[\"b\"]" },
		{ T("{\"id\":\"a\",\"ids\":[\"b\",\"c\"]}"), "[\"b\",\"c\"]" },
		{ T("{\"ids\":[\"b\",\"c\"],\"id\":\"a\"}"), "[\"b\",\"c\"]" },
		{ T("{\"ids\":[],\"id\":\"a\"}"), "[\"a\"]" },
		{ T("{\"id\":\"\\\"\\\\\\n\\u20ac\\u001b\"}"),
		    "[\"\\\"\\\\\\n\xe2\x82\xac\\u001b\"]" },
	};
	struct site *s = *state;

	for (size_t i = 0; i < COUNT(cases); i++)
		ids_are(s, cases[i].answer, cases[i].ids);
}

/* It took the message; the key serves as its id. */
static void
test_no_ids(void **state)
{
	static const struct text answers[] = {
		T(""), T(" "), T("ok"), T("<html>"), T("{}"), T("[]"), T("17"),
		T("[\"a\"]"), T("\"a\""), T("null"), T("{\"id\":\"\"}"),
		T("{\"id\":null}"), T("{\"id\":[\"a\"]}"),
		T("{\"id\":{\"x\":\"a\"}}"), T("{\"ids\":[]}"),
		T("{\"ids\":[\"\"]}"), T("{\"ids\":null}"),
		T("{\"ids\":[[\"a\"],{\"x\":\"b\"}]}"), T("{\"ids\":\"a\"}"),
		T("{\"result\":{\"id\":\"a\",\"ids\":[\"b\"]}}"),
		T("{\"ID\":\"a\"}"), T("{\"id \":\"a\"}"),
		T("{\"id\":\"a\""), T("{\"id\":\"a\"} x"),
		T("{\"id\":\"a\"}{"), T("{\"id\":\"\xff\"}"),
		T("{\"id\":\"a\\u0000b\"}"), T("{\"id\":\"a\"}\0"),
		T("{\"ids\":[\"a\",\"b\",]}"), T("id=a"),
	};
	struct site *s = *state;

	for (size_t i = 0; i < COUNT(answers); i++)
		ids_are(s, answers[i], "[\"" KEY "\"]");
}

static void
test_large_answers(void **state)
{
	const size_t cap = (size_t)64 * 1024;
	struct site *s = *state;
	struct buf fits = big("{\"id\":\"a\"}", " ", cap - 10, "");
	struct buf over = big("{\"id\":\"a\"}", " ", cap - 9, "");
	struct buf deep = big("{\"id\":\"a\",\"x\":", "[", 20000, "");
	struct buf many = big("{\"ids\":[1", ",1", 30000, "]}");
	struct buf some = big("{\"ids\":[\"1\"", ",\"1\"", 10000, "]}");
	struct buf want = big("[\"1\"", ",\"1\"", 10000, "]");
	struct buf *all[] = { &fits, &over, &deep, &many, &some, &want };

	ids_are(s, big_text(&fits), "[\"a\"]");
	ids_are(s, big_text(&over), "[\"" KEY "\"]");
	ids_are(s, big_text(&deep), "[\"" KEY "\"]");
	/* as text they are more than a receipt holds */
	ids_are(s, big_text(&many), "[\"" KEY "\"]");
	ids_are(s, big_text(&some), buf_str(&want));
	canned_set(&s->canned, "200 OK", "", (struct text)T(""));
	for (size_t i = 0; i < COUNT(all); i++)
		buf_free(all[i]);
}

static void
status_is(struct site *s, int status, enum err e)
{
	char line[32], reason[64];
	struct receipt r;

	(void)snprintf(line, sizeof(line), "%d Told", status);
	(void)snprintf(reason, sizeof(reason), "channel: HTTP status %d",
	    status);
	canned_set(&s->canned, line, "", (struct text)T(""));
	r = send_it(s);
	if (r.err != e)
		fail_msg("%d: %s", status, err_name(r.err));
	assert_string_equal(r.reason, e != ERR_OK ? reason : "");
	assert_int_equal(r.retry_after_s, -1);
	receipt_free(&r);
}

static void
test_statuses(void **state)
{
	static const int taken[] = { 200, 201, 202, 204, 206, 299 };
	static const int refused[] = { 400, 410, 413, 415, 422 };
	static const int again[] = { 300, 301, 302, 303, 304, 307, 308, 399,
		401, 402, 403, 404, 405, 406, 407, 408, 409, 411, 412, 414,
		416, 417, 418, 421, 423, 425, 429, 451, 499, 500, 501, 502,
		503, 504, 505, 599, 600, 999 };
	struct site *s = *state;

	for (size_t i = 0; i < COUNT(taken); i++)
		status_is(s, taken[i], ERR_OK);
	for (size_t i = 0; i < COUNT(refused); i++)
		status_is(s, refused[i], ERR_REFUSED);
	for (size_t i = 0; i < COUNT(again); i++)
		status_is(s, again[i], ERR_RETRY);
}

/* Ids in an answer that is no "took it" are worth nothing. */
static void
test_status_counts_first(void **state)
{
	struct site *s = *state;
	struct receipt r;
	struct buf large = big("", "x", 70000, "");

	canned_set(&s->canned, "500 No", "Retry-After: 120\r\n",
	    (struct text)T("{\"id\":\"a\"}"));
	r = send_it(s);
	assert_int_equal(r.err, ERR_RETRY);
	assert_string_equal(r.reason, "channel: HTTP status 500");
	assert_int_equal(r.retry_after_s, 120);
	receipt_free(&r);
	canned_set(&s->canned, "422 No", "",
	    (struct text)T("{\"id\":\"a\"}"));
	r = send_it(s);
	assert_int_equal(r.err, ERR_REFUSED);
	assert_string_equal(r.reason, "channel: HTTP status 422");
	receipt_free(&r);
	canned_set(&s->canned, "500 No", "", big_text(&large));
	r = send_it(s);
	assert_int_equal(r.err, ERR_RETRY);
	receipt_free(&r);
	canned_set(&s->canned, "200 OK", "", (struct text)T(""));
	buf_free(&large);
}

static void
test_no_redirect(void **state)
{
	struct site *s = *state;
	struct receipt r;

	canned_set(&s->canned, "307 Over there", "Location: /other\r\n",
	    (struct text)T(""));
	r = send_it(s);
	assert_int_equal(r.err, ERR_RETRY);
	receipt_free(&r);
	assert_int_equal(canned_requests(&s->canned), 1);
}

static void
test_dead_peers(void **state)
{
	struct site *s = *state;
	struct peer *other = peer_start();
	static const char *const paths[] = { "/nothing", "/cut", "/garbage",
		"/silent", "/delay/10000" };
	struct receipt r;
	int port;

	s->channel.timeout = 1;
	for (size_t i = 0; i < COUNT(paths); i++) {
		use_url(s, "http", other->port, paths[i]);
		r = send_it(s);
		assert_int_equal(r.err, ERR_RETRY);
		assert_memory_equal(r.reason, "channel: ", 9);
		assert_true(strlen(r.reason) > 9);
		receipt_free(&r);
	}
	use_url(s, "https", other->port, "/");	/* it speaks no TLS */
	r = send_it(s);
	assert_int_equal(r.err, ERR_RETRY);
	receipt_free(&r);
	peer_stop(other);
	(void)close(peer_listen(&port));
	use_url(s, "http", port, "/");		/* nobody listens */
	r = send_it(s);
	assert_int_equal(r.err, ERR_RETRY);
	receipt_free(&r);
}

/* When the time for the answer is over, the hand-over goes on. */
static void
test_impatient(void **state)
{
	const struct parcel parcel = { KEY, 1, OBJECT, sizeof(OBJECT) - 1 };
	struct site *s = *state;
	struct peer *other = peer_start();
	int ends = 0;
	struct patience patience = patience_of(50, &ends);
	struct receipt r;

	use_url(s, "http", other->port, "/delay/400");
	receipt_init(&r);
	channels_send(s->channels, "c", 1, &parcel, &patience, &r);
	assert_int_equal(ends, 1);
	assert_true(patience.over);
	assert_int_equal(r.err, ERR_OK);
	assert_string_equal(buf_str(&r.ids), "[\"" KEY "\"]");
	receipt_free(&r);
	peer_stop(other);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_request), TEST(test_ids), TEST(test_no_ids),
		TEST(test_large_answers), TEST(test_statuses),
		TEST(test_status_counts_first), TEST(test_no_redirect),
		TEST(test_dead_peers), TEST(test_impatient),
	};

	return cmocka_run_group_tests_name("channel/http", tests, NULL, NULL);
}
