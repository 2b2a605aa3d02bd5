/*
 * FastCGI: workers around the listening socket.
 *
 * Called by the program when descriptor 0 is a listening socket.  Owns the
 * worker threads and the epoll set, which knows the listening socket and the
 * idle connections (connection.c).  An accept that fails is tried again after
 * a pause.
 *
 * A signal that interrupts the read of a body would lose the request.  So
 * workers block all signals, one thread waits for them, and workers watch an
 * eventfd that tells them to stop.
 */
#include "web/accept.h"

#include "relay/proofs.h"
#include "relay/ready.h"
#include "relay/retry.h"
#include "relay/waiting.h"
#include "store/write.h"
#include "web/connection.h"
#include "web/handler.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define LISTEN_FD 0
#define STACK_SIZE ((size_t)512 * 1024)	/* SQLite is the deepest */
#define PAUSE_MS 100			/* after an accept that failed */
#define STOP_SECONDS 5			/* for requests that run */
#define RETRY_STOP_MS 2000		/* and then for the retry */
#define LATE_FACTOR 4			/* threads for each of server.workers */

struct pool {
	const struct relay *relay;
	int stop_fd;		/* an eventfd: readable means stop */
	int work_fd;		/* an eventfd: written when work is ready */
	int epoll_fd;		/* the listening socket (its events lead to */
				/* the pool), those two (to themselves), and */
				/* idle connections (to their requests) */
	atomic_int sleeping;	/* workers in epoll_wait(), or nearly */
	atomic_bool waking;	/* one of them is on its way to the work */
	struct task lead;	/* a worker is wanted to commit */
	atomic_bool wanted;	/* that is in the list */
	pthread_mutex_t lock;	/* guards the rest */
	pthread_cond_t idle;
	int64_t running;	/* workers that have not ended */
	int64_t open;		/* requests that are not answered */
	struct connections connections;
	pthread_attr_t attr;
};

struct worker {
	struct pool *pool;
	bool late;		/* it was replaced: one too many */
};

bool
accept_is_fastcgi(void)
{
	return connection_is_fastcgi();
}

static void
count_open(struct pool *p, int64_t change)
{
	(void)pthread_mutex_lock(&p->lock);
	p->open += change;
	if (p->open == 0)
		(void)pthread_cond_signal(&p->idle);
	(void)pthread_mutex_unlock(&p->lock);
}

/* A request is answered. */
static void
answered(void *ctx)
{
	count_open(ctx, -1);
}

static bool start_worker(struct pool *);

/*
 * A worker that is held by a slow destination is replaced, so that others
 * are served; there is a limit, and who comes back late may end.
 */
static void
worker_is_late(void *ctx)
{
	struct worker *w = ctx;
	struct pool *p = w->pool;

	w->late = true;
	(void)pthread_mutex_lock(&p->lock);
	if (p->running < p->relay->env.config->server.workers * LATE_FACTOR)
		(void)start_worker(p);
	(void)pthread_mutex_unlock(&p->lock);
}

/*
 * One thread is woken for each event; whoever has taken a connection lets the
 * next one be waked.
 */
static bool
watch(struct pool *p, int op, int fd, void *what)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = what };

	if (fd == LISTEN_FD)
		e.events |= EPOLLONESHOT;
	if (fd == p->work_fd)
		e.events |= EPOLLET;
	return epoll_ctl(p->epoll_fd, op, fd, &e) == 0;
}

static void
pause_accept(struct pool *p, int code)
{
	struct pollfd fd = { .fd = p->stop_fd, .events = POLLIN };

	/* EMFILE, ECONNABORTED: a pause lets others finish */
	log_warning(p->relay->env.log, "accept-failed", F_INT("code", code));
	(void)poll(&fd, 1, PAUSE_MS);
}

/* A new connection that has something to say, or NULL. */
static struct connection *
accept_one(struct pool *p)
{
	struct connection *c = NULL;
	int code = connection_accept(&p->connections, LISTEN_FD, &c);

	if (code != 0)
		pause_accept(p, code);
	(void)watch(p, EPOLL_CTL_MOD, LISTEN_FD, p);
	return c;
}

static void
serve_one(struct pool *p, struct connection *c, struct patience *thread)
{
	struct request *rq;

	/* counted before: it may be answered at once */
	count_open(p, 1);
	rq = connection_request(c);
	if (rq != NULL) {
		handler_serve(p->relay, rq, thread);
		return;
	}
	count_open(p, -1);
}

/* Wakes one worker for what is ready, unless one is on its way. */
static void
wake(void *ctx)
{
	struct pool *p = ctx;

	if (atomic_load(&p->sleeping) != 0 &&
	    !atomic_exchange(&p->waking, true))
		(void)eventfd_write(p->work_fd, 1);
}

static void
run_lead(struct task *t, struct patience *thread)
{
	struct pool *p = (struct pool *)((char *)t - offsetof(struct pool,
	    lead));

	(void)thread;
	atomic_store(&p->wanted, false);
	store_lead(p->relay->env.store);
}

/* Only if a worker has time for it. */
static bool
on_lead(void *ctx)
{
	struct pool *p = ctx;

	if (atomic_load(&p->sleeping) == 0)
		return false;
	if (!atomic_exchange(&p->wanted, true))
		ready_push(p->relay->ready, &p->lead);
	return true;
}

/* What one event of the set means.  A connection with a request, or NULL. */
static struct connection *
look(struct pool *p, const struct epoll_event *e, bool *stop)
{
	void *what = e->data.ptr;
	struct epoll_event more[3];
	int n;

	if (what == p)
		return accept_one(p);
	if (what == &p->work_fd)
		atomic_store(&p->waking, false);
	if (what != &p->stop_fd)
		return what != &p->work_fd ? what : NULL;
	/* what came on a kept connection is served yet */
	*stop = true;
	(void)epoll_ctl(p->epoll_fd, EPOLL_CTL_DEL, LISTEN_FD, NULL);
	n = epoll_wait(p->epoll_fd, more, 3, 0);
	for (int i = 0; i < n; i++)
		if (more[i].data.ptr != &p->stop_fd &&
		    more[i].data.ptr != &p->work_fd)
			return more[i].data.ptr;
	return NULL;
}

/* Work that is ready.  Asked for before a worker sleeps: whoever brings some
 * from then on sees that it does. */
static struct task *
next_task(struct pool *p)
{
	struct task *t;
	bool more;

	(void)atomic_fetch_add(&p->sleeping, 1);
	t = ready_take(p->relay->ready, &more);
	if (t != NULL)
		(void)atomic_fetch_sub(&p->sleeping, 1);
	/* this one may keep its worker for long */
	if (t != NULL && more)
		wake(p);
	return t;
}

/* Sleeps until there is something to do.  A connection, or NULL. */
static struct connection *
next_connection(struct pool *p, bool *stop)
{
	struct epoll_event e;
	int n = epoll_wait(p->epoll_fd, &e, 1, -1);

	(void)atomic_fetch_sub(&p->sleeping, 1);
	return n == 1 ? look(p, &e, stop) : NULL;
}

/* Whether there are more workers than server.workers: one may end. */
static bool
is_surplus(struct pool *p)
{
	bool is;

	(void)pthread_mutex_lock(&p->lock);
	is = p->running > p->relay->env.config->server.workers;
	(void)pthread_mutex_unlock(&p->lock);
	return is;
}

static void *
work(void *ctx)
{
	struct worker w = { .pool = ctx };
	struct pool *p = ctx;
	const struct env *env = &p->relay->env;
	bool stop = false;

	while (!stop && !(w.late && is_surplus(p))) {
		struct task *t = next_task(p);
		struct connection *f = t == NULL ?
		    next_connection(p, &stop) : NULL;
		struct patience thread = {
			.until = deadline_in(env->clock,
			    env->config->server.answer_within * 1000),
			.run_out = worker_is_late,
			.ctx = &w,
		};

		if (t != NULL)
			t->run(t, &thread);
		else if (f != NULL)
			serve_one(p, f, &thread);
		stop = stop && f == NULL;
	}
	(void)pthread_mutex_lock(&p->lock);
	p->running--;
	(void)pthread_cond_signal(&p->idle);
	(void)pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Under the lock, so that the worker cannot end before it is counted. */
static bool
start_worker(struct pool *p)
{
	pthread_t thread;

	if (pthread_create(&thread, &p->attr, work, p) != 0)
		return false;
	p->running++;
	return true;
}

static enum err
start_workers(struct pool *p, struct problem *problem)
{
	int64_t want = p->relay->env.config->server.workers;
	bool ok = true;

	(void)pthread_mutex_lock(&p->lock);
	for (; ok && want > 0; want--)
		ok = start_worker(p);
	(void)pthread_mutex_unlock(&p->lock);
	if (ok)
		return ERR_OK;
	return problem_set(problem, ERR_RETRY, -1, NULL,
	    "cannot start the workers: too many threads");
}

/*
 * Tells the workers to stop, and gives them and those who only wait time; who
 * still waits then is answered as he would be later.  False: some still work.
 */
static bool
stop_workers(struct pool *p)
{
	struct timespec until;
	int rc = 0;

	/* the counter stays readable, so every worker sees it */
	(void)eventfd_write(p->stop_fd, 1);
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += STOP_SECONDS;
	(void)pthread_mutex_lock(&p->lock);
	while ((p->running > 0 || p->open > 0) && rc == 0)
		rc = pthread_cond_timedwait(&p->idle, &p->lock, &until);
	rc = p->running > 0;
	(void)pthread_mutex_unlock(&p->lock);
	waiting_end_all(p->relay->waiting);
	return rc == 0;
}

static void
wait_for_signal(const struct relay *r, const sigset_t *set)
{
	int sig = 0;

	while (sigwait(set, &sig) != 0)
		continue;
	log_info(r->env.log, "stopping", F_INT("signal", sig));
}

static bool
open_descriptors(struct pool *p)
{
	int flags = fcntl(LISTEN_FD, F_GETFL);

	return flags >= 0 &&
	    fcntl(LISTEN_FD, F_SETFL, flags | O_NONBLOCK) == 0 &&
	    (p->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) >= 0 &&
	    (p->work_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) >= 0 &&
	    (p->epoll_fd = epoll_create1(EPOLL_CLOEXEC)) >= 0 &&
	    watch(p, EPOLL_CTL_ADD, LISTEN_FD, p) &&
	    watch(p, EPOLL_CTL_ADD, p->stop_fd, &p->stop_fd) &&
	    watch(p, EPOLL_CTL_ADD, p->work_fd, &p->work_fd);
}

static enum err
open_pool(struct pool *p, struct problem *problem)
{
	pthread_condattr_t attr;

	if (!open_descriptors(p))
		return problem_set(problem, ERR_RETRY, -1, NULL,
		    "cannot listen: %s", strerror(errno));
	p->connections = (struct connections){ .epoll_fd = p->epoll_fd,
	    .answered = answered, .ctx = p, .log = p->relay->env.log };
	p->lead.run = run_lead;
	ready_on_push(p->relay->ready, wake, p);
	store_on_lead(p->relay->env.store, on_lead, p);
	if (connections_init(&p->connections) != ERR_OK ||
	    pthread_mutex_init(&p->lock, NULL) != 0 ||
	    pthread_condattr_init(&attr) != 0 ||
	    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) != 0 ||
	    pthread_cond_init(&p->idle, &attr) != 0 ||
	    pthread_attr_init(&p->attr) != 0 ||
	    pthread_attr_setstacksize(&p->attr, STACK_SIZE) != 0 ||
	    pthread_attr_setdetachstate(&p->attr,
	    PTHREAD_CREATE_DETACHED) != 0)
		return problem_set(problem, ERR_NOMEM, -1, NULL,
		    "out of memory");
	(void)pthread_condattr_destroy(&attr);
	return ERR_OK;
}

static void
free_pool(struct pool *p)
{
	ready_on_push(p->relay->ready, NULL, NULL);
	store_on_lead(p->relay->env.store, NULL, NULL);
	connections_free(&p->connections);
	(void)close(p->stop_fd);
	(void)close(p->work_fd);
	(void)close(p->epoll_fd);
	(void)pthread_mutex_destroy(&p->lock);
	(void)pthread_cond_destroy(&p->idle);
	(void)pthread_attr_destroy(&p->attr);
	free(p);
}

/* The workers last: they find the rest there. */
static enum err
start_all(struct pool *p, struct retry **retry, struct problem *problem)
{
	if (proofs_start(p->relay->proofs) == ERR_OK &&
	    waiting_start(p->relay->waiting) == ERR_OK &&
	    retry_start(retry, p->relay) == ERR_OK)
		return start_workers(p, problem);
	return problem_set(problem, ERR_RETRY, -1, NULL,
	    "cannot start the retry: too many threads");
}

/* False: some still work, and use the pool and more. */
static bool
stop_all(struct pool *p, struct retry *retry)
{
	struct deadline until = deadline_in(p->relay->env.clock,
	    STOP_SECONDS * 1000);
	bool idle;

	/* from here on it begins nothing more */
	if (retry_stop(retry, 0))
		retry = NULL;
	proofs_stop(p->relay->proofs);
	idle = stop_workers(p);
	/* what a proof is told must not be lost */
	idle = proofs_join(p->relay->proofs, deadline_left(&until)) && idle;
	return retry_stop(retry, RETRY_STOP_MS) && idle;
}

/* Serves until a signal; the pool is open.  Frees it if nobody uses it. */
static enum err
serve(struct pool *p, bool *busy, struct problem *problem)
{
	struct retry *retry = NULL;
	sigset_t stops;
	enum err e;

	(void)sigemptyset(&stops);
	(void)sigaddset(&stops, SIGTERM);
	(void)sigaddset(&stops, SIGUSR1);
	(void)sigaddset(&stops, SIGINT);
	e = start_all(p, &retry, problem);
	if (e == ERR_OK)
		wait_for_signal(p->relay, &stops);
	*busy = !stop_all(p, retry);
	if (!*busy)
		free_pool(p);
	return e;
}

enum err
accept_serve(const struct relay *r, bool *busy, struct problem *problem)
{
	struct pool *p = calloc(1, sizeof(*p));	/* workers may outlive us */
	sigset_t all;
	enum err e;

	*busy = false;
	if (p == NULL)
		return problem_set(problem, ERR_NOMEM, -1, NULL,
		    "out of memory");
	p->relay = r;
	(void)sigfillset(&all);
	/* before any thread starts, so that all of them inherit it */
	if (pthread_sigmask(SIG_BLOCK, &all, NULL) != 0)
		e = problem_set(problem, ERR_RETRY, -1, NULL,
		    "cannot block signals");
	else
		e = connection_library() ? ERR_OK : problem_set(problem,
		    ERR_RETRY, -1, NULL, "libfcgi cannot start");
	if (e == ERR_OK)
		e = open_pool(p, problem);
	if (e == ERR_OK)
		return serve(p, busy, problem);
	free(p);
	return e;
}
