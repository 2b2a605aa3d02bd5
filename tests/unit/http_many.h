/*
 * What tests of many calls at once share: calls to several peers, and a
 * clock that the test moves.
 */
#ifndef HTTP_MANY_H
#define HTTP_MANY_H

#include "http_peer.h"

#include <stdatomic.h>

/* A clock that stands still until the test moves it. */
static atomic_llong fake_now;

static inline int64_t
fake_ms(void *ctx)
{
	(void)ctx;
	return fake_now;
}

static const struct clock clock_fake = { fake_ms, fake_ms, NULL };

/* Four places, one of them for peers that are well, two for the unwell. */
static inline int
setup_small(void **state)
{
	fake_now = 1000000;
	return world_begin(state, &clock_fake, 4, 1000);
}

/* The same, and what is slow takes longer than what is suspect. */
static inline int
setup_patient(void **state)
{
	fake_now = 1000000;
	return world_begin(state, &clock_fake, 4, 10000);
}

static inline int
setup_one(void **state)
{
	fake_now = 1000000;
	return world_begin(state, &clock_fake, 1, 1000);
}

static inline void
start_trial(struct world *w, struct trial *t, struct http_peer *who,
    const char *path)
{
	trial_init(t, w, path);
	t->call.peer = who;
	http_start(w->client, &t->call);
}

static inline void
peers_init(struct http_peer *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		http_peer_init(&p[i]);
}

/* Turns until the peer has got so many requests in all. */
static inline void
await_requests(struct world *w, int n)
{
	struct deadline d = deadline_in(&clock_system, 60000);

	while (peer_count(w->peer, &w->peer->requests) < n) {
		assert_true(deadline_left(&d) > 0);
		loop_turn(w->loop, 10);
	}
}

/* A few turns: time for what must not happen. */
static inline void
settle(struct world *w)
{
	for (int i = 0; i < 10; i++)
		loop_turn(w->loop, 2);
}

static inline void
expect_end(struct world *w, struct trial *t, enum http_end end)
{
	await(w, t);
	assert_int_equal(t->call.end, end);
	http_call_free(&t->call);
}

/* Before what still runs goes out of scope. */
static inline void
drop_client(struct world *w)
{
	http_client_free(w->client);
	w->client = NULL;
}

#endif
