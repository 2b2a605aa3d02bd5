/*
 * The relay as a whole: made, asked, freed.
 *
 * Called by the programs.  Owns the relay and, by it, all that moves.
 */
#include "relay/relay.h"

#include "channel/channel.h"
#include "relay/destination.h"
#include "relay/inside.h"
#include "relay/line.h"
#include "relay/source.h"

#include <stdlib.h>

const struct env *
relay_env(const struct relay *r)
{
	return &r->env;
}

int64_t
relay_descriptors(const struct relay *r)
{
	return http_descriptors(r->env.http) +
	    channels_descriptors(r->channels);
}

struct rooms *
relay_rooms(const struct relay *r)
{
	return r->rooms;
}

size_t
relay_busy(const struct relay *r)
{
	return r->journeys + r->writes + install_busy(r->proofs) +
	    setups_busy(r->setups) + r->looking + rooms_busy(r->rooms);
}

enum err
relay_new(struct relay **out, const struct env *env,
    const struct channels *channels)
{
	struct relay *r = calloc(1, sizeof(*r));
	enum err e = r != NULL ? ERR_OK : ERR_NOMEM;

	*out = NULL;
	if (e != ERR_OK)
		return e;
	r->env = *env;
	r->channels = channels;
	TAILQ_INIT(&r->visits);
	TAILQ_INIT(&r->others);
	TAILQ_INIT(&r->pages);
	e = rooms_new(&r->rooms, &r->env);
	if (e == ERR_OK)
		e = proofs_new(&r->proofs, &r->env);
	if (e == ERR_OK)
		e = setups_new(&r->setups, r->rooms);
	if (e == ERR_OK) {
		r->rooms->news = lines_news;
		r->rooms->ctx = r;
		*out = r;
	} else {
		relay_free(r);
	}
	return e;
}

void
relay_free(struct relay *r)
{
	if (r == NULL)
		return;
	loop_disarm(r->env.loop, &r->look_timer);
	loop_disarm(r->env.loop, &r->watch_timer);
	await_drop_all(r);
	sources_free(r);
	table_free(&r->awaits);
	destinations_free(r);
	lines_free(r);
	proofs_free(r->proofs);
	setups_free(r->setups);
	rooms_free(r->rooms);
	free(r);
}
