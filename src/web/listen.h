#ifndef WEB_LISTEN_H
#define WEB_LISTEN_H

#include "base/log.h"

#include <stdbool.h>
#include <stdint.h>

#define LISTEN_FD 0

/* Makes the listening socket ready for the accept loop, and warns of one that
 * is not private.  False with errno: it cannot. */
bool listen_open(const struct log *);

/* After an accept that failed with that errno: a pause, until stop_fd is
 * readable at the latest. */
void listen_pause(const struct log *, int code, int stop_fd);

/*
 * How many connections may be open before idle ones must go: what `ulimit -n`
 * leaves when that many threads work.
 */
int64_t listen_most(int64_t threads);

#endif
