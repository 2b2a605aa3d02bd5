/*
 * Installations: kept first, then proven in one of a few places.
 *
 * Called by the relay for ONAPPINSTALL and by a pass of the retry.  Owns the
 * places.  Without threads (plain CGI, the operator's tool) a proof is made
 * by who asks for it.
 */
#include "relay/proof_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LOOK_MS 100		/* between looks at another process's proof */
#define COPIES_MAX 8		/* that may wait at one place */

enum err
proofs_new(struct proofs **out, const struct env *env)
{
	struct proofs *ps = calloc(1, sizeof(*ps));
	pthread_condattr_t attr;

	*out = NULL;
	if (ps == NULL || pthread_condattr_init(&attr) != 0) {
		free(ps);
		return ERR_NOMEM;
	}
	ps->env = env;
	/* plain ones: none can fail here */
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&ps->wake, &attr);
	(void)pthread_mutex_init(&ps->lock, NULL);
	(void)pthread_condattr_destroy(&attr);
	for (size_t i = 0; i < PROOFS_MAX; i++) {
		ps->place[i].proofs = ps;
		arena_init(&ps->place[i].arena, PROOF_ARENA_MAX);
		STAILQ_INIT(&ps->place[i].askers);
	}
	*out = ps;
	return ERR_OK;
}

void
proofs_free(struct proofs *ps)
{
	if (ps == NULL)
		return;
	for (size_t i = 0; i < PROOFS_MAX; i++)
		arena_free(&ps->place[i].arena);
	(void)pthread_cond_destroy(&ps->wake);
	(void)pthread_mutex_destroy(&ps->lock);
	free(ps);
}

/* Places are counted here if there are threads; else in all processes. */
int64_t
proof_places(const struct proofs *ps)
{
	return ps->started ? INT64_MAX : PROOFS_MAX;
}

static bool
is_stopped(struct proofs *ps)
{
	bool is;

	(void)pthread_mutex_lock(&ps->lock);
	is = ps->stop;
	(void)pthread_mutex_unlock(&ps->lock);
	return is;
}

/* Another process proves a copy: until it has, or the time is over. */
static enum kept
follow(struct proofs *ps, struct install *in, const struct patience *patience)
{
	const struct timespec pause = { 0, LOOK_MS * 1000000L };
	struct problem p = { 0 };
	enum kept kept = KEPT_BUSY;

	while (kept == KEPT_BUSY && deadline_left(&patience->until) != 0 &&
	    !is_stopped(ps)) {
		(void)nanosleep(&pause, NULL);
		if (store_install_keep(ps->env->store, in, proof_places(ps),
		    &kept, &p) != ERR_OK)
			kept = KEPT_BUSY;
	}
	return kept;
}

bool
proof_is_settled(enum kept kept, enum install_end *end,
    char why[OAUTH_REASON_MAX])
{
	*end = kept == KEPT_KNOWN ? INSTALL_DONE : INSTALL_LATER;
	if (kept == KEPT_STALE) {
		*end = INSTALL_DENIED;
		(void)snprintf(why, OAUTH_REASON_MAX,
		    "a newer installation of this portal is stored");
	}
	return kept != KEPT_CLAIMED && kept != KEPT_OLDER;
}

/*
 * What becomes of an installation.  One that is KEPT_OLDER is not kept: 202
 * before its proof would stand for nothing, so that answer waits for the end.
 */
enum install_end
proof_work(struct proofs *ps, struct install *in, enum kept *kept,
    struct patience *patience, char why[OAUTH_REASON_MAX])
{
	struct patience forever = patience_none();
	enum install_end end;
	struct arena a;

	if (*kept == KEPT_BUSY)
		*kept = follow(ps, in, patience);
	if (proof_is_settled(*kept, &end, why))
		return end;
	arena_init(&a, PROOF_ARENA_MAX);
	end = install_prove(ps->env, in, &a, *kept == KEPT_OLDER ?
	    &forever : patience, why);
	arena_free(&a);
	return end;
}

/* -- whoever asks */

/* He joins a copy's place, takes a free one (*pl), or (false) finds none. */
static bool
enter(struct proofs *ps, const struct install *in, struct asker *a,
    struct place **pl)
{
	struct place *copy;
	bool joined;

	(void)pthread_mutex_lock(&ps->lock);
	copy = place_of_copy(ps, in);
	joined = copy != NULL && copy->open && copy->n < COPIES_MAX;
	if (joined)
		place_join(copy, a);
	*pl = copy == NULL ? place_take(ps, in, a) : NULL;
	(void)pthread_mutex_unlock(&ps->lock);
	return joined || *pl != NULL;
}

/* The place is the caller's until a thread goes on with it. */
static void
begin(struct place *pl)
{
	struct proofs *ps = pl->proofs;
	struct install in = pl->in;
	char why[OAUTH_REASON_MAX] = "";
	enum install_end end = INSTALL_LATER;
	struct problem p = { 0 };
	enum kept kept;

	if (store_install_keep(ps->env->store, &in, proof_places(ps), &kept,
	    &p) != ERR_OK) {
		place_fail(pl, &p);
	} else {
		if ((kept == KEPT_BUSY || !proof_is_settled(kept, &end, why))
		    && place_move(pl, STAGE_READY, &in, kept))
			return;
		place_answer(pl, end, why);
	}
	place_leave(pl);
}

/* Without a place: kept, for a thread or a pass; or proven here and now. */
static enum err
keep(struct proofs *ps, struct install *in, struct sender *sender,
    struct outcome *out, struct problem *p)
{
	char why[OAUTH_REASON_MAX] = "";
	enum install_end end = INSTALL_LATER;
	enum kept kept;
	enum err e = store_install_keep(ps->env->store, in,
	    ps->started ? 0 : PROOFS_MAX, &kept, p);

	if (e != ERR_OK)
		return e;
	/* what is said if it must be before the proof */
	(void)proof_tell(out, INSTALL_LATER, KEPT_WAITING, why, p);
	if ((kept == KEPT_BUSY || !proof_is_settled(kept, &end, why)) &&
	    !ps->started)
		end = proof_work(ps, in, &kept, &sender->patience, why);
	if (proof_tell(out, end, kept, why, p))
		proof_finish(sender);
	return p->err;
}

static enum err
take_new(struct proofs *ps, struct event *ev, struct sender *sender,
    struct outcome *out, struct problem *p)
{
	struct install in = install_of(ev);
	struct asker *a = arena_alloc(&ev->arena, sizeof(*a));
	struct place *pl;

	if (a == NULL)
		return problem_set(p, ERR_DISK, -1, NULL, "out of memory");
	*a = (struct asker){ .sender = sender, .out = out };
	if (!ps->started || !enter(ps, &in, a, &pl))
		return keep(ps, &in, sender, out, p);
	if (pl != NULL)
		begin(pl);
	return ERR_OK;
}

enum err
proofs_take(struct proofs *ps, struct event *ev, struct sender *sender,
    struct outcome *out, struct problem *p)
{
	bool known;
	enum err e = install_check(ps->env, ev, &known, p);

	if (e == ERR_OK && !known)
		return take_new(ps, ev, sender, out, p);
	if (e == ERR_OK) {
		*out = (struct outcome){ .result = "installed" };
		proof_finish(sender);
	}
	return e;
}

bool
proofs_try_one(struct proofs *ps, enum install_end *end)
{
	struct patience patience = patience_none();
	char why[OAUTH_REASON_MAX] = "";
	struct problem p = { 0 };
	struct install in;
	struct arena a;
	bool found;

	arena_init(&a, PROOF_ARENA_MAX);
	(void)store_install_due(ps->env->store, PROOFS_MAX, &a, &in, &found,
	    &p);
	if (found)
		*end = install_prove(ps->env, &in, &a, &patience, why);
	arena_free(&a);
	return found;
}
