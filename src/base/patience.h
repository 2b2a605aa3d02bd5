#ifndef BASE_PATIENCE_H
#define BASE_PATIENCE_H

#include "base/clock.h"

#include <stdbool.h>

/*
 * How long somebody waits for the work, which itself goes on to its end:
 * `run_out` is called once, in the working thread, when the time is over.
 */
struct patience {
	struct deadline until;
	void (*run_out)(void *ctx);
	void *ctx;
	bool over;
};

/* Tells whoever waits, unless that was done already. */
static inline void
patience_end(struct patience *p)
{
	if (p->over)
		return;
	p->over = true;
	p->run_out(p->ctx);
}

/* Of somebody who does not wait: nobody is told. */
static inline struct patience
patience_none(void)
{
	return (struct patience){ .over = true };
}

#endif
