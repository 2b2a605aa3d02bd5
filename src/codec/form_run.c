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

/* The bytes of a word that do not stand for themselves. */
static uint64_t
special(uint64_t w, bool name)
{
	uint64_t found = (w & WORD_HIGHS) | word_equal(w, 0) |
	    word_equal(w, '%') | word_equal(w, '&') | word_equal(w, '+');

	return name ? found | word_equal(w, '=') : found;
}

static bool
is_special(unsigned char c, bool name)
{
	return c == 0 || c >= 0x80 || c == '%' || c == '&' || c == '+' ||
	    (name && c == '=');
}

static size_t
copy_plain(char *to, const unsigned char *s, size_t n, bool name)
{
	size_t i = 0;

	for (; n - i >= WORD; i += WORD) {
		uint64_t found = special(word_load(s + i), name);

		memcpy(to + i, s + i, WORD);
		if (found != 0)
			return i + word_first(found);
	}
	for (; i < n && !is_special(s[i], name); i++)
		to[i] = (char)s[i];
	return i;
}

/* A character of three or four bytes, all of them escaped, or nothing. */
static struct form_run
long_character(char *to, const unsigned char *s, size_t n)
{
	struct form_run r = { 0, 0 };
	struct utf8 u = { 0 };

	do {
		int byte = n - r.in >= 3 && s[r.in] == '%' ?
		    hex_byte(s + r.in + 1) : -1;

		if (byte < 0 || !utf8_step(&u, (unsigned char)byte))
			return (struct form_run){ 0, 0 };
		to[r.out++] = (char)byte;
		r.in += 3;
	} while (!utf8_whole(&u));
	return r;
}

/* A character all of whose bytes are escaped, or nothing. */
static struct form_run
character(char *to, const unsigned char *s, size_t n)
{
	int byte = n >= 3 ? hex_byte(s + 1) : -1, next;

	if (byte <= 0)
		return (struct form_run){ 0, 0 };
	to[0] = (char)byte;
	if (byte < 0x80)
		return (struct form_run){ 3, 1 };
	if (byte < 0xc2 || byte > 0xdf)
		return long_character(to, s, n);
	next = n >= 6 && s[3] == '%' ? hex_byte(s + 4) : -1;
	if (next < 0x80 || next > 0xbf)
		return (struct form_run){ 0, 0 };
	to[1] = (char)next;
	return (struct form_run){ 6, 2 };
}

/* Escapes one behind the other, as in any text but English. */
static struct form_run
escapes(char *to, const unsigned char *s, size_t n)
{
	struct form_run r = { 0, 0 }, one;

	while (r.in < n && s[r.in] == '%') {
		one = character(to + r.out, s + r.in, n - r.in);
		if (one.in == 0)
			break;
		r.in += one.in;
		r.out += one.out;
	}
	return r;
}

struct form_run
form_run(char *to, const char *text, size_t n, bool name)
{
	const unsigned char *s = (const unsigned char *)text;
	struct form_run r = { 0, 0 }, one;

	while (r.in < n) {
		switch (s[r.in]) {
		case '%':
			one = escapes(to + r.out, s + r.in, n - r.in);
			break;
		case '+':
			to[r.out] = ' ';
			one = (struct form_run){ 1, 1 };
			break;
		default:
			one.in = s[r.in] >= 0x80 ?
			    utf8_run(s + r.in, n - r.in) :
			    copy_plain(to + r.out, s + r.in, n - r.in, name);
			one.out = one.in;
			if (s[r.in] >= 0x80)
				memcpy(to + r.out, s + r.in, one.in);
			break;
		}
		if (one.in == 0)
			break;
		r.in += one.in;
		r.out += one.out;
	}
	return r;
}
