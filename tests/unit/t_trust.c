/*
 * Whom we believe and to whom tokens go: the comparison of the application
 * token, and every trick with a host that is known to us.
 */
#include "portal/trust.h"

#include "config_files.h"
#include "unit.h"

#include <string.h>

#define TOKEN "831c76b092f9f135d9b6b36c3a720757"

static struct config *
config_of(const char *text)
{
	return load_file(write_file("conf", text));
}

static struct problem
denied(const struct config *c, char *token)
{
	const struct event ev = { .application_token = token,
	    .member_id = (char []){ "m" } };
	struct problem p = { 0 };

	assert_int_equal(trust_event(c, NULL, &ev, &p), ERR_DENIED);
	assert_int_equal(p.err, ERR_DENIED);
	assert_int_equal(p.at, -1);
	assert_string_equal(p.field, "auth.application_token");
	assert_null(strstr(p.text, "831c"));
	if (token != NULL && strlen(token) > 3)
		assert_null(strstr(p.text, token));
	return p;
}

static void
test_token(void **state)
{
	static const char *const wrong[] = {
		"831c76b092f9f135d9b6b36c3a720756",	/* last digit */
		"931c76b092f9f135d9b6b36c3a720757",	/* first */
		"831c76b092f9f135d9b6b36c3a72075",	/* shorter */
		"831c76b092f9f135d9b6b36c3a7207570",	/* longer */
		TOKEN TOKEN, " " TOKEN, TOKEN " ",
		"831C76B092F9F135D9B6B36C3A720757",	/* case */
		"8", "undefined", "null", "0",
	};
	struct config *c = config_of("[app]\napplication_token = " TOKEN "\n");
	struct event ev = { .application_token = (char []){ TOKEN } };
	struct problem p = { 0 };

	(void)state;
	assert_int_equal(trust_event(c, NULL, &ev, &p), ERR_OK);
	assert_int_equal(p.err, ERR_OK);
	for (size_t i = 0; i < COUNT(wrong); i++) {
		char copy[128];

		(void)snprintf(copy, sizeof(copy), "%s", wrong[i]);
		p = denied(c, copy);
		assert_non_null(strstr(p.text, "is not the one"));
	}
	p = denied(c, NULL);
	assert_non_null(strstr(p.text, "is missing"));
	p = denied(c, (char []){ "" });
	assert_non_null(strstr(p.text, "is missing"));
	config_free(c);
}

/* Nothing equals an unknown token, least of all nothing. */
static void
test_no_known_token(void **state)
{
	struct config *c = config_of("");
	struct problem p;

	(void)state;
	assert_string_equal(c->app.application_token, "");
	(void)denied(c, NULL);
	(void)denied(c, (char []){ "" });
	p = denied(c, (char []){ TOKEN });
	assert_non_null(strstr(p.text, "application_token"));
	assert_non_null(strstr(p.text, "[app]"));
	config_free(c);
}

static void
test_connectors(void **state)
{
	struct config *all = config_of("");
	struct config *some = config_of("[app]\nconnectors = my other_1\n");

	(void)state;
	assert_true(trust_connector(all, "any"));
	assert_true(trust_connector(all, NULL));
	assert_true(trust_connector(some, "my"));
	assert_true(trust_connector(some, "MY"));
	assert_true(trust_connector(some, "Other_1"));
	assert_false(trust_connector(some, "m"));
	assert_false(trust_connector(some, "my2"));
	assert_false(trust_connector(some, "my other_1"));
	assert_false(trust_connector(some, ""));
	assert_false(trust_connector(some, NULL));
	config_free(all);
	config_free(some);
}

static void
goes(const struct config *c, const char *endpoint)
{
	const char *why = "x";

	if (trust_endpoint(c, NULL, endpoint, &why) != endpoint)
		fail_msg("%s: %s", endpoint, why);
	assert_null(why);
}

static void
goes_nowhere(const struct config *c, const char *endpoint)
{
	const char *why = NULL;

	if (trust_endpoint(c, NULL, endpoint, &why) != NULL)
		fail_msg("%s: a token went there", endpoint);
	assert_non_null(why);
	/* the reason goes into the log and must not carry input */
	assert_null(strstr(why, "evil"));
}

static void
test_cloud_hosts(void **state)
{
	static const char *const good[] = {
		"https://some-domain.bitrix24.com/rest/",
		"https://some-domain.bitrix24.com/rest",
		"https://some-domain.bitrix24.com",
		"https://a.bitrix24.eu/rest/", "https://a.bitrix24.de/rest/",
		"https://a.bitrix24.ru/rest/",
		"https://SOME.Bitrix24.COM/rest/", "HTTPS://a.bitrix24.com/",
		"https://a.bitrix24.com:443/rest/",
		"https://a.bitrix24.com:8443/rest/",
		"https://a.bitrix24.com./rest/", "https://a.b.bitrix24.com/",
	};
	struct config *c = config_of("");

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		goes(c, good[i]);
	config_free(c);
}

static void
test_tricks(void **state)
{
	static const char *const bad[] = {
		"http://some-domain.bitrix24.com/rest/",
		"http://some-domain.bitrix24.com:443/rest/",
		"https://evilbitrix24.com/rest/",
		"https://a.evilbitrix24.com/rest/",
		"https://bitrix24.com/rest/", "https://.bitrix24.com/rest/",
		"https://a..bitrix24.com/rest/", "https://bitrix24.com./",
		"https://bitrix24.com.evil.org/rest/",
		"https://a.bitrix24.com.evil.org/rest/",
		"https://a.bitrix24.com@evil.org/rest/",
		"https://a.bitrix24.com:443@evil.org/rest/",
		"https://user@a.bitrix24.com/rest/",
		"https://user:pw@a.bitrix24.com/rest/",
		"https://evil.org/a.bitrix24.com/",
		"https://evil.org/https://a.bitrix24.com/rest/",
		"https://evil.org?.bitrix24.com/",
		"https://evil.org/?a.bitrix24.com",
		"https://evil.org#.bitrix24.com/",
		"https://a.bitrix24.com#@evil.org/",
		"https://evil.org\\.bitrix24.com/",
		"https://evil.org\\@a.bitrix24.com/",
		"https://evil.org%2f.bitrix24.com/",
		"https://evil.org%00.bitrix24.com/",
		"https://a%2ebitrix24.com/", "https://a.bitrix24%2ecom/",
		"https://evil.org .bitrix24.com/",
		"https://evil.org\t.bitrix24.com/",
		"https://evil.org\n.bitrix24.com/",
		" https://a.bitrix24.com/", "https:// a.bitrix24.com/",
		"https:/a.bitrix24.com/", "https:///a.bitrix24.com/",
		"https:a.bitrix24.com/", "https://", "https:///rest/",
		"//a.bitrix24.com/rest/", "a.bitrix24.com/rest/",
		"ftp://a.bitrix24.com/", "file:///a.bitrix24.com/",
		"javascript:alert(1)//a.bitrix24.com/",
		"https://a.bitrix24.com:99999/", "https://a.bitrix24.com:0/",
		"https://a.bitrix24.com:443x/", "https://a.bitrix24.com..../",
		"https://a.bitrix24.\xd1\x81om/", "https://a.bitrix24.com\xe3"
		"\x80\x82" "evil.org/", "https://a.bitrix24.xn--om-2ia/",
		"https://127.0.0.1/rest/", "https://[::1]/rest/",
		"https://localhost/rest/", "https://a.bitrix24.co/rest/",
		"https://a.bitrix24.community/rest/", "undefined", "",
	};
	struct config *c = config_of("");
	const char *why;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		goes_nowhere(c, bad[i]);
	assert_null(trust_endpoint(c, NULL, NULL, &why));
	assert_non_null(why);
	config_free(c);
}

static void
test_own_patterns(void **state)
{
	struct config *c = config_of("[app]\n"
	    "portals = crm.example.org *.Example.NET\n");

	(void)state;
	goes(c, "https://crm.example.org/rest/");
	goes(c, "https://CRM.example.org:8443/rest/");
	goes(c, "https://a.example.net/rest/");
	goes_nowhere(c, "https://a.crm.example.org/rest/");
	goes_nowhere(c, "https://xcrm.example.org/rest/");
	goes_nowhere(c, "https://example.net/rest/");
	goes_nowhere(c, "https://a.bitrix24.com/rest/");
	config_free(c);
}

/* What the administrator wrote wins, and needs no pattern. */
static void
test_configured_endpoint(void **state)
{
	struct config *c = config_of("[app]\n"
	    "client_endpoint = https://box.example.org/rest/\n");
	struct problem p = { 0 };
	const char *why;

	(void)state;
	assert_string_equal(trust_endpoint(c, NULL, NULL, &why),
	    "https://box.example.org/rest/");
	assert_null(why);
	assert_string_equal(trust_endpoint(c, NULL,
	    "https://a.bitrix24.com/rest/", &why),
	    "https://box.example.org/rest/");
	assert_string_equal(trust_endpoint(c, NULL, "https://evil.org/", &why),
	    "https://box.example.org/rest/");
	assert_int_equal(trust_check(c, &p), ERR_OK);
	config_free(c);
}

static void
test_insecure_http(void **state)
{
	static const char section[] = "[app]\n"
	    "client_endpoint = http://127.0.0.1:8080/rest/\n";
	char text[256];
	struct config *c = config_of(section);
	struct problem p = { 0 };
	const char *why;

	(void)state;
	assert_null(trust_endpoint(c, NULL, "https://a.bitrix24.com/rest/",
	    &why));
	assert_non_null(strstr(why, "insecure_http"));
	assert_int_equal(trust_check(c, &p), ERR_CONFIG);
	assert_non_null(strstr(p.text, "[app] client_endpoint"));
	config_free(c);

	(void)snprintf(text, sizeof(text), "%sinsecure_http = yes\n", section);
	c = config_of(text);
	p = (struct problem){ 0 };
	assert_string_equal(trust_endpoint(c, NULL, NULL, &why),
	    "http://127.0.0.1:8080/rest/");
	assert_int_equal(trust_check(c, &p), ERR_OK);
	config_free(c);

	/* it opens the scheme, not the hosts */
	c = config_of("[app]\ninsecure_http = yes\n");
	p = (struct problem){ 0 };
	goes(c, "http://a.bitrix24.com/rest/");
	goes_nowhere(c, "http://evil.org/rest/");
	goes_nowhere(c, "http://127.0.0.1/rest/");
	assert_int_equal(trust_check(c, &p), ERR_OK);
	assert_int_equal(p.err, ERR_OK);
	config_free(c);
}

/* What an installation gave counts before the configuration. */
static void
test_stored_token(void **state)
{
	struct config *c = config_of("[app]\napplication_token = " TOKEN "\n");
	struct config *bare = config_of("");
	struct event ev = { .application_token = (char []){ TOKEN } };
	struct problem p = { 0 };

	(void)state;
	assert_int_equal(trust_event(c, "stored", &ev, &p), ERR_DENIED);
	assert_int_equal(trust_event(bare, TOKEN, &ev, &p), ERR_OK);
	ev.application_token = (char []){ "stored" };
	assert_int_equal(trust_event(c, "stored", &ev, &p), ERR_OK);
	assert_int_equal(trust_event(c, "stored0", &ev, &p), ERR_DENIED);
	/* an empty one equals nothing; where an installation brought none,
	 * the configured one counts */
	assert_int_equal(trust_event(c, "", &ev, &p), ERR_DENIED);
	ev.application_token = (char []){ "" };
	assert_int_equal(trust_event(c, "", &ev, &p), ERR_DENIED);
	assert_int_equal(trust_event(bare, "", &ev, &p), ERR_DENIED);
	ev.application_token = (char []){ TOKEN };
	assert_int_equal(trust_event(c, "", &ev, &p), ERR_OK);
	assert_int_equal(trust_event(bare, "", &ev, &p), ERR_DENIED);
	config_free(c);
	config_free(bare);
}

static void
test_stored_endpoint(void **state)
{
	static const char stored[] = "https://proven.example.org/rest/";
	struct config *c = config_of("[app]\n"
	    "client_endpoint = https://box.example.org/rest/\n");
	const char *why;

	(void)state;
	/* proven, so no pattern is asked; the event has no say */
	assert_string_equal(trust_endpoint(c, stored,
	    "https://a.bitrix24.com/rest/", &why), stored);
	assert_null(why);
	assert_null(trust_endpoint(c, "http://proven.example.org/rest/",
	    "https://a.bitrix24.com/rest/", &why));
	assert_non_null(strstr(why, "insecure_http"));
	assert_null(trust_endpoint(c, "", NULL, &why));
	assert_null(trust_endpoint(c, "https://a/?x=1", NULL, &why));
	config_free(c);
}

static void
test_new_home(void **state)
{
	static const struct {
		const char *location;
		bool secure, insecure;	/* with app.insecure_http */
	} cases[] = {
		{ "https://new.bitrix24.com/rest/x", true, true },
		{ "https://NEW.bitrix24.COM:8443/rest/x?y=z", true, true },
		{ "http://new.bitrix24.com/rest/x", false, true },
		{ "https://evil.org/rest/x", false, false },
		{ "https://new.bitrix24.com@evil.org/x", false, false },
		{ "https://new.bitrix24.com.evil.org/x", false, false },
		{ "https://evil.org\\.bitrix24.com/x", false, false },
		{ "//new.bitrix24.com/rest/x", false, false },
		{ "/rest/x", false, false }, { "", false, false },
	};
	struct config *no = config_of(""), *yes = config_of("[app]\n"
	    "insecure_http = yes\n");

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (trust_new_home(no, cases[i].location) !=
		    cases[i].secure || trust_new_home(yes,
		    cases[i].location) != cases[i].insecure)
			fail_msg("%s", cases[i].location);
	config_free(no);
	config_free(yes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_no_known_token),
		cmocka_unit_test(test_connectors),
		cmocka_unit_test(test_cloud_hosts),
		cmocka_unit_test(test_tricks),
		cmocka_unit_test(test_own_patterns),
		cmocka_unit_test(test_configured_endpoint),
		cmocka_unit_test(test_insecure_http),
		cmocka_unit_test(test_stored_token),
		cmocka_unit_test(test_stored_endpoint),
		cmocka_unit_test(test_new_home),
	};

	return cmocka_run_group_tests_name("portal/trust", tests, make_folder,
	    remove_folder);
}
