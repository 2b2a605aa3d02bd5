/*
 * Installation of the application on a portal, proven before it counts.
 *
 * Called by the relay for ONAPPINSTALL and by the retry.  Owns nothing.
 * Anybody can post an installation; only our client_secret can make the
 * OAuth server say whose refresh token came along.
 */
#include "portal/install.h"

#include "codec/digest.h"
#include "portal/oauth.h"
#include "portal/tokens.h"

#include <stdio.h>
#include <string.h>

#define ARENA_MAX ((size_t)1024 * 1024)
#define AGAIN_S 30		/* or retry.longest, if that is less */

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

static enum install_end
accept_it(const struct env *env, const struct install *in,
    const struct oauth *o)
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

	if (tokens_save(env, &portal, &p) != ERR_OK) {
		log_error(env->log, "tokens-lost", F_STR("member_id",
		    in->member_id), F_STR("reason", p.text));
		return INSTALL_LATER;
	}
	log_info(env->log, "installed", F_STR("member_id", in->member_id));
	if (in->id != 0)
		(void)store_install_done(env->store, in->id, &p);
	return INSTALL_DONE;
}

static enum install_end
prove(const struct env *env, const struct install *in, struct arena *a,
    struct patience *patience, char *why, size_t size)
{
	int64_t longest = env->config->retry.longest;
	int64_t wait_s = longest < AGAIN_S ? longest : AGAIN_S;
	struct problem p = { 0 };
	struct oauth o;

	oauth_refresh(env, in->server_endpoint, in->refresh_token, a,
	    patience, &o);
	(void)snprintf(why, size, "%s", o.reason);
	if (o.end == OAUTH_OK) {
		if (strcmp(o.member_id, in->member_id) == 0 &&
		    strcmp(o.client_endpoint, in->endpoint) == 0)
			return accept_it(env, in, &o);
		(void)snprintf(why, size, "the OAuth server names another "
		    "portal or endpoint than the event");
	}
	if (o.end != OAUTH_AGAIN)
		return refuse(env, in, why);
	log_warning(env->log, "install-postponed", F_STR("member_id",
	    in->member_id), F_STR("reason", why));
	if (in->id != 0)
		(void)store_install_again(env->store, in->id,
		    clock_wall(env->clock) + wait_s * 1000, &p);
	return INSTALL_LATER;
}

/*
 * Kept before it is proven: if we must answer before the OAuth server does,
 * the 202 stands for something that survives.
 */
static enum err
keep(const struct env *env, const struct event *ev, struct install *in,
    bool *kept, struct problem *p)
{
	*in = (struct install){
		.member_id = ev->member_id,
		.application_token = ev->application_token,
		.endpoint = ev->client_endpoint,
		.server_endpoint = ev->server_endpoint,
		.access_token = ev->access_token != NULL ?
		    ev->access_token : "",
		.refresh_token = ev->refresh_token,
		.ts = ev->ts,
	};
	/* claimed by us: due for others as soon as this process is gone */
	return store_install_keep(env->store, in, clock_wall(env->clock),
	    &in->id, kept, p);
}

enum err
install_take(const struct env *env, const struct event *ev,
    struct patience *patience, enum install_end *end, struct problem *p)
{
	struct patience forever = patience_none();
	char why[OAUTH_REASON_MAX];
	struct install in;
	struct arena a;
	bool known = false, kept = false;
	enum err e = check(env, ev, p);

	*end = INSTALL_DONE;
	if (e == ERR_OK)
		e = is_known(env, ev, &known, p);
	if (e != ERR_OK || known)
		return e;
	e = keep(env, ev, &in, &kept, p);
	if (e != ERR_OK)
		return e;
	arena_init(&a, ARENA_MAX);
	/* a 202 before its end would stand for nothing if it is not kept */
	*end = prove(env, &in, &a, kept ? patience : &forever, why,
	    sizeof(why));
	arena_free(&a);
	if (*end == INSTALL_DENIED)
		return deny(p, "auth.refresh_token", why);
	if (*end == INSTALL_LATER && !kept)
		return problem_set(p, ERR_DISK, -1, NULL,
		    "too many installations wait for their proof");
	return ERR_OK;
}

bool
install_retry(const struct env *env)
{
	struct patience patience = patience_none();
	char why[OAUTH_REASON_MAX];
	struct problem p = { 0 };
	struct install in;
	struct arena a;
	bool found;

	arena_init(&a, ARENA_MAX);
	(void)store_install_due(env->store, &a, &in, &found, &p);
	if (found)
		(void)prove(env, &in, &a, &patience, why, sizeof(why));
	arena_free(&a);
	return found;
}
