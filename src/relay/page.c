/*
 * Pages that Bitrix24 opens: who opens one, and the installation of an
 * application with a page.  The settings of a connector are settings.c's.
 *
 * Called by relay.c.  Owns what it knows of one that is open.  Nothing is
 * shown or done before its sender is believed: by application_token where it
 * comes along; else its access token must work at the endpoint that is
 * stored for the portal, never at one that the request names; and where
 * nothing is stored that serves, it is an installation, which is proven.
 */
#include "relay/page.h"

#include "codec/digest.h"
#include "relay/page_inside.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_MAX ((size_t)64 * 1024)
#define LOOK_MS 100		/* how the set-up stands */
#define LOCAL "local."		/* such a client_id is the CODE of app.info */

void
page_end(struct page *g)
{
	struct relay *r = g->relay;
	struct sender *sender = g->sender;

	loop_disarm(r->env.loop, &g->until);
	loop_disarm(r->env.loop, &g->again);
	TAILQ_REMOVE(&r->pages, g, link);
	r->writes--;
	arena_free(&g->arena);
	arena_free(&g->of_setup);
	arena_free(&g->of_standing);
	buf_free(&g->form);
	loop_bury(r->env.loop, g);
	sender->gone(sender);
}

static void
answer_with(struct page *g, const struct outcome *o)
{
	if (g->answered)
		return;
	g->answered = true;
	g->outcome = *o;
	g->outcome.result = "page";
	g->outcome.env = &g->relay->env;
	if (g->reading.found)
		g->outcome.endpoint = g->reading.portal.endpoint;
	g->sender->answer(g->sender, &g->outcome);
}

void
page_answer(struct page *g, enum page_kind kind, const char *reason)
{
	answer_with(g, &(struct outcome){ .page = kind, .reason = reason,
	    .settings = &g->view });
}

static void
say_problem(struct page *g, const struct problem *p)
{
	answer_with(g, &(struct outcome){ .page = PAGE_REFUSED,
	    .problem = p });
}

void
page_refuse(struct page *g, const struct problem *p)
{
	say_problem(g, p);
	page_end(g);
}

void
page_deny(struct page *g, enum err e, const char *field, const char *why)
{
	struct problem p = { .err = ERR_OK };

	(void)problem_set(&p, e, -1, field, "%s", why);
	page_refuse(g, &p);
}

/* ---- the set-up, which others make */

static void look_at_setup(struct page *);

static void
on_again(struct timer *t)
{
	look_at_setup((struct page *)((char *)t - offsetof(struct page,
	    again)));
}

/* A portal of which nothing is to be done is as one that is done. */
static void
on_setup(struct db_work *w)
{
	struct page *g = (struct page *)((char *)w - offsetof(struct page,
	    setup));
	const struct setup_row *row = &g->setup.row;
	struct loop *loop = g->relay->env.loop;

	if (w->end != ERR_OK || g->answered) {
		page_refuse(g, &w->problem);
		return;
	}
	if (!g->setup.found || row->state != SETUP_WANTED) {
		/* again, Bitrix24 might take it for a new one */
		page_answer(g, g->setup.found && row->state == SETUP_DONE ?
		    PAGE_INSTALLED : PAGE_FINISH, NULL);
	} else if (row->tries != 0) {
		page_answer(g, PAGE_FAILED, row->reason);
	} else if (g->late) {
		page_answer(g, PAGE_PENDING, NULL);
	} else {
		loop_arm(loop, &g->again, loop_now(loop) + LOOK_MS);
		return;
	}
	page_end(g);
}

void
page_read_setup(struct page *g, void (*done)(struct db_work *))
{
	g->setup = (struct setup_reading){ .db.done = done,
	    .member_id = g->event->member_id, .arena = &g->of_setup };
	store_setup_read(&g->setup);
	env_submit(&g->relay->env, &g->setup.db);
}

static void
look_at_setup(struct page *g)
{
	page_read_setup(g, on_setup);
}

/* The wish to set the portal up is stored, alone or with an installation. */
static void
is_wished(struct page *g, const struct db_work *w)
{
	if (w->end != ERR_OK) {
		page_refuse(g, &w->problem);
		return;
	}
	setups_look(g->relay->setups);
	look_at_setup(g);
}

static void
on_wished(struct db_work *w)
{
	is_wished(OF(w, struct page, wish), w);
}

/* He may be believed.  The application was opened: what has been set up is
 * looked after.  Any other page only shows how it stands. */
static void
believed(struct page *g)
{
	const char *placement = g->event->page.placement;

	if (strcmp(placement, "SETTING_CONNECTOR") == 0) {
		settings_open(g);
		return;
	}
	if (strcmp(placement, "DEFAULT") != 0) {
		look_at_setup(g);
		return;
	}
	g->wish = (struct setup_wish){ .db.done = on_wished,
	    .member_id = g->event->member_id, .url = g->event->own_url };
	store_setup_wish(&g->wish);
	env_submit(&g->relay->env, &g->wish.db);
}

/* ---- an installation */

static void read_portal(struct page *, void (*)(struct db_work *));

static void
on_stored(struct db_work *w)
{
	is_wished(OF(w, struct page, reading), w);
}

static void
on_installed(struct install_take *t)
{
	struct page *g = (struct page *)((char *)t - offsetof(struct page,
	    install));

	switch (t->end) {
	case INSTALL_DONE:
		read_portal(g, on_stored);
		break;
	case INSTALL_LATER:
		page_answer(g, PAGE_PENDING, NULL);
		page_end(g);
		break;
	default:
		page_refuse(g, &t->problem);
	}
}

static void
on_kept(struct install_take *t)
{
	struct page *g = (struct page *)((char *)t - offsetof(struct page,
	    install));

	if (g->late)
		page_answer(g, PAGE_PENDING, NULL);
}

/* Pages of older portals do not say which OAuth server is theirs. */
static bool
find_server(struct page *g)
{
	const struct config_list *known =
	    &g->relay->env.config->app.oauth_servers;
	struct event *ev = g->event;
	char url[512];

	if ((ev->server_endpoint != NULL && ev->server_endpoint[0] != '\0') ||
	    known->n == 0)
		return true;
	(void)snprintf(url, sizeof(url), "https://%s/rest/", known->item[0]);
	ev->server_endpoint = arena_dup(&ev->arena, url, strlen(url));
	return ev->server_endpoint != NULL;
}

static void
install(struct page *g)
{
	struct event *ev = g->event;

	if (!find_server(g)) {
		page_deny(g, ERR_NOMEM, NULL, "out of memory");
		return;
	}
	ev->ts = clock_wall(g->relay->env.clock) / 1000;
	g->install = (struct install_take){ .done = on_installed,
	    .on_kept = on_kept, .event = ev };
	install_take(g->relay->proofs, &g->install);
}

/* ---- who opens it */

static enum err
each_info(void *ctx, const char *path, const char *s, size_t n)
{
	struct page *g = ctx;
	const char *id = g->relay->env.config->app.client_id;

	if (strcmp(path, "result.CODE") == 0 &&
	    strncmp(id, LOCAL, sizeof(LOCAL) - 1) == 0)
		g->other_app = s == NULL || strlen(id) != n ||
		    memcmp(s, id, n) != 0;
	return ERR_OK;
}

/* His token works at this portal; but it may be another application's. */
static void
on_checked(struct method_call *m)
{
	struct page *g = (struct page *)((char *)m - offsetof(struct page,
	    check));
	enum method_end end = m->end;
	bool ok = end == METHOD_OK && method_values(m, each_info, g) ==
	    ERR_OK && !g->other_app;
	struct problem p = { .err = ERR_OK };

	method_free(m);
	if (ok && !g->answered) {
		believed(g);
	} else if (ok || end == METHOD_AGAIN) {
		(void)problem_set(&p, ERR_RETRY, -1, NULL, "the portal cannot "
		    "be asked now: %.150s", m->reason);
		page_refuse(g, &p);
	} else {
		page_deny(g, ERR_DENIED, "AUTH_ID", "AUTH_ID is no token of "
		    "this application at the portal that is known by this "
		    "member_id");
	}
}

/* Another application_token is that of another installation, unless the one
 * that is stored works on: it stays the same until the application is
 * installed anew. */
static void
on_alive(struct method_call *m)
{
	struct page *g = (struct page *)((char *)m - offsetof(struct page,
	    check));
	struct problem p = { .err = ERR_OK };
	enum method_end end = m->end;

	method_free(m);
	if (end == METHOD_OK) {
		page_deny(g, ERR_DENIED, "APPLICATION_TOKEN",
		    "APPLICATION_TOKEN is not the one of this application");
	} else if (end == METHOD_REFUSED && !g->answered) {
		install(g);
	} else {
		(void)problem_set(&p, ERR_RETRY, -1, NULL, "the portal cannot "
		    "be asked now: %.150s", m->reason);
		page_refuse(g, &p);
	}
}

static void
check_alive(struct page *g)
{
	g->check = (struct method_call){ .done = on_alive,
	    .name = "app.info" };
	method_start(&g->check, g->relay->rooms, g->event->member_id);
}

static void
check_token(struct page *g)
{
	if (!rest_is_token(g->event->access_token)) {
		page_deny(g, ERR_DENIED, "AUTH_ID", "AUTH_ID is no token");
		return;
	}
	g->check = (struct method_call){ .done = on_checked,
	    .name = "app.info", .token = g->event->access_token };
	method_start(&g->check, g->relay->rooms, g->event->member_id);
}

static void
on_read(struct db_work *w)
{
	struct page *g = (struct page *)((char *)w - offsetof(struct page,
	    reading));
	const struct portal *p = &g->reading.portal;
	const char *token = g->event->application_token;
	bool has_token = token != NULL && token[0] != '\0';

	if (w->end != ERR_OK)
		page_refuse(g, &w->problem);
	else if (g->event->page.form != NULL)
		settings_form(g);
	else if (!g->reading.found || p->rejected != NULL)
		install(g);
	else if (!has_token || p->application_token[0] == '\0')
		check_token(g);
	else if (digest_same_secret(token, p->application_token))
		believed(g);
	else
		check_alive(g);
}

static void
read_portal(struct page *g, void (*done)(struct db_work *))
{
	g->reading = (struct portal_reading){ .db.done = done,
	    .member_id = g->event->member_id, .arena = &g->arena };
	store_portal_read(&g->reading);
	env_submit(&g->relay->env, &g->reading.db);
}

/* ---- its life */

/* Kept by now, or being asked for: both may take longer than an answer. */
static void
is_late(struct page *g)
{
	struct problem p = { .err = ERR_OK };

	g->late = true;
	if (g->install.kept) {
		page_answer(g, PAGE_PENDING, NULL);
	} else if (g->acting) {
		g->view.late = true;
		page_answer(g, PAGE_SETTINGS, NULL);
	} else if (g->check.waits || g->check.calls) {
		(void)problem_set(&p, ERR_RETRY, -1, NULL, "the portal does "
		    "not answer now");
		say_problem(g, &p);
	}
}

static void
on_late(struct timer *t)
{
	is_late((struct page *)((char *)t - offsetof(struct page, until)));
}

/* A call that waits for its turn is not made any more. */
static bool
drop_call(struct method_call *m)
{
	return m->waits && method_drop(m);
}

void
pages_stop(struct relay *r)
{
	struct page *g, *next;

	for (g = TAILQ_FIRST(&r->pages); g != NULL; g = next) {
		next = TAILQ_NEXT(g, link);
		is_late(g);
		if (drop_call(&g->check) || drop_call(&g->activation.call))
			page_end(g);
	}
}

static void
no_memory(struct sender *sender)
{
	struct problem p = { .err = ERR_OK };

	(void)problem_set(&p, ERR_NOMEM, -1, NULL, "out of memory");
	sender->refuse(sender, &p);
	sender->gone(sender);
}

void
page_take(struct relay *r, struct event *ev, struct sender *sender)
{
	struct page *g = calloc(1, sizeof(*g));

	if (g == NULL) {
		no_memory(sender);
		return;
	}
	g->relay = r;
	g->event = ev;
	g->sender = sender;
	g->until.fire = on_late;
	g->again.fire = on_again;
	arena_init(&g->arena, PORTAL_ARENA_MAX);
	arena_init(&g->of_setup, ARENA_MAX);
	arena_init(&g->of_standing, ARENA_MAX);
	buf_init(&g->form, SEAL_TEXT_MAX);
	TAILQ_INSERT_TAIL(&r->pages, g, link);
	r->writes++;
	if (ev->member_id == NULL || ev->member_id[0] == '\0') {
		page_deny(g, ERR_DENIED, "member_id", "member_id is missing");
		return;
	}
	loop_arm(r->env.loop, &g->until, r->stopping ? 0 :
	    sender->until.at_ms);
	read_portal(g, on_read);
}
