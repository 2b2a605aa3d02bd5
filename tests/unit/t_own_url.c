/*
 * The URL at which a request arrived, by what web servers tell.
 */
#include "unit.h"

#include "web/own_url.h"

#include <string.h>

struct told {
	struct request request;
	const char *const *vars;	/* name, value, ..., NULL */
};

static const char *
told_param(struct request *rq, const char *name)
{
	for (const char *const *v = ((struct told *)rq)->vars; *v != NULL;
	    v += 2)
		if (strcmp(v[0], name) == 0)
			return v[1];
	return NULL;
}

static const struct request_kind told_kind = { .param = told_param };

#define IS(want, ...) is(want, (const char *const []){ __VA_ARGS__, NULL })

static void
is(const char *want, const char *const *vars)
{
	struct told t = { .request = { &told_kind }, .vars = vars };
	char url[OWN_URL_MAX];

	own_url(&t.request, url);
	assert_string_equal(url, want);
}

static void
test_servers(void **state)
{
	(void)state;
	/* Apache, and nginx as upstream ships it */
	IS("https://h.example.org/handler", "HTTPS", "on", "HTTP_HOST",
	    "h.example.org", "REQUEST_URI", "/handler?LANG=en",
	    "SERVER_PORT", "443");
	IS("https://h.example.org:8443/handler", "REQUEST_SCHEME", "https",
	    "HTTP_HOST", "h.example.org:8443", "REQUEST_URI", "/handler",
	    "SERVER_PORT", "8443");
	/* nginx as Debian ships it: the host without its port */
	IS("http://h.example.org:8080/handler", "REQUEST_SCHEME", "http",
	    "HTTP_HOST", "h.example.org", "REQUEST_URI", "/handler",
	    "SERVER_PORT", "8080");
	IS("http://[::1]:8080/handler", "HTTP_HOST", "[::1]", "REQUEST_URI",
	    "/handler", "SERVER_PORT", "8080");
	IS("http://[::1]:81/handler", "HTTP_HOST", "[::1]:81", "REQUEST_URI",
	    "/handler", "SERVER_PORT", "8080");
	/* behind a proxy that ends TLS: its port is its own business */
	IS("https://h.example.org/handler", "HTTP_HOST", "h.example.org",
	    "REQUEST_URI", "/handler", "SERVER_PORT", "8080",
	    "HTTP_X_FORWARDED_PROTO", "https");
	/* without REQUEST_URI */
	IS("http://h.example.org/cgi-bin/x.fcgi/more", "HTTPS", "off",
	    "HTTP_HOST", "h.example.org", "SCRIPT_NAME", "/cgi-bin/x.fcgi",
	    "PATH_INFO", "/more", "SERVER_PORT", "80");
}

/* What is no URL is not known. */
static void
test_nothing(void **state)
{
	char longer[OWN_URL_MAX + 8];

	(void)state;
	memset(longer, 'a', sizeof(longer));
	longer[0] = '/';
	longer[sizeof(longer) - 1] = '\0';
	IS("", "HTTP_HOST", "", "REQUEST_URI", "/handler");
	IS("", "REQUEST_URI", "/handler");
	IS("", "HTTP_HOST", "a b", "REQUEST_URI", "/handler");
	IS("", "HTTP_HOST", "u:p@h", "REQUEST_URI", "/handler");
	IS("", "HTTP_HOST", "h#", "REQUEST_URI", "/handler");
	IS("", "HTTP_HOST", "h\r\nX: y", "REQUEST_URI", "/handler");
	IS("", "HTTP_HOST", "h", "REQUEST_URI", longer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_servers),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests_name("web/own_url", tests, NULL, NULL);
}
