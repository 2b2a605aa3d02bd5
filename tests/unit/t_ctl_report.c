/*
 * Portals and figures as they are printed: JSON that is JSON, and no token
 * in it.
 */
#include "ctl/report.h"

#include "codec/flat.h"
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

static char *
print(struct site *s, enum err (*report)(struct store *, bool,
    struct problem *), bool json, enum err want)
{
	struct problem p = { 0 };
	struct capture c;
	enum err e;
	char *text;

	capture_begin(&c, STDOUT_FILENO);
	e = report(s->store, json, &p);
	text = capture_end(&c);
	assert_int_equal(e, want);
	assert_int_equal(p.err, want);
	assert_null(strstr(text, "access-"));
	assert_null(strstr(text, "rtoken-"));
	assert_null(strstr(text, "app-token"));
	return text;
}

struct wanted {
	const char *path;
	char value[512];
	int found;
};

static enum err
look(void *ctx, const char *path, const char *s, size_t n)
{
	struct wanted *w = ctx;

	if (s != NULL && strcmp(path, w->path) == 0) {
		w->found++;
		(void)snprintf(w->value, sizeof(w->value), "%.*s", (int)n, s);
	}
	return ERR_OK;
}

static void
value_is(const char *json, const char *path, const char *value)
{
	struct wanted w = { .path = path };

	if (flat_read(json, strlen(json), look, &w) != ERR_OK)
		fail_msg("no JSON: %s", json);
	if (w.found != (value != NULL))
		fail_msg("%d of %s in %s", w.found, path, json);
	if (value != NULL)
		assert_string_equal(w.value, value);
}

static void
test_no_portal(void **state)
{
	char *text = print(*state, report_portals, true, ERR_OK);

	assert_string_equal(text, "[]\n");
	free(text);
	text = print(*state, report_portals, false, ERR_OK);
	assert_string_equal(text, "no portal is installed\n");
	free(text);
}

static void
test_rejected(void **state)
{
	struct site *s = *state;
	const struct portal other = { .member_id = "zz\"\\", .endpoint =
	    "https://a.bitrix24.com/rest/", .server_endpoint = "https://o/",
	    .application_token = APP_TOKEN, .access_token = "access-1",
	    .refresh_token = "rtoken-1", .expires_ms = 1773759162999 };
	char *text;

	site_install(s, "1");
	assert_int_equal(store_portal_save(s->store, &other, &s->problem),
	    ERR_OK);
	assert_int_equal(reject_portal(s->store, other.member_id, "access-1",
	    "invalid_grant \"x\"", &s->problem), ERR_OK);
	text = print(s, report_portals, true, ERR_OK);
	value_is(text, "0.member_id", MEMBER);
	value_is(text, "0.client_endpoint", s->endpoint);
	value_is(text, "0.server_endpoint", s->server);
	value_is(text, "0.reason", NULL);
	value_is(text, "1.member_id", "zz\"\\");
	value_is(text, "1.expires", "1773759162");
	value_is(text, "1.reason", "invalid_grant \"x\"");
	assert_non_null(strstr(text, "\"refresh_rejected\":true"));
	assert_non_null(strstr(text, "\"refresh_rejected\":false"));
	free(text);
	text = print(s, report_portals, false, ERR_OK);
	assert_non_null(strstr(text, MEMBER));
	assert_non_null(strstr(text, "ok\n"));
	assert_non_null(strstr(text, "REJECTED: install again\n"));
	free(text);
}

/* Nothing that a portal is called may act on the terminal. */
static void
test_clean(void **state)
{
	struct site *s = *state;
	const struct portal other = { .member_id = "m\x1b[2J\x7f\xc2\x9b",
	    .endpoint = "https://a\x1b[1m/", .server_endpoint = "o",
	    .application_token = APP_TOKEN, .access_token = "access-1",
	    .refresh_token = "rtoken-1" };

	assert_int_equal(store_portal_save(s->store, &other, &s->problem),
	    ERR_OK);
	for (int json = 0; json < 2; json++) {
		char *text = print(s, report_portals, json, ERR_OK);

		for (const char *t = text; *t != '\0'; t++) {
			unsigned char b = (unsigned char)*t;

			assert_true((b >= ' ' && b != 0x7f) || b == '\n');
			assert_false(b == 0xc2 && (unsigned char)t[1] < 0xa0);
		}
		free(text);
	}
}

static void
test_stats(void **state)
{
	static const char *const zero[] = { "received", "delivered",
		"acknowledged", "refused", "held", "parked", "oldest",
		"portals", "refresh_rejected", "installs_waiting",
		"destinations_down" };
	struct site *s = *state;
	struct work w, *one = &w;
	char *text = print(s, report_stats, true, ERR_OK);
	int64_t next;

	for (size_t i = 0; i < COUNT(zero); i++)
		value_is(text, zero[i], "0");
	free(text);
	site_install(s, "1");
	w = site_message(s, ADD, 1, "x", NULL);
	w = site_delivered(s, 2, NULL);
	w = site_delivered(s, 3, NULL);
	(void)become_ours(s->store, w.id);
	assert_int_equal(store_postponed(s->store, &one, 1,
	    clock_wall(&s->clock), HOLD_PARKED, "x", &s->problem), ERR_OK);
	w = site_delivered(s, 4, NULL);
	(void)become_ours(s->store, w.id);
	assert_int_equal(store_refused(s->store, &w, STEP_STATUS, "x", &next,
	    &s->problem), ERR_OK);
	text = print(s, report_stats, true, ERR_OK);
	value_is(text, "received", "1");
	value_is(text, "delivered", "2");
	value_is(text, "refused", "1");
	value_is(text, "parked", "1");
	value_is(text, "portals", "1");
	assert_int_equal(text[strlen(text) - 1], '\n');
	free(text);
	text = print(s, report_stats, false, ERR_OK);
	assert_non_null(strstr(text, "delivered          2\n"));
	free(text);
}

static void
test_no_store(void **state)
{
	struct site *s = *state;
	char *text;

	store_close(s->store);
	(void)write_file("queue.db", "this is no database, and long enough "
	    "for its first page to be looked at by the library ............");
	s->store = site_store(s);
	text = print(s, report_portals, true, ERR_DISK);
	assert_string_equal(text, "[]\n");
	free(text);
	text = print(s, report_portals, false, ERR_DISK);
	assert_string_equal(text, "");
	free(text);
	text = print(s, report_stats, true, ERR_DISK);
	assert_string_equal(text, "");
	free(text);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_portal), TEST(test_rejected), TEST(test_clean),
		TEST(test_stats), TEST(test_no_store),
	};

	return cmocka_run_group_tests_name("ctl/report", tests, NULL, NULL);
}
