/*
 * Strict UTF-8, a byte at a time, so that a character may be cut anywhere.
 *
 * Called by both readers, because yajl lets overlong forms and surrogates
 * pass.  Owns nothing.  After a false the state is of no use any more.
 */
#include "codec/utf8.h"

/* The first byte rules the second: RFC 3629, section 4. */
static bool
utf8_first(struct utf8 *u, unsigned char c)
{
	u->low = 0x80;
	u->high = 0xbf;
	if (c < 0x80) {
		u->need = 0;
	} else if (c >= 0xc2 && c <= 0xdf) {
		u->need = 1;
	} else if (c >= 0xe0 && c <= 0xef) {
		u->need = 2;
		if (c == 0xe0)
			u->low = 0xa0;
		if (c == 0xed)
			u->high = 0x9f;
	} else if (c >= 0xf0 && c <= 0xf4) {
		u->need = 3;
		if (c == 0xf0)
			u->low = 0x90;
		if (c == 0xf4)
			u->high = 0x8f;
	} else {
		return false;
	}
	return true;
}

bool
utf8_step(struct utf8 *u, unsigned char c)
{
	if (u->need == 0)
		return utf8_first(u, c);
	if (c < u->low || c > u->high)
		return false;
	u->need--;
	u->low = 0x80;
	u->high = 0xbf;
	return true;
}

size_t
utf8_run(const void *text, size_t n)
{
	const unsigned char *s = text;
	size_t i = 0;

	while (i < n && s[i] >= 0x80) {
		struct utf8 u = { 0 };
		size_t end = i;

		if (n - i >= 2 && s[i] >= 0xc2 && s[i] <= 0xdf &&
		    s[i + 1] >= 0x80 && s[i + 1] <= 0xbf) {
			i += 2;		/* Cyrillic, Greek, most of Latin */
			continue;
		}
		do {
			if (end == n || !utf8_step(&u, s[end++]))
				return i;
		} while (u.need != 0);
		i = end;
	}
	return i;
}
