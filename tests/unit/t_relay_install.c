/*
 * The app comes and goes, by way of the relay: whose word counts before,
 * between and after, and what the sender is told.
 */
#include "sender.h"
#include "telling.h"

static void
come_and_go(struct site *s, struct event *ev, const char *name,
    const char *token)
{
	event_init(ev, MAKE_MAX);
	ev->name = own(ev, name);
	ev->ts_text = own(ev, "1773759161");
	ev->application_token = own(ev, token);
	ev->member_id = own(ev, MEMBER);
	ev->refresh_token = own(ev, "rtoken-1");
	ev->access_token = own(ev, "access-1");
	ev->client_endpoint = own(ev, s->endpoint);
	ev->server_endpoint = own(ev, s->server);
}

static enum err
take(struct site *s, struct event *ev, struct outcome *out)
{
	struct heard h;
	enum err e;

	s->problem = (struct problem){ 0 };
	heard_init(&h, &s->clock, 60000);
	site_listen(s);
	e = heard_take(&s->relay, ev, &h, out, &s->problem);
	site_logged(s);
	event_free(ev);
	return e;
}

static void
answers(struct site *s, const char *name, const char *token,
    const char *result)
{
	struct outcome out;
	struct event ev;

	come_and_go(s, &ev, name, token);
	assert_int_equal(take(s, &ev, &out), ERR_OK);
	assert_string_equal(out.result, result);
	assert_int_equal(out.messages, 0);
}

static void
denied(struct site *s, const char *name, const char *token)
{
	struct outcome out;
	struct event ev;

	come_and_go(s, &ev, name, token);
	assert_int_equal(take(s, &ev, &out), ERR_DENIED);
	assert_int_equal(s->problem.err, ERR_DENIED);
}

/* A message with that token: 200, 202 or 403. */
static enum err
message(struct site *s, int64_t id, const char *token, struct outcome *out)
{
	struct event ev;

	make_one(&ev, ADD, id, "\"message\":{}");
	ev.application_token = own(&ev, token);
	ev.access_token = NULL;
	return take(s, &ev, out);
}

static void
test_life_of_an_app(void **state)
{
	struct site *s = *state;
	struct outcome out;

	/* nothing is known: nobody is believed */
	assert_int_equal(message(s, 1, APP_TOKEN, &out), ERR_DENIED);
	denied(s, "ONAPPUNINSTALL", APP_TOKEN);
	SCRIPT(s, oauth, { "400 No", ERROR("invalid_grant"), NULL, 0 });
	denied(s, "ONAPPINSTALL", APP_TOKEN);
	assert_string_equal(site_portal(s, s->store), "none");

	SCRIPT(s, oauth, { "200 OK", site_pair(s, 0, MEMBER, s->endpoint,
	    "2"), NULL, 0 });
	answers(s, "OnAppInstall", APP_TOKEN, "installed");
	answers(s, "OnAppInstall", APP_TOKEN, "installed");
	assert_int_equal(script_count(s, &s->oauth), 1);
	SCRIPT(s, rest, ACCEPTED);
	assert_int_equal(message(s, 1, APP_TOKEN, &out), ERR_OK);
	assert_int_equal(out.acknowledged, 1);
	called_with(s, 0, "access-2");
	assert_int_equal(message(s, 2, "another", &out), ERR_DENIED);

	denied(s, "ONAPPUNINSTALL", "another");
	denied(s, "ONAPPUNINSTALL", "");
	answers(s, "OnAppUninstall", APP_TOKEN, "uninstalled");
	site_says(s, "event=uninstalled member_id=" MEMBER);
	assert_string_equal(site_portal(s, s->store), "none");
	assert_int_equal(message(s, 3, APP_TOKEN, &out), ERR_DENIED);
}

/* The proof cannot be had now: an inert promise. */
static void
test_queued(void **state)
{
	struct site *s = *state;
	struct outcome out;

	SCRIPT(s, oauth, { "503 Away", "", NULL, 0 });
	answers(s, "ONAPPINSTALL", APP_TOKEN, "queued");
	assert_int_equal(message(s, 1, APP_TOKEN, &out), ERR_DENIED);
	/* nor does it help who wants to uninstall */
	denied(s, "ONAPPUNINSTALL", APP_TOKEN);
}

/* Parked for the want of tokens: the installation sets them free. */
static void
test_sets_free(void **state)
{
	struct site *s = *state;
	struct work w = site_delivered(s, 1, NULL);

	(void)told(s, &w, 1);
	assert_int_equal(site_row(s, w.id).hold, HOLD_PARKED);
	SCRIPT(s, oauth, { "200 OK", site_pair(s, 0, MEMBER, s->endpoint,
	    "2"), NULL, 0 });
	answers(s, "ONAPPINSTALL", APP_TOKEN, "installed");
	assert_int_equal(site_row(s, w.id).hold, HOLD_NONE);
	assert_true(site_row(s, w.id).in_ms <= 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_life_of_an_app), TEST(test_queued),
		TEST(test_sets_free),
	};

	return cmocka_run_group_tests_name("relay/install", tests, NULL,
	    NULL);
}
