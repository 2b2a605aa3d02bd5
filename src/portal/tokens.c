/*
 * Stored tokens, and the one refresh at a time.
 *
 * Called by rest.c when a stored token was refused.  Owns the refresh that is
 * under way for a room; all who need it meanwhile wait for its end.  Two
 * refreshes at once kill each other's tokens, so the right to refresh is
 * claimed in the store, and whoever waited looks there first.
 */
#include "portal/tokens.h"

#include "base/fault.h"
#include "portal/oauth.h"
#include "store/portals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLL_MS 50	/* while another process refreshes */
#define SAVE_TRIES 20	/* of a pair that is lost if it cannot be stored, */
#define SAVE_MS 250	/* and the pause between two */

/* The refresh of one portal. */
struct renewal {
	struct room *room;
	const struct env *env;
	char *failed;			/* the access token that was refused */
	struct deadline until;
	struct arena arena;
	struct refresh_asking ask;
	struct oauth_call oauth;
	struct token_saving saving;
	struct portal_change change;
	char reason[TOKENS_REASON_MAX];
	enum tokens_end end;
	struct timer timer;
};

static void ask(struct renewal *);

static void
on_saved(struct db_work *w)
{
	struct token_saving *v = OF(w, struct token_saving, save);

	fault_point("tokens-after-commit");
	v->saved = w->end == ERR_OK;
	if (!v->saved && ++v->tries < SAVE_TRIES) {
		db_submit_again(w, SAVE_MS);
		return;
	}
	v->problem = w->problem;
	v->done(v);
}

void
tokens_save(struct token_saving *v)
{
	v->tries = 0;
	v->save.db = (struct db_work){ .done = on_saved };
	v->save.store = v->env->store;
	store_portal_save(&v->save);
	env_submit(v->env, &v->save.db);
}

/* All who wait learn the end; a new search begins anew. */
static void
finish(struct renewal *n)
{
	struct token_searches *all = &n->room->searches;
	struct token_searches now = TAILQ_HEAD_INITIALIZER(now);
	struct token_search *s;

	TAILQ_CONCAT(&now, all, link);
	while ((s = TAILQ_FIRST(&now)) != NULL) {
		TAILQ_REMOVE(&now, s, link);
		s->end = n->end;
		(void)snprintf(s->reason, sizeof(s->reason), "%s", n->reason);
		s->done(s);
	}
	room_leave(n->room);
	arena_free(&n->arena);
	free(n->failed);
	loop_bury(n->env->loop, n);
}

static void
end(struct renewal *n, enum tokens_end how, const char *why)
{
	n->end = how;
	(void)snprintf(n->reason, sizeof(n->reason), "%s", why);
	finish(n);
}

static void
on_change(struct db_work *w)
{
	struct renewal *n = OF(w, struct renewal, change);

	/* if it could not be written, the claim ends with the process, or
	 * the next refresh finds out the same */
	if (w->end != ERR_OK)
		log_error(n->env->log, "store-failed", F_STR("member_id",
		    n->room->member_id), F_STR("reason", w->problem.text));
	finish(n);
}

/* The claim goes, with what is to be remembered, before anybody learns. */
static void
give_up(struct renewal *n, enum portal_act act, enum tokens_end how,
    const char *why)
{
	n->end = how;
	(void)snprintf(n->reason, sizeof(n->reason), "%s", why);
	n->change = (struct portal_change){
		.db.done = on_change,
		.store = n->env->store,
		.act = act,
		.member_id = n->room->member_id,
		.text = n->reason,
	};
	store_portal_change(&n->change);
	env_submit(n->env, &n->change.db);
}

static void
on_kept(struct token_saving *v)
{
	struct renewal *n = OF(v, struct renewal, saving);

	if (v->saved && !v->save.stale)
		room_set_portal(n->room, &v->save.portal);
	counts_add(n->env->counts, COUNT_REFRESHES, v->saved ? "ok" :
	    "failed", 1);
	oauth_free(&n->oauth);	/* with the texts of the pair */
	if (!v->saved) {
		log_error(n->env->log, "tokens-lost", F_STR("member_id",
		    n->room->member_id), F_STR("reason", v->problem.text));
		give_up(n, PORTAL_REFRESH_END, TOKENS_AGAIN, v->problem.text);
	} else if (v->save.stale) {
		/* installed anew, or uninstalled, while it was asked for */
		ask(n);
	} else {
		log_info(n->env->log, "refreshed", F_STR("member_id",
		    n->room->member_id));
		end(n, TOKENS_OK, "");
	}
}

/* The old pair is spent: the new one must last before anybody uses it. */
static void
keep(struct renewal *n)
{
	const struct oauth *o = &n->oauth.said;
	struct portal fresh = n->ask.portal;

	fresh.access_token = o->access_token;
	fresh.refresh_token = o->refresh_token;
	fresh.expires_ms = clock_wall(n->env->clock) + o->expires_in * 1000;
	fresh.rejected = NULL;
	if (o->server_endpoint != NULL &&
	    oauth_is_trusted(n->env->config, o->server_endpoint))
		fresh.server_endpoint = o->server_endpoint;
	n->saving = (struct token_saving){ .done = on_kept, .env = n->env,
	    .save = { .portal = fresh,
	    .spent = n->ask.portal.refresh_token } };
	tokens_save(&n->saving);
}

static void
on_oauth(struct oauth_call *c)
{
	struct renewal *n = OF(c, struct renewal, oauth);
	const char *member_id = n->room->member_id;
	const struct oauth *o = &c->said;

	if (o->end == OAUTH_OK && strcmp(o->member_id, member_id) == 0) {
		keep(n);
		return;
	}
	counts_add(n->env->counts, COUNT_REFRESHES, o->end ==
	    OAUTH_REJECTED ? "rejected" : "failed", 1);
	counts_trouble(n->env->counts, "refresh", member_id, o->reason);
	if (o->end == OAUTH_REJECTED) {
		/* loud: nobody but a person can mend it */
		log_error(n->env->log, "refresh-rejected", F_STR("member_id",
		    member_id), F_STR("reason", o->reason));
		give_up(n, PORTAL_REJECTED, TOKENS_NONE, o->reason);
	} else {
		log_warning(n->env->log, "refresh-failed", F_STR("member_id",
		    member_id), F_STR("reason", o->reason));
		give_up(n, PORTAL_REFRESH_END, TOKENS_AGAIN,
		    o->end == OAUTH_OK ? "the OAuth server named another "
		    "portal" : o->reason);
	}
	oauth_free(c);
}

static void
refresh(struct renewal *n)
{
	if (!oauth_has_client(n->env->config)) {
		log_error(n->env->log, "token-expired", F_STR("member_id",
		    n->room->member_id), F_STR("advice", OAUTH_NO_CLIENT));
		give_up(n, PORTAL_REFRESH_END, TOKENS_AGAIN, "the stored "
		    "token cannot be refreshed: " OAUTH_NO_CLIENT);
		return;
	}
	n->oauth = (struct oauth_call){
		.done = on_oauth,
		.all = &n->room->all->oauth,
		.server_endpoint = n->ask.portal.server_endpoint,
		.refresh_token = n->ask.portal.refresh_token,
	};
	oauth_start(&n->oauth);
}

static void
on_none(struct renewal *n)
{
	const char *why = "the stored token was refused, and there is no "
	    "refresh token";

	if (!n->ask.found || n->ask.portal.access_token[0] == '\0')
		why = "no tokens of this portal are stored";
	else if (n->ask.portal.rejected != NULL)
		why = "the refresh token was rejected: the application must "
		    "be installed again";
	end(n, TOKENS_NONE, why);
}

static void
on_asked(struct db_work *w)
{
	struct renewal *n = OF(w, struct renewal, ask);

	if (w->end != ERR_OK) {
		end(n, TOKENS_AGAIN, w->problem.text);
		return;
	}
	switch (n->ask.answer) {
	case REFRESH_YOURS:
		refresh(n);
		break;
	case REFRESH_NEWER:
		room_set_portal(n->room, &n->ask.portal);
		end(n, TOKENS_OK, "");
		break;
	case REFRESH_BUSY:
		if (deadline_left(&n->until) == 0)
			end(n, TOKENS_AGAIN, "another process is refreshing");
		else
			loop_arm(n->env->loop, &n->timer,
			    loop_now(n->env->loop) + POLL_MS);
		break;
	case REFRESH_NONE:
		on_none(n);
		break;
	}
}

static void
ask(struct renewal *n)
{
	n->ask = (struct refresh_asking){
		.db.done = on_asked,
		.member_id = n->room->member_id,
		.failed = n->failed,
		.arena = &n->arena,
	};
	store_refresh_ask(&n->ask);
	env_submit(n->env, &n->ask.db);
}

static void
ask_again(struct timer *t)
{
	ask(OF(t, struct renewal, timer));
}

/* NULL: no memory. */
static struct renewal *
renewal_new(struct room *room, const char *failed)
{
	struct renewal *n = calloc(1, sizeof(*n));

	if (n == NULL || (n->failed = strdup(failed)) == NULL) {
		free(n);
		return NULL;
	}
	n->room = room_enter(room->all, room->member_id);
	n->env = room->all->env;
	n->until = deadline_in(n->env->clock,
	    n->env->config->portal.timeout * 1000);
	arena_init(&n->arena, PORTAL_ARENA_MAX);
	n->timer.fire = ask_again;
	return n;
}

void
tokens_search(struct room *room, struct token_search *s)
{
	struct token_searches *all = &room->searches;
	bool first = TAILQ_EMPTY(all);
	struct renewal *n;

	TAILQ_INSERT_TAIL(all, s, link);
	if (!first)
		return;
	n = renewal_new(room, s->failed);
	if (n != NULL) {
		ask(n);
		return;
	}
	TAILQ_REMOVE(all, s, link);
	s->end = TOKENS_AGAIN;
	(void)snprintf(s->reason, sizeof(s->reason), "out of memory");
	s->done(s);
}
