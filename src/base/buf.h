#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"

/*
 * A growing run of bytes with a ceiling.  `p` can be NULL while `len`
 * is 0; after buf_str() it ends in a NUL that `len` does not count.
 */
struct buf {
	char *p;
	size_t len;
	size_t cap;
	size_t max;	/* bytes it may ever hold, the NUL of buf_str() aside */
	enum err err;	/* the first append that failed, until buf_reset() */
};

/* Makes an empty buffer that may hold `max` bytes.  Allocates nothing. */
void buf_init(struct buf *, size_t max);

/*
 * Appends `n` bytes.  ERR_TOOBIG past the ceiling, ERR_NOMEM; what was there
 * is still there then, and nothing more is appended: who appends many things
 * need look at the last result only.  `src` must not point into the buffer.
 */
enum err buf_add(struct buf *, const void *src, size_t n);

/* What buf_reserve() does where there is no room yet. */
enum err buf_grow(struct buf *, size_t n);

/* Writes down that an append has failed; returns the error. */
enum err buf_fail(struct buf *, enum err);

/*
 * Makes room for `n` more bytes, so that as many can be written to `p + len`
 * and `len` be raised.  Errors as buf_add(), but less may still fit.
 */
static inline enum err
buf_reserve(struct buf *b, size_t n)
{
	return n < b->cap - b->len && n <= b->max - b->len ? ERR_OK :
	    buf_grow(b, n);
}

/* Appends one byte; a C string; a decimal number.  Errors as buf_add(). */
enum err buf_addc(struct buf *, char);
enum err buf_adds(struct buf *, const char *);
enum err buf_addi(struct buf *, int64_t);

/*
 * Appends formatted text of at most 511 bytes; a longer one is ERR_TOOBIG.
 */
enum err buf_addf(struct buf *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The content as a C string, "" if empty; NULL when there is no memory for
 * it, and where the first append has failed. */
const char *buf_str(struct buf *);

/* Forgets the content and what has failed; keeps the memory. */
static inline void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->err = ERR_OK;
}

/* Frees the memory; the buffer is empty and usable again. */
void buf_free(struct buf *);

#endif
