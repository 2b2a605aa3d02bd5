/*
 * The newest token that each portal accepted: one for each, a bounded number
 * of them.
 */
#include "portal/newest.h"

#include "unit.h"

#include <stdio.h>
#include <string.h>

static void
test_one_for_each(void **state)
{
	struct newest all;

	(void)state;
	newest_init(&all);
	assert_null(newest_get(&all, "m"));
	newest_set(&all, "m", NULL);
	newest_set(&all, "m", "five");
	newest_set(&all, "other", "mine");
	newest_set(&all, "m", "six");
	newest_set(&all, "m", "six");
	assert_string_equal(newest_get(&all, "m"), "six");
	assert_string_equal(newest_get(&all, "other"), "mine");
	newest_set(&all, "m", NULL);
	assert_null(newest_get(&all, "m"));
	assert_string_equal(newest_get(&all, "other"), "mine");
	newest_free(&all);
}

/* Those that were used last are remembered. */
static void
test_bounded(void **state)
{
	struct newest all;
	char name[32];
	size_t known = 0;

	(void)state;
	newest_init(&all);
	for (int i = 0; i < 20000; i++) {
		(void)snprintf(name, sizeof(name), "m%d", i);
		newest_set(&all, name, name);
	}
	for (int i = 0; i < 20000; i++) {
		(void)snprintf(name, sizeof(name), "m%d", i);
		known += newest_get(&all, name) != NULL;
	}
	assert_in_range(known, 1000, 10000);
	assert_null(newest_get(&all, "m0"));
	assert_string_equal(newest_get(&all, "m19999"), "m19999");
	newest_free(&all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_for_each),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests_name("portal/newest", tests, NULL,
	    NULL);
}
