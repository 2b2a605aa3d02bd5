/*
 * Lines that are off: marked once, seen by every process, and not any more
 * when something comes from them, or when that was long ago.
 */
#include "store/off.h"

#include "store_world.h"

#define OTHER "another"
#define SEEN_MS 1000	/* how old the knowledge of marks may be */

static void
off(struct store_world *w, const char *member_id, const char *connector,
    int64_t line)
{
	struct line_off o = { .store = w->store, .member_id = member_id,
	    .connector = connector, .line = line,
	    .event = "ONIMCONNECTORSTATUSDELETE" };

	store_line_off(&o);
	world_must(w, w->store, &o.db);
}

static int64_t
count(struct store_world *w)
{
	return world_stats(w, w->store).lines_off;
}

static void
test_mark(void **state)
{
	struct store_world *w = *state;

	assert_int_equal(count(w), 0);
	for (int i = 0; i < 2; i++) {
		off(w, MEMBER, CONNECTOR, 107);
		off(w, MEMBER, CONNECTOR, 10);
		off(w, OTHER, CONNECTOR, 107);
		off(w, MEMBER, OTHER, 107);
		off(w, MEMBER, NULL, 107);
	}
	assert_int_equal(count(w), 5);
	/* of its own line, and of the whole line; in any case */
	(void)TAKE(w, w->store, .message_id = 1, .connector = "MyConnector");
	assert_int_equal(count(w), 3);
	(void)TAKE(w, w->store, .message_id = 2, .connector = OTHER);
	assert_int_equal(count(w), 2);
}

/* Another process has made it: it is seen a second later at most. */
static void
test_seen_by_all(void **state)
{
	struct store_world *w = *state;
	struct store *other = world_store(w);

	(void)TAKE(w, other, .message_id = 1);
	off(w, MEMBER, CONNECTOR, 107);
	world_pass(w, SEEN_MS);
	(void)TAKE(w, other, .message_id = 2);
	assert_int_equal(count(w), 0);
	world_dies(w, &other);
}

static void
test_fades(void **state)
{
	struct store_world *w = *state;

	off(w, MEMBER, CONNECTOR, 107);
	world_pass(w, KEEP_MS + 1);
	off(w, OTHER, CONNECTOR, 107);
	assert_int_equal(count(w), 1);
}

/* No line has such names; nothing is cut so that it is another's. */
static void
test_too_long(void **state)
{
	struct store_world *w = *state;
	char name[600];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	off(w, MEMBER, name, 107);
	off(w, name, CONNECTOR, 107);
	assert_int_equal(count(w), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_mark), WORLD_TEST(test_seen_by_all),
		WORLD_TEST(test_fades), WORLD_TEST(test_too_long),
	};

	return cmocka_run_group_tests_name("store/off", tests, NULL, NULL);
}
