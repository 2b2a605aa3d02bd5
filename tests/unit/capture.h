/*
 * What a piece of code writes to standard output or standard error.  Between
 * begin and end no assertion may fail: cmocka would write there, too.
 */
#ifndef CAPTURE_H
#define CAPTURE_H

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct capture {
	int fd;		/* 1 or 2 */
	int real;	/* where it went before */
	int file;
};

static inline void
capture_begin(struct capture *c, int fd)
{
	(void)fflush(stdout);
	(void)fflush(stderr);
	c->fd = fd;
	c->real = dup(fd);
	c->file = memfd_create("captured", MFD_CLOEXEC);
	if (c->real < 0 || c->file < 0 || dup2(c->file, fd) != fd)
		abort();
}

/* What was written, NUL-terminated; free() it. */
static inline char *
capture_end(struct capture *c)
{
	off_t n;
	char *text;

	(void)fflush(stdout);
	(void)fflush(stderr);
	(void)dup2(c->real, c->fd);
	(void)close(c->real);
	n = lseek(c->file, 0, SEEK_END);
	assert_true(n >= 0);
	text = calloc(1, (size_t)n + 1);
	assert_non_null(text);
	assert_int_equal(pread(c->file, text, (size_t)n, 0), n);
	(void)close(c->file);
	return text;
}

#endif
