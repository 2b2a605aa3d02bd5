/*
 * Installations: proven before they count, two at a time; what their senders
 * are told.
 */
#include "relay_world.h"

#include "unit.h"

#include <stdio.h>
#include <string.h>

#define HOLD { .status = RW_HOLD }
#define WELL { .status = 200 }
#define INSTALL .name = "ONAPPINSTALL", .refresh = "theirs"

static struct rw_sent *
install(struct relay_world *w, const char *member)
{
	return RW_POST(w, INSTALL, .member = member, .no_token = true);
}

static bool
is_installed(struct relay_world *w, const char *member)
{
	struct arena arena;
	struct portal_reading r = { .member_id = member, .arena = &arena };
	bool found;

	arena_init(&arena, PORTAL_ARENA_MAX);
	store_portal_read(&r);
	rw_must(w->store, &r.db);
	found = r.found;
	arena_free(&arena);
	return found;
}

static void
test_proven(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s = install(w, RW_MEMBER);

	RW_UNTIL(w, s->gone);
	assert_string_equal(s->result, "installed");
	assert_string_equal(rw_tokens(w, RW_OAUTH), "theirs");
	assert_true(is_installed(w, RW_MEMBER));
	/* its token serves */
	s = RW_POST(w, .no_token = true);
	RW_UNTIL(w, s->gone);
	assert_string_equal(rw_tokens(w, RW_REST), "new-1");
	/* a repeat changes nothing, and asks nobody */
	s = install(w, RW_MEMBER);
	RW_UNTIL(w, s->gone);
	assert_string_equal(s->result, "installed");
	assert_int_equal(w->count[RW_OAUTH], 1);
}

/* What the OAuth server says, and what follows. */
static const struct {
	struct rw_act act;
	bool later;
} oauths[] = {
	{ { .status = 400, .body = "{\"error\":\"invalid_grant\"}" }, false },
	{ { .status = 200, .body = "{\"error\":\"NOT_INSTALLED\"}" }, false },
	{ { .status = 200, .body = "{\"member_id\":\"other\","
	    "\"client_endpoint\":\"https://a/rest/\",\"access_token\":\"a\","
	    "\"refresh_token\":\"b\"}" }, false },
	{ { .status = 500, .body = "" }, true },
	{ { .status = 200, .body = "<html>" }, true },
	{ { .status = 401, .body = "{\"error\":\"invalid_client\"}" }, true },
	{ { .status = RW_DROP }, true },
};

static void
test_not_proven(void **state)
{
	struct relay_world *w = *state;
	char member[32];

	for (size_t i = 0; i < COUNT(oauths); i++) {
		struct rw_sent *s;

		rw_script(w, RW_OAUTH, &oauths[i].act, 1);
		(void)snprintf(member, sizeof(member), "member-%zu", i);
		s = install(w, member);
		RW_UNTIL(w, s->gone);
		assert_int_equal(s->refused, !oauths[i].later);
		if (oauths[i].later)
			assert_string_equal(s->result, "queued");
		else
			assert_int_equal(s->problem.err, ERR_DENIED);
		assert_null(strstr(s->problem.text, "theirs"));
		assert_false(is_installed(w, member));
	}
	assert_int_equal(w->count[RW_OAUTH], COUNT(oauths));
}

static void
test_denied_at_once(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s[] = {
		RW_POST(w, INSTALL, .server = "https://evil.example.org/"),
		RW_POST(w, .name = "ONAPPINSTALL", .refresh = ""),
		RW_POST(w, INSTALL, .member = ""),
		RW_POST(w, INSTALL, .endpoint = ""),
		RW_POST(w, INSTALL, .app_token = ""),
	};

	for (size_t i = 0; i < COUNT(s); i++) {
		RW_UNTIL(w, s[i]->gone);
		assert_int_equal(s[i]->problem.err, ERR_DENIED);
	}
	assert_int_equal(w->calls, 0);
}

/* Two are being proven; everybody else is told as soon as it is kept. */
static void
test_two_at_a_time(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s[6];
	char member[32];
	size_t queued = 0;

	relay_start(w->relay);
	RW_SAY(w, RW_OAUTH, HOLD);
	for (size_t i = 0; i < COUNT(s); i++) {
		(void)snprintf(member, sizeof(member), "member-%zu", i);
		s[i] = install(w, member);
	}
	RW_UNTIL(w, rw_open(w, RW_OAUTH) == 2);
	rw_settle(w);
	assert_int_equal(w->count[RW_OAUTH], 2);
	for (size_t i = 0; i < COUNT(s); i++)
		queued += s[i]->gone && strcmp(s[i]->result, "queued") == 0;
	assert_int_equal(queued, COUNT(s) - 2);
	/* ordinary events are not held up */
	s[2] = RW_POST(w, .first = 1);
	RW_UNTIL(w, s[2]->gone);
	assert_int_equal(s[2]->outcome.acknowledged, 1);
	/* the others have their turn, never more than two */
	for (size_t i = 3; i <= COUNT(s); i++) {
		rw_release(w, RW_OAUTH, &(const struct rw_act){
		    .status = 400, .body = "{\"error\":\"invalid_grant\"}" });
		RW_UNTIL(w, w->count[RW_OAUTH] == i ||
		    (rw_skip(w, 500), rw_settle(w), false));
	}
	assert_int_equal(w->most[RW_OAUTH], 2);
}

/* Copies wait for the same proof and are told the same. */
static void
test_copies(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s[4];

	RW_SAY(w, RW_OAUTH, HOLD);
	for (size_t i = 0; i < COUNT(s); i++)
		s[i] = install(w, RW_MEMBER);
	RW_UNTIL(w, rw_open(w, RW_OAUTH) == 1);
	rw_settle(w);
	rw_release(w, RW_OAUTH, NULL);
	for (size_t i = 0; i < COUNT(s); i++) {
		RW_UNTIL(w, s[i]->gone);
		assert_string_equal(s[i]->result, "installed");
	}
	assert_int_equal(w->count[RW_OAUTH], 1);
}

/* The answer does not wait for a slow proof; it counts all the same. */
static void
test_late(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s;

	RW_SAY(w, RW_OAUTH, HOLD);
	s = install(w, RW_MEMBER);
	RW_UNTIL(w, rw_open(w, RW_OAUTH) == 1);
	rw_skip(w, w->config->server.answer_within * 1000);
	RW_UNTIL(w, s->answered);
	assert_string_equal(s->result, "queued");
	rw_release(w, RW_OAUTH, NULL);
	RW_UNTIL(w, s->gone);
	assert_int_equal(s->answered, 1);
	assert_true(is_installed(w, RW_MEMBER));
}

/* A stop tells them at once, too; the proof is never cut off. */
static void
test_stop(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s;

	RW_SAY(w, RW_OAUTH, HOLD);
	s = install(w, RW_MEMBER);
	RW_UNTIL(w, rw_open(w, RW_OAUTH) == 1);
	relay_stop(w->relay);
	assert_int_equal(s->answered, 1);
	assert_string_equal(s->result, "queued");
	assert_true(relay_busy(w->relay) > 0);
	rw_release(w, RW_OAUTH, NULL);
	rw_idle(w);
	assert_true(is_installed(w, RW_MEMBER));
}

static void
test_tried_again(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s;

	relay_start(w->relay);
	RW_SAY(w, RW_OAUTH, { .status = 500, .body = "" });
	s = install(w, RW_MEMBER);
	RW_UNTIL(w, s->gone);
	assert_string_equal(s->result, "queued");
	rw_settle(w);
	assert_int_equal(w->count[RW_OAUTH], 1);
	RW_SAY(w, RW_OAUTH, WELL);
	RW_UNTIL(w, w->count[RW_OAUTH] == 2 ||
	    (rw_skip(w, 1000), rw_settle(w), false));
	RW_UNTIL(w, is_installed(w, RW_MEMBER));
}

static void
test_store_away(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s;

	rw_lock_store(w, true);
	s = install(w, RW_MEMBER);
	RW_UNTIL(w, s->gone);
	assert_int_equal(s->problem.err, ERR_DISK);
	rw_lock_store(w, false);
	assert_int_equal(w->calls, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RW_TEST(test_proven), RW_TEST(test_not_proven),
		RW_TEST(test_denied_at_once), RW_TEST(test_two_at_a_time),
		RW_TEST(test_copies), RW_TEST(test_late), RW_TEST(test_stop),
		RW_TEST(test_tried_again), RW_TEST(test_store_away),
	};

	return cmocka_run_group_tests_name("portal/install", tests, NULL,
	    NULL);
}
