/*
 * The settings of a connector on an open line (PLACEMENT=SETTING_CONNECTOR).
 *
 * Called by page.c for pages that were opened by whom may be believed, and for
 * their forms.  Owns nothing beside the page.  What is done is done with the
 * token of the user who opened the page, at the endpoint that is stored for
 * his portal; the token travels with the form, sealed (portal/ticket.h).
 * Failures are shown on the page.
 */
#include "relay/page_inside.h"

#include "base/number.h"
#include "base/of.h"
#include "codec/flat.h"
#include "portal/trust.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static void
show(struct page *g)
{
	page_answer(g, PAGE_SETTINGS, NULL);
	page_end(g);
}

static void
on_acted(struct activation *a)
{
	struct page *g = OF(a, struct page, activation);
	struct settings *v = &g->view;

	g->acting = false;
	if (a->end == METHOD_OK) {
		v->known = true;
		v->works = a->state.works;
		v->error = a->state.error;
	} else {
		v->failed = a->reason;
	}
	log_info(g->relay->env.log, "settings", F_STR("member_id",
	    g->event->member_id), F_STR("connector", v->connector),
	    F_INT("line", v->line), F_STR("act", a->ask ? "look" :
	    a->on ? "on" : "off"), F_STR("result", a->end == METHOD_OK ?
	    "ok" : a->reason));
	show(g);
}

static void
act(struct page *g)
{
	const struct settings *v = &g->view;
	bool on = strcmp(v->act, "on") == 0;

	g->activation = (struct activation){
		.done = on_acted,
		.rooms = g->relay->rooms,
		.member_id = g->event->member_id,
		.connector = g->ticket.connector,
		.line = g->ticket.line,
		.on = on,
		.ask = !on && strcmp(v->act, "off") != 0,
		.halted = &g->relay->stopping,
		.name = v->name,
		.token = g->ticket.token,
	};
	g->acting = true;
	activation_start(&g->activation);
}

static void
on_read_setup(struct db_work *w)
{
	struct page *g = OF(w, struct page, setup);

	if (w->end != ERR_OK) {
		page_refuse(g, &w->problem);
	} else if (g->late) {	/* nothing has been done yet */
		page_deny(g, ERR_RETRY, NULL, "the store was slow");
	} else {
		g->view.setup = g->setup.found ? &g->setup.row : NULL;
		act(g);
	}
}

static void
on_standing(struct db_work *w)
{
	struct page *g = OF(w, struct page, standing);

	if (w->end != ERR_OK) {
		page_refuse(g, &w->problem);
		return;
	}
	g->view.standing = &g->standing.out;
	page_read_setup(g, on_read_setup);
}

static void
read_standing(struct page *g)
{
	const struct config_channel *ch = config_channel_for(
	    g->relay->env.config, g->ticket.connector, g->ticket.line);

	g->standing = (struct standing_reading){ .db.done = on_standing,
	    .member_id = g->event->member_id, .arena = &g->of_standing };
	if (place_of_channel(&g->standing.channel, g->ticket.connector,
	    ch->url) != ERR_OK)
		g->standing.channel = 0;	/* one reason less is found */
	store_standing_read(&g->standing);
	env_submit(&g->relay->env, &g->standing.db);
}

static struct ticket_of
whose(const struct page *g)
{
	return (struct ticket_of){ .config = g->relay->env.config,
	    .portal = &g->reading.portal,
	    .now_ms = clock_wall(g->relay->env.clock) };
}

/* Everything about it is known to be right; the next form gets time anew. */
static void
go_on(struct page *g)
{
	const struct ticket *t = &g->ticket;
	const struct ticket_of of = whose(g);
	const char *name = config_channel_for(g->relay->env.config,
	    t->connector, 0)->as.name;
	const char *wanted = g->event->page.act;

	g->view = (struct settings){ .connector = t->connector,
	    .name = name[0] != '\0' ? name : t->connector, .line = t->line,
	    .member_id = g->event->member_id,
	    .act = g->event->page.form != NULL && wanted != NULL ?
	    wanted : "" };
	if (ticket_write(&g->form, t, &of) == ERR_OK)
		g->view.form = buf_str(&g->form);
	read_standing(g);
}

/* ---- opened by Bitrix24 */

static enum err
each_option(void *ctx, const char *path, const char *s, size_t n)
{
	struct page *g = ctx;
	char *text = s != NULL ? arena_dup(&g->arena, s, n) : NULL;

	if (text == NULL)
		return s != NULL ? ERR_NOMEM : ERR_OK;
	if (strcasecmp(path, "CONNECTOR") == 0)
		g->ticket.connector = text;
	else if (strcasecmp(path, "LINE") == 0 &&
	    !number_read(text, &g->ticket.line))
		g->ticket.line = 0;
	return ERR_OK;
}

/* As it was registered: in lower case.  NULL: it cannot have been. */
static const char *
id_of(struct page *g, const char *connector)
{
	char *id = connector != NULL ? arena_dup(&g->arena, connector,
	    strlen(connector)) : NULL;

	for (char *c = id; c != NULL && *c != '\0'; c++) {
		if (!isgraph((unsigned char)*c))
			return NULL;
		*c = (char)tolower((unsigned char)*c);
	}
	return id != NULL && id[0] != '\0' ? id : NULL;
}

void
settings_open(struct page *g)
{
	const struct event *ev = g->event;
	const char *options = ev->page.options;
	const struct config *c = g->relay->env.config;

	if (options == NULL || flat_read(options, strlen(options),
	    each_option, g) != ERR_OK)
		g->ticket = (struct ticket){ 0 };
	g->ticket.connector = id_of(g, g->ticket.connector);
	g->ticket.token = ev->access_token;
	if (g->ticket.connector == NULL ||
	    !trust_connector(c, g->ticket.connector))
		page_deny(g, ERR_UNUSABLE, "PLACEMENT_OPTIONS.CONNECTOR",
		    "PLACEMENT_OPTIONS.CONNECTOR is none of app.connectors");
	else if (g->ticket.line < 1)
		page_deny(g, ERR_UNUSABLE, "PLACEMENT_OPTIONS.LINE",
		    "PLACEMENT_OPTIONS.LINE must be a number from 1 to "
		    "9223372036854775807");
	else if (!rest_is_token(ev->access_token))
		page_deny(g, ERR_DENIED, "AUTH_ID", "AUTH_ID is no token");
	else
		go_on(g);
}

/* ---- its form came back */

void
settings_form(struct page *g)
{
	const struct ticket_of of = whose(g);
	struct problem p = { .err = ERR_OK };

	if (!g->reading.found)
		page_deny(g, ERR_DENIED, "member_id",
		    "the application is not installed on this portal");
	else if (ticket_read(&g->ticket, &g->arena, g->event->page.form, &of,
	    &p) != ERR_OK)
		page_refuse(g, &p);
	else if (!trust_connector(of.config, g->ticket.connector))
		page_deny(g, ERR_UNUSABLE, NULL, "the connector is none of "
		    "app.connectors any more");
	else
		go_on(g);
}
