#ifndef STORE_AGE_H
#define STORE_AGE_H

#include "store/store.h"

/*
 * *stamp_ms: what was stamped (Unix ms) then or earlier is at least `ms`
 * old.  Only time counts that is known to have passed, so that a clock that
 * jumps ahead makes nothing older; what is stamped while a clock is wrong may
 * count as younger than it is, never as older.  On failure nothing is that
 * old.
 */
enum err store_age_limit(struct store *, int64_t ms, int64_t *stamp_ms,
    struct problem *);

#endif
