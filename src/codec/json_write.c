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

/* The string without its quotes; there is room for it if it is plain. */
static enum err
add_inner(struct buf *b, const char *s, size_t n)
{
	size_t run;

	if (n == 0)
		return ERR_OK;
	run = copy_plain(b->p + b->len, s, n);
	b->len += run;
	return run == n ? ERR_OK : add_rest(b, s + run, n - run);
}

enum err
json_add_string(struct buf *b, const char *s, size_t n)
{
	/* so much it takes at least: one look for room in most cases */
	enum err e = buf_reserve(b, n + 2);

	if (e != ERR_OK)
		return buf_fail(b, e);
	b->p[b->len++] = '"';
	add_inner(b, s, n);
	return buf_addc(b, '"');
}

enum err
json_add_key(struct buf *b, const char *key, size_t n)
{
	char last = b->len != 0 ? b->p[b->len - 1] : '{';
	bool comma = last != '{' && last != '[';
	enum err e = buf_reserve(b, n + 3 + comma);

	if (e != ERR_OK)
		return buf_fail(b, e);
	if (comma)
		b->p[b->len++] = ',';
	b->p[b->len++] = '"';
	add_inner(b, key, n);
	return buf_add(b, "\":", 2);
}

static enum err
add_member_slowly(struct buf *b, const char *key, size_t key_n, const char *s,
    size_t n)
{
	json_add_key(b, key, key_n);
	return json_add_string(b, s, n);
}

/* Nearly always there is room, and the name is plain: so in one go. */
enum err
json_add_member(struct buf *b, const char *key, size_t key_n, const char *s,
    size_t n)
{
	enum err e = buf_reserve(b, key_n + n + sizeof(",\"\":\"\"") - 1);
	size_t run;
	char *p;

	if (e != ERR_OK)	/* it may need less */
		return add_member_slowly(b, key, key_n, s, n);
	p = b->p + b->len;
	if (b->len != 0 && p[-1] != '{' && p[-1] != '[')
		*p++ = ',';
	*p++ = '"';
	if (copy_plain(p, key, key_n) != key_n)
		return add_member_slowly(b, key, key_n, s, n);
	p += key_n;
	*p++ = '"';
	*p++ = ':';
	*p++ = '"';
	run = copy_plain(p, s, n);
	b->len = (size_t)(p - b->p) + run;
	if (run != n)
		add_rest(b, s + run, n - run);
	return buf_addc(b, '"');
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
