/*
 * The capped buffer: every growing run of bytes in the program is one.
 *
 * Called by everything.  Owns the memory behind `p`.  On failure what was
 * appended before is untouched, and what follows fails in the same way.
 */
#include "base/buf.h"

#include "base/number.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_FIRST 256	/* bytes; small answers fit without growing */
#define MEMORY_MAX ((size_t)PTRDIFF_MAX)	/* of one piece */

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

enum err
buf_grow(struct buf *b, size_t n)
{
	size_t want = b->len + n + 1;
	size_t cap = b->cap != 0 ? b->cap : BUF_FIRST;
	char *p;

	if (b->err != ERR_OK)
		return b->err;
	if (n > b->max - b->len)	/* len <= max always holds */
		return ERR_TOOBIG;
	if (n >= MEMORY_MAX - b->len)	/* none for the NUL */
		return ERR_NOMEM;
	while (cap < want)
		cap = cap > MEMORY_MAX / 2 ? want : cap * 2;
	p = realloc(b->p, cap);
	if (p == NULL)
		return ERR_NOMEM;
	b->p = p;
	b->cap = cap;
	return ERR_OK;
}

enum err
buf_fail(struct buf *b, enum err e)
{
	b->err = e;
	b->cap = b->len;	/* so that all come by buf_grow() */
	return e;
}

enum err
buf_add(struct buf *b, const void *src, size_t n)
{
	enum err e = buf_reserve(b, n);

	if (e != ERR_OK)
		return buf_fail(b, e);
	if (n != 0)
		memcpy(b->p + b->len, src, n);
	b->len += n;
	return ERR_OK;
}

enum err
buf_addc(struct buf *b, char c)
{
	enum err e = buf_reserve(b, 1);

	if (e != ERR_OK)
		return buf_fail(b, e);
	b->p[b->len++] = c;
	return ERR_OK;
}

enum err
buf_adds(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

enum err
buf_addi(struct buf *b, int64_t i)
{
	char text[NUMBER_TEXT_MAX];

	if (buf_reserve(b, sizeof(text)) != ERR_OK)	/* it may need less */
		return buf_add(b, text, number_text(text, i));
	b->len += number_text(b->p + b->len, i);
	return ERR_OK;
}

enum err
buf_addf(struct buf *b, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text))
		return buf_fail(b, ERR_TOOBIG);
	return buf_add(b, text, (size_t)n);
}

const char *
buf_str(struct buf *b)
{
	if (b->p == NULL && buf_grow(b, 0) != ERR_OK)
		return NULL;
	b->p[b->len] = '\0';
	return b->p;
}

void
buf_free(struct buf *b)
{
	free(b->p);
	buf_init(b, b->max);
}
