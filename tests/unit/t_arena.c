/*
 * The arena: aligned zeroed memory that lives until the reset, and a ceiling
 * that holds to the byte.
 */
#include "base/arena.h"

#include "nomem.h"
#include "unit.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#define MANY 3000

static void
assert_zero(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(p[i], 0);
}

/* Sizes from nothing to more than a chunk; none may touch another. */
static size_t
size_of(size_t i)
{
	return i % 500 == 499 ? 40000 : i * 7 % 97;
}

static void
fill(struct arena *a)
{
	static unsigned char *p[MANY];

	for (size_t i = 0; i < MANY; i++) {
		p[i] = arena_alloc(a, size_of(i));
		assert_non_null(p[i]);
		assert_int_equal((uintptr_t)p[i] % alignof(max_align_t), 0);
		assert_zero(p[i], size_of(i));
		memset(p[i], (int)(i % 255 + 1), size_of(i));
	}
	for (size_t i = 0; i < MANY; i++)
		for (size_t k = 0; k < size_of(i); k++)
			assert_int_equal(p[i][k], i % 255 + 1);
}

static void
keeps_everything_apart(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 24);
	assert_null(a.head);
	fill(&a);
	arena_free(&a);
	assert_null(a.head);
	arena_free(&a);
	fill(&a);	/* usable again */
	arena_free(&a);
}

static void
used_again_after_reset(void **state)
{
	struct arena a;
	void *first;

	(void)state;
	arena_init(&a, 1 << 24);
	arena_reset(&a);	/* of an empty one */
	first = arena_alloc(&a, 10);
	memset(first, 0xff, 10);
	for (int i = 0; i < 3; i++) {
		arena_reset(&a);
		assert_int_equal(a.used, 0);
		assert_ptr_equal(arena_alloc(&a, 10), first);
		assert_zero(first, 10);
		memset(first, 0xff, 10);
	}
	arena_reset(&a);
	fill(&a);
	arena_reset(&a);
	fill(&a);
	arena_free(&a);
}

static void
ceiling(void **state)
{
	static const size_t sizes[] = { 1, 8, 15, 16, 17, 100, 16383, 16384,
		16385, 50000 };

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct arena a;
		char *p;

		arena_init(&a, sizes[i]);
		assert_null(arena_alloc(&a, sizes[i] + 1));
		assert_null(arena_alloc(&a, SIZE_MAX));
		assert_null(arena_alloc(&a, SIZE_MAX - 16));
		p = arena_alloc(&a, sizes[i]);
		assert_non_null(p);
		memset(p, 'x', sizes[i]);
		assert_true(a.used <= a.max);
		assert_null(arena_alloc(&a, 1));
		assert_int_equal(p[sizes[i] - 1], 'x');
		arena_reset(&a);
		assert_non_null(arena_alloc(&a, sizes[i]));
		arena_free(&a);
	}
}

static void
many_small_ones_meet_it_too(void **state)
{
	struct arena a;
	size_t n = 0;

	(void)state;
	arena_init(&a, 1000);
	while (arena_alloc(&a, 1) != NULL)
		assert_true(++n <= 1000);
	assert_true(n >= 1000 / alignof(max_align_t));
	assert_true(a.used <= a.max);
	arena_free(&a);
}

static void
dup(void **state)
{
	struct arena a;
	char *empty, *nuls, *cut;

	(void)state;
	arena_init(&a, 64);
	/* what is taken again is not zero any more */
	memset(arena_raw(&a, 64), 'x', 64);
	assert_null(arena_raw(&a, 1));
	arena_reset(&a);
	empty = arena_dup(&a, NULL, 0);
	nuls = arena_dup(&a, "a\0b", 3);
	cut = arena_dup(&a, "abcdef", 3);
	assert_string_equal(empty, "");
	assert_memory_equal(nuls, "a\0b", 4);
	assert_string_equal(cut, "abc");
	assert_null(arena_dup(&a, "abcdefghijklmnopqrstuvwxyz", 26));
	assert_null(arena_dup(&a, "a", SIZE_MAX));
	assert_null(arena_dup(&a, "a", SIZE_MAX - 1));
	arena_free(&a);
}

static void
out_of_memory(void **state)
{
	static const size_t sizes[] = { NO_SUCH_MEMORY, SIZE_MAX / 2,
		SIZE_MAX - 64, SIZE_MAX - 16, SIZE_MAX - 1, SIZE_MAX };
	struct arena a;
	char *p;

	(void)state;
	arena_init(&a, SIZE_MAX);
	for (size_t i = 0; i < COUNT(sizes); i++)
		assert_null(arena_alloc(&a, sizes[i]));
	p = arena_dup(&a, "abc", 3);
	for (size_t i = 0; i < COUNT(sizes); i++)
		assert_null(arena_alloc(&a, sizes[i]));
	assert_string_equal(p, "abc");
	assert_non_null(arena_alloc(&a, 1));
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_everything_apart),
		cmocka_unit_test(used_again_after_reset),
		cmocka_unit_test(ceiling),
		cmocka_unit_test(many_small_ones_meet_it_too),
		cmocka_unit_test(dup),
		cmocka_unit_test(out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
