/*
 * Installation of the application on a portal, proven before it counts.
 *
 * Called by the relay for ONAPPINSTALL and in its looks.  Owns the proofs
 * that are on their way.  Anybody can post an installation; only our
 * client_secret can make the OAuth server say whose refresh token came
 * along.
 */
#include "portal/install.h"

#include "base/fault.h"
#include "portal/oauth.h"
#include "portal/tokens.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROOFS_MAX 2
#define ARENA_MAX ((size_t)256 * 1024)
#define AGAIN_S 30		/* or retry.longest, if that is less */
#define LOOK_MS 100		/* while another process proves it */

TAILQ_HEAD(install_takes, install_take);

/* One that is on its way. */
struct proof {
	struct proofs *all;
	struct arena arena;
	struct install install;
	struct oauth_call oauth;
	struct token_saving saving;
	struct install_end_work end_work;
	struct install_takes takes;	/* who waits for it */
	enum install_end end;
	char why[OAUTH_REASON_MAX];
	LIST_ENTRY(proof) link;
};

struct proofs {
	const struct env *env;
	struct oauth_calls calls;
	LIST_HEAD(, proof) list;
	size_t n;		/* on their way, or about to be */
	struct install_due due;
	struct arena due_arena;
	bool looking, stopped;
};

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

static const char *
or_empty(const char *s)
{
	return s != NULL ? s : "";
}

static enum err
check(const struct env *env, const struct event *ev, struct problem *p)
{
	if (!oauth_has_client(env->config))
		return deny(p, NULL, "an installation cannot be proven "
		    "without client_id and client_secret in the section "
		    "[app] of the configuration");
	/* a page brings it from newer portals, its endpoint from none */
	if (is_empty(ev->application_token) && ev->kind != EVENT_PAGE)
		return deny(p, "auth.application_token",
		    "auth.application_token is missing");
	if (is_empty(ev->member_id))
		return deny(p, "auth.member_id", "auth.member_id is missing");
	if (is_empty(ev->refresh_token))
		return deny(p, "auth.refresh_token",
		    "auth.refresh_token is missing");
	if (is_empty(ev->client_endpoint) && ev->kind != EVENT_PAGE)
		return deny(p, "auth.client_endpoint",
		    "auth.client_endpoint is missing");
	if (!oauth_is_trusted(env->config, ev->server_endpoint))
		return deny(p, "auth.server_endpoint",
		    "auth.server_endpoint is none of app.oauth_servers");
	return ERR_OK;
}

static void
proof_free(struct proof *f)
{
	f->all->n--;
	LIST_REMOVE(f, link);
	arena_free(&f->arena);
	loop_bury(f->all->env->loop, f);
}

/* All who wait for it learn the same; its place is the next one's. */
static void
finish(struct proof *f)
{
	struct proofs *all = f->all;
	struct install_take *t;

	while ((t = TAILQ_FIRST(&f->takes)) != NULL) {
		TAILQ_REMOVE(&f->takes, t, link);
		t->end = f->end;
		if (f->end == INSTALL_DENIED)
			(void)deny(&t->problem, "auth.refresh_token", f->why);
		t->done(t);
	}
	proof_free(f);
	install_look(all);
}

static void
on_end(struct db_work *w)
{
	struct proof *f = (struct proof *)((char *)w - offsetof(struct proof,
	    end_work));

	if (w->end != ERR_OK)
		log_error(f->all->env->log, "store-failed", F_STR("member_id",
		    f->install.member_id), F_STR("reason", w->problem.text));
	finish(f);
}

/* It stays for later, or goes, before anybody is told. */
static void
end_without(struct proof *f, bool again)
{
	const struct env *env = f->all->env;
	int64_t longest = env->config->retry.longest;

	f->end = again ? INSTALL_LATER : INSTALL_DENIED;
	log_warning(env->log, again ? "install-postponed" : "install-refused",
	    F_STR("member_id", f->install.member_id), F_STR("reason", f->why));
	f->end_work = (struct install_end_work){
		.db.done = on_end,
		.id = f->install.id,
		.again = again,
		.wait_ms = (longest < AGAIN_S ? longest : AGAIN_S) * 1000,
	};
	store_install_end(&f->end_work);
	env_submit(env, &f->end_work.db);
}

static void
on_saved(struct token_saving *v)
{
	struct proof *f = (struct proof *)((char *)v - offsetof(struct proof,
	    saving));
	const struct env *env = f->all->env;

	oauth_free(&f->oauth);
	if (!v->saved) {
		log_error(env->log, "tokens-lost", F_STR("member_id",
		    f->install.member_id), F_STR("reason", v->problem.text));
		(void)snprintf(f->why, sizeof(f->why), "%.150s",
		    v->problem.text);
		end_without(f, true);
		return;
	}
	log_info(env->log, v->save.stale ? "install-outdated" : "installed",
	    F_STR("member_id", f->install.member_id));
	f->end = INSTALL_DONE;
	finish(f);
}

static void
accept_it(struct proof *f)
{
	const struct install *in = &f->install;
	const struct oauth *o = &f->oauth.said;

	f->saving = (struct token_saving){
		.done = on_saved,
		.env = f->all->env,
		.save = {
			.portal = {
				.member_id = in->member_id,
				.application_token = in->application_token,
				.endpoint = o->client_endpoint,
				.server_endpoint = in->server_endpoint,
				.access_token = o->access_token,
				.refresh_token = o->refresh_token,
				.expires_ms = clock_wall(f->all->env->clock) +
				    o->expires_in * 1000,
				.ts = in->ts,
			},
			.id = in->id,
			.url = in->url,
		},
	};
	tokens_save(&f->saving);
}

static void
on_oauth(struct oauth_call *c)
{
	struct proof *f = (struct proof *)((char *)c - offsetof(struct proof,
	    oauth));
	const struct oauth *o = &c->said;

	(void)snprintf(f->why, sizeof(f->why), "%s", o->reason);
	if (o->end == OAUTH_OK) {
		if (strcmp(o->member_id, f->install.member_id) == 0 &&
		    (f->install.endpoint[0] == '\0' ||
		    strcmp(o->client_endpoint, f->install.endpoint) == 0)) {
			accept_it(f);
			return;
		}
		(void)snprintf(f->why, sizeof(f->why), "the OAuth server "
		    "names another portal or endpoint than the event");
	}
	oauth_free(c);
	end_without(f, o->end == OAUTH_AGAIN);
}

static void
start(struct proof *f)
{
	f->oauth = (struct oauth_call){
		.done = on_oauth,
		.all = &f->all->calls,
		.server_endpoint = f->install.server_endpoint,
		.refresh_token = f->install.refresh_token,
	};
	oauth_start(&f->oauth);
}

static bool
copy_texts(struct arena *a, struct install *to, const struct install *from)
{
	const char **texts[] = { &to->member_id, &to->application_token,
		&to->endpoint, &to->server_endpoint, &to->access_token,
		&to->refresh_token, &to->url };
	bool ok = true;

	*to = *from;
	for (size_t i = 0; ok && i < sizeof(texts) / sizeof(texts[0]); i++) {
		*texts[i] = arena_dup(a, *texts[i], strlen(*texts[i]));
		ok = *texts[i] != NULL;
	}
	return ok;
}

/* NULL: no memory; it is tried again when its claim has gone. */
static struct proof *
proof_new(struct proofs *all, const struct install *in)
{
	struct proof *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->all = all;
	TAILQ_INIT(&f->takes);
	arena_init(&f->arena, ARENA_MAX);
	if (!copy_texts(&f->arena, &f->install, in)) {
		arena_free(&f->arena);
		free(f);
		return NULL;
	}
	LIST_INSERT_HEAD(&all->list, f, link);
	return f;
}

static struct proof *
find(const struct proofs *all, int64_t id)
{
	struct proof *f;

	LIST_FOREACH(f, &all->list, link)
		if (f->install.id == id)
			return f;
	return NULL;
}

static void
end_take(struct install_take *t, enum install_end end)
{
	t->end = end;
	t->done(t);
}

/* It is kept: who began its proof, or finds it on its way, waits for it. */
static void
kept(struct install_take *t)
{
	const struct install_keeping *k = &t->keeping;
	struct proofs *all = t->all;
	struct proof *f = find(all, k->id);

	if (k->claim && !k->known && !k->outdated && !k->other) {
		struct install in = k->install;

		in.id = k->id;
		f = proof_new(all, &in);
		if (f != NULL)
			start(f);
		else
			all->n--;
	} else {
		all->n -= k->claim;
	}
	if (k->outdated)
		(void)deny(&t->problem, "auth.application_token",
		    "a newer installation of this portal is known");
	if (k->known)
		end_take(t, INSTALL_DONE);
	else if (k->outdated)
		end_take(t, INSTALL_DENIED);
	else if (f == NULL && k->proving && !all->stopped)
		loop_arm(all->env->loop, &t->again,
		    loop_now(all->env->loop) + LOOK_MS);
	else if (f == NULL)
		end_take(t, INSTALL_LATER);
	else
		TAILQ_INSERT_TAIL(&f->takes, t, link);
}

static void
on_kept(struct db_work *w)
{
	struct install_take *t = (struct install_take *)((char *)w -
	    offsetof(struct install_take, keeping));

	fault_point("install-after-commit");
	if (w->end == ERR_OK) {
		if (!t->kept && !t->keeping.outdated)
			t->on_kept(t);
		t->kept = !t->keeping.outdated;
		kept(t);
		return;
	}
	t->all->n -= t->keeping.claim;
	t->problem = w->problem;
	end_take(t, INSTALL_FAILED);
}

static void
keep(struct install_take *t)
{
	struct proofs *all = t->all;

	t->keeping.db = (struct db_work){ .done = on_kept };
	t->keeping.claim = all->n < PROOFS_MAX && !all->stopped;
	all->n += t->keeping.claim;
	store_install_keep(&t->keeping);
	env_submit(all->env, &t->keeping.db);
}

/* What became of it in another process: stored, or gone, or still there. */
static void
keep_again(struct timer *t)
{
	keep((struct install_take *)((char *)t - offsetof(struct install_take,
	    again)));
}

void
install_take(struct proofs *all, struct install_take *t)
{
	const struct event *ev = t->event;

	t->all = all;
	t->problem = (struct problem){ .err = ERR_OK };
	if (check(all->env, ev, &t->problem) != ERR_OK) {
		end_take(t, INSTALL_DENIED);
		return;
	}
	t->keeping = (struct install_keeping){
		.store = all->env->store,
		.install = {
			.member_id = ev->member_id,
			.application_token = or_empty(ev->application_token),
			.endpoint = or_empty(ev->client_endpoint),
			.server_endpoint = ev->server_endpoint,
			.access_token = or_empty(ev->access_token),
			.refresh_token = ev->refresh_token,
			.url = or_empty(ev->own_url),
			.ts = ev->ts,
		},
	};
	t->again = (struct timer){ .fire = keep_again };
	keep(t);
}

static void
on_due(struct db_work *w)
{
	struct proofs *all = (struct proofs *)((char *)w -
	    offsetof(struct proofs, due));
	struct proof *f = NULL;

	all->looking = false;
	if (w->end == ERR_OK && all->due.found)
		f = proof_new(all, &all->due.install);
	if (f != NULL)
		start(f);
	else
		all->n--;
}

void
install_look(struct proofs *all)
{
	if (all->looking || all->stopped || all->n >= PROOFS_MAX)
		return;
	all->looking = true;
	all->n++;
	all->due = (struct install_due){ .db.done = on_due,
	    .arena = &all->due_arena };
	store_install_due(&all->due);
	env_submit(all->env, &all->due.db);
}

void
proofs_stop(struct proofs *all)
{
	all->stopped = true;
}

size_t
install_busy(const struct proofs *all)
{
	return all->n;
}

enum err
proofs_new(struct proofs **out, const struct env *env)
{
	struct proofs *all = calloc(1, sizeof(*all));

	*out = all;
	if (all == NULL)
		return ERR_NOMEM;
	all->env = env;
	LIST_INIT(&all->list);
	arena_init(&all->due_arena, ARENA_MAX);
	oauth_calls_init(&all->calls, env, PROOFS_MAX);
	return ERR_OK;
}

void
proofs_free(struct proofs *all)
{
	struct proof *f;

	if (all == NULL)
		return;
	while ((f = LIST_FIRST(&all->list)) != NULL)
		proof_free(f);
	arena_free(&all->due_arena);
	free(all);
}
