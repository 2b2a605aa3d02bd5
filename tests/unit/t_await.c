/*
 * Who waits for messages that are not in work here.
 */
#include "relay_world.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

#define MESSAGES 3000		/* more than one look at them tells */
#define GONE 300

struct keys {
	char (*key)[64];
	size_t n;
};

static bool
keep_key(void *ctx, const struct stored *s)
{
	struct keys *k = ctx;

	assert_true(k->n < MESSAGES && strlen(s->key) < sizeof(*k->key));
	memcpy(k->key[k->n++], s->key, strlen(s->key) + 1);
	return true;
}

/* Others see to some of very many, whichever: it is noticed of each. */
static void
test_all_are_watched(void **state)
{
	struct relay_world *w = *state;
	struct store *other = rw_other_store(w);
	struct keys keys = { calloc(MESSAGES, sizeof(*keys.key)), 0 };
	const struct filter all = { .key = NULL };
	const struct rw_act fails = { .status = 500 };
	struct rw_sent *s;

	assert_non_null(keys.key);
	RW_SAY(w, RW_HOOK, { .status = RW_HOLD });
	s = RW_POST(w, .n = MESSAGES, .answer_ms = 600000);
	RW_UNTIL(w, rw_open(w, RW_HOOK) == 1);
	assert_int_equal(store_each(other, &all, keep_key, &keys,
	    &w->problem), ERR_OK);
	assert_int_equal(keys.n, MESSAGES);
	for (size_t i = 1; i <= GONE; i++) {
		int64_t n;

		assert_int_equal(store_drop(other, keys.key[i * 9], &n,
		    &w->problem), ERR_OK);
		assert_int_equal(n, 1);
	}
	for (int i = 0; i < 20; i++) {
		rw_skip(w, 100);
		rw_settle(w);
	}
	assert_int_equal(s->answered, 0);
	/* the others are waited for no longer, for they are behind it */
	assert_true(rw_release(w, RW_HOOK, &fails));
	RW_UNTIL(w, s->gone);
	assert_int_equal(s->outcome.acknowledged, GONE);
	assert_true(store_close(other, 1000));
	free(keys.key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RW_TEST(test_all_are_watched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
