#ifndef STORE_COUNTS_H
#define STORE_COUNTS_H

#include "store/store.h"

/*
 * What processes count: in memory, in the loop; a second later it is added to
 * what all have counted, in the store (table `counted`).  So a process that is
 * killed loses a second of its counts, and no count is ever taken back.  All
 * but counts_new() may be given NULL.
 */
struct counts;

/* What is counted, each by a label. */
enum count {
	COUNT_ANSWERS,		/* by "STATUS RESULT" */
	COUNT_TAKEN,		/* messages that a channel took, */
	COUNT_REFUSED,		/* refused for good, */
	COUNT_FAILED,		/* or did not take yet: by connector */
	COUNT_TOLD,		/* messages that a portal accepted, */
	COUNT_CALLS,		/* calls that it answered, or did not, */
	COUNT_ERRORS,		/* and those that failed: by member_id */
	COUNT_REFRESHES,	/* of tokens: by "ok", "rejected", "failed" */
	COUNT__MAX
};

/* What is counted for each minute of the last hour: how events were answered,
 * then what became of messages.  The numbers stand in the store. */
enum hour {
	HOUR_ACKNOWLEDGED,
	HOUR_QUEUED,
	HOUR_IGNORED,
	HOUR_DENIED,		/* 403 */
	HOUR_REFUSED,		/* 400, 413, 415, 422 */
	HOUR_UNAVAILABLE,	/* 503 */
	HOUR_EVENTS,		/* all above */
	HOUR_TAKEN = HOUR_EVENTS,
	HOUR_TOLD,
	HOUR_FAILED,
	HOUR__MAX
};
#define HOUR_MINUTES 60

/* Times, in steps: up to so many ms, and one more for what took longer. */
enum timed { TIMED_HAND_OVER, TIMED_CALL, TIMED__MAX };
#define TIMED_STEPS 15
extern const int64_t timed_step_ms[TIMED_STEPS];

/* So many labels of a kind have a row of their own, as long as they are in
 * use; what is beyond them is counted for COUNTS_OTHER. */
#define COUNTS_LABELS 200
#define COUNTS_OTHER "other"

struct counts_opts {
	struct store *store;
	struct loop *loop;
	const struct log *log;
	bool one_shot;		/* a process that does one thing: it says when
				 * to flush, which is not tried again */
};

/* ERR_NOMEM. */
enum err counts_new(struct counts **, const struct counts_opts *);
/* The store is closed. */
void counts_free(struct counts *);

/* In the loop.  What there is no memory for is not counted. */
void counts_add(struct counts *, enum count, const char *label, int64_t n);
/* An answer: COUNT_ANSWERS, and as one of HOUR_EVENTS; HOUR__MAX: as none. */
void counts_answer(struct counts *, enum hour, const char *label);
void counts_time(struct counts *, enum timed, int64_t ms);
/* Something failed at a connector's channel or a portal, for people.  The
 * reason has nothing secret. */
void counts_trouble(struct counts *, const char *step, const char *where,
    const char *reason);

/* What is counted by now goes to the store. */
void counts_flush(struct counts *);

/* Private to store/: the names of the rows. */
extern const char *const count_names[COUNT__MAX];
extern const char *const timed_names[TIMED__MAX];
#define TIMED_SUM "ms"		/* its label; those of steps are numbers */
#define TROUBLES 50		/* rows that are kept */

#endif
