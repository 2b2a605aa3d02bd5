#ifndef BODIES_H
#define BODIES_H

#include "codec/sax.h"

#include <stdbool.h>
#include <stddef.h>

#define SYNTAXES 2
#define SHAPES 4

/* What an event of a shape is made of. */
struct shape {
	const char *name;
	int elements;
	size_t texts;	/* pieces of text in each; 0: so many that it fits */
	bool cyrillic;
	bool files;
};

/*
 *	one large event		15000 elements, their texts as long as it takes
 *	ordinary events		one message of one sentence each
 *	many short messages	events of 8000 elements, a file with each
 *	long texts		one message of 20000 characters each, Cyrillic
 */
extern const struct shape shapes[SHAPES];

/* Bodies, one behind the other, each `each` bytes long. */
struct bodies {
	const struct shape *shape;
	const struct codec *codec;
	char *s;
	size_t n;
	size_t cap;
	size_t each;
	size_t texts;	/* shape->texts, or what 0 comes to */
	bool failed;
};

/*
 * Makes JSON of about so many bytes, and as a form as many events of the same
 * content.  The caller frees both `s`.  False: out of memory.
 */
bool bodies_make(struct bodies[SYNTAXES], const struct shape *, size_t bytes);

#endif
