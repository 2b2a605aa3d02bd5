#ifndef STORE_SUBMIT_H
#define STORE_SUBMIT_H

#include "store/store.h"
#include "store/write.h"

/*
 * The two writes of nearly every event, without a thread that waits for the
 * commit.
 */

/*
 * store_take() without a thread that waits.  The caller sets the first five;
 * all that they point to lives until it is over.  True: it is over, and
 * write.done() is not called.  store_take_end() says how.
 */
struct taking {
	struct store *store;
	const struct event *ev;
	struct take_opts opts;
	struct arrival *out;
	struct store_write write;
	/* the store's own */
	struct problem problem;
	int64_t now_ms, hold_ms;
	size_t i;		/* the message at hand */
	bool denied;		/* the sender may not */
};

bool store_take_begin(struct taking *);
enum err store_take_end(struct taking *, struct problem *);

/*
 * store_delivered() without a thread that waits, as store_take_begin().  If
 * it fails, but for ERR_LOST, store_delivered() is to follow: it does not give
 * up at once.
 */
struct delivering {
	struct store *store;
	struct work *work;
	const char *ids;
	const struct line *line;
	struct call *call;
	struct store_write write;
	/* set by the store */
	int64_t next;
	/* its own */
	struct problem problem;
	int64_t now_ms;
	bool lost;
};

bool store_delivered_begin(struct delivering *);
enum err store_delivered_end(struct delivering *, struct problem *);

#endif
