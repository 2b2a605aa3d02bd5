/*
 * Which messages go with a status call: the line's, alone ones, probes, what
 * is held, and the call that follows a call.
 *
 * Run by make check.
 */
#include "call_world.h"

/* Its messages have moved before. */
static const struct call_end never_mind = { .acknowledged = false };

static void
test_the_line(void **state)
{
	struct world *w = *state;
	struct call c;
	struct arrival a;
	struct event ev;

	(void)waits_on(w, "107", 1);
	(void)waits_on(w, "108", 2);
	(void)take_in(w, "received", 3);
	for (int i = 0; i < 2; i++) {
		make_event(&ev, ADD);
		if (i == 0)
			ev.connector = own(&ev, "theirs");
		else
			ev.member_id = own(&ev, "another");
		add_message(&ev, 4, "b");
		check_event(&ev);
		assert_int_equal(store_take(w->store, &ev, &take_plain, &a,
		    &w->problem), ERR_OK);
		event_free(&ev);
		(void)deliver(w, a.id);
	}
	acknowledge(w, waits_on(w, "107", 6));
	(void)refuse(w, waits_on(w, "107", 7), STEP_STATUS, "no");
	(void)waits_on(w, "107", 8);
	call_init(&c);
	assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
	assert_string_equal(ids_of(&c), "1 8");
	/* claimed, with what a status needs and no more */
	assert_string_equal(look(w, "SELECT id FROM message WHERE owner <> 0"
	    " ORDER BY id"), "1|\n3|\n8|\n");
	assert_string_equal(c.work[1]->ids, "[\"x\"]");
	assert_string_equal(c.work[1]->token, "secret-token");
	assert_string_equal(c.work[1]->chat, "107-8");
	assert_int_equal(c.work[1]->delivered_ms, w->now_ms);
	assert_int_equal(c.work[1]->state, STATE_DELIVERED);
	assert_null(c.work[1]->body);
	assert_false(c.installed);
	/* nobody else takes them, and none is left */
	assert_int_equal(claim_due(w), 0);
	end_as(w, &c, &plain_end);
	assert_int_equal(ask(w, &line_107, &c), LEAVE_NOTHING);
	assert_string_equal(look(w, "SELECT id, state, owner, body, token,"
	    " next_ms FROM message WHERE id IN (1, 8)"),
	    "1|3|0|null|null|null|\n8|3|0|null|null|null|\n");
	call_free(&c);
}

static void
test_batch_limit(void **state)
{
	struct world *w = *state;
	struct work first;
	struct call c;

	w->opts.batch = 3;
	reopen(w);
	for (int64_t i = 1; i <= 8; i++)
		(void)waits_on(w, "107", i);
	call_init(&c);
	assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
	assert_string_equal(ids_of(&c), "1 2 3");
	end_as(w, &c, &plain_end);
	/* with one of the caller's it is as many in all, and that in front */
	w->now_ms += 1000;
	assert_int_equal(claim_due(w), 4);
	first = work_of(w, 7);
	assert_int_equal(ask_by(w, w->store, &line_107, &first, &c),
	    LEAVE_GRANTED);
	assert_string_equal(ids_of(&c), "7 5 6");
	end_as(w, &c, &plain_end);
	/* room for one: the caller's own */
	w->opts.batch = 1;
	reopen(w);
	first = work_of(w, 8);
	assert_int_equal(ask_by(w, w->store, &line_107, &first, &c),
	    LEAVE_GRANTED);
	assert_string_equal(ids_of(&c), "8");
	call_free(&c);
}

/*
 * What failed waits for its time.  Only what is parked goes along before, but
 * never on its own account.
 */
static void
test_failed_ones(void **state)
{
	struct world *w = *state;
	struct call c;

	for (int64_t i = 1; i <= 4; i++)
		(void)waits_on(w, "107", i);
	postpone(w, 2, 5000, HOLD_NONE);
	postpone(w, 3, GIVE_UP, HOLD_PARKED);
	postpone(w, 4, 5000, HOLD_NONE);
	postpone(w, 4, 9000, HOLD_DOWN);
	call_init(&c);
	assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
	assert_string_equal(ids_of(&c), "1 3");
	assert_int_equal(c.work[1]->tries, 1);
	assert_int_equal(c.work[1]->first_ms, w->now_ms);
	end_as(w, &c, &plain_end);
	w->now_ms += 4999;
	assert_int_equal(ask(w, &line_107, &c), LEAVE_NOTHING);
	w->now_ms += 1;
	assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
	assert_string_equal(ids_of(&c), "2");
	end_as(w, &c, &plain_end);
	w->now_ms += 4000;
	assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
	assert_string_equal(ids_of(&c), "4");
	postpone(w, 4, GIVE_UP, HOLD_PARKED);
	end_as(w, &c, &never_mind);
	assert_int_equal(ask(w, &line_107, &c), LEAVE_NOTHING);
	(void)waits_on(w, "107", 5);
	assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
	assert_string_equal(ids_of(&c), "5 4");
	call_free(&c);
}

static void
make_alone(struct world *w, int64_t one, int64_t other, enum err want)
{
	struct work work[2] = { work_of(w, one), work_of(w, other) };
	struct work *all[2] = { &work[0], &work[1] };

	(void)become_ours(w->store, one);
	(void)become_ours(w->store, other);
	assert_int_equal(store_alone(w->store, all, 2, &w->problem), want);
	w->problem = (struct problem){ 0 };
}

static void
test_alone(void **state)
{
	struct world *w = *state;
	struct work first;
	struct call c;

	for (int64_t i = 1; i <= 5; i++)
		(void)waits_on(w, "107", i);
	(void)take_in(w, "received", 6);
	call_init(&c);
	assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
	w->now_ms += 7;
	make_alone(w, 2, 4, ERR_OK);
	make_alone(w, 6, 999, ERR_LOST);	/* none is delivered */
	assert_string_equal(look(w, "SELECT id, alone, owner <> 0, hold,"
	    " tries, next_ms - 1773759162000 FROM message WHERE id IN"
	    " (1, 2, 4, 6)"), "1|0|1|0|0|1000|\n2|1|0|0|0|7|\n"
	    "4|1|0|0|0|7|\n6|0|1|0|0|0|\n");
	(void)waits_on(w, "107", 7);
	c.n = 1;	/* the rest of the batch stays where it is */
	end_as(w, &c, &plain_end);
	/* together with no other, and behind those that may go together */
	assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
	assert_string_equal(ids_of(&c), "7");
	end_as(w, &c, &plain_end);
	assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
	assert_string_equal(ids_of(&c), "2");
	assert_true(c.work[0]->alone);
	end_as(w, &c, &plain_end);
	(void)waits_on(w, "107", 8);
	assert_int_equal(claim_due(w), 4);
	first = work_of(w, 4);
	assert_true(first.alone);
	assert_int_equal(ask_by(w, w->store, &line_107, &first, &c),
	    LEAVE_GRANTED);
	assert_string_equal(ids_of(&c), "4");
	end_as(w, &c, &plain_end);
	assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
	assert_string_equal(ids_of(&c), "8");
	assert_false(c.work[0]->alone);
	call_free(&c);
}

static int64_t
set_down(struct world *w, int64_t ms)
{
	int64_t tries;

	assert_int_equal(store_set_down(w->store, PORTAL, ms, &tries,
	    &w->problem), ERR_OK);
	return w->now_ms + ms;
}

static void
test_probe(void **state)
{
	struct world *w = *state;
	struct work first;
	struct call c;

	(void)waits_on(w, "107", 1);
	(void)waits_on(w, "107", 2);
	(void)set_down(w, 60000);
	w->now_ms += 1000;
	assert_int_equal(claim_due(w), 1);
	first = work_of(w, 1);
	call_init(&c);
	assert_int_equal(store_call_begin(w->store, &line_107, &first, true,
	    &c, &w->problem), ERR_OK);
	assert_int_equal(c.leave, LEAVE_GRANTED);
	assert_string_equal(ids_of(&c), "1");
	assert_int_equal(column(w, "owner", 2), 0);
	end_as(w, &c, &plain_end);
	/* only a probe is */
	assert_int_equal(ask(w, &line_107, &c), LEAVE_DOWN);
	call_free(&c);
}

/* The portal is down: all that waits for it, on any line, is held. */
static void
test_down(void **state)
{
	static const char held[] = "SELECT id, hold, next_ms - 1773759162000,"
	    " owner <> 0 FROM message";
	struct world *w = *state;
	struct work first;
	struct call c;
	int64_t until;

	for (int64_t i = 1; i <= 5; i++)
		(void)waits_on(w, i == 2 ? "108" : "107", i);
	postpone(w, 3, GIVE_UP, HOLD_PARKED);
	postpone(w, 4, 90000, HOLD_NONE);
	(void)take_in(w, "received", 6);
	w->now_ms += 1000;
	assert_int_equal(claim_due(w), 1);
	assert_int_equal(claim_due(w), 2);
	until = set_down(w, 60000);
	call_init(&c);
	first = work_of(w, 1);
	assert_int_equal(ask_by(w, w->store, &line_107, &first, &c),
	    LEAVE_DOWN);
	assert_int_equal(c.at_ms, until);
	assert_int_equal(c.n, 0);
	/* 2 is claimed, 3 parked, 4 waits for longer, 6 for its channel */
	assert_string_equal(look(w, held), "1|1|61000|0|\n2|0|1000|1|\n"
	    "3|2|86400000|0|\n4|0|90000|0|\n5|1|61000|0|\n6|0|0|1|\n");
	assert_int_equal(number(w, "SELECT count(*) FROM call"), 0);
	/* asked without one, they are left as they are */
	postpone(w, 2, 0, HOLD_NONE);
	assert_int_equal(ask(w, &line_107, &c), LEAVE_DOWN);
	assert_int_equal(column(w, "hold", 2), HOLD_NONE);
	call_free(&c);
}

/* Not now: `first` waits again, with all that the retry would only bring. */
static void
test_later(void **state)
{
	struct world *w = *state;
	struct work first;
	struct call c[2];

	w->opts.calls_in_flight = 1;
	reopen(w);
	(void)waits_on(w, "107", 1);
	call_init(&c[0]);
	call_init(&c[1]);
	assert_int_equal(ask(w, &line_107, &c[0]), LEAVE_GRANTED);
	(void)waits_on(w, "107", 2);
	(void)waits_on(w, "108", 3);
	(void)waits_on(w, "107", 4);
	postpone(w, 4, 5000, HOLD_NONE);
	/* asked without one, they are left as they are */
	assert_int_equal(ask(w, &line_107, &c[1]), LEAVE_LATER);
	assert_int_equal(column(w, "next_ms - 1773759162000", 2), 1000);
	w->now_ms += 1500;
	assert_int_equal(claim_due(w), 2);
	first = work_of(w, 2);
	assert_int_equal(ask_by(w, w->store, &line_107, &first, &c[1]),
	    LEAVE_LATER);
	assert_int_equal(c[1].at_ms, w->now_ms + 1000);
	assert_string_equal(look(w, "SELECT id, owner <> 0, hold, tries,"
	    " next_ms - 1773759162000 FROM message"),
	    "1|1|0|0|1000|\n2|0|0|0|2500|\n3|0|0|0|2500|\n"
	    "4|0|0|1|5000|\n");
	assert_int_equal(claim_due(w), 0);
	call_free(&c[0]);
	call_free(&c[1]);
}

/* What has come to wait since a call was granted, as far as there is room. */
static void
test_more(void **state)
{
	struct world *w = *state;
	struct call c;

	w->opts.batch = 4;
	reopen(w);
	(void)waits_on(w, "107", 1);
	call_init(&c);
	assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
	assert_int_equal(store_call_more(w->store, &line_107, &c,
	    &w->problem), ERR_OK);
	assert_string_equal(ids_of(&c), "1");
	for (int64_t i = 2; i <= 7; i++)
		(void)waits_on(w, i == 2 ? "108" : "107", i);
	make_alone(w, 3, 999, ERR_LOST);
	postpone(w, 4, 5000, HOLD_NONE);
	assert_int_equal(store_call_more(w->store, &line_107, &c,
	    &w->problem), ERR_OK);
	assert_string_equal(ids_of(&c), "1 5 6 7");
	assert_string_equal(c.work[3]->ids, "[\"x\"]");
	assert_string_equal(look(w, "SELECT id FROM message WHERE owner <> 0"
	    " ORDER BY id"), "1|\n5|\n6|\n7|\n");
	/* it is full, and still one call */
	(void)waits_on(w, "107", 8);
	assert_int_equal(store_call_more(w->store, &line_107, &c,
	    &w->problem), ERR_OK);
	assert_int_equal(c.n, 4);
	assert_int_equal(number(w, "SELECT count(*) FROM call"), 1);
	assert_int_equal(number(w, "SELECT level FROM meter"), 1000);
	end_as(w, &c, &plain_end);
	assert_int_equal(column(w, "state", 7), STATE_ACKNOWLEDGED);
	assert_int_equal(column(w, "state", 8), STATE_DELIVERED);
	call_free(&c);
}

/* The call that follows: asked for when the slot is free again. */
static void
test_next_call(void **state)
{
	struct world *w = *state;
	struct call c, next;

	w->opts.calls_in_flight = 1;
	reopen(w);
	(void)waits_on(w, "107", 1);
	call_init(&c);
	call_init(&next);
	assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
	(void)waits_on(w, "107", 2);
	(void)waits_on(w, "108", 3);
	(void)waits_on(w, "107", 4);
	assert_int_equal(store_call_end(w->store, &c, &plain_end, &line_107,
	    &next, &w->problem), ERR_OK);
	assert_int_equal(next.leave, LEAVE_GRANTED);
	assert_string_equal(ids_of(&next), "2 4");
	assert_int_equal(number(w, "SELECT id FROM call"), next.id);
	assert_int_equal(column(w, "state", 1), STATE_ACKNOWLEDGED);
	/* nothing more waits: the slot is free for the other line */
	call_free(&c);
	c = next;
	call_init(&next);
	assert_int_equal(store_call_end(w->store, &c, &plain_end, &line_107,
	    &next, &w->problem), ERR_OK);
	assert_int_equal(next.leave, LEAVE_NOTHING);
	assert_int_equal(number(w, "SELECT count(*) FROM call"), 0);
	assert_int_equal(ask(w, &line_108, &next), LEAVE_GRANTED);
	call_free(&c);
	call_free(&next);
}

/* What was not accepted has moved before: the end leaves it alone. */
static void
test_not_acknowledged(void **state)
{
	struct world *w = *state;
	struct call c;

	(void)waits_on(w, "107", 1);
	call_init(&c);
	assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
	postpone(w, 1, 5000, HOLD_NONE);
	end_as(w, &c, &never_mind);
	assert_string_equal(look(w, "SELECT state, tries, body, (SELECT"
	    " count(*) FROM call) FROM message"), "2|1|b|0|\n");
	call_free(&c);
}

static enum leave
end_filling(struct world *w, struct call *c)
{
	const struct call_end end = { .acknowledged = true, .filling = true };
	struct call next;

	call_init(&next);
	assert_int_equal(store_call_end(w->store, c, &end, &line_107, &next,
	    &w->problem), ERR_OK);
	call_free(c);
	*c = next;
	return c->leave;
}

/* More is about to come: the next call is full, or somebody waits long. */
static void
test_filling(void **state)
{
	struct world *w = *state;
	struct call c;

	w->opts.batch = 2;
	reopen(w);
	(void)waits_on(w, "107", 1);
	call_init(&c);
	assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
	(void)waits_on(w, "107", 2);
	w->now_ms += 999;
	assert_int_equal(end_filling(w, &c), LEAVE_NOTHING);
	/* it is left alone, and goes along as soon as nothing more comes */
	assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
	assert_string_equal(ids_of(&c), "2");
	(void)waits_on(w, "107", 3);
	(void)waits_on(w, "107", 4);
	assert_int_equal(end_filling(w, &c), LEAVE_GRANTED);
	assert_string_equal(ids_of(&c), "3 4");
	(void)waits_on(w, "107", 5);
	w->now_ms += 1000;
	assert_int_equal(end_filling(w, &c), LEAVE_GRANTED);
	assert_string_equal(ids_of(&c), "5");
	call_free(&c);
}

static void
test_states(void **state)
{
	static const int64_t ids[] = { 4, 1, 99, 2, 3, 1 };
	static const enum state want[] = { STATE_REFUSED, STATE_RECEIVED,
		(enum state)0, STATE_DELIVERED, STATE_ACKNOWLEDGED,
		STATE_RECEIVED };
	struct world *w = *state;
	enum state got[COUNT(ids)];

	(void)take_in(w, "A", 1);
	(void)waits_on(w, "107", 2);
	acknowledge(w, waits_on(w, "107", 3));
	(void)refuse(w, waits_on(w, "107", 4), STEP_STATUS, "no");
	assert_int_equal(store_states(w->store, ids, COUNT(ids), got,
	    &w->problem), ERR_OK);
	for (size_t i = 0; i < COUNT(ids); i++)
		assert_int_equal(got[i], want[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_the_line),
		WORLD_TEST(test_batch_limit),
		WORLD_TEST(test_failed_ones),
		WORLD_TEST(test_alone),
		WORLD_TEST(test_probe),
		WORLD_TEST(test_down),
		WORLD_TEST(test_later),
		WORLD_TEST(test_more),
		WORLD_TEST(test_next_call),
		WORLD_TEST(test_not_acknowledged),
		WORLD_TEST(test_filling),
		WORLD_TEST(test_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
