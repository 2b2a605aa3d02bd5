/*
 * What doctor asks of our connectors on a portal, and of their events.
 *
 * Called by the table of questions.  Owns nothing beyond a question.
 */
#include "ctl/doctor.h"

#include "base/number.h"
#include "ctl/open_lines.h"
#include "portal/bindings.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LINES_ASKED 20		/* a call each, of the portal's limit */
#define SETUP "Run 'imconnectorctl setup'"

/* ---- imconnector.list */

struct registered {
	const struct portal_list *ours;
	bool *has;		/* each of them */
};

static enum err
each_connector(void *ctx, const char *path, const char *s, size_t n)
{
	static const char head[] = "result.";
	struct registered *r = ctx;

	(void)s;
	(void)n;
	if (strncmp(path, head, sizeof(head) - 1) != 0)
		return ERR_OK;
	for (size_t i = 0; i < r->ours->n; i++)
		if (strcmp(path + sizeof(head) - 1, r->ours->member_id[i]) ==
		    0)
			r->has[i] = true;
	return ERR_OK;
}

/* As it is written, for the list of ours is in lower case already. */
static void
say_spelling(struct doctor *d)
{
	const struct config_list *l = &d->ctl->s.config->app.connectors;

	for (size_t i = 0; i < l->n; i++) {
		const char *s = l->item[i];
		bool capital = false;

		for (const char *at = s; *at != '\0'; at++)
			capital = capital || isupper((unsigned char)*at);
		if (capital || strchr(s, '.') != NULL)
			doctor_say(d, FINDING_WRONG, "Write it in lower case "
			    "and without a dot, in app.connectors, and "
			    "register it so", "%s: edits and deletions of "
			    "operators do not reach it", s);
	}
}

static void
say_registered(struct doctor *d, const bool *has)
{
	for (size_t i = 0; i < d->connectors.n; i++)
		if (has[i])
			doctor_say(d, FINDING_OK, NULL, "%s is",
			    d->connectors.member_id[i]);
		else
			doctor_say(d, FINDING_WRONG, "Give its section "
			    "[connector ID] a name, then run 'imconnectorctl "
			    "setup'", "%s is not",
			    d->connectors.member_id[i]);
}

void
ask_connectors(struct doctor *d)
{
	struct method_call m = { .name = "imconnector.list" };
	bool *has = calloc(d->connectors.n + 1, sizeof(*has));
	struct registered r = { &d->connectors, has };

	if (d->connectors.n == 0)
		doctor_say(d, FINDING_NOTE, "Give it a section [connector ID] "
		    "with a name", "the configuration names none: those of "
		    "all events are ours");
	else if (has != NULL && doctor_calls(d, &m)) {
		(void)method_values(&m, each_connector, &r);
		say_registered(d, has);
	}
	say_spelling(d);
	method_free(&m);
	free(has);
}

/* ---- event.get */

/* In which way another URL is another, at the same path. */
static const char *
difference(const char *other, const char *ours)
{
	size_t n = strlen(ours), m = strlen(other);
	const char *a = strstr(other, "://"), *b = strstr(ours, "://");

	if (n != m && strncmp(other, ours, n < m ? n : m) == 0)
		return "which differs by a slash or more at its end";
	if (a != NULL && b != NULL && strcmp(a, b) == 0)
		return "which differs by http and https";
	return "which is at another host";
}

static bool
is_ours(const char *event)
{
	for (const struct wanted_event *w = wanted_events;
	    w->kind != EVENT_OTHER; w++)
		if (strcasecmp(wanted_name(w), event) == 0)
			return true;
	return false;
}

/* False: there is nothing to be said of it. */
static bool
say_binding(struct doctor *d, const struct binding *b)
{
	switch (b->kind) {
	case BINDING_TWICE:
		doctor_say(d, FINDING_WRONG, SETUP, "%s is bound twice (the "
		    "second for user %s): it comes twice", b->event,
		    b->auth_type);
		return true;
	case BINDING_STALE:
		doctor_say(d, FINDING_WRONG, SETUP, "%s is bound to %s, %s",
		    b->event, b->handler, difference(b->handler, d->url));
		return true;
	case BINDING_OTHER:
		if (!is_ours(b->event))
			return false;
		doctor_say(d, FINDING_NOTE, NULL, "%s goes to %s, too",
		    b->event, b->handler);
		return true;
	default:
		return false;
	}
}

static bool
say_missing(struct doctor *d, const struct bindings *all)
{
	const struct config *c = d->ctl->s.config;
	bool any = false;

	for (const struct wanted_event *w = wanted_events;
	    w->kind != EVENT_OTHER; w++) {
		if (!wanted_here(c, w) || bindings_has(all, wanted_name(w)))
			continue;
		any = true;
		doctor_say(d, w->optional ? FINDING_NOTE : FINDING_WRONG,
		    SETUP, "%s is not bound to it", wanted_name(w));
	}
	return any;
}

void
ask_bindings(struct doctor *d)
{
	struct method_call m = { .name = "event.get" };
	struct bindings all = { .n = 0 };
	bool any = false;

	if (doctor_calls(d, &m)) {
		/* what cannot be read is empty: then all is missing */
		(void)bindings_read(&all, &m, d->url);
		for (size_t i = 0; i < all.n; i++)
			any = say_binding(d, &all.item[i]) || any;
		any = say_missing(d, &all) || any;
		if (!any)
			doctor_say(d, FINDING_OK, NULL, "all, to exactly it");
		bindings_free(&all);
	}
	method_free(&m);
}

/* ---- open lines */

struct standing {
	size_t on;
	char list[160];		/* of those lines */
};

static void
note_on(struct standing *st, int64_t line)
{
	size_t n = strlen(st->list);

	(void)snprintf(st->list + n, sizeof(st->list) - n, "%s%" PRId64,
	    st->on != 0 ? ", " : "", line);
	st->on++;
}

/* False: the portal does not answer, which was said. */
static bool
ask_line(struct doctor *d, const char *connector, const struct open_line *l,
    struct standing *st)
{
	struct open_line_asking a = { .member_id = d->portal.member_id,
	    .connector = connector, .line = l->id };

	if (open_line_ask(d->ctl, &a) != METHOD_OK) {
		doctor_say(d, FINDING_WRONG, "See 'imconnectorctl lines'; "
		    "--verbose shows the call", "%s on line %" PRId64 ": %s",
		    connector, l->id, a.reason);
		return false;
	}
	if (a.state.works)
		note_on(st, l->id);
	if (a.state.error)
		doctor_say(d, FINDING_WRONG, "Run 'imconnectorctl activate "
		    "LINE', which takes the mark away", "%s on line %" PRId64
		    " is marked with an error", connector, l->id);
	if (a.state.works && !l->active)
		doctor_say(d, FINDING_NOTE, "Switch the line on in Bitrix24",
		    "%s is on line %" PRId64 ", which is switched off",
		    connector, l->id);
	return true;
}

static void
say_standing(struct doctor *d, const char *connector, const char *line,
    const struct standing *st)
{
	if (st->on == 0 && line != NULL)
		doctor_say(d, FINDING_WRONG, "Run 'imconnectorctl activate "
		    "LINE'", "%s is not on line %s", connector, line);
	else if (st->on == 0)
		doctor_say(d, FINDING_WRONG, "Run 'imconnectorctl activate "
		    "LINE'; 'imconnectorctl lines' has them", "%s is on none",
		    connector);
	else if (st->on > 1)
		doctor_say(d, FINDING_NOTE, "If one is meant: "
		    "'imconnectorctl deactivate LINE'", "%s is on %zu lines: "
		    "%s", connector, st->on, st->list);
	else
		doctor_say(d, FINDING_OK, NULL, "%s is on line %s",
		    connector, st->list);
}

static void
ask_connector(struct doctor *d, const char *connector,
    const struct open_lines *all)
{
	const char *given = d->ctl->a.given[ARG_LINE];
	struct standing st = { .on = 0 };
	size_t asked = 0;
	bool ok = true;

	for (; ok && asked < all->n && asked < LINES_ASKED; asked++)
		ok = ask_line(d, connector, &all->line[asked], &st);
	if (ok && asked == 0)
		doctor_say(d, FINDING_WRONG, "See 'imconnectorctl lines'",
		    "the portal has no open line%s%s", given != NULL ? " " :
		    "", given != NULL ? given : "");
	else if (ok)
		say_standing(d, connector, given, &st);
	if (all->n > LINES_ASKED)
		doctor_say(d, FINDING_NOTE, "Name one with --line", "the "
		    "first %d lines were asked", LINES_ASKED);
}

/* A line that is named may be behind those that Bitrix24 tells at once. */
static void
narrow(struct open_lines *all, const char *given)
{
	struct open_line one = { .active = true };
	bool full = all->n == OPEN_LINES_MAX, found = false;

	if (given == NULL)
		return;
	full = number_read(given, &one.id) && full;
	for (size_t i = 0; !found && i < all->n; i++) {
		found = all->line[i].id == one.id;
		if (found)
			one = all->line[i];
	}
	if (found || full)
		all->line[0] = one;
	all->n = found || full ? 1 : 0;
}

void
ask_lines(struct doctor *d)
{
	const char *given = d->ctl->a.given[ARG_LINE];

	struct open_lines *all = calloc(1, sizeof(*all));
	char reason[OPEN_LINES_REASON] = "out of memory";

	if (d->connectors.n == 0)
		doctor_say(d, FINDING_NOTE, NULL, "the configuration names no "
		    "connector");
	else if (all == NULL || open_lines_read(d->ctl, d->portal.member_id,
	    all, reason) != METHOD_OK)
		doctor_say(d, FINDING_WRONG, "--verbose shows the call", "%s",
		    reason);
	else {
		narrow(all, given);
		for (size_t i = 0; i < d->connectors.n; i++)
			ask_connector(d, d->connectors.member_id[i], all);
	}
	free(all);
}
