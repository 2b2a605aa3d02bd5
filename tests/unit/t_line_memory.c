/*
 * A line that has no memory for its call.
 */
#include "portal/rest.h"
#include "relay_world.h"

#include "unit.h"

#include <stdlib.h>

static bool failing;
static int refused;

/* The linker puts the second where the first is called (Makefile). */
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

/* None for what is a call and a little more. */
void *
__wrap_calloc(size_t n, size_t size)
{
	if (failing && n == 1 && size > sizeof(struct rest_call) &&
	    size < sizeof(struct rest_call) + 2048) {
		refused++;
		return NULL;
	}
	return __real_calloc(n, size);
}

/* It tries again after a moment, and not in each turn until then. */
static void
test_tries_again(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s;
	int before;

	RW_SAY(w, RW_HOOK, { .status = RW_HOLD });
	s = RW_POST(w, .answer_ms = 600000);
	RW_UNTIL(w, rw_open(w, RW_HOOK) == 1);
	failing = true;
	assert_true(rw_release(w, RW_HOOK, NULL));
	RW_UNTIL(w, refused != 0);
	before = refused;
	for (int i = 0; i < 10; i++)
		rw_settle(w);
	/* a busy machine may take the moment for the turns */
	assert_true(refused - before <= 20);
	failing = false;
	rw_skip(w, 1000);
	RW_UNTIL(w, s->gone);
	assert_int_equal(s->outcome.acknowledged, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { RW_TEST(test_tries_again) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
