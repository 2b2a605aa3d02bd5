/*
 * Works that share a transaction with one that fails are carried out a second
 * time: what they found and took counts once.
 */
#include "store_world.h"

#include "store/installs.h"
#include "store/portals.h"

#include <stdlib.h>

enum { MANY = 7 };

struct shared {
	struct loop *loop;
	struct log log;
	struct store *store;
	int done;
	struct known_message first, second;
	/* the works */
	struct arrival arrival[3];
	struct event event;
	struct taking take;
	struct taking_up up;
	struct moving_one one, wrong;
	struct room_ask ask;
	struct moving move, illegal;
	struct looking look;
	struct arena arena[2];
	struct install_due due;
	struct refresh_asking refresh;
};

static int *counter;

static void
done(struct db_work *w)
{
	(void)w;
	++*counter;
}

static void
submit(struct shared *x, struct db_work *w)
{
	w->done = done;
	db_submit(store_db(x->store), w);
}

/* A message in work with another behind it, one that waits, a portal, an
 * installation. */
static void
prepare(struct store_world *w, struct shared *x)
{
	struct arrival a = TAKE(w, x->store, .message_id = 1, .chat = "a"),
	    b = TAKE(w, x->store, .message_id = 2, .chat = "a");
	struct portal_saving portal = { .store = x->store, .portal = {
	    .member_id = MEMBER, .application_token = "app",
	    .endpoint = "https://a/", .server_endpoint = "https://o/",
	    .access_token = "access", .refresh_token = "r" } };
	struct install_keeping kept = { .store = x->store, .install = {
	    .member_id = "m", .application_token = "t",
	    .endpoint = "https://a/", .server_endpoint = "https://o/",
	    .access_token = "a", .refresh_token = "r" } };

	(void)TAKE(w, x->store, .message_id = 3, .chat = "b",
	    .unclaimed = true);
	x->first = (struct known_message){ a.id, a.chat_number, a.state };
	x->second = (struct known_message){ b.id, b.chat_number, b.state };
	store_portal_save(&portal);
	world_must(w, x->store, &portal.db);
	store_install_keep(&kept);
	world_must(w, x->store, &kept.db);
}

static void
submit_event(struct shared *x)
{
	make_event(&x->event, ADD);
	for (int64_t i = 11; i <= 13; i++)
		add_message(&x->event, i, "b");
	check_event(&x->event);
	x->take = (struct taking){ .store = x->store, .event = &x->event,
	    .channel = channel_place(), .claims = 9,
	    .arrival = x->arrival };
	store_take(&x->take);
	submit(x, &x->take.db);
}

static void
submit_moves(struct shared *x)
{
	room_ask_init(&x->ask, MEMBER);
	x->ask.slot = true;
	x->ask.calls = 5;
	x->one = (struct moving_one){ .id = x->first.id,
	    .chat_number = x->first.chat, .from = STATE_RECEIVED,
	    .move = MOVE_DELIVERED, .text = "[\"x\"]" };
	x->move = (struct moving){ .store = x->store, .one = &x->one, .n = 1,
	    .claim_next = true, .channel = channel_place(), .ask = &x->ask,
	    .tell = tell_place(107) };
	store_move(&x->move);
	submit(x, &x->move.db);
	x->wrong = (struct moving_one){ .id = x->first.id,
	    .from = STATE_RECEIVED, .move = MOVE_TOLD };
	x->illegal = (struct moving){ .store = x->store, .one = &x->wrong,
	    .n = 1 };
	store_move(&x->illegal);
}

static void
submit_all(struct shared *x)
{
	submit_event(x);
	/* before its taking up: it tells where */
	x->look = (struct looking){ .store = x->store, .max = 9,
	    .probe_ms = PROBE_MS };
	store_look(&x->look);
	submit(x, &x->look.db);
	x->up = (struct taking_up){ .store = x->store, .max = 9,
	    .place = channel_place().number, .kind = PLACE_CHANNEL };
	store_take_up(&x->up);
	submit(x, &x->up.db);
	submit_moves(x);
	for (int i = 0; i < 2; i++)
		arena_init(&x->arena[i], PORTAL_ARENA_MAX);
	x->due = (struct install_due){ .store = x->store,
	    .arena = &x->arena[0] };
	store_install_due(&x->due);
	submit(x, &x->due.db);
	x->refresh = (struct refresh_asking){ .member_id = MEMBER,
	    .failed = "access", .arena = &x->arena[1] };
	store_refresh_ask(&x->refresh);
	submit(x, &x->refresh.db);
	submit(x, &x->illegal.db);
}

static void
see_all(struct store_world *w, struct shared *x)
{
	struct stats s = world_stats(w, x->store);

	assert_int_equal(x->illegal.db.end, ERR_DISK);
	assert_int_equal(x->take.db.end, ERR_OK);
	assert_int_equal(x->take.claimed, 1);
	for (int i = 0; i < 3; i++) {
		assert_true(x->arrival[i].fresh);
		assert_int_equal(x->arrival[i].claimed, i == 0);
	}
	assert_int_equal(x->look.n, 1);
	assert_int_equal(x->up.n, 1);
	assert_int_equal(x->up.work[0]->message_id, 3);
	assert_true(x->up.empty);
	assert_false(x->one.lost);
	assert_non_null(x->move.next);
	assert_int_equal(x->move.next->id, x->second.id);
	assert_true(x->ask.granted && x->ask.installed);
	assert_int_equal(x->ask.credits, 5);
	assert_true(x->due.found);
	assert_string_equal(x->due.install.member_id, "m");
	assert_int_equal(x->refresh.answer, REFRESH_YOURS);
	assert_string_equal(x->refresh.portal.access_token, "access");
	assert_int_equal(s.state[STATE_RECEIVED], 5);
	assert_int_equal(s.state[STATE_DELIVERED], 1);
	assert_int_equal(s.state[STATE_ACKNOWLEDGED], 0);
}

/* One slot was taken and five calls were charged, not two and ten. */
static void
see_room(struct store_world *w, struct shared *x)
{
	struct room_ask a;
	struct asking work = { .store = x->store, .ask = &a };

	for (int i = 0; i < 2; i++) {
		room_ask_init(&a, MEMBER);
		a.slot = true;
		a.calls = 100;
		store_ask(&work);
		world_must(w, x->store, &work.db);
		assert_int_equal(a.granted, i == 0);
		if (i == 0)
			assert_int_equal(a.credits, 42);
		room_ask_free(&a);
	}
}

static void
free_all(struct shared *x)
{
	event_free(&x->event);
	store_look_free(&x->look);
	free(x->up.work[0]);
	free(x->up.work);
	free(x->move.next);
	room_ask_free(&x->ask);
	for (int i = 0; i < 2; i++)
		arena_free(&x->arena[i]);
}

static void
test_twice(void **state)
{
	struct store_world *w = *state;
	struct shared *x = calloc(1, sizeof(*x));

	assert_non_null(x);
	x->log = (struct log){ .level = LOG_LEVEL_ERROR };
	assert_int_equal(loop_new(&x->loop, &w->clock, &x->log), ERR_OK);
	w->opts.db.loop = x->loop;
	x->store = world_store(w);
	counter = &x->done;
	prepare(w, x);
	submit_all(x);
	for (int i = 0; i < 50 && x->done < MANY; i++)
		loop_turn(x->loop, 0);
	assert_int_equal(x->done, MANY);
	see_all(w, x);
	see_room(w, x);
	free_all(x);
	assert_true(store_close(x->store, 1000));
	loop_turn(x->loop, 0);
	loop_free(x->loop);
	free(x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_twice),
	};

	return cmocka_run_group_tests_name("store/twice", tests, NULL, NULL);
}
