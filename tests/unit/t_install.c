/*
 * An installation counts when the OAuth server says so, and never before:
 * what is missing, what proves nothing, what is kept until it can be proven.
 */
#include "relay/proofs.h"

#include "portal_world.h"
#include "sender.h"

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

static void
install_event(struct site *s, struct event *ev, const char *pair)
{
	char text[64];

	event_init(ev, MAKE_MAX);
	ev->name = own(ev, "ONAPPINSTALL");
	ev->ts_text = own(ev, "1773759161");
	ev->application_token = own(ev, APP_TOKEN);
	(void)snprintf(text, sizeof(text), "access-%s", pair);
	ev->access_token = own(ev, text);
	(void)snprintf(text, sizeof(text), "rtoken-%s", pair);
	ev->refresh_token = own(ev, text);
	ev->member_id = own(ev, MEMBER);
	ev->domain = own(ev, "evil.org");	/* never looked at */
	ev->client_endpoint = own(ev, s->endpoint);
	ev->server_endpoint = own(ev, s->server);
	check_event(ev);
	assert_int_equal(ev->kind, EVENT_INSTALL);
}

/* Without threads, so that all is over when it returns. */
static enum err
take_within(struct site *s, struct event *ev, int64_t ms,
    enum install_end *end)
{
	struct outcome out = { .result = NULL };
	struct heard h;
	enum err e;

	s->problem = (struct problem){ 0 };
	heard_init(&h, &s->clock, ms);
	site_listen(s);
	e = proofs_take(s->proofs, ev, &h.sender, &out, &s->problem);
	site_logged(s);
	*end = INSTALL_DENIED;
	if (e == ERR_OK)
		*end = strcmp(out.result, "installed") == 0 ? INSTALL_DONE :
		    INSTALL_LATER;
	assert_int_equal(e, s->problem.err);
	assert_int_equal(h.ended, e == ERR_OK);
	assert_int_equal(h.gone, e == ERR_OK);
	assert_null(strstr(s->problem.text, "rtoken-"));
	assert_null(strstr(s->problem.text, "access-"));
	assert_null(strstr(s->problem.text, "app-token"));
	assert_null(strstr(s->problem.text, "s3cr"));
	return e;
}

static enum err
take(struct site *s, struct event *ev, enum install_end *end)
{
	return take_within(s, ev, 60000, end);
}

static int64_t
waiting(struct site *s)
{
	struct stats st;

	assert_int_equal(store_stats(s->store, &st, &s->problem), ERR_OK);
	return st.installs;
}

static void
test_proven(void **state)
{
	struct site *s = *state;
	enum install_end end;
	struct portal p;
	struct event ev;
	bool found;

	SCRIPT(s, oauth, { "200 OK", site_pair(s, 0, MEMBER, s->endpoint,
	    "2"), NULL, 0 });
	install_event(s, &ev, "1");
	assert_int_equal(take(s, &ev, &end), ERR_OK);
	assert_int_equal(end, INSTALL_DONE);
	site_says(s, "event=installed member_id=" MEMBER);
	/* the new pair: the event's own refresh token is spent */
	assert_string_equal(site_portal(s, s->store),
	    "access-2 rtoken-2 here " APP_TOKEN);
	assert_int_equal(store_portal(s->store, MEMBER, &s->arena, &p, &found,
	    &s->problem), ERR_OK);
	assert_string_equal(p.server_endpoint, s->server);
	assert_int_equal(p.ts, 1773759161);
	assert_in_range(p.expires_ms - clock_wall(&s->clock), 3590000,
	    3600000);
	assert_int_equal(waiting(s), 0);
	assert_non_null(strstr(s->oauth.body[0], "&refresh_token=rtoken-1"));
	event_free(&ev);
}

/* With the stored token, older or equal: not even a call. */
static void
test_replays(void **state)
{
	struct site *s = *state;
	enum install_end end;
	struct event ev;

	site_install(s, "7");
	install_event(s, &ev, "1");
	for (ev.ts = 1773759161; ev.ts >= 1773759160; ev.ts--) {
		assert_int_equal(take(s, &ev, &end), ERR_OK);
		assert_int_equal(end, INSTALL_DONE);
	}
	ev.ts = -1;
	assert_int_equal(take(s, &ev, &end), ERR_OK);
	assert_int_equal(script_count(s, &s->oauth), 0);
	/* another token with an older time: not even a call, either */
	ev.ts = 1;
	ev.application_token = own(&ev, "app-token-forged");
	assert_int_equal(take(s, &ev, &end), ERR_DENIED);
	assert_int_equal(script_count(s, &s->oauth), 0);
	/* a newer time must be proven, and changes nothing */
	SCRIPT(s, oauth, { "400 No", "{\"error\":\"invalid_grant\"}", NULL,
	    0 });
	ev.ts = 1773759162;
	assert_int_equal(take(s, &ev, &end), ERR_DENIED);
	ev.application_token = own(&ev, APP_TOKEN);
	assert_int_equal(take(s, &ev, &end), ERR_DENIED);
	ev.application_token = own(&ev, "app-token-forged");
	assert_int_equal(script_count(s, &s->oauth), 2);
	assert_string_equal(site_portal(s, s->store),
	    "access-7 rtoken-7 here " APP_TOKEN);
	/* proven, it replaces what there was */
	SCRIPT(s, oauth, { "200 OK", site_pair(s, 0, MEMBER, s->endpoint,
	    "8"), NULL, 0 });
	assert_int_equal(take(s, &ev, &end), ERR_OK);
	assert_string_equal(site_portal(s, s->store),
	    "access-8 rtoken-8 here app-token-forged");
	event_free(&ev);
}

static void
test_missing(void **state)
{
	static const char *const fields[] = { "auth.application_token",
		"auth.member_id", "auth.refresh_token",
		"auth.client_endpoint", "auth.server_endpoint" };
	struct site *s = *state;

	for (size_t i = 0; i < 2 * COUNT(fields); i++) {
		const char *field = fields[i / 2];
		enum install_end end;
		struct event ev;
		char **texts[] = { &ev.application_token, &ev.member_id,
			&ev.refresh_token, &ev.client_endpoint,
			&ev.server_endpoint };

		install_event(s, &ev, "1");
		*texts[i / 2] = own(&ev, i % 2 != 0 ? "" : NULL);
		assert_int_equal(take(s, &ev, &end), ERR_DENIED);
		assert_string_equal(s->problem.field, field);
		assert_non_null(strstr(s->problem.text, field));
		event_free(&ev);
	}
	assert_int_equal(script_count(s, &s->oauth), 0);
	assert_int_equal(waiting(s), 0);
	assert_string_equal(site_portal(s, s->store), "none");
}

/* The secret does not follow an event to a host of its choice. */
static void
test_foreign_server(void **state)
{
	struct site *s = *state;
	enum install_end end;
	struct event ev;

	install_event(s, &ev, "1");
	ev.server_endpoint = own(&ev, s->moved);
	assert_int_equal(take(s, &ev, &end), ERR_DENIED);
	assert_string_equal(s->problem.field, "auth.server_endpoint");
	assert_int_equal(peer_count(s->peer, &s->peer->accepts), 0);
	event_free(&ev);
}

static void
test_no_client(void **state)
{
	static const char *const conf[] = {
		"[app]\nclient_secret = x\n" SITE_REST,
		"[app]\nclient_id = x\n" SITE_REST, SITE_REST,
	};

	for (size_t i = 0; i < COUNT(conf); i++) {
		struct site *s = site_open(conf[i]);
		enum install_end end;
		struct event ev;

		install_event(s, &ev, "1");
		assert_int_equal(take(s, &ev, &end), ERR_DENIED);
		assert_non_null(strstr(s->problem.text, "client_id"));
		assert_int_equal(waiting(s), 0);
		event_free(&ev);
		assert_int_equal(site_close(s), 0);
	}
	(void)state;
}

static void
test_proof_of_another(void **state)
{
	struct site *s = *state;
	enum install_end end;
	struct event ev;

	SCRIPT(s, oauth,
	    { "200 OK", site_pair(s, 0, "other", s->endpoint, "2"), NULL, 0 },
	    { "200 OK", site_pair(s, 1, MEMBER, s->moved, "2"), NULL, 0 },
	    { "200 OK", site_pair(s, 2, MEMBER "0", s->endpoint, "2"), NULL,
	    0 }, { "400 No", "{\"error\":\"invalid_grant\"}", NULL, 0 },
	    { "400 No", "{\"error\":\"NOT_INSTALLED\"}", NULL, 0 });
	install_event(s, &ev, "1");
	for (int i = 0; i < 5; i++) {
		assert_int_equal(take(s, &ev, &end), ERR_DENIED);
		assert_int_equal(end, INSTALL_DENIED);
		assert_non_null(strstr(s->problem.text, i < 3 ?
		    "another portal or endpoint" : "HTTP status 400"));
		site_says(s, "event=install-refused");
		assert_int_equal(waiting(s), 0);
	}
	assert_int_equal(script_count(s, &s->oauth), 5);
	assert_string_equal(site_portal(s, s->store), "none");
	event_free(&ev);
}

static bool
retry(struct site *s)
{
	enum install_end end;
	bool found;

	site_listen(s);
	found = proofs_try_one(s->proofs, &end);
	site_logged(s);
	return found;
}

/* The OAuth server is away: kept, inert, and proven later. */
static void
test_later(void **state)
{
	struct site *s = *state;
	enum install_end end;
	struct event ev;

	SCRIPT(s, oauth, { "503 Away", "", NULL, 0 });
	install_event(s, &ev, "1");
	assert_false(retry(s));
	assert_int_equal(take(s, &ev, &end), ERR_OK);
	assert_int_equal(end, INSTALL_LATER);
	site_says(s, "event=install-postponed");
	assert_int_equal(waiting(s), 1);
	assert_string_equal(site_portal(s, s->store), "none");
	assert_false(retry(s));		/* not yet */
	s->ahead_ms += 31000;
	assert_true(retry(s));
	assert_int_equal(waiting(s), 1);
	assert_int_equal(script_count(s, &s->oauth), 2);
	s->ahead_ms += 31000;
	SCRIPT(s, oauth, { "200 OK", site_pair(s, 0, MEMBER, s->endpoint,
	    "2"), NULL, 0 });
	assert_true(retry(s));
	site_says(s, "event=installed");
	assert_int_equal(waiting(s), 0);
	assert_string_equal(site_portal(s, s->store),
	    "access-2 rtoken-2 here " APP_TOKEN);
	assert_non_null(strstr(s->oauth.body[0], "&refresh_token=rtoken-1"));
	assert_false(retry(s));
	event_free(&ev);
}

/* What is kept is proven as strictly, and for an hour at the most. */
static void
test_later_refused(void **state)
{
	struct site *s = *state;
	enum install_end end;
	struct event ev;

	SCRIPT(s, oauth, { "503 Away", "", NULL, 0 }, { "200 OK",
	    site_pair(s, 0, "other", s->endpoint, "2"), NULL, 0 });
	install_event(s, &ev, "1");
	assert_int_equal(take(s, &ev, &end), ERR_OK);
	s->ahead_ms += 31000;
	assert_true(retry(s));
	site_says(s, "event=install-refused");
	assert_int_equal(waiting(s), 0);
	SCRIPT(s, oauth, { "503 Away", "", NULL, 0 });
	assert_int_equal(take(s, &ev, &end), ERR_OK);
	assert_int_equal(take(s, &ev, &end), ERR_OK);
	assert_int_equal(waiting(s), 1);	/* one, however often */
	s->ahead_ms += INSTALL_MS + 1000;
	assert_false(retry(s));
	assert_int_equal(waiting(s), 0);
	assert_string_equal(site_portal(s, s->store), "none");
	event_free(&ev);
}

/*
 * A newer one is kept already: this one is not, so nothing may be promised
 * before its proof.
 */
static void
test_older(void **state)
{
	struct site *s = *state;
	enum install_end end;
	struct event ev;

	SCRIPT(s, oauth, { "503 Away", "", NULL, 0 });
	install_event(s, &ev, "1");
	ev.ts = 1773759165;
	assert_int_equal(take(s, &ev, &end), ERR_OK);
	ev.ts = 1773759164;
	ev.refresh_token = own(&ev, "rtoken-older");
	SCRIPT(s, oauth, { "503 Away", "", NULL, 300 });
	assert_int_equal(take_within(s, &ev, 50, &end), ERR_DISK);
	assert_int_equal(waiting(s), 1);
	SCRIPT(s, oauth, { "200 OK", site_pair(s, 0, MEMBER, s->endpoint,
	    "2"), NULL, 300 });
	assert_int_equal(take_within(s, &ev, 50, &end), ERR_OK);
	assert_int_equal(end, INSTALL_DONE);
	/* and the newer one waits for its turn */
	assert_int_equal(waiting(s), 1);
	s->ahead_ms += 31000;
	SCRIPT(s, oauth, { "200 OK", site_pair(s, 0, MEMBER, s->endpoint,
	    "3"), NULL, 0 });
	assert_true(retry(s));
	assert_string_equal(site_portal(s, s->store),
	    "access-3 rtoken-3 here " APP_TOKEN);
	event_free(&ev);
}

/* Kept, and then a newer one was proven: it is over, without a call. */
static void
test_overtaken(void **state)
{
	struct site *s = *state;
	enum install_end end;
	struct event ev;

	SCRIPT(s, oauth, { "503 Away", "", NULL, 0 });
	install_event(s, &ev, "1");
	ev.ts = 1773759160;
	ev.application_token = own(&ev, "app-token-old");
	assert_int_equal(take(s, &ev, &end), ERR_OK);
	assert_int_equal(end, INSTALL_LATER);
	site_install(s, "7");
	s->ahead_ms += 31000;
	assert_false(retry(s));
	assert_int_equal(script_count(s, &s->oauth), 1);
	assert_int_equal(waiting(s), 0);
	assert_string_equal(site_portal(s, s->store),
	    "access-7 rtoken-7 here " APP_TOKEN);
	event_free(&ev);
}

/* The answer is due before the proof: it is kept by then. */
static void
test_slow_proof(void **state)
{
	struct site *s = *state;
	enum install_end end;
	struct event ev;

	install_event(s, &ev, "1");
	SCRIPT(s, oauth, { "200 OK", site_pair(s, 0, MEMBER, s->endpoint,
	    "2"), NULL, 300 });
	assert_int_equal(take_within(s, &ev, 50, &end), ERR_OK);
	assert_int_equal(end, INSTALL_DONE);
	event_free(&ev);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_proven), TEST(test_replays), TEST(test_missing),
		TEST(test_foreign_server), cmocka_unit_test(test_no_client),
		TEST(test_proof_of_another), TEST(test_later),
		TEST(test_later_refused), TEST(test_older),
		TEST(test_overtaken), TEST(test_slow_proof),
	};

	return cmocka_run_group_tests_name("portal/install", tests, NULL,
	    NULL);
}
