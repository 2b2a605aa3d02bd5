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

#define CHUNK_SIZE ((size_t)16 * 1024)	/* an ordinary event fits into one */

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

static struct arena_chunk *
chunk_new(size_t size)
{
	struct arena_chunk *c = malloc(sizeof(*c) + size);

	if (c != NULL)
		*c = (struct arena_chunk){ .size = size };
	return c;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	const size_t align = alignof(max_align_t);
	struct arena_chunk *c = a->head;
	void *p;

	if (n > a->max - a->used || n > SIZE_MAX - sizeof(*c) - align)
		return NULL;
	n = (n + align - 1) / align * align;
	if (c == NULL || c->size - c->used < n) {
		c = chunk_new(n > CHUNK_SIZE ? n : CHUNK_SIZE);
		if (c == NULL)
			return NULL;
		c->next = a->head;
		a->head = c;
	}
	p = c->data + c->used;
	c->used += n;
	a->used = n > a->max - a->used ? a->max : a->used + n;
	return memset(p, 0, n);
}

char *
arena_dup(struct arena *a, const char *s, size_t n)
{
	char *p = n < SIZE_MAX ? arena_alloc(a, n + 1) : NULL;

	if (p != NULL && n != 0)
		memcpy(p, s, n);
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
