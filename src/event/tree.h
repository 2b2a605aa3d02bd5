#ifndef EVENT_TREE_H
#define EVENT_TREE_H

#include "base/arena.h"
#include "base/err.h"

#define TREE_PLACES_MAX 4096	/* enter() calls in one element */

enum node_kind {
	NODE_NONE,	/* null, or an empty container: it vanishes */
	NODE_TEXT,
	NODE_TREE
};

/* One place in an element.  Keys and texts are NUL-terminated. */
struct node {
	const char *key;
	size_t key_len;
	uint64_t key_head;	/* a look at it suffices to tell most apart */
	int64_t index;		/* the key as a number, if it is */
	bool numbered;		/* one that number_read() reads */
	enum node_kind kind;
	bool untouched;		/* entered, and nothing came yet */
	const char *text;	/* NODE_TEXT */
	size_t text_len;
	struct node *parent;
	struct node *first;	/* see node_first(), node_next() */
	struct node *last;	/* NULL: no child */
	struct node *next;
	size_t children;
	int64_t next_index;	/* what a NULL key stands for */
};

/*
 * One element of MESSAGES while it is read: every value that stands in it,
 * merged as PHP merges them (a place entered again goes on where it was, a
 * later scalar wins).  Reused from element to element: as these mostly have
 * the same keys in the same order, their nodes stay.  Behind a node's last
 * child follow those that the element before had there, too.
 */
struct tree {
	struct arena memory;	/* nodes and texts */
	struct node *root;
	struct node *at;	/* where the reader stands */
	size_t places;
	struct node **table;	/* of the children of wide containers */
	bool table_used;
	struct problem *problem;
};

/*
 * Makes a tree that may take `max` bytes, up to 32 KiB of which may be of
 * elements before.  Reports go to `problem`.
 */
void tree_init(struct tree *, size_t max, struct problem *);

/* Forgets the element; the reader stands at a new, untouched root. */
enum err tree_reset(struct tree *);

/*
 * The calls of codec/sax.h.  ERR_TOOBIG past TREE_PLACES_MAX or the size,
 * ERR_NOMEM.  tree_leave() must not be called at the root.
 */
enum err tree_enter(struct tree *, const char *key, size_t n);
enum err tree_value(struct tree *, const char *s, size_t n);
static inline void
tree_leave(struct tree *t)
{
	struct node *node = t->at;

	/* an empty container wins over an earlier scalar, and vanishes */
	if (node->untouched && node->kind == NODE_TEXT)
		node->kind = NODE_NONE;
	node->untouched = false;
	t->at = node->parent;
}

/* A node's children in order of first appearance; NULL: no more. */
static inline struct node *
node_first(const struct node *parent)
{
	return parent->last != NULL ? parent->first : NULL;
}

static inline struct node *
node_next(const struct node *child)
{
	return child != child->parent->last ? child->next : NULL;
}

/* A child by its key, or NULL; NULL too if `node` is NULL. */
struct node *node_child(const struct node *, const char *key);

/* Whether something shows in a container. */
bool node_holds(const struct node *);

/* Whether a node shows: a text, or a container in which something shows. */
static inline bool
node_shows(const struct node *node)
{
	return node->kind == NODE_TEXT ||
	    (node->kind == NODE_TREE && node_holds(node));
}

void tree_free(struct tree *);

#endif
