/*
 * An event that names no connector: the end of a line.  It becomes one of
 * each connector whose channel asks for it.
 *
 * Called by relay.c.  Owns the copies until none is needed any more; their
 * texts are the event's own.  Its sender gets one answer, when the last of
 * them has one: the sum, or why one could not be stored.
 */
#include "relay/fan.h"

#include "relay/visit.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct branch {
	struct sender sender;
	struct event event;
	struct fan *fan;
};

struct fan {
	struct relay *relay;
	struct sender *sender;
	size_t open, unanswered;	/* branches */
	struct outcome sum;
	struct problem why;
	struct branch branch[];
};

/*
 * The i-th connector that is known here: those of app.connectors; without
 * any, "", which is whatever has no section, and those that have one.
 */
static const char *
connector_at(const struct config *c, size_t i)
{
	if (c->app.connectors.n != 0)
		return i < c->app.connectors.n ? c->app.connectors.item[i] :
		    NULL;
	return i < c->channels ? c->channel[i].connector : NULL;
}

/* One that stands there twice, as for lines of its own, counts once. */
static bool
is_asked(const struct relay *r, const struct event *ev, size_t i)
{
	const struct config *c = r->env.config;
	const char *name = connector_at(c, i);

	for (size_t k = 0; k < i; k++)
		if (strcasecmp(connector_at(c, k), name) == 0)
			return false;
	return (config_channel_for(c, name, ev->line)->events &
	    event_traits(ev->kind)->asked) != 0;
}

static size_t
count(const struct relay *r, const struct event *ev)
{
	size_t n = 0;

	for (size_t i = 0; connector_at(r->env.config, i) != NULL; i++)
		n += is_asked(r, ev, i);
	return n;
}

bool
fan_is_asked(const struct relay *r, const struct event *ev)
{
	return count(r, ev) != 0;
}

static struct branch *
of_sender(struct sender *sender)
{
	return (struct branch *)((char *)sender - offsetof(struct branch,
	    sender));
}

static void
answered(struct fan *f)
{
	if (--f->unanswered != 0)
		return;
	if (f->why.err != ERR_OK)
		f->sender->refuse(f->sender, &f->why);
	else
		f->sender->answer(f->sender, &f->sum);
}

static void
on_answer(struct sender *sender, const struct outcome *o)
{
	struct fan *f = of_sender(sender)->fan;

	f->sum.messages += o->messages;
	f->sum.acknowledged += o->acknowledged;
	f->sum.refused += o->refused;
	answered(f);
}

static void
on_refuse(struct sender *sender, const struct problem *p)
{
	struct fan *f = of_sender(sender)->fan;

	if (f->why.err == ERR_OK)
		f->why = *p;
	answered(f);
}

static void
leave(struct fan *f)
{
	if (--f->open != 0)
		return;
	f->sender->gone(f->sender);
	loop_bury(f->relay->env.loop, f);
}

static void
on_gone(struct sender *sender)
{
	struct branch *b = of_sender(sender);

	event_free(&b->event);
	leave(b->fan);
}

static enum err
copy_event(struct event *to, const struct event *ev, const char *connector)
{
	*to = *ev;
	arena_init(&to->arena, ev->arena.max);
	to->message = NULL;
	to->messages = to->messages_cap = 0;
	to->connector = arena_dup(&to->arena, connector, strlen(connector));
	for (char *c = to->connector; c != NULL && *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	return to->connector == NULL ? ERR_NOMEM : event_keep(to,
	    &ev->message[0]);
}

static void
begin(struct fan *f, struct branch *b, const struct event *ev,
    const char *connector)
{
	struct problem p = { .err = ERR_OK };

	*b = (struct branch){ .fan = f, .sender = { .answer = on_answer,
	    .refuse = on_refuse, .gone = on_gone,
	    .until = f->sender->until } };
	f->open++;
	f->unanswered++;
	if (copy_event(&b->event, ev, connector) == ERR_OK) {
		visit_begin(f->relay, &b->event, &b->sender);
		return;
	}
	(void)problem_set(&p, ERR_DISK, -1, NULL, "out of memory");
	on_refuse(&b->sender, &p);
	on_gone(&b->sender);
}

void
fan_begin(struct relay *r, struct event *ev, struct sender *sender)
{
	size_t n = count(r, ev), k = 0;
	struct fan *f = calloc(1, sizeof(*f) + n * sizeof(f->branch[0]));
	struct problem p = { .err = ERR_OK };

	if (f == NULL) {
		(void)problem_set(&p, ERR_DISK, -1, NULL, "out of memory");
		sender->refuse(sender, &p);
		sender->gone(sender);
		return;
	}
	f->relay = r;
	f->sender = sender;
	f->open = f->unanswered = 1;	/* until all have begun */
	for (size_t i = 0; k < n; i++)
		if (is_asked(r, ev, i))
			begin(f, &f->branch[k++], ev,
			    connector_at(r->env.config, i));
	answered(f);
	leave(f);
}
