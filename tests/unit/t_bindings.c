/*
 * The answer to event.get: what is ours, what is stale, what is nobody's
 * business.
 */
#include "unit.h"

#include "portal/bindings.h"

#include <stdio.h>
#include <string.h>

#define URL "https://h.example.org/bitrix24/handler"
#define ADD "ONIMCONNECTORMESSAGEADD"

static enum err
read_text(struct bindings *b, const char *json)
{
	struct method_call m = { .end = METHOD_OK };
	enum err e;

	buf_init(&m.answer, 1 << 20);
	assert_int_equal(buf_adds(&m.answer, json), ERR_OK);
	e = bindings_read(b, &m, URL);
	method_free(&m);
	return e;
}

static void
test_kinds(void **state)
{
	static const struct {
		const char *event, *handler;
		enum binding_kind kind;
	} cases[] = {
		{ ADD, URL, BINDING_OURS },
		{ "OnImConnectorMessageAdd", URL, BINDING_OURS },
		{ ADD, URL "/", BINDING_STALE },
		{ ADD, URL "//", BINDING_STALE },
		{ ADD, URL "?a=1", BINDING_STALE },
		{ ADD, "http://h.example.org/bitrix24/handler",
		    BINDING_STALE },
		{ ADD, "https://old.example.org:8443/bitrix24/handler",
		    BINDING_STALE },
		{ ADD, "https://h.example.org/bitrix24/handler2",
		    BINDING_OTHER },
		{ ADD, "https://h.example.org/bitrix24/Handler",
		    BINDING_OTHER },
		{ ADD, "https://h.example.org/", BINDING_OTHER },
		{ ADD, "", BINDING_OTHER },
		{ "ONCRMLEADADD", URL, BINDING_OTHER },
		{ "ONCRMLEADADD", URL "/", BINDING_OTHER },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct bindings b;
		char json[512];

		(void)snprintf(json, sizeof(json), "{\"result\":[{\"event\":"
		    "\"%s\",\"handler\":\"%s\",\"auth_type\":\"0\",\"offline\""
		    ":0}],\"time\":{\"start\":1}}", cases[i].event,
		    cases[i].handler);
		assert_int_equal(read_text(&b, json), ERR_OK);
		assert_int_equal(b.n, 1);
		assert_string_equal(b.item[0].handler, cases[i].handler);
		if (b.item[0].kind != cases[i].kind)
			fail_msg("%s %s: %d", cases[i].event,
			    cases[i].handler, (int)b.item[0].kind);
		assert_int_equal(bindings_has(&b, ADD), cases[i].kind ==
		    BINDING_OURS);
		bindings_free(&b);
	}
}

/* For two users it comes twice: the second is one too many. */
static void
test_twice(void **state)
{
	struct bindings b;

	(void)state;
	assert_int_equal(read_text(&b, "{\"result\":["
	    "{\"handler\":\"" URL "\",\"auth_type\":0,\"event\":\"" ADD "\"},"
	    "{\"handler\":\"" URL "\",\"auth_type\":27,\"event\":\"" ADD "\"},"
	    "{\"handler\":\"" URL "\",\"event\":\"ONAPPUPDATE\"}]}"), ERR_OK);
	assert_int_equal(b.n, 3);
	assert_int_equal(b.item[0].kind, BINDING_OURS);
	assert_int_equal(b.item[1].kind, BINDING_TWICE);
	assert_string_equal(b.item[1].auth_type, "27");
	assert_int_equal(b.item[2].kind, BINDING_OURS);
	assert_string_equal(b.item[2].auth_type, "0");
	bindings_free(&b);
}

/* Nothing is found in what is no such list, and nothing breaks. */
static void
test_none(void **state)
{
	static const char *const texts[] = {
		"{\"result\":[],\"time\":{\"start\":1}}", "{\"result\":{}}",
		"{\"result\":true}", "{\"result\":[1,2]}",
		"{\"result\":{\"a\":{\"event\":\"" ADD "\"}}}",
		"{\"result\":{\"-1\":{\"event\":\"" ADD "\"}}}", "[]",
	};
	struct bindings b;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		assert_int_equal(read_text(&b, texts[i]), ERR_OK);
		assert_int_equal(b.n, 0);
		assert_false(bindings_has(&b, ADD));
		bindings_free(&b);
	}
	assert_int_equal(read_text(&b, "{\"result\":[{\"event\":"),
	    ERR_INPUT);
	assert_int_equal(b.n, 0);
	bindings_free(&b);
}

/* Beyond the limit nothing is looked at. */
static void
test_many(void **state)
{
	struct buf json;
	struct bindings b;

	(void)state;
	buf_init(&json, 1 << 20);
	assert_int_equal(buf_adds(&json, "{\"result\":["), ERR_OK);
	for (int i = 0; i < BINDINGS_MAX + 10; i++)
		assert_int_equal(buf_addf(&json, "%s{\"event\":\"" ADD "\","
		    "\"handler\":\"https://h%d/\"}", i != 0 ? "," : "", i),
		    ERR_OK);
	assert_int_equal(buf_adds(&json, "]}"), ERR_OK);
	assert_int_equal(read_text(&b, buf_str(&json)), ERR_OK);
	assert_int_equal(b.n, BINDINGS_MAX);
	assert_string_equal(b.item[BINDINGS_MAX - 1].handler, "https://h511/");
	bindings_free(&b);
	buf_free(&json);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests_name("portal/bindings", tests, NULL,
	    NULL);
}
