/*
 * The judge of Bitrix24's answers: every error that it knows by name, in
 * every letter case and with every status, and what is no answer at all.
 */
#include "portal/verdict.h"

#include "unit.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOOD "{\"result\":{\"SUCCESS\":true,\"DATA\":[]},\"time\":" \
	"{\"start\":1773759162.1,\"operating\":0.03," \
	"\"operating_reset_at\":1773759762}}"

static struct verdict
judge_by(void (*read)(struct verdict *, const struct http_call *),
    long status, const char *body, size_t n)
{
	struct http_call call = { .end = HTTP_ANSWERED, .status = status,
	    .retry_after_s = -1 };
	struct verdict v;

	memset(&v, 0x5a, sizeof(v));
	buf_init(&call.answer, 1 << 20);
	assert_int_equal(buf_add(&call.answer, body, n), ERR_OK);
	read(&v, &call);
	buf_free(&call.answer);
	assert_non_null(memchr(v.reason, '\0', sizeof(v.reason)));
	/* who is told no is told why */
	assert_true((v.kind == VERDICT_OK) == (v.reason[0] == '\0'));
	return v;
}

static struct verdict
judge_bytes(long status, const char *body, size_t n)
{
	return judge_by(verdict_read, status, body, n);
}

static struct verdict
judge(long status, const char *body)
{
	return judge_bytes(status, body, strlen(body));
}

static void
is(long status, const char *body, enum verdict_kind kind)
{
	struct verdict v = judge(status, body);

	if (v.kind != kind)
		fail_msg("HTTP %ld %.200s: %d, expected %d", status, body,
		    (int)v.kind, (int)kind);
}

static const struct {
	const char *word;
	long status;	/* the usual one */
	enum verdict_kind kind;
} rows[] = {
	{ "expired_token", 401, VERDICT_EXPIRED },
	{ "invalid_token", 401, VERDICT_TOKEN },
	{ "NO_AUTH_FOUND", 401, VERDICT_TOKEN },
	{ "user_access_error", 401, VERDICT_ACCESS },
	{ "ACCESS_DENIED", 403, VERDICT_ACCESS },
	{ "INVALID_CREDENTIALS", 401, VERDICT_ACCESS },
	{ "insufficient_scope", 403, VERDICT_REFUSED },
	{ "WRONG_AUTH_TYPE", 403, VERDICT_REFUSED },
	{ "ERROR_METHOD_NOT_FOUND", 404, VERDICT_REFUSED },
	{ "ERROR_ARGUMENT", 400, VERDICT_REFUSED },
	{ "IMCONNECTOR_NO_CORRECT_PROVIDER", 400, VERDICT_REFUSED },
	{ "PORTAL_DELETED", 403, VERDICT_PORTAL },
	{ "NOT_INSTALLED", 401, VERDICT_PORTAL },
	{ "APPLICATION_NOT_FOUND", 401, VERDICT_PORTAL },
	{ "PAYMENT_REQUIRED", 402, VERDICT_PORTAL },
	{ "WRONG_LICENSE", 403, VERDICT_PORTAL },
	{ "QUERY_LIMIT_EXCEEDED", 503, VERDICT_LIMIT },
	{ "OPERATION_TIME_LIMIT", 429, VERDICT_OPERATING },
	{ "OVERLOAD_LIMIT", 503, VERDICT_OVERLOAD },
	{ "INTERNAL_SERVER_ERROR", 500, VERDICT_AGAIN },
	{ "ERROR_UNEXPECTED_ANSWER", 500, VERDICT_AGAIN },
	{ "CONNECTION_ERROR", 401, VERDICT_AGAIN },
};

/* `says` is what is told of it. */
static void
error_is(long status, const char *word, enum verdict_kind kind,
    const char *says)
{
	char body[256], want[256];
	struct verdict v;

	(void)snprintf(body, sizeof(body), "{\"error\":\"%s\","
	    "\"error_description\":\"Said so\"}", word);
	is(status, body, kind);
	v = judge(status, body);
	(void)snprintf(want, sizeof(want), "Bitrix24: %s (HTTP status %ld)",
	    says, status);
	assert_memory_equal(v.reason, want, strlen(want));
	(void)snprintf(body, sizeof(body), "{\"result\":{\"SUCCESS\":true},"
	    "\"error_description\":\"\",\"error\":\"%s\"}", word);
	is(status, body, kind);
}

/* Statuses differ between versions: the word decides. */
static void
test_rows(void **state)
{
	static const long statuses[] = { 200, 302, 400, 401, 403, 429, 500,
		503 };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char low[64] = "", high[64] = "", mixed[64] = "";

		for (size_t k = 0; rows[i].word[k] != '\0'; k++) {
			unsigned char c = (unsigned char)rows[i].word[k];

			low[k] = (char)tolower(c);
			high[k] = (char)toupper(c);
			mixed[k] = k % 2 == 0 ? low[k] : high[k];
		}
		error_is(rows[i].status, rows[i].word, rows[i].kind,
		    rows[i].word);
		error_is(rows[i].status, low, rows[i].kind, rows[i].word);
		error_is(rows[i].status, high, rows[i].kind, rows[i].word);
		error_is(rows[i].status, mixed, rows[i].kind, rows[i].word);
		for (size_t k = 0; k < COUNT(statuses); k++)
			error_is(statuses[k], rows[i].word, rows[i].kind,
			    rows[i].word);
	}
}

static void
test_oauth_error(void **state)
{
	(void)state;
	is(401, "{\"error\":\"ERROR_OAUTH\",\"error_description\":"
	    "\"Application not installed\"}", VERDICT_PORTAL);
	is(200, "{\"error_description\":\"Application not installed\","
	    "\"error\":\"error_oauth\"}", VERDICT_PORTAL);
	is(401, "{\"error\":\"ERROR_OAUTH\",\"error_description\":"
	    "\"OAuth server is busy\"}", VERDICT_AGAIN);
	is(401, "{\"error\":\"ERROR_OAUTH\"}", VERDICT_AGAIN);
	/* the description alone says nothing */
	is(500, "{\"error\":\"INTERNAL_SERVER_ERROR\",\"error_description\":"
	    "\"Application not installed\"}", VERDICT_AGAIN);
}

static void
test_success(void **state)
{
	struct verdict v = judge(200, GOOD);

	(void)state;
	assert_int_equal(v.kind, VERDICT_OK);
	assert_int_equal(v.reset_at, 1773759762);
	is(201, GOOD, VERDICT_OK);
	is(200, "{\"result\":{\"SUCCESS\":true}}", VERDICT_OK);
	is(200, "{\"result\":{\"SUCCESS\":1}}", VERDICT_OK);
	is(200, "{\"result\":{\"SUCCESS\":\"1\"}}", VERDICT_OK);
	is(200, "{\"result\":{\"DATA\":[\"x\"],\"SUCCESS\":true}}", VERDICT_OK);
	is(200, "{\"result\":true}", VERDICT_OK);
	is(200, "{\"error\":\"\",\"result\":true}", VERDICT_OK);
	is(200, "{\"error\":null,\"result\":true}", VERDICT_OK);
	is(200, "{\"result\":{\"SUCCESS\":true,\"error\":\"x\"}}", VERDICT_OK);
}

static void
test_no_success(void **state)
{
	static const char *const bodies[] = {
		"{\"result\":{\"SUCCESS\":false,\"DATA\":[]}}",
		"{\"result\":{\"DATA\":[\"x\"],\"SUCCESS\":false}}",
		"{\"result\":{\"SUCCESS\":0}}",
		"{\"result\":{\"SUCCESS\":\"0\"}}",
		"{\"result\":{\"SUCCESS\":\"false\"}}",
		"{\"result\":{\"SUCCESS\":\"FALSE\"}}",
		"{\"result\":{\"SUCCESS\":\"\"}}",
		"{\"result\":{\"SUCCESS\":null}}",
		/* the documented answer always has it */
		"{\"result\":{\"DATA\":[\"x\"]}}",
		"{\"result\":{\"DATA\":{\"SUCCESS\":true}}}",
		"{\"result\":false}", "{\"result\":0}", "{\"result\":null}",
		"{\"result\":\"\"}", "{\"result\":[]}", "{\"result\":{}}",
		"{\"results\":true}", "{\"resultset\":{\"SUCCESS\":true}}",
		"{\"Result\":true}", "{\"data\":{\"result\":true}}",
		"{\"time\":{\"operating\":1}}", "{}", "[]", "true", "\"ok\"",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bodies); i++) {
		is(200, bodies[i], VERDICT_AGAIN);
		is(401, bodies[i], VERDICT_AGAIN);
	}
}

/* What is no JSON must not tell anything, not even in its first half. */
/* Any other method: what is not false is good, and failures come with HTTP
 * status 200, too. */
static void
test_methods(void **state)
{
	static const struct {
		long status;
		const char *body;
		enum verdict_kind kind;
	} cases[] = {
		{ 200, "{\"result\":true}", VERDICT_OK },
		{ 200, "{\"result\":{\"result\":true}}", VERDICT_OK },
		{ 200, "{\"result\":[],\"time\":{\"start\":1}}", VERDICT_OK },
		{ 200, "{\"result\":{\"ID\":1},\"time\":{\"start\":1}}",
		    VERDICT_OK },
		{ 200, "{\"result\":false}", VERDICT_REFUSED },
		{ 200, "{\"result\":{\"result\":false}}", VERDICT_REFUSED },
		{ 200, "{\"result\":{\"result\":false,\"error\":"
		    "\"NAME_REQUIRED\"}}", VERDICT_REFUSED },
		{ 200, "{\"result\":{\"result\":false,\"error\":"
		    "\"never heard of\"}}", VERDICT_AGAIN },
		{ 200, "{\"result\":{\"SUCCESS\":false}}", VERDICT_REFUSED },
		{ 400, "{\"error\":\"NOT_ACTIVE_LINE\"}", VERDICT_REFUSED },
		{ 401, "{\"error\":\"expired_token\"}", VERDICT_EXPIRED },
		{ 400, "{\"error\":\"ERROR_CORE\"}", VERDICT_AGAIN },
		{ 200, "{}", VERDICT_AGAIN }, { 200, "[]", VERDICT_AGAIN },
		{ 200, "garbage", VERDICT_AGAIN },
		{ 500, "{\"result\":true}", VERDICT_AGAIN },
		{ 503, "{\"result\":true}", VERDICT_LIMIT },
	};
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		v = judge_by(verdict_read_method, cases[i].status,
		    cases[i].body, strlen(cases[i].body));
		if (v.kind != cases[i].kind)
			fail_msg("%s: %d", cases[i].body, (int)v.kind);
		assert_false(v.bound);
	}
	v = judge(400, "{\"error\":\"ERROR_CORE\",\"error_description\":"
	    "\"Unable to set event handler: Handler already binded\"}");
	assert_true(v.bound);
	assert_string_equal(v.error, "ERROR_CORE");
	v = judge(400, "{\"error\":\"secret\"}");
	assert_null(v.error);
}

static void
test_garbage(void **state)
{
	static const char *const bodies[] = {
		"", " ", "ok", "<html><body>502</body></html>", "{", "\xff",
		"{\"error\":\"expired_token\"",
		"{\"error\":\"expired_token\"} x",
		"{\"error\":\"PORTAL_DELETED\",\"x\":\"\xff\"}",
		"{\"result\":{\"SUCCESS\":true}", "{\"result\":true},",
		"{\"result\":true}{\"result\":true}", "{'result':true}",
	};
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < COUNT(bodies); i++) {
		is(200, bodies[i], VERDICT_AGAIN);
		is(401, bodies[i], VERDICT_AGAIN);
		v = judge(200, bodies[i]);
		assert_string_equal(v.reason,
		    "Bitrix24: HTTP status 200 and no JSON");
		assert_int_equal(v.reset_at, 0);
	}
	v = judge_bytes(200, "{\"result\":true}\0", 16);
	assert_int_equal(v.kind, VERDICT_AGAIN);
}

static void
test_statuses(void **state)
{
	static const long again[] = { 100, 199, 300, 301, 303, 304, 307, 308,
		400, 401, 403, 404, 408, 418, 500, 502, 504, 599 };

	(void)state;
	for (size_t i = 0; i < COUNT(again); i++) {
		is(again[i], "", VERDICT_AGAIN);
		is(again[i], GOOD, VERDICT_AGAIN);
	}
	is(302, "", VERDICT_MOVED);
	is(302, "<html>", VERDICT_MOVED);
	is(429, "", VERDICT_LIMIT);
	is(503, "", VERDICT_LIMIT);
	is(503, "<html>nginx</html>", VERDICT_LIMIT);
	is(503, GOOD, VERDICT_LIMIT);
}

static void
test_huge(void **state)
{
	const size_t n = 200 * 1024;
	char *body = malloc(n + 64);
	struct verdict v;
	int head;

	(void)state;
	assert_non_null(body);
	head = sprintf(body, "{\"error\":\"");
	memset(body + head, 'E', n);
	memcpy(body + head + n, "\"}", 3);
	v = judge(200, body);
	assert_int_equal(v.kind, VERDICT_AGAIN);
	assert_string_equal(v.reason,
	    "Bitrix24: unknown error (HTTP status 200)");
	memset(body, '[', n);
	v = judge_bytes(200, body, n);
	assert_int_equal(v.kind, VERDICT_AGAIN);
	free(body);
}

/* A peer may echo what it was sent: only words of our own are repeated. */
static void
test_only_known_words(void **state)
{
	static const char *const errors[] = { "SOMETHING_NEW", "unnamed",
		"e1b6079200000a3f0000001b00000f00a1d2c3",
		"expired_token e1b6079200000a3f",
		"EXPIRED_TOKENS", "EXPIRED", "\\u001b[2J", "?" };
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < COUNT(errors); i++) {
		error_is(403, errors[i], VERDICT_AGAIN, "unknown error");
		error_is(200, errors[i], VERDICT_AGAIN, "unknown error");
	}
	v = judge(400, "{\"error\":\"ERROR_ARGUMENT\",\"error_description\":"
	    "\"the text of a message\"}");
	assert_null(strstr(v.reason, "text of"));
}

static void
test_reset_at(void **state)
{
	static const struct {
		const char *text;
		int64_t at;
	} cases[] = {
		{ "1773759762", 1773759762 }, { "1773759762.75", 1773759762 },
		{ "\"1773759762\"", 1773759762 }, { "null", 0 }, { "\"\"", 0 },
		{ "\"soon\"", 0 }, { "[1]", 0 }, { "-5", 0 },
		/* no time: it must not run over when it is milliseconds */
		{ "99999999999", 99999999999 }, { "100000000000", 0 },
		{ "9223372036854775807", 0 }, { "9999999999999999999999", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char body[256];
		struct verdict v;

		(void)snprintf(body, sizeof(body), "{\"error\":"
		    "\"OPERATION_TIME_LIMIT\",\"time\":"
		    "{\"operating_reset_at\":%s}}", cases[i].text);
		v = judge(429, body);
		assert_int_equal(v.kind, VERDICT_OPERATING);
		assert_int_equal(v.reset_at, cases[i].at);
	}
}

static void
test_no_answer(void **state)
{
	static const enum http_end ends[] = { HTTP_NOT_SENT,
		HTTP_NO_CONNECTION, HTTP_BAD_TLS, HTTP_TIMED_OUT, HTTP_BROKEN,
		HTTP_TOO_LARGE };

	(void)state;
	for (size_t i = 0; i < COUNT(ends); i++) {
		struct http_call call = { .end = ends[i], .status = 200,
		    .reason = "because" };
		struct verdict v;

		buf_init(&call.answer, 1024);
		assert_int_equal(buf_adds(&call.answer, GOOD), ERR_OK);
		verdict_read(&v, &call);
		buf_free(&call.answer);
		assert_int_equal(v.kind, VERDICT_AGAIN);
		assert_string_equal(v.reason, "Bitrix24: because");
		assert_int_equal(v.reset_at, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_oauth_error),
		cmocka_unit_test(test_success),
		cmocka_unit_test(test_no_success),
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_huge),
		cmocka_unit_test(test_only_known_words),
		cmocka_unit_test(test_reset_at),
		cmocka_unit_test(test_no_answer),
	};

	return cmocka_run_group_tests_name("portal/verdict", tests, NULL, NULL);
}
