/*
 * BB-code of Bitrix24's messenger as plain text, HTML or Markdown.
 *
 * Called for each hand-over to a channel that wants one of those.  Owns
 * nothing beyond the call.  One walk over the text: lines, tags and what is
 * between them.  Depth is bounded, and what is looked for ahead of the walk
 * is either passed over then or never looked for again.
 */
#include "codec/bbcode_inside.h"

#include <string.h>

#define FENCE_DASHES 54
#define NAME_MAX_BYTES 256
#define TAB_BLANKS "    "

/* The size of a line's end that stands here, or 0. */
static size_t
break_size(const char *s, size_t n)
{
	if (n == 0)
		return 0;
	if (s[0] == '\r')
		return n > 1 && s[1] == '\n' ? 2 : 1;
	if (s[0] == '\n')
		return 1;
	return bbcode_follows(s, n, "[br]") || bbcode_follows(s, n, "#br#") ?
	    4 : 0;
}

/* The size of a line of dashes with its end, or 0. */
static size_t
fence_size(const char *s, size_t n)
{
	size_t dashes = 0;

	while (dashes < n && dashes <= FENCE_DASHES && s[dashes] == '-')
		dashes++;
	if (dashes != FENCE_DASHES)
		return 0;
	s += dashes;
	n -= dashes;
	return n == 0 || break_size(s, n) != 0 ? dashes + break_size(s, n) : 0;
}

static bool
has_fence(const char *s, size_t n)
{
	while (n != 0) {
		size_t size = break_size(s, n);

		if (size != 0 && fence_size(s + size, n - size) != 0)
			return true;
		s += size != 0 ? size : 1;
		n -= size != 0 ? size : 1;
	}
	return false;
}

/* The quotation that is open, or NULL; there is one at most. */
static struct bbopen *
quotation(struct bbcode *b)
{
	for (size_t i = 0; i < b->depth; i++)
		if (b->open[i].tag == NULL)
			return &b->open[i];
	return NULL;
}

static void
quote(struct bbcode *b, bool fence)
{
	bbcode_marks_pause(b);
	if (b->to == BBCODE_HTML)
		b->breaks = false;
	if (b->breaks)
		bbcode_line(b);
	if (b->depth == BBCODE_DEPTH)
		bbcode_close(b, BBCODE_DEPTH - 1);
	b->open[b->depth++] = (struct bbopen){ .fence = fence };
	b->quotes++;
	b->apart = false;
	if (b->to == BBCODE_HTML)
		bbcode_raw(b, "<blockquote>");
}

static void
unquote(struct bbcode *b, const struct bbopen *o)
{
	bbcode_close(b, (size_t)(o - b->open));
}

/* A line of dashes that begins or ends a quotation, and is passed over. */
static bool
take_fence(struct bbcode *b)
{
	const char *s = b->s + b->at;
	size_t n = b->n - b->at, size = fence_size(s, n);
	const struct bbopen *o = quotation(b);

	if (size == 0)
		return false;
	if (o != NULL && o->fence) {
		unquote(b, o);
		b->breaks = b->breaks && size != n;
	} else {
		/* its own end is the one before the next line */
		if (!b->no_fence)
			b->no_fence = !has_fence(s + FENCE_DASHES,
			    n - FENCE_DASHES);
		if (b->no_fence)
			return false;
		if (o != NULL)
			unquote(b, o);
		quote(b, true);
	}
	b->at += size;
	return true;
}

/* At the beginning of a line: is it quoted? */
static void
begin_line(struct bbcode *b)
{
	const struct bbopen *o;
	bool quoted;

	while (take_fence(b))
		continue;
	o = quotation(b);
	quoted = (o == NULL || !o->fence) &&
	    bbcode_follows(b->s + b->at, b->n - b->at, ">>");
	if (quoted) {
		b->at += strlen(">>");
		if (b->at < b->n && b->s[b->at] == ' ')
			b->at++;
		if (o == NULL)
			quote(b, false);
	} else if (o != NULL && !o->fence) {
		unquote(b, o);
	}
	if (b->breaks)
		bbcode_line(b);
}

/* Not past a quotation: what began outside goes on behind it. */
static void
close_tag(struct bbcode *b, const struct bbtag *tag)
{
	if (b->over != 0) {
		b->over--;
		return;
	}
	for (size_t i = b->depth; i-- != 0 && b->open[i].tag != NULL;)
		if (b->open[i].tag == tag) {
			bbcode_close(b, i);
			return;
		}
}

static void
take_tag(struct bbcode *b, const struct bbtoken *t)
{
	b->at += t->size;
	if (t->closes)
		close_tag(b, t->tag);
	else if (t->tag->kind == TAG_PAIR)
		bbcode_open(b, t);
	else if (t->tag->put != NULL)
		t->tag->put(b, t);
}

/* Up to what may be something else; at least one byte. */
static void
take_text(struct bbcode *b)
{
	const char *s = b->s + b->at;
	size_t n = b->n - b->at, i = 0;

	if (bbcode_follows(s, n, TAB_BLANKS)) {
		b->at += strlen(TAB_BLANKS);
		bbcode_text(b, "\t", 1);
		return;
	}
	do
		i++;
	while (i < n && strchr("[#\r\n", s[i]) == NULL &&
	    (s[i] != ' ' || !bbcode_follows(s + i, n - i, TAB_BLANKS)));
	b->at += i;
	bbcode_text(b, s, i);
}

static void
step(struct bbcode *b)
{
	const char *s = b->s + b->at;
	size_t n = b->n - b->at, size = break_size(s, n);
	struct bbtoken t;

	if (size != 0) {
		b->at += size;
		b->breaks = true;
		begin_line(b);
	} else if (*s == '[' && bbcode_token(s, n, &t)) {
		take_tag(b, &t);
	} else {
		take_text(b);
	}
}

enum err
bbcode_convert(struct buf *out, const char *s, size_t n, enum bbcode_to to)
{
	struct bbcode b = { .s = s, .n = n, .to = to, .out = out,
	    .solid = out->len, .begin = out->len, .line_new = true };

	if (to == BBCODE_AS_IS)
		return buf_add(out, s, n);
	begin_line(&b);
	while (b.at < n && b.e == ERR_OK)
		step(&b);
	bbcode_close(&b, 0);
	return b.e;
}

/* "[b]Name:[/b] [br]" or "[b]Name:[/b][br] ". */
bool
bbcode_author(struct bbcode_author *a, const char *s, size_t n)
{
	size_t from = strlen("[b]"), end = from, at, size;

	if (!bbcode_follows(s, n, "[b]"))
		return false;
	while (end < n && end - from < NAME_MAX_BYTES && s[end] != '\n' &&
	    !bbcode_follows(s + end, n - end, "[/b]"))
		end++;
	if (end - from < 2 || s[end - 1] != ':' ||
	    !bbcode_follows(s + end, n - end, "[/b]"))
		return false;
	at = end + strlen("[/b]");
	while (at < n && s[at] == ' ')
		at++;
	size = break_size(s + at, n - at);
	if (size == 0)
		return false;
	a->name = s + from;
	a->name_len = end - 1 - from;
	a->rest = at + size;
	if (s[at - 1] != ' ' && a->rest < n && s[a->rest] == ' ')
		a->rest++;
	return true;
}
