/*
 * How a connector is registered: what a section [connector ID] says beside
 * where its messages go.
 */
#include "config_files.h"

static void
test_a_name_alone(void **state)
{
	struct config *c = load("[channel]\nurl = https://h/hook\n"
	    "secret = geheim\ntimeout = 7\n[connector a]\nname = Ein Name\n"
	    "[connector b]\nname = B\nurl = https://other/\n");
	const struct config_channel *a = &c->channel[1], *b = &c->channel[2];

	(void)state;
	assert_string_equal(a->as.name, "Ein Name");
	assert_string_equal(a->as.color, "#2fc6f6");
	assert_string_equal(a->as.icon.path, "");
	assert_string_equal(a->as.icon.text, "");
	assert_string_equal(a->as.comment, "");
	assert_true(a->as.del_external_messages && a->as.newsletter &&
	    a->as.edit_internal_messages && a->as.del_internal_messages &&
	    a->as.need_system_messages && a->as.need_signature);
	assert_false(a->as.chat_group);
	/* where its messages go, and what signs them, is as for all */
	assert_string_equal(a->url, "https://h/hook");
	assert_string_equal(a->secret, "geheim");
	assert_int_equal(a->timeout, 7);
	/* a secret of another URL is none of its business */
	assert_string_equal(b->url, "https://other/");
	assert_string_equal(b->secret, "");
	assert_string_equal(c->channel[0].as.name, "");
	config_free(c);
}

static void
test_all_of_it(void **state)
{
	char text[512];
	struct config *c, *again;
	struct buf b;

	(void)state;
	(void)write_file("icon.svg", "<svg/>\n");
	(void)snprintf(text, sizeof(text), "[app]\nhandler_url = "
	    "https://h/handler\n[connector a]\nname = A \"b\"\nicon_file = %s\n"
	    "color = #FF00aa\nchat_group = yes\nnewsletter = no\ncomment = x\n"
	    "[connector a/7]\nurl = null:\n", in_folder("icon.svg"));
	c = load(text);
	again = print_and_load(c, &b);
	for (int i = 0; i < 2; i++) {
		const struct config *is = i == 0 ? c : again;
		const struct config_connector *as = &is->channel[1].as;

		assert_string_equal(is->app.handler_url, "https://h/handler");
		assert_string_equal(as->name, "A \"b\"");
		assert_string_equal(as->icon.path, in_folder("icon.svg"));
		assert_string_equal(as->icon.text, "<svg/>\n");
		assert_string_equal(as->color, "#FF00aa");
		assert_true(as->chat_group);
		assert_false(as->newsletter);
		assert_true(as->need_signature);
		assert_string_equal(as->comment, "x");
		assert_string_equal(is->channel[2].as.name, "");
	}
	/* said of the connector as a whole, and once */
	assert_ptr_equal(strstr(strstr(b.p, "chat_group") + 1, "chat_group"),
	    NULL);
	buf_free(&b);
	config_free(again);
	config_free(c);
}

static void
test_refused(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "[connector aB]\nname = x\n", ":1: [connector aB] has a "
		    "name, to be registered by: Bitrix24 wants such an ID in "
		    "lower case" },
		{ "[connector a.b]\nname = x\n", ":1: [connector a.b] must be "
		    "[connector NAME] or [connector NAME/LINE], NAME of "
		    "letters, digits and _" },
		{ "[connector a]\ncolor = red\n", ":2: [connector a] color "
		    "must be a colour such as #2fc6f6, not \"red\"" },
		{ "[connector a]\ncolor = #12345g\n", ":2: [connector a] "
		    "color must be a colour such as #2fc6f6, not \"#12345g\"" },
		{ "[connector a]\nchat_group = Y\n", ":2: [connector a] "
		    "chat_group must be yes or no, not \"Y\"" },
		{ "[connector a]\nicon_file = x.svg\n", ":2: [connector a] "
		    "icon_file must be an absolute path, not \"x.svg\"" },
		{ "[connector a]\nicon_file = /nowhere/x.svg\n",
		    ":2: [connector a] icon_file cannot be read: No such file "
		    "or directory" },
		{ "[app]\nhandler_url = h/handler\n", ":2: [app] handler_url "
		    "must be a whole URL, its scheme one of: https http" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		refused(write_file("f", cases[i].text), cases[i].want);
}

/* What is no use there, is not taken there. */
static void
test_elsewhere(void **state)
{
	static const char *const texts[] = {
		"[connector a/7]\nurl = null:\nname = x\n",
		"[channel]\nname = x\n", "[app]\nname = x\n",
	};
	struct problem p = { 0 };
	struct config *c;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		p = (struct problem){ 0 };
		assert_int_equal(config_load(&c, write_file("f", texts[i]),
		    &p), ERR_CONFIG);
		assert_non_null(strstr(p.text, "has no option name"));
	}
}

/* A name is for people: some bytes are enough. */
static void
test_long_name(void **state)
{
	char text[160] = "[connector a]\nname = ";
	size_t n = strlen(text);
	struct config *c;

	(void)state;
	memset(text + n, 'x', 101);
	refused(write_file("f", text), ":2: [connector a] name must not be "
	    "longer than 100 bytes");
	text[n + 100] = '\0';
	c = load(text);
	assert_int_equal(strlen(c->channel[1].as.name), 100);
	config_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_name_alone),
		cmocka_unit_test(test_all_of_it),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_elsewhere),
		cmocka_unit_test(test_long_name),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
