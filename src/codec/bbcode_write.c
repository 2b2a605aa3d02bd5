/*
 * A converted text on its way out: escaped, in lines, quoted.
 *
 * Called by bbcode*.c.  Owns nothing.  The first error stays with the
 * conversion, and nothing is written behind it.
 */
#include "codec/bbcode_inside.h"

#include <string.h>

static void
add(struct bbcode *b, const char *s, size_t n)
{
	if (b->e == ERR_OK)
		b->e = buf_add(b->out, s, n);
}

void
bbcode_adds(struct bbcode *b, const char *s)
{
	add(b, s, strlen(s));
}

/* A line of a quotation, where it has no element of its own. */
void
bbcode_begin_line(struct bbcode *b)
{
	if (b->line_new && b->quotes != 0 && b->to != BBCODE_HTML)
		bbcode_adds(b, "> ");
	b->line_new = false;
}

void
bbcode_raw(struct bbcode *b, const char *s)
{
	bbcode_begin_line(b);
	bbcode_adds(b, s);
	b->solid = b->out->len;
	b->line = LINE_TEXT;
}

void
bbcode_bytes(struct bbcode *b, const char *s, size_t n)
{
	bbcode_begin_line(b);
	add(b, s, n);
	b->solid = b->out->len;
}

static const char *
html_of(char c)
{
	switch (c) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '&':
		return "&amp;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	case '\t':
		return "&emsp;";
	default:
		return NULL;
	}
}

/* What would mean something where it stands. */
static bool
is_special(const struct bbcode *b, char c)
{
	if (strchr("\\`*_[]<>&~|!", c) != NULL)
		return true;
	if (b->line == LINE_START)
		return strchr("#+-=", c) != NULL;
	return b->line == LINE_DIGITS && (c == '.' || c == ')');
}

static void
note_line(struct bbcode *b, char c)
{
	if (c >= '0' && c <= '9' && b->line != LINE_TEXT)
		b->line = LINE_DIGITS;
	else if (c != ' ' || b->line == LINE_DIGITS)
		b->line = LINE_TEXT;
}

static void
markdown_char(struct bbcode *b, char c)
{
	char pair[2] = { '\\', c };

	if (c != ' ' && c != '\t')
		bbcode_marks(b, c);
	else
		bbcode_begin_line(b);
	if (b->line == LINE_START && c == ' ' && ++b->indent > 3)
		bbcode_adds(b, "&nbsp;");	/* or the line would be code */
	else if (c == '\t')
		bbcode_adds(b, "&emsp;");
	else if (c != '\0' && is_special(b, c))
		add(b, pair, 2);
	else
		add(b, &c, 1);
	if (c != ' ' && c != '\t')
		b->solid = b->out->len;
	note_line(b, c);
}

static void
html_char(struct bbcode *b, char c)
{
	const char *entity = html_of(c);

	if (entity != NULL && !(b->verbatim && c == '\t'))
		bbcode_adds(b, entity);
	else
		add(b, &c, 1);
}

void
bbcode_text(struct bbcode *b, const char *s, size_t n)
{
	if (b->to == BBCODE_PLAIN && n != 0) {
		bbcode_begin_line(b);
		add(b, s, n);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (b->to == BBCODE_HTML)
			html_char(b, s[i]);
		else
			markdown_char(b, s[i]);
	}
}

/* Nothing that ends a target can stand in it. */
static void
target_char(struct bbcode *b, char c)
{
	static const char hex[] = "0123456789ABCDEF";
	unsigned char u = (unsigned char)c;
	char coded[3] = { '%', hex[u >> 4], hex[u & 15] };

	if (b->to == BBCODE_HTML)
		html_char(b, c);
	else if (strchr("()<>\\\"", c) != NULL)
		add(b, coded, sizeof(coded));
	else
		add(b, &c, 1);
}

void
bbcode_target(struct bbcode *b, const struct bbopen *o)
{
	if (o->tel)
		bbcode_adds(b, "tel:");
	for (size_t i = 0; i < o->arg_len; i++)
		if (!o->tel || strchr("+0123456789", o->arg[i]) != NULL)
			target_char(b, o->arg[i]);
}

/* A mark cannot go on behind an empty line. */
void
bbcode_line(struct bbcode *b)
{
	if (b->to == BBCODE_MARKDOWN && (b->line == LINE_START || b->apart))
		bbcode_marks_pause(b);
	bbcode_begin_line(b);
	if (b->to == BBCODE_HTML)
		bbcode_adds(b, "<br>");
	else if (b->to == BBCODE_MARKDOWN && b->apart)
		bbcode_adds(b, "\n\n");
	else
		bbcode_adds(b, b->to == BBCODE_MARKDOWN ? "  \n" : "\n");
	b->breaks = b->apart = false;
	b->line = LINE_START;
	b->line_new = true;
	b->indent = 0;
}

void
bbcode_new_line(struct bbcode *b)
{
	bbcode_begin_line(b);
	bbcode_adds(b, "\n");
	b->solid = b->out->len;
	b->line = LINE_START;
	b->line_new = true;
	b->indent = 0;
}
