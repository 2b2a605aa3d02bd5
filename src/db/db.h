#ifndef DB_DB_H
#define DB_DB_H

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/*
 * The driver of the store: transactions that many share, statements with
 * their values, rows, who is alive, whose turn it is.  SQLite stands behind
 * it; nothing above knows that.  A second kind is a folder beside this one.
 *
 * One committer owns the database: a thread, or (programs that do one thing)
 * the loop's own.  It takes all work that is queued, in order, in one
 * transaction with one sync, and gives the results back in one go.
 */
struct db;
struct tx;			/* a transaction that is under way */

struct db_opts {
	const char *url;	/* sqlite:/PATH */
	const struct clock *clock;
	const struct log *log;	/* NULL: nothing is logged */
	struct loop *loop;	/* NULL: only db_now() may be used */
	bool threaded;		/* the committer is a thread of its own */
	bool create;		/* make the file where there is none */
	int64_t busy_ms;	/* how long to wait for another process */
	const char *about;	/* of this process, for others: see below */
	/*
	 * Runs in each transaction that writes, behind its work and before
	 * the commit.  As `work` below.  May be NULL.
	 */
	bool (*last)(struct tx *, void *ctx);
	void *ctx;
};

/*
 * The file is opened when it is first needed, and again after a failure, so
 * that a store that is away heals by itself.  ERR_CONFIG for a URL of no
 * known kind, ERR_NOMEM.
 */
enum err db_open(struct db **, const struct db_opts *, struct problem *);

/*
 * Commits what is queued, ends the committer and all claims.  What was under
 * way is done() in turns of the loop after it.  False: the committer is still
 * inside a call; nothing may be freed.  NULL is fine.
 */
bool db_close(struct db *, int64_t wait_ms);

/*
 * Something to be done in a transaction.  It may share one with others' work
 * and may run several times before it counts (when another's failed): it
 * must start from nothing each time, and touch nothing but the database and
 * what it owns, for it runs in the committer's thread.  False: it failed,
 * and nothing of it is written.
 */
struct db_work {
	bool (*work)(struct tx *, struct db_work *);
	void (*done)(struct db_work *);	/* in the loop, never from inside */
					/* db_submit(); NULL: nobody waits */
	bool reads;			/* it writes nothing */
	bool lazy;			/* nobody waits: rides with the next */
					/* commit, at the latest after 20 ms */
	/* set by the driver */
	struct db *db;
	enum err end;			/* ERR_OK: it survives power loss */
	struct problem problem;		/* work() may set it when it fails */
	struct letter letter;
	STAILQ_ENTRY(db_work) link;
};

/* Queues work, in the loop; it leaves at the end of the turn.  Its owner
 * keeps it until done(). */
void db_submit(struct db *, struct db_work *);

/* Work that is queued or under way. */
size_t db_busy(const struct db *);

/*
 * Runs work at once in the calling thread and waits for the commit; only
 * where there is no committer thread.  Returns work->end.
 */
enum err db_now(struct db *, struct db_work *);

/* One value beside a statement. */
enum db_type { DB_NULL, DB_INT, DB_TEXT, DB_BYTES, DB_NONE };
struct db_value {
	enum db_type type;
	int64_t number;
	const void *p;
	size_t n;
};

#define V_NULL ((struct db_value){ DB_NULL, 0, NULL, 0 })
/* Alone: the statement has no values. */
#define V_NONE ((struct db_value){ DB_NONE, 0, NULL, 0 })
#define V_INT(i) ((struct db_value){ DB_INT, (int64_t)(i), NULL, 0 })
/* A NULL text or NULL bytes are a NULL. */
#define V_TEXT(s) db_value_text(s)
#define V_STR(s, len) ((struct db_value){ (s) != NULL ? DB_TEXT : DB_NULL, \
	0, (s), (len) })
#define V_BYTES(b, len) ((struct db_value){ (b) != NULL ? DB_BYTES : \
	DB_NULL, 0, (b), (len) })
struct db_value db_value_text(const char *);

/*
 * Runs a statement (a string literal: it is prepared once, found by its
 * address) with its values in the places ?1, ?2, ...  False: it failed, the
 * transaction fails with it.
 */
bool db_run(struct tx *, const char *sql, const struct db_value *, size_t n);
#define DB_RUN(tx, sql, ...) db_run((tx), (sql), \
	(const struct db_value[]){ __VA_ARGS__ }, \
	sizeof((struct db_value[]){ __VA_ARGS__ }) / sizeof(struct db_value))

/* Rows that the last db_run() changed. */
int64_t db_changed(const struct tx *);

/* The first column of the first row as a number, 0 if there is none. */
bool db_number(struct tx *, int64_t *out, const char *sql,
    const struct db_value *, size_t n);
#define DB_NUMBER(tx, out, sql, ...) db_number((tx), (out), (sql), \
	(const struct db_value[]){ __VA_ARGS__ }, \
	sizeof((struct db_value[]){ __VA_ARGS__ }) / sizeof(struct db_value))

/*
 * Rows, one after the other:
 *
 *	DB_ROWS(tx, &r, "SELECT a, b FROM t WHERE c = ?1", V_INT(c));
 *	while (db_next(&r))
 *		use(db_int(&r, 0), db_text(&r, 1));
 *	if (!db_end(&r))
 *		return false;
 *
 * Texts live until the next db_next() or db_end().  db_end() must follow; it
 * is false if anything before it failed.  Statements with RETURNING go this
 * way, too.  One statement must not be begun again before its end.
 */
struct rows {
	struct tx *tx;
	void *statement;
	bool ok;
	bool more;
};
void db_rows(struct tx *, struct rows *, const char *sql,
    const struct db_value *, size_t n);
#define DB_ROWS(tx, r, sql, ...) db_rows((tx), (r), (sql), \
	(const struct db_value[]){ __VA_ARGS__ }, \
	sizeof((struct db_value[]){ __VA_ARGS__ }) / sizeof(struct db_value))
bool db_next(struct rows *);
bool db_end(struct rows *);
bool db_is_null(const struct rows *, int column);
int64_t db_int(const struct rows *, int column);
const char *db_text(const struct rows *, int column);	/* NULL if null */
const void *db_bytes(const struct rows *, int column, size_t *n);

/* Fails the transaction for want of memory; returns false. */
bool db_no_memory(struct tx *);

/* Unix time in ms, the same for the whole transaction. */
int64_t db_time(const struct tx *);
/* The monotonic clock, as the transaction began. */
int64_t db_time_mono(const struct tx *);
/* Tells this run of a transaction from all others of this handle. */
uint64_t db_serial(const struct tx *);

/* There is no file and none is to be made: work is not run then, and ends
 * with ERR_OK. */
bool db_absent(const struct db *);

/*
 * Who is alive.  A process is a number that claims are written with.  It is
 * in the table `process` from its first db_me() on, and holds a kernel lock
 * that dies with it.  The lock is the file's, whatever name led to it.
 */

/* This process; only in work that writes.  The number changes when another
 * process has declared this one stopped. */
int64_t db_me(struct tx *);

/*
 * Whether claims of that number hold: the process lives, as the kernel says.
 * 0 is nobody.
 */
bool db_alive(struct tx *, int64_t number);

/*
 * Processes whose claims are void: gone, or silent for 30 s of our monotonic
 * clock (looked at a second apart) while they have claims.  Whoever has
 * taken care of the claims of one calls db_bury_process(), in the same
 * transaction.  0: none.  A process that owns nothing may bury itself.
 */
bool db_next_dead(struct tx *, int64_t *number);
bool db_bury_process(struct tx *, int64_t number);

/*
 * This process shows that it lives: to be called about each second while it
 * has claims; does nothing if it has just shown it.  Who calls neither this
 * nor db_me() for 10 s says by it that it has no claims.
 */
bool db_beat(struct tx *);

/*
 * Grows when this process learns that others took it for dead: what it had
 * claimed before is theirs.  For the loop.
 */
unsigned db_lives(const struct db *);

/*
 * What the living say of themselves (db_opts.about, "" where unset), one
 * after the other; an own one that is not in the table yet is left out.
 */
bool db_each_process(struct tx *, bool (*each)(void *ctx, int64_t number,
    const char *about), void *ctx);

/*
 * One place at something, among all processes of the database, until it is
 * given back or the process ends.  False: another has it.
 */
enum db_place { DB_SCAN, DB_PLACES };
bool db_take_place(struct db *, enum db_place);
void db_give_place(struct db *, enum db_place);

/* Erased texts are made to vanish from the disk, when nothing was written
 * for a second.  Cheap; to be called now and then, in the loop. */
void db_tidy(struct db *);

/* Whether the file still is of schema 2, with its tables; costs nothing once
 * it is not. */
bool db_is_older(struct tx *, bool *older);

/* Whether a process of the version before this one (schema 2) lives. */
bool db_older_lives(struct tx *);

/*
 * From now on the file is this version's alone (schema 3): processes of the
 * version before do not take it any more.  Nothing to do if it is already.
 */
bool db_finish_upgrade(struct tx *);

#endif
