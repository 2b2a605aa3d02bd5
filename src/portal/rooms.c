/*
 * The rooms of all portals that are called: made when one is first needed.
 *
 * Called by rest.c and by the relay, in the loop.  Owns the rooms.  Without
 * memory there is no room.
 */
#include "portal/room_inside.h"

#include <stdlib.h>
#include <string.h>

const struct env *
rooms_env(const struct rooms *all)
{
	return all->env;
}

struct oauth_calls *
rooms_oauth(struct rooms *all)
{
	return &all->oauth;
}

size_t
rooms_busy(const struct rooms *all)
{
	size_t busy = 0;

	for (size_t i = 0; i < all->table.slots; i++)
		for (const struct table_node *n = all->table.slot[i];
		    n != NULL; n = n->next) {
			const struct room *r = OF(n, struct room, node);

			/* nobody is kept for a note that is not taken */
			busy += r->asking || r->calls != 0 || r->changing ||
			    (r->noting && r->note_timer.place == 0) ||
			    r->pump.listed;
		}
	return busy;
}

const char *
room_member(const struct room *r)
{
	return r->member_id;
}

struct rooms *
room_all(const struct room *r)
{
	return r->all;
}

struct http_peer *
room_peer(struct room *r)
{
	return &r->peer;
}

struct token_searches *
room_searches(struct room *r)
{
	return &r->searches;
}

bool
room_has_slot(const struct room *r)
{
	return r->slots > 0;
}

bool
room_is_down(const struct room *r)
{
	return r->down;
}

bool
room_is_parked(const struct room *r)
{
	return r->parked;
}

int64_t
room_reset_ms(const struct room *r)
{
	return r->reset_ms;
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
	known_recall(&all->known, r->node.number, &r->peer);
	TAILQ_INIT(&r->wants);
	TAILQ_INIT(&r->searches);
	room_ask_init(&r->ask, r->member_id);
	arena_init(&r->arena, PORTAL_ARENA_MAX);
	r->slot_ms = ASK_MIN_MS;
	r->pump = (struct task){ .run = room_pump, .name = "room" };
	r->timer.fire = room_on_timer;
	r->note_timer.fire = room_note_again;
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

	known_keep(&r->all->known, r->node.number, &r->peer);
	loop_unready(loop, &r->pump);
	loop_disarm(loop, &r->timer);
	loop_disarm(loop, &r->note_timer);
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
	return known_init(&all->known);
}

void
rooms_free(struct rooms *all)
{
	struct table_node *n;

	if (all == NULL)
		return;
	while ((n = table_any(&all->table)) != NULL)
		destroy(OF(n, struct room, node));
	table_free(&all->table);
	newest_free(&all->newest);
	known_free(&all->known);
	free(all);
}

void
rooms_on_news(struct rooms *all, void (*tell)(void *, struct room *,
    enum room_news), void *ctx)
{
	all->news = tell;
	all->ctx = ctx;
}
