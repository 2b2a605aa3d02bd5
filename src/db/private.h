#ifndef DB_PRIVATE_H
#define DB_PRIVATE_H

#include "db/alive.h"
#include "db/lock.h"
#include "db/sql.h"
#include "db/sqlite.h"

#include <pthread.h>
#include <stdatomic.h>

/*
 * What the driver's files know of one another.  From the bottom: file (names
 * and making), lock (bytes of the lock file), sqlite and statement (the
 * connection), alive (the table `process`), connect (when it is needed),
 * batch (one transaction for many), committer (whose thread it is), db.
 */
STAILQ_HEAD(works, db_work);

/* ---- alive.c */

#define DB_REST_MS 10000	/* unused for so long: it has no claims */

struct me {
	bool checked;		/* in this transaction */
	bool listed;		/* in the table, with this number */
	bool rests;		/* its row says that it has no claims */
	int64_t beat_ms;	/* monotonic: when it last moved there, */
	int64_t used_ms;	/* and was last needed */
};

/* A process that was looked at. */
struct seen {
	int64_t number, beat;
	int64_t at_ms, silent_ms;
};
struct looks {
	struct seen *of;	/* by number */
	size_t n, room;
};

struct alive {
	int64_t number;
	struct me me;		/* as it was committed */
	struct looks before, now;
};

void alive_free(struct alive *);
/* Work: writes that this process rests, if it is so. */
bool alive_rest(struct tx *, struct db_work *);
/* Work: removes the row of a process that rests. */
bool alive_leave(struct tx *, struct db_work *);

/* ---- batch.c */

struct tx {
	struct db *db;
	bool writes;
	bool lazy;		/* nobody waits for it */
	enum trouble trouble;	/* the worst yet; anything but none: over */
	struct problem problem;	/* and the first */
	size_t open;		/* rows that were not ended */
	int64_t now_ms, mono_ms;
	uint64_t serial;
	struct me me;
};

/* Fails the transaction by what the connection says.  False. */
bool tx_fail(struct tx *);
/* Fails it by something of our own.  False. */
bool tx_refuse(struct tx *, enum err, const char *why);

/* Carries out work, in order, in one transaction, and sets how it ended. */
void batch_run(struct db *, struct works *);

/* ---- connect.c */

/* Opens it, or looks whether it still may be used.  *absent: there is none,
 * and none is to be made.  ERR_DISK, ERR_NOMEM. */
enum err connect_ready(struct db *, bool *absent, struct problem *);
/* Waits for the place at writing, as long as may be; lock_end_write(). */
enum err connect_begin_write(struct db *, struct problem *);
/* The next use opens it anew. */
void connect_drop(struct db *);
/* If it is due.  `all`: only if no other process is at the store. */
void connect_checkpoint(struct db *, bool all);
void connect_close(struct db *);	/* and the lock file */

/* ---- committer.c */

void committer_init(struct db *);
void committer_free(struct db *);
/* All that was submitted, in the loop. */
void committer_hand_over(struct db *);
/* Has the log emptied; only if it has a thread. */
void committer_tidy(struct db *);
/* False: it is still inside a call. */
bool committer_end(struct db *, int64_t wait_ms);

/* ---- db.c */

struct db {
	struct db_opts opts;
	char *path, *about;

	/* the loop's */
	struct hook hook;
	struct timer lazy, rest;
	struct task nudge;	/* the turn that hands over must not sleep */
	struct works arrivals;
	bool urgent;		/* some of them cannot wait */
	bool heard;		/* results, in this turn */
	bool lazy_armed, rest_armed, rest_due;
	bool closed;
	size_t busy;
	struct db_work rest_work;

	/* under the lock */
	pthread_mutex_t lock;
	pthread_cond_t wake, ended;
	struct works queue;
	bool tidy, stop, over;
	bool turned;		/* the loop has been through results */
	pthread_t thread;
	bool started;		/* the loop's */

	/* the committer's, for the loop to see */
	atomic_bool in_log;	/* something is in the log */
	atomic_bool awake;	/* our row does not rest */
	atomic_uint lives;
	atomic_llong written_ms;	/* monotonic */

	/* the committer's */
	size_t given;		/* results, of the last transaction */
	char *real;
	struct sqlite *sqlite, *former;
	int lock_fd;
	struct alive alive;
	struct tx tx;
	uint64_t serial;
	bool opened, failing;
	int64_t failed_ms;
};

void db_free(struct db *);
int64_t db_mono(const struct db *);

#endif
