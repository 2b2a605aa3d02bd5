/*
 * The tree of one element: merging, what vanishes, numbering, caps.
 *
 * Run by make check.
 */
#include "tree_put.h"

#include <stdio.h>

static void
test_values(void **state)
{
	struct tree *t = *state;

	assert_false(node_shows(t->root));
	put(t, "a", "1");
	put(t, "b.c", "");
	put(t, "b.d.e", "2");
	assert_int_equal(tree_enter(t, "k\nx", 2), ERR_OK);
	assert_int_equal(tree_value(t, "v\nx", 2), ERR_OK);
	tree_leave(t);
	expect_text(t, "a", "1");
	expect_text(t, "b.c", "");
	expect_text(t, "b.d.e", "2");
	expect_text(t, "k\n", "v\n");
	assert_int_equal(find(t, "b")->kind, NODE_TREE);
	assert_int_equal(find(t, "b")->children, 2);
	assert_null(find(t, "c"));
	assert_null(find(t, "a.b"));
	assert_null(node_child(NULL, "a"));
	assert_ptr_equal(t->at, t->root);
}

/* The root of an element may be a scalar, too. */
static void
test_root(void **state)
{
	struct tree *t = *state;

	assert_int_equal(tree_value(t, "x", 1), ERR_OK);
	assert_int_equal(t->root->kind, NODE_TEXT);
	assert_string_equal(t->root->text, "x");
	put(t, "a", "1");
	assert_int_equal(t->root->kind, NODE_TREE);
	assert_int_equal(tree_value(t, NULL, 0), ERR_OK);
	assert_false(node_shows(t->root));
}

static void
test_order(void **state)
{
	static const char *const keys[] = { "b", "a", "10", "2", "c" };
	struct tree *t = *state;
	const struct node *n;
	size_t i = 0;

	for (size_t k = 0; k < COUNT(keys); k++)
		put(t, keys[k], "1");
	put(t, "a", "2");
	for (n = node_first(t->root); n != NULL; n = node_next(n), i++)
		assert_string_equal(n->key, keys[i]);
	assert_int_equal(i, COUNT(keys));
	assert_ptr_equal(t->root->last, find(t, "c"));
}

static void
test_last_wins(void **state)
{
	struct tree *t = *state;

	put(t, "a", "1");
	put(t, "a", "22");
	expect_text(t, "a", "22");
	put(t, "a", NULL);
	expect_gone(t, "a");
	put(t, "a", "3");
	expect_text(t, "a", "3");

	put(t, "b.c", "1");
	put(t, "x", "1");
	put(t, "b.d", "2");		/* containers merge */
	expect_text(t, "b.c", "1");
	put(t, "b", "3");		/* a scalar over a container */
	expect_text(t, "b", "3");
	put(t, "b.d", "4");		/* and back: c is forgotten */
	expect_gone(t, "b.c");
	expect_text(t, "b.d", "4");

	put(t, "e.f.g", "1");
	put(t, "e", NULL);
	put(t, "e.f.h", "2");
	expect_gone(t, "e.f.g");
	expect_text(t, "e.f.h", "2");
}

static void
test_empty_container(void **state)
{
	struct tree *t = *state;

	touch(t, "a");
	touch(t, "b.c");
	expect_gone(t, "a");
	expect_gone(t, "b");
	put(t, "d", "1");
	touch(t, "d");			/* over a scalar it wins */
	expect_gone(t, "d");
	put(t, "e.f", "1");
	touch(t, "e");			/* into a container it adds nothing */
	expect_text(t, "e.f", "1");
	assert_int_equal(tree_enter(t, "g", 1), ERR_OK);
	put(t, "h", NULL);
	tree_leave(t);
	expect_gone(t, "g");
	put(t, "i", "1");
	put(t, "i.j", NULL);		/* something came: no scalar any more */
	expect_gone(t, "i");
}

/* Wide containers are found by hash: still one node for each key. */
static void
test_wide(void **state)
{
	struct tree *t = *state;
	char path[32], text[32];

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 500; i++) {
			(void)snprintf(path, sizeof(path), "%c.k%d",
			    "abc"[i % 3], i / 3);
			(void)snprintf(text, sizeof(text), "%d-%d", round, i);
			put(t, path, text);
		}
	}
	assert_int_equal(t->root->children, 3);
	assert_int_equal(find(t, "a")->children, 167);
	assert_int_equal(find(t, "b")->children, 167);
	assert_int_equal(find(t, "c")->children, 166);
	expect_text(t, "a.k0", "1-0");
	expect_text(t, "b.k0", "1-1");
	expect_text(t, "c.k165", "1-497");
	/* the next element does not see them */
	for (int round = 0; round < 2; round++) {
		assert_int_equal(tree_reset(t), ERR_OK);
		assert_null(node_first(t->root));
		for (int i = 0; i < 40; i++) {
			(void)snprintf(path, sizeof(path), "k%d", i);
			put(t, path, "1");
		}
		assert_int_equal(t->root->children, 40);
	}
}

/* At each width around the turn to the table, each child is one. */
static void
test_turn_to_wide(void **state)
{
	struct tree *t = *state;
	char path[32];

	for (int n = 1; n < 40; n++) {
		(void)snprintf(path, sizeof(path), "k%d", n);
		put(t, path, "1");
		for (int i = n; i > 0; i--) {
			(void)snprintf(path, sizeof(path), "k%d", i);
			put(t, path, "2");
		}
		assert_int_equal(t->root->children, n);
	}
}

static void
test_places_cap(void **state)
{
	struct tree *t = *state;
	char key[16];

	for (int round = 0; round < 2; round++) {
		assert_int_equal(tree_reset(t), ERR_OK);
		for (int i = 0; i < TREE_PLACES_MAX; i++) {
			(void)snprintf(key, sizeof(key), "%d", i / 2);
			put(t, key, "1");
		}
		assert_int_equal(t->problem->err, ERR_OK);
	}
	assert_int_equal(tree_enter(t, "x", 1), ERR_TOOBIG);
	assert_int_equal(t->problem->err, ERR_TOOBIG);
	assert_string_equal(t->problem->text, "an element has too many values");
}

static void
test_size_cap(void **state)
{
	static char text[100];
	struct problem problem = { 0 };
	struct tree t;
	enum err e = ERR_OK;
	int i;

	(void)state;
	tree_init(&t, 1 << 16, &problem);
	assert_int_equal(tree_reset(&t), ERR_OK);
	assert_int_equal(tree_enter(&t, "a", 1), ERR_OK);
	for (i = 0; e == ERR_OK && i < 1000; i++)
		e = tree_value(&t, text, sizeof(text));
	assert_int_equal(e, ERR_TOOBIG);
	assert_in_range(i, 500, 660);
	assert_string_equal(problem.text, "an element is too large");
	/* the reset makes room again */
	assert_int_equal(tree_reset(&t), ERR_OK);
	put(&t, "a", "1");
	expect_text(&t, "a", "1");
	problem = (struct problem){ 0 };
	for (e = ERR_OK, i = 0; e == ERR_OK && i < 1000; i++)
		e = tree_enter(&t, "a", 1);
	assert_int_equal(e, ERR_TOOBIG);
	assert_int_equal(problem.err, ERR_TOOBIG);
	tree_free(&t);
}

/* A small deterministic source of choices. */
static unsigned
choose(unsigned *seed, unsigned n)
{
	*seed = *seed * 1103515245u + 12345u;
	return (*seed >> 16) % n;
}

/* Any element: few keys, so that places are entered again. */
static void
grow(struct tree *t, unsigned seed)
{
	static const char *const keys[] = { "a", "b", "message", "message_id",
		"message_if", "0", "1", "7", "", "+", "user_id", "chat_id" };
	unsigned calls = choose(&seed, 80), wide = choose(&seed, 8) == 0;
	size_t depth = 0;
	char key[16];

	while (calls-- > 0) {
		unsigned what = choose(&seed, 5);

		if (what < 2 + wide && depth < 4) {
			(void)snprintf(key, sizeof(key), "%s%.0u",
			    keys[choose(&seed, COUNT(keys))],
			    wide ? choose(&seed, 30) : 0);
			assert_int_equal(tree_enter(t, key[0] != '+' ? key :
			    NULL, key[0] != '+' ? strlen(key) : 0), ERR_OK);
			depth++;
		} else if (what == 3) {
			assert_int_equal(tree_value(t, seed % 9 != 0 ? "x" :
			    NULL, seed % 9 != 0), ERR_OK);
		} else if (depth > 0) {
			tree_leave(t);
			depth--;
		}
	}
	while (depth-- > 0)
		tree_leave(t);
}

static void
expect_same(const struct node *a, const struct node *b)
{
	const struct node *c = node_first(a), *d = node_first(b);

	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->children, b->children);
	assert_int_equal(a->next_index, b->next_index);
	assert_int_equal(node_shows(a), node_shows(b));
	if (a->kind == NODE_TEXT)
		assert_string_equal(a->text, b->text);
	for (; c != NULL && d != NULL; c = node_next(c), d = node_next(d)) {
		assert_string_equal(c->key, d->key);
		assert_int_equal(c->numbered, d->numbered);
		assert_ptr_equal(node_child(a, c->key),
		    a->kind == NODE_TREE ? c : NULL);
		expect_same(c, d);
	}
	assert_ptr_equal(c, NULL);
	assert_ptr_equal(d, NULL);
}

/* The nodes of the elements before must not show in any that follows. */
static void
test_elements_apart(void **state)
{
	struct tree *kept = *state, fresh;
	unsigned seed = 1;

	for (int i = 0; i < 20000; i++) {
		/* mostly as the one before, as elements are */
		if (i % 3 == 0)
			seed = (unsigned)i + 1;
		tree_init(&fresh, TREE_MAX, kept->problem);
		assert_int_equal(tree_reset(&fresh), ERR_OK);
		assert_int_equal(tree_reset(kept), ERR_OK);
		grow(&fresh, seed + (unsigned)(i % 3 == 2));
		grow(kept, seed + (unsigned)(i % 3 == 2));
		expect_same(kept->root, fresh.root);
		tree_free(&fresh);
	}
}

/* Keys that come and go do not heap up nodes for ever. */
static void
test_kept_nodes_are_bounded(void **state)
{
	struct tree *t = *state;
	char key[16];

	for (int i = 0; i < 100000; i++) {
		assert_int_equal(tree_reset(t), ERR_OK);
		(void)snprintf(key, sizeof(key), "k%d", i);
		put(t, key, "1");
		assert_true(t->memory.used < 100000);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TREE_TEST(test_values),
		TREE_TEST(test_root),
		TREE_TEST(test_order),
		TREE_TEST(test_last_wins),
		TREE_TEST(test_empty_container),
		TREE_TEST(test_wide),
		TREE_TEST(test_turn_to_wide),
		TREE_TEST(test_places_cap),
		TREE_TEST(test_size_cap),
		TREE_TEST(test_elements_apart),
		TREE_TEST(test_kept_nodes_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
