#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

/*
 * What the measuring programs share: they end at the first failure, since a
 * measurement that goes on is worth nothing, and they have one clock.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static inline void *
grow(void *p, size_t n)
{
	p = realloc(p, n);
	if (p == NULL)
		fail("realloc");
	return p;
}

static inline void *
zeroed(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (p == NULL)
		fail("calloc");
	return p;
}

static inline void
no_delay(int fd)
{
	const int yes = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
}

#endif
