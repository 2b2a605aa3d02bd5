/*
 * What doctor asks of an installation.
 *
 * Called by the table of questions.  Owns nothing; what later questions need
 * is kept in the arena.
 */
#include "ctl/doctor.h"

#include "ctl/handler_call.h"
#include "store/setups.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AHEAD_MAX_S 60		/* what tokens and signatures bear */
#define ONE_ARENA_MAX PORTAL_ARENA_MAX

/* ---- a portal is known */

struct picking {
	struct doctor *d;
	const char *only;
	size_t n;
	bool ok;
};

static bool
each_portal(void *ctx, const struct portal *p)
{
	struct picking *k = ctx;

	if (k->only != NULL && !portal_is(p, k->only))
		return true;
	k->n++;
	if (k->n == 1) {
		k->d->portal = *p;
		k->ok = portal_keep(&k->d->portal, &k->d->arena);
	}
	return k->ok;
}

static void
say_none(struct doctor *d, const char *only)
{
	const char *token = d->ctl->s.config->app.application_token;

	if (only != NULL)
		doctor_say(d, FINDING_WRONG, "See 'imconnectorctl portals'",
		    "the application is not installed on %s", only);
	else if (token[0] != '\0')
		doctor_say(d, FINDING_NOTE, "To have the rest looked at, set "
		    "client_id and client_secret and install the application "
		    "again", "none; events with app.application_token are "
		    "accepted all the same");
	else
		doctor_say(d, FINDING_WRONG, "Install the application in "
		    "Bitrix24; until then every event gets 403", "none");
}

void
ask_portal(struct doctor *d)
{
	struct picking k = { .d = d, .only = d->ctl->a.given[ARG_PORTAL],
	    .ok = true };
	struct problem p = { 0 };
	enum err e = store_portal_each(d->ctl->s.store, each_portal, &k, &p);

	if (e != ERR_OK || !k.ok)
		doctor_say(d, FINDING_WRONG, NULL, "%s", e != ERR_OK ?
		    p.text : "out of memory");
	else if (k.n == 0)
		say_none(d, k.only);
	else if (k.n > 1)
		doctor_say(d, FINDING_WRONG, "Name one with --portal; "
		    "'imconnectorctl portals' has them", "%zu are, and one at "
		    "a time is looked at", k.n);
	else
		doctor_say(d, FINDING_OK, NULL, "%s, %s",
		    d->portal.member_id, d->portal.endpoint);
	if (e == ERR_OK && k.ok && k.n == 1)
		d->has |= HAS_PORTAL;
}

/* ---- the handler's URL */

/* What is wrong with it as a text; NULL: nothing. */
static const char *
odd_url(const struct doctor *d, enum finding_level *level)
{
	*level = d->ctl->s.config->app.insecure_http ? FINDING_NOTE :
	    FINDING_WRONG;
	if (strncmp(d->url, "https://", 8) != 0)
		return "it is not https, which Bitrix24 wants";
	*level = FINDING_NOTE;
	if (d->url[strlen(d->url) - 1] == '/')
		return "it ends in a slash: without it it is another handler";
	return NULL;
}

void
ask_url(struct doctor *d)
{
	const char *member_id = (d->has & HAS_PORTAL) != 0 ?
	    d->portal.member_id : NULL;
	enum finding_level level;
	struct problem p = { 0 };
	const char *url = NULL, *odd;
	struct arena a;

	arena_init(&a, ONE_ARENA_MAX);
	if (handler_url_known(d->ctl, member_id, &a, &url, &p) != ERR_OK)
		doctor_say(d, FINDING_WRONG, NULL, "%s", p.text);
	else if (url == NULL)
		doctor_say(d, FINDING_WRONG, "Set handler_url in the section "
		    "[app] of the configuration", "not known");
	d->url = url != NULL ? arena_dup(&d->arena, url, strlen(url)) : NULL;
	arena_free(&a);
	if (d->url == NULL)
		return;
	d->has |= HAS_URL;
	odd = odd_url(d, &level);
	if (odd != NULL)
		doctor_say(d, level, "Mend handler_url in the section [app], "
		    "then run 'imconnectorctl setup'", "%s: %s", d->url, odd);
	else
		doctor_say(d, FINDING_OK, NULL, "%s", d->url);
}

/* ---- the set-up, as the store knows it */

void
ask_set_up(struct doctor *d)
{
	struct arena a;
	struct setup_reading r = { .member_id = d->portal.member_id,
	    .arena = &a };
	struct problem p = { 0 };

	arena_init(&a, ONE_ARENA_MAX);
	store_setup_read(&r);
	if (store_now(d->ctl->s.store, &r.db, &p) != ERR_OK)
		doctor_say(d, FINDING_WRONG, NULL, "%s", p.text);
	else if (!r.found)
		doctor_say(d, FINDING_NOTE, "Run 'imconnectorctl setup'",
		    "it was installed before there was a set-up");
	else if (r.row.state == SETUP_DONE)
		doctor_say(d, FINDING_OK, NULL, "it is");
	else
		doctor_say(d, FINDING_WRONG, "Run 'imconnectorctl setup "
		    "--verbose'", "not yet%s%s", r.row.reason[0] != '\0' ?
		    ": " : "", r.row.reason);
	arena_free(&a);
}

/* ---- calls */

struct doctor_call {
	struct doctor *d;
	bool over;
};

static void
on_called(struct method_call *m)
{
	((struct doctor_call *)m->ctx)->over = true;
}

static void
on_seen(const struct method_call *m, const struct http_call *h)
{
	struct doctor *d = ((const struct doctor_call *)m->ctx)->d;
	int64_t then = h != NULL ? http_date(h->date) : -1;

	if (then > 0) {
		d->has |= HAS_ANSWER;
		d->ahead_s = clock_wall(&clock_system) / 1000 - then;
	}
	if (d->ctl->a.given[ARG_VERBOSE] != NULL)
		call_seen(m, h);
}

bool
doctor_calls(struct doctor *d, struct method_call *m)
{
	struct doctor_call c = { .d = d };
	const char *todo = "Try again later; --verbose shows the call";
	bool denied;

	m->done = on_called;
	m->ctx = &c;
	m->seen = on_seen;
	method_start(m, relay_rooms(d->ctl->s.relay), d->portal.member_id);
	call_wait(d->ctl, &c.over);
	if (m->end == METHOD_OK)
		return true;
	if (m->end == METHOD_REFUSED)
		todo = m->tokens_over ? "Install the application again in "
		    "Bitrix24" : "--verbose shows the call";
	/* some methods want more rights than messages do */
	denied = m->error != NULL && strcmp(m->error, "ACCESS_DENIED") == 0;
	doctor_say(d, denied ? FINDING_NOTE : FINDING_WRONG, denied ? "It "
	    "cannot be asked: who installed the application may not" : todo,
	    "%s: %s", m->name, m->reason);
	return false;
}

/* ---- app.info */

static enum err
each_info(void *ctx, const char *path, const char *s, size_t n)
{
	struct doctor *d = ctx;

	if (strcmp(path, "result.INSTALLED") == 0)
		d->installed = s != NULL && n != 0 &&
		    strchr("1tTyY", s[0]) != NULL;
	return ERR_OK;
}

void
ask_token(struct doctor *d)
{
	struct method_call m = { .name = "app.info" };

	if (doctor_calls(d, &m)) {
		d->has |= HAS_TOKEN;
		(void)method_values(&m, each_info, d);
		doctor_say(d, FINDING_OK, NULL, "app.info accepts it");
	}
	method_free(&m);
}

void
ask_clock(struct doctor *d)
{
	int64_t off = d->ahead_s < 0 ? -d->ahead_s : d->ahead_s;

	if (off > AHEAD_MAX_S)
		doctor_say(d, FINDING_WRONG, "Set it, and keep it right: "
		    "timedatectl set-ntp true", "%" PRId64 " s %s the "
		    "portal's", off, d->ahead_s < 0 ? "behind" : "ahead of");
	else
		doctor_say(d, FINDING_OK, NULL, "within %d s of the portal's",
		    AHEAD_MAX_S);
}

void
ask_installed(struct doctor *d)
{
	if (d->installed)
		doctor_say(d, FINDING_OK, NULL, "app.info says INSTALLED");
	else
		doctor_say(d, FINDING_WRONG, "Open the application once in "
		    "Bitrix24, as an administrator", "app.info says that it "
		    "is not INSTALLED: until then Bitrix24 sends no event");
}

/* ---- scope */

static const char *const scopes[] = { "imopenlines", "imconnector" };
#define SCOPES (sizeof(scopes) / sizeof(scopes[0]))

static enum err
each_scope(void *ctx, const char *path, const char *s, size_t n)
{
	bool *has = ctx;

	for (size_t i = 0; s != NULL && strncmp(path, "result.", 7) == 0 &&
	    i < SCOPES; i++)
		if (strlen(scopes[i]) == n && memcmp(scopes[i], s, n) == 0)
			has[i] = true;
	return ERR_OK;
}

void
ask_scopes(struct doctor *d)
{
	struct method_call m = { .name = "scope" };
	bool has[SCOPES] = { false }, all = true;

	if (doctor_calls(d, &m)) {
		(void)method_values(&m, each_scope, has);
		for (size_t i = 0; i < SCOPES; i++) {
			all = all && has[i];
			if (!has[i])
				doctor_say(d, FINDING_WRONG, "Tick it in the "
				    "application's page in Bitrix24, and "
				    "install it again", "%s is missing",
				    scopes[i]);
		}
		if (all)
			doctor_say(d, FINDING_OK, NULL, "imopenlines and "
			    "imconnector");
	}
	method_free(&m);
}
