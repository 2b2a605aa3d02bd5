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

/* The bytes of a word that do not stand for themselves. */
static inline uint64_t
special(uint64_t w, bool name)
{
	uint64_t found = w | word_equal(w, 0) | word_equal(w, '%') |
	    word_equal(w, '&') | word_equal(w, '+');

	if (name)
		found |= word_equal(w, '=');
	return found & WORD_HIGHS;
}

/* Copies what stands for itself. */
static inline void
plain(struct place *p, bool name)
{
	while ((size_t)(p->end - p->s) >= WORD) {
		uint64_t found = special(word_load(p->s), name);
		size_t n = found != 0 ? word_first(found) : WORD;

		memcpy(p->to, p->s, WORD);
		p->s += n;
		p->to += n;
		if (found != 0)
			return;
	}
	while (p->s < p->end && special(*p->s * WORD_ONES, name) == 0)
		*p->to++ = (char)*p->s++;
}

/* A character beyond ASCII, all of its bytes escaped.  False: it is not. */
static bool
character(struct place *p)
{
	const unsigned char *s = p->s;
	struct utf8 u = { 0 };
	size_t n = 0;

	do {
		int byte = p->end - s >= 3 && s[0] == '%' ?
		    hex_byte(s + 1) : -1;

		if (byte < 0 || !utf8_step(&u, (unsigned char)byte))
			return false;
		p->to[n++] = (char)byte;
		s += 3;
	} while (!utf8_whole(&u));
	p->s = s;
	p->to += n;
	return true;
}

/* The same for two bytes, as in Cyrillic, Greek and most of Latin. */
static inline bool
short_character(struct place *p, int first)
{
	int second = first >= 0xc2 && first <= 0xdf && p->end - p->s >= 6 &&
	    p->s[3] == '%' ? hex_byte(p->s + 4) : -1;

	if (second < 0x80 || second > 0xbf)
		return character(p);
	p->to[0] = (char)first;
	p->to[1] = (char)second;
	p->s += 6;
	p->to += 2;
	return true;
}

/* Escapes, one behind the other.  False: the next is cut or wrong. */
static inline bool
escapes(struct place *p)
{
	while (p->s < p->end && *p->s == '%') {
		int byte = p->end - p->s >= 3 ? hex_byte(p->s + 1) : -1;

		if (byte <= 0)
			return false;
		if (byte >= 0x80) {
			if (!short_character(p, byte))
				return false;
			continue;
		}
		*p->to++ = (char)byte;
		p->s += 3;
	}
	return true;
}

/* Characters beyond ASCII, as they are.  False: not whole, or none. */
static bool
characters(struct place *p)
{
	size_t n = utf8_run(p->s, (size_t)(p->end - p->s));

	memcpy(p->to, p->s, n);
	p->s += n;
	p->to += n;
	return n != 0;
}

struct form_run
form_run(char *to, const char *s, size_t n, bool name)
{
	const unsigned char *u = (const unsigned char *)s;
	struct place p = { u, u + n, to };
	bool more = true;

	while (more) {
		plain(&p, name);
		if (p.s == p.end)
			break;
		if (*p.s == '%') {
			more = escapes(&p);
		} else if (*p.s == '+') {
			*p.to++ = ' ';
			p.s++;
		} else {
			more = *p.s >= 0x80 && characters(&p);
		}
	}
	return (struct form_run){ (size_t)(p.s - u), (size_t)(p.to - to) };
}
