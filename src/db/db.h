#ifndef DB_DB_H
#define DB_DB_H

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"

/*
 * The driver of the store: transactions that many share.  What is done in one
 * is in db/sql.h, who is alive in db/alive.h.  SQLite stands behind it;
 * nothing above knows that.  A second kind is a folder beside this one.
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
	bool create;		/* make the file where there is none; else */
				/* work is not run, and ends with ERR_OK */
	int64_t busy_ms;	/* how long to wait for another process */
	const char *about;	/* of this process, for others: db/alive.h */
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
	struct timer again;		/* of db_submit_again() */
	struct problem problem;		/* work() may set it when it fails */
	struct letter letter;
	STAILQ_ENTRY(db_work) link;
};

/* Queues work, in the loop; it leaves at the end of the turn.  Its owner
 * keeps it until done(). */
void db_submit(struct db *, struct db_work *);

/*
 * Work that has failed, from its done(): queues it again after a pause.  Until
 * then `again` is armed; who gives it up disarms it.
 */
#define DB_AGAIN_MS 500		/* a pause for what must be written */
void db_submit_again(struct db_work *, int64_t pause_ms);

/* Work that is queued or under way. */
size_t db_busy(const struct db *);

/*
 * Runs work at once in the calling thread and waits for the commit; only
 * where there is no committer thread.  Returns work->end.
 */
enum err db_now(struct db *, struct db_work *);

/*
 * Grows when this process learns that others took it for dead: what it had
 * claimed before is theirs.  For the loop.
 */
unsigned db_lives(const struct db *);

/* Erased texts are made to vanish from the disk, when nothing was written
 * for a second.  Cheap; to be called now and then, in the loop. */
void db_tidy(struct db *);

#endif
