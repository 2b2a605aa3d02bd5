/*
 * Many at once: processes and threads that empty one queue.  Each message is
 * claimed once, and those of a chat one after the other.
 *
 * Run by make check.
 */
#include "claim_world.h"

#include <pthread.h>
#include <signal.h>

#define CHATS 40
#define PER_CHAT 5
#define ALL (CHATS * PER_CHAT)
#define AT_ONCE 8

/* What a worker tells of its claims: the message, or the end of one. */
struct note {
	int64_t id;
	int32_t who;
	int32_t begins;
};

struct telling {
	struct world world;
	int fd;
	int who;
};

static void
tell(const struct telling *t, int64_t id, bool begins)
{
	const struct note n = { id, t->who, begins };

	/* a pipe keeps small writes whole and in their order */
	CHILD_CHECK(write(t->fd, &n, sizeof(n)) == sizeof(n));
}

/* Hands over a claimed message, and those that follow it in its chat. */
static void
travel(const struct telling *t, struct store *s, int64_t id, bool dies)
{
	while (id != 0) {
		struct problem p = { 0 };
		struct work work;
		struct arena a;
		int64_t next;

		arena_init(&a, 65536);
		(void)store_load(s, id, &a, &work, &p);
		CHILD_OK(&p);
		CHILD_CHECK(work.state == STATE_RECEIVED);
		tell(t, id, true);
		if (dies)
			(void)raise(SIGKILL);
		tell(t, id, false);
		(void)store_done(s, &work, "[]", &next, &p);
		CHILD_OK(&p);
		arena_free(&a);
		id = next;
	}
}

static int64_t
waiting(struct store *s)
{
	struct problem p = { 0 };
	struct stats st;

	(void)store_stats(s, &st, &p);
	CHILD_OK(&p);
	return st.state[STATE_RECEIVED];
}

/* Works until nothing is left; two of them die at their second chat. */
static void
empty_queue(struct world *w)
{
	const struct telling *t = (const void *)w;
	struct store *s = store_of(w, 60000, true);

	for (int i = 0; waiting(s) != 0; i++) {
		struct problem p = { 0 };
		struct work work;
		bool found;

		(void)store_claim_due(s, NULL, &w->arena, &work, &found, &p);
		CHILD_OK(&p);
		if (found)
			travel(t, s, work.id, t->who % 3 == 2 && i >= 1);
		else
			(void)usleep(1000);
	}
	store_close(s);
}

static void
fill(struct world *w)
{
	struct arrival a[CHATS];
	const struct take_opts opts = { .hold_ms = w->now_ms };

	for (int64_t round = PER_CHAT; round > 0; round--) {
		struct event ev;

		make_event(&ev, ADD);
		for (int64_t i = 0; i < CHATS; i++) {
			struct message m = make_message(round * 1000 + i, "b");
			char chat[24];

			(void)snprintf(chat, sizeof(chat), "%" PRId64, i);
			m.chat = own(&ev, chat);
			assert_int_equal(event_keep(&ev, &m), ERR_OK);
		}
		check_event(&ev);
		assert_int_equal(store_take(w->store, &ev, &opts, a,
		    &w->problem), ERR_OK);
		event_free(&ev);
	}
	store_close(w->store);
	w->store = NULL;
}

/* By message: how often it was begun and ended; by chat: who is at it. */
struct tally {
	int begun[ALL + 1], ended[ALL + 1];
	int64_t last[CHATS];
	int64_t message_id[ALL + 1];
};

static void
count(struct tally *t, const struct note *n)
{
	int64_t message_id;

	assert_in_range(n->id, 1, ALL);
	message_id = t->message_id[n->id];
	if (n->begins) {
		/* none of its chat that comes later was begun before */
		assert_true(t->last[message_id % 1000] <= message_id);
		t->last[message_id % 1000] = message_id;
		t->begun[n->id]++;
	} else {
		assert_int_equal(t->last[message_id % 1000], message_id);
		t->ended[n->id]++;
	}
}

static int
expect_once(const struct tally *t)
{
	int lost = 0;

	for (int i = 1; i <= ALL; i++) {
		assert_int_equal(t->ended[i], 1);
		/* more often only where its process died at it */
		assert_in_range(t->begun[i], 1, 3);
		lost += t->begun[i] - 1;
	}
	return lost;
}

static void
test_processes(void **state)
{
	struct world *w = *state;
	struct tally tally = { .begun = { 0 } };
	pid_t pid[AT_ONCE];
	struct note n;
	int fd[2], died = 0, status;

	fill(w);
	for (int64_t id = 1; id <= ALL; id++)
		tally.message_id[id] = column(w, "message_id", id);
	assert_int_equal(pipe(fd), 0);
	for (int i = 0; i < AT_ONCE; i++) {
		struct telling t = { .world = *w, .fd = fd[1], .who = i };

		t.world.clock.ctx = &t.world;
		pid[i] = child_start(empty_queue, &t.world);
	}
	(void)close(fd[1]);
	while (read(fd[0], &n, sizeof(n)) == sizeof(n))
		count(&tally, &n);
	(void)close(fd[0]);
	for (int i = 0; i < AT_ONCE; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		died += WIFSIGNALED(status);
		if (!WIFSIGNALED(status))
			assert_int_equal(WEXITSTATUS(status), 0);
	}
	assert_int_equal(expect_once(&tally), died);
	assert_string_equal(look(w, "SELECT state, count(*) FROM message"
	    " GROUP BY state"), "3|200|\n");
}

struct job {
	struct world *w;
	pthread_mutex_t lock;
	int claims[ALL + 1];
	int failed;
};

static void *
claim_all(void *ctx)
{
	struct job *j = ctx;
	struct problem p = { 0 };
	struct arena a;
	bool found = true;

	arena_init(&a, 65536);
	while (found && p.err == ERR_OK) {
		struct work work;
		int64_t next = 0;

		(void)store_claim_due(j->w->store, NULL, &a, &work, &found,
		    &p);
		if (found)
			(void)store_done(j->w->store, &work, "[]", &next,
			    &p);
		(void)pthread_mutex_lock(&j->lock);
		if (found)
			j->claims[work.id]++;
		(void)pthread_mutex_unlock(&j->lock);
		arena_reset(&a);
		/* next: its claim is this process's, as the test counts */
	}
	(void)pthread_mutex_lock(&j->lock);
	j->failed += p.err != ERR_OK;
	(void)pthread_mutex_unlock(&j->lock);
	arena_free(&a);
	return NULL;
}

/* The threads of one process share a store. */
static void
test_threads(void **state)
{
	struct world *w = *state;
	struct job j = { .w = w };
	pthread_t thread[4];

	fill(w);
	w->store = store_of(w, 60000, true);
	assert_int_equal(pthread_mutex_init(&j.lock, NULL), 0);
	for (size_t i = 0; i < COUNT(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, claim_all,
		    &j), 0);
	for (size_t i = 0; i < COUNT(thread); i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	assert_int_equal(pthread_mutex_destroy(&j.lock), 0);
	assert_int_equal(j.failed, 0);
	for (int64_t id = 1; id <= ALL; id++)
		assert_int_equal(j.claims[id],
		    column(w, "message_id", id) < 2000);
	/* each took the first of its chat, and the second is claimed */
	assert_string_equal(look(w, "SELECT state, owner <> 0, count(*) FROM"
	    " message GROUP BY state, owner <> 0"),
	    "1|0|120|\n1|1|40|\n3|0|40|\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_processes),
		WORLD_TEST(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
