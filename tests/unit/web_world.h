/*
 * A server of web/ in a process of its own, with a relay that only answers
 * (fake_relay.h), and a web server's side to speak to it.
 */
#ifndef WEB_WORLD_H
#define WEB_WORLD_H

#include "fake_relay.h"
#include "fcgi_bytes.h"
#include "web/accept.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <linux/sockios.h>
#include <unistd.h>

#define PATIENCE_S 30		/* longer than anything takes */
#define EVENT "{\"event\":\"ONIMCONNECTORMESSAGEADD\"}"

struct world {
	pid_t pid;
	struct sockaddr_un at;
	socklen_t at_size;
};

struct world_opts {
	int64_t body_timeout;
	int64_t workers;
	int64_t delay_ms;	/* of the relay's answer */
};

/* The process.  Its end says whether all could be freed. */
static inline void
world_serve(const struct world_opts *o)
{
	struct config c = { .log = { .level = LOG_LEVEL_ERROR } };
	struct relay r = { .delay_ms = o->delay_ms };
	struct problem p = { 0 };
	struct pool *readers;
	struct loop *loop;
	bool busy = true;

	c.server.workers = o->workers;
	c.server.body_timeout = o->body_timeout;
	c.server.calls = 16;
	c.server.body_max = 1 << 20;
	c.server.answer_within = PATIENCE_S;
	(void)signal(SIGPIPE, SIG_IGN);
	if (!accept_block_signals() ||
	    loop_new(&loop, &clock_system, &c.log) != ERR_OK ||
	    pool_new(&readers, loop, o->workers) != ERR_OK)
		_exit(1);
	TAILQ_INIT(&r.waits);
	r.env = (struct env){ .config = &c, .loop = loop, .log = &c.log,
	    .clock = &clock_system };
	if (accept_serve(&r, readers, &busy, &p) != ERR_OK || busy ||
	    !pool_free(readers, 1000))
		_exit(2);
	loop_free(loop);
	_exit(0);
}

static inline void
world_start(struct world *w, const struct world_opts *o)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	*w = (struct world){ .at = { .sun_family = AF_UNIX } };
	/* a name of the kernel's choice */
	assert_int_equal(bind(fd, (struct sockaddr *)&w->at,
	    sizeof(w->at.sun_family)), 0);
	w->at_size = sizeof(w->at);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&w->at,
	    &w->at_size), 0);
	assert_int_equal(listen(fd, 512), 0);
	w->pid = fork();
	assert_true(w->pid >= 0);
	if (w->pid == 0) {
		if (dup2(fd, 0) != 0)
			_exit(3);
		world_serve(o);
	}
	assert_int_equal(close(fd), 0);
}

/* It ends well. */
static inline void
world_ended(const struct world *w)
{
	int status;

	assert_int_equal(waitpid(w->pid, &status, 0), w->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static inline void
world_end(const struct world *w)
{
	assert_int_equal(kill(w->pid, SIGTERM), 0);
	world_ended(w);
}

static inline int
world_connect(const struct world *w)
{
	const struct timeval t = { .tv_sec = PATIENCE_S };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t,
	    sizeof(t)), 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&w->at,
	    w->at_size), 0);
	return fd;
}

/* Sends all of it, or as much as the server takes. */
static inline void
say(int fd, const void *p, size_t n)
{
	const char *next = p;

	while (n != 0) {
		ssize_t done = send(fd, next, n, MSG_NOSIGNAL);

		if (done <= 0)
			return;
		next += done;
		n -= (size_t)done;
	}
}

static inline bool
take(int fd, void *p, size_t n)
{
	return n == 0 || recv(fd, p, n, MSG_WAITALL) == (ssize_t)n;
}

/* The status of the answer that comes; 0: it hung up without one. */
static inline int
answered(int fd)
{
	static char out[1 << 18];
	uint8_t h[8];
	size_t n = 0;

	while (take(fd, h, sizeof(h))) {
		size_t size = ((size_t)h[4] << 8 | h[5]) + h[6];

		if (h[1] == 3)		/* the end of the request */
			return take(fd, out + n, size) &&
			    strncmp(out, "Status: ", 8) == 0 ?
			    (int)strtol(out + 8, NULL, 10) : 0;
		assert_int_equal(h[1], 6);	/* output */
		assert_true(n + size < sizeof(out));
		if (!take(fd, out + n, size))
			return 0;
		n += size - h[6];
	}
	return 0;
}

static inline bool
is_quiet(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

/* Whether the server has taken all that was sent. */
static inline bool
is_taken(int fd)
{
	int left = 0;

	assert_int_equal(ioctl(fd, SIOCOUTQ, &left), 0);
	return left == 0;
}

static inline bool
hangs_up(int fd)
{
	char c;
	ssize_t n = recv(fd, &c, 1, 0);

	return n == 0 || (n < 0 && errno == ECONNRESET);
}

#endif
