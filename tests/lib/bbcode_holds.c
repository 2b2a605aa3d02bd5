/*
 * What holds for every text that is converted from BB-code.
 *
 * Called by the fuzz target and by unit tests.  Owns nothing.
 */
#include "bbcode_holds.h"

#include "codec/bbcode.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define OPEN_MAX 64

struct html {
	const char *s, *end;
	const char *open[OPEN_MAX];
	size_t depth;
	size_t links;
};

static const char *const names[] = { "b", "i", "u", "s", "span", "a", "pre",
	"blockquote" };
#define NAMES (sizeof(names) / sizeof(names[0]))

static bool
eat(struct html *h, const char *what)
{
	size_t n = strlen(what);

	if ((size_t)(h->end - h->s) < n || memcmp(h->s, what, n) != 0)
		return false;
	h->s += n;
	return true;
}

/* Up to the closing quote; no bracket is in it. */
static bool
eat_value(struct html *h)
{
	while (h->s < h->end && *h->s != '"' && *h->s != '<' && *h->s != '>')
		h->s++;
	return eat(h, "\"");
}

static bool
goes_somewhere_good(const struct html *h, bool image)
{
	static const char *const good[] = { "http://", "https://", "mailto:",
		"tel:" };

	for (size_t i = 0; i < (image ? 2 : 4); i++) {
		size_t n = strlen(good[i]);

		if ((size_t)(h->end - h->s) >= n &&
		    strncasecmp(h->s, good[i], n) == 0)
			return true;
	}
	return false;
}

static bool
eat_link(struct html *h)
{
	return eat(h, " href=\"") && goes_somewhere_good(h, false) &&
	    eat_value(h) && eat(h, ">");
}

static bool
eat_style(struct html *h)
{
	return (eat(h, " style=\"color:#") || eat(h, " style=\"font-size:")) &&
	    eat_value(h) && eat(h, ">");
}

static bool
eat_image(struct html *h)
{
	return goes_somewhere_good(h, true) && eat_value(h) &&
	    eat(h, " alt=\"") && eat_value(h) && eat(h, ">");
}

static bool
eat_end(struct html *h)
{
	const char *name;

	if (h->depth == 0)
		return false;
	name = h->open[--h->depth];
	h->links -= strcmp(name, "a") == 0;
	return eat(h, name) && eat(h, ">");
}

static bool
eat_begin(struct html *h, const char *name)
{
	const char *from = h->s;

	if (h->depth == OPEN_MAX || !eat(h, name))
		return false;
	h->open[h->depth++] = name;
	if (strcmp(name, "a") == 0 && h->links++ == 0 && eat_link(h))
		return true;
	if (strcmp(name, "span") == 0 && eat_style(h))
		return true;
	if (strcmp(name, "a") != 0 && strcmp(name, "span") != 0 &&
	    eat(h, ">"))
		return true;
	h->links -= strcmp(name, "a") == 0;
	h->depth--;
	h->s = from;
	return false;
}

static bool
eat_tag(struct html *h)
{
	if (eat(h, "br>"))
		return true;
	if (eat(h, "img src=\""))
		return eat_image(h);
	if (eat(h, "/"))
		return eat_end(h);
	for (size_t i = 0; i < NAMES; i++)
		if (eat_begin(h, names[i]))
			return true;
	return false;
}

static const char *
html_holds(const struct buf *b)
{
	struct html h = { .s = b->p, .end = b->p + b->len };

	while (h.s < h.end) {
		char c = *h.s++;

		if (c == '<' && !eat_tag(&h))
			return "an element that is not ours, or not in order";
		if (c == '>' || c == '"')
			return "something is not escaped";
	}
	return h.depth == 0 ? NULL : "an element is not closed";
}

const char *
bbcode_holds(const char *s, size_t n)
{
	const char *wrong = NULL;

	for (int to = BBCODE_PLAIN; to <= BBCODE_MARKDOWN; to++) {
		struct buf b;

		buf_init(&b, n * BBCODE_GROWTH + 64);
		if (bbcode_convert(&b, s, n, (enum bbcode_to)to) != ERR_OK)
			wrong = "it did not succeed";
		else if (to == BBCODE_HTML && b.len != 0)
			wrong = html_holds(&b);
		buf_free(&b);
		if (wrong != NULL)
			return wrong;
	}
	return NULL;
}
