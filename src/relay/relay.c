/*
 * The way of one event: who sent it, what is in it, store, hand over, tell.
 *
 * Called by web/handler.c with an event that was read completely.  Owns
 * nothing: what must last is in the store before anything is done with it.
 */
#include "relay/relay.h"

#include "portal/trust.h"
#include "relay/journey.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static enum err
ignore(const struct relay *r, const struct event *ev, struct outcome *out,
    const char *why)
{
	out->ignored = why;
	log_info(r->log, "ignored", F_STR("name", ev->name),
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
	    !trust_connector(r->config, ev->connector))
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
	log_info(r->log, what, F_STR("key", a->key), F_OPT("name", ev->name),
	    F_STR("member_id", ev->member_id),
	    F_OPT("connector", ev->connector), F_INT("line", ev->line),
	    F_INT("chat_id", m->chat_id), F_INT("message_id", m->message_id),
	    F_STR("state", state_name(a->state)),
	    F_OPT("field", m->bad));
}

static enum err
store_event(const struct relay *r, struct event *ev, const char *reason,
    struct arrival **out, struct problem *p)
{
	struct arrival *a = arena_alloc(&ev->arena,
	    ev->messages * sizeof(*a));
	enum err e;

	*out = a;
	if (a == NULL)
		return problem_set(p, ERR_DISK, -1, NULL, "out of memory");
	e = store_take(r->store, ev, reason, a, p);
	for (size_t i = 0; e == ERR_OK && i < ev->messages; i++)
		log_arrival(r, ev, &ev->message[i], &a[i]);
	return e;
}

/* Keeps what a person may still want to see; the sender gets the 422. */
static enum err
keep_refused(const struct relay *r, struct event *ev, struct problem *p)
{
	struct problem disk = { 0 };
	struct arrival *a;

	if (ev->messages == 0 || ev->member_id == NULL)
		return p->err;
	if (store_event(r, ev, p->text, &a, &disk) != ERR_OK)
		*p = disk;
	return p->err;
}

/* What an arrival has become; a repeat within one event has one row. */
static enum state
state_now(const struct arrival *a, size_t i)
{
	for (size_t k = 0; !a[i].fresh && k < i; k++)
		if (a[k].id == a[i].id)
			return a[k].state;
	return a[i].state;
}

static void
count(const struct event *ev, const struct arrival *a, struct outcome *out)
{
	out->acknowledged = out->refused = 0;
	for (size_t i = 0; i < ev->messages; i++) {
		enum state state = state_now(a, i);

		if (state == STATE_ACKNOWLEDGED)
			out->acknowledged++;
		if (state == STATE_REFUSED)
			out->refused++;
	}
}

/* Moves on what this arrival made; repeats are somebody else's work. */
static enum err
travel(const struct relay *r, struct event *ev, struct arrival *a,
    struct patience *patience, struct outcome *out)
{
	struct journeys all = { .relay = r, .ev = ev, .patience = patience,
	    .out = out };

	all.item = arena_alloc(&ev->arena, ev->messages * sizeof(*all.item));
	if (all.item == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < ev->messages; i++)
		if (a[i].fresh && a[i].state == STATE_RECEIVED)
			all.item[all.n++] = (struct journey){
			    .message = &ev->message[i], .arrival = &a[i] };
	for (size_t i = 0; i < all.n; i++)
		journey_hand_over(&all, &all.item[i]);
	journeys_tell(&all);
	return ERR_OK;
}

enum err
relay_take(const struct relay *r, struct event *ev, struct patience *patience,
    struct outcome *out, struct problem *p)
{
	struct arrival *arrival;
	const char *why;
	enum err e = trust_event(r->config, ev, p);

	*out = (struct outcome){ .ignored = NULL };
	if (e != ERR_OK)
		return e;
	e = event_check(ev, p);
	why = no_business(r, ev);
	if (why != NULL) {
		*p = (struct problem){ .err = ERR_OK };
		return ignore(r, ev, out, why);
	}
	if (e == ERR_OK)
		e = all_bad(ev, p);
	if (e != ERR_OK)
		return keep_refused(r, ev, p);
	out->messages = ev->messages;
	e = store_event(r, ev, NULL, &arrival, p);
	if (e != ERR_OK)
		return e;
	count(ev, arrival, out);
	/* from here all is in the store: what fails is tried again */
	if (travel(r, ev, arrival, patience, out) != ERR_OK)
		log_error(r->log, "postponed", F_STR("reason",
		    "out of memory"));
	count(ev, arrival, out);
	return ERR_OK;
}
