#ifndef WEB_HANDLER_H
#define WEB_HANDLER_H

#include "relay/relay.h"
#include "web/request.h"

/*
 * Answers one request and does its work to the end, which may be later than
 * the answer: server.answer_within bounds the answer only.  Any number of
 * threads may call with requests of their own.
 */
void handler_serve(const struct relay *, struct request *);

#endif
