#ifndef RELAY_RETRY_H
#define RELAY_RETRY_H

#include "relay/relay.h"

#include <stdint.h>

/*
 * The retry threads of a FastCGI process.  They take what is due from the
 * store, whoever put it there; one thread of all processes scans at a time.
 */
struct retry;

/* Starts them.  ERR_NOMEM, ERR_RETRY (not enough threads: those that there
 * are work, and retry_stop() follows all the same).  The relay must outlive
 * them. */
enum err retry_start(struct retry **, const struct relay *);

/*
 * Tells them to stop and waits until they have, at most for `ms`.  True: all
 * are gone and the retry is freed.  False: some still work, nothing that
 * they use may be freed.  NULL is fine.
 */
bool retry_stop(struct retry *, int64_t ms);

/*
 * One pass in the calling thread over what is due, until nothing is, or
 * `messages` were tried, or `ms` are over (what was begun is finished).
 * *done, *failed: how many moved on, and how many did not.  A step of the
 * purge goes with it.
 */
struct pass {
	int64_t messages;
	int64_t ms;
	void (*progress)(void *ctx, const struct pass *);	/* or NULL */
	void *ctx;
	int64_t done, failed;	/* out */
};
enum err retry_pass(const struct relay *, struct pass *, struct problem *);

#endif
