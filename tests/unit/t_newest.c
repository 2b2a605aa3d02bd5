/*
 * The newest accepted event's token of each portal.
 *
 * Run by make check.
 */
#include "relay/newest.h"

#include "unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct newest *newest;
static struct arena arena;

static int
begin(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	return newest_new(&newest) == ERR_OK ? 0 : -1;
}

static int
end(void **state)
{
	(void)state;
	newest_free(newest);
	newest_free(NULL);
	arena_free(&arena);
	return 0;
}

/* As "token id", or "none". */
static const char *
known(const char *member_id)
{
	static char text[64];
	const char *token;
	int64_t id;

	if (!newest_get(newest, member_id, &arena, &token, &id))
		return "none";
	(void)snprintf(text, sizeof(text), "%s %" PRId64, token, id);
	return text;
}

static void
test_newest(void **state)
{
	(void)state;
	assert_string_equal(known("m"), "none");
	newest_put(newest, "m", 5, "five");
	assert_string_equal(known("m"), "five 5");
	newest_put(newest, "m", 4, "four");
	assert_string_equal(known("m"), "five 5");
	newest_put(newest, "m", 6, "six");
	assert_string_equal(known("m"), "six 6");
	assert_string_equal(known("other"), "none");
	assert_string_equal(known(""), "none");
}

static void
test_drop(void **state)
{
	(void)state;
	newest_drop(newest, "m", "five");
	newest_put(newest, "m", 5, "five");
	newest_drop(newest, "m", "four");
	newest_drop(newest, "other", "five");
	assert_string_equal(known("m"), "five 5");
	newest_drop(newest, "m", "five");
	assert_string_equal(known("m"), "none");
	newest_put(newest, "m", 1, "one");
	assert_string_equal(known("m"), "one 1");
}

/* More portals than there is room for: no one gets another's token. */
static void
test_many(void **state)
{
	char name[32], token[32], want[64];
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof(name), "portal-%d", i);
		(void)snprintf(token, sizeof(token), "token-%d", i);
		newest_put(newest, name, i, token);
	}
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof(name), "portal-%d", i);
		(void)snprintf(want, sizeof(want), "token-%d %d", i, i);
		if (strcmp(known(name), "none") == 0)
			continue;
		assert_string_equal(known(name), want);
		n++;
	}
	assert_true(n > 500);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_newest), TEST(test_drop), TEST(test_many),
	};

	return cmocka_run_group_tests_name("relay/newest", tests, NULL, NULL);
}
