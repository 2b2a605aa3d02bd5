/*
 * delivered -> acknowledged: Bitrix24 is told.
 *
 * Called by the relay for what was just handed over, and by the retry.  Owns
 * nothing.  The ladder of tokens (design, trust): an event's own token first,
 * refused or expired the stored one, and only the stored one's end causes a
 * refresh.  Which answer means what is the verdict's to say (contract,
 * section 5); what follows from it is here.
 */
#include "relay/journey.h"

#include "portal/status.h"
#include "portal/tokens.h"
#include "portal/trust.h"
#include "relay/attempt.h"
#include "store/portals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_MAX ((size_t)4 * 1024 * 1024)
#define CALLS_MAX 5	/* own, stored, newer, refreshed, moved: once each */

struct telling {
	const struct relay *r;
	struct work *const *work;
	size_t n;
	struct arena arena;
	struct patience *patience;
	struct portal portal;
	bool installed;
	const char *endpoint;
	const char *token;
	const char *own;	/* the event's own that was tried, or NULL */
	bool stored;		/* the token is the stored one */
	bool renewed;		/* and was refreshed by this telling */
	bool moved;
	struct verdict v;
	enum tokens_end none;	/* why there is no further token */
	char reason[PROBLEM_TEXT_MAX];
};

static void
fail(struct telling *t, bool final, enum hold hold, const char *reason)
{
	struct failure f = { .final = final, .reason = reason,
	    .wait_s = t->v.retry_after_s, .hold = hold };
	const struct env *env = &t->r->env;

	if (t->v.kind == VERDICT_OPERATING)
		f.until_ms = store_reset_ms(env->store,
		    t->work[0]->member_id);
	if (t->v.kind == VERDICT_OVERLOAD)	/* blocked by hand */
		f.wait_s = env->config->retry.longest;
	attempt_failed(t->r, t->work, t->n, STEP_STATUS, &f, NULL);
}

static bool
is_token(const char *token)
{
	return token != NULL && token[0] != '\0' &&
	    strcmp(token, "undefined") != 0;
}

/* The first token: the newest event's own, else the stored one. */
static bool
first_token(struct telling *t)
{
	const struct work *newest = NULL;

	for (size_t i = 0; i < t->n; i++)
		if (is_token(t->work[i]->token) && (newest == NULL ||
		    t->work[i]->id > newest->id))
			newest = t->work[i];
	t->token = t->own = newest != NULL ? newest->token : NULL;
	if (t->token != NULL) {
		t->stored = t->installed &&
		    strcmp(t->token, t->portal.access_token) == 0;
		return true;
	}
	t->stored = true;
	t->none = tokens_get(&t->r->env, t->work[0]->member_id, NULL, false,
	    &t->arena, t->patience, &t->token, t->reason);
	return t->none == TOKENS_OK;
}

/* The next rung of the ladder.  False: there is none. */
static bool
next_token(struct telling *t)
{
	bool refresh = t->stored;

	/* a stored token whose user may not is a person's business */
	if (t->stored && (t->v.kind == VERDICT_ACCESS || t->renewed))
		return false;
	t->none = tokens_get(&t->r->env, t->work[0]->member_id, t->token,
	    refresh, &t->arena, t->patience, &t->token, t->reason);
	t->stored = true;
	t->renewed = refresh;
	return t->none == TOKENS_OK;
}

/* The REST endpoint in the address that our call was sent on to, or NULL. */
static const char *
home_of(struct telling *t, const char *location)
{
	const size_t method = sizeof(STATUS_METHOD) - 1;
	size_t n = strlen(location);

	if (strchr(location, '?') != NULL ||
	    n <= method || location[n - method - 1] != '/' ||
	    strcmp(location + n - method, STATUS_METHOD) != 0 ||
	    !trust_new_home(t->r->env.config, location))
		return NULL;
	return arena_dup(&t->arena, location, n - method);
}

/* The portal was renamed: its new endpoint, once.  False: not there. */
static bool
move(struct telling *t)
{
	const struct env *env = &t->r->env;
	struct problem p = { 0 };
	const char *home = NULL;

	if (!t->moved)
		home = home_of(t, t->v.location);
	if (home == NULL)
		return false;
	t->moved = true;
	t->endpoint = home;
	log_warning(env->log, "moved", F_STR("member_id",
	    t->work[0]->member_id), F_STR("endpoint", home),
	    F_STR("advice", t->installed ? "the stored endpoint is replaced" :
	    "change app.client_endpoint if it is set"));
	if (t->installed && store_portal_moved(env->store,
	    t->work[0]->member_id, home, &p) != ERR_OK)
		log_error(env->log, "store-failed", F_STR("reason", p.text));
	return true;
}

static void
call(struct telling *t, struct status_item *item)
{
	const struct env *env = &t->r->env;
	const struct http_route route = env_route(env);
	const struct status_call c = {
		.client = env->http,
		.route = &route,
		.timeout_ms = env->config->portal.timeout * 1000,
		.endpoint = t->endpoint,
		.token = t->token,
		.connector = t->work[0]->connector,
		.line = t->work[0]->line,
		.item = item,
		.items = t->n,
	};

	for (size_t i = 0; i < t->n; i++)
		item[i] = (struct status_item){
			.chat_id = t->work[i]->chat_id,
			.message_id = t->work[i]->message_id,
			.chat = t->work[i]->chat,
			.ids = t->work[i]->ids,
			.date = t->work[i]->delivered_ms / 1000,
		};
	status_send(&c, t->patience, &t->v);
}

/* Calls until Bitrix24 accepts or no rung is left. */
static void
climb(struct telling *t, struct status_item *item)
{
	bool again = true;

	for (int i = 0; again && i < CALLS_MAX; i++) {
		call(t, item);
		switch (t->v.kind) {
		case VERDICT_EXPIRED:
		case VERDICT_TOKEN:
		case VERDICT_ACCESS:
			again = next_token(t);
			break;
		case VERDICT_MOVED:
			again = move(t);
			break;
		default:
			again = false;
		}
	}
}

static void
acknowledged(struct telling *t)
{
	const struct env *env = &t->r->env;
	struct problem p = { 0 };

	if (store_acknowledged(env->store, t->work, t->n,
	    t->v.reset_at * 1000, &p) != ERR_OK) {
		/* it is told again after the lease: harmless */
		log_error(env->log, "store-failed", F_STR("key",
		    t->work[0]->key), F_STR("reason", p.text));
		return;
	}
	for (size_t i = 0; i < t->n; i++)
		log_info(env->log, "acknowledged", F_STR("key",
		    t->work[i]->key));
}

/* A batch that is refused for its content, or for the want of a token that
 * others of it have, is told message by message. */
static void
one_by_one(struct telling *t)
{
	for (size_t i = 0; i < t->n; i++)
		tell(t->r, &t->work[i], 1, false, t->patience);
}

/* Whether a message of the batch came with another token of its own. */
static bool
has_other_token(const struct telling *t)
{
	for (size_t i = 0; t->own != NULL && i < t->n; i++)
		if (is_token(t->work[i]->token) &&
		    strcmp(t->work[i]->token, t->own) != 0)
			return true;
	return false;
}

static void
refused_token(struct telling *t)
{
	bool user_may_not = t->v.kind == VERDICT_ACCESS && t->stored &&
	    t->none == TOKENS_OK;

	/* never where each of them would refresh once more */
	if ((t->none == TOKENS_NONE || user_may_not) && has_other_token(t))
		one_by_one(t);
	else if (user_may_not)
		fail(t, true, HOLD_NONE, t->v.reason);
	else
		fail(t, false, t->none == TOKENS_AGAIN ? HOLD_NONE :
		    HOLD_PARKED, t->v.reason);
}

static void
judge(struct telling *t)
{
	switch (t->v.kind) {
	case VERDICT_OK:
		acknowledged(t);
		break;
	case VERDICT_REFUSED:
		if (t->n > 1)
			one_by_one(t);
		else
			fail(t, true, HOLD_NONE, t->v.reason);
		break;
	case VERDICT_ACCESS:
	case VERDICT_EXPIRED:
	case VERDICT_TOKEN:
		refused_token(t);
		break;
	case VERDICT_PORTAL:
		log_error(t->r->env.log, "portal-lost", F_STR("member_id",
		    t->work[0]->member_id), F_STR("reason", t->v.reason));
		fail(t, false, HOLD_PARKED, t->v.reason);
		break;
	case VERDICT_OVERLOAD:
		log_error(t->r->env.log, "overload", F_STR("member_id",
		    t->work[0]->member_id), F_STR("reason", t->v.reason));
		fail(t, false, HOLD_NONE, t->v.reason);
		break;
	default:
		fail(t, false, HOLD_NONE, t->v.reason);
	}
}

/* Where to call and with what.  False: the messages were put off. */
static bool
prepare(struct telling *t)
{
	const struct env *env = &t->r->env;
	struct problem p = { 0 };
	const char *why;

	if (store_portal(env->store, t->work[0]->member_id, &t->arena,
	    &t->portal, &t->installed, &p) != ERR_OK) {
		fail(t, false, HOLD_NONE, p.text);
		return false;
	}
	t->endpoint = trust_endpoint(env->config, t->installed ?
	    t->portal.endpoint : NULL, t->work[0]->endpoint, &why);
	if (t->endpoint == NULL) {
		fail(t, false, HOLD_NONE, why);
		return false;
	}
	if (!first_token(t)) {
		fail(t, false, t->none == TOKENS_NONE ? HOLD_PARKED :
		    HOLD_NONE, t->reason);
		return false;
	}
	return true;
}

void
tell(const struct relay *r, struct work *const *work, size_t n, bool probe,
    struct patience *patience)
{
	struct telling t = { .r = r, .work = work, .n = n,
	    .v = { .retry_after_s = -1 } };
	struct status_item *item = calloc(n, sizeof(*item));
	struct late_watch watch;
	char place[PLACE_MAX];

	if (item == NULL)
		return;		/* the lease ends the claim */
	place_of_portal(work[0]->member_id, place);
	late_watch_begin(&watch, r->late, place, patience, r->env.clock,
	    r->env.config->server.answer_within * 1000);
	t.patience = &watch.inner;
	arena_init(&t.arena, ARENA_MAX);
	if (prepare(&t)) {
		climb(&t, item);
		late_watch_end(&watch);
		t.patience = patience;	/* the watch's own is over */
		place_was(r, place, work[0], t.v.down, probe);
		judge(&t);
	} else {
		late_watch_end(&watch);
	}
	arena_free(&t.arena);
	free(item);
}

void
tell_if_up(const struct relay *r, struct work *const *work, size_t n,
    struct patience *patience)
{
	struct failure f = { .reason = "the portal is down", .wait_s = -1,
	    .hold = HOLD_DOWN };
	char place[PLACE_MAX];

	place_of_portal(work[0]->member_id, place);
	f.until_ms = place_down_until(r, place);
	if (f.until_ms == 0)
		tell(r, work, n, false, patience);
	else
		attempt_failed(r, work, n, STEP_STATUS, &f, NULL);
}
