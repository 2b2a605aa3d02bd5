/*
 * A loop on a clock of the test's own, and one of each thing that it runs;
 * what happens to them is written down as letters.
 */
#ifndef LOOP_WORLD_H
#define LOOP_WORLD_H

#include "base/loop.h"

#include "unit.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* A clock that stands still until the test moves it. */
static atomic_llong fake_now;

static inline int64_t
fake_ms(void *ctx)
{
	(void)ctx;
	return fake_now;
}

static const struct clock clock_fake = { fake_ms, fake_ms, NULL };
static const struct log quiet = { .level = LOG_LEVEL_WARNING };

struct world {
	struct loop *loop;
	struct task task, other;
	struct timer timer, second;
	struct watch watch;
	struct letter letter;
	struct hook hook;
	int pipe[2];
	char seen[64];
};

#define WORLD(p, member) \
	((struct world *)((char *)(p) - offsetof(struct world, member)))

static inline void
note(struct world *w, char what)
{
	size_t n = strlen(w->seen);

	assert_in_range(n, 0, sizeof(w->seen) - 2);
	w->seen[n] = what;
	w->seen[n + 1] = '\0';
}

static inline void
on_task(struct task *t)
{
	note(WORLD(t, task), 'k');
}

static inline void
on_other(struct task *t)
{
	note(WORLD(t, other), 'o');
}

static inline void
on_timer(struct timer *t)
{
	note(WORLD(t, timer), 't');
}

static inline void
on_second(struct timer *t)
{
	note(WORLD(t, second), 's');
}

static inline void
on_watch(struct watch *v, uint32_t events)
{
	struct world *w = WORLD(v, watch);
	char c;

	assert_true(events & EPOLLIN);
	assert_int_equal(read(v->fd, &c, 1), 1);
	note(w, 'd');
}

static inline void
on_letter(struct letter *l)
{
	note(WORLD(l, letter), 'l');
}

static inline void
on_hook(struct hook *h)
{
	note(WORLD(h, hook), 'h');
}

static inline void
start(struct world *w, const struct clock *clock)
{
	*w = (struct world){ .task = { .run = on_task, .name = "digger" },
		.other = { .run = on_other, .name = "other" },
		.timer = { .fire = on_timer }, .second = { .fire = on_second },
		.watch = { .ready = on_watch }, .letter = { .open = on_letter },
		.hook = { .run = on_hook } };
	fake_now = 1000;
	assert_int_equal(pipe2(w->pipe, O_CLOEXEC), 0);
	w->watch.fd = w->pipe[0];
	assert_int_equal(loop_new(&w->loop, clock, &quiet), ERR_OK);
}

static inline void
end(struct world *w)
{
	loop_free(w->loop);
	(void)close(w->pipe[0]);
	(void)close(w->pipe[1]);
}

/* What one turn without sleep does. */
static inline const char *
turn(struct world *w)
{
	w->seen[0] = '\0';
	loop_turn(w->loop, 0);
	return w->seen;
}

#endif
