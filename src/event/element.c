/*
 * An element read back from what was stored of it.
 *
 * Called by event/rewrite.c and by channels that change an object.  Owns the
 * tree and its texts.
 */
#include "event/element.h"

#include "codec/sax.h"

#include <string.h>

#define MORE ((size_t)2 << 20)	/* for nodes, and what is set anew */

static enum err
on_enter(void *ctx, const char *key, size_t n)
{
	return tree_enter(&((struct element *)ctx)->tree, key, n);
}

static enum err
on_value(void *ctx, const char *s, size_t n)
{
	return tree_value(&((struct element *)ctx)->tree, s, n);
}

static enum err
on_leave(void *ctx)
{
	tree_leave(&((struct element *)ctx)->tree);
	return ERR_OK;
}

/* The body is what stands inside of the braces. */
static enum err
feed(void *reader, const char *body, size_t n)
{
	enum err e = codec_json.feed(reader, "{", 1);

	if (e == ERR_OK)
		e = codec_json.feed(reader, body, n);
	if (e == ERR_OK)
		e = codec_json.feed(reader, "}", 1);
	return e == ERR_OK ? codec_json.end(reader) : e;
}

enum err
element_read(struct element *el, const char *body, size_t n)
{
	const struct sax sax = { on_enter, on_value, on_leave, el };
	void *reader;
	enum err e;

	el->problem = (struct problem){ .err = ERR_OK };
	tree_init(&el->tree, 18 * n + MORE, &el->problem);
	e = tree_reset(&el->tree);
	reader = codec_json.open(&sax, &el->problem);
	if (e == ERR_OK)
		e = reader != NULL ? feed(reader, body, n) : ERR_NOMEM;
	codec_json.close(reader);
	el->tree.places = 0;	/* for members that are new */
	return e;
}

struct node *
element_files(const struct element *el)
{
	return node_child(node_child(el->tree.root, "message"), "files");
}

enum err
element_set(struct element *el, struct node *node, const char *s, size_t n)
{
	el->tree.at = node;
	return tree_value(&el->tree, s, n);
}

enum err
element_set_member(struct element *el, struct node *node, const char *key,
    const char *text)
{
	enum err e;

	el->tree.at = node;
	e = tree_enter(&el->tree, key, strlen(key));
	if (e == ERR_OK)
		e = tree_value(&el->tree, text, strlen(text));
	if (e == ERR_OK)
		tree_leave(&el->tree);
	return e;
}

void
element_free(struct element *el)
{
	tree_free(&el->tree);
}
