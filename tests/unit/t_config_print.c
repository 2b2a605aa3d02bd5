/*
 * What is printed of a configuration: no secret part of a value, and nothing
 * that reads as something else.
 *
 * Run by make check.
 */
#include "config_files.h"

/* A URL without what may be secret in it, and a word about that. */
static void
test_print_urls(void **state)
{
	static const struct {
		const char *section, *value, *shown, *not;
	} cases[] = {
		{ "[channel]\nurl", "https://h/a/@b?k=geheim", "https://h/a/@b",
		    "query" },
		{ "[channel]\nurl", "https://h?geheim", "https://h", "query" },
		{ "[channel]\nurl", "https://h/a#geheim", "https://h/a",
		    "query" },
		{ "[channel]\nurl", "https://u:geheim@h:1/a", "https://h:1/a",
		    "user" },
		{ "[channel]\nurl", "https://geheim@h?a@b", "https://h",
		    "user" },
		{ "[channel]\nurl", "https://h/a%3f", "https://h/a%3f", NULL },
		{ "[channel]\nurl", "spool:/a/@b", "spool:/a/@b", NULL },
		{ "[app]\nclient_endpoint", "https://h/rest/?auth=geheim",
		    "https://h/rest/", "query" },
		{ "[store]\nurl", "sqlite:/a?key=geheim", "sqlite:/a",
		    "query" },
		{ "[portal]\nproxy", "http://u:geheim@p:3128", "http://p:3128",
		    "user" },
		{ "[portal]\nproxy", "u:geheim@p:3128", "p:3128", "user" },
		{ "[portal]\nproxy", "u:ge/h?ei@geheim@p", "p", "user" },
		{ "[portal]\nproxy", "u:a://geheim@p", "p", "user" },
		{ "[portal]\nproxy", "p:3128", "p:3128", NULL },
		{ "[portal]\nproxy", "socks5h://geheim@[::1]:1",
		    "socks5h://[::1]:1", "user" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[128], want[128];
		struct config *c, *again;
		struct buf b;

		(void)snprintf(text, sizeof(text), "%s = %s\n",
		    cases[i].section, cases[i].value);
		c = load(text);
		again = print_and_load(c, &b);
		(void)snprintf(want, sizeof(want), "\n%s = %s\n",
		    strchr(cases[i].section, '\n') + 1, cases[i].shown);
		if (strstr(buf_str(&b), want) == NULL)
			fail_msg("%s: %s", cases[i].value, b.p);
		assert_null(strstr(b.p, "geheim"));
		(void)snprintf(want, sizeof(want), "; the %s in ", cases[i].not
		    != NULL ? cases[i].not : "");
		assert_true((strstr(b.p, want) != NULL) ==
		    (cases[i].not != NULL));
		buf_free(&b);
		config_free(again);
		config_free(c);
	}
}

/* Values that only fit, or are no comment, without the blanks. */
static void
test_print_tight(void **state)
{
	char text[512], item[198], id[189];
	struct config *c, *again;
	struct buf b;

	(void)state;
	memset(item, 'a', sizeof(item));
	item[sizeof(item) - 1] = '\0';
	memset(id, 'b', sizeof(id));
	id[sizeof(id) - 1] = '\0';
	(void)snprintf(text, sizeof(text), "[app]\nportals=\n %s\n"
	    "client_id=%s\n[portal]\nproxy=;p\n", item, id);
	c = load(text);
	again = print_and_load(c, &b);
	assert_string_equal(again->app.portals.item[0], item);
	assert_string_equal(again->app.client_id, id);
	assert_string_equal(again->portal.proxy, ";p");
	buf_free(&b);
	config_free(again);
	config_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_print_urls),
		cmocka_unit_test(test_print_tight),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
