/*
 * Whether the head of a FastCGI request has come: from its begin record to
 * the empty record that ends its parameters.
 *
 * Called before libfcgi gets a connection, which holds its thread until the
 * head is whole.  Owns nothing.  What cannot be looked at counts as over.
 *
 * What is only looked at stays in the socket, and fills it: some seventy tiny
 * writes fill a Unix socket, however short they are.  Web servers write a
 * head at once; whoever does not is given up after a minute.
 */
#include "web/head.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define PEEK ((size_t)16 * 1024)	/* many times a usual head */
#define RECORD 8			/* bytes before a record's content */
#define BEGIN_REQUEST 1
#define PARAMS 4

static bool
is_whole(const uint8_t *p, size_t n)
{
	while (n >= RECORD) {
		size_t content = (size_t)p[4] << 8 | p[5];
		size_t size = RECORD + content + p[6];

		if (p[1] != BEGIN_REQUEST && p[1] != PARAMS)
			return true;
		if (p[1] == PARAMS && content == 0)
			return true;
		if (size > n)
			return false;
		p += size;
		n -= size;
	}
	return false;
}

/* Nothing will come after what is there. */
static bool
is_last(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };

	return poll(&p, 1, 0) == 1;
}

static enum head
look(int fd)
{
	uint8_t peek[PEEK];
	ssize_t n = recv(fd, peek, sizeof(peek), MSG_PEEK | MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? HEAD_NONE :
		    HEAD_OVER;
	if (n == 0)
		return HEAD_OVER;
	return (size_t)n == sizeof(peek) || is_whole(peek, (size_t)n) ?
	    HEAD_WHOLE : HEAD_PART;
}

enum head
head_look(int fd)
{
	enum head h = look(fd);

	return h == HEAD_PART && is_last(fd) ? HEAD_WHOLE : h;
}

bool
head_came(int fd)
{
	return look(fd) == HEAD_WHOLE;
}
