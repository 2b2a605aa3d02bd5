/*
 * Threads: how they start, and how long somebody waits for one.
 *
 * Called by base/pool.c and db/committer.c.  Owns nothing.
 */
#include "base/thread.h"

#include <signal.h>

bool
thread_start(pthread_t *thread, void *(*run)(void *), void *ctx,
    size_t stack_size)
{
	pthread_attr_t a;
	sigset_t all, old;
	bool ok;

	if (pthread_attr_init(&a) != 0)
		return false;
	if (stack_size != 0)
		(void)pthread_attr_setstacksize(&a, stack_size);
	/* it inherits the mask */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	ok = pthread_create(thread, &a, run, ctx) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	(void)pthread_attr_destroy(&a);
	return ok;
}

bool
thread_cond(pthread_cond_t *cond)
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

struct timespec
thread_in(int64_t ms)
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
