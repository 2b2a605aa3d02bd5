/*
 * The look at raw JSON that yajl spares itself.
 *
 * Called by codec/json.c with each piece of a body before yajl gets it.
 * Owns nothing.  Whatever is not one of its own five questions it leaves to
 * yajl: a broken escape or a byte out of place is not told here.
 */
#include "codec/json_scan.h"

#include "codec/hex.h"
#include "codec/sax.h"
#include "codec/word.h"

/* An escape spells at least one byte of value with six of its own. */
#define RAW_STRING_MAX ((int64_t)6 * SAX_VALUE_MAX)

enum { OUTSIDE, STRING, ESCAPE, UNICODE };

static const char *
unicode_end(struct json_scan *j)
{
	bool high = j->code >= 0xd800 && j->code <= 0xdbff;
	bool low = j->code >= 0xdc00 && j->code <= 0xdfff;

	j->state = STRING;
	if (j->code == 0)
		return "\\u0000 (NUL) in a string";
	if (low != j->high)
		return "a lone surrogate in a string";
	j->high = high;
	return NULL;
}

static const char *
unicode_step(struct json_scan *j, unsigned char c)
{
	int digit = hex_digit(c);

	if (digit < 0) {	/* yajl will say so */
		j->state = STRING;
		return NULL;
	}
	j->code = j->code << 4 | (unsigned)digit;
	return ++j->digits == 4 ? unicode_end(j) : NULL;
}

static const char *
string_step(struct json_scan *j, unsigned char c)
{
	if (c == '\\') {
		j->state = ESCAPE;
		return NULL;
	}
	if (j->high)
		return "a lone surrogate in a string";
	if (c == '"')
		j->state = OUTSIDE;
	return NULL;
}

static const char *
escape_step(struct json_scan *j, unsigned char c)
{
	if (c == 'u') {
		j->state = UNICODE;
		j->digits = 0;
		j->code = 0;
		return NULL;
	}
	j->state = STRING;
	return j->high ? "a lone surrogate in a string" : NULL;
}

static const char *
outside_step(struct json_scan *j, unsigned char c)
{
	if (c == '\f' || c == '\v')
		return "a byte that is no blank in JSON";
	if (c == '"') {
		j->state = STRING;
		j->string_at = j->at + 1;
	}
	return NULL;
}

/* Returns NULL, or what is wrong with this byte. */
static const char *
step(struct json_scan *j, unsigned char c)
{
	if (c == 0)
		return "a NUL byte";
	if (!utf8_step(&j->utf8, c))
		return "a byte that is not UTF-8";
	switch (j->state) {
	case STRING:
		return string_step(j, c);
	case ESCAPE:
		return escape_step(j, c);
	case UNICODE:
		return unicode_step(j, c);
	default:
		return outside_step(j, c);
	}
}

/*
 * ASCII without escapes, NULs and odd blanks, a word at a time: of such a
 * run only its quotes matter, whether their number is odd and where the last
 * one stands.  Ends before the first other byte, or where there is no whole
 * word.
 */
static size_t
ascii_run(struct json_scan *j, const unsigned char *s, size_t n)
{
	uint64_t odd = 0, last = 0;
	size_t i = 0, last_at = 0, run = WORD;

	for (; run == WORD && n - i >= WORD; i += run) {
		uint64_t w = word_load(s + i), quotes;
		uint64_t other = (w | word_equal(w, '\\') |
		    word_equal(w, 0) | word_equal(w, '\f') |
		    word_equal(w, '\v')) & WORD_HIGHS;

		if (other != 0) {
			run = word_first(other);
			w = word_head(w, other);
		}
		quotes = word_every(w, '"');
		odd ^= quotes;
		last_at = quotes != 0 ? i : last_at;
		last = quotes != 0 ? quotes : last;
	}
	if (last == 0)
		return i;
	j->string_at = j->at + (int64_t)(last_at + word_last(last) + 1);
	if (__builtin_parityll(odd))
		j->state = j->state == STRING ? OUTSIDE : STRING;
	return i;
}

/* A whole escape that is in order by itself, or 0. */
static size_t
escape_run(const unsigned char *s, size_t n)
{
	int code = 0;

	if (n < 2 || s[1] == 0 || s[1] >= 0x80)
		return 0;
	if (s[1] != 'u')
		return 2;
	if (n < 6)
		return 0;
	for (size_t i = 2; i < 6; i++)	/* a -1 shows in the result's sign */
		code = code * 16 | hex_digit(s[i]);
	if (code <= 0 || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return 6;
}

/*
 * What can be taken at once while no state waits for its next byte: only what
 * is in order, the rest is step()'s.  No string gets too long by it.
 */
static size_t
plain_run(struct json_scan *j, const unsigned char *s, size_t n)
{
	int64_t room = RAW_STRING_MAX;
	size_t run;

	if (j->state > STRING || j->high || !utf8_whole(&j->utf8))
		return 0;
	if (j->state == STRING)
		room -= j->at - j->string_at;
	if ((int64_t)n > room)
		n = (size_t)room;
	run = ascii_run(j, s, n);
	if (run != 0 || n == 0)
		return run;
	if (s[0] == '\\' && j->state == STRING)
		return escape_run(s, n);
	return utf8_run(s, n);
}

size_t
json_scan(struct json_scan *j, const char *s, size_t n, struct problem *p)
{
	const unsigned char *u = (const unsigned char *)s;
	const char *wrong;
	size_t i = 0;

	while (i < n) {
		size_t run = plain_run(j, u + i, n - i);

		if (run == 0) {
			wrong = step(j, u[i]);
			if (wrong != NULL) {
				(void)problem_set(p, ERR_INPUT, j->at, NULL,
				    "%s", wrong);
				return i;
			}
			run = 1;
		}
		i += run;
		j->at += (int64_t)run;
		if (j->state != OUTSIDE && j->at - j->string_at >
		    RAW_STRING_MAX) {
			/* the same byte for every cut of the body */
			int64_t over = j->at - j->string_at - RAW_STRING_MAX;

			(void)problem_set(p, ERR_TOOBIG, j->at - over, NULL,
			    "a string is too long");
			return i - (size_t)over;
		}
	}
	return i;
}

bool
json_scan_whole(const struct json_scan *j)
{
	return j->state == OUTSIDE;
}
