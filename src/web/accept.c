/*
 * FastCGI: a pool of workers around the accept loop.  The home of fcgiapp.
 *
 * Called by the program when descriptor 0 is a listening socket.  Owns the
 * worker threads.  A request that comes broken is dropped; an accept that
 * fails is tried again after a pause.
 *
 * libfcgi has a window between its shutdown flag and accept() in which a
 * signal goes unnoticed, and a signal that interrupts the read of a body
 * loses the request.  So workers block all signals, one thread waits for
 * them, and workers poll the socket beside an eventfd that tells them to
 * stop.
 */
#include "web/accept.h"

#include "relay/retry.h"
#include "web/handler.h"
#include "web/request.h"

#include <fcgiapp.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
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

struct pool {
	const struct relay *relay;
	int stop_fd;		/* an eventfd: readable means stop */
	pthread_mutex_t turn;	/* one worker at a time waits for requests */
	pthread_mutex_t lock;
	pthread_cond_t idle;
	int64_t running;	/* workers that have not ended */
	pthread_attr_t attr;
};

struct fcgi_request {
	struct request request;
	FCGX_Request fcgi;
	struct pool *pool;
	bool late;		/* answered, but still worked on */
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
	FCGX_Stream *in = ((struct fcgi_request *)rq)->fcgi.in;
	int got = FCGX_GetStr(p, (int)n, in);

	/* a peer that goes away looks like an end, but for the error */
	if (got <= 0)
		return FCGX_GetError(in) == 0 ? 0 : -1;
	return got;
}

static bool
fcgi_write(struct request *rq, const char *p, size_t n)
{
	FCGX_Stream *out = ((struct fcgi_request *)rq)->fcgi.out;

	return FCGX_PutStr(p, (int)n, out) == (int)n;
}

static void
fcgi_finish(struct request *rq)
{
	FCGX_Finish_r(&((struct fcgi_request *)rq)->fcgi);
}

static bool start_worker(struct pool *);

/*
 * A worker that is held by a slow destination is replaced, so that others
 * are served; there is a limit, and who comes back late may end.
 */
static void
fcgi_goes_on(struct request *rq)
{
	struct fcgi_request *f = (struct fcgi_request *)rq;
	struct pool *p = f->pool;

	f->late = true;
	(void)pthread_mutex_lock(&p->lock);
	if (p->running < p->relay->env.config->server.workers * LATE_FACTOR)
		(void)start_worker(p);
	(void)pthread_mutex_unlock(&p->lock);
}

static const struct request_kind fcgi_kind = {
	.param = fcgi_param,
	.read = fcgi_read,
	.write = fcgi_write,
	.finish = fcgi_finish,
	.goes_on = fcgi_goes_on,
	.sees_end = true,
};

static bool
must_stop(const struct pool *p, int wait_ms)
{
	struct pollfd fd = { .fd = p->stop_fd, .events = POLLIN };

	return poll(&fd, 1, wait_ms) == 1;
}

/* Waits until a request may be there.  False: it is time to stop. */
static bool
wait_for_request(struct pool *p)
{
	struct pollfd fd[2] = {
		{ .fd = LISTEN_FD, .events = POLLIN },
		{ .fd = p->stop_fd, .events = POLLIN },
	};
	int n;

	(void)pthread_mutex_lock(&p->turn);
	n = poll(fd, 2, -1);
	(void)pthread_mutex_unlock(&p->turn);
	return !(n > 0 && fd[1].revents != 0);
}

/* Whether the request came whole: libfcgi accepts one whose connection broke
 * within the parameters. */
static bool
is_whole(FCGX_Request *rq)
{
	return FCGX_GetError(rq->in) == 0 &&
	    FCGX_GetParam("REQUEST_METHOD", rq->envp) != NULL;
}

/* libfcgi reads and writes without a deadline; the socket gets one. */
static void
set_stall(int fd)
{
	const struct timeval t = { .tv_sec = STALL_SECONDS };

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
}

static void
serve_one(struct pool *p, struct fcgi_request *rq)
{
	int rc = FCGX_Accept_r(&rq->fcgi);

	if (rc == 0) {
		set_stall(rq->fcgi.ipcFd);
		if (is_whole(&rq->fcgi))
			handler_serve(p->relay, &rq->request);
		else
			log_warning(p->relay->env.log, "dropped",
			    F_STR("reason", "the request broke off within its "
			    "parameters"));
		FCGX_Finish_r(&rq->fcgi);
	} else if (rc != -EAGAIN && rc != -EINTR) {
		/* EMFILE, ECONNABORTED: a pause lets others finish */
		log_warning(p->relay->env.log, "accept-failed",
		    F_INT("code", rc));
		(void)must_stop(p, PAUSE_MS);
	}
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
	struct pool *p = ctx;
	struct fcgi_request rq = { .request = { &fcgi_kind }, .pool = p };

	if (FCGX_InitRequest(&rq.fcgi, LISTEN_FD, FCGI_FAIL_ACCEPT_ON_INTR) ==
	    0)
		while (!(rq.late && is_surplus(p)) && wait_for_request(p))
			serve_one(p, &rq);
	FCGX_Free(&rq.fcgi, 1);
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

/* Tells the workers to stop and gives them time.  False: some still work. */
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
	while (p->running > 0 && rc == 0)
		rc = pthread_cond_timedwait(&p->idle, &p->lock, &until);
	rc = p->running > 0;
	(void)pthread_mutex_unlock(&p->lock);
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

static enum err
open_pool(struct pool *p, struct problem *problem)
{
	pthread_condattr_t attr;
	int flags = fcntl(LISTEN_FD, F_GETFL);

	if (flags < 0 || fcntl(LISTEN_FD, F_SETFL, flags | O_NONBLOCK) != 0 ||
	    (p->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
		return problem_set(problem, ERR_RETRY, -1, NULL,
		    "cannot listen: %s", strerror(errno));
	if (pthread_mutex_init(&p->turn, NULL) != 0 ||
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
	(void)close(p->stop_fd);
	(void)pthread_mutex_destroy(&p->turn);
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
