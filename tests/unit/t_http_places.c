/*
 * Who may be on the way: the rings, the places that each kind of peer may
 * have, and who is cut for whom.
 */
#include "http/client.h"

#include "http_many.h"

/* Many hanging peers keep neither a healthy one nor each other for ever. */
static void
test_some_are_for_the_well(void **state)
{
	struct http_peer bad[20], good;
	struct trial hang[20], t;
	struct world *w = *state;

	peers_init(bad, 20);
	http_peer_init(&good);
	start_trial(w, &t, &good, "/ok");
	expect_end(w, &t, HTTP_ANSWERED);
	for (size_t i = 0; i < 20; i++)
		start_trial(w, &hang[i], &bad[i], "/silent");
	await_requests(w, 4);
	for (int i = 0; i < 20; i++) {
		start_trial(w, &t, &good, "/ok");
		expect_end(w, &t, HTTP_ANSWERED);
	}
	settle(w);
	assert_int_equal(peer_count(w->peer, &w->peer->requests), 24);
	/* As they grow slow, the next ones get their turn. */
	for (int i = 0; i < 15; i += 3) {
		fake_now += 1000;
		await_requests(w, 27 + i);
		settle(w);
		assert_int_equal(peer_count(w->peer, &w->peer->requests),
		    27 + i);
		for (int k = i; k < i + 3; k++)
			expect_end(w, &hang[k], HTTP_CUT);
	}
	fake_now += 1000;
	await_requests(w, 41);
	expect_end(w, &hang[15], HTTP_CUT);
	expect_end(w, &hang[16], HTTP_CUT);
	fake_now += 5000;
	settle(w);
	assert_int_equal(hang[17].told + hang[18].told + hang[19].told, 0);
	drop_client(w);
}

/* Those that failed have the half; new ones are not behind them. */
static void
test_half_is_for_the_unwell(void **state)
{
	struct http_peer bad[4], fresh;
	struct trial hang[4], t;
	struct world *w = *state;

	peers_init(bad, 4);
	http_peer_init(&fresh);
	for (size_t i = 0; i < 4; i++) {
		start_trial(w, &hang[i], &bad[i], "/silent");
		hang[i].call.timeout_ms = 100;
		await_requests(w, (int)i + 1);
		fake_now += 100;
		expect_end(w, &hang[i], HTTP_TIMED_OUT);
	}
	for (size_t i = 0; i < 4; i++)
		start_trial(w, &hang[i], &bad[i], "/silent");
	await_requests(w, 6);
	start_trial(w, &t, &fresh, "/ok");
	expect_end(w, &t, HTTP_ANSWERED);
	settle(w);
	assert_int_equal(peer_count(w->peer, &w->peer->requests), 7);
	drop_client(w);
}

/* What its owner bounds is not held to the half. */
static void
test_bounded(void **state)
{
	struct http_peer p;
	struct trial t[3];
	struct world *w = *state;

	http_peer_init(&p);
	p.bounded = true;
	start_trial(w, &t[0], &p, "/silent");
	t[0].call.timeout_ms = 100;
	await_requests(w, 1);
	fake_now += 100;
	expect_end(w, &t[0], HTTP_TIMED_OUT);
	for (size_t i = 0; i < 3; i++)
		start_trial(w, &t[i], &p, "/silent");
	await_requests(w, 4);
	drop_client(w);
}

/* One who waits need not wait until calls are slow that were never usual. */
static void
test_suspects(void **state)
{
	struct http_peer p[6];
	struct trial t[6], c;
	struct world *w = *state;

	peers_init(p, 6);
	p[1].bounded = true;
	p[2].took_ms = 2000;
	for (size_t i = 0; i < 3; i++) {
		start_trial(w, &t[i], &p[i], "/silent");
		await_requests(w, (int)i + 1);
	}
	start_trial(w, &c, &p[3], "/ok");
	fake_now += 999;
	settle(w);
	assert_int_equal(c.told, 0);
	fake_now += 1;
	expect_end(w, &c, HTTP_ANSWERED);
	expect_end(w, &t[0], HTTP_CUT);
	/* a channel, and one that took two seconds before, are let be */
	start_trial(w, &t[3], &p[4], "/silent");
	await_requests(w, 5);
	start_trial(w, &t[4], &p[5], "/ok");
	fake_now += 999;
	settle(w);
	assert_int_equal(t[4].told, 0);
	fake_now += 1;
	expect_end(w, &t[4], HTTP_ANSWERED);
	expect_end(w, &t[3], HTTP_CUT);
	assert_int_equal(t[1].told + t[2].told, 0);
	drop_client(w);
}

static void
test_cut_is_the_oldest(void **state)
{
	struct http_peer p[4];
	struct trial a, b, c, d;
	struct world *w = *state;

	peers_init(p, 4);
	start_trial(w, &a, &p[0], "/silent");
	await_requests(w, 1);
	fake_now += 10;
	start_trial(w, &b, &p[1], "/silent");
	start_trial(w, &d, &p[3], "/silent");
	await_requests(w, 3);
	start_trial(w, &c, &p[2], "/ok");
	settle(w);
	fake_now += 989;
	settle(w);
	assert_int_equal(a.told + b.told + c.told, 0);
	fake_now += 1;
	expect_end(w, &c, HTTP_ANSWERED);
	assert_int_equal(a.told, 1);
	assert_int_equal(a.call.took_ms, 1000);
	expect_end(w, &a, HTTP_CUT);
	/* Nobody wants the place of the others. */
	fake_now += 5000;
	settle(w);
	assert_int_equal(b.told + d.told, 0);
	drop_client(w);
}

static void
test_kept_calls(void **state)
{
	struct http_peer p[4];
	struct trial a, b, c, d;
	struct world *w = *state;

	peers_init(p, 4);
	trial_init(&a, w, "/silent");
	a.call.peer = &p[0];
	a.call.keep = true;
	http_start(w->client, &a.call);
	await_requests(w, 1);
	fake_now += 10;
	start_trial(w, &b, &p[1], "/silent");
	await_requests(w, 2);
	fake_now += 10;
	start_trial(w, &d, &p[3], "/silent");
	await_requests(w, 3);
	fake_now += 2000;
	start_trial(w, &c, &p[2], "/ok");
	expect_end(w, &c, HTTP_ANSWERED);
	expect_end(w, &b, HTTP_CUT);
	assert_int_equal(a.told + d.told, 0);
	fake_now += 17990;	/* its own limit holds all the same */
	expect_end(w, &a, HTTP_TIMED_OUT);
	drop_client(w);
}

/* A slow peer does not lose its calls to its own next ones. */
static void
test_no_cut_for_oneself(void **state)
{
	struct http_peer slow, other;
	struct trial t[4], c;
	struct world *w = *state;

	http_peer_init(&slow);
	http_peer_init(&other);
	for (size_t i = 0; i < 4; i++)
		start_trial(w, &t[i], &slow, "/silent");
	await_requests(w, 3);
	fake_now += 5000;
	settle(w);
	assert_int_equal(peer_count(w->peer, &w->peer->requests), 3);
	start_trial(w, &c, &other, "/ok");	/* but to others', it does */
	expect_end(w, &c, HTTP_ANSWERED);
	expect_end(w, &t[0], HTTP_CUT);
	assert_int_equal(t[1].told + t[2].told + t[3].told, 0);
	drop_client(w);
}

/* All places were given to peers that were well, and then hang. */
static void
test_well_no_more(void **state)
{
	struct http_peer once, good;
	struct trial t[4], c;
	struct world *w = *state;

	http_peer_init(&once);
	http_peer_init(&good);
	start_trial(w, &c, &once, "/ok");
	expect_end(w, &c, HTTP_ANSWERED);
	start_trial(w, &c, &good, "/ok");
	expect_end(w, &c, HTTP_ANSWERED);
	for (size_t i = 0; i < 4; i++)
		start_trial(w, &t[i], &once, "/silent");
	await_requests(w, 6);
	start_trial(w, &c, &good, "/ok");
	settle(w);
	assert_int_equal(c.told, 0);
	fake_now += 1000;
	expect_end(w, &c, HTTP_ANSWERED);
	expect_end(w, &t[0], HTTP_CUT);
	assert_int_equal(t[1].told, 0);
	drop_client(w);
}

/* Writes down who asks, in order. */
struct arrivals {
	pthread_mutex_t lock;
	char paths[64];
};

static bool
write_down(void *ctx, int fd, const struct peer_request *rq)
{
	struct arrivals *a = ctx;
	size_t at;

	(void)pthread_mutex_lock(&a->lock);
	at = strlen(a->paths);
	(void)snprintf(a->paths + at, sizeof(a->paths) - at, "%s", rq->path);
	(void)pthread_mutex_unlock(&a->lock);
	return peer_answer(fd, "200 OK", "", "ok", 2);
}

/* One place: each peer in turn, whoever has more to say. */
static void
test_ring(void **state)
{
	struct arrivals seen = { PTHREAD_MUTEX_INITIALIZER, "" };
	static const char *const paths[] = { "/a", "/a", "/a", "/b", "/c",
		"/b" };
	struct http_peer p[3];
	struct trial t[6];
	struct world *w = *state;

	w->peer->script_ctx = &seen;
	w->peer->script = write_down;
	peers_init(p, 3);
	for (size_t i = 0; i < 3; i++) {	/* all of them well */
		start_trial(w, &t[0], &p[i], "");
		expect_end(w, &t[0], HTTP_ANSWERED);
	}
	seen.paths[0] = '\0';
	for (size_t i = 0; i < 6; i++)
		start_trial(w, &t[i], &p[paths[i][1] - 'a'], paths[i]);
	for (size_t i = 0; i < 6; i++)
		expect_end(w, &t[i], HTTP_ANSWERED);
	assert_string_equal(seen.paths, "/a/b/c/a/b/a");
}

/* The limit is for the call, not for the wait before it. */
static void
test_wait_is_not_counted(void **state)
{
	struct http_peer p[2];
	struct trial a, b;
	struct world *w = *state;

	peers_init(p, 2);
	start_trial(w, &a, &p[0], "/silent");
	a.call.timeout_ms = 900;
	await_requests(w, 1);
	trial_init(&b, w, "/ok");
	b.call.peer = &p[1];
	b.call.timeout_ms = 300;
	http_start(w->client, &b.call);
	fake_now += 899;
	settle(w);
	assert_int_equal(a.told + b.told, 0);
	fake_now += 1;
	expect_end(w, &a, HTTP_TIMED_OUT);
	expect_end(w, &b, HTTP_ANSWERED);
	assert_int_equal(a.call.took_ms, 900);
	assert_int_equal(b.call.took_ms, 0);
}

#define T(f, s) cmocka_unit_test_setup_teardown(f, s, world_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_some_are_for_the_well, setup_small),
		T(test_half_is_for_the_unwell, setup_patient),
		T(test_bounded, setup_small),
		T(test_suspects, setup_patient),
		T(test_cut_is_the_oldest, setup_small),
		T(test_kept_calls, setup_small),
		T(test_no_cut_for_oneself, setup_small),
		T(test_well_no_more, setup_small),
		T(test_ring, setup_one),
		T(test_wait_is_not_counted, setup_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
