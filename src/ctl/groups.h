#ifndef CTL_GROUPS_H
#define CTL_GROUPS_H

#include "config/config.h"
#include "ctl/terminal.h"
#include "store/waits.h"

/*
 * What waits or needs a person, a line for each group, on standard output;
 * at most so many lines (0: all).  ERR_DISK, ERR_NOMEM.
 */
enum err groups_print(struct store *, const struct config *,
    const struct terminal *, int64_t limit, struct problem *);

/* As store_waits(), in the order in which they are told. */
enum err groups_read(struct store *, struct waits *, struct problem *);

/* Adds what is said of one; so many bytes of it are what it is. */
size_t groups_line(struct line *, const struct wait_group *,
    const struct config *);

#endif
