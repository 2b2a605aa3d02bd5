/*
 * The page of an installation, shown in Bitrix24's frame.
 *
 * Called by web/answer.c.  Owns nothing.  Every text from outside is escaped;
 * only the portal may frame the page, and only its own script runs.
 */
#include "web/page.h"

#include "http/url.h"

#include <string.h>

static enum err
add_escaped(struct buf *b, const char *s)
{
	enum err e = ERR_OK;

	for (; e == ERR_OK && *s != '\0'; s++)
		switch (*s) {
		case '&':
			e = buf_adds(b, "&amp;");
			break;
		case '<':
			e = buf_adds(b, "&lt;");
			break;
		case '>':
			e = buf_adds(b, "&gt;");
			break;
		case '"':
			e = buf_adds(b, "&quot;");
			break;
		default:
			e = buf_addc(b, *s);
		}
	return e;
}

static const char *
words_of(enum page_kind kind)
{
	switch (kind) {
	case PAGE_INSTALLED:
		return "The application is installed.";
	case PAGE_PENDING:
		return "The installation is on its way. Open this page again "
		    "in a minute.";
	default:
		return "The application is installed, but could not be set "
		    "up:";
	}
}

enum err
page_render(struct buf *html, struct buf *head, const struct outcome *o)
{
	bool done = o->page == PAGE_INSTALLED;
	struct url url;
	bool known = o->endpoint != NULL &&
	    url_parse(&url, o->endpoint) == ERR_OK;
	enum err e = buf_adds(html, "<!DOCTYPE html>\n<meta charset=\"utf-8\">"
	    "\n<title>imconnector</title>\n<p>");

	if (e == ERR_OK)
		e = buf_adds(html, words_of(o->page));
	if (e == ERR_OK && o->page == PAGE_FAILED && o->reason != NULL)
		e = buf_adds(html, "<p>");
	if (e == ERR_OK && o->page == PAGE_FAILED && o->reason != NULL)
		e = add_escaped(html, o->reason);
	if (e == ERR_OK && done)
		e = buf_adds(html, "\n<script src=\"https://api.bitrix24.com/"
		    "api/v1/\"></script>\n<script>BX24.init(function(){"
		    "BX24.installFinish()})</script>");
	if (e == ERR_OK)
		e = buf_addc(html, '\n');
	if (e == ERR_OK)
		e = buf_adds(head, "Cache-Control: no-store\r\n");
	if (e == ERR_OK && known)
		e = buf_addf(head, "Content-Security-Policy: frame-ancestors "
		    "%s://%s:%ld\r\n", url.https ? "https" : "http", url.host,
		    url.port);
	return e;
}
