#ifndef EVENT_TREE_H
#define EVENT_TREE_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
	uint32_t hash;
	enum node_kind kind;
	bool untouched;		/* entered, and nothing came yet */
	const char *text;	/* NODE_TEXT */
	size_t text_len;
	struct node *parent;
	struct node *first;	/* children in order of first appearance */
	struct node *last;
	struct node *next;
	size_t children;
	int64_t next_index;	/* what an empty key stands for */
};

/*
 * One element of MESSAGES while it is read: every value that stands in it,
 * merged as PHP merges them (a place entered again goes on where it was, a
 * later scalar wins).  Reused from element to element.
 */
struct tree {
	struct arena arena;
	struct node *root;
	struct node *at;	/* where the reader stands */
	size_t places;
	struct node **table;	/* of the children of wide containers */
	bool table_used;
	struct problem *problem;
};

/* Makes a tree whose texts may take `max` bytes.  Report goes to `problem`. */
void tree_init(struct tree *, size_t max, struct problem *);

/* Forgets the element; the reader stands at a new, untouched root. */
enum err tree_reset(struct tree *);

/*
 * The calls of codec/sax.h.  ERR_TOOBIG past TREE_PLACES_MAX or the size,
 * ERR_NOMEM.  tree_leave() must not be called at the root.
 */
enum err tree_enter(struct tree *, const char *key, size_t n);
enum err tree_value(struct tree *, const char *s, size_t n);
void tree_leave(struct tree *);

/* A child by its key, or NULL; NULL too if `node` is NULL. */
struct node *node_child(const struct node *, const char *key);

/* Whether a node shows: a text, or a container in which something shows. */
bool node_shows(const struct node *);

/*
 * Reads canonical decimal text (no sign but '-', no leading zeros) that fits
 * an int64_t.  False for anything else and for NULL.
 */
bool text_is_integer(const char *, int64_t *out);

void tree_free(struct tree *);

#endif
