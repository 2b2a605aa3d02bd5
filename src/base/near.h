#ifndef BASE_NEAR_H
#define BASE_NEAR_H

#include <stddef.h>

#define NEAR_MAX 40		/* bytes of a word; a longer one is near none */

/* The word that somebody may have meant.  Starts as {0}. */
struct near {
	const char *word;	/* the nearest that was tried, or NULL */
	size_t n;		/* its bytes; no NUL need follow */
	size_t typos;		/* between it and what was written */
};

/*
 * Tries a word of n bytes: it is kept, borrowed, if it is nearer to `wrote`
 * than those before, and near enough to have been meant.
 */
void near_try(struct near *, const char *wrote, const char *word, size_t n);

/* The same for each of some words that blanks or commas part. */
void near_try_words(struct near *, const char *wrote, const char *words);

#endif
