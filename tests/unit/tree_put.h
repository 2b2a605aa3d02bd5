#ifndef TREE_PUT_H
#define TREE_PUT_H

#include "event/tree.h"

#include "unit.h"

#include <string.h>

/* A tree for each test (TREE_TEST), filled and looked at by paths. */
#define TREE_MAX ((size_t)8 * 1024 * 1024)
#define TREE_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static inline int
set_up(void **state)
{
	static struct problem problem;
	static struct tree tree;

	problem = (struct problem){ 0 };
	tree_init(&tree, TREE_MAX, &problem);
	*state = &tree;
	return tree_reset(&tree) == ERR_OK ? 0 : -1;
}

static inline int
tear_down(void **state)
{
	tree_free(*state);
	tree_free(*state);	/* twice is harmless */
	return 0;
}

/* Steps along a path such as "a.b.+", where + is the next free index. */
static inline size_t
step(struct tree *t, const char *path)
{
	size_t depth = 1;

	for (const char *dot; (dot = strchr(path, '.')) != NULL; depth++) {
		assert_int_equal(tree_enter(t, path, (size_t)(dot - path)),
		    ERR_OK);
		path = dot + 1;
	}
	if (strcmp(path, "+") == 0)
		assert_int_equal(tree_enter(t, NULL, 0), ERR_OK);
	else
		assert_int_equal(tree_enter(t, path, strlen(path)), ERR_OK);
	return depth;
}

static inline void
put(struct tree *t, const char *path, const char *text)
{
	size_t depth = step(t, path);

	assert_int_equal(tree_value(t, text, text != NULL ? strlen(text) : 0),
	    ERR_OK);
	while (depth-- > 0)
		tree_leave(t);
}

/* An empty container: entered and left. */
static inline void
touch(struct tree *t, const char *path)
{
	size_t depth = step(t, path);

	while (depth-- > 0)
		tree_leave(t);
}

static inline struct node *
find(struct tree *t, const char *path)
{
	struct node *n = t->root;
	char key[64];

	while (*path != '\0') {
		size_t len = strcspn(path, ".");

		memcpy(key, path, len);
		key[len] = '\0';
		n = node_child(n, key);
		path += len + (path[len] == '.');
	}
	return n;
}

static inline void
expect_text(struct tree *t, const char *path, const char *text)
{
	const struct node *n = find(t, path);

	assert_non_null(n);
	assert_int_equal(n->kind, NODE_TEXT);
	assert_int_equal(n->text_len, strlen(text));
	assert_string_equal(n->text, text);
	assert_true(node_shows(n));
}

/* There may be a node, but nothing of it shows. */
static inline void
expect_gone(struct tree *t, const char *path)
{
	const struct node *n = find(t, path);

	if (n != NULL)
		assert_false(node_shows(n));
}

#endif
