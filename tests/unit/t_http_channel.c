/*
 * The http channel against a scripted peer: what it sends, which ids it
 * reads, and every class of statuses of the contract's table.
 */
#include "channel/channel.h"

#include "big.h"
#include "channel_world.h"
#include "loop_peer.h"
#include "unit.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEY "abcDEF-_0123456789"
#define OBJECT "{\"key\":\"" KEY "\",\"text\":\"\xd0\x96 \\n\"}"

/* One receiver, which says the same to everybody. */
struct site {
	struct channel_world world;
	struct loop_peer peer;
	struct config config;
	struct config_channel channel;
	char url[256];
	int status;		/* 0: the line is cut; -1: no word */
	const char *more;
	const char *body;
	struct heard *last;
	size_t requests;
};

static void
hear(struct loop_peer *p, struct heard *h)
{
	struct site *s = p->ctx;

	s->last = h;
	s->requests++;
	if (s->status == 0)
		heard_drop(h);
	else if (s->status > 0)
		heard_answer(h, s->status, s->more, s->body);
}

static void
says(struct site *s, int status, const char *more, const char *body)
{
	s->status = status;
	s->more = more;
	s->body = body;
}

static void
use_url(struct site *s, const char *scheme, int port, const char *path)
{
	struct problem p = { 0 };

	(void)snprintf(s->url, sizeof(s->url), "%s://127.0.0.1:%d%s", scheme,
	    port, path);
	assert_int_equal(cw_open(&s->world, &s->config, &p), ERR_OK);
}

static int
start(void **state)
{
	static char none[] = "";
	struct site *s = calloc(1, sizeof(*s));

	*state = s;
	if (s == NULL)
		return -1;
	cw_begin(&s->world, 0);
	s->peer.hear = hear;
	s->peer.ctx = s;
	loop_peer_begin(&s->peer, s->world.loop);
	says(s, 200, "", "");
	s->channel = (struct config_channel){ .connector = none,
	    .url = s->url, .timeout = 20, .in_flight = 32 };
	s->config.channel = &s->channel;
	s->config.channels = 1;
	use_url(s, "http", s->peer.port, "/hook?a=b&c=%20d");
	return 0;
}

static int
stop(void **state)
{
	struct site *s = *state;

	loop_peer_end(&s->peer);
	cw_end(&s->world);
	free(s);
	return 0;
}

static struct receipt
send_it(struct site *s)
{
	const struct parcel parcel = { KEY, 1773759161000000, OBJECT,
		sizeof(OBJECT) - 1, "", "", 1 };
	struct receipt r = cw_send(&s->world, &s->channel, &parcel);

	assert_true((r.err == ERR_OK) == (r.reason[0] == '\0'));
	assert_true((r.err == ERR_OK) == (r.ids.len != 0));
	assert_null(strstr(r.reason, "a=b"));	/* a query can be a secret */
	return r;
}

static void
test_request(void **state)
{
	struct site *s = *state;
	struct receipt r = send_it(s);
	char text[512];

	assert_int_equal(r.err, ERR_OK);
	receipt_free(&r);
	assert_string_equal(s->last->path, "/hook?a=b&c=%20d");
	assert_string_equal(heard_header(s->last, "Content-Type", text,
	    sizeof(text)), "application/json");
	assert_string_equal(heard_header(s->last, "webhook-id", text,
	    sizeof(text)), KEY);
	assert_string_equal(s->last->body, OBJECT);
}

/* Signed only where there is a secret; for both while it is changed. */
static void
test_signature(void **state)
{
	static char secret[] = "new", previous[] = "whsec_b2xk";
	struct site *s = *state;
	char time[64], text[256];
	struct receipt r = send_it(s);
	int64_t now = clock_wall(&clock_system) / 1000;

	receipt_free(&r);
	assert_null(heard_header(s->last, "webhook-signature", text,
	    sizeof(text)));
	assert_null(heard_header(s->last, "webhook-timestamp", text,
	    sizeof(text)));
	s->channel.secret = secret;
	s->channel.secret_previous = previous;
	use_url(s, "http", s->peer.port, "/hook");
	r = send_it(s);
	receipt_free(&r);
	assert_non_null(heard_header(s->last, "webhook-timestamp", time,
	    sizeof(time)));
	assert_in_range(strtoll(time, NULL, 10), now, now + 600);
	assert_non_null(heard_header(s->last, "webhook-signature", text,
	    sizeof(text)));
	assert_int_equal(strlen(text), 2 * (3 + 44) + 1);
	assert_memory_equal(text, "v1,", 3);
	assert_memory_equal(text + 47, " v1,", 4);
}

static void
ids_are(struct site *s, const char *answer, const char *ids)
{
	struct receipt r;

	says(s, 200, "", answer);
	r = send_it(s);
	assert_int_equal(r.err, ERR_OK);
	if (strcmp(buf_str(&r.ids), ids) != 0)
		fail_msg("%.100s: %.100s", answer, buf_str(&r.ids));
	receipt_free(&r);
}

static void
test_ids(void **state)
{
	static const struct {
		const char *answer, *ids;
	} cases[] = {
		{ "{\"id\":\"a\"}", "[\"a\"]" },
		{ " { \"x\" : [1] , \"id\" : \"a\" } \n", "[\"a\"]" },
		{ "{\"id\":17}", "[\"17\"]" },
		{ "{\"id\":0}", "[\"0\"]" },
		{ "{\"id\":-1.50e3}", "[\"-1.50e3\"]" },
		{ "{\"id\":90071992547409931234567890}",
		    "[\"90071992547409931234567890\"]" },
		{ "{\"ids\":[\"a\",\"b\"]}", "[\"a\",\"b\"]" },
		{ "{\"ids\":[\"b\",17,\"a\"]}", "[\"b\",\"17\",\"a\"]" },
		{ "{\"ids\":[\"\",null,\"b\",\"\"]}", "[\"b\"]" },
		{ "{\"id\":\"a\",\"ids\":[\"b\",\"c\"]}", "[\"b\",\"c\"]" },
		{ "{\"ids\":[\"b\",\"c\"],\"id\":\"a\"}", "[\"b\",\"c\"]" },
		{ "{\"ids\":[],\"id\":\"a\"}", "[\"a\"]" },
		{ "{\"id\":\"\\\"\\\\\\n\\u20ac\\u001b\"}",
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
	static const char *const answers[] = {
		"", " ", "ok", "<html>", "{}", "[]", "17",
		"[\"a\"]", "\"a\"", "null", "{\"id\":\"\"}",
		"{\"id\":null}", "{\"id\":[\"a\"]}",
		"{\"id\":{\"x\":\"a\"}}", "{\"ids\":[]}",
		"{\"ids\":[\"\"]}", "{\"ids\":null}",
		"{\"ids\":[[\"a\"],{\"x\":\"b\"}]}", "{\"ids\":\"a\"}",
		"{\"result\":{\"id\":\"a\",\"ids\":[\"b\"]}}",
		"{\"ID\":\"a\"}", "{\"id \":\"a\"}",
		"{\"id\":\"a\"", "{\"id\":\"a\"} x",
		"{\"id\":\"a\"}{", "{\"id\":\"\xff\"}",
		"{\"id\":\"a\\u0000b\"}",
		"{\"ids\":[\"a\",\"b\",]}", "id=a",
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

	ids_are(s, buf_str(&fits), "[\"a\"]");
	ids_are(s, buf_str(&over), "[\"" KEY "\"]");
	ids_are(s, buf_str(&deep), "[\"" KEY "\"]");
	/* as text they are more than a receipt holds */
	ids_are(s, buf_str(&many), "[\"" KEY "\"]");
	ids_are(s, buf_str(&some), buf_str(&want));
	says(s, 200, "", "");
	for (size_t i = 0; i < COUNT(all); i++)
		buf_free(all[i]);
}

static void
status_is(struct site *s, int status, enum err e)
{
	char reason[128];
	struct receipt r;

	(void)snprintf(reason, sizeof(reason), "channel: HTTP status %d from "
	    "http://127.0.0.1:%d/hook", status, s->peer.port);
	says(s, status, "", "");
	r = send_it(s);
	if (r.err != e)
		fail_msg("%d: %s", status, err_name(r.err));
	if (e != ERR_OK)
		assert_memory_equal(r.reason, reason, strlen(reason));
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

	says(s, 500, "Retry-After: 120\r\n", "{\"id\":\"a\"}");
	r = send_it(s);
	assert_int_equal(r.err, ERR_RETRY);
	assert_non_null(strstr(r.reason, "HTTP status 500 from"));
	assert_non_null(strstr(r.reason, "; its own log says why"));
	assert_int_equal(r.retry_after_s, 120);
	receipt_free(&r);
	says(s, 422, "", "{\"id\":\"a\"}");
	r = send_it(s);
	assert_int_equal(r.err, ERR_REFUSED);
	assert_non_null(strstr(r.reason, "HTTP status 422 from"));
	receipt_free(&r);
	says(s, 500, "", buf_str(&large));
	r = send_it(s);
	assert_int_equal(r.err, ERR_RETRY);
	receipt_free(&r);
	says(s, 200, "", "");
	buf_free(&large);
}

static void
test_no_redirect(void **state)
{
	struct site *s = *state;
	struct receipt r;

	says(s, 307, "Location: /other\r\n", "");
	r = send_it(s);
	assert_int_equal(r.err, ERR_RETRY);
	receipt_free(&r);
	assert_int_equal(s->requests, 1);
}

static void
ends_as(struct site *s, bool down)
{
	struct receipt r = send_it(s);

	assert_int_equal(r.err, ERR_RETRY);
	assert_memory_equal(r.reason, "channel: ", 9);
	assert_non_null(strstr(r.reason, "127.0.0.1"));
	assert_int_equal(r.down, down);
	receipt_free(&r);
}

/* A port where nobody listens. */
static int
dead_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (void *)&a, n), 0);
	assert_int_equal(getsockname(fd, (void *)&a, &n), 0);
	(void)close(fd);
	return ntohs(a.sin_port);
}

/* It is down when it cannot be reached or says nothing. */
static void
test_dead_peers(void **state)
{
	struct site *s = *state;

	s->channel.timeout = 1;
	says(s, 0, "", "");
	ends_as(s, false);
	says(s, -1, "", "");
	ends_as(s, true);
	use_url(s, "http", dead_port(), "/");
	ends_as(s, true);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_request), TEST(test_signature), TEST(test_ids),
		TEST(test_no_ids),
		TEST(test_large_answers), TEST(test_statuses),
		TEST(test_status_counts_first), TEST(test_no_redirect),
		TEST(test_dead_peers),
	};

	return cmocka_run_group_tests_name("channel/http", tests, NULL, NULL);
}
