/*
 * A task: what the client keeps of one call, and how its end is waited for.
 *
 * Called by client.c.  A task is its submitter's until it is queued, then
 * the thread's until `ended` is set under the task's own lock, then the
 * waiter's, who frees it.  It shares nothing with the client, so that
 * waiters of different calls never meet, nor a client that goes away.
 */
#include "http/task.h"

#include <limits.h>
#include <stdlib.h>
#include <time.h>

#define SLICE_MS 10	/* how often another clock than the system's is asked */

static bool
cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t a;
	bool ok;

	if (pthread_condattr_init(&a) != 0)
		return false;
	ok = pthread_condattr_setclock(&a, CLOCK_MONOTONIC) == 0 &&
	    pthread_cond_init(cond, &a) == 0;
	(void)pthread_condattr_destroy(&a);
	return ok;
}

struct http_task *
task_new(const struct clock *clock, struct http_call *call)
{
	struct http_task *k = calloc(1, sizeof(*k));
	int64_t ms = call->timeout_ms > 0 ? call->timeout_ms : 1;

	if (k == NULL)
		return NULL;
	k->t.call = call;
	k->t.clock = clock;
	k->until = deadline_in(clock, ms < INT_MAX ? ms : INT_MAX);
	if (!cond_init(&k->over)) {
		free(k);
		return NULL;
	}
	(void)pthread_mutex_init(&k->lock, NULL);	/* plain: cannot fail */
	return k;
}

void
task_free(struct http_task *k)
{
	if (k == NULL)
		return;
	(void)pthread_cond_destroy(&k->over);
	(void)pthread_mutex_destroy(&k->lock);
	free(k);
}

void
task_ended(struct http_task *k)
{
	(void)pthread_mutex_lock(&k->lock);
	k->ended = true;
	(void)pthread_cond_broadcast(&k->over);
	(void)pthread_mutex_unlock(&k->lock);
}

/* `ms` from now on the clock that the condition variables wait by. */
static struct timespec
monotonic_in(int64_t ms)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += (time_t)(ms / 1000);
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

/*
 * Waits once, at most to the deadline; false when that is over.  Time that
 * a test owns may jump, so it is asked again after each slice.
 */
static bool
wait_once(struct http_task *k, const struct deadline *d)
{
	int64_t left = d != NULL ? deadline_left(d) : 0;
	struct timespec at;

	if (d == NULL) {
		(void)pthread_cond_wait(&k->over, &k->lock);
		return true;
	}
	if (left == 0)
		return false;
	if (d->clock != &clock_system && left > SLICE_MS)
		left = SLICE_MS;
	at = monotonic_in(left);
	(void)pthread_cond_timedwait(&k->over, &k->lock, &at);
	return true;
}

bool
task_wait(struct http_task *k, const struct deadline *d)
{
	bool ended;

	(void)pthread_mutex_lock(&k->lock);
	while (!k->ended && wait_once(k, d))
		;
	ended = k->ended;
	(void)pthread_mutex_unlock(&k->lock);
	return ended;
}
