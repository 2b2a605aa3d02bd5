#ifndef RELAY_PROOFS_H
#define RELAY_PROOFS_H

#include "portal/install.h"
#include "relay/relay.h"

/*
 * Proofs of installations.  Anybody can post an installation and so make us
 * call a server that never answers.  So at most PROOFS_MAX are on their way
 * at a time, in threads of their own, and who finds no place is answered as
 * soon as his installation is kept; nothing that other events need is used.
 */
struct proofs;

#define PROOFS_MAX 2

/* The env must be there when the first one is taken.  ERR_NOMEM. */
enum err proofs_new(struct proofs **, const struct env *);

/* NULL is fine.  The threads must have ended. */
void proofs_free(struct proofs *);

/*
 * Starts the threads, which also try again what is kept.  Without them
 * proofs_take() proves in the calling thread.  ERR_RETRY: not enough threads.
 */
enum err proofs_start(struct proofs *);

/* No further proof begins, and who waits for one is answered at once. */
void proofs_stop(struct proofs *);

/* Waits until the threads have ended, at most for `ms`.  False: not all. */
bool proofs_join(struct proofs *, int64_t ms);

/*
 * relay_take() for an installation.  Copies that arrive while one is being
 * proven are answered as that one is.
 */
enum err proofs_take(struct proofs *, struct event *, struct sender *,
    struct outcome *, struct problem *);

/*
 * Tries again one that is due, in the calling thread, unless PROOFS_MAX are
 * being proven in all processes.  False: none was tried.
 */
bool proofs_try_one(struct proofs *, enum install_end *);

#endif
