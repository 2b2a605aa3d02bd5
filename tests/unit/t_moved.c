/*
 * Where a portal's calls go: a renamed one, and endpoints that get no tokens.
 */
#include "relay_world.h"

#include "unit.h"

#include <stdio.h>
#include <string.h>

#define WELL { .status = 200 }
#define EXPIRED RW_ERROR(401, "expired_token")

/* Where a renamed portal's call was sent on to. */
static void
moved_to(const struct relay_world *w, struct rw_act *act, char *more,
    size_t size)
{
	(void)snprintf(more, size, "Location: %simconnector.send.status."
	    "delivery\r\n", w->home);
	*act = (struct rw_act){ .status = 302, .body = "", .more = more };
}

static const char *
path_of(struct relay_world *w, size_t n)
{
	return rw_call_at(w, RW_REST, n)->heard->path;
}

static void
test_moved(void **state)
{
	struct relay_world *w = *state;
	struct rw_act acts[2] = { WELL, WELL };
	char more[200];
	struct rw_sent *s;

	rw_install(w);
	moved_to(w, &acts[0], more, sizeof(more));
	rw_script(w, RW_REST, acts, 2);
	s = RW_POST(w, .first = 1);
	RW_UNTIL(w, s->gone);
	rw_idle(w);
	assert_int_equal(s->outcome.acknowledged, 1);
	assert_memory_equal(path_of(w, 0), "/rest/", 6);
	assert_memory_equal(path_of(w, 1), "/rest2/", 7);
	/* the stored endpoint was replaced */
	s = RW_POST(w, .first = 2);
	RW_UNTIL(w, s->gone);
	assert_memory_equal(path_of(w, 2), "/rest2/", 7);
	assert_int_equal(w->count[RW_REST], 3);
}

static void
test_moved_twice(void **state)
{
	struct relay_world *w = *state;
	struct rw_act act;
	char more[200];

	rw_install(w);
	moved_to(w, &act, more, sizeof(more));
	rw_script(w, RW_REST, &act, 1);
	(void)RW_POST(w, .first = 1);
	RW_UNTIL(w, w->count[RW_REST] == 2);
	rw_idle(w);
	assert_int_equal(w->count[RW_REST], 2);
	assert_int_equal(rw_end_of(w, 1), RW_LATER);
}

/* A move does not use up a rung. */
static void
test_moved_and_refreshed(void **state)
{
	struct relay_world *w = *state;
	struct rw_act acts[4] = { WELL, EXPIRED, EXPIRED, WELL };
	char more[200];
	struct rw_sent *s;

	rw_install(w);
	moved_to(w, &acts[0], more, sizeof(more));
	rw_script(w, RW_REST, acts, 4);
	s = RW_POST(w, .first = 1);
	RW_UNTIL(w, s->gone);
	assert_string_equal(rw_tokens(w, RW_REST),
	    RW_OWN " " RW_OWN " " RW_STORED " new-1");
	assert_int_equal(s->outcome.acknowledged, 1);
}

static int
begin_configured(void **state)
{
	return rw_begin_with(state, "client_endpoint = %rest%\n");
}

/* A configured endpoint is kept. */
static void
test_moved_configured(void **state)
{
	struct relay_world *w = *state;
	struct rw_act acts[2] = { WELL, WELL };
	char more[200];
	struct rw_sent *s;

	moved_to(w, &acts[0], more, sizeof(more));
	rw_script(w, RW_REST, acts, 2);
	for (int i = 0; i < 2; i++) {
		s = RW_POST(w, .endpoint = "http://127.0.0.1:1/");
		RW_UNTIL(w, s->gone);
		assert_int_equal(s->outcome.acknowledged, 1);
	}
	assert_memory_equal(path_of(w, 0), "/rest/", 6);
	assert_memory_equal(path_of(w, 1), "/rest2/", 7);
	assert_memory_equal(path_of(w, 2), "/rest/", 6);
}

static void
test_moved_to_strangers(void **state)
{
	static const char *const places[] = {
		"https://evil.example.org/imconnector.send.status.delivery",
		"%s", "ftp://127.0.0.1/imconnector.send.status.delivery", "" };
	struct relay_world *w = *state;

	rw_install(w);
	for (size_t i = 0; i < COUNT(places); i++) {
		struct rw_act act = { .status = 302, .body = "" };
		char more[300], to[200];

		(void)snprintf(to, sizeof(to), "%s", strcmp(places[i], "%s")
		    == 0 ? w->home : places[i]);
		(void)snprintf(more, sizeof(more), "Location: %s\r\n", to);
		act.more = to[0] != '\0' ? more : NULL;
		rw_script(w, RW_REST, &act, 1);
		(void)RW_POST(w, .first = (int64_t)i + 1, .chats = true);
		RW_UNTIL(w, w->count[RW_REST] == i + 1);
		rw_idle(w);
		assert_int_equal(rw_end_of(w, (int64_t)i + 1), RW_LATER);
	}
	assert_int_equal(w->count[RW_REST], COUNT(places));
}

/* No endpoint that may have tokens: stored, handed over, and no call. */
static void
test_no_endpoint(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s = RW_POST(w, .first = 1,
	    .endpoint = "https://evil.example.org/rest/");

	RW_UNTIL(w, s->gone);
	rw_idle(w);
	assert_int_equal(w->count[RW_REST], 0);
	assert_int_equal(w->count[RW_HOOK], 1);
	assert_int_equal(rw_end_of(w, 1), RW_LATER);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RW_TEST(test_moved), RW_TEST(test_moved_twice),
		RW_TEST(test_moved_and_refreshed),
		cmocka_unit_test_setup_teardown(test_moved_configured,
		    begin_configured, rw_end),
		RW_TEST(test_moved_to_strangers), RW_TEST(test_no_endpoint),
	};

	return cmocka_run_group_tests_name("portal/moved", tests, NULL,
	    NULL);
}
