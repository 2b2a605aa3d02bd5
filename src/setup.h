#ifndef SETUP_H
#define SETUP_H

#include "base/err.h"
#include "base/loop.h"
#include "base/pool.h"
#include "relay/relay.h"

#include <stdbool.h>

/* Everything a program works with, made from a configuration. */
struct setup {
	struct config *config;
	struct loop *loop;
	struct pool *readers;	/* of requests that come slowly */
	struct pool *disk;	/* of channels that may block */
	struct store *store;
	struct counts *counts;
	struct http_client *http;
	struct channel_env channel_env;
	struct channels *channels;
	struct env env;
	struct relay *relay;
	char *about;		/* of this process, for others */
	char **connector;	/* in lower case */
};

/* What differs between the programs. */
struct setup_opts {
	const char *config;	/* as config_load() takes it */
	bool one_shot;		/* plain CGI, the operator's tool: a process */
				/* that does one thing, without threads */
	bool makes_store;	/* false: a missing store is not created */
};

/*
 * Reads the configuration and opens all that it names.  ERR_CONFIG with a
 * text that names the place, ERR_NOMEM, ERR_RETRY.  In any case the caller
 * ends it with setup_free(); what could be read of the configuration is
 * there also after a failure.
 */
enum err setup_make(struct setup *, const struct setup_opts *,
    struct problem *);

/* False: a thread is still inside a call after a second; nothing that it
 * uses is freed, and the program should end by _exit(). */
bool setup_free(struct setup *);

#endif
