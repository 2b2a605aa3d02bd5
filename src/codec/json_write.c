/*
 * JSON on its way out: answers, channel objects, REST calls.
 *
 * Called by everything that renders.  Owns nothing.  Errors are the
 * buffer's; what was appended before a failure is of no use any more.
 */
#include "codec/json_write.h"

#include "codec/word.h"

#include <string.h>

static enum err
add_escaped(struct buf *b, unsigned char c)
{
	switch (c) {
	case '"':
		return buf_adds(b, "\\\"");
	case '\\':
		return buf_adds(b, "\\\\");
	case '\n':
		return buf_adds(b, "\\n");
	case '\r':
		return buf_adds(b, "\\r");
	case '\t':
		return buf_adds(b, "\\t");
	default:
		return buf_addf(b, "\\u%04x", c);
	}
}

static uint64_t
special(uint64_t w)
{
	return (word_below(w, 0x20) | word_equal(w, '"') |
	    word_equal(w, '\\')) & ~w & WORD_HIGHS;
}

/* Copies what goes over as it is, up to the first byte that does not. */
static inline size_t
copy_plain(char *to, const char *s, size_t n)
{
	size_t i = 0;

	for (; n - i >= WORD; i += WORD) {
		uint64_t found = special(word_load(s + i));

		if (found != 0) {
			memcpy(to + i, s + i, word_first(found));
			return i + word_first(found);
		}
		memcpy(to + i, s + i, WORD);
	}
	if (special(word_short(s + i, n - i)) == 0) {
		word_copy(to + i, s + i, n - i);
		return n;
	}
	for (; special(word_short(s + i, 1)) == 0; i++)
		to[i] = s[i];
	return i;
}

/* From the first byte on that does not. */
static enum err
add_rest(struct buf *b, const char *s, size_t n)
{
	while (n != 0) {
		enum err e = add_escaped(b, (unsigned char)*s);
		size_t run;

		if (e == ERR_OK)
			e = buf_reserve(b, n - 1);
		if (e != ERR_OK)
			return buf_fail(b, e);
		run = copy_plain(b->p + b->len, s + 1, n - 1);
		b->len += run;
		s += run + 1;
		n -= run + 1;
	}
	return ERR_OK;
}

enum err
json_add_string(struct buf *b, const char *s, size_t n)
{
	/* so much it takes at least: one look for room in most cases */
	enum err e = buf_reserve(b, n + 2);
	size_t run = 0;

	if (e != ERR_OK)
		return buf_fail(b, e);
	b->p[b->len++] = '"';
	if (n != 0)
		run = copy_plain(b->p + b->len, s, n);
	b->len += run;
	if (run != n) {
		add_rest(b, s + run, n - run);
		return buf_addc(b, '"');
	}
	b->p[b->len++] = '"';
	return ERR_OK;
}

static bool
wants_comma(const struct buf *b)
{
	return b->len != 0 && b->p[b->len - 1] != '{' &&
	    b->p[b->len - 1] != '[';
}

/* Adds `,"name":`, for which there is room.  False: the name is not plain. */
static inline bool
put_key(struct buf *b, const char *key, size_t n)
{
	char *p = b->p + b->len;

	if (wants_comma(b))
		*p++ = ',';
	*p++ = '"';
	if (copy_plain(p, key, n) != n)
		return false;
	p += n;
	*p++ = '"';
	*p++ = ':';
	b->len = (size_t)(p - b->p);
	return true;
}

/* Nearly always there is room, and the name is plain: so in one go. */
enum err
json_add_key(struct buf *b, const char *key, size_t n)
{
	if (buf_reserve(b, n + sizeof(",\"\":") - 1) == ERR_OK &&
	    put_key(b, key, n))
		return ERR_OK;
	if (wants_comma(b))
		buf_addc(b, ',');
	json_add_string(b, key, n);
	return buf_addc(b, ':');
}

enum err
json_add_member(struct buf *b, const char *key, size_t key_n, const char *s,
    size_t n)
{
	/* room for all of it at once; where there is none it may need less */
	enum err e = buf_reserve(b, key_n + n + sizeof(",\"\":\"\"") - 1);

	if (e != ERR_OK || !put_key(b, key, key_n))
		json_add_key(b, key, key_n);
	return json_add_string(b, s, n);
}

enum err
json_add_name(struct buf *b, const char *name)
{
	return json_add_key(b, name, strlen(name));
}

enum err
json_add_text(struct buf *b, const char *name, const char *text)
{
	if (text == NULL)
		return ERR_OK;
	return json_add_member(b, name, strlen(name), text, strlen(text));
}

enum err
json_add_number(struct buf *b, const char *name, int64_t number)
{
	json_add_name(b, name);
	return buf_addi(b, number);
}
