/*
 * How things are, as JSON.
 *
 * Called for the status page, which draws it, and by the operator's tool.
 * Owns nothing.
 */
#include "web/status_json.h"

#include "web/names.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *
wait_word(enum wait_why why)
{
	static const char *const words[WAIT__MAX] = {
		[WAIT_REFUSED] = "refused",
		[WAIT_UNCOVERED] = "uncovered",
		[WAIT_PARKED] = "parked",
		[WAIT_DOWN] = "held",
		[WAIT_LATER] = "to be tried again",
		[WAIT_TURN] = "waiting",
		[WAIT_WORK] = "in work",
	};

	return words[why];
}

bool
status_alert(struct buf *o, int64_t oldest_ms, const struct config *c)
{
	if (oldest_ms <= c->status.alert_age * 1000)
		return false;
	buf_addf(o, "the oldest message waits for %" PRId64 " s, longer than "
	    "status.alert_age, %" PRId64 " s", oldest_ms / 1000,
	    c->status.alert_age);
	return true;
}

static void
add_alert(struct buf *o, const struct status *s, const struct config *c)
{
	const struct stats *st = &s->stats;
	struct buf why;

	buf_init(&why, OUT_MAX);
	out_json(o, "alert", status_alert(&why, st->oldest_ms == 0 ? -1 :
	    st->now_ms - st->oldest_ms, c) ? buf_str(&why) : NULL);
	buf_free(&why);
}

static void
add_figures(struct buf *o, const struct stats *st)
{
	out_open(o, "messages", '{');
	for (int i = STATE_RECEIVED; i <= STATE_REFUSED; i++)
		out_number(o, state_name((enum state)i), st->state[i]);
	out_number(o, "held", st->held);
	out_number(o, "parked", st->parked);
	out_number(o, "uncovered", st->uncovered);
	buf_addc(o, '}');
	out_when(o, "oldest", st->oldest_ms);
	out_number(o, "destinations_down", st->down);
	out_number(o, "portals_installed", st->portals);
	out_number(o, "refresh_rejected", st->rejected);
	out_number(o, "installs_waiting", st->installs);
	out_number(o, "lines_off", st->lines_off);
}

static void
add_counts(struct buf *o, const struct status *s, const char *name,
    enum count what)
{
	out_open(o, name, '{');
	for (size_t i = 0; i < s->counts; i++)
		if (s->count[i].what == what)
			out_number(o, s->count[i].label, s->count[i].n);
	buf_addc(o, '}');
}

static int64_t
count_of(const struct status *s, enum count what, const char *label)
{
	for (size_t i = 0; i < s->counts; i++)
		if (s->count[i].what == what &&
		    strcmp(s->count[i].label, label) == 0)
			return s->count[i].n;
	return 0;
}

/* Whether a connector was named before, by another kind of count. */
static bool
is_known(const struct status *s, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (s->count[i].what >= COUNT_TAKEN &&
		    s->count[i].what <= COUNT_FAILED &&
		    strcmp(s->count[i].label, s->count[at].label) == 0)
			return true;
	return false;
}

static void
add_channels(struct buf *o, const struct status *s)
{
	out_open(o, "channels", '[');
	for (size_t i = 0; i < s->counts; i++) {
		const struct status_count *c = &s->count[i];

		if (c->what < COUNT_TAKEN || c->what > COUNT_FAILED ||
		    is_known(s, i))
			continue;
		out_open(o, NULL, '{');
		out_json(o, "connector", c->label);
		out_number(o, "taken", count_of(s, COUNT_TAKEN, c->label));
		out_number(o, "refused", count_of(s, COUNT_REFUSED,
		    c->label));
		out_number(o, "failed", count_of(s, COUNT_FAILED, c->label));
		buf_addc(o, '}');
	}
	buf_addc(o, ']');
}

static void
add_portals(struct buf *o, const struct status *s)
{
	struct url url;

	out_open(o, "portals", '[');
	for (size_t i = 0; i < s->portals; i++) {
		const struct status_portal *p = &s->portal[i];

		out_open(o, NULL, '{');
		out_json(o, "member_id", p->member_id);
		out_json(o, "host", name_of_portal(p->endpoint, &url));
		out_number(o, "told", count_of(s, COUNT_TOLD, p->member_id));
		out_number(o, "calls", count_of(s, COUNT_CALLS,
		    p->member_id));
		out_number(o, "errors", count_of(s, COUNT_ERRORS,
		    p->member_id));
		out_number(o, "limit_used", p->level / 1000);
		out_json(o, "state", p->down ? "down" : p->why[0] != '\0' ?
		    "parked" : "up");
		out_json(o, "why", p->why);
		buf_addc(o, '}');
	}
	buf_addc(o, ']');
}

static void
add_group(struct buf *o, const struct wait_group *g, const struct config *c)
{
	char *channel = g->portal ? NULL : name_of_channel(g, c);
	const char *host;
	struct url url;

	out_open(o, NULL, '{');
	out_json(o, "why", wait_word(g->why));
	out_number(o, "messages", g->n);
	if (g->why == WAIT_REFUSED)
		out_json(o, "step", step_name(g->step));
	host = name_of_portal(g->endpoint, &url);
	if (g->portal)
		out_json(o, "portal", host[0] != '\0' ? host :
		    g->domain[0] != '\0' ? g->domain : g->member_id);
	if (channel != NULL)
		out_json(o, "channel", channel);
	if (g->connector[0] != '\0')
		out_json(o, "connector", g->connector);
	out_json(o, "reason", g->reason);
	out_when(o, "since", g->since_ms);
	out_when(o, "next", g->next_ms);
	buf_addc(o, '}');
	free(channel);
}

/* Those that need a person come first. */
static void
add_waits(struct buf *o, const struct waits *v, const struct config *c)
{
	size_t shown = 0;

	out_open(o, "waiting", '[');
	for (int why = 0; why < WAIT__MAX; why++)
		for (size_t i = 0; i < v->n && shown < STATUS_GROUPS; i++)
			if ((int)v->group[i]->why == why) {
				add_group(o, v->group[i], c);
				shown++;
			}
	buf_addc(o, ']');
	out_number(o, "more_groups", (int64_t)(v->n - shown));
	out_number(o, "more_waiting", v->more > 0 ? v->more : 0);
	out_number(o, "more_refused", v->more_refused > 0 ?
	    v->more_refused : 0);
}

static void
add_troubles(struct buf *o, const struct status *s)
{
	struct url url;

	out_open(o, "errors", '[');
	for (size_t i = 0; i < s->troubles; i++) {
		const struct status_trouble *t = &s->trouble[i];
		const char *host = name_of_portal(t->endpoint, &url);

		out_open(o, NULL, '{');
		out_when(o, "last", t->at_ms);
		out_json(o, "step", t->step);
		out_json(o, "where", host[0] != '\0' ? host : t->where);
		out_json(o, "reason", t->reason);
		out_number(o, "times", t->n);
		buf_addc(o, '}');
	}
	buf_addc(o, ']');
}

static void
add_hour(struct buf *o, const struct status *s)
{
	out_open(o, "hour", '[');
	for (int i = 0; i < HOUR_MINUTES; i++) {
		out_open(o, NULL, '{');
		out_when(o, "minute", (s->minute - HOUR_MINUTES + 1 + i) *
		    60000);
		out_number(o, "events", s->hour[i].came);
		out_number(o, "taken", s->hour[i].n[HOUR_TAKEN]);
		out_number(o, "told", s->hour[i].n[HOUR_TOLD]);
		out_number(o, "failed", s->hour[i].n[HOUR_FAILED]);
		buf_addc(o, '}');
	}
	buf_addc(o, ']');
}

void
status_json(struct buf *o, const struct status *s, const struct config *c)
{
	out_open(o, NULL, '{');
	out_when(o, "time", s->stats.now_ms);
	out_json(o, "version", VERSION);
	add_alert(o, s, c);
	out_number(o, "processes", s->processes);
	add_figures(o, &s->stats);
	add_counts(o, s, "answers", COUNT_ANSWERS);
	add_counts(o, s, "refreshes", COUNT_REFRESHES);
	add_channels(o, s);
	add_portals(o, s);
	add_waits(o, &s->waits, c);
	add_troubles(o, s);
	add_hour(o, s);
	buf_addc(o, '}');
}
