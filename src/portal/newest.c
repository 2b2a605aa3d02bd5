/*
 * The newest token that each portal accepted.
 *
 * Called by room_facts.c.  Owns what it remembers: a bounded number of
 * tokens, which nobody else sees.
 */
#include "portal/newest.h"

#include <stdlib.h>
#include <string.h>

#define PORTALS_MAX 4096

struct newest_one {
	struct table_node node;
	TAILQ_ENTRY(newest_one) link;
	char *token;
	char member_id[];
};

void
newest_init(struct newest *all)
{
	*all = (struct newest){ .n = 0 };
	TAILQ_INIT(&all->order);
}

static struct newest_one *
find(const struct newest *all, const char *member_id)
{
	int64_t number = table_number(member_id);
	struct table_node *n = NULL;

	while ((n = table_find(&all->table, number, n)) != NULL) {
		struct newest_one *o = OF(n, struct newest_one, node);

		if (strcmp(o->member_id, member_id) == 0)
			return o;
	}
	return NULL;
}

static void
forget(struct newest *all, struct newest_one *o)
{
	table_remove(&all->table, &o->node);
	TAILQ_REMOVE(&all->order, o, link);
	all->n--;
	free(o->token);
	free(o);
}

void
newest_free(struct newest *all)
{
	while (!TAILQ_EMPTY(&all->order))
		forget(all, TAILQ_FIRST(&all->order));
	table_free(&all->table);
}

const char *
newest_get(const struct newest *all, const char *member_id)
{
	const struct newest_one *o = find(all, member_id);

	return o != NULL ? o->token : NULL;
}

static void
add(struct newest *all, const char *member_id, char *token)
{
	size_t size = strlen(member_id) + 1;
	struct newest_one *o = calloc(1, sizeof(*o) + size);

	if (o == NULL || table_add(&all->table, &o->node,
	    table_number(member_id)) != ERR_OK) {
		free(o);
		free(token);
		return;
	}
	memcpy(o->member_id, member_id, size);
	o->token = token;
	TAILQ_INSERT_TAIL(&all->order, o, link);
	if (++all->n > PORTALS_MAX)
		forget(all, TAILQ_FIRST(&all->order));
}

void
newest_set(struct newest *all, const char *member_id, const char *token)
{
	struct newest_one *o = find(all, member_id);
	char *copy;

	if (o != NULL && token != NULL && strcmp(o->token, token) == 0)
		return;
	if (o != NULL)
		forget(all, o);
	copy = token != NULL ? strdup(token) : NULL;
	if (copy != NULL)
		add(all, member_id, copy);
}
