/*
 * One connection of the web server, by FastCGI.  The home of fcgiapp.
 *
 * Called by accept.c.  Owns its connections and their requests.  A request
 * that comes broken is dropped.
 *
 * libfcgi takes a thread for each connection, from accept() to its end.  Here
 * a connection that says nothing, one that the web server keeps for later,
 * and a request that only waits for Bitrix24 hold none: new connections are
 * accepted here, idle ones wait (idle.c), and libfcgi gets one when the head
 * of a request is there.
 */
#include "web/connection.h"

#include "web/head.h"

#include <fcgiapp.h>

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define STALL_SECONDS 60	/* a web server silent within a body */
#define ROOM_TRIES 16		/* others take descriptors, too */

/* A connection, and the request that is on it. */
struct connection {
	struct request request;
	FCGX_Request fcgi;
	struct connections *all;
	struct idle_one idle;
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

static struct connection *
connection_new(struct connections *all, const struct request_kind *kind,
    int fd)
{
	struct connection *f;

	(void)pthread_mutex_lock(&all->own.lock);
	f = SLIST_FIRST(&all->own.spare);
	if (f != NULL)
		SLIST_REMOVE_HEAD(&all->own.spare, link);
	(void)pthread_mutex_unlock(&all->own.lock);
	/* with no socket to listen at: it must never accept by itself */
	if (f == NULL && (f = calloc(1, sizeof(*f))) != NULL &&
	    FCGX_InitRequest(&f->fcgi, -1, FCGI_FAIL_ACCEPT_ON_INTR) != 0) {
		free(f);
		f = NULL;
	}
	if (f == NULL)
		return NULL;
	f->request.kind = kind;
	f->all = all;
	f->idle = (struct idle_one){ .owner = f, .fd = fd };
	f->fcgi.ipcFd = fd;
	/* else its next step would be to close what it has */
	f->fcgi.keepConnection = 1;
	return f;
}

/* The descriptor is closed: the memory serves the next connection. */
static void
connection_spare(struct connection *f)
{
	struct connections *all = f->all;

	(void)pthread_mutex_lock(&all->own.lock);
	SLIST_INSERT_HEAD(&all->own.spare, f, link);
	(void)pthread_mutex_unlock(&all->own.lock);
	room_closed(&all->room);
}

/* Nothing more is said on it. */
static void
connection_close(struct connection *f)
{
	FCGX_Free(&f->fcgi, 1);
	connection_spare(f);
}

/* idle.c has closed it. */
static void
connection_closed(struct idle_one *one)
{
	struct connection *f = one->owner;

	f->fcgi.ipcFd = -1;
	connection_spare(f);
}

static bool
make_room(struct room *r)
{
	struct connections *all = (struct connections *)((char *)r -
	    offsetof(struct connections, room));
	struct idle_one *one = idle_oldest(&all->idle);

	if (one != NULL)
		connection_closed(one);
	return one != NULL;
}

enum err
connections_init(struct connections *all)
{
	enum err e = idle_init(&all->idle);

	if (e != ERR_OK)
		return e;
	SLIST_INIT(&all->own.spare);
	all->room.make = make_room;
	all->room.clock = all->idle.clock;
	all->room.log = all->log;
	room_init(&all->room);
	return pthread_mutex_init(&all->own.lock, NULL) == 0 ? ERR_OK :
	    ERR_NOMEM;
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
	struct connections *all = f->all;

	if (f->whole)
		(void)FCGX_Detach(&f->fcgi);
	FCGX_Finish_r(&f->fcgi);
	(void)FCGX_Attach(&f->fcgi);
	if (f->fcgi.ipcFd < 0)
		connection_spare(f);
	else if (!idle_wait(&all->idle, &f->idle, true))
		connection_close(f);
	else
		room_idle(&all->room);
	all->answered(all->ctx);
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

	idle_free(&all->idle);
	while ((f = SLIST_FIRST(&all->own.spare)) != NULL) {
		SLIST_REMOVE_HEAD(&all->own.spare, link);
		FCGX_Free(&f->fcgi, 1);
		free(f);
	}
	(void)pthread_mutex_destroy(&all->own.lock);
}

/* libfcgi reads and writes without a deadline; the socket gets one. */
static void
set_stall(int fd)
{
	const struct timeval t = { .tv_sec = STALL_SECONDS };

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
}

/* A new descriptor, or the negative errno. */
static int
accept_fd(struct connections *all, int listen_fd)
{
	int tries = ROOM_TRIES, fd;

	do
		fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	while (fd < 0 && (errno == EMFILE || errno == ENFILE) &&
	    tries-- > 0 && room_make(&all->room));
	return fd < 0 ? -errno : fd;
}

int
connection_accept(struct connections *all, int listen_fd,
    struct connection **out)
{
	struct connection *f;
	int fd;

	*out = NULL;
	if (!room_is(&all->room))
		return CONNECTION_LATER;
	fd = accept_fd(all, listen_fd);
	if (fd < 0)
		return fd != -EAGAIN && fd != -EINTR ? -fd : 0;
	room_opened(&all->room);
	f = connection_new(all, &fcgi_kind, fd);
	if (f == NULL) {
		(void)close(fd);
		room_closed(&all->room);
		return ENOMEM;
	}
	set_stall(fd);
	if (head_look(fd) == HEAD_WHOLE)
		*out = f;
	else if (!idle_wait(&all->idle, &f->idle, false))
		connection_close(f);
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

bool
connection_take(struct connection *f)
{
	bool over;

	if (!idle_take(&f->all->idle, &f->idle, &over))
		return false;
	if (over)
		connection_close(f);	/* as the peer did */
	return !over;
}

struct request *
connection_request(struct connection *f)
{
	f->whole = false;
	if (FCGX_Accept_r(&f->fcgi) != 0) {
		connection_close(f);	/* as the peer did */
		return NULL;
	}
	if (is_whole(&f->fcgi))
		return &f->request;
	log_warning(f->all->log, "dropped", F_STR("reason",
	    "the request broke off within its parameters"));
	FCGX_Finish_r(&f->fcgi);
	connection_close(f);
	return NULL;
}

void
connections_sweep(struct connections *all)
{
	struct idle_one *one;

	while ((one = idle_silent(&all->idle)) != NULL) {
		connection_closed(one);
		log_info(all->log, "closed", F_STR("reason",
		    "no request came on the connection"));
	}
}
