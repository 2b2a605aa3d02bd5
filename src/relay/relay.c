/*
 * What an event is, and who sent it: what is to be done with it.
 *
 * Called by web/handler.c with an event that was read completely.  Owns
 * nothing.  Its messages are trip.c's, its installation proofs.c's.
 */
#include "relay/relay.h"

#include "portal/trust.h"
#include "relay/proofs.h"
#include "relay/trip.h"
#include "store/portals.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

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

/* Done: the sender is answered, and the event is his again. */
static enum err
finish(struct sender *sender)
{
	patience_end(&sender->patience);
	sender->gone(sender);
	return ERR_OK;
}

/* Events without messages, and those that get no further. */
static enum err
take_other(const struct relay *r, struct event *ev, struct sender *sender,
    struct outcome *out, const struct problem *unusable, struct problem *p)
{
	const char *why;
	enum err e;

	if (check_sender(r, ev, p) != ERR_OK)
		return p->err;
	why = no_business(r, ev);
	if (why != NULL) {
		e = ignore(r, ev, out, why);
	} else if (ev->kind == EVENT_UNINSTALL) {
		e = take_uninstall(r, ev, out, p);
	} else {
		*p = *unusable;
		e = trip_refused(r, ev, p);
	}
	return e == ERR_OK ? finish(sender) : e;
}

enum err
relay_take(const struct relay *r, struct event *ev, struct sender *sender,
    struct outcome *out, struct problem *p)
{
	struct problem unusable = { 0 };
	enum err e = event_check(ev, &unusable);

	*out = (struct outcome){ .result = NULL };
	if (ev->kind == EVENT_INSTALL)
		return proofs_take(r->proofs, ev, sender, out, p);
	if (e == ERR_OK && ev->kind != EVENT_UNINSTALL &&
	    no_business(r, ev) == NULL)
		e = all_bad(ev, &unusable);
	if (e != ERR_OK || ev->kind == EVENT_UNINSTALL ||
	    no_business(r, ev) != NULL)
		return take_other(r, ev, sender, out, &unusable, p);
	return trip_take(r, ev, sender, out, p);
}
