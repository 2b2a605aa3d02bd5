#ifndef CTL_ACT_H
#define CTL_ACT_H

#include "config/config.h"
#include "relay/relay.h"
#include "store/flush.h"

#include <stdbool.h>

/*
 * What imconnectorctl does to the queue.  Each prints how many messages it
 * touched; what takes long shows its progress if standard error is a
 * terminal.  ERR_DISK; with a key that nothing was done to, ERR_UNUSABLE
 * says why.
 */

/* Refused messages go on: the one with that key, or all (NULL). */
enum err act_retry_refused(struct store *, const char *key, bool json,
    struct problem *);

/* Removes a message for good. */
enum err act_drop(struct store *, const char *key, bool json,
    struct problem *);

/* All that were refused more than older_ms ago (0: all). */
enum err act_drop_refused(struct store *, int64_t older_ms, bool json,
    struct problem *);

/* All is due now: the message with that key, or (NULL) what is wanted. */
enum err act_flush(struct store *, struct flush *, const char *key,
    bool json, struct problem *);

/* One pass over all that is due. */
enum err act_pass(struct relay *, bool json, struct problem *);

/* Removes what was acknowledged more than store.keep_days ago. */
enum err act_purge(struct store *, bool json, struct problem *);

#endif
