#ifndef WEB_HTML_H
#define WEB_HTML_H

#include "base/buf.h"

/* HTML that is put together piece by piece: the first error stays, and what
 * comes behind it adds nothing. */
struct html {
	struct buf *b;
	enum err e;
};

/* Appends markup of our own, as it is. */
void html_raw(struct html *, const char *);

/* Appends a text from anywhere, escaped for content and for values of
 * attributes in double quotes.  NULL adds nothing. */
void html_text(struct html *, const char *);
void html_number(struct html *, int64_t);

/* `open`, the text, `close`. */
void html_put(struct html *, const char *open, const char *text,
    const char *close);

#endif
