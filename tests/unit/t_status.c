/*
 * imconnector.send.status.delivery, byte by byte, as a peer receives it.
 */
#include "portal/status.h"

#include "canned.h"
#include "unit.h"

#define TOKEN "c978b990071b0008440001b0895f697a"
#define GOOD "{\"result\":{\"SUCCESS\":true,\"DATA\":[]}}"

static const struct status_item three[] = {
	{ 1807, 86497, "channel-123", "[\"ext-1\"]", 1773759162 },
	{ 1807, 86498, "a\"b\\c\n\xd0\x96", "[\"2\",\"3\"]", 1773759163 },
	{ INT64_MAX, INT64_MAX, "", "[\"x\\ny\"]", 0 },
};

static const char one_body[] = "{\"CONNECTOR\":\"myconnector\",\"LINE\":107,"
    "\"auth\":\"" TOKEN "\",\"MESSAGES\":[{\"im\":{\"chat_id\":1807,"
    "\"message_id\":86497},\"message\":{\"id\":[\"ext-1\"],"
    "\"date\":1773759162},\"chat\":{\"id\":\"channel-123\"}}]}";

static const char three_body[] = "{\"CONNECTOR\":\"my\\\"connector\","
    "\"LINE\":9223372036854775807,\"auth\":\"" TOKEN "\",\"MESSAGES\":["
    "{\"im\":{\"chat_id\":1807,\"message_id\":86497},\"message\":{\"id\":"
    "[\"ext-1\"],\"date\":1773759162},\"chat\":{\"id\":\"channel-123\"}},"
    "{\"im\":{\"chat_id\":1807,\"message_id\":86498},\"message\":{\"id\":"
    "[\"2\",\"3\"],\"date\":1773759163},\"chat\":{\"id\":"
    "\"a\\\"b\\\\c\\n\xd0\x96\"}},"
    "{\"im\":{\"chat_id\":9223372036854775807,"
    "\"message_id\":9223372036854775807},\"message\":{\"id\":[\"x\\ny\"],"
    "\"date\":0},\"chat\":{\"id\":\"\"}}]}";

struct site {
	struct canned canned;
	char endpoint[8192];
	struct status_call call;
	int ends;
};

static int
start(void **state)
{
	struct site *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	canned_start(&s->canned);
	canned_set(&s->canned, "200 OK", "", (struct text)T(GOOD));
	(void)snprintf(s->endpoint, sizeof(s->endpoint),
	    "http://127.0.0.1:%d/rest/", s->canned.peer->port);
	s->call = (struct status_call){
		.client = s->canned.client, .route = &plain,
		.timeout_ms = 20000, .endpoint = s->endpoint, .token = TOKEN,
		.connector = "myconnector", .line = 107, .item = three,
		.items = 1,
	};
	*state = s;
	return 0;
}

static int
stop(void **state)
{
	struct site *s = *state;

	canned_stop(&s->canned);
	free(s);
	return 0;
}

static struct verdict
send_it(struct site *s)
{
	struct patience patience = patience_of(20000, &s->ends);
	struct verdict v;

	memset(&v, 0x5a, sizeof(v));
	s->ends = 0;
	status_send(&s->call, &patience, &v);
	assert_null(strstr(v.reason, TOKEN));
	return v;
}

static void
test_one_message(void **state)
{
	struct site *s = *state;
	struct verdict v = send_it(s);
	const struct peer_request *rq = canned_last(&s->canned);
	char text[512];

	assert_int_equal(v.kind, VERDICT_OK);
	assert_int_equal(s->ends, 0);
	assert_string_equal(rq->path, "/rest/imconnector.send.status.delivery");
	assert_memory_equal(rq->head, "POST ", 5);
	assert_string_equal(peer_header(rq, "\r\nContent-Type:", text),
	    "application/json");
	assert_true(peer_header(rq, "\r\nUser-Agent:", text)[0] != '\0');
	assert_string_equal(rq->body, one_body);
	/* a token outside the body ends in a log */
	assert_null(strstr(rq->head, TOKEN));
	assert_null(strchr(rq->path, '?'));
}

static void
test_three_messages(void **state)
{
	struct site *s = *state;

	s->call.items = 3;
	s->call.connector = "my\"connector";
	s->call.line = INT64_MAX;
	assert_int_equal(send_it(s).kind, VERDICT_OK);
	assert_string_equal(canned_last(&s->canned)->body, three_body);
	assert_int_equal(canned_requests(&s->canned), 1);
}

static void
test_hundred_messages(void **state)
{
	struct site *s = *state;
	struct status_item item[100];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(item); i++) {
		item[i] = three[0];
		item[i].message_id = (int64_t)i + 1;
	}
	s->call.item = item;
	s->call.items = COUNT(item);
	assert_int_equal(send_it(s).kind, VERDICT_OK);
	for (const char *p = canned_last(&s->canned)->body;
	    (p = strstr(p, "\"message_id\":")) != NULL; p++)
		n++;
	assert_int_equal(n, COUNT(item));
}

static void
test_slash(void **state)
{
	static const struct {
		const char *tail, *path;
	} cases[] = {
		{ "/rest/", "/rest/imconnector.send.status.delivery" },
		{ "/rest", "/rest/imconnector.send.status.delivery" },
		{ "/", "/imconnector.send.status.delivery" },
		{ "", "/imconnector.send.status.delivery" },
		{ "/a/b/rest", "/a/b/rest/imconnector.send.status.delivery" },
	};
	struct site *s = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		(void)snprintf(s->endpoint, sizeof(s->endpoint),
		    "http://127.0.0.1:%d%s", s->canned.peer->port,
		    cases[i].tail);
		assert_int_equal(send_it(s).kind, VERDICT_OK);
		assert_string_equal(canned_last(&s->canned)->path,
		    cases[i].path);
	}
}

static void
test_answers(void **state)
{
	static const struct {
		const char *status;
		struct text body;
		enum verdict_kind kind;
	} cases[] = {
		{ "200 OK", T("{\"result\":{\"SUCCESS\":false}}"),
		    VERDICT_AGAIN },
		{ "401 No", T("{\"error\":\"expired_token\"}"),
		    VERDICT_EXPIRED },
		{ "200 OK", T("{\"error\":\"ACCESS_DENIED\"}"),
		    VERDICT_ACCESS },
		{ "503 No", T(""), VERDICT_LIMIT },
		{ "302 Found", T(""), VERDICT_MOVED },
		{ "500 No", T("<html>"), VERDICT_AGAIN },
		{ NULL, T(""), VERDICT_AGAIN },
	};
	struct site *s = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct verdict v;

		canned_set(&s->canned, cases[i].status,
		    "Location: /rest/other\r\n", cases[i].body);
		v = send_it(s);
		assert_int_equal(v.kind, cases[i].kind);
		assert_true(v.reason[0] != '\0');
		assert_string_equal(canned_last(&s->canned)->path,
		    "/rest/imconnector.send.status.delivery");
	}
}

/* Nobody there, and a scheme that the route does not allow. */
static void
test_no_call(void **state)
{
	static const struct http_route https_only = { .plain = false };
	struct site *s = *state;
	struct verdict v;
	int port;
	int fd = peer_listen(&port);

	(void)close(fd);
	s->call.route = &https_only;
	assert_int_equal(send_it(s).kind, VERDICT_AGAIN);
	assert_int_equal(canned_requests(&s->canned), 0);
	s->call.route = &plain;
	(void)snprintf(s->endpoint, sizeof(s->endpoint),
	    "http://127.0.0.1:%d/rest/", port);
	v = send_it(s);
	assert_int_equal(v.kind, VERDICT_AGAIN);
	assert_true(v.reason[0] != '\0');
	s->call.endpoint = "";
	assert_int_equal(send_it(s).kind, VERDICT_AGAIN);
}

static void
test_too_large(void **state)
{
	struct site *s = *state;
	const size_t n = (size_t)17 * 1024 * 1024;
	char *ids = calloc(1, n + 1);
	struct status_item item = three[0];
	struct verdict v;

	assert_non_null(ids);
	memset(ids, '1', n);
	item.ids = ids;
	s->call.item = &item;
	v = send_it(s);
	free(ids);
	assert_int_equal(v.kind, VERDICT_AGAIN);
	assert_non_null(strstr(v.reason, "too large"));

	s->call.item = three;
	memset(s->endpoint + strlen(s->endpoint), 'x', 5000);
	v = send_it(s);
	assert_int_equal(v.kind, VERDICT_AGAIN);
	assert_non_null(strstr(v.reason, "too large"));
	assert_int_equal(canned_requests(&s->canned), 0);
}

/* Who waits is told once, and the call goes on to its end. */
static void
test_impatient(void **state)
{
	struct site *s = *state;
	int ends = 0;
	struct patience patience = patience_of(0, &ends);
	struct verdict v;

	status_send(&s->call, &patience, &v);
	assert_int_equal(v.kind, VERDICT_OK);
	assert_true(ends <= 1);
	assert_int_equal(patience.over, ends == 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_message, start, stop),
		cmocka_unit_test_setup_teardown(test_three_messages, start,
		    stop),
		cmocka_unit_test_setup_teardown(test_hundred_messages, start,
		    stop),
		cmocka_unit_test_setup_teardown(test_slash, start, stop),
		cmocka_unit_test_setup_teardown(test_answers, start, stop),
		cmocka_unit_test_setup_teardown(test_no_call, start, stop),
		cmocka_unit_test_setup_teardown(test_too_large, start, stop),
		cmocka_unit_test_setup_teardown(test_impatient, start, stop),
	};

	return cmocka_run_group_tests_name("portal/status", tests, NULL, NULL);
}
