/*
 * The client with many calls at once, and everything about waiting: own
 * deadlines, a full host, a name server that hangs, the client's end.
 */
#include "http/client.h"

#include "http_peer.h"

#include <dirent.h>
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
	const struct timespec long_time = { 4, 0 };
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

/* A clock that stands still until the test moves it. */
static atomic_llong fake_now;

static int64_t
fake_ms(void *ctx)
{
	(void)ctx;
	return fake_now;
}

static const struct clock clock_fake = { fake_ms, fake_ms, NULL };

static int
setup(void **state)
{
	return world_start(state, &clock_system);
}

static int64_t
now_ms(void)
{
	return clock_system.mono_ms(NULL);
}

#define THREADS 16
#define EACH 13		/* 208 calls in flight at once */

/* Starts all its calls, then waits for them; returns how many were right. */
static void *
caller(void *ctx)
{
	struct world *w = ctx;
	struct trial *t = calloc(EACH, sizeof(*t));
	char body[EACH][64];
	intptr_t right = 0;

	for (size_t i = 0; i < EACH; i++) {
		trial_init(&t[i], w, "/echo");
		(void)snprintf(body[i], sizeof(body[i]), "call %zu of %p", i,
		    (void *)t);
		t[i].call.body = body[i];
		t[i].call.body_len = strlen(body[i]);
		http_start(w->client, &t[i].call);
	}
	for (size_t i = 0; i < EACH; i++) {
		if (http_wait(w->client, &t[i].call, NULL) &&
		    t[i].call.end == HTTP_ANSWERED &&
		    strcmp(buf_str(&t[i].call.answer), body[i]) == 0)
			right++;
		http_call_free(&t[i].call);
	}
	free(t);
	return (void *)right;
}

static void
test_many(void **state)
{
	struct world *w = *state;
	pthread_t threads[THREADS];
	intptr_t right = 0;

	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, caller, w),
		    0);
	for (size_t i = 0; i < THREADS; i++) {
		void *one;

		assert_int_equal(pthread_join(threads[i], &one), 0);
		right += (intptr_t)one;
	}
	assert_int_equal(right, THREADS * EACH);
	assert_in_range(peer_count(w->peer, &w->peer->accepts), 1, 40);
}

static void
test_wait(void **state)
{
	struct world *w = *state;
	struct deadline d = deadline_in(&clock_system, 30);
	int64_t begun = now_ms();
	struct trial t;

	trial_init(&t, w, "/delay/1500");
	http_start(w->client, &t.call);
	assert_false(http_wait(w->client, &t.call, &d));
	assert_true(now_ms() - begun >= 30);
	assert_false(http_wait(w->client, &t.call, &d));
	d = deadline_in(&clock_system, 20000);
	assert_true(http_wait(w->client, &t.call, &d));
	assert_int_equal(t.call.end, HTTP_ANSWERED);
	d = deadline_in(&clock_system, 0);
	assert_true(http_wait(w->client, &t.call, &d));
	http_call_free(&t.call);
}

static void *
move_clock(void *ctx)
{
	(void)ctx;
	nap(50);
	fake_now += 100000;
	return NULL;
}

static void
test_wait_by_another_clock(void **state)
{
	struct world *w = *state;
	struct deadline d = deadline_in(&clock_fake, 90000);
	pthread_t mover;
	struct trial t;

	trial_init(&t, w, "/delay/400");
	http_start(w->client, &t.call);
	assert_int_equal(pthread_create(&mover, NULL, move_clock, NULL), 0);
	assert_false(http_wait(w->client, &t.call, &d));
	assert_true(http_wait(w->client, &t.call, NULL));
	assert_int_equal(t.call.end, HTTP_ANSWERED);
	assert_int_equal(pthread_join(mover, NULL), 0);
	http_call_free(&t.call);
}

/* One host takes all it may have: who waits for it still ends in time. */
static void
test_full_host(void **state)
{
	struct world *w = *state;
	struct trial t[40];
	struct deadline d;

	for (size_t i = 0; i < 40; i++) {
		trial_init(&t[i], w, "/silent");
		if (i == 39)
			t[i].call.timeout_ms = 300;
		http_start(w->client, &t[i].call);
	}
	d = deadline_in(&clock_system, 60000);
	assert_true(http_wait(w->client, &t[39].call, &d));
	assert_int_equal(t[39].call.end, HTTP_TIMED_OUT);
	http_client_free(w->client);
	w->client = NULL;
	for (size_t i = 0; i < 40; i++) {
		if (i != 39)
			assert_int_equal(t[i].call.end, HTTP_BROKEN);
		http_call_free(&t[i].call);
	}
}

/* A lookup that hangs holds up neither its own call nor another. */
static void
test_lookup_hangs(void **state)
{
	struct world *w = *state;
	int64_t begun = now_ms();
	struct trial slow;

	trial_init(&slow, w, "");
	slow.call.url = "http://hangs.invalid/";
	slow.call.timeout_ms = 200;
	http_start(w->client, &slow.call);
	for (int i = 0; i < 6000 && lookups == 0; i++)
		nap(10);
	assert_int_equal(lookups, 1);
	assert_true(http_wait(w->client, &slow.call, NULL));
	assert_int_equal(slow.call.end, HTTP_TIMED_OUT);
	http_call_free(&slow.call);
	assert_int_equal(end_of(w, "/ok"), HTTP_ANSWERED);
	assert_int_equal(lookups, 1);	/* it hangs still */
	assert_true(now_ms() - begun >= 200);
	while (lookups != 0)	/* curl's thread then frees what it has */
		nap(10);
	nap(50);
}

static void *
wait_for_it(void *ctx)
{
	struct trial *t = ctx;
	bool ended = http_wait(NULL, &t->call, NULL);

	return ended && t->call.end == HTTP_BROKEN ? t : NULL;
}

static void
test_free_while_running(void **state)
{
	struct world *w = *state;
	struct trial t[8];
	pthread_t waiter;
	void *right;

	for (size_t i = 0; i < 8; i++) {
		trial_init(&t[i], w, "/silent");
		http_start(w->client, &t[i].call);
	}
	assert_int_equal(pthread_create(&waiter, NULL, wait_for_it, &t[0]),
	    0);
	nap(50);
	http_client_free(w->client);
	w->client = NULL;
	assert_int_equal(pthread_join(waiter, &right), 0);
	assert_ptr_equal(right, &t[0]);
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(t[i].call.end, HTTP_BROKEN);
		assert_string_equal(t[i].call.reason, "stopped");
		http_call_free(&t[i].call);
	}
}

static void
test_free_unused(void **state)
{
	struct http_client *c;
	struct http_call none = { 0 };

	(void)state;
	assert_int_equal(http_client_new(&c, &clock_system, true), ERR_OK);
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

/* Whether a thread blocks SIGHUP and SIGPIPE; a test's own threads do not. */
static bool
is_deaf(const char *tid)
{
	unsigned long long mask = 0;
	char line[256];
	FILE *f;

	(void)snprintf(line, sizeof(line), "/proc/self/task/%.20s/status",
	    tid);
	f = fopen(line, "r");
	if (f == NULL)
		return false;
	while (fgets(line, sizeof(line), f) != NULL)
		(void)sscanf(line, "SigBlk: %llx", &mask);
	(void)fclose(f);
	return (mask & 1) != 0 && (mask & 1ULL << 12) != 0;
}

static int
deaf_threads(void)
{
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;
	int n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n += is_deaf(e->d_name);
	(void)closedir(d);
	return n;
}

static void
test_signals_blocked(void **state)
{
	struct world *w = *state;
	int before;

	nap(100);	/* joined threads linger in /proc for a moment */
	before = deaf_threads();	/* a sanitizer may have its own */
	assert_int_equal(end_of(w, "/ok"), HTTP_ANSWERED);
	assert_int_equal(deaf_threads(), before + 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, world_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_many),
		T(test_wait),
		T(test_wait_by_another_clock),
		T(test_full_host),
		T(test_lookup_hangs),
		T(test_free_while_running),
		T(test_free_unused),
		T(test_close_on_exec),
		T(test_signals_blocked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
