#ifndef WEB_ANSWER_H
#define WEB_ANSWER_H

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

/* The status of the problem's error, with what is wrong and where. */
int answer_problem(struct request *, const struct problem *);

#endif
