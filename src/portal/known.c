/*
 * How portals did as peers when they were called last.
 *
 * Called by room.c, in the loop.  Owns a table of a fixed size, in which a
 * portal has one place and may have to leave it to another.
 */
#include "portal/known.h"

#include <stdlib.h>

#define SLOTS 8192		/* of 24 bytes */

struct known_one {
	int64_t number;
	int64_t took_ms;
	enum http_peer_state state;
};

enum err
known_init(struct known *k)
{
	k->slot = calloc(SLOTS, sizeof(*k->slot));
	return k->slot != NULL ? ERR_OK : ERR_NOMEM;
}

void
known_free(struct known *k)
{
	free(k->slot);
	k->slot = NULL;
}

static struct known_one *
slot_of(const struct known *k, int64_t number)
{
	return &k->slot[(uint64_t)number % SLOTS];
}

void
known_recall(const struct known *k, int64_t number, struct http_peer *p)
{
	const struct known_one *one = slot_of(k, number);

	if (one->number != number)
		return;
	p->state = one->state;
	p->took_ms = one->took_ms;
}

void
known_keep(struct known *k, int64_t number, const struct http_peer *p)
{
	if (p->state != HTTP_PEER_NEW)
		*slot_of(k, number) = (struct known_one){ .number = number,
		    .took_ms = p->took_ms, .state = p->state };
}
