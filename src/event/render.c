/*
 * An element's values as JSON, the same bytes for both syntaxes.
 *
 * Called by event/grammar.c when an element is complete.  Owns nothing.
 * Depth is bounded by the readers' cap, so recursion is, too.
 */
#include "event/render.h"

#include "codec/json_write.h"

#include <string.h>

static const char *const envelope[] = { "key", "event", "member_id", "domain",
	"connector", "line", "ts" };

static bool
is_list(const struct node *node)
{
	int64_t index;

	for (const struct node *c = node->first; c != NULL; c = c->next)
		if (node_shows(c) && !text_is_integer(c->key, &index))
			return false;
	return true;
}

static enum err
render_list(struct buf *b, const struct node *node)
{
	enum err e = buf_addc(b, '[');
	bool first = true;

	for (const struct node *c = node->first; c != NULL; c = c->next) {
		if (e != ERR_OK || !node_shows(c))
			continue;
		if (!first)
			e = buf_addc(b, ',');
		first = false;
		if (e == ERR_OK)
			e = render_node(b, c);
	}
	return e == ERR_OK ? buf_addc(b, ']') : e;
}

static enum err
render_member(struct buf *b, const struct node *c)
{
	enum err e = json_add_name(b, c->key);

	return e == ERR_OK ? render_node(b, c) : e;
}

static enum err
render_object(struct buf *b, const struct node *node)
{
	enum err e = buf_addc(b, '{');

	for (const struct node *c = node->first; c != NULL; c = c->next)
		if (e == ERR_OK && node_shows(c))
			e = render_member(b, c);
	return e == ERR_OK ? buf_addc(b, '}') : e;
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

/* Members of im are numbers where they can be; nothing of it is lost. */
static enum err
render_im(struct buf *b, const struct node *c)
{
	int64_t number;

	if (c->kind == NODE_TEXT && text_is_integer(c->text, &number))
		return json_add_number(b, c->key, number);
	return render_member(b, c);
}

static enum err
render_message(struct buf *b, const struct node *c)
{
	int64_t number;

	if (strcmp(c->key, "user_id") != 0)
		return render_member(b, c);
	if (c->kind == NODE_TEXT && text_is_integer(c->text, &number))
		return json_add_number(b, c->key, number);
	return ERR_OK;
}

/* A container of the element's first level some members of which are
 * numbers.  One that is a list, or no container, has no such members.  If no
 * member stays, it vanishes as an empty one does. */
static enum err
render_typed(struct buf *b, const struct node *node,
    enum err (*member)(struct buf *, const struct node *))
{
	size_t before = b->len, inside;
	enum err e;

	if (node->kind != NODE_TREE || is_list(node))
		return render_member(b, node);
	e = json_add_name(b, node->key);
	if (e == ERR_OK)
		e = buf_addc(b, '{');
	inside = b->len;
	for (const struct node *c = node->first; c != NULL; c = c->next)
		if (e == ERR_OK && node_shows(c))
			e = member(b, c);
	if (e == ERR_OK && b->len == inside) {
		b->len = before;
		return ERR_OK;
	}
	return e == ERR_OK ? buf_addc(b, '}') : e;
}

static bool
is_envelope(const char *key)
{
	for (size_t i = 0; i < sizeof(envelope) / sizeof(envelope[0]); i++)
		if (strcmp(envelope[i], key) == 0)
			return true;
	return false;
}

enum err
render_element(struct buf *b, const struct node *root)
{
	enum err e = ERR_OK;

	for (const struct node *c = root->first; c != NULL; c = c->next) {
		if (e != ERR_OK || !node_shows(c) || is_envelope(c->key))
			continue;
		if (strcmp(c->key, "im") == 0)
			e = render_typed(b, c, render_im);
		else if (strcmp(c->key, "message") == 0)
			e = render_typed(b, c, render_message);
		else
			e = render_member(b, c);
	}
	return e;
}
