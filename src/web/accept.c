/*
 * FastCGI: workers around the listening socket.  The home of fcgiapp.
 *
 * Called by the program when descriptor 0 is a listening socket.  Owns the
 * worker threads, the connections and their requests.  A request that comes
 * broken is dropped; an accept that fails is tried again after a pause.
 *
 * libfcgi takes a thread for each connection, from accept() to its end.  Here
 * a connection that says nothing, one that the web server keeps for later,
 * and a request that only waits for Bitrix24 hold none: new connections are
 * accepted here, idle ones wait in an epoll set, and libfcgi gets one when
 * there is something to read.
 *
 * A signal that interrupts the read of a body would lose the request.  So
 * workers block all signals, one thread waits for them, and workers watch an
 * eventfd that tells them to stop.
 */
#include "web/accept.h"

#include "relay/ready.h"
#include "relay/retry.h"
#include "relay/waiting.h"
#include "web/handler.h"
#include "web/request.h"

#include <fcgiapp.h>

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
#define STALL_SECONDS 60		/* a web server silent within a body */
#define STOP_SECONDS 5			/* for requests that run */
#define RETRY_STOP_MS 2000		/* and then for the retry */
#define LATE_FACTOR 4			/* threads for each of server.workers */

struct fcgi_request;
SLIST_HEAD(requests, fcgi_request);

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
	struct requests spare;
	pthread_attr_t attr;
};

/* A connection, and the request that is on it. */
struct fcgi_request {
	struct request request;
	FCGX_Request fcgi;
	struct pool *pool;
	bool listed;		/* the epoll set knows its descriptor */
	bool whole;		/* the request was read to its end */
	SLIST_ENTRY(fcgi_request) link;
};

struct worker {
	struct pool *pool;
	bool late;		/* it was replaced: one too many */
};

bool
accept_is_fastcgi(void)
{
	return FCGX_IsCGI() == 0;
}

static const char *
fcgi_param(struct request *rq, const char *name)
{
	return FCGX_GetParam(name, ((struct fcgi_request *)rq)->fcgi.envp);
}

static ssize_t
fcgi_read(struct request *rq, char *p, size_t n)
{
	struct fcgi_request *f = (struct fcgi_request *)rq;
	FCGX_Stream *in = f->fcgi.in;
	int got = FCGX_GetStr(p, (int)n, in);

	/* a peer that goes away looks like an end, but for the error */
	if (got <= 0) {
		f->whole = FCGX_GetError(in) == 0;
		return f->whole ? 0 : -1;
	}
	return got;
}

static bool
fcgi_write(struct request *rq, const char *p, size_t n)
{
	FCGX_Stream *out = ((struct fcgi_request *)rq)->fcgi.out;

	return FCGX_PutStr(p, (int)n, out) == (int)n;
}

static void
request_free(struct fcgi_request *f)
{
	FCGX_Free(&f->fcgi, 1);
	free(f);
}

static struct fcgi_request *
request_new(struct pool *p, const struct request_kind *kind, int fd)
{
	struct fcgi_request *f;

	(void)pthread_mutex_lock(&p->lock);
	f = SLIST_FIRST(&p->spare);
	if (f != NULL)
		SLIST_REMOVE_HEAD(&p->spare, link);
	(void)pthread_mutex_unlock(&p->lock);
	/* with no socket to listen at: it must never accept by itself */
	if (f == NULL && (f = calloc(1, sizeof(*f))) != NULL &&
	    FCGX_InitRequest(&f->fcgi, -1, FCGI_FAIL_ACCEPT_ON_INTR) != 0) {
		free(f);
		f = NULL;
	}
	if (f == NULL)
		return NULL;
	f->request.kind = kind;
	f->pool = p;
	f->listed = false;
	f->fcgi.ipcFd = fd;
	/* else its next step would be to close what it has */
	f->fcgi.keepConnection = 1;
	return f;
}

/* The connection is closed: the memory serves the next one. */
static void
request_keep(struct fcgi_request *f)
{
	struct pool *p = f->pool;

	(void)pthread_mutex_lock(&p->lock);
	SLIST_INSERT_HEAD(&p->spare, f, link);
	(void)pthread_mutex_unlock(&p->lock);
}

/* Waits for the next request without a thread.  False: it cannot. */
static bool
connection_idle(struct fcgi_request *f)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP |
	    EPOLLONESHOT, .data.ptr = f };
	int op = f->listed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	f->listed = true;
	return epoll_ctl(f->pool->epoll_fd, op, f->fcgi.ipcFd, &e) == 0;
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

/*
 * libfcgi lingers at the close until the web server has closed, too, lest an
 * answer is lost with input that was not read.  Where all was read nothing
 * can be lost, and nobody has to wait.
 */
static void
fcgi_finish(struct request *rq)
{
	struct fcgi_request *f = (struct fcgi_request *)rq;
	struct pool *p = f->pool;

	if (f->whole)
		(void)FCGX_Detach(&f->fcgi);
	FCGX_Finish_r(&f->fcgi);
	(void)FCGX_Attach(&f->fcgi);
	if (f->fcgi.ipcFd < 0)
		request_keep(f);
	else if (!connection_idle(f))
		request_free(f);
	count_open(p, -1);
}

static const struct request_kind fcgi_kind = {
	.param = fcgi_param,
	.read = fcgi_read,
	.write = fcgi_write,
	.finish = fcgi_finish,
	.sees_end = true,
};

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

/* libfcgi reads and writes without a deadline; the socket gets one. */
static void
set_stall(int fd)
{
	const struct timeval t = { .tv_sec = STALL_SECONDS };

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
}

static bool
has_input(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* A new connection that has something to say, or NULL. */
static struct fcgi_request *
accept_one(struct pool *p)
{
	int fd = accept4(LISTEN_FD, NULL, NULL, SOCK_CLOEXEC);
	int code = errno;
	struct fcgi_request *f;

	if (fd < 0 && code != EAGAIN && code != EINTR)
		pause_accept(p, code);
	(void)watch(p, EPOLL_CTL_MOD, LISTEN_FD, p);
	if (fd < 0)
		return NULL;
	f = request_new(p, &fcgi_kind, fd);
	if (f == NULL) {
		(void)close(fd);
		return NULL;
	}
	set_stall(fd);
	if (has_input(fd))
		return f;
	if (!connection_idle(f))
		request_free(f);
	return NULL;
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
static struct fcgi_request *
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
static struct fcgi_request *
next_connection(struct pool *p, bool *stop)
{
	struct epoll_event e;
	int n = epoll_wait(p->epoll_fd, &e, 1, -1);

	(void)atomic_fetch_sub(&p->sleeping, 1);
	return n == 1 ? look(p, &e, stop) : NULL;
}

/* Whether the request came whole: libfcgi accepts one whose connection broke
 * within the parameters. */
static bool
is_whole(FCGX_Request *rq)
{
	return FCGX_GetError(rq->in) == 0 &&
	    FCGX_GetParam("REQUEST_METHOD", rq->envp) != NULL;
}

static void
serve_one(struct pool *p, struct fcgi_request *f, struct patience *thread)
{
	f->whole = false;
	if (FCGX_Accept_r(&f->fcgi) != 0) {
		request_free(f);	/* the peer has closed it */
		return;
	}
	count_open(p, 1);
	if (is_whole(&f->fcgi)) {
		handler_serve(p->relay, &f->request, thread);
		return;
	}
	log_warning(p->relay->env.log, "dropped", F_STR("reason",
	    "the request broke off within its parameters"));
	fcgi_finish(&f->request);
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
		struct fcgi_request *f = t == NULL ?
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
	SLIST_INIT(&p->spare);
	p->lead.run = run_lead;
	ready_on_push(p->relay->ready, wake, p);
	store_on_lead(p->relay->env.store, on_lead, p);
	if (pthread_mutex_init(&p->lock, NULL) != 0 ||
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

/*
 * A peer that lingers at the close holds a worker for two seconds, and every
 * byte renews that; 150 ms are plenty on a local socket.
 */
static enum err
init_library(struct problem *p)
{
	if (setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "150", 0) != 0 ||
	    FCGX_Init() != 0)
		return problem_set(p, ERR_RETRY, -1, NULL,
		    "libfcgi cannot start");
	return ERR_OK;
}

static void
free_pool(struct pool *p)
{
	struct fcgi_request *f;

	ready_on_push(p->relay->ready, NULL, NULL);
	store_on_lead(p->relay->env.store, NULL, NULL);
	while ((f = SLIST_FIRST(&p->spare)) != NULL) {
		SLIST_REMOVE_HEAD(&p->spare, link);
		request_free(f);
	}
	(void)close(p->stop_fd);
	(void)close(p->work_fd);
	(void)close(p->epoll_fd);
	(void)pthread_mutex_destroy(&p->lock);
	(void)pthread_cond_destroy(&p->idle);
	(void)pthread_attr_destroy(&p->attr);
	free(p);
}

/* Serves until a signal; the pool is open.  Frees it if nobody uses it. */
static enum err
serve(struct pool *p, bool *busy, struct problem *problem)
{
	struct retry *retry = NULL;
	sigset_t stops;
	enum err e;
	bool idle;

	(void)sigemptyset(&stops);
	(void)sigaddset(&stops, SIGTERM);
	(void)sigaddset(&stops, SIGUSR1);
	(void)sigaddset(&stops, SIGINT);
	e = start_workers(p, problem);
	if (e == ERR_OK && waiting_start(p->relay->waiting) != ERR_OK)
		e = problem_set(problem, ERR_RETRY, -1, NULL,
		    "cannot start: too many threads");
	if (e == ERR_OK && retry_start(&retry, p->relay) != ERR_OK)
		e = problem_set(problem, ERR_RETRY, -1, NULL,
		    "cannot start the retry: too many threads");
	if (e == ERR_OK)
		wait_for_signal(p->relay, &stops);
	/* from here on it begins nothing more */
	if (retry_stop(retry, 0))
		retry = NULL;
	idle = stop_workers(p);
	*busy = !retry_stop(retry, RETRY_STOP_MS) || !idle;
	if (idle)
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
		e = init_library(problem);
	if (e == ERR_OK)
		e = open_pool(p, problem);
	if (e == ERR_OK)
		return serve(p, busy, problem);
	free(p);
	return e;
}
