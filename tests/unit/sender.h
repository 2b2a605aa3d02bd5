/*
 * A sender of an event who counts what he is told, and asserts what
 * relay/relay.h promises: his patience ends once, before he is gone.
 */
#ifndef SENDER_H
#define SENDER_H

#include "unit.h"

#include "relay/relay.h"
#include "relay/waiting.h"

struct heard {
	struct sender sender;
	struct patience thread;
	int ended;		/* his patience */
	int thread_ended;
	int gone;
};

static inline void
heard_count(void *ctx)
{
	++*(int *)ctx;
}

static inline void
heard_gone(struct sender *sender)
{
	struct heard *h = (struct heard *)sender;

	assert_int_equal(h->ended, 1);
	h->gone++;
}

/* Alone in its process, an event never fails after an ERR_OK. */
static inline void
heard_failed(struct sender *sender, const struct problem *p)
{
	(void)sender;
	fail_msg("failed: %s", p->text);
}

static inline void
heard_init(struct heard *h, const struct clock *clock, int64_t ms)
{
	const struct deadline until = deadline_in(clock, ms);

	*h = (struct heard){
		.sender = {
			.patience = { until, heard_count, &h->ended, false },
			.gone = heard_gone,
			.failed = heard_failed,
			.thread = &h->thread,
		},
		.thread = { until, heard_count, &h->thread_ended, false },
	};
}

/*
 * Lets the relay take an event and sees its sender off: a wait that is left
 * is ended, as its time would.  The event is the caller's to free then.
 */
static inline enum err
heard_take(const struct relay *r, struct event *ev, struct heard *h,
    struct outcome *out, struct problem *p)
{
	enum err e = relay_take(r, ev, &h->sender, out, p);

	if (e == ERR_OK && h->gone == 0)
		waiting_end_all(r->waiting);
	assert_int_equal(h->gone, e == ERR_OK);
	if (e == ERR_OK)
		assert_int_equal(h->ended, 1);
	return e;
}

#endif
