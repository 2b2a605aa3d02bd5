/*
 * Memory that runs out under the store, at every allocation of SQLite's and
 * in the digest: an error with a reason, and nothing done by halves.
 *
 * Run by make check.
 */
#include "store/portals.h"

#include "claim_world.h"

#include <dlfcn.h>
#include <openssl/evp.h>

/* The n-th allocation from now on fails, and all after it; 0: none. */
static long fail_at;
static sqlite3_mem_methods real;

static bool
fails(void)
{
	return fail_at != 0 && (fail_at == 1 || --fail_at == 1);
}

static void *
scarce_malloc(int n)
{
	return fails() ? NULL : real.xMalloc(n);
}

static void *
scarce_realloc(void *p, int n)
{
	return fails() ? NULL : real.xRealloc(p, n);
}

static bool no_digest;

const EVP_MD *
EVP_sha256(void)
{
	const EVP_MD *(*of_the_library)(void);

	*(void **)&of_the_library = dlsym(RTLD_NEXT, "EVP_sha256");
	return no_digest ? NULL : of_the_library();
}

static int
begin(void **state)
{
	sqlite3_mem_methods scarce;

	if (sqlite3_shutdown() != SQLITE_OK ||
	    (real.xMalloc == NULL && sqlite3_config(SQLITE_CONFIG_GETMALLOC,
	    &real) != SQLITE_OK))
		return -1;
	scarce = real;
	scarce.xMalloc = scarce_malloc;
	scarce.xRealloc = scarce_realloc;
	/* without the cache of small pieces, which would hide many */
	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &scarce) != SQLITE_OK ||
	    sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) != SQLITE_OK)
		return -1;
	return world_begin(state);
}

/* What is tried; it may succeed or fail. */
static enum err
take(struct world *w, struct problem *p)
{
	struct arrival a[2];
	struct event ev;
	enum err e;

	make_event(&ev, UPDATE);
	add_message(&ev, 1, "one");
	add_message(&ev, 2, "two");
	check_event(&ev);
	e = store_take(w->store, &ev, &take_plain, a, p);
	event_free(&ev);
	if (e == ERR_OK) {
		assert_int_equal(strlen(a[0].key), 29);
		assert_int_equal(strlen(a[1].key), 29);
	}
	return e;
}

static enum err
claim(struct world *w, struct problem *p)
{
	struct work work = { .id = 0 };
	bool found = true;
	enum err e = store_claim_due(w->store, NULL, &w->arena, &work, &found,
	    p);

	assert_int_equal(found, e == ERR_OK);
	if (found) {
		assert_int_equal(strlen(work.key), 29);
		assert_string_equal(work.body, "one");
		assert_string_equal(work.token, "secret-token");
	}
	return e;
}

static enum err
deliver_it(struct world *w, struct problem *p)
{
	struct work work = { .id = 1, .state = STATE_RECEIVED,
	    .member_id = "bac1cd5c8940947a75e0d71b1a84e348",
	    .connector = "myconnector", .line = 107, .chat = "channel-123" };
	int64_t next = -1;
	enum err e = store_refused(w->store, &work, STEP_HAND_OVER, "no",
	    &next, p);

	assert_int_equal(next, e == ERR_OK ? 2 : 0);
	return e;
}

static enum err
save(struct world *w, struct problem *p)
{
	const struct portal portal = { "m", "app", "e", "s", "a", "r", 1, 2,
		NULL, 0 };

	return store_portal_save(w->store, &portal, p);
}

static enum err
find(struct world *w, struct problem *p)
{
	struct portal portal;
	bool found = true;
	enum err e = store_portal(w->store, "m", &w->arena, &portal, &found,
	    p);

	assert_int_equal(found, e == ERR_OK);
	if (found)
		assert_string_equal(portal.refresh_token, "r");
	return e;
}

/*
 * Fails at each allocation in turn until one run needs no more; `before` is
 * NULL where the file is not made yet, and opening it is a part of it.
 */
static void
sweep(struct world *w, enum err (*work)(struct world *, struct problem *),
    const char *sql, const char *before, const char *after)
{
	enum err e = ERR_DISK;
	long n;

	for (n = 1; e != ERR_OK && n < 20000; n++) {
		struct problem p = { 0 };

		store_close(w->store);
		w->store = store_of(w, 1000, true);
		if (before != NULL)
			(void)store_reset_ms(w->store, "nobody");
		if (work == deliver_it)
			(void)become_ours(w->store, 1);
		fail_at = n + 1;
		e = work(w, &p);
		fail_at = 0;
		if (e != ERR_OK) {
			assert_int_equal(e, ERR_DISK);
			assert_int_equal(p.err, ERR_DISK);
			assert_null(strstr(p.text, "not an error"));
			assert_null(strstr(p.text, "row available"));
			if (before != NULL)
				assert_string_equal(look(w, sql), before);
		}
	}
	assert_int_equal(e, ERR_OK);
	assert_true(n > 20);	/* or nothing was tried */
	assert_string_equal(look(w, sql), after);
}

static void
test_everywhere(void **state)
{
	struct world *w = *state;

	sweep(w, take, "SELECT count(*) FROM message", NULL, "2|\n");
	sweep(w, take, "SELECT count(*), max(revision) FROM message",
	    "2|1|\n", "2|1|\n");
	postpone(w, 1, 0, HOLD_NONE);
	sweep(w, claim, "SELECT id, owner <> 0 FROM message",
	    "1|0|\n2|0|\n", "1|1|\n2|0|\n");
	sweep(w, deliver_it, "SELECT id, state, owner <> 0 FROM message",
	    "1|1|1|\n2|1|0|\n", "1|4|0|\n2|1|1|\n");
	sweep(w, save, "SELECT count(*) FROM portal", "0|\n", "1|\n");
	sweep(w, find, "SELECT count(*) FROM portal", "1|\n", "1|\n");
}

static void
test_no_digest(void **state)
{
	struct world *w = *state;
	struct problem p = { 0 };

	no_digest = true;
	assert_int_equal(take(w, &p), ERR_DISK);
	no_digest = false;
	assert_string_equal(p.text,
	    "the store failed: no digest can be made");
	assert_string_equal(look(w, "SELECT count(*) FROM message"), "0|\n");
	p = (struct problem){ 0 };
	assert_int_equal(take(w, &p), ERR_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_everywhere, begin,
		    world_end),
		cmocka_unit_test_setup_teardown(test_no_digest, begin,
		    world_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
