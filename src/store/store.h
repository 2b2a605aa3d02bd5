#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/clock.h"
#include "base/err.h"
#include "db/db.h"

/*
 * The queue of messages, shared by all processes that name the same store.
 * Rules only: the database stands behind db/.  What is asked of the store is
 * a struct that begins with a db_work; its owner sets the fields above
 * "out", submits it, keeps it until done(), and reads the rest.  A work that
 * ended with ERR_OK survives power loss; ERR_DISK means that nothing of it
 * can be relied on.
 *
 * A message is worked on by one process at a time.  Every move names the
 * process that it moves for: one that has lost its claim changes nothing.
 */
struct store;

struct store_opts {
	struct db_opts db;	/* all but `last` and `ctx` */
	/* whose messages this process takes up, in lower case; 0: all */
	char *const *connector;
	size_t connectors;
	int64_t keep_ms;	/* how long repeats are recognised */
	int64_t longest_ms;	/* no try is further ahead than this */
	int64_t give_up_ms;
	int64_t burst, rate, slots;	/* what a portal bears */
	/* where this process sends them; NULL: it cannot say */
	const char *(*channel_url)(void *ctx, const char *connector,
	    int64_t line);
	void *channel_ctx;
};

/* ERR_CONFIG for a URL of no known kind, ERR_NOMEM. */
enum err store_open(struct store **, const struct store_opts *,
    struct problem *);

/* Commits what is queued; ends all claims.  False: the committer is held up,
 * nothing may be freed.  NULL is fine. */
bool store_close(struct store *, int64_t wait_ms);

struct db *store_db(struct store *);

/*
 * Runs a work that was prepared by one of the store_*() functions at once;
 * for programs without a loop.
 */
enum err store_now(struct store *, struct db_work *, struct problem *);

#endif
