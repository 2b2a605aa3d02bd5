/*
 * Stored tokens: one refresh at a time, its pair durable before it is used,
 * and portals that no token serves.
 */
#include "relay_world.h"

#include "unit.h"

#define WELL { .status = 200 }
#define EXPIRED RW_ERROR(401, "expired_token")

/* What is refreshed is stored: the next call begins with it. */
static void
test_new_pair_lasts(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s;

	rw_install(w);
	RW_SAY(w, RW_REST, EXPIRED, WELL);
	s = RW_POST(w, .no_token = true);
	RW_UNTIL(w, s->gone);
	rw_idle(w);
	s = RW_POST(w, .no_token = true);
	RW_UNTIL(w, s->gone);
	assert_string_equal(rw_tokens(w, RW_REST),
	    RW_STORED " new-1 new-1");
	RW_SAY(w, RW_REST, EXPIRED, WELL);
	s = RW_POST(w, .no_token = true);
	RW_UNTIL(w, s->gone);
	assert_string_equal(rw_tokens(w, RW_OAUTH), RW_REFRESH " refresh-1");
	assert_int_equal(s->outcome.acknowledged, 1);
}

/* Parked messages wait for an installation, and are told then. */
static void
test_unparked(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s;

	relay_start(w->relay);
	s = RW_POST(w, .first = 1, .no_token = true);
	RW_UNTIL(w, s->gone);
	rw_idle(w);
	assert_int_equal(rw_end_of(w, 1), RW_PARKED);
	for (int i = 0; i < 5; i++) {
		rw_skip(w, 1000);
		rw_settle(w);
	}
	assert_int_equal(w->count[RW_REST], 0);
	rw_install(w);
	RW_UNTIL(w, rw_see(w, 1).state == STATE_ACKNOWLEDGED);
	assert_string_equal(rw_tokens(w, RW_REST), RW_STORED);
}

/*
 * A portal that was lost, with many messages: a newer event's own call takes
 * some along, and nothing goes round and round.
 */
static void
test_parked_is_left_alone(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s;
	size_t calls;

	relay_start(w->relay);
	rw_install(w);
	RW_SAY(w, RW_REST, RW_ERROR(403, "PORTAL_DELETED"));
	for (int i = 0; i < 5; i++) {
		s = RW_POST(w, .no_token = true, .chats = true);
		RW_UNTIL(w, s->gone);
	}
	rw_idle(w);
	calls = w->count[RW_REST];
	for (int i = 0; i < 20; i++) {
		rw_skip(w, 500);
		rw_settle(w);
	}
	assert_int_equal(w->count[RW_REST], calls);
	assert_int_equal(rw_count(w, STATE_DELIVERED), 5);
}

/* One refresh serves all who wait for it. */
static void
test_one_refresh(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *a, *b;

	rw_install(w);
	RW_SAY(w, RW_REST, { .status = RW_HOLD });
	RW_SAY(w, RW_OAUTH, { .status = RW_HOLD });
	a = RW_POST(w, .line = 1, .no_token = true);
	b = RW_POST(w, .line = 2, .no_token = true);
	RW_UNTIL(w, rw_open(w, RW_REST) == 2);
	RW_SAY(w, RW_REST, WELL);
	for (int i = 0; i < 2; i++)
		rw_release(w, RW_REST, &(const struct rw_act)EXPIRED);
	RW_UNTIL(w, rw_open(w, RW_OAUTH) == 1);
	rw_settle(w);
	assert_int_equal(w->count[RW_OAUTH], 1);
	rw_release(w, RW_OAUTH, NULL);
	RW_UNTIL(w, a->gone && b->gone);
	assert_int_equal(w->count[RW_OAUTH], 1);
	assert_string_equal(rw_tokens(w, RW_REST),
	    RW_STORED " " RW_STORED " new-1 new-1");
}

/* While another process refreshes, this one waits, and uses its pair. */
static void
test_refreshed_elsewhere(void **state)
{
	struct relay_world *w = *state;
	struct store *other = rw_other_store(w);
	struct arena arena;
	struct refresh_asking ask = { .member_id = RW_MEMBER,
	    .failed = RW_STORED, .arena = &arena };
	struct rw_sent *s;

	rw_install(w);
	arena_init(&arena, PORTAL_ARENA_MAX);
	store_refresh_ask(&ask);
	rw_must(other, &ask.db);
	assert_int_equal(ask.answer, REFRESH_YOURS);
	RW_SAY(w, RW_REST, EXPIRED, WELL);
	s = RW_POST(w, .no_token = true);
	RW_UNTIL(w, w->count[RW_REST] == 1);
	rw_settle(w);
	assert_int_equal(w->count[RW_REST], 1);
	assert_int_equal(w->count[RW_OAUTH], 0);
	rw_install_as(w, RW_MEMBER, w->rest, "theirs", "theirs-too");
	RW_UNTIL(w, s->gone);
	assert_string_equal(rw_tokens(w, RW_REST), RW_STORED " theirs");
	assert_int_equal(w->count[RW_OAUTH], 0);
	arena_free(&arena);
	assert_true(store_close(other, 1000));
}

/* Another process that never ends it: not for ever. */
static void
test_refresh_busy_for_long(void **state)
{
	struct relay_world *w = *state;
	struct store *other = rw_other_store(w);
	struct arena arena;
	struct refresh_asking ask = { .member_id = RW_MEMBER,
	    .failed = RW_STORED, .arena = &arena };

	rw_install(w);
	arena_init(&arena, PORTAL_ARENA_MAX);
	store_refresh_ask(&ask);
	rw_must(other, &ask.db);
	RW_SAY(w, RW_REST, EXPIRED);
	(void)RW_POST(w, .first = 1, .no_token = true);
	RW_UNTIL(w, w->count[RW_REST] == 1);
	for (int i = 0; i < 8; i++) {
		rw_skip(w, w->config->portal.timeout * 1000 / 4);
		rw_settle(w);
	}
	rw_idle(w);
	assert_int_equal(rw_end_of(w, 1), RW_LATER);
	assert_int_equal(w->count[RW_OAUTH], 0);
	arena_free(&arena);
	assert_true(store_close(other, 1000));
}

/* A message whose stored token expired: its refresh is under way. */
static struct rw_sent *
refresh_begins(struct relay_world *w)
{
	struct rw_sent *s;

	rw_install(w);
	RW_SAY(w, RW_REST, EXPIRED, WELL);
	RW_SAY(w, RW_OAUTH, { .status = RW_HOLD });
	s = RW_POST(w, .no_token = true);
	RW_UNTIL(w, rw_open(w, RW_OAUTH) == 1);
	return s;
}

/* Installed anew while a refresh was under way: that pair is newer. */
static void
test_installed_anew(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s = refresh_begins(w);

	rw_install_as(w, RW_MEMBER, w->rest, "anew", "anew-too");
	rw_release(w, RW_OAUTH, NULL);
	RW_UNTIL(w, s->gone);
	assert_string_equal(rw_tokens(w, RW_REST), RW_STORED " anew");
}

/* A pair that was bought is saved as soon as the store is back. */
static void
test_store_away_for_the_pair(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s = refresh_begins(w);

	rw_lock_store(w, true);
	rw_release(w, RW_OAUTH, NULL);
	rw_settle(w);
	rw_skip(w, 300);
	rw_settle(w);
	assert_int_equal(w->count[RW_REST], 1);
	rw_lock_store(w, false);
	rw_skip(w, 300);
	RW_UNTIL(w, s->gone);
	assert_string_equal(rw_tokens(w, RW_REST), RW_STORED " new-1");
	assert_string_equal(rw_tokens(w, RW_OAUTH), RW_REFRESH);
}

/* ... and if it stays away, the message waits. */
static void
test_pair_is_lost(void **state)
{
	struct relay_world *w = *state;

	rw_install(w);
	RW_SAY(w, RW_REST, EXPIRED);
	RW_SAY(w, RW_OAUTH, { .status = RW_HOLD });
	(void)RW_POST(w, .first = 1, .no_token = true);
	RW_UNTIL(w, rw_open(w, RW_OAUTH) == 1);
	rw_lock_store(w, true);
	rw_release(w, RW_OAUTH, NULL);
	for (int i = 0; i < 30; i++) {
		rw_skip(w, 260);
		rw_settle(w);
	}
	rw_lock_store(w, false);
	rw_skip(w, 600);
	rw_idle(w);
	assert_int_equal(rw_end_of(w, 1), RW_LATER);
	assert_int_equal(w->count[RW_OAUTH], 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RW_TEST(test_new_pair_lasts), RW_TEST(test_unparked),
		RW_TEST(test_parked_is_left_alone), RW_TEST(test_one_refresh),
		RW_TEST(test_refreshed_elsewhere),
		RW_TEST(test_refresh_busy_for_long),
		RW_TEST(test_installed_anew),
		RW_TEST(test_store_away_for_the_pair),
		RW_TEST(test_pair_is_lost),
	};

	return cmocka_run_group_tests_name("portal/tokens", tests, NULL,
	    NULL);
}
