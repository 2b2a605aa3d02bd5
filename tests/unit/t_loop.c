/*
 * The loop: the order of a turn, what may change meanwhile, the dead, and
 * its watch on itself.  Timers are in t_loop_timers.c, what comes from
 * outside in t_loop_watch.c.
 */
#include "loop_world.h"

#include "capture.h"

#include <sys/resource.h>

static void
all_at_once(struct world *w)
{
	loop_ready(w->loop, &w->task);
	loop_arm(w->loop, &w->timer, 900);
	loop_post(w->loop, &w->letter);
	assert_int_equal(write(w->pipe[1], "x", 1), 1);
}

static void
test_order(void **state)
{
	struct world w;

	(void)state;
	start(&w, &clock_fake);
	loop_add_hook(w.loop, &w.hook);
	assert_true(loop_watch(w.loop, &w.watch, EPOLLIN));
	all_at_once(&w);
	assert_string_equal(turn(&w), "dltkh");
	assert_string_equal(turn(&w), "h");
	loop_remove_hook(w.loop, &w.hook);
	assert_true(loop_watch(w.loop, &w.watch, 0));
	all_at_once(&w);
	loop_unready(w.loop, &w.task);
	loop_disarm(w.loop, &w.timer);
	assert_string_equal(turn(&w), "l");
	loop_unready(w.loop, &w.task);
	loop_disarm(w.loop, &w.timer);
	end(&w);
}

static void
make_again(struct task *t)
{
	struct world *w = WORLD(t, task);

	note(w, 'k');
	loop_ready(w->loop, &w->task);
	loop_ready(w->loop, &w->other);
	loop_ready(w->loop, &w->other);
	loop_arm(w->loop, &w->timer, 0);
}

/* What is added meanwhile waits a turn, and keeps that from sleeping. */
static void
test_next_turn(void **state)
{
	/* Made ready while it is listed, the other one still runs once. */
	static const char *const turns[] = { "tko", "tk", "tko" };
	struct world w;

	(void)state;
	start(&w, &clock_system);
	w.task.run = make_again;
	loop_ready(w.loop, &w.task);
	loop_ready(w.loop, &w.task);
	assert_string_equal(turn(&w), "k");
	for (size_t i = 0; i < COUNT(turns); i++) {
		w.seen[0] = '\0';
		loop_turn(w.loop, -1);
		assert_string_equal(w.seen, turns[i]);
	}
	end(&w);
}

static void
add_hook(struct hook *h)
{
	struct world *w = WORLD(h, hook);

	note(w, 'a');
	loop_remove_hook(w->loop, h);
	h->run = on_hook;
	loop_add_hook(w->loop, h);
}

static void
drop_hook(struct hook *h)
{
	struct world *w = WORLD(h, hook);

	note(w, 'd');
	loop_remove_hook(w->loop, h);
}

static void
test_hooks_change(void **state)
{
	struct world w;

	(void)state;
	start(&w, &clock_fake);
	w.hook.run = add_hook;
	loop_add_hook(w.loop, &w.hook);
	assert_string_equal(turn(&w), "a");
	assert_string_equal(turn(&w), "h");
	w.hook.run = drop_hook;
	assert_string_equal(turn(&w), "d");
	assert_string_equal(turn(&w), "");
	end(&w);
}

static void
bury_me(struct task *t)
{
	struct world *w = WORLD(t, task);
	char *dead = strdup("dead");

	loop_bury(w->loop, dead);
	for (int i = 0; i < 1000; i++)
		loop_bury(w->loop, calloc(1, 16));
	w->hook.run = on_hook;
	assert_string_equal(dead, "dead");
}

static void
test_bury(void **state)
{
	struct world w;
	struct world *all = malloc(sizeof(*all));

	(void)state;
	start(&w, &clock_fake);
	w.task.run = bury_me;
	loop_ready(w.loop, &w.task);
	loop_turn(w.loop, 0);
	loop_bury(w.loop, NULL);
	/* A task may bury what it is part of. */
	*all = w;
	all->task = (struct task){ .run = bury_me, .name = "last" };
	loop_ready(w.loop, &all->task);
	loop_bury(w.loop, strdup("left to the end"));
	loop_turn(w.loop, 0);
	loop_bury(w.loop, all);
	end(&w);
}

static void
enter_again(struct task *t)
{
	struct world *w = WORLD(t, task);

	note(w, 'k');
	loop_ready(w->loop, &w->other);
	loop_turn(w->loop, -1);
	loop_run(w->loop);
}

static void
test_not_inside_itself(void **state)
{
	struct capture c;
	struct world w;
	char *log;

	(void)state;
	start(&w, &clock_fake);
	w.task.run = enter_again;
	loop_ready(w.loop, &w.task);
	capture_begin(&c, 2);
	loop_turn(w.loop, 0);
	log = capture_end(&c);
	assert_string_equal(w.seen, "k");
	assert_non_null(strstr(log, "event=loop-entered-twice"));
	free(log);
	assert_string_equal(turn(&w), "o");
	end(&w);
}

static void
take_long(struct task *t)
{
	struct world *w = WORLD(t, task);

	fake_now += w->seen[0] == 'L' ? 150 : 100;
}

/* What a turn logs whose slowest task takes long, or very long. */
static char *
slow_turn(struct world *w, const char *how)
{
	struct capture c;

	(void)strcpy(w->seen, how);
	loop_ready(w->loop, &w->other);
	loop_ready(w->loop, &w->task);
	capture_begin(&c, 2);
	loop_turn(w->loop, 0);
	return capture_end(&c);
}

static void
test_slow_turn(void **state)
{
	struct world w;
	char *log;

	(void)state;
	start(&w, &clock_fake);
	w.task.run = take_long;
	log = slow_turn(&w, "l");
	assert_string_equal(log, "");
	free(log);
	log = slow_turn(&w, "L");
	assert_non_null(strstr(log, "level=warning event=slow-turn ms=150 "
	    "slowest=digger"));
	free(log);
	log = slow_turn(&w, "L");
	assert_string_equal(log, "");
	free(log);
	fake_now += 60000;
	log = slow_turn(&w, "L");
	assert_non_null(strstr(log, "untold=1"));
	free(log);
	end(&w);
}

static void
stop(struct task *t)
{
	struct world *w = WORLD(t, task);

	note(w, 'k');
	if (strlen(w->seen) == 3)
		loop_stop(w->loop);
	loop_ready(w->loop, t);
}

static void
test_run(void **state)
{
	struct world w;

	(void)state;
	start(&w, &clock_system);
	w.task.run = stop;
	loop_ready(w.loop, &w.task);
	loop_run(w.loop);
	assert_string_equal(w.seen, "kkk");
	loop_stop(w.loop);
	loop_run(w.loop);
	assert_string_equal(w.seen, "kkk");
	end(&w);
}

static void
test_no_descriptors(void **state)
{
	struct rlimit was, none;
	struct loop *l;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = was;
	for (rlim_t n = 3; n <= 4; n++) {
		none.rlim_cur = n;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
		assert_int_equal(loop_new(&l, &clock_system, &quiet),
		    ERR_RETRY);
		assert_null(l);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	}
	loop_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_next_turn),
		cmocka_unit_test(test_hooks_change),
		cmocka_unit_test(test_bury),
		cmocka_unit_test(test_not_inside_itself),
		cmocka_unit_test(test_slow_turn),
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_no_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
