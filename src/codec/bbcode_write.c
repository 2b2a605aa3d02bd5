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

static void
adds(struct bbcode *b, const char *s)
{
	add(b, s, strlen(s));
}

/* A line of a quotation, where it has no element of its own. */
static void
begin_line(struct bbcode *b)
{
	if (b->line_new && b->quotes != 0 && b->to != BBCODE_HTML)
		adds(b, "> ");
	b->line_new = false;
}

void
bbcode_marks(struct bbcode *b)
{
	begin_line(b);
	for (size_t i = 0; i < b->depth; i++) {
		struct bbopen *o = &b->open[i];

		if (o->shown || o->tag == NULL)
			continue;
		o->shown = true;
		if (o->link)
			adds(b, "[");
		else if (o->mark != NULL)
			adds(b, o->mark);
		b->line = LINE_TEXT;
	}
}

void
bbcode_raw(struct bbcode *b, const char *s)
{
	begin_line(b);
	adds(b, s);
	b->solid = b->out->len;
	b->line = LINE_TEXT;
}

void
bbcode_bytes(struct bbcode *b, const char *s, size_t n)
{
	begin_line(b);
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
		bbcode_marks(b);
	else
		begin_line(b);
	if (c == '\t')
		adds(b, "&emsp;");	/* or the line would be code */
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
		adds(b, entity);
	else
		add(b, &c, 1);
}

void
bbcode_text(struct bbcode *b, const char *s, size_t n)
{
	if (b->to == BBCODE_PLAIN && n != 0) {
		begin_line(b);
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
		adds(b, "tel:");
	for (size_t i = 0; i < o->arg_len; i++)
		if (!o->tel || strchr("+0123456789", o->arg[i]) != NULL)
			target_char(b, o->arg[i]);
}

/* Turns bytes around: the half of moving a part before another. */
static void
turn(char *p, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		char c = p[i];

		p[i] = p[n - 1 - i];
		p[n - 1 - i] = c;
	}
}

/* What was written since `from` belongs before the blanks in front of it. */
static void
settle(struct bbcode *b, size_t from)
{
	char *p = b->out->p + b->solid;

	if (b->e != ERR_OK)
		return;
	turn(p, from - b->solid);
	turn(b->out->p + from, b->out->len - from);
	turn(p, b->out->len - b->solid);
	b->solid += b->out->len - from;
}

/* In Markdown a mark behind a blank would mark nothing. */
void
bbcode_mark_end(struct bbcode *b, struct bbopen *o)
{
	size_t from = b->out->len;

	if (!o->shown)
		return;
	o->shown = false;
	if (o->link) {
		adds(b, "](");
		bbcode_target(b, o);
		adds(b, ")");
	} else if (o->mark != NULL) {
		adds(b, o->mark);
	}
	settle(b, from);
}

/* A link does not go on: its target would be written again and again. */
void
bbcode_marks_pause(struct bbcode *b)
{
	for (size_t i = b->depth; i-- != 0;) {
		struct bbopen *o = &b->open[i];

		if (o->shown && o->link) {
			bbcode_mark_end(b, o);
			b->links--;
			o->link = false;
			o->shown = true;
		} else {
			bbcode_mark_end(b, o);
		}
	}
}

/* A mark cannot go on behind an empty line. */
void
bbcode_line(struct bbcode *b)
{
	if (b->to == BBCODE_MARKDOWN && (b->line_new || b->apart))
		bbcode_marks_pause(b);
	begin_line(b);
	if (b->to == BBCODE_HTML)
		adds(b, "<br>");
	else if (b->to == BBCODE_MARKDOWN && b->apart)
		adds(b, "\n\n");
	else
		adds(b, b->to == BBCODE_MARKDOWN ? "  \n" : "\n");
	b->breaks = b->apart = false;
	b->line = LINE_START;
	b->line_new = true;
}

void
bbcode_new_line(struct bbcode *b)
{
	begin_line(b);
	adds(b, "\n");
	b->solid = b->out->len;
	b->line = LINE_START;
	b->line_new = true;
}
