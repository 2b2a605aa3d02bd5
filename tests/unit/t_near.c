/*
 * The word that somebody may have meant.
 */
#include "base/near.h"
#include "unit.h"

#include <string.h>

static void
is_near(const char *wrote, const char *words, const char *meant)
{
	struct near near = { 0 };

	near_try_words(&near, wrote, words);
	if (meant == NULL) {
		assert_null(near.word);
		return;
	}
	assert_non_null(near.word);
	assert_int_equal(near.n, strlen(meant));
	assert_memory_equal(near.word, meant, near.n);
}

static void
typos_are_found(void **state)
{
	static const char words[] = "check queue retry purge portals stats";

	(void)state;
	is_near("quue", words, "queue");
	is_near("qeueu", words, "queue");
	is_near("STATS", words, "stats");
	is_near("portal", words, "portals");
	is_near("chekc", words, "check");
	is_near("retyr", words, "retry");
}

static void
another_word_is_none(void **state)
{
	static const char words[] = "check queue retry";

	(void)state;
	is_near("connectors", words, NULL);
	is_near("", words, NULL);
	is_near("x", words, NULL);
	is_near("queuequeue", words, NULL);
	is_near("queue", "", NULL);
}

static void
the_nearest_wins(void **state)
{
	(void)state;
	is_near("purges", "merge purge purge", "purge");
	is_near("rate", "date rate gate", "rate");
}

/* No word is longer than the tables that count its typos. */
static void
long_words_are_near_none(void **state)
{
	char most[NEAR_MAX + 1], more[NEAR_MAX + 2];

	(void)state;
	memset(most, 'a', sizeof(most));
	most[NEAR_MAX] = '\0';
	memset(more, 'a', sizeof(more));
	more[NEAR_MAX + 1] = '\0';
	is_near(most, most, most);
	is_near(more, more, NULL);
	is_near(more, most, NULL);
	is_near(most, more, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(typos_are_found),
		cmocka_unit_test(another_word_is_none),
		cmocka_unit_test(the_nearest_wins),
		cmocka_unit_test(long_words_are_near_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
