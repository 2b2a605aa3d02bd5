/*
 * The retry's threads, which start, work side by side and stop, and its one
 * pass with its bounds.
 */
#include "relay/retry.h"

#include "telling.h"

static int
start_hook(void **state)
{
	*state = site_open(SITE_APP "[channel]\nurl = http://127.0.0.1:%d/"
	    "hook\n[portal]\ntimeout = 5\nstatus_batch = 1\n");
	return 0;
}

#define TOOK { "200 OK", "{\"id\":\"e1\"}", NULL, 0 }

/* A message that is due, in a chat of its own. */
static struct work
due_message(struct site *s, int64_t id)
{
	char chat[16];
	struct work w, *one = &w;

	(void)snprintf(chat, sizeof(chat), "c%lld", (long long)id);
	w = site_message(s, DELETE, id, chat, NULL);
	(void)become_ours(s->store, w.id);
	assert_int_equal(store_postponed(s->store, &one, 1,
	    clock_wall(&s->clock) - 1, HOLD_NONE, "later", &s->problem),
	    ERR_OK);
	return w;
}

static int64_t
in_state(struct site *s, enum state state)
{
	struct problem p = { 0 };
	struct stats st;

	if (store_stats(s->store, &st, &p) != ERR_OK)
		abort();
	return st.state[state];
}

/* Waits for a count, at most for so many milliseconds. */
static bool
comes_to(struct site *s, enum state state, int64_t n, int ms)
{
	for (; ms > 0 && in_state(s, state) != n; ms -= 20)
		nap(20);
	return in_state(s, state) == n;
}

struct stop_watch {
	int64_t began;
};

static int64_t
passed(const struct stop_watch *w)
{
	return clock_system.mono_ms(NULL) - w->began;
}

static void
test_start_and_stop(void **state)
{
	struct site *s = *state;

	int64_t least = INT64_MAX;

	assert_true(retry_stop(NULL, 0));
	for (int i = 0; i < 5; i++) {
		struct stop_watch w = { clock_system.mono_ms(NULL) };
		struct retry *r;

		assert_int_equal(retry_start(&r, &s->relay), ERR_OK);
		assert_non_null(r);
		nap(i * 20);
		assert_true(retry_stop(r, 60000));
		least = passed(&w) < least ? passed(&w) : least;
	}
	/* idle ones are woken, not waited for */
	assert_in_range(least, 0, 400);
}

static void
test_all_is_done(void **state)
{
	struct site *s = *state;
	struct retry *r;
	bool done;

	for (int i = 1; i <= 40; i++)
		(void)due_message(s, i);
	SCRIPT(s, hook, TOOK);
	site_listen(s);
	if (retry_start(&r, &s->relay) != ERR_OK)
		abort();
	done = comes_to(s, STATE_ACKNOWLEDGED, 40, 60000);
	if (!retry_stop(r, 60000))
		abort();
	site_logged(s);
	assert_true(done);
	assert_int_equal(script_count(s, &s->hook), 40);	/* once each */
	assert_int_equal(late_count(s->late, "channel:/0"), 0);
}

/* One destination hangs: the others are served meanwhile. */
static void
test_one_hangs(void **state)
{
	struct site *s = *state;
	struct retry *r;
	size_t hang;
	bool done;

	site_install(s, "1");
	for (int i = 1; i <= 20; i++) {
		struct work w = site_delivered(s, i, NULL), *one = &w;

		(void)become_ours(s->store, w.id);
		assert_int_equal(store_postponed(s->store, &one, 1,
		    clock_wall(&s->clock) - 1, HOLD_NONE, "x", &s->problem),
		    ERR_OK);
	}
	for (int i = 21; i <= 30; i++)
		(void)due_message(s, i);
	SCRIPT(s, rest, { "200 OK", GOOD, NULL, 6000 });
	SCRIPT(s, hook, TOOK);
	site_listen(s);
	if (retry_start(&r, &s->relay) != ERR_OK)
		abort();
	done = comes_to(s, STATE_ACKNOWLEDGED, 10, 5500);
	hang = script_count(s, &s->rest);
	if (!retry_stop(r, 30000))
		abort();
	site_logged(s);
	assert_true(done);
	/* and not more than calls_in_flight were there, one at a time each */
	assert_in_range(hang, 1, 2);
}

/* A call that is on its way is finished, but not waited for too long. */
static void
test_stop_while_busy(void **state)
{
	struct site *s = *state;
	struct stop_watch w;
	struct retry *r;
	bool gone;

	(void)due_message(s, 1);
	(void)due_message(s, 2);
	SCRIPT(s, hook, { "200 OK", "{\"id\":\"e1\"}", NULL, 4000 });
	site_listen(s);
	if (retry_start(&r, &s->relay) != ERR_OK)
		abort();
	while (script_count(s, &s->hook) == 0)
		nap(5);
	w.began = clock_system.mono_ms(NULL);
	gone = retry_stop(r, 300);
	if (gone || passed(&w) < 290 || passed(&w) > 3500)
		abort();
	gone = retry_stop(r, 60000);
	site_logged(s);
	assert_true(gone);
	assert_true(in_state(s, STATE_ACKNOWLEDGED) >= 1);
}

static void
test_purge(void **state)
{
	struct site *s = *state;
	struct pass pass = { .messages = 1, .ms = 10000 };
	struct work w = due_message(s, 1);
	struct problem p = { 0 };
	struct retry *r;
	bool done;

	SCRIPT(s, hook, TOOK);
	assert_int_equal(retry_pass(&s->relay, &pass, &p), ERR_OK);
	assert_int_equal(site_row(s, w.id).state, STATE_ACKNOWLEDGED);
	s->ahead_ms += (int64_t)8 * 86400 * 1000;	/* keep_days = 7 */
	if (retry_start(&r, &s->relay) != ERR_OK)
		abort();
	done = comes_to(s, STATE_ACKNOWLEDGED, 0, 3000);
	if (!retry_stop(r, 60000))
		abort();
	assert_true(done);
}

static void
note(void *ctx, const struct pass *pass)
{
	int64_t *last = ctx;

	if (pass->done + pass->failed < *last)
		abort();
	*last = pass->done + pass->failed;
}

static void
test_pass(void **state)
{
	struct site *s = *state;
	struct problem p = { 0 };
	int64_t last = 0;
	struct pass pass = { .messages = 3, .ms = 60000, .progress = note,
	    .ctx = &last };

	for (int i = 1; i <= 5; i++)
		(void)due_message(s, i);
	SCRIPT(s, hook, TOOK);
	assert_int_equal(retry_pass(&s->relay, &pass, &p), ERR_OK);
	assert_int_equal(pass.done, 3);
	assert_int_equal(pass.failed, 0);
	assert_int_equal(last, 3);
	assert_int_equal(in_state(s, STATE_ACKNOWLEDGED), 3);
	/* no time, no try */
	pass = (struct pass){ .messages = 9, .ms = 0, .done = 7 };
	assert_int_equal(retry_pass(&s->relay, &pass, &p), ERR_OK);
	assert_int_equal(pass.done, 0);
	assert_int_equal(script_count(s, &s->hook), 3);
	pass = (struct pass){ .messages = 0, .ms = 60000 };
	assert_int_equal(retry_pass(&s->relay, &pass, &p), ERR_OK);
	assert_int_equal(script_count(s, &s->hook), 3);
	/* what fails is tried once in a pass */
	SCRIPT(s, hook, { "500 No", "", NULL, 0 });
	site_listen(s);
	pass = (struct pass){ .messages = INT64_MAX, .ms = INT32_MAX };
	(void)retry_pass(&s->relay, &pass, &p);
	site_logged(s);
	assert_int_equal(pass.done, 0);
	assert_int_equal(pass.failed, 2);
	assert_int_equal(script_count(s, &s->hook), 2);
}

static void
test_pass_time(void **state)
{
	struct site *s = *state;
	struct pass pass = { .messages = 100, .ms = 250 };
	struct problem p = { 0 };

	for (int i = 1; i <= 10; i++)
		(void)due_message(s, i);
	SCRIPT(s, hook, { "200 OK", "{\"id\":\"e1\"}", NULL, 100 });
	assert_int_equal(retry_pass(&s->relay, &pass, &p), ERR_OK);
	assert_in_range(pass.done, 1, 4);
	/* what was begun is finished */
	assert_int_equal(in_state(s, STATE_ACKNOWLEDGED), pass.done);
}

/* Held ones are neither done nor failed, and do not end in a loop. */
static void
test_pass_over_held(void **state)
{
	struct site *s = *state;
	struct pass pass = { .messages = INT64_MAX, .ms = INT32_MAX };
	struct problem p = { 0 };
	char place[PLACE_MAX];
	int64_t tries;

	for (int i = 1; i <= 5; i++)
		(void)due_message(s, i);
	place_of_channel(&s->relay, "myconnector", 107, place);
	assert_int_equal(store_set_down(s->store, place, 60000, &tries, &p),
	    ERR_OK);
	assert_int_equal(retry_pass(&s->relay, &pass, &p), ERR_OK);
	assert_int_equal(pass.done + pass.failed, 0);
	assert_int_equal(script_count(s, &s->hook), 0);
	assert_int_equal(in_state(s, STATE_RECEIVED), 5);
}

static void
test_no_store(void **state)
{
	struct site *s = *state;
	struct pass pass = { .messages = 5, .ms = 1000 };
	struct problem p = { 0 };

	store_close(s->store);
	(void)write_file("queue.db", "this is no database, and long enough "
	    "for its first page to be looked at by the library ............");
	s->store = site_store(s);
	s->relay.env.store = s->store;
	assert_int_equal(retry_pass(&s->relay, &pass, &p), ERR_DISK);
	assert_true(p.text[0] != '\0');
}

#define HOOKED(f) cmocka_unit_test_setup_teardown(f, start_hook, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		HOOKED(test_start_and_stop), HOOKED(test_all_is_done),
		HOOKED(test_one_hangs), HOOKED(test_stop_while_busy),
		HOOKED(test_purge), HOOKED(test_pass),
		HOOKED(test_pass_time), HOOKED(test_pass_over_held),
		HOOKED(test_no_store),
	};

	(void)start;
	return cmocka_run_group_tests_name("relay/retry", tests, NULL, NULL);
}
