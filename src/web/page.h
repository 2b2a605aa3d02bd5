#ifndef WEB_PAGE_H
#define WEB_PAGE_H

#include "base/buf.h"
#include "relay/relay.h"

/*
 * Appends the page that an outcome is shown by, as HTML, and the header lines
 * that go with it, each with its end.  `query` is the request's, and says
 * which language; NULL is fine.  Errors as buf_add().
 */
enum err page_render(struct buf *html, struct buf *head,
    const struct outcome *, const char *query);

#endif
