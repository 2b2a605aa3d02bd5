/*
 * Tags: how one is read, opened and closed.
 *
 * Called by bbcode.c.  Owns nothing.  A tag ends within its line and holds
 * no "[", so that no byte is looked at more than a few times.
 */
#include "codec/bbcode_inside.h"

#include <string.h>
#include <strings.h>

#define NAME_MAX_BYTES 9	/* "timestamp" */

bool
bbcode_follows(const char *s, size_t n, const char *word)
{
	size_t len = strlen(word);

	return n >= len && strncasecmp(s, word, len) == 0;
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static const struct bbtag *
find(const char *name, size_t n)
{
	for (size_t i = 0; i < bbcode_tags_n; i++)
		if (strlen(bbcode_tags[i].name) == n &&
		    strncasecmp(bbcode_tags[i].name, name, n) == 0)
			return &bbcode_tags[i];
	return NULL;
}

/* What stands behind the name, up to the "]". */
static bool
read_arg(const char *s, size_t n, struct bbtoken *t)
{
	size_t end = 0;

	while (end < n && s[end] != ']' && s[end] != '[' && s[end] != '\n')
		end++;
	if (end == n || s[end] != ']')
		return false;
	t->size += end + 1;
	if (end == 0)
		return t->closes || t->tag->arg != ARG_MUST;
	if (t->closes || (s[0] == ' ' && !t->tag->attributes))
		return false;
	t->arg = s + 1;
	t->arg_len = end - 1;
	if (s[0] == ' ')
		return true;
	return s[0] == '=' && t->tag->arg != ARG_NONE && end != 1 &&
	    (t->tag->good == NULL || t->tag->good(t->arg, t->arg_len));
}

bool
bbcode_token(const char *s, size_t n, struct bbtoken *t)
{
	size_t from, end;

	*t = (struct bbtoken){ .closes = n > 1 && s[1] == '/' };
	from = end = t->closes ? 2 : 1;
	while (end < n && end - from <= NAME_MAX_BYTES && is_letter(s[end]))
		end++;
	t->tag = find(s + from, end - from);
	if (t->tag == NULL || (t->closes && t->tag->kind == TAG_SINGLE))
		return false;
	t->size = end;
	return read_arg(s + end, n - end, t);
}

/* One within its like marks nothing more. */
static const char *
mark_of(const struct bbcode *b, const struct bbtag *tag)
{
	for (size_t i = 0; i < b->depth; i++)
		if (b->open[i].tag == tag)
			return NULL;
	return tag->mark;
}

void
bbcode_open(struct bbcode *b, const struct bbtoken *t)
{
	struct bbopen *o = &b->open[b->depth];

	if (b->depth == BBCODE_DEPTH) {
		b->over++;
		return;
	}
	*o = (struct bbopen){ .tag = t->tag, .arg = t->arg,
	    .arg_len = t->arg_len, .mark = mark_of(b, t->tag) };
	b->depth++;
	if (t->tag->put != NULL)
		t->tag->put(b, t);
	if (b->to == BBCODE_HTML && t->tag->put == NULL &&
	    t->tag->html != NULL) {
		bbcode_raw(b, "<");
		bbcode_raw(b, t->tag->html);
		bbcode_raw(b, ">");
	}
	o->from = b->out->len;
}

/* A pair that needs a text of its own where it has none. */
static void
fill(struct bbcode *b, const struct bbopen *o)
{
	bool empty = b->to == BBCODE_MARKDOWN ? !o->shown :
	    b->out->len == o->from;

	if (empty && o->tag->fills)
		bbcode_text(b, o->arg, o->arg_len);
}

/* Whether a text is its own target, but for "mailto:" or "tel:". */
static bool
is_target(const struct bbcode *b, const struct bbopen *o)
{
	size_t n = b->out->len - o->from, more = o->arg_len - n;

	return n != 0 && n <= o->arg_len &&
	    memcmp(b->out->p + o->from, o->arg + more, n) == 0 &&
	    (more == 0 || o->arg[more - 1] == ':');
}

/* Where nothing can be a link, its target stands behind its text. */
static void
tell_target(struct bbcode *b, const struct bbopen *o)
{
	if (b->e != ERR_OK || is_target(b, o))
		return;
	bbcode_raw(b, " (");
	bbcode_text(b, o->arg, o->arg_len);
	bbcode_raw(b, ")");
}

static void
end_html(struct bbcode *b, const struct bbopen *o)
{
	const char *name = o->link ? "a" : o->tag->html;

	if (name == NULL)
		return;
	bbcode_raw(b, "</");
	bbcode_raw(b, name);
	bbcode_raw(b, ">");
}

static void
end_tag(struct bbcode *b, struct bbopen *o)
{
	fill(b, o);
	if (b->to == BBCODE_MARKDOWN)
		bbcode_mark_end(b, o);
	else if (b->to == BBCODE_HTML)
		end_html(b, o);
	else if (o->link)
		tell_target(b, o);
	b->links -= o->link;
}

static void
end_quotation(struct bbcode *b)
{
	if (b->to == BBCODE_HTML) {
		bbcode_raw(b, "</blockquote>");
		b->breaks = false;
	}
	bbcode_marks_pause(b);
	b->apart = true;
	b->quotes--;
}

void
bbcode_close(struct bbcode *b, size_t at)
{
	while (b->depth > at) {
		struct bbopen *o = &b->open[b->depth - 1];

		if (o->tag != NULL)
			end_tag(b, o);
		else
			end_quotation(b);
		b->depth--;
	}
}
