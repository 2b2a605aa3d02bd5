#ifndef RELAY_NEWEST_H
#define RELAY_NEWEST_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The newest event's token of a portal that was accepted, in the memory of
 * this process: it serves for older messages whose own is over.  Of more
 * portals than there is room for, some are forgotten.  Any thread may call.
 */
struct newest;

enum err newest_new(struct newest **);
void newest_free(struct newest *);	/* NULL is fine */

/* The token of that message's event was accepted. */
void newest_put(struct newest *, const char *member_id, int64_t id,
    const char *token);

/* It was refused: nobody needs it any more. */
void newest_drop(struct newest *, const char *member_id, const char *token);

/* *token (in the arena) and *id as they were put.  False: there is none. */
bool newest_get(struct newest *, const char *member_id, struct arena *,
    const char **token, int64_t *id);

#endif
