#ifndef WEB_PAGE_H
#define WEB_PAGE_H

#include "base/buf.h"
#include "relay/relay.h"

/*
 * Appends the page that shows what became of an installation, as HTML, and
 * the header lines that go with it, each with its end.  Errors as buf_add().
 */
enum err page_render(struct buf *html, struct buf *head,
    const struct outcome *);

#endif
