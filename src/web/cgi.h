#ifndef WEB_CGI_H
#define WEB_CGI_H

#include "base/err.h"
#include "relay/relay.h"

/* Whether the environment is that of a CGI request (RFC 3875). */
int cgi_is_request(void);

/* Serves the one request of this process: body on 0, answer on 1. */
void cgi_serve(const struct relay *);

/* Answers it with a problem instead, such as a wrong configuration. */
void cgi_refuse(const struct problem *);

#endif
