#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

/*
 * What the measuring programs share: they end at the first failure, since a
 * measurement that goes on is worth nothing; one clock; what is watched by
 * epoll; the length of a message of HTTP.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000LL	/* times are in microseconds */

static inline void __attribute__((noreturn))
fail(const char *what)
{
	perror(what);
	exit(1);
}

static inline int64_t
now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * SECOND + t.tv_nsec / 1000;
}

static inline void
no_delay(int fd)
{
	const int yes = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
}

static inline void
watch(int epoll, int fd, void *what)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = what };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) != 0)
		fail("epoll_ctl");
}

/* Of the message in s, with the length of its head; 0: that is not all there.
 * Without a Content-Length the head is all of it. */
static inline size_t
message_length(const char *s, size_t *head)
{
	const char *end = strstr(s, "\r\n\r\n");
	const char *field = strcasestr(s, "\r\ncontent-length:");

	if (end == NULL)
		return 0;
	*head = (size_t)(end - s) + 4;
	return *head + (field != NULL && field < end ?
	    strtoul(field + 17, NULL, 10) : 0);
}

#endif
