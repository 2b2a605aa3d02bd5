/*
 * Stored tokens, and the one refresh at a time.
 *
 * Called by the relay when a token was refused.  Owns nothing.  Two refreshes
 * at once kill each other's tokens, so the right to refresh is claimed in the
 * store, and whoever waited looks there first.
 */
#include "portal/tokens.h"

#include "portal/oauth.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define POLL_MS 50	/* while another process refreshes */
#define SAVE_TRIES 20	/* of a pair that is lost if it cannot be stored, */
#define SAVE_MS 250	/* and the pause between two */

struct search {
	const struct env *env;
	const char *member_id;
	const char *failed;
	struct arena *arena;
	struct patience *patience;
	struct portal portal;
	char *reason;
};

static enum tokens_end
none(struct search *s, enum tokens_end end, const char *why)
{
	(void)snprintf(s->reason, TOKENS_REASON_MAX, "%s", why);
	return end;
}

static enum tokens_end
look(struct search *s)
{
	struct problem p = { 0 };
	bool found;

	if (store_portal(s->env->store, s->member_id, s->arena, &s->portal,
	    &found, &p) != ERR_OK)
		return none(s, TOKENS_AGAIN, p.text);
	if (!found || s->portal.access_token[0] == '\0')
		return none(s, TOKENS_NONE,
		    "no tokens of this portal are stored");
	if (s->failed == NULL ||
	    strcmp(s->portal.access_token, s->failed) != 0)
		return TOKENS_OK;
	if (s->portal.rejected != NULL)
		return none(s, TOKENS_NONE, "the refresh token was rejected: "
		    "the application must be installed again");
	return none(s, TOKENS_AGAIN, "the stored token was refused");
}

static void
pause_ms(long ms)
{
	const struct timespec t = { 0, ms * 1000000 };

	(void)nanosleep(&t, NULL);
}

/* The old pair is spent: a store that is away for a moment is asked again. */
static enum err
save(const struct search *s, const struct portal *fresh, struct problem *p)
{
	enum err e = ERR_DISK;

	for (int i = 0; e != ERR_OK && i < SAVE_TRIES; i++) {
		if (i != 0)
			pause_ms(SAVE_MS);
		*p = (struct problem){ 0 };
		e = store_portal_renew(s->env->store, fresh,
		    s->portal.refresh_token, p);
	}
	return e;
}

/* Nothing came of it: the next may try at once. */
static enum tokens_end
give_up(struct search *s, const char *why)
{
	struct problem p = { 0 };

	(void)store_refresh_end(s->env->store, s->member_id, &p);
	return none(s, TOKENS_AGAIN, why);
}

/* The new pair must last before anybody uses it. */
static enum tokens_end
keep(struct search *s, const struct oauth *o)
{
	struct portal fresh = s->portal;
	struct problem p = { 0 };

	fresh.access_token = o->access_token;
	fresh.refresh_token = o->refresh_token;
	fresh.expires_ms = clock_wall(s->env->clock) + o->expires_in * 1000;
	if (o->server_endpoint != NULL &&
	    oauth_is_trusted(s->env->config, o->server_endpoint))
		fresh.server_endpoint = o->server_endpoint;
	if (save(s, &fresh, &p) != ERR_OK) {
		log_error(s->env->log, "tokens-lost", F_STR("member_id",
		    s->member_id), F_STR("reason", p.text));
		return give_up(s, p.text);
	}
	log_info(s->env->log, "refreshed", F_STR("member_id", s->member_id));
	/* it may be another one by now: the portal was installed anew */
	return look(s);
}

/*
 * Installed anew or uninstalled while the OAuth server was asked: then what
 * it said of the old pair must touch nothing.  ERR_DISK: nobody can tell.
 */
static enum err
was_replaced(const struct search *s, bool *replaced, struct problem *p)
{
	struct portal now;
	bool found;
	enum err e = store_portal(s->env->store, s->member_id, s->arena, &now,
	    &found, p);

	*replaced = e == ERR_OK && (!found ||
	    strcmp(now.refresh_token, s->portal.refresh_token) != 0);
	return e;
}

static enum tokens_end
rejected(struct search *s, const char *why)
{
	struct problem p = { 0 };

	/* loud: nobody but a person can mend it */
	log_error(s->env->log, "refresh-rejected", F_STR("member_id",
	    s->member_id), F_STR("reason", why));
	if (store_portal_rejected(s->env->store, s->member_id, why, &p) !=
	    ERR_OK)
		return give_up(s, p.text);
	return none(s, TOKENS_NONE, why);
}

static enum tokens_end
refresh(struct search *s)
{
	struct problem p = { 0 };
	bool found, replaced;
	struct oauth o;

	/* the claim is ours: what is stored now is what gets spent */
	if (store_portal(s->env->store, s->member_id, s->arena, &s->portal,
	    &found, &p) != ERR_OK)
		return give_up(s, p.text);
	if (!found)
		return look(s);
	oauth_refresh(s->env, s->portal.server_endpoint,
	    s->portal.refresh_token, s->arena, s->patience, &o);
	if (o.end == OAUTH_OK && strcmp(o.member_id, s->member_id) == 0)
		return keep(s, &o);
	if (was_replaced(s, &replaced, &p) != ERR_OK)
		return give_up(s, p.text);
	if (replaced)
		return look(s);
	if (o.end == OAUTH_REJECTED)
		return rejected(s, o.reason);
	log_warning(s->env->log, "refresh-failed", F_STR("member_id",
	    s->member_id), F_STR("reason", o.reason));
	return give_up(s, o.end == OAUTH_OK ?
	    "the OAuth server named another portal" : o.reason);
}

static enum tokens_end
renew(struct search *s)
{
	struct deadline until = deadline_in(s->env->clock,
	    s->env->config->portal.timeout * 1000);
	struct problem p = { 0 };
	enum refresh turn;

	do {
		if (store_refresh_begin(s->env->store, s->member_id,
		    s->failed, &turn, &p) != ERR_OK)
			return none(s, TOKENS_AGAIN, p.text);
		if (turn == REFRESH_YOURS)
			return refresh(s);
		if (turn != REFRESH_BUSY)
			return look(s);
		if (!s->patience->over &&
		    deadline_left(&s->patience->until) == 0)
			patience_end(s->patience);
		pause_ms(POLL_MS);
	} while (deadline_left(&until) > 0);
	return none(s, TOKENS_AGAIN, "another process is refreshing");
}

enum tokens_end
tokens_get(const struct env *env, const char *member_id, const char *failed,
    bool may_refresh, struct arena *arena, struct patience *patience,
    const char **token, char reason[TOKENS_REASON_MAX])
{
	struct search s = { .env = env, .member_id = member_id,
	    .failed = failed, .arena = arena, .patience = patience,
	    .reason = reason };
	enum tokens_end end = look(&s);

	if (end == TOKENS_AGAIN && may_refresh && failed != NULL)
		end = renew(&s);
	*token = end == TOKENS_OK ? s.portal.access_token : NULL;
	return end;
}
