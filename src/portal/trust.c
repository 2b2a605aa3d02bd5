/*
 * Whom we believe, and to whom tokens may be sent.
 *
 * Called by the relay for every event and every call to a portal.  Owns
 * nothing.  Only hosts are matched; what an event says in `domain` proves
 * nothing and is never looked at.
 */
#include "portal/trust.h"

#include "codec/digest.h"
#include "http/url.h"

#include <string.h>
#include <strings.h>

enum err
trust_event(const struct config *c, const char *stored_token,
    const struct event *ev, struct problem *p)
{
	const char *field = "auth.application_token";
	const char *want = stored_token != NULL && stored_token[0] != '\0' ?
	    stored_token : c->app.application_token;

	if (ev->application_token == NULL || ev->application_token[0] == '\0')
		return problem_set(p, ERR_DENIED, -1, field,
		    "%s is missing", field);
	if (want[0] == '\0')
		return problem_set(p, ERR_DENIED, -1, field, "no application "
		    "token is known here yet: set application_token in the "
		    "section [app] of the configuration");
	if (digest_same_secret(ev->application_token, want))
		return ERR_OK;
	/* who asks from outside does not learn which portals are known */
	p->note = stored_token != NULL ? "it is installed here, and the "
	    "event has another token than its installation had: install the "
	    "application there again" : "it is not installed here, and the "
	    "event has another token than app.application_token";
	return problem_set(p, ERR_DENIED, -1, field,
	    "%s is not the one of this application", field);
}

enum err
trust_check(const struct config *c, struct problem *p)
{
	const char *why;

	if (c->app.client_endpoint[0] == '\0' ||
	    trust_endpoint(c, NULL, NULL, &why) != NULL)
		return ERR_OK;
	return config_wrong(c, config_line(c, "app", "client_endpoint"), p,
	    "[app] %s", why);
}

bool
trust_connector(const struct config *c, const char *connector)
{
	const struct config_list *list = &c->app.connectors;

	if (list->n == 0)
		return true;
	for (size_t i = 0; connector != NULL && i < list->n; i++)
		if (strcasecmp(list->item[i], connector) == 0)
			return true;
	return false;
}

static bool
is_portal(const struct config *c, const char *host)
{
	for (size_t i = 0; i < c->app.portals.n; i++)
		if (url_host_matches(host, c->app.portals.item[i]))
			return true;
	return false;
}

bool
trust_new_home(const struct config *c, const char *location)
{
	struct url url;

	return url_parse(&url, location) == ERR_OK &&
	    (url.https || c->app.insecure_http) && is_portal(c, url.host);
}

const char *
trust_endpoint(const struct config *c, const char *stored,
    const char *event_endpoint, const char **why)
{
	const char *configured = c->app.client_endpoint[0] != '\0' ?
	    c->app.client_endpoint : NULL;
	const char *known = stored != NULL ? stored : configured;
	const char *endpoint = known != NULL ? known : event_endpoint;
	struct url url;

	*why = NULL;
	if (endpoint == NULL || endpoint[0] == '\0')
		*why = "no client_endpoint is known";
	else if (url_parse(&url, endpoint) != ERR_OK ||
	    strchr(endpoint, '?') != NULL)
		*why = "client_endpoint is no http(s) URL of a REST endpoint";
	else if (!url.https && !c->app.insecure_http)
		*why = "client_endpoint is plain http and app.insecure_http "
		    "is no";
	else if (known == NULL && !is_portal(c, url.host))
		*why = "the host of client_endpoint is none of app.portals";
	return *why == NULL ? endpoint : NULL;
}
