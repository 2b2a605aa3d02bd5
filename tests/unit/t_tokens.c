/*
 * The ladder's lower rungs: what is stored, a newer pair, one refresh among
 * all, and a new pair that lasts before anybody uses it.
 */
#include "portal/tokens.h"

#include "child.h"
#include "portal_world.h"

#include <sqlite3.h>
#include <sys/wait.h>

static int
start(void **state)
{
	*state = site_open(SITE_APP "[channel]\nurl = null:\n"
	    "[portal]\ntimeout = 2\n");
	return 0;
}

static int
stop(void **state)
{
	return site_close(*state);
}

struct got {
	enum tokens_end end;
	char token[64];
	char reason[TOKENS_REASON_MAX];
	int ends;
};

static struct got
get_by(struct site *s, struct store *store, const char *failed,
    bool may_refresh)
{
	struct patience patience;
	struct env env = s->relay.env;
	const char *token = "x";
	struct got g = { 0 };
	struct arena a;

	env.store = store;
	arena_init(&a, 1 << 20);
	patience = site_patience(s, 60000, &g.ends);
	g.end = tokens_get(&env, MEMBER, failed, may_refresh, &a, &patience,
	    &token, g.reason);
	(void)snprintf(g.token, sizeof(g.token), "%s",
	    token != NULL ? token : "");
	arena_free(&a);
	return g;
}

static struct got
get(struct site *s, const char *failed, bool may_refresh)
{
	struct got g;

	site_listen(s);
	g = get_by(s, s->store, failed, may_refresh);
	site_logged(s);
	assert_true((g.end == TOKENS_OK) == (g.token[0] != '\0'));
	return g;
}

static void
test_what_is_stored(void **state)
{
	struct site *s = *state;
	struct got g = get(s, NULL, true);

	assert_int_equal(g.end, TOKENS_NONE);
	assert_non_null(strstr(g.reason, "no tokens of this portal"));
	site_install(s, "1");
	assert_string_equal(get(s, NULL, false).token, "access-1");
	assert_string_equal(get(s, NULL, true).token, "access-1");
	/* another one failed: this is newer, or at least another */
	assert_string_equal(get(s, "access-0", true).token, "access-1");
	g = get(s, "access-1", false);
	assert_int_equal(g.end, TOKENS_AGAIN);
	assert_int_equal(script_count(s, &s->oauth), 0);
}

static void
test_refresh(void **state)
{
	struct site *s = *state;
	struct store *other = site_store(s);

	site_install(s, "1");
	SCRIPT(s, oauth, { "200 OK", site_pair(s, 0, MEMBER, s->endpoint,
	    "2"), NULL, 0 });
	assert_string_equal(get(s, "access-1", true).token, "access-2");
	site_says(s, "event=refreshed");
	assert_int_equal(script_count(s, &s->oauth), 1);
	assert_non_null(strstr(s->oauth.body[0], "&refresh_token=rtoken-1"));
	assert_string_equal(site_portal(s, other),
	    "access-2 rtoken-2 here " APP_TOKEN);
	/* whoever still has the old one gets the new one, without a call */
	assert_string_equal(get_by(s, other, "access-1", true).token,
	    "access-2");
	assert_int_equal(script_count(s, &s->oauth), 1);
	SCRIPT(s, oauth, { "200 OK", site_pair(s, 0, MEMBER, s->endpoint,
	    "3"), NULL, 0 });
	assert_string_equal(get_by(s, other, "access-2", true).token,
	    "access-3");
	assert_non_null(strstr(s->oauth.body[0], "&refresh_token=rtoken-2"));
	store_close(other);
}

static void
test_rejected(void **state)
{
	struct site *s = *state;
	struct got g;

	site_install(s, "1");
	SCRIPT(s, oauth, { "400 No", "{\"error\":\"invalid_grant\"}", NULL,
	    0 });
	g = get(s, "access-1", true);
	assert_int_equal(g.end, TOKENS_NONE);
	assert_non_null(strstr(g.reason, "invalid_grant"));
	site_says(s, "level=error event=refresh-rejected member_id=" MEMBER);
	assert_string_equal(site_portal(s, s->store),
	    "access-1 rtoken-1 here " APP_TOKEN " rejected");
	/* it is not tried again, but what is stored may serve others */
	g = get(s, "access-1", true);
	assert_int_equal(g.end, TOKENS_NONE);
	assert_non_null(strstr(g.reason, "installed again"));
	assert_int_equal(script_count(s, &s->oauth), 1);
	assert_string_equal(get(s, "access-0", true).token, "access-1");
	site_install(s, "2");
	assert_string_equal(get(s, "access-1", true).token, "access-2");
}

static void
test_later(void **state)
{
	struct site *s = *state;
	struct got g;

	site_install(s, "1");
	SCRIPT(s, oauth, { "500 Oops", "", NULL, 0 },
	    { "200 OK", "{\"error\":\"wrong_client\"}", NULL, 0 },
	    { "200 OK", site_pair(s, 0, "other-portal", s->endpoint, "9"),
	    NULL, 0 },
	    { "200 OK", site_pair(s, 1, MEMBER, s->endpoint, "2"), NULL, 0 });
	for (int i = 0; i < 3; i++) {
		g = get(s, "access-1", true);
		assert_int_equal(g.end, TOKENS_AGAIN);
		site_says(s, "event=refresh-failed");
		assert_string_equal(site_portal(s, s->store),
		    "access-1 rtoken-1 here " APP_TOKEN);
	}
	assert_non_null(strstr(g.reason, "another portal"));
	/* the claim was given back each time */
	assert_string_equal(get(s, "access-1", true).token, "access-2");
	assert_int_equal(script_count(s, &s->oauth), 4);
}

static void
test_server_endpoint(void **state)
{
	static const char *const servers[] = { "http://evil.org/",
		"https://user@127.0.0.1/", "undefined",
		"http://127.0.0.1:1/", "http://127.0.0.1/" };
	struct site *s = *state;
	struct portal p;
	char text[512], token[16], another[100];
	bool found;

	site_install(s, "0");
	(void)snprintf(another, sizeof(another), "%srest/", s->server);
	for (size_t i = 0; i < COUNT(servers) + 1; i++) {
		const char *server = i < COUNT(servers) ? servers[i] : another;

		(void)snprintf(text, sizeof(text), "{\"access_token\":"
		    "\"access-%zu\",\"refresh_token\":\"rtoken-x\","
		    "\"member_id\":\"" MEMBER "\",\"client_endpoint\":\"https:"
		    "//evil.org/\",\"server_endpoint\":\"%s\"}", i + 1,
		    server);
		SCRIPT(s, oauth, { "200 OK", text, NULL, 0 });
		(void)snprintf(token, sizeof(token), "access-%zu", i);
		assert_int_equal(get(s, token, true).end, TOKENS_OK);
		assert_int_equal(store_portal(s->store, MEMBER, &s->arena, &p,
		    &found, &s->problem), ERR_OK);
		assert_string_equal(p.server_endpoint, i < COUNT(servers) ?
		    s->server : server);
		/* a refresh is no installation */
		assert_string_equal(p.endpoint, s->endpoint);
		assert_int_equal(p.ts, 1773759161);
	}
}

struct runner {
	struct site *s;
	struct store *store;
	pthread_t thread;
	struct got got;
};

static void *
run_get(void *ctx)
{
	struct runner *r = ctx;

	r->got = get_by(r->s, r->store, "access-1", true);
	return NULL;
}

/* Threads of two processes: the stores are as strange to each other. */
static void
test_one_refresh(void **state)
{
	struct site *s = *state;
	struct store *other = site_store(s);
	struct runner r[10];

	site_install(s, "1");
	SCRIPT(s, oauth, { "200 OK", site_pair(s, 0, MEMBER, s->endpoint,
	    "2"), NULL, 300 }, { "400 No", "{\"error\":\"invalid_grant\"}",
	    NULL, 0 });
	site_listen(s);
	for (size_t i = 0; i < COUNT(r); i++) {
		r[i] = (struct runner){ .s = s,
		    .store = i % 2 != 0 ? other : s->store };
		if (pthread_create(&r[i].thread, NULL, run_get, &r[i]) != 0)
			abort();
	}
	for (size_t i = 0; i < COUNT(r); i++)
		(void)pthread_join(r[i].thread, NULL);
	site_logged(s);
	for (size_t i = 0; i < COUNT(r); i++) {
		assert_int_equal(r[i].got.end, TOKENS_OK);
		assert_string_equal(r[i].got.token, "access-2");
	}
	assert_int_equal(script_count(s, &s->oauth), 1);
	store_close(other);
}

/* Somebody refreshes: we wait for him, but the web server need not. */
static void
test_busy(void **state)
{
	struct site *s = *state;
	struct store *other = site_store(s);
	struct patience patience;
	enum refresh turn;
	const char *token;
	struct got g;

	site_install(s, "1");
	assert_int_equal(store_refresh_begin(other, MEMBER, "access-1", &turn,
	    &s->problem), ERR_OK);
	assert_int_equal(turn, REFRESH_YOURS);
	patience = site_patience(s, 100, &g.ends);
	g.end = tokens_get(&s->relay.env, MEMBER, "access-1", true, &s->arena,
	    &patience, &token, g.reason);
	assert_int_equal(g.end, TOKENS_AGAIN);
	assert_null(token);
	assert_non_null(strstr(g.reason, "another process"));
	assert_int_equal(g.ends, 1);
	assert_int_equal(script_count(s, &s->oauth), 0);
	/* a patience that is over has no end to look at */
	patience = (struct patience){ .run_out = patience_ends,
	    .ctx = &g.ends, .over = true };
	assert_int_equal(tokens_get(&s->relay.env, MEMBER, "access-1", true,
	    &s->arena, &patience, &token, g.reason), TOKENS_AGAIN);
	assert_int_equal(g.ends, 1);
	/* the other process is gone, and its claim with it */
	store_close(other);
	SCRIPT(s, oauth, { "200 OK", site_pair(s, 0, MEMBER, s->endpoint,
	    "2"), NULL, 0 });
	assert_string_equal(get(s, "access-1", true).token, "access-2");
}

static void
test_dead_process(void **state)
{
	struct site *s = *state;
	int status;
	pid_t pid;

	site_install(s, "1");
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct problem p = { 0 };
		enum refresh turn;

		child_ends(store_refresh_begin(site_store(s), MEMBER,
		    "access-1", &turn, &p) != ERR_OK || turn != REFRESH_YOURS);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	SCRIPT(s, oauth, { "200 OK", site_pair(s, 0, MEMBER, s->endpoint,
	    "2"), NULL, 0 });
	assert_string_equal(get(s, "access-1", true).token, "access-2");
}

static void
run_sql(const char *sql)
{
	sqlite3 *db;

	if (sqlite3_open(in_folder("queue.db"), &db) != SQLITE_OK ||
	    sqlite3_busy_timeout(db, 5000) != SQLITE_OK ||
	    sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		abort();
	(void)sqlite3_close(db);
}

/* What cannot be stored is not used: it would be lost with the process. */
static void
test_not_durable(void **state)
{
	struct site *s = *state;
	enum refresh turn;

	site_install(s, "1");
	run_sql("CREATE TRIGGER no BEFORE UPDATE OF access_token ON"
	    " portal BEGIN"
	    " SELECT RAISE(ABORT, 'no'); END");
	SCRIPT(s, oauth, { "200 OK", site_pair(s, 0, MEMBER, s->endpoint,
	    "2"), NULL, 0 });
	assert_int_equal(get(s, "access-1", true).end, TOKENS_AGAIN);
	site_says(s, "level=error event=tokens-lost member_id=" MEMBER);
	assert_string_equal(site_portal(s, s->store),
	    "access-1 rtoken-1 here " APP_TOKEN);
	/* the next may try at once */
	assert_int_equal(store_refresh_begin(s->store, MEMBER, "access-1",
	    &turn, &s->problem), ERR_OK);
	assert_int_equal(turn, REFRESH_YOURS);
}

/* The claim cannot be given back, either: as soon as the store can be
 * written it is. */
static void
test_not_given_back(void **state)
{
	struct site *s = *state;
	struct store *other = site_store(s);
	enum refresh turn;

	site_install(s, "1");
	SCRIPT(s, oauth, { "503 Away", "", NULL, 0 });
	run_sql("CREATE TRIGGER no BEFORE UPDATE OF lease ON portal"
	    " WHEN new.owner = 0 BEGIN SELECT RAISE(ABORT, 'no'); END");
	assert_int_equal(get(s, "access-1", true).end, TOKENS_AGAIN);
	run_sql("DROP TRIGGER no");
	assert_int_equal(store_refresh_begin(other, MEMBER, "access-1",
	    &turn, &s->problem), ERR_OK);
	assert_int_equal(turn, REFRESH_BUSY);
	store_refresh_settle(s->store);
	assert_int_equal(store_refresh_begin(other, MEMBER, "access-1",
	    &turn, &s->problem), ERR_OK);
	assert_int_equal(turn, REFRESH_YOURS);
	/* given back once: the other's claim is not ours to end */
	store_refresh_settle(s->store);
	assert_int_equal(store_refresh_end(s->store, MEMBER, &s->problem),
	    ERR_OK);
	assert_int_equal(store_refresh_begin(s->store, MEMBER, "access-1",
	    &turn, &s->problem), ERR_OK);
	assert_int_equal(turn, REFRESH_BUSY);
	store_close(other);
}

/* While the OAuth server is asked something happens to the portal. */
struct meanwhile {
	struct site *s;
	void (*what)(struct site *, struct store *);
};

static void *
run_meanwhile(void *ctx)
{
	struct meanwhile *m = ctx;
	struct store *store = site_store(m->s);

	while (script_count(m->s, &m->s->oauth) == 0)
		nap(5);
	m->what(m->s, store);
	store_close(store);
	return NULL;
}

static struct got
get_while(struct site *s, void (*what)(struct site *, struct store *),
    const char *status, const char *body)
{
	struct meanwhile m = { s, what };
	pthread_t thread;
	struct got g;

	assert_int_equal(store_portal_forget(s->store, MEMBER, &s->problem),
	    ERR_OK);
	site_install(s, "1");
	SCRIPT(s, oauth, { status, body, NULL, 600 });
	if (pthread_create(&thread, NULL, run_meanwhile, &m) != 0)
		abort();
	g = get(s, "access-1", true);
	(void)pthread_join(thread, NULL);
	return g;
}

static void
installs(struct site *s, struct store *store)
{
	const struct portal p = { .member_id = MEMBER,
	    .application_token = "app-token-new", .endpoint = s->endpoint,
	    .server_endpoint = s->server, .access_token = "access-9",
	    .refresh_token = "rtoken-9", .ts = 1773759169 };
	struct problem problem = { 0 };

	if (store_portal_save(store, &p, &problem) != ERR_OK)
		abort();
}

static void
uninstalls(struct site *s, struct store *store)
{
	struct problem problem = { 0 };

	(void)s;
	if (store_portal_forget(store, MEMBER, &problem) != ERR_OK)
		abort();
}

/* Longer than one look at the store waits. */
static void
blocks(struct site *s, struct store *store)
{
	sqlite3 *db;

	(void)s;
	(void)store;
	if (sqlite3_open(in_folder("queue.db"), &db) != SQLITE_OK ||
	    sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) !=
	    SQLITE_OK)
		abort();
	nap(3500);
	if (sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		abort();
	(void)sqlite3_close(db);
}

static void
test_installed_anew_meanwhile(void **state)
{
	struct site *s = *state;
	static const char now[] = "access-9 rtoken-9 here app-token-new";

	assert_string_equal(get_while(s, installs, "400 No",
	    "{\"error\":\"invalid_grant\"}").token, "access-9");
	assert_string_equal(site_portal(s, s->store), now);
	assert_string_equal(get_while(s, installs, "200 OK", site_pair(s, 0,
	    MEMBER, s->endpoint, "2")).token, "access-9");
	assert_string_equal(site_portal(s, s->store), now);
}

static void
test_uninstalled_meanwhile(void **state)
{
	struct site *s = *state;

	assert_int_equal(get_while(s, uninstalls, "200 OK", site_pair(s, 0,
	    MEMBER, s->endpoint, "2")).end, TOKENS_NONE);
	assert_string_equal(site_portal(s, s->store), "none");
}

static void
test_store_busy_meanwhile(void **state)
{
	struct site *s = *state;

	assert_string_equal(get_while(s, blocks, "200 OK", site_pair(s, 0,
	    MEMBER, s->endpoint, "2")).token, "access-2");
	assert_string_equal(site_portal(s, s->store),
	    "access-2 rtoken-2 here " APP_TOKEN);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_is_stored), TEST(test_refresh),
		TEST(test_rejected), TEST(test_later),
		TEST(test_server_endpoint), TEST(test_one_refresh),
		TEST(test_busy), TEST(test_dead_process),
		TEST(test_not_durable), TEST(test_not_given_back),
		TEST(test_installed_anew_meanwhile),
		TEST(test_uninstalled_meanwhile),
		TEST(test_store_busy_meanwhile),
	};

	return cmocka_run_group_tests_name("portal/tokens", tests, NULL,
	    NULL);
}
