/*
 * No cost grows with the length of the queue: what is done on the way of one
 * event, or in a look, reads, writes and computes the same with many messages
 * waiting as with few.
 *
 * SQLite itself counts: the steps of its machine, pages, changed rows.  The
 * test comes by the store's connection as each one is opened.
 */
#include "store/status.h"

#include "store_world.h"

#include <sqlite3.h>
#include <stdlib.h>

static struct {
	sqlite3 *db;		/* the last that was opened */
	int64_t steps;
} spy;

static int
count_step(void *ctx)
{
	(void)ctx;
	spy.steps++;
	return 0;
}

static int
on_open(sqlite3 *db, char **why, const struct sqlite3_api_routines *api)
{
	(void)why;
	(void)api;
	spy.db = db;
	sqlite3_progress_handler(db, 1, count_step, NULL);
	return SQLITE_OK;
}

struct cost {
	int64_t steps, pages, rows;
};

static int64_t
pages(void)
{
	int hit = 0, miss = 0, high = 0;

	assert_int_equal(sqlite3_db_status(spy.db,
	    SQLITE_DBSTATUS_CACHE_HIT, &hit, &high, 0), SQLITE_OK);
	assert_int_equal(sqlite3_db_status(spy.db,
	    SQLITE_DBSTATUS_CACHE_MISS, &miss, &high, 0), SQLITE_OK);
	return (int64_t)hit + miss;
}

static struct cost
now(void)
{
	return (struct cost){ spy.steps, pages(),
	    sqlite3_total_changes(spy.db) };
}

/* What waits: in chats of its own or all in one, here or there. */
struct queue {
	bool one_chat, delivered, down, later, acknowledged, refused;
};

enum { PAGE = 100 };

/* A hundred in one event, so that filling takes no time. */
static void
fill_page(struct store_world *w, const struct queue *q, int64_t from)
{
	struct arrival a[PAGE];
	struct taking t = { .arrival = a, .claims = q->delivered ||
	    q->later || q->acknowledged || q->refused ? PAGE : 0 };
	struct event ev;

	make_event(&ev, ADD);
	for (int64_t i = from; i < from + PAGE; i++) {
		struct message m = make_message(1000 + i, "b");
		char chat[24];

		(void)snprintf(chat, sizeof(chat), "c%lld", (long long)i);
		m.chat = q->one_chat ? "one" : chat;
		assert_int_equal(event_keep(&ev, &m), ERR_OK);
	}
	check_event(&ev);
	assert_int_equal(world_take_event(w, w->store, &ev, &t), ERR_OK);
	event_free(&ev);
	for (int i = 0; i < PAGE && a[i].claimed; i++) {
		MOVE(w, w->store, .id = a[i].id, .chat = a[i].chat_number,
		    .from = STATE_RECEIVED, .leave = true,
		    .next_ms = w->now_ms + 500000,
		    .move = q->delivered ? MOVE_DELIVERED : q->later ?
		    MOVE_LATER : q->acknowledged ? MOVE_DONE : MOVE_REFUSED);
	}
}

enum act { ACT_TAKE, ACT_TELL, ACT_TAKE_UP, ACT_LOOK, ACT_PEEK, ACT_DOWN,
	ACT_UP, ACT_STATS, ACT_STATUS, ACT_HEALTH, ACT_WATCH, ACT_PURGE,
	ACT__MAX };

static void
take_up_and_release(struct store_world *w, const struct place *at)
{
	struct taken t = world_take_up(w, w->store, at, 3);

	for (size_t i = 0; i < t.n; i++)
		MOVE(w, w->store, .id = t.m[i].id, .chat = t.m[i].chat,
		    .from = t.m[i].state, .move = MOVE_READY);
}

static void
act(struct store_world *w, enum act what, bool delivered, int64_t id)
{
	struct place at = delivered ? tell_place(107) : channel_place();
	struct health h = { .oldest_ms = 0 };
	struct status s;
	struct arrival a;
	int64_t n;
	bool more;

	switch (what) {
	case ACT_TAKE:
	case ACT_TELL:
		a = TAKE(w, w->store, .message_id = id, .chat = "mine");
		if (what == ACT_TAKE || !a.claimed)
			break;
		MOVE(w, w->store, .id = a.id, .chat = a.chat_number,
		    .from = STATE_RECEIVED, .move = MOVE_DELIVERED);
		MOVE(w, w->store, .id = a.id, .from = STATE_DELIVERED,
		    .move = MOVE_TOLD);
		break;
	case ACT_TAKE_UP:
		take_up_and_release(w, &at);
		break;
	case ACT_LOOK:
		(void)world_look(w, w->store);
		break;
	case ACT_PEEK:
		(void)world_peek(w, w->store);
		break;
	case ACT_DOWN:
	case ACT_UP:
		(void)world_place(w, w->store, &at, what == ACT_DOWN);
		break;
	case ACT_STATS:
		(void)world_stats(w, w->store);
		break;
	case ACT_STATUS:
		status_init(&s, w->store);
		world_must(w, w->store, &s.db);
		status_free(&s);
		break;
	case ACT_HEALTH:
		store_health(&h);
		world_must(w, w->store, &h.db);
		break;
	case ACT_WATCH:
		(void)world_state(w, w->store, id);
		break;
	case ACT_PURGE:
		assert_int_equal(store_purge(w->store, &n, &more,
		    &w->problem), ERR_OK);
		break;
	case ACT__MAX:
		break;
	}
}

static int64_t
more(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* The greatest cost counts. */
static void
keep_more(struct cost *out, const struct cost *before, bool first)
{
	const struct cost c = now(), d = { c.steps - before->steps,
	    c.pages - before->pages, c.rows - before->rows };

	if (first)
		*out = d;
	*out = (struct cost){ more(out->steps, d.steps),
	    more(out->pages, d.pages), more(out->rows, d.rows) };
}

/* The cost of each act once all that it needs is prepared. */
static void
measure(struct store_world *w, const struct queue *q, struct cost *out)
{
	struct place at = q->delivered ? tell_place(107) : channel_place();

	if (q->down)
		(void)world_place(w, w->store, &at, true);
	for (int what = 0; what < ACT__MAX; what++)
		for (int round = 0; round < 3; round++) {
			struct cost before;

			world_pass(w, 2500);
			before = now();
			act(w, (enum act)what, q->delivered,
			    500 + what * 10 + round);
			keep_more(&out[what], &before, round == 0);
		}
}

static void
compare(struct store_world *w, const struct queue *q, int64_t many)
{
	static const char *const names[] = { "take", "tell", "take up",
		"look", "peek", "down", "up", "stats",
		"status", "health", "watch", "purge" };
	struct cost few[ACT__MAX], lots[ACT__MAX];
	int64_t n = 0;

	for (; n < 2 * PAGE; n += PAGE)
		fill_page(w, q, n);
	measure(w, q, few);
	for (; n < many; n += PAGE)
		fill_page(w, q, n);
	measure(w, q, lots);
	for (int i = 0; i < ACT__MAX; i++) {
		/* trees grow by a level or two, lists by a hundredfold */
		bool ok = lots[i].steps <= few[i].steps * 3 / 2 + 100 &&
		    lots[i].pages <= few[i].pages * 2 + 40 &&
		    lots[i].rows <= few[i].rows + 8;

		if (!ok)
			print_error("%s: steps %lld %lld, pages %lld %lld,"
			    " rows %lld %lld\n", names[i],
			    (long long)few[i].steps, (long long)lots[i].steps,
			    (long long)few[i].pages, (long long)lots[i].pages,
			    (long long)few[i].rows, (long long)lots[i].rows);
		assert_true(ok);
	}
}

static int
begin(void **state)
{
	struct store_world *w;

	if (sqlite3_auto_extension((void (*)(void))on_open) != SQLITE_OK ||
	    world_begin(state) != 0)
		return -1;
	w = *state;
	/* the figures are of this one's connection alone */
	w->opts.give_up_ms = 1000 * GIVE_UP_MS;
	world_dies(w, &w->store);
	w->store = world_store(w);
	return 0;
}

static int
end(void **state)
{
	sqlite3_reset_auto_extension();
	return world_end(state);
}

#define COST_TEST(name, many, ...) \
static void \
name(void **state) \
{ \
	compare(*state, &(const struct queue){ __VA_ARGS__ }, many); \
}

COST_TEST(test_chats, 20000, .one_chat = false)
COST_TEST(test_one_chat, 20000, .one_chat = true)
COST_TEST(test_chats_down, 20000, .down = true)
COST_TEST(test_one_chat_down, 20000, .one_chat = true, .down = true)
COST_TEST(test_delivered, 5000, .delivered = true)
COST_TEST(test_delivered_down, 5000, .delivered = true, .down = true)
COST_TEST(test_later, 5000, .later = true)
COST_TEST(test_acknowledged, 5000, .acknowledged = true)
COST_TEST(test_refused, 5000, .refused = true)

#define T_COST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T_COST(test_chats),
		T_COST(test_one_chat),
		T_COST(test_chats_down),
		T_COST(test_one_chat_down),
		T_COST(test_delivered),
		T_COST(test_delivered_down),
		T_COST(test_later),
		T_COST(test_acknowledged),
		T_COST(test_refused),
	};

	return cmocka_run_group_tests_name("store/costs", tests, NULL, NULL);
}
