#ifndef WEB_ACCEPT_H
#define WEB_ACCEPT_H

#include "base/err.h"
#include "base/pool.h"
#include "relay/relay.h"

/* Whether descriptor 0 is a listening socket, as FastCGI wants it. */
bool accept_is_fastcgi(void);

/* Before any thread starts: signals wait until accept_serve() takes them. */
bool accept_block_signals(void);

/*
 * Serves FastCGI requests in the relay's loop until SIGTERM, SIGUSR1 or
 * SIGINT: then no new one is taken, running ones are answered, and it returns,
 * at the latest after five seconds (Apache kills after eight).  `readers` read
 * what is large and comes slowly.
 *
 * ERR_OK; ERR_RETRY with the problem set if descriptors cannot be had.  *busy
 * tells whether something was still on its way: then nothing that it uses may
 * be freed.
 */
enum err accept_serve(struct relay *, struct pool *readers, bool *busy,
    struct problem *);

#endif
