#ifndef WEB_CGI_H
#define WEB_CGI_H

#include "base/err.h"
#include "relay/relay.h"

/* Whether the environment is that of a CGI request (RFC 3875). */
int cgi_is_request(void);

/*
 * Serves the one request of this process: body on 0, answer on 1.  Turns the
 * relay's loop until it is answered; the work may go on behind that.
 */
void cgi_serve(struct relay *);

/* Answers it with a problem instead, such as a wrong configuration. */
void cgi_refuse(const struct problem *);

#endif
