#ifndef STORE_OWNER_H
#define STORE_OWNER_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * This process as an owner of claims: a number of its own and a kernel lock
 * on the byte of that number in the file beside the store.  The lock dies
 * with the process, however that ends, and every claim with it.
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

/* Whether the process with that number lives, this one included. */
bool owner_lives(const struct owner *, int64_t number);

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
