/*
 * URLs and host patterns: what is taken, what it means, what is refused.
 */
#include "http/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *text;
	bool https;
	const char *host;
	long port;
} good[] = {
	{ "https://example.com", true, "example.com", 443 },
	{ "https://example.com/", true, "example.com", 443 },
	{ "http://example.com/rest/?a=b@c%20d\\", false, "example.com", 80 },
	{ "HTTPS://Some-Domain.BITRIX24.com/rest/", true,
	    "some-domain.bitrix24.com", 443 },
	{ "https://example.com:8443/x", true, "example.com", 8443 },
	{ "https://example.com:65535", true, "example.com", 65535 },
	{ "https://example.com:/x", true, "example.com", 443 },
	{ "https://example.com./x", true, "example.com", 443 },
	{ "https://example.com?x=y/z:1@2", true, "example.com", 443 },
	{ "http://127.0.0.1:8080/", false, "127.0.0.1", 8080 },
	{ "http://0x7f.1/", false, "127.0.0.1", 80 },
	{ "http://2130706433/", false, "127.0.0.1", 80 },
	{ "http://[::1]:81/", false, "[::1]", 81 },
	{ "https://[2001:DB8::1]", true, "[2001:db8::1]", 443 },
	{ "https://a_b.example/", true, "a_b.example", 443 },
	{ "https://xn--e1afmkfd.xn--p1ai/", true, "xn--e1afmkfd.xn--p1ai",
	    443 },
};

static const char *const bad[] = {
	"", "example.com", "//example.com/", "/rest/", "https:", "https:/",
	"https://", "https:/example.com/", "https:///example.com/",
	"https:example.com", "https:////example.com", "ftp://example.com/",
	"file:///etc/passwd", "gopher://example.com/", "httpss://example.com/",
	"javascript:alert(1)", " https://example.com/",
	"https://example.com/ ", "https://example.com/a b",
	"https://example.com/a\tb", "https://example.com/a\r\nHost: x",
	"https://exam\x01ple.com/", "https://example.com/\x7f",
	"https://user@example.com/", "https://user:password@example.com/",
	"https://@example.com/", "https://:@example.com/",
	"https://bitrix24.com@evil.example/", "https://example.com/#f",
	"https://example.com#f", "https://evil.example#.bitrix24.com/",
	"https://evil.example\\.bitrix24.com/", "https://evil.example\\@b.com/",
	"https://ex%61mple.com/", "https://evil.example%2f.bitrix24.com/",
	"https://evil.example%00.bitrix24.com/",
	"https://\xc3\xa4.example/", "https://example.com/\xc3\xbc",
	"https://\xe2\x93\x94xample.com/", "https://:443/", "https://./",
	"https://../", "https://a..b/", "https://.bitrix24.com/",
	"https://example.com../", "https://example.com:0/",
	"https://example.com:65536/", "https://example.com:-1/",
	"https://example.com:1x/", "https://example.com:1:2/",
	"https://example.com:99999999999999999999/", "https://[::1/",
	"https://[]/", "https://[::1]x/", "https://[fe80::1%25eth0]/",
	"https://[zz]/", "https://::1/", "https://a b.com/",
	"https://a,b.com/", "https://a;b.com/", "https://exa$mple.com/",
};

static void
test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct url u;
		enum err e = url_parse(&u, good[i].text);

		if (e != ERR_OK)
			fail_msg("%s: %s", good[i].text, err_name(e));
		assert_int_equal(u.https, good[i].https);
		assert_string_equal(u.host, good[i].host);
		assert_int_equal(u.port, good[i].port);
	}
}

static void
test_bad(void **state)
{
	const struct url none = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct url u;

		if (url_parse(&u, bad[i]) != ERR_INPUT)
			fail_msg("taken: \"%s\" as %s", bad[i], u.host);
		assert_int_equal(u.https, none.https);
		assert_string_equal(u.host, "");
		assert_int_equal(u.port, 0);
	}
}

/* Every byte but those of a plain host is refused inside one. */
static void
test_host_bytes(void **state)
{
	(void)state;
	for (int c = 1; c < 256; c++) {
		char text[] = "https://exa?mple.com/";
		struct url u;
		bool ok = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		    (c >= 'A' && c <= 'Z') || strchr("-._", c) != NULL;

		if (strchr("/?", c) != NULL)
			continue;	/* these end it */
		text[11] = (char)c;
		if (url_parse(&u, text) != (ok ? ERR_OK : ERR_INPUT))
			fail_msg("byte %d", c);
	}
}

static void
test_length(void **state)
{
	char text[2100];
	struct url u;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "https://h.example/", 18);
	text[2000] = '\0';
	assert_int_equal(url_parse(&u, text), ERR_OK);
	text[2000] = 'a';
	text[2001] = '\0';
	assert_int_equal(url_parse(&u, text), ERR_INPUT);

	memset(text, 'a', sizeof(text));
	memcpy(text, "https://", 8);
	text[8 + URL_HOST_MAX - 1] = '\0';
	assert_int_equal(url_parse(&u, text), ERR_OK);
	assert_int_equal(strlen(u.host), URL_HOST_MAX - 1);
	text[8 + URL_HOST_MAX - 1] = 'a';
	text[8 + URL_HOST_MAX] = '\0';
	assert_int_equal(url_parse(&u, text), ERR_INPUT);
}

static const struct {
	const char *host, *pattern;
	bool matches;
} pairs[] = {
	{ "bitrix24.com", "bitrix24.com", true },
	{ "bitrix24.com", "BITRIX24.com", true },
	{ "a.bitrix24.com", "*.bitrix24.com", true },
	{ "a.b.bitrix24.com", "*.Bitrix24.COM", true },
	{ "a.bitrix24.com", "bitrix24.com", false },
	{ "bitrix24.com", "*.bitrix24.com", false },
	{ ".bitrix24.com", "*.bitrix24.com", false },
	{ "evilbitrix24.com", "*.bitrix24.com", false },
	{ "a.bitrix24.com.evil.example", "*.bitrix24.com", false },
	{ "a.bitrix24.com", "*", false },
	{ "a.bitrix24.com", "*.", false },
	{ "a.", "*.", false },
	{ "a.bitrix24.com", "*bitrix24.com", false },
	{ "a.bitrix24.com", "a.*.com", false },
	{ "a.bitrix24.com", "", false },
	{ "", "", true },
	{ "", "*.com", false },
	{ "[::1]", "[::1]", true },
	{ "x", "*.x", false },
};

static void
test_matches(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++)
		if (url_host_matches(pairs[i].host, pairs[i].pattern) !=
		    pairs[i].matches)
			fail_msg("%s against %s", pairs[i].host,
			    pairs[i].pattern);
}

static void
test_server(void **state)
{
	static const struct {
		const char *url, *server;
		bool is;
	} at[] = {
		{ "https://a.example/", "a.example", true },
		{ "https://a.example:443/x", "A.example", true },
		{ "http://a.example/", "a.example", true },
		{ "http://a.example:443/", "a.example", false },
		{ "https://a.example:444/", "a.example", false },
		{ "https://a.example:444/", "a.example:444", true },
		{ "http://a.example:444/", "a.example:444", true },
		{ "https://a.example/", "a.example:443", true },
		{ "https://a.example/", "a.example:80", false },
		{ "https://b.a.example:1/", "*.a.example:1", true },
		{ "https://a.example:1/", "*.a.example:1", false },
		{ "https://[::1]/", "[::1]", true },
		{ "https://[::1]:9/", "[::1]:9", true },
		{ "https://[::1]:9/", "[::1]", false },
		{ "https://a.example:9/", "b.example:9", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(at); i++) {
		struct url u;

		assert_int_equal(url_parse(&u, at[i].url), ERR_OK);
		if (url_is_at(&u, at[i].server) != at[i].is)
			fail_msg("%s at %s", at[i].url, at[i].server);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_host_bytes),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
