/*
 * A destination: the channel of a connector's line, as this process sees it.
 *
 * Called by journeys, visits and the look.  Owns the queue of messages that
 * wait for its turn.  destination_pump() alone starts hand-overs: while
 * somebody waits, it is up, and fewer than channel.in_flight are on their
 * way.  Above the high mark only the store knows a message; below the low
 * one some are read back.
 */
#include "relay/destination.h"

#include "channel/name.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HIGH_FACTOR 4		/* of in_flight: what may wait in memory */
#define HIGH_MIN 1024
#define TAKE_MAX 256		/* read back at once */

struct destination {
	struct table_node node;
	struct relay *relay;
	const struct config_channel *config;
	char *connector;
	char *name;
	struct place place;
	struct journeys queue;
	size_t queued, in_flight, reserved, users;
	bool down;
	bool stored;		/* more waits in the store; and */
	bool stored_since;	/* since the last was taken from it */
	bool probe;		/* the next hand-over tells whether it is up */
	bool up_probes;		/* what is being taken up is for that */
	bool taking, changing;
	bool change_again;	/* it has changed since */
	struct taking_up up;
	struct place_change change;
	char why[PROBLEM_TEXT_MAX];
	struct task pump;
};

static size_t
high_mark(const struct destination *d)
{
	size_t n = (size_t)d->config->in_flight * HIGH_FACTOR;

	return n > HIGH_MIN ? n : HIGH_MIN;
}

static size_t
held(const struct destination *d)
{
	return d->queued + d->in_flight + d->reserved;
}

const struct place *
destination_place(const struct destination *d)
{
	return &d->place;
}

struct channel *
destination_channel(const struct destination *d)
{
	return channels_of(d->relay->channels, d->config);
}

bool
destination_has_room(const struct destination *d)
{
	return !d->down && held(d) < high_mark(d);
}

bool
destination_is_down(const struct destination *d)
{
	return d->down;
}

static void
pump_soon(struct destination *d)
{
	loop_ready(d->relay->env.loop, &d->pump);
}

size_t
destination_reserve(struct destination *d, size_t n)
{
	size_t most = high_mark(d);
	size_t room = held(d) < most ? most - held(d) : 0;

	if (d->down || d->relay->closing)
		return 0;
	if (n > room)
		n = room;
	d->reserved += n;
	return n;
}

void
destination_unreserve(struct destination *d, size_t n)
{
	d->reserved -= n;
	pump_soon(d);
}

void
destination_stored(struct destination *d)
{
	d->stored = d->stored_since = true;
	pump_soon(d);
}

/* What waits in memory goes back to the store, where it waits for a probe. */
static void
empty_queue(struct destination *d)
{
	struct journeys all = TAILQ_HEAD_INITIALIZER(all);

	TAILQ_CONCAT(&all, &d->queue, link);
	d->queued = 0;
	journeys_release(d->relay, &all);
}

void
destination_found_down(struct destination *d)
{
	if (d->down)
		return;
	d->down = true;
	d->stored = d->stored_since = false;
	empty_queue(d);
}

static void write_change(struct destination *, bool down);

static void
on_changed(struct db_work *w)
{
	struct destination *d = (struct destination *)((char *)w -
	    offsetof(struct destination, change));
	const struct env *env = &d->relay->env;

	d->changing = false;
	d->relay->writes--;
	if (w->end != ERR_OK)
		log_error(env->log, "store-failed", F_STR("place", d->name),
		    F_STR("reason", w->problem.text));
	else if (!d->change.down)
		log_info(env->log, "up", F_STR("place", d->name));
	else if (d->change.tries == 1)
		log_warning(env->log, "down", F_STR("place", d->name),
		    F_STR("reason", d->why));
	if (d->change_again)
		write_change(d, d->down);
	destination_leave(d);
}

static void
write_change(struct destination *d, bool down)
{
	const struct env *env = &d->relay->env;

	d->change_again = d->changing;
	if (d->changing)
		return;
	d->changing = true;
	d->users++;
	d->relay->writes++;
	d->change = (struct place_change){
		.db.done = on_changed,
		.store = env->store,
		.place = d->place,
		.down = down,
		.first_ms = env->config->retry.first * 1000,
		.longest_ms = env->config->retry.longest * 1000,
		.reason = d->why,
	};
	store_place_change(&d->change);
	env_submit(env, &d->change.db);
}

/* Calls that were on their way together fail together: they count once. */
static void
was(struct destination *d, bool down, bool probe, const char *reason)
{
	if (down == d->down && !probe)
		return;
	if (down && !d->changing)
		(void)snprintf(d->why, sizeof(d->why), "%s", reason);
	write_change(d, down);
	if (down) {
		destination_found_down(d);
	} else {
		d->down = false;
		d->stored = d->stored_since = true;
	}
}

void
destination_done(struct destination *d, bool down, bool probe,
    const char *reason)
{
	d->in_flight--;
	was(d, down, probe, reason);
	pump_soon(d);
}

void
destination_queue(struct destination *d, struct journey *j)
{
	TAILQ_INSERT_TAIL(&d->queue, j, link);
	d->queued++;
	pump_soon(d);
}

void
destination_serve(struct destination *d, bool probe)
{
	/* what waits here would stand in the way of the probe */
	if (probe)
		destination_found_down(d);
	d->down = probe;
	d->probe = probe;
	destination_stored(d);
}

static void
on_taken(struct db_work *w)
{
	struct destination *d = (struct destination *)((char *)w -
	    offsetof(struct destination, up));
	struct relay *r = d->relay;
	bool ok = w->end == ERR_OK;

	d->taking = false;
	r->writes--;
	if (ok)
		look_sure(r);
	d->stored = d->stored_since || (d->stored && ok && !d->up.empty);
	if (!ok)	/* it is told by the next look */
		log_error(r->env.log, "store-failed", F_STR("place", d->name),
		    F_STR("reason", w->problem.text));
	for (size_t i = 0; i < d->up.n; i++) {
		struct journey *j = journey_of_work(r, d->up.work[i]);

		if (j == NULL)
			continue;
		j->probe = d->up_probes;
		journey_go(j);
	}
	free(d->up.work);
	/* nothing was left to probe it with: it is up for all we know */
	if (ok && d->up_probes && d->up.n == 0)
		was(d, false, true, "");
	if (d->up_probes)
		d->probe = false;
	pump_soon(d);
	destination_leave(d);
}

static void
take_up(struct destination *d)
{
	size_t room = high_mark(d) > held(d) ? high_mark(d) - held(d) : 0;

	if (room > TAKE_MAX)
		room = TAKE_MAX;
	if (d->taking || room == 0 || d->relay->closing)
		return;
	d->taking = true;
	d->stored_since = false;
	d->up_probes = d->probe;
	d->users++;
	d->relay->writes++;
	d->up = (struct taking_up){ .db.done = on_taken,
	    .store = d->relay->env.store, .place = d->place.number,
	    .kind = PLACE_CHANNEL, .max = d->probe ? 1 : room };
	store_take_up(&d->up);
	env_submit(&d->relay->env, &d->up.db);
}

static void
pump(struct task *t)
{
	struct destination *d = (struct destination *)((char *)t -
	    offsetof(struct destination, pump));
	struct journey *j;

	d->users++;
	/* it was stopped for long: what waits here may be others' by now */
	if (d->queued != 0 && !look_is_sure(d->relay))
		empty_queue(d);
	while ((j = TAILQ_FIRST(&d->queue)) != NULL &&
	    d->in_flight < (size_t)d->config->in_flight &&
	    (!d->down || j->probe) && !d->relay->stopping) {
		TAILQ_REMOVE(&d->queue, j, link);
		d->queued--;
		d->in_flight++;
		journey_hand_over(j);
	}
	if (d->stored && (!d->down || d->probe) &&
	    d->queued < (size_t)d->config->in_flight)
		take_up(d);
	destination_leave(d);
}

static void
destroy(struct destination *d)
{
	loop_unready(d->relay->env.loop, &d->pump);
	table_remove(&d->relay->destinations, &d->node);
	free(d->connector);
	free(d->name);
	loop_bury(d->relay->env.loop, d);
}

void
destination_leave(struct destination *d)
{
	if (--d->users == 0 && d->queued == 0 && d->in_flight == 0 &&
	    d->reserved == 0 && !d->stored && !d->taking && !d->changing)
		destroy(d);
}

static struct destination *
of_node(struct table_node *n)
{
	return (struct destination *)((char *)n - offsetof(struct destination,
	    node));
}

void
destinations_halt(struct relay *r)
{
	for (size_t i = 0; i < r->destinations.slots; i++)
		for (struct table_node *n = r->destinations.slot[i];
		    n != NULL; n = n->next)
			empty_queue(of_node(n));
}

void
destinations_free(struct relay *r)
{
	struct table_node *n;

	while ((n = table_any(&r->destinations)) != NULL)
		destroy(of_node(n));
	table_free(&r->destinations);
}

static struct destination *
make(struct relay *r, const char *connector,
    const struct config_channel *config, int64_t number)
{
	struct destination *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->relay = r;
	d->config = config;
	d->connector = strdup(connector);
	d->name = channel_name(config->url);
	if (d->connector == NULL || d->name == NULL ||
	    table_add(&r->destinations, &d->node, number) != ERR_OK) {
		free(d->connector);
		free(d->name);
		free(d);
		return NULL;
	}
	d->place = (struct place){ .number = number, .kind = PLACE_CHANNEL,
	    .connector = d->connector, .name = d->name };
	TAILQ_INIT(&d->queue);
	d->pump = (struct task){ .run = pump, .name = "destination" };
	return d;
}

static struct destination *
enter(struct relay *r, const char *connector,
    const struct config_channel *config)
{
	struct table_node *n;
	struct destination *d;
	int64_t number;

	if (place_of_channel(&number, connector, config->url) != ERR_OK)
		return NULL;
	n = table_find(&r->destinations, number, NULL);
	d = n != NULL ? of_node(n) : make(r, connector, config, number);
	if (d != NULL)
		d->users++;
	return d;
}

struct destination *
destination_enter(struct relay *r, const char *connector, int64_t line)
{
	return enter(r, connector, config_channel_for(r->env.config,
	    connector, line));
}

/* The section whose channel that place is.  NULL: none any more. */
struct destination *
destination_of_place(struct relay *r, const struct look_place *p)
{
	const struct config *c = r->env.config;

	for (size_t i = 0; i < c->channels; i++) {
		int64_t number;

		if (place_of_channel(&number, p->connector,
		    c->channel[i].url) == ERR_OK && number == p->number)
			return enter(r, p->connector, &c->channel[i]);
	}
	return NULL;
}
