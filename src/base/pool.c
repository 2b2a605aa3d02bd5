/*
 * The pool: jobs go out by a queue, come back by a list and one letter.
 *
 * Called in the loop, but for worker().  Owns its threads; a job is its
 * owner's, and is touched here only between pool_run() and done().  A thread
 * is started when a job finds none idle, so a pool that is not used costs
 * nothing; where none can be had, the loop's own thread does the work, which
 * is slow but never wrong.
 */
#include "base/pool.h"
#include "base/loop_inside.h"
#include "base/thread.h"

#include <stdlib.h>

#define STACK_SIZE ((size_t)256 * 1024)

STAILQ_HEAD(jobs, job);

struct pool {
	struct loop *loop;
	size_t threads_max;
	pthread_t *threads;
	size_t threads_n;	/* started; the loop's own */
	struct jobs here;	/* for the loop's own thread */
	struct task task;
	struct letter letter;	/* posted by who finds nobody back */
	pthread_mutex_t lock;	/* guards all below */
	pthread_cond_t work;
	pthread_cond_t left;
	struct jobs waiting;
	size_t waiting_n;
	struct jobs back;
	size_t idle;
	size_t alive;
	bool stopping;
};

/* A job, or NULL when the pool ends.  Holds the lock before and after. */
static struct job *
next_job(struct pool *p)
{
	struct job *j;

	p->idle++;
	while (!p->stopping && STAILQ_EMPTY(&p->waiting))
		(void)pthread_cond_wait(&p->work, &p->lock);
	p->idle--;
	if (p->stopping)
		return NULL;
	j = STAILQ_FIRST(&p->waiting);
	STAILQ_REMOVE_HEAD(&p->waiting, link);
	p->waiting_n--;
	return j;
}

/*
 * Posts under the lock: once it is given up, pool_free() may take the letter
 * back, and that must not happen before it was posted.
 */
static void *
worker(void *ctx)
{
	struct pool *p = ctx;
	struct job *j;

	(void)pthread_mutex_lock(&p->lock);
	while ((j = next_job(p)) != NULL) {
		(void)pthread_mutex_unlock(&p->lock);
		j->work(j);
		(void)pthread_mutex_lock(&p->lock);
		/* if nobody was back, nobody has posted it */
		if (STAILQ_EMPTY(&p->back) && !p->stopping)
			loop_post(p->loop, &p->letter);
		STAILQ_INSERT_TAIL(&p->back, j, link);
	}
	p->alive--;
	(void)pthread_cond_broadcast(&p->left);
	(void)pthread_mutex_unlock(&p->lock);
	return NULL;
}

static void
on_letter(struct letter *letter)
{
	struct pool *p = OF(letter, struct pool, letter);
	struct jobs back = STAILQ_HEAD_INITIALIZER(back);
	struct job *j;

	(void)pthread_mutex_lock(&p->lock);
	STAILQ_CONCAT(&back, &p->back);
	(void)pthread_mutex_unlock(&p->lock);
	while ((j = STAILQ_FIRST(&back)) != NULL) {
		STAILQ_REMOVE_HEAD(&back, link);
		j->done(j);
	}
}

/* One job in the loop's own thread; the next one waits a turn. */
static void
on_task(struct task *t)
{
	struct pool *p = OF(t, struct pool, task);
	struct job *j = STAILQ_FIRST(&p->here);

	STAILQ_REMOVE_HEAD(&p->here, link);
	if (!STAILQ_EMPTY(&p->here))
		loop_ready(p->loop, &p->task);
	j->work(j);
	j->done(j);
}

enum err
pool_new(struct pool **out, struct loop *loop, int64_t threads)
{
	struct pool *p = calloc(1, sizeof(*p));
	size_t n = threads > 0 ? (size_t)threads : 0;

	*out = NULL;
	if (p != NULL)
		p->threads = calloc(n + 1, sizeof(*p->threads));
	if (p == NULL || p->threads == NULL || !thread_cond(&p->left)) {
		if (p != NULL)
			free(p->threads);
		free(p);
		return ERR_NOMEM;
	}
	p->loop = loop;
	p->threads_max = n;
	STAILQ_INIT(&p->here);
	STAILQ_INIT(&p->waiting);
	STAILQ_INIT(&p->back);
	p->task = (struct task){ .run = on_task, .name = "job" };
	p->letter.open = on_letter;
	/* With plain attributes neither can fail. */
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_cond_init(&p->work, NULL);
	*out = p;
	return ERR_OK;
}

/* False: there is no thread at all.  Holds the lock. */
static bool
give_out(struct pool *p, struct job *j)
{
	if (p->waiting_n >= p->idle && p->threads_n < p->threads_max &&
	    thread_start(&p->threads[p->threads_n], worker, p, STACK_SIZE)) {
		p->threads_n++;
		p->alive++;
	}
	if (p->threads_n == 0)
		return false;
	STAILQ_INSERT_TAIL(&p->waiting, j, link);
	p->waiting_n++;
	(void)pthread_cond_signal(&p->work);
	return true;
}

void
pool_run(struct pool *p, struct job *j)
{
	bool given;

	(void)pthread_mutex_lock(&p->lock);
	given = give_out(p, j);
	(void)pthread_mutex_unlock(&p->lock);
	if (given)
		return;
	STAILQ_INSERT_TAIL(&p->here, j, link);
	loop_ready(p->loop, &p->task);
}

static bool
stop_threads(struct pool *p, int64_t wait_ms)
{
	struct timespec until = thread_in(wait_ms > 0 ? wait_ms : 0);
	bool all_left;

	(void)pthread_mutex_lock(&p->lock);
	p->stopping = true;
	(void)pthread_cond_broadcast(&p->work);
	while (p->alive != 0 &&
	    pthread_cond_timedwait(&p->left, &p->lock, &until) == 0)
		;
	all_left = p->alive == 0;
	(void)pthread_mutex_unlock(&p->lock);
	return all_left;
}

bool
pool_free(struct pool *p, int64_t wait_ms)
{
	if (p == NULL)
		return true;
	if (!stop_threads(p, wait_ms))
		return false;
	while (p->threads_n != 0)
		(void)pthread_join(p->threads[--p->threads_n], NULL);
	loop_unready(p->loop, &p->task);
	mail_take_back(p->loop, &p->letter);
	(void)pthread_cond_destroy(&p->left);
	(void)pthread_cond_destroy(&p->work);
	(void)pthread_mutex_destroy(&p->lock);
	free(p->threads);
	free(p);
	return true;
}
