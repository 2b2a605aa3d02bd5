/*
 * What the texts of a configuration tell: things that are written otherwise
 * than they were meant, or that have no effect.
 *
 * Called by the handler at its start and by imconnectorctl check.  Owns
 * nothing; touches nothing.
 */
#include "check/check.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* As deploy/imconnector.conf has it. */
#define EXAMPLE_TOKEN "PUT-THE-TOKEN-HERE"

static bool
is_set(const char *text)
{
	return text[0] != '\0';
}

static void
check_odd(struct check *k, const struct config *c)
{
	config_each_odd(c, &k->sink);
}

static void
check_token(struct check *k, const struct config *c)
{
	const char *token = c->app.application_token;

	if (strcmp(token, EXAMPLE_TOKEN) == 0)
		check_add(k, false, config_line(c, "app",
		    "application_token"), "[app] application_token is still "
		    "that of the example", "every event gets 403. Put in the "
		    "token from the application's page in Bitrix24", NULL);
	else if (!is_set(token) && !is_set(c->app.client_id) &&
	    !k->token_known &&
	    config_line(c, "app", "application_token_file") == 0)
		check_add(k, false, 0, "[app] no application_token is known",
		    "every event gets 403. Set application_token, or "
		    "client_id and client_secret and install the application",
		    NULL);
}

static void
check_pair(struct check *k, const struct config *c)
{
	bool id = is_set(c->app.client_id);
	int file = config_line(c, "app", "client_secret_file");
	int line = config_line(c, "app", "client_secret");

	/* a file that cannot be read is a finding of its own */
	if (id == is_set(c->app.client_secret) || (id && file != 0))
		return;
	line = line != 0 ? line : file;
	check_add(k, true, id ? config_line(c, "app", "client_id") : line,
	    id ? "[app] client_id has no effect without client_secret" :
	    "[app] client_secret has no effect without client_id",
	    "no installation can be proven and no token be refreshed. Set "
	    "both, from the application's page in Bitrix24", NULL);
}

static void
check_burst(struct check *k, const struct config *c)
{
	int line = config_line(c, "portal", "burst");
	char why[160];

	if (c->portal.burst > c->portal.rate + 1)
		return;
	(void)snprintf(why, sizeof(why), "Bitrix24's limit may be exceeded. "
	    "Set burst to %lld at least", (long long)c->portal.rate + 2);
	check_add(k, false, line != 0 ? line : config_line(c, "portal",
	    "rate"), "[portal] burst is not larger than rate + 1", why, NULL);
}

static bool
is_listed(const struct config_list *list, const char *connector)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcasecmp(list->item[i], connector) == 0)
			return true;
	return list->n == 0;
}

static void
check_connectors(struct check *k, const struct config *c)
{
	for (size_t i = 1; i < c->channels; i++) {
		const struct config_channel *ch = &c->channel[i];
		char what[160];

		if (is_listed(&c->app.connectors, ch->connector))
			continue;
		(void)snprintf(what, sizeof(what), "[connector %s] is not "
		    "listed in app.connectors", ch->connector);
		check_add(k, false, config_channel_line(c, ch, NULL), what,
		    "its events are ignored. Add it to connectors", NULL);
	}
}

static bool
has_timeout(const struct config_channel *ch)
{
	return ch->url != NULL && (strncmp(ch->url, "http", 4) == 0 ||
	    strncmp(ch->url, "exec:", 5) == 0);
}

/* Of the default channel others may have it. */
static bool
is_inherited(const struct config *c, const char *option)
{
	for (size_t i = 1; i < c->channels; i++)
		if (has_timeout(&c->channel[i]) &&
		    config_channel_line(c, &c->channel[i], option) == 0)
			return true;
	return false;
}

static void
check_timeouts(struct check *k, const struct config *c)
{
	for (size_t i = 0; i < c->channels; i++) {
		const struct config_channel *ch = &c->channel[i];
		int line = config_channel_line(c, ch, "timeout");
		char what[160];

		if (line == 0 || ch->url == NULL || has_timeout(ch) ||
		    (i == 0 && is_inherited(c, "timeout")))
			continue;
		(void)snprintf(what, sizeof(what), "[%s%s] timeout has no "
		    "effect", i == 0 ? "channel" : "connector ",
		    ch->connector);
		check_add(k, true, line, what, "only http://, https:// "
		    "and exec: have one. Take the line away", NULL);
	}
}

void
check_options(struct check *k, const struct config *c)
{
	static void (*const checks[])(struct check *,
	    const struct config *) = {
		check_odd, check_token, check_pair, check_burst,
		check_connectors, check_timeouts,
	};

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		checks[i](k, c);
}
