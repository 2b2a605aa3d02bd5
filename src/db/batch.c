/*
 * One transaction for many works.
 *
 * Called by db/committer.c, always by the one thread that owns the database.
 * Owns the transaction.
 *
 * If a work or the commit fails, all is rolled back and each work is tried in
 * a transaction of its own, so that nobody fails for another's sake; but not
 * if another process keeps the store locked, or it cannot be opened, which is
 * the same for all.  After trouble with the disk the connection is closed, and
 * opened anew by the next use.  Failure and recovery are logged once each, and
 * at most once a second.
 */
#include "db/private.h"

#define LOG_MS 1000

/* What a transaction's failure means for each of its works. */
enum fate {
	FATE_DONE,
	FATE_OWN,		/* alone it may do better */
	FATE_ALL		/* they all would fail in the same way */
};

int64_t
db_time(const struct tx *tx)
{
	return tx->now_ms;
}

int64_t
db_time_mono(const struct tx *tx)
{
	return tx->mono_ms;
}

uint64_t
db_serial(const struct tx *tx)
{
	return tx->serial;
}

bool
tx_fail(struct tx *tx)
{
	enum trouble t = sqlite_trouble(tx->db->sqlite, &tx->problem);

	if (t > tx->trouble)
		tx->trouble = t;
	return false;
}

bool
tx_refuse(struct tx *tx, enum err e, const char *why)
{
	(void)problem_set(&tx->problem, e, -1, NULL, "the store failed: %s",
	    why);
	if (tx->trouble == TROUBLE_NONE)
		tx->trouble = TROUBLE_OWN;
	return false;
}

bool
db_no_memory(struct tx *tx)
{
	return tx_refuse(tx, ERR_NOMEM, "out of memory");
}

bool
db_is_older(struct tx *tx, bool *older)
{
	*older = false;
	return tx->trouble == TROUBLE_NONE &&
	    (sqlite_is_older(tx->db->sqlite, older) || tx_fail(tx));
}

bool
db_finish_upgrade(struct tx *tx)
{
	return tx->trouble == TROUBLE_NONE &&
	    (sqlite_finish_upgrade(tx->db->sqlite) || tx_fail(tx));
}

/* The first failure, and the first success after it. */
static void
note_failure(struct db *db, const struct problem *p)
{
	int64_t now = db_mono(db);

	if (db->failing || (db->failed_ms != 0 &&
	    now - db->failed_ms < LOG_MS))
		return;
	db->failing = true;
	db->failed_ms = now;
	if (db->opts.log != NULL)
		log_error(db->opts.log, "store-failed",
		    F_STR("reason", p->text));
}

/* False: the transaction has failed, and knows why. */
static bool
work_one(struct tx *tx, struct db_work *w)
{
	bool ok;

	w->problem = (struct problem){ .err = ERR_OK };
	ok = w->work(tx, w);
	if (tx->open != 0) {
		statements_reset(sqlite_statements(tx->db->sqlite));
		tx->open = 0;
	}
	if (!ok && tx->trouble == TROUBLE_NONE && w->problem.err != ERR_OK)
		tx->problem = w->problem;
	if (!ok)
		(void)tx_refuse(tx, ERR_DISK, "the work gave up");
	return tx->trouble == TROUBLE_NONE;
}

static bool
work_all(struct tx *tx, const struct works *all)
{
	const struct db_opts *o = &tx->db->opts;
	struct db_work *w;

	STAILQ_FOREACH(w, all, link)
		if (!work_one(tx, w))
			return false;
	if (tx->writes && o->last != NULL && !o->last(tx, o->ctx))
		(void)tx_refuse(tx, ERR_DISK, "its last step gave up");
	return tx->trouble == TROUBLE_NONE;
}

static void
committed(struct db *db)
{
	const struct tx *tx = &db->tx;

	/* a disk that is full can still be read */
	if (!tx->writes)
		return;
	if (db->failing && db->opts.log != NULL)
		log_info(db->opts.log, "store-recovered",
		    F_STR("file", db->real));
	db->failing = false;
	db->alive.me = tx->me;
	atomic_store(&db->awake, tx->me.listed && !tx->me.rests);
	/* a checkpoint holds nobody up who does not wait */
	if (!tx->lazy)
		atomic_store(&db->written_ms, db_mono(db));
	atomic_store(&db->in_log, true);
}

/* What failed has failed; the transaction knows why. */
static enum fate
failed(struct db *db)
{
	enum trouble t = db->tx.trouble;

	if (t != TROUBLE_OWN)
		note_failure(db, &db->tx.problem);
	sqlite_rollback(db->sqlite);
	if (t == TROUBLE_DISK)
		connect_drop(db);
	return t == TROUBLE_BUSY ? FATE_ALL : FATE_OWN;
}

/* Whether all of them only read, or (`lazy`) are lazy. */
static bool
only(const struct works *all, bool lazy)
{
	const struct db_work *w;

	STAILQ_FOREACH(w, all, link)
		if (!w->reads && !(lazy && w->lazy))
			return false;
	return true;
}

static enum fate
transact(struct db *db, const struct works *all, bool writes)
{
	struct tx *tx = &db->tx;

	*tx = (struct tx){ .db = db, .writes = writes,
	    .now_ms = clock_wall(db->opts.clock), .mono_ms = db_mono(db),
	    .serial = ++db->serial, .me = db->alive.me };
	tx->me.checked = false;
	tx->lazy = only(all, true);
	if (!sqlite_begin(db->sqlite, writes)) {
		(void)tx_fail(tx);
		return failed(db);
	}
	if (work_all(tx, all) &&
	    (sqlite_commit(db->sqlite) || tx_fail(tx))) {
		committed(db);
		return FATE_DONE;
	}
	return failed(db);
}

/* Where there is no store and none is to be made, nothing is to be done. */
static enum fate
try_all(struct db *db, const struct works *all, struct problem *p)
{
	bool writes = !only(all, false), absent;
	enum err e = connect_ready(db, &absent, p);
	enum fate fate = FATE_ALL;

	if (absent) {
		*p = (struct problem){ .err = ERR_OK };
		return FATE_DONE;
	}
	if (e == ERR_OK && writes)
		e = connect_begin_write(db, p);
	if (e == ERR_OK) {
		fate = transact(db, all, writes);
		*p = db->tx.problem;
		if (writes)
			lock_end_write(db->lock_fd);
	} else {
		note_failure(db, p);
	}
	return fate;
}

static void
end_one(struct db_work *w, enum fate fate, const struct problem *p)
{
	w->end = fate == FATE_DONE ? ERR_OK :
	    p->err != ERR_OK ? p->err : ERR_DISK;
	w->problem = *p;
}

static enum fate
run_alone(struct db *db, struct db_work *w, struct problem *p)
{
	struct works one = STAILQ_HEAD_INITIALIZER(one);
	struct db_work *next = STAILQ_NEXT(w, link);
	enum fate fate;

	STAILQ_INSERT_TAIL(&one, w, link);
	*p = (struct problem){ .err = ERR_OK };
	fate = try_all(db, &one, p);
	STAILQ_NEXT(w, link) = next;
	return fate;
}

/* A disk that fails slowly must not hold all of them one after the other. */
static void
run_each(struct db *db, struct works *all)
{
	struct deadline d = deadline_in(db->opts.clock, db->opts.busy_ms);
	enum fate fate = FATE_OWN;
	struct problem p;
	struct db_work *w;

	STAILQ_FOREACH(w, all, link) {
		if (fate == FATE_DONE || (fate == FATE_OWN &&
		    (db->sqlite != NULL || deadline_left(&d) > 0)))
			fate = run_alone(db, w, &p);
		end_one(w, fate, &p);
	}
}

void
batch_run(struct db *db, struct works *all)
{
	struct problem p = { .err = ERR_OK };
	enum fate fate = try_all(db, all, &p);
	struct db_work *w;

	if (fate == FATE_OWN &&
	    STAILQ_NEXT(STAILQ_FIRST(all), link) != NULL) {
		run_each(db, all);
		return;
	}
	STAILQ_FOREACH(w, all, link)
		end_one(w, fate, &p);
}
