#ifndef WEB_HANDLER_H
#define WEB_HANDLER_H

#include "relay/relay.h"
#include "web/request.h"

/*
 * Reads one request and works on it.  It is answered once, by its kind's
 * finish(): before this returns or, when all that is left to do is to wait
 * for Bitrix24, later and from any thread.  The work may go on behind the
 * answer: server.answer_within bounds the answer only.  `thread` ends if the
 * calling thread is kept for longer than that.  Any number of threads may
 * call with requests of their own.
 */
void handler_serve(const struct relay *, struct request *,
    struct patience *thread);

#endif
