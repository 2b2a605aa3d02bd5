#ifndef CTL_WHEN_H
#define CTL_WHEN_H

#include "base/buf.h"

#include <stdint.h>

/* Times as they are told.  `ms` is Unix time; errors as buf_add(). */

/* Local: the hour, of another day with the date. */
enum err when_add(struct buf *, int64_t ms);
/* Local, with the date, and how long ago: "... (2 h 5 min ago)". */
enum err when_add_ago(struct buf *, int64_t ms, int64_t now_ms);
/* "2 h 5 min". */
enum err when_add_span(struct buf *, int64_t ms);

/* A member of a JSON object: RFC 3339, UTC; null for 0. */
enum err when_add_json(struct buf *, const char *name, int64_t ms);

#endif
