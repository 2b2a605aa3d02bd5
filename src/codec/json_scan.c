/*
 * The look at raw JSON that yajl spares itself.
 *
 * Called by codec/json.c with each piece of a body before yajl gets it.
 * Owns nothing.  Whatever is not one of its own four questions it leaves to
 * yajl: a broken escape or a byte out of place is not told here.
 */
#include "codec/json_scan.h"

#include "codec/hex.h"
#include "codec/sax.h"

/* An escape spells at least one byte of value with six of its own. */
#define RAW_STRING_MAX ((int64_t)6 * SAX_VALUE_MAX)

enum { OUTSIDE, STRING, ESCAPE, UNICODE };

static bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

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
		if (c == '"') {
			j->state = STRING;
			j->string_at = j->at + 1;
		}
		return NULL;
	}
}

/* Runs of plain bytes change nothing while no state waits for its next. */
static size_t
plain_run(const struct json_scan *j, const unsigned char *s, size_t n)
{
	size_t i = 0;

	if (j->state > STRING || j->high || j->utf8.need != 0)
		return 0;
	while (i < n && is_plain(s[i]))
		i++;
	return i;
}

static bool
string_too_long(const struct json_scan *j)
{
	return j->state != OUTSIDE && j->at - j->string_at > RAW_STRING_MAX;
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
		if (string_too_long(j)) {
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
