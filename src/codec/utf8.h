#ifndef CODEC_UTF8_H
#define CODEC_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Where a strict UTF-8 reader (RFC 3629) stands.  Starts as {0}. */
struct utf8 {
	unsigned char need;	/* bytes that the character still lacks */
	unsigned char low;	/* bounds of the next of them */
	unsigned char high;
};

/*
 * Takes the next byte.  False for a byte that cannot stand there: overlong
 * forms, surrogates, above U+10FFFF, stray or missing continuation bytes.
 */
bool utf8_step(struct utf8 *, unsigned char);

/*
 * How many bytes at the beginning are whole characters beyond ASCII, for
 * where no character is half read.
 */
size_t utf8_run(const void *, size_t n);

/* Whether a text may end here: no character is half read. */
static inline bool
utf8_whole(const struct utf8 *u)
{
	return u->need == 0;
}

#endif
