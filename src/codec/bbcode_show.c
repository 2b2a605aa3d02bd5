/*
 * The one table of tags, and what those show that are no plain pair.
 *
 * Read by bbcode_tags.c and bbcode.c.  Owns nothing.  A new tag is a row.
 */
#include "codec/bbcode_inside.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DIGITS "0123456789"
#define HEX DIGITS "abcdefABCDEF"
#define YEAR_9999 INT64_C(253402300799)

/* ---- what an argument must be */

/* How many of its bytes are of a set. */
static size_t
span(const char *s, size_t n, const char *set)
{
	size_t i = 0;

	while (i < n && s[i] != '\0' && strchr(set, s[i]) != NULL)
		i++;
	return i;
}

static bool
is_number(const char *s, size_t n)
{
	size_t digits = span(s, n, DIGITS);

	return digits != 0 && digits <= 18 && (digits == n ||
	    s[digits] == ' ');
}

static bool
is_size(const char *s, size_t n)
{
	return n <= 3 && span(s, n, DIGITS) == n;
}

static bool
is_color(const char *s, size_t n)
{
	return s[0] == '#' && (n == 4 || n == 7) &&
	    span(s + 1, n - 1, HEX) == n - 1;
}

static bool
is_rating(const char *s, size_t n)
{
	return n == 1 && s[0] >= '1' && s[0] <= '5';
}

/* ---- links and images */

/* Whether a text is a URL of the web. */
static bool
is_web(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f)
			return false;
	return (bbcode_follows(s, n, "https://") && n > 8) ||
	    (bbcode_follows(s, n, "http://") && n > 7);
}

static bool
is_target(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f)
			return false;
	return is_web(s, n) || (bbcode_follows(s, n, "mailto:") && n > 7) ||
	    (bbcode_follows(s, n, "tel:") && n > 4);
}

/* What stands in a pair that has no other tag in it; 0: it is none. */
static size_t
inside(const struct bbcode *b, const char *end)
{
	const char *s = b->s + b->at;
	const char *p = memchr(s, '[', b->n - b->at);
	size_t n = p != NULL ? (size_t)(p - s) : 0;

	return p != NULL && bbcode_follows(p, b->n - b->at - n, end) ? n : 0;
}

/* One within another is none: it would end that. */
static void
make_link(struct bbcode *b, struct bbopen *o)
{
	if (b->links != 0)
		return;
	b->links++;
	o->link = true;
	if (b->to != BBCODE_HTML)
		return;
	bbcode_raw(b, "<a href=\"");
	bbcode_target(b, o);
	bbcode_raw(b, "\">");
}

static void
put_url(struct bbcode *b, const struct bbtoken *t)
{
	struct bbopen *o = &b->open[b->depth - 1];

	if (t->arg == NULL) {
		o->arg = b->s + b->at;
		o->arg_len = inside(b, "[/url]");
	}
	if (is_target(o->arg, o->arg_len))
		make_link(b, o);
}

static void
put_call(struct bbcode *b, const struct bbtoken *t)
{
	struct bbopen *o = &b->open[b->depth - 1];

	if (t->arg == NULL) {
		o->arg = b->s + b->at;
		o->arg_len = inside(b, "[/call]");
	}
	o->tel = true;
	if (span(o->arg, o->arg_len, DIGITS " +-()./#") == o->arg_len &&
	    o->arg_len != 0)
		make_link(b, o);
}

/* An image by its URL, with a text for those who do not see it. */
static void
image(struct bbcode *b, struct bbopen *o, const char *title, size_t n)
{
	if (b->to == BBCODE_HTML) {
		bbcode_raw(b, "<img src=\"");
		bbcode_target(b, o);
		bbcode_raw(b, "\" alt=\"");
		bbcode_text(b, title, n);
		bbcode_raw(b, "\">");
	} else if (b->to == BBCODE_MARKDOWN) {
		bbcode_marks(b, '!');
		bbcode_raw(b, "![");
		bbcode_text(b, title, n);
		bbcode_raw(b, "](");
		bbcode_target(b, o);
		bbcode_raw(b, ")");
	} else if (n != 0) {
		bbcode_text(b, title, n);
	} else {
		bbcode_text(b, o->arg, o->arg_len);
	}
}

/* What is no URL is text, and goes on behind the tag. */
static void
put_img(struct bbcode *b, const struct bbtoken *t)
{
	size_t n = inside(b, "[/img]");
	struct bbopen o = { .arg = b->s + b->at, .arg_len = n };

	(void)t;
	while (o.arg_len != 0 && o.arg[o.arg_len - 1] == ' ')
		o.arg_len--;
	if (!is_web(o.arg, o.arg_len))
		return;
	image(b, &o, NULL, 0);
	b->at += n + strlen("[/img]");
}

/* The value of an attribute, up to the next one. */
static size_t
attribute(const char *s, size_t n, const char *name, const char **value)
{
	size_t i = 0, end;

	while (i < n && !bbcode_follows(s + i, n - i, name))
		i++;
	if (i == n)
		return 0;
	i += strlen(name);
	for (end = i; end < n; end++)
		if (bbcode_follows(s + end, n - end, " size=") ||
		    bbcode_follows(s + end, n - end, " width=") ||
		    bbcode_follows(s + end, n - end, " height="))
			break;
	*value = s + i;
	return end - i;
}

static void
put_icon(struct bbcode *b, const struct bbtoken *t)
{
	const char *title = NULL, *blank = memchr(t->arg, ' ', t->arg_len);
	struct bbopen o = { .arg = t->arg, .arg_len = blank != NULL ?
	    (size_t)(blank - t->arg) : t->arg_len };
	size_t n = attribute(t->arg, t->arg_len, " title=", &title);

	if (is_web(o.arg, o.arg_len) && b->to != BBCODE_PLAIN)
		image(b, &o, title, n);
	else
		bbcode_text(b, title, n);
}

/* ---- others */

static void
put_style(struct bbcode *b, const struct bbtoken *t)
{
	char style[48];

	if (b->to != BBCODE_HTML)
		return;
	(void)snprintf(style, sizeof(style), t->arg[0] == '#' ?
	    "<span style=\"color:%.*s\">" : "<span style=\"font-size:%.*spx\">",
	    (int)t->arg_len, t->arg);
	bbcode_raw(b, style);
}

static void
put_timestamp(struct bbcode *b, const struct bbtoken *t)
{
	char text[64];
	int64_t s;
	struct tm tm;
	time_t when;

	(void)snprintf(text, sizeof(text), "%.*s", (int)span(t->arg,
	    t->arg_len, DIGITS), t->arg);
	s = strtoll(text, NULL, 10);
	when = (time_t)(s < YEAR_9999 ? s : YEAR_9999);
	if (gmtime_r(&when, &tm) == NULL)
		return;
	(void)snprintf(text, sizeof(text), "%04d-%02d-%02d %02d:%02d UTC",
	    (tm.tm_year + 1900) % 10000, (tm.tm_mon + 1) % 100,
	    tm.tm_mday % 100, tm.tm_hour % 100, tm.tm_min % 100);
	bbcode_text(b, text, strlen(text));
}

static void
put_rating(struct bbcode *b, const struct bbtoken *t)
{
	for (char i = '0'; i < t->arg[0]; i++)
		bbcode_text(b, "\xe2\x98\x85", 3);	/* a star */
}

static void
put_like(struct bbcode *b, const struct bbtoken *t)
{
	(void)t;
	bbcode_text(b, "\xf0\x9f\x91\x8d", 4);		/* a thumb up */
}

static void
put_dislike(struct bbcode *b, const struct bbtoken *t)
{
	(void)t;
	bbcode_text(b, "\xf0\x9f\x91\x8e", 4);		/* and down */
}

#define PAIR(tag) .name = (tag), .kind = TAG_PAIR

const struct bbtag bbcode_tags[] = {
	{ PAIR("b"), .html = "b", .mark = "**" },
	{ PAIR("i"), .html = "i", .mark = "*" },
	{ PAIR("u"), .html = "u" },
	{ PAIR("s"), .html = "s", .mark = "~~" },
	{ PAIR("size"), .arg = ARG_MUST, .good = is_size, .html = "span",
	    .put = put_style },
	{ PAIR("color"), .arg = ARG_MUST, .good = is_color, .html = "span",
	    .put = put_style },
	{ PAIR("url"), .arg = ARG_MAY, .put = put_url, .fills = true },
	{ PAIR("user"), .arg = ARG_MUST },
	{ PAIR("chat"), .arg = ARG_MUST },
	{ PAIR("context"), .arg = ARG_MUST },
	{ PAIR("pch"), .arg = ARG_MUST, .good = is_number },
	{ PAIR("put"), .arg = ARG_MAY, .fills = true },
	{ PAIR("send"), .arg = ARG_MAY, .fills = true },
	{ PAIR("call"), .arg = ARG_MAY, .put = put_call, .fills = true },
	{ .name = "code", .kind = TAG_WHOLE, .put = bbcode_put_code },
	{ .name = "img", .kind = TAG_WHOLE, .attributes = true,
	    .put = put_img },
	{ .name = "icon", .arg = ARG_MUST, .put = put_icon },
	{ .name = "timestamp", .arg = ARG_MUST, .good = is_number,
	    .put = put_timestamp },
	{ .name = "disk", .arg = ARG_MUST },
	{ .name = "attach", .arg = ARG_MUST },
	{ .name = "rating", .arg = ARG_MUST, .good = is_rating,
	    .put = put_rating },
	{ .name = "like", .put = put_like },
	{ .name = "dislike", .put = put_dislike },
};
const size_t bbcode_tags_n = sizeof(bbcode_tags) / sizeof(bbcode_tags[0]);
