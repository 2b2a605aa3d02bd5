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

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#define WRITE_MS 60000		/* for a web server to take its answer */

struct cgi_request {
	struct request request;
	struct deadline until;	/* for its body */
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
wait_for(int fd, short events, int64_t ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	int n;

	do
		n = poll(&p, 1, ms < INT_MAX ? (int)ms : INT_MAX);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

static ssize_t
cgi_read(struct request *rq, char *p, size_t n)
{
	const struct cgi_request *c = (const struct cgi_request *)rq;
	ssize_t got;

	if (!wait_for(STDIN_FILENO, POLLIN, deadline_left(&c->until)))
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

		if (!wait_for(STDOUT_FILENO, POLLOUT, WRITE_MS))
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
	c->finished = true;
}

static const struct request_kind cgi_kind = {
	.param = cgi_param,
	.read = cgi_read,
	.write = cgi_write,
	.finish = cgi_finish,
	.sees_end = false,
};

void
cgi_serve(struct relay *r)
{
	const struct env *env = relay_env(r);
	struct cgi_request c = {
		.request = { &cgi_kind },
		.until = deadline_in(env->clock,
		    env->config->server.body_timeout * 1000),
	};
	struct exchange *x = handler_read(r, &c.request);

	/* reading may have taken long: the loop must know the time */
	loop_turn(env->loop, 0);
	handler_take(r, &c.request, x);
	while (!c.finished)
		loop_turn(env->loop, -1);
	/* rides with what is written behind the answer */
	counts_flush(env->counts);
}

void
cgi_refuse(const struct problem *p)
{
	struct cgi_request c = { .request = { &cgi_kind } };

	(void)answer_problem(&c.request, p);
}
