/*
 * Portals and their tokens: saved, looked up, rejected, moved, forgotten;
 * one refresh at a time; parked messages go on.
 *
 * Run by make check.
 */
#include "store/portals.h"

#include "claim_world.h"

#include <signal.h>

#define MEMBER "bac1cd5c8940947a75e0d71b1a84e348"
#define COLUMNS "SELECT member_id, application_token, endpoint," \
	" server_endpoint, access_token, refresh_token, expires_ms, ts," \
	" rejected, changed_ms - 1773759162000, owner <> 0, lease FROM" \
	" portal ORDER BY member_id"

static struct portal
portal_of(const char *member_id, const char *access)
{
	return (struct portal){ .member_id = member_id,
	    .application_token = "app", .endpoint = "https://a/rest/",
	    .server_endpoint = "https://o/rest/", .access_token = access,
	    .refresh_token = "refresh", .expires_ms = 5000, .ts = 77 };
}

static void
save(struct world *w, const char *member_id, const char *access)
{
	const struct portal p = portal_of(member_id, access);

	assert_int_equal(store_portal_save(w->store, &p, &w->problem),
	    ERR_OK);
}

static bool
find(struct world *w, const char *member_id, struct portal *out)
{
	bool found = true;

	assert_int_equal(store_portal(w->store, member_id, &w->arena, out,
	    &found, &w->problem), ERR_OK);
	return found;
}

static enum refresh
begin(struct world *w, struct store *s, const char *failed)
{
	enum refresh r = (enum refresh)99;

	assert_int_equal(store_refresh_begin(s, MEMBER, failed, &r,
	    &w->problem), ERR_OK);
	return r;
}

static void
reject(struct world *w)
{
	assert_int_equal(store_portal_rejected(w->store, MEMBER, "over",
	    &w->problem), ERR_OK);
}

static void
test_save_and_find(void **state)
{
	struct world *w = *state;
	struct portal p;

	assert_false(find(w, MEMBER, &p));
	w->now_ms += 9;
	save(w, MEMBER, "access");
	save(w, "other", "theirs");
	assert_true(find(w, MEMBER, &p));
	assert_string_equal(p.member_id, MEMBER);
	assert_string_equal(p.application_token, "app");
	assert_string_equal(p.endpoint, "https://a/rest/");
	assert_string_equal(p.server_endpoint, "https://o/rest/");
	assert_string_equal(p.access_token, "access");
	assert_string_equal(p.refresh_token, "refresh");
	assert_int_equal(p.expires_ms, 5000);
	assert_int_equal(p.ts, 77);
	assert_null(p.rejected);
	assert_int_equal(p.changed_ms, 1773759162009);
	assert_false(find(w, "BAC1CD5C8940947A75E0D71B1A84E348", &p));
	assert_false(find(w, "", &p));
	/* a new pair takes the place of the old one */
	save(w, MEMBER, "newer");
	assert_string_equal(look(w, COLUMNS),
	    MEMBER "|app|https://a/rest/|https://o/rest/|newer|refresh|5000|"
	    "77|null|9|0|0|\n"
	    "other|app|https://a/rest/|https://o/rest/|theirs|refresh|5000|"
	    "77|null|9|0|0|\n");
}

/* No room for the texts is no "not installed". */
static void
test_no_room(void **state)
{
	struct world *w = *state;
	struct problem problem = { 0 };
	struct arena small;
	struct portal p;
	bool found = true;

	save(w, MEMBER, "access");
	arena_init(&small, 20);
	assert_int_equal(store_portal(w->store, MEMBER, &small, &p, &found,
	    &problem), ERR_DISK);
	assert_false(found);
	assert_string_equal(problem.text, "the store failed: out of memory");
	arena_free(&small);
	assert_true(find(w, MEMBER, &p));
}

static void
test_rejected(void **state)
{
	struct world *w = *state;
	struct portal p;

	save(w, MEMBER, "access");
	save(w, "other", "theirs");
	assert_int_equal(begin(w, w->store, "access"), REFRESH_YOURS);
	w->now_ms += 3;
	reject(w);
	assert_string_equal(look(w, COLUMNS),
	    MEMBER "|app|https://a/rest/|https://o/rest/|access|refresh|5000|"
	    "77|over|3|0|0|\n"
	    "other|app|https://a/rest/|https://o/rest/|theirs|refresh|5000|"
	    "77|null|0|0|0|\n");
	assert_true(find(w, MEMBER, &p));
	assert_string_equal(p.rejected, "over");
	assert_int_equal(begin(w, w->store, "access"), REFRESH_NONE);
	assert_int_equal(begin(w, w->store, "another"), REFRESH_NONE);
	/* a new installation heals it */
	save(w, MEMBER, "access");
	assert_true(find(w, MEMBER, &p));
	assert_null(p.rejected);
	assert_int_equal(begin(w, w->store, "access"), REFRESH_YOURS);
}

static void
test_moved(void **state)
{
	struct world *w = *state;

	save(w, MEMBER, "access");
	save(w, "other", "theirs");
	w->now_ms += 3;
	assert_int_equal(store_portal_moved(w->store, MEMBER,
	    "https://b/rest/", &w->problem), ERR_OK);
	assert_string_equal(look(w, "SELECT endpoint, access_token,"
	    " changed_ms - 1773759162000 FROM portal ORDER BY member_id"),
	    "https://b/rest/|access|3|\nhttps://a/rest/|theirs|0|\n");
	/* one that is not installed is not made by that */
	assert_int_equal(store_portal_moved(w->store, "nobody", "https://b/",
	    &w->problem), ERR_OK);
	assert_int_equal(number(w, "SELECT count(*) FROM portal"), 2);
}

static void
test_forgotten(void **state)
{
	static const char *const members[] = { MEMBER, "other" };
	struct world *w = *state;
	struct work work, *all = &work;
	const struct call call = { .work = &all, .n = 1 };
	const struct call_end end = { .acknowledged = true, .reset_ms = 123 };
	struct portal p;

	(void)take_in(w, "A", 1);
	(void)deliver(w, 1);
	work = work_of(w, 1);
	assert_int_equal(store_call_end(w->store, &call, &end, NULL, NULL,
	    &w->problem), ERR_OK);
	for (size_t i = 0; i < COUNT(members); i++) {
		struct install in = { .member_id = members[i],
		    .application_token = "", .endpoint = "",
		    .server_endpoint = "", .access_token = "",
		    .refresh_token = "", .ts = 78 };
		enum kept kept;

		save(w, members[i], "access");
		assert_int_equal(store_install_keep(w->store, &in, 1, &kept,
		    &w->problem), ERR_OK);
		assert_int_equal(kept, i == 0 ? KEPT_CLAIMED : KEPT_WAITING);
	}
	assert_int_equal(store_reset_ms(w->store, MEMBER), 123);
	assert_int_equal(store_portal_forget(w->store, MEMBER, &w->problem),
	    ERR_OK);
	assert_false(find(w, MEMBER, &p));
	assert_true(find(w, "other", &p));
	assert_int_equal(store_reset_ms(w->store, MEMBER), 0);
	assert_string_equal(look(w, "SELECT member_id FROM install"),
	    "other|\n");
	assert_int_equal(begin(w, w->store, "access"), REFRESH_NONE);
	/* its messages are the operator's business */
	assert_int_equal(number(w, "SELECT count(*) FROM message"), 1);
}

static void
test_refresh(void **state)
{
	struct world *w = *state;
	struct store *other = store_of(w, 1000, true);
	struct portal p = portal_of(MEMBER, "access");

	assert_int_equal(begin(w, w->store, "access"), REFRESH_NONE);
	save(w, MEMBER, "access");
	/* somebody has a newer pair already: take that */
	assert_int_equal(begin(w, w->store, "older"), REFRESH_NEWER);
	assert_int_equal(begin(w, w->store, "access"), REFRESH_YOURS);
	assert_int_equal(begin(w, w->store, "access"), REFRESH_BUSY);
	assert_int_equal(begin(w, other, "access"), REFRESH_BUSY);
	assert_int_equal(begin(w, other, "older"), REFRESH_NEWER);
	/* given up: another may */
	assert_int_equal(store_refresh_end(w->store, MEMBER, &w->problem),
	    ERR_OK);
	assert_int_equal(begin(w, other, "access"), REFRESH_YOURS);
	assert_int_equal(begin(w, w->store, "access"), REFRESH_BUSY);
	/* a new pair ends it */
	p.access_token = "second";
	assert_int_equal(store_portal_save(other, &p, &w->problem), ERR_OK);
	assert_int_equal(begin(w, w->store, "access"), REFRESH_NEWER);
	assert_int_equal(begin(w, w->store, "second"), REFRESH_YOURS);
	/* what has no refresh token cannot be refreshed */
	p.refresh_token = "";
	assert_int_equal(store_portal_save(other, &p, &w->problem), ERR_OK);
	assert_int_equal(begin(w, w->store, "second"), REFRESH_NONE);
	store_close(other);
}

/* The older never replaces the newer; a renewal only what it spent. */
static void
test_newest(void **state)
{
	struct world *w = *state;
	struct portal p = portal_of(MEMBER, "old"), now;

	save(w, MEMBER, "first");
	p.ts = 76;
	assert_int_equal(store_portal_save(w->store, &p, &w->problem),
	    ERR_OK);
	assert_true(find(w, MEMBER, &now));
	assert_string_equal(now.access_token, "first");
	p.access_token = "renewed";
	p.refresh_token = "refresh-2";
	assert_int_equal(store_portal_renew(w->store, &p, "another",
	    &w->problem), ERR_OK);
	assert_true(find(w, MEMBER, &now));
	assert_string_equal(now.access_token, "first");
	assert_int_equal(begin(w, w->store, "first"), REFRESH_YOURS);
	assert_int_equal(store_portal_renew(w->store, &p, "refresh",
	    &w->problem), ERR_OK);
	assert_true(find(w, MEMBER, &now));
	assert_string_equal(now.access_token, "renewed");
	assert_int_equal(now.ts, 77);
	assert_int_equal(begin(w, w->store, "renewed"), REFRESH_YOURS);
	assert_int_equal(store_portal_forget(w->store, MEMBER, &w->problem),
	    ERR_OK);
	assert_int_equal(store_portal_renew(w->store, &p, "refresh-2",
	    &w->problem), ERR_OK);
	assert_false(find(w, MEMBER, &now));
}

/* A refresher that died, or hangs, is followed by another. */
static void
test_refresh_void(void **state)
{
	struct world *w = *state;
	struct store *other = store_of(w, 1000, true);

	save(w, MEMBER, "access");
	assert_int_equal(begin(w, other, "access"), REFRESH_YOURS);
	assert_int_equal(begin(w, w->store, "access"), REFRESH_BUSY);
	store_close(other);
	assert_int_equal(begin(w, w->store, "access"), REFRESH_YOURS);
	w->mono_ms += LEASE - 1;
	assert_int_equal(begin(w, w->store, "access"), REFRESH_BUSY);
	w->mono_ms += 1;
	assert_int_equal(begin(w, w->store, "access"), REFRESH_YOURS);
	w->mono_ms -= 1;
	assert_int_equal(begin(w, w->store, "access"), REFRESH_YOURS);
}

/* New tokens: what was parked for the want of them is due now. */
static void
test_unparked(void **state)
{
	struct world *w = *state;

	(void)take_in(w, "A", 1);
	(void)take_in(w, "B", 2);
	(void)take_in(w, "C", 3);
	(void)take_in(w, "D", 4);
	for (int64_t i = 1; i <= 3; i++)
		(void)deliver(w, i);
	postpone(w, 1, GIVE_UP, HOLD_PARKED);
	postpone(w, 2, 5000, HOLD_DOWN);
	postpone(w, 3, 6000, HOLD_NONE);
	postpone(w, 4, 7000, HOLD_NONE);
	save(w, "other", "theirs");
	assert_int_equal(column(w, "hold", 1), HOLD_PARKED);
	/* another address is no new pair */
	assert_int_equal(store_portal_moved(w->store, MEMBER, "https://b/",
	    &w->problem), ERR_OK);
	assert_int_equal(claim_due(w), 0);
	w->now_ms += 4;
	save(w, MEMBER, "access");
	assert_string_equal(look(w, "SELECT id, hold,"
	    " next_ms - 1773759162000 FROM message ORDER BY id"),
	    "1|0|4|\n2|1|5000|\n3|0|6000|\n4|0|7000|\n");
	assert_int_equal(claim_due(w), 1);
}

struct list {
	char text[64];
	int stop_at, calls;
};

static bool
note(void *ctx, const struct portal *p)
{
	struct list *l = ctx;
	size_t n = strlen(l->text);

	(void)snprintf(l->text + n, sizeof(l->text) - n, "%s %s %s;",
	    p->member_id, p->access_token,
	    p->rejected != NULL ? p->rejected : "-");
	return ++l->calls != l->stop_at;
}

static void
test_each(void **state)
{
	static const char *const want[] = { "a one -;b two over;c three -;",
		"a one -;", "a one -;b two over;" };
	struct world *w = *state;

	save(w, "c", "three");
	save(w, "a", "one");
	save(w, "b", "two");
	assert_int_equal(store_portal_rejected(w->store, "b", "over",
	    &w->problem), ERR_OK);
	for (int i = 0; i < 3; i++) {
		struct list l = { .stop_at = i };

		assert_int_equal(store_portal_each(w->store, note, &l,
		    &w->problem), ERR_OK);
		assert_string_equal(l.text, want[i]);
	}
}

/* A pair that could not be written: the old one is as it was. */
static void
test_failure(void **state)
{
	struct world *w = *state;
	struct problem p = { 0 };
	struct portal pair = portal_of(MEMBER, "second");
	sqlite3 *db;

	(void)take_in(w, "A", 1);
	(void)deliver(w, 1);
	postpone(w, 1, 5000, HOLD_PARKED);
	save(w, "x", "access");
	db = outside(w);
	outside_run(db, "CREATE TRIGGER t BEFORE UPDATE ON message BEGIN"
	    " SELECT RAISE(ABORT, 'stop'); END");
	assert_int_equal(store_portal_save(w->store, &pair, &p), ERR_DISK);
	assert_string_equal(p.text, "the store failed: stop");
	assert_string_equal(look(w, "SELECT member_id FROM portal"), "x|\n");
	outside_run(db, "DROP TRIGGER t");
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	save(w, MEMBER, "second");
	assert_int_equal(claim_due(w), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_save_and_find),
		WORLD_TEST(test_no_room),
		WORLD_TEST(test_rejected),
		WORLD_TEST(test_moved),
		WORLD_TEST(test_forgotten),
		WORLD_TEST(test_refresh),
		WORLD_TEST(test_refresh_void),
		WORLD_TEST(test_newest),
		WORLD_TEST(test_unparked),
		WORLD_TEST(test_each),
		WORLD_TEST(test_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
