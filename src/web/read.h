#ifndef WEB_READ_H
#define WEB_READ_H

#include "base/err.h"
#include "event/event.h"
#include "web/request.h"

#define READ_CHUNK ((size_t)16 * 1024)	/* bytes of a body in hand */

/*
 * Reads a request's body into an event: method, media type and length
 * first, then the body in chunks through the reader of its syntax.
 *
 * ERR_METHOD, ERR_MEDIA, ERR_TOOBIG, ERR_INPUT (in this order of rank, with
 * the byte offset) or ERR_NOMEM, with the problem set.  The body is read to
 * its end, also when it is refused (a web server whose request is not read
 * may drop the answer), but never further than the one byte past `body_max`
 * that shows it is too large.
 */
enum err read_event(struct request *, int64_t body_max, struct event *,
    struct problem *);

/* Reads a body that nobody wants, as far as a refused one. */
void read_nothing(struct request *, int64_t body_max);

#endif
