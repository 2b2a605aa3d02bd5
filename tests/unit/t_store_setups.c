/*
 * Portals that are to be set up: from their installation on, by one process
 * at a time, until it is done.
 */
#include "store_world.h"

#include "store/portals.h"
#include "store/setups.h"

#define URL "https://h.example.org/handler"
#define LEASE_MS ((int64_t)900000)

static struct arena arena;

static void
install(struct store_world *w, const char *member_id, const char *url)
{
	struct portal_saving v = { .store = w->store, .url = url,
	    .portal = { .member_id = member_id, .application_token = "app",
	    .endpoint = "https://a/rest/", .server_endpoint = "https://o/",
	    .access_token = "access", .refresh_token = "refresh" } };

	store_portal_save(&v);
	world_must(w, w->store, &v.db);
}

/* NULL: none is due. */
static const struct setup_row *
due(struct store_world *w, struct store *s)
{
	static struct setup_due d;

	d = (struct setup_due){ .arena = &arena };
	store_setup_due(&d);
	world_must(w, s, &d.db);
	return d.found ? &d.row : NULL;
}

static const struct setup_row *
row_of(struct store_world *w, const char *member_id)
{
	static struct setup_reading r;

	r = (struct setup_reading){ .member_id = member_id,
	    .arena = &arena };
	store_setup_read(&r);
	world_must(w, w->store, &r.db);
	return r.found ? &r.row : NULL;
}

static void
end(struct store_world *w, int64_t asked, enum setup_state state,
    const char *reason)
{
	struct setup_ending e = { .member_id = MEMBER, .asked = asked,
	    .state = state, .wait_ms = 5000, .reason = reason };

	store_setup_end(&e);
	world_must(w, w->store, &e.db);
}

static void
wish(struct store_world *w, const char *member_id, const char *url)
{
	struct setup_wish v = { .member_id = member_id, .url = url };

	store_setup_wish(&v);
	world_must(w, w->store, &v.db);
}

/* Due with its installation, in the same commit; once. */
static void
test_from_the_installation(void **state)
{
	struct store_world *w = *state;
	const struct setup_row *row;

	assert_null(due(w, w->store));
	assert_false(world_peek(w, w->store).setups);
	install(w, MEMBER, URL);
	assert_true(world_peek(w, w->store).setups);
	row = due(w, w->store);
	assert_non_null(row);
	assert_string_equal(row->member_id, MEMBER);
	assert_string_equal(row->url, URL);
	assert_int_equal(row->tries, 0);
	assert_null(due(w, w->store));
	assert_false(world_peek(w, w->store).setups);
	assert_int_equal(row_of(w, MEMBER)->state, SETUP_WANTED);
	assert_null(row_of(w, "another"));
	/* a refresh is none */
	end(w, 1, SETUP_DONE, NULL);
	assert_int_equal(row_of(w, MEMBER)->state, SETUP_DONE);
	assert_null(due(w, w->store));
}

static void
test_after_a_failure(void **state)
{
	struct store_world *w = *state;

	install(w, MEMBER, URL);
	for (int tries = 0; tries < 3; tries++) {
		assert_int_equal(due(w, w->store)->tries, tries);
		end(w, 1, tries == 1 ? SETUP_WAITS : SETUP_WANTED, "why");
		assert_string_equal(row_of(w, MEMBER)->reason, "why");
		assert_null(due(w, w->store));
		world_pass(w, 4999);
		assert_null(due(w, w->store));
		world_pass(w, 1);
	}
	assert_non_null(due(w, w->store));
	end(w, 1, SETUP_DONE, "why");
	assert_string_equal(row_of(w, MEMBER)->reason, "");
	world_pass(w, LEASE_MS);
	assert_null(due(w, w->store));
}

/* What was wished for meanwhile is not done by what ends then. */
static void
test_wished_meanwhile(void **state)
{
	struct store_world *w = *state;

	install(w, MEMBER, URL);
	assert_int_equal(due(w, w->store)->asked, 1);
	wish(w, MEMBER, NULL);
	end(w, 1, SETUP_DONE, NULL);
	assert_int_equal(due(w, w->store)->asked, 2);
	end(w, 2, SETUP_DONE, NULL);
	assert_null(due(w, w->store));
	install(w, MEMBER, NULL);		/* an update of it */
	assert_int_equal(due(w, w->store)->asked, 3);
}

/* The first URL stays: later senders may lie. */
static void
test_the_url_stays(void **state)
{
	struct store_world *w = *state;

	install(w, MEMBER, NULL);
	assert_string_equal(row_of(w, MEMBER)->url, "");
	wish(w, MEMBER, URL);
	assert_string_equal(row_of(w, MEMBER)->url, URL);
	wish(w, MEMBER, "https://evil.example.org/handler");
	install(w, MEMBER, "https://evil.example.org/handler");
	assert_string_equal(row_of(w, MEMBER)->url, URL);
}

/* Only what is installed is set up, and what is uninstalled is forgotten. */
static void
test_only_what_is_installed(void **state)
{
	struct store_world *w = *state;
	struct portal_change c = { .store = w->store,
	    .act = PORTAL_FORGOTTEN, .member_id = MEMBER };

	wish(w, MEMBER, URL);
	assert_null(row_of(w, MEMBER));
	install(w, MEMBER, URL);
	assert_int_equal(due(w, w->store)->asked, 1);
	store_portal_change(&c);
	world_must(w, w->store, &c.db);
	assert_null(row_of(w, MEMBER));
	end(w, 1, SETUP_DONE, NULL);
	assert_null(row_of(w, MEMBER));
}

/* Who claimed one dies: the next one does it at once. */
static void
test_a_dead_one(void **state)
{
	struct store_world *w = *state;
	struct store *other = world_store(w);

	install(w, MEMBER, URL);
	assert_non_null(due(w, other));
	assert_null(due(w, w->store));
	world_dies(w, &other);
	(void)world_look_all(w, w->store);
	assert_non_null(due(w, w->store));
	/* and one whose end was never written, some day */
	assert_null(due(w, w->store));
	world_pass(w, LEASE_MS);
	assert_non_null(due(w, w->store));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_from_the_installation),
		WORLD_TEST(test_after_a_failure),
		WORLD_TEST(test_wished_meanwhile),
		WORLD_TEST(test_the_url_stays),
		WORLD_TEST(test_only_what_is_installed),
		WORLD_TEST(test_a_dead_one),
	};
	int failed;

	arena_init(&arena, 16 * 1024);
	failed = cmocka_run_group_tests_name("store/setups", tests, NULL,
	    NULL);
	arena_free(&arena);
	return failed;
}
