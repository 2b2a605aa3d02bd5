/*
 * The rooms of all portals that are called: made when one is first needed.
 *
 * Called by rest.c and by the relay, in the loop.  Owns the rooms.  Without
 * memory there is no room.
 */
#include "portal/room.h"

#include <stdlib.h>
#include <string.h>

#define OAUTH_CALLS 32		/* on their way to OAuth servers */
#define KNOWN 8192		/* of 24 bytes */

/*
 * How a portal did as a peer when it was called last: rooms come and go with
 * their messages.  Each has one place, and may have to leave it to another;
 * who is forgotten is as new.
 */
struct known {
	int64_t number;
	int64_t took_ms;
	enum http_peer_state state;
};

static struct known *
known_of(const struct room *r)
{
	return &r->all->known[(uint64_t)r->node.number % KNOWN];
}

size_t
rooms_busy(const struct rooms *all)
{
	size_t busy = 0;

	struct table_node *n = NULL;

	while ((n = table_next(&all->table, n)) != NULL) {
		const struct room *r = OF(n, struct room, node);

		/* nobody is kept for a note that is not taken */
		busy += r->asking || r->calls != 0 || r->outage.writing ||
		    r->pump.listed ||
		    (r->noting && !r->note_work.db.again.armed);
	}
	return busy;
}

static struct room *
find(const struct rooms *all, const char *member_id)
{
	int64_t number = table_number(member_id);
	struct table_node *n = NULL;

	while ((n = table_find(&all->table, number, n)) != NULL) {
		struct room *r = OF(n, struct room, node);

		if (strcmp(r->member_id, member_id) == 0)
			return r;
	}
	return NULL;
}

static struct room *
make(struct rooms *all, const char *member_id)
{
	struct room *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->all = all;
	r->member_id = strdup(member_id);
	if (r->member_id == NULL || table_add(&all->table, &r->node,
	    table_number(member_id)) != ERR_OK) {
		free(r->member_id);
		free(r);
		return NULL;
	}
	http_peer_init(&r->peer);
	if (known_of(r)->number == r->node.number) {
		r->peer.state = known_of(r)->state;
		r->peer.took_ms = known_of(r)->took_ms;
	}
	TAILQ_INIT(&r->wants);
	TAILQ_INIT(&r->searches);
	room_ask_init(&r->ask, r->member_id);
	arena_init(&r->arena, PORTAL_ARENA_MAX);
	r->slot_ms = ASK_MIN_MS;
	r->pump = (struct task){ .run = room_pump, .name = "room" };
	r->timer.wakes = &r->pump;
	r->outage = (struct outage){ .env = all->env,
	    .place = { .kind = PLACE_TELL, .member_id = r->member_id,
	    .connector = "", .name = r->member_id },
	    .written = room_outage_written };
	return r;
}

struct room *
room_enter(struct rooms *all, const char *member_id)
{
	struct room *r = find(all, member_id);

	if (r == NULL)
		r = make(all, member_id);
	if (r != NULL)
		r->users++;
	return r;
}

static void
destroy(struct room *r)
{
	struct loop *loop = r->all->env->loop;

	if (r->peer.state != HTTP_PEER_NEW)
		*known_of(r) = (struct known){ .number = r->node.number,
		    .took_ms = r->peer.took_ms, .state = r->peer.state };
	loop_unready(loop, &r->pump);
	loop_disarm(loop, &r->timer);
	loop_disarm(loop, &r->note_work.db.again);
	table_remove(&r->all->table, &r->node);
	room_ask_free(&r->ask);
	arena_free(&r->arena);
	free(r->member_id);
	loop_bury(loop, r);
}

/* What it knew, the next one asks the store. */
void
room_leave(struct room *r)
{
	if (--r->users == 0 && r->slots == 0 && r->calls == 0 &&
	    !r->noting && !r->asking && TAILQ_EMPTY(&r->wants))
		destroy(r);
}

enum err
rooms_new(struct rooms **out, const struct env *env)
{
	struct rooms *all = calloc(1, sizeof(*all));

	*out = all;
	if (all == NULL)
		return ERR_NOMEM;
	all->env = env;
	oauth_calls_init(&all->oauth, env, OAUTH_CALLS);
	newest_init(&all->newest);
	all->known = calloc(KNOWN, sizeof(*all->known));
	return all->known != NULL ? ERR_OK : ERR_NOMEM;
}

void
rooms_free(struct rooms *all)
{
	struct table_node *n;

	if (all == NULL)
		return;
	while ((n = table_next(&all->table, NULL)) != NULL)
		destroy(OF(n, struct room, node));
	table_free(&all->table);
	newest_free(&all->newest);
	free(all->known);
	free(all);
}
