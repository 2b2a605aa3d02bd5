/*
 * The values of one element of MESSAGES, merged while they are read.
 *
 * Called by event/grammar.c and element.c.  Owns the arena with the nodes and
 * texts of the element at hand.  The next tree_reset() forgets it, but for
 * nodes that the next element is likely to enter again.  On failure the
 * problem is set and the tree is of no use until the reset.
 */
#include "event/tree.h"

#include "base/number.h"
#include "codec/word.h"

#include <stdlib.h>
#include <string.h>

/*
 * A container with more children than this finds them by hash.  The table
 * has room for all places of an element, so it never fills up.
 */
#define WIDE 16
#define KEPT_MAX 32768	/* bytes of old elements, before nodes are new */
#define TABLE_SIZE ((size_t)TREE_PLACES_MAX * 2)
#define NO_INDEX INT64_MIN	/* of a container without any, as in PHP */

void
tree_init(struct tree *t, size_t max, struct problem *problem)
{
	*t = (struct tree){ .problem = problem };
	arena_init(&t->memory, max);
}

static enum err __attribute__((noinline))
no_room(struct tree *t, size_t n)
{
	if (n > t->memory.max - t->memory.used)
		return problem_set(t->problem, ERR_TOOBIG, -1, NULL,
		    "an element is too large");
	return problem_set(t->problem, ERR_NOMEM, -1, NULL, "out of memory");
}

/* As if it had just been entered for the first time. */
static void
renew(struct node *c)
{
	c->kind = NODE_NONE;
	c->untouched = true;
	c->last = NULL;
	c->children = 0;
	c->next_index = NO_INDEX;
}

enum err
tree_reset(struct tree *t)
{
	t->places = 0;
	if (t->root == NULL || t->memory.used > KEPT_MAX) {
		arena_reset(&t->memory);
		t->root = arena_alloc(&t->memory, sizeof(*t->root));
	}
	if (t->table_used)
		memset(t->table, 0, TABLE_SIZE * sizeof(*t->table));
	t->table_used = false;
	t->at = t->root;
	if (t->root == NULL)
		return no_room(t, sizeof(*t->root));
	renew(t->root);
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

/* What tells most keys apart, and all of one length up to eight. */
static uint64_t
key_head(const char *key, size_t n)
{
	return n <= WORD ? word_short(key, n) : word_load(key);
}

static bool
is_named(const struct node *c, uint64_t head, const char *key, size_t n)
{
	return c->key_head == head && c->key_len == n &&
	    (n <= WORD || memcmp(c->key, key, n) == 0);
}

/* The slot where such a child is, or the empty one where it belongs. */
static struct node **
table_slot(struct tree *t, const struct node *parent, const char *key,
    size_t n)
{
	const uint32_t hash = key_hash(parent, key, n);
	const uint64_t head = key_head(key, n);
	size_t i = hash % TABLE_SIZE;

	while (t->table[i] != NULL && (t->table[i]->parent != parent ||
	    !is_named(t->table[i], head, key, n)))
		i = (i + 1) % TABLE_SIZE;
	return &t->table[i];
}

static void
table_add(struct tree *t, struct node *c)
{
	*table_slot(t, c->parent, c->key, c->key_len) = c;
}

/*
 * A container is wide, or becomes it with this child: from now on all its
 * children are in the table.
 */
static enum err __attribute__((noinline))
table_child(struct tree *t, struct node *child)
{
	struct node *parent = child->parent;

	if (parent->children > WIDE + 1) {
		table_add(t, child);
		return ERR_OK;
	}
	if (t->table == NULL)
		t->table = calloc(TABLE_SIZE, sizeof(*t->table));
	if (t->table == NULL)
		return no_room(t, 0);
	t->table_used = true;
	for (struct node *c = node_first(parent); c != NULL; c = node_next(c))
		table_add(t, c);
	return ERR_OK;
}

static struct node *
find(struct tree *t, struct node *parent, const char *key, size_t n)
{
	const uint64_t head = key_head(key, n);
	struct node *c;

	if (parent->last != NULL && is_named(parent->last, head, key, n))
		return parent->last;
	if (parent->children > WIDE)
		return *table_slot(t, parent, key, n);
	for (c = node_first(parent); c != NULL; c = node_next(c))
		if (is_named(c, head, key, n))
			return c;
	return NULL;
}

/* A node with its key behind it, in one piece. */
static struct node *
node_new(struct tree *t, struct node *parent, const char *key, size_t n)
{
	struct node *c = arena_raw(&t->memory, sizeof(*c) + n + 1);
	char *copy;

	if (c == NULL)
		return NULL;
	copy = (char *)(c + 1);
	memcpy(copy, key, n);
	copy[n] = '\0';
	*c = (struct node){ .key = copy, .key_len = n,
	    .key_head = key_head(key, n), .parent = parent };
	c->numbered = number_read(copy, &c->index);
	return c;
}

/* The node at the end of the list becomes a child. */
static inline enum err
append(struct tree *t, struct node *parent, struct node *c)
{
	renew(c);
	c->parent = parent;
	parent->last = c;
	parent->children++;
	if (c->numbered && c->index >= parent->next_index &&
	    c->index < INT64_MAX)
		parent->next_index = c->index + 1;
	t->at = c;
	return parent->children > WIDE ? table_child(t, c) : ERR_OK;
}

/* Not what was here in the element before: an old child, or a new one. */
static enum err __attribute__((noinline))
enter_other(struct tree *t, struct node **end, const char *key, size_t n)
{
	struct node *c = find(t, t->at, key, n);

	if (c != NULL) {
		c->untouched = true;
		t->at = c;
		return ERR_OK;
	}
	*end = node_new(t, t->at, key, n);
	if (*end == NULL)
		return no_room(t, sizeof(*c) + n + 1);
	return append(t, t->at, *end);
}

static enum err __attribute__((noinline))
enter_next(struct tree *t, struct node **end)
{
	char number[NUMBER_TEXT_MAX];
	int64_t next = t->at->next_index;
	size_t n = number_text(number, next != NO_INDEX ? next : 0);

	return enter_other(t, end, number, n);
}

enum err
tree_enter(struct tree *t, const char *key, size_t n)
{
	struct node *parent = t->at;
	struct node **end = parent->last != NULL ? &parent->last->next :
	    &parent->first;

	if (t->places++ == TREE_PLACES_MAX)
		return problem_set(t->problem, ERR_TOOBIG, -1, NULL,
		    "an element has too many values");
	parent->untouched = false;
	parent->kind = NODE_TREE;
	if (key == NULL)
		return enter_next(t, end);
	/* what stands behind the last child has none of their keys */
	if (*end != NULL && is_named(*end, key_head(key, n), key, n))
		return append(t, parent, *end);
	return enter_other(t, end, key, n);
}

/*
 * What was inside is no more: it must not come back, nor to its old place,
 * when this one is entered again.  What the table holds of it has no parent.
 */
static void
forget_children(struct node *node)
{
	struct node *next;

	for (struct node *c = node_first(node); c != NULL; c = next) {
		next = node_next(c);
		forget_children(c);
		c->parent = NULL;
	}
	node->last = NULL;
	node->children = 0;
	node->next_index = NO_INDEX;
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
	node->text = arena_dup(&t->memory, s, n);
	node->text_len = n;
	if (node->text == NULL)
		return no_room(t, n);
	node->kind = NODE_TEXT;
	return ERR_OK;
}

struct node *
node_child(const struct node *node, const char *key)
{
	struct node *c = NULL;
	size_t n = strlen(key);
	uint64_t head = key_head(key, n);

	if (node != NULL && node->kind == NODE_TREE)
		c = node_first(node);
	while (c != NULL && !is_named(c, head, key, n))
		c = node_next(c);
	return c;
}

bool
node_holds(const struct node *node)
{
	for (const struct node *c = node_first(node); c != NULL;
	    c = node_next(c))
		if (node_shows(c))
			return true;
	return false;
}

void
tree_free(struct tree *t)
{
	arena_free(&t->memory);
	free(t->table);
	t->table = NULL;
	t->root = t->at = NULL;
}
