/*
 * Group commit: writes of several threads share one transaction and one sync.
 *
 * Called by the store's other files.  Owns nothing: a write is its caller's,
 * who keeps it until it is over.  The first to come leads:
 * it carries out everything that waits and commits once.  What arrives
 * meanwhile waits for the next commit, whose leader is the first of it; so a
 * thread that is alone waits for nobody.  A write that no thread waits for is
 * committed by whoever leads.
 *
 * If a write or the commit fails, all is rolled back and each write is tried
 * by itself, so that nobody fails for another's sake.  A write may therefore
 * run more than once, and must begin anew each time.
 */
#include "store/commit.h"

#include "store/queue.h"

#include <semaphore.h>
#include <time.h>

#define SOON_US 100	/* between looks at another process's commit, */
#define SOON_LOOKS 50	/* so many times; then each millisecond */

void
commits_init(struct commits *c)
{
	(void)pthread_mutex_init(&c->lock, NULL);	/* plain: cannot fail */
	STAILQ_INIT(&c->queue);
	c->waiting = 0;
	c->led = false;
	c->on_lead = NULL;
}

void
commits_free(struct commits *c)
{
	(void)pthread_mutex_destroy(&c->lock);
}

static void
pause_us(long us)
{
	const struct timespec t = { 0, us * 1000 };

	(void)nanosleep(&t, NULL);
}

/*
 * A race for one lock is a lottery that a busy process wins each time, and an
 * event that was not stored is lost.  So one process waits in front, and the
 * writer of now queues behind it.
 */
bool
store_begin_write(struct store *s)
{
	bool turn = owner_begin_turn(s->owner), ok;

	for (int64_t i = 0; !turn && i < s->opts.busy_ms; i++) {
		pause_us(1000);
		turn = owner_begin_turn(s->owner);
	}
	ok = owner_begin_write(s->owner);
	for (int64_t i = 0; !ok && i < s->opts.busy_ms + SOON_LOOKS; i++) {
		pause_us(i < SOON_LOOKS ? SOON_US : 1000);
		ok = owner_begin_write(s->owner);
	}
	if (turn)
		owner_end_turn(s->owner);
	return ok;
}

void
store_end_write(struct store *s)
{
	owner_end_write(s->owner);
}

static bool
work_all(struct store *s, const struct writes *all)
{
	const struct store_write *w;
	bool ok = true;

	STAILQ_FOREACH(w, all, link)
		ok = ok && w->work(s, w->ctx);
	return ok;
}

/* One transaction; *fault: it may be one write's own fault that it failed. */
static enum err
transact(struct store *s, const struct writes *all, bool *fault,
    struct problem *p)
{
	enum err e = ERR_OK;

	if (!sqlite_begin(s->db))
		return sqlite_fail(s->db, p);
	if (!(work_all(s, all) && sqlite_commit(s->db))) {
		*fault = !sqlite_is_busy(s->db);
		e = sqlite_fail(s->db, p);
		sqlite_rollback(s->db);
	} else {
		s->written_ms = store_now(s);
		sqlite_checkpoint(s->db, false);
	}
	return e;
}

static enum err
try_all(struct store *s, const struct writes *all, bool *fault,
    struct problem *p)
{
	bool absent;
	enum err e = store_begin(s, &absent, p);

	*fault = false;
	if (e == ERR_OK && !store_begin_write(s)) {
		e = problem_set(p, ERR_DISK, -1, NULL,
		    "another process keeps the store locked");
	} else if (e == ERR_OK) {
		owner_beat(s->owner, true);
		e = transact(s, all, fault, p);
		store_end_write(s);
	}
	e = store_unlock(s, e);
	return absent ? ERR_OK : e;
}

static void
commit_one(struct store *s, struct store_write *w)
{
	struct writes one = STAILQ_HEAD_INITIALIZER(one);
	struct store_write *next = STAILQ_NEXT(w, link);
	bool fault;

	STAILQ_INSERT_TAIL(&one, w, link);
	w->end = try_all(s, &one, &fault, w->problem);
	STAILQ_NEXT(w, link) = next;
}

static void
commit_all(struct store *s, struct writes *all)
{
	struct problem p = { 0 };
	struct store_write *w;
	bool fault;
	enum err e;

	if (STAILQ_NEXT(STAILQ_FIRST(all), link) == NULL) {
		commit_one(s, STAILQ_FIRST(all));
		return;
	}
	e = try_all(s, all, &fault, &p);
	STAILQ_FOREACH(w, all, link) {
		w->end = e;
		if (fault)
			commit_one(s, w);
		else if (e != ERR_OK)
			(void)problem_set(w->problem, e, -1, NULL, "%s",
			    p.text);
	}
}

/* They are over: their owners learn it, and may free them. */
static void
tell_owners(struct writes *all, const struct store_write *mine)
{
	struct store_write *w, *next;

	for (w = STAILQ_FIRST(all); w != NULL; w = next) {
		next = STAILQ_NEXT(w, link);
		if (w == mine)
			continue;
		if (w->done != NULL)
			w->done(w);
		else
			(void)sem_post(&w->wake);
	}
}

/* The first that a thread waits for, or NULL.  Under the lock. */
static struct store_write *
first_waiter(struct commits *c)
{
	struct store_write *w;

	STAILQ_FOREACH(w, &c->queue, link)
		if (w->done == NULL)
			return w;
	return NULL;
}

/*
 * Who commits what has come to wait meanwhile: one that waits for it; else
 * whoever on_lead() finds, or the next to come, if one of them is first; else
 * this thread.  True: this thread.  Under the lock.
 */
static bool
goes_on(struct commits *c, bool may_stay)
{
	struct store_write *w = first_waiter(c);

	c->led = false;
	if (STAILQ_EMPTY(&c->queue))
		return false;
	if (w == NULL && !may_stay && c->on_lead != NULL &&
	    c->on_lead(c->ctx))
		return false;
	c->led = true;
	if (w == NULL)
		return true;
	w->leads = true;
	(void)sem_post(&w->wake);
	return false;
}

/*
 * Takes what waits and commits it, until another leads.  Is called under the
 * lock, which it gives back.  `may_stay`: the thread has nothing better to do
 * than to go on.
 */
static void
lead(struct store *s, const struct store_write *mine, bool may_stay)
{
	struct commits *c = &s->commits;
	bool again;

	do {
		struct writes all = STAILQ_HEAD_INITIALIZER(all);
		struct store_write *w;

		STAILQ_CONCAT(&all, &c->queue);
		c->waiting = 0;
		(void)pthread_mutex_unlock(&c->lock);
		commit_all(s, &all);
		(void)pthread_mutex_lock(&c->lock);
		STAILQ_FOREACH(w, &all, link)
			w->over = true;
		again = goes_on(c, may_stay);
		(void)pthread_mutex_unlock(&c->lock);
		tell_owners(&all, mine);
		if (again)
			(void)pthread_mutex_lock(&c->lock);
	} while (again);
}

void
store_on_lead(struct store *s, bool (*wake)(void *), void *ctx)
{
	s->commits.on_lead = wake;
	s->commits.ctx = ctx;
}

void
store_lead(struct store *s)
{
	struct commits *c = &s->commits;

	(void)pthread_mutex_lock(&c->lock);
	if (c->led || STAILQ_EMPTY(&c->queue)) {
		(void)pthread_mutex_unlock(&c->lock);
		return;		/* somebody was faster */
	}
	c->led = true;
	lead(s, NULL, true);
}

bool
store_submit(struct store *s, struct store_write *w)
{
	struct commits *c = &s->commits;
	bool led;

	w->over = w->leads = false;
	(void)pthread_mutex_lock(&c->lock);
	STAILQ_INSERT_TAIL(&c->queue, w, link);
	c->waiting++;
	led = c->led;
	c->led = true;
	if (led)
		(void)pthread_mutex_unlock(&c->lock);
	else
		lead(s, w, true);
	return !led;
}

/*
 * For a while, unless somebody commits already; whoever begins to takes this
 * one along.  Looks each millisecond: nobody waits for it.  Under the lock,
 * before and after.
 */
static bool
wait_for_company(struct commits *c, struct store_write *w, int64_t ms)
{
	bool woken = false;

	(void)pthread_mutex_unlock(&c->lock);
	for (int64_t i = 0; !woken && i < ms; i++) {
		pause_us(1000);
		woken = sem_trywait(&w->wake) == 0;
	}
	(void)pthread_mutex_lock(&c->lock);
	return woken;
}

/* Waits until it is over, or its turn to lead.  Under the lock. */
static void
wait_for_turn(struct commits *c, struct store_write *w)
{
	(void)pthread_mutex_unlock(&c->lock);
	while (sem_wait(&w->wake) != 0)
		continue;	/* a signal */
	(void)pthread_mutex_lock(&c->lock);
}

enum err
store_transact_with(struct store *s, bool (*work)(struct store *, void *),
    void *ctx, int64_t wait_ms, const struct on_queued *q, struct problem *p)
{
	struct store_write w = { .work = work, .ctx = ctx, .problem = p };
	struct commits *c = &s->commits;
	bool woken = false;

	(void)sem_init(&w.wake, 0, 0);
	(void)pthread_mutex_lock(&c->lock);
	STAILQ_INSERT_TAIL(&c->queue, &w, link);
	c->waiting++;
	if (q != NULL) {
		(void)pthread_mutex_unlock(&c->lock);
		q->call(q->ctx);
		(void)pthread_mutex_lock(&c->lock);
	}
	if (wait_ms != 0 && !c->led && !w.over)
		woken = wait_for_company(c, &w, wait_ms);
	if (!woken && (c->led || w.over))
		wait_for_turn(c, &w);
	if (w.over) {
		(void)pthread_mutex_unlock(&c->lock);
	} else {
		c->led = true;
		lead(s, &w, false);
	}
	(void)sem_destroy(&w.wake);
	return w.end;
}

enum err
store_transact(struct store *s, bool (*work)(struct store *, void *),
    void *ctx, struct problem *p)
{
	return store_transact_with(s, work, ctx, 0, NULL, p);
}
