/*
 * Portals with their tokens, whose turn it is to refresh them, and
 * installations that wait for their proof.
 */
#include "store_world.h"

#include "store/installs.h"
#include "store/portals.h"

static struct portal
portal_of(const char *access, const char *refresh, int64_t ts)
{
	return (struct portal){ .member_id = MEMBER,
	    .application_token = "app", .endpoint = "https://a/rest/",
	    .server_endpoint = "https://o/rest/", .access_token = access,
	    .refresh_token = refresh, .expires_ms = 5000, .ts = ts };
}

/* Saves, as an installation (spent: NULL) or after a refresh. */
static bool
save(struct store_world *w, struct store *s, const struct portal *p,
    const char *spent)
{
	struct portal_saving v = { .store = s, .portal = *p,
	    .spent = spent };

	store_portal_save(&v);
	world_must(w, s, &v.db);
	return !v.stale;
}

static bool
install(struct store_world *w, struct store *s, const char *access, int64_t ts)
{
	struct portal p = portal_of(access, "refresh", ts);

	return save(w, s, &p, NULL);
}

/* Reads it and compares the pair; NULL: it must not be there. */
static void
stored_is(struct store_world *w, const char *access, const char *refresh,
    const char *rejected)
{
	struct arena a;
	struct portal_reading r = { .member_id = MEMBER, .arena = &a };

	arena_init(&a, PORTAL_ARENA_MAX);
	store_portal_read(&r);
	world_must(w, w->store, &r.db);
	assert_int_equal(r.found, access != NULL);
	if (r.found) {
		assert_string_equal(r.portal.access_token, access);
		assert_string_equal(r.portal.refresh_token, refresh);
		assert_int_equal(r.portal.rejected != NULL, rejected != NULL);
	}
	if (rejected != NULL)
		assert_string_equal(r.portal.rejected, rejected);
	arena_free(&a);
}

static void
change(struct store_world *w, struct store *s, enum portal_act act,
    const char *text)
{
	struct portal_change c = { .store = s, .act = act,
	    .member_id = MEMBER, .text = text };

	store_portal_change(&c);
	world_must(w, s, &c.db);
}

static enum refresh
refresh(struct store_world *w, struct store *s, const char *failed)
{
	struct arena a;
	struct refresh_asking r = { .member_id = MEMBER, .failed = failed,
	    .arena = &a };

	arena_init(&a, PORTAL_ARENA_MAX);
	store_refresh_ask(&r);
	world_must(w, s, &r.db);
	arena_free(&a);
	return r.answer;
}

static void
test_every_field(void **state)
{
	struct store_world *w = *state;
	struct arena a;
	struct portal_reading r = { .member_id = MEMBER, .arena = &a };

	stored_is(w, NULL, NULL, NULL);
	world_pass(w, 9);
	assert_true(install(w, w->store, "access", 77));
	arena_init(&a, PORTAL_ARENA_MAX);
	store_portal_read(&r);
	world_must(w, w->store, &r.db);
	assert_true(r.found);
	assert_string_equal(r.portal.member_id, MEMBER);
	assert_string_equal(r.portal.application_token, "app");
	assert_string_equal(r.portal.endpoint, "https://a/rest/");
	assert_string_equal(r.portal.server_endpoint, "https://o/rest/");
	assert_string_equal(r.portal.access_token, "access");
	assert_string_equal(r.portal.refresh_token, "refresh");
	assert_int_equal(r.portal.expires_ms, 5000);
	assert_int_equal(r.portal.ts, 77);
	assert_int_equal(r.portal.changed_ms, w->now_ms);
	assert_null(r.portal.rejected);
	arena_free(&a);
}

/* A reader without room gets an error, never a half. */
static void
test_no_room(void **state)
{
	struct store_world *w = *state;
	struct arena a;
	struct portal_reading r = { .member_id = MEMBER, .arena = &a };

	assert_true(install(w, w->store, "access", 1));
	arena_init(&a, 20);
	store_portal_read(&r);
	assert_int_equal(store_now(w->store, &r.db, &w->problem), ERR_NOMEM);
	assert_false(r.found);
	arena_free(&a);
}

/* Only what was made for the pair that is stored replaces it. */
static void
test_stale(void **state)
{
	struct store_world *w = *state;
	struct portal fresh = portal_of("second", "r2", 50);

	/* a refresh of what was uninstalled brings nothing back */
	assert_false(save(w, w->store, &fresh, "refresh"));
	stored_is(w, NULL, NULL, NULL);
	assert_true(install(w, w->store, "first", 50));
	assert_false(install(w, w->store, "older", 49));
	stored_is(w, "first", "refresh", NULL);
	assert_false(save(w, w->store, &fresh, "another"));
	stored_is(w, "first", "refresh", NULL);
	assert_true(save(w, w->store, &fresh, "refresh"));
	stored_is(w, "second", "r2", NULL);
	assert_false(save(w, w->store, &fresh, "refresh"));
	assert_true(install(w, w->store, "same time", 50));
	assert_true(install(w, w->store, "newer", 51));
	stored_is(w, "newer", "refresh", NULL);
}

/* One at a time refreshes, among all processes, until it ends or dies. */
static void
test_refresh(void **state)
{
	struct store_world *w = *state;
	struct store *other = world_store(w);
	struct portal fresh = portal_of("second", "r2", 1);

	assert_int_equal(refresh(w, w->store, "access"), REFRESH_NONE);
	assert_true(install(w, w->store, "access", 1));
	assert_int_equal(refresh(w, w->store, "older"), REFRESH_NEWER);
	assert_int_equal(refresh(w, w->store, "access"), REFRESH_YOURS);
	assert_int_equal(refresh(w, other, "access"), REFRESH_BUSY);
	/* one of our own is left over: its end could not be written */
	assert_int_equal(refresh(w, w->store, "access"), REFRESH_YOURS);
	/* another's end is not ours */
	change(w, other, PORTAL_REFRESH_END, NULL);
	assert_int_equal(refresh(w, other, "access"), REFRESH_BUSY);
	change(w, w->store, PORTAL_REFRESH_END, NULL);
	assert_int_equal(refresh(w, other, "access"), REFRESH_YOURS);
	assert_true(save(w, other, &fresh, "refresh"));
	assert_int_equal(refresh(w, w->store, "access"), REFRESH_NEWER);
	assert_int_equal(refresh(w, w->store, "second"), REFRESH_YOURS);
	change(w, w->store, PORTAL_REFRESH_END, NULL);
	assert_int_equal(refresh(w, other, "second"), REFRESH_YOURS);
	world_dies(w, &other);
	assert_int_equal(refresh(w, w->store, "second"), REFRESH_YOURS);
}

static void
test_rejected(void **state)
{
	struct store_world *w = *state;

	assert_true(install(w, w->store, "access", 1));
	assert_int_equal(refresh(w, w->store, "access"), REFRESH_YOURS);
	change(w, w->store, PORTAL_REJECTED, "over");
	stored_is(w, "access", "refresh", "over");
	assert_int_equal(refresh(w, w->store, "access"), REFRESH_NONE);
	assert_int_equal(world_stats(w, w->store).rejected, 1);
	/* a new installation is a new beginning */
	assert_true(install(w, w->store, "new", 2));
	stored_is(w, "new", "refresh", NULL);
	assert_int_equal(world_stats(w, w->store).rejected, 0);
}

/* What was refused was the pair before: the new one is none the worse. */
static void
test_rejected_too_late(void **state)
{
	struct store_world *w = *state;
	struct store *other = world_store(w);

	assert_true(install(w, w->store, "first", 1));
	assert_int_equal(refresh(w, other, "first"), REFRESH_YOURS);
	assert_true(install(w, w->store, "second", 2));
	change(w, other, PORTAL_REJECTED, "over");
	stored_is(w, "second", "refresh", NULL);
	assert_int_equal(refresh(w, w->store, "second"), REFRESH_YOURS);
	world_dies(w, &other);
}

static bool
note_endpoint(void *ctx, const struct portal *p)
{
	(void)snprintf(ctx, 200, "%s", p->endpoint);
	return false;
}

static void
test_moved_and_forgotten(void **state)
{
	struct store_world *w = *state;
	char endpoint[200] = "";

	/* none is made by that */
	change(w, w->store, PORTAL_MOVED, "https://b/");
	stored_is(w, NULL, NULL, NULL);
	assert_true(install(w, w->store, "access", 1));
	change(w, w->store, PORTAL_MOVED, "https://b/rest/");
	assert_int_equal(store_portal_each(w->store, note_endpoint, endpoint,
	    &w->problem), ERR_OK);
	assert_string_equal(endpoint, "https://b/rest/");
	assert_int_equal(world_stats(w, w->store).portals, 1);
	change(w, w->store, PORTAL_FORGOTTEN, NULL);
	stored_is(w, NULL, NULL, NULL);
	assert_int_equal(world_stats(w, w->store).portals, 0);
}

/* An installation that is kept; member -1: MEMBER itself. */
static struct install_keeping
keep(struct store_world *w, struct store *s, int member, const char *token,
    int64_t ts, bool claim)
{
	char name[40] = MEMBER;
	struct install_keeping k = { .store = s, .claim = claim,
	    .install = { .application_token = token,
	    .endpoint = "https://a/rest/", .server_endpoint = "https://o/",
	    .access_token = "a", .refresh_token = "r", .ts = ts } };

	if (member >= 0)
		(void)snprintf(name, sizeof(name), "m%d", member);
	k.install.member_id = name;
	store_install_keep(&k);
	world_must(w, s, &k.db);
	k.install.member_id = NULL;
	return k;
}

/* Takes one that is due; its id, or 0. */
static int64_t
due(struct store_world *w, struct store *s, int64_t *next_ms)
{
	struct arena a;
	struct install_due d = { .store = s, .arena = &a };

	arena_init(&a, PORTAL_ARENA_MAX);
	store_install_due(&d);
	world_must(w, s, &d.db);
	if (next_ms != NULL)
		*next_ms = d.next_ms;
	if (d.found)
		assert_string_equal(d.install.endpoint, "https://a/rest/");
	arena_free(&a);
	return d.found ? d.install.id : 0;
}

static void
end(struct store_world *w, struct store *s, int64_t id, bool again)
{
	struct install_end_work e = { .id = id, .again = again,
	    .wait_ms = 5000 };

	store_install_end(&e);
	world_must(w, s, &e.db);
}

/* One is kept for a portal, the newest; what is known is not kept. */
static void
test_one_for_a_portal(void **state)
{
	struct store_world *w = *state;
	struct install_keeping a = keep(w, w->store, -1, "app", 10, false), b;

	assert_false(a.known || a.other);
	b = keep(w, w->store, -1, "app", 10, false);	/* the same again */
	assert_true(b.other);
	assert_int_equal(b.id, a.id);
	b = keep(w, w->store, -1, "app", 9, false);
	assert_true(b.other);
	assert_int_equal(b.id, a.id);
	b = keep(w, w->store, -1, "app", 11, false);
	assert_false(b.other);
	assert_int_not_equal(b.id, a.id);
	assert_int_equal(world_stats(w, w->store).installs, 1);
	assert_true(install(w, w->store, "access", 20));
	assert_true(keep(w, w->store, -1, "app", 20, false).known);
	assert_true(keep(w, w->store, -1, "app", 19, false).known);
	assert_false(keep(w, w->store, -1, "app", 21, false).known);
	assert_false(keep(w, w->store, -1, "else", 19, false).known);
}

static void
test_due(void **state)
{
	struct store_world *w = *state;
	struct store *other = world_store(w);
	int64_t id = keep(w, w->store, 1, "app", 1, true).id, next;

	assert_true(world_peek(w, w->store).installs);
	assert_int_equal(due(w, other, NULL), 0);	/* claimed */
	end(w, w->store, id, true);
	assert_int_equal(due(w, other, &next), 0);
	assert_int_equal(next, w->now_ms + 5000);
	world_pass(w, 5000);
	assert_int_equal(due(w, other, NULL), id);
	assert_int_equal(due(w, w->store, NULL), 0);
	world_dies(w, &other);
	assert_int_equal(due(w, w->store, NULL), id);
	end(w, w->store, id, true);
	w->now_ms -= 48 * 3600000LL;	/* set back: it is due, or gone */
	next = due(w, w->store, NULL);
	assert_true(next == id || world_stats(w, w->store).installs == 0);
	(void)keep(w, w->store, 2, "app", 1, false);
	id = due(w, w->store, NULL);
	assert_int_not_equal(id, 0);
	end(w, w->store, id, false);
	assert_int_equal(world_stats(w, w->store).installs, 0);
	assert_false(world_peek(w, w->store).installs);
}

/* They live for an hour. */
static void
test_old_ones(void **state)
{
	struct store_world *w = *state;

	(void)keep(w, w->store, 1, "app", 1, false);
	world_pass(w, INSTALL_MS);
	assert_int_not_equal(due(w, w->store, NULL), 0);
	world_pass(w, 1);
	assert_int_equal(due(w, w->store, NULL), 0);
	assert_int_equal(world_stats(w, w->store).installs, 0);
}

/* When all places are taken, the one that was tried most often goes. */
static void
test_crowd(void **state)
{
	struct store_world *w = *state;
	int64_t tried[3], id;

	for (int i = 0; i < 3; i++)
		(void)keep(w, w->store, i, "app", 1, false);
	for (int i = 0; i < 3; i++) {
		tried[i] = due(w, w->store, NULL);
		assert_int_not_equal(tried[i], 0);
	}
	/* the second once more */
	end(w, w->store, tried[1], true);
	world_pass(w, 5000);
	assert_int_equal(due(w, w->store, NULL), tried[1]);
	for (int i = 0; i < 3; i++)
		end(w, w->store, tried[i], true);
	for (int i = 3; i < INSTALLS_MAX + 1; i++)
		(void)keep(w, w->store, i, "app", 1, false);
	assert_int_equal(world_stats(w, w->store).installs, INSTALLS_MAX);
	world_pass(w, 60000);
	for (int i = 0; i < INSTALLS_MAX; i++) {
		id = due(w, w->store, NULL);
		assert_int_not_equal(id, 0);
		assert_int_not_equal(id, tried[1]);
	}
	assert_int_equal(due(w, w->store, NULL), 0);
}

/* Proven: what was kept for it is gone. */
static void
test_proven(void **state)
{
	struct store_world *w = *state;
	struct portal p = portal_of("access", "refresh", 5);
	struct portal_saving v = { .store = w->store, .portal = p };

	v.id = keep(w, w->store, -1, "app", 5, true).id;
	store_portal_save(&v);
	world_must(w, w->store, &v.db);
	assert_int_equal(world_stats(w, w->store).installs, 0);
	stored_is(w, "access", "refresh", NULL);
	/* and uninstalled, while another waits */
	(void)keep(w, w->store, -1, "other", 6, false);
	change(w, w->store, PORTAL_FORGOTTEN, NULL);
	assert_int_equal(world_stats(w, w->store).installs, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_every_field),
		WORLD_TEST(test_no_room),
		WORLD_TEST(test_stale),
		WORLD_TEST(test_refresh),
		WORLD_TEST(test_rejected),
		WORLD_TEST(test_rejected_too_late),
		WORLD_TEST(test_moved_and_forgotten),
		WORLD_TEST(test_one_for_a_portal),
		WORLD_TEST(test_due),
		WORLD_TEST(test_old_ones),
		WORLD_TEST(test_crowd),
		WORLD_TEST(test_proven),
	};

	return cmocka_run_group_tests_name("store/portals", tests, NULL, NULL);
}
