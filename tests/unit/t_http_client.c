/*
 * The client against a scripted peer, one call at a time: every end, what is
 * read of an answer, the caps, proxies.  Many calls at once and kept
 * connections are in t_http_many.c, TLS is in t_http_tls.c.
 */
#include "http/client.h"

#include "http_peer.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define WALL_MS INT64_C(784111777000)	/* Sun, 06 Nov 1994 08:49:37 GMT */

static int64_t
fixed_wall(void *ctx)
{
	(void)ctx;
	return WALL_MS;
}

static int64_t
real_mono(void *ctx)
{
	(void)ctx;
	return clock_system.mono_ms(NULL);
}

static const struct clock clock_1994 = { fixed_wall, real_mono, NULL };

static int
setup(void **state)
{
	return world_start(state, &clock_1994);
}

static void
test_answered(void **state)
{
	struct world *w = *state;
	struct trial t;
	const char *head;

	trial_init(&t, w, "/head");
	t.headers[0] = "Content-Type: application/json";
	t.headers[1] = "webhook-id: k_1";
	run(w, &t);
	assert_int_equal(t.call.end, HTTP_ANSWERED);
	assert_int_equal(t.call.status, 200);
	assert_string_equal(t.call.location, "");
	assert_int_equal(t.call.retry_after_s, -1);
	head = buf_str(&t.call.answer);
	assert_memory_equal(head, "POST /head HTTP/1.1\r\n", 21);
	assert_non_null(strstr(head, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(head, "\r\nwebhook-id: k_1\r\n"));
	assert_non_null(strstr(head, "\r\nUser-Agent: imconnector-fcgi/"));
	assert_non_null(strstr(head, "\r\nContent-Length: 2\r\n"));
	assert_null(strstr(head, "Expect"));
	assert_null(strstr(head, "Accept-Encoding"));
	assert_null(strstr(head, "Cookie"));
	http_call_free(&t.call);
	http_call_free(&t.call);
}

static void
test_statuses(void **state)
{
	static const long statuses[] = { 200, 204, 302, 400, 401, 404, 410,
		429, 500, 503 };
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(statuses); i++) {
		char path[32];
		struct trial t;

		(void)snprintf(path, sizeof(path), "/status/%ld", statuses[i]);
		trial_init(&t, w, path);
		run(w, &t);
		assert_int_equal(t.call.end, HTTP_ANSWERED);
		assert_int_equal(t.call.status, statuses[i]);
		http_call_free(&t.call);
	}
}

static void
test_big_body(void **state)
{
	const size_t n = 1024 * 1024 + 1;	/* curl would "Expect:" here */
	struct world *w = *state;
	char *body = malloc(n);
	struct trial t;

	for (size_t i = 0; i < n; i++)
		body[i] = (char)(i * 2654435761U >> 13);
	trial_init(&t, w, "/echo");
	t.call.body = body;
	t.call.body_len = n;
	t.call.answer_max = n;
	run(w, &t);
	assert_int_equal(t.call.end, HTTP_ANSWERED);
	assert_int_equal(t.call.answer.len, n);
	assert_memory_equal(t.call.answer.p, body, n);
	http_call_free(&t.call);
	(void)snprintf(t.url, sizeof(t.url), "http://127.0.0.1:%d/head",
	    w->peer->port);
	run(w, &t);
	assert_null(strstr(buf_str(&t.call.answer), "Expect"));
	http_call_free(&t.call);
	free(body);
}

static void
test_empty_body(void **state)
{
	struct world *w = *state;
	struct trial t;

	trial_init(&t, w, "/echo");
	t.call.body = NULL;
	t.call.body_len = 0;
	t.call.headers = NULL;
	run(w, &t);
	assert_int_equal(t.call.end, HTTP_ANSWERED);
	assert_int_equal(t.call.answer.len, 0);
	http_call_free(&t.call);
}

static void
test_answer_cap(void **state)
{
	static const struct {
		const char *path;
		size_t max;
		enum http_end end;
	} cases[] = {
		{ "/bytes/1000", 1000, HTTP_ANSWERED },
		{ "/bytes/1001", 1000, HTTP_TOO_LARGE },
		{ "/chunked/1000", 1000, HTTP_ANSWERED },
		{ "/chunked/1001", 1000, HTTP_TOO_LARGE },
		{ "/bytes/65536", 0, HTTP_ANSWERED },
		{ "/bytes/65537", 0, HTTP_TOO_LARGE },
		{ "/chunked/100000000", 1000000, HTTP_TOO_LARGE },
	};
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct trial t;

		trial_init(&t, w, cases[i].path);
		t.call.answer_max = cases[i].max;
		run(w, &t);
		assert_int_equal(t.call.end, cases[i].end);
		if (t.call.end == HTTP_TOO_LARGE)
			assert_int_equal(t.call.answer.len, 0);
		http_call_free(&t.call);
	}
	assert_int_equal(end_of(w, "/flood"), HTTP_TOO_LARGE);
	/* One line of over 100 KiB ends at curl's own limit. */
	assert_int_equal(end_of(w, "/line"), HTTP_BROKEN);
}

static void
test_broken(void **state)
{
	struct world *w = *state;

	assert_int_equal(end_of(w, "/cut"), HTTP_BROKEN);
	assert_int_equal(end_of(w, "/nothing"), HTTP_BROKEN);
	assert_int_equal(end_of(w, "/garbage"), HTTP_BROKEN);
}

static void
test_timed_out(void **state)
{
	struct world *w = *state;
	int64_t begun = clock_system.mono_ms(NULL);
	struct trial t;

	for (int64_t ms = -1; ms <= 199; ms += 100) {
		trial_init(&t, w, "/silent");
		t.call.timeout_ms = ms;
		run(w, &t);
		assert_int_equal(t.call.end, HTTP_TIMED_OUT);
		http_call_free(&t.call);
	}
	assert_in_range(clock_system.mono_ms(NULL) - begun, 290, 60000);
}

static void
test_no_connection(void **state)
{
	struct world *w = *state;
	struct trial t;
	int port;
	int fd = peer_listen(&port);

	(void)close(fd);	/* nobody listens there now */
	trial_init(&t, w, "");
	(void)snprintf(t.url, sizeof(t.url), "http://127.0.0.1:%d/", port);
	run(w, &t);
	assert_int_equal(t.call.end, HTTP_NO_CONNECTION);
	assert_non_null(strstr(t.call.reason, "firewall"));
	http_call_free(&t.call);
	(void)snprintf(t.url, sizeof(t.url),
	    "http://missing.invalid/p?q=geheim");
	run(w, &t);
	assert_int_equal(t.call.end, HTTP_NO_CONNECTION);
	assert_non_null(strstr(t.call.reason, "missing.invalid"));
	assert_non_null(strstr(t.call.reason, "resolv.conf"));
	assert_null(strstr(t.call.reason, "geheim"));
	http_call_free(&t.call);
}

static void
test_not_sent(void **state)
{
	static const char *const urls[] = { "ftp://127.0.0.1/", "",
		"http://", "file:///etc/passwd", "http://a b/", "x://y/" };
	static const struct http_route secure = { .plain = false };
	struct world *w = *state;
	struct trial t;

	trial_init(&t, w, "/ok");
	t.call.route = &secure;
	run(w, &t);
	assert_int_equal(t.call.end, HTTP_NOT_SENT);
	http_call_free(&t.call);
	for (size_t i = 0; i < COUNT(urls); i++) {
		trial_init(&t, w, "");
		t.call.url = urls[i];
		run(w, &t);
		assert_int_equal(t.call.end, HTTP_NOT_SENT);
		http_call_free(&t.call);
	}
	trial_init(&t, w, "/ok");
	t.headers[0] = "X-One: 1\r\nX-Two: 2";
	run(w, &t);
	assert_int_equal(t.call.end, HTTP_NOT_SENT);
	http_call_free(&t.call);
	assert_int_equal(peer_count(w->peer, &w->peer->requests), 0);
}

/* A handle that served one route must not bring its freedom to another. */
static void
test_routes_alternate(void **state)
{
	static const struct http_route secure = { .plain = false };
	struct http_route nowhere = { .plain = true,
		.proxy = "http://127.0.0.1:1" };
	struct world *w = *state;
	struct trial t;

	trial_init(&t, w, "/ok");
	for (int i = 0; i < 3; i++) {
		t.call.route = &plain;
		run(w, &t);
		assert_int_equal(t.call.end, HTTP_ANSWERED);
		http_call_free(&t.call);
		t.call.route = &secure;
		run(w, &t);
		assert_int_equal(t.call.end, HTTP_NOT_SENT);
		http_call_free(&t.call);
		t.call.route = &nowhere;
		run(w, &t);
		assert_int_equal(t.call.end, HTTP_NO_CONNECTION);
		http_call_free(&t.call);
	}
	/* The same address, another route. */
	nowhere.proxy = NULL;
	run(w, &t);
	assert_int_equal(t.call.end, HTTP_ANSWERED);
	http_call_free(&t.call);
}

/* Many headers, then few: nothing of the first call is in the second. */
static void
test_nothing_is_left(void **state)
{
	const char *many[41] = { NULL };
	struct world *w = *state;
	struct trial t;

	trial_init(&t, w, "/head");
	for (size_t i = 0; i < 40; i++)
		many[i] = "X-Many: yes";
	t.call.headers = many;
	run(w, &t);
	assert_non_null(strstr(buf_str(&t.call.answer), "X-Many"));
	http_call_free(&t.call);
	t.call.headers = t.headers;
	t.call.body_len = 0;
	run(w, &t);
	assert_null(strstr(buf_str(&t.call.answer), "X-Many"));
	assert_non_null(strstr(buf_str(&t.call.answer),
	    "Content-Length: 0\r\n"));
	http_call_free(&t.call);
}

static void
test_redirect(void **state)
{
	struct world *w = *state;
	char wanted[64], line[3000];
	struct trial t;

	(void)snprintf(wanted, sizeof(wanted), "http://127.0.0.1:%d/b?c=d",
	    w->peer->port);
	trial_init(&t, w, "/say");
	t.headers[0] = "X-Say: Location: /b?c=d";
	run(w, &t);
	assert_int_equal(t.call.end, HTTP_ANSWERED);
	assert_int_equal(t.call.status, 302);
	assert_string_equal(t.call.location, wanted);
	http_call_free(&t.call);
	t.headers[0] = "X-Say: Location: https://new.example/rest/";
	run(w, &t);
	assert_string_equal(t.call.location, "https://new.example/rest/");
	http_call_free(&t.call);
	assert_int_equal(peer_count(w->peer, &w->peer->requests), 2);

	/* The URL itself brings it over what a location may have. */
	memset(line, 'l', sizeof(line));
	(void)snprintf(line, 40, "http://127.0.0.1:%d/", w->peer->port);
	line[strlen(line)] = 'l';
	line[1100] = '\0';
	t.call.url = line;
	t.headers[0] = "X-Say: X-None: 1";
	run(w, &t);
	assert_string_equal(t.call.location, "");
	http_call_free(&t.call);
}

static const struct {
	const char *line;
	int64_t seconds;
} delays[] = {
	{ "Retry-After: 120", 120 },
	{ "RETRY-after:0", 0 },
	{ "Retry-After:   7  ", 7 },
	{ "Retry-After: 2592000", 2592000 },
	{ "Retry-After: 2592001", 2592000 },
	{ "Retry-After: 99999999999999999999999999999999", 2592000 },
	{ "Retry-After: Sun, 06 Nov 1994 08:50:37 GMT", 60 },
	{ "Retry-After: Sunday, 06-Nov-94 08:49:38 GMT", 1 },
	{ "Retry-After: Sun Nov  6 08:50:37 1994", 60 },
	{ "Retry-After: Sun, 06 Nov 1994 08:49:36 GMT", 0 },
	{ "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT", 2592000 },
	{ "Retry-After:", -1 },
	{ "Retry-After: -1", -1 },
	{ "Retry-After: +1", -1 },
	{ "Retry-After: 1.5", -1 },
	{ "Retry-After: 12 apples", -1 },
	{ "Retry-After: 0x10", -1 },
	{ "Retry-After: soon", -1 },
	{ "Retry-After: 19941106 08:50:37", -1 },
	{ "X-Retry-After: 5", -1 },
	{ "Retry-After-All: 5", -1 },
};

static void
test_retry_after(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(delays); i++) {
		char header[128];
		struct trial t;

		trial_init(&t, w, "/say");
		(void)snprintf(header, sizeof(header), "X-Say: %s",
		    delays[i].line);
		t.headers[0] = header;
		run(w, &t);
		assert_int_equal(t.call.end, HTTP_ANSWERED);
		if (t.call.retry_after_s != delays[i].seconds)
			fail_msg("%s: %lld", delays[i].line,
			    (long long)t.call.retry_after_s);
		http_call_free(&t.call);
	}
}

static void
test_early_answers(void **state)
{
	struct world *w = *state;
	struct trial t;

	trial_init(&t, w, "/early");
	run(w, &t);
	assert_int_equal(t.call.end, HTTP_ANSWERED);
	assert_int_equal(t.call.status, 201);
	assert_int_equal(t.call.retry_after_s, -1);
	assert_string_equal(buf_str(&t.call.answer), "late");
	http_call_free(&t.call);
}

/* The environment's proxies (see main) are dead ends; ours is the peer. */
static void
test_proxy(void **state)
{
	struct world *w = *state;
	struct http_route by_proxy = { .plain = true };
	char proxy[64];
	struct trial t;

	assert_int_equal(end_of(w, "/ok"), HTTP_ANSWERED);
	(void)snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d",
	    w->peer->port);
	by_proxy.proxy = proxy;
	trial_init(&t, w, "");
	t.call.route = &by_proxy;
	t.call.url = "http://missing.invalid/x";
	run(w, &t);
	assert_int_equal(t.call.end, HTTP_ANSWERED);
	http_call_free(&t.call);

	t.call.url = "https://missing.invalid/";	/* CONNECT, and 403 */
	run(w, &t);
	assert_int_equal(t.call.end, HTTP_NO_CONNECTION);
	assert_int_equal(t.call.retry_after_s, -1);
	http_call_free(&t.call);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, world_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_answered),
		T(test_statuses),
		T(test_big_body),
		T(test_empty_body),
		T(test_answer_cap),
		T(test_broken),
		T(test_timed_out),
		T(test_no_connection),
		T(test_not_sent),
		T(test_routes_alternate),
		T(test_nothing_is_left),
		T(test_redirect),
		T(test_retry_after),
		T(test_early_answers),
		T(test_proxy),
	};

	(void)setenv("http_proxy", "http://127.0.0.1:1/", 1);
	(void)setenv("https_proxy", "http://127.0.0.1:1/", 1);
	(void)setenv("ALL_PROXY", "http://127.0.0.1:1/", 1);
	(void)setenv("no_proxy", "*", 1);	/* ours must not heed it */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
