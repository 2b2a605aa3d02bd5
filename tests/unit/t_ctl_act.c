/*
 * What a person does to the queue, and what he is told of it.  A pass over
 * what is due needs a channel and a portal: the tests of the programs have it.
 */
#include "ctl/act.h"

#include "ctl_world.h"

/* What an act prints, with that error; it lives until the next one. */
static const char *
caught(struct capture *c, enum err got, enum err want, struct problem *p)
{
	static char said[256];
	char *text = capture_end(c);

	(void)snprintf(said, sizeof(said), "%s", text);
	free(text);
	assert_int_equal(got, want);
	assert_int_equal(p->err, want);
	return said;
}

static const char *
act(struct store_world *w, enum err (*f)(struct store *, const char *, bool,
    struct problem *), const char *key, bool json, enum err want)
{
	struct capture c;
	enum err e;

	w->problem = (struct problem){ 0 };
	capture_begin(&c, STDOUT_FILENO);
	e = f(w->store, key, json, &w->problem);
	return caught(&c, e, want, &w->problem);
}

static const char *
purge(struct store_world *w, bool json, enum err want)
{
	struct capture c;
	enum err e;

	w->problem = (struct problem){ 0 };
	capture_begin(&c, STDOUT_FILENO);
	e = act_purge(w->store, json, &w->problem);
	return caught(&c, e, want, &w->problem);
}

/* One that was refused, before the channel took it or after. */
static struct arrival
refusal(struct store_world *w, int64_t message_id, bool taken)
{
	char chat[16];
	struct arrival a;

	(void)snprintf(chat, sizeof(chat), "chat-%d", (int)message_id);
	a = TAKE(w, w->store, .message_id = message_id, .chat = chat);
	if (taken)
		MOVE(w, w->store, .id = a.id, .chat = a.chat_number,
		    .from = STATE_RECEIVED, .move = MOVE_DELIVERED);
	MOVE(w, w->store, .id = a.id, .chat = a.chat_number, .from = taken ?
	    STATE_DELIVERED : STATE_RECEIVED, .move = MOVE_REFUSED);
	return a;
}

static void
test_retry_refused(void **state)
{
	struct store_world *w = *state;
	struct arrival a = refusal(w, 1, false), b = refusal(w, 2, true),
	    c = refusal(w, 3, false);

	assert_string_equal(act(w, act_retry_refused, "no-such-key", false,
	    ERR_UNUSABLE), "");
	assert_non_null(strstr(w->problem.text, "no-such-key"));
	assert_string_equal(act(w, act_retry_refused, a.key, false, ERR_OK),
	    "retried: 1\n");
	assert_int_equal(world_state(w, w->store, a.id), STATE_RECEIVED);
	assert_int_equal(world_state(w, w->store, c.id), STATE_REFUSED);
	/* it goes on already */
	assert_string_equal(act(w, act_retry_refused, a.key, true,
	    ERR_UNUSABLE), "");
	assert_string_equal(act(w, act_retry_refused, NULL, true, ERR_OK),
	    "{\"retried\":2}\n");
	/* never handed over again */
	assert_int_equal(world_state(w, w->store, b.id), STATE_DELIVERED);
	assert_int_equal(world_state(w, w->store, c.id), STATE_RECEIVED);
	assert_string_equal(act(w, act_retry_refused, NULL, false, ERR_OK),
	    "retried: 0\n");
}

static void
test_drop(void **state)
{
	struct store_world *w = *state;
	struct arrival a = refusal(w, 1, true),
	    b = TAKE(w, w->store, .message_id = 2);

	assert_string_equal(act(w, act_drop, "no-such-key", false,
	    ERR_UNUSABLE), "");
	/* it is being worked on */
	assert_string_equal(act(w, act_drop, b.key, false, ERR_UNUSABLE), "");
	assert_int_equal(world_state(w, w->store, b.id), STATE_RECEIVED);
	assert_string_equal(act(w, act_drop, a.key, false, ERR_OK),
	    "dropped: 1\n");
	assert_int_equal(world_see(w, w->store, a.key).n, 0);
	assert_string_equal(act(w, act_drop, a.key, true, ERR_UNUSABLE), "");
	assert_string_equal(act(w, act_drop, refusal(w, 3, true).key, true,
	    ERR_OK), "{\"dropped\":1}\n");
}

/* All that is old enough goes at once, and nothing that is not done. */
static void
test_purge(void **state)
{
	enum { MANY = 450 };
	struct store_world *w = *state;
	struct arrival kept = refusal(w, MANY + 1, true);

	for (int64_t i = 1; i <= MANY; i++) {
		struct arrival a = TAKE(w, w->store, .message_id = i);

		MOVE(w, w->store, .id = a.id, .chat = a.chat_number,
		    .from = STATE_RECEIVED, .move = MOVE_DONE);
	}
	assert_string_equal(purge(w, false, ERR_OK), "removed: 0\n");
	world_pass(w, KEEP_MS - 60000);
	assert_string_equal(purge(w, true, ERR_OK), "{\"removed\":0}\n");
	world_pass(w, 120000);
	assert_string_not_equal(purge(w, true, ERR_OK), "{\"removed\":0}\n");
	assert_int_equal(world_stats(w, w->store).state[STATE_ACKNOWLEDGED],
	    0);
	assert_string_equal(purge(w, false, ERR_OK), "removed: 0\n");
	assert_int_equal(world_see(w, w->store, kept.key).state,
	    STATE_REFUSED);
}

static void
test_no_store(void **state)
{
	struct store_world *w = *state;

	break_store(w);
	assert_string_equal(act(w, act_retry_refused, NULL, true, ERR_DISK),
	    "");
	assert_string_equal(act(w, act_drop, "k", true, ERR_DISK), "");
	assert_string_equal(purge(w, true, ERR_DISK), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_retry_refused), WORLD_TEST(test_drop),
		WORLD_TEST(test_purge), WORLD_TEST(test_no_store),
	};

	return cmocka_run_group_tests_name("ctl/act", tests, NULL, NULL);
}
