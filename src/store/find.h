#ifndef STORE_FIND_H
#define STORE_FIND_H

#include "store/store.h"

/*
 * A message by its key.  Keys have no index: what came is looked through,
 * in pages, so that nobody is held up.  *id 0: there is none.
 */
enum err store_find(struct store *, const char *key, int64_t *id,
    struct problem *);

/* With the message_id that its key is remembered by. */
enum err store_find_key(struct store *, const char *key, int64_t *id,
    int64_t *message_id, struct problem *);

#endif
