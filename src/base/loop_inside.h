#ifndef BASE_LOOP_INSIDE_H
#define BASE_LOOP_INSIDE_H

#include "base/loop.h"

#include <pthread.h>
#include <sys/epoll.h>

/* What a loop is made of.  Private to base/. */

#define REPORTS_MAX 128		/* descriptors that one turn looks at */

/* Descriptors: loop_watch.c. */
struct poller {
	int fd;
	int got;		/* reports of this turn */
	int at;			/* the one that is being handled */
	struct epoll_event reports[REPORTS_MAX];
};

/* What other threads bring: loop_mail.c. */
struct mailbox {
	pthread_mutex_t lock;		/* guards the next one */
	struct letters in;
	/* the loop's own */
	struct letters opening;
	struct watch bell;
	bool rung;
};

/* Timers: timers.c. */
struct timers {
	struct timer *root;	/* the heap: who fires first */
	uint64_t serial;	/* of the next that is armed */
	bool firing;		/* those before `end` that are due by now */
	int64_t now_ms;
	uint64_t end;
};

/* How long turns take: loop_time.c. */
struct stopwatch {
	int64_t begun_ms;		/* this turn, after the sleep */
	int64_t lap_ms;			/* where the running step began */
	int64_t worst_ms;
	const char *worst;		/* the slowest step's name */
	int64_t quiet_until_ms;		/* no line before */
	int64_t untold;			/* slow turns without a line */
};

struct grave {
	void **p;
	size_t n;
	size_t cap;
};

TAILQ_HEAD(task_list, task);
TAILQ_HEAD(hook_list, hook);

struct loop {
	const struct clock *clock;
	const struct log *log;
	int64_t now_ms;
	bool turning;
	bool stopping;
	struct poller poller;
	struct mailbox mail;
	struct timers timers;
	struct task_list ready;
	struct hook_list hooks;
	struct hook *next_hook;		/* while hooks run */
	struct grave grave;
	struct stopwatch watch;
};

bool poller_init(struct loop *);
void poller_end(struct loop *);
void poller_sleep(struct loop *, int ms);
void poller_report(struct loop *);

bool mail_init(struct loop *);		/* needs the poller */
void mail_end(struct loop *);
void mail_open(struct loop *);

/* Takes a letter back that may or may not have been posted.  In the loop. */
void mail_take_back(struct loop *, struct letter *);

/* All that are due in this turn may be taken now, one by one; what is armed
 * meanwhile is not among them. */
void timers_expire(struct loop *);
/* The next of those, not armed any more; NULL: no more. */
struct timer *timers_take(struct loop *);

void time_begin(struct loop *);			/* sets now_ms, too */
void time_lap(struct loop *, const char *name);	/* what just ended */
void time_end(struct loop *);

#endif
