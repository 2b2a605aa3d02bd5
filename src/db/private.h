#ifndef DB_PRIVATE_H
#define DB_PRIVATE_H

#include "db/db.h"

#include <pthread.h>
#include <stdatomic.h>

/*
 * What the driver's files know of one another.  From the bottom: file (names
 * and making), lock (bytes of the lock file), sqlite and statement (the
 * connection), alive (the table `process`), batch (one transaction for
 * many), committer (whose thread it is).
 */
struct sqlite;
STAILQ_HEAD(works, db_work);

/* ddl.c.  Tables are made where they are missing (IF NOT EXISTS), also
 * beside those of version 2. */
extern const char db_ddl[];
extern const char db_ddl_from_1[];	/* to version 2 */

/* ---- file.c */

/*
 * The file that this path leads to, whatever links are on the way, also if
 * it is not there yet; `create` makes the last folder above it.  To be freed;
 * NULL: *absent, or with a problem.
 */
char *file_resolve(const char *path, bool create, bool *absent,
    struct problem *);
/* Makes it, empty, unless it is there already. */
enum err file_make(const char *real, struct problem *);

/* Which file a name stands for; zeros: none. */
struct file_id {
	uint64_t device, number;
};
struct file_id file_id(const char *real);
bool file_same(struct file_id, struct file_id);

/* ---- lock.c: one descriptor of the file REAL.lock; -1: none */

int lock_open(const char *real, struct problem *);
/* Whether that file is still the one beside the store. */
bool lock_is_current(int fd, const char *real);

/* A new number, which nobody has, and its lock. */
bool lock_take_number(int fd, int64_t *number);
void lock_drop_number(int fd, int64_t number);
/* By another descriptor than this one. */
bool lock_is_held(int fd, int64_t number);
bool lock_older(int fd);

bool lock_take_place(int fd, enum db_place);
void lock_give_place(int fd, enum db_place);

/*
 * The one place at writing, opening and checkpoints among all processes.
 * Waits for at most `wait_ms`, behind whoever waits already; lock_try_write()
 * does not wait.
 */
bool lock_begin_write(int fd, int64_t wait_ms);
bool lock_try_write(int fd);
void lock_end_write(int fd);

/* ---- sqlite.c: one connection */

/*
 * Opens a file that is there, creates or checks its schema, and sets and
 * reads back what durability needs.  Whoever opens, writes or checkpoints
 * must be the only one among all processes: versions of SQLite before 3.51.3
 * can lose commits else (sqlite.org/wal.html, the WAL-reset bug).  ERR_DISK.
 */
enum err sqlite_open(struct sqlite **, const char *real, int64_t busy_ms,
    struct problem *);
void sqlite_close(struct sqlite *);	/* NULL is fine */

/* Whether the file still is this program's store; ERR_DISK if somebody has
 * written something else there meanwhile. */
enum err sqlite_check(struct sqlite *, struct problem *);
/* Whether the name stands for that file no more. */
bool sqlite_is_moved(const struct sqlite *, const char *real);

/*
 * Moves what is in the log into the file once there is much of it; `all`:
 * whatever there is, and leaves the log empty.  Never waits for readers.
 */
bool sqlite_is_due(const struct sqlite *, bool all);
void sqlite_checkpoint(struct sqlite *, bool all);

/* False leaves none open. */
bool sqlite_begin(struct sqlite *, bool writes);
bool sqlite_commit(struct sqlite *);
void sqlite_rollback(struct sqlite *);

/* Marks it as this version's, in the transaction. */
bool sqlite_finish_upgrade(struct sqlite *);

enum trouble {
	TROUBLE_NONE,
	TROUBLE_OWN,		/* of what was asked; the connection is fine */
	TROUBLE_BUSY,		/* another has the file */
	TROUBLE_DISK		/* nothing of it is trusted any more */
};
/* Why the last call failed, with SQLite's own words, which name no data. */
enum trouble sqlite_trouble(struct sqlite *, struct problem *);

/* ---- statement.c */

struct statements;
struct sqlite3;
struct statements *statements_new(struct sqlite3 *);
void statements_free(struct statements *);	/* NULL is fine */
void statements_reset(struct statements *);	/* all that are under way */
struct statements *sqlite_statements(struct sqlite *);

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
/* Writes that this process rests, if it is so. */
bool alive_rest(struct tx *);
/* Removes the row of a process that rests. */
bool alive_leave(struct tx *);

/* ---- batch.c */

struct tx {
	struct db *db;
	bool writes;
	enum trouble trouble;	/* the worst yet; anything but none: over */
	struct problem problem;	/* and the first */
	size_t open;		/* rows that were not ended */
	int64_t now_ms;
	struct me me;
};

/* Fails the transaction by what the connection says.  False. */
bool tx_fail(struct tx *);
/* Fails it by something of our own.  False. */
bool tx_refuse(struct tx *, enum err, const char *why);

/* Carries out work, in order, in one transaction, and sets how it ended. */
void batch_run(struct db *, struct works *);
/* If it is due.  `all`: only if no other process is at the store. */
void batch_checkpoint(struct db *, bool all);
void batch_close(struct db *);		/* the connection, the lock file */

/* ---- committer.c */

struct db {
	struct db_opts opts;
	char *path, *about;

	/* the loop's */
	struct hook hook;
	struct timer lazy, rest;
	struct works arrivals;
	bool urgent;		/* some of them cannot wait */
	bool lazy_armed, rest_armed, rest_due;
	bool closed;
	size_t busy;
	struct db_work rest_work;
	int place_fd;
	bool placed[DB_PLACES];

	/* under the lock */
	pthread_mutex_t lock;
	pthread_cond_t wake, ended;
	struct works queue;
	bool tidy, stop, over;
	pthread_t thread;
	bool started;		/* the loop's */

	/* the committer's, for the loop to see */
	atomic_bool absent;
	atomic_bool in_log;	/* something is in the log */
	atomic_bool awake;	/* our row does not rest */
	atomic_llong written_ms;	/* monotonic */

	/* the committer's */
	char *real;
	struct sqlite *sqlite;
	int lock_fd;
	struct alive alive;
	struct tx tx;
	bool opened, failing;
	int64_t failed_ms;
};

int64_t db_mono(const struct db *);

#endif
