/*
 * The clock of the system, and deadlines on top of any clock.
 *
 * Called by everything that waits.  Owns nothing.  Reading the system's
 * clocks cannot fail on Linux; a failure would read as time zero.
 */
#include "base/clock.h"

#include <time.h>

static int64_t
read_ms(clockid_t id)
{
	struct timespec t = { 0 };

	(void)clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t
system_wall(void *ctx)
{
	(void)ctx;
	return read_ms(CLOCK_REALTIME);
}

static int64_t
system_mono(void *ctx)
{
	(void)ctx;
	return read_ms(CLOCK_MONOTONIC);
}

const struct clock clock_system = {
	.wall_ms = system_wall,
	.mono_ms = system_mono,
};

int64_t
clock_wall(const struct clock *c)
{
	return c->wall_ms(c->ctx);
}

struct deadline
deadline_in(const struct clock *c, int64_t ms)
{
	return (struct deadline){ c, c->mono_ms(c->ctx) + ms };
}

int64_t
deadline_left(const struct deadline *d)
{
	int64_t left = d->at_ms - d->clock->mono_ms(d->clock->ctx);

	return left > 0 ? left : 0;
}
