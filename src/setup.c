/*
 * From a configuration to open parts, the same way for both programs, so
 * that `imconnectorctl check` finds what would stop the handler.
 *
 * Called once by each program.  Owns what it opens, through struct setup.
 */
#include "setup.h"

#include "portal/trust.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define DISK_THREADS 4
#define KEPT 1024
#define END_MS 1000		/* for each that may be inside a call */
#define ABOUT_MAX ((size_t)64 * 1024)

static enum err
no_memory(struct problem *p)
{
	return problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
}

/* What comes is compared without case; what is stored is in lower case. */
static enum err
list_connectors(struct setup *s)
{
	const struct config_list *list = &s->config->app.connectors;
	struct buf about;
	enum err e = ERR_OK;

	s->connector = calloc(list->n + 1, sizeof(char *));
	if (s->connector == NULL)
		return ERR_NOMEM;
	buf_init(&about, ABOUT_MAX);
	for (size_t i = 0; e == ERR_OK && i < list->n; i++) {
		char *c = s->connector[i] = strdup(list->item[i]);

		if (c == NULL)
			e = ERR_NOMEM;
		for (; c != NULL && *c != '\0'; c++)
			*c = (char)tolower((unsigned char)*c);
		if (e == ERR_OK && i != 0)
			e = buf_addc(&about, ' ');
		if (e == ERR_OK)
			e = buf_adds(&about, s->connector[i]);
	}
	if (e == ERR_OK) {
		s->about = strdup(about.len != 0 ? buf_str(&about) : "");
		e = s->about != NULL ? ERR_OK : ERR_NOMEM;
	}
	buf_free(&about);
	return e;
}

static const char *
channel_url(void *ctx, const char *connector, int64_t line)
{
	return config_channel_for(ctx, connector, line)->url;
}

static enum err
open_store(struct setup *s, const struct setup_opts *o, struct problem *p)
{
	const struct config *c = s->config;
	const struct store_opts opts = {
		.db = {
			.url = c->store.url,
			.clock = &clock_system,
			/* a tool says itself what failed */
			.log = o->makes_store ? &c->log : NULL,
			.loop = s->loop,
			.threaded = !o->one_shot,
			.create = o->makes_store,
			/* half of the time for the answer, so that 503 gets
			 * out */
			.busy_ms = c->server.answer_within * 1000 / 2,
			.about = s->about,
		},
		.connector = s->connector,
		.connectors = c->app.connectors.n,
		.keep_ms = c->store.keep_days * 86400000,
		.longest_ms = c->retry.longest * 1000,
		.give_up_ms = c->retry.give_up_after * 1000,
		.burst = c->portal.burst,
		.rate = c->portal.rate,
		.slots = c->portal.calls_in_flight,
		.channel_url = channel_url,
		.channel_ctx = s->config,
	};

	return store_open(&s->store, &opts, p);
}

static enum err
open_loop(struct setup *s, const struct setup_opts *o, struct problem *p)
{
	const struct config *c = s->config;
	enum err e = loop_new(&s->loop, &clock_system, &c->log);

	if (e == ERR_OK)
		e = pool_new(&s->readers, s->loop, o->one_shot ? 0 :
		    c->server.workers);
	if (e == ERR_OK)
		e = pool_new(&s->disk, s->loop, o->one_shot ? 0 :
		    DISK_THREADS);
	return e == ERR_OK ? e : problem_set(p, e, -1, NULL, "no memory or "
	    "no descriptors");
}

/*
 * A portal that is called again by a new connection costs a TLS handshake,
 * which is more than all else: one for each of a thousand portals.  They are
 * some 30 KB of memory each, and an eighth of the descriptors at most.
 */
static int64_t
kept_connections(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_max / 8 > KEPT)
		return KEPT;
	return (int64_t)r.rlim_max / 8;
}

static enum err
open_counts(struct setup *s, const struct setup_opts *o, struct problem *p)
{
	const struct counts_opts opts = {
		.store = s->store,
		.loop = s->loop,
		.log = &s->config->log,
		.one_shot = o->one_shot,
	};

	return counts_new(&s->counts, &opts) == ERR_OK ? ERR_OK :
	    no_memory(p);
}

static enum err
open_http(struct setup *s, const struct setup_opts *o, struct problem *p)
{
	const struct http_opts opts = {
		.loop = s->loop,
		.clock = &clock_system,
		.log = &s->config->log,
		.calls = s->config->server.calls,
		.kept = kept_connections(),
		.slow_ms = s->config->server.answer_within * 1000,
		.one_shot = o->one_shot,
	};

	return http_client_new(&s->http, &opts) == ERR_OK ? ERR_OK :
	    no_memory(p);
}

static enum err
open_channels(struct setup *s, struct problem *p)
{
	s->channel_env = (struct channel_env){
		.loop = s->loop,
		.http = s->http,
		.disk = s->disk,
		.clock = &clock_system,
	};
	return channels_open(&s->channels, s->config, &s->channel_env, p);
}

static enum err
open_relay(struct setup *s, struct problem *p)
{
	s->env = (struct env){
		.config = s->config,
		.loop = s->loop,
		.store = s->store,
		.http = s->http,
		.counts = s->counts,
		.log = &s->config->log,
		.clock = &clock_system,
	};
	return relay_new(&s->relay, &s->env, s->channels) == ERR_OK ?
	    ERR_OK : no_memory(p);
}

enum err
setup_make(struct setup *s, const struct setup_opts *o, struct problem *p)
{
	enum err e;

	memset(s, 0, sizeof(*s));
	e = config_load(&s->config, o->config, p);
	if (e != ERR_OK)
		return e;
	log_open(&s->config->log);
	e = trust_check(s->config, p);
	if (e == ERR_OK && list_connectors(s) != ERR_OK)
		e = no_memory(p);
	if (e == ERR_OK)
		e = open_loop(s, o, p);
	if (e == ERR_OK)
		e = open_store(s, o, p);
	if (e == ERR_OK)
		e = open_counts(s, o, p);
	if (e == ERR_OK)
		e = open_http(s, o, p);
	if (e == ERR_OK)
		e = open_channels(s, p);
	if (e == ERR_OK)
		e = open_relay(s, p);
	return e;
}

/* What was submitted comes back before the store goes; then nothing may be
 * submitted any more, so the loop does not turn. */
static bool
end_store(struct setup *s)
{
	struct deadline until = deadline_in(&clock_system, END_MS);

	if (s->store == NULL)
		return true;
	counts_flush(s->counts);
	while (db_busy(store_db(s->store)) != 0 && deadline_left(&until) > 0)
		loop_turn(s->loop, deadline_left(&until));
	if (!store_close(s->store, END_MS))
		return false;
	s->store = NULL;
	return true;
}

bool
setup_free(struct setup *s)
{
	if (s->relay != NULL)
		relay_stop(s->relay);
	if (!pool_free(s->readers, END_MS))
		return false;
	s->readers = NULL;
	if (!pool_free(s->disk, END_MS))
		return false;
	s->disk = NULL;
	if (!end_store(s))
		return false;
	counts_free(s->counts);
	relay_free(s->relay);
	channels_close(s->channels);
	http_client_free(s->http);
	loop_free(s->loop);
	for (size_t i = 0; s->connector != NULL && s->connector[i] != NULL;
	    i++)
		free(s->connector[i]);
	free(s->connector);
	free(s->about);
	if (s->config != NULL)
		log_close(&s->config->log);
	config_free(s->config);
	memset(s, 0, sizeof(*s));
	return true;
}
