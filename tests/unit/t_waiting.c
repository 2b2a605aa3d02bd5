/*
 * relay/waiting.c: who waits for which messages, and that each wait ends
 * once: when its last message is told, by whomever, or its time is over.
 */
#include "relay/waiting.h"

#include "store_world.h"

#include <pthread.h>
#include <stdatomic.h>

#define ROOM 4
#define SLOTS 1024	/* as in waiting.c: ids so far apart share a list */

/* The time, and how often somebody looked at it. */
static _Atomic int64_t mono, looks;

static int64_t
look_at_time(void *ctx)
{
	(void)ctx;
	looks++;
	return mono;
}

static int64_t
unix_time(void *ctx)
{
	(void)ctx;
	return 1773759162000 + mono;
}

struct state_of {
	struct world *world;
	struct waiting *waiting;
};

struct one {
	struct wait wait;	/* first */
	struct awaited room[ROOM];
	_Atomic int over;
};

static int
start(void **state)
{
	struct state_of *s = calloc(1, sizeof(*s));
	void *world;

	if (s == NULL || world_begin(&world) != 0)
		return -1;
	s->world = world;
	mono = 1000;
	s->world->clock = (struct clock){ unix_time, look_at_time, NULL };
	*state = s;
	return waiting_new(&s->waiting, s->world->store, &s->world->clock) ==
	    ERR_OK ? 0 : -1;
}

static int
stop(void **state)
{
	struct state_of *s = *state;
	void *world = s->world;

	waiting_free(s->waiting);
	free(s);
	return world_end(&world);
}

static void
count_over(struct wait *wait)
{
	((struct one *)wait)->over++;
}

static void
one_init(struct state_of *s, struct one *o, int64_t ms)
{
	*o = (struct one){ .over = 0 };
	waiting_init(&o->wait, o->room);
	o->wait.over = count_over;
	o->wait.until = deadline_in(&s->world->clock, ms);
}

/* An armed wait for some messages; ids end in 0. */
static void
one_of(struct state_of *s, struct one *o, const int64_t *ids)
{
	one_init(s, o, 5000);
	for (; *ids != 0; ids++)
		waiting_add(s->waiting, &o->wait, *ids);
	waiting_arm(s->waiting, &o->wait);
}

#define ONE_OF(s, o, ...) one_of((s), (o), \
	(const int64_t []){ __VA_ARGS__, 0 })

static void
tell(struct state_of *s, int64_t id, enum state as)
{
	struct work work = { .id = id }, *all = &work;

	waiting_tell(s->waiting, &all, 1, as);
}

/* So many messages in the store that wait to be told. */
static void
store_delivers(struct world *w, int64_t n)
{
	for (int64_t i = 1; i <= n; i++) {
		(void)take_message(w, ADD, i, "b");
		(void)deliver(w, i);
	}
}

static void
test_told_before_armed(void **state)
{
	struct state_of *s = *state;
	struct one o;

	one_init(s, &o, 5000);
	waiting_add(s->waiting, &o.wait, 1);
	waiting_add(s->waiting, &o.wait, 2);
	tell(s, 2, STATE_ACKNOWLEDGED);
	tell(s, 1, STATE_REFUSED);
	assert_int_equal(o.over, 0);
	assert_int_equal(waiting_count(s->waiting), 0);
	waiting_arm(s->waiting, &o.wait);
	assert_int_equal(o.over, 1);
	assert_int_equal(o.room[0].state, STATE_REFUSED);
	assert_int_equal(o.room[1].state, STATE_ACKNOWLEDGED);
	assert_int_equal(waiting_count(s->waiting), 0);
	/* and one that awaits nothing */
	one_init(s, &o, 5000);
	waiting_arm(s->waiting, &o.wait);
	assert_int_equal(o.over, 1);
}

static void
test_told_when_armed(void **state)
{
	struct state_of *s = *state;
	struct one o;

	one_init(s, &o, 5000);
	for (int64_t id = 1; id <= 3; id++)
		waiting_add(s->waiting, &o.wait, id);
	tell(s, 3, STATE_ACKNOWLEDGED);
	waiting_arm(s->waiting, &o.wait);
	assert_true(waiting_count(s->waiting) != 0);
	tell(s, 1, STATE_ACKNOWLEDGED);
	tell(s, 1, STATE_ACKNOWLEDGED);	/* once is enough */
	tell(s, 4, STATE_ACKNOWLEDGED);
	tell(s, 2 + SLOTS, STATE_ACKNOWLEDGED);
	assert_int_equal(o.over, 0);
	assert_int_equal(o.room[1].state, STATE_DELIVERED);
	/* it could not be told: nobody waits for that either */
	tell(s, 2, STATE_DELIVERED);
	assert_int_equal(o.over, 1);
	assert_int_equal(o.room[1].state, STATE_DELIVERED);
	assert_int_equal(o.room[2].state, STATE_ACKNOWLEDGED);
	assert_int_equal(waiting_count(s->waiting), 0);
	tell(s, 2, STATE_ACKNOWLEDGED);
	assert_int_equal(o.over, 1);
	assert_int_equal(o.room[1].state, STATE_DELIVERED);
}

/* All of a call's messages in one go; two wait for the same one. */
static void
test_two_wait(void **state)
{
	struct state_of *s = *state;
	struct work work[3] = { { .id = 1 }, { .id = 2 }, { .id = 3 } };
	struct work *all[3] = { &work[0], &work[1], &work[2] };
	struct one a, b, c;

	ONE_OF(s, &a, 1, 2);
	ONE_OF(s, &b, 2, 3);
	ONE_OF(s, &c, 3, 4);
	waiting_tell(s->waiting, all, 3, STATE_ACKNOWLEDGED);
	assert_int_equal(a.over, 1);
	assert_int_equal(b.over, 1);
	assert_int_equal(c.over, 0);
	assert_int_equal(b.room[0].state, STATE_ACKNOWLEDGED);
	assert_true(waiting_count(s->waiting) != 0);
	waiting_tell(s->waiting, all, 0, STATE_ACKNOWLEDGED);
	tell(s, 4, STATE_REFUSED);
	assert_int_equal(c.over, 1);
	assert_int_equal(c.room[1].state, STATE_REFUSED);
}

static void
test_undo(void **state)
{
	struct state_of *s = *state;
	struct one o;

	one_init(s, &o, 5000);
	waiting_add(s->waiting, &o.wait, 1);
	waiting_undo(s->waiting, &o.wait);
	waiting_add(s->waiting, &o.wait, 2);
	waiting_add(s->waiting, &o.wait, 3);
	tell(s, 3, STATE_ACKNOWLEDGED);	/* told already: undone all the same */
	waiting_undo(s->waiting, &o.wait);
	assert_int_equal(o.wait.items, 1);
	waiting_arm(s->waiting, &o.wait);
	assert_int_equal(o.over, 0);
	tell(s, 1, STATE_ACKNOWLEDGED);
	tell(s, 3, STATE_ACKNOWLEDGED);
	assert_int_equal(o.over, 0);
	tell(s, 2, STATE_ACKNOWLEDGED);
	assert_int_equal(o.over, 1);
}

static void
test_end(void **state)
{
	struct state_of *s = *state;
	struct one o;

	one_init(s, &o, 5000);
	waiting_add(s->waiting, &o.wait, 1);
	waiting_add(s->waiting, &o.wait, 2);
	tell(s, 2, STATE_ACKNOWLEDGED);
	waiting_end(s->waiting, &o.wait);
	assert_int_equal(o.over, 1);
	assert_int_equal(waiting_count(s->waiting), 0);
	tell(s, 1, STATE_ACKNOWLEDGED);
	assert_int_equal(o.over, 1);
	assert_int_equal(o.room[0].state, STATE_DELIVERED);
	assert_int_equal(o.room[1].state, STATE_ACKNOWLEDGED);
}

static void
test_end_all(void **state)
{
	struct state_of *s = *state;
	struct one a, b, open;

	one_init(s, &open, 5000);
	waiting_add(s->waiting, &open.wait, 1);
	waiting_end_all(s->waiting);
	ONE_OF(s, &a, 1);
	ONE_OF(s, &b, 2, 3);
	waiting_end_all(s->waiting);
	assert_int_equal(a.over, 1);
	assert_int_equal(b.over, 1);
	assert_int_equal(waiting_count(s->waiting), 0);
	/* whoever is not armed yet goes on */
	assert_int_equal(open.over, 0);
	waiting_arm(s->waiting, &open.wait);
	tell(s, 1, STATE_ACKNOWLEDGED);
	tell(s, 3, STATE_ACKNOWLEDGED);
	assert_int_equal(open.over, 1);
	assert_int_equal(a.over, 1);
	assert_int_equal(b.over, 1);
}

/* At most ten seconds for what must come. */
static bool
comes(_Atomic int *n, int want)
{
	for (int i = 0; i < 10000 && *n != want; i++)
		(void)usleep(1000);
	return *n == want;
}

/* Until the thread has looked at the time of each wait anew. */
static void
next_turn(void)
{
	int64_t before = looks;

	for (int i = 0; i < 10000 && looks < before + 8; i++)
		(void)usleep(1000);
	assert_true(looks >= before + 8);
}

static void
test_time(void **state)
{
	struct state_of *s = *state;
	struct one a, b;

	store_delivers(s->world, 2);
	assert_int_equal(waiting_start(s->waiting), ERR_OK);
	one_init(s, &a, 300);
	waiting_add(s->waiting, &a.wait, 1);
	waiting_arm(s->waiting, &a.wait);
	ONE_OF(s, &b, 1, 2);
	mono += 299;
	next_turn();
	assert_int_equal(a.over, 0);
	mono += 1;
	assert_true(comes(&a.over, 1));
	assert_int_equal(a.room[0].state, STATE_DELIVERED);
	assert_int_equal(b.over, 0);
	tell(s, 1, STATE_ACKNOWLEDGED);
	assert_int_equal(a.over, 1);
	mono += 4700;
	assert_true(comes(&b.over, 1));
	assert_int_equal(b.room[0].state, STATE_ACKNOWLEDGED);
	assert_int_equal(b.room[1].state, STATE_DELIVERED);
}

/* Told, refused or dropped by another process: the store tells. */
static void
test_asks_the_store(void **state)
{
	struct state_of *s = *state;
	struct world *w = s->world;
	struct store *mine = w->store, *other;
	struct one o, still;
	sqlite3 *db;

	store_delivers(w, 4);
	other = store_of(w, 5000, true);
	ONE_OF(s, &o, 1, 2, 3);
	ONE_OF(s, &still, 4);
	assert_int_equal(waiting_start(s->waiting), ERR_OK);
	mono += 100;
	next_turn();
	assert_int_equal(o.over, 0);	/* it has asked in vain */
	w->store = other;
	acknowledge(w, 1);
	(void)refuse(w, 2, STEP_STATUS, "no");
	w->store = mine;
	mono += 100;
	next_turn();
	assert_int_equal(o.over, 0);
	w->store = other;
	acknowledge(w, 3);
	w->store = mine;
	mono += 100;
	assert_true(comes(&o.over, 1));
	assert_int_equal(o.room[0].state, STATE_ACKNOWLEDGED);
	assert_int_equal(o.room[1].state, STATE_REFUSED);
	assert_int_equal(o.room[2].state, STATE_ACKNOWLEDGED);
	assert_int_equal(still.over, 0);
	db = outside(w);
	outside_run(db, "DELETE FROM message WHERE id = 4");
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	mono += 100;
	assert_true(comes(&still.over, 1));
	assert_int_equal(still.room[0].state, 0);
	store_close(other);
}

/* What waits when the thread is stopped is left to whoever stopped it. */
static void
test_start_and_stop(void **state)
{
	struct state_of *s = *state;
	struct one o;

	waiting_stop(s->waiting);	/* none was started */
	store_delivers(s->world, 1);
	ONE_OF(s, &o, 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(waiting_start(s->waiting), ERR_OK);
		next_turn();
		waiting_stop(s->waiting);
	}
	mono += 60000;
	assert_int_equal(o.over, 0);
	assert_true(waiting_count(s->waiting) != 0);
	assert_int_equal(waiting_start(s->waiting), ERR_OK);
	assert_true(comes(&o.over, 1));
	waiting_stop(s->waiting);
	waiting_free(NULL);
}

#define CROWD 64
#define TELLERS 4

/* Waits on the heap, which their end frees; who is gone is counted. */
struct crowd {
	struct state_of *s;
	_Atomic int gone;
	_Atomic int go;
	int64_t from;
};

struct member {
	struct one one;		/* first */
	struct crowd *crowd;
};

static void
free_member(struct wait *wait)
{
	struct member *m = (struct member *)wait;

	m->crowd->gone++;
	free(m);
}

static void *
tell_crowd(void *ctx)
{
	struct crowd *c = ctx;
	int64_t step = ++c->go;

	while (c->go < TELLERS + 1)
		continue;
	/* each in another order */
	for (int64_t i = 0; i < 3 * CROWD; i++)
		tell(c->s, c->from + i * (2 * step + 3) % (3 * CROWD),
		    STATE_ACKNOWLEDGED);
	if (step == 1)
		waiting_end_all(c->s->waiting);
	return NULL;
}

static void
arm_crowd(struct crowd *c)
{
	for (int64_t i = 0; i < CROWD; i++) {
		struct member *m = calloc(1, sizeof(*m));

		assert_non_null(m);
		one_init(c->s, &m->one, 5000);
		m->crowd = c;
		m->one.wait.over = free_member;
		for (int64_t k = 0; k < 3; k++)
			waiting_add(c->s->waiting, &m->one.wait,
			    c->from + 3 * i + k);
		waiting_arm(c->s->waiting, &m->one.wait);
	}
}

/* However many tell at once: each is called out once, and never touched. */
static void
test_crowd(void **state)
{
	struct crowd c = { .s = *state };
	pthread_t thread[TELLERS];

	assert_int_equal(waiting_start(c.s->waiting), ERR_OK);
	for (int round = 0; round < 20; round++) {
		c.go = 0;
		c.gone = 0;
		c.from = 1 + round * 1000;
		for (size_t i = 0; i < COUNT(thread); i++)
			assert_int_equal(pthread_create(&thread[i], NULL,
			    tell_crowd, &c), 0);
		/* half of the rounds: armed while they are told */
		if (round % 2) {
			arm_crowd(&c);
			c.go++;
		} else {
			c.go++;
			arm_crowd(&c);
		}
		for (size_t i = 0; i < COUNT(thread); i++)
			assert_int_equal(pthread_join(thread[i], NULL), 0);
		waiting_end_all(c.s->waiting);
		assert_int_equal(c.gone, CROWD);
		assert_int_equal(waiting_count(c.s->waiting), 0);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_told_before_armed), TEST(test_told_when_armed),
		TEST(test_two_wait), TEST(test_undo), TEST(test_end),
		TEST(test_end_all), TEST(test_time),
		TEST(test_asks_the_store), TEST(test_start_and_stop),
		TEST(test_crowd),
	};

	return cmocka_run_group_tests_name("relay/waiting", tests, NULL,
	    NULL);
}
