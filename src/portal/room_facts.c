/*
 * What is found out about a portal: down or up, parked, its limits, what is
 * known of its installation.
 *
 * Called by rest.c and the relay behind calls.  Owns what a room knows.  It
 * is written down with the next commit that comes.  A note is written until
 * the store takes it, for a slot that is not given back would be lost to all
 * processes; that a portal is down or up, the next call finds out again.
 */
#include "portal/room.h"

#include "portal/room_inside.h"

#include <stdio.h>
#include <string.h>

#define RETRY_MS 500		/* between tries of a note */

static void
submit_note(struct room *r)
{
	store_note_room(&r->note_work);
	env_submit(r->all->env, &r->note_work.db);
}

void
room_note_again(struct timer *t)
{
	submit_note(OF(t, struct room, note_timer));
}

static void
on_noted(struct db_work *w)
{
	struct room *r = OF(w, struct room, note_work);
	struct loop *loop = r->all->env->loop;

	if (w->end != ERR_OK) {
		loop_arm(loop, &r->note_timer, loop_now(loop) + RETRY_MS);
		return;
	}
	r->noting = false;
	if (r->due.free_slots != 0 || r->due.charge != 0 || r->due.full ||
	    r->due.reset_ms != 0 || r->due.parked != NULL)
		room_note_soon(r);
	room_leave(r);
}

void
room_note_soon(struct room *r)
{
	if (r->noting)
		return;
	r->noting = true;
	r->users++;
	memcpy(r->note_why, r->parked_why, sizeof(r->note_why));
	r->note_work = (struct noting_room){
		.db = { .done = on_noted, .lazy = true },
		.store = r->all->env->store,
		.note = r->due,
	};
	r->note_work.note.member_id = r->member_id;
	if (r->due.parked != NULL)
		r->note_work.note.parked = r->note_why;
	r->due = (struct room_note){ .member_id = NULL };
	submit_note(r);
}

void
room_limits(struct room *r, int64_t reset_ms, bool full)
{
	if (reset_ms == 0 && !full)
		return;
	if (reset_ms != 0)
		r->due.reset_ms = r->reset_ms = reset_ms;
	if (full) {
		r->due.full = true;
		r->credits = 0;
	}
	room_note_soon(r);
}

void
room_set_parked(struct room *r, const char *reason)
{
	r->parked = true;
	(void)snprintf(r->parked_why, sizeof(r->parked_why), "%s", reason);
	r->due.parked = r->parked_why;
	room_note_soon(r);
}

bool
room_is_parking(const struct room *r)
{
	return r->due.parked != NULL ||
	    (r->noting && r->note_work.note.parked != NULL);
}

static void change_now(struct room *r, bool down);

static void
on_changed(struct db_work *w)
{
	struct room *r = OF(w, struct room, change);
	const struct env *env = r->all->env;
	bool ok = w->end == ERR_OK;

	r->changing = false;
	if (!ok)
		log_error(env->log, "store-failed", F_STR("member_id",
		    r->member_id), F_STR("reason", w->problem.text));
	else if (r->change.down && r->change.tries == 1)
		log_warning(env->log, "down", F_STR("place", "portal"),
		    F_STR("member_id", r->member_id),
		    F_STR("reason", r->change_why));
	else if (!r->change.down)
		log_info(env->log, "up", F_STR("place", "portal"),
		    F_STR("member_id", r->member_id));
	if (r->change_again)
		change_now(r, r->down);
	room_leave(r);
}

static void
change_now(struct room *r, bool down)
{
	const struct env *env = r->all->env;

	r->change_again = r->changing;
	if (r->changing)
		return;
	r->changing = true;
	r->users++;
	r->change = (struct place_change){
		.db.done = on_changed,
		.store = env->store,
		.place = { .kind = PLACE_TELL, .member_id = r->member_id,
		    .connector = "", .name = r->member_id },
		.down = down,
		.first_ms = env->config->retry.first * 1000,
		.longest_ms = env->config->retry.longest * 1000,
		.reason = r->change_why,
	};
	store_place_change(&r->change);
	env_submit(env, &r->change.db);
}

/* Calls that were on their way together fail together: they count once. */
void
room_was(struct room *r, bool down, bool probe, const char *reason)
{
	if (down ? r->down && !probe : !r->down && !probe)
		return;
	if (down && !r->changing)
		(void)snprintf(r->change_why, sizeof(r->change_why), "%s",
		    reason);
	r->down = down;
	change_now(r, down);
	if (r->all->news != NULL)
		r->all->news(r->all->ctx, r, down ? ROOM_DOWN : ROOM_UP);
}

const char *
room_token(const struct room *r)
{
	return newest_get(&r->all->newest, r->member_id);
}

void
room_set_token(struct room *r, const char *token)
{
	newest_set(&r->all->newest, r->member_id, token);
}

void
room_seen(struct room *r, bool down)
{
	/* what is being written is newer than what was read */
	if (r->changing || r->down == down)
		return;
	r->down = down;
	loop_ready(r->all->env->loop, &r->pump);
	if (r->all->news != NULL)
		r->all->news(r->all->ctx, r, down ? ROOM_DOWN : ROOM_UP);
}

const struct portal *
room_portal(const struct room *r)
{
	return r->installed ? &r->portal : NULL;
}

/*
 * Copied: what came with an answer of the store lives no longer than that.
 * Some of the new texts may be the old ones, so those go last.  Without
 * memory it is as if the portal were not installed.
 */
void
room_set_portal(struct room *r, const struct portal *p)
{
	struct arena old = r->arena;

	arena_init(&r->arena, PORTAL_ARENA_MAX);
	r->installed = p != NULL;
	if (p != NULL) {
		r->portal = *p;
		r->installed = portal_keep(&r->portal, &r->arena);
	}
	arena_free(&old);
}
