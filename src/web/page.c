/*
 * The pages that Bitrix24 shows in its frame.
 *
 * Called by web/answer.c.  Owns nothing.  Every text from outside is escaped;
 * only the portal may frame a page, and only the one script that ends an
 * installation runs, with Bitrix24's own.
 */
#include "web/page.h"

#include "codec/digest.h"
#include "http/url.h"
#include "portal/env.h"
#include "web/page_inside.h"

#include <stdbool.h>
#include <string.h>

#define API "https://api.bitrix24.com"

static const char finish[] = "BX24.init(function(){BX24.installFinish()})";

void
page_note(struct html *h, enum page_tone tone, const char *text,
    const char *more)
{
	static const char *const begin[] = {
		[TONE_GOOD] = "<div class=\"note good\" role=\"status\"><h2>",
		[TONE_BAD] = "<div class=\"note bad\" role=\"alert\"><h2>",
		[TONE_WAIT] = "<div class=\"note wait\" role=\"status\"><h2>",
	};

	html_put(h, begin[tone], text, "</h2>");
	if (more != NULL)	/* our own words, or Bitrix24's codes */
		html_put(h, "<p lang=\"en\">", more, "</p>");
	html_raw(h, "</div>\n");
}

/* ---- the installation, and what is refused */

static enum word
why_refused(const struct problem *p)
{
	switch (p->err) {
	case ERR_DENIED:
		return strcmp(p->field, "form") == 0 ? W_EXPIRED : W_DENIED;
	case ERR_UNUSABLE:
		return W_UNUSABLE;
	default:
		return W_RETRY;
	}
}

static void
add_other(struct html *h, const char *const *w, const struct outcome *o)
{
	bool refused = o->page == PAGE_REFUSED;

	html_put(h, "<h1>", w[refused ? W_SORRY : W_INSTALL], "</h1>\n");
	switch (o->page) {
	case PAGE_INSTALLED:
		page_note(h, TONE_GOOD, w[W_INSTALLED], NULL);
		break;
	case PAGE_FINISH:
		page_note(h, TONE_GOOD, w[W_FINISH], NULL);
		html_raw(h, "<script src=\"" API "/api/v1/\"></script>\n"
		    "<script>");
		html_raw(h, finish);
		html_raw(h, "</script>\n");
		break;
	case PAGE_FAILED:
		page_note(h, TONE_BAD, w[W_FAILED], o->reason);
		break;
	case PAGE_REFUSED:
		page_note(h, TONE_BAD, w[why_refused(o->problem)],
		    o->problem->text);
		break;
	default:
		page_note(h, TONE_WAIT, w[W_PENDING], NULL);
	}
}

static enum err
render(struct buf *b, const char *const *w, const struct outcome *o)
{
	struct html h = { b, ERR_OK };
	bool settings = o->page == PAGE_SETTINGS;

	html_put(&h, "<!DOCTYPE html>\n<html lang=\"", w[W_LANG], "\">\n"
	    "<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
	    "content=\"width=device-width, initial-scale=1\">\n<title>");
	if (settings)
		html_put(&h, "", o->settings->name, " - ");
	html_put(&h, "", w[settings ? W_SETTINGS : o->page == PAGE_REFUSED ?
	    W_SORRY : W_INSTALL], "</title>\n<style>");
	html_raw(&h, page_style);
	html_raw(&h, "</style>\n</head>\n<body>\n<main>\n");
	if (settings)
		page_settings(&h, w, o->settings);
	else
		add_other(&h, w, o);
	html_raw(&h, "</main>\n</body>\n</html>\n");
	return h.e;
}

/* ---- the header */

/* What stands inside <style> and <script> is named by its digest. */
static void
add_digest(struct html *h, const char *s)
{
	unsigned char digest[DIGEST_SIZE];
	char text[DIGEST_BASE64_MAX];

	if (h->e == ERR_OK)
		h->e = digest_whole(digest, s, strlen(s));
	if (h->e != ERR_OK)
		return;
	digest_base64(text, digest);
	html_raw(h, "'sha256-");
	html_raw(h, text);
	html_raw(h, "'");
}

/* Who may show it in a frame: the portal; where none is known yet, those that
 * may become known, and what they are shown then tells nothing. */
static void
add_ancestors(struct html *h, const struct outcome *o)
{
	const struct config_list *portals = &o->env->config->app.portals;
	bool plain = o->env->config->app.insecure_http;
	struct url url;

	html_raw(h, "frame-ancestors");
	if (o->endpoint != NULL && url_parse(&url, o->endpoint) == ERR_OK) {
		html_raw(h, url.https ? " https://" : " http://");
		html_raw(h, url.host);
		html_raw(h, ":");
		html_number(h, url.port);
		return;
	}
	/* web servers take a header of 4 KiB */
	for (size_t i = 0; i < portals->n && h->b->len < 2048; i++) {
		html_raw(h, " https://");
		html_raw(h, portals->item[i]);
		html_raw(h, plain ? " http://" : "");
		html_raw(h, plain ? portals->item[i] : "");
		html_raw(h, plain ? ":*" : "");
	}
	if (portals->n == 0)
		html_raw(h, " 'none'");
}

static enum err
render_head(struct buf *b, const struct outcome *o)
{
	struct html h = { b, ERR_OK };

	html_raw(&h, "Cache-Control: no-store\r\n"
	    "Referrer-Policy: no-referrer\r\n"
	    "X-Content-Type-Options: nosniff\r\n"
	    "Content-Security-Policy: default-src 'none'; base-uri 'none'; "
	    "form-action 'self'; ");
	if (o->page == PAGE_FINISH) {	/* and whatever that script needs */
		html_raw(&h, "script-src " API " ");
		add_digest(&h, finish);
		html_raw(&h, "; connect-src https:; img-src https: data:; "
		    "style-src https: ");
	} else {
		html_raw(&h, "style-src ");
	}
	add_digest(&h, page_style);
	html_raw(&h, "; ");
	add_ancestors(&h, o);
	html_raw(&h, "\r\n");
	return h.e;
}

enum err
page_render(struct buf *html, struct buf *head, const struct outcome *o,
    const char *query)
{
	enum err e = render(html, words_of(query), o);

	return e == ERR_OK ? render_head(head, o) : e;
}
