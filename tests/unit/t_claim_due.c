/*
 * What is due: the scan, its filter, waits that a jumping clock made too
 * long, held and parked messages.
 *
 * Run by make check.
 */
#include "claim_world.h"

static void
test_due_for_longest(void **state)
{
	static const int64_t waits[] = { 300, 100, 400, 200 };
	struct world *w = *state;

	assert_int_equal(claim_due(w), 0);
	for (int64_t i = 0; i < 4; i++) {
		char chat[2] = { (char)('A' + i), '\0' };

		(void)take_in(w, chat, i + 1);
		postpone(w, i + 1, waits[i], HOLD_NONE);
	}
	assert_int_equal(claim_due(w), 0);
	w->now_ms += 300;
	assert_int_equal(claim_due(w), 2);
	assert_int_equal(claim_due(w), 4);
	assert_int_equal(claim_due(w), 1);
	assert_int_equal(claim_due(w), 0);
	w->now_ms += 100;
	assert_int_equal(claim_due(w), 3);
}

static void
test_every_field(void **state)
{
	struct world *w = *state;
	struct work work;
	bool found;

	(void)take_message(w, ADD, 86497, "body");
	(void)deliver(w, 1);
	w->now_ms += 50;
	postpone(w, 1, 7, HOLD_NONE);
	w->now_ms += 7;
	postpone(w, 1, 7, HOLD_NONE);
	w->now_ms += 7;
	assert_int_equal(store_claim_due(w->store, NULL, &w->arena, &work,
	    &found, &w->problem), ERR_OK);
	assert_true(found);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(work.id, 1);
		assert_string_equal(work.key, "c-A8oGbhra7_BRSML2vec0AppVk");
		assert_int_equal(work.state, STATE_DELIVERED);
		assert_string_equal(work.event, ADD);
		assert_string_equal(work.member_id,
		    "bac1cd5c8940947a75e0d71b1a84e348");
		assert_string_equal(work.domain, "some-domain.bitrix24.com");
		assert_string_equal(work.connector, "myconnector");
		assert_string_equal(work.chat, "channel-123");
		assert_int_equal(work.line, 107);
		assert_int_equal(work.chat_id, 1807);
		assert_int_equal(work.message_id, 86497);
		assert_int_equal(work.ts, 1773759161);
		assert_int_equal(work.received_us, 1773759162000000);
		assert_string_equal(work.body, "body");
		assert_int_equal(work.body_len, 4);
		assert_string_equal(work.endpoint,
		    "https://some-domain.bitrix24.com/rest/");
		assert_string_equal(work.token, "secret-token");
		assert_string_equal(work.ids, "[\"x\"]");
		assert_int_equal(work.delivered_ms, 1773759162000);
		assert_int_equal(work.tries, 2);
		/* the end of its first attempt at this step */
		assert_int_equal(work.first_ms, 1773759162050);
		work = work_of(w, 1);
	}
}

/* What is not known is NULL; one that is gone cannot be read. */
static void
test_absent(void **state)
{
	struct world *w = *state;
	struct problem p = { 0 };
	struct work work;
	struct event ev;
	struct arrival a;

	make_event(&ev, ADD);
	ev.domain = ev.access_token = ev.client_endpoint = NULL;
	add_message(&ev, 1, "");
	check_event(&ev);
	assert_int_equal(store_take(w->store, &ev, &take_plain, &a, &p),
	    ERR_OK);
	event_free(&ev);
	work = work_of(w, a.id);
	assert_null(work.domain);
	assert_null(work.token);
	assert_null(work.endpoint);
	assert_null(work.ids);
	assert_string_equal(work.body, "");
	assert_int_equal(work.body_len, 0);
	assert_int_equal(work.first_ms, 0);
	assert_int_equal(store_load(w->store, 99, &w->arena, &work, &p),
	    ERR_LOST);
}

/* No room for the texts: an error, nothing is claimed, and no nonsense. */
static void
test_no_room(void **state)
{
	struct world *w = *state;
	struct problem p = { 0 };
	struct arena small;
	struct work work;
	bool found = true;

	(void)take_in(w, "A", 1);
	postpone(w, 1, 0, HOLD_NONE);
	arena_init(&small, 40);
	assert_int_equal(store_claim_due(w->store, NULL, &small, &work, &found,
	    &p), ERR_DISK);
	arena_free(&small);
	assert_false(found);
	assert_string_equal(p.text, "the store failed: out of memory");
	assert_int_equal(column(w, "owner", 1), 0);
	assert_int_equal(claim_due(w), 1);
}

/* Whom the filter blocks, as "state member connector line". */
struct blocking {
	const char *who;
	int calls;
};

static bool
is_blocked(void *ctx, enum state state, const char *member_id,
    const char *connector, int64_t line)
{
	struct blocking *b = ctx;
	char who[128];

	(void)snprintf(who, sizeof(who), "%d %.4s %s %" PRId64, (int)state,
	    member_id, connector, line);
	b->calls++;
	return strcmp(who, b->who) == 0;
}

static void
test_filter(void **state)
{
	struct world *w = *state;
	struct blocking b = { "", 0 };
	const struct scan_filter f = { is_blocked, &b };

	(void)take_opts_in(w, w->store, "107", "A", 1, 0);
	(void)take_opts_in(w, w->store, "108", "B", 2, 0);
	(void)take_opts_in(w, w->store, "107", "C", 3, 0);
	(void)deliver(w, 3);
	for (int64_t i = 1; i <= 3; i++)
		postpone(w, i, i, HOLD_NONE);
	w->now_ms += 3;
	b.who = "1 bac1 myconnector 107";
	assert_int_equal(claim_by(w, w->store, &f), 2);
	assert_true(b.calls > 0);
	b.who = "2 bac1 myconnector 107";
	assert_int_equal(claim_by(w, w->store, &f), 1);
	assert_int_equal(claim_by(w, w->store, &f), 0);
	/* it was of that scan only */
	assert_int_equal(claim_due(w), 3);
}

/* The wall clock jumps back: no wait is longer than twice the longest. */
static void
test_clock_jumps_back(void **state)
{
	struct world *w = *state;

	(void)take_in(w, "A", 1);
	postpone(w, 1, LONGEST, HOLD_NONE);
	w->now_ms -= LONGEST;
	assert_int_equal(claim_due(w), 0);	/* jitter may do that */
	w->now_ms -= 1;
	assert_int_equal(claim_due(w), 1);
	postpone(w, 1, LONGEST, HOLD_DOWN);
	w->now_ms -= (int64_t)365 * 86400 * 1000;
	assert_int_equal(claim_due(w), 1);
	/* and forth: it is due, but a claim is not over */
	w->now_ms += (int64_t)3650 * 86400 * 1000;
	assert_int_equal(claim_due(w), 0);
	postpone(w, 1, LONGEST, HOLD_NONE);
	assert_int_equal(claim_due(w), 0);
	w->now_ms += (int64_t)3650 * 86400 * 1000;
	assert_int_equal(claim_due(w), 1);
}

/* A lost first does not let a later one of its chat pass. */
static void
test_lost_keeps_order(void **state)
{
	struct world *w = *state;

	(void)take_in(w, "A", 1);
	(void)take_in(w, "A", 2);
	postpone(w, 1, 5 * LONGEST, HOLD_NONE);
	assert_int_equal(claim_due(w), 1);
	assert_int_equal(claim_due(w), 0);
	assert_int_equal(deliver(w, 1), 2);
}

static void
test_parked(void **state)
{
	struct world *w = *state;

	(void)take_in(w, "A", 1);
	(void)deliver(w, 1);
	/* parked ones wait longer than any other, */
	postpone(w, 1, GIVE_UP, HOLD_PARKED);
	assert_int_equal(claim_due(w), 0);
	assert_int_equal(column(w, "hold", 1), HOLD_PARKED);
	w->now_ms -= LONGEST;
	assert_int_equal(claim_due(w), 0);
	/* but not for ever */
	w->now_ms -= 1;
	assert_int_equal(claim_due(w), 1);
	assert_int_equal(column(w, "hold", 1), HOLD_NONE);
	postpone(w, 1, GIVE_UP, HOLD_PARKED);
	w->now_ms += GIVE_UP;
	assert_int_equal(claim_due(w), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_due_for_longest),
		WORLD_TEST(test_every_field),
		WORLD_TEST(test_absent),
		WORLD_TEST(test_no_room),
		WORLD_TEST(test_filter),
		WORLD_TEST(test_clock_jumps_back),
		WORLD_TEST(test_lost_keeps_order),
		WORLD_TEST(test_parked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
