/*
 * The list of work that can go on.
 *
 * Filled by whoever commits (trip.c), emptied by the workers.  Owns nothing
 * but its list.
 */
#include "relay/ready.h"

#include <pthread.h>
#include <stdlib.h>

STAILQ_HEAD(tasks, task);

struct ready {
	pthread_mutex_t lock;	/* guards the list */
	struct tasks tasks;
	void (*wake)(void *ctx);
	void *ctx;
};

enum err
ready_new(struct ready **out)
{
	struct ready *r = calloc(1, sizeof(*r));

	*out = r;
	if (r == NULL)
		return ERR_NOMEM;
	(void)pthread_mutex_init(&r->lock, NULL);	/* plain: cannot fail */
	STAILQ_INIT(&r->tasks);
	return ERR_OK;
}

void
ready_free(struct ready *r)
{
	if (r == NULL)
		return;
	(void)pthread_mutex_destroy(&r->lock);
	free(r);
}

void
ready_on_push(struct ready *r, void (*wake)(void *), void *ctx)
{
	r->wake = wake;
	r->ctx = ctx;
}

void
ready_push(struct ready *r, struct task *t)
{
	(void)pthread_mutex_lock(&r->lock);
	STAILQ_INSERT_TAIL(&r->tasks, t, link);
	(void)pthread_mutex_unlock(&r->lock);
	if (r->wake != NULL)
		r->wake(r->ctx);
}

struct task *
ready_take(struct ready *r, bool *more)
{
	struct task *t;

	(void)pthread_mutex_lock(&r->lock);
	t = STAILQ_FIRST(&r->tasks);
	if (t != NULL)
		STAILQ_REMOVE_HEAD(&r->tasks, link);
	*more = !STAILQ_EMPTY(&r->tasks);
	(void)pthread_mutex_unlock(&r->lock);
	return t;
}
