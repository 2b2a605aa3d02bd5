/*
 * One status call after the other, as long as messages wait on a line.
 *
 * Called by the relay and its retry with a call that the store has granted.
 * Owns the call.  What a call comes to is tell.c's; if its end cannot be
 * written, the store gives the messages back.
 */
#include "relay/journey.h"

#include "relay/attempt.h"
#include "relay/waiting.h"
#include "store/calls.h"

#include <limits.h>
#include <stdio.h>
#include <time.h>

#define GATHER_MIN_MS 1	/* how long a call waits for more to go with it */
#define GATHER_MAX_MS 25

void
line_of(const struct work *w, struct line *line, char place[PLACE_MAX])
{
	place_of_portal(w->member_id, place);
	*line = (struct line){ w->member_id, w->connector, w->line, place };
}

/* A line as late.h counts places; where two look the same, both fill. */
static void
name_of(const struct line *line, char name[PLACE_MAX])
{
	(void)snprintf(name, PLACE_MAX, "line:%.100s/%.40s/%lld",
	    line->member_id, line->connector, (long long)line->line);
}

bool
line_fill_begin(const struct relay *r, const struct line *line)
{
	char name[PLACE_MAX];

	name_of(line, name);
	return late_begin(r->late, name, INT_MAX);
}

void
line_fill_end(const struct relay *r, const struct line *line)
{
	char name[PLACE_MAX];

	name_of(line, name);
	late_end(r->late, name);
}

bool
line_is_filling(const struct relay *r, const struct line *line)
{
	char name[PLACE_MAX];

	name_of(line, name);
	return late_count(r->late, name) != 0;
}

/*
 * An idle portal is called at once.  But while another call is on its way,
 * those that it answers soon send their next events: an eighth of the time
 * that a call takes costs little, and saves most of them a whole one.
 */
static void
wait_for_more(const struct relay *r, const struct line *line, struct call *c)
{
	int64_t ms = c->took_ms / 8;
	struct timespec t = { 0, 0 };
	struct problem p = { 0 };

	if (c->others == 0 || c->work[0]->alone)
		return;
	if (ms < GATHER_MIN_MS)
		ms = GATHER_MIN_MS;
	t.tv_nsec = (ms < GATHER_MAX_MS ? ms : GATHER_MAX_MS) * 1000000;
	(void)nanosleep(&t, NULL);
	if (store_call_more(r->env.store, line, c, &p) != ERR_OK)
		log_error(r->env.log, "store-failed", F_STR("reason",
		    p.text));
}

struct good_news {
	const struct relay *r;
	const struct call *call;
};

/* Whoever waits is told before it is written: a crash only repeats it. */
static void
spread(void *ctx)
{
	const struct good_news *g = ctx;

	waiting_tell(g->r->waiting, g->call->work, g->call->n,
	    STATE_ACKNOWLEDGED);
}

bool
tell_on(const struct relay *r, struct call *c, bool probe,
    struct patience *patience)
{
	struct deadline until = deadline_in(r->env.clock,
	    r->env.config->server.answer_within * 1000);
	bool good = false, first = true;

	while (c->leave == LEAVE_GRANTED) {
		bool more = deadline_left(&until) > 0;
		char place[PLACE_MAX];
		struct good_news news = { r, c };
		struct problem p = { 0 };
		struct call_end end;
		struct call next;
		struct line line;

		line_of(c->work[0], &line, place);
		if (!probe)
			wait_for_more(r, &line, c);
		tell(r, c, probe, patience, &end);
		good = first ? end.acknowledged : good;
		first = probe = false;
		call_init(&next);
		if (end.acknowledged)
			end.queued = (struct on_queued){ spread, &news };
		/* those who wait for more than this call brings */
		end.at_leisure = !r->one_shot &&
		    waiting_count(r->waiting) <= c->n;
		end.filling = line_is_filling(r, &line);
		if (store_call_end(r->env.store, c, &end, &line, more ?
		    &next : NULL, &p) != ERR_OK)
			log_error(r->env.log, "store-failed", F_STR("key",
			    c->work[0]->key), F_STR("reason", p.text));
		call_free(c);
		*c = next;
	}
	call_free(c);
	return good;
}
