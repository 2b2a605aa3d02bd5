#ifndef WEB_OUT_H
#define WEB_OUT_H

#include "base/buf.h"

/* What pages are put together with: JSON with its commas, and HTML.  As with
 * any buffer, what is added after a failure is not. */
#define OUT_MAX ((size_t)1024 * 1024)

/* A member, or (NULL name) an element of a list.  A NULL text is null. */
void out_json(struct buf *, const char *name, const char *text);
void out_number(struct buf *, const char *name, int64_t);
/* What members or elements are in: '{' or '['; and its end. */
void out_open(struct buf *, const char *name, char);
/* A Unix time in ms as RFC 3339 says, in UTC; null for 0. */
void out_when(struct buf *, const char *name, int64_t ms);

/* A text for HTML, with its special characters escaped. */
void out_html(struct buf *, const char *);

#endif
