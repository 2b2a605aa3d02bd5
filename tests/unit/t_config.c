/*
 * The configuration: defaults, every option, secrets in files, which channel
 * takes a message, and printing what can be read again.  More of that is in
 * t_config_print.c, what is refused in t_config_wrong.c.
 *
 * Run by make check.
 */
#include "config_files.h"

static void
check_defaults(const struct config *c)
{
	assert_string_equal(c->app.application_token, "");
	assert_string_equal(c->app.client_id, "");
	assert_string_equal(c->app.client_secret, "");
	assert_string_equal(c->app.client_endpoint, "");
	assert_int_equal(c->app.portals.n, 18);
	assert_string_equal(c->app.portals.item[0], "*.bitrix24.com");
	assert_string_equal(c->app.portals.item[17], "*.bitrix24.kz");
	assert_int_equal(c->app.oauth_servers.n, 2);
	assert_string_equal(c->app.oauth_servers.item[0], "oauth.bitrix.info");
	assert_int_equal(c->app.connectors.n, 0);
	assert_false(c->app.insecure_http);
	assert_string_equal(c->app.ca_file, "");
	assert_int_equal(c->server.workers, 4);
	assert_int_equal(c->server.body_timeout, 30);
	assert_int_equal(c->server.calls, 512);
	assert_int_equal(c->server.body_max, 1048576);
	assert_int_equal(c->server.answer_within, 5);
	assert_string_equal(c->store.url,
	    "sqlite:/var/lib/imconnector/queue.db");
	assert_int_equal(c->store.keep_days, 7);
	assert_int_equal(c->retry.first, 2);
	assert_int_equal(c->retry.longest, 600);
	assert_int_equal(c->retry.give_up_after, 86400);
	assert_int_equal(c->portal.burst, 50);
	assert_int_equal(c->portal.rate, 2);
	assert_int_equal(c->portal.calls_in_flight, 2);
	assert_int_equal(c->portal.status_batch, 100);
	assert_int_equal(c->portal.timeout, 65);
	assert_string_equal(c->portal.proxy, "");
	assert_int_equal(c->status.alert_age, 300);
	assert_int_equal(c->status.allow.n, 0);
	assert_int_equal(c->log.level, LOG_LEVEL_INFO);
	assert_int_equal(c->log.to, LOG_TO_STDERR);
	assert_int_equal(c->channels, 1);
	assert_string_equal(c->channel[0].connector, "");
	assert_int_equal(c->channel[0].line, 0);
	assert_string_equal(c->channel[0].url, "spool:/var/spool/imconnector");
	assert_int_equal(c->channel[0].timeout, 30);
	assert_int_equal(c->channel[0].in_flight, 32);
	assert_string_equal(c->channel[0].secret, "");
	assert_string_equal(c->channel[0].secret_previous, "");
	assert_int_equal(c->channel[0].events, 0);
	assert_int_equal(c->channel[0].text, TEXT_BBCODE);
	assert_int_equal(c->channel[0].signature, SIGNATURE_KEEP);
	assert_int_equal(c->channel[0].files, FILES_LINKS);
	assert_int_equal(c->channel[0].files_max, 20 << 20);
	assert_int_equal(c->channel[0].files_types.n, 0);
}

static void
test_defaults(void **state)
{
	static const char *const nothing[] = { "", "\n\n", "; only\n# this",
		"\xef\xbb\xbf", "[app]\n[server]\n", "\t\n \r\n",
		"[app]\napplication_token =\nclient_id =\n" };

	(void)state;
	for (size_t i = 0; i < COUNT(nothing); i++) {
		struct config *c = load(nothing[i]);

		check_defaults(c);
		config_free(c);
	}
	config_free(NULL);
}

static void
test_path(void **state)
{
	(void)state;
	assert_int_equal(unsetenv(CONFIG_ENV), 0);
	assert_string_equal(config_path(NULL), CONFIG_DEFAULT_PATH);
	assert_string_equal(config_path("x"), "x");
	assert_int_equal(setenv(CONFIG_ENV, "/y", 1), 0);
	assert_string_equal(config_path(NULL), "/y");
	assert_string_equal(config_path("x"), "x");
	assert_int_equal(setenv(CONFIG_ENV, "", 1), 0);
	assert_string_equal(config_path(NULL), CONFIG_DEFAULT_PATH);
	assert_int_equal(unsetenv(CONFIG_ENV), 0);
	if (access(CONFIG_DEFAULT_PATH, F_OK) != 0) {
		struct config *c = load_file(NULL);

		check_defaults(c);
		config_free(c);
	}
}

static const char everything[] =
    "# a comment\n"
    "[app]\n"
    "application_token = tok=en;1:2   ; not this\n"
    "client_id = local.1\n"
    "client_secret = s\n"
    "client_endpoint = https://a.bitrix24.com/rest/\n"
    "portals = *.example.com\n"
    "   ; a comment within\n"
    "\tb24.example ; one more\n"
    "\n"
    "  127.0.0.1\t[::1]\n"
    "  [fe80::1]\n"
    "oauth_servers = o.example [::1]:65535\n"
    "   *.o.example:8443\n"
    "connectors=\n"
    " one two_2\n"
    "insecure_http = on\n"
    "ca_file = /etc/ca.pem\n"
    "[connector one/107]\n"
    "timeout = 7\n"
    "url = null:\n"
    "in_flight = 1\n"
    "events =\n"
    "[server]\r\n"
    "  workers = 4096\r\n"
    "body_timeout = 3600\n"
    "calls = 65536\n"
    "body_max = 1073741824\n"
    "answer_within: 600\n"
    "[store]\n"
    "url = sqlite:/tmp/q;x.db\n"
    "keep_days = 1\n"
    "[connector One]\n"
    "url = http://127.0.0.1:8080/hook?a=b\n"
    "[status]\n"
    "alert_age = 2592000\n"
    "allow = 127.0.0.1 ::1 10.0.0.0/8\n"
    "  fd00::/128 0.0.0.0/0\n"
    "[channel]\n"
    "url = spool:/tmp/spool\n"
    "timeout = 3600\n"
    "in_flight = 4096\n"
    "secret = geheim\n"
    "secret_previous = whsec_geheim\n"
    "events = DialogStart ; one\n"
    "\tOnImConnectorLineDelete\n"
    "[retry]\n"
    "first = 3600\n"
    "longest = 3600\n"
    "give_up_after = 60\n"
    "[portal]\n"
    "burst = 1\n"
    "rate = 1000000\n"
    "calls_in_flight = 64\n"
    "status_batch = 1000\n"
    "timeout = 1\n"
    "proxy = http://proxy:3128\n"
    "[log]\n"
    "level = debug\n"
    "to = syslog\n"
    "[app]\n";		/* twice is fine as long as no option is */

static void
check_everything_app(const struct config *c)
{
	assert_string_equal(c->app.client_id, "local.1");
	assert_string_equal(c->app.client_endpoint,
	    "https://a.bitrix24.com/rest/");
	assert_int_equal(c->app.portals.n, 5);
	assert_string_equal(c->app.portals.item[0], "*.example.com");
	assert_string_equal(c->app.portals.item[1], "b24.example");
	assert_string_equal(c->app.portals.item[2], "127.0.0.1");
	assert_string_equal(c->app.portals.item[3], "[::1]");
	assert_string_equal(c->app.portals.item[4], "[fe80::1]");
	assert_int_equal(c->app.oauth_servers.n, 3);
	assert_string_equal(c->app.oauth_servers.item[1], "[::1]:65535");
	assert_string_equal(c->app.oauth_servers.item[2], "*.o.example:8443");
	assert_int_equal(c->app.connectors.n, 2);
	assert_string_equal(c->app.connectors.item[1], "two_2");
	assert_true(c->app.insecure_http);
	assert_string_equal(c->app.ca_file, "/etc/ca.pem");
}

static void
check_everything(const struct config *c, const char *hook)
{
	check_everything_app(c);
	assert_int_equal(c->server.workers, 4096);
	assert_int_equal(c->server.body_timeout, 3600);
	assert_int_equal(c->server.calls, 65536);
	assert_int_equal(c->server.body_max, 1 << 30);
	assert_int_equal(c->server.answer_within, 600);
	assert_string_equal(c->store.url, "sqlite:/tmp/q;x.db");
	assert_int_equal(c->store.keep_days, 1);
	assert_int_equal(c->retry.first, 3600);
	assert_int_equal(c->retry.longest, 3600);
	assert_int_equal(c->retry.give_up_after, 60);
	assert_int_equal(c->portal.burst, 1);
	assert_int_equal(c->portal.rate, 1000000);
	assert_int_equal(c->portal.calls_in_flight, 64);
	assert_int_equal(c->portal.status_batch, 1000);
	assert_int_equal(c->portal.timeout, 1);
	assert_string_equal(c->portal.proxy, "http://proxy:3128");
	assert_int_equal(c->status.alert_age, 2592000);
	assert_int_equal(c->status.allow.n, 5);
	assert_string_equal(c->status.allow.item[2], "10.0.0.0/8");
	assert_string_equal(c->status.allow.item[4], "0.0.0.0/0");
	assert_int_equal(c->log.level, LOG_LEVEL_DEBUG);
	assert_int_equal(c->log.to, LOG_TO_SYSLOG);
	assert_int_equal(c->channels, 3);
	assert_string_equal(c->channel[0].url, "spool:/tmp/spool");
	assert_int_equal(c->channel[0].timeout, 3600);
	assert_int_equal(c->channel[0].in_flight, 4096);
	assert_string_equal(c->channel[1].connector, "one");
	assert_int_equal(c->channel[1].line, 107);
	assert_string_equal(c->channel[1].url, "null:");
	assert_int_equal(c->channel[1].timeout, 7);
	assert_int_equal(c->channel[1].in_flight, 1);
	assert_string_equal(c->channel[2].connector, "One");
	assert_int_equal(c->channel[2].line, 0);
	assert_string_equal(c->channel[2].url, hook);
	assert_int_equal(c->channel[2].timeout, 3600);
	assert_int_equal(c->channel[2].in_flight, 4096);
	assert_int_equal(c->channel[0].events, CONFIG_DIALOGSTART |
	    CONFIG_LINEDELETE);
	assert_int_equal(c->channel[1].events, 0);
	assert_int_equal(c->channel[2].events, c->channel[0].events);
	/* a secret belongs to the URL beside it */
	assert_string_equal(c->channel[1].secret, "");
	assert_string_equal(c->channel[2].secret_previous, "");
}

static void
test_everything(void **state)
{
	struct config *c = load(everything);

	(void)state;
	check_everything(c, "http://127.0.0.1:8080/hook?a=b");
	assert_string_equal(c->app.application_token, "tok=en;1:2");
	assert_string_equal(c->app.client_secret, "s");
	assert_string_equal(c->channel[0].secret, "geheim");
	assert_string_equal(c->channel[0].secret_previous, "whsec_geheim");
	config_free(c);
}

static void
test_bool(void **state)
{
	static const struct {
		const char *text;
		bool value;
	} cases[] = {
		{ "yes", true }, { "true", true }, { "on", true },
		{ "no", false }, { "false", false }, { "off", false },
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct config *c;

		(void)snprintf(text, sizeof(text), "[app]\ninsecure_http=%s\n",
		    cases[i].text);
		c = load(text);
		assert_int_equal(c->app.insecure_http, cases[i].value);
		config_free(c);
	}
}

/* The channel that takes a connector's line, by its url. */
static const char *
url_for(const struct config *c, const char *connector, int64_t line)
{
	return config_channel_for(c, connector, line)->url;
}

static void
test_channel_for(void **state)
{
	struct config *c = load("[channel]\nurl = spool:/d\n"
	    "[connector a/5]\nurl = spool:/a5\n"
	    "[connector a]\nurl = spool:/a\n"
	    "[connector a/6]\nurl = spool:/a6\n"
	    "[connector b/9223372036854775807]\nurl = spool:/b\n"
	    "[connector abcdefghijabcdefghijabcdefghijabcdefghijabcdefghij"
	    "ABCDEFGHIJ1234/1]\nurl = spool:/long\n");

	(void)state;
	assert_string_equal(url_for(c, "a", 5), "spool:/a5");
	assert_string_equal(url_for(c, "A", 6), "spool:/a6");
	assert_string_equal(url_for(c, "a", 7), "spool:/a");
	assert_string_equal(url_for(c, "A", 0), "spool:/a");
	assert_string_equal(url_for(c, "b", INT64_MAX), "spool:/b");
	assert_string_equal(url_for(c, "b", 1), "spool:/d");
	assert_string_equal(url_for(c, "aa", 5), "spool:/d");
	assert_string_equal(url_for(c, "", 0), "spool:/d");
	assert_string_equal(url_for(c, "abcdefghijabcdefghijabcdefghijabcdef"
	    "ghijabcdefghijabcdefghij1234", 1), "spool:/long");
	assert_ptr_equal(config_channel_for(c, "x", 1), &c->channel[0]);
	config_free(c);
}


static void
test_secret_file(void **state)
{
	static const char *const same[] = { "s e\tc;\xc3\xa4",
		"s e\tc;\xc3\xa4\n", "s e\tc;\xc3\xa4\r\n" };
	char big[4097];
	struct config *c;

	(void)state;
	for (size_t i = 0; i < COUNT(same); i++) {
		(void)write_file("secret", same[i]);
		c = load_file(with_secret_file("application_token_file",
		    "application_token =\n"));
		assert_string_equal(c->app.application_token, same[0]);
		assert_string_equal(c->app.client_secret, "");
		config_free(c);
	}
	memset(big, 'x', sizeof(big));
	(void)write_bytes("secret", big, sizeof(big) - 1);
	c = load_file(with_secret_file("client_secret_file", ""));
	assert_int_equal(strlen(c->app.client_secret), 4096);
	config_free(c);
	(void)write_bytes("secret", big, sizeof(big));
	refused(with_secret_file("client_secret_file", ""), ":2: [app] "
	    "client_secret_file cannot be read: it is too large");
}

/* The longest line that libinih takes whole, and every way to end it. */
static void
test_long_lines(void **state)
{
	static const char *const ends[] = { "\n", "", "\r\n" };

	(void)state;
	for (size_t i = 0; i < COUNT(ends); i++) {
		char text[256] = "[app]\nclient_id=";
		size_t room = 198 - 10 - (ends[i][0] == '\r');
		struct config *c;

		memset(text + 16, 'x', room);
		(void)snprintf(text + 16 + room, sizeof(text) - 16 - room,
		    "%s", ends[i]);
		c = load(text);
		assert_int_equal(strlen(c->app.client_id), room);
		config_free(c);
	}
}

/* Names of events: whole or short, in any case, each as often as wanted. */
static void
test_events(void **state)
{
	static const struct {
		const char *text;
		int64_t events;
	} cases[] = {
		{ "", 0 }, { "dialogstart", CONFIG_DIALOGSTART },
		{ "DIALOGFINISH", CONFIG_DIALOGFINISH },
		{ "OnImConnectorStatusDelete", CONFIG_STATUSDELETE },
		{ "ONIMCONNECTORLINEDELETE linedelete", CONFIG_LINEDELETE },
		{ "linedelete\tdialogstart\n statusdelete\n  dialogfinish",
		    15 },
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct config *c, *again;
		struct buf b;

		(void)snprintf(text, sizeof(text), "[connector a]\nurl=null:\n"
		    "events = %s\n", cases[i].text);
		c = load(text);
		again = print_and_load(c, &b);
		assert_int_equal(c->channel[1].events, cases[i].events);
		assert_int_equal(again->channel[1].events, cases[i].events);
		assert_int_equal(c->channel[0].events, 0);
		buf_free(&b);
		config_free(again);
		config_free(c);
	}
}

/* One of a connector's own, and that which it is changed from. */
static void
test_channel_secrets(void **state)
{
	char text[512];
	struct config *c;

	(void)state;
	(void)write_file("secret", "new\n");
	(void)write_file("old", "old\n");
	(void)snprintf(text, sizeof(text), "[channel]\nsecret = top\n"
	    "[connector a]\nurl=https://a/\nsecret_file = %s\n"
	    "secret_previous_file = %s\n[connector b]\nurl=https://b/\n",
	    in_folder("secret"), in_folder("old"));
	c = load(text);
	assert_string_equal(c->channel[0].secret, "top");
	assert_string_equal(c->channel[1].secret, "new");
	assert_string_equal(c->channel[1].secret_previous, "old");
	assert_string_equal(c->channel[2].secret, "");
	config_free(c);
}

static void
test_print_defaults(void **state)
{
	struct config *c = load("");
	struct buf b;
	struct config *again = print_and_load(c, &b);

	(void)state;
	check_defaults(again);
	assert_null(strstr(buf_str(&b), "is set"));
	assert_memory_equal(b.p, "[app]\nclient_id =\n", 18);
	assert_non_null(strstr(b.p, "\n\t*.bitrix24."));
	assert_non_null(strstr(b.p, "\n[server]\nworkers = 4\n"));
	assert_non_null(strstr(b.p, "\n[log]\nlevel = info\nto = stderr\n"));
	buf_free(&b);
	config_free(again);
	config_free(c);
}

static void
test_print_everything(void **state)
{
	struct config *c = load(everything);
	struct buf b;
	struct config *again = print_and_load(c, &b);

	(void)state;
	/* a query may be a secret */
	check_everything(again, "http://127.0.0.1:8080/hook");
	assert_null(strstr(buf_str(&b), "a=b"));
	assert_string_equal(again->app.application_token, "");
	assert_non_null(strstr(buf_str(&b), "\n; application_token is set\n"));
	assert_non_null(strstr(b.p, "\n; client_secret is set\n"));
	assert_non_null(strstr(b.p, "\n[connector one/107]\nurl = null:\n"
	    "timeout = 7\nin_flight = 1\n"));
	assert_non_null(strstr(b.p, "\n; secret is set\n; secret_previous is "
	    "set\nevents = dialogstart linedelete\n"));
	assert_null(strstr(b.p, "geheim"));
	assert_null(strstr(b.p, "tok=en"));
	assert_null(strstr(b.p, "token_file"));
	buf_free(&b);
	config_free(again);
	config_free(c);
}

/* A buffer that is too small at any point is an error, not a crash. */
static void
test_print_too_big(void **state)
{
	struct config *c = load(everything);
	struct buf b;
	size_t whole;

	(void)state;
	buf_init(&b, PRINT_MAX);
	assert_int_equal(config_print(c, &b), ERR_OK);
	whole = b.len;
	buf_free(&b);
	for (size_t max = 0; max < whole; max++) {
		buf_init(&b, max);
		assert_int_equal(config_print(c, &b), ERR_TOOBIG);
		buf_free(&b);
	}
	config_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_bool),
		cmocka_unit_test(test_channel_for),
		cmocka_unit_test(test_secret_file),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_channel_secrets),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_print_defaults),
		cmocka_unit_test(test_print_everything),
		cmocka_unit_test(test_print_too_big),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
