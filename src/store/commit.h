#ifndef STORE_COMMIT_H
#define STORE_COMMIT_H

#include "store/write.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

/* The writes that wait for the next commit.  Private to store/. */
STAILQ_HEAD(writes, store_write);

struct commits {
	pthread_mutex_t lock;	/* guards the rest */
	struct writes queue;
	size_t waiting;		/* how many are in it */
	bool (*on_lead)(void *ctx);
	void *ctx;
	bool led;		/* somebody commits now, or is about to */
};

void commits_init(struct commits *);
void commits_free(struct commits *);

#endif
