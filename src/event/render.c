/*
 * An element's values as JSON, the same bytes for both syntaxes.
 *
 * Called by event/grammar.c when an element is complete.  Owns nothing.
 * Depth is bounded by the readers' cap, so recursion is, too.
 */
#include "event/render.h"

#include "base/number.h"
#include "codec/json_write.h"

#include <string.h>

/* Whether a node has this name, a literal: no call for most lengths. */
#define IS_KEY(node, literal) ((node)->key_len == sizeof(literal) - 1 && \
	memcmp((node)->key, literal, sizeof(literal) - 1) == 0)

static bool
is_list(const struct node *node)
{
	for (const struct node *c = node_first(node); c != NULL;
	    c = node_next(c))
		if (!c->numbered && node_shows(c))
			return false;
	return true;
}

static enum err
render_list(struct buf *b, const struct node *node)
{
	bool first = true;

	buf_addc(b, '[');
	for (const struct node *c = node_first(node); c != NULL;
	    c = node_next(c)) {
		if (!node_shows(c))
			continue;
		if (!first)
			buf_addc(b, ',');
		first = false;
		render_node(b, c);
	}
	return buf_addc(b, ']');
}

static enum err
render_member(struct buf *b, const struct node *c)
{
	if (c->kind == NODE_TEXT)
		return json_add_member(b, c->key, c->key_len, c->text,
		    c->text_len);
	json_add_key(b, c->key, c->key_len);
	return render_node(b, c);
}

static enum err
render_object(struct buf *b, const struct node *node)
{
	buf_addc(b, '{');
	for (const struct node *c = node_first(node); c != NULL;
	    c = node_next(c))
		if (node_shows(c))
			render_member(b, c);
	return buf_addc(b, '}');
}

enum err
render_node(struct buf *b, const struct node *node)
{
	if (node->kind == NODE_NONE)
		return buf_adds(b, "null");
	if (node->kind == NODE_TEXT)
		return json_add_string(b, node->text, node->text_len);
	return is_list(node) ? render_list(b, node) : render_object(b, node);
}

static bool
is_number(const struct node *c)
{
	int64_t number;

	return c->kind == NODE_TEXT && number_read(c->text, &number);
}

/* What is_number() is spelled already as a JSON number must be. */
static enum err
render_number(struct buf *b, const struct node *c)
{
	json_add_key(b, c->key, c->key_len);
	return buf_add(b, c->text, c->text_len);
}

/* Members of im are numbers where they can be; nothing of it is lost. */
static enum err
render_im(struct buf *b, const struct node *c)
{
	return is_number(c) ? render_number(b, c) : render_member(b, c);
}

static enum err
render_message(struct buf *b, const struct node *c)
{
	if (!IS_KEY(c, "user_id"))
		return render_member(b, c);
	return is_number(c) ? render_number(b, c) : ERR_OK;
}

/* A container of the element's first level some members of which are
 * numbers.  One that is a list, or no container, has no such members.  If no
 * member stays, it vanishes as an empty one does. */
static enum err
render_typed(struct buf *b, const struct node *node,
    enum err (*member)(struct buf *, const struct node *))
{
	size_t before = b->len, inside;

	if (node->kind != NODE_TREE || is_list(node))
		return render_member(b, node);
	json_add_key(b, node->key, node->key_len);
	buf_addc(b, '{');
	inside = b->len;
	for (const struct node *c = node_first(node); c != NULL;
	    c = node_next(c))
		if (node_shows(c))
			member(b, c);
	if (b->len != inside)
		return buf_addc(b, '}');
	b->len = before;
	return b->err;
}

static bool
is_envelope(const struct node *c)
{
	return IS_KEY(c, "key") || IS_KEY(c, "event") ||
	    IS_KEY(c, "member_id") || IS_KEY(c, "domain") ||
	    IS_KEY(c, "connector") || IS_KEY(c, "line") || IS_KEY(c, "ts");
}

enum err
render_element(struct buf *b, const struct node *root)
{
	for (const struct node *c = node_first(root); c != NULL;
	    c = node_next(c)) {
		if (!node_shows(c) || is_envelope(c))
			continue;
		if (IS_KEY(c, "im"))
			render_typed(b, c, render_im);
		else if (IS_KEY(c, "message"))
			render_typed(b, c, render_message);
		else
			render_member(b, c);
	}
	return b->err;
}
