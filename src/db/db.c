/*
 * The driver's handle: made, ended, and what needs no queue.
 *
 * Called by the store and the programs, in the loop.  Owns the handle.
 * One that is closed lives until the last result of its work was opened in
 * the loop.
 */
#include "db/private.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUIET_MS 1000		/* nobody writes: the log may be emptied */

int64_t
db_mono(const struct db *db)
{
	return db->opts.clock->mono_ms(db->opts.clock->ctx);
}

void
db_free(struct db *db)
{
	committer_free(db);
	free(db->path);
	free(db->about);
	free(db);
}

static struct db *
db_new(const struct db_opts *o, const char *path)
{
	struct db *db = calloc(1, sizeof(*db));

	if (db == NULL)
		return NULL;
	committer_init(db);
	db->opts = *o;
	db->opts.url = db->opts.about = NULL;	/* the caller's */
	db->opts.threaded = o->threaded && o->loop != NULL;
	db->path = strdup(path);
	db->about = strdup(o->about != NULL ? o->about : "");
	db->lock_fd = -1;
	if (db->path != NULL && db->about != NULL)
		return db;
	db_free(db);
	return NULL;
}

enum err
db_open(struct db **out, const struct db_opts *o, struct problem *p)
{
	static const char scheme[] = "sqlite:";
	const char *path = o->url + sizeof(scheme) - 1;

	*out = NULL;
	if (strncmp(o->url, scheme, sizeof(scheme) - 1) != 0 || *path != '/')
		return problem_set(p, ERR_CONFIG, -1, NULL, "[store] url must "
		    "be sqlite: and an absolute path");
	sqlite_prepare_library();
	*out = db_new(o, path);
	if (*out == NULL)
		return problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	if (o->loop != NULL)
		loop_add_hook(o->loop, &(*out)->hook);
	return ERR_OK;
}

enum err
db_now(struct db *db, struct db_work *w)
{
	struct works one = STAILQ_HEAD_INITIALIZER(one);

	w->db = db;
	w->problem = (struct problem){ .err = ERR_OK };
	if (db->opts.threaded) {
		w->end = problem_set(&w->problem, ERR_DISK, -1, NULL,
		    "the store failed: it has a thread of its own");
		return w->end;
	}
	/* what was queued before goes first */
	if (!STAILQ_EMPTY(&db->arrivals))
		committer_hand_over(db);
	STAILQ_INSERT_TAIL(&one, w, link);
	batch_run(db, &one);
	connect_checkpoint(db, false);
	return w->end;
}

unsigned
db_lives(const struct db *db)
{
	return atomic_load(&db->lives);
}

void
db_tidy(struct db *db)
{
	if (!atomic_load(&db->in_log) ||
	    db_mono(db) - atomic_load(&db->written_ms) < QUIET_MS)
		return;
	if (!db->started) {
		connect_checkpoint(db, true);
		return;
	}
	committer_tidy(db);
}

/* As well as it goes, at the first try: others can do it, too. */
static void
leave_store(struct db *db)
{
	struct db_work w = { .work = alive_leave };
	struct works one = STAILQ_HEAD_INITIALIZER(one);

	db->opts.busy_ms = 0;
	db->opts.last = NULL;
	if (db->sqlite != NULL && db->alive.me.listed && db->alive.me.rests) {
		STAILQ_INSERT_TAIL(&one, &w, link);
		batch_run(db, &one);
	}
	connect_checkpoint(db, true);
	connect_close(db);
}

bool
db_close(struct db *db, int64_t wait_ms)
{
	if (db == NULL)
		return true;
	committer_hand_over(db);
	if (!committer_end(db, wait_ms))
		return false;
	leave_store(db);
	if (db->opts.loop != NULL) {
		loop_disarm(db->opts.loop, &db->rest);
		loop_remove_hook(db->opts.loop, &db->hook);
		loop_unready(db->opts.loop, &db->nudge);
	}
	db->closed = true;
	if (db->busy == 0)
		db_free(db);
	return true;
}
