#ifndef WEB_ACCEPT_H
#define WEB_ACCEPT_H

#include "base/err.h"
#include "relay/relay.h"

#include <stdbool.h>

/* Whether descriptor 0 is a listening socket, as FastCGI wants it. */
bool accept_is_fastcgi(void);

/*
 * Serves FastCGI requests with server.workers threads until SIGTERM,
 * SIGUSR1 or SIGINT: then no new one is taken, running ones are answered,
 * and it returns, at the latest after seven seconds (Apache kills after
 * eight).  Must be called while the process has one thread.
 *
 * ERR_OK; ERR_RETRY with the problem set if threads or descriptors cannot be
 * had.  *busy tells whether requests were still worked on: then nothing that
 * they use may be freed.
 */
enum err accept_serve(const struct relay *, bool *busy, struct problem *);

#endif
