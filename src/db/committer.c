/*
 * The committer: whose thread the database is.
 *
 * Called by the loop and by db/db.c.  Owns the thread and what is on its way
 * to it and back.
 *
 * What is submitted in a turn of the loop is a list of the loop's own; at the
 * end of the turn it is handed over in one go.  The committer takes what is
 * there, carries it out in one transaction, and gives all results back in one
 * go; what comes meanwhile is its next transaction.  Work that nobody waits
 * for stays with the loop until the next hand-over, or until a timer of
 * LAZY_MS; so the order is always that of submission.  Without a thread the
 * same is done in the loop, at the end of the turn.
 *
 * It waits for company in one case: many results are on their way to the loop,
 * most of which lead to more work at once.  Then the next transaction begins
 * when the loop has been through them, so that there are fewer and larger
 * ones.
 */
#include "db/private.h"

#include "base/thread.h"

#include <time.h>

#define LAZY_MS 20
#define MANY 4			/* results; and how long the loop may */
#define COMPANY_MS 1		/* take to go through them */
#define BATCH_MAX 512		/* so that a short one is not held by a long */

/* In the loop; the last of a closed handle frees it. */
static void
on_letter(struct letter *l)
{
	struct db_work *w = OF(l, struct db_work, letter);
	struct db *db = w->db;

	db->heard = true;
	/* it counts until then, so done() may close the handle */
	if (w->done != NULL)
		w->done(w);
	db->busy--;
	if (db->closed && db->busy == 0)
		db_free(db);
}

/* Afterwards nothing of it may be touched. */
static void
give_back(struct db *db, struct works *all)
{
	struct letters letters = STAILQ_HEAD_INITIALIZER(letters);
	struct db_work *w;

	(void)pthread_mutex_lock(&db->lock);
	db->turned = false;
	(void)pthread_mutex_unlock(&db->lock);
	db->given = 0;
	STAILQ_FOREACH(w, all, link) {
		db->given += w->done != NULL;
		w->letter.open = on_letter;
		STAILQ_INSERT_TAIL(&letters, &w->letter, link);
	}
	loop_post_all(db->opts.loop, &letters);
}

static void
cut(struct works *from, struct works *to)
{
	struct db_work *w;

	STAILQ_INIT(to);
	for (int i = 0; i < BATCH_MAX && !STAILQ_EMPTY(from); i++) {
		w = STAILQ_FIRST(from);
		STAILQ_REMOVE_HEAD(from, link);
		STAILQ_INSERT_TAIL(to, w, link);
	}
}

static void
carry_out(struct db *db, struct works *batch)
{
	if (STAILQ_EMPTY(batch))
		return;
	batch_run(db, batch);
	give_back(db, batch);
	/* behind the results: it takes a while */
	connect_checkpoint(db, false);
}

static void
carry_out_all(struct db *db, struct works *all)
{
	struct works batch;

	while (!STAILQ_EMPTY(all)) {
		cut(all, &batch);
		carry_out(db, &batch);
	}
}

/* Holds the lock. */
static void
await_company(struct db *db)
{
	const struct timespec until = thread_in(COMPANY_MS);

	while (db->given >= MANY && !db->turned && !db->stop &&
	    pthread_cond_timedwait(&db->wake, &db->lock, &until) == 0)
		continue;
	db->given = 0;
}

/* Waits for something to do.  False: nothing is left, and it is to end. */
static bool
take(struct db *db, struct works *batch, bool *tidy)
{
	bool goes_on;

	(void)pthread_mutex_lock(&db->lock);
	await_company(db);
	while (STAILQ_EMPTY(&db->queue) && !db->tidy && !db->stop)
		(void)pthread_cond_wait(&db->wake, &db->lock);
	cut(&db->queue, batch);
	*tidy = db->tidy;
	db->tidy = false;
	goes_on = *tidy || !STAILQ_EMPTY(batch);
	(void)pthread_mutex_unlock(&db->lock);
	return goes_on;
}

static void *
committer(void *arg)
{
	struct db *db = arg;
	struct works batch;
	bool tidy;

	while (take(db, &batch, &tidy)) {
		carry_out(db, &batch);
		if (tidy)
			connect_checkpoint(db, true);
	}
	(void)pthread_mutex_lock(&db->lock);
	db->over = true;
	(void)pthread_cond_signal(&db->ended);
	(void)pthread_mutex_unlock(&db->lock);
	return NULL;
}

/* False: there is no thread (now); then the loop does it. */
static bool
has_thread(struct db *db)
{
	if (db->started || !db->opts.threaded)
		return db->started;
	db->started = thread_start(&db->thread, committer, db, 0);
	if (db->started)
		(void)pthread_setname_np(db->thread, "committer");
	return db->started;
}

/* What the loop brings, if it `hands_over` what was submitted, and whether it
 * has been through results. */
static void
tell_committer(struct db *db, bool hands_over)
{
	bool news = db->heard;

	(void)pthread_mutex_lock(&db->lock);
	if (hands_over) {
		news = news || STAILQ_EMPTY(&db->queue);
		STAILQ_CONCAT(&db->queue, &db->arrivals);
	}
	db->turned = db->turned || db->heard;
	(void)pthread_mutex_unlock(&db->lock);
	db->heard = false;
	if (news)
		(void)pthread_cond_signal(&db->wake);
}

void
committer_hand_over(struct db *db)
{
	if (db->lazy_armed)
		loop_disarm(db->opts.loop, &db->lazy);
	db->lazy_armed = db->urgent = false;
	if (STAILQ_EMPTY(&db->arrivals))
		return;
	if (has_thread(db))
		tell_committer(db, true);
	else
		carry_out_all(db, &db->arrivals);
}

void
db_submit(struct db *db, struct db_work *w)
{
	w->db = db;
	w->end = ERR_OK;
	STAILQ_INSERT_TAIL(&db->arrivals, w, link);
	db->urgent = db->urgent || !w->lazy;
	db->busy++;
	/* outside of a turn nothing else would begin one */
	loop_ready(db->opts.loop, &db->nudge);
}

static void
on_again(struct timer *t)
{
	struct db_work *w = OF(t, struct db_work, again);

	db_submit(w->db, w);
}

void
db_submit_again(struct db_work *w, int64_t pause_ms)
{
	w->again.fire = on_again;
	loop_arm(w->db->opts.loop, &w->again, db_mono(w->db) + pause_ms);
}

size_t
db_busy(const struct db *db)
{
	return db->busy;
}

static void
on_lazy(struct timer *t)
{
	struct db *db = OF(t, struct db, lazy);

	db->lazy_armed = false;
	db->urgent = true;
}

static void
on_rest(struct timer *t)
{
	OF(t, struct db, rest)->rest_due = true;
}

/* If it is awake still, the hook arms the timer anew. */
static void
rested(struct db_work *w)
{
	w->db->rest_armed = false;
}

static void
on_turn_end(struct hook *h)
{
	struct db *db = OF(h, struct db, hook);
	struct loop *loop = db->opts.loop;

	loop_unready(loop, &db->nudge);
	if (!db->rest_armed && atomic_load(&db->awake)) {
		db->rest_armed = true;
		loop_arm(loop, &db->rest, db_mono(db) + DB_REST_MS);
	}
	if (db->rest_due) {
		db->rest_due = false;
		db_submit(db, &db->rest_work);
	}
	if (db->urgent)
		committer_hand_over(db);
	else if (db->heard && db->started)
		tell_committer(db, false);
	if (!db->lazy_armed && !STAILQ_EMPTY(&db->arrivals)) {
		db->lazy_armed = true;
		loop_arm(loop, &db->lazy, db_mono(db) + LAZY_MS);
	}
}

/* What it is for has happened: there is a turn. */
static void
nudged(struct task *t)
{
	(void)t;
}

void
committer_init(struct db *db)
{
	/* plain ones: cannot fail */
	(void)pthread_mutex_init(&db->lock, NULL);
	(void)thread_cond(&db->wake);
	(void)thread_cond(&db->ended);
	STAILQ_INIT(&db->arrivals);
	STAILQ_INIT(&db->queue);
	db->hook.run = on_turn_end;
	db->nudge = (struct task){ .run = nudged, .name = "db" };
	db->lazy.fire = on_lazy;
	db->rest.fire = on_rest;
	db->rest_work = (struct db_work){ .work = alive_rest, .done = rested,
	    .lazy = true };
}

void
committer_free(struct db *db)
{
	(void)pthread_cond_destroy(&db->wake);
	(void)pthread_cond_destroy(&db->ended);
	(void)pthread_mutex_destroy(&db->lock);
}

void
committer_tidy(struct db *db)
{
	(void)pthread_mutex_lock(&db->lock);
	db->tidy = true;
	(void)pthread_mutex_unlock(&db->lock);
	(void)pthread_cond_signal(&db->wake);
}

/* False: it is still inside a call. */
bool
committer_end(struct db *db, int64_t wait_ms)
{
	const struct timespec until = thread_in(wait_ms);
	bool over;

	if (!db->started)
		return true;
	(void)pthread_mutex_lock(&db->lock);
	db->stop = true;
	(void)pthread_cond_signal(&db->wake);
	while (!db->over && pthread_cond_timedwait(&db->ended, &db->lock,
	    &until) == 0)
		continue;
	over = db->over;
	(void)pthread_mutex_unlock(&db->lock);
	if (!over)
		return false;
	(void)pthread_join(db->thread, NULL);
	db->started = false;
	/* what came after it had been told to stop */
	carry_out_all(db, &db->queue);
	return true;
}
