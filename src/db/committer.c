/*
 * The driver's handle, and the committer: whose thread the database is.
 *
 * Called by the store and the programs, in the loop.  Owns the thread and
 * what is on its way to it and back.
 *
 * What is submitted in a turn of the loop is a list of the loop's own; at the
 * end of the turn it is handed over in one go.  The committer takes what is
 * there, carries it out in one transaction, and gives all results back in one
 * go; what comes meanwhile is its next transaction.  It never waits for
 * company.  Work that nobody waits for stays with the loop until the next
 * hand-over, or until a timer of LAZY_MS; so the order is always that of
 * submission.  Without a thread the same is done in the loop, at the end of
 * the turn.
 */
#include "db/private.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LAZY_MS 20
#define QUIET_MS 1000		/* nobody writes: the log may be emptied */
#define BATCH_MAX 512		/* so that a short one is not held by a long */

#define OF(p, type, member) ((type *)(void *)((char *)(p) - \
	offsetof(type, member)))

static void on_turn_end(struct hook *);
static void on_lazy(struct timer *);
static void on_rest(struct timer *);
static bool rest(struct tx *, struct db_work *);
static void rested(struct db_work *);

static void
init_locks(struct db *db)
{
	pthread_condattr_t monotonic;

	/* plain ones: cannot fail */
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_mutex_init(&db->lock, NULL);
	(void)pthread_cond_init(&db->wake, &monotonic);
	(void)pthread_cond_init(&db->ended, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
}

static void
free_all(struct db *db)
{
	(void)pthread_cond_destroy(&db->wake);
	(void)pthread_cond_destroy(&db->ended);
	(void)pthread_mutex_destroy(&db->lock);
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
	init_locks(db);
	STAILQ_INIT(&db->arrivals);
	STAILQ_INIT(&db->queue);
	db->opts = *o;
	db->opts.url = db->opts.about = NULL;	/* the caller's */
	db->path = strdup(path);
	db->about = strdup(o->about != NULL ? o->about : "");
	db->place_fd = db->lock_fd = -1;
	db->hook.run = on_turn_end;
	db->lazy.fire = on_lazy;
	db->rest.fire = on_rest;
	db->rest_work = (struct db_work){ .work = rest, .done = rested,
	    .lazy = true };
	if (db->path != NULL && db->about != NULL)
		return db;
	free_all(db);
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
		    "be sqlite: and an absolute path, not \"%.99s\"", o->url);
	*out = db_new(o, path);
	if (*out == NULL)
		return problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	if (o->loop != NULL)
		loop_add_hook(o->loop, &(*out)->hook);
	return ERR_OK;
}

/* In the loop; the last of a closed handle frees it. */
static void
on_letter(struct letter *l)
{
	struct db_work *w = OF(l, struct db_work, letter);
	struct db *db = w->db;

	/* it counts until then, so done() may close the handle */
	if (w->done != NULL)
		w->done(w);
	db->busy--;
	if (db->closed && db->busy == 0)
		free_all(db);
}

/* Afterwards nothing of it may be touched. */
static void
give_back(struct db *db, struct works *all)
{
	struct letters letters = STAILQ_HEAD_INITIALIZER(letters);
	struct db_work *w;

	STAILQ_FOREACH(w, all, link) {
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
	batch_checkpoint(db, false);
}

/* Waits for something to do.  False: nothing is left, and it is to end. */
static bool
take(struct db *db, struct works *batch, bool *tidy)
{
	bool goes_on;

	(void)pthread_mutex_lock(&db->lock);
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
			batch_checkpoint(db, true);
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
	sigset_t all, before;

	if (db->started || !db->opts.threaded)
		return db->started;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	db->started = pthread_create(&db->thread, NULL, committer, db) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (db->started)
		(void)pthread_setname_np(db->thread, "committer");
	return db->started;
}

static void
hand_over(struct db *db)
{
	struct works batch;
	bool idle;

	if (db->lazy_armed)
		loop_disarm(db->opts.loop, &db->lazy);
	db->lazy_armed = db->urgent = false;
	if (STAILQ_EMPTY(&db->arrivals))
		return;
	if (!has_thread(db)) {
		while (!STAILQ_EMPTY(&db->arrivals)) {
			cut(&db->arrivals, &batch);
			carry_out(db, &batch);
		}
		return;
	}
	(void)pthread_mutex_lock(&db->lock);
	idle = STAILQ_EMPTY(&db->queue);
	STAILQ_CONCAT(&db->queue, &db->arrivals);
	(void)pthread_mutex_unlock(&db->lock);
	if (idle)
		(void)pthread_cond_signal(&db->wake);
}

void
db_submit(struct db *db, struct db_work *w)
{
	w->db = db;
	w->end = ERR_OK;
	STAILQ_INSERT_TAIL(&db->arrivals, w, link);
	db->urgent = db->urgent || !w->lazy;
	db->busy++;
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

static bool
rest(struct tx *tx, struct db_work *w)
{
	(void)w;
	return alive_rest(tx);
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

	if (!db->rest_armed && atomic_load(&db->awake)) {
		db->rest_armed = true;
		loop_arm(loop, &db->rest, db_mono(db) + DB_REST_MS);
	}
	if (db->rest_due) {
		db->rest_due = false;
		db_submit(db, &db->rest_work);
	}
	if (db->urgent) {
		hand_over(db);
	} else if (!db->lazy_armed && !STAILQ_EMPTY(&db->arrivals)) {
		db->lazy_armed = true;
		loop_arm(loop, &db->lazy, db_mono(db) + LAZY_MS);
	}
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
		hand_over(db);
	STAILQ_INSERT_TAIL(&one, w, link);
	batch_run(db, &one);
	batch_checkpoint(db, false);
	return w->end;
}

bool
db_absent(const struct db *db)
{
	return atomic_load(&db->absent);
}

void
db_tidy(struct db *db)
{
	if (!atomic_load(&db->in_log) ||
	    db_mono(db) - atomic_load(&db->written_ms) < QUIET_MS)
		return;
	if (!db->started) {
		batch_checkpoint(db, true);
		return;
	}
	(void)pthread_mutex_lock(&db->lock);
	db->tidy = true;
	(void)pthread_mutex_unlock(&db->lock);
	(void)pthread_cond_signal(&db->wake);
}

/* The loop's own descriptor: the committer's may come and go. */
static bool
open_places(struct db *db)
{
	struct problem p = { .err = ERR_OK };
	bool absent;
	char *real = file_resolve(db->path, false, &absent, &p);

	if (db->place_fd >= 0 && (real == NULL ||
	    !lock_is_current(db->place_fd, real))) {
		(void)close(db->place_fd);
		db->place_fd = -1;
	}
	if (db->place_fd < 0 && real != NULL)
		db->place_fd = lock_open(real, &p);
	free(real);
	return db->place_fd >= 0;
}

bool
db_take_place(struct db *db, enum db_place place)
{
	if (db->placed[place] || !open_places(db))
		return false;
	db->placed[place] = lock_take_place(db->place_fd, place);
	return db->placed[place];
}

void
db_give_place(struct db *db, enum db_place place)
{
	if (db->placed[place])
		lock_give_place(db->place_fd, place);
	db->placed[place] = false;
}

static struct timespec
in_ms(int64_t ms)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

/* False: it is still inside a call. */
static bool
end_thread(struct db *db, int64_t wait_ms)
{
	const struct timespec until = in_ms(wait_ms);
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
	if (over)
		(void)pthread_join(db->thread, NULL);
	db->started = !over;
	return over;
}

static bool
leave(struct tx *tx, struct db_work *w)
{
	(void)w;
	return alive_leave(tx);
}

/* As well as it goes, at the first try: others can do it, too. */
static void
leave_store(struct db *db)
{
	struct db_work w = { .work = leave };
	struct works one = STAILQ_HEAD_INITIALIZER(one);

	db->opts.busy_ms = 0;
	db->opts.last = NULL;
	if (db->sqlite != NULL && db->alive.me.listed && db->alive.me.rests) {
		STAILQ_INSERT_TAIL(&one, &w, link);
		batch_run(db, &one);
	}
	batch_checkpoint(db, true);
	batch_close(db);
}

bool
db_close(struct db *db, int64_t wait_ms)
{
	if (db == NULL)
		return true;
	hand_over(db);
	if (!end_thread(db, wait_ms))
		return false;
	leave_store(db);
	if (db->place_fd >= 0)
		(void)close(db->place_fd);
	if (db->opts.loop != NULL) {
		loop_disarm(db->opts.loop, &db->rest);
		loop_remove_hook(db->opts.loop, &db->hook);
	}
	db->closed = true;
	if (db->busy == 0)
		free_all(db);
	return true;
}
