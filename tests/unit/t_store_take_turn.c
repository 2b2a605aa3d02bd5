/*
 * Storing an event: all of it comes or none, who may send it, and which of
 * its messages are claimed at once.
 */
#include "store_world.h"

#include "store/portals.h"

#include <signal.h>
#include <sys/resource.h>

/* Who asks whether a sender may, and what it is told. */
struct asked {
	bool may;
	int times;
	char token[32];		/* that is stored; "none" if none is */
};

/* The disk is full in the middle: then nothing of the event is there. */
static void
test_all_or_nothing(void **state)
{
	static char body[300000];
	struct store_world *w = *state;
	struct rlimit was, small;
	struct arrival a[3];
	struct taking t = { .arrival = a, .claims = 3 };
	struct event ev;
	enum err e;

	(void)TAKE(w, w->store, .message_id = 1, .chat = "A");
	memset(body, 'x', sizeof(body) - 1);
	make_event(&ev, ADD);
	for (int64_t i = 10; i <= 30; i += 10)
		add_message(&ev, i, body);
	check_event(&ev);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small = (struct rlimit){ 600000, was.rlim_max };
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	e = world_take_event(w, w->store, &ev, &t);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(e, ERR_DISK);
	assert_int_equal(world_stats(w, w->store).state[STATE_RECEIVED], 1);
	/* and it goes on as soon as it can */
	assert_int_equal(world_take_event(w, w->store, &ev, &t), ERR_OK);
	assert_true(a[0].fresh && a[1].fresh && a[2].fresh);
	assert_true(a[0].claimed && !a[1].claimed);
	assert_int_equal(world_stats(w, w->store).state[STATE_RECEIVED], 4);
	event_free(&ev);
}

static bool
may_send(void *ctx, const char *stored_token, struct problem *p)
{
	struct asked *a = ctx;

	a->times++;
	(void)snprintf(a->token, sizeof(a->token), "%s",
	    stored_token != NULL ? stored_token : "none");
	if (!a->may)
		(void)problem_set(p, ERR_DENIED, -1, NULL, "not you");
	return a->may;
}

static void
install(struct store_world *w, const char *token)
{
	struct portal_saving v = { .store = w->store, .portal = {
	    .member_id = MEMBER, .application_token = token,
	    .endpoint = "https://a/rest/", .server_endpoint = "https://o/",
	    .access_token = "a", .refresh_token = "r", .ts = 1 } };

	store_portal_save(&v);
	world_must(w, w->store, &v.db);
}

static void
test_sender(void **state)
{
	static const struct {
		const char *installed;
		bool may;
	} cases[] = { { NULL, true }, { NULL, false }, { "tok", true },
		{ "tok", false } };
	struct store_world *w = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct asked asked = { .may = cases[i].may };
		int64_t before, after;
		struct arrival a;
		struct taking t = { .arrival = &a, .claims = 1,
		    .may_send = may_send, .ctx = &asked };
		struct event ev;

		if (cases[i].installed != NULL)
			install(w, cases[i].installed);
		before = world_stats(w, w->store).state[STATE_RECEIVED];
		make_one(&ev, ADD, (int64_t)i + 1, "b");
		assert_int_equal(world_take_event(w, w->store, &ev, &t),
		    ERR_OK);
		event_free(&ev);
		after = world_stats(w, w->store).state[STATE_RECEIVED];
		assert_int_equal(asked.times, 1);
		assert_string_equal(asked.token, cases[i].installed != NULL ?
		    cases[i].installed : "none");
		assert_int_equal(t.denied, !cases[i].may);
		assert_int_equal(after - before, cases[i].may);
		if (t.denied)
			assert_string_equal(t.why.text, "not you");
	}
}

/* While the channel is down nothing is claimed; elsewhere it is. */
static void
test_down(void **state)
{
	struct store_world *w = *state;
	struct place at = channel_place();

	(void)world_place(w, w->store, &at, true);
	for (int64_t i = 1; i <= 3; i++) {
		struct arrival a;
		struct taking t = { .arrival = &a, .claims = 9 };
		struct event ev;

		make_one(&ev, ADD, i, "b");
		assert_int_equal(world_take_event(w, w->store, &ev, &t),
		    ERR_OK);
		event_free(&ev);
		assert_true(a.fresh && t.down);
		assert_false(a.claimed);
		assert_int_equal(t.claimed, 0);
	}
	assert_true(TAKE(w, w->store, .message_id = 4,
	    .connector = "another").claimed);
	(void)world_place(w, w->store, &at, false);
	assert_true(TAKE(w, w->store, .message_id = 5,
	    .chat = "free").claimed);
	/* a chat where others wait is not overtaken */
	assert_false(TAKE(w, w->store, .message_id = 6).claimed);
}

/* So many at most are claimed; the others wait for whoever comes. */
static void
test_claims(void **state)
{
	struct store_world *w = *state;
	struct place at = channel_place();

	for (size_t claims = 0; claims <= 4; claims++) {
		struct arrival a[4];
		struct taking t = { .arrival = a, .claims = claims };
		struct event ev;

		make_event(&ev, ADD);
		for (int64_t i = 0; i < 4; i++) {
			struct message m = make_message((int64_t)claims * 10 +
			    i + 1, "b");
			char chat[16];

			(void)snprintf(chat, sizeof(chat), "%zu-%d", claims,
			    (int)i);
			m.chat = chat;
			assert_int_equal(event_keep(&ev, &m), ERR_OK);
		}
		check_event(&ev);
		assert_int_equal(world_take_event(w, w->store, &ev, &t),
		    ERR_OK);
		event_free(&ev);
		assert_int_equal(t.claimed, claims);
		for (size_t i = 0; i < 4; i++)
			assert_int_equal(a[i].claimed, i < claims);
		assert_int_equal(world_take_up(w, w->store, &at, 100).n,
		    4 - claims);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_all_or_nothing),
		WORLD_TEST(test_sender),
		WORLD_TEST(test_down),
		WORLD_TEST(test_claims),
	};

	return cmocka_run_group_tests_name("store/take_turn", tests, NULL,
	    NULL);
}
