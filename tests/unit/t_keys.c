/*
 * Messages by key: the key has no index, it is found by the base that it
 * begins with, whatever digits and dashes that base ends in.
 *
 * Run by make check.
 */
#include "claim_world.h"

/* As event/identity.h makes them, but with ends that could mislead. */
static const char *const bases[] = { "c-A8oGbhra7_BRSML2vec0AppVk",
	"BASE", "BASE1", "BASE-1", "BASE-12", "BASE-", "BASE--", "BASE-1-",
	"7", "12345", "-", "--1", "_9" };

#define LAST 12		/* revisions 1 to this of each */

/* An Add of each base as revision 1, or Updates with "-n" behind it. */
static void
fill(struct world *w, bool updates)
{
	sqlite3 *db;

	(void)take_message(w, ADD, 1, "b");
	db = outside(w);
	outside_run(db, "DELETE FROM message");
	for (size_t i = 0; i < COUNT(bases); i++)
		for (int n = 1; n <= (updates ? LAST : 1); n++) {
			char sql[512], tail[16] = "";

			if (updates)
				(void)snprintf(tail, sizeof(tail), "-%d", n);
			(void)snprintf(sql, sizeof(sql), "INSERT INTO message"
			    "(key, base, revision, content, state, step,"
			    " event, member_id, connector, line, chat,"
			    " chat_id, message_id, ts, received_us,"
			    " changed_ms) VALUES('%s%s', '%s', %d, 'c', 4, 2,"
			    " 'E', 'm', 'c', 1, 'x%zu', 1, %d, 1, 1, 1)",
			    bases[i], tail, bases[i], n, i, n);
			outside_run(db, sql);
		}
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

struct found {
	int n;
	char key[KEY_MAX];
};

static bool
find(void *ctx, const struct stored *m)
{
	struct found *f = ctx;

	f->n++;
	(void)snprintf(f->key, sizeof(f->key), "%s", m->key);
	return true;
}

static int
found(struct world *w, const char *key)
{
	const struct filter filter = { .key = key };
	struct found f = { .n = 0 };

	assert_int_equal(store_each(w->store, &filter, find, &f,
	    &w->problem), ERR_OK);
	if (f.n != 0)
		assert_string_equal(f.key, key);
	return f.n;
}

/* How many are in state `state`, but for that key. */
static int64_t
others(struct world *w, int state, const char *key)
{
	char sql[160];

	(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM message WHERE"
	    " state = %d AND key <> '%s'", state, key);
	return number(w, sql);
}

/* Found, retried and dropped: this one and no other. */
static void
expect_one(struct world *w, const char *key)
{
	int64_t n = -1, refused = others(w, 4, key), all;

	if (found(w, key) != 1)
		fail_msg("%s is not found", key);
	assert_int_equal(store_retry(w->store, key, &n, &w->problem), ERR_OK);
	assert_int_equal(n, 1);
	assert_int_equal(others(w, 4, key), refused);
	assert_int_equal(others(w, 4, ""), refused);
	all = number(w, "SELECT count(*) FROM message");
	assert_int_equal(store_drop(w->store, key, &n, &w->problem), ERR_OK);
	assert_int_equal(n, 1);
	assert_int_equal(number(w, "SELECT count(*) FROM message"), all - 1);
	assert_int_equal(found(w, key), 0);
	assert_int_equal(store_drop(w->store, key, &n, &w->problem), ERR_OK);
	assert_int_equal(n, 0);
}

static void
test_adds(void **state)
{
	struct world *w = *state;

	fill(w, false);
	for (size_t i = 0; i < COUNT(bases); i++)
		expect_one(w, bases[i]);
	assert_int_equal(number(w, "SELECT count(*) FROM message"), 0);
}

static void
test_updates(void **state)
{
	struct world *w = *state;

	fill(w, true);
	for (size_t i = 0; i < COUNT(bases); i++)
		for (int n = LAST; n > 0; n--) {
			char key[KEY_MAX];

			(void)snprintf(key, sizeof(key), "%s-%d", bases[i], n);
			expect_one(w, key);
		}
	assert_int_equal(number(w, "SELECT count(*) FROM message"), 0);
}

/* Near misses, and what would be a pattern elsewhere. */
static void
test_nobody(void **state)
{
	static const char *const keys[] = { "", "B", "BAS", "base", "BASE2",
		"BASE-2", "BASE-123", "BASE-1-1", "%", "BASE%", "_ASE",
		"BASE-1 ", " BASE", "BASE'--", "0", "1234", "123456", "-0",
		"---" };
	struct world *w = *state;
	int64_t n;

	fill(w, false);
	for (size_t i = 0; i < COUNT(keys); i++) {
		if (found(w, keys[i]) != 0)
			fail_msg("\"%s\" is found", keys[i]);
		assert_int_equal(store_retry(w->store, keys[i], &n,
		    &w->problem), ERR_OK);
		assert_int_equal(n, 0);
		assert_int_equal(store_drop(w->store, keys[i], &n,
		    &w->problem), ERR_OK);
		assert_int_equal(n, 0);
	}
	assert_int_equal(others(w, 4, ""), COUNT(bases));
}

/* The way of real ones: an Add, and an Update in two revisions. */
static void
test_real_keys(void **state)
{
	struct world *w = *state;
	const struct arrival a[] = { take_message(w, ADD, 1, "b"),
	    take_message(w, UPDATE, 1, "b"), take_message(w, UPDATE, 1, "c") };

	for (size_t i = 0; i < COUNT(a); i++) {
		assert_int_equal(found(w, a[i].key), 1);
		assert_int_equal(column(w, "id", a[i].id), a[i].id);
	}
	assert_string_equal(strrchr(a[2].key, '-'), "-2");
	for (size_t i = 0; i < COUNT(a); i++) {
		postpone(w, a[i].id, 0, HOLD_NONE);
		(void)refuse(w, a[i].id, STEP_HAND_OVER, "no");
	}
	for (size_t i = 0; i < COUNT(a); i++)
		expect_one(w, a[i].key);
}

/* By its index: a look at one of many must not read them all. */
static void
test_plan(void **state)
{
	struct world *w = *state;

	(void)take_message(w, ADD, 1, "b");
	assert_non_null(strstr(look(w, "EXPLAIN QUERY PLAN SELECT id FROM"
	    " message WHERE base IN ('BASE-1', 'BASE') AND key = 'BASE-1'"),
	    "message_base"));
	assert_string_equal(look(w, "SELECT count(*) FROM sqlite_master WHERE"
	    " type = 'index' AND sql LIKE '%(key)%'"), "0|\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_adds),
		WORLD_TEST(test_updates),
		WORLD_TEST(test_nobody),
		WORLD_TEST(test_real_keys),
		WORLD_TEST(test_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
