/*
 * The error vocabulary and the record of a problem: every error has a name
 * of its own, the first report stays, long texts are cut and not overrun.
 */
#include "base/err.h"

#include "unit.h"

#include <string.h>

static void
names_differ(void **state)
{
	(void)state;
	assert_string_equal(err_name(ERR_OK), "OK");
	assert_string_equal(err_name(ERR_TOOBIG), "TOO_LARGE");
	for (int e = 0; e < ERR__MAX; e++) {
		assert_non_null(err_name((enum err)e));
		assert_string_not_equal(err_name((enum err)e), "UNKNOWN");
		for (int other = 0; other < e; other++)
			assert_string_not_equal(err_name((enum err)e),
			    err_name((enum err)other));
	}
}

static void
no_error_is_unknown(void **state)
{
	(void)state;
	assert_string_equal(err_name(ERR__MAX), "UNKNOWN");
	assert_string_equal(err_name((enum err)-1), "UNKNOWN");
}

static void
first_report_stays(void **state)
{
	struct problem p = { 0 }, first;

	(void)state;
	assert_int_equal(problem_set(&p, ERR_INPUT, 17, "data.LINE",
	    "bad %s, %d", "digit", 7), ERR_INPUT);
	assert_int_equal(p.err, ERR_INPUT);
	assert_int_equal(p.at, 17);
	assert_string_equal(p.field, "data.LINE");
	assert_string_equal(p.text, "bad digit, 7");

	first = p;
	assert_int_equal(problem_set(&p, ERR_NOMEM, 99, "x", "later"),
	    ERR_INPUT);
	assert_memory_equal(&p, &first, sizeof(p));
}

static void
no_field_is_empty(void **state)
{
	struct problem p = { 0 };

	(void)state;
	assert_int_equal(problem_set(&p, ERR_DISK, -1, NULL, "full"), ERR_DISK);
	assert_int_equal(p.at, -1);
	assert_string_equal(p.field, "");
}

static void
long_texts_are_cut(void **state)
{
	char s[1000];
	struct problem p = { 0 };

	(void)state;
	memset(s, 'x', sizeof(s));
	s[sizeof(s) - 1] = '\0';
	assert_int_equal(problem_set(&p, ERR_INPUT, 0, s, "%s", s), ERR_INPUT);
	assert_int_equal(strlen(p.field), PROBLEM_FIELD_MAX - 1);
	assert_int_equal(strlen(p.text), PROBLEM_TEXT_MAX - 1);
	assert_memory_equal(p.field, s, PROBLEM_FIELD_MAX - 1);
	assert_memory_equal(p.text, s, PROBLEM_TEXT_MAX - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_differ),
		cmocka_unit_test(no_error_is_unknown),
		cmocka_unit_test(first_report_stays),
		cmocka_unit_test(no_field_is_empty),
		cmocka_unit_test(long_texts_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
