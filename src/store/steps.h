#ifndef STORE_STEPS_H
#define STORE_STEPS_H

#include "store/private.h"

/* Private to store/: the steps of long work. */

/* A few rows on, on the way along those that nobody may use any more.
 * *gone: how many went; *more: the end is not reached. */
bool tidy_step(struct store *, struct tx *, int64_t *gone, bool *more);

/* A message's own wait is over; *ended: it had one. */
bool later_end(struct tx *, int64_t id, bool *ended);

/* Between steps: who asks again at once may have the lock again. */
void let_others(bool more);

#endif
