/*
 * The client: one thread, one curl_multi, every outgoing call of the
 * process.
 *
 * Called by the channels and the portal's side, from any thread.  Owns the
 * thread, the connections and the handles; a call is its caller's and is
 * touched here only between http_start() and its end.  Each started call
 * ends, whatever happens: in an answer, in an error, at its own timeout or
 * with the client.
 *
 * Queue and flags need the client's lock; all of curl is the thread's; who a
 * task belongs to is told in task.c.
 */
#include "http/client.h"
#include "http/task.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <time.h>

/* Kept connections: a few hundred portals share them; each is 1 fd. */
#define KEPT_MAX 64L
/*
 * To one host at a time: twice the usual number of workers, so that it only
 * bites when one destination takes everything.  A call that waits for its
 * turn ends at its timeout through expire(), for curl 7.88 forgets it.
 */
#define PER_HOST_MAX 32L
#define SPARE_MAX 32		/* handles kept for reuse, 6 KiB each */
#define STACK_SIZE ((size_t)256 * 1024)	/* TLS handshakes run on it */
#define IDLE_MS 60000		/* nothing to do: wakeups end the wait */
#define BUSY_MS 1000		/* bounds the harm of a clock that jumps */

TAILQ_HEAD(tasks, http_task);

struct http_client {
	const struct clock *clock;
	bool one_shot;
	CURLM *multi;
	pthread_t thread;
	pthread_mutex_t lock;		/* guards the next three */
	struct tasks queue;
	bool started;
	bool stopping;
	/* the thread's own */
	struct tasks running;
	CURL *spare[SPARE_MAX];
	size_t spares;
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

/* What fails here fails again, and is told, where handles are made. */
static void
curl_start(void)
{
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

static CURL *
spare_take(struct http_client *c)
{
	return c->spares != 0 ? c->spare[--c->spares] : curl_easy_init();
}

/* Resets it at once, so that no pointer into a finished call stays. */
static void
spare_keep(struct http_client *c, CURL *easy)
{
	if (c->spares == SPARE_MAX) {
		curl_easy_cleanup(easy);
		return;
	}
	curl_easy_reset(easy);
	c->spare[c->spares++] = easy;
}

/* Gives a queued task to curl; one that curl does not take ends here. */
static void
admit(struct http_client *c, struct http_task *k)
{
	int64_t left = deadline_left(&k->until);

	k->easy = left > 0 ? spare_take(c) : NULL;
	if (left == 0) {
		transfer_refuse(&k->t, HTTP_TIMED_OUT, "waited too long");
	} else if (k->easy == NULL) {
		transfer_refuse(&k->t, HTTP_NOT_SENT, "out of memory");
	} else if (!transfer_arm(&k->t, k->easy, left, c->one_shot)) {
		transfer_refuse(&k->t, HTTP_NOT_SENT,
		    "the request could not be built");
	} else if (curl_easy_setopt(k->easy, CURLOPT_PRIVATE, k) != CURLE_OK ||
	    curl_multi_add_handle(c->multi, k->easy) != CURLM_OK) {
		transfer_refuse(&k->t, HTTP_NOT_SENT, "curl did not take it");
	} else {
		TAILQ_INSERT_TAIL(&c->running, k, link);
		return;
	}
	if (k->easy != NULL)
		spare_keep(c, k->easy);
	task_ended(k);
}

/* Takes what was submitted.  False when the client is to end. */
static bool
admit_all(struct http_client *c)
{
	struct tasks fresh = TAILQ_HEAD_INITIALIZER(fresh);
	struct http_task *k;
	bool go_on;

	(void)pthread_mutex_lock(&c->lock);
	TAILQ_CONCAT(&fresh, &c->queue, link);
	go_on = !c->stopping;
	(void)pthread_mutex_unlock(&c->lock);
	while ((k = TAILQ_FIRST(&fresh)) != NULL) {
		TAILQ_REMOVE(&fresh, k, link);
		admit(c, k);
	}
	return go_on;
}

/* Takes a running task back from curl and writes down how it ended. */
static void
finish(struct http_client *c, struct http_task *k, CURLcode code,
    const char *reason)
{
	TAILQ_REMOVE(&c->running, k, link);
	(void)curl_multi_remove_handle(c->multi, k->easy);
	if (reason != NULL)
		transfer_refuse(&k->t, HTTP_BROKEN, reason);
	else
		transfer_end(&k->t, k->easy, code);
	spare_keep(c, k->easy);
	task_ended(k);
}

static void
reap(struct http_client *c)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(c->multi, &left)) != NULL) {
		CURLcode code = m->data.result;
		void *task = NULL;

		(void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE,
		    &task);
		finish(c, task, code, NULL);	/* frees the message */
	}
}

/*
 * Ends what is over by our own clock: curl 7.88 lets calls that wait for a
 * connection to their host stay past their timeout.
 */
static void
expire(struct http_client *c)
{
	int64_t now = c->clock->mono_ms(c->clock->ctx);
	struct http_task *k, *next;

	for (k = TAILQ_FIRST(&c->running); k != NULL; k = next) {
		next = TAILQ_NEXT(k, link);
		if (k->until.at_ms <= now)
			finish(c, k, CURLE_OPERATION_TIMEDOUT, NULL);
	}
}

static int
poll_ms(const struct http_client *c)
{
	int64_t now = c->clock->mono_ms(c->clock->ctx);
	int64_t ms = TAILQ_EMPTY(&c->running) ? IDLE_MS : BUSY_MS;
	const struct http_task *k;

	TAILQ_FOREACH(k, &c->running, link)
		if (k->until.at_ms - now < ms)
			ms = k->until.at_ms - now;
	return ms > 0 ? (int)ms : 0;
}

/* A poll that fails (no memory) must not become a busy loop. */
static void
wait_for_events(struct http_client *c)
{
	const struct timespec pause = { 0, 10 * 1000 * 1000 };

	if (curl_multi_poll(c->multi, NULL, 0, poll_ms(c), NULL) != CURLM_OK)
		(void)nanosleep(&pause, NULL);
}

/*
 * All of curl is given back by the thread, too: closing TLS writes to
 * sockets, and only here SIGPIPE is blocked.
 */
static void *
thread_main(void *ctx)
{
	struct http_client *c = ctx;
	struct http_task *k;
	int n;

	while (admit_all(c)) {
		(void)curl_multi_perform(c->multi, &n);
		reap(c);
		expire(c);
		wait_for_events(c);
	}
	while ((k = TAILQ_FIRST(&c->running)) != NULL)
		finish(c, k, CURLE_OK, "stopped");
	while (c->spares != 0)
		curl_easy_cleanup(c->spare[--c->spares]);
	(void)curl_multi_cleanup(c->multi);
	return NULL;
}

/* The thread inherits a mask that blocks everything: workers get signals. */
static bool
thread_start(struct http_client *c)
{
	pthread_attr_t a;
	sigset_t all, old;
	bool ok;

	if (pthread_attr_init(&a) != 0)
		return false;
	(void)pthread_attr_setstacksize(&a, STACK_SIZE);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	ok = pthread_create(&c->thread, &a, thread_main, c) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	(void)pthread_attr_destroy(&a);
	return ok;
}

enum err
http_client_new(struct http_client **out, const struct clock *clock,
    bool one_shot)
{
	struct http_client *c = calloc(1, sizeof(*c));

	*out = NULL;
	if (c == NULL)
		return ERR_NOMEM;
	(void)pthread_once(&curl_once, curl_start);
	c->clock = clock;
	c->one_shot = one_shot;
	TAILQ_INIT(&c->queue);
	TAILQ_INIT(&c->running);
	c->multi = curl_multi_init();
	/* Without descriptors curl makes a handle that cannot be woken. */
	if (c->multi == NULL || curl_multi_wakeup(c->multi) != CURLM_OK) {
		(void)curl_multi_cleanup(c->multi);
		free(c);
		return ERR_RETRY;
	}
	(void)curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, KEPT_MAX);
	(void)curl_multi_setopt(c->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
	    PER_HOST_MAX);
	(void)pthread_mutex_init(&c->lock, NULL);
	*out = c;
	return ERR_OK;
}

void
http_start(struct http_client *c, struct http_call *call)
{
	struct http_task *k;
	bool ok;

	call_clear(call);
	k = task_new(c->clock, call);
	if (k == NULL) {
		call_end(call, HTTP_NOT_SENT, "out of memory");
		return;
	}
	call->task = k;
	(void)pthread_mutex_lock(&c->lock);
	ok = c->started || thread_start(c);
	c->started = ok;
	if (ok) {
		TAILQ_INSERT_TAIL(&c->queue, k, link);
		(void)curl_multi_wakeup(c->multi);
	}
	(void)pthread_mutex_unlock(&c->lock);
	if (!ok) {
		transfer_refuse(&k->t, HTTP_NOT_SENT, "no thread to be had");
		task_ended(k);
	}
}

bool
http_wait(struct http_client *c, struct http_call *call,
    const struct deadline *d)
{
	(void)c;	/* a waiter needs no more than its task */
	return call->task == NULL || task_wait(call->task, d);
}

void
http_call_free(struct http_call *call)
{
	task_free(call->task);
	call->task = NULL;
	buf_free(&call->answer);
}

void
http_client_free(struct http_client *c)
{
	if (c == NULL)
		return;
	(void)pthread_mutex_lock(&c->lock);
	c->stopping = true;
	(void)curl_multi_wakeup(c->multi);
	(void)pthread_mutex_unlock(&c->lock);
	if (c->started)
		(void)pthread_join(c->thread, NULL);
	else
		(void)curl_multi_cleanup(c->multi);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
}
