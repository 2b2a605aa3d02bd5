/*
 * A hash table of nodes that live in their owners' memory.
 *
 * Called by whoever keeps objects by number.  Owns its slots only.  If it
 * cannot grow it stays as it is, and only gets slower.
 */
#include "base/table.h"

#include <stdlib.h>

#define SLOTS_MIN 64

static size_t
slot_of(const struct table *t, int64_t number)
{
	uint64_t v = (uint64_t)number * 0x9e3779b97f4a7c15u;

	return (size_t)(v >> 32) & (t->slots - 1);
}

static void
link_in(struct table *t, struct table_node *n)
{
	struct table_node **at = &t->slot[slot_of(t, n->number)];

	n->next = *at;
	*at = n;
}

static enum err
grow(struct table *t)
{
	struct table old = *t;
	size_t slots = old.slots != 0 ? old.slots * 2 : SLOTS_MIN;
	struct table_node **slot = calloc(slots, sizeof(struct table_node *));

	if (slot == NULL)
		return old.slots != 0 ? ERR_OK : ERR_NOMEM;
	t->slot = slot;
	t->slots = slots;
	for (size_t i = 0; i < old.slots; i++)
		while (old.slot[i] != NULL) {
			struct table_node *n = old.slot[i];

			old.slot[i] = n->next;
			link_in(t, n);
		}
	free(old.slot);
	return ERR_OK;
}

enum err
table_add(struct table *t, struct table_node *n, int64_t number)
{
	if (t->n >= t->slots && grow(t) != ERR_OK)
		return ERR_NOMEM;
	n->number = number;
	link_in(t, n);
	t->n++;
	return ERR_OK;
}

void
table_remove(struct table *t, struct table_node *n)
{
	struct table_node **at = &t->slot[slot_of(t, n->number)];

	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	t->n--;
}

struct table_node *
table_find(const struct table *t, int64_t number,
    const struct table_node *after)
{
	struct table_node *n = after != NULL ? after->next : NULL;

	if (t->slots == 0)
		return NULL;
	if (after == NULL)
		n = t->slot[slot_of(t, number)];
	while (n != NULL && n->number != number)
		n = n->next;
	return n;
}

struct table_node *
table_next(const struct table *t, struct table_node *after)
{
	size_t i = after != NULL ? slot_of(t, after->number) + 1 : 0;

	if (after != NULL && after->next != NULL)
		return after->next;
	while (i < t->slots && t->slot[i] == NULL)
		i++;
	return i < t->slots ? t->slot[i] : NULL;
}

void
table_free(struct table *t)
{
	free(t->slot);
	*t = (struct table){ .n = 0 };
}

int64_t
table_number(const char *s)
{
	uint64_t v = 0xcbf29ce484222325u;

	for (; *s != '\0'; s++)
		v = (v ^ (unsigned char)*s) * 0x100000001b3u;
	return (int64_t)v;
}
