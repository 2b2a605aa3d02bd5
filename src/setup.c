/*
 * From a configuration to open parts, the same way for both programs, so
 * that `imconnectorctl check` finds what would stop the handler.
 *
 * Called once by each program.  Owns what it opens, through struct setup.
 */
#include "setup.h"

#include "portal/trust.h"
#include "relay/late.h"
#include "relay/proofs.h"
#include "relay/ready.h"
#include "relay/waiting.h"

#include <string.h>

/*
 * Longer than the longest attempt: a hand-over, and a status with each rung
 * of its ladder and a refresh.
 */
static int64_t
lease_ms(const struct config *c)
{
	int64_t longest = c->channel[0].timeout;

	for (size_t i = 1; i < c->channels; i++)
		if (c->channel[i].timeout > longest)
			longest = c->channel[i].timeout;
	return (longest + 8 * c->portal.timeout + 60) * 1000;
}

static enum err
open_store(struct setup *s, bool create, struct problem *p)
{
	const struct store_opts opts = {
		.url = s->config->store.url,
		.clock = &clock_system,
		/* half of the time for the answer, so that 503 gets out */
		.busy_ms = s->config->server.answer_within * 1000 / 2,
		.lease_ms = lease_ms(s->config),
		.longest_ms = s->config->retry.longest * 1000,
		.give_up_ms = s->config->retry.give_up_after * 1000,
		.create = create,
		.burst = s->config->portal.burst,
		.rate = s->config->portal.rate,
		.calls_in_flight = s->config->portal.calls_in_flight,
		.batch = s->config->portal.status_batch,
	};

	return store_open(&s->store, &opts, p);
}

static enum err
open_channels(struct setup *s, struct problem *p)
{
	const struct channel_env env = {
		.http = s->http,
		.clock = &clock_system,
	};

	return channels_open(&s->channels, s->config, &env, p);
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
	if (e == ERR_OK)
		e = open_store(s, o->makes_store, p);
	if (e == ERR_OK && http_client_new(&s->http, &clock_system,
	    o->one_shot) != ERR_OK)
		e = problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	if (e == ERR_OK)
		e = open_channels(s, p);
	if (e == ERR_OK && late_new(&s->late) != ERR_OK)
		e = problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	if (e == ERR_OK && ready_new(&s->ready) != ERR_OK)
		e = problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	if (e == ERR_OK && waiting_new(&s->waiting, s->store,
	    &clock_system) != ERR_OK)
		e = problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	if (e == ERR_OK && proofs_new(&s->proofs, &s->relay.env) != ERR_OK)
		e = problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	s->relay = (struct relay){
		.env = {
			.config = s->config,
			.store = s->store,
			.http = s->http,
			.log = &s->config->log,
			.clock = &clock_system,
		},
		.channels = s->channels,
		.late = s->late,
		.waiting = s->waiting,
		.ready = s->ready,
		.proofs = s->proofs,
		.one_shot = o->one_shot,
	};
	return e;
}

void
setup_free(struct setup *s)
{
	proofs_free(s->proofs);
	waiting_free(s->waiting);
	ready_free(s->ready);
	late_free(s->late);
	channels_close(s->channels);
	http_client_free(s->http);
	store_close(s->store);
	config_free(s->config);
	memset(s, 0, sizeof(*s));
}
