#ifndef EVENT_ELEMENT_H
#define EVENT_ELEMENT_H

#include "event/tree.h"

/*
 * An element that is read back from its body (event/render.h), to be changed
 * and rendered anew.  What is not changed renders as it was.
 */
struct element {
	struct tree tree;
	struct problem problem;
};

/* ERR_NOMEM; any other cannot be of what was rendered.  In each case
 * element_free() must follow. */
enum err element_read(struct element *, const char *body, size_t n);

/* message.files, or NULL: it has none. */
struct node *element_files(const struct element *);

/* Makes a node a text; copied.  ERR_TOOBIG, ERR_NOMEM. */
enum err element_set(struct element *, struct node *, const char *, size_t n);
/* The same for a member of a node, which may be new. */
enum err element_set_member(struct element *, struct node *, const char *key,
    const char *text);

void element_free(struct element *);

#endif
