/*
 * The client with many calls at once, kept connections, a name server that
 * hangs, the client's end.  Who may be on the way is in t_http_places.c.
 */
#include "http/client.h"

#include "http_many.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdatomic.h>

/* curl's lookups come here: two names that no resolver has to know. */
static atomic_int lookups;

int
getaddrinfo(const char *node, const char *service,
    const struct addrinfo *hints, struct addrinfo **out)
{
	const struct timespec long_time = { 1, 500000000 };
	int (*real)(const char *, const char *, const struct addrinfo *,
	    struct addrinfo **);
	void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");

	if (node != NULL && strcmp(node, "missing.invalid") == 0)
		return EAI_NONAME;
	if (node != NULL && strcmp(node, "hangs.invalid") == 0) {
		lookups++;
		(void)nanosleep(&long_time, NULL);
		lookups--;
		return EAI_AGAIN;
	}
	memcpy(&real, &symbol, sizeof(real));
	return real(node, service, hints, out);
}

static int
setup(void **state)
{
	return world_start(state, &clock_system);
}

#define MANY 208

static void
test_many(void **state)
{
	struct world *w = *state;
	struct trial *t = calloc(MANY, sizeof(*t));
	char body[MANY][32];

	for (size_t i = 0; i < MANY; i++) {
		trial_init(&t[i], w, "/echo");
		(void)snprintf(body[i], sizeof(body[i]), "call %zu", i);
		t[i].call.body = body[i];
		t[i].call.body_len = strlen(body[i]);
		http_start(w->client, &t[i].call);
		assert_int_equal(t[i].told, 0);
	}
	assert_int_equal(http_busy(w->client), MANY);
	for (size_t i = 0; i < MANY; i++) {
		await(w, &t[i]);
		assert_int_equal(t[i].call.end, HTTP_ANSWERED);
		assert_string_equal(buf_str(&t[i].call.answer), body[i]);
		http_call_free(&t[i].call);
	}
	free(t);
	assert_int_equal(http_busy(w->client), 0);
	assert_true(http_peer_idle(&w->who));
	assert_in_range(peer_count(w->peer, &w->peer->accepts), 1, 64);
}

/* Answers nobody before so many have asked. */
struct gathering {
	pthread_mutex_t lock;
	pthread_cond_t all_there;
	int wanted;
	int there;
};

static bool
gather(void *ctx, int fd, const struct peer_request *rq)
{
	struct gathering *g = ctx;

	(void)rq;
	(void)pthread_mutex_lock(&g->lock);
	if (++g->there >= g->wanted)
		(void)pthread_cond_broadcast(&g->all_there);
	while (g->there < g->wanted)
		(void)pthread_cond_wait(&g->all_there, &g->lock);
	(void)pthread_mutex_unlock(&g->lock);
	return peer_answer(fd, "200 OK", "", "ok", 2);
}

#define TOGETHER 400

static void
crowd(void **state, struct gathering *g)
{
	struct http_peer *who = calloc(TOGETHER, sizeof(*who));
	struct trial *t = calloc(TOGETHER, sizeof(*t));
	struct world *w;

	assert_int_equal(world_begin(state, &clock_system, TOGETHER * 2,
	    10000), 0);
	w = *state;
	peers_init(who, TOGETHER);
	w->peer->script_ctx = g;
	w->peer->script = gather;
	for (size_t i = 0; i < TOGETHER; i++)
		start_trial(w, &t[i], &who[i], "/ok");
	for (size_t i = 0; i < TOGETHER; i++)
		expect_end(w, &t[i], HTTP_ANSWERED);
	free(t);
	free(who);
}

#define GATHERING { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, \
	TOGETHER, 0 }

/* All are on their way at once: none is answered before all have come. */
static void
test_together(void **state)
{
	struct gathering g = GATHERING;

	crowd(state, &g);
	assert_int_equal(g.there, TOGETHER);
}

/* How many of our connections to the peer are open. */
static int
open_connections(const struct world *w)
{
	struct sockaddr_in a;
	socklen_t n = sizeof(a);
	int found = 0;

	for (int fd = 0; fd < 2048; fd++, n = sizeof(a))
		found += getpeername(fd, (void *)&a, &n) == 0 &&
		    a.sin_family == AF_INET &&
		    ntohs(a.sin_port) == w->peer->port;
	return found;
}

/* After a crowd: some stay open and are used again, most do not. */
static void
test_kept_after_a_crowd(void **state)
{
	struct gathering g = GATHERING;
	struct trial t[50];
	struct world *w;
	int accepts;

	crowd(state, &g);
	w = *state;
	assert_in_range(open_connections(w), 50, 200);
	accepts = peer_count(w->peer, &w->peer->accepts);
	for (size_t i = 0; i < 50; i++)
		start_trial(w, &t[i], &w->who, "/ok");
	for (size_t i = 0; i < 50; i++)
		expect_end(w, &t[i], HTTP_ANSWERED);
	assert_int_equal(peer_count(w->peer, &w->peer->accepts), accepts);
}

/* As many as its owner said, whoever was called. */
static void
test_kept_for_many(void **state)
{
	struct gathering g = GATHERING;

	world_kept = 300;
	crowd(state, &g);
	world_kept = 64;
	assert_in_range(open_connections(*state), 300, TOGETHER);
}

static void
test_kept_connections(void **state)
{
	struct world *w = *state;
	struct trial t;

	assert_int_equal(end_of(w, "/ok"), HTTP_ANSWERED);
	assert_int_equal(end_of(w, "/ok"), HTTP_ANSWERED);
	assert_int_equal(peer_count(w->peer, &w->peer->accepts), 1);
	for (int i = 2; i <= 3; i++) {
		trial_init(&t, w, "/ok");
		t.call.fresh = true;
		run(w, &t);
		assert_int_equal(t.call.end, HTTP_ANSWERED);
		http_call_free(&t.call);
		assert_int_equal(peer_count(w->peer, &w->peer->accepts), i);
	}
	assert_int_equal(end_of(w, "/ok"), HTTP_ANSWERED);
	assert_int_equal(peer_count(w->peer, &w->peer->accepts), 3);
}

/* The peer closes what we keep: the next call must not suffer. */
static void
test_kept_but_closed(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 20; i++) {
		assert_int_equal(end_of(w, "/leave"), HTTP_ANSWERED);
		if (i % 2 == 0)
			nap(2);
	}
	assert_int_equal(peer_count(w->peer, &w->peer->requests), 20);
}

/* Answers the first request of a connection, and dies of the second. */
static bool
answer_once(void *ctx, int fd, const struct peer_request *rq)
{
	bool *seen = ctx;
	bool first = !seen[fd];

	(void)rq;
	seen[fd] = true;
	return first && peer_answer(fd, "200 OK", "", "ok", 2);
}

/* curl tries again by itself; it must not count that for ever. */
static void
test_kept_but_dies(void **state)
{
	bool seen[1024] = { false };
	struct world *w = *state;

	w->peer->script_ctx = seen;
	w->peer->script = answer_once;
	for (int i = 0; i < 30; i++)
		assert_int_equal(end_of(w, "/ok"), HTTP_ANSWERED);
	assert_int_equal(peer_count(w->peer, &w->peer->accepts), 30);
}

struct chain {
	struct trial t;		/* the first */
	struct world *w;
	int left;
};

static void
start_again(struct http_call *call)
{
	struct chain *c = (struct chain *)call;

	assert_int_equal(call->end, HTTP_ANSWERED);
	http_call_free(call);
	c->t.told = --c->left == 0;
	if (c->left == 0)
		return;
	http_start(c->w->client, call);
	assert_int_equal(c->t.told, 0);
}

/* An end may begin the next one with the same memory. */
static void
test_chain(void **state)
{
	struct chain c = { .w = *state, .left = 50 };

	trial_init(&c.t, c.w, "/ok");
	c.t.call.done = start_again;
	http_start(c.w->client, &c.t.call);
	await(c.w, &c.t);
	assert_int_equal(http_busy(c.w->client), 0);
	assert_int_equal(peer_count(c.w->peer, &c.w->peer->accepts), 1);
}

/* A lookup that hangs holds up neither its own call nor another. */
static void
test_lookup_hangs(void **state)
{
	struct deadline d = deadline_in(&clock_system, 30000);
	struct world *w = *state;
	struct http_peer nobody;
	struct trial slow;

	http_peer_init(&nobody);
	trial_init(&slow, w, "");
	slow.call.peer = &nobody;
	slow.call.url = "http://hangs.invalid/";
	slow.call.timeout_ms = 200;
	http_start(w->client, &slow.call);
	while (lookups == 0 && deadline_left(&d) > 0)
		loop_turn(w->loop, 2);
	assert_int_equal(end_of(w, "/ok"), HTTP_ANSWERED);
	expect_end(w, &slow, HTTP_TIMED_OUT);
	assert_int_equal(end_of(w, "/ok"), HTTP_ANSWERED);
	assert_int_equal(lookups, 1);	/* all that while */
	assert_true(loop_longest(w->loop) < 1000);
	while (lookups != 0)	/* curl's thread then frees what it has */
		nap(10);
	nap(50);
}

/* Calls on their way, waiting, ended but not told: nobody hears of them. */
static void
test_free_while_running(void **state)
{
	struct http_peer who[8];
	struct world *w = *state;
	struct trial t[8], bad;

	peers_init(who, 8);
	for (size_t i = 0; i < 8; i++)
		start_trial(w, &t[i], &who[i / 2], "/silent");
	await_requests(w, 2);
	start_trial(w, &bad, &who[7], "/ok");
	assert_int_equal(http_busy(w->client), 9);
	drop_client(w);
	settle(w);
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(t[i].told, 0);
		assert_true(http_peer_idle(&who[i]));
		http_call_free(&t[i].call);
	}
	assert_int_equal(bad.told, 0);
	http_call_free(&bad.call);
	assert_int_equal(open_connections(w), 0);
}

static void
test_free_unused(void **state)
{
	struct world *w = *state;
	struct http_opts o = { .loop = w->loop, .clock = &clock_system,
		.log = &w->log, .one_shot = true };
	struct http_client *c;
	struct http_call none = { 0 };

	assert_int_equal(http_client_new(&c, &o), ERR_OK);
	http_client_free(c);
	http_client_free(NULL);
	http_call_free(&none);
}

/* Programs that a channel starts must not inherit our connections. */
static void
test_close_on_exec(void **state)
{
	struct world *w = *state;
	struct sockaddr_in a;
	socklen_t n = sizeof(a);
	int found = 0;

	assert_int_equal(end_of(w, "/ok"), HTTP_ANSWERED);
	for (int fd = 0; fd < 256; fd++, n = sizeof(a))
		if (getpeername(fd, (void *)&a, &n) == 0 &&
		    a.sin_family == AF_INET &&
		    ntohs(a.sin_port) == w->peer->port) {
			found++;
			assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		}
	assert_int_equal(found, 1);
}

#define T(f, s) cmocka_unit_test_setup_teardown(f, s, world_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_many, setup),
		T(test_together, NULL),
		T(test_kept_after_a_crowd, NULL),
		T(test_kept_for_many, NULL),
		T(test_kept_connections, setup),
		T(test_kept_but_closed, setup),
		T(test_kept_but_dies, setup),
		T(test_chain, setup),
		T(test_lookup_hangs, setup),
		T(test_free_while_running, setup_small),
		T(test_free_unused, setup),
		T(test_close_on_exec, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
