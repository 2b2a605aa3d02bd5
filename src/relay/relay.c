/*
 * The way of one event: who sent it, what is in it, store, hand over, tell.
 *
 * Called by web/handler.c with an event that was read completely.  Owns
 * nothing: what must last is in the store before anything is done with it.
 */
#include "relay/relay.h"

#include "portal/install.h"
#include "portal/trust.h"
#include "relay/attempt.h"
#include "relay/journey.h"
#include "store/portals.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* One event on its way. */
struct trip {
	const struct relay *r;
	struct event *ev;
	struct arrival *arrival;	/* of each message */
	struct work *work;		/* of each message that we claimed */
	size_t works;
	int64_t *behind;	/* chats' next messages of other events */
	size_t behinds;
	struct patience *patience;
	struct outcome *out;
};

static enum err
ignore(const struct relay *r, const struct event *ev, struct outcome *out,
    const char *why)
{
	out->result = "ignored";
	out->reason = why;
	log_info(r->env.log, "ignored", F_STR("name", ev->name),
	    F_OPT("member_id", ev->member_id),
	    F_OPT("connector", ev->connector), F_STR("reason", why));
	return ERR_OK;
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

static void
log_arrival(const struct relay *r, const struct event *ev,
    const struct message *m, const struct arrival *a)
{
	const char *what = "stored";

	if (!a->fresh)
		what = "repeat";
	else if (a->state == STATE_REFUSED)
		what = "refused";
	log_info(r->env.log, what, F_STR("key", a->key),
	    F_OPT("name", ev->name), F_STR("member_id", ev->member_id),
	    F_OPT("connector", ev->connector), F_INT("line", ev->line),
	    F_INT("chat_id", m->chat_id), F_INT("message_id", m->message_id),
	    F_STR("state", state_name(a->state)),
	    F_OPT("field", m->bad));
}

static enum err
store_event(struct trip *t, const char *reason, struct problem *p)
{
	struct event *ev = t->ev;
	struct take_opts opts = { .reason = reason };
	char place[PLACE_MAX];
	enum err e;

	t->arrival = arena_alloc(&ev->arena,
	    ev->messages * sizeof(*t->arrival));
	if (t->arrival == NULL)
		return problem_set(p, ERR_DISK, -1, NULL, "out of memory");
	if (reason == NULL) {
		place_of_channel(t->r, ev->connector, ev->line, place);
		opts.hold_ms = place_down_until(t->r, place);
	}
	e = store_take(t->r->env.store, ev, &opts, t->arrival, p);
	for (size_t i = 0; e == ERR_OK && i < ev->messages; i++)
		log_arrival(t->r, ev, &ev->message[i], &t->arrival[i]);
	return e;
}

/* Keeps what a person may still want to see; the sender gets the 422. */
static enum err
keep_refused(struct trip *t, struct problem *p)
{
	struct problem disk = { 0 };

	bool whole = t->ev->messages != 0 && t->ev->message[0].bad == NULL;

	if (t->ev->messages == 0 || t->ev->member_id == NULL)
		return p->err;
	/* an element's own fault is told with it, by the store */
	for (size_t i = 0; !whole && i < t->ev->messages; i++)
		whole = t->ev->message[i].bad == NULL;
	if (store_event(t, whole ? p->text : NULL, &disk) != ERR_OK)
		*p = disk;
	return p->err;
}

/* What the i-th message has become; a repeat within the event has one row. */
static enum state
state_of(const struct trip *t, size_t i)
{
	for (size_t k = 0; k < t->works; k++)
		if (t->work[k].id == t->arrival[i].id)
			return t->work[k].state;
	return t->arrival[i].state;
}

static void
count(struct trip *t)
{
	t->out->acknowledged = t->out->refused = 0;
	for (size_t i = 0; i < t->ev->messages; i++) {
		enum state state = state_of(t, i);

		if (state == STATE_ACKNOWLEDGED)
			t->out->acknowledged++;
		if (state == STATE_REFUSED)
			t->out->refused++;
	}
}

/* A message of this event as the steps take it. */
static void
add_work(struct trip *t, size_t i)
{
	const struct event *ev = t->ev;
	const struct message *m = &ev->message[i];
	struct work *w = &t->work[t->works++];

	*w = (struct work){
		.id = t->arrival[i].id,
		.state = STATE_RECEIVED,
		.event = ev->name,
		.member_id = ev->member_id,
		.domain = ev->domain,
		.connector = ev->connector,
		.chat = m->chat,
		.line = ev->line,
		.chat_id = m->chat_id,
		.message_id = m->message_id,
		.ts = ev->ts,
		.received_us = t->arrival[i].received_us,
		.body = m->body,
		.body_len = m->body_len,
		.endpoint = ev->client_endpoint,
		.token = ev->access_token,
	};
	memcpy(w->key, t->arrival[i].key, sizeof(w->key));
}

/* A chat's next message: of this event, or for later. */
static void
add_next(struct trip *t, int64_t id)
{
	for (size_t i = 0; i < t->ev->messages; i++)
		if (t->arrival[i].fresh && t->arrival[i].id == id) {
			add_work(t, i);
			return;
		}
	t->behind[t->behinds++] = id;
}

/* A channel that has just gone down is not waited for once more. */
static bool
is_held(struct trip *t, struct work *w)
{
	struct problem p = { 0 };
	char place[PLACE_MAX];
	int64_t until;

	place_of(t->r, w, place);
	until = place_down_until(t->r, place);
	return until != 0 && store_hold(t->r->env.store, w, until, &p) ==
	    ERR_OK;
}

static void
hand_over_all(struct trip *t)
{
	bool failed = false;

	for (size_t i = 0; i < t->ev->messages; i++)
		if (t->arrival[i].fresh && t->arrival[i].claimed)
			add_work(t, i);
	/* the list grows while it is worked on, up to one for each message */
	for (size_t i = 0; i < t->works; i++) {
		int64_t next;

		if (failed && is_held(t, &t->work[i]))
			continue;
		hand_over(t->r, &t->work[i], &t->ev->arena, false,
		    t->patience, &next);
		failed = t->work[i].state == STATE_RECEIVED;
		if (next != 0)
			add_next(t, next);
	}
}

static void
tell_all(struct trip *t)
{
	struct work **ready = arena_alloc(&t->ev->arena,
	    (t->works + 1) * sizeof(struct work *));
	size_t n = 0;

	for (size_t i = 0; ready != NULL && i < t->works; i++)
		if (t->work[i].state == STATE_DELIVERED &&
		    t->work[i].ids != NULL)
			ready[n++] = &t->work[i];
	if (n != 0)
		tell_if_up(t->r, ready, n, t->patience);
}

static enum err
make_room(struct trip *t, struct problem *p)
{
	size_t n = t->ev->messages;

	t->work = arena_alloc(&t->ev->arena, n * sizeof(*t->work));
	t->behind = arena_alloc(&t->ev->arena, n * sizeof(*t->behind));
	if (t->work == NULL || t->behind == NULL)
		return problem_set(p, ERR_DISK, -1, NULL, "out of memory");
	return ERR_OK;
}

/* Stores the messages and moves them on; from the store on all is kept. */
static enum err
take_messages(struct trip *t, struct problem *p)
{
	enum err e = make_room(t, p);

	if (e == ERR_OK)
		e = store_event(t, NULL, p);
	if (e != ERR_OK)
		return e;
	t->out->messages = t->ev->messages;
	count(t);
	hand_over_all(t);
	count(t);
	tell_all(t);
	count(t);
	patience_end(t->patience);
	for (size_t i = 0; i < t->behinds; i++)
		travel_on(t->r, t->behind[i]);
	return ERR_OK;
}

/* What is stored of the portal decides whose word counts. */
static enum err
check_sender(const struct relay *r, struct event *ev, struct problem *p)
{
	struct portal portal;
	bool found = false;
	enum err e = ERR_OK;

	if (ev->member_id != NULL)
		e = store_portal(r->env.store, ev->member_id, &ev->arena,
		    &portal, &found, p);
	if (e == ERR_OK)
		e = trust_event(r->env.config, found ?
		    portal.application_token : NULL, ev, p);
	return e;
}

static enum err
take_install(const struct relay *r, const struct event *ev,
    struct patience *patience, struct outcome *out, struct problem *p)
{
	enum install_end end;
	enum err e;

	/* what the answer says if it must be given before the proof */
	out->result = "queued";
	out->reason = "the installation is being proven";
	e = install_take(&r->env, ev, patience, &end, p);
	if (e == ERR_OK && end == INSTALL_DONE) {
		out->result = "installed";
		out->reason = NULL;
	}
	return e;
}

static enum err
take_uninstall(const struct relay *r, const struct event *ev,
    struct outcome *out, struct problem *p)
{
	enum err e = ERR_OK;

	if (ev->member_id != NULL)
		e = store_portal_forget(r->env.store, ev->member_id, p);
	if (e != ERR_OK)
		return e;
	log_info(r->env.log, "uninstalled", F_OPT("member_id",
	    ev->member_id));
	out->result = "uninstalled";
	return ERR_OK;
}

enum err
relay_take(const struct relay *r, struct event *ev, struct patience *patience,
    struct outcome *out, struct problem *p)
{
	struct trip t = { .r = r, .ev = ev, .patience = patience,
	    .out = out };
	struct problem unusable = { 0 };
	const char *why;
	enum err e = event_check(ev, &unusable);

	*out = (struct outcome){ .result = NULL };
	if (ev->kind == EVENT_INSTALL)
		return take_install(r, ev, patience, out, p);
	if (check_sender(r, ev, p) != ERR_OK)
		return p->err;
	why = no_business(r, ev);
	if (why != NULL)
		return ignore(r, ev, out, why);
	if (ev->kind == EVENT_UNINSTALL)
		return take_uninstall(r, ev, out, p);
	if (e == ERR_OK)
		e = all_bad(ev, &unusable);
	if (e != ERR_OK) {
		*p = unusable;
		return keep_refused(&t, p);
	}
	return take_messages(&t, p);
}
