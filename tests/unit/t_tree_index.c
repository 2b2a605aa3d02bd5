/*
 * The tree of one element: the next free index, empty keys, and places that
 * begin anew.
 *
 * Run by make check.
 */
#include "tree_put.h"

#include <stdio.h>

/* A NULL key is one above the largest integer key so far. */
static void
test_next_index(void **state)
{
	struct tree *t = *state;

	put(t, "a.+", "0");
	put(t, "a.+", "1");
	put(t, "a.7", "7");
	put(t, "a.3", "3");
	put(t, "a.x", "x");
	put(t, "a.09", "09");
	put(t, "a.-20", "-20");
	put(t, "a.+", "8");
	expect_text(t, "a.0", "0");
	expect_text(t, "a.1", "1");
	expect_text(t, "a.7", "7");
	expect_text(t, "a.3", "3");
	expect_text(t, "a.8", "8");
	expect_text(t, "a.-20", "-20");
	put(t, "b.+", "0");		/* each container counts for itself */
	expect_text(t, "b.0", "0");
	put(t, "c.9223372036854775806", "x");
	put(t, "c.+", "y");
	expect_text(t, "c.9223372036854775807", "y");
	put(t, "d.-5", "x");		/* as in PHP 8 */
	put(t, "d.+", "y");
	expect_text(t, "d.-4", "y");
	put(t, "d", "z");		/* a new container begins anew */
	put(t, "d.+", "0");
	expect_text(t, "d.0", "0");
}

/* Entered again after a scalar, a place has none of its old order. */
static void
test_begins_anew(void **state)
{
	struct tree *t = *state;
	char path[32];

	for (int width = 2; width < 60; width++) {
		assert_int_equal(tree_reset(t), ERR_OK);
		for (int round = 0; round < 4; round++) {
			put(t, "a", "x");
			for (int i = 0; i < width; i++) {
				(void)snprintf(path, sizeof(path), "a.k%d.b",
				    round % 2 ? i : width - 1 - i);
				put(t, path, path);
				put(t, path, path);
			}
			assert_int_equal(find(t, "a")->children, width);
			(void)snprintf(path, sizeof(path), "k%d",
			    round % 2 ? 0 : width - 1);
			assert_string_equal(node_first(find(t, "a"))->key,
			    path);
		}
	}
}

/* An empty key names a place like any other. */
static void
test_empty_key(void **state)
{
	struct tree *t = *state;

	put(t, "a.", "p");
	put(t, "a.0", "q");
	assert_string_equal(node_first(find(t, "a"))->text, "p");
	expect_text(t, "a.0", "q");
	put(t, "a.", "r");
	assert_string_equal(node_first(find(t, "a"))->text, "r");
	assert_int_equal(find(t, "a")->children, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TREE_TEST(test_next_index),
		TREE_TEST(test_begins_anew),
		TREE_TEST(test_empty_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
