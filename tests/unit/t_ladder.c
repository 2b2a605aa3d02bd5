/*
 * The ladder of tokens: what a portal answers, one after the other, which
 * calls with which tokens follow from it, and how the message ends.
 */
#include "relay_world.h"

#include "unit.h"

#include <stdio.h>
#include <string.h>

#define WELL { .status = 200 }
#define EXPIRED RW_ERROR(401, "expired_token")
#define INVALID RW_ERROR(401, "invalid_token")
#define DENIED RW_ERROR(403, "ACCESS_DENIED")
#define USER RW_ERROR(401, "user_access_error")

struct ladder {
	const char *name;
	bool no_own, installed;
	struct rw_act rest[6];
	struct rw_act oauth;	/* status 0: as usual */
	const char *calls;	/* with these tokens */
	const char *trades;	/* of these refresh tokens */
	enum rw_end end;
};

static const struct ladder ladders[] = {
	{ "the event's own is enough", false, false, { WELL }, { 0 },
	    "own-token", "", RW_TOLD },
	{ "the event's own goes first", false, true, { WELL }, { 0 },
	    "own-token", "", RW_TOLD },
	{ "no own: the stored one", true, true, { WELL }, { 0 },
	    "stored-token", "", RW_TOLD },
	{ "no token at all", true, false, { WELL }, { 0 }, "", "", RW_PARKED },
	{ "own expired, none stored", false, false, { EXPIRED }, { 0 },
	    "own-token", "", RW_PARKED },
	{ "own expired", false, true, { EXPIRED, WELL }, { 0 },
	    "own-token stored-token", "", RW_TOLD },
	{ "own invalid", false, true, { INVALID, WELL }, { 0 },
	    "own-token stored-token", "", RW_TOLD },
	{ "without regard to case and status", false, true,
	    { RW_ERROR(200, "EXPIRED_Token"), WELL }, { 0 },
	    "own-token stored-token", "", RW_TOLD },
	{ "stored expired: refreshed", true, true, { EXPIRED, WELL }, { 0 },
	    "stored-token new-1", "refresh-token", RW_TOLD },
	{ "own and stored expired", false, true, { EXPIRED, EXPIRED, WELL },
	    { 0 }, "own-token stored-token new-1", "refresh-token", RW_TOLD },
	{ "all that there is", false, true, { INVALID, EXPIRED, EXPIRED },
	    { 0 }, "own-token stored-token new-1", "refresh-token", RW_PARKED },
	{ "refresh rejected", true, true, { EXPIRED },
	    RW_ERROR(400, "invalid_grant"), "stored-token", "refresh-token",
	    RW_PARKED },
	{ "refresh: not installed", true, true, { EXPIRED },
	    RW_ERROR(200, "NOT_INSTALLED"), "stored-token", "refresh-token",
	    RW_PARKED },
	{ "refresh not now", true, true, { EXPIRED }, { .status = 500,
	    .body = "" }, "stored-token", "refresh-token", RW_LATER },
	{ "our client is wrong: a person mends that", true, true,
	    { EXPIRED }, RW_ERROR(401, "invalid_client"), "stored-token",
	    "refresh-token", RW_LATER },
	{ "the OAuth server cuts the line", true, true, { EXPIRED },
	    { .status = RW_DROP }, "stored-token", "refresh-token", RW_LATER },
	{ "it names another portal", true, true, { EXPIRED }, { .status = 200,
	    .body = "{\"member_id\":\"other\",\"client_endpoint\":\"https://"
	    "a/\",\"access_token\":\"a\",\"refresh_token\":\"b\"}" },
	    "stored-token", "refresh-token", RW_LATER },
	{ "user may not: the stored one, once", false, true, { USER, WELL },
	    { 0 }, "own-token stored-token", "", RW_TOLD },
	{ "nobody may", false, true, { DENIED, DENIED }, { 0 },
	    "own-token stored-token", "", RW_REFUSED },
	{ "the stored one's user may not", true, true, { DENIED }, { 0 },
	    "stored-token", "", RW_REFUSED },
	{ "user may not, stored expired", false, true,
	    { DENIED, EXPIRED, WELL }, { 0 },
	    "own-token stored-token new-1", "refresh-token", RW_TOLD },
	{ "refused for good", false, true, { RW_ERROR(400, "ERROR_ARGUMENT") },
	    { 0 }, "own-token", "", RW_REFUSED },
	{ "the portal is lost", false, true,
	    { RW_ERROR(403, "PORTAL_DELETED") }, { 0 }, "own-token", "",
	    RW_PARKED },
	{ "too many calls", false, true,
	    { RW_ERROR(503, "QUERY_LIMIT_EXCEEDED") }, { 0 }, "own-token", "",
	    RW_LATER },
	{ "an error inside", false, true,
	    { RW_ERROR(500, "INTERNAL_SERVER_ERROR") }, { 0 }, "own-token", "",
	    RW_LATER },
	{ "its own OAuth is away: no refresh", true, true,
	    { RW_ERROR(401, "CONNECTION_ERROR") }, { 0 }, "stored-token", "",
	    RW_LATER },
	{ "no success", false, true, { { .status = 200,
	    .body = "{\"result\":{\"SUCCESS\":false}}" } }, { 0 },
	    "own-token", "", RW_LATER },
	{ "no JSON", false, true, { { .status = 200, .body = "<html>" } },
	    { 0 }, "own-token", "", RW_LATER },
};

static size_t
acts_of(const struct ladder *l)
{
	size_t n = 0;

	while (n < COUNT(l->rest) && l->rest[n].status != 0)
		n++;
	return n;
}

static void
climb(const struct ladder *l)
{
	void *state;
	struct relay_world *w;
	struct rw_sent *s;

	assert_int_equal(rw_begin(&state), 0);
	w = state;
	if (l->installed)
		rw_install(w);
	rw_script(w, RW_REST, l->rest, acts_of(l));
	if (l->oauth.status != 0)
		rw_script(w, RW_OAUTH, &l->oauth, 1);
	s = RW_POST(w, .first = 1, .no_token = l->no_own);
	RW_UNTIL(w, s->gone);
	rw_idle(w);
	if (strcmp(rw_tokens(w, RW_REST), l->calls) != 0)
		fail_msg("%s: calls with %s", l->name, rw_tokens(w, RW_REST));
	if (strcmp(rw_tokens(w, RW_OAUTH), l->trades) != 0)
		fail_msg("%s: trades of %s", l->name,
		    rw_tokens(w, RW_OAUTH));
	if (rw_end_of(w, 1) != l->end)
		fail_msg("%s: ends as %d", l->name, (int)rw_end_of(w, 1));
	assert_int_equal(s->answered, 1);
	assert_int_equal(s->outcome.acknowledged, l->end == RW_TOLD);
	assert_int_equal(s->outcome.refused, l->end == RW_REFUSED);
	assert_int_equal(w->count[RW_HOOK], 1);
	rw_end(&state);
}

static void
test_ladders(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ladders); i++)
		climb(&ladders[i]);
}

/* Several that wait together; returns with one call on its way. */
static void
gather(struct relay_world *w, const char *const *tokens, size_t n)
{
	struct rw_sent *first;

	RW_SAY(w, RW_REST, { .status = RW_HOLD });
	first = RW_POST(w, .token = "first", .chats = true);
	RW_UNTIL(w, rw_open(w, RW_REST) == 1);
	w->config->portal.calls_in_flight = 1;
	for (size_t i = 0; i < n; i++)
		(void)RW_POST(w, .token = tokens[i], .chats = true,
		    .no_token = tokens[i] == NULL);
	RW_UNTIL(w, w->count[RW_HOOK] == n + 1);
	rw_settle(w);
	assert_int_equal(w->count[RW_REST], 1);
	assert_int_equal(first->answered, 0);
}

static void
test_newest_first(void **state)
{
	static const char *const tokens[] = { "a", "b", "b", NULL, "c" };
	struct relay_world *w = *state;

	rw_install(w);
	gather(w, tokens, COUNT(tokens));
	RW_SAY(w, RW_REST, EXPIRED, EXPIRED, WELL);
	rw_release(w, RW_REST, NULL);
	rw_idle(w);
	/* "first" has worked a moment ago */
	assert_memory_equal(rw_tokens(w, RW_REST), "first c b", 9);
	assert_int_equal(rw_count(w, STATE_DELIVERED) +
	    rw_count(w, STATE_REFUSED), 0);
	assert_int_equal(rw_call_at(w, RW_REST, 1)->messages, 5);
}

/* Of many tokens that are no good only a few are tried, but each message
 * then has its own try, and the stored token serves in the end. */
static void
test_many_bad_tokens(void **state)
{
	static const char *const tokens[] = { "a", "b", "c", "d", "e" };
	struct relay_world *w = *state;

	rw_install(w);
	gather(w, tokens, COUNT(tokens));
	RW_SAY(w, RW_REST, EXPIRED, EXPIRED, EXPIRED, EXPIRED, EXPIRED, WELL);
	rw_release(w, RW_REST, NULL);
	rw_idle(w);
	assert_int_equal(rw_count(w, STATE_DELIVERED), 0);
	assert_int_equal(rw_count(w, STATE_REFUSED), 0);
	assert_memory_equal(rw_tokens(w, RW_REST), "first e d ", 10);
	assert_non_null(strstr(rw_tokens(w, RW_REST),
	    RW_STORED " new-1 "));
}

/* A batch that is refused for its content is told message by message. */
static void
test_alone(void **state)
{
	static const char *const tokens[] = { "a", "a", "a" };
	struct relay_world *w = *state;
	char sizes[16] = "";

	gather(w, tokens, COUNT(tokens));
	RW_SAY(w, RW_REST, RW_ERROR(400, "ERROR_ARGUMENT"), WELL,
	    RW_ERROR(400, "ERROR_ARGUMENT"), WELL);
	rw_release(w, RW_REST, NULL);
	rw_idle(w);
	for (size_t i = 0; i < w->count[RW_REST] && i < 8; i++)
		(void)snprintf(sizes + strlen(sizes), 3, "%zu ",
		    rw_call_at(w, RW_REST, i)->messages);
	assert_string_equal(sizes, "1 3 1 1 1 ");
	assert_int_equal(rw_count(w, STATE_REFUSED), 1);
	assert_int_equal(rw_count(w, STATE_DELIVERED), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ladders), RW_TEST(test_newest_first),
		RW_TEST(test_many_bad_tokens), RW_TEST(test_alone),
	};

	return cmocka_run_group_tests_name("portal/ladder", tests, NULL,
	    NULL);
}
