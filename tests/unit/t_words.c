/*
 * The texts of the pages: every language has all of them.
 */
#include "unit.h"

#include "web/words.h"

#include <string.h>

static const char *const languages[] = { "LANG=en", "LANG=de", "LANG=ru",
    "LANG=la", "LANG=br" };

static void
test_all_there(void **state)
{
	const char *const *english = words_of(NULL);

	(void)state;
	for (size_t l = 0; l < 5; l++)
		for (int i = 0; i < W__MAX; i++) {
			const char *text = words_of(languages[l])[i];

			assert_non_null(text);
			assert_true(text[0] != '\0');
			assert_null(strpbrk(text, "<>&\"\n\t"));
			assert_null(strstr(text, "  "));
			/* a sentence ends as its English one does */
			assert_int_equal(strchr(".:", text[strlen(text) - 1])
			    != NULL, strchr(".:", english[i][strlen(
			    english[i]) - 1]) != NULL);
		}
}

static void
is(const char *query, const char *lang)
{
	assert_string_equal(words_of(query)[W_LANG], lang);
}

static void
test_which(void **state)
{
	(void)state;
	is(NULL, "en");
	is("", "en");
	is("LANG=de", "de");
	is("DOMAIN=x&LANG=ru&APP_SID=1", "ru");
	is("LANG=la", "es");
	is("LANG=es&", "es");
	is("LANG=br", "pt");
	is("LANG=pt", "pt");
	is("LANG=", "en");
	is("LANG=d", "en");
	is("LANG=dex", "en");
	is("XLANG=de", "en");
	is("lang=de", "en");
	is("LANG=%64e", "en");
	is("&&LANG=de", "de");
	is("LANG", "en");
	is("&", "en");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_there),
		cmocka_unit_test(test_which),
	};

	return cmocka_run_group_tests_name("web/words", tests, NULL, NULL);
}
