#ifndef CTL_HEALTH_H
#define CTL_HEALTH_H

#include "store/store.h"

/*
 * Prints one line for a monitor, as Nagios reads it.  *code is its exit code:
 * 0 all is well, 1 a person should look, 2 something does not go on.  What is
 * older than alert_ms is too old.  ERR_DISK, ERR_NOMEM: nothing was printed.
 */
enum err health_check(struct store *, int64_t alert_ms, int *code,
    struct problem *);

/* The line where nothing can be said of the queue.  Its exit code: 2. */
int health_unknown(const struct problem *);

#endif
