#ifndef CTL_GROUPS_H
#define CTL_GROUPS_H

#include "config.h"
#include "ctl/terminal.h"
#include "store/waits.h"

/*
 * What waits or needs a person, a line for each group, on standard output;
 * at most so many lines (0: all).  ERR_DISK, ERR_NOMEM.
 */
enum err groups_print(struct store *, const struct config *,
    const struct terminal *, int64_t limit, struct problem *);

#endif
