#ifndef CTL_STATUS_H
#define CTL_STATUS_H

#include "config/config.h"
#include "store/status.h"

#include <stdbool.h>

/* Prints how things are, for people or as the status page's JSON.  ERR_DISK,
 * ERR_NOMEM. */
enum err status_print(struct store *, const struct config *, bool json,
    struct problem *);

#endif
