/*
 * The look for what is due, and the single pass of programs that do one
 * thing.
 *
 * Started by the programs.  Owns no messages: what is found goes the way of
 * all others.  Twice a second it is asked whether anything is due, which
 * only reads; the look itself follows when something is.
 */
#include "relay/inside.h"

#include "base/fault.h"
#include "db/alive.h"
#include "relay/destination.h"
#include "relay/line.h"

#include <stdlib.h>
#include <string.h>

#define PEEK_MS 500		/* between looks when nothing is due */
#define OLDER_MS 1		/* between steps of a store's upgrade, */
				/* and of tidying */
#define TIDY_MS 600000		/* between two times */
#define PLACES 128		/* told in one look */
#define PROBE_MORE_MS 30000	/* beyond the call's own time */
#define LOST_MS 30000		/* for so long others wait (db/alive.c) */

static void look(struct relay *);
static void on_timer(struct timer *);

static void
arm(struct relay *r, int64_t ms)
{
	r->look_timer.fire = on_timer;
	if (!r->closing)
		loop_arm(r->env.loop, &r->look_timer,
		    loop_now(r->env.loop) + ms);
}

static void
serve_channel(struct relay *r, const struct look_place *p)
{
	struct destination *d = destination_of_place(r, p);

	if (d == NULL)
		return;
	destination_serve(d, p->probe);
	destination_leave(d);
}

static void
serve_tell(struct relay *r, const struct look_place *p)
{
	struct line *l = line_enter(r, p->member_id, p->connector, p->line);

	if (l == NULL)
		return;
	line_serve(l, p);
	line_leave(l);
}

/* A look at one portal. */
struct portal_look {
	struct looking look;
	struct relay *relay;
	char member_id[];
};

static void
on_portal(struct db_work *w)
{
	struct portal_look *v = (struct portal_look *)w;

	v->relay->writes--;
	for (size_t i = 0; w->end == ERR_OK && i < v->look.n; i++)
		serve_tell(v->relay, &v->look.place[i]);
	store_look_free(&v->look);
	loop_bury(v->relay->env.loop, v);
}

void
look_portal(struct relay *r, const char *member_id)
{
	size_t size = strlen(member_id) + 1;
	struct portal_look *v = calloc(1, sizeof(*v) + size);

	if (v == NULL)
		return;		/* the next answer of the portal tries again */
	v->relay = r;
	memcpy(v->member_id, member_id, size);
	v->look = (struct looking){ .db.done = on_portal,
	    .store = r->env.store, .max = PLACES };
	store_look_portal(&v->look, v->member_id);
	r->writes++;
	env_submit(&r->env, &v->look.db);
}

static void
on_looked(struct db_work *w)
{
	struct relay *r = OF(w, struct relay, look);
	bool ok = w->end == ERR_OK;

	r->looking = false;
	r->looked_empty = ok && r->look.n == 0 && !r->look.more &&
	    !r->look.older;
	if (!ok)
		r->look_problem = w->problem;
	if (!ok && !r->passing)
		log_error(r->env.log, "store-failed", F_STR("reason",
		    w->problem.text));
	for (size_t i = 0; ok && i < r->look.n; i++) {
		if (r->look.place[i].kind != PLACE_CHANNEL)
			serve_tell(r, &r->look.place[i]);
		else
			serve_channel(r, &r->look.place[i]);
	}
	store_look_free(&r->look);
	if (ok && r->look_tidies && !r->look.tidy)
		r->tidy_at = loop_now(r->env.loop) + TIDY_MS;
	if (ok && (r->look.more || r->look_again))
		look(r);
	else
		arm(r, ok && (r->look.older || r->look.tidy) ? OLDER_MS :
		    PEEK_MS);
}

static int64_t
probe_ms(const struct relay *r)
{
	const struct config *c = r->env.config;
	int64_t longest = c->portal.timeout;

	for (size_t i = 0; i < c->channels; i++)
		if (c->channel[i].timeout > longest)
			longest = c->channel[i].timeout;
	return longest * 1000 + PROBE_MORE_MS;
}

/* A process that ends soon has no time for it. */
static bool
is_untidy(const struct relay *r)
{
	return !r->passing && loop_now(r->env.loop) >= r->tidy_at;
}

static void
look(struct relay *r)
{
	r->look_again = r->looking;
	if (r->looking || r->closing)
		return;
	r->looking = true;
	r->look_tidies = is_untidy(r);
	r->look = (struct looking){ .db.done = on_looked,
	    .store = r->env.store, .max = PLACES, .probe_ms = probe_ms(r),
	    .tidy = r->look_tidies };
	store_look(&r->look);
	env_submit(&r->env, &r->look.db);
}

void
look_sure(struct relay *r)
{
	unsigned lives = db_lives(store_db(r->env.store));

	if (lives != r->lives) {
		r->lives = lives;
		destinations_halt(r);
		lines_halt(r);
	}
	r->sure_at = loop_now(r->env.loop);
}

bool
look_is_sure(const struct relay *r)
{
	return loop_now(r->env.loop) - r->sure_at <
	    fault_ms("IMCONNECTOR_HEARTBEAT_MS", LOST_MS) / 2;
}

static bool
show_beat(struct tx *tx, struct db_work *w)
{
	(void)w;
	/* more than a beat: whether we live, for others */
	return db_beat(tx) && db_me(tx) != 0;
}

static void
on_beat(struct db_work *w)
{
	struct relay *r = OF(w, struct relay, beat);

	r->beating = false;
	if (w->end == ERR_OK)
		look_sure(r);
}

/*
 * Says of itself whose messages it takes up, before it has any; and while
 * some are in work here, that it lives.
 */
static void
beat(struct relay *r)
{
	if (r->beating)
		return;
	r->beating = true;
	r->beat = (struct db_work){ .work = show_beat, .done = on_beat };
	env_submit(&r->env, &r->beat);
}

static void
on_peeked(struct db_work *w)
{
	struct relay *r = OF(w, struct relay, peek);
	bool ok = w->end == ERR_OK;

	r->looking = false;
	if (ok && r->peek.installs)
		install_look(r->proofs);
	if (ok && r->peek.setups)
		setups_look(r->setups);
	if (ok && (r->peek.due || is_untidy(r))) {
		look(r);
		return;
	}
	db_tidy(store_db(r->env.store));
	arm(r, PEEK_MS);
}

static void
on_timer(struct timer *t)
{
	struct relay *r = OF(t, struct relay, look_timer);

	if (r->looking || r->closing)
		return;
	if (r->journeys != 0)
		beat(r);
	r->looking = true;
	r->peek = (struct peeking){ .db.done = on_peeked,
	    .store = r->env.store, .probe_ms = probe_ms(r) };
	store_peek(&r->peek);
	env_submit(&r->env, &r->peek.db);
}

void
relay_start(struct relay *r)
{
	beat(r);
	arm(r, 0);
}

/* A pass is over when a look finds nothing and nothing is on its way. */
static bool
pass_goes_on(struct relay *r, struct pass *pass,
    const struct deadline *until)
{
	pass->done = r->moved;
	pass->failed = r->failed;
	if (pass->progress != NULL)
		pass->progress(pass->ctx, pass);
	if (r->look_problem.err != ERR_OK)
		return false;
	if (deadline_left(until) == 0 ||
	    pass->done + pass->failed >= pass->messages)
		return false;
	return !r->looked_empty || relay_busy(r) != 0;
}

enum err
relay_pass(struct relay *r, struct pass *pass, struct problem *p)
{
	struct deadline until = deadline_in(r->env.clock, pass->ms);

	r->moved = r->failed = 0;
	r->looked_empty = false;
	r->passing = true;
	r->look_problem = (struct problem){ .err = ERR_OK };
	install_look(r->proofs);
	setups_look(r->setups);
	look(r);
	while (pass_goes_on(r, pass, &until)) {
		loop_turn(r->env.loop, PEEK_MS);
		if (!r->looking && relay_busy(r) == 0 && !r->looked_empty)
			look(r);
	}
	/* what was begun is finished; nothing more is begun */
	r->closing = true;
	while (relay_busy(r) != 0)
		loop_turn(r->env.loop, PEEK_MS);
	r->closing = r->passing = false;
	pass->done = r->moved;
	pass->failed = r->failed;
	if (r->look_problem.err != ERR_OK)
		*p = r->look_problem;
	return p->err;
}
