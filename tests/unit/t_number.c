/*
 * Whole numbers as text: what is canonical, the ends of the range, and that
 * both ways agree.
 */
#include "base/number.h"

#include "unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void
reads(void **state)
{
	static const struct {
		const char *text;
		bool is;
		int64_t value;
	} cases[] = {
		{ "0", true, 0 }, { "7", true, 7 }, { "-1", true, -1 },
		{ "10", true, 10 }, { "-10", true, -10 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "-9223372036854775808", true, INT64_MIN },
		{ "9223372036854775808", false, 0 },
		{ "-9223372036854775809", false, 0 },
		{ "92233720368547758070", false, 0 },
		{ "", false, 0 }, { "-", false, 0 }, { "--1", false, 0 },
		{ "+1", false, 0 }, { " 1", false, 0 }, { "1 ", false, 0 },
		{ "01", false, 0 }, { "00", false, 0 }, { "-0", false, 0 },
		{ "-01", false, 0 }, { "1.0", false, 0 }, { "1e2", false, 0 },
		{ "0x1", false, 0 },
		{ "18446744073709551616", false, 0 }, { "1-", false, 0 },
		{ "\xd9\xa1", false, 0 }, { NULL, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t out = 77;

		assert_int_equal(number_read(cases[i].text, &out),
		    cases[i].is);
		assert_int_equal(out, cases[i].is ? cases[i].value : 77);
	}
}

static void
agrees(int64_t number)
{
	char text[NUMBER_TEXT_MAX], want[32];
	int64_t back = 77;

	(void)snprintf(want, sizeof(want), "%" PRId64, number);
	assert_int_equal(number_text(text, number), strlen(want));
	assert_string_equal(text, want);
	assert_true(number_read(text, &back));
	assert_int_equal(back, number);
}

/* Around every power of two and of ten, on both sides of zero. */
static void
both_ways(void **state)
{
	int64_t ten = 1;

	(void)state;
	for (int i = 0; i < 19; i++) {
		for (int64_t d = -2; d <= 2; d++) {
			agrees(ten + d);
			agrees(-ten + d);
		}
		ten *= i < 18 ? 10 : 1;
	}
	for (int i = 0; i < 63; i++) {
		agrees((int64_t)1 << i);
		agrees(((int64_t)1 << i) - 1);
		agrees(-((int64_t)1 << i));
	}
	agrees(INT64_MAX);
	agrees(INT64_MIN);
	agrees(INT64_MIN + 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
