#ifndef WEB_HANDLER_H
#define WEB_HANDLER_H

#include "relay/relay.h"
#include "web/request.h"

/* A request with its event, until nobody works on it or waits for it. */
struct exchange;

/*
 * Reads a request's event, which takes as long as the request's read() does.
 * In any thread; what is wrong with it is told by handler_take().  NULL: no
 * memory, which that tells, too.
 */
struct exchange *handler_read(const struct relay *, struct request *);

/*
 * In the loop: passes the event on.  The request is answered once, by its
 * kind's finish(): before this returns, or later from the loop.  The work may
 * go on behind the answer: server.answer_within bounds the answer only.
 */
void handler_take(struct relay *, struct request *, struct exchange *);

#endif
