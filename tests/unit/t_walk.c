/*
 * The walk over a request's records: where it is, for every cut of them, and
 * what is no request.
 */
#include "web/walk.h"

#include "fcgi_bytes.h"

static struct bytes b;

static void
make(size_t *head)
{
	b.n = 0;
	add_head(&b, false, 100);
	*head = b.n;
	add_body(&b, "0123456789012345678901234567890123456789", 40, 7);
}

static void
test_every_cut(void **state)
{
	size_t head;

	(void)state;
	make(&head);
	for (size_t cut = 0; cut <= b.n; cut++) {
		struct walk w = { .stage = WALK_BEGIN };

		assert_int_equal(walk_on(&w, b.p, cut), cut);
		assert_int_equal(w.size, cut);
		assert_int_equal(w.stage == WALK_BODY, cut >= head &&
		    cut < b.n);
		assert_int_equal(w.stage == WALK_END, cut == b.n);
		assert_int_equal(walk_on(&w, b.p + cut, b.n - cut),
		    b.n - cut);
		assert_int_equal(w.stage, WALK_END);
		assert_int_equal(w.body, 40);
	}
}

static void
test_byte_by_byte(void **state)
{
	struct walk w = { .stage = WALK_BEGIN };
	size_t head, was = 0;

	(void)state;
	make(&head);
	for (size_t i = 0; i < b.n; i++) {
		assert_int_equal(w.stage == WALK_END, false);
		assert_int_equal(walk_on(&w, b.p + i, 1), 1);
		assert_true(w.body == was || w.body == was + 1);
		was = w.body;
	}
	assert_int_equal(w.stage, WALK_END);
}

/* What stands behind the end is the next request's. */
static void
test_the_next(void **state)
{
	struct walk w = { .stage = WALK_BEGIN };
	size_t head, n;

	(void)state;
	make(&head);
	n = b.n;
	add_begin(&b, true);
	assert_int_equal(walk_on(&w, b.p, b.n), n);
	assert_int_equal(walk_on(&w, b.p + n, b.n - n), 0);
	assert_int_equal(w.size, n);
}

/* The first byte by which a record shows itself strange. */
static void
test_strange(void **state)
{
	static const struct {
		const char *what;
		size_t at;	/* byte of the begin record */
		uint8_t value;
	} cases[] = {
		{ "version", 0, 2 }, { "management", 1, 9 },
		{ "parameters first", 1, 4 }, { "abort", 1, 2 },
		{ "no id", 3, 0 }, { "a short begin", 5, 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct walk w = { .stage = WALK_BEGIN };
		size_t head;

		make(&head);
		b.p[cases[i].at] = cases[i].value;
		assert_int_equal(walk_on(&w, b.p, b.n), WALK_HEADER);
		assert_int_equal(w.stage, WALK_STRANGE);
	}
}

static void
test_strange_later(void **state)
{
	struct walk w = { .stage = WALK_BEGIN };
	size_t head;

	(void)state;
	make(&head);
	b.p[16 + 3] = 2;		/* another request's parameters */
	(void)walk_on(&w, b.p, b.n);
	assert_int_equal(w.stage, WALK_STRANGE);
	make(&head);
	b.p[head + 1] = 9;		/* management within the body */
	w = (struct walk){ .stage = WALK_BEGIN };
	(void)walk_on(&w, b.p, b.n);
	assert_int_equal(w.stage, WALK_STRANGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_the_next),
		cmocka_unit_test(test_strange),
		cmocka_unit_test(test_strange_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
