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

#include <stdio.h>
#include <string.h>

static void
on_noted(struct db_work *w)
{
	struct room *r = OF(w, struct room, note_work);

	if (w->end != ERR_OK) {
		db_submit_again(w, DB_AGAIN_MS);
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
	store_note_room(&r->note_work);
	env_submit(r->all->env, &r->note_work.db);
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

/* Calls that were on their way together fail together: they count once. */
void
room_was(struct room *r, bool down, bool probe, const char *reason)
{
	if (down == r->outage.down && !probe)
		return;
	r->outage.down = down;
	r->users += outage_write(&r->outage, reason);
	if (r->all->news != NULL)
		r->all->news(r->all->ctx, r, down ? ROOM_DOWN : ROOM_UP);
}

void
room_outage_written(struct outage *o)
{
	room_leave(OF(o, struct room, outage));
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
	if (r->outage.writing || r->outage.down == down)
		return;
	r->outage.down = down;
	loop_ready(r->all->env->loop, &r->pump);
	if (r->all->news != NULL)
		r->all->news(r->all->ctx, r, down ? ROOM_DOWN : ROOM_UP);
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
	r->portal = NULL;
	if (p != NULL) {
		struct portal now = *p;

		if (portal_keep(&now, &r->arena))
			r->portal = &r->stored;
		r->stored = now;
	}
	arena_free(&old);
}
