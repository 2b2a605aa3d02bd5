#ifndef HTTP_TASK_H
#define HTTP_TASK_H

#include "http/transfer.h"

#include <pthread.h>
#include <sys/queue.h>

/* What the client keeps of one call.  Private to src/http/. */
struct http_task {
	struct transfer t;
	struct deadline until;
	CURL *easy;			/* while it is with curl */
	TAILQ_ENTRY(http_task) link;	/* in the queue, then in `running` */
	pthread_mutex_t lock;		/* guards `ended` */
	pthread_cond_t over;
	bool ended;
};

/* A task for a call, its timeout counting from now.  NULL: no memory. */
struct http_task *task_new(const struct clock *, struct http_call *);

/* NULL is fine. */
void task_free(struct http_task *);

/* Hands a task to its waiter, who may free it: the last touch of it. */
void task_ended(struct http_task *);

/* http_wait(), once there is a task. */
bool task_wait(struct http_task *, const struct deadline *);

#endif
