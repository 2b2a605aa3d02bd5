#ifndef WEB_IDLE_H
#define WEB_IDLE_H

#include "base/clock.h"
#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/*
 * A connection that waits for a request, as a part of its owner.  The owner's
 * memory must stay while the idle ones are in use: an event of the epoll set
 * may lead to it after its connection is gone.
 */
struct idle_one {
	void *owner;		/* where events of the epoll set lead to */
	int fd;
	bool known;		/* the epoll set has the descriptor */
	/* idle.c's own */
	bool waits;
	bool edge;		/* the epoll set reports only what is new */
	bool bounded;		/* its head must be whole within the minute */
	int64_t since_ms;
	TAILQ_ENTRY(idle_one) link;
};

/* All of them.  The first two are set by the owner. */
struct idle {
	int epoll_fd;
	const struct clock *clock;
	int timer_fd;		/* readable: idle_silent() has something to */
				/* do; the owner watches it */
	/* idle.c's own */
	int64_t silent_ms;
	pthread_mutex_t lock;
	bool armed;
	TAILQ_HEAD(idle_list, idle_one) waiting;	/* oldest first */
};

enum err idle_init(struct idle *);	/* ERR_NOMEM, ERR_RETRY */
/* Closes those that wait.  Nobody uses it any more. */
void idle_free(struct idle *);

/*
 * Lets a connection wait in the epoll set.  `kept`: it has had a request, and
 * may be silent for as long as it likes.  False: it cannot, and is as before.
 */
bool idle_wait(struct idle *, struct idle_one *, bool kept);

/*
 * After an event of the epoll set: true gives the connection to the caller,
 * as a head has come, or with *over the end of it.  False: another thread has
 * it, or there is not enough yet.
 */
bool idle_take(struct idle *, struct idle_one *, bool *over);

/*
 * Closes the one that has waited longest without a whole head (idle_oldest),
 * or one that had a minute for its head (idle_silent), and returns it; NULL:
 * there is none.  What has come whole is never lost by it.
 */
struct idle_one *idle_oldest(struct idle *);
struct idle_one *idle_silent(struct idle *);

#endif
