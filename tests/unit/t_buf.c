/*
 * The capped buffer: what it holds, its ceiling to the byte, and that a
 * failure leaves what was there.
 */
#include "base/buf.h"

#include "nomem.h"
#include "unit.h"

#include <string.h>

static void
empty(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	assert_null(b.p);
	assert_int_equal(b.len, 0);
	assert_int_equal(buf_add(&b, NULL, 0), ERR_OK);
	assert_int_equal(buf_adds(&b, ""), ERR_OK);
	assert_int_equal(b.len, 0);
	assert_string_equal(buf_str(&b), "");
	buf_free(&b);
	assert_null(b.p);
	buf_free(&b);
}

static void
every_way_to_append(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 200);
	assert_int_equal(buf_add(&b, "a\0b", 3), ERR_OK);
	assert_int_equal(buf_addc(&b, 'c'), ERR_OK);
	assert_int_equal(buf_adds(&b, "def"), ERR_OK);
	assert_int_equal(b.len, 7);
	assert_memory_equal(b.p, "a\0bcdef", 7);

	buf_reset(&b);
	assert_int_equal(b.len, 0);
	assert_string_equal(buf_str(&b), "");
	assert_int_equal(buf_addi(&b, INT64_MIN), ERR_OK);
	assert_int_equal(buf_addc(&b, ' '), ERR_OK);
	assert_int_equal(buf_addi(&b, INT64_MAX), ERR_OK);
	assert_int_equal(buf_addf(&b, " %s=%d", "x", 5), ERR_OK);
	assert_string_equal(buf_str(&b),
	    "-9223372036854775808 9223372036854775807 x=5");
	buf_free(&b);
}

/* At every length around the steps in which the memory grows. */
static void
grows_and_keeps(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 5000);
	for (size_t i = 0; i < 5000; i++) {
		assert_int_equal(buf_addc(&b, (char)('a' + i % 23)), ERR_OK);
		assert_int_equal(b.len, i + 1);
		assert_int_equal(strlen(buf_str(&b)), i + 1);
	}
	for (size_t i = 0; i < 5000; i++)
		assert_int_equal(b.p[i], 'a' + i % 23);
	buf_free(&b);
}

static void
ceiling(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 3);
	assert_int_equal(buf_adds(&b, "abcd"), ERR_TOOBIG);
	assert_int_equal(b.len, 0);
	buf_reset(&b);
	assert_int_equal(buf_adds(&b, "ab"), ERR_OK);
	assert_int_equal(buf_reserve(&b, 2), ERR_TOOBIG);
	assert_int_equal(buf_addc(&b, 'c'), ERR_OK);
	assert_int_equal(buf_add(&b, NULL, 0), ERR_OK);
	assert_int_equal(buf_addc(&b, 'd'), ERR_TOOBIG);
	assert_string_equal(buf_str(&b), "abc");

	/* the ceiling outlives reset and free */
	buf_reset(&b);
	assert_int_equal(buf_adds(&b, "abcd"), ERR_TOOBIG);
	buf_free(&b);
	assert_int_equal(buf_adds(&b, "abcd"), ERR_TOOBIG);
	buf_reset(&b);
	assert_int_equal(buf_adds(&b, "abc"), ERR_OK);
	buf_free(&b);
}

/* Behind one that failed nothing is appended, whatever it needs. */
static void
a_failure_stays(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 300);
	assert_int_equal(buf_adds(&b, "ab"), ERR_OK);
	assert_int_equal(buf_add(&b, "x", SIZE_MAX), ERR_TOOBIG);
	assert_int_equal(buf_adds(&b, "cd"), ERR_TOOBIG);
	assert_int_equal(buf_addc(&b, 'c'), ERR_TOOBIG);
	assert_int_equal(buf_addi(&b, 10), ERR_TOOBIG);
	assert_int_equal(buf_addf(&b, "%d", 10), ERR_TOOBIG);
	assert_int_equal(buf_add(&b, NULL, 0), ERR_TOOBIG);
	assert_int_equal(buf_reserve(&b, 1), ERR_TOOBIG);
	assert_int_equal(b.err, ERR_TOOBIG);
	assert_string_equal(buf_str(&b), "ab");
	buf_reset(&b);
	assert_int_equal(b.err, ERR_OK);
	for (size_t i = 0; i < 300; i++)
		assert_int_equal(buf_addc(&b, 'x'), ERR_OK);
	assert_int_equal(buf_addf(&b, "%512d", 1), ERR_TOOBIG);
	buf_free(&b);
	assert_int_equal(buf_adds(&b, "xy"), ERR_OK);
	buf_free(&b);
}

static void
nothing_allowed(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	assert_int_equal(buf_addc(&b, 'a'), ERR_TOOBIG);
	buf_reset(&b);
	assert_string_equal(buf_str(&b), "");
	buf_free(&b);
}

static void
formatted_text_has_a_limit(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 2000);
	assert_int_equal(buf_addf(&b, "%511d", 1), ERR_OK);
	assert_int_equal(b.len, 511);
	assert_int_equal(b.p[510], '1');
	assert_int_equal(buf_addf(&b, "%512d", 1), ERR_TOOBIG);
	assert_int_equal(b.len, 511);
	buf_free(&b);
}

static void
reset_keeps_the_memory(void **state)
{
	struct buf b;
	const char *p;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(buf_adds(&b, "abc"), ERR_OK);
	p = b.p;
	buf_reset(&b);
	assert_int_equal(buf_adds(&b, "xy"), ERR_OK);
	assert_ptr_equal(b.p, p);
	assert_string_equal(buf_str(&b), "xy");
	buf_free(&b);
}

/* No byte of the source is looked at before there is room for it. */
static void
out_of_memory(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX);
	assert_int_equal(buf_add(&b, "x", NO_SUCH_MEMORY), ERR_NOMEM);
	assert_null(b.p);
	buf_reset(&b);
	assert_int_equal(buf_adds(&b, "abc"), ERR_OK);
	assert_int_equal(buf_reserve(&b, NO_SUCH_MEMORY), ERR_NOMEM);
	assert_int_equal(buf_reserve(&b, SIZE_MAX - 3), ERR_NOMEM);
	assert_int_equal(buf_reserve(&b, SIZE_MAX - 4), ERR_NOMEM);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), ERR_TOOBIG);
	assert_int_equal(buf_add(&b, "x", NO_SUCH_MEMORY), ERR_NOMEM);
	assert_int_equal(b.len, 3);
	assert_string_equal(buf_str(&b), "abc");
	buf_free(&b);
}

/* Room for so many, and always for the NUL; none past the ceiling. */
static void
reserve(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	for (size_t n = 0; n <= 1000; n++) {
		assert_int_equal(buf_reserve(&b, n), ERR_OK);
		assert_true(b.cap > n);
		assert_int_equal(b.len, 0);
		if (n != 0)
			memset(b.p, 'x', n);
	}
	while (b.len < 1000) {
		assert_int_equal(buf_reserve(&b, 1), ERR_OK);
		b.p[b.len++] = 'x';
		assert_true(b.len < b.cap);
		assert_int_equal(buf_reserve(&b, 1001 - b.len), ERR_TOOBIG);
	}
	assert_int_equal(buf_reserve(&b, 0), ERR_OK);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), ERR_TOOBIG);
	assert_int_equal(strlen(buf_str(&b)), 1000);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reserve),
		cmocka_unit_test(a_failure_stays),
		cmocka_unit_test(empty),
		cmocka_unit_test(every_way_to_append),
		cmocka_unit_test(grows_and_keeps),
		cmocka_unit_test(ceiling),
		cmocka_unit_test(nothing_allowed),
		cmocka_unit_test(formatted_text_has_a_limit),
		cmocka_unit_test(reset_keeps_the_memory),
		cmocka_unit_test(out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
