/*
 * Trading a refresh token: to whom our client_secret goes, what exactly is
 * sent, and what each answer of the contract's section 6 means.
 */
#include "portal/oauth.h"

#include "portal_world.h"

static int
start(void **state)
{
	*state = site_open(SITE_APP SITE_REST);
	return 0;
}

static int
stop(void **state)
{
	return site_close(*state);
}

static struct oauth
refresh(struct site *s, const char *server_endpoint, const char *token)
{
	struct patience patience;
	struct oauth o;
	int ends;

	memset(&o, 0x5a, sizeof(o));
	patience = site_patience(s, 60000, &ends);
	site_listen(s);
	oauth_refresh(&s->relay.env, server_endpoint, token, &s->arena,
	    &patience, &o);
	site_logged(s);
	assert_int_equal(ends, 0);
	assert_true((o.end == OAUTH_OK) == (o.reason[0] == '\0'));
	assert_null(strstr(o.reason, "s3cr"));
	assert_null(strstr(o.reason, "rtoken-"));
	return o;
}

static void
test_hosts(void **state)
{
	static const struct {
		const char *endpoint;
		bool trusted;
	} cases[] = {
		{ "https://oauth.bitrix.info/rest/", true },
		{ "https://oauth.bitrix24.tech/rest/", true },
		{ "https://OAUTH.Bitrix.Info", true },
		{ "https://oauth.bitrix.info:443/x?y=z", true },
		{ "https://oauth.bitrix.info:8443/", false },
		{ "https://oauth.bitrix.info:80/", false },
		{ "https://oauth.bitrix.info./", true },
		{ "http://oauth.bitrix.info/rest/", false },
		{ "https://oauth.bitrix.info@evil.org/", false },
		{ "https://user:pw@oauth.bitrix.info/", false },
		{ "https://oauth.bitrix.info.evil.org/", false },
		{ "https://evil.org/oauth.bitrix.info/", false },
		{ "https://evil.org\\@oauth.bitrix.info/", false },
		{ "https://x.oauth.bitrix.info/", false },
		{ "https://xoauth.bitrix.info/", false },
		{ "https://bitrix.info/", false },
		{ "https://a.bitrix24.com/", false },	/* a portal's host */
		{ "https://127.0.0.1/", false }, { "oauth.bitrix.info", false },
		{ "//oauth.bitrix.info/", false }, { "https://", false },
		{ "ftp://oauth.bitrix.info/", false }, { "", false },
		{ "undefined", false }, { NULL, false },
	};
	struct config *c;

	(void)state;
	assert_int_equal(make_folder(NULL), 0);
	c = load_file(write_file("conf", ""));
	for (size_t i = 0; i < COUNT(cases); i++)
		if (oauth_is_trusted(c, cases[i].endpoint) != cases[i].trusted)
			fail_msg("%s", cases[i].endpoint);
	config_free(c);
	c = load_file(write_file("conf", "[app]\ninsecure_http = yes\n"
	    "oauth_servers = auth.example.org a.example.org:8080\n"));
	/* it opens the scheme, not the hosts */
	assert_true(oauth_is_trusted(c, "http://auth.example.org/"));
	assert_true(oauth_is_trusted(c, "http://auth.example.org:80/"));
	assert_false(oauth_is_trusted(c, "http://auth.example.org:443/"));
	assert_true(oauth_is_trusted(c, "https://a.example.org:8080/"));
	assert_false(oauth_is_trusted(c, "http://a.example.org/"));
	assert_false(oauth_is_trusted(c, "https://a.example.org/"));
	assert_false(oauth_is_trusted(c, "http://oauth.bitrix.info/"));
	assert_false(oauth_is_trusted(c, "https://oauth.bitrix.info/"));
	config_free(c);
	assert_int_equal(remove_folder(NULL), 0);
	memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
}

/* The secret is not even tried on a host that is none of ours. */
static void
test_untrusted_gets_nothing(void **state)
{
	struct site *s = *state;
	char other[80];
	struct oauth o;

	(void)snprintf(other, sizeof(other), "http://localhost:%d/",
	    s->peer->port);
	o = refresh(s, other, "rtoken-1");
	assert_int_equal(o.end, OAUTH_AGAIN);
	assert_non_null(strstr(o.reason, "app.oauth_servers"));
	o = refresh(s, NULL, "rtoken-1");
	assert_int_equal(o.end, OAUTH_AGAIN);
	assert_int_equal(peer_count(s->peer, &s->peer->accepts), 0);
}

static void
test_request(void **state)
{
	struct site *s = *state;
	char longer[120];
	struct oauth o;

	SCRIPT(s, oauth, { "200 OK", site_pair(s, 0, MEMBER, s->endpoint,
	    "2"), NULL, 0 });
	/* whatever path and query it has: only the host counts */
	(void)snprintf(longer, sizeof(longer), "%srest/x?client_secret=1",
	    s->server);
	o = refresh(s, longer, "rtoken-1 &=+%");
	assert_int_equal(o.end, OAUTH_OK);
	assert_string_equal(o.member_id, MEMBER);
	assert_string_equal(o.client_endpoint, s->endpoint);
	assert_string_equal(o.server_endpoint, s->server);
	assert_string_equal(o.access_token, "access-2");
	assert_string_equal(o.refresh_token, "rtoken-2");
	assert_int_equal(o.expires_in, 3600);
	assert_int_equal(script_count(s, &s->oauth), 1);
	assert_memory_equal(s->oauth.head[0],
	    "POST /oauth/token/ HTTP/1.1\r\n", 29);
	assert_non_null(strstr(s->oauth.head[0],
	    "Content-Type: application/x-www-form-urlencoded\r\n"));
	assert_string_equal(s->oauth.body[0], "grant_type=refresh_token"
	    "&client_id=local.1&client_secret=s3cr%26t%3D%2B%2F%25"
	    "&refresh_token=rtoken-1%20%26%3D%2B%25");
	assert_null(strstr(s->oauth.head[0], "s3cr"));
	assert_null(strstr(s->oauth.head[0], "refresh"));
}

/* A kept connection that died would have curl send the POST twice. */
static void
test_fresh_connection(void **state)
{
	struct site *s = *state;

	SCRIPT(s, oauth, { "200 OK", site_pair(s, 0, MEMBER, s->endpoint,
	    "2"), NULL, 0 });
	for (int i = 0; i < 3; i++)
		assert_int_equal(refresh(s, s->server, "rtoken-1").end,
		    OAUTH_OK);
	assert_int_equal(peer_count(s->peer, &s->peer->accepts), 3);
}

#define PAIR "\"access_token\":\"access-2\",\"refresh_token\":\"rtoken-2\"," \
	"\"member_id\":\"m\",\"client_endpoint\":\"https://a.bitrix24.com/\""

static const struct {
	const char *status, *body;
	enum oauth_end end;
	const char *reason;
} answers[] = {
	{ "200 OK", "{" PAIR "}", OAUTH_OK, "" },
	{ "200 OK", "{" PAIR ",\"error\":null}", OAUTH_OK, "" },
	{ "400 Bad Request", "{\"error\":\"invalid_grant\"}", OAUTH_REJECTED,
	    "OAuth server: invalid_grant (HTTP status 400)" },
	{ "200 OK", "{\"error\":\"INVALID_GRANT\"}", OAUTH_REJECTED,
	    "invalid_grant (HTTP status 200)" },
	{ "403 Forbidden", "{\"error\":\"NOT_INSTALLED\"}", OAUTH_REJECTED,
	    "NOT_INSTALLED" },
	{ "402 Payment", "{\"error\":\"PAYMENT_REQUIRED\",\"error_description"
	    "\":\"secret words\"}", OAUTH_REJECTED, "PAYMENT_REQUIRED" },
	/* ours to mend: the token is still good */
	{ "200 OK", "{\"error\":\"wrong_client\"}", OAUTH_AGAIN,
	    "wrong_client (HTTP status 200)" },
	{ "401 No", "{\"error\":\"invalid_client\"}", OAUTH_AGAIN,
	    "invalid_client" },
	{ "400 No", "{\"error\":\"invalid_request\"}", OAUTH_AGAIN,
	    "invalid_request" },
	/* an error wins over what stands beside it */
	{ "200 OK", "{" PAIR ",\"error\":\"wrong_client\"}", OAUTH_AGAIN,
	    "wrong_client" },
	/* only known words are repeated: it may be a secret of ours */
	{ "200 OK", "{" PAIR ",\"error\":\"?!\"}", OAUTH_AGAIN,
	    "OAuth server: unknown error (HTTP status 200)" },
	{ "400 No", "{\"error\":\"rtoken-1\"}", OAUTH_AGAIN,
	    "OAuth server: unknown error (HTTP status 400)" },
	{ "400 No", "{\"error\":\"invalid_grant rtoken-1\"}", OAUTH_AGAIN,
	    "OAuth server: unknown error (HTTP status 400)" },
	{ "401 No", "{\"error\":\"CONNECTION_ERROR\"}", OAUTH_AGAIN,
	    "CONNECTION_ERROR" },
	{ "500 Oops", "{" PAIR "}", OAUTH_AGAIN, "no tokens (HTTP status 500" },
	{ "503 Busy", "invalid_grant", OAUTH_AGAIN, "no tokens" },
	{ "400 No", "<error>invalid_grant</error>", OAUTH_AGAIN, "no tokens" },
	{ "400 No", "{\"error\":\"invalid_grant\"", OAUTH_AGAIN, "" },
	{ "200 OK", "", OAUTH_AGAIN, "no tokens (HTTP status 200)" },
	{ "200 OK", "[]", OAUTH_AGAIN, "no tokens" },
	{ "200 OK", "{" PAIR "", OAUTH_AGAIN, "no tokens" },
	{ "200 OK", "{\"result\":{" PAIR "}}", OAUTH_AGAIN, "no tokens" },
	{ "200 OK", "{\"access_token\":\"access-2\",\"member_id\":\"m\","
	    "\"client_endpoint\":\"https://a/\"}", OAUTH_AGAIN, "no tokens" },
	{ "200 OK", "{\"refresh_token\":\"rtoken-2\",\"member_id\":\"m\","
	    "\"client_endpoint\":\"https://a/\"}", OAUTH_AGAIN, "no tokens" },
	{ "200 OK", "{\"refresh_token\":\"\",\"access_token\":\"access-2\","
	    "\"member_id\":\"m\",\"client_endpoint\":\"https://a/\"}",
	    OAUTH_AGAIN, "no tokens" },
	{ "200 OK", "{\"refresh_token\":\"rtoken-2\",\"access_token\":"
	    "\"access-2\",\"client_endpoint\":\"https://a/\"}", OAUTH_AGAIN,
	    "no tokens" },
	{ NULL, "", OAUTH_AGAIN, "OAuth server: " },
};

static void
test_answers(void **state)
{
	struct site *s = *state;

	for (size_t i = 0; i < COUNT(answers); i++) {
		struct oauth o;

		SCRIPT(s, oauth, { answers[i].status, answers[i].body, NULL,
		    0 });
		o = refresh(s, s->server, "rtoken-1");
		if (o.end != answers[i].end ||
		    strstr(o.reason, answers[i].reason) == NULL)
			fail_msg("%s %s: %d, %s", answers[i].status,
			    answers[i].body, o.end, o.reason);
		assert_null(strstr(o.reason, "secret words"));
		assert_null(strstr(o.reason, "access-"));
		/* not once more: the token may be spent */
		assert_int_equal(script_count(s, &s->oauth), 1);
		if (answers[i].end == OAUTH_OK)
			assert_int_equal(o.expires_in, 3600);
	}
}

/* A redirect would carry the secret away: it is not followed. */
static void
test_redirect(void **state)
{
	struct site *s = *state;
	char more[128];

	(void)snprintf(more, sizeof(more), "Location: %s\r\n", s->moved);
	SCRIPT(s, oauth, { "302 Found", "", more, 0 });
	assert_int_equal(refresh(s, s->server, "rtoken-1").end, OAUTH_AGAIN);
	SCRIPT(s, oauth, { "307 Found", "", more, 0 });
	assert_int_equal(refresh(s, s->server, "rtoken-1").end, OAUTH_AGAIN);
	assert_int_equal(script_count(s, &s->rest), 0);
}

/* The answer to the web server may be due: the refresh goes on. */
static void
test_never_cut_off(void **state)
{
	struct site *s = *state;
	struct patience patience;
	struct oauth o;
	int ends;

	SCRIPT(s, oauth, { "200 OK", site_pair(s, 0, MEMBER, s->endpoint,
	    "2"), NULL, 300 });
	patience = site_patience(s, 50, &ends);
	oauth_refresh(&s->relay.env, s->server, "rtoken-1", &s->arena,
	    &patience, &o);
	assert_int_equal(ends, 1);
	assert_int_equal(o.end, OAUTH_OK);
	/* nobody waits at all */
	patience = (struct patience){ .run_out = patience_ends, .ctx = &ends,
	    .over = true };
	oauth_refresh(&s->relay.env, s->server, "rtoken-1", &s->arena,
	    &patience, &o);
	assert_int_equal(ends, 1);
	assert_int_equal(o.end, OAUTH_OK);
}

static void
test_no_server(void **state)
{
	struct site *s = *state;
	char gone[64];
	int port, fd = peer_listen(&port);
	struct oauth o;

	(void)close(fd);
	(void)snprintf(gone, sizeof(gone), "http://127.0.0.1:%d/", port);
	o = refresh(s, gone, "rtoken-1");
	assert_int_equal(o.end, OAUTH_AGAIN);
	assert_null(strstr(o.reason, "127.0.0.1"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts),
		TEST(test_untrusted_gets_nothing), TEST(test_request),
		TEST(test_fresh_connection), TEST(test_answers),
		TEST(test_redirect), TEST(test_never_cut_off),
		TEST(test_no_server),
	};

	return cmocka_run_group_tests_name("portal/oauth", tests, NULL, NULL);
}
