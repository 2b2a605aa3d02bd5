#ifndef BIG_H
#define BIG_H

#include "base/buf.h"

#include "unit.h"

/*
 * Large inputs, put together from pieces.  The caller frees them with
 * buf_free().
 */
#define BIG_MAX ((size_t)4 * 1024 * 1024)

static inline void
big_add(struct buf *b, const char *s, size_t times)
{
	while (times-- > 0)
		assert_int_equal(buf_adds(b, s), ERR_OK);
}

/* head, `times` times middle, tail. */
static inline struct buf
big(const char *head, const char *middle, size_t times, const char *tail)
{
	struct buf b;

	buf_init(&b, BIG_MAX);
	big_add(&b, head, 1);
	big_add(&b, middle, times);
	big_add(&b, tail, 1);
	return b;
}

static inline struct text
big_text(const struct buf *b)
{
	return (struct text){ b->p, b->len };
}

#endif
