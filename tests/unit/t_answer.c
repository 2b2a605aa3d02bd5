/*
 * The answers, byte by byte: one table from errors to statuses, and bodies
 * that are JSON whatever they have to tell.
 */
#include "web/answer.h"

#include "fake_request.h"
#include "unit.h"

#include <stdio.h>

/* Splits the answer; checks what every one must have.  Gives the body. */
static const char *
body_of(struct fake *f, const char *status, const char *header)
{
	const char *text = fake_answer(f);
	const char *end = strstr(text, "\r\n\r\n");
	char want[256];
	size_t n;

	assert_int_equal(f->finished, 1);
	assert_non_null(end);
	n = (size_t)snprintf(want, sizeof(want), "Status: %s\r\n"
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n",
	    status, strlen(end + 4), header);
	assert_int_equal(end + 4 - text, n);
	assert_memory_equal(text, want, n);
	assert_int_equal(f->answer.len, strlen(text));	/* no NUL in it */
	return end + 4;
}

#define COUNTS(n, a, r) ((struct outcome){ .messages = (n), \
	.acknowledged = (a), .refused = (r) })

static void
outcome_is(const struct outcome *o, int code, const char *status,
    const char *body)
{
	struct fake f = fake_post((struct text){ "", 0 });

	assert_int_equal(answer_outcome(&f.request, o), code);
	assert_string_equal(body_of(&f, status, ""), body);
	fake_free(&f);
}

static void
test_acknowledged(void **state)
{
	(void)state;
	outcome_is(&COUNTS(1, 1, 0), 200, "200 OK",
	    "{\"result\":\"acknowledged\",\"messages\":1,"
	    "\"acknowledged\":1}");
	outcome_is(&COUNTS(16384, 16384, 0), 200, "200 OK",
	    "{\"result\":\"acknowledged\",\"messages\":16384,"
	    "\"acknowledged\":16384}");
}

static void
test_queued(void **state)
{
	(void)state;
	outcome_is(&COUNTS(1, 0, 0), 202, "202 Accepted",
	    "{\"result\":\"queued\",\"messages\":1,\"acknowledged\":0,"
	    "\"queued\":1}");
	outcome_is(&COUNTS(7, 4, 1), 202, "202 Accepted",
	    "{\"result\":\"queued\",\"messages\":7,\"acknowledged\":4,"
	    "\"queued\":2,\"refused\":1}");
	outcome_is(&COUNTS(3, 2, 1), 202, "202 Accepted",
	    "{\"result\":\"queued\",\"messages\":3,\"acknowledged\":2,"
	    "\"refused\":1}");
	outcome_is(&COUNTS(2, 0, 2), 202, "202 Accepted",
	    "{\"result\":\"queued\",\"messages\":2,\"acknowledged\":0,"
	    "\"refused\":2}");
}

static void
test_ignored(void **state)
{
	(void)state;
	outcome_is(&(struct outcome){ .result = "ignored",
	    .reason = "no use for it" }, 200,
	    "200 OK", "{\"result\":\"ignored\",\"reason\":\"no use for it\"}");
	outcome_is(&(struct outcome){ .result = "ignored",
	    .reason = "a \"b\"\n", .messages = 3, .refused = 1 }, 200,
	    "200 OK",
	    "{\"result\":\"ignored\",\"reason\":\"a \\\"b\\\"\\n\"}");
}

/* The app comes and goes: words of their own, and a status by the word. */
static void
test_installation(void **state)
{
	(void)state;
	outcome_is(&(struct outcome){ .result = "installed" }, 200, "200 OK",
	    "{\"result\":\"installed\"}");
	outcome_is(&(struct outcome){ .result = "uninstalled" }, 200,
	    "200 OK", "{\"result\":\"uninstalled\"}");
	outcome_is(&(struct outcome){ .result = "queued",
	    .reason = "being proven" }, 202, "202 Accepted",
	    "{\"result\":\"queued\",\"reason\":\"being proven\"}");
	/* counts have no say where there is a word */
	outcome_is(&(struct outcome){ .result = "installed", .messages = 2,
	    .acknowledged = 1, .refused = 1 }, 200,
	    "200 OK", "{\"result\":\"installed\"}");
}

#define LATER "Retry-After: 10\r\n"

static const struct {
	enum err err;
	int code;
	const char *status, *header, *name;
} errors[] = {
	{ ERR_INPUT, 400, "400 Bad Request", "", "MALFORMED" },
	{ ERR_METHOD, 405, "405 Method Not Allowed", "Allow: POST\r\n",
	    "METHOD_NOT_ALLOWED" },
	{ ERR_MEDIA, 415, "415 Unsupported Media Type", "",
	    "UNSUPPORTED_MEDIA_TYPE" },
	{ ERR_TOOBIG, 413, "413 Content Too Large", "", "TOO_LARGE" },
	{ ERR_DENIED, 403, "403 Forbidden", "", "WRONG_TOKEN" },
	{ ERR_UNUSABLE, 422, "422 Unprocessable Content", "",
	    "UNUSABLE_FIELD" },
	{ ERR_RETRY, 503, "503 Service Unavailable", LATER, "TRY_AGAIN" },
	{ ERR_REFUSED, 503, "503 Service Unavailable", LATER, "REFUSED" },
	{ ERR_DISK, 503, "503 Service Unavailable", LATER,
	    "STORE_UNAVAILABLE" },
	{ ERR_NOMEM, 503, "503 Service Unavailable", LATER, "OUT_OF_MEMORY" },
	{ ERR_CONFIG, 500, "500 Internal Server Error", "",
	    "WRONG_CONFIGURATION" },
};

_Static_assert(COUNT(errors) == ERR__MAX - 1, "every error has its row here");

static void
test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(errors); i++) {
		struct fake f = fake_post((struct text){ "", 0 });
		struct problem p = { 0 };
		char want[256];

		(void)problem_set(&p, errors[i].err, -1, NULL, "said %d", 5);
		assert_int_equal(answer_problem(&f.request, &p),
		    errors[i].code);
		(void)snprintf(want, sizeof(want), "{\"error\":\"%s\","
		    "\"error_description\":\"said 5\"}", errors[i].name);
		assert_string_equal(body_of(&f, errors[i].status,
		    errors[i].header), want);
		fake_free(&f);
	}
}

static void
test_place(void **state)
{
	struct fake f = fake_post((struct text){ "", 0 });
	struct problem p = { 0 };

	(void)state;
	(void)problem_set(&p, ERR_INPUT, 0, NULL, "wrong");
	(void)answer_problem(&f.request, &p);
	assert_string_equal(body_of(&f, "400 Bad Request", ""),
	    "{\"error\":\"MALFORMED\",\"error_description\":"
	    "\"wrong, at byte 0\",\"offset\":0}");
	fake_free(&f);

	f = fake_post((struct text){ "", 0 });
	p = (struct problem){ 0 };
	(void)problem_set(&p, ERR_UNUSABLE, 9007199254740993, "data.LINE",
	    "no \"use\"");
	(void)answer_problem(&f.request, &p);
	assert_string_equal(body_of(&f, "422 Unprocessable Content", ""),
	    "{\"error\":\"UNUSABLE_FIELD\",\"error_description\":"
	    "\"no \\\"use\\\", at byte 9007199254740993\","
	    "\"offset\":9007199254740993,\"field\":\"data.LINE\"}");
	fake_free(&f);
}

/* The longest texts there can be, each byte of which takes six in JSON. */
static void
test_longest(void **state)
{
	struct fake f = fake_post((struct text){ "", 0 });
	struct problem p = { .err = ERR_INPUT, .at = INT64_MAX };
	const char *body;
	size_t n = 0;

	(void)state;
	memset(p.field, 1, sizeof(p.field) - 1);
	memset(p.text, 2, sizeof(p.text) - 1);
	assert_int_equal(answer_problem(&f.request, &p), 400);
	body = body_of(&f, "400 Bad Request", "");
	for (const char *s = body; (s = strstr(s, "\\u000")) != NULL; s++)
		n++;
	assert_int_equal(n, sizeof(p.field) - 1 + sizeof(p.text) - 1);
	assert_int_equal(body[strlen(body) - 1], '}');
	fake_free(&f);
}

/* The web server is gone: still one finish, and the status for the log. */
static void
test_nobody_there(void **state)
{
	struct fake f = fake_post((struct text){ "", 0 });
	const struct problem p = { .err = ERR_DISK, .at = -1 };

	(void)state;
	f.gone = true;
	assert_int_equal(answer_outcome(&f.request,
	    &COUNTS(2, 1, 0)), 202);
	assert_int_equal(f.finished, 1);
	fake_free(&f);
	f = fake_post((struct text){ "", 0 });
	f.gone = true;
	assert_int_equal(answer_problem(&f.request, &p), 503);
	assert_int_equal(f.finished, 1);
	assert_int_equal(f.answer.len, 0);
	fake_free(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_acknowledged),
		cmocka_unit_test(test_queued),
		cmocka_unit_test(test_ignored),
		cmocka_unit_test(test_installation),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_nobody_there),
	};

	return cmocka_run_group_tests_name("web/answer", tests, NULL, NULL);
}
