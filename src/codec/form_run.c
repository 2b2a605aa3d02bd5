/*
 * The bulk of a form, decoded by words and by characters.
 *
 * Called by codec/form.c wherever no escape and no character is half read.
 * Owns nothing and reports nothing: what is not in order it leaves alone.
 */
#include "codec/form_run.h"

#include "codec/hex.h"
#include "codec/utf8.h"
#include "codec/word.h"

/* Where a piece is read, and where it is decoded to. */
struct place {
	const unsigned char *s;
	const unsigned char *end;
	char *to;
};

/*
 * The bytes of a word that need a look: all that do not stand for themselves
 * are below a comma, and what else is there hardly ever comes.
 */
static inline uint64_t
special(uint64_t w, unsigned char stop)
{
	return (w | word_below(w, ',') | word_equal(w, stop)) & WORD_HIGHS;
}

/* Copies what stands for itself and needs no look. */
static inline void
plain(struct place *p, unsigned char stop)
{
	while ((size_t)(p->end - p->s) >= WORD) {
		uint64_t found = special(word_load(p->s), stop);
		size_t n = found != 0 ? word_first(found) : WORD;

		memcpy(p->to, p->s, WORD);
		p->s += n;
		p->to += n;
		if (found != 0)
			return;
	}
	while (p->s < p->end && special(*p->s * WORD_ONES, stop) == 0)
		*p->to++ = (char)*p->s++;
}

/*
 * A character beyond ASCII, all of its bytes escaped: how many.  0: it is
 * not.  (The place itself stays in registers, as nobody is told where it is.)
 */
static size_t __attribute__((noinline))
character(char *to, const unsigned char *s, const unsigned char *end)
{
	struct utf8 u = { 0 };
	size_t n = 0;

	do {
		int byte = end - s >= 3 && s[0] == '%' ? hex_byte(s + 1) : -1;

		if (byte < 0 || !utf8_step(&u, (unsigned char)byte))
			return 0;
		to[n++] = (char)byte;
		s += 3;
	} while (!utf8_whole(&u));
	return n;
}

/* The same; most have two bytes, as in Cyrillic, Greek and most of Latin. */
static inline bool
any_character(struct place *p, int first)
{
	int second = first >= 0xc2 && first <= 0xdf && p->end - p->s >= 6 &&
	    p->s[3] == '%' ? hex_byte(p->s + 4) : -1;
	size_t n = 2;

	if (second >= 0x80 && second <= 0xbf) {
		p->to[0] = (char)first;
		p->to[1] = (char)second;
	} else {
		n = character(p->to, p->s, p->end);
	}
	p->s += 3 * n;
	p->to += n;
	return n != 0;
}

/* Escapes, one behind the other.  False: the next is cut or wrong. */
static inline bool
escapes(struct place *p)
{
	do {
		int byte = p->end - p->s >= 3 ? hex_byte(p->s + 1) : -1;

		if (byte <= 0)
			return false;
		if (byte >= 0x80) {
			if (!any_character(p, byte))
				return false;
			continue;
		}
		*p->to++ = (char)byte;
		p->s += 3;
	} while (p->s < p->end && *p->s == '%');
	return true;
}

/* Characters beyond ASCII, as they are.  False: not whole, or none. */
static inline bool
characters(struct place *p)
{
	size_t n = utf8_run(p->s, (size_t)(p->end - p->s));

	memcpy(p->to, p->s, n);
	p->s += n;
	p->to += n;
	return n != 0;
}

/* One byte or a few that needed a look.  False: they are for someone else. */
static inline bool
looked_at(struct place *p, unsigned char stop)
{
	unsigned char c = *p->s;

	if (c == '%')
		return escapes(p);
	if (c >= 0x80)
		return characters(p);
	if (c == '\0' || c == '&' || c == stop)
		return false;
	*p->to++ = c == '+' ? ' ' : (char)c;
	p->s++;
	return true;
}

struct form_run
form_run(char *to, const char *s, size_t n, bool name)
{
	const unsigned char *u = (const unsigned char *)s;
	struct place p = { u, u + n, to };
	unsigned char stop = name ? '=' : '&';

	do
		plain(&p, stop);
	while (p.s < p.end && looked_at(&p, stop));
	return (struct form_run){ (size_t)(p.s - u), (size_t)(p.to - to) };
}
