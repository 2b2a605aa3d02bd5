/*
 * Lines that fit the terminal, and colour.
 *
 * Called by what imconnectorctl prints for people.  Owns nothing.  Where
 * standard output is no terminal nothing is folded or painted: a line stays
 * one line for grep.
 */
#include "ctl/terminal.h"

#include "base/number.h"
#include "ctl/clean.h"
#include "ctl/when.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS 80		/* of one that does not say */
#define LEAST 20		/* columns behind the indent */
#define LINE_MAX_BYTES ((size_t)64 * 1024 * 1024)

struct terminal
terminal_look(void)
{
	const char *none = getenv("NO_COLOR"), *kind = getenv("TERM");
	struct winsize size = { .ws_col = 0 };
	struct terminal t = { .there = isatty(STDOUT_FILENO) == 1 };

	if (!t.there)
		return t;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
		size.ws_col = size.ws_row = 0;
	t.columns = size.ws_col != 0 ? size.ws_col : COLUMNS;
	t.rows = size.ws_row;
	t.colour = (none == NULL || none[0] == '\0') && kind != NULL &&
	    strcmp(kind, "dumb") != 0;
	return t;
}

/* How many bytes of so many fit into the columns: to a blank, if there is
 * one; bytes that go on a character take none. */
static size_t
fitting(const char *s, size_t n, int columns)
{
	size_t blank = 0, i;
	int used = 0;

	for (i = 0; i < n; i++) {
		if (((unsigned char)s[i] & 0xc0) == 0x80)
			continue;
		if (s[i] == ' ')
			blank = i;
		if (used++ == columns)
			break;
	}
	if (i == n)
		return n;
	return blank != 0 ? blank : i;
}

static void
put(const char *s, size_t n, const char *paint)
{
	if (n != 0)
		(void)fputs(paint, stdout);
	(void)fwrite(s, 1, n, stdout);
	if (n != 0 && paint[0] != '\0')
		(void)fputs("\033[0m", stdout);
}

static void
print(const struct terminal *t, const struct buf *b, const char *paint,
    size_t n, int indent)
{
	int columns = t->columns - indent < LEAST ? 0 : t->columns;

	for (size_t at = 0, line; at < b->len; at += line) {
		size_t painted = at < n ? n - at : 0;

		while (at != 0 && at < b->len && b->p[at] == ' ')
			at++;
		line = columns == 0 ? b->len - at : fitting(b->p + at,
		    b->len - at, at == 0 ? columns : columns - indent);
		if (painted > line)
			painted = line;
		printf("%*s", at == 0 ? 0 : indent, "");
		put(b->p + at, painted, paint);
		put(b->p + at + painted, line - painted, "");
		(void)putchar('\n');
	}
}

void
line_begin(struct line *l)
{
	buf_init(&l->b, LINE_MAX_BYTES);
	l->err = ERR_OK;
}

void
line_free(struct line *l)
{
	buf_free(&l->b);
}

void
line_add(struct line *l, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (l->err == ERR_OK)
		l->err = buf_adds(&l->b, text);
}

void
line_clean(struct line *l, const char *s)
{
	if (l->err == ERR_OK)
		l->err = clean_add(&l->b, s);
}

void
line_when(struct line *l, int64_t ms)
{
	if (l->err == ERR_OK)
		l->err = when_add(&l->b, ms);
}

void
line_count(struct line *l, int64_t n)
{
	char digits[NUMBER_TEXT_MAX];
	size_t len = number_text(digits, n);

	for (size_t i = 0; i < len; i++)
		line_add(l, "%s%c", i != 0 && (len - i) % 3 == 0 ? "," : "",
		    digits[i]);
}

enum err
line_print(struct line *l, const struct terminal *t, enum paint paint,
    size_t n, int indent)
{
	static const char *const codes[] = { "", "\033[31m", "\033[33m",
		"\033[2m" };
	enum err e = l->err;

	print(t, &l->b, t->colour ? codes[paint] : "", n, indent);
	buf_reset(&l->b);
	l->err = ERR_OK;
	return e;
}
