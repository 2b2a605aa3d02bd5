/*
 * JSON on its way out: answers, channel objects, REST calls.
 *
 * Called by everything that renders.  Owns nothing.  Errors are the
 * buffer's; what was appended before a failure is of no use any more.
 */
#include "codec/json_write.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool
needs_escape(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\';
}

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

enum err
json_add_string(struct buf *b, const char *s, size_t n)
{
	enum err e = buf_addc(b, '"');
	size_t i = 0;

	while (e == ERR_OK && i < n) {
		size_t run = i;

		while (run < n && !needs_escape((unsigned char)s[run]))
			run++;
		e = buf_add(b, s + i, run - i);
		if (e == ERR_OK && run < n)
			e = add_escaped(b, (unsigned char)s[run++]);
		i = run;
	}
	return e == ERR_OK ? buf_addc(b, '"') : e;
}

enum err
json_add_name(struct buf *b, const char *name)
{
	char last = b->len != 0 ? b->p[b->len - 1] : '{';
	enum err e = ERR_OK;

	if (last != '{' && last != '[')
		e = buf_addc(b, ',');
	if (e == ERR_OK)
		e = json_add_string(b, name, strlen(name));
	return e == ERR_OK ? buf_addc(b, ':') : e;
}

enum err
json_add_text(struct buf *b, const char *name, const char *text)
{
	enum err e;

	if (text == NULL)
		return ERR_OK;
	e = json_add_name(b, name);
	return e == ERR_OK ? json_add_string(b, text, strlen(text)) : e;
}

enum err
json_add_number(struct buf *b, const char *name, int64_t number)
{
	enum err e = json_add_name(b, name);

	return e == ERR_OK ? buf_addi(b, number) : e;
}
