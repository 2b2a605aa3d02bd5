/*
 * Who waits for which proof, and where.
 *
 * Called by relay/proofs.c and proof_threads.c.  Owns the texts at a place;
 * who waits there is in his own event's memory.  Answers are given without
 * the lock, each by whoever took it off its list.
 */
#include "relay/proof_place.h"

#include <string.h>

bool
proof_tell(struct outcome *out, enum install_end end, enum kept kept,
    const char *why, struct problem *p)
{
	*out = (struct outcome){ .result = "queued",
	    .reason = "the installation is being proven" };
	if (end == INSTALL_DONE)
		*out = (struct outcome){ .result = "installed" };
	else if (end == INSTALL_DENIED)
		(void)problem_set(p, ERR_DENIED, -1, "auth.refresh_token",
		    "%s", why);
	else if (kept == KEPT_OLDER)
		(void)problem_set(p, ERR_DISK, -1, NULL, "a newer "
		    "installation of this portal waits for its proof");
	return p->err == ERR_OK;
}

void
proof_finish(struct sender *sender)
{
	patience_end(&sender->patience);
	sender->gone(sender);
}

/* All who wait: from now on nobody but the caller answers them. */
static struct asker *
detach(struct place *pl, enum kept *kept)
{
	struct asker *first;

	(void)pthread_mutex_lock(&pl->proofs->lock);
	first = STAILQ_FIRST(&pl->askers);
	STAILQ_INIT(&pl->askers);
	pl->n = 0;
	pl->open = false;
	*kept = pl->kept;
	(void)pthread_mutex_unlock(&pl->proofs->lock);
	return first;
}

void
place_answer(struct place *pl, enum install_end end, const char *why)
{
	struct asker *a, *next;
	enum kept kept;

	for (a = detach(pl, &kept); a != NULL; a = next) {
		struct sender *sender = a->sender;
		struct problem p = { 0 };

		next = STAILQ_NEXT(a, link);
		if (proof_tell(a->out, end, kept, why, &p))
			proof_finish(sender);
		else
			sender->failed(sender, &p);
	}
}

void
place_fail(struct place *pl, const struct problem *p)
{
	struct asker *a, *next;
	enum kept kept;

	for (a = detach(pl, &kept); a != NULL; a = next) {
		next = STAILQ_NEXT(a, link);
		a->sender->failed(a->sender, p);
	}
}

struct place *
place_at(struct proofs *ps, enum stage stage)
{
	for (size_t i = 0; i < PROOFS_MAX; i++)
		if (ps->place[i].stage == stage)
			return &ps->place[i];
	return NULL;
}

struct place *
place_of_copy(struct proofs *ps, const struct install *in)
{
	for (size_t i = 0; i < PROOFS_MAX; i++) {
		const struct install *other = &ps->place[i].in;

		if (other->member_id != NULL &&
		    strcmp(other->member_id, in->member_id) == 0 &&
		    strcmp(other->application_token,
		    in->application_token) == 0 &&
		    strcmp(other->refresh_token, in->refresh_token) == 0)
			return &ps->place[i];
	}
	return NULL;
}

void
place_join(struct place *pl, struct asker *a)
{
	STAILQ_INSERT_TAIL(&pl->askers, a, link);
	pl->n++;
}

struct place *
place_take(struct proofs *ps, const struct install *in, struct asker *a)
{
	struct place *pl = ps->stop ? NULL : place_at(ps, STAGE_FREE);

	if (pl == NULL)
		return NULL;
	pl->in = *in;
	if (!install_copy(&pl->in, &pl->arena)) {
		pl->in = (struct install){ 0 };
		return NULL;
	}
	pl->stage = STAGE_TAKEN;
	pl->kept = KEPT_CLAIMED;
	pl->until = a->sender->patience.until;
	pl->asked = pl->open = true;
	place_join(pl, a);
	return pl;
}

void
place_leave(struct place *pl)
{
	(void)pthread_mutex_lock(&pl->proofs->lock);
	arena_free(&pl->arena);
	arena_init(&pl->arena, PROOF_ARENA_MAX);
	pl->in = (struct install){ 0 };
	pl->stage = STAGE_FREE;
	(void)pthread_mutex_unlock(&pl->proofs->lock);
}

bool
place_move(struct place *pl, enum stage stage, const struct install *in,
    enum kept kept)
{
	struct proofs *ps = pl->proofs;
	bool on;

	(void)pthread_mutex_lock(&ps->lock);
	on = !ps->stop;
	pl->in = *in;
	pl->kept = kept;
	if (on) {
		pl->stage = stage;
		(void)pthread_cond_signal(&ps->wake);
	}
	(void)pthread_mutex_unlock(&ps->lock);
	return on;
}
