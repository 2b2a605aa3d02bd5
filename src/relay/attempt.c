/*
 * What follows from a failed attempt: wait, hold, or give up.
 *
 * Called by the steps of the journey.  Owns nothing.  If the store fails,
 * the store gives the message back as soon as it can, and it is tried again
 * then.
 */
#include "relay/attempt.h"

#include "store/destination.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

void
note_unmoved(const struct relay *r, const char *key, const struct problem *p)
{
	if (p->err == ERR_LOST)
		log_warning(r->env.log, "claim-lost", F_STR("key", key),
		    F_STR("reason", p->text));
	else
		log_error(r->env.log, "store-failed", F_STR("key", key),
		    F_STR("reason", p->text));
}

/* retry.first, doubled with each try up to retry.longest, in ms. */
static int64_t
backoff(const struct config *c, int64_t tries)
{
	int64_t longest = c->retry.longest * 1000;
	int64_t ms = c->retry.first * 1000;

	while (tries-- > 0 && ms < longest)
		ms *= 2;
	return ms < longest ? ms : longest;
}

/* A quarter more or less, so that what failed together comes apart. */
static int64_t
jitter(int64_t ms)
{
	uint16_t random = 0x8000;

	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	return ms - ms / 4 + ms / 2 * random / UINT16_MAX;
}

/* Unix ms of the next try. */
static int64_t
next_try(const struct relay *r, const struct work *w, const struct failure *f)
{
	const struct config *c = r->env.config;
	int64_t now = clock_wall(r->env.clock), longest, ms;

	if (f->hold == HOLD_PARKED)
		return (w->first_ms != 0 ? w->first_ms : now) +
		    c->retry.give_up_after * 1000;
	longest = c->retry.longest * 1000;
	ms = jitter(backoff(c, w->tries));
	if (f->wait_s >= 0 && f->wait_s * 1000 > ms)
		ms = f->wait_s * 1000;
	if (f->until_ms > now + ms)
		ms = f->until_ms - now;
	return now + (ms < longest ? ms : longest);
}

static bool
is_over(const struct relay *r, const struct work *w)
{
	int64_t limit = r->env.config->retry.give_up_after * 1000;

	return w->first_ms != 0 &&
	    clock_wall(r->env.clock) - w->first_ms >= limit;
}

static void
refuse(const struct relay *r, struct work *w, enum step step,
    const struct failure *f, int64_t *next)
{
	char reason[PROBLEM_TEXT_MAX];
	struct problem p = { 0 };
	int64_t ignored;

	(void)snprintf(reason, sizeof(reason), "%s%s", f->final ? "" :
	    "given up: ", f->reason);
	log_error(r->env.log, "refused", F_STR("key", w->key),
	    F_STR("step", step_name(step)), F_STR("reason", reason));
	if (store_refused(r->env.store, w, step, reason, next != NULL ?
	    next : &ignored, &p) != ERR_OK)
		note_unmoved(r, w->key, &p);
}

void
attempt_failed(const struct relay *r, struct work *const *w, size_t n,
    enum step step, const struct failure *f, int64_t *next)
{
	struct problem p = { 0 };
	int64_t next_ms = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (f->final || is_over(r, w[i])) {
			refuse(r, w[i], step, f, next);
			continue;
		}
		next_ms = next_try(r, w[i], f);
		log_warning(r->env.log, "postponed", F_STR("key", w[i]->key),
		    F_STR("step", step_name(step)),
		    F_INT("seconds", (next_ms - clock_wall(r->env.clock)) /
		    1000), F_STR("reason", f->reason));
	}
	/* one wait for a batch; what was refused is left alone by the store */
	if (next_ms != 0 && store_postponed(r->env.store, w, n, next_ms,
	    f->hold, f->reason, &p) != ERR_OK)
		note_unmoved(r, w[0]->key, &p);
}

void
place_of_channel(const struct relay *r, const char *connector, int64_t line,
    char out[PLACE_MAX])
{
	const struct config_channel *c = config_channel_for(r->env.config,
	    connector, line);

	(void)snprintf(out, PLACE_MAX, "channel:%.64s/%lld", c->connector,
	    (long long)c->line);
}

void
place_of_portal(const char *member_id, char out[PLACE_MAX])
{
	(void)snprintf(out, PLACE_MAX, "portal:%.160s", member_id);
}

void
place_of(const struct relay *r, const struct work *w, char out[PLACE_MAX])
{
	if (w->state == STATE_RECEIVED)
		place_of_channel(r, w->connector, w->line, out);
	else
		place_of_portal(w->member_id, out);
}

void
place_was(const struct relay *r, const char *place, const struct work *w,
    bool down, bool probe)
{
	struct problem p = { 0 };
	int64_t tries = 0;

	if (!down && !probe)
		return;
	if (down) {
		/* without jitter: it is the next try of its first message */
		(void)store_set_down(r->env.store, place,
		    backoff(r->env.config, w->tries), &tries, &p);
		if (tries == 1)
			log_warning(r->env.log, "down", F_STR("place",
			    place));
	} else if (store_set_up(r->env.store, place, w, &p) == ERR_OK) {
		log_info(r->env.log, "up", F_STR("place", place));
	}
	if (p.err != ERR_OK)
		note_unmoved(r, w->key, &p);
}

int64_t
place_late_until(const struct relay *r, const char *place)
{
	/* half of the workers may wait for one destination that is slow */
	if (late_is(r->late, place, r->env.config->server.workers / 2 + 1))
		return clock_wall(r->env.clock) +
		    r->env.config->retry.first * 1000;
	return 0;
}

int64_t
place_down_until(const struct relay *r, const char *place)
{
	struct problem p = { 0 };
	int64_t until = place_late_until(r, place);

	/* if the store cannot say, the next step will */
	if (until == 0)
		(void)store_down_until(r->env.store, place, false, &until,
		    &p);
	return until;
}
