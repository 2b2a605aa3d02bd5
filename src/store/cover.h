#ifndef STORE_COVER_H
#define STORE_COVER_H

#include "store/private.h"

/* Whose messages living processes take up.  Starts as zeros. */
struct cover {
	bool any, all;		/* one lives; one takes up all */
	char *words;
};
bool cover_read(struct tx *, struct cover *);
void cover_free(struct cover *);
bool cover_has(const struct cover *, const char *connector);
/* How many messages wait for which nobody is there. */
bool cover_count(struct tx *, const struct cover *, int64_t *);

#endif
