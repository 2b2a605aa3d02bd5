#ifndef CTL_QUEUE_H
#define CTL_QUEUE_H

#include "store/admin.h"

#include <stdbool.h>

/*
 * What imconnectorctl prints of the queue, on standard output: lines for
 * people, or JSON with every field.  Texts from outside are shown without
 * control characters.  ERR_DISK, ERR_NOMEM; queue_show() gives ERR_UNUSABLE
 * if there is no message with that key.
 */
enum err queue_list(struct store *, const struct filter *, bool json,
    struct problem *);
enum err queue_show(struct store *, const char *key, bool json,
    struct problem *);

#endif
