/*
 * The channels of a configuration: which URL makes which kind, which section
 * serves a message, and the receipt that all kinds fill.
 */
#include "channel/channel.h"

#include "channel_world.h"
#include "config_files.h"
#include "unit.h"

#include <dirent.h>

static const struct parcel parcel = { "key-1", 1773759161000000, "{}", 2, "",
	"", 1 };

/* Opens one channel with that URL, in a section of that name. */
static enum err
open_url(const char *url, const char *connector, int64_t line,
    struct problem *p)
{
	char name[64], copy[256];
	struct config_channel c[2] = { { .connector = (char []){ "" },
	    .url = (char []){ "null:" } }, { .connector = name, .line = line,
	    .url = copy } };
	struct config config = { .channel = c, .channels = 2 };
	const struct channel_env env = { .clock = &clock_system };
	struct channels *s = NULL;
	enum err e;

	(void)snprintf(name, sizeof(name), "%s", connector);
	(void)snprintf(copy, sizeof(copy), "%s", url);
	if (connector[0] == '\0') {
		config.channel = &c[1];
		config.channels = 1;
	}
	*p = (struct problem){ 0 };
	e = channels_open(&s, &config, &env, p);
	assert_int_equal(e, p->err);
	assert_true((e == ERR_OK) == (s != NULL));
	channels_close(s);
	return e;
}

static void
test_good_urls(void **state)
{
	static const char *const urls[] = { "spool:/", "spool:/var/spool/x",
		"spool:/a b/\xd0\x96", "null:", "http://127.0.0.1:8080/x?y=z",
		"https://example.org/hook", "http://[::1]:1/",
		"https://EXAMPLE.org", "http://localhost", "exec:/bin/x",
		"exec:/a/\xd0\x96" };
	struct problem p;

	(void)state;
	for (size_t i = 0; i < COUNT(urls); i++)
		if (open_url(urls[i], "", 0, &p) != ERR_OK)
			fail_msg("%s: %s", urls[i], p.text);
}

static void
test_bad_urls(void **state)
{
	static const char *const urls[] = { "", "spool", "spool:",
		"spool:relative", "spool:./x", "spool:~/x", "null", "null:x",
		"null:/", "nullx:", "http:", "http:/x", "http://",
		"http:///x", "https://", "http://a b/", "http://u:secret@a/",
		"https://secret@example.org/", "ftp://secret/", "file:///x",
		"exec:", "exec:secret", "exec:./secret", "exec",
		"smtp:secret", "://", "/var/spool/x",
		"https://a..b/", "http://a:99999/", "http://a/#secret" };
	struct problem p;

	(void)state;
	for (size_t i = 0; i < COUNT(urls); i++) {
		if (open_url(urls[i], "", 0, &p) != ERR_CONFIG)
			fail_msg("%s was taken", urls[i]);
		assert_memory_equal(p.text, "[channel] url: ", 15);
		assert_true(strlen(p.text) > 15);
		/* a URL may hold a password */
		assert_null(strstr(p.text, "secret"));
	}
}

/* A secret needs a URL that is signed; no complaint repeats it. */
static void
test_secrets(void **state)
{
	static const struct {
		const char *url, *secret, *previous, *why;
	} cases[] = {
		{ "https://a/", "", "", NULL }, { "https://a/", "x", "", NULL },
		{ "http://a/", "whsec_eA==", "eA", NULL },
		{ "https://a/", "whsec", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2La",
		    NULL },
		{ "https://a/", "", "geheim", "[connector c] secret_previous: "
		    "there is no secret that follows it" },
		{ "https://a/", "whsec_geheim", "", "[connector c] secret: "
		    "behind whsec_ there must be base64, with its padding" },
		{ "https://a/", "whsec_", "", "[connector c] secret: behind "
		    "whsec_ there must be base64, with its padding" },
		{ "https://a/", "geheim", "whsec_geheim", "[connector c] "
		    "secret_previous: behind whsec_ there must be base64, "
		    "with its padding" },
		{ "spool:/a", "geheim", "", "[connector c] secret: only "
		    "http:// and https:// are signed" },
		{ "exec:/a", "geheim", "", "[connector c] secret: only "
		    "http:// and https:// are signed" },
		{ "null:", "geheim", "", "[connector c] secret: only "
		    "http:// and https:// are signed" },
	};
	const struct channel_env env = { .clock = &clock_system };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char url[64], secret[64], previous[64];
		struct config_channel c = { .connector = (char []){ "c" },
		    .url = url, .secret = secret,
		    .secret_previous = previous };
		const struct config config = { .channel = &c, .channels = 1 };
		struct channels *s = NULL;
		struct problem p = { 0 };

		(void)snprintf(url, sizeof(url), "%s", cases[i].url);
		(void)snprintf(secret, sizeof(secret), "%s", cases[i].secret);
		(void)snprintf(previous, sizeof(previous), "%s",
		    cases[i].previous);
		assert_int_equal(channels_open(&s, &config, &env, &p),
		    cases[i].why == NULL ? ERR_OK : ERR_CONFIG);
		assert_string_equal(p.text, cases[i].why != NULL ?
		    cases[i].why : "");
		channels_close(s);
	}
}

static void
test_section_is_named(void **state)
{
	struct problem p;

	(void)state;
	assert_int_equal(open_url("spool:x", "my_one", 0, &p), ERR_CONFIG);
	assert_memory_equal(p.text, "[connector my_one] url: ", 24);
	assert_int_equal(open_url("null:x", "my_one", 107, &p), ERR_CONFIG);
	assert_memory_equal(p.text, "[connector my_one/107] url: ", 28);
	assert_int_equal(open_url("what:", "my_one", INT64_MAX, &p),
	    ERR_CONFIG);
	assert_memory_equal(p.text,
	    "[connector my_one/9223372036854775807] url: ", 44);
}

static size_t
files_in(const char *name)
{
	char path[300];
	struct dirent *d;
	size_t n = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%s/new", in_folder(name));
	dir = opendir(path);
	if (dir == NULL)
		return 0;
	while ((d = readdir(dir)) != NULL)
		n += d->d_name[0] != '.';
	(void)closedir(dir);
	return n;
}

/* Sends to a connector and line; the file must appear in that spool only. */
static void
arrives(struct channel_world *w, const struct config *c,
    const char *connector, int64_t line, const char *spool)
{
	static const char *const spools[] = { "default", "mine", "line" };
	static int64_t now = 1773759161000000;
	const struct parcel one = { "key-1", now++, "{}", 2, "", "", 1 };
	size_t before[COUNT(spools)];
	struct receipt r;

	for (size_t i = 0; i < COUNT(spools); i++)
		before[i] = files_in(spools[i]);
	r = cw_send(w, config_channel_for(c, connector, line), &one);
	assert_int_equal(r.err, ERR_OK);
	assert_int_equal(strcmp(buf_str(&r.ids), "[\"key-1\"]") == 0,
	    spool == NULL);	/* only null: gives the key */
	receipt_free(&r);
	for (size_t i = 0; i < COUNT(spools); i++) {
		bool here = spool != NULL && strcmp(spools[i], spool) == 0;

		if (files_in(spools[i]) != before[i] + here)
			fail_msg("%s/%lld: %s", connector, (long long)line,
			    spools[i]);
	}
}

static void
test_overrides(void **state)
{
	struct channel_world w;
	struct problem p = { 0 };
	struct config *c;
	char text[1024];

	(void)state;
	(void)snprintf(text, sizeof(text), "[channel]\nurl = spool:%s\n"
	    "[connector mine/107]\nurl = spool:%s\n"
	    "[connector mine]\nurl = spool:%s\n"
	    "[connector other/5]\nurl = null:\n", in_folder("default"),
	    in_folder("line"), in_folder("mine"));
	c = load_file(write_file("conf", text));
	cw_begin(&w, 0);
	assert_int_equal(cw_open(&w, c, &p), ERR_OK);
	arrives(&w, c, "unknown", 1, "default");
	arrives(&w, c, "", 107, "default");
	arrives(&w, c, "mine", 1, "mine");
	arrives(&w, c, "MINE", 1, "mine");
	arrives(&w, c, "mine", 107, "line");
	arrives(&w, c, "Mine", 107, "line");
	arrives(&w, c, "mine", 1070, "mine");
	arrives(&w, c, "mine2", 107, "default");
	arrives(&w, c, "min", 107, "default");
	arrives(&w, c, "other", 4, "default");
	arrives(&w, c, "other", 5, NULL);
	arrives(&w, c, "unknown", 5, "default");
	cw_end(&w);
	config_free(c);
}

static void
test_close_nothing(void **state)
{
	(void)state;
	channels_close(NULL);
}

static void
test_every_kind_is_whole(void **state)
{
	static const struct channel_kind *const kinds[] = { &channel_spool,
		&channel_http, &channel_https, &channel_exec, &channel_null };

	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		assert_non_null(strchr(kinds[i]->scheme, ':'));
		assert_true(kinds[i]->open != NULL);
		assert_true(kinds[i]->send != NULL);
		assert_true(kinds[i]->close != NULL);
	}
}

static void
test_null(void **state)
{
	struct config_channel c = { .connector = (char []){ "" },
	    .url = (char []){ "null:" } };
	const struct config config = { .channel = &c, .channels = 1 };
	struct channel_world w;
	struct problem p = { 0 };
	struct receipt r;

	(void)state;
	cw_begin(&w, 0);
	assert_int_equal(cw_open(&w, &config, &p), ERR_OK);
	r = cw_send(&w, &c, &parcel);
	assert_int_equal(r.err, ERR_OK);
	assert_string_equal(buf_str(&r.ids), "[\"key-1\"]");
	assert_int_equal(r.retry_after_s, -1);
	receipt_free(&r);
	cw_end(&w);
}

static void
test_receipt_ids(void **state)
{
	struct receipt r;

	(void)state;
	receipt_init(&r);
	assert_int_equal(r.err, ERR_OK);
	assert_int_equal(r.ids.len, 0);
	assert_int_equal(r.retry_after_s, -1);
	assert_string_equal(r.reason, "");
	assert_int_equal(receipt_add_id(&r, "", 0), ERR_OK);
	assert_int_equal(r.ids.len, 0);
	assert_int_equal(receipt_add_id(&r, "abc", 1), ERR_OK);
	assert_string_equal(buf_str(&r.ids), "[\"a\"]");
	assert_int_equal(receipt_add_id(&r, "x", 0), ERR_OK);
	assert_string_equal(buf_str(&r.ids), "[\"a\"]");
	assert_int_equal(receipt_add_id(&r, "]\"\\", 3), ERR_OK);
	assert_int_equal(receipt_add_id(&r, "\n", 1), ERR_OK);
	assert_string_equal(buf_str(&r.ids), "[\"a\",\"]\\\"\\\\\",\"\\n\"]");
	receipt_free(&r);
	receipt_free(&r);
}

static void
test_receipt_is_bounded(void **state)
{
	char *id = malloc(RECEIPT_IDS_MAX);
	struct receipt r;

	(void)state;
	assert_non_null(id);
	memset(id, 'x', RECEIPT_IDS_MAX);
	receipt_init(&r);
	assert_int_equal(receipt_add_id(&r, id, RECEIPT_IDS_MAX - 4), ERR_OK);
	assert_int_equal(r.ids.len, RECEIPT_IDS_MAX);
	receipt_free(&r);
	receipt_init(&r);
	assert_int_equal(receipt_add_id(&r, id, RECEIPT_IDS_MAX - 3),
	    ERR_TOOBIG);
	receipt_free(&r);
	free(id);
}

static void
test_receipt_failure(void **state)
{
	struct receipt r;
	char text[400];

	(void)state;
	receipt_init(&r);
	receipt_fail(&r, ERR_REFUSED, "no: %d%s", 5, "%s");
	assert_int_equal(r.err, ERR_REFUSED);
	assert_string_equal(r.reason, "no: 5%s");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	receipt_fail(&r, ERR_RETRY, "%s", text);
	assert_int_equal(r.err, ERR_RETRY);
	assert_int_equal(strlen(r.reason), RECEIPT_REASON_MAX - 1);
	receipt_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_urls),
		cmocka_unit_test(test_bad_urls),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_section_is_named),
		cmocka_unit_test(test_overrides),
		cmocka_unit_test(test_close_nothing),
		cmocka_unit_test(test_every_kind_is_whole),
		cmocka_unit_test(test_null),
		cmocka_unit_test(test_receipt_ids),
		cmocka_unit_test(test_receipt_is_bounded),
		cmocka_unit_test(test_receipt_failure),
	};

	return cmocka_run_group_tests_name("channel/channel", tests,
	    make_folder, remove_folder);
}
