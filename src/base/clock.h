#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/*
 * Time is handed down, so that tests own it.  Milliseconds everywhere.
 * wall_ms() is Unix time and may jump; mono_ms() only goes on.
 */
struct clock {
	int64_t (*wall_ms)(void *ctx);
	int64_t (*mono_ms)(void *ctx);
	void *ctx;
};

extern const struct clock clock_system;

/* Unix time in milliseconds, as this clock sees it. */
int64_t clock_wall(const struct clock *);

/* A point in time on the monotonic side of a clock. */
struct deadline {
	const struct clock *clock;
	int64_t at_ms;
};

/* `ms` milliseconds from now. */
struct deadline deadline_in(const struct clock *, int64_t ms);

/* What is left in milliseconds; 0 when it is over, never less. */
int64_t deadline_left(const struct deadline *);

#endif
