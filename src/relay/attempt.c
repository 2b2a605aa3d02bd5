/*
 * What follows from a failed attempt: wait, hold, or give up.
 *
 * Called by the steps of a journey.  Owns nothing.
 */
#include "relay/attempt.h"

#include <sys/random.h>

/*
 * Unix ms of the next try: retry.first, doubled with each up to
 * retry.longest, a quarter more or less, so that what failed together comes
 * apart.
 */
static int64_t
next_try(const struct relay *r, const struct work *w, const struct failure *f)
{
	const struct config *c = r->env.config;
	int64_t now = clock_wall(r->env.clock);
	int64_t longest = c->retry.longest * 1000;
	int64_t ms = c->retry.first * 1000;
	uint16_t random = 0x8000;

	for (int64_t i = 0; i < w->tries && ms < longest; i++)
		ms *= 2;
	if (ms > longest)
		ms = longest;
	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	ms = ms - ms / 4 + ms / 2 * random / UINT16_MAX;
	if (f->wait_s >= 0 && f->wait_s * 1000 > ms)
		ms = f->wait_s * 1000;
	if (f->until_ms > now + ms)
		ms = f->until_ms - now;
	return now + (ms < longest ? ms : longest);
}

/* The store tells ages: it is the one to give up (store/age.c). */
void
attempt_gave_up(const struct relay *r, const struct work *w,
    const struct moving_one *m)
{
	if (m->gave_up)
		log_error(r->env.log, "refused", F_STR("key", w->key),
		    F_STR("step", step_name(m->step)),
		    F_STR("given_up", m->text));
}

void
attempt_failed(const struct relay *r, const struct work *w, enum step step,
    const struct failure *f, struct moving_one *m)
{
	m->step = step;
	m->text = f->reason;
	m->tried = true;
	if (f->final) {
		m->move = MOVE_REFUSED;
		log_error(r->env.log, "refused", F_STR("key", w->key),
		    F_STR("step", step_name(step)),
		    F_STR("reason", f->reason));
		return;
	}
	m->move = f->held ? MOVE_READY : MOVE_LATER;
	m->next_ms = f->held ? 0 : next_try(r, w, f);
	log_warning(r->env.log, f->held ? "held" : "postponed",
	    F_STR("key", w->key), F_STR("step", step_name(step)),
	    F_INT(f->held ? "" : "seconds", (m->next_ms -
	    clock_wall(r->env.clock)) / 1000), F_STR("reason", f->reason));
}
