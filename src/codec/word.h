#ifndef CODEC_WORD_H
#define CODEC_WORD_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Eight bytes of text at once: its first byte is a word's lowest, whatever
 * the machine.  A look for bytes sets the high bit of each that was found:
 * mask the result with WORD_HIGHS.  It goes for bytes of ASCII, so what it
 * says of others must be masked, too (& ~w), or they looked for as well
 * (| w).  Behind the first one found there may be bytes that are not: ask
 * only whether there is one, and for the first.
 */
#define WORD sizeof(uint64_t)
#define WORD_ONES UINT64_C(0x0101010101010101)
#define WORD_HIGHS (WORD_ONES * 0x80)

static inline uint64_t
word_load(const void *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return le64toh(w);
}

/*
 * All bytes of a text of at most eight, though not in order, some of them
 * twice and blanks beside.  Equal for equal texts, different for different
 * ones of one length.
 */
static inline uint64_t
word_short(const char *s, size_t n)
{
	const unsigned char *u = (const unsigned char *)s;
	uint32_t front, back;

	if (n < sizeof(front)) {
		if (n == 0)
			return WORD_ONES * ' ';
		return WORD_ONES * ' ' << 24 | (uint64_t)u[n / 2] << 16 |
		    (uint64_t)u[n - 1] << 8 | u[0];
	}
	memcpy(&front, s, sizeof(front));
	memcpy(&back, s + n - sizeof(back), sizeof(back));
	return (uint64_t)back << 32 | front;
}

/* memcmp() for short texts, most of which are no longer than a word. */
static inline bool
word_same(const char *a, const char *b, size_t n)
{
	return n <= WORD ? word_short(a, n) == word_short(b, n) :
	    memcmp(a, b, n) == 0;
}

/* Copies at most eight bytes, without the call that memcpy() would be. */
static inline void
word_copy(char *to, const char *s, size_t n)
{
	uint32_t front, back;

	if (n >= sizeof(front)) {
		memcpy(&front, s, sizeof(front));
		memcpy(&back, s + n - sizeof(back), sizeof(back));
		memcpy(to, &front, sizeof(front));
		memcpy(to + n - sizeof(back), &back, sizeof(back));
	} else if (n != 0) {
		to[n / 2] = s[n / 2];
		to[n - 1] = s[n - 1];
		to[0] = s[0];
	}
}

static inline uint64_t
word_below(uint64_t w, unsigned char c)
{
	return w - WORD_ONES * c;
}

static inline uint64_t
word_equal(uint64_t w, unsigned char c)
{
	return word_below(w ^ (WORD_ONES * c), 1);
}

/*
 * All bytes that are `c`, in a word of nothing but ASCII; masked already.
 */
static inline uint64_t
word_every(uint64_t w, unsigned char c)
{
	return ~((w ^ (WORD_ONES * c)) + (WORD_HIGHS - WORD_ONES)) & WORD_HIGHS;
}

/* The place of the first byte found, from 0; something must be found. */
static inline size_t
word_first(uint64_t found)
{
	return (size_t)__builtin_ctzll(found) / 8;
}

/* The place of the last, where every one was found. */
static inline size_t
word_last(uint64_t found)
{
	return (size_t)(63 - __builtin_clzll(found)) / 8;
}

/* What stands before the first byte found; the rest of the word is 0. */
static inline uint64_t
word_head(uint64_t w, uint64_t found)
{
	return w & (((found & -found) >> 7) - 1);
}

#endif
