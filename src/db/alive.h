#ifndef DB_ALIVE_H
#define DB_ALIVE_H

#include "db/db.h"

/*
 * Who is alive.  A process is a number that claims are written with.  It is
 * in the table `process` from its first db_me() on, and holds a kernel lock
 * that dies with it.  The lock is the file's, whatever name led to it.
 */

/* This process; only in work that writes.  The number changes when another
 * process has declared this one stopped. */
int64_t db_me(struct tx *);

/*
 * Whether claims of that number hold: the process lives, as the kernel says.
 * 0 is nobody.
 */
bool db_alive(struct tx *, int64_t number);

/*
 * Processes whose claims are void: gone, or silent for 30 s of our monotonic
 * clock (looked at a second apart) while they have claims.  Whoever has
 * taken care of the claims of one calls db_bury_process(), in the same
 * transaction.  0: none.  A process that owns nothing may bury itself.
 */
bool db_next_dead(struct tx *, int64_t *number);
bool db_bury_process(struct tx *, int64_t number);

/*
 * This process shows that it lives: to be called about each second while it
 * has claims; does nothing if it has just shown it.  Who calls neither this
 * nor db_me() for 10 s says by it that it has no claims.
 */
bool db_beat(struct tx *);

/*
 * What the living say of themselves (db_opts.about, "" where unset), one
 * after the other; an own one that is not in the table yet is left out.
 */
bool db_each_process(struct tx *, bool (*each)(void *ctx, int64_t number,
    const char *about), void *ctx);

/* Whether a process of the version before this one (schema 2) lives. */
bool db_older_lives(struct tx *);

#endif
