/*
 * The pieces of a page.
 *
 * Called by web/page.c and web/page_settings.c.  Owns nothing.
 */
#include "web/html.h"

#include "base/number.h"

void
html_raw(struct html *h, const char *s)
{
	if (h->e == ERR_OK)
		h->e = buf_adds(h->b, s);
}

static const char *
entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void
html_text(struct html *h, const char *s)
{
	for (; s != NULL && h->e == ERR_OK && *s != '\0'; s++)
		if (entity(*s) != NULL)
			h->e = buf_adds(h->b, entity(*s));
		else
			h->e = buf_addc(h->b, *s);
}

void
html_number(struct html *h, int64_t n)
{
	char text[NUMBER_TEXT_MAX];

	(void)number_text(text, n);
	html_raw(h, text);
}

void
html_put(struct html *h, const char *open, const char *text,
    const char *close)
{
	html_raw(h, open);
	html_text(h, text);
	html_raw(h, close);
}
