/*
 * A destination is down, or up again: one fact, told to all processes.
 *
 * Called by rooms for portals and by the relay for channels, in the loop.
 * Owns the work that writes it.  What changes while it is being written is
 * written behind it.
 */
#include "portal/outage.h"

#include <stdio.h>

static void submit(struct outage *);

static void
tell(const struct outage *o, const struct db_work *w)
{
	const struct log *log = o->env->log;
	const char *member_id = o->place.member_id;
	const char *place = member_id != NULL ? "portal" : o->place.name;

	if (w->end != ERR_OK)
		log_error(log, "store-failed",
		    F_OPT("place", member_id != NULL ? NULL : place),
		    F_OPT("member_id", member_id),
		    F_STR("reason", w->problem.text));
	else if (!o->change.down)
		log_info(log, "up", F_STR("place", place),
		    F_OPT("member_id", member_id));
	else if (o->change.tries == 1)
		log_warning(log, "down", F_STR("place", place),
		    F_OPT("member_id", member_id), F_STR("reason", o->why));
}

static void
on_written(struct db_work *w)
{
	struct outage *o = OF(w, struct outage, change);

	tell(o, w);
	o->writing = o->again;
	if (o->again)
		submit(o);
	else
		o->written(o);
}

static void
submit(struct outage *o)
{
	o->again = false;
	o->change = (struct place_change){
		.db.done = on_written,
		.store = o->env->store,
		.place = o->place,
		.down = o->down,
		.first_ms = o->env->config->retry.first * 1000,
		.longest_ms = o->env->config->retry.longest * 1000,
		.reason = o->why,
	};
	store_place_change(&o->change);
	env_submit(o->env, &o->change.db);
}

bool
outage_write(struct outage *o, const char *reason)
{
	if (o->down && !o->writing)
		(void)snprintf(o->why, sizeof(o->why), "%s", reason);
	o->again = o->writing;
	if (o->writing)
		return false;
	o->writing = true;
	submit(o);
	return true;
}
