/*
 * What an event is, and who sent it: what is to be done with it.
 *
 * Called by web/ with an event that was read completely.  Its messages are
 * visit.c's; the relay as a whole is whole.c's.
 */
#include "relay/relay.h"

#include "portal/trust.h"
#include "relay/destination.h"
#include "relay/fan.h"
#include "relay/inside.h"
#include "relay/line.h"
#include "relay/page.h"
#include "relay/visit.h"
#include "store/off.h"
#include "store/portals.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ARENA_MAX ((size_t)256 * 1024)

/* Messages are everybody's. */
static bool
is_asked(const struct relay *r, const struct event *ev)
{
	const struct event_traits *t = event_traits(ev->kind);

	if (t->asked == 0)
		return true;
	if (t->shape == SHAPE_LINE)
		return fan_is_asked(r, ev);
	return (config_channel_for(r->env.config, ev->connector != NULL ?
	    ev->connector : "", ev->line)->events & t->asked) != 0;
}

static const char *
no_business(const struct relay *r, const struct event *ev)
{
	if (ev->name == NULL || ev->name[0] == '\0')
		return NULL;	/* nobody can say what it is: 422 */
	if (ev->kind == EVENT_OTHER)
		return "this program has no use for this event";
	if (ev->connector != NULL && ev->connector[0] != '\0' &&
	    !trust_connector(r->env.config, ev->connector))
		return "the connector is none of app.connectors";
	if (!is_asked(r, ev))
		return "no channel asks for this event";
	return NULL;
}

/* The first element decides what the sender is told. */
static enum err
all_bad(const struct event *ev, struct problem *p)
{
	const struct message *m = &ev->message[0];
	char field[PROBLEM_FIELD_MAX];

	for (size_t i = 0; i < ev->messages; i++) {
		if (ev->message[i].bad == NULL)
			return ERR_OK;
		if (ev->message[i].seq < m->seq)
			m = &ev->message[i];
	}
	(void)snprintf(field, sizeof(field), "data.%s[%" PRId64 "].%s",
	    m->of_data ? "DATA" : "MESSAGES", m->index, m->bad);
	return problem_set(p, ERR_UNUSABLE, -1, field,
	    "%s is missing or is not what it must be", field);
}

/* An event without messages, or one that gets no further. */
struct other {
	struct relay *relay;
	struct event *event;
	struct sender *sender;
	struct problem unusable;
	struct arena arena;
	struct portal_reading reading;
	struct portal_change change;
	struct setup_wish wish;
	struct install_take install;
	struct line_off off;
	struct outcome outcome;
	bool answered;
	struct timer timer;
	TAILQ_ENTRY(other) link;
};

static void
other_end(struct other *o)
{
	struct relay *r = o->relay;

	loop_disarm(r->env.loop, &o->timer);
	TAILQ_REMOVE(&r->others, o, link);
	r->writes--;
	arena_free(&o->arena);
	loop_bury(r->env.loop, o);
}

static void
other_gone(struct other *o)
{
	struct sender *sender = o->sender;

	other_end(o);
	sender->gone(sender);
}

static void
refuse(struct other *o, const struct problem *p)
{
	if (!o->answered)
		o->sender->refuse(o->sender, p);
	other_gone(o);
}

static void
answer(struct other *o, const char *result, const char *reason)
{
	o->outcome.result = result;
	o->outcome.reason = reason;
	if (!o->answered)
		o->sender->answer(o->sender, &o->outcome);
	o->answered = true;
}

static void
ignore(struct other *o, const char *why)
{
	const struct event *ev = o->event;

	log_info(o->relay->env.log, "ignored", F_STR("name", ev->name),
	    F_OPT("member_id", ev->member_id),
	    F_OPT("connector", ev->connector), F_STR("reason", why));
	answer(o, "ignored", why);
	other_gone(o);
}

static void
on_forgotten(struct db_work *w)
{
	struct other *o = OF(w, struct other, change);

	if (w->end != ERR_OK) {
		refuse(o, &w->problem);
		return;
	}
	log_info(o->relay->env.log, "uninstalled", F_OPT("member_id",
	    o->event->member_id));
	answer(o, "uninstalled", NULL);
	other_gone(o);
}

static void
on_wished(struct db_work *w)
{
	struct other *o = (struct other *)((char *)w - offsetof(struct other,
	    wish));

	if (w->end != ERR_OK) {
		refuse(o, &w->problem);
		return;
	}
	setups_look(o->relay->setups);
	answer(o, "installed", "the set-up is repeated");
	other_gone(o);
}

/* An update of the application has removed its handlers. */
static void
updated(struct other *o)
{
	o->wish = (struct setup_wish){ .db.done = on_wished,
	    .member_id = o->event->member_id, .url = o->event->own_url };
	store_setup_wish(&o->wish);
	env_submit(&o->relay->env, &o->wish.db);
}

static void
uninstall(struct other *o)
{
	o->change = (struct portal_change){ .db.done = on_forgotten,
	    .store = o->relay->env.store, .act = PORTAL_FORGOTTEN,
	    .member_id = o->event->member_id };
	store_portal_change(&o->change);
	env_submit(&o->relay->env, &o->change.db);
}

/* What cannot be used is kept for a person to see. */
static void
keep_refused(struct other *o)
{
	struct relay *r = o->relay;
	struct event *ev = o->event;
	struct sender *sender = o->sender;
	struct problem p = o->unusable;

	if (ev->messages == 0 || ev->member_id == NULL) {
		refuse(o, &p);
		return;
	}
	other_end(o);
	visit_refuse(r, ev, sender, &p);
}

static void
on_marked(struct db_work *w)
{
	struct other *o = (struct other *)((char *)w - offsetof(struct other,
	    off));
	const char *why = no_business(o->relay, o->event);
	struct relay *r = o->relay;
	struct event *ev = o->event;
	struct sender *sender = o->sender;

	if (w->end != ERR_OK) {
		refuse(o, &w->problem);
		return;
	}
	log_warning(r->env.log, "line-off", F_STR("member_id", ev->member_id),
	    F_OPT("connector", ev->connector), F_INT("line", ev->line),
	    F_STR("name", ev->name));
	if (why != NULL) {
		ignore(o, why);
		return;
	}
	other_end(o);
	if (event_traits(ev->kind)->shape == SHAPE_LINE)
		fan_begin(r, ev, sender);
	else
		visit_begin(r, ev, sender);
}

/* Nothing comes from its line any more, whoever asks for that or not. */
static void
mark_line(struct other *o)
{
	const struct event *ev = o->event;

	o->off = (struct line_off){ .db.done = on_marked,
	    .store = o->relay->env.store, .member_id = ev->member_id,
	    .connector = ev->connector, .line = ev->line, .event = ev->name };
	store_line_off(&o->off);
	env_submit(&o->relay->env, &o->off.db);
}

static bool
is_ours(const struct relay *r, const struct event *ev)
{
	return ev->connector == NULL ||
	    trust_connector(r->env.config, ev->connector);
}

/* Its sender may be believed. */
static void
go_on(struct other *o)
{
	const char *why = no_business(o->relay, o->event);

	if (event_traits(o->event->kind)->ends_line &&
	    o->unusable.err == ERR_OK && is_ours(o->relay, o->event))
		mark_line(o);
	else if (why != NULL)
		ignore(o, why);
	else if (o->event->kind == EVENT_UNINSTALL)
		uninstall(o);
	else if (o->event->kind == EVENT_APP_UPDATE)
		updated(o);
	else
		keep_refused(o);
}

/* What is stored of the portal decides whose word counts. */
static void
on_read(struct db_work *w)
{
	struct other *o = OF(w, struct other, reading);
	struct problem p = w->problem;
	enum err e = w->end;

	if (e == ERR_OK)
		e = trust_event(o->relay->env.config, o->reading.found ?
		    o->reading.portal.application_token : NULL, o->event, &p);
	if (e != ERR_OK)
		refuse(o, &p);
	else
		go_on(o);
}

static void
check_sender(struct other *o)
{
	const char *member_id = o->event->member_id;

	o->reading = (struct portal_reading){ .db.done = on_read,
	    .member_id = member_id != NULL ? member_id : "",
	    .arena = &o->arena };
	store_portal_read(&o->reading);
	env_submit(&o->relay->env, &o->reading.db);
}

static void
on_installed(struct install_take *t)
{
	struct other *o = OF(t, struct other, install);

	switch (t->end) {
	case INSTALL_DONE:
		setups_look(o->relay->setups);
		answer(o, "installed", NULL);
		other_gone(o);
		break;
	case INSTALL_LATER:
		answer(o, "queued", "the installation is being proven");
		other_gone(o);
		break;
	default:
		refuse(o, &t->problem);
	}
}

/* Kept by now, or being written: a proof may take longer than an answer. */
static void
is_late(struct other *o)
{
	if (o->install.kept)
		answer(o, "queued", "the installation is being proven");
	else
		o->install.late = true;
}

static void
on_late(struct timer *t)
{
	is_late(OF(t, struct other, timer));
}

static void
on_kept(struct install_take *t)
{
	struct other *o = OF(t, struct other, install);

	if (t->late)
		answer(o, "queued", "the installation is being proven");
}

static void
install(struct other *o)
{
	o->timer.fire = on_late;
	loop_arm(o->relay->env.loop, &o->timer, o->relay->stopping ?
	    0 : o->sender->until.at_ms);
	o->install = (struct install_take){ .done = on_installed,
	    .on_kept = on_kept, .event = o->event };
	install_take(o->relay->proofs, &o->install);
}

static struct other *
other_new(struct relay *r, struct event *ev, struct sender *sender)
{
	struct other *o = calloc(1, sizeof(*o));

	if (o == NULL) {
		sender_no_memory(sender);
		return NULL;
	}
	o->relay = r;
	o->event = ev;
	o->sender = sender;
	arena_init(&o->arena, ARENA_MAX);
	TAILQ_INSERT_TAIL(&r->others, o, link);
	r->writes++;
	return o;
}

/* Its messages are all that it is about. */
static bool
goes_straight(const struct event *ev)
{
	const struct event_traits *t = event_traits(ev->kind);

	return t->shape != SHAPE_NONE && !t->ends_line;
}

void
relay_take(struct relay *r, struct event *ev, struct sender *sender)
{
	struct problem unusable = { .err = ERR_OK };
	enum err e = event_check(ev, &unusable);
	struct other *o;

	if (e == ERR_OK && goes_straight(ev) && no_business(r, ev) == NULL) {
		e = all_bad(ev, &unusable);
		if (e == ERR_OK) {
			visit_begin(r, ev, sender);
			return;
		}
	}
	if (ev->kind == EVENT_PAGE) {
		page_take(r, ev, sender);
		return;
	}
	o = other_new(r, ev, sender);
	if (o == NULL)
		return;
	o->unusable = unusable;
	if (ev->kind == EVENT_INSTALL)
		install(o);
	else
		check_sender(o);
}

void
relay_stop(struct relay *r)
{
	struct visit *v, *next;
	struct other *o;

	r->closing = r->stopping = true;
	loop_disarm(r->env.loop, &r->look_timer);
	for (v = TAILQ_FIRST(&r->visits); v != NULL; v = next) {
		next = TAILQ_NEXT(v, link);
		visit_answer(v);
	}
	TAILQ_FOREACH(o, &r->others, link)
		if (o->event->kind == EVENT_INSTALL)
			is_late(o);
	pages_stop(r);
	proofs_stop(r->proofs);
	setups_stop(r->setups);
	await_drop_all(r);
	destinations_halt(r);
	lines_halt(r);
}
