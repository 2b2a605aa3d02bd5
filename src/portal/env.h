#ifndef PORTAL_ENV_H
#define PORTAL_ENV_H

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "config/config.h"
#include "http/client.h"
#include "store/counts.h"
#include "store/store.h"

/* What work with a portal needs; all of it outlives the work. */
struct env {
	const struct config *config;
	struct loop *loop;
	struct store *store;
	struct http_client *http;
	struct counts *counts;		/* NULL: nothing is counted */
	const struct log *log;
	const struct clock *clock;
};

/* How Bitrix24's servers are reached under this configuration. */
static inline struct http_route
env_route(const struct env *e)
{
	return (struct http_route){
		.ca_file = e->config->app.ca_file,
		.proxy = e->config->portal.proxy,
		.plain = e->config->app.insecure_http,
	};
}

/* Work for the store, from the loop. */
static inline void
env_submit(const struct env *e, struct db_work *w)
{
	db_submit(store_db(e->store), w);
}

#endif
