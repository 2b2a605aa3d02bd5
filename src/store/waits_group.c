/*
 * Groups of messages that wait for the same.
 *
 * Called by waits.c.  Owns them until waits_free().  NULL or false: no
 * memory.
 */
#include "store/waits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
	struct table_node node;
	struct wait_group group;
	const char *key;
};

struct at {
	struct table_node node;
	struct wait_group *group;
};

/* What a group has in common; to be freed. */
static char *
key_of(const struct wait_group *g)
{
	char *key = NULL;

	return asprintf(&key, "%d %d %d %" PRId64 " %s\n%s\n%s", g->why,
	    g->step, g->portal, g->place, g->member_id, g->connector,
	    g->reason) >= 0 ? key : NULL;
}

static struct node *
find(const struct waits *v, const char *key, int64_t number)
{
	struct table_node *t = NULL;

	while ((t = table_find(&v->by_key, number, t)) != NULL)
		if (strcmp(((struct node *)t)->key, key) == 0)
			return (struct node *)t;
	return NULL;
}

static bool
copy_texts(struct arena *a, struct wait_group *g)
{
	const char **texts[] = { &g->member_id, &g->endpoint, &g->domain,
		&g->connector, &g->name, &g->reason };
	bool ok = true;

	for (size_t i = 0; ok && i < sizeof(texts) / sizeof(texts[0]); i++) {
		*texts[i] = arena_dup(a, *texts[i], strlen(*texts[i]));
		ok = *texts[i] != NULL;
	}
	return ok;
}

static bool
list(struct waits *v, struct wait_group *g)
{
	if (v->n == v->room) {
		size_t room = v->room != 0 ? 2 * v->room : 64;
		struct wait_group **grown = realloc(v->group,
		    room * sizeof(grown[0]));

		if (grown == NULL)
			return false;
		v->group = grown;
		v->room = room;
	}
	v->group[v->n++] = g;
	return true;
}

static struct node *
make(struct waits *v, const struct wait_group *like, const char *key,
    int64_t number)
{
	struct node *n = arena_alloc(&v->arena, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->group = *like;
	n->group.n = 0;
	n->key = arena_dup(&v->arena, key, strlen(key));
	return n->key != NULL && copy_texts(&v->arena, &n->group) &&
	    table_add(&v->by_key, &n->node, number) == ERR_OK &&
	    list(v, &n->group) ? n : NULL;
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

struct wait_group *
waits_add(struct waits *v, const struct wait_group *like)
{
	char *key = key_of(like);
	int64_t number = key != NULL ? table_number(key) : 0;
	struct node *n = key != NULL ? find(v, key, number) : NULL;

	if (key != NULL && n == NULL)
		n = make(v, like, key, number);
	free(key);
	if (n == NULL)
		return NULL;
	n->group.n += like->n;
	n->group.since_ms = earlier(n->group.since_ms, like->since_ms);
	n->group.next_ms = earlier(n->group.next_ms, like->next_ms);
	return &n->group;
}

struct wait_group *
waits_at(const struct waits *v, int64_t place)
{
	const struct table_node *t = table_find(&v->by_place, place, NULL);

	return t != NULL ? ((const struct at *)t)->group : NULL;
}

bool
waits_note_place(struct waits *v, int64_t place, struct wait_group *g)
{
	struct at *at = arena_alloc(&v->arena, sizeof(*at));

	if (at == NULL)
		return false;
	at->group = g;
	return table_add(&v->by_place, &at->node, place) == ERR_OK;
}

void
waits_free(struct waits *v)
{
	table_free(&v->by_key);
	table_free(&v->by_place);
	free(v->group);
	arena_free(&v->arena);
	*v = (struct waits){ .n = 0 };
}
