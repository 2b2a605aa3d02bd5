#ifndef WEB_ANSWER_H
#define WEB_ANSWER_H

#include "base/buf.h"
#include "base/err.h"
#include "relay/relay.h"
#include "web/request.h"

/*
 * The answers (README has the table).  Each writes the whole answer, hands
 * it to the web server and returns the HTTP status.  That the peer is gone
 * changes nothing: the queue does not depend on it.
 */

/* 200 acknowledged, ignored, installed, uninstalled; 202 queued. */
int answer_outcome(struct request *, const struct outcome *);

/* The word for an event's result: "acknowledged", "queued", ... */
const char *answer_word(const struct outcome *);

/* The status of the problem's error, with what is wrong and where. */
int answer_problem(struct request *, const struct problem *);

/* What those see who watch: 200, 404 or 503, of a media type.  Takes what is
 * in the buffer. */
void answer_view(struct request *, int code, const char *type,
    struct buf *);

#endif
