#ifndef STORE_STATUS_H
#define STORE_STATUS_H

#include "store/admin.h"
#include "store/counts.h"
#include "store/waits.h"

/*
 * How things are, for those who watch: by counts that are kept and a bounded
 * number of rows, so that it costs the same however long the queue is.
 */

/* A count; texts live as long as the status, "" where unknown. */
struct status_count {
	enum count what;
	const char *label;
	const char *endpoint;	/* of the portal whose member_id that is */
	int64_t n;
};

/* A portal that was called lately. */
struct status_portal {
	const char *member_id, *endpoint;
	int64_t level;		/* of its bucket: calls, in thousandths */
	bool down;
	const char *why;	/* it is down or parked, or "" */
};

struct status_trouble {
	const char *step, *where, *endpoint, *reason;
	int64_t n, at_ms;
};

struct status_minute {
	int64_t came;		/* of all HOUR_EVENTS */
	int64_t n[HOUR__MAX];
};

#define STATUS_TROUBLES 20

/* Asks for all of it; status_free() when it is done. */
struct status {
	struct db_work db;
	struct store *store;
	bool counts_only;	/* neither what waits, nor trouble, nor the
				 * hour */
	/* out */
	struct stats stats;
	int64_t processes;	/* that live and have worked on messages */
	struct status_count *count;	/* by kind, then by label */
	size_t counts;
	int64_t step[TIMED__MAX][TIMED_STEPS + 1];	/* in each */
	int64_t sum_ms[TIMED__MAX];
	struct status_portal *portal;
	size_t portals;
	struct waits waits;
	struct status_trouble trouble[STATUS_TROUBLES];	/* the latest first */
	size_t troubles;
	int64_t minute;		/* this one (Unix time); it is the last of */
	struct status_minute hour[HOUR_MINUTES];
	/* its own */
	struct arena arena;
	size_t count_room, portal_room;
};
void status_init(struct status *, struct store *);
void status_free(struct status *);
/* Asks at once, for programs without a loop. */
enum err status_now(struct status *, struct problem *);

/* Proves that the store can be written: its end is what the commit said. */
struct health {
	struct db_work db;
	/* out */
	int64_t oldest_ms;	/* of what waits: how long; -1: nothing does */
};
void store_health(struct health *);

#endif
