/*
 * The threads that prove installations: those that were just posted, and in
 * between those that are kept and due.
 *
 * Started and stopped by the accept loop.  Owns the threads, one for each
 * place; a place that is ready finds one that is idle.
 */
#include "relay/proof_place.h"

#include <time.h>

#define STACK_SIZE ((size_t)512 * 1024)
#define IDLE_MS 500		/* between looks for what is due */

static void
late(void *ctx)
{
	place_answer(ctx, INSTALL_LATER, "");
}

static void
run_place(struct place *pl)
{
	struct patience patience = { pl->until, late, pl, !pl->asked };
	struct install in = pl->in;
	enum kept kept = pl->kept;
	char why[OAUTH_REASON_MAX] = "";
	enum install_end end;

	end = proof_work(pl->proofs, &in, &kept, &patience, why);
	(void)place_move(pl, STAGE_RUNS, &in, kept);
	place_answer(pl, end, why);
	place_leave(pl);
}

/* Claims one that is due.  Under the lock, which is left meanwhile. */
static struct place *
take_due(struct proofs *ps)
{
	struct problem p = { 0 };
	struct install in;
	struct place *pl;
	bool found;

	(void)pthread_mutex_unlock(&ps->lock);
	found = store_install_waits(ps->env->store);
	(void)pthread_mutex_lock(&ps->lock);
	pl = found && !ps->stop ? place_at(ps, STAGE_FREE) : NULL;
	if (pl == NULL)
		return NULL;
	pl->stage = STAGE_TAKEN;
	pl->asked = pl->open = false;
	(void)pthread_mutex_unlock(&ps->lock);
	(void)store_install_due(ps->env->store, proof_places(ps), &pl->arena,
	    &in, &found, &p);
	if (!found || !place_move(pl, STAGE_RUNS, &in, KEPT_CLAIMED)) {
		place_leave(pl);
		pl = NULL;
	}
	(void)pthread_mutex_lock(&ps->lock);
	return pl;
}

static struct timespec
time_in(int64_t ms)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

/* Under the lock. */
static struct place *
next_ready(struct proofs *ps)
{
	struct place *pl = place_at(ps, STAGE_READY);

	if (pl != NULL)
		pl->stage = STAGE_RUNS;
	return pl;
}

/* NULL: it is time to stop. */
static struct place *
next_place(struct proofs *ps)
{
	struct place *pl = NULL;

	(void)pthread_mutex_lock(&ps->lock);
	while (pl == NULL && !ps->stop) {
		struct timespec until = time_in(IDLE_MS);

		pl = next_ready(ps);
		if (pl == NULL)
			pl = take_due(ps);
		if (pl == NULL)		/* one may have come meanwhile */
			pl = next_ready(ps);
		if (pl == NULL && !ps->stop)
			(void)pthread_cond_timedwait(&ps->wake, &ps->lock,
			    &until);
	}
	(void)pthread_mutex_unlock(&ps->lock);
	return pl;
}

static void *
prove_all(void *ctx)
{
	struct proofs *ps = ctx;
	struct place *pl;

	while ((pl = next_place(ps)) != NULL)
		run_place(pl);
	/* under the lock to the end: whoever sees zero may free it */
	(void)pthread_mutex_lock(&ps->lock);
	ps->running--;
	(void)pthread_cond_broadcast(&ps->wake);
	(void)pthread_mutex_unlock(&ps->lock);
	return NULL;
}

enum err
proofs_start(struct proofs *ps)
{
	pthread_attr_t attr;
	int rc = pthread_attr_init(&attr);

	if (rc != 0)
		return ERR_RETRY;
	ps->started = true;
	rc = pthread_attr_setstacksize(&attr, STACK_SIZE);
	if (rc == 0)
		rc = pthread_attr_setdetachstate(&attr,
		    PTHREAD_CREATE_DETACHED);
	for (int i = 0; rc == 0 && i < PROOFS_MAX; i++) {
		pthread_t thread;

		(void)pthread_mutex_lock(&ps->lock);
		rc = pthread_create(&thread, &attr, prove_all, ps);
		ps->running += rc == 0;
		(void)pthread_mutex_unlock(&ps->lock);
	}
	(void)pthread_attr_destroy(&attr);
	return rc == 0 ? ERR_OK : ERR_RETRY;
}

void
proofs_stop(struct proofs *ps)
{
	bool waits[PROOFS_MAX];

	(void)pthread_mutex_lock(&ps->lock);
	ps->stop = true;
	(void)pthread_cond_broadcast(&ps->wake);
	for (size_t i = 0; i < PROOFS_MAX; i++)
		/* one that is being kept is answered by who keeps it */
		waits[i] = ps->place[i].stage == STAGE_READY ||
		    ps->place[i].stage == STAGE_RUNS;
	(void)pthread_mutex_unlock(&ps->lock);
	for (size_t i = 0; i < PROOFS_MAX; i++)
		if (waits[i])
			late(&ps->place[i]);
}

bool
proofs_join(struct proofs *ps, int64_t ms)
{
	const struct timespec until = time_in(ms);
	int rc = 0;
	bool gone;

	(void)pthread_mutex_lock(&ps->lock);
	while (ps->running > 0 && rc == 0)
		rc = pthread_cond_timedwait(&ps->wake, &ps->lock, &until);
	gone = ps->running == 0;
	(void)pthread_mutex_unlock(&ps->lock);
	return gone;
}
