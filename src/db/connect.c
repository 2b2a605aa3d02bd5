/*
 * The connection when it is needed: opening it, trusting it, leaving it.
 *
 * Called by db/batch.c and db/committer.c, always by the one thread that owns
 * the database.  Owns the connection, the lock file and this process's number.
 * The file is opened by the first use, and by the next one after a failure:
 * nothing is trusted after a failed sync, and a store that was away heals by
 * itself.  What was removed is made anew, not written to without a name.
 */
#include "db/private.h"

#include <stdlib.h>
#include <unistd.h>

/*
 * The former connection stays until there is a new one.  Without any, the log
 * would be read anew, and what a sync has failed for would be found there
 * and taken for committed.
 */
void
connect_drop(struct db *db)
{
	if (db->sqlite == NULL)
		return;
	sqlite_close(db->former);
	db->former = db->sqlite;
	db->sqlite = NULL;
}

static void
forget_former(struct db *db)
{
	sqlite_close(db->former);
	db->former = NULL;
}

/* The lock file and our number in it; both go on when the store fails. */
static void
drop_lock(struct db *db)
{
	if (db->lock_fd >= 0)
		(void)close(db->lock_fd);
	db->lock_fd = -1;
	alive_free(&db->alive);
}

static enum err
take_lock(struct db *db, struct problem *p)
{
	if (db->lock_fd >= 0 && !lock_is_current(db->lock_fd, db->real))
		drop_lock(db);
	if (db->lock_fd >= 0)
		return ERR_OK;
	db->lock_fd = lock_open(db->real, p);
	if (db->lock_fd < 0)
		return p->err;
	if (lock_take_number(db->lock_fd, &db->alive.number))
		return ERR_OK;
	drop_lock(db);
	return problem_set(p, ERR_DISK, -1, NULL,
	    "cannot lock bytes of %.120s.lock: is this a network file system "
	    "without locks?", db->real);
}

enum err
connect_begin_write(struct db *db, struct problem *p)
{
	return lock_begin_write(db->lock_fd, db->opts.busy_ms) ? ERR_OK :
	    problem_set(p, ERR_DISK, -1, NULL,
	    "another process keeps the store locked");
}

static enum err
connect_file(struct db *db, bool *absent, struct problem *p)
{
	enum err e;

	free(db->real);
	db->real = file_resolve(db->path, db->opts.create, absent, p);
	if (db->real == NULL)
		return p->err;
	e = db->opts.create ? file_make(db->real, p) : ERR_OK;
	if (e == ERR_OK)
		e = file_check(db->real, p);
	if (e == ERR_OK)
		e = take_lock(db, p);
	if (e == ERR_OK)
		e = connect_begin_write(db, p);
	if (e != ERR_OK)
		return e;
	e = sqlite_open(&db->sqlite, db->real, db->opts.busy_ms, p);
	lock_end_write(db->lock_fd);
	if (e == ERR_OK)
		forget_former(db);
	atomic_store(&db->in_log, true);
	return e;
}

static void
log_opened(struct db *db)
{
	if (!db->opened && db->opts.log != NULL)
		log_debug(db->opts.log, "store-opened",
		    F_STR("file", db->real));
	db->opened = true;
}

enum err
connect_ready(struct db *db, bool *absent, struct problem *p)
{
	enum err e;

	*absent = false;
	if (db->sqlite != NULL && sqlite_is_moved(db->sqlite, db->real))
		connect_drop(db);
	if (db->sqlite != NULL)
		e = sqlite_check(db->sqlite, p);
	else
		e = connect_file(db, absent, p);
	if (e == ERR_OK)
		log_opened(db);
	else
		connect_drop(db);
	return e;
}

void
connect_checkpoint(struct db *db, bool all)
{
	struct problem p = { .err = ERR_OK };

	if (db->sqlite == NULL || !sqlite_is_due(db->sqlite, all)) {
		/* without a log there never is anything in it */
		if (all)
			atomic_store(&db->in_log, false);
		return;
	}
	if (all ? !lock_try_write(db->lock_fd) :
	    !lock_begin_write(db->lock_fd, db->opts.busy_ms))
		return;
	if (!sqlite_is_moved(db->sqlite, db->real) &&
	    sqlite_check(db->sqlite, &p) == ERR_OK)
		sqlite_checkpoint(db->sqlite, all);
	lock_end_write(db->lock_fd);
	atomic_store(&db->in_log, sqlite_is_due(db->sqlite, true));
}

void
connect_close(struct db *db)
{
	connect_drop(db);
	forget_former(db);
	drop_lock(db);
	free(db->real);
	db->real = NULL;
}
