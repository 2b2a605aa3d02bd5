/*
 * Telling Bitrix24: each verdict and what becomes of the message, batches,
 * and a portal that has moved.
 */
#include "telling.h"

/* One call with a stored token, and nothing to refresh it with. */
static const struct {
	struct said said;
	enum state state;
	enum hold hold;
	int64_t least_ms, most_ms;
	const char *log;
} verdicts[] = {
	{ ACCEPTED, STATE_ACKNOWLEDGED, HOLD_NONE, 0, 0, "acknowledged" },
	{ { "400 No", ERROR("ERROR_ARGUMENT"), NULL, 0 }, STATE_REFUSED,
	    HOLD_NONE, 0, 0, "event=refused" },
	{ { "403 No", ERROR("insufficient_scope"), NULL, 0 }, STATE_REFUSED,
	    HOLD_NONE, 0, 0, "insufficient_scope" },
	{ { "403 No", ERROR("ACCESS_DENIED"), NULL, 0 }, STATE_REFUSED,
	    HOLD_NONE, 0, 0, "ACCESS_DENIED" },
	{ { "403 No", ERROR("PORTAL_DELETED"), NULL, 0 }, STATE_DELIVERED,
	    HOLD_PARKED, 86000000, 86400000, "event=portal-lost" },
	{ { "402 No", ERROR("PAYMENT_REQUIRED"), NULL, 0 }, STATE_DELIVERED,
	    HOLD_PARKED, 86000000, 86400000, "event=portal-lost" },
	{ { "503 No", ERROR("QUERY_LIMIT_EXCEEDED"), NULL, 0 },
	    STATE_DELIVERED, HOLD_NONE, 1400, 2600, "QUERY_LIMIT" },
	{ { "503 No", ERROR("QUERY_LIMIT_EXCEEDED"), "Retry-After: 77\r\n",
	    0 }, STATE_DELIVERED, HOLD_NONE, 76500, 77000, "postponed" },
	{ { "429 No", "", "Retry-After: 5000\r\n", 0 }, STATE_DELIVERED,
	    HOLD_NONE, 599000, 600000, "postponed" },
	{ { "503 No", ERROR("OVERLOAD_LIMIT"), NULL, 0 }, STATE_DELIVERED,
	    HOLD_NONE, 599000, 600000, "level=error event=overload" },
	{ { "500 No", ERROR("INTERNAL_SERVER_ERROR"), NULL, 0 },
	    STATE_DELIVERED, HOLD_NONE, 1400, 2600, "postponed" },
	{ { "401 No", ERROR("CONNECTION_ERROR"), NULL, 0 }, STATE_DELIVERED,
	    HOLD_NONE, 1400, 2600, "CONNECTION_ERROR" },
	{ { "200 OK", "{\"result\":{\"SUCCESS\":false}}", NULL, 0 },
	    STATE_DELIVERED, HOLD_NONE, 1400, 2600, "SUCCESS is false" },
	{ { "200 OK", "{\"result\":{\"DATA\":[1]}}", NULL, 0 },
	    STATE_DELIVERED, HOLD_NONE, 1400, 2600, "postponed" },
	{ { "200 OK", "<html>", NULL, 0 }, STATE_DELIVERED, HOLD_NONE, 1400,
	    2600, "no JSON" },
	{ { NULL, "", NULL, 0 }, STATE_DELIVERED, HOLD_NONE, 1400, 2600,
	    "postponed" },
};

static void
test_verdicts(void **state)
{
	struct site *s = *state;

	site_install(s, "1");
	SCRIPT(s, oauth, { "500 No", "", NULL, 0 });
	for (size_t i = 0; i < COUNT(verdicts); i++) {
		struct work w = site_delivered(s, (int64_t)i + 1, NULL);
		struct row r;

		SCRIPT(s, rest, verdicts[i].said);
		(void)told(s, &w, 1);
		r = site_row(s, w.id);
		if (r.state != verdicts[i].state ||
		    r.hold != verdicts[i].hold)
			fail_msg("%s: %s", verdicts[i].said.body, s->log);
		site_says(s, verdicts[i].log);
		/* a busy machine may be late to write the wait down */
		if (r.state == STATE_DELIVERED)
			assert_in_range(r.waits_ms, verdicts[i].least_ms / 10 *
			    9 - 1000, verdicts[i].most_ms);
		if (r.state == STATE_REFUSED)
			assert_int_equal(r.step, STEP_STATUS);
		called_with(s, 0, "access-1");
	}
	/* none of these is a reason to refresh */
	assert_int_equal(script_count(s, &s->oauth), 0);
}

/* Until the last good answer says, within retry.longest. */
static void
test_operating_time(void **state)
{
	struct site *s = *state;
	struct work w;
	char good[200];
	struct row r;

	site_install(s, "1");
	for (int i = 0; i < 2; i++) {
		int64_t in_s = i == 0 ? 300 : 9000;

		(void)snprintf(good, sizeof(good), "{\"result\":{\"SUCCESS\":"
		    "true},\"time\":{\"operating_reset_at\":%lld}}",
		    (long long)(clock_wall(&s->clock) / 1000 + in_s));
		SCRIPT(s, rest, { "200 OK", good, NULL, 0 },
		    { "429 No", ERROR("OPERATION_TIME_LIMIT"), NULL, 0 });
		w = site_delivered(s, 2 * i + 1, NULL);
		(void)told(s, &w, 1);
		w = site_delivered(s, 2 * i + 2, NULL);
		(void)told(s, &w, 1);
		r = site_row(s, w.id);
		assert_in_range(r.waits_ms, i == 0 ? 240000 : 540000,
		    i == 0 ? 300000 : 600000);
	}
}

/* No time at all: nonsense of the portal is no reason to break. */
static void
test_odd_reset(void **state)
{
	struct site *s = *state;
	struct work w = site_delivered(s, 1, NULL);

	site_install(s, "1");
	SCRIPT(s, rest, { "200 OK", "{\"result\":{\"SUCCESS\":true},\"time\":"
	    "{\"operating_reset_at\":9223372036854775807}}", NULL, 0 });
	(void)told(s, &w, 1);
	assert_int_equal(w.state, STATE_ACKNOWLEDGED);
	assert_int_equal(store_reset_ms(s->store, MEMBER), 0);
}

/* Refused for its content: the good ones are told, the bad one is refused,
 * each by a call of its own. */
static void
test_batch(void **state)
{
	struct site *s = *state;
	struct work w[3];

	site_install(s, "1");
	for (int i = 0; i < 3; i++)
		w[i] = site_delivered(s, i + 1, NULL);
	SCRIPT(s, rest, ACCEPTED);
	(void)told(s, w, 3);
	assert_int_equal(script_count(s, &s->rest), 1);
	for (int i = 0; i < 3; i++) {
		char want[64];

		assert_int_equal(w[i].state, STATE_ACKNOWLEDGED);
		(void)snprintf(want, sizeof(want), "\"message_id\":%d}",
		    i + 1);
		assert_non_null(strstr(s->rest.body[0], want));
		w[i] = site_delivered(s, i + 11, NULL);
	}
	SCRIPT(s, rest, { "400 No", ERROR("ERROR_ARGUMENT"), NULL, 0 },
	    ACCEPTED, { "400 No", ERROR("ERROR_ARGUMENT"), NULL, 0 },
	    ACCEPTED);
	assert_false(told(s, w, 3).acknowledged);
	assert_int_equal(script_count(s, &s->rest), 1);
	site_says(s, "event=batch-refused");
	for (int i = 0; i < 3; i++)
		assert_int_equal(site_row(s, w[i].id).tries, 0);
	assert_true(told_on(s, NULL));
	assert_int_equal(script_count(s, &s->rest), 4);
	for (int i = 0; i < 3; i++) {
		char want[64];

		(void)snprintf(want, sizeof(want), "\"message_id\":%d}",
		    i + 11);
		assert_non_null(strstr(s->rest.body[i + 1], want));
		assert_null(strstr(s->rest.body[i + 1], "},{"));
		assert_int_equal(site_row(s, w[i].id).state, i == 1 ?
		    STATE_REFUSED : STATE_ACKNOWLEDGED);
	}
}

static void
location(char more[200], const char *base, const char *tail)
{
	(void)snprintf(more, 200, "Location: %s%s\r\n", base, tail);
}

#define METHOD "imconnector.send.status.delivery"

static void
test_moved(void **state)
{
	struct site *s = *state;
	struct work w = site_delivered(s, 1, NULL);
	char more[200], want[200];

	site_install(s, "1");
	location(more, s->moved, METHOD);
	SCRIPT(s, rest, { "302 Found", "", more, 0 }, ACCEPTED);
	(void)told(s, &w, 1);
	assert_int_equal(w.state, STATE_ACKNOWLEDGED);
	site_says(s, "level=warning event=moved");
	site_says(s, " host=localhost ");
	assert_int_equal(script_count(s, &s->rest), 2);
	assert_non_null(strstr(s->rest.head[1], "Host: localhost:"));
	called_with(s, 1, "access-1");
	assert_string_equal(s->rest.body[0], s->rest.body[1]);
	(void)snprintf(want, sizeof(want), "access-1 rtoken-1 %s " APP_TOKEN,
	    s->moved);
	assert_string_equal(site_portal(s, s->store), want);
	/* the next one goes there at once; twice in a row is not followed */
	w = site_delivered(s, 2, NULL);
	location(more, s->endpoint, METHOD);
	SCRIPT(s, rest, { "302 Found", "", more, 0 });
	(void)told(s, &w, 1);
	assert_int_equal(w.state, STATE_DELIVERED);
	assert_int_equal(script_count(s, &s->rest), 2);
	assert_non_null(strstr(s->rest.head[0], "Host: localhost:"));
}

/* What is not installed has nothing stored that could be replaced. */
static void
test_moved_without_installation(void **state)
{
	struct site *s = *state;
	struct work w = site_delivered(s, 1, "access-own");
	char more[200];

	location(more, s->moved, METHOD);
	SCRIPT(s, rest, { "302 Found", "", more, 0 }, ACCEPTED);
	(void)told(s, &w, 1);
	assert_int_equal(w.state, STATE_ACKNOWLEDGED);
	site_says(s, "app.client_endpoint");
	assert_string_equal(site_portal(s, s->store), "none");
}

static void
test_moved_elsewhere(void **state)
{
	struct site *s = *state;
	const struct {
		const char *base, *tail;
	} cases[] = {
		{ "http://evil.org/rest/", METHOD },
		{ "https://127.0.0.1@evil.org/rest/", METHOD },
		{ s->moved, "" }, { s->moved, "auth/?x=/rest/" METHOD },
		{ s->moved, "login" }, { "http://localhost", "" },
		{ s->moved, METHOD "?auth=1" }, { "", "" },
	};

	site_install(s, "1");
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct work w = site_delivered(s, (int64_t)i + 1, NULL);
		char more[200];

		location(more, cases[i].base, cases[i].tail);
		SCRIPT(s, rest, { "302 Found", "", more, 0 }, ACCEPTED);
		(void)told(s, &w, 1);
		if (script_count(s, &s->rest) != 1)
			fail_msg("%s", more);
		assert_int_equal(w.state, STATE_DELIVERED);
		assert_int_equal(site_row(s, w.id).hold, HOLD_NONE);
		assert_string_equal(site_portal(s, s->store),
		    "access-1 rtoken-1 here " APP_TOKEN);
	}
}

/* The answer to the web server may be due: what was begun goes on. */
static void
test_impatient(void **state)
{
	struct site *s = *state;
	struct work w[] = { site_delivered(s, 1, NULL),
	    site_delivered(s, 2, NULL) };
	struct patience patience;
	int ends;

	site_install(s, "1");
	SCRIPT(s, rest, { "200 OK", GOOD, NULL, 300 });
	patience = site_patience(s, 100, &ends);
	assert_true(told_as(s, w, 2, false, &patience).acknowledged);
	assert_int_equal(ends, 1);
	assert_int_equal(w[0].state, STATE_ACKNOWLEDGED);
	assert_int_equal(w[1].state, STATE_ACKNOWLEDGED);
}

/* Nobody is there: down for all, until a probe comes through. */
static void
test_down(void **state)
{
	struct site *s = *state;
	struct work w = site_delivered(s, 1, NULL);
	struct patience patience;
	int port, ends, fd = peer_listen(&port);
	char gone[80];

	site_install(s, "1");
	(void)close(fd);
	(void)snprintf(gone, sizeof(gone), "http://127.0.0.1:%d/rest/", port);
	assert_int_equal(store_portal_moved(s->store, MEMBER, gone,
	    &s->problem), ERR_OK);
	(void)told(s, &w, 1);
	assert_int_equal(w.state, STATE_DELIVERED);
	site_says(s, "event=down place=portal:" MEMBER);
	assert_true(place_down_until(&s->relay, "portal:" MEMBER) > 0);
	/* an answer is one, whatever it says */
	assert_int_equal(store_portal_moved(s->store, MEMBER, s->endpoint,
	    &s->problem), ERR_OK);
	SCRIPT(s, rest, { "500 No", "", NULL, 0 });
	patience = site_patience(s, 60000, &ends);
	(void)told_as(s, &w, 1, true, &patience);
	assert_int_equal(place_down_until(&s->relay, "portal:" MEMBER), 0);
}

static void
test_no_endpoint(void **state)
{
	struct site *s = *state;
	struct work w = site_delivered(s, 1, "access-own");

	w.endpoint = "https://evil.org/rest/";
	(void)told(s, &w, 1);
	assert_int_equal(w.state, STATE_DELIVERED);
	site_says(s, "none of app.portals");
	assert_null(strstr(s->log, "evil"));
	w.endpoint = NULL;
	(void)told(s, &w, 1);
	site_says(s, "no client_endpoint is known");
	assert_int_equal(peer_count(s->peer, &s->peer->accepts), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_verdicts), TEST(test_operating_time),
		TEST(test_odd_reset), TEST(test_batch), TEST(test_moved),
		TEST(test_moved_without_installation),
		TEST(test_moved_elsewhere), TEST(test_impatient),
		TEST(test_down), TEST(test_no_endpoint),
	};

	return cmocka_run_group_tests_name("relay/tell", tests, NULL, NULL);
}
