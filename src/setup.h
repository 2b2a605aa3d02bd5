#ifndef SETUP_H
#define SETUP_H

#include "base/err.h"
#include "relay/relay.h"

#include <stdbool.h>

/* Everything a program works with, made from a configuration. */
struct setup {
	struct config *config;
	struct http_client *http;
	struct channels *channels;
	struct store *store;
	struct late *late;
	struct waiting *waiting;
	struct ready *ready;
	struct proofs *proofs;
	struct relay relay;
};

/* What differs between the programs. */
struct setup_opts {
	const char *config;	/* as config_load() takes it */
	bool one_shot;		/* plain CGI: a process for one request */
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
void setup_free(struct setup *);

#endif
