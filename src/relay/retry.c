/*
 * The retry: threads in FastCGI processes, one pass elsewhere.
 *
 * Started by the programs.  Owns its threads.  A thread that found something
 * to do wakes another before it does it, so that one destination that hangs
 * does not keep the others waiting.
 */
#include "relay/retry.h"

#include "relay/due.h"
#include "relay/proofs.h"
#include "store/admin.h"
#include "store/portals.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define THREADS 12
#define STACK_SIZE ((size_t)512 * 1024)
#define IDLE_MS 500		/* between looks when nothing is due */
#define PURGE_MS 600000		/* between removals of what is long done */
#define PURGE_ROWS 1000
#define AWAY_MAX 2		/* proofs that a pass begins in vain */

struct retry {
	const struct relay *relay;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop;
	int running;
	int64_t purge_at;	/* monotonic */
};

static int64_t
mono(const struct relay *r)
{
	return r->env.clock->mono_ms(r->env.clock->ctx);
}

/* Removes what was acknowledged before store.keep_days. */
static void
purge(struct retry *r)
{
	const struct relay *relay = r->relay;
	struct problem p = { 0 };
	int64_t n;
	bool due;

	(void)pthread_mutex_lock(&r->lock);
	due = mono(relay) >= r->purge_at;
	if (due)
		r->purge_at = mono(relay) + PURGE_MS;
	(void)pthread_mutex_unlock(&r->lock);
	if (!due)
		return;
	(void)store_purge(relay->env.store, clock_wall(relay->env.clock) -
	    relay->env.config->store.keep_days * 86400000, PURGE_ROWS, &n, &p);
}

static enum due
scan(struct retry *r)
{
	struct problem p = { 0 };
	enum due end = due_try_one(r->relay, true, &p);

	if (p.err != ERR_OK)
		log_error(r->relay->env.log, "store-failed",
		    F_STR("reason", p.text));
	return end;
}

/* As the condition's clock counts. */
static struct timespec
time_in(int64_t ms)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_nsec -= 1000000000;
		t.tv_sec++;
	}
	return t;
}

static bool
stopped(struct retry *r, int64_t wait_ms)
{
	const struct timespec until = time_in(wait_ms);
	bool stop;

	(void)pthread_mutex_lock(&r->lock);
	if (!r->stop && wait_ms != 0)
		(void)pthread_cond_timedwait(&r->wake, &r->lock, &until);
	stop = r->stop;
	(void)pthread_mutex_unlock(&r->lock);
	return stop;
}

static void *
work(void *ctx)
{
	struct retry *r = ctx;
	enum due end = DUE_NONE;

	while (!stopped(r, end == DUE_NONE ? IDLE_MS : 0)) {
		end = scan(r);
		if (end != DUE_NONE)
			(void)pthread_cond_signal(&r->wake);
		else
			purge(r);
		if (end == DUE_NONE) {
			store_refresh_settle(r->relay->env.store);
			store_tidy(r->relay->env.store);
		}
	}
	/* under the lock to the end: whoever sees zero may free it */
	(void)pthread_mutex_lock(&r->lock);
	r->running--;
	(void)pthread_cond_broadcast(&r->wake);
	(void)pthread_mutex_unlock(&r->lock);
	return NULL;
}

static void
retry_free(struct retry *r)
{
	(void)pthread_cond_destroy(&r->wake);
	(void)pthread_mutex_destroy(&r->lock);
	free(r);
}

static struct retry *
retry_new(const struct relay *relay)
{
	struct retry *r = calloc(1, sizeof(*r));
	pthread_condattr_t attr;
	bool ok = r != NULL && pthread_condattr_init(&attr) == 0;

	if (!ok) {
		free(r);
		return NULL;
	}
	r->relay = relay;
	ok = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
	    pthread_cond_init(&r->wake, &attr) == 0 &&
	    pthread_mutex_init(&r->lock, NULL) == 0;
	(void)pthread_condattr_destroy(&attr);
	if (!ok) {
		free(r);
		return NULL;
	}
	return r;
}

enum err
retry_start(struct retry **out, const struct relay *relay)
{
	struct retry *r = retry_new(relay);
	pthread_attr_t attr;
	int rc = r != NULL ? pthread_attr_init(&attr) : -1;

	*out = r;
	if (rc != 0)
		return ERR_NOMEM;
	rc = pthread_attr_setstacksize(&attr, STACK_SIZE);
	if (rc == 0)
		rc = pthread_attr_setdetachstate(&attr,
		    PTHREAD_CREATE_DETACHED);
	for (int i = 0; rc == 0 && i < THREADS; i++) {
		pthread_t thread;

		(void)pthread_mutex_lock(&r->lock);
		rc = pthread_create(&thread, &attr, work, r);
		r->running += rc == 0;
		(void)pthread_mutex_unlock(&r->lock);
	}
	(void)pthread_attr_destroy(&attr);
	return rc == 0 ? ERR_OK : ERR_RETRY;
}

bool
retry_stop(struct retry *r, int64_t ms)
{
	const struct timespec until = time_in(ms);
	bool gone;
	int rc = 0;

	if (r == NULL)
		return true;
	(void)pthread_mutex_lock(&r->lock);
	r->stop = true;
	(void)pthread_cond_broadcast(&r->wake);
	while (r->running > 0 && rc == 0)
		rc = pthread_cond_timedwait(&r->wake, &r->lock, &until);
	gone = r->running == 0;
	(void)pthread_mutex_unlock(&r->lock);
	if (gone)
		retry_free(r);
	return gone;
}

/*
 * Installations come last, and some of them in any case: a long queue must not
 * outlive their hour, nor may they hold it up.  Behind each may be a server
 * that never answers.
 */
static void
prove(const struct relay *r, struct pass *pass, const struct deadline *until)
{
	enum install_end end;
	int away = 0;

	do {
		if (!proofs_try_one(r->proofs, &end))
			return;
		away += end == INSTALL_LATER;
		pass->failed += end == INSTALL_LATER;
		pass->done += end != INSTALL_LATER;
	} while (away < AWAY_MAX && deadline_left(until) > 0);
}

enum err
retry_pass(const struct relay *r, struct pass *pass, struct problem *p)
{
	struct deadline until = deadline_in(r->env.clock, pass->ms);
	enum due end = DUE_DONE;

	pass->done = pass->failed = 0;
	while (end != DUE_NONE && deadline_left(&until) > 0 &&
	    pass->done + pass->failed < pass->messages) {
		end = due_try_one(r, false, p);
		pass->done += end == DUE_DONE;
		pass->failed += end == DUE_FAILED;
		if (pass->progress != NULL)
			pass->progress(pass->ctx, pass);
	}
	prove(r, pass, &until);
	return p->err;
}
