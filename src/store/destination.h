#ifndef STORE_DESTINATION_H
#define STORE_DESTINATION_H

#include "store/store.h"

/*
 * Channels and portals whose last call timed out or could not connect.
 * Such a destination is down for all processes until a probe succeeds.
 */

/*
 * When it may be tried: 0 if it is up, else the Unix ms of its next probe
 * (while somebody probes: when to look again).  With `probe`, one caller at
 * a time gets DOWN_PROBE: he is the probe, and tells its end by
 * store_set_up(), store_set_down() or, if it showed nothing,
 * store_probe_end().  A process that is gone probes no more.  ERR_DISK.
 */
#define DOWN_PROBE ((int64_t)-1)
enum err store_down_until(struct store *, const char *name, bool probe,
    int64_t *until_ms, struct problem *);

/* It is down, and may be probed at `probe_ms`.  Counts the failures. */
enum err store_set_down(struct store *, const char *name, int64_t wait_ms,
    int64_t *tries, struct problem *);

enum err store_probe_end(struct store *, const char *name, struct problem *);

/* It is up: what was held for the step of `like` is due now. */
enum err store_set_up(struct store *, const char *name,
    const struct work *like, struct problem *);

#endif
