/*
 * Code in BB-code: as it is, whatever stands in it.
 *
 * Called through the table of tags.  Owns nothing.
 */
#include "codec/bbcode_inside.h"

#include <string.h>

/* So many backticks in a row, and one more, end it. */
static size_t
ticks(const char *s, size_t n)
{
	size_t most = 0, run = 0;

	for (size_t i = 0; i < n; i++) {
		run = s[i] == '`' ? run + 1 : 0;
		if (run > most)
			most = run;
	}
	return most + 1;
}

static void
put_ticks(struct bbcode *b, size_t n)
{
	while (n-- != 0)
		bbcode_raw(b, "`");
}

/* Lines as they are, each a line of the quotation that it may stand in. */
static void
put_lines(struct bbcode *b, const char *s, size_t n)
{
	while (n != 0) {
		const char *end = memchr(s, '\n', n);
		size_t len = end != NULL ? (size_t)(end - s) : n;

		bbcode_bytes(b, s, len);
		if (end == NULL)
			return;
		bbcode_new_line(b);
		s += len + 1;
		n -= len + 1;
	}
}

/* A block where there are lines in it, else a piece of a line. */
static void
markdown_code(struct bbcode *b, const char *s, size_t n)
{
	bool block = memchr(s, '\n', n) != NULL;
	size_t tick = ticks(s, n);

	if (block && tick < 3)
		tick = 3;
	if (block) {
		bbcode_marks_pause(b);
		if (!b->line_new)
			bbcode_new_line(b);
	} else {
		bbcode_marks(b, '`');
		if (b->e == ERR_OK && b->out->p != NULL && b->out->len != 0 &&
		    b->out->p[b->out->len - 1] == '`')
			bbcode_raw(b, " ");	/* they are not one */
	}
	put_ticks(b, tick);
	if (block)
		bbcode_new_line(b);
	else if (tick > 1)
		bbcode_raw(b, " ");
	put_lines(b, s, n);
	if (block && !b->line_new)
		bbcode_new_line(b);
	else if (tick > 1 && !block)
		bbcode_raw(b, " ");
	put_ticks(b, tick);
	if (block)
		bbcode_new_line(b);
}

static size_t
find_end(struct bbcode *b, const char *end)
{
	for (size_t i = b->at; i < b->n; i++)
		if (b->s[i] == '[' && bbcode_follows(b->s + i, b->n - i, end))
			return i;
	return b->n;
}

/* Once no end was found there is none for those that follow either. */
void
bbcode_put_code(struct bbcode *b, const struct bbtoken *t)
{
	const char *s = b->s + b->at;
	size_t end = b->no_code ? b->n : find_end(b, "[/code]");
	size_t n = end - b->at;

	(void)t;
	b->no_code = end == b->n;
	if (b->no_code || n == 0)
		return;
	b->at = end + strlen("[/code]");
	if (b->to == BBCODE_MARKDOWN) {
		markdown_code(b, s, n);
	} else if (b->to == BBCODE_HTML) {
		bbcode_raw(b, "<pre>");
		b->verbatim = true;
		bbcode_text(b, s, n);
		b->verbatim = false;
		bbcode_raw(b, "</pre>");
	} else {
		put_lines(b, s, n);
	}
}
