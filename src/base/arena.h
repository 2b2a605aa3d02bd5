#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

/*
 * Memory that is freed all at once.  An event and everything that was read
 * from it live in one arena, so that there is nothing to free singly.
 */
struct arena_chunk;
struct arena {
	struct arena_chunk *head;	/* the chunk that is being filled */
	size_t used;			/* bytes handed out since the reset */
	size_t max;			/* bytes it may hand out in all */
};

/* Makes an empty arena with a ceiling in bytes.  Allocates nothing. */
void arena_init(struct arena *, size_t max);

/*
 * `n` bytes, zeroed, aligned for any type; they live until the next reset.
 * NULL past the ceiling or when memory runs out.
 */
void *arena_alloc(struct arena *, size_t n);

/* The same, but not zeroed. */
void *arena_raw(struct arena *, size_t n);

/* A copy of `n` bytes with a NUL behind them.  NULL as arena_alloc(). */
char *arena_dup(struct arena *, const char *s, size_t n);

/* Forgets everything; keeps one chunk for the next round. */
void arena_reset(struct arena *);

/* Frees everything; the arena is empty and usable again. */
void arena_free(struct arena *);

#endif
