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

#include <stdlib.h>
#include <string.h>

#define HIGH_FACTOR 4		/* of in_flight: what may wait in memory */
#define HIGH_MIN 1024
#define TAKE_MAX 256		/* read back at once */
#define STALE_MOST 1024		/* on their way: no more of a place that is */
				/* gone until a look tells of it again */

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

bool
destination_has_room(const struct destination *d)
{
	return !d->outage.down && held(d) < high_mark(d);
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

	if (d->outage.down || d->relay->closing)
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
	if (d->outage.down)
		return;
	d->outage.down = true;
	d->stored = d->stored_since = false;
	empty_queue(d);
}

static void
on_written(struct outage *o)
{
	struct destination *d = OF(o, struct destination, outage);

	d->relay->writes--;
	destination_leave(d);
}

/* Calls that were on their way together fail together: they count once. */
static void
was(struct destination *d, bool down, bool probe, const char *reason)
{
	if (down == d->outage.down && !probe)
		return;
	if (down)
		destination_found_down(d);
	else
		d->stored = d->stored_since = true;
	d->outage.down = down;
	if (outage_write(&d->outage, reason)) {
		d->users++;
		d->relay->writes++;
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
	/* whether one that is gone was down is of no interest any more */
	if (d->stale && probe)
		was(d, false, true, "");
	probe = probe && !d->stale;
	/* what waits here would stand in the way of the probe */
	if (probe)
		destination_found_down(d);
	d->outage.down = probe;
	d->probe = probe;
	destination_stored(d);
}

static void
on_taken(struct db_work *w)
{
	struct destination *d = OF(w, struct destination, up);
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
	journeys_go(r, &d->up, d->up_probes);
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
	if (d->taking || room == 0 || d->relay->closing ||
	    (d->stale && d->relay->journeys >= STALE_MOST))
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
	struct destination *d = OF(t, struct destination, pump);
	struct journey *j;

	d->users++;
	/* it was stopped for long: what waits here may be others' by now */
	if (d->queued != 0 && !look_is_sure(d->relay))
		empty_queue(d);
	while ((j = TAILQ_FIRST(&d->queue)) != NULL &&
	    d->in_flight < (size_t)d->config->in_flight &&
	    (!d->outage.down || j->probe) && !d->relay->stopping) {
		TAILQ_REMOVE(&d->queue, j, link);
		d->queued--;
		d->in_flight++;
		journey_hand_over(j);
	}
	if (d->stored && (!d->outage.down || d->probe) &&
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
	    d->reserved == 0 && !d->stored && !d->taking && !d->outage.writing)
		destroy(d);
}

void
destinations_halt(struct relay *r)
{
	struct table_node *n = NULL;

	while ((n = table_next(&r->destinations, n)) != NULL)
		empty_queue(OF(n, struct destination, node));
}

void
destinations_free(struct relay *r)
{
	struct table_node *n;

	while ((n = table_next(&r->destinations, NULL)) != NULL)
		destroy(OF(n, struct destination, node));
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
	if (d->connector == NULL || d->name == NULL || table_add(
	    &r->destinations, &d->node, table_number(connector)) != ERR_OK) {
		free(d->connector);
		free(d->name);
		free(d);
		return NULL;
	}
	d->place = (struct place){ .number = number, .kind = PLACE_CHANNEL,
	    .connector = d->connector, .name = d->name };
	d->outage = (struct outage){ .env = &r->env, .place = d->place,
	    .written = on_written };
	TAILQ_INIT(&d->queue);
	d->pump = (struct task){ .run = pump, .name = "destination" };
	return d;
}

/* Of that connector; by its section (NULL: any), or by its place's number. */
static struct destination *
find(const struct relay *r, const char *connector,
    const struct config_channel *config, int64_t number)
{
	int64_t key = table_number(connector);
	struct table_node *n = NULL;

	while ((n = table_find(&r->destinations, key, n)) != NULL) {
		struct destination *d = OF(n, struct destination, node);

		if ((config != NULL ? d->config == config && !d->stale :
		    d->place.number == number) &&
		    strcmp(d->connector, connector) == 0)
			return d;
	}
	return NULL;
}

static struct destination *
enter(struct relay *r, const char *connector,
    const struct config_channel *config, int64_t number)
{
	struct destination *d = find(r, connector, NULL, number);

	if (d == NULL)
		d = make(r, connector, config, number);
	if (d != NULL)
		d->users++;
	return d;
}

/* The number costs a digest, so it is made for new ones only. */
struct destination *
destination_enter(struct relay *r, const char *connector, int64_t line)
{
	const struct config_channel *config = config_channel_for(
	    r->env.config, connector, line);
	struct destination *d = find(r, connector, config, 0);
	int64_t number;

	if (d == NULL && place_of_channel(&number, connector,
	    config->url) == ERR_OK)
		d = enter(r, connector, config, number);
	else if (d != NULL)
		d->users++;
	return d;
}

/* By the section whose channel that place is, or of one that is gone. */
struct destination *
destination_of_place(struct relay *r, const struct look_place *p)
{
	const struct config *c = r->env.config;
	struct destination *d;

	for (size_t i = 0; i < c->channels; i++) {
		int64_t number;

		if (place_of_channel(&number, p->connector,
		    c->channel[i].url) == ERR_OK && number == p->number)
			return enter(r, p->connector, &c->channel[i], number);
	}
	d = enter(r, p->connector, config_channel_for(c, p->connector, 0),
	    p->number);
	if (d != NULL)
		d->stale = true;
	return d;
}
