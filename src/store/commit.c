/*
 * Group commit: writes of several threads share one transaction and one sync.
 *
 * Called by the store's other files through store_transact().  Owns nothing:
 * a write is on its caller's stack until it is over.  The first to come leads:
 * it carries out everything that waits and commits once.  What arrives
 * meanwhile waits for the next commit, whose leader is the first of it; so a
 * thread that is alone waits for nobody.
 *
 * If a write or the commit fails, all is rolled back and each write is tried
 * by itself, so that nobody fails for another's sake.  A write may therefore
 * run more than once, and must begin anew each time.
 */
#include "store/commit.h"

#include "store/queue.h"

#include <stdlib.h>
#include <time.h>

struct write {
	bool (*work)(struct store *, void *ctx);
	void *ctx;
	struct problem *problem;
	pthread_cond_t wake;
	enum err end;
	bool over;		/* `end` is set */
	bool leads;		/* it is this one's turn to commit */
	STAILQ_ENTRY(write) link;
};

void
commits_init(struct commits *c)
{
	(void)pthread_mutex_init(&c->lock, NULL);	/* plain: cannot fail */
	STAILQ_INIT(&c->queue);
	c->waiting = 0;
	c->led = false;
}

void
commits_free(struct commits *c)
{
	(void)pthread_mutex_destroy(&c->lock);
}

/*
 * SQLite's own waiting is a lottery that a busy process wins each time, and
 * an event that was not stored is lost.  So one process waits in front, and
 * the writer of now queues behind it.  Without the turn SQLite decides.
 */
static bool
begin_in_turn(struct store *s)
{
	static const struct timespec pause = { 0, 1000000 };
	bool turn = owner_begin_turn(s->owner);
	bool ok;

	for (int64_t i = 0; !turn && i < s->opts.busy_ms; i++) {
		(void)nanosleep(&pause, NULL);
		turn = owner_begin_turn(s->owner);
	}
	ok = sqlite_begin(s->db);
	if (turn)
		owner_end_turn(s->owner);
	return ok;
}

static bool
work_all(struct store *s, const struct writes *all)
{
	const struct write *w;
	bool ok = true;

	STAILQ_FOREACH(w, all, link)
		ok = ok && w->work(s, w->ctx);
	return ok;
}

/*
 * All of them in one transaction; *alone: it failed in a way that may be one
 * write's fault, and there are several.
 */
static enum err
try_all(struct store *s, const struct writes *all, bool *alone,
    struct problem *p)
{
	bool absent;
	enum err e = store_begin(s, &absent, p);

	*alone = false;
	if (e == ERR_OK && !begin_in_turn(s)) {
		e = sqlite_fail(s->db, p);
	} else if (e == ERR_OK && !(work_all(s, all) &&
	    sqlite_commit(s->db))) {
		*alone = !sqlite_is_busy(s->db) &&
		    STAILQ_NEXT(STAILQ_FIRST(all), link) != NULL;
		e = sqlite_fail(s->db, p);
		sqlite_rollback(s->db);
	}
	e = store_unlock(s, e);
	return absent ? ERR_OK : e;
}

static void
commit_one(struct store *s, struct write *w)
{
	struct writes one = STAILQ_HEAD_INITIALIZER(one);
	struct write *next = STAILQ_NEXT(w, link);
	bool alone;

	STAILQ_INSERT_TAIL(&one, w, link);
	w->end = try_all(s, &one, &alone, w->problem);
	STAILQ_NEXT(w, link) = next;
}

static void
commit_all(struct store *s, struct writes *all)
{
	struct problem p = { 0 };
	struct write *w;
	bool alone;
	enum err e;

	if (STAILQ_NEXT(STAILQ_FIRST(all), link) == NULL) {
		commit_one(s, STAILQ_FIRST(all));
		return;
	}
	e = try_all(s, all, &alone, &p);
	STAILQ_FOREACH(w, all, link) {
		w->end = e;
		if (alone)
			commit_one(s, w);
		else if (e != ERR_OK)
			(void)problem_set(w->problem, e, -1, NULL, "%s",
			    p.text);
	}
}

/* Takes what waits, commits it, and lets the first of the others lead. */
static void
lead(struct store *s, const struct write *mine)
{
	struct commits *c = &s->commits;
	struct writes all = STAILQ_HEAD_INITIALIZER(all);
	struct write *w, *next;

	STAILQ_CONCAT(&all, &c->queue);
	c->waiting = 0;
	(void)pthread_mutex_unlock(&c->lock);
	commit_all(s, &all);
	(void)pthread_mutex_lock(&c->lock);
	for (w = STAILQ_FIRST(&all); w != NULL; w = next) {
		next = STAILQ_NEXT(w, link);	/* once over, it may be gone */
		w->over = true;
		if (w != mine)
			(void)pthread_cond_signal(&w->wake);
	}
	w = STAILQ_FIRST(&c->queue);
	c->led = w != NULL;
	if (w != NULL) {
		w->leads = true;
		(void)pthread_cond_signal(&w->wake);
	}
}

enum err
store_transact(struct store *s, bool (*work)(struct store *, void *),
    void *ctx, struct problem *p)
{
	struct write w = { .work = work, .ctx = ctx, .problem = p,
	    .wake = PTHREAD_COND_INITIALIZER };
	struct commits *c = &s->commits;

	(void)pthread_mutex_lock(&c->lock);
	STAILQ_INSERT_TAIL(&c->queue, &w, link);
	c->waiting++;
	w.leads = !c->led;
	c->led = true;
	while (!w.over && !w.leads)
		(void)pthread_cond_wait(&w.wake, &c->lock);
	if (!w.over)
		lead(s, &w);
	(void)pthread_mutex_unlock(&c->lock);
	(void)pthread_cond_destroy(&w.wake);
	return w.end;
}
