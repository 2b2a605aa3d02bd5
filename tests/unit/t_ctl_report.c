/*
 * Portals and figures as they are printed: JSON that is JSON, and no token
 * in it.
 */
#include "ctl/report.h"
#include "store/setups.h"

#include "ctl_world.h"

static char *
print(struct store_world *w, enum err (*report)(struct store *, bool,
    struct problem *), bool json, enum err want)
{
	struct problem p = { 0 };
	struct capture c;
	enum err e;
	char *text;

	capture_begin(&c, STDOUT_FILENO);
	e = report(w->store, json, &p);
	text = capture_end(&c);
	assert_int_equal(e, want);
	assert_int_equal(p.err, want);
	assert_null(strstr(text, "access-"));
	assert_null(strstr(text, "rtoken-"));
	assert_null(strstr(text, "app-token"));
	is_clean(text);
	return text;
}

/* An installed portal. */
static void
install(struct store_world *w, const char *member_id, const char *endpoint)
{
	struct portal_saving s = { .store = w->store, .portal = {
	    .member_id = member_id, .endpoint = endpoint,
	    .server_endpoint = "https://o/", .application_token = "app-token",
	    .access_token = "access-1", .refresh_token = "rtoken-1",
	    .expires_ms = 1773759162999 } };

	store_portal_save(&s);
	world_must(w, w->store, &s.db);
}

/* It refreshes, and is refused. */
static void
reject(struct store_world *w, const char *member_id, const char *why)
{
	struct arena a;
	struct refresh_asking r = { .member_id = member_id,
	    .failed = "access-1", .arena = &a };
	struct portal_change c = { .store = w->store,
	    .act = PORTAL_REJECTED, .member_id = member_id, .text = why };

	arena_init(&a, PORTAL_ARENA_MAX);
	store_refresh_ask(&r);
	world_must(w, w->store, &r.db);
	assert_int_equal(r.answer, REFRESH_YOURS);
	arena_free(&a);
	store_portal_change(&c);
	world_must(w, w->store, &c.db);
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
	struct store_world *w = *state;
	char *text;

	install(w, MEMBER, "https://b.bitrix24.com/rest/");
	install(w, "zz\"\\", "https://a.bitrix24.com/rest/");
	reject(w, "zz\"\\", "invalid_grant \"x\"");
	text = print(w, report_portals, true, ERR_OK);
	value_is(text, "0.member_id", MEMBER);
	value_is(text, "0.client_endpoint", "https://b.bitrix24.com/rest/");
	value_is(text, "0.server_endpoint", "https://o/");
	value_is(text, "0.reason", NULL);
	value_is(text, "1.member_id", "zz\"\\");
	value_is(text, "1.expires", "2026-03-17T14:52:42Z");
	value_is(text, "1.reason", "invalid_grant \"x\"");
	assert_non_null(strstr(text, "\"refresh_rejected\":true"));
	assert_non_null(strstr(text, "\"refresh_rejected\":false"));
	free(text);
	text = print(w, report_portals, false, ERR_OK);
	assert_non_null(strstr(text, MEMBER));
	assert_non_null(strstr(text, "ok, not set up\n"));
	assert_non_null(strstr(text, "REJECTED: install again, not set up"));
	free(text);
}

/* What is missing of a set-up is seen. */
static void
test_set_up(void **state)
{
	struct store_world *w = *state;
	struct setup_ending e = { .member_id = MEMBER, .asked = 1,
	    .state = SETUP_WAITS, .reason = "INSTALLED \x1b[1m" };
	char *text;

	install(w, MEMBER, "https://b.bitrix24.com/rest/");
	store_setup_end(&e);
	world_must(w, w->store, &e.db);
	text = print(w, report_portals, true, ERR_OK);
	value_is(text, "0.setup", "waits");
	value_is(text, "0.setup_reason", "INSTALLED \x1b[1m");
	free(text);
	text = print(w, report_portals, false, ERR_OK);
	assert_non_null(strstr(text, "ok, not set up: INSTALLED ?[1m\n"));
	free(text);
	e.state = SETUP_DONE;
	store_setup_end(&e);
	world_must(w, w->store, &e.db);
	text = print(w, report_portals, true, ERR_OK);
	value_is(text, "0.setup", "done");
	value_is(text, "0.setup_reason", NULL);
	free(text);
	text = print(w, report_portals, false, ERR_OK);
	assert_non_null(strstr(text, " ok\n"));
	free(text);
}

/* Nothing that a portal is called may act on the terminal. */
static void
test_clean(void **state)
{
	struct store_world *w = *state;

	install(w, "m\x1b[2J\x7f\xc2\x9b", "https://a\x1b[1m/");
	free(print(w, report_portals, true, ERR_OK));
	free(print(w, report_portals, false, ERR_OK));
}

static struct arrival
delivered(struct store_world *w, int64_t message_id)
{
	struct arrival a = TAKE(w, w->store, .message_id = message_id,
	    .chat = message_id == 2 ? "two" : "three");

	MOVE(w, w->store, .id = a.id, .chat = a.chat_number,
	    .from = STATE_RECEIVED, .move = MOVE_DELIVERED);
	return a;
}

static void
test_stats(void **state)
{
	static const char *const zero[] = { "received", "delivered",
		"acknowledged", "refused", "held", "parked",
		"portals", "refresh_rejected", "installs_waiting",
		"destinations_down" };
	struct store_world *w = *state;
	struct place channel = channel_place();
	char *text = print(w, report_stats, true, ERR_OK);

	for (size_t i = 0; i < COUNT(zero); i++)
		value_is(text, zero[i], "0");
	free(text);
	install(w, MEMBER, "https://b.bitrix24.com/rest/");
	reject(w, MEMBER, "invalid_grant");
	(void)TAKE(w, w->store, .message_id = 1, .chat = "one");
	(void)delivered(w, 2);
	MOVE(w, w->store, .id = delivered(w, 3).id, .from = STATE_DELIVERED,
	    .move = MOVE_REFUSED);
	(void)world_place(w, w->store, &channel, true);
	text = print(w, report_stats, true, ERR_OK);
	value_is(text, "received", "1");
	value_is(text, "delivered", "1");
	value_is(text, "acknowledged", "0");
	value_is(text, "refused", "1");
	value_is(text, "oldest", "2026-03-17T14:52:42Z");
	value_is(text, "portals", "1");
	value_is(text, "refresh_rejected", "1");
	value_is(text, "destinations_down", "1");
	assert_int_equal(text[strlen(text) - 1], '\n');
	free(text);
	text = print(w, report_stats, false, ERR_OK);
	assert_non_null(strstr(text, "delivered          1\n"));
	assert_non_null(strstr(text, "oldest             2026-03-17 "));
	assert_non_null(strstr(text, "(0 s ago)\n"));
	free(text);
}

static void
test_no_store(void **state)
{
	struct store_world *w = *state;
	char *text;

	break_store(w);
	text = print(w, report_portals, true, ERR_DISK);
	assert_string_equal(text, "[]\n");
	free(text);
	text = print(w, report_portals, false, ERR_DISK);
	assert_string_equal(text, "");
	free(text);
	text = print(w, report_stats, true, ERR_DISK);
	assert_string_equal(text, "");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_no_portal), WORLD_TEST(test_rejected),
		WORLD_TEST(test_set_up),
		WORLD_TEST(test_clean),
		WORLD_TEST(test_stats), WORLD_TEST(test_no_store),
	};

	return cmocka_run_group_tests_name("ctl/report", tests, NULL, NULL);
}
