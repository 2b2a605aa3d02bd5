/*
 * The marks of Markdown around a text: where they begin and end, so that they
 * mark it.
 *
 * Called by bbcode*.c.  Owns nothing.  A mark waits for the first thing that
 * it marks and ends behind the last one, as one beside a blank marks nothing.
 */
#include "codec/bbcode_inside.h"

#include <string.h>

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
is_punctuation(char c)
{
	return c > ' ' && c < 0x7f && !(c >= '0' && c <= '9') &&
	    !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z');
}

/* What is written last, or a blank. */
static char
last(const struct bbcode *b, size_t len)
{
	return len > b->begin ? b->out->p[len - 1] : ' ';
}

/*
 * A mark between a letter and punctuation marks nothing in Markdown, but for
 * something between it and the punctuation that is neither: a space without
 * width.
 */
static void
add_joint(struct bbcode *b)
{
	bbcode_adds(b, "\xe2\x80\x8b");
}

/* One mark of several that begin together: after a letter, or a mark. */
static void
begin_mark(struct bbcode *b, struct bbopen *o, bool first, bool letter)
{
	o->shown = true;
	if (o->link || o->mark != NULL)
		b->line = LINE_TEXT;
	if (o->link) {
		if (!first && letter)
			add_joint(b);
		bbcode_adds(b, "[");
	} else if (o->mark != NULL) {
		if (first && b->marked == b->out->len && b->marked != 0)
			add_joint(b);
		bbcode_adds(b, o->mark);
	}
}

void
bbcode_marks(struct bbcode *b, char next)
{
	bool first = true, letter;

	bbcode_begin_line(b);
	letter = b->marked == b->out->len ||
	    (!is_blank(last(b, b->out->len)) &&
	    !is_punctuation(last(b, b->out->len)));
	for (size_t i = 0; i < b->depth; i++) {
		struct bbopen *o = &b->open[i];

		if (o->shown || o->tag == NULL)
			continue;
		begin_mark(b, o, first, letter);
		letter = letter && !o->link;
		first = first && o->mark == NULL;
	}
	if (!first && letter && is_punctuation(next))
		add_joint(b);
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
	char *p;

	if (b->e != ERR_OK || b->out->len == from)
		return;
	p = b->out->p + b->solid;
	turn(p, from - b->solid);
	turn(b->out->p + from, b->out->len - from);
	turn(p, b->out->len - b->solid);
	b->solid += b->out->len - from;
}

/* What follows in the source behind tags that begin or end here, too. */
static char
next_char(const struct bbcode *b)
{
	size_t at = b->at;
	struct bbtoken t;

	for (int i = 0; i < BBCODE_DEPTH && at < b->n; i++) {
		if (b->s[at] != '[' ||
		    !bbcode_token(b->s + at, b->n - at, &t))
			return b->s[at];
		if (!t.closes && t.tag->kind != TAG_PAIR)
			return ' ';
		at += t.size;
	}
	return ' ';
}

static void
end_mark(struct bbcode *b, const struct bbopen *o)
{
	char next = next_char(b);

	if (b->e == ERR_OK && b->out->len == b->solid &&
	    b->solid != b->marked && is_punctuation(last(b, b->solid)) &&
	    !is_blank(next) && !is_punctuation(next))
		add_joint(b);
	bbcode_adds(b, o->mark);
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
		bbcode_adds(b, "](");
		bbcode_target(b, o);
		bbcode_adds(b, ")");
	} else if (o->mark != NULL) {
		end_mark(b, o);
	}
	settle(b, from);
	if (o->mark != NULL)
		b->marked = b->solid;
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
