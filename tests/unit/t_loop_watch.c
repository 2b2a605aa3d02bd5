/*
 * What comes into the loop from outside: descriptors, some of which end at
 * the wrong moment, and letters from threads.
 */
#include "loop_world.h"

#include <pthread.h>
#include <sys/syscall.h>

/* Every bell that is rung comes through here. */
static atomic_int bells;

ssize_t
write(int fd, const void *p, size_t n)
{
	bells += n == sizeof(uint64_t);
	return syscall(SYS_write, fd, p, n);
}

/* Two that are readable in one batch: the first ends the other. */
struct pair {
	struct watch watch;	/* the first */
	struct loop *loop;
	struct pair **all;
	int ready;
	int spare;		/* a descriptor that is readable, too */
	bool again;
};

static void
end_other(struct watch *v, uint32_t events)
{
	struct pair *me = (struct pair *)v;
	size_t other = me->all[0] == me;
	struct pair *dead = me->all[other];

	(void)events;
	me->ready++;
	if (dead == NULL)
		return;
	assert_true(loop_watch(me->loop, &dead->watch, 0));
	if (me->again) {
		assert_true(loop_watch(me->loop, &dead->watch, EPOLLIN));
		me->again = dead->again = false;
		return;
	}
	me->all[other] = NULL;
	/* The same number is somebody else's now, and the memory nobody's. */
	assert_int_equal(dup2(me->spare, dead->watch.fd), dead->watch.fd);
	free(dead);
}

static void
test_ended_in_batch(void **state)
{
	struct world w;
	struct pair *p[2];
	int fds[2][2];

	(void)state;
	start(&w, &clock_system);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(pipe2(fds[i], O_CLOEXEC), 0);
		assert_int_equal(write(fds[i][1], "x", 1), 1);
		p[i] = calloc(1, sizeof(*p[i]));
		*p[i] = (struct pair){ { .ready = end_other, .fd = fds[i][0] },
			w.loop, p, 0, w.pipe[0], true };
		assert_true(loop_watch(w.loop, &p[i]->watch, EPOLLIN));
	}
	assert_int_equal(write(w.pipe[1], "x", 1), 1);
	loop_turn(w.loop, 0);	/* ended and begun anew: the report is old */
	assert_int_equal(p[0]->ready + p[1]->ready, 1);
	loop_turn(w.loop, 0);
	assert_true((p[0] == NULL) != (p[1] == NULL));
	for (int i = 0; i < 3; i++)
		loop_turn(w.loop, 0);
	for (size_t i = 0; i < 2; i++) {
		if (p[i] != NULL) {
			assert_in_range(p[i]->ready, 4, 5);
			assert_true(loop_watch(w.loop, &p[i]->watch, 0));
		}
		free(p[i]);
		(void)close(fds[i][0]);
		(void)close(fds[i][1]);
	}
	end(&w);
}

/* Closed and opened under the loop's hands: it is watched all the same. */
static void
test_watch_reopened(void **state)
{
	struct world w;
	int old;

	(void)state;
	start(&w, &clock_fake);
	assert_true(loop_watch(w.loop, &w.watch, EPOLLOUT));
	old = dup(w.pipe[0]);
	assert_int_equal(dup2(old, w.pipe[0]), w.pipe[0]);
	(void)close(old);
	assert_true(loop_watch(w.loop, &w.watch, EPOLLIN));
	assert_int_equal(write(w.pipe[1], "x", 1), 1);
	assert_string_equal(turn(&w), "d");
	assert_true(loop_watch(w.loop, &w.watch, 0));
	w.watch.fd = -1;
	assert_false(loop_watch(w.loop, &w.watch, EPOLLIN));
	end(&w);
}

#define LETTERS 500000	/* of each of the two threads */

struct numbered_letter {
	struct letter letter;	/* the first */
	int from;
	size_t nth;
};

static struct {
	struct loop *loop;
	size_t opened[2];
} post;

static void
open_numbered(struct letter *l)
{
	struct numbered_letter *n = (struct numbered_letter *)l;

	assert_int_equal(n->nth, post.opened[n->from]++);
}

/* Posts them one by one, or by tens. */
static void *
poster(void *ctx)
{
	struct numbered_letter *n = ctx;
	struct letters ten = STAILQ_HEAD_INITIALIZER(ten);

	for (size_t i = 0; i < LETTERS; i++) {
		n[i].letter.open = open_numbered;
		n[i].nth = i;
		if (n[i].from == 0) {
			loop_post(post.loop, &n[i].letter);
			continue;
		}
		STAILQ_INSERT_TAIL(&ten, &n[i].letter, link);
		if (i % 10 == 9)
			loop_post_all(post.loop, &ten);
	}
	return NULL;
}

static void
post_from_threads(struct world *w, bool meanwhile)
{
	struct numbered_letter *n[2];
	pthread_t t[2];

	post.loop = w->loop;
	post.opened[0] = post.opened[1] = 0;
	for (int i = 0; i < 2; i++) {
		n[i] = calloc(LETTERS, sizeof(*n[i]));
		for (size_t k = 0; k < LETTERS; k++)
			n[i][k].from = i;
		assert_int_equal(pthread_create(&t[i], NULL, poster, n[i]),
		    0);
	}
	while (meanwhile && (post.opened[0] < LETTERS ||
	    post.opened[1] < LETTERS))
		loop_turn(w->loop, -1);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	loop_turn(w->loop, 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(post.opened[i], LETTERS);
		free(n[i]);
	}
}

/* While nobody looks, one bell is enough for a million. */
static void
test_letters(void **state)
{
	struct world w;

	(void)state;
	start(&w, &clock_system);
	post_from_threads(&w, true);
	loop_turn(w.loop, 0);
	bells = 0;
	post_from_threads(&w, false);
	assert_int_equal(bells, 1);
	end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ended_in_batch),
		cmocka_unit_test(test_watch_reopened),
		cmocka_unit_test(test_letters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
