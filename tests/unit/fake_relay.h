/*
 * A relay that does nothing but answer: at once, or `delay_ms` later.  It
 * takes the place of the real one where a test links it.
 */
#ifndef FAKE_RELAY_H
#define FAKE_RELAY_H

#include "relay/relay.h"

#include <stdlib.h>
#include <sys/queue.h>

struct fake_wait {
	struct relay *relay;
	struct sender *sender;
	size_t messages;
	struct timer timer;
	TAILQ_ENTRY(fake_wait) link;
};

struct relay {
	struct env env;
	int64_t delay_ms;
	bool stopping;
	size_t busy;
	TAILQ_HEAD(, fake_wait) waits;
};

static void
fake_answer_now(struct fake_wait *w, bool done)
{
	struct relay *r = w->relay;
	struct outcome o = { .messages = w->messages,
	    .acknowledged = done ? w->messages : 0 };

	loop_disarm(r->env.loop, &w->timer);
	TAILQ_REMOVE(&r->waits, w, link);
	r->busy--;
	w->sender->answer(w->sender, &o);
	w->sender->gone(w->sender);
	free(w);
}

static void
fake_fire(struct timer *t)
{
	fake_answer_now((struct fake_wait *)((char *)t -
	    offsetof(struct fake_wait, timer)), true);
}

void
relay_take(struct relay *r, struct event *ev, struct sender *sender)
{
	struct fake_wait *w = calloc(1, sizeof(*w));

	if (w == NULL)
		abort();
	w->relay = r;
	w->sender = sender;
	w->messages = ev->messages + 1;	/* never none */
	w->timer.fire = fake_fire;
	TAILQ_INSERT_TAIL(&r->waits, w, link);
	r->busy++;
	if (r->delay_ms == 0 || r->stopping)
		fake_answer_now(w, !r->stopping);
	else
		loop_arm(r->env.loop, &w->timer,
		    loop_now(r->env.loop) + r->delay_ms);
}

const struct env *
relay_env(const struct relay *r)
{
	return &r->env;
}

void
relay_start(struct relay *r)
{
	r->stopping = false;
}

void
relay_stop(struct relay *r)
{
	struct fake_wait *w;

	r->stopping = true;
	while ((w = TAILQ_FIRST(&r->waits)) != NULL)
		fake_answer_now(w, false);
}

int64_t
relay_descriptors(const struct relay *r)
{
	(void)r;
	return 0;
}

size_t
relay_busy(const struct relay *r)
{
	return r->busy;
}

#endif
