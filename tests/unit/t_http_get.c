/*
 * GETs, and answers that somebody takes piece by piece: who holds a call and
 * lets it go on, who has had enough, who never goes on.
 */
#include "http/client.h"

#include "http_peer.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int
setup(void **state)
{
	return world_start(state, &clock_system);
}

/* A taker that takes two pieces, and the next at its third try. */
struct taking {
	struct trial trial;		/* the first */
	size_t taken, pieces;
	size_t most;			/* then no more */
	bool holds;
	int tries, held;
};

static enum http_take
take(struct http_call *call, const char *p, size_t n)
{
	struct taking *t = (struct taking *)call;

	assert_int_equal(call->status, 200);
	assert_non_null(memchr(p, 'x', n));
	if (t->holds && t->pieces % 2 == 1 && t->tries++ % 3 != 2) {
		t->held++;
		return HTTP_NOT_NOW;
	}
	if (n > t->most - t->taken)
		return HTTP_NO_MORE;
	t->taken += n;
	t->pieces++;
	return HTTP_TAKEN;
}

/* Runs it; whenever it holds, it is let go on two turns later. */
static void
run_taking(struct world *w, struct taking *t, const char *path, size_t most)
{
	struct deadline d = deadline_in(&clock_system, 60000);
	int seen = 0;

	trial_init(&t->trial, w, path);
	t->taken = t->pieces = 0;
	t->tries = t->held = 0;
	t->most = most;
	t->trial.call.get = true;
	t->trial.call.take = take;
	http_start(w->client, &t->trial.call);
	while (t->trial.told == 0 && deadline_left(&d) > 0) {
		loop_turn(w->loop, 10);
		if (t->held == seen)
			continue;
		loop_turn(w->loop, 1);
		assert_int_equal(t->held, seen + 1);
		seen = t->held;
		http_go_on(w->client, &t->trial.call);
		http_go_on(w->client, &t->trial.call);
	}
	assert_int_equal(t->trial.told, 1);
	http_call_free(&t->trial.call);
}

static void
test_get(void **state)
{
	struct world *w = *state;
	struct trial t;
	const char *head;

	trial_init(&t, w, "/head");
	t.call.get = true;
	t.call.body = NULL;
	t.call.body_len = 0;
	t.headers[0] = "Authorization: Bearer x";
	run(w, &t);
	head = buf_str(&t.call.answer);
	assert_memory_equal(head, "GET /head HTTP/1.1\r\n", 20);
	assert_non_null(strstr(head, "\r\nAuthorization: Bearer x\r\n"));
	assert_null(strstr(head, "Content-"));
	assert_string_equal(t.call.type, "");
	http_call_free(&t.call);
	/* the handle is used again */
	trial_init(&t, w, "/echo");
	run(w, &t);
	assert_string_equal(buf_str(&t.call.answer), "{}");
	http_call_free(&t.call);
	trial_init(&t, w, "/say");
	t.call.get = true;
	t.headers[0] = "X-Say: Content-Type: Image/PNG; a=b";
	run(w, &t);
	assert_string_equal(t.call.type, "image/png");
	http_call_free(&t.call);
}

static void
test_taken(void **state)
{
	static const char *const paths[] = { "/bytes/500000",
		"/chunked/500000" };
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(paths) * 2; i++) {
		struct taking t = { .holds = i >= COUNT(paths) };
		const char *path = paths[i % COUNT(paths)];

		run_taking(w, &t, path, 500000);
		assert_int_equal(t.trial.call.end, HTTP_ANSWERED);
		assert_int_equal(t.taken, 500000);
		assert_int_equal(t.trial.call.answer.len, 0);
		assert_true((t.held != 0) == t.holds);
		run_taking(w, &t, path, 99999);
		assert_int_equal(t.trial.call.end, HTTP_TOO_LARGE);
		assert_true(t.taken <= 99999);
	}
}

/* One that waits for its taker still has its limit; nobody goes on then. */
static void
test_held_too_long(void **state)
{
	struct world *w = *state;
	struct taking t = { .holds = true, .most = 1000000 };

	trial_init(&t.trial, w, "/bytes/500000");
	t.trial.call.get = true;
	t.trial.call.take = take;
	t.trial.call.timeout_ms = 300;
	run(w, &t.trial);
	assert_int_equal(t.trial.call.end, HTTP_TIMED_OUT);
	assert_true(t.taken < 500000);
	http_go_on(w->client, &t.trial.call);
	loop_turn(w->loop, 0);
	http_call_free(&t.trial.call);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, world_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_get),
		T(test_taken),
		T(test_held_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
