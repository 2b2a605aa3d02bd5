/*
 * A long walk: several processes do to one store whatever they may, in any
 * order, and die in between.  A plain model of the messages goes along, and
 * after each step what the store tells must be what the model says:
 *
 * - a message is worked on by one living process at a time, a chat by one,
 *   and the first of its chat goes first;
 * - who has lost its claim changes nothing;
 * - counts are what a list of all would give;
 * - in the end, when all is up, nothing has been stranded.
 *
 * The walk is the same in each run; SEED=n in the environment takes another.
 */
#include "store_model.h"

#include "store/portals.h"

#include <stdlib.h>

enum { STEPS = 1500, IDS = 60 };

static void
do_take(struct model *k, int p)
{
	static const char *const bodies[] = { "A", "B", "C" };
	bool update = model_draw(k, 6) == 0;
	size_t n = 1 + model_draw(k, 4);
	int chat = (int)model_draw(k, CHATS);
	int64_t line = 107 + chat % 2;
	struct arrival a[4];
	struct taking t = { .arrival = a, .claims = model_draw(k, 4) };
	struct event ev;

	make_event(&ev, update ? UPDATE : ADD);
	ev.line_text = own(&ev, line == 107 ? "107" : "108");
	for (size_t i = 0; i < n; i++) {
		struct message m = make_message(1 + (int64_t)chat * IDS +
		    (int64_t)model_draw(k, IDS), bodies[model_draw(k, 3)]);
		char name[] = { (char)('a' + chat), '\0' };
		char whole[32];

		m.chat = name;
		if (model_draw(k, 20) == 0) {
			m.bad = "im.chat_id";
			(void)snprintf(whole, sizeof(whole), "%lld",
			    (long long)m.message_id);
			m.body = whole;
			m.body_len = strlen(whole);
		}
		assert_int_equal(event_keep(&ev, &m), ERR_OK);
	}
	check_event(&ev);
	assert_int_equal(world_take_event(k->w, k->process[p], &ev, &t),
	    ERR_OK);
	for (size_t i = 0; i < n; i++)
		model_arrived(k, p, &a[i], &ev.message[i], update);
	event_free(&ev);
}

/* Any message of a kind, from a random one on; 0: none. */
static int64_t
any(struct model *k, bool (*is)(const struct model_message *, int), int p)
{
	int64_t from = k->last != 0 ? model_draw(k, (uint32_t)k->last) : 0;

	for (int64_t i = 0; i < k->last; i++) {
		int64_t id = 1 + (from + i) % k->last;

		if (k->m[id].there && is(&k->m[id], p))
			return id;
	}
	return 0;
}

static bool
is_mine(const struct model_message *m, int p)
{
	return m->owner == p && m->state != STATE_REFUSED;
}

static bool
is_not_mine(const struct model_message *m, int p)
{
	return m->owner != p && m->state != STATE_REFUSED;
}

static bool
is_known_add(const struct model_message *m, int p)
{
	(void)p;
	return !m->revised;
}

static bool
is_refused(const struct model_message *m, int p)
{
	(void)p;
	return m->state == STATE_REFUSED;
}

static enum move
any_move(struct model *k, enum state from)
{
	static const enum move received[] = { MOVE_DELIVERED, MOVE_DELIVERED,
		MOVE_DONE, MOVE_REFUSED, MOVE_LATER, MOVE_READY };
	static const enum move delivered[] = { MOVE_TOLD, MOVE_TOLD,
		MOVE_REFUSED, MOVE_LATER, MOVE_READY, MOVE_ALONE };

	return from == STATE_RECEIVED ? received[model_draw(k, 6)] :
	    delivered[model_draw(k, 6)];
}

static struct moving_spec
spec_of(struct model *k, int64_t id)
{
	const struct model_message *m = &k->m[id];

	return (struct moving_spec){ .id = id, .chat = m->chat_number,
	    .from = m->state, .move = any_move(k, m->state),
	    .next_ms = k->w->now_ms + model_draw(k, 20000), .line = m->line,
	    .tried = model_draw(k, 2) == 0, .no_claim = model_draw(k, 4) == 0,
	    .leave = model_draw(k, 2) == 0 };
}

static void
do_move(struct model *k, int p)
{
	int64_t id = any(k, is_mine, p);
	struct moving_spec spec;
	struct moved out;

	if (id == 0)
		return;
	spec = spec_of(k, id);
	out = world_move(k->w, k->process[p], &spec);
	model_moved(k, p, id, &spec, &out);
}

static void
do_lost_move(struct model *k, int p)
{
	int64_t id = any(k, is_not_mine, p);
	struct moving_spec spec;

	if (id == 0)
		return;
	spec = spec_of(k, id);
	assert_true(world_move(k->w, k->process[p], &spec).lost);
}

static void
do_take_up(struct model *k, int p)
{
	uint32_t what = model_draw(k, 3);
	struct place at = what == 0 ? channel_place() :
	    tell_place(106 + what);
	struct taken t = world_take_up(k->w, k->process[p], &at,
	    1 + model_draw(k, 6));

	for (size_t i = 0; i < t.n; i++) {
		model_claimed(k, p, t.m[i].id, what == 0 ? STATE_RECEIVED :
		    STATE_DELIVERED);
		if (what != 0)
			assert_int_equal(k->m[t.m[i].id].line, 106 + what);
		assert_true(!t.alone[i] || t.n == 1);
	}
	if (t.empty)
		assert_int_equal(world_take_up(k->w, k->process[p], &at,
		    1).n, 0);
}

static void
do_look(struct model *k, int p)
{
	struct peeking peek = world_peek(k->w, k->process[p]);
	struct looked l = world_look(k->w, k->process[p]);

	assert_true(peek.due || (l.n == 0 && !l.more));
	k->looked = true;
}

static void
do_place(struct model *k, int p)
{
	struct place at = model_draw(k, 2) == 0 ? channel_place() :
	    tell_place(107);

	(void)world_place(k->w, k->process[p], &at, model_draw(k, 2) == 0);
}

static void
unpark(struct model *k, int p)
{
	struct portal_saving v = { .store = k->process[p], .portal = {
	    .member_id = MEMBER, .application_token = "app",
	    .endpoint = "https://a/rest/", .server_endpoint = "https://o/",
	    .access_token = "a", .refresh_token = "r" } };

	store_portal_save(&v);
	world_must(k->w, k->process[p], &v.db);
	assert_false(v.stale);
}

static void
do_park(struct model *k, int p)
{
	struct noting_room n = { .store = k->process[p], .note = {
	    .member_id = MEMBER, .parked = "no token" } };

	if (model_draw(k, 3) != 0) {
		unpark(k, p);
		return;
	}
	store_note_room(&n);
	world_must(k->w, k->process[p], &n.db);
}

static void
do_die(struct model *k, int p)
{
	world_dies(k->w, &k->process[p]);
	for (int64_t i = 1; i <= k->last; i++)
		if (k->m[i].owner == p)
			k->m[i].owner = NOBODY;
	k->process[p] = world_store(k->w);
	if (p == 0)
		k->w->store = k->process[0];
}

static void
retried(struct model_message *m)
{
	/* one that the channel took has its ids, and goes on from there */
	m->state = m->later_ms == -2 ? STATE_DELIVERED : STATE_RECEIVED;
	m->later_ms = 0;
}

/* How far a refused one had come is not in the model: ask. */
static void
note_steps(struct model *k)
{
	for (int64_t i = 1; i <= k->last; i++)
		if (k->m[i].there && k->m[i].state == STATE_REFUSED) {
			struct seen_message s = world_see(k->w,
			    k->process[0], k->m[i].key);

			k->m[i].later_ms = s.step == STEP_READ ? -1 :
			    s.step == STEP_STATUS ? -2 : -3;
		}
}

static void
do_retry(struct model *k, int p)
{
	bool all = model_draw(k, 4) == 0;
	int64_t id = any(k, is_refused, 0), n, want = 0;

	if (id == 0 || k->m[id].revised)
		return;
	note_steps(k);
	for (int64_t i = 1; i <= k->last; i++)
		want += (all || i == id) && k->m[i].there &&
		    k->m[i].state == STATE_REFUSED && k->m[i].later_ms != -1;
	assert_int_equal(store_retry(k->process[p], all ? NULL :
	    k->m[id].key, &n, &k->w->problem), ERR_OK);
	assert_int_equal(n, want);
	for (int64_t i = 1; i <= k->last; i++)
		if ((all || i == id) && k->m[i].there &&
		    k->m[i].state == STATE_REFUSED && k->m[i].later_ms != -1)
			retried(&k->m[i]);
}

static void
do_drop(struct model *k, int p)
{
	int64_t id = any(k, is_known_add, 0), n;

	if (id == 0)
		return;
	assert_int_equal(store_drop(k->process[p], k->m[id].key, &n,
	    &k->w->problem), ERR_OK);
	assert_int_equal(n, k->m[id].owner == NOBODY);
	if (n != 0)
		k->m[id].there = false;
}

static void
step(struct model *k)
{
	static const struct {
		uint32_t weight;
		void (*run)(struct model *, int);
	} acts[] = {
		{ 30, do_take }, { 60, do_move }, { 10, do_lost_move },
		{ 35, do_take_up }, { 20, do_look }, { 4, do_place },
		{ 3, do_park }, { 4, do_die }, { 2, do_retry },
		{ 4, do_drop },
	};
	uint32_t at = model_draw(k, 172);
	size_t i = 0;

	while (at >= acts[i].weight)
		at -= acts[i++].weight;
	acts[i].run(k, (int)model_draw(k, PROCESSES));
	if (model_draw(k, 3) == 0)
		world_pass(k->w, model_draw(k, 3000));
	model_check(k);
}

/* Whatever a look tells is served; the next of a chat goes at once. */
static void
serve(struct model *k, const struct place *at)
{
	struct taken t;

	do {
		t = world_take_up(k->w, k->process[0], at, 50);
		for (size_t i = 0; i < t.n; i++) {
			struct known_message m = t.m[i];

			model_claimed(k, 0, m.id, m.state);
			while (m.id != 0) {
				struct moving_spec spec = { .id = m.id,
				    .chat = m.chat, .from = m.state,
				    .move = m.state == STATE_RECEIVED ?
				    MOVE_DONE : MOVE_TOLD };
				struct moved out = world_move(k->w,
				    k->process[0], &spec);

				model_moved(k, 0, m.id, &spec, &out);
				m = out.next;
			}
		}
	} while (t.n != 0);
}

static void
drain(struct model *k)
{
	struct place channel = channel_place(), tell = tell_place(107);

	for (int p = 0; p < PROCESSES; p++)
		do_die(k, p);
	(void)world_place(k->w, k->process[0], &channel, false);
	(void)world_place(k->w, k->process[0], &tell, false);
	unpark(k, 0);
	for (int i = 0; i < 40; i++) {
		struct looked l;

		world_pass(k->w, 1000);
		l = world_look_all(k->w, k->process[0]);
		k->looked = true;
		model_check(k);
		for (size_t n = 0; n < l.n; n++) {
			struct place at = { .number = l.place[n].number,
			    .kind = l.place[n].kind };

			assert_false(l.place[n].probe);
			serve(k, &at);
		}
	}
	model_check(k);
}

static void
walk(struct store_world *w, uint64_t seed)
{
	struct model *k = calloc(1, sizeof(*k));
	struct stats s;

	assert_non_null(k);
	k->w = w;
	k->random = seed;
	k->process[0] = w->store;
	for (int p = 1; p < PROCESSES; p++)
		k->process[p] = world_store(w);
	for (k->step = 0; k->step < STEPS && k->last < MODEL_MAX - 8;
	    k->step++)
		step(k);
	drain(k);
	s = world_stats(w, k->process[0]);
	assert_int_equal(s.state[STATE_RECEIVED], 0);
	assert_int_equal(s.state[STATE_DELIVERED], 0);
	assert_int_equal(s.held + s.parked + s.down, 0);
	for (int p = 1; p < PROCESSES; p++)
		world_dies(w, &k->process[p]);
	free(k);
}

static uint64_t
seed(uint64_t otherwise)
{
	const char *text = getenv("SEED");

	return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void
test_walk(void **state)
{
	walk(*state, seed(1));
}

/* Messages are given up behind what is down, and in their own attempts. */
static void
test_walk_giving_up(void **state)
{
	struct store_world *w = *state;

	w->opts.give_up_ms = 60000;
	world_dies(w, &w->store);
	w->store = world_store(w);
	walk(w, seed(2));
}

/* Keys are forgotten as the walk goes on. */
static void
test_walk_forgetting(void **state)
{
	struct store_world *w = *state;

	w->opts.keep_ms = 30000;
	world_dies(w, &w->store);
	w->store = world_store(w);
	walk(w, seed(3));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_walk),
		WORLD_TEST(test_walk_giving_up),
		WORLD_TEST(test_walk_forgetting),
	};

	return cmocka_run_group_tests_name("store/walk", tests, NULL, NULL);
}
