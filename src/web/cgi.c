/*
 * Plain CGI: the request is the process.
 *
 * Called by the program when its descriptor 0 is no listening socket.  Owns
 * descriptors 0 and 1.  After the answer both are turned to /dev/null, so
 * that the web server has its answer while the work goes on.
 */
#include "web/cgi.h"

#include "web/answer.h"
#include "web/handler.h"
#include "web/request.h"

#include "relay/due.h"
#include "relay/waiting.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

/* A web server that stalls for so long within a body is given up. */
#define STALL_MS 60000
#define LOOK_MS 10	/* between looks for something that is due */

struct cgi_request {
	struct request request;
	pthread_mutex_t lock;	/* guards the next */
	bool finished;
};

int
cgi_is_request(void)
{
	return getenv("GATEWAY_INTERFACE") != NULL ||
	    getenv("REQUEST_METHOD") != NULL;
}

static const char *
cgi_param(struct request *rq, const char *name)
{
	(void)rq;
	return getenv(name);
}

static bool
wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };
	int n;

	do
		n = poll(&p, 1, STALL_MS);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

static ssize_t
cgi_read(struct request *rq, char *p, size_t n)
{
	ssize_t got;

	(void)rq;
	if (!wait_for(STDIN_FILENO, POLLIN))
		return -1;
	do
		got = read(STDIN_FILENO, p, n);
	while (got < 0 && errno == EINTR);
	return got;
}

static bool
cgi_write(struct request *rq, const char *p, size_t n)
{
	(void)rq;
	while (n != 0) {
		ssize_t done;

		if (!wait_for(STDOUT_FILENO, POLLOUT))
			return false;
		done = write(STDOUT_FILENO, p, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		p += done;
		n -= (size_t)done;
	}
	return true;
}

static void
cgi_finish(struct request *rq)
{
	struct cgi_request *c = (struct cgi_request *)rq;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* else the server sees the end when the process ends */
	if (null >= 0) {
		(void)dup2(null, STDIN_FILENO);
		(void)dup2(null, STDOUT_FILENO);
	}
	if (null > STDERR_FILENO)
		(void)close(null);
	(void)pthread_mutex_lock(&c->lock);
	c->finished = true;
	(void)pthread_mutex_unlock(&c->lock);
}

static const struct request_kind cgi_kind = {
	.param = cgi_param,
	.read = cgi_read,
	.write = cgi_write,
	.finish = cgi_finish,
	.sees_end = false,
};

static bool
is_finished(struct cgi_request *c)
{
	bool is;

	(void)pthread_mutex_lock(&c->lock);
	is = c->finished;
	(void)pthread_mutex_unlock(&c->lock);
	return is;
}

/*
 * The portal could not be called at once.  The time for the answer runs in a
 * thread of its own, while this one does what becomes due.
 */
static void
wait_for_end(const struct relay *r, struct cgi_request *c)
{
	if (waiting_start(r->waiting) != ERR_OK)
		waiting_end_all(r->waiting);
	while (!is_finished(c)) {
		struct problem p = { 0 };

		if (due_try_one(r, false, &p) == DUE_NONE)
			(void)poll(NULL, 0, LOOK_MS);
	}
	waiting_stop(r->waiting);
}

/* The only thread is kept by a call: nobody else would answer in time. */
static void
run_out(void *ctx)
{
	const struct relay *r = ctx;

	waiting_end_all(r->waiting);
}

void
cgi_serve(const struct relay *r)
{
	struct cgi_request c = { .request = { &cgi_kind },
	    .lock = PTHREAD_MUTEX_INITIALIZER };
	struct patience thread = {
		.until = deadline_in(r->env.clock,
		    r->env.config->server.answer_within * 1000),
		.run_out = run_out,
		.ctx = (void *)(uintptr_t)r,
	};

	handler_serve(r, &c.request, &thread);
	if (!is_finished(&c))
		wait_for_end(r, &c);
}

void
cgi_refuse(const struct problem *p)
{
	struct cgi_request c = { .request = { &cgi_kind },
	    .lock = PTHREAD_MUTEX_INITIALIZER };

	(void)answer_problem(&c.request, p);
}
