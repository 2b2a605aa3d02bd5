/*
 * Room for connections: descriptors are left for those who work on events.
 *
 * Called by connection.c.  Owns the count.  When requests have all the room,
 * new connections wait in the listening socket's queue, and nobody spins.
 */
#include "web/room.h"

#define TELL_MS 60000		/* between two lines in the log */

void
room_init(struct room *r)
{
	r->own.open = 0;
	r->own.wanted = false;
	r->own.told_ms = INT64_MIN;
}

static void
tell(struct room *r, const char *what)
{
	int64_t now = r->clock->mono_ms(r->clock->ctx);

	if (now - TELL_MS <= r->own.told_ms)
		return;
	r->own.told_ms = now;
	log_warning(r->log, "descriptors-short", F_STR("reason", what),
	    F_INT("connections", r->most));
}

bool
room_make(struct room *r)
{
	if (!r->make(r))
		return false;
	tell(r, "connections without a request are closed");
	return true;
}

bool
room_is(struct room *r)
{
	if (r->own.open < r->most || room_make(r))
		return true;
	r->own.wanted = true;
	tell(r, "requests have them all, new ones must wait");
	return false;
}

void
room_opened(struct room *r)
{
	r->own.open++;
}

void
room_idle(struct room *r)
{
	if (!r->own.wanted)
		return;
	r->own.wanted = false;
	r->has_room(r->ctx);
}

void
room_closed(struct room *r)
{
	r->own.open--;
	room_idle(r);
}
