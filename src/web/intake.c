/*
 * A request on its way from the web server's socket to libfcgi, which waits
 * for what is not there and must not.
 *
 * Called by connection.c in the loop, and by fcgi.c there or in a reader.
 * Owns what it has taken from the socket, and the pair through which that is
 * read.  What cannot be had counts as broken.
 *
 * Nearly every request is there when it is first looked at: libfcgi reads it
 * from the socket itself.  Others are collected here, as bytes that are only
 * looked at would fill the socket (some seventy tiny writes do, however short
 * they are) and would be looked at again with each one that comes.
 */
#include "web/intake.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK ((size_t)16 * 1024)

void
intake_init(struct intake *i, int fd)
{
	*i = (struct intake){ .fd = fd, .in = { -1, -1 } };
	buf_init(&i->bytes, INTAKE_MAX);
}

static bool
is_later(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* Only a look: whether all of it is there. */
static enum intake_state
peek_into(const struct intake *i, uint8_t *p, size_t size)
{
	ssize_t n = recv(i->fd, p, size, MSG_PEEK | MSG_DONTWAIT);
	struct walk w = { .stage = WALK_BEGIN };

	if (n < 0 && is_later())
		return INTAKE_NONE;
	if (n <= 0)
		return INTAKE_OVER;
	(void)walk_on(&w, p, (size_t)n);
	if (w.stage == WALK_END)
		return INTAKE_WHOLE;
	return (size_t)n < size ? INTAKE_HEAD : INTAKE_LARGE;
}

/* Apart, as pages of a stack are touched once and stay. */
static __attribute__((noinline)) enum intake_state
peek_far(const struct intake *i)
{
	uint8_t p[INTAKE_MAX];

	return peek_into(i, p, sizeof(p));
}

static enum intake_state
peek(const struct intake *i)
{
	uint8_t p[CHUNK];
	enum intake_state s = peek_into(i, p, sizeof(p));

	if (s == INTAKE_LARGE)
		s = peek_far(i);
	return s == INTAKE_LARGE ? INTAKE_HEAD : s;
}

/* Whether more of the request is to be collected here. */
static bool
wants(const struct intake *i)
{
	return !i->over && i->walk.stage < WALK_END &&
	    i->walk.size + i->walk.left < INTAKE_MAX;
}

static void
collect(struct intake *i)
{
	uint8_t p[CHUNK];

	while (wants(i)) {
		size_t room = INTAKE_MAX - i->bytes.len;
		ssize_t n = recv(i->fd, p, room < CHUNK ? room : CHUNK,
		    MSG_DONTWAIT);

		if (n < 0 && is_later())
			return;
		i->over = n <= 0;
		if (n > 0 && buf_add(&i->bytes, p, walk_on(&i->walk, p,
		    (size_t)n)) != ERR_OK)
			i->walk.stage = WALK_STRANGE;
	}
}

/* What was collected, in a word. */
static enum intake_state
state_of(const struct intake *i)
{
	enum walk_stage stage = i->walk.stage;

	if (stage == WALK_STRANGE)
		return INTAKE_BROKEN;
	if (stage == WALK_END)
		return INTAKE_WHOLE;
	if (i->over && stage == WALK_BODY)
		return INTAKE_CUT;
	if (i->over)
		return i->walk.size != 0 ? INTAKE_BROKEN : INTAKE_OVER;
	if (!wants(i))
		return INTAKE_LARGE;
	if (stage == WALK_BODY)
		return INTAKE_BODY;
	return i->walk.size != 0 || i->walk.got != 0 ? INTAKE_HEAD :
	    INTAKE_NONE;
}

enum intake_state
intake_look(struct intake *i)
{
	if (i->walk.size == 0 && !i->over) {
		enum intake_state s = peek(i);

		if (s != INTAKE_HEAD)
			return s;
	}
	collect(i);
	return state_of(i);
}

/* All or nothing: what is passed on always fits (INTAKE_MAX, CHUNK). */
static bool
pass_on(const struct intake *i, const void *p, size_t n)
{
	return n == 0 || send(i->in[1], p, n, MSG_DONTWAIT | MSG_NOSIGNAL) ==
	    (ssize_t)n;
}

bool
intake_has_room(struct intake *i)
{
	if (i->walk.size == 0 || i->in[0] >= 0 || socketpair(AF_UNIX,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, i->in) == 0)
		return true;
	i->in[0] = i->in[1] = -1;
	return false;
}

int
intake_open(struct intake *i)
{
	if (i->walk.size == 0)
		return i->fd;
	if (!intake_has_room(i))
		return -1;
	if (!pass_on(i, i->bytes.p, i->bytes.len))
		return -1;
	buf_free(&i->bytes);
	return i->in[0];
}

static bool
wait_for(const struct intake *i)
{
	struct pollfd p = { .fd = i->fd, .events = POLLIN };
	int n;

	do {
		int64_t ms = deadline_left(&i->until);

		n = poll(&p, 1, ms < INT_MAX ? (int)ms : INT_MAX);
	} while (n < 0 && errno == EINTR);
	return n == 1;
}

bool
intake_more(struct intake *i)
{
	uint8_t p[CHUNK];
	ssize_t n = -1;

	while (!i->over && i->walk.stage < WALK_END && n < 0) {
		n = wait_for(i) ? recv(i->fd, p, CHUNK, MSG_DONTWAIT) : 0;
		i->over = n == 0 || (n < 0 && !is_later());
	}
	if (n <= 0)
		return false;
	if (pass_on(i, p, walk_on(&i->walk, p, (size_t)n)))
		return true;
	i->over = true;
	return false;
}

static void
close_end(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void
intake_end(struct intake *i)
{
	close_end(&i->in[0]);
	close_end(&i->in[1]);
	buf_free(&i->bytes);
	intake_init(i, i->fd);
}
