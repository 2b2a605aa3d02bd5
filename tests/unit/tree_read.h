#ifndef TREE_READ_H
#define TREE_READ_H

#include "codec/sax.h"
#include "event/tree.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

/* Builds a tree of a JSON text in which ' stands for ". */
#define TREE_TEXTS_MAX ((size_t)1024 * 1024)

static inline enum err
tree_read_enter(void *ctx, const char *key, size_t n)
{
	return tree_enter(ctx, key, n);
}

static inline enum err
tree_read_value(void *ctx, const char *s, size_t n)
{
	return tree_value(ctx, s, n);
}

static inline enum err
tree_read_leave(void *ctx)
{
	tree_leave(ctx);
	return ERR_OK;
}

/* Reads one more text into the tree, which was reset before. */
static inline void
tree_read(struct tree *t, const char *json)
{
	const struct sax sax = { tree_read_enter, tree_read_value,
		tree_read_leave, t };
	char *in = strdup(json);
	void *reader = codec_json.open(&sax, t->problem);

	assert_non_null(in);
	assert_non_null(reader);
	for (char *p = in; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	assert_int_equal(codec_json.feed(reader, in, strlen(in)), ERR_OK);
	assert_int_equal(codec_json.end(reader), ERR_OK);
	assert_ptr_equal(t->at, t->root);
	codec_json.close(reader);
	free(in);
}

#endif
