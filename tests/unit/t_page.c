/*
 * Pages and their headers, where no portal of the end-to-end tests gets: by
 * https, with long lists and long texts.
 */
#include "unit.h"

#include "store/setups.h"
#include "store/standing.h"
#include "web/page.h"

#include <string.h>

static char zone[] = "*.bitrix24.com", *one[] = { zone };
static struct config config;
static const struct env env = { .config = &config };
static struct buf html, head;

static const char *
text(struct buf *b)
{
	const char *s = buf_str(b);

	assert_non_null(s);
	return s;
}

static void
render(const struct outcome *o)
{
	buf_free(&html);
	buf_free(&head);
	buf_init(&html, (size_t)64 * 1024);
	buf_init(&head, 4096);
	assert_int_equal(page_render(&html, &head, o, "LANG=en"), ERR_OK);
}

static void
ends(const char *policy)
{
	const char *found = strstr(text(&head), "frame-ancestors ");

	assert_non_null(found);
	assert_string_equal(found, policy);
}

static void
test_who_may_frame_it(void **state)
{
	const struct outcome known = { .page = PAGE_PENDING, .env = &env,
	    .endpoint = "https://some.bitrix24.com/rest/" };
	const struct outcome port = { .page = PAGE_PENDING, .env = &env,
	    .endpoint = "https://own.example.org:8443/rest/" };
	const struct outcome unknown = { .page = PAGE_PENDING, .env = &env };

	(void)state;
	config.app.portals = (struct config_list){ one, 1 };
	render(&known);
	ends("frame-ancestors https://some.bitrix24.com:443\r\n");
	render(&port);
	ends("frame-ancestors https://own.example.org:8443\r\n");
	render(&unknown);
	ends("frame-ancestors https://*.bitrix24.com\r\n");
	config.app.insecure_http = true;
	render(&unknown);
	ends("frame-ancestors https://*.bitrix24.com "
	    "http://*.bitrix24.com:*\r\n");
	config.app.insecure_http = false;
	config.app.portals.n = 0;
	render(&unknown);
	ends("frame-ancestors 'none'\r\n");
}

/* The header stays within what web servers take. */
static void
test_many_portals(void **state)
{
	static char *many[1000];
	const struct outcome unknown = { .page = PAGE_PENDING, .env = &env };

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		many[i] = one[0];
	config.app.portals = (struct config_list){ many, 1000 };
	render(&unknown);
	assert_in_range(head.len, 1024, 3072);
}

static const struct standing standing = { .waiting = 7, .more_waiting = true,
    .refused = 2, .error = "<b>why</b>", .error_ms = 1773759161000 };

static struct settings
settings_with(const char *name)
{
	return (struct settings){ .connector = "c", .name = name, .line = 107,
	    .member_id = "m", .form = "0a", .act = "", .known = true,
	    .works = true, .standing = &standing };
}

static void
test_settings(void **state)
{
	struct settings s = settings_with("Tom & 'Jerry' \"<i>\"");
	const struct outcome o = { .page = PAGE_SETTINGS, .env = &env,
	    .settings = &s };

	(void)state;
	render(&o);
	assert_non_null(strstr(text(&html), "<h1>Tom &amp; &#39;Jerry&#39; "
	    "&quot;&lt;i&gt;&quot;</h1>"));
	assert_non_null(strstr(html.p, "<dd>7 or more</dd>"));
	assert_non_null(strstr(html.p, "<dd>2</dd>"));
	assert_non_null(strstr(html.p, "&lt;b&gt;why&lt;/b&gt;"));
	assert_non_null(strstr(html.p, "(2026-03-17 14:52 UTC)"));
	assert_non_null(strstr(html.p, "value=\"off\""));
	assert_null(strstr(html.p, "value=\"on\""));
	assert_null(strstr(text(&head), "script-src"));
	s.form = NULL;
	render(&o);
	assert_null(strstr(text(&html), "<form"));
	assert_null(strstr(html.p, "<button"));
}

static void
test_a_text_that_is_too_long(void **state)
{
	static char name[64 * 1024];
	struct settings s = settings_with(name);
	const struct outcome o = { .page = PAGE_SETTINGS, .env = &env,
	    .settings = &s };

	(void)state;
	memset(name, '<', sizeof(name) - 1);
	buf_free(&html);
	buf_init(&html, (size_t)64 * 1024);
	assert_int_equal(page_render(&html, &head, &o, NULL), ERR_TOOBIG);
}

static int
end(void **state)
{
	(void)state;
	buf_free(&html);
	buf_free(&head);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_may_frame_it),
		cmocka_unit_test(test_many_portals),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_a_text_that_is_too_long),
	};

	return cmocka_run_group_tests_name("web/page", tests, NULL, end);
}
