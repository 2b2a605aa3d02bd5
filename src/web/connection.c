/*
 * One connection of the web server, by FastCGI.  The home of fcgiapp.
 *
 * Called by accept.c.  Owns its connections and their requests.  A request
 * that comes broken is dropped.
 *
 * libfcgi takes a thread for each connection, from accept() to its end.  Here
 * a connection that says nothing, one that the web server keeps for later,
 * and a request that only waits for Bitrix24 hold none: new connections are
 * accepted here, idle ones wait in an epoll set, and libfcgi gets one when
 * there is something to read.
 */
#include "web/connection.h"

#include <fcgiapp.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define STALL_SECONDS 60	/* a web server silent within a body */

/* A connection, and the request that is on it. */
struct connection {
	struct request request;
	FCGX_Request fcgi;
	struct connections *all;
	bool listed;		/* the epoll set knows its descriptor */
	bool whole;		/* the request was read to its end */
	SLIST_ENTRY(connection) link;
};

bool
connection_is_fastcgi(void)
{
	return FCGX_IsCGI() == 0;
}

/*
 * A peer that lingers at the close holds a thread for two seconds, and every
 * byte renews that; 150 ms are plenty on a local socket.
 */
bool
connection_library(void)
{
	return setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "150", 0) == 0 &&
	    FCGX_Init() == 0;
}

enum err
connections_init(struct connections *all)
{
	SLIST_INIT(&all->spare);
	return pthread_mutex_init(&all->lock, NULL) == 0 ? ERR_OK : ERR_NOMEM;
}

static const char *
fcgi_param(struct request *rq, const char *name)
{
	return FCGX_GetParam(name, ((struct connection *)rq)->fcgi.envp);
}

static ssize_t
fcgi_read(struct request *rq, char *p, size_t n)
{
	struct connection *f = (struct connection *)rq;
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
	FCGX_Stream *out = ((struct connection *)rq)->fcgi.out;

	return FCGX_PutStr(p, (int)n, out) == (int)n;
}

static void
request_free(struct connection *f)
{
	FCGX_Free(&f->fcgi, 1);
	free(f);
}

static struct connection *
request_new(struct connections *p, const struct request_kind *kind, int fd)
{
	struct connection *f;

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
	f->all = p;
	f->listed = false;
	f->fcgi.ipcFd = fd;
	/* else its next step would be to close what it has */
	f->fcgi.keepConnection = 1;
	return f;
}

/* The connection is closed: the memory serves the next one. */
static void
request_keep(struct connection *f)
{
	struct connections *p = f->all;

	(void)pthread_mutex_lock(&p->lock);
	SLIST_INSERT_HEAD(&p->spare, f, link);
	(void)pthread_mutex_unlock(&p->lock);
}

/* Waits for the next request without a thread.  False: it cannot. */
static bool
connection_idle(struct connection *f)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP |
	    EPOLLONESHOT, .data.ptr = f };
	int op = f->listed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	f->listed = true;
	return epoll_ctl(f->all->epoll_fd, op, f->fcgi.ipcFd, &e) == 0;
}

/*
 * libfcgi lingers at the close until the web server has closed, too, lest an
 * answer is lost with input that was not read.  Where all was read nothing
 * can be lost, and nobody has to wait.
 */
static void
fcgi_finish(struct request *rq)
{
	struct connection *f = (struct connection *)rq;
	struct connections *p = f->all;

	if (f->whole)
		(void)FCGX_Detach(&f->fcgi);
	FCGX_Finish_r(&f->fcgi);
	(void)FCGX_Attach(&f->fcgi);
	if (f->fcgi.ipcFd < 0)
		request_keep(f);
	else if (!connection_idle(f))
		request_free(f);
	p->answered(p->ctx);
}

static const struct request_kind fcgi_kind = {
	.param = fcgi_param,
	.read = fcgi_read,
	.write = fcgi_write,
	.finish = fcgi_finish,
	.sees_end = true,
};

void
connections_free(struct connections *all)
{
	struct connection *f;

	while ((f = SLIST_FIRST(&all->spare)) != NULL) {
		SLIST_REMOVE_HEAD(&all->spare, link);
		request_free(f);
	}
	(void)pthread_mutex_destroy(&all->lock);
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

int
connection_accept(struct connections *all, int listen_fd,
    struct connection **out)
{
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	struct connection *f;

	*out = NULL;
	if (fd < 0)
		return errno != EAGAIN && errno != EINTR ? errno : 0;
	f = request_new(all, &fcgi_kind, fd);
	if (f == NULL) {
		(void)close(fd);
		return ENOMEM;
	}
	set_stall(fd);
	if (has_input(fd))
		*out = f;
	else if (!connection_idle(f))
		request_free(f);
	return 0;
}

/* Whether the request came whole: libfcgi accepts one whose connection broke
 * within the parameters. */
static bool
is_whole(FCGX_Request *rq)
{
	return FCGX_GetError(rq->in) == 0 &&
	    FCGX_GetParam("REQUEST_METHOD", rq->envp) != NULL;
}

struct request *
connection_request(struct connection *f)
{
	f->whole = false;
	if (FCGX_Accept_r(&f->fcgi) != 0) {
		request_free(f);	/* the peer has closed it */
		return NULL;
	}
	if (is_whole(&f->fcgi))
		return &f->request;
	log_warning(f->all->log, "dropped", F_STR("reason",
	    "the request broke off within its parameters"));
	FCGX_Finish_r(&f->fcgi);
	request_free(f);
	return NULL;
}
