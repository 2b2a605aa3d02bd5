/*
 * The values of one element of MESSAGES, merged while they are read.
 *
 * Called by event/grammar.c only.  Owns the arena with the nodes and texts
 * of the element at hand, which the next tree_reset() forgets.  On failure
 * the problem is set and the tree is of no use until the reset.
 */
#include "event/tree.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A container with more children than this finds them by hash.  The table
 * has room for all places of an element, so it never fills up.
 */
#define WIDE 16
#define TABLE_SIZE ((size_t)TREE_PLACES_MAX * 2)

void
tree_init(struct tree *t, size_t max, struct problem *problem)
{
	*t = (struct tree){ .problem = problem };
	arena_init(&t->arena, max);
}

static enum err
no_room(struct tree *t, size_t n)
{
	if (n > t->arena.max - t->arena.used)
		return problem_set(t->problem, ERR_TOOBIG, -1, NULL,
		    "an element is too large");
	return problem_set(t->problem, ERR_NOMEM, -1, NULL, "out of memory");
}

enum err
tree_reset(struct tree *t)
{
	arena_reset(&t->arena);
	t->places = 0;
	if (t->table_used)
		memset(t->table, 0, TABLE_SIZE * sizeof(*t->table));
	t->table_used = false;
	t->root = arena_alloc(&t->arena, sizeof(*t->root));
	t->at = t->root;
	if (t->root == NULL)
		return no_room(t, sizeof(*t->root));
	t->root->untouched = true;
	return ERR_OK;
}

/* FNV-1a, begun with the parent so that equal keys of two parents differ. */
static uint32_t
key_hash(const struct node *parent, const char *key, size_t n)
{
	uint32_t h = 2166136261u ^ (uint32_t)((uintptr_t)parent >> 4);

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)key[i]) * 16777619u;
	return h;
}

static bool
is_named(const struct node *c, uint32_t hash, const char *key, size_t n)
{
	return c->hash == hash && c->key_len == n &&
	    memcmp(c->key, key, n) == 0;
}

/* The slot where such a child is, or the empty one where it belongs. */
static struct node **
table_slot(struct tree *t, const struct node *parent, uint32_t hash,
    const char *key, size_t n)
{
	size_t i = hash % TABLE_SIZE;

	while (t->table[i] != NULL && (t->table[i]->parent != parent ||
	    !is_named(t->table[i], hash, key, n)))
		i = (i + 1) % TABLE_SIZE;
	return &t->table[i];
}

static void
table_add(struct tree *t, struct node *c)
{
	*table_slot(t, c->parent, c->hash, c->key, c->key_len) = c;
}

/* A container becomes wide: from now on its children are in the table. */
static enum err
table_begin(struct tree *t, struct node *parent)
{
	if (t->table == NULL)
		t->table = calloc(TABLE_SIZE, sizeof(*t->table));
	if (t->table == NULL)
		return no_room(t, 0);
	t->table_used = true;
	for (struct node *c = parent->first; c != NULL; c = c->next)
		table_add(t, c);
	return ERR_OK;
}

static struct node *
find(struct tree *t, struct node *parent, uint32_t hash, const char *key,
    size_t n)
{
	struct node *c;

	if (parent->last != NULL && is_named(parent->last, hash, key, n))
		return parent->last;
	if (parent->children > WIDE)
		return *table_slot(t, parent, hash, key, n);
	for (c = parent->first; c != NULL; c = c->next)
		if (is_named(c, hash, key, n))
			return c;
	return NULL;
}

bool
text_is_integer(const char *s, int64_t *out)
{
	const char *digits;
	long long value;

	if (s == NULL)
		return false;
	digits = *s == '-' ? s + 1 : s;
	if (digits[0] == '\0' || strspn(digits, "0123456789") !=
	    strlen(digits))
		return false;
	if (digits[0] == '0' && (digits[1] != '\0' || digits != s))
		return false;
	errno = 0;
	value = strtoll(s, NULL, 10);
	if (errno != 0)
		return false;
	*out = value;
	return true;
}

static enum err
append(struct tree *t, struct node *parent, uint32_t hash, const char *key,
    size_t n, struct node **out)
{
	struct node *c = arena_alloc(&t->arena, sizeof(*c));
	char *copy = arena_dup(&t->arena, key, n);
	int64_t index;

	if (c == NULL || copy == NULL)
		return no_room(t, sizeof(*c) + n);
	*c = (struct node){ .key = copy, .key_len = n, .hash = hash,
	    .parent = parent };
	if (parent->last != NULL)
		parent->last->next = c;
	else
		parent->first = c;
	parent->last = c;
	parent->children++;
	if (text_is_integer(copy, &index) && index >= parent->next_index &&
	    index < INT64_MAX)
		parent->next_index = index + 1;
	*out = c;
	if (parent->children == WIDE + 1)
		return table_begin(t, parent);
	if (parent->children > WIDE)
		table_add(t, c);
	return ERR_OK;
}

enum err
tree_enter(struct tree *t, const char *key, size_t n)
{
	struct node *parent = t->at, *c;
	char number[24];
	uint32_t hash;

	if (t->places++ == TREE_PLACES_MAX)
		return problem_set(t->problem, ERR_TOOBIG, -1, NULL,
		    "an element has too many values");
	if (n == 0) {
		n = (size_t)snprintf(number, sizeof(number), "%" PRId64,
		    parent->next_index);
		key = number;
	}
	parent->untouched = false;
	parent->kind = NODE_TREE;
	hash = key_hash(parent, key, n);
	c = find(t, parent, hash, key, n);
	if (c == NULL && append(t, parent, hash, key, n, &c) != ERR_OK)
		return t->problem->err;
	c->untouched = true;
	t->at = c;
	return ERR_OK;
}

/* What was inside must not come back when the place is entered again. */
static void
forget_children(struct node *node)
{
	for (struct node *c = node->first; c != NULL; c = c->next) {
		if (c->kind == NODE_TREE)
			forget_children(c);
		c->kind = NODE_NONE;
	}
}

enum err
tree_value(struct tree *t, const char *s, size_t n)
{
	struct node *node = t->at;

	if (node->kind == NODE_TREE)
		forget_children(node);
	node->untouched = false;
	node->kind = NODE_NONE;
	if (s == NULL)
		return ERR_OK;
	node->text = arena_dup(&t->arena, s, n);
	node->text_len = n;
	if (node->text == NULL)
		return no_room(t, n);
	node->kind = NODE_TEXT;
	return ERR_OK;
}

void
tree_leave(struct tree *t)
{
	struct node *node = t->at;

	/* an empty container wins over an earlier scalar, and vanishes */
	if (node->untouched && node->kind == NODE_TEXT)
		node->kind = NODE_NONE;
	node->untouched = false;
	t->at = node->parent;
}

struct node *
node_child(const struct node *node, const char *key)
{
	struct node *c = NULL;

	if (node != NULL && node->kind == NODE_TREE)
		c = node->first;
	while (c != NULL && strcmp(c->key, key) != 0)
		c = c->next;
	return c;
}

bool
node_shows(const struct node *node)
{
	if (node->kind != NODE_TREE)
		return node->kind == NODE_TEXT;
	for (const struct node *c = node->first; c != NULL; c = c->next)
		if (node_shows(c))
			return true;
	return false;
}

void
tree_free(struct tree *t)
{
	arena_free(&t->arena);
	free(t->table);
	t->table = NULL;
	t->root = t->at = NULL;
}
