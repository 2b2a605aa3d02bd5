/*
 * The arena: bump allocation in chunks, freed together.
 *
 * Called by the readers and the model of an event.  Owns its chunks.  A NULL
 * means that the ceiling is reached or memory ran out; what was handed out
 * before stays valid.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* An ordinary event fits into one, and one with its head into a page. */
#define CHUNK_SIZE ((size_t)4000)
#define MEMORY_MAX ((size_t)PTRDIFF_MAX)	/* of one piece */

struct arena_chunk {
	struct arena_chunk *next;
	size_t size;
	size_t used;
	alignas(max_align_t) char data[];
};

void
arena_init(struct arena *a, size_t max)
{
	*a = (struct arena){ .max = max };
}

/* Takes `n` bytes of a new chunk; so many are handed out then. */
static void *
chunk_add(struct arena *a, size_t n, size_t used)
{
	size_t size = n > CHUNK_SIZE ? n : CHUNK_SIZE;
	struct arena_chunk *c = malloc(sizeof(*c) + size);

	if (c == NULL)
		return NULL;
	*c = (struct arena_chunk){ .next = a->head, .size = size, .used = n };
	a->head = c;
	a->used = used;
	return c->data;
}

void *
arena_raw(struct arena *a, size_t n)
{
	const size_t align = alignof(max_align_t);
	struct arena_chunk *c = a->head;
	size_t room = a->max - a->used, used;
	void *p;

	if (n > room || n > MEMORY_MAX - sizeof(*c) - align)
		return NULL;
	n = (n + align - 1) / align * align;
	used = n > room ? a->max : a->used + n;
	if (c == NULL || c->size - c->used < n)
		return chunk_add(a, n, used);
	p = c->data + c->used;
	c->used += n;
	a->used = used;
	return p;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	void *p = arena_raw(a, n);

	return p != NULL ? memset(p, 0, n) : NULL;
}

char *
arena_dup(struct arena *a, const char *s, size_t n)
{
	char *p = n < SIZE_MAX ? arena_raw(a, n + 1) : NULL;

	if (p == NULL)
		return NULL;
	if (n != 0)
		memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

static void
chunks_free(struct arena_chunk *c)
{
	while (c != NULL) {
		struct arena_chunk *next = c->next;

		free(c);
		c = next;
	}
}

void
arena_reset(struct arena *a)
{
	struct arena_chunk *c = a->head;

	a->used = 0;
	if (c == NULL)
		return;
	chunks_free(c->next);
	c->next = NULL;
	c->used = 0;
	if (c->size > CHUNK_SIZE) {	/* a giant must not stay for ever */
		free(c);
		a->head = NULL;
	}
}

void
arena_free(struct arena *a)
{
	chunks_free(a->head);
	arena_init(a, a->max);
}
