#ifndef PORTAL_SETUPS_H
#define PORTAL_SETUPS_H

#include "portal/setting_up.h"
#include "store/setups.h"

/*
 * The set-ups that are due in the store, some at a time, with pauses after
 * failures.  Nobody waits for them; how one stands is read in the store
 * (store/setups.h).
 */
struct setups;

enum err setups_new(struct setups **, struct rooms *);
void setups_free(struct setups *);	/* NULL is fine */

/* Takes up what is due. */
void setups_look(struct setups *);

/* Begins none any more; what waits for its turn is dropped. */
void setups_stop(struct setups *);

/* Those that are on their way. */
size_t setups_busy(const struct setups *);

/*
 * What the store is to be told of a set-up's end; the caller sets member_id
 * and asked, submits it and keeps `s` until then.
 */
void setups_ending(struct setup_ending *, const struct setting_up *s,
    int64_t tries);

#endif
