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
#include <stdlib.h>
#include <unistd.h>

/* A web server that stalls for so long within a body is given up. */
#define STALL_MS 60000

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
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)rq;
	if (null < 0)
		return;	/* the server sees the end when the process ends */
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(null, STDOUT_FILENO);
	if (null > STDERR_FILENO)
		(void)close(null);
}

static const struct request_kind cgi_kind = {
	.param = cgi_param,
	.read = cgi_read,
	.write = cgi_write,
	.finish = cgi_finish,
	.sees_end = false,
};

void
cgi_serve(const struct relay *r)
{
	struct request rq = { &cgi_kind };

	handler_serve(r, &rq);
}

void
cgi_refuse(const struct problem *p)
{
	struct request rq = { &cgi_kind };

	(void)answer_problem(&rq, p);
}
