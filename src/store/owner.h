#ifndef STORE_OWNER_H
#define STORE_OWNER_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * This process as an owner of claims: a number of its own and a kernel lock
 * at the place of that number in the file beside the store.  The lock dies
 * with the process, however that ends, and every claim with it.
 *
 * It also shows that the process goes on: a thread moves it each second.  Who
 * has watched another's stand still for thirty may take what that one has
 * claimed.
 */
struct owner;

/*
 * Opens PATH.lock (with the mode of PATH and, if root makes it, its owner)
 * and takes a number that nobody has.  PATH must be the file's one name: two
 * that open it by different ones do not see each other.
 * ERR_DISK with the reason, ERR_NOMEM.
 */
enum err owner_open(struct owner **, const char *path, struct problem *);
void owner_close(struct owner *);	/* NULL is fine; the claims end */

int64_t owner_number(const struct owner *);

/*
 * Whether the claims of that number count: its process lives and was not seen
 * without a heartbeat for too long.  This one's own do.  `now_ms` is
 * monotonic.  One thread at a time, also for owner_watch().
 */
bool owner_lives(struct owner *, int64_t number, int64_t now_ms);

/*
 * A look at all that were asked about, so that looks come often enough.
 */
void owner_watch(struct owner *, int64_t now_ms);

/*
 * One heartbeat; `if_late`: only if the thread was kept from it.  Whoever
 * claims or looks at its claims does so first: a process that was stopped
 * must not be taken for dead behind that.
 */
void owner_beat(struct owner *, bool if_late);

/*
 * Whether a claim is so young that nobody can have taken it: it was made, or
 * seen, at `claimed_ms`.
 */
bool owner_is_young(const struct owner *, int64_t claimed_ms, int64_t now_ms);

/*
 * The one place at the scan for due work, among all processes of the store.
 * False: another process has it.  One thread of a process at a time.
 */
bool owner_begin_scan(struct owner *);
void owner_end_scan(struct owner *);

/*
 * The place of the process that writes next: who has just written must let
 * it go first.  False: another process has it.  One thread at a time.
 */
bool owner_begin_turn(struct owner *);
void owner_end_turn(struct owner *);

/*
 * The place of the one process that writes or checkpoints now.  False:
 * another process has it.  One thread at a time.
 */
bool owner_begin_write(struct owner *);
void owner_end_write(struct owner *);

#endif
