#ifndef WEB_LISTEN_H
#define WEB_LISTEN_H

#include "base/log.h"

#include <stdbool.h>
#include <stdint.h>

#define LISTEN_FD 0

/* Makes the listening socket ready for the accept loop, and warns of one that
 * is not private.  False with errno: it cannot. */
bool listen_open(const struct log *);

/*
 * How many connections may be open before idle ones must go: what `ulimit -n`
 * leaves beside `others` descriptors.  The soft limit is raised to what all of
 * them need, if the hard one lets it.
 */
int64_t listen_most(int64_t others);

#endif
