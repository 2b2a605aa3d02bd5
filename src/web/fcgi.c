/*
 * The home of fcgiapp: one request, between its intake and its answer.
 *
 * Called by connection.c, in the loop or in a reader.  Owns libfcgi's request
 * and the answer; descriptors are the intake's and its owner's.  A request
 * that comes broken is none.
 *
 * libfcgi reads until it has what it was asked for, and an end that it finds
 * too early ends the connection.  So it is never asked for more than is there.
 *
 * Each of its streams has 8 KiB, and most requests wait for somebody else once
 * they are read.  So what is read through is freed at once, and an answer is
 * put into its records here, when there is one.
 */
#include "web/fcgi.h"

#include "base/buf.h"

#include <errno.h>
#include <fastcgi.h>
#include <fcgiapp.h>
#include <stdlib.h>
#include <sys/socket.h>

#define LARGE ((size_t)64 * 1024)
#define ROOM_FOR_LARGE (1024 * 1024)	/* the kernel may give less */
#define OUT_MAX ((size_t)4 * 1024 * 1024)	/* a page is smaller */

struct fcgi {
	FCGX_Request rq;
	struct intake *in;
	unsigned id;
	bool keep;		/* the connection, for the next one */
	uint64_t got;		/* bytes of the body */
	bool whole;		/* it was read to its end */
	struct buf out;		/* records of the answer */
};

bool
fcgi_is_listening(void)
{
	return FCGX_IsCGI() == 0;
}

bool
fcgi_library(void)
{
	return FCGX_Init() == 0;
}

struct fcgi *
fcgi_new(void)
{
	struct fcgi *f = calloc(1, sizeof(*f));

	if (f != NULL)
		buf_init(&f->out, OUT_MAX);
	/* with no socket to listen at: it must never accept by itself */
	if (f != NULL && FCGX_InitRequest(&f->rq, -1,
	    FCGI_FAIL_ACCEPT_ON_INTR) != 0) {
		free(f);
		return NULL;
	}
	return f;
}

void
fcgi_free(struct fcgi *f)
{
	if (f == NULL)
		return;
	FCGX_Free(&f->rq, 0);
	buf_free(&f->out);
	free(f);
}

/* Back to where it has no connection. */
static void
let_go(struct fcgi *f)
{
	FCGX_Free(&f->rq, 0);
	f->rq.ipcFd = -1;
}

bool
fcgi_begin(struct fcgi *f, struct intake *in)
{
	f->in = in;
	f->got = 0;
	f->whole = false;
	f->rq.ipcFd = intake_open(in);
	if (f->rq.ipcFd < 0)
		return false;
	while (intake_is_fed(in) && in->walk.stage < WALK_BODY &&
	    intake_more(in))
		;
	/* else its next step would be to close what it has, or to linger */
	f->rq.keepConnection = 1;
	(void)FCGX_Detach(&f->rq);
	if (FCGX_Accept_r(&f->rq) != 0) {
		/* it has closed what it read from */
		*(intake_is_fed(in) ? &in->in[0] : &in->fd) = -1;
		return false;
	}
	/* it accepts one whose connection broke within the parameters */
	if (FCGX_GetError(f->rq.in) == 0 &&
	    FCGX_GetParam("REQUEST_METHOD", f->rq.envp) != NULL) {
		f->id = (unsigned)f->rq.requestId;
		f->keep = f->rq.keepConnection != 0;
		FCGX_FreeStream(&f->rq.out);
		FCGX_FreeStream(&f->rq.err);
		return true;
	}
	let_go(f);
	return false;
}

const char *
fcgi_param(struct fcgi *f, const char *name)
{
	return f->rq.envp != NULL ? FCGX_GetParam(name, f->rq.envp) : NULL;
}

/* How many of `n` bytes can be read, once there are any; 0: none will be. */
static size_t
come(struct fcgi *f, size_t n)
{
	struct intake *in = f->in;
	uint64_t there;

	if (!intake_is_fed(in))
		return n;
	while (in->walk.body == f->got && intake_more(in))
		;
	there = in->walk.body - f->got;
	return there < n ? (size_t)there : n;
}

/* The end of a body that is fed is for libfcgi to find, too. */
static bool
is_end(struct fcgi *f)
{
	char c;

	if (intake_is_fed(f->in) && (f->in->walk.stage != WALK_END ||
	    FCGX_GetStr(&c, 1, f->rq.in) != 0))
		return false;
	return FCGX_GetError(f->rq.in) == 0;
}

ssize_t
fcgi_read(struct fcgi *f, char *p, size_t n)
{
	size_t m = f->rq.in != NULL ? come(f, n) : 0;
	int got = m != 0 ? FCGX_GetStr(p, (int)m, f->rq.in) : 0;

	if (got > 0) {
		f->got += (uint64_t)got;
		return got;
	}
	if (f->rq.in != NULL)
		f->whole = is_end(f);
	FCGX_FreeStream(&f->rq.in);
	return f->whole ? 0 : -1;
}

void
fcgi_forget(struct fcgi *f)
{
	FCGX_Free(&f->rq, 0);
	f->rq.envp = NULL;
}

static void
add_record(struct fcgi *f, uint8_t type, const void *p, size_t n)
{
	const FCGI_Header h = {
		.version = FCGI_VERSION_1,
		.type = type,
		.requestIdB1 = (uint8_t)(f->id >> 8),
		.requestIdB0 = (uint8_t)f->id,
		.contentLengthB1 = (uint8_t)(n >> 8),
		.contentLengthB0 = (uint8_t)n,
	};

	(void)buf_add(&f->out, &h, sizeof(h));
	(void)buf_add(&f->out, p, n);
}

bool
fcgi_write(struct fcgi *f, const char *p, size_t n)
{
	for (size_t m; n != 0; p += m, n -= m) {
		m = n < FCGI_MAX_LENGTH ? n : FCGI_MAX_LENGTH;
		add_record(f, FCGI_STDOUT, p, m);
	}
	return f->out.err == ERR_OK;
}

/* What the socket does not take at once is lost. */
static bool
send_out(struct fcgi *f)
{
	const char *p = f->out.p, *end = p + f->out.len;
	int room = ROOM_FOR_LARGE;
	ssize_t n = 1;

	if (f->out.len > LARGE)
		(void)setsockopt(f->in->fd, SOL_SOCKET, SO_SNDBUF, &room,
		    sizeof(room));
	while (p < end && (n > 0 || (n < 0 && errno == EINTR))) {
		n = send(f->in->fd, p, (size_t)(end - p), MSG_DONTWAIT |
		    MSG_NOSIGNAL);
		p += n > 0 ? n : 0;
	}
	return p == end;
}

enum fcgi_end
fcgi_end(struct fcgi *f)
{
	static const FCGI_EndRequestBody end = { .protocolStatus =
	    FCGI_REQUEST_COMPLETE };
	bool sent;

	add_record(f, FCGI_STDOUT, "", 0);
	add_record(f, FCGI_END_REQUEST, &end, sizeof(end));
	sent = f->out.err == ERR_OK && send_out(f);
	buf_free(&f->out);
	let_go(f);
	if (!sent || (f->whole && !f->keep))
		return FCGI_CLOSE;
	return f->whole ? FCGI_KEEP : FCGI_LINGER;
}
