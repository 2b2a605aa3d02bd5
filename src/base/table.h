#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include "base/err.h"
#include "base/of.h"

/*
 * Things found by a number, each in its owner's memory.  Several may have
 * one number.  Grows with what is in it.
 */
struct table_node {
	int64_t number;
	struct table_node *next;
};

struct table {
	struct table_node **slot;
	size_t slots;		/* a power of two, or 0 */
	size_t n;		/* what is in it */
};

/* A table starts as zeros. */
void table_free(struct table *);	/* not what is in it */

/* Adds one.  ERR_NOMEM only while there is no room at all. */
enum err table_add(struct table *, struct table_node *, int64_t number);
void table_remove(struct table *, struct table_node *);

/* The first with that number, or the next one behind `after`; or NULL. */
struct table_node *table_find(const struct table *, int64_t number,
    const struct table_node *after);

/* All of them, one behind the other (NULL: the first); NULL at the end. */
struct table_node *table_next(const struct table *, struct table_node *after);

/* A number for a text (FNV-1a); different texts may share one. */
int64_t table_number(const char *);

#endif
