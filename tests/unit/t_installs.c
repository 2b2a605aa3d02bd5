/*
 * Installations that wait for their proof: at most a hundred, for an hour,
 * each one tried by one process at a time.
 */
#include "store/portals.h"
#include "store/queue.h"

#include "claim_world.h"

#include <pthread.h>

static struct install
install_of(const char *member_id, const char *refresh, int64_t ts)
{
	return (struct install){ .id = -1, .member_id = member_id,
	    .application_token = "app", .endpoint = "https://a/rest/",
	    .server_endpoint = "https://o/rest/", .access_token = "access",
	    .refresh_token = refresh, .expires_in = 3600, .ts = ts };
}

/* With places for all. */
static enum kept
keep_by(struct world *w, struct store *s, const char *member_id,
    const char *refresh, int64_t ts, int64_t *id)
{
	struct install in = install_of(member_id, refresh, ts);
	enum kept kept;

	assert_int_equal(store_install_keep(s, &in, INT64_MAX, &kept,
	    &w->problem), ERR_OK);
	*id = in.id;
	return kept;
}

static int64_t
keep(struct world *w, const char *member_id)
{
	int64_t id;

	assert_int_equal(keep_by(w, w->store, member_id, "refresh", 77, &id),
	    KEPT_CLAIMED);
	return id;
}

static enum kept
keep_in(struct world *w, const char *member_id, int64_t places)
{
	struct install in = install_of(member_id, "refresh", 77);
	enum kept kept;

	assert_int_equal(store_install_keep(w->store, &in, places, &kept,
	    &w->problem), ERR_OK);
	return kept;
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

	assert_int_equal(store_install_due(w->store, INT64_MAX, &w->arena, &in,
	    &found, &w->problem), ERR_OK);
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
	id = keep(w, "m");
	assert_int_equal(due(w), 0);		/* it is ours to prove */
	again(w, id, 0);
	assert_int_equal(store_install_due(w->store, INT64_MAX, &w->arena, &in,
	    &found, &w->problem), ERR_OK);
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
	int64_t a = keep(w, "a"), b = keep(w, "b");

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

static void
fill(struct world *w)
{
	for (int i = 0; i < INSTALLS_MAX; i++) {
		char member[16];

		(void)snprintf(member, sizeof(member), "m%d", i);
		assert_int_equal(keep_in(w, member, 0), KEPT_WAITING);
		w->now_ms++;
	}
}

static bool
is_kept(struct world *w, const char *member_id)
{
	char sql[100];

	(void)snprintf(sql, sizeof(sql),
	    "SELECT count(*) FROM install WHERE member_id = '%s'", member_id);
	return number(w, sql) == 1;
}

/* At most a hundred: the one that was tried most often gives way. */
static void
test_cap(void **state)
{
	struct world *w = *state;
	int64_t id;

	fill(w);
	/* m0 and m1 are tried, then m0 again */
	again(w, due(w), 0);
	again(w, due(w), INSTALL_MS);
	while ((id = due(w)) != 1)
		again(w, id, INSTALL_MS);
	again(w, id, INSTALL_MS);
	assert_int_equal(keep_in(w, "one more", 0), KEPT_WAITING);
	assert_int_equal(count(w), INSTALLS_MAX);
	assert_false(is_kept(w, "m0"));
	/* of those that were tried as often the oldest */
	assert_int_equal(keep_in(w, "two more", 0), KEPT_WAITING);
	assert_false(is_kept(w, "m1"));
	assert_true(is_kept(w, "m2") && is_kept(w, "one more"));
	/* what is kept already needs no room */
	assert_int_equal(keep_in(w, "m7", 0), KEPT_WAITING);
	assert_int_equal(count(w), INSTALLS_MAX);
	/* old ones make room */
	w->now_ms += INSTALL_MS + 1;
	assert_int_equal(keep_in(w, "three more", 0), KEPT_WAITING);
	assert_int_equal(count(w), 1);
}

/* One that is being proven goes last. */
static void
test_cap_spares(void **state)
{
	struct world *w = *state;
	int64_t id;

	fill(w);
	id = due(w);
	assert_int_equal(keep_in(w, "one more", 0), KEPT_WAITING);
	assert_true(is_kept(w, "m0"));
	assert_false(is_kept(w, "m1"));
	again(w, id, 0);
}

/* Who was tried least is next. */
static void
test_turns(void **state)
{
	struct world *w = *state;
	int64_t a = keep(w, "a"), b;

	again(w, a, 0);
	w->now_ms += 10;
	assert_int_equal(keep_in(w, "b", 0), KEPT_WAITING);
	b = due(w);
	assert_int_not_equal(a, b);
	again(w, b, 0);
	assert_int_equal(due(w), a);
}

static void
test_places(void **state)
{
	struct world *w = *state;
	struct store *other = store_of(w, 1000, true);
	struct install in;
	bool found;

	assert_int_equal(keep_in(w, "a", 0), KEPT_WAITING);
	assert_int_equal(keep_in(w, "a", 1), KEPT_CLAIMED);
	assert_int_equal(keep_in(w, "a", 9), KEPT_BUSY);
	assert_int_equal(keep_in(w, "b", 1), KEPT_WAITING);
	assert_int_equal(store_install_due(other, 1, &w->arena, &in, &found,
	    &w->problem), ERR_OK);
	assert_false(found);
	assert_true(store_install_waits(other));
	assert_int_equal(store_install_due(other, 2, &w->arena, &in, &found,
	    &w->problem), ERR_OK);
	assert_true(found);
	assert_false(store_install_waits(other));
	store_close(other);
	assert_int_equal(keep_in(w, "b", 2), KEPT_CLAIMED);
}

/* One of a portal: a copy changes nothing, the newest replaces it. */
static void
test_replaced(void **state)
{
	struct world *w = *state;
	int64_t a = keep(w, "a"), b, other;

	w->now_ms += 5;
	assert_int_equal(keep_by(w, w->store, "a", "refresh", 77, &b),
	    KEPT_BUSY);
	assert_int_equal(a, b);
	again(w, a, 100);
	assert_int_equal(keep_by(w, w->store, "a", "refresh", 77, &b),
	    KEPT_WAITING);	/* its time has not come */
	assert_int_equal(a, b);
	assert_int_equal(keep_by(w, w->store, "a", "older", 76, &other),
	    KEPT_OLDER);
	assert_int_equal(other, 0);
	assert_int_equal(keep_by(w, w->store, "a", "another", 77, &b),
	    KEPT_CLAIMED);
	assert_int_not_equal(a, b);
	assert_int_equal(keep_by(w, w->store, "a", "newer", 78, &b),
	    KEPT_CLAIMED);
	assert_int_equal(keep_by(w, w->store, "b", "refresh", 1, &other),
	    KEPT_CLAIMED);
	assert_int_equal(count(w), 2);
	/* the end of the one that was replaced is not the end of the other */
	assert_int_equal(store_install_done(w->store, a, &w->problem),
	    ERR_OK);
	again(w, a, 0);
	assert_int_equal(count(w), 2);
	assert_int_equal(due(w), 0);
	/* without a time of its own it has that of its receipt */
	assert_int_equal(keep_by(w, w->store, "b", "third", -1, &other),
	    KEPT_CLAIMED);
	assert_int_equal(number(w, "SELECT ts - 1773759162 FROM install"
	    " WHERE member_id = 'b'"), 0);
}

static void
store_portal_at(struct world *w, int64_t ts, const char *token)
{
	const struct portal p = { .member_id = "a",
	    .application_token = token, .endpoint = "", .server_endpoint = "",
	    .access_token = "x", .refresh_token = "y", .ts = ts };

	assert_int_equal(store_portal_save(w->store, &p, &w->problem),
	    ERR_OK);
}

/* Against what is stored, at once and later. */
static void
test_stored(void **state)
{
	struct world *w = *state;
	int64_t id = keep(w, "a");

	again(w, id, 0);
	store_portal_at(w, 76, "other");
	assert_int_equal(due(w), id);		/* it is newer */
	again(w, id, 0);
	store_portal_at(w, 77, "app");
	assert_int_equal(count(w), 0);
	assert_int_equal(keep_in(w, "a", 9), KEPT_KNOWN);
	store_portal_at(w, 77, "other");
	assert_int_equal(keep_in(w, "a", 9), KEPT_CLAIMED);
	store_portal_at(w, 78, "other");
	assert_int_equal(count(w), 0);
	assert_int_equal(keep_in(w, "a", 9), KEPT_STALE);
	store_portal_at(w, 79, "app");
	assert_int_equal(keep_in(w, "a", 9), KEPT_KNOWN);
	assert_int_equal(count(w), 0);
}

/* A shared commit that fails: each write runs again, from nothing. */
struct turn {
	struct world *w;
	bool (*work)(struct store *, struct turn *);
	int runs;
	pthread_t thread;
	int64_t id;
	enum kept kept;
};

static size_t
queued(struct store *s)
{
	size_t n;

	(void)pthread_mutex_lock(&s->commits.lock);
	n = s->commits.waiting;
	(void)pthread_mutex_unlock(&s->commits.lock);
	return n;
}

static bool
holds_up(struct store *s, struct turn *t)
{
	(void)t;
	for (int i = 0; i < 10000 && queued(s) < 3; i++)
		(void)usleep(1000);
	return queued(s) == 3;
}

/* When it runs again something has happened meanwhile. */
static bool
overtakes(struct store *s, struct turn *t)
{
	sqlite3_stmt *st = sqlite_stmt(s->db, "INSERT INTO portal VALUES('a',"
	    "'t','e','s','x','y',0,99,NULL,0,0,0)");

	return t->runs == 1 || (st != NULL && sqlite_done(s->db, st));
}

static bool
fails(struct store *s, struct turn *t)
{
	return s == NULL && t == NULL;
}

static bool
take_turn(struct store *s, void *ctx)
{
	struct turn *t = ctx;

	t->runs++;
	return t->work(s, t);
}

static void *
run_turn(void *ctx)
{
	struct turn *t = ctx;
	struct problem p = { 0 };

	if (t->work != NULL)
		(void)store_transact(t->w->store, take_turn, t, &p);
	else
		t->kept = keep_by(t->w, t->w->store, "a", "refresh", 77,
		    &t->id);
	return NULL;
}

static void
test_from_nothing(void **state)
{
	struct world *w = *state;
	struct turn t[] = { { w, holds_up, 0, 0, -1, KEPT_CLAIMED },
	    { w, overtakes, 0, 0, -1, KEPT_CLAIMED },
	    { w, NULL, 0, 0, -1, KEPT_CLAIMED },
	    { w, fails, 0, 0, -1, KEPT_CLAIMED } };

	assert_int_equal(due(w), 0);
	for (size_t i = 0; i < COUNT(t); i++) {
		assert_int_equal(pthread_create(&t[i].thread, NULL, run_turn,
		    &t[i]), 0);
		/* the first has left the queue, the others wait in order */
		for (int n = 0; n < 10000 && !(w->store->commits.led &&
		    queued(w->store) == i); n++)
			(void)usleep(1000);
	}
	for (size_t i = 0; i < COUNT(t); i++)
		assert_int_equal(pthread_join(t[i].thread, NULL), 0);
	assert_int_equal(t[1].runs, 2);
	assert_int_equal(t[2].kept, KEPT_STALE);
	assert_int_equal(t[2].id, 0);
	assert_int_equal(count(w), 0);
}

/* An hour, also if the clock jumps. */
static void
test_an_hour(void **state)
{
	struct world *w = *state;
	int64_t id = keep(w, "a");

	again(w, id, 0);
	w->now_ms += INSTALL_MS;
	assert_int_equal(due(w), id);
	again(w, id, 0);
	w->now_ms += 1;
	assert_int_equal(due(w), 0);
	assert_int_equal(count(w), 0);
	id = keep(w, "a");
	again(w, id, -INSTALL_MS - 1);
	w->now_ms -= INSTALL_MS;
	assert_int_equal(due(w), id);
	again(w, id, -1);
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

	assert_int_equal(keep_by(w, other, "a", "refresh", 77, &id),
	    KEPT_CLAIMED);
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
	int64_t id = keep(w, "a");
	bool found = true;

	again(w, id, 0);
	arena_init(&small, 20);
	assert_int_equal(store_install_due(w->store, INT64_MAX, &small, &in,
	    &found, &p), ERR_DISK);
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
		WORLD_TEST(test_cap_spares),
		WORLD_TEST(test_turns),
		WORLD_TEST(test_places),
		WORLD_TEST(test_stored),
		WORLD_TEST(test_from_nothing),
		WORLD_TEST(test_replaced),
		WORLD_TEST(test_an_hour),
		WORLD_TEST(test_claims),
		WORLD_TEST(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
