/*
 * Installation of the application on a portal, proven before it counts.
 *
 * Called by relay/proofs.c.  Owns nothing.  Anybody can post an installation;
 * only our client_secret can make the OAuth server say whose refresh token
 * came along.
 */
#include "portal/install.h"

#include "codec/digest.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define ARENA_MAX ((size_t)1024 * 1024)
#define AGAIN_S 30		/* or retry.longest, if that is less */
#define SAVE_TRIES 20		/* of a pair that is lost if it cannot be */
#define SAVE_MS 250		/* stored, and the pause between two */

static enum err
deny(struct problem *p, const char *field, const char *why)
{
	return problem_set(p, ERR_DENIED, -1, field, "%s", why);
}

static bool
is_empty(const char *s)
{
	return s == NULL || s[0] == '\0';
}

static enum err
check(const struct env *env, const struct event *ev, struct problem *p)
{
	if (env->config->app.client_id[0] == '\0' ||
	    env->config->app.client_secret[0] == '\0')
		return deny(p, NULL, "an installation cannot be proven "
		    "without client_id and client_secret in the section "
		    "[app] of the configuration");
	if (is_empty(ev->application_token))
		return deny(p, "auth.application_token",
		    "auth.application_token is missing");
	if (is_empty(ev->member_id))
		return deny(p, "auth.member_id", "auth.member_id is missing");
	if (is_empty(ev->refresh_token))
		return deny(p, "auth.refresh_token",
		    "auth.refresh_token is missing");
	if (is_empty(ev->client_endpoint))
		return deny(p, "auth.client_endpoint",
		    "auth.client_endpoint is missing");
	if (!oauth_is_trusted(env->config, ev->server_endpoint))
		return deny(p, "auth.server_endpoint",
		    "auth.server_endpoint is none of app.oauth_servers");
	return ERR_OK;
}

/* A repeat with the stored token that is no newer changes nothing. */
static enum err
is_known(const struct env *env, const struct event *ev, bool *known,
    struct problem *p)
{
	struct portal portal;
	struct arena a;
	bool found;
	enum err e;

	arena_init(&a, ARENA_MAX);
	e = store_portal(env->store, ev->member_id, &a, &portal, &found, p);
	*known = e == ERR_OK && found && ev->ts <= portal.ts &&
	    digest_same_secret(ev->application_token,
	    portal.application_token);
	arena_free(&a);
	return e;
}

enum err
install_check(const struct env *env, const struct event *ev, bool *known,
    struct problem *p)
{
	enum err e = check(env, ev, p);

	*known = false;
	return e == ERR_OK ? is_known(env, ev, known, p) : e;
}

struct install
install_of(const struct event *ev)
{
	return (struct install){
		.member_id = ev->member_id,
		.application_token = ev->application_token,
		.endpoint = ev->client_endpoint,
		.server_endpoint = ev->server_endpoint,
		.access_token = ev->access_token != NULL ?
		    ev->access_token : "",
		.refresh_token = ev->refresh_token,
		.ts = ev->ts,
	};
}

bool
install_copy(struct install *in, struct arena *a)
{
	const char **texts[] = { &in->member_id, &in->application_token,
		&in->endpoint, &in->server_endpoint, &in->access_token,
		&in->refresh_token };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		*texts[i] = arena_dup(a, *texts[i], strlen(*texts[i]));
		if (*texts[i] == NULL)
			return false;
	}
	return true;
}

static void
put_off(const struct env *env, const struct install *in)
{
	int64_t longest = env->config->retry.longest;
	int64_t wait_s = longest < AGAIN_S ? longest : AGAIN_S;
	struct problem p = { 0 };

	if (in->id != 0)
		(void)store_install_again(env->store, in->id,
		    clock_wall(env->clock) + wait_s * 1000, &p);
}

static enum install_end
refuse(const struct env *env, const struct install *in, const char *why)
{
	struct problem p = { 0 };

	log_warning(env->log, "install-refused", F_STR("member_id",
	    in->member_id), F_STR("reason", why));
	if (in->id != 0)
		(void)store_install_done(env->store, in->id, &p);
	return INSTALL_DENIED;
}

/* The old pair is spent: a store that is away for a moment is asked again. */
static enum err
save(const struct env *env, const struct portal *portal,
    struct patience *patience, struct problem *p)
{
	const struct timespec pause = { 0, SAVE_MS * 1000000L };
	enum err e = ERR_DISK;

	for (int i = 0; e != ERR_OK && i < SAVE_TRIES; i++) {
		if (i != 0)
			(void)nanosleep(&pause, NULL);
		if (!patience->over && deadline_left(&patience->until) == 0)
			patience_end(patience);
		*p = (struct problem){ 0 };
		e = store_portal_save(env->store, portal, p);
	}
	return e;
}

static enum install_end
accept_it(const struct env *env, const struct install *in,
    const struct oauth *o, struct patience *patience,
    char why[OAUTH_REASON_MAX])
{
	const struct portal portal = {
		.member_id = in->member_id,
		.application_token = in->application_token,
		.endpoint = o->client_endpoint,
		.server_endpoint = in->server_endpoint,
		.access_token = o->access_token,
		.refresh_token = o->refresh_token,
		.expires_ms = clock_wall(env->clock) + o->expires_in * 1000,
		.ts = in->ts,
	};
	struct problem p = { 0 };

	if (save(env, &portal, patience, &p) == ERR_OK) {
		log_info(env->log, "installed", F_STR("member_id",
		    in->member_id));
		return INSTALL_DONE;
	}
	log_error(env->log, "tokens-lost", F_STR("member_id", in->member_id),
	    F_STR("reason", p.text));
	(void)snprintf(why, OAUTH_REASON_MAX, "%.*s", OAUTH_REASON_MAX - 1,
	    p.text);
	put_off(env, in);
	return INSTALL_LATER;
}

enum install_end
install_prove(const struct env *env, const struct install *in,
    struct arena *a, struct patience *patience, char why[OAUTH_REASON_MAX])
{
	struct oauth o;

	oauth_refresh(env, in->server_endpoint, in->refresh_token, a,
	    patience, &o);
	(void)snprintf(why, OAUTH_REASON_MAX, "%s", o.reason);
	if (o.end == OAUTH_OK) {
		if (strcmp(o.member_id, in->member_id) == 0 &&
		    strcmp(o.client_endpoint, in->endpoint) == 0)
			return accept_it(env, in, &o, patience, why);
		(void)snprintf(why, OAUTH_REASON_MAX, "the OAuth server "
		    "names another portal or endpoint than the event");
	}
	if (o.end != OAUTH_AGAIN)
		return refuse(env, in, why);
	log_warning(env->log, "install-postponed", F_STR("member_id",
	    in->member_id), F_STR("reason", why));
	put_off(env, in);
	return INSTALL_LATER;
}
