/*
 * A line: the delivered messages of a portal, connector and line that wait
 * to be told, and when a call with them leaves.
 *
 * Called by journeys, the look and the room.  Owns the queue.  A call leaves
 * when nothing more is on its way into the queue, or the queue is as long as
 * it lately gets, or a sixth of the last call's time is over.  So long it also
 * stays behind the end of a call: those who were answered by it often send
 * more at once, which else would wait for the end of another one.  While an
 * event of many messages is still being handed over, its calls fill first,
 * but wait a second at most.
 */
#include "relay/line.h"

#include "portal/rest.h"

#include <stdlib.h>
#include <string.h>

#define GATHER_PART 8		/* of the last call's time */
#define GATHER_MIN_MS 1
#define GATHER_MAX_MS 25
#define BULK_MS 1000
#define PAUSE_MS 500		/* without memory for a call */
#define FULL_CALLS 4		/* what waits in memory, in calls, */
#define FULL_MORE 1024		/* and messages beside them */

static void
pump_soon(struct line *l)
{
	loop_ready(l->relay->env.loop, &l->pump);
}

/* The room keeps its slots while something waits here, or will soon. */
static void
hold_room(struct line *l)
{
	bool holds = l->n + l->coming != 0;

	if (holds && !l->holds)
		l->room->holders++;
	if (!holds && l->holds)
		room_release(l->room);
	l->holds = holds;
}

size_t
line_batch(const struct line *l)
{
	return (size_t)l->relay->env.config->portal.status_batch;
}

bool
line_is_full(const struct line *l)
{
	return l->n >= FULL_CALLS * line_batch(l) + FULL_MORE;
}

void
line_coming(struct line *l, bool bulk)
{
	l->coming++;
	l->bulk += bulk;
	hold_room(l);
}

void
line_came(struct line *l, bool bulk)
{
	l->coming--;
	l->bulk -= bulk;
	pump_soon(l);
}

bool
line_can_tell(const struct line *l, const struct journey *j)
{
	return !l->room->parked || rest_is_token(j->work->token) ||
	    room_token(l->room) != NULL;
}

void
line_queue(struct line *l, struct journey *j)
{
	j->parked = !line_can_tell(l, j) && !j->own_work;
	/* in memory nobody would find it: who may probe looks in the store */
	if (j->parked || l->relay->stopping ||
	    (l->room->outage.down && !j->probe)) {
		journey_release(j);
		return;
	}
	TAILQ_INSERT_TAIL(&l->waiting, j, link);
	l->n++;
	if (l->n > l->most)
		l->most = l->n;
	pump_soon(l);
}

/* A part of the last call's time. */
static int64_t
stay_ms(const struct line *l)
{
	int64_t ms = l->took_ms / GATHER_PART;

	return ms < GATHER_MAX_MS ? ms : GATHER_MAX_MS;
}

void
line_told(struct line *l, int64_t took_ms)
{
	const struct journey *first = TAILQ_FIRST(&l->waiting);

	l->took_ms = took_ms;
	/* nobody waits for two of them */
	if (first == NULL || first->delivered_at >= l->stays_until)
		l->stays_until = loop_now(l->relay->env.loop) + stay_ms(l);
	/* it wants to call again when that is over */
	room_unwant(l->room, &l->want);
	pump_soon(l);
}

void
line_stored(struct line *l)
{
	l->stored = l->stored_since = true;
	pump_soon(l);
}

void
line_serve(struct line *l, const struct look_place *p)
{
	room_seen(l->room, p->probe);
	if (p->kind == PLACE_PARKED) {
		l->parked = true;
		pump_soon(l);
		return;
	}
	l->probe = p->probe;
	line_stored(l);
}

void
line_awaited(struct line *l, bool more)
{
	if (more) {
		l->awaited++;
		l->users++;
		return;
	}
	l->awaited--;
	line_leave(l);
}

/* What waits here goes back to the store, for whoever may call. */
static void
put_back(struct line *l)
{
	struct journeys all = TAILQ_HEAD_INITIALIZER(all);

	TAILQ_CONCAT(&all, &l->waiting, link);
	l->n = 0;
	room_unwant(l->room, &l->want);
	journeys_release(l->relay, &all);
}

/* Calls with what waits here, or gives the permission back. */
static void
use_permission(struct line *l)
{
	l->let_in = false;
	l->lately = l->most;
	l->most = 0;
	/* it was stopped for long: what waits here may be others' by now */
	if (l->n != 0 && !look_is_sure(l->relay))
		put_back(l);
	if (l->n != 0 && tell_begin(l))
		return;
	if (l->n != 0)
		l->pause_until = loop_now(l->relay->env.loop) + PAUSE_MS;
	room_unused(l->room);
}

static void
on_taken(struct db_work *w)
{
	struct line *l = OF(w, struct line, up);
	struct relay *r = l->relay;
	bool ok = w->end == ERR_OK;

	l->taking = false;
	r->writes--;
	if (ok)
		look_sure(r);
	if (l->up.kind == PLACE_PARKED)
		l->parked = l->parked && ok && !l->up.empty;
	else
		l->stored = l->stored_since ||
		    (l->stored && ok && !l->up.empty);
	if (!ok)	/* it is told by the next look */
		log_error(r->env.log, "store-failed", F_STR("member_id",
		    l->room->member_id), F_STR("reason", w->problem.text));
	journeys_go(r, &l->up, l->up_probes);
	/* nothing was left to probe it with: it is up for all we know */
	if (l->up.n == 0 && ok && l->up_probes)
		room_was(l->room, false, true, "");
	if (l->let_in)
		use_permission(l);
	pump_soon(l);
	line_leave(l);
}

/* Some of what waits in the store, to go with the next call. */
static void
take_up(struct line *l)
{
	size_t batch = line_batch(l);

	if (l->taking || l->n >= batch || l->relay->closing)
		return;
	l->taking = true;
	l->stored_since = false;
	l->up_probes = l->probe && l->stored;
	l->probe = false;
	l->users++;
	l->relay->writes++;
	/* a probe goes alone: it may be in vain */
	l->up = (struct taking_up){ .db.done = on_taken,
	    .store = l->relay->env.store, .place = l->stored ?
	    l->place.number : l->parked_place.number,
	    .kind = l->stored ? PLACE_TELL : PLACE_PARKED,
	    .max = l->up_probes ? 1 : batch - l->n };
	store_take_up(&l->up);
	env_submit(&l->relay->env, &l->up.db);
}

static int64_t
gather_ms(const struct line *l)
{
	int64_t ms = stay_ms(l);

	if (l->bulk != 0)
		return BULK_MS;
	return ms > GATHER_MIN_MS ? ms : GATHER_MIN_MS;
}

static bool
later(struct line *l, int64_t at_ms)
{
	loop_arm(l->relay->env.loop, &l->timer, at_ms);
	return false;
}

/* Whether a call leaves now; else it is seen to that one does in time. */
static bool
leaves_now(struct line *l)
{
	const struct journey *first = TAILQ_FIRST(&l->waiting);
	int64_t now = loop_now(l->relay->env.loop);
	int64_t at = first->delivered_at;

	if (now < l->pause_until)
		return later(l, l->pause_until);
	if (first->work->alone || first->probe || l->n >= line_batch(l) ||
	    l->relay->stopping)
		return true;
	if (now < l->stays_until)
		return later(l, l->stays_until);
	if (l->coming == 0 || (l->bulk == 0 && l->n >= l->lately))
		return true;
	if (l->bulk == 0 && at < l->stays_until)
		at = l->stays_until;
	at += gather_ms(l);
	return now >= at || later(l, at);
}

/* What waits in the store is here before its call leaves, if calls leave. */
static bool
reads_ahead(const struct line *l)
{
	return (l->stored || l->parked) && l->room->slots > 0 &&
	    !l->room->outage.down;
}

static bool
wants_to_call(struct line *l)
{
	const struct journey *first = TAILQ_FIRST(&l->waiting);

	l->want.probe = l->probe || (first != NULL && first->probe);
	/* what waits there is of no use now: a look tells when it is */
	if (!l->taking && (l->relay->closing ||
	    (l->room->outage.down && !l->probe)))
		l->stored = l->stored_since = l->parked = false;
	if (l->relay->stopping || l->let_in)
		return false;
	return l->n != 0 ? leaves_now(l) : (l->stored || l->parked) &&
	    !l->taking;
}

static void
pump(struct task *t)
{
	struct line *l = OF(t, struct line, pump);

	l->users++;
	hold_room(l);
	if (reads_ahead(l))
		take_up(l);
	if (wants_to_call(l))
		room_want(l->room, &l->want);
	else
		room_unwant(l->room, &l->want);
	line_leave(l);
}

/* The room lets it in. */
static void
go(struct room_want *w)
{
	struct line *l = OF(w, struct line, want);

	l->let_in = true;
	if (l->n == 0 && (l->stored || l->parked))
		take_up(l);
	if (!l->taking || l->n != 0)
		use_permission(l);
	pump_soon(l);
}

void
lines_news(void *ctx, struct room *room, enum room_news what)
{
	struct relay *r = ctx;
	struct table_node *n = NULL;

	while ((n = table_next(&r->lines, n)) != NULL) {
		struct line *l = OF(n, struct line, node);

		if (l->room != room)
			continue;
		/* others have the slots, or it is down: who waits here asks
		 * again soon, else the next look tells */
		if (what != ROOM_UP)
			put_back(l);
		if (l->awaited != 0)
			l->stored = l->stored || what == ROOM_UP;
		else if (what != ROOM_UP)
			l->stored = l->stored_since = l->parked = false;
		pump_soon(l);
	}
}

void
lines_halt(struct relay *r)
{
	struct table_node *n = NULL;

	while ((n = table_next(&r->lines, n)) != NULL)
		put_back(OF(n, struct line, node));
}

static void
destroy(struct line *l)
{
	loop_unready(l->relay->env.loop, &l->pump);
	loop_disarm(l->relay->env.loop, &l->timer);
	room_unwant(l->room, &l->want);
	if (l->holds)
		room_release(l->room);
	room_leave(l->room);
	table_remove(&l->relay->lines, &l->node);
	free(l->connector);
	loop_bury(l->relay->env.loop, l);
}

void
lines_free(struct relay *r)
{
	struct table_node *n;

	while ((n = table_next(&r->lines, NULL)) != NULL)
		destroy(OF(n, struct line, node));
	table_free(&r->lines);
}

void
line_leave(struct line *l)
{
	if (--l->users == 0 && l->n == 0 && !l->taking && !l->stored &&
	    !l->parked && !l->let_in)
		destroy(l);
}

/* Its place's number would do, but costs a digest for each message. */
static int64_t
key_of(const char *member_id, const char *connector, int64_t line)
{
	return (int64_t)((uint64_t)table_number(member_id) +
	    3 * (uint64_t)table_number(connector) + 5 * (uint64_t)line);
}

static struct line *
make(struct relay *r, const char *member_id, const char *connector,
    int64_t line)
{
	struct line *l = calloc(1, sizeof(*l));
	int64_t number, parked;

	if (l == NULL ||
	    place_of_tell(&number, member_id, connector, line) != ERR_OK ||
	    place_of_parked(&parked, member_id, connector, line) != ERR_OK) {
		free(l);
		return NULL;
	}
	l->relay = r;
	l->connector = strdup(connector);
	l->room = room_enter(r->rooms, member_id);
	if (l->connector == NULL || l->room == NULL ||
	    table_add(&r->lines, &l->node, key_of(member_id, connector,
	    line)) != ERR_OK) {
		if (l->room != NULL)
			room_leave(l->room);
		free(l->connector);
		free(l);
		return NULL;
	}
	l->place = (struct place){ .number = number, .kind = PLACE_TELL,
	    .member_id = l->room->member_id, .connector = l->connector,
	    .line = line, .name = l->room->member_id };
	l->parked_place = l->place;
	l->parked_place.kind = PLACE_PARKED;
	l->parked_place.number = parked;
	TAILQ_INIT(&l->waiting);
	l->want = (struct room_want){ .go = go, .room = l->room };
	l->pump = (struct task){ .run = pump, .name = "line" };
	l->timer.wakes = &l->pump;
	return l;
}

static bool
is_it(const struct line *l, const char *member_id, const char *connector,
    int64_t line)
{
	return l->place.line == line &&
	    strcmp(l->connector, connector) == 0 &&
	    strcmp(l->room->member_id, member_id) == 0;
}

struct line *
line_enter(struct relay *r, const char *member_id, const char *connector,
    int64_t line)
{
	int64_t key = key_of(member_id, connector, line);
	struct table_node *n = NULL;
	struct line *l = NULL;

	while (l == NULL && (n = table_find(&r->lines, key, n)) != NULL)
		if (is_it(OF(n, struct line, node), member_id, connector,
		    line))
			l = OF(n, struct line, node);
	if (l == NULL)
		l = make(r, member_id, connector, line);
	if (l != NULL)
		l->users++;
	return l;
}
