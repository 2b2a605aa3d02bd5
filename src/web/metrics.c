/*
 * Figures for Prometheus.
 *
 * Called by views.c.  Owns nothing.  Both formats have the same lines, but
 * for the names of counters in HELP and TYPE, and the end.
 */
#include "web/metrics.h"

#include "web/names.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#define AT(field) offsetof(struct stats, field)

struct render {
	struct buf *o;
	const struct status *s;
	bool open;
};

static void
head(const struct render *r, const char *name, const char *type,
    const char *help)
{
	const char *total = strcmp(type, "counter") == 0 && !r->open ?
	    "_total" : "";

	buf_addf(r->o, "# HELP imconnector_%s%s %s\n", name, total, help);
	buf_addf(r->o, "# TYPE imconnector_%s%s %s\n", name, total, type);
}

static void
add_label(struct buf *o, const char *s)
{
	while (*s != '\0') {
		size_t n = strcspn(s, "\\\"\n");

		buf_add(o, s, n);
		s += n;
		if (*s != '\0')
			buf_addf(o, "\\%c", *s == '\n' ? 'n' : *s);
		s += *s != '\0';
	}
}

static void
add_value(struct buf *o, int64_t n)
{
	buf_addf(o, "\"} %" PRId64 "\n", n);
}

/* "200 acknowledged": two labels. */
static void
events(const struct render *r)
{
	head(r, "events", "counter", "Events, by the answer they were given.");
	for (size_t i = 0; i < r->s->counts; i++) {
		const struct status_count *c = &r->s->count[i];
		size_t n = strcspn(c->label, " ");

		if (c->what != COUNT_ANSWERS)
			continue;
		buf_addf(r->o, "imconnector_events_total{code=\"%.*s\","
		    "result=\"", (int)n, c->label);
		add_label(r->o, c->label + n + (c->label[n] == ' '));
		add_value(r->o, c->n);
	}
}

static void
by_label(const struct render *r, enum count what, const char *name,
    const char *label)
{
	for (size_t i = 0; i < r->s->counts; i++) {
		const struct status_count *c = &r->s->count[i];

		if (c->what != what)
			continue;
		buf_addf(r->o, "imconnector_%s_total{%s=\"", name, label);
		add_label(r->o, c->label);
		add_value(r->o, c->n);
	}
}

static void
hand_overs(const struct render *r)
{
	head(r, "handovers", "counter",
	    "Hand-overs to channels, by what came of them.");
	by_label(r, COUNT_TAKEN, "handovers", "result=\"taken\",connector");
	by_label(r, COUNT_REFUSED, "handovers",
	    "result=\"refused\",connector");
	by_label(r, COUNT_FAILED, "handovers", "result=\"failed\",connector");
}

static void
portal_label(const struct render *r, const char *member_id,
    const char *endpoint)
{
	struct url url;

	buf_adds(r->o, "{portal=\"");
	add_label(r->o, member_id);
	buf_adds(r->o, "\",host=\"");
	add_label(r->o, name_of_portal(endpoint, &url));
}

static void
by_portal(const struct render *r, enum count what, const char *name,
    const char *help)
{
	head(r, name, "counter", help);
	for (size_t i = 0; i < r->s->counts; i++) {
		const struct status_count *c = &r->s->count[i];

		if (c->what != what)
			continue;
		buf_addf(r->o, "imconnector_%s_total", name);
		portal_label(r, c->label, c->endpoint);
		add_value(r->o, c->n);
	}
}

static void
levels(const struct render *r)
{
	head(r, "portal_limit_used_calls", "gauge",
	    "How full the portal's bucket of calls is.");
	for (size_t i = 0; i < r->s->portals; i++) {
		const struct status_portal *p = &r->s->portal[i];

		buf_adds(r->o, "imconnector_portal_limit_used_calls");
		portal_label(r, p->member_id, p->endpoint);
		buf_addf(r->o, "\"} %" PRId64 ".%03" PRId64 "\n",
		    p->level / 1000, p->level % 1000);
	}
}

static void
histogram(const struct render *r, enum timed what, const char *name,
    const char *help)
{
	const int64_t *step = r->s->step[what];
	int64_t n = 0;

	head(r, name, "histogram", help);
	for (int i = 0; i < TIMED_STEPS; i++) {
		n += step[i];
		buf_addf(r->o, "imconnector_%s_bucket{le=\"%.16g%s\"} %"
		    PRId64 "\n", name, (double)timed_step_ms[i] / 1000,
		    timed_step_ms[i] % 1000 == 0 ? ".0" : "", n);
	}
	n += step[TIMED_STEPS];
	buf_addf(r->o, "imconnector_%s_bucket{le=\"+Inf\"} %" PRId64 "\n",
	    name, n);
	buf_addf(r->o, "imconnector_%s_sum %" PRId64 ".%03" PRId64 "\n"
	    "imconnector_%s_count %" PRId64 "\n", name,
	    r->s->sum_ms[what] / 1000, r->s->sum_ms[what] % 1000, name, n);
}

static void
messages(const struct render *r)
{
	const struct stats *st = &r->s->stats;

	head(r, "messages", "gauge", "Messages in the store, by state.");
	for (int i = STATE_RECEIVED; i <= STATE_REFUSED; i++)
		buf_addf(r->o, "imconnector_messages{state=\"%s\"} %" PRId64
		    "\n", state_name((enum state)i), st->state[i]);
	head(r, "oldest_waiting_seconds", "gauge",
	    "Age of the oldest message that waits; 0: none does.");
	buf_addf(r->o, "imconnector_oldest_waiting_seconds %" PRId64 "\n",
	    st->oldest_ms == 0 || st->oldest_ms > st->now_ms ? 0 :
	    (st->now_ms - st->oldest_ms) / 1000);
}

static void
gauge(const struct render *r, const char *name, const char *help, int64_t n)
{
	head(r, name, "gauge", help);
	buf_addf(r->o, "imconnector_%s %" PRId64 "\n", name, n);
}

static void
gauges(const struct render *r)
{
	static const struct {
		const char *name, *help;
		size_t at;
	} figures[] = {
		{ "messages_held", "Wait for a destination that is down.",
		    AT(held) },
		{ "messages_parked", "Wait for a token of their portal.",
		    AT(parked) },
		{ "messages_uncovered", "No running handler takes them up.",
		    AT(uncovered) },
		{ "destinations_down", "Portals and channels that are down.",
		    AT(down) },
		{ "portals", "Portals with a stored installation.",
		    AT(portals) },
		{ "portals_rejected", "Portals whose refresh token was "
		    "rejected.", AT(rejected) },
		{ "installs_waiting", "Installations not proven yet.",
		    AT(installs) },
		{ "lines_off", "Open lines that have ended.",
		    AT(lines_off) },
	};

	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		gauge(r, figures[i].name, figures[i].help, *(const int64_t *)
		    ((const char *)&r->s->stats + figures[i].at));
	gauge(r, "processes", "Processes that work on this store.",
	    r->s->processes);
}

void
metrics_render(struct buf *o, const struct status *s, bool open_metrics)
{
	const struct render r = { o, s, open_metrics };

	events(&r);
	messages(&r);
	gauges(&r);
	hand_overs(&r);
	histogram(&r, TIMED_HAND_OVER, "handover_seconds",
	    "Time that a channel took for a message.");
	histogram(&r, TIMED_CALL, "status_call_seconds",
	    "Time that a portal took for a delivery status.");
	by_portal(&r, COUNT_TOLD, "portal_messages",
	    "Messages whose delivery status the portal accepted.");
	by_portal(&r, COUNT_CALLS, "portal_calls", "Calls to the portal.");
	by_portal(&r, COUNT_ERRORS, "portal_errors",
	    "Calls to the portal that failed.");
	levels(&r);
	head(&r, "token_refreshes", "counter",
	    "Refreshes of tokens, by what came of them.");
	by_label(&r, COUNT_REFRESHES, "token_refreshes", "result");
	head(&r, "build_info", "gauge", "The version of this handler.");
	buf_adds(o, "imconnector_build_info{version=\"" VERSION "\"} 1\n");
	if (open_metrics)
		buf_adds(o, "# EOF\n");
}
