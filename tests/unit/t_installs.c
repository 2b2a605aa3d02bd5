/*
 * Installations that wait for their proof: at most a hundred, for an hour,
 * each one tried by one process at a time.
 *
 * Run by make check.
 */
#include "store/portals.h"

#include "claim_world.h"

static bool
keep_by(struct world *w, struct store *s, const char *member_id,
    const char *refresh, int64_t next_ms, int64_t *id)
{
	const struct install in = { .member_id = member_id,
	    .application_token = "app", .endpoint = "https://a/rest/",
	    .server_endpoint = "https://o/rest/", .access_token = "access",
	    .refresh_token = refresh, .expires_in = 3600, .ts = 77 };
	bool kept = false;

	assert_int_equal(store_install_keep(s, &in, next_ms, id, &kept,
	    &w->problem), ERR_OK);
	assert_int_equal(*id != 0, kept);
	return kept;
}

static int64_t
keep(struct world *w, const char *member_id, int64_t wait_ms)
{
	int64_t id = -1;

	assert_true(keep_by(w, w->store, member_id, "refresh",
	    w->now_ms + wait_ms, &id));
	return id;
}

static void
again(struct world *w, int64_t id, int64_t wait_ms)
{
	assert_int_equal(store_install_again(w->store, id,
	    w->now_ms + wait_ms, &w->problem), ERR_OK);
}

static int64_t
due(struct world *w)
{
	struct install in = { .id = -1 };
	bool found = true;

	assert_int_equal(store_install_due(w->store, &w->arena, &in, &found,
	    &w->problem), ERR_OK);
	return found ? in.id : 0;
}

static int64_t
count(struct world *w)
{
	return number(w, "SELECT count(*) FROM install");
}

static void
test_every_field(void **state)
{
	struct world *w = *state;
	struct install in;
	bool found;
	int64_t id;

	assert_int_equal(due(w), 0);
	id = keep(w, "m", 0);
	assert_int_equal(due(w), 0);		/* it is ours to prove */
	again(w, id, 0);
	assert_int_equal(store_install_due(w->store, &w->arena, &in, &found,
	    &w->problem), ERR_OK);
	assert_true(found);
	assert_int_equal(in.id, id);
	assert_string_equal(in.member_id, "m");
	assert_string_equal(in.application_token, "app");
	assert_string_equal(in.endpoint, "https://a/rest/");
	assert_string_equal(in.server_endpoint, "https://o/rest/");
	assert_string_equal(in.access_token, "access");
	assert_string_equal(in.refresh_token, "refresh");
	assert_int_equal(in.expires_in, 3600);
	assert_int_equal(in.ts, 77);
	assert_int_equal(in.received_ms, w->now_ms);
	assert_int_equal(due(w), 0);
	/* nothing acts on it: no portal is known by that */
	assert_int_equal(number(w, "SELECT count(*) FROM portal"), 0);
	assert_int_equal(store_install_done(w->store, id, &w->problem),
	    ERR_OK);
	assert_int_equal(count(w), 0);
}

static void
test_due(void **state)
{
	struct world *w = *state;
	int64_t a = keep(w, "a", 0), b = keep(w, "b", 0);

	again(w, a, 200);
	again(w, b, 100);
	assert_int_equal(due(w), 0);
	w->now_ms += 199;
	assert_int_equal(due(w), b);
	assert_int_equal(due(w), 0);
	w->now_ms += 1;
	assert_int_equal(due(w), a);
	again(w, a, 0);
	assert_int_equal(due(w), a);
	/* a wait beyond an hour is a clock that jumped */
	again(w, a, INSTALL_MS + 1);
	assert_int_equal(due(w), a);
	again(w, a, INSTALL_MS);
	assert_int_equal(due(w), 0);
}

/* At most a hundred; what is kept already may come again. */
static void
test_cap(void **state)
{
	struct world *w = *state;
	int64_t id = -1, first = 0;

	for (int i = 0; i < INSTALLS_MAX; i++) {
		char member[16];

		(void)snprintf(member, sizeof(member), "m%d", i);
		assert_true(keep_by(w, w->store, member, "refresh", 0, &id));
		first = i == 0 ? id : first;
	}
	assert_false(keep_by(w, w->store, "one more", "refresh", 0, &id));
	assert_int_equal(count(w), INSTALLS_MAX);
	assert_true(keep_by(w, w->store, "m7", "refresh", 0, &id));
	assert_int_equal(count(w), INSTALLS_MAX);
	assert_false(keep_by(w, w->store, "m7", "another", 0, &id));
	assert_int_equal(store_install_done(w->store, first, &w->problem),
	    ERR_OK);
	assert_true(keep_by(w, w->store, "one more", "refresh", 0, &id));
	assert_false(keep_by(w, w->store, "two more", "refresh", 0, &id));
	/* old ones make room */
	w->now_ms += INSTALL_MS + 1;
	assert_true(keep_by(w, w->store, "two more", "refresh", 0, &id));
	assert_int_equal(count(w), 1);
}

/* The same tokens are the same installation. */
static void
test_replaced(void **state)
{
	struct world *w = *state;
	int64_t a = keep(w, "a", 0), b, other;

	w->now_ms += 5;
	b = keep(w, "a", 0);
	assert_int_not_equal(a, b);
	assert_int_equal(count(w), 1);
	assert_int_equal(number(w, "SELECT received_ms - 1773759162000 FROM"
	    " install"), 5);
	assert_true(keep_by(w, w->store, "a", "another", 0, &other));
	assert_true(keep_by(w, w->store, "b", "refresh", 0, &other));
	assert_int_equal(count(w), 3);
	/* the end of the one that was replaced is not the end of the other */
	assert_int_equal(store_install_done(w->store, a, &w->problem),
	    ERR_OK);
	again(w, a, 0);
	assert_int_equal(count(w), 3);
	assert_int_equal(due(w), 0);
}

/* An hour, also if the clock jumps. */
static void
test_an_hour(void **state)
{
	struct world *w = *state;
	int64_t id = keep(w, "a", 0);

	again(w, id, 0);
	w->now_ms += INSTALL_MS;
	assert_int_equal(due(w), id);
	again(w, id, 0);
	w->now_ms += 1;
	assert_int_equal(due(w), 0);
	assert_int_equal(count(w), 0);
	id = keep(w, "a", 0);
	again(w, id, -INSTALL_MS - 1);
	w->now_ms -= INSTALL_MS;
	assert_int_equal(due(w), id);
	again(w, id, 0);
	w->now_ms -= 1;
	assert_int_equal(due(w), 0);
	assert_int_equal(count(w), 0);
}

static void
test_claims(void **state)
{
	struct world *w = *state;
	struct store *other = store_of(w, 1000, true);
	int64_t id;

	assert_true(keep_by(w, other, "a", "refresh", w->now_ms, &id));
	assert_int_equal(due(w), 0);
	/* its process is gone */
	store_close(other);
	assert_int_equal(due(w), id);
	w->mono_ms += LEASE - 1;
	assert_int_equal(due(w), 0);
	w->mono_ms += 1;
	assert_int_equal(due(w), id);
}

/* No room for the texts: told, and nothing is claimed. */
static void
test_no_room(void **state)
{
	struct world *w = *state;
	struct problem p = { 0 };
	struct install in;
	struct arena small;
	int64_t id = keep(w, "a", 0);
	bool found = true;

	again(w, id, 0);
	arena_init(&small, 20);
	assert_int_equal(store_install_due(w->store, &small, &in, &found, &p),
	    ERR_DISK);
	arena_free(&small);
	assert_false(found);
	assert_string_equal(p.text, "the store failed: out of memory");
	assert_int_equal(due(w), id);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_every_field),
		WORLD_TEST(test_due),
		WORLD_TEST(test_cap),
		WORLD_TEST(test_replaced),
		WORLD_TEST(test_an_hour),
		WORLD_TEST(test_claims),
		WORLD_TEST(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
